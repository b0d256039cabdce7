"""Labelled points, lines and curves, as viewers draw them, turned into landmarks.

Slicer's markups, fiducial lists and tables of control points share this: only a ``.mrk.json``
says whether its points are a line, a curve or a list; in the others the labels decide.

- A line of two points named IFS, QFS or QFS-LT is two landmarks.  Its ends may come in either
  order: the trochanter lies lateral to the ischium; the iliopsoas tendon or trochanter lies
  lateral and anterior to the hamstring origin.  Ends labelled with their structures say it
  themselves.
- A curve is one outline: the polygon through its control points.  Slicer draws a spline through
  them by default; chord and arc differ by c^2 / 8R, 0.1 mm for points 5 mm apart on a radius of
  30 mm.
- A list of points is one landmark for each point; areas, axes and points whose description says
  ``closed outline`` or ``open outline`` are joined by their label.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from ifi_mri.errors import LandmarkFormatError
from ifi_mri.landmarks.labels import (
    Label,
    Pair,
    known_labels,
    label_of,
    parse,
    parse_file_name,
    stem,
)
from ifi_mri.landmarks.markups import CLOSED_OUTLINE, OPEN_OUTLINE, ControlPoint, Kind, Markup
from ifi_mri.landmarks.shapes import AREAS, AXES, checked_landmark, unfilled
from ifi_mri.landmarks.text_files import shown
from ifi_mri.model import Landmark, Point
from ifi_mri.vocabulary import LandmarkName, Side

#: The ends of a line must differ by this much along the direction that tells them apart.  A
#: reader's click has an SD of about 0.75 mm per axis (`ifi_mri.config.SpaceSettings`), so the
#: difference of two one of 1.06 mm.
ENDS_TOLD_APART_MM: Final = 1.0

#: Stems of the labels that Slicer gives by itself; they name no structure.
SLICER_DEFAULT_STEMS: Final = frozenset({"", "f", "p", "markupsfiducial", "point", "fiducial"})


def landmarks_of(markup: Markup) -> tuple[Landmark, ...]:
    """Return the landmarks that a markup stands for.

    Raises
    ------
    LandmarkFormatError
        An unknown label, a missing or contradictory side, a point that was never placed, ends
        that cannot be told apart, or a shape that does not fit the structure.
    """
    if markup.kind is Kind.LINE:
        return _landmarks_of_line(markup)
    if markup.kind in (Kind.CURVE, Kind.CLOSED_CURVE):
        return (_landmark_of_curve(markup),)
    return _landmarks_of_list(markup)


# --- lines --------------------------------------------------------------------------------------


def _landmarks_of_line(markup: Markup) -> tuple[Landmark, ...]:
    points = _drawn_points(markup)
    if len(points) != 2:
        raise LandmarkFormatError(
            f"{markup.where}: a line has two ends, found {len(points)}. Draw it anew."
        )
    name = _name_of_drawing(markup)
    ends = [parse(point.label) for point in points]
    if ends[0] and ends[1] and _structures_of(ends[0], ends[1]):
        return _ends_by_label(markup, name, (ends[0], ends[1]), points)
    label = _named(name, markup)
    if isinstance(label.structure, Pair):
        return _ends_by_position(label.structure, _side(label, markup.where), points, markup.where)
    if label.structure in AXES:
        return (_outline(label.structure, _side(label, markup.where), points, False, markup.where),)
    raise LandmarkFormatError(
        f"{markup.where}: the line is called {label}; lines are IFS, QFS, QFS-LT or an axis. "
        f"Rename it, or draw {label} as a point or a curve."
    )


def _structures_of(first: Label, second: Label) -> Pair | None:
    """Return the pair that the labels of two ends make up, or None."""
    found = {first.structure, second.structure}
    return next((pair for pair in Pair if set(pair.ends) == found), None)


def _ends_by_label(
    markup: Markup, name: Label | None, ends: tuple[Label, Label], points: Sequence[ControlPoint]
) -> tuple[Landmark, ...]:
    """Return both ends of a line whose ends carry their own labels; its name must agree."""
    labels = [label for label in (name, *ends) if label]
    sides = {label.side for label in labels} - {None}
    if (name and name.structure is not _structures_of(*ends)) or len(sides) > 1:
        raise _contradiction(markup.where, labels)
    side = next(iter(sides), None)
    if side is None:
        raise _without_side(ends[0], markup.where)
    return tuple(
        checked_landmark(end.structure, side, _positions([point]), False, markup.where)
        for end, point in zip(ends, points, strict=True)
        if isinstance(end.structure, LandmarkName)
    )


def _ends_by_position(
    pair: Pair, side: Side, points: Sequence[ControlPoint], where: str
) -> tuple[Landmark, ...]:
    """Return both ends of a line, told apart by where they lie in the body."""
    first, second = _positions(points)
    ahead_mm = _towards_femur_mm(pair, side, second) - _towards_femur_mm(pair, side, first)
    if abs(ahead_mm) < ENDS_TOLD_APART_MM:
        ischial, femoral = (label_of(end, side) for end in pair.ends)
        direction = "lateral" if pair is Pair.IFS else "lateral and anterior"
        raise LandmarkFormatError(
            f"{where}: the ends of {pair}-{side.letter} cannot be told apart, neither lies more "
            f"than {ENDS_TOLD_APART_MM:g} mm further {direction}. Label them {ischial} and "
            f"{femoral}."
        )
    ordered = (first, second) if ahead_mm > 0 else (second, first)
    return tuple(
        checked_landmark(end, side, (position,), False, where)
        for end, position in zip(pair.ends, ordered, strict=True)
    )


def _towards_femur_mm(pair: Pair, side: Side, position: Point) -> float:
    """Return how far a point lies towards the femur, mm: lateral for IFS; lateral and anterior,
    halfway between the two, for QFS, whose ends may lie straight in front of one another."""
    lateral_mm, anterior_mm = side.sign * position[0], -position[1]
    return lateral_mm if pair is Pair.IFS else (lateral_mm + anterior_mm) / math.sqrt(2)


# --- curves -------------------------------------------------------------------------------------


def _landmark_of_curve(markup: Markup) -> Landmark:
    label = _named(_name_of_drawing(markup), markup)
    if isinstance(label.structure, Pair):
        raise LandmarkFormatError(
            f"{markup.where}: {label} is a distance between two structures, found a curve. "
            "Draw it as a line of two points."
        )
    points = _drawn_points(markup)
    closed = markup.kind is Kind.CLOSED_CURVE
    return _outline(label.structure, _side(label, markup.where), points, closed, markup.where)


def _outline(
    name: LandmarkName, side: Side, points: Sequence[ControlPoint], closed: bool, where: str
) -> Landmark:
    return checked_landmark(name, side, _positions(points), closed, where)


# --- lists --------------------------------------------------------------------------------------


def _landmarks_of_list(markup: Markup) -> tuple[Landmark, ...]:
    groups: dict[tuple[object, ...], list[ControlPoint]] = {}
    labels: dict[tuple[object, ...], Label] = {}
    for number, point in enumerate(_listed_points(markup)):
        label = _label_in_list(point, markup)
        joined = _is_joined(label, point)
        group = (label, stem(point.label).lower(), point.description) if joined else (number,)
        groups.setdefault(group, []).append(point)
        labels[group] = label
    return tuple(
        landmark
        for group, points in groups.items()
        for landmark in _landmarks_of_group(labels[group], points, markup)
    )


def _is_joined(label: Label, point: ControlPoint) -> bool:
    """Return whether the points of one label belong together."""
    return (
        isinstance(label.structure, Pair)
        or label.structure in AREAS | AXES
        or point.description in (CLOSED_OUTLINE, OPEN_OUTLINE)
    )


def _landmarks_of_group(
    label: Label, points: Sequence[ControlPoint], markup: Markup
) -> tuple[Landmark, ...]:
    side = _side(label, markup.where)
    if isinstance(label.structure, Pair):
        if len(points) != 2:
            raise LandmarkFormatError(
                f"{markup.where}: {label} has two ends, found {len(points)} points of that name. "
                "Draw each as a line, or label the points with their structures (IT-L, LT-L)."
            )
        return _ends_by_position(label.structure, side, points, markup.where)
    if label.structure in AREAS and markup.kind is Kind.POINTS:
        raise LandmarkFormatError(
            f"{markup.where}: {label} is an area, found a list of points. Draw it as a closed "
            "curve."
        )
    closed = label.structure in AREAS or points[0].description == CLOSED_OUTLINE
    return (_outline(label.structure, side, points, closed, markup.where),)


def _label_in_list(point: ControlPoint, markup: Markup) -> Label:
    """Return the label of a point in a list.  The list's own name speaks where the point carries
    one of Slicer's default labels, and must not name the other side."""
    of_point, of_list = parse(point.label), _name_of_list(markup)
    if of_point is None and stem(point.label).lower() in SLICER_DEFAULT_STEMS:
        of_point = of_list
    if of_point is None:
        raise _unknown_label(markup.where, (point.label,))
    if of_list and of_list.side and of_point.side:
        if of_list.side is not of_point.side:
            raise _contradiction(markup.where, [of_list, of_point])
    elif of_list and of_list.structure is of_point.structure:
        return Label(of_point.structure, of_point.side or of_list.side)
    return of_point


def _name_of_list(markup: Markup) -> Label | None:
    of_file = parse_file_name(markup.file) if markup.file else None
    return parse(markup.name) or of_file


# --- which points count -------------------------------------------------------------------------


def _drawn_points(markup: Markup) -> list[ControlPoint]:
    """Return the placed points of a line or curve, without the one on the mouse pointer."""
    points = [point for point in markup.points if point.status != "preview"]
    for point in points:
        if not point.placed:
            raise _unplaced(markup.where, point)
    if not points:
        raise unfilled(f"{markup.where}: the {markup.kind} {shown(markup.name)}")
    return points


def _listed_points(markup: Markup) -> list[ControlPoint]:
    """Return the placed points of a list.  One on the mouse pointer is left out, unless the
    structure it is labelled with has no other point: then the reader still meant to place it."""
    placed = [point for point in markup.points if point.placed]
    seen = {parse(point.label) for point in placed}
    for point in markup.points:
        hanging = point.status == "preview" and parse(point.label) in {None, *seen}
        if not point.placed and not hanging:
            raise _unplaced(markup.where, point)
    return placed


def _positions(points: Iterable[ControlPoint]) -> tuple[Point, ...]:
    return tuple(point.position_mm for point in points if point.position_mm is not None)


# --- what a drawing is called -------------------------------------------------------------------


def _name_of_drawing(markup: Markup) -> Label | None:
    """Return what a line or curve is called: its name, its points' common stem, its file's name.

    The first of them that is known; another that is known too must agree, since a line copied
    from the left to the right keeps its points' old labels.
    """
    stems = {stem(point.label) for point in markup.points}
    of_points = parse(next(iter(stems))) if len(stems) == 1 else None
    of_file = parse_file_name(markup.file) if markup.file else None
    known = [label for label in (parse(markup.name), of_points, of_file) if label]
    if not known:
        return None
    structures = {label.structure for label in known}
    sides = {label.side for label in known} - {None}
    if len(structures) > 1 or len(sides) > 1:
        raise _contradiction(markup.where, known)
    return Label(known[0].structure, next(iter(sides), None))


def _named(label: Label | None, markup: Markup) -> Label:
    if label is None:
        tried = (markup.name, *(point.label for point in markup.points[:2]))
        file = markup.file.name if markup.file else ""
        raise _unknown_label(markup.where, tuple(text for text in (*tried, file) if text))
    return label


def _side(label: Label, where: str) -> Side:
    if label.side is None:
        raise _without_side(label, where)
    return label.side


def _unknown_label(where: str, tried: tuple[str, ...]) -> LandmarkFormatError:
    names = ", ".join(shown(text) for text in tried) or "no name at all"
    return LandmarkFormatError(f"{where}: {names}: no known label. {known_labels()}")


def _without_side(label: Label, where: str) -> LandmarkFormatError:
    text = label.structure if isinstance(label.structure, Pair) else label_of(label.structure, None)
    return LandmarkFormatError(
        f"{where}: the label {text} names no side of the patient. Rename it {text}-L or {text}-R."
    )


def _contradiction(where: str, labels: Sequence[Label]) -> LandmarkFormatError:
    said = " and ".join(dict.fromkeys(str(label) for label in labels))
    return LandmarkFormatError(
        f"{where}: its names contradict one another: {said}. Give the markup, its points and its "
        "file the same structure and side."
    )


def _unplaced(where: str, point: ControlPoint) -> LandmarkFormatError:
    return LandmarkFormatError(
        f"{where}: the control point {shown(point.label)} has no position (status {point.status}). "
        "Place it in the viewer, or delete it if it was not marked."
    )
