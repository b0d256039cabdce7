"""Side difference of the two spaces (mm): left minus right, negative where the left is narrower.

In one series the affected side was 13.65 SD 3.87 mm against 22.17 SD 5.75 mm opposite for the
ischiofemoral space, and 7.15 SD 3.50 against 12.89 SD 3.13 mm for the quadratus femoris space,
while controls differed by less than 0.6 mm on average (Zhang Dz 2017,
doi:10.3969/j.issn.2095-4344.2017.15.020).  Yet asymmetry is common in people without symptoms, so
it is given without a cut-off and scored by no rule.
"""

import math
from collections.abc import Sequence

from ifi_mri.config import Config
from ifi_mri.model import Z_95, Hip, Measurement, NotMeasured, UncertaintySource
from ifi_mri.vocabulary import MeasurementName, Side, spoken

NAMES = (
    MeasurementName.SIDE_DIFFERENCE_ISCHIOFEMORAL_SPACE,
    MeasurementName.SIDE_DIFFERENCE_QUADRATUS_FEMORIS_SPACE,
)

SPACES = (MeasurementName.ISCHIOFEMORAL_SPACE, MeasurementName.QUADRATUS_FEMORIS_SPACE)


def measure_pair(
    left: Hip,  # noqa: ARG001 - what the room hands to all
    right: Hip,  # noqa: ARG001
    results: Sequence[Measurement | NotMeasured],
    config: Config,  # noqa: ARG001
) -> tuple[Measurement | NotMeasured, ...]:
    """Return left minus right of both spaces, mm."""
    return tuple(
        _difference(name, space, results) for name, space in zip(NAMES, SPACES, strict=True)
    )


def _difference(
    name: MeasurementName, space: MeasurementName, results: Sequence[Measurement | NotMeasured]
) -> Measurement | NotMeasured:
    taken = {one.side: one for one in results if one.name is space and isinstance(one, Measurement)}
    missing = [side for side in Side if side not in taken]
    if missing:
        called = spoken(space).replace("_", " ")
        reason = f"the {called} was not measured on the {' and the '.join(missing)}"
        return NotMeasured(name, None, reason, optional=True)
    left, right = taken[Side.LEFT], taken[Side.RIGHT]
    value_mm, sd_mm = left.value - right.value, math.hypot(left.sd, right.sd)
    sources = (
        UncertaintySource("left space", left.sd, left.bias),
        UncertaintySource("right space", right.sd, -right.bias),
    )
    bias_mm = left.bias - right.bias
    middle_mm = value_mm - bias_mm
    same_series = left.series_uid if left.series_uid == right.series_uid else None
    return Measurement(
        name=name,
        side=None,
        value=value_mm,
        unit="mm",
        sd=sd_mm,
        interval_95=(middle_mm - Z_95 * sd_mm, middle_mm + Z_95 * sd_mm),
        method=f"{space}, left minus right",
        points_mm=(),
        sop_instance_uid=None,
        n_slices=left.n_slices + right.n_slices,
        series_uid=same_series,
        details=(("left_mm", left.value), ("right_mm", right.value)),
        bias=bias_mm,
        sources=sources,
    )
