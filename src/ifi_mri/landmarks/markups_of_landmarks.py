"""Landmarks drawn as viewers draw them: labelled points, lines and curves."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import count

from ifi_mri.landmarks.labels import Pair, label_of
from ifi_mri.landmarks.markups import CLOSED_OUTLINE, OPEN_OUTLINE, ControlPoint, Kind, Markup
from ifi_mri.landmarks.shapes import AREAS, AXES
from ifi_mri.model import Landmark
from ifi_mri.vocabulary import Side


def markups_of(landmarks: Sequence[Landmark]) -> tuple[Markup, ...]:
    """Return lines, curves and one list of points that draw the landmarks.

    The ends of a space are a line where both are the only points of their structures on a slice
    that they name; the ends carry the labels of their structures.  Landmarks without points (a
    template's) become points to be placed, or empty curves and lines to be drawn.
    """
    lines = _lines(landmarks)
    on_lines = {id(end) for _, ends in lines for end in ends}
    rest = [landmark for landmark in landmarks if id(landmark) not in on_lines]
    drawings = [
        *((name, Kind.LINE, tuple(_point(end) for end in ends)) for name, ends in lines),
        *(_drawing(landmark) for landmark in rest if not _is_point(landmark)),
    ]
    points = tuple(_point(landmark) for landmark in rest if _is_point(landmark))
    lists = [Markup(Kind.POINTS, points, "points")] if points else []
    return (*_with_names(drawings), *lists)


def control_points_of(landmarks: Iterable[Landmark]) -> tuple[ControlPoint, ...]:
    """Return landmarks as one list of labelled points, for files that know no lines and curves.

    Vertices of an outline are numbered (``QF-L_1-1`` is the first vertex of the first outline)
    and their description says that they are joined.
    """
    points: list[ControlPoint] = []
    outlines = count(1)
    for landmark in landmarks:
        if _is_point(landmark) or not landmark.points_mm:
            points.append(_point(landmark))
        else:
            label = f"{label_of(landmark.name, landmark.side)}_{next(outlines)}"
            description = CLOSED_OUTLINE if landmark.closed else OPEN_OUTLINE
            points.extend(_vertices(label, landmark, description))
    return tuple(points)


def _lines(landmarks: Iterable[Landmark]) -> list[tuple[str, tuple[Landmark, Landmark]]]:
    """Return the spaces whose two ends name one slice, each with its label."""
    on_slice: defaultdict[tuple[Side, str], list[Landmark]] = defaultdict(list)
    for landmark in landmarks:
        if _is_point(landmark) and landmark.points_mm and landmark.sop_instance_uid:
            on_slice[landmark.side, landmark.sop_instance_uid].append(landmark)
    lines = []
    for (side, _), points in on_slice.items():
        for pair in (Pair.IFS, Pair.QFS):
            ends = [point for name in pair.ends for point in points if point.name is name]
            if tuple(end.name for end in ends) == pair.ends:
                lines.append((f"{pair}-{side.letter}", (ends[0], ends[1])))
    return lines


def _drawing(landmark: Landmark) -> tuple[str, Kind, tuple[ControlPoint, ...]]:
    name = label_of(landmark.name, landmark.side)
    if landmark.closed:
        kind = Kind.CLOSED_CURVE
    elif landmark.name in AXES and len(landmark.points_mm) <= 2:
        kind = Kind.LINE
    else:
        kind = Kind.CURVE
    return name, kind, _vertices(name, landmark)


def _with_names(
    drawings: Iterable[tuple[str, Kind, tuple[ControlPoint, ...]]],
) -> tuple[Markup, ...]:
    """Return drawings with names of their own: the second IFS-L is IFS-L_2."""
    seen: Counter[str] = Counter()
    markups = []
    for name, kind, points in drawings:
        seen[name] += 1
        own_name = name if seen[name] == 1 else f"{name}_{seen[name]}"
        markups.append(Markup(kind, points, own_name))
    return tuple(markups)


def _is_point(landmark: Landmark) -> bool:
    return (
        len(landmark.points_mm) <= 1 and not landmark.closed and landmark.name not in AREAS | AXES
    )


def _point(landmark: Landmark) -> ControlPoint:
    label = label_of(landmark.name, landmark.side)
    if not landmark.points_mm:
        return ControlPoint(label, None, "undefined")
    return ControlPoint(label, landmark.points_mm[0])


def _vertices(label: str, landmark: Landmark, description: str = "") -> tuple[ControlPoint, ...]:
    return tuple(
        ControlPoint(f"{label}-{number}", position, description=description)
        for number, position in enumerate(landmark.points_mm, start=1)
    )
