"""The toy that the signal is judged by, against the truth that it states."""

import numpy as np
import pytest
from signal_makers import CENTRE_MM, TURN, Oedema, Scan, make, muscle_distance, oedema_distance


def painted(scan, oedema):
    """Return the share of full excess that each voxel was painted with, and its place (x, y, z)."""
    ratio = make(scan, oedema).clean.voxels / scan.level
    share = (ratio - make(scan).clean.voxels / scan.level) / (oedema.ratio - 1)
    voxel = np.stack(np.indices(share.shape), axis=-1)
    affine = make(scan).volume.affine
    place = (voxel @ affine[:3, :3].T + affine[:3, 3] - CENTRE_MM) @ TURN
    return share, np.moveaxis(place * (-1, 1, 1), -1, 0)


@pytest.mark.parametrize("kind", ["focal", "diffuse", "perimuscular"])
def test_a_pixel_is_painted_by_how_much_of_it_is_raised(kind):
    scan = Scan(snr=None, correlation_px=0.0, pixel_mm=(1.5, 1.3), thickness_mm=1e-6, seed=4)
    oedema = Oedema(kind, 2.0, 0.25)
    share, (x, y, z) = painted(scan, oedema)
    deep = (muscle_distance(x, y, z) < -2) & (np.abs(z) < 24)
    share, x, y, z = (values[deep] for values in (share, x, y, z))
    off = (np.arange(12) - 5.5) / 12
    raised = oedema_distance(oedema, 4)
    true = np.mean(
        [raised(x + right * 1.3, y + down * 1.5, z) < 0 for right in off for down in off], axis=0
    )

    assert 0.1 < true.mean() < 0.5
    assert np.abs(share - true).max() < 0.2  # 4 x 4 points
    assert share[true == 0].max() == pytest.approx(0, abs=1e-6)
    assert share.mean() == pytest.approx(true.mean(), rel=0.01)
