"""Millimetres: pure functions on affines, planes, outlines and masks.

Everything is patient LPS mm.  An *affine* leads from ``(slice, row, column, 1)`` to patient mm
(`ifi_mri.model.Grid`).  Distances between outlines are between their segments, not their
vertices, and are taken *in the plane of a slice*: the definition of the ischiofemoral and
quadratus femoris spaces is a distance on one axial image (Torriani et al., AJR 2009;193:186,
doi:10.2214/AJR.08.2090).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: Directions of an affine may be off a right angle by this much (cosine) before a grid counts as
#: sheared; DICOM allows 1e-4 for ImageOrientationPatient, headers in 32-bit floats are as coarse.
SHEAR_TOLERANCE: Final = 1e-3

#: Two points closer than this are one point: a hundredth of what any reader can place.
SAME_POINT_MM: Final = 1e-6

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
    return offsets @ np.linalg.inv(matrix[:3, :3]).T


def slice_normal(affine: npt.ArrayLike) -> FloatArray:
    """Return the unit normal of the slices, shape (3,), on the side of growing slice index."""
    matrix = np.asarray(affine, dtype=np.float64)
    normal = np.cross(matrix[:3, 1], matrix[:3, 2])
    normal /= np.linalg.norm(normal)
    return normal if normal @ matrix[:3, 0] >= 0 else -normal


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
    matrix = np.asarray(affine, dtype=np.float64)
    right = matrix[:3, 2] / np.linalg.norm(matrix[:3, 2])
    down = matrix[:3, 1] - (matrix[:3, 1] @ right) * right
    return np.stack([right, down / np.linalg.norm(down)])


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
    start_1, step_1 = first_in[:, 0][:, None], (first_in[:, 1] - first_in[:, 0])[:, None]
    start_2, step_2 = second_in[:, 0][None], (second_in[:, 1] - second_in[:, 0])[None]
    candidates = [
        (np.zeros(1), _foot(start_2, step_2, start_1)),
        (np.ones(1), _foot(start_2, step_2, start_1 + step_1)),
        (_foot(start_1, step_1, start_2), np.zeros(1)),
        (_foot(start_1, step_1, start_2 + step_2), np.ones(1)),
        _nearest_on_lines(start_1, step_1, start_2, step_2),
    ]
    best: tuple[float, int, int, float, float] | None = None
    for s, t in candidates:
        along_1, along_2 = np.broadcast_arrays(s, t, np.empty((len(first), len(second))))[:2]
        gap = start_1 + along_1[..., None] * step_1 - start_2 - along_2[..., None] * step_2
        distance = np.linalg.norm(gap, axis=-1)
        i, j = divmod(int(np.argmin(distance)), distance.shape[1])
        if best is None or distance[i, j] < best[0]:
            best = float(distance[i, j]), i, j, float(along_1[i, j]), float(along_2[i, j])
    assert best is not None
    distance_mm, i, j, s_best, t_best = best
    return Closest(
        0.0 if distance_mm < SAME_POINT_MM else distance_mm,
        first[i, 0] + s_best * (first[i, 1] - first[i, 0]),
        second[j, 0] + t_best * (second[j, 1] - second[j, 0]),
    )


def _segments(vertices_mm: npt.ArrayLike, closed: bool) -> FloatArray:
    """Return the segments of an outline, shape (n, 2, 3); a point is a segment of no length."""
    vertices = np.asarray(vertices_mm, dtype=np.float64).reshape(-1, 3)
    if len(vertices) == 1:
        return np.stack([vertices, vertices], axis=1)
    segments = np.stack([vertices[:-1], vertices[1:]], axis=1)
    if closed and len(vertices) > 2:
        segments = np.concatenate([segments, np.stack([vertices[-1], vertices[0]])[None]])
    return segments


def _foot(start: FloatArray, step: FloatArray, point: FloatArray) -> FloatArray:
    """Return where along segments (0 to 1) the nearest place to points lies."""
    length_2 = (step**2).sum(axis=-1)
    along = ((point - start) * step).sum(axis=-1) / np.where(length_2 > 0, length_2, 1)
    return np.asarray(np.clip(along, 0, 1))


def _nearest_on_lines(
    start_1: FloatArray, step_1: FloatArray, start_2: FloatArray, step_2: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return where two lines are nearest, as positions along their segments; 0 and 0 where that
    lies beyond a segment or the lines are parallel (an end is then nearest)."""
    between = start_1 - start_2
    a, e = (step_1**2).sum(axis=-1), (step_2**2).sum(axis=-1)
    b = (step_1 * step_2).sum(axis=-1)
    c, f = (step_1 * between).sum(axis=-1), (step_2 * between).sum(axis=-1)
    area = a * e - b * b
    crossing = area > 1e-12 * np.maximum(a * e, 1e-300)
    s = (b * f - c * e) / np.where(crossing, area, 1)
    t = (a * f - b * c) / np.where(crossing, area, 1)
    within = crossing & (s >= 0) & (s <= 1) & (t >= 0) & (t <= 1)
    return np.where(within, s, 0), np.where(within, t, 0)


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
    segments = _segments(outline_mm, closed=True) @ basis.T
    x, y = np.asarray(point_mm, dtype=np.float64) @ basis.T
    (x0, y0), (x1, y1) = segments[:, 0].T, segments[:, 1].T
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

    rows, columns = np.nonzero(mask)
    if pixels == 0 or len(rows) == 0:
        return mask
    box = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    inner = np.zeros_like(mask)
    inner[box] = binary_erosion(mask[box], iterations=pixels)  # beyond the box there is nothing
    return inner
