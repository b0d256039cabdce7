"""What a landmark of each structure looks like: a point or cortex line, an area, an axis.

Distances are taken from points and from outlines, open or closed.  Signal, areas and volumes are
taken inside closed outlines alone, and an axis is an open line: anything else cannot be measured,
so it is refused where it is read.
"""

from collections.abc import Sequence
from typing import Final

from ifi_mri.errors import LandmarkFormatError
from ifi_mri.model import Landmark, Point
from ifi_mri.vocabulary import LandmarkName, Side

#: Structures that are measured inside a closed outline.
AREAS: Final = frozenset(
    {
        LandmarkName.QUADRATUS_FEMORIS,
        LandmarkName.REFERENCE_MUSCLE,
        LandmarkName.SUBCUTANEOUS_FAT,
        LandmarkName.HAMSTRING_TENDONS,
    }
)

#: Directions of the femur, drawn on coronal slices.
FEMORAL_AXES: Final = frozenset({LandmarkName.FEMORAL_NECK_AXIS, LandmarkName.FEMORAL_SHAFT_AXIS})

#: Structures that are a direction: an open line of two points or more.
AXES: Final = frozenset(
    {
        LandmarkName.ISCHIAL_AXIS,
        LandmarkName.FEMORAL_NECK_AXIS,
        LandmarkName.FEMORAL_SHAFT_AXIS,
    }
)

#: Vertices of the smallest closed outline.
_TRIANGLE: Final = 3


def checked_landmark(
    name: LandmarkName,
    side: Side,
    points_mm: Sequence[Point],
    closed: bool,
    where: str,
    sop_instance_uid: str | None = None,
) -> Landmark:
    """Return a landmark whose shape fits its structure.

    Raises
    ------
    LandmarkFormatError
        No point at all, a closed outline of fewer than three, an area that is not closed, or an
        axis that is closed or a single point.
    """
    n_points = len(points_mm)
    thing = f"{where}: the {side} {name}"
    if n_points == 0:
        raise unfilled(thing)
    if name in AREAS and (not closed or n_points < _TRIANGLE):
        raise LandmarkFormatError(
            f"{thing} is an area, a closed outline of at least three vertices was expected, found "
            f"{_form(closed, n_points)}. Draw it as a closed curve."
        )
    if name in AXES and (closed or n_points < 2):
        raise LandmarkFormatError(
            f"{thing} is a line of at least two points, found {_form(closed, n_points)}. "
            "Draw it as a line."
        )
    if closed and n_points < _TRIANGLE:
        raise LandmarkFormatError(
            f"{thing} is closed and has {n_points} of at least three vertices. Add the others, or "
            "do not close it."
        )
    return Landmark(name, side, tuple(points_mm), closed, sop_instance_uid)


def unfilled(thing: str) -> LandmarkFormatError:
    """Return the error for a landmark of a template that nobody placed."""
    return LandmarkFormatError(
        f"{thing} has no position yet. Fill it in, or delete the entry if it was not marked."
    )


def _form(closed: bool, n_points: int) -> str:
    if n_points == 1:
        return "one point"
    return f"{'a closed' if closed else 'an open'} outline of {n_points}"
