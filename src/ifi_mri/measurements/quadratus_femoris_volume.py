"""Volume of quadratus femoris (ml): the areas of its outlines times the spacing of the slices.

Slice areas times slice thickness is how the total muscle volume was read: 17.2 SD 6.3 ml with
impingement against 25.1 SD 5.6 ml without (soolun series, 62 and 58 hips,
https://soolun.net/periodical/46c750f32c2b9db8fed59ea2318a76de.html; method: Liu Y et al., Chin J
Magn Reson Imaging 2024;15(7):227-234, doi:10.12015/issn.1674-8034.2024.07.038).  The spacing, not
the thickness, so that gaps between slices count.  It is the volume of the outlined slices: what was
not outlined is not in it, and no cut-off is applied.
"""

import math
from typing import Final

from ifi_mri.config import Config
from ifi_mri.measurements.in_plane_distance import Unmeasurable
from ifi_mri.measurements.outlined_area import interval_95, outlined_slices, slice_value
from ifi_mri.model import Hip, Measurement, NotMeasured
from ifi_mri.vocabulary import LandmarkName, MeasurementName

NAMES = (MeasurementName.QUADRATUS_FEMORIS_VOLUME_ML,)

#: The muscle is about 5 cm tall (25 ml over 4.8 cm2), so 9 to 13 slices of 4 to 6 mm cross it
#: (evidence document, section 8); on fewer than these not even half of it was outlined.
FEWEST_SLICES: Final = 5

MM3_PER_ML: Final = 1000.0


def measure(hip: Hip, config: Config) -> tuple[Measurement | NotMeasured, ...]:
    """Return the volume of quadratus femoris on its outlined slices, ml."""
    name, structure = MeasurementName.QUADRATUS_FEMORIS_VOLUME_ML, LandmarkName.QUADRATUS_FEMORIS
    if not hip.marked(structure):
        return (NotMeasured(name, hip.side, f"no {structure} outline", optional=True),)
    landmark_sd_mm = config.spaces.landmark_sd_mm
    try:
        series, slices = outlined_slices(hip, structure, landmark_sd_mm)
    except Unmeasurable as reason:
        return (NotMeasured(name, hip.side, str(reason)),)
    assert series.grid is not None
    spacing_mm = series.grid.slice_spacing_mm
    ml = {k: one.area_mm2 * spacing_mm / MM3_PER_ML for k, one in slices.items()}
    value = sum(ml.values())
    sd = math.hypot(*(one.sd_mm2 for one in slices.values())) * spacing_mm / MM3_PER_ML
    largest = max(slices, key=lambda k: slices[k].area_mm2)
    n_missing = max(slices) - min(slices) + 1 - len(slices)
    is_partial = n_missing > 0 or len(slices) < FEWEST_SLICES or structure in hip.in_part
    return (
        Measurement(
            name=name,
            side=hip.side,
            value=value,
            unit="ml",
            sd=sd,
            interval_95=interval_95(value, sd),
            method=(
                f"areas inside the {structure} outlines times the {spacing_mm:.2f} mm between "
                f"slices, {len(slices)} outlined {'slice' if len(slices) == 1 else 'slices'}"
            ),
            points_mm=slices[largest].outline,
            sop_instance_uid=series.instances[largest].sop_instance_uid,
            n_slices=len(slices),
            per_slice=tuple(slice_value(series, k, ml[k], slices[k]) for k in slices),
            series_uid=series.series_uid,
            details=(
                ("landmark_sd_mm", landmark_sd_mm),
                ("slice_spacing_mm", spacing_mm),
                ("n_outlined_slices", len(slices)),
                ("n_slices_left_out_between", n_missing),
                ("partial", "yes" if is_partial else "no"),
            ),
        ),
    )
