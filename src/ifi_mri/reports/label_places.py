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

#: From the wanted direction to each of them, radians, to both sides in turn.
TURNS: Final = tuple(
    (k + 1) // 2 * (1 if k % 2 else -1) * 2 * math.pi / N_DIRECTIONS for k in range(N_DIRECTIONS)
)

#: Gaps between a point and its label that are tried, in heights of the type.
GAPS: Final = (0.35, 0.9, 1.6, 2.6, 4.0, 6.0)

#: What a place costs beside its order of preference: leaving the picture, hiding something.
COST_OUTSIDE: Final = 10_000
COST_HIDING: Final = 100

Segment = tuple[float, float, float, float]
Edges = tuple[float, float, float, float]
"""Left, upper, right and lower edge."""


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

    @property
    def edges(self) -> Edges:
        """Left, upper, right and lower edge, mm."""
        left, top, width, height = self
        return left, top, left + width, top + height

    def holds(self, other: "Box") -> bool:
        """Return whether another rectangle lies within this one."""
        return _lies_within(other.edges, self.edges)

    def overlaps(self, other: "Box") -> bool:
        """Return whether two rectangles share any area."""
        return bool(_n_overlapping(self.edges, [other.edges]))

    def crossed_by(self, segment: Segment) -> bool:
        """Return whether a segment enters the rectangle."""
        return bool(_n_crossing(self.edges, [segment]))


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
    occupied = [box.edges for box in taken]
    placed = []
    for label in wanted:
        best = _best(label, picture.edges, segments, occupied)
        occupied.append(best.box.edges)
        placed.append(best)
    return tuple(placed)


def text_size(text: str, size: float) -> tuple[float, float]:
    """Return width and height of a text, mm."""
    return len(text) * LETTER_WIDTH * size, LINE_HEIGHT * size


def _best(
    label: Wanted, picture: Edges, segments: Sequence[Segment], occupied: Sequence[Edges]
) -> Label:
    width, height = text_size(label.text, label.size)
    best, lowest = (label.x, label.y), math.inf
    for order, (left, top) in enumerate(_corners(label, width, height)):
        edges = left, top, left + width, top + height
        cost: float = order
        cost += 0 if _lies_within(edges, picture) else COST_OUTSIDE
        cost += COST_HIDING * _n_overlapping(edges, occupied)
        if cost < lowest:
            cost += COST_HIDING * _n_crossing(edges, segments)
        if cost < lowest:
            best, lowest = (left, top), cost
        if lowest <= order + 1:
            break
    box = Box(*best, width, height)
    return Label(label.text, label.kind, *box.centre, label.size, box)


def _corners(label: Wanted, width: float, height: float) -> Iterator[tuple[float, float]]:
    """Return where a label may begin, near its point and in the wanted direction first."""
    left, top = label.x - width / 2, label.y - height / 2
    for gap in GAPS:
        for turn in TURNS:
            angle = label.direction + turn
            dx, dy = math.cos(angle), math.sin(angle)
            reach = gap * label.size + abs(dx) * width / 2 + abs(dy) * height / 2
            yield left + dx * reach, top + dy * reach


def _lies_within(edges: Edges, others: Edges) -> bool:
    left, top, right, bottom = edges
    outer_left, outer_top, outer_right, outer_bottom = others
    return (
        left >= outer_left and right <= outer_right and top >= outer_top and bottom <= outer_bottom
    )


def _n_overlapping(edges: Edges, others: Iterable[Edges]) -> int:
    """Return how many other rectangles share any area with one."""
    left, top, right, bottom = edges
    n = 0
    for other_left, other_top, other_right, other_bottom in others:
        n += other_left < right and other_top < bottom and left < other_right and top < other_bottom
    return n


def _n_crossing(edges: Edges, segments: Iterable[Segment]) -> int:
    """Return how many segments enter a rectangle; most lie wholly to one side of it."""
    left, top, right, bottom = edges
    n = 0
    for x, y, x_end, y_end in segments:
        if (
            (x < left and x_end < left)
            or (x > right and x_end > right)
            or (y < top and y_end < top)
            or (y > bottom and y_end > bottom)
        ):
            continue
        enters, leaves = _between(x, x_end - x, left, right)
        enters_rows, leaves_rows = _between(y, y_end - y, top, bottom)
        n += max(0.0, enters, enters_rows) <= min(1.0, leaves, leaves_rows)
    return n


def _between(start: float, step: float, low: float, high: float) -> tuple[float, float]:
    """Return the shares of a step at which it lies between two lines (Liang and Barsky, ACM Trans
    Graph 1984;3:1); one that leads along them lies between them from its start."""
    if step == 0:
        return -math.inf, math.inf
    first, last = (low - start) / step, (high - start) / step
    return (first, last) if step > 0 else (last, first)
