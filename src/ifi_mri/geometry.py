"""Millimetres: pure functions on affines, planes, outlines and masks.

Everything is patient LPS mm.  An *affine* leads from ``(slice, row, column, 1)`` to patient mm
(`ifi_mri.model.Grid`).  Distances between outlines are between their segments, not their
vertices, and are taken *in the plane of a slice*: the definition of the ischiofemoral and
quadratus femoris spaces is a distance on one axial image (Torriani et al., AJR 2009;193:186,
doi:10.2214/AJR.08.2090).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]

#: Directions of an affine may be off a right angle by this much (cosine) before a grid counts as
#: sheared; DICOM allows 1e-4 for ImageOrientationPatient, headers in 32-bit floats are as coarse.
SHEAR_TOLERANCE: Final = 1e-3

#: Two points closer than this are one point: a hundredth of what any reader can place.
SAME_POINT_MM: Final = 1e-6

#: So few pairs of segments are compared in less time than far ones take to be set aside.
FEW_PAIRS: Final = 5000

#: Neighbouring segments of an outline that share a box when far ones are set aside: of 8 to 64 the
#: fastest on outlines of 100 to 1000 vertices.
RUN_OF_SEGMENTS: Final = 16

#: Slices tilted further than this are not axial and show another distance (design, decision 3).
MAX_AXIAL_TILT_DEG: Final = 30.0

LPS_FROM_RAS: Final[FloatArray] = np.diag([-1.0, -1.0, 1.0, 1.0])


# --- affines ------------------------------------------------------------------------------------


def voxel_to_patient(affine: npt.ArrayLike, indices: npt.ArrayLike) -> FloatArray:
    """Return patient positions in mm, shape (..., 3), of voxel indices (slice, row, column)."""
    matrix = np.asarray(affine, dtype=np.float64)
    return np.asarray(indices, dtype=np.float64) @ matrix[:3, :3].T + matrix[:3, 3]


def patient_to_voxel(affine: npt.ArrayLike, points_mm: npt.ArrayLike) -> FloatArray:
    """Return voxel indices (slice, row, column), shape (..., 3), of patient positions in mm."""
    matrix = np.asarray(affine, dtype=np.float64)
    offsets = np.asarray(points_mm, dtype=np.float64) - matrix[:3, 3]
    return offsets @ _inverse_of(matrix.tobytes()).T


@lru_cache(maxsize=64)  # asked for anew with every outline of a stack
def _inverse_of(affine: bytes) -> FloatArray:
    matrix = np.frombuffer(affine).reshape(4, 4)
    inverse = np.asarray(np.linalg.inv(matrix[:3, :3]), dtype=np.float64)
    inverse.flags.writeable = False
    return inverse


def patient_to_image(
    points_mm: npt.ArrayLike, position_mm: npt.ArrayLike, affine: npt.ArrayLike
) -> FloatArray:
    """Return image coordinates (column, row), shape (..., 2), of patient positions in mm.

    In DICOM's image coordinates 0, 0 is the outer corner of an image's first pixel, whose centre
    is 0.5, 0.5 (PS3.3, section C.18.6.1.2).  What lies off the image falls onto it at a right
    angle.

    Parameters
    ----------
    points_mm : array_like of shape (..., 3)
    position_mm : array_like of shape (3,)
        Centre of the image's first pixel.
    affine : array_like of shape (4, 4)
        The grid whose columns and rows the image has; its origin is not looked at.
    """
    matrix = np.asarray(affine, dtype=np.float64)
    offsets = np.asarray(points_mm, dtype=np.float64) - np.asarray(position_mm, dtype=np.float64)
    return np.asarray(offsets @ np.linalg.pinv(matrix[:3, [2, 1]]).T + 0.5, dtype=np.float64)


def image_to_patient(
    column_row: npt.ArrayLike, position_mm: npt.ArrayLike, affine: npt.ArrayLike
) -> FloatArray:
    """Return patient positions in mm, shape (..., 3), of image coordinates (column, row); the
    inverse of `patient_to_image`, which says what they are."""
    matrix = np.asarray(affine, dtype=np.float64)
    offsets = np.asarray(column_row, dtype=np.float64) - 0.5
    return np.asarray(offsets @ matrix[:3, [2, 1]].T + np.asarray(position_mm), dtype=np.float64)


def slice_normal(affine: npt.ArrayLike) -> FloatArray:
    """Return the unit normal of the slices, shape (3,), on the side of growing slice index."""
    return _normal_of(np.asarray(affine, dtype=np.float64).tobytes())


@lru_cache(maxsize=64)  # asked for anew with every outline of a stack
def _normal_of(affine: bytes) -> FloatArray:
    matrix = np.frombuffer(affine).reshape(4, 4)
    (a, b, c), (d, e, f) = matrix[:3, 1].tolist(), matrix[:3, 2].tolist()
    normal = np.array([b * f - c * e, c * d - a * f, a * e - b * d])  # np.cross takes 20 times this
    normal /= np.sqrt(normal @ normal)
    normal *= 1 if normal @ matrix[:3, 0] >= 0 else -1
    normal.flags.writeable = False
    return normal


def tilt_from_axial_deg(affine: npt.ArrayLike) -> float:
    """Return the angle in degrees, 0 to 90, between the slices' normal and the head-foot axis."""
    return float(np.degrees(np.arccos(min(1.0, abs(slice_normal(affine)[2])))))


def plane_name(affine: npt.ArrayLike) -> str:
    """Return ``"axial"``, ``"coronal"`` or ``"sagittal"``: the plane nearest to the slices."""
    return ("sagittal", "coronal", "axial")[int(np.argmax(np.abs(slice_normal(affine))))]


def tilt_from_plane_deg(affine: npt.ArrayLike) -> float:
    """Return the angle in degrees, 0 to 55, between the slices and the nearest of the patient's
    axial, coronal and sagittal planes."""
    return float(np.degrees(np.arccos(min(1.0, np.abs(slice_normal(affine)).max()))))


def is_sheared(affine: npt.ArrayLike) -> bool:
    """Return whether the three axes of a grid are not at right angles to one another."""
    directions = np.asarray(affine, dtype=np.float64)[:3, :3]
    directions = directions / np.linalg.norm(directions, axis=0)
    cosines = directions.T @ directions - np.eye(3)
    return bool(np.abs(cosines).max() > SHEAR_TOLERANCE)


def slice_coordinate(affine: npt.ArrayLike, points_mm: npt.ArrayLike) -> FloatArray:
    """Return slice indices, shape (...), with fractions, of patient positions: 2.5 lies midway
    between slices 2 and 3.  Measured along the slices' normal, so a sheared stack is no matter."""
    matrix = np.asarray(affine, dtype=np.float64)
    normal = slice_normal(matrix)
    offsets = np.asarray(points_mm, dtype=np.float64) - matrix[:3, 3]
    return np.asarray(offsets @ normal / (matrix[:3, 0] @ normal), dtype=np.float64)


def position_along_normal_mm(affine: npt.ArrayLike, point_mm: npt.ArrayLike) -> float:
    """Return the distance in mm from the origin of the frame to the point, along the slices'
    normal turned towards the head: for upright axial slices the z coordinate."""
    normal = slice_normal(affine)
    towards_head = normal if normal[int(np.argmax(np.abs(normal)))] >= 0 else -normal
    return float(np.asarray(point_mm, dtype=np.float64) @ towards_head)


# --- in the plane of a slice --------------------------------------------------------------------


def plane_basis(affine: npt.ArrayLike) -> FloatArray:
    """Return two orthonormal directions that span the slices, shape (2, 3): along the columns'
    growth (image right) and, at a right angle to it, towards the rows' growth (image down)."""
    return _basis_of(np.asarray(affine, dtype=np.float64).tobytes())


@lru_cache(maxsize=64)  # asked for anew with every pair of outlines
def _basis_of(affine: bytes) -> FloatArray:
    matrix = np.frombuffer(affine).reshape(4, 4)
    right = matrix[:3, 2] / np.linalg.norm(matrix[:3, 2])
    down = matrix[:3, 1] - (matrix[:3, 1] @ right) * right
    basis = np.stack([right, down / np.linalg.norm(down)])
    basis.flags.writeable = False
    return basis


class Closest(NamedTuple):
    """The shortest line between two outlines: its length, and its ends as positions."""

    distance_mm: float
    start: FloatArray
    end: FloatArray


def closest_in_plane(
    first_mm: npt.ArrayLike,
    second_mm: npt.ArrayLike,
    affine: npt.ArrayLike,
    *,
    first_closed: bool = False,
    second_closed: bool = False,
) -> Closest:
    """Return the shortest line between two outlines, measured in the plane of the slices, mm.

    Parameters
    ----------
    first_mm, second_mm : array_like of shape (n, 3) and (m, 3)
        Vertices in patient mm; one vertex is a point.
    affine : array_like of shape (4, 4)
        The grid whose slices define the plane; what lies across the plane does not count.
    first_closed, second_closed : bool
        Whether the last vertex joins the first.

    Returns
    -------
    Closest
        Length in the plane (mm), and both ends in patient mm, on the outlines as they were drawn
        (their offset across the plane is kept).  Outlines that cross are 0 mm apart.
    """
    basis = plane_basis(affine)
    first, second = _segments(first_mm, first_closed), _segments(second_mm, second_closed)
    return _shortest(first, second, first @ basis.T, second @ basis.T)


def closest_in_space(
    first_mm: npt.ArrayLike,
    second_mm: npt.ArrayLike,
    *,
    first_closed: bool = False,
    second_closed: bool = False,
) -> Closest:
    """Return the shortest line between two outlines in three dimensions, mm.

    Parameters are those of `closest_in_plane`; there is no plane.
    """
    first, second = _segments(first_mm, first_closed), _segments(second_mm, second_closed)
    return _shortest(first, second, first, second)


def _shortest(
    first: FloatArray, second: FloatArray, first_in: FloatArray, second_in: FloatArray
) -> Closest:
    """Return the shortest line between two sets of segments.

    ``first`` and ``second`` are segments in patient mm, shape (n, 2, 3); ``first_in`` and
    ``second_in`` are the same in the coordinates in which distance counts, 2 or 3 of them.

    Two segments are nearest either at an end of one of them or where both lines are nearest, if
    that lies within both (Ericson, *Real-Time Collision Detection*, 2005, section 5.1.9).
    """
    of_first, of_second = _pairs_to_compare(first_in, second_in)
    start_1, step_1 = first_in[of_first, 0], first_in[of_first, 1] - first_in[of_first, 0]
    start_2, step_2 = second_in[of_second, 0], second_in[of_second, 1] - second_in[of_second, 0]
    along_1, along_2 = _nearest_places(start_1, step_1, start_2, step_2)
    gap = start_1 + along_1[..., None] * step_1 - start_2 - along_2[..., None] * step_2
    distance = _lengths(gap)
    where = np.unravel_index(int(np.argmin(distance)), distance.shape)
    distance_mm, k = float(distance[where]), where[1]
    s_best, t_best = along_1[where], along_2[where]
    i, j = int(of_first[k]), int(of_second[k])
    return Closest(
        0.0 if distance_mm < SAME_POINT_MM else distance_mm,
        first[i, 0] + s_best * (first[i, 1] - first[i, 0]),
        second[j, 0] + t_best * (second[j, 1] - second[j, 0]),
    )


def _pairs_to_compare(first: FloatArray, second: FloatArray) -> tuple[IntArray, IntArray]:
    """Return the pairs of segments among which the nearest two are, as indices.

    Midpoints lie on their segments, so the two nearest midpoints are at least as far apart as the
    segments are; and no point of a segment is further from its midpoint than half its length.  A
    pair whose midpoints are further apart than the nearest two by more than both halves is out.
    """
    if len(first) * len(second) > FEW_PAIRS:
        kept_1, kept_2 = _worth_comparing(first, second)
    else:
        kept_1, kept_2 = np.arange(len(first)), np.arange(len(second))
    first, second = first[kept_1], second[kept_2]
    half_1, half_2 = (
        _lengths(first[:, 1] - first[:, 0]) / 2,
        _lengths(second[:, 1] - second[:, 0]) / 2,
    )
    apart = _distances(first.mean(axis=1), second.mean(axis=1))
    limit = apart.min() + SAME_POINT_MM
    near_1, near_2 = np.nonzero(apart - half_1[:, None] - half_2 <= limit)
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


def _segments(vertices_mm: npt.ArrayLike, closed: bool) -> FloatArray:
    """Return the segments of an outline, shape (n, 2, 3); a point is a segment of no length."""
    vertices = np.asarray(vertices_mm, dtype=np.float64).reshape(-1, 3)
    if len(vertices) == 1:
        return np.stack([vertices, vertices], axis=1)
    segments = np.stack([vertices[:-1], vertices[1:]], axis=1)
    if closed and len(vertices) > 2:
        segments = np.concatenate([segments, np.stack([vertices[-1], vertices[0]])[None]])
    return segments


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


def crosses_itself(outline_mm: npt.ArrayLike, affine: npt.ArrayLike) -> bool:
    """Return whether the edge of a closed outline crosses itself, seen along the slices' normal."""
    ring = _segments(outline_mm, closed=True) @ plane_basis(affine).T
    start, step = ring[:, 0], ring[:, 1] - ring[:, 0]
    between = start[None] - start[:, None]
    area = _cross(step[:, None], step[None])
    with np.errstate(divide="ignore", invalid="ignore"):
        t = _cross(between, step[None]) / area
        u = _cross(between, step[:, None]) / area
    inside = 1e-9
    crossing = (area != 0) & (t > inside) & (t < 1 - inside) & (u > inside) & (u < 1 - inside)
    return bool(crossing.any())


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0], dtype=np.float64)


def encloses(outline_mm: npt.ArrayLike, point_mm: npt.ArrayLike, affine: npt.ArrayLike) -> bool:
    """Return whether a closed outline encloses a point, seen along the slices' normal (even-odd
    rule)."""
    basis = plane_basis(affine)
    corners = np.asarray(outline_mm, dtype=np.float64) @ basis.T
    x, y = np.asarray(point_mm, dtype=np.float64) @ basis.T
    (x0, y0), (x1, y1) = corners.T, np.concatenate([corners[1:], corners[:1]]).T
    spans = (y0 > y) != (y1 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossings = x < x0 + (y - y0) / (y1 - y0) * (x1 - x0)
    return bool((spans & crossings).sum() % 2)


def outline_area_mm2(outline_mm: npt.ArrayLike, affine: npt.ArrayLike) -> float:
    """Return the area in mm2 that a closed outline encloses in the plane (shoelace formula)."""
    corners = np.asarray(outline_mm, dtype=np.float64) @ plane_basis(affine).T
    following = np.roll(corners, -1, axis=0)
    return float(abs((corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0]).sum()) / 2)


# --- outlines on voxels -------------------------------------------------------------------------


def pixels_inside(
    outline_mm: npt.ArrayLike, affine: npt.ArrayLike, shape: Sequence[int]
) -> BoolArray:
    """Return which pixels of a slice have their centre inside a closed outline.

    Parameters
    ----------
    outline_mm : array_like of shape (n, 3)
        Vertices in patient mm; projected along the normal onto the slice.
    affine : array_like of shape (4, 4)
    shape : sequence of 2 ints
        Rows and columns.

    Returns
    -------
    numpy.ndarray of bool, shape (rows, columns)
    """
    from skimage.measure import grid_points_in_poly

    n_rows, n_columns = (int(n) for n in shape[-2:])
    corners = patient_to_voxel(affine, outline_mm)[:, 1:]
    inside = np.zeros((n_rows, n_columns), dtype=np.bool_)
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, (n_rows, n_columns))
    if (high > low).all():
        box = grid_points_in_poly(tuple(high - low), corners - low)  # type: ignore[no-untyped-call]
        inside[low[0] : high[0], low[1] : high[1]] = box
    return inside


def in_slice_plane(points_mm: npt.ArrayLike, affine: npt.ArrayLike) -> FloatArray:
    """Return points moved along the slices' normal into the plane of the first slice, mm."""
    matrix = np.asarray(affine, dtype=np.float64)
    points = np.asarray(points_mm, dtype=np.float64)
    normal = slice_normal(matrix)
    return points - ((points - matrix[:3, 3]) @ normal)[..., None] * normal


def eroded(mask: BoolArray, pixels: int) -> BoolArray:
    """Return a mask without its outermost ``pixels`` layers (4-connected)."""
    from scipy.ndimage import binary_erosion

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if pixels == 0 or len(rows) == 0:
        return mask
    box = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    inner = np.zeros_like(mask)
    inner[box] = binary_erosion(mask[box], iterations=pixels)  # beyond the box there is nothing
    return inner
