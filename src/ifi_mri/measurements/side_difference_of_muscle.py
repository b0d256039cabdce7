"""Left against right of quadratus femoris: ratio of signals, differences of area and volume.

Atrophy is only ever said as a difference between the sides: left minus right as a share of their
mean, negative where the left is smaller.  No cut-off is published for this muscle and none is made
up; healthy people's sides differ too.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from ifi_mri.config import Config
from ifi_mri.model import Hip, Measurement, NotMeasured
from ifi_mri.signal import Estimate, NotAssessable, side_difference, side_to_side
from ifi_mri.vocabulary import MeasurementName, Side, spoken

Compare = Callable[[Estimate, Estimate], Estimate]


class Pair(NamedTuple):
    """A number of both sides together: which one of each side, and how they are compared."""

    of: MeasurementName
    compare: Compare
    method: str


PAIRS: Final = {
    MeasurementName.SIDE_RATIO_QUADRATUS_FEMORIS_SIGNAL: Pair(
        MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO,
        side_to_side,
        "signal ratio of the left over that of the right",
    ),
    MeasurementName.SIDE_DIFFERENCE_QUADRATUS_FEMORIS_AREA: Pair(
        MeasurementName.QUADRATUS_FEMORIS_AREA_MM2,
        side_difference,
        "area, left minus right, as a share of their mean",
    ),
    MeasurementName.SIDE_DIFFERENCE_QUADRATUS_FEMORIS_VOLUME: Pair(
        MeasurementName.QUADRATUS_FEMORIS_VOLUME_ML,
        side_difference,
        "volume, left minus right, as a share of their mean",
    ),
}

NAMES = tuple(PAIRS)


def measure_pair(
    left: Hip,  # noqa: ARG001 - what the room hands to all
    right: Hip,  # noqa: ARG001
    results: Sequence[Measurement | NotMeasured],
    config: Config,  # noqa: ARG001
) -> tuple[Measurement | NotMeasured, ...]:
    """Return left against right of the signal ratio (1), the area and the volume (1)."""
    return tuple(_compared(name, pair, results) for name, pair in PAIRS.items())


def _compared(
    name: MeasurementName, pair: Pair, results: Sequence[Measurement | NotMeasured]
) -> Measurement | NotMeasured:
    of_both = [one for one in results if one.name is pair.of]
    taken = {one.side: one for one in of_both if isinstance(one, Measurement)}
    reason = _why_not(pair.of, taken)
    if reason is not None:
        return NotMeasured(name, None, reason, optional=True)
    left, right = taken[Side.LEFT], taken[Side.RIGHT]
    try:
        found = pair.compare(_estimate(left), _estimate(right))
    except NotAssessable as problem:
        return NotMeasured(name, None, str(problem))
    return Measurement(
        name=name,
        side=None,
        value=found.value,
        unit="1",
        sd=found.sd,
        interval_95=(found.low, found.high),
        method=pair.method,
        points_mm=(),
        sop_instance_uid=None,
        n_slices=left.n_slices + right.n_slices,
        series_uid=left.series_uid if left.series_uid == right.series_uid else None,
        details=(("left", left.value), ("right", right.value)),
    )


def _why_not(of: MeasurementName, taken: dict[Side | None, Measurement]) -> str | None:
    """Return why both sides cannot be compared: one is not measured, or only a part of it was
    outlined, so that its size is not the muscle's."""
    called = spoken(of).replace("_", " ")
    missing = [side for side in Side if side not in taken]
    if missing:
        return f"the {called} was not measured on the {' and the '.join(missing)}"
    partial = [side for side in Side if dict(taken[side].details).get("partial") == "yes"]
    if partial:
        return f"the {called} is that of a part of the muscle on the {' and the '.join(partial)}"
    return None


def _estimate(measurement: Measurement) -> Estimate:
    return Estimate(measurement.value, measurement.sd, *measurement.interval_95)
