"""Plane shapes with known outlines and distances, out of which the phantom is built.

Lengths are mm in the plane of a slice: x lateral, y posterior.  The measured structures are
*rounded* shapes, a core of straight segments grown by a radius.  Their outlines are exact
parallels of the core, and the distance between two of them is the distance of their cores less
both radii (the Minkowski sum with a disc), so the truth needs no image.  Muscles around them are
drawn from :class:`Bean`, whose distance is only good near its edge.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
XY: TypeAlias = tuple[float, float]

#: Smallest slope a bean's defining function may show; below it (at its very middle) the estimate
#: of distance is held, where it is far inside anyway.
_LEAST_SLOPE = 1e-3


class Box(NamedTuple):
    """Bounds in mm."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float


class Core(Protocol):
    """A shape that knows the signed distance to its edge, mm, negative inside."""

    @property
    def box(self) -> Box:
        """Bounds of the shape."""
        ...

    def distance(self, x: Array, y: Array) -> Array:
        """Return signed distances, shape (rows, columns), for columns ``x`` and rows ``y``."""
        ...


@dataclass(frozen=True)
class Path:
    """Straight segments joined end to end; closed, it is the filled polygon.

    One vertex makes a point, two a segment.
    """

    vertices: tuple[XY, ...]
    closed: bool = False

    @cached_property
    def corners(self) -> Array:
        """Vertices, shape (n, 2)."""
        return np.array(self.vertices, dtype=np.float64)

    @cached_property
    def segments(self) -> Array:
        """Segments, shape (n, 2, 2); a point is a segment of no length."""
        corners = self.corners
        if len(corners) == 1:
            return np.stack([corners, corners], axis=1)
        following = np.roll(corners, -1, axis=0)
        pairs = np.stack([corners, following], axis=1)
        return pairs if self.closed else pairs[:-1]

    @property
    def box(self) -> Box:
        """Bounds of the vertices."""
        (x_low, y_low), (x_high, y_high) = self.corners.min(axis=0), self.corners.max(axis=0)
        return Box(float(x_low), float(x_high), float(y_low), float(y_high))

    def distance(self, x: Array, y: Array) -> Array:
        """Return the exact distance to the segments; negative inside a closed path."""
        nearest = np.full((len(y), len(x)), np.inf)
        inside = np.zeros((len(y), len(x)), dtype=np.bool_)
        for (x0, y0), (x1, y1) in self.segments:
            nearest = np.minimum(nearest, _squared_distance(x, y, (x0, y0), (x1, y1)))
            if self.closed and y0 != y1:
                spans = (y0 > y) != (y1 > y)
                inside ^= spans[:, None] & (
                    x[None] < (x0 + (y - y0) * ((x1 - x0) / (y1 - y0)))[:, None]
                )
        distance = np.sqrt(nearest)
        return np.asarray(np.where(inside, -distance, distance), dtype=np.float64)

    def area_mm2(self) -> float:
        """Return the area inside the closed path (shoelace formula)."""
        x, y = self.corners.T
        return float(abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2)


def _squared_distance(x: Array, y: Array, start: XY, end: XY) -> Array:
    """Return squared distances of a grid of points from one segment."""
    step_x, step_y = end[0] - start[0], end[1] - start[1]
    length_2 = step_x * step_x + step_y * step_y
    dx, dy = (x - start[0])[None], (y - start[1])[:, None]
    if length_2 == 0:
        return np.asarray(dx * dx + dy * dy)
    along = np.clip((dx * step_x + dy * step_y) / length_2, 0, 1)
    across_x, across_y = dx - along * step_x, dy - along * step_y
    return np.asarray(across_x * across_x + across_y * across_y)


@dataclass(frozen=True)
class Bean:
    """A bent, tapering ellipse: the cross-section of a muscle.

    Attributes
    ----------
    x, y : float
        Centre.
    half_length, half_width : float
    angle_deg : float
        From lateral towards posterior.
    bend : float
        How far, mm, the ends are bent to the side of growing width.
    taper : float
        How much thicker (fraction) the far end is than the middle.
    square : bool
        A squarer ellipse (exponent 4).
    """

    x: float
    y: float
    half_length: float
    half_width: float
    angle_deg: float = 0.0
    bend: float = 0.0
    taper: float = 0.0
    squareness: float = 0.0

    @property
    def box(self) -> Box:
        """Bounds of a disc that holds the shape."""
        reach = self.half_length + abs(self.bend) + self.half_width * (0.3 + abs(self.taper))
        return Box(self.x - reach, self.x + reach, self.y - reach, self.y + reach)

    def distance(self, x: Array, y: Array) -> Array:
        """Return the distance to first order, good near the edge: value over slope."""
        if min(len(x), len(y)) < 2:
            return np.full((len(y), len(x)), np.inf)
        value = self._value(x, y)
        down, right = np.gradient(value, y, x)
        slope = np.sqrt(down * down + right * right)
        return np.asarray(value / np.maximum(slope, _LEAST_SLOPE))

    def _value(self, x: Array, y: Array) -> Array:
        """Return a function that is 0 on the edge and negative inside."""
        cosine, sine = (
            math.cos(math.radians(self.angle_deg)),
            math.sin(math.radians(self.angle_deg)),
        )
        dx, dy = (x - self.x)[None], (y - self.y)[:, None]
        along = (dx * cosine + dy * sine) / self.half_length
        across = (dy * cosine - dx * sine - self.bend * along * along) / self.half_width
        across = across / np.clip(1 + self.taper * along, 0.3, 3)
        along, across = along * along, across * across
        round_, square = along + across, np.sqrt(along * along + across * across)
        return np.asarray(np.sqrt(round_ + self.squareness * (square - round_)) - 1)

    def at(self, along: float, across: float) -> XY:
        """Return the point at fractions of half length and half width from the middle."""
        cosine, sine = (
            math.cos(math.radians(self.angle_deg)),
            math.sin(math.radians(self.angle_deg)),
        )
        p = along * self.half_length
        q = across * self.half_width * (1 + self.taper * along) + self.bend * along * along
        return self.x + p * cosine - q * sine, self.y + p * sine + q * cosine


@dataclass(frozen=True)
class Union:
    """Rounded shapes that run into one another with a fillet, as a trochanter into its shaft.

    Farther than ``fillet`` from where two parts meet, the edge is that of the part itself.
    """

    parts: tuple[tuple[Core, float], ...]
    fillet: float

    @property
    def box(self) -> Box:
        """Bounds of all parts."""
        boxes = [_grown(core.box, radius) for core, radius in self.parts]
        lows_highs = tuple(zip(*boxes, strict=True))
        return Box(min(lows_highs[0]), max(lows_highs[1]), min(lows_highs[2]), max(lows_highs[3]))

    def distance(self, x: Array, y: Array) -> Array:
        """Return the smooth minimum of the parts' distances (quadratic polynomial blend)."""
        distances = [core.distance(x, y) - radius for core, radius in self.parts]
        result = distances[0]
        for distance in distances[1:]:
            near = np.maximum(self.fillet - np.abs(result - distance), 0)
            result = np.minimum(result, distance) - near * near / (4 * self.fillet)
        return np.asarray(result, dtype=np.float64)


@dataclass(frozen=True)
class Within:
    """The part of a shape within ``radius`` of a point."""

    core: Path
    middle: XY
    radius: float

    @property
    def box(self) -> Box:
        """Bounds of the whole shape."""
        return self.core.box

    def distance(self, x: Array, y: Array) -> Array:
        """Return the larger of the two distances: exact but at the corners outside."""
        dx, dy = (x - self.middle[0])[None], (y - self.middle[1])[:, None]
        return np.maximum(self.core.distance(x, y), np.sqrt(dx * dx + dy * dy) - self.radius)

    def area_mm2(self) -> float:
        """Return the area: every side of the polygon spans a triangle with the middle, cut by the
        circle into a triangle and sectors."""
        start = self.core.segments[:, 0] - self.middle
        step = self.core.segments[:, 1] - self.core.segments[:, 0]
        a = np.sum(step**2, axis=1)
        b = np.sum(start * step, axis=1)
        root = np.sqrt(np.maximum(b * b - a * (np.sum(start**2, axis=1) - self.radius**2), 0))
        enters = start + step * np.clip((-b - root) / a, 0, 1)[:, None]
        leaves = start + step * np.clip((-b + root) / a, 0, 1)[:, None]
        triangles = _cross(enters, leaves) / 2
        sectors = _angle(start, enters) + _angle(leaves, start + step)
        return float(abs(np.sum(triangles + sectors * self.radius**2 / 2)))


def _cross(a: Array, b: Array) -> Array:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])


def _angle(a: Array, b: Array) -> Array:
    """Return the angles from one set of vectors to another."""
    return np.asarray(np.arctan2(_cross(a, b), np.sum(a * b, axis=1)))


def _grown(box: Box, margin: float) -> Box:
    return Box(box.x_low - margin, box.x_high + margin, box.y_low - margin, box.y_high + margin)


# --- distances and outlines ---------------------------------------------------------------------


class Gap(NamedTuple):
    """The shortest line between two rounded shapes: length and both ends, mm."""

    distance_mm: float
    start: XY
    end: XY


def gap(first: Path, first_radius: float, second: Path, second_radius: float) -> Gap:
    """Return the shortest line between two rounded shapes that do not meet.

    The cores must not cross: then the nearest points of two sets of segments lie at an end of one
    of them.
    """
    candidates = [
        *(_foot(corner, segment) for corner in first.corners for segment in second.segments),
        *(
            (length, foot, corner)
            for corner in second.corners
            for segment in first.segments
            for length, corner, foot in [_foot(corner, segment)]
        ),
    ]
    length, start, end = min(candidates, key=lambda candidate: candidate[0])
    unit = (end - start) / length
    start, end = start + first_radius * unit, end - second_radius * unit
    return Gap(
        length - first_radius - second_radius,
        (float(start[0]), float(start[1])),
        (float(end[0]), float(end[1])),
    )


def _foot(point: Array, segment: Array) -> tuple[float, Array, Array]:
    """Return the distance of a point from a segment, the point, and the foot on the segment."""
    start, step = segment[0], segment[1] - segment[0]
    length_2 = float(step[0] ** 2 + step[1] ** 2)
    offset = point - start
    along = float(offset[0] * step[0] + offset[1] * step[1]) / length_2 if length_2 else 0.0
    foot = start + min(max(along, 0.0), 1.0) * step
    return math.hypot(*(point - foot)), point, foot


def rounded_outline(core: Path, radius: float, step_deg: float) -> Array:
    """Return the closed outline, shape (n, 2), of a convex closed path or a segment grown by
    ``radius``: arcs about the corners, a vertex every ``step_deg`` or closer."""
    corners = core.corners if _turns_left(core.corners) else core.corners[::-1]
    arcs = []
    for index, corner in enumerate(corners):
        arriving = _heading_deg(corner - corners[index - 1])
        leaving = _heading_deg(corners[(index + 1) % len(corners)] - corner)
        turn = (leaving - arriving) % 360
        angles = np.linspace(
            arriving - 90, arriving - 90 + turn, max(2, 1 + math.ceil(turn / step_deg))
        )
        arcs.append(corner + arc(radius, angles))
    return np.concatenate(arcs)


def arc(radius: float, angles_deg: npt.ArrayLike) -> Array:
    """Return points at angles (from +x towards +y) about the origin, shape (n, 2)."""
    angles = np.radians(np.asarray(angles_deg, dtype=np.float64))
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def _turns_left(corners: Array) -> bool:
    """Return whether corners go round from +x towards +y; true for a segment, which does both."""
    x, y = corners.T
    return bool(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) >= 0)


def _heading_deg(step: Array) -> float:
    return math.degrees(math.atan2(step[1], step[0]))


def facing(outline: Array, towards: XY, half_angle_deg: float, middle: XY) -> Array:
    """Return the run of a closed outline's vertices that face a direction as seen from ``middle``:
    what a reader traces of a cortex."""
    angles = np.degrees(np.arctan2(outline[:, 1] - middle[1], outline[:, 0] - middle[0]))
    offset = (angles - math.degrees(math.atan2(towards[1], towards[0])) + 180) % 360 - 180
    chosen = np.abs(offset) <= half_angle_deg
    return outline[chosen][np.argsort(offset[chosen], kind="stable")]


def evenly_spaced(outline: Array, n_vertices: int) -> tuple[XY, ...]:
    """Return a closed outline resampled to vertices at even arc length."""
    ring = np.concatenate([outline, outline[:1]])
    travelled = np.concatenate(
        [[0.0], np.cumsum(np.sqrt(np.sum(np.diff(ring, axis=0) ** 2, axis=1)))]
    )
    stations = np.arange(n_vertices) * (travelled[-1] / n_vertices)
    columns = [np.interp(stations, travelled, ring[:, axis]) for axis in (0, 1)]
    return tuple((float(x), float(y)) for x, y in zip(*columns, strict=True))


def rotated(point: XY, angle_deg: float) -> XY:
    """Return a vector turned from +x towards +y."""
    cosine, sine = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    return point[0] * cosine - point[1] * sine, point[0] * sine + point[1] * cosine


def moved(point: XY, *steps: tuple[float, XY]) -> XY:
    """Return a point after steps of a length along a direction."""
    return (
        point[0] + sum(length * direction[0] for length, direction in steps),
        point[1] + sum(length * direction[1] for length, direction in steps),
    )


def as_path(points: Sequence[XY], closed: bool = False) -> Path:
    """Return a path through points."""
    return Path(tuple((float(x), float(y)) for x, y in points), closed)
