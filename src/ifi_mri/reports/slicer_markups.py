"""``slicer/*.mrk.json``: the report's lines and outlines for 3D Slicer, real and editable.

One file for each line and curve, named as the landmark files name them (``IFS-L``, ``QFS-LT-R``,
``QF-L``): every distance on every slice that was searched, with its length; outlines, with their
area where it was measured; marked points that are no end of such a line.  Points that are moved in
Slicer come back with ``ifi-mri run --landmarks slicer/``, and ``ifi-mri landmarks moved`` tells
what moved.  Where ends were refined the lines are the refined ones, as the numbers are.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from ifi_mri import codes, geometry, slicer_file
from ifi_mri.codes import Code
from ifi_mri.model import (
    Landmark,
    Measurement,
    OpenVolume,
    Outline,
    Point,
    Report,
    SliceValue,
    Study,
)
from ifi_mri.reports import words
from ifi_mri.vocabulary import LandmarkName, MeasurementName, Side

NAME: Final = "slicer"
FILE_NAME: Final = "slicer/*.mrk.json"

#: Distances that are lines, and what a line is called.
LINES: Final = {
    MeasurementName.ISCHIOFEMORAL_SPACE: "IFS",
    MeasurementName.QUADRATUS_FEMORIS_SPACE: "QFS",
}

#: The structures at the two ends of each line.
ENDS: Final = {
    MeasurementName.ISCHIOFEMORAL_SPACE: (
        (LandmarkName.ISCHIAL_TUBEROSITY,),
        (LandmarkName.LESSER_TROCHANTER,),
    ),
    MeasurementName.QUADRATUS_FEMORIS_SPACE: (
        (LandmarkName.HAMSTRING_ORIGIN,),
        (LandmarkName.ILIOPSOAS_TENDON, LandmarkName.LESSER_TROCHANTER),
    ),
}

#: Areas that belong to outlines of a structure.
AREAS: Final = (
    MeasurementName.QUADRATUS_FEMORIS_AREA_MM2,
    MeasurementName.HAMSTRING_TENDON_AREA_MM2,
)

MILLIMETRE: Final = ("mm", "UCUM", "millimeter")
SQUARE_MILLIMETRE: Final = ("mm2", "UCUM", "square millimeter")


class Drawing(NamedTuple):
    """A markup without its file."""

    kind: str
    name: str
    points: tuple[dict[str, Any], ...]
    measurements: tuple[dict[str, Any], ...] = ()


def render(report: Report, study: Study, open_volume: OpenVolume) -> bytes:  # noqa: ARG001
    """Return one file that holds every markup; ``study`` and ``open_volume`` are not looked at."""
    return slicer_file.render(slicer_file.markup(*drawing) for drawing in _drawings(report))


def render_files(report: Report) -> dict[str, bytes]:
    """Return a file for each markup, by its path below the report's folder."""
    return {
        FILE_NAME.replace("*", drawing.name): slicer_file.render([slicer_file.markup(*drawing)])
        for drawing in _drawings(report)
    }


def _drawings(report: Report) -> list[Drawing]:
    lines = list(_lines(report))
    drawn = {point for _, value in lines for point in _ends(value)}
    curves = [mark for mark in report.landmarks if len(mark.points_mm) > 1]
    points = [
        mark
        for mark in report.landmarks
        if len(mark.points_mm) == 1 and mark.points_mm[0] not in drawn
    ]
    drawings = [
        *(_line(report, measurement, value) for measurement, value in lines),
        *(_curve(mark, report.measurements) for mark in curves),
    ]
    lists = [_points(points)] if points else []
    return [*_with_names_of_their_own(drawings), *lists]


def _lines(report: Report) -> Iterator[tuple[Measurement, SliceValue]]:
    """Yield the distances on every slice, the one that is reported first."""
    for measurement in report.measurements:
        if measurement.name in LINES and measurement.side is not None:
            for value in sorted(
                measurement.per_slice, key=lambda v: v.points_mm != measurement.points_mm
            ):
                if len(value.points_mm) == 2:
                    yield measurement, value


def _ends(value: SliceValue) -> Iterator[Point]:
    yield from value.points_mm
    yield from (end.reader_mm for end in value.refined_ends)


def _line(report: Report, measurement: Measurement, value: SliceValue) -> Drawing:
    side = measurement.side
    assert side is not None
    ends = [
        _structure_at(report, side, point, names)
        for point, names in zip(value.points_mm, ENDS[measurement.name], strict=True)
    ]
    to_bone = (
        "-LT" if ends == [LandmarkName.HAMSTRING_ORIGIN, LandmarkName.LESSER_TROCHANTER] else ""
    )
    notes = ["refined" if end.is_refined else "as marked" for end in value.refined_ends]
    length = slicer_file.measurement(
        "length",
        round(value.value, 3),
        MILLIMETRE,
        words.title(measurement.name),
        quantityCode=_code(codes.LENGTH),
    )
    return Drawing(
        "Line",
        f"{LINES[measurement.name]}{to_bone}-{side.letter}",
        tuple(
            slicer_file.control_point(_label(end, side), point, note)
            for end, point, note in zip(ends, value.points_mm, notes or ["", ""], strict=True)
        ),
        (length,),
    )


def _structure_at(
    report: Report, side: Side, end: Point, names: Sequence[LandmarkName]
) -> LandmarkName:
    """Return which of some structures an end of a line belongs to: the one marked nearest to it.

    The far end of the quadratus femoris space may be another one on every slice, and a label that
    names the wrong structure would be read back as that structure.
    """
    if len(names) == 1:
        return names[0]
    marks = [
        mark
        for mark in report.landmarks
        if mark.side is side and mark.name in names and _may_hold(mark, end)
    ]
    nearest = min(marks, key=lambda mark: _distance_mm(end, mark), default=None)
    return nearest.name if nearest else names[0]


def _may_hold(mark: Landmark, point: Point) -> bool:
    """Return whether a point lies in the box around a landmark, with a margin for rounding."""
    return all(
        min(values) - 1.0 <= x <= max(values) + 1.0
        for x, values in zip(point, zip(*mark.points_mm, strict=True), strict=True)
    )


def _distance_mm(point: Point, mark: Landmark) -> float:
    closest = geometry.closest_in_space([point], mark.points_mm, second_closed=mark.closed)
    return float(closest.distance_mm)


def _curve(mark: Landmark, measurements: Iterable[Measurement]) -> Drawing:
    name = _label(mark.name, mark.side)
    straight = len(mark.points_mm) == 2
    kind = "ClosedCurve" if mark.closed else "Line" if straight else "Curve"
    points = tuple(
        slicer_file.control_point(f"{name}-{number}", point)
        for number, point in enumerate(mark.points_mm, start=1)
    )
    return Drawing(kind, name, points, tuple(_area(mark.points_mm, measurements)))


def _area(outline: Outline, measurements: Iterable[Measurement]) -> Iterator[dict[str, Any]]:
    for measurement in measurements:
        for value in measurement.per_slice if measurement.name in AREAS else ():
            if value.points_mm == outline:
                title = words.title(measurement.name)
                yield slicer_file.measurement(
                    "area", round(value.value, 1), SQUARE_MILLIMETRE, title
                )


def _points(marks: Iterable[Landmark]) -> Drawing:
    points = tuple(
        slicer_file.control_point(_label(mark.name, mark.side), mark.points_mm[0]) for mark in marks
    )
    return Drawing("Fiducial", "points", points)


def _with_names_of_their_own(drawings: Iterable[Drawing]) -> Iterator[Drawing]:
    """Yield the second IFS-L as IFS-L_2: a file each."""
    seen: dict[str, int] = {}
    for drawing in drawings:
        seen[drawing.name] = number = seen.get(drawing.name, 0) + 1
        yield drawing if number == 1 else drawing._replace(name=f"{drawing.name}_{number}")


def _label(name: LandmarkName, side: Side) -> str:
    return f"{words.LANDMARK_TAGS.get(name, name.value)}-{side.letter}"


def _code(code: Code) -> list[str]:
    return [code.value, code.scheme, code.meaning]
