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
        left, top, width, height = self
        other_left, other_top, other_width, other_height = other
        return (
            other_left >= left
            and other_left + other_width <= left + width
            and other_top >= top
            and other_top + other_height <= top + height
        )

    def overlaps(self, other: "Box") -> bool:
        """Return whether two rectangles share any area."""
        left, top, width, height = self
        other_left, other_top, other_width, other_height = other
        return (
            left < other_left + other_width
            and other_left < left + width
            and top < other_top + other_height
            and other_top < top + height
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
        cost += COST_HIDING * sum(map(box.overlaps, occupied))
        if cost < lowest:
            cost += COST_HIDING * _n_crossing(box, segments)
        if cost < lowest:
            best, lowest = box, cost
        if lowest <= order + 1:
            break
    assert best is not None
    return Label(label.text, label.kind, *best.centre, label.size, best)


def _n_crossing(box: Box, segments: Sequence[Segment]) -> int:
    """Return how many segments enter a rectangle; most lie wholly to one side of it."""
    left, top, right, bottom = box.left, box.top, box.right, box.bottom
    near = (
        segment
        for segment in segments
        if (segment[0] >= left or segment[2] >= left)
        and (segment[0] <= right or segment[2] <= right)
        and (segment[1] >= top or segment[3] >= top)
        and (segment[1] <= bottom or segment[3] <= bottom)
    )
    return sum(map(box.crossed_by, near))


def _candidates(label: Wanted) -> Iterator[Box]:
    """Return boxes around a point, near ones and those in the wanted direction first."""
    left, top, width, height = text_box(label.text, label.x, label.y, label.size)
    for gap in GAPS:
        for turn in range(N_DIRECTIONS):
            steps = (turn + 1) // 2 * (1 if turn % 2 else -1)
            angle = label.direction + steps * 2 * math.pi / N_DIRECTIONS
            dx, dy = math.cos(angle), math.sin(angle)
            reach = gap * label.size + abs(dx) * width / 2 + abs(dy) * height / 2
            yield Box(left + dx * reach, top + dy * reach, width, height)
