"""Where the words on a picture stand: beside what they name, clear of lines and of one another."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

#: Width of a letter over the height of the type, for the widest of the usual bold sans serifs
#: (DejaVu Sans).
LETTER_WIDTH: Final = 0.7
LINE_HEIGHT: Final = 1.15

#: Directions that are tried around a point.
N_DIRECTIONS: Final = 16

#: Gaps between a point and its label that are tried, in heights of the type.
GAPS: Final = (0.35, 0.9, 1.6, 2.6, 4.0, 6.0)

#: What a place costs beside its order of preference: leaving the picture, hiding something.
COST_OUTSIDE: Final = 10_000
COST_HIDING: Final = 100

Segment = tuple[float, float, float, float]


class Box(NamedTuple):
    """A rectangle of the picture, mm."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Right edge, mm."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Lower edge, mm."""
        return self.top + self.height

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the rectangle, mm."""
        return self.left + self.width / 2, self.top + self.height / 2

    def holds(self, other: "Box") -> bool:
        """Return whether another rectangle lies within this one."""
        return (
            other.left >= self.left
            and other.right <= self.right
            and other.top >= self.top
            and other.bottom <= self.bottom
        )

    def overlaps(self, other: "Box") -> bool:
        """Return whether two rectangles share any area."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def crossed_by(self, segment: Segment) -> bool:
        """Return whether a segment enters the rectangle (Liang and Barsky, ACM Trans Graph
        1984;3:1)."""
        x, y, x_end, y_end = segment
        enters, leaves = 0.0, 1.0
        for step, before, behind in (
            (x_end - x, x - self.left, self.right - x),
            (y_end - y, y - self.top, self.bottom - y),
        ):
            for along, room in ((-step, before), (step, behind)):
                if along == 0:
                    if room < 0:
                        return False
                elif along < 0:
                    enters = max(enters, room / along)
                else:
                    leaves = min(leaves, room / along)
        return enters <= leaves


class Wanted(NamedTuple):
    """A label to place near a point, if possible in a direction (radians clockwise, 0 is right)."""

    text: str
    kind: str
    x: float
    y: float
    direction: float
    size: float


class Label(NamedTuple):
    """A label in its place; x and y are the middle of the text."""

    text: str
    kind: str
    x: float
    y: float
    size: float
    box: Box


def place(
    wanted: Iterable[Wanted], picture: Box, segments: Sequence[Segment], taken: Iterable[Box] = ()
) -> tuple[Label, ...]:
    """Return labels clear of segments, of taken boxes and of one another, first come first served.

    A label that finds no clear place takes the one that hides least.
    """
    occupied = list(taken)
    placed = []
    for label in wanted:
        best = _best(label, picture, segments, occupied)
        occupied.append(best.box)
        placed.append(best)
    return tuple(placed)


def text_box(text: str, x: float, y: float, size: float) -> Box:
    """Return the rectangle of a text around its middle, mm."""
    width, height = len(text) * LETTER_WIDTH * size, LINE_HEIGHT * size
    return Box(x - width / 2, y - height / 2, width, height)


def _best(
    label: Wanted, picture: Box, segments: Sequence[Segment], occupied: Sequence[Box]
) -> Label:
    best, lowest = None, math.inf
    for order, box in enumerate(_candidates(label)):
        cost: float = order
        cost += 0 if picture.holds(box) else COST_OUTSIDE
        cost += COST_HIDING * sum(box.overlaps(other) for other in occupied)
        if cost < lowest:
            cost += COST_HIDING * sum(box.crossed_by(segment) for segment in segments)
        if cost < lowest:
            best, lowest = box, cost
        if lowest <= order + 1:
            break
    assert best is not None
    return Label(label.text, label.kind, *best.centre, label.size, best)


def _candidates(label: Wanted) -> Iterator[Box]:
    """Return boxes around a point, near ones and those in the wanted direction first."""
    at_point = text_box(label.text, label.x, label.y, label.size)
    for gap in GAPS:
        for turn in range(N_DIRECTIONS):
            steps = (turn + 1) // 2 * (1 if turn % 2 else -1)
            angle = label.direction + steps * 2 * math.pi / N_DIRECTIONS
            dx, dy = math.cos(angle), math.sin(angle)
            reach = gap * label.size + abs(dx) * at_point.width / 2 + abs(dy) * at_point.height / 2
            yield at_point._replace(left=at_point.left + dx * reach, top=at_point.top + dy * reach)
