"""Signal beyond the muscle: what goes on from within, and what only lies near by."""

import numpy as np
import pytest

from ifi_mri.signal.estimates import Correlation, Estimate
from ifi_mri.signal.oedema import Oedema
from ifi_mri.signal.place import spread_beyond
from ifi_mri.signal.raised import Yardstick
from ifi_mri.signal.regions import CutOut, Region
from ifi_mri.signal.relative import RelativeSignal
from ifi_mri.signal.settings import OedemaSettings

ONE = Estimate(1.0, 0.0, 1.0, 1.0)

#: Rows and columns 18 to 41, which hold the muscle.
BOX = (slice(0, 1), slice(18, 42), slice(18, 42))


def spread_of(ratio, whole, share):
    """Return the spread around a muscle on pixels of 1 mm, of which a share is raised."""
    image = CutOut(ratio, np.eye(4), (0, 0, 0))
    relative = RelativeSignal(ratio, {0: 1.0}, 0.05, 0.0, 0.05, Correlation(1.0, 0.6))
    oedema = Oedema(
        share=share[BOX], above=share[BOX] > 0, image=image.cropped(BOX), box=BOX,
        yardstick=Yardstick(1.2, 0.0, ()), fraction_above=ONE, extent=ONE, volume_ml=ONE,
        largest=ONE, height_mm=ONE, ratio=Estimate(3.0, 0.0, 3.0, 3.0), muscle_ml=1.0,
        n_voxels=1, n_above=1,
    )  # fmt: skip
    return spread_beyond(image, relative, Region(whole, whole, {}), oedema, OedemaSettings())


@pytest.mark.parametrize(("touches", "level"), [(True, 3.0), (False, 3.0), (True, 1.9)])
def test_bright_signal_beyond_the_muscle_counts_where_it_goes_on_from_raised_muscle(touches, level):
    whole = np.zeros((1, 60, 60), dtype=bool)
    whole[0, 20:40, 20:40] = True
    share = np.zeros(whole.shape)
    share[0, 25:35, 35:40] = 1.0
    ratio = np.where(share > 0, 3.0, 1.0)
    ratio[0, 28:32, 40 if touches else 42 : 46] = level  # beside it or apart
    ratio[0, 10:14, 25:30] = 3.0  # a vessel elsewhere
    found = spread_of(ratio, whole, share)

    assert found.is_present == (touches and level > 2)
    rim_columns = 5  # from 1.5 to 6.5 mm
    expected = 4 * rim_columns / found.n_voxels if found.is_present else 0.0
    assert found.fraction.value == pytest.approx(expected)
