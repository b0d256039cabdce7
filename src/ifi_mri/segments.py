"""Shortest lines between outlines: between their segments, not their vertices.

An outline is a chain of straight segments; a point is one segment of no length.  Numbers only:
what plane distances are taken in, and where it lies in the patient, is `ifi_mri.geometry`'s.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]

#: Two points closer than this are one point: a hundredth of what any reader can place.
SAME_POINT_MM: Final = 1e-6

#: So few pairs of segments are compared in less time than far ones take to be set aside.
FEW_PAIRS: Final = 10_000

#: Neighbouring segments of an outline that share a box when far ones are set aside: of 8 to 64 the
#: fastest on outlines of 100 to 1000 vertices.
RUN_OF_SEGMENTS: Final = 16


class Closest(NamedTuple):
    """The shortest line between two outlines: its length, and its ends as positions."""

    distance_mm: float
    start: FloatArray
    end: FloatArray


class Segments(NamedTuple):
    """The segments of an outline, made ready for distances to others.

    Attributes
    ----------
    vertices_mm : numpy.ndarray of shape (v, 3)
        Vertices as they were drawn, patient mm; segment i begins at vertex i.
    seen : numpy.ndarray of shape (n, 2, k)
        Both ends of every segment in the coordinates in which distance counts: 2 in a plane, 3 in
        space.
    middle : numpy.ndarray of shape (n, k)
    half_mm : numpy.ndarray of shape (n,)
        Middles and half the lengths, as seen.
    """

    vertices_mm: FloatArray
    seen: FloatArray
    middle: FloatArray
    half_mm: FloatArray

    @classmethod
    def of(cls, vertices_mm: FloatArray, seen: FloatArray, closed: bool) -> "Segments":
        """Join vertices, in patient mm, shape (n, 3), and as seen, shape (n, k), to segments."""
        if len(seen) == 1:
            return cls(vertices_mm, np.repeat(seen[:, None], 2, axis=1), seen, np.zeros(1))
        n = len(seen) if closed and len(seen) > 2 else len(seen) - 1
        ends = np.empty((n, 2, seen.shape[1]))
        ends[:, 0], ends[:-1, 1], ends[-1, 1] = seen[:n], seen[1:n], seen[n % len(seen)]
        start, end = ends[:, 0], ends[:, 1]
        return cls(vertices_mm, ends, (start + end) / 2, _lengths(end - start) / 2)

    def place_mm(self, segment: int, along: float) -> FloatArray:
        """Return the position, patient mm, at a part 0 to 1 of the way along a segment."""
        start = self.vertices_mm[segment]
        end = self.vertices_mm[(segment + 1) % len(self.vertices_mm)]
        return np.asarray(start + along * (end - start), dtype=np.float64)

    def enclose(self, point: FloatArray) -> bool:
        """Return whether a closed outline in a plane encloses a point, shape (2,) (even-odd
        rule)."""
        if len(self.seen) < 3:
            return False
        x, y = point.tolist()
        (x0, y0), (x1, y1) = self.seen[:, 0].T, self.seen[:, 1].T
        spans = np.flatnonzero((y0 > y) != (y1 > y))
        x0, y0, x1, y1 = x0[spans], y0[spans], x1[spans], y1[spans]
        return bool(np.count_nonzero(x < x0 + (y - y0) / (y1 - y0) * (x1 - x0)) % 2)


def shortest_lines(pairs: Sequence[tuple[Segments, Segments]]) -> list[Closest]:
    """Return the shortest line between the two outlines of every pair.

    Two segments are nearest either at an end of one of them or where both lines are nearest, if
    that lies within both (Ericson, *Real-Time Collision Detection*, 2005, section 5.1.9).  The
    segments of all pairs are compared at one go: few of a pair are worth it, and for so few a call
    of numpy takes longer than the sums.
    """
    if all(len(first.vertices_mm) == len(second.vertices_mm) == 1 for first, second in pairs):
        return _between_points(pairs)
    kept = [_pairs_to_compare(first, second) for first, second in pairs]
    first = np.concatenate([one.seen[i] for (one, _), (i, _) in zip(pairs, kept, strict=True)])
    second = np.concatenate([one.seen[j] for (_, one), (_, j) in zip(pairs, kept, strict=True)])
    start_1, step_1 = first[:, 0], first[:, 1] - first[:, 0]
    start_2, step_2 = second[:, 0], second[:, 1] - second[:, 0]
    along_1, along_2 = _nearest_places(start_1, step_1, start_2, step_2)
    gap = start_1 + along_1[..., None] * step_1 - start_2 - along_2[..., None] * step_2
    distance = _lengths(gap)
    lines, begin = [], 0
    for (one, other), (i, j) in zip(pairs, kept, strict=True):
        own = distance[:, begin : begin + len(i)]
        kind, k = divmod(int(own.argmin()), len(i))
        where = kind, begin + k
        lines.append(
            Closest(
                0.0 if own[kind, k] < SAME_POINT_MM else float(own[kind, k]),
                one.place_mm(int(i[k]), along_1[where]),
                other.place_mm(int(j[k]), along_2[where]),
            )
        )
        begin += len(i)
    return lines


def _between_points(pairs: Sequence[tuple[Segments, Segments]]) -> list[Closest]:
    """Return the lines between the two points of every pair, where nothing has to be searched."""
    gaps = np.array([first.seen[0, 0] - second.seen[0, 0] for first, second in pairs])
    return [
        Closest(0.0 if mm < SAME_POINT_MM else mm, first.vertices_mm[0], second.vertices_mm[0])
        for mm, (first, second) in zip(_lengths(gaps).tolist(), pairs, strict=True)
    ]


def _pairs_to_compare(first: Segments, second: Segments) -> tuple[IntArray, IntArray]:
    """Return the pairs of segments among which the nearest two are, as indices.

    Midpoints lie on their segments, so the two nearest midpoints are at least as far apart as the
    segments are; and no point of a segment is further from its midpoint than half its length.  A
    pair whose midpoints are further apart than the nearest two by more than both halves is out.
    """
    from scipy.spatial.distance import cdist

    if len(first.seen) == len(second.seen) == 1:  # two clicks
        return np.zeros(1, dtype=np.intp), np.zeros(1, dtype=np.intp)
    if len(first.seen) * len(second.seen) > FEW_PAIRS:
        kept_1, kept_2 = _worth_comparing(first.seen, second.seen)
    else:
        kept_1, kept_2 = np.arange(len(first.seen)), np.arange(len(second.seen))
    half_1, half_2 = first.half_mm[kept_1], second.half_mm[kept_2]
    apart = np.asarray(cdist(first.middle[kept_1], second.middle[kept_2]), dtype=np.float64)
    limit = apart.min() + SAME_POINT_MM
    apart -= half_1[:, None]
    apart -= half_2
    near_1, near_2 = np.nonzero(apart <= limit)
    return kept_1[near_1], kept_2[near_2]


def _worth_comparing(first: FloatArray, second: FloatArray) -> tuple[IntArray, IntArray]:
    """Return the segments that can be the nearest, by the boxes around runs of them.

    Neighbours on an outline lie together, so the boxes are small; two runs are out where their
    boxes are further apart than any two segments are known to be.
    """
    low_1, high_1 = _boxes(first)
    low_2, high_2 = _boxes(second)
    gap = np.maximum(low_1[:, None] - high_2, low_2 - high_1[:, None])
    boxes_apart = _lengths(np.maximum(gap, 0))
    known = _distances(first[::RUN_OF_SEGMENTS, 0], second[::RUN_OF_SEGMENTS, 0]).min()
    near = boxes_apart <= known + SAME_POINT_MM
    return _of_runs(near.any(axis=1), len(first)), _of_runs(near.any(axis=0), len(second))


def _boxes(segments: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the lowest and highest coordinates of every run of segments."""
    starts = np.arange(0, len(segments), RUN_OF_SEGMENTS)
    low = np.minimum.reduceat(segments.min(axis=1), starts, axis=0)
    high = np.maximum.reduceat(segments.max(axis=1), starts, axis=0)
    return low, high


def _of_runs(runs: BoolArray, n_segments: int) -> IntArray:
    """Return the indices of the segments that belong to some of the runs."""
    return np.flatnonzero(np.repeat(runs, RUN_OF_SEGMENTS)[:n_segments])


def _distances(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the distances of all points from all others, shape (n, m)."""
    return _lengths(first[:, None] - second)


def _lengths(vectors: FloatArray) -> FloatArray:
    """Return the lengths of vectors along the last axis."""
    return np.sqrt(np.asarray(np.einsum("...k,...k", vectors, vectors), dtype=np.float64))


def _nearest_places(
    start_1: FloatArray, step_1: FloatArray, start_2: FloatArray, step_2: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return where pairs of segments can be nearest, as positions along them (0 to 1), each of
    shape (5, n): both ends of the first, both ends of the second, and where the lines are nearest
    (0 and 0 where that lies beyond a segment or the lines are parallel: an end is then nearest)."""
    between = start_1 - start_2
    a, e, b = _dot(step_1, step_1), _dot(step_2, step_2), _dot(step_1, step_2)
    c, f = _dot(step_1, between), _dot(step_2, between)
    area = a * e - b * b
    crossing = area > 1e-12 * np.maximum(a * e, 1e-300)
    area = np.where(crossing, area, 1)
    s, t = (b * f - c * e) / area, (a * f - b * c) / area
    within = crossing & (s >= 0) & (s <= 1) & (t >= 0) & (t <= 1)
    a, e = np.where(a > 0, a, 1), np.where(e > 0, e, 1)  # a point is a segment of no length
    along_1, along_2 = np.zeros((2, 5, len(s)))
    along_1[1], along_1[2], along_1[3], along_1[4] = 1, -c / a, (b - c) / a, within * s
    along_2[0], along_2[1], along_2[3], along_2[4] = f / e, (f + b) / e, 1, within * t
    return np.clip(along_1, 0, 1), np.clip(along_2, 0, 1)


def _dot(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("nk,nk->n", a, b), dtype=np.float64)
