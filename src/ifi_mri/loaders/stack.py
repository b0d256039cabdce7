"""From the positions of single slices to a grid that can be measured, or a refusal that explains.

A slice lies where its header says: position of the first pixel, directions of row and column,
pixel spacing (ImagePositionPatient, ImageOrientationPatient and PixelSpacing, DICOM PS3.3
C.7.6.2.1.1).  A stack is a run of parallel slices of one shape, ordered along their normal
(row direction x column direction), evenly spaced and right above one another.  Spacing comes from
positions alone; thickness is another quantity.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ifi_mri import geometry
from ifi_mri.errors import GeometryError
from ifi_mri.model import Grid, Point

FloatArray = npt.NDArray[np.float64]

#: Slices are parallel within this angle: 0.1 degrees is 0.4 mm over a field of view of 250 mm,
#: below a pixel; headers write directions to 1e-4 or better (0.006 degrees).
PARALLEL_DEG: Final = 0.1

#: Row and column directions may be off a right angle, and off unit length, by this much; DICOM
#: asks for 1e-4, anonymisers and converters round harder.
DIRECTION_TOLERANCE: Final = 1e-2

#: A slice may lie this far from where even spacing puts it: positions written with one decimal
#: reach 0.05 mm, and a seventh of a reader's 0.75 mm is no matter.
EVEN_SPACING_MM: Final = 0.1

#: ... but never further than this share of the spacing, for thin slices.
EVEN_SPACING_SHARE: Final = 0.1

#: Slices nearer than this along the normal are at the same position.
SAME_POSITION_MM: Final = 0.01

#: The line through the slices' first pixels may lean from their normal by this much (0.6 degrees);
#: MR has no gantry tilt, so a stack that leans has a damaged header.
LEAN_TOLERANCE: Final = 0.01

#: No slice lies further from the scanner's centre than this: bores are 2 m long.
FARTHEST_MM: Final = 1e5

#: A slice may lie this far to the side of the line through the first and the last one: less than a
#: pixel of a hip's pictures, more than rounding to one decimal makes.
ASIDE_MM: Final = 0.5

#: ... and this far where positions are written in whole millimetres: half a millimetre of rounding
#: of the slice and half of the line's ends, along both directions of the plane.
ASIDE_WHOLE_MM: Final = math.sqrt(2)

#: Pixel spacings of one stack agree to this share.
SAME_SPACING_SHARE: Final = 1e-3

#: The grid's steps from pixel to pixel are those of its first slice; another slice's may differ by
#: this share of a pixel.
_SAME_DIRECTIONS: Final = math.radians(PARALLEL_DEG) + SAME_SPACING_SHARE + 1e-6

#: Most positions that a refusal lists.
_LISTED: Final = 12


@dataclass(frozen=True, slots=True)
class Plane:
    """Where one slice lies.

    Attributes
    ----------
    position_mm : tuple of 3 floats
        Centre of the first pixel, patient LPS.
    directions : tuple of 6 floats
        Unit vectors of growing column index and of growing row index, as in
        ImageOrientationPatient.
    spacing_mm : tuple of 2 floats
        Between rows and between columns, as in PixelSpacing.
    shape : tuple of 2 ints
        Rows and columns.
    """

    position_mm: Point
    directions: tuple[float, ...]
    spacing_mm: tuple[float, float]
    shape: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Stack:
    """Slices in order: ``order[k]`` is the index, in the list given, of the grid's slice k."""

    order: tuple[int, ...]
    grid: Grid


def build_stack(planes: Sequence[Plane], name: str, single_slice_mm: float = 1.0) -> Stack:
    """Return the stack that slices form.

    Parameters
    ----------
    planes : sequence of Plane
        In any order, each without a `plane_problem`.
    name : str
        What refusals call the series.
    single_slice_mm : float
        Slice spacing of a stack of one slice, which has none of its own.

    Raises
    ------
    GeometryError
        Slices differ in shape, are not parallel, share a position, are missing, unevenly spaced
        or lean.
    """
    _check_parallel(planes, name)
    _check_same_pixels(planes, name)
    right, down = unit_directions(planes[0].directions)
    normal = geometry.cross(right, down)
    positions = np.array([plane.position_mm for plane in planes], dtype=np.float64)
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    step = normal * single_slice_mm
    if len(planes) > 1:
        _check_spacing(along[order], _towards_head(normal), name)
        step = (positions[order[-1]] - positions[order[0]]) / (len(planes) - 1)
        _check_upright(step, normal, name)
        _check_in_line(positions[order], step, name)
    row_mm, column_mm = planes[0].spacing_mm
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = step, down * row_mm, right * column_mm
    affine[:3, 3] = positions[order[0]]
    grid = Grid.from_affine(affine, (len(planes), *planes[0].shape))
    return Stack(tuple(int(i) for i in order), grid)


def lies_on(plane: Plane, grid: Grid, k: int) -> bool:
    """Return whether a slice is slice k of a grid, within what `build_stack` lets a stack differ
    from its grid.  Asked for every slice that is read, hence without arrays."""
    sx, rx, cx, x = grid.rows_of_affine[0]
    sy, ry, cy, y = grid.rows_of_affine[1]
    sz, rz, cz, z = grid.rows_of_affine[2]
    right, down = plane.directions[:3], plane.directions[3:]
    row, column = plane.spacing_mm[0] / math.hypot(*down), plane.spacing_mm[1] / math.hypot(*right)
    off_mm = math.dist(plane.position_mm, (x + k * sx, y + k * sy, z + k * sz))
    off_row = math.dist((rx, ry, rz), [d * row for d in down]) / plane.spacing_mm[0]
    off_column = math.dist((cx, cy, cz), [d * column for d in right]) / plane.spacing_mm[1]
    return (
        plane.shape == grid.shape[1:]
        and off_mm <= _allowed_off_mm([plane.position_mm])
        and max(off_row, off_column) <= _SAME_DIRECTIONS
    )


def _allowed_off_mm(positions: Sequence[Sequence[float]]) -> float:
    """Return how far slices at these positions may lie from where their grid has them."""
    is_whole = all(float(value).is_integer() for position in positions for value in position)
    return (ASIDE_WHOLE_MM if is_whole else ASIDE_MM) + EVEN_SPACING_MM


def unit_directions(directions: Sequence[float]) -> tuple[FloatArray, FloatArray]:
    """Return the unit vectors of growing column and row index."""
    a, b, c, d, e, f = directions
    right_length, down_length = math.sqrt(a * a + b * b + c * c), math.sqrt(d * d + e * e + f * f)
    return np.array([a, b, c]) / right_length, np.array([d, e, f]) / down_length


def angle_between_deg(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the angle of the rotation that turns one slice's directions into another's, degrees.

    From the chord ``|R1 - R2| = 2 sqrt(2) sin(angle / 2)`` (Frobenius norm), which unlike the
    arccosine of the trace is accurate for small angles."""
    if tuple(first) == tuple(second):
        return 0.0
    frames = []
    for directions in (first, second):
        right, down = unit_directions(directions)
        frames.append(np.stack([right, down, geometry.cross(right, down)]))
    chord = float(np.linalg.norm(frames[0] - frames[1]))
    return float(np.degrees(2 * np.arcsin(min(1.0, chord / np.sqrt(8)))))


def plane_problem(plane: Plane) -> str | None:
    """Return what is impossible about where a header places a slice, or None."""
    farthest = max(map(abs, plane.position_mm))
    if farthest > FARTHEST_MM:
        return f"ImagePositionPatient lies {farthest:.3g} mm away, expected within {FARTHEST_MM:g}"
    right, down = plane.directions[:3], plane.directions[3:]
    lengths = math.hypot(*right), math.hypot(*down)
    if max(abs(length - 1) for length in lengths) > DIRECTION_TOLERANCE:
        return (
            f"ImageOrientationPatient has directions of lengths {lengths[0]:.3f} and "
            f"{lengths[1]:.3f}, expected 1"
        )
    cosine = sum(a * b for a, b in zip(right, down, strict=True))
    if abs(cosine) > DIRECTION_TOLERANCE:
        angle = math.degrees(math.acos(max(-1.0, min(1.0, cosine))))
        return f"rows and columns meet at {angle:.1f} degrees, expected 90"
    if not 0 < min(plane.spacing_mm) <= max(plane.spacing_mm) < FARTHEST_MM:
        row_mm, column_mm = plane.spacing_mm
        return f"pixel spacing is {row_mm:g} x {column_mm:g} mm, expected above 0"
    return None


def _check_parallel(planes: Sequence[Plane], name: str) -> None:
    angles = [angle_between_deg(planes[0].directions, plane.directions) for plane in planes]
    if max(angles) > PARALLEL_DEG:
        raise GeometryError(
            f"{name}: slices are not parallel; they are turned against one another by up to "
            f"{max(angles):.1f} degrees, expected at most {PARALLEL_DEG:g}. Choose another "
            "series with --anatomy or --fluid."
        )


def _check_same_pixels(planes: Sequence[Plane], name: str) -> None:
    shapes = sorted({plane.shape for plane in planes})
    if len(shapes) > 1:
        listed = " and ".join(f"{rows} x {columns}" for rows, columns in shapes)
        raise GeometryError(
            f"{name}: slices have {listed} pixels, expected one matrix. Choose another series "
            "with --anatomy or --fluid."
        )
    if len({plane.spacing_mm for plane in planes}) == 1:
        return
    spacing = np.array([plane.spacing_mm for plane in planes])
    if (np.ptp(spacing, axis=0) > SAME_SPACING_SHARE * spacing[0]).any():
        low, high = spacing.min(), spacing.max()
        raise GeometryError(
            f"{name}: pixel spacing runs from {low:.4f} to {high:.4f} mm within the series, "
            "expected one value. Choose another series with --anatomy or --fluid."
        )


def _towards_head(normal: FloatArray) -> float:
    """Return the sign that turns positions along the normal into ones that grow along the
    patient axis nearest to it, as `geometry.position_along_normal_mm` gives them."""
    return 1.0 if normal[int(np.argmax(np.abs(normal)))] >= 0 else -1.0


def _check_spacing(along: FloatArray, sign: float, name: str) -> None:
    """Refuse doubled, missing and unevenly spaced slices; ``along`` grows."""
    gaps = np.diff(along)
    tightest = int(np.argmin(gaps))
    if gaps[tightest] < SAME_POSITION_MM:
        doubled = int((gaps < SAME_POSITION_MM).sum())
        raise GeometryError(
            f"{name}: {doubled + 1} slices share positions already taken, the first at "
            f"{sign * along[tightest]:.1f} mm along the normal; expected one slice a position. "
            "Remove the doubled files or choose another series with --anatomy or --fluid."
        )
    rising = sorted(gaps.tolist())
    usual = (rising[(len(rising) - 1) // 2] + rising[len(rising) // 2]) / 2  # their median
    allowed = min(EVEN_SPACING_MM, EVEN_SPACING_SHARE * usual)
    even = np.linspace(along[0], along[-1], len(along))
    if np.abs(along - even).max() <= allowed:
        return
    wide = gaps > usual + allowed
    times = np.round(gaps / usual)
    if np.abs(gaps - times * usual).max() <= 2 * allowed and wide.any():
        k = int(np.argmax(wide))
        missing = int((times[wide] - 1).sum())
        ends = sorted((sign * along[k], sign * along[k + 1]))
        raise GeometryError(
            f"{name}: {gaps[k]:.1f} mm between the slices at {ends[0]:.1f} and {ends[1]:.1f} mm "
            f"along the normal, {usual:.1f} mm elsewhere; "
            f"{'a slice is' if missing == 1 else f'{missing} slices are'} missing. Load the "
            "complete series or choose another with --anatomy or --fluid."
        )
    positions = sorted(sign * value for value in along)
    listed = ", ".join(f"{value:.1f}" for value in positions[:_LISTED])
    more = f" ... {positions[-1]:.1f}" if len(positions) > _LISTED else ""
    raise GeometryError(
        f"{name}: slices are unevenly spaced, {gaps.min():.2f} to {gaps.max():.2f} mm apart, "
        f"expected even to {allowed:.2g} mm; positions along the normal are {listed}{more} mm. "
        "Choose another series with --anatomy or --fluid."
    )


def _check_upright(step: FloatArray, normal: FloatArray, name: str) -> None:
    lean = float(np.linalg.norm(step - (step @ normal) * normal) / np.linalg.norm(step))
    if lean > LEAN_TOLERANCE:
        raise GeometryError(
            f"{name}: the stack leans {np.degrees(np.arcsin(min(1.0, lean))):.1f} degrees from "
            "the slices' normal, expected 0: it is sheared. Export the series again from the "
            "scanner or PACS."
        )


def _check_in_line(positions: FloatArray, step: FloatArray, name: str) -> None:
    """Refuse a slice that lies to the side of the others, which evenly spaced planes may hide."""
    line = positions[0] + np.arange(len(positions))[:, None] * step
    aside = np.linalg.norm(positions - line, axis=1)
    k, allowed = int(np.argmax(aside)), _allowed_off_mm(positions.tolist())
    if aside[k] > allowed:
        x, y, z = positions[k]
        raise GeometryError(
            f"{name}: the slice at ({x:.1f}, {y:.1f}, {z:.1f}) mm lies {aside[k]:.1f} mm off the "
            f"line of the others, expected at most {allowed:.1f}. Export the "
            "series again from the scanner or PACS."
        )
