"""What a report says of refinement: what moved and by how much, what stayed and why."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ifi_mri.model import Caution, Measurement, RefinedEnd, SliceValue
from ifi_mri.vocabulary import MeasurementName, at_printed_precision, printed, spoken

SPACES: Final = {
    MeasurementName.ISCHIOFEMORAL_SPACE: "ischiofemoral space",
    MeasurementName.QUADRATUS_FEMORIS_SPACE: "quadratus femoris space",
}

#: A refined value further from the reader's own than this many SD of a click along the line, for
#: both ends, is worth a second look.
FAR_SD: Final = 3.0


def cautions(measurements: Iterable[Measurement], landmark_sd_mm: float) -> Iterator[Caution]:
    """Yield what was refined and what was not, for every space whose edges were looked for."""
    for measurement in measurements:
        if not measurement.refined_ends:
            continue
        if any(end.is_refined for end in measurement.refined_ends):
            yield _refined(measurement)
        if _is_far(measurement, landmark_sd_mm):
            yield _far(measurement)
        yield from _stayed(measurement)


def _refined(measurement: Measurement) -> Caution:
    assert measurement.reader_value is not None
    moved = "; ".join(
        f"{spoken(end.landmark)} {printed(_moved_mm(end), 'mm')} mm"
        for end in measurement.refined_ends
        if end.is_refined
    )
    return Caution(
        "refined",
        f"The {SPACES[measurement.name]} of {printed(measurement.value, 'mm')} mm ends on edges "
        f"found in the picture (moved: {moved}); between the points as marked it is "
        f"{printed(measurement.reader_value, 'mm')} mm.",
        measurement.side,
    )


def _is_far(measurement: Measurement, landmark_sd_mm: float) -> bool:
    assert measurement.reader_value is not None
    apart_mm = abs(measurement.value - measurement.reader_value)
    return at_printed_precision(apart_mm, "mm") > FAR_SD * landmark_sd_mm * 2**0.5


def _far(measurement: Measurement) -> Caution:
    assert measurement.reader_value is not None
    apart_mm = printed(abs(measurement.value - measurement.reader_value), "mm")
    return Caution(
        "refined_far",
        f"The refined {SPACES[measurement.name]} differs by {apart_mm} mm from the reader's own, "
        f"more than clicks do. Look at the picture before using it.",
        measurement.side,
    )


def _stayed(measurement: Measurement) -> Iterator[Caution]:
    """Yield one caution for each landmark and reason, with the slices it holds for."""
    places: dict[tuple[str, str], list[SliceValue]] = {}
    for value in _slices(measurement):
        for end in value.refined_ends:
            if not end.is_refined:
                places.setdefault((end.landmark, end.reason), []).append(value)
    for (landmark, reason), values in places.items():
        where = ", ".join(f"{value.slice_position_mm:.1f} mm" for value in values)
        yield Caution(
            "not_refined",
            f"The end of the {SPACES[measurement.name]} at the {spoken(landmark)} stays where it "
            f"was marked on the slice{'s' * (len(values) > 1)} at {where}: {reason}.",
            measurement.side,
        )


def _slices(measurement: Measurement) -> Sequence[SliceValue]:
    return [value for value in measurement.per_slice if value.refined_ends]


def _moved_mm(end: RefinedEnd) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(end.point_mm, end.reader_mm, strict=True)) ** 0.5)
