"""Millimetres: pure functions on affines, planes, outlines and masks.

Everything is patient LPS mm.  An *affine* leads from ``(slice, row, column, 1)`` to patient mm
(`ifi_mri.model.Grid`).  Distances between outlines are between their segments, not their
vertices, and are taken *in the plane of a slice*: the definition of the ischiofemoral and
quadratus femoris spaces is a distance on one axial image (Torriani et al., AJR 2009;193:186,
doi:10.2214/AJR.08.2090).
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from ifi_mri.segments import Closest, Segments, shortest_lines

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]

#: Directions of an affine may be off a right angle by this much (cosine) before a grid counts as
#: sheared; DICOM allows 1e-4 for ImageOrientationPatient, headers in 32-bit floats are as coarse.
SHEAR_TOLERANCE: Final = 1e-3

#: Slices tilted further than this are not axial and show another distance (design, decision 3).
MAX_AXIAL_TILT_DEG: Final = 30.0

#: A corner of an outline this near to a pixel's centre, in pixels, lies on it.
SAME_PIXEL: Final = 1e-12

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
    normal = cross(matrix[:3, 1], matrix[:3, 2])
    normal /= np.sqrt(normal @ normal)
    normal *= 1 if normal @ matrix[:3, 0] >= 0 else -1
    normal.flags.writeable = False
    return normal


def cross(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the cross product of two vectors of shape (3,), for which `numpy.cross` takes twenty
    times as long."""
    (a, b, c), (d, e, f) = first.tolist(), second.tolist()
    return np.array([b * f - c * e, c * d - a * f, a * e - b * d])


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


def pixel_within_mm(affine: npt.ArrayLike, planes: npt.ArrayLike) -> float:
    """Return the larger side in mm of a grid's voxels within the slices of another grid: of the two
    axes that run least across them."""
    axes = np.asarray(affine, dtype=np.float64)[:3, :3]
    sizes = np.linalg.norm(axes, axis=0)
    across = np.abs(slice_normal(planes) @ axes) / sizes
    return float(np.delete(sizes, int(across.argmax())).max())


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


#: Decimals of a slice coordinate below which two slices are equally near: beyond them stands what
#: rounding made of a mean.
SAME_PLACE: Final = 6


def nearest_slice(coordinate: float) -> int:
    """Return the slice nearest to a `slice_coordinate`; half-way between two the first of them, so
    that everything drawn on one plane lies on one slice."""
    return math.ceil(round(coordinate, SAME_PLACE) - 0.5)


def slice_coordinate_of(affine: npt.ArrayLike, point_mm: tuple[float, float, float]) -> float:
    """Return the `slice_coordinate` of one position, for which arrays take ten times as long."""
    nx, ny, nz, x0, y0, z0, spacing_mm = _across_slices(np.asarray(affine, np.float64).tobytes())
    x, y, z = point_mm
    return (nx * (x - x0) + ny * (y - y0) + nz * (z - z0)) / spacing_mm


@lru_cache(maxsize=64)  # asked for anew with every landmark
def _across_slices(affine: bytes) -> tuple[float, ...]:
    """Return the slices' normal, the first voxel's centre and the slice spacing, mm."""
    matrix = np.frombuffer(affine).reshape(4, 4)
    normal = _normal_of(affine)
    return (*normal.tolist(), *matrix[:3, 3].tolist(), float(matrix[:3, 0] @ normal))


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


def segments_in_plane(
    outline_mm: npt.ArrayLike, affine: npt.ArrayLike, *, closed: bool = False
) -> Segments:
    """Return the segments of an outline as seen along the slices' normal.

    Parameters
    ----------
    outline_mm : array_like of shape (n, 3)
        Vertices in patient mm; one vertex is a point.
    affine : array_like of shape (4, 4)
        The grid whose slices define the plane; what lies across the plane does not count.
    closed : bool
        Whether the last vertex joins the first.
    """
    vertices = np.asarray(outline_mm, dtype=np.float64).reshape(-1, 3)
    return Segments.of(vertices, vertices @ plane_basis(affine).T, closed)


def segments_in_space(outline_mm: npt.ArrayLike, *, closed: bool = False) -> Segments:
    """Return the segments of an outline in three dimensions; see `segments_in_plane`."""
    vertices = np.asarray(outline_mm, dtype=np.float64).reshape(-1, 3)
    return Segments.of(vertices, vertices, closed)


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
    first = segments_in_plane(first_mm, affine, closed=first_closed)
    return shortest_lines([(first, segments_in_plane(second_mm, affine, closed=second_closed))])[0]


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
    first = segments_in_space(first_mm, closed=first_closed)
    return shortest_lines([(first, segments_in_space(second_mm, closed=second_closed))])[0]


def crosses_itself(outline_mm: npt.ArrayLike, affine: npt.ArrayLike) -> bool:
    """Return whether sides of a closed outline cross one another, seen along the slices' normal:
    its shoelace area would then subtract one loop from the other."""
    x, y = plane_basis(affine) @ np.asarray(outline_mm, dtype=np.float64).T
    following = [*range(1, len(x)), 0]
    step_x, step_y = x[following] - x, y[following] - y
    # on which side of side i (rows) each corner (columns) lies
    beside = step_x[:, None] * (y - y[:, None]) - step_y[:, None] * (x - x[:, None])
    left, right = beside > 0, beside < 0
    parted = (left & right[:, following]) | (right & left[:, following])
    return bool((parted & parted.T).any())


def encloses(outline_mm: npt.ArrayLike, point_mm: npt.ArrayLike, affine: npt.ArrayLike) -> bool:
    """Return whether a closed outline encloses a point, seen along the slices' normal (even-odd
    rule)."""
    ring = segments_in_plane(outline_mm, affine, closed=True)
    return ring.enclose(np.asarray(point_mm, dtype=np.float64) @ plane_basis(affine).T)


def outline_area_mm2(outline_mm: npt.ArrayLike, affine: npt.ArrayLike) -> float:
    """Return the area in mm2 that a closed outline encloses in the plane (shoelace formula)."""
    corners = np.asarray(outline_mm, dtype=np.float64) @ plane_basis(affine).T
    following = np.concatenate([corners[1:], corners[:1]])
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
    (inside,) = pixels_inside_each([patient_to_voxel(affine, outline_mm)[:, 1:]], shape)
    return np.asarray(inside)


def pixels_inside_each(corners: Sequence[FloatArray], shape: Sequence[int]) -> BoolArray:
    """Return which pixels of a slice have their centre inside each of some closed outlines.

    Parameters
    ----------
    corners : sequence of ndarrays of shape (n, 2)
        Row and column of the vertices, one array for each outline.
    shape : sequence of ints
        The last two are rows and columns.

    Returns
    -------
    numpy.ndarray of bool, shape (outlines, rows, columns)
    """
    n_rows, n_columns = (int(n) for n in shape[-2:])
    inside = np.zeros((len(corners), n_rows, n_columns), dtype=np.bool_)
    if not corners:
        return inside
    every = np.concatenate(corners)
    low = np.maximum(np.floor(every.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(every.max(axis=0)).astype(int) + 1, (n_rows, n_columns))
    if (high > low).all():
        n_rows, n_columns = (int(n) for n in high - low)
        box = _grid_inside([ring - low for ring in corners], n_rows, n_columns)
        inside[:, low[0] : high[0], low[1] : high[1]] = box
    return inside


def _grid_inside(corners: Sequence[FloatArray], n_rows: int, n_columns: int) -> BoolArray:
    """Return which whole coordinates (row, column) lie in each of some polygons (even-odd rule) or
    on its edge.

    What `skimage.measure.grid_points_in_poly` finds by a walk along all edges for every pixel, here
    from the few places where edges cross a column.
    """
    place = np.concatenate(corners)
    next_place = np.concatenate([part for ring in corners for part in (ring[1:], ring[:1])])
    step = next_place - place
    ring_of = np.repeat(np.arange(len(corners)), [len(ring) for ring in corners])
    columns = np.arange(n_columns)[:, None]

    def crossed(differs: BoolArray) -> tuple[IntArray, IntArray, FloatArray]:
        """Rings, columns and rows at which edges lead from one side of a column to the other."""
        column, edge = np.nonzero(differs)
        (row_0, column_0), (down, across) = place[edge].T, step[edge].T
        return ring_of[edge], column, row_0 + (column - column_0) * down / across

    def odd(ring: IntArray, column: IntArray, first: FloatArray) -> BoolArray:
        """Pixels that an odd number of crossings come before; ``first`` is the row after each."""
        first_row = np.minimum(np.maximum(first, 0), n_rows).astype(np.intp)
        n_crossings = np.bincount(
            (ring * (n_rows + 1) + first_row) * n_columns + column,
            minlength=len(corners) * (n_rows + 1) * n_columns,
        ).reshape(len(corners), -1, n_columns)
        is_odd = (n_crossings[:, :-1] & 1).astype(np.bool_)
        return np.asarray(np.logical_xor.accumulate(is_odd, axis=1))

    ring, column, at = crossed((place[:, 1] > columns) != (next_place[:, 1] > columns))
    inside = odd(ring, column, np.ceil(at))
    nearest = np.rint(place)
    exact = np.abs(place - nearest) < SAME_PIXEL
    if (
        exact.any() or (at == np.rint(at)).any()
    ):  # edges through pixels: they count from either side
        ring, column, at = crossed((place[:, 1] < columns) != (next_place[:, 1] < columns))
        inside |= odd(ring, column, np.floor(at) + 1)
        on_pixel = exact.all(axis=1)
        row, column = nearest[on_pixel].astype(np.intp).T
        there = (row >= 0) & (row < n_rows) & (column >= 0) & (column < n_columns)
        inside[ring_of[on_pixel][there], row[there], column[there]] = True
    return inside


def in_slice_plane(points_mm: npt.ArrayLike, affine: npt.ArrayLike) -> FloatArray:
    """Return points moved along the slices' normal into the plane of the first slice, mm."""
    matrix = np.asarray(affine, dtype=np.float64)
    points = np.asarray(points_mm, dtype=np.float64)
    normal = slice_normal(matrix)
    return points - ((points - matrix[:3, 3]) @ normal)[..., None] * normal


def eroded(mask: BoolArray, pixels: int) -> BoolArray:
    """Return masks, last axes rows and columns, without their outermost ``pixels`` layers
    (4-connected)."""
    inner = mask
    for _ in range(pixels):
        core = np.zeros_like(inner)
        core[..., 1:-1, 1:-1] = (
            inner[..., 1:-1, 1:-1]
            & inner[..., :-2, 1:-1] & inner[..., 2:, 1:-1]
            & inner[..., 1:-1, :-2] & inner[..., 1:-1, 2:]
        )  # fmt: skip
        inner = core
    return inner
