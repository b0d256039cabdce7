"""Labelled points, lines and curves as viewers draw them: the nouns that Slicer's formats share."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal, TypeAlias

from ifi_mri.model import Point

#: Descriptions of points that are joined into an outline, in files that cannot say it is a curve.
CLOSED_OUTLINE: Final = "closed outline"
OPEN_OUTLINE: Final = "open outline"

PositionStatus: TypeAlias = Literal["defined", "preview", "undefined", "missing"]


class Kind(StrEnum):
    """What the points of a markup are; the names are Slicer's."""

    POINTS = "Fiducial"
    LINE = "Line"
    CURVE = "Curve"
    CLOSED_CURVE = "ClosedCurve"
    UNSTATED = "list of points"


@dataclass(frozen=True, slots=True)
class ControlPoint:
    """A labelled point; ``position_mm`` (patient LPS) is None where it was never placed.

    Slicer keeps points that wait to be placed (``undefined``), that hang on the mouse pointer
    (``preview``) and that a reader declared not visible (``missing``).
    """

    label: str
    position_mm: Point | None
    status: PositionStatus = "defined"
    description: str = ""

    @property
    def placed(self) -> bool:
        """Whether a reader put the point somewhere."""
        return self.status == "defined" and self.position_mm is not None


@dataclass(frozen=True, slots=True)
class Markup:
    """A list, line or curve of control points.

    ``where`` names it in messages.  ``file`` is the file whose name may name it too; None where
    the file holds others beside it.
    """

    kind: Kind
    points: tuple[ControlPoint, ...]
    name: str = ""
    where: str = ""
    file: Path | None = None


def markup_of(label: str, points: Sequence[Point], closed: bool, where: str) -> Markup:
    """Return what was drawn under one label as a markup: a point, a line of two, an outline."""
    kinds = {1: Kind.POINTS, 2: Kind.LINE}
    kind = Kind.CLOSED_CURVE if closed else kinds.get(len(points), Kind.CURVE)
    placed = tuple(ControlPoint(label if kind is Kind.POINTS else "", point) for point in points)
    return Markup(kind, placed, name=label, where=where)
