"""The body in an axial picture: where it lies, which side it shows, and voids that metal may leave.

What these functions know is coarse and certain: air is dark, tissue is not, and a pelvis lies
evenly about its midline.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ifi_mri import geometry
from ifi_mri.geometry import BoolArray
from ifi_mri.vocabulary import Side

#: Narrower bodies in the picture may be one thigh: adult pelves at the hips measure 300-420 mm,
#: one thigh less than 220 mm.
MIN_PELVIS_WIDTH_MM: Final = 250.0

#: Part of the bright reference level above which a smoothed pixel belongs to the body; air is noise
#: of a few per cent of it.
BODY_LEVEL: Final = 0.15

#: Part of the bright reference level below which signal is missing altogether.  Cortical bone and
#: tendon are as dark but thin.
VOID_LEVEL: Final = 0.08

#: A femoral head prosthesis measures 28 mm and more across, its void more; cortical bone, tendons
#: and vessels are thinner.
MIN_VOID_WIDTH_MM: Final = 18.0

#: Smaller parts beside the body are a hand or a coil; both thighs are of a size.
MIN_PART: Final = 0.2

#: The body is looked at in pixels of up to this width, mm: fine enough for voids of 18 mm and a
#: midline within 10 mm, and a fourth to a twentieth of a picture's pixels.
COARSE_PIXEL_MM: Final = 2.0

#: Smoothing against noise, mm: of tissue against air, and of voids, which it makes narrower.
BODY_SMOOTHING_MM: Final = 5.0
VOID_SMOOTHING_MM: Final = 3.0

#: Parts of the body mask no thicker than this are a blanket's edge or flow beside the body, mm.
THIN_MM: Final = 6.0

Picture = npt.NDArray[np.float32]


class Seen(NamedTuple):
    """A slice as it is looked at: coarse pixels, shape (rows, columns), the affine of the grid of
    which they are slice 0 (voxel to patient LPS, mm), and which of them belong to the body."""

    picture: Picture
    affine: geometry.FloatArray
    body: BoolArray


class Extent(NamedTuple):
    """From where to where the body reaches along the patient's right-left axis, mm (LPS x), and
    whether the picture's edge cuts it off there."""

    low_mm: float
    high_mm: float
    cut_low: bool
    cut_high: bool


def look_at(picture: Picture, affine: npt.ArrayLike, index: int = 0) -> Seen:
    """Return the body on slice ``index`` of a grid.

    Parameters
    ----------
    picture : ndarray, shape (rows, columns)
    affine : array_like, shape (4, 4)
        Voxel (slice, row, column) to patient LPS, mm.
    index : int
    """
    if not np.isfinite(picture).all():
        picture = np.nan_to_num(picture, posinf=0.0, neginf=0.0)
    coarse, coarse_affine = _coarse(picture, np.asarray(affine, np.float64), index)
    smooth = _smoothed(coarse, coarse_affine, BODY_SMOOTHING_MM)
    level = BODY_LEVEL * float(np.percentile(smooth, 95))
    if level <= 0:
        return Seen(coarse, coarse_affine, np.zeros(coarse.shape, dtype=np.bool_))
    n_thin = max(1, round(THIN_MM / 2 / float(_pixel_mm(coarse_affine).max())))
    body = _large_parts(_grown(geometry.eroded(smooth > level, n_thin), n_thin))
    return Seen(coarse, coarse_affine, body)


def _coarse(
    picture: Picture, affine: geometry.FloatArray, index: int
) -> tuple[Picture, geometry.FloatArray]:
    """Return the means of blocks of pixels and the affine of their centres; rows and columns that
    fill no block are left out."""
    height_mm, width_mm = _pixel_mm(affine)
    down = min(max(1, int(COARSE_PIXEL_MM / height_mm)), picture.shape[0])
    across = min(max(1, int(COARSE_PIXEL_MM / width_mm)), picture.shape[1])
    n_rows, n_columns = picture.shape[0] // down, picture.shape[1] // across
    coarse = np.zeros((n_rows, n_columns))
    for row in range(down):
        for column in range(across):
            part = picture[row : n_rows * down : down, column : n_columns * across : across]
            coarse += part
    moved = affine.copy()
    moved[:, 1] *= down
    moved[:, 2] *= across
    moved[:, 3] = affine @ (index, (down - 1) / 2, (across - 1) / 2, 1)
    return (coarse / (down * across)).astype(np.float32), moved


def _smoothed(picture: Picture, affine: geometry.FloatArray, width_mm: float) -> Picture:
    """Return a picture averaged over an odd number of pixels that is nearest to a width."""
    sizes = [2 * round((width_mm / mm - 1) / 2) + 1 for mm in _pixel_mm(affine)]
    return np.asarray(ndimage.uniform_filter(picture, size=[max(1, n) for n in sizes]))


def _pixel_mm(affine: geometry.FloatArray) -> geometry.FloatArray:
    """Return the distance between rows and between columns, mm, shape (2,)."""
    return np.asarray(np.linalg.norm(affine[:3, 1:3], axis=0))


def _grown(mask: BoolArray, pixels: int) -> BoolArray:
    """Return a mask with so many layers around it (4-connected)."""
    for _ in range(pixels):
        grown = mask.copy()
        grown[1:] |= mask[:-1]
        grown[:-1] |= mask[1:]
        grown[:, 1:] |= mask[:, :-1]
        grown[:, :-1] |= mask[:, 1:]
        mask = grown
    return mask


def _large_parts(mask: BoolArray) -> BoolArray:
    """Return a mask without its parts below `MIN_PART` of the largest."""
    parts, n_parts = ndimage.label(mask)
    if n_parts < 2:
        return mask
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray((sizes >= MIN_PART * sizes.max())[parts])


def extent(seen: Seen) -> Extent | None:
    """Return how far the body reaches from right to left; None where the picture holds none."""
    if not seen.body.any():
        return None
    x_mm = _x_mm(_ends_of_rows(seen.body), seen.affine)
    last_row, last_column = seen.body.shape[0] - 1, seen.body.shape[1] - 1
    corners = np.array([(r, c) for r in (0, last_row) for c in (0, last_column)])
    edges_mm = _x_mm(corners, seen.affine)
    margin_mm = 1.5 * float(np.abs(seen.affine[0, 1:3]).max())
    return Extent(
        low_mm=float(x_mm.min()),
        high_mm=float(x_mm.max()),
        cut_low=bool(x_mm.min() < edges_mm.min() + margin_mm),
        cut_high=bool(x_mm.max() > edges_mm.max() - margin_mm),
    )


def _ends_of_rows(body: BoolArray) -> npt.NDArray[np.integer]:
    """Return the first and last pixel of the body in each row that shows it: x is linear along a
    row, so its extremes lie there."""
    rows = np.flatnonzero(body.any(axis=1))
    first = body[rows].argmax(axis=1)
    last = body.shape[1] - 1 - body[rows, ::-1].argmax(axis=1)
    return np.concatenate([np.column_stack([rows, first]), np.column_stack([rows, last])])


def _x_mm(pixels: npt.NDArray[np.integer], affine: geometry.FloatArray) -> npt.NDArray[np.float64]:
    voxels = np.column_stack([np.zeros(len(pixels)), pixels])
    return geometry.voxel_to_patient(affine, voxels)[:, 0]


def midline_x_mm(found: Extent | None) -> float | None:
    """Return the x coordinate (LPS, mm) of the middle of a pelvis that the picture shows from side
    to side; None where it is cut off or too narrow to be one."""
    if found is None or found.cut_low or found.cut_high:
        return None
    if found.high_mm - found.low_mm < MIN_PELVIS_WIDTH_MM:
        return None
    return (found.low_mm + found.high_mm) / 2


def sides_shown(found: Extent | None) -> tuple[Side, ...]:
    """Return which sides a picture shows: both where it shows a pelvis from side to side, one where
    the body runs out of a picture too narrow for a pelvis on one side only (towards the middle of
    the body), none where that cannot be told."""
    if midline_x_mm(found) is not None:
        return (Side.RIGHT, Side.LEFT)
    if found is None or found.cut_low == found.cut_high:
        return ()
    if found.high_mm - found.low_mm > MIN_PELVIS_WIDTH_MM:
        return ()  # a pelvis that lies askew in its picture
    return (Side.LEFT,) if found.cut_low else (Side.RIGHT,)


def widest_void_mm(seen: Seen, least_mm: float = 0.0) -> float:
    """Return the width in mm of the widest spot inside the body without signal: twice the largest
    distance of a dark pixel from tissue, less what smoothing takes.  Holes that open to the outside
    do not count.  Where no spot is wider than ``least_mm`` the answer may be 0, which takes a third
    of the time."""
    smooth = _smoothed(seen.picture, seen.affine, VOID_SMOOTHING_MM)
    level = VOID_LEVEL * float(np.percentile(smooth, 95))
    if level <= 0:
        return 0.0
    dark = np.asarray(smooth < level)
    pixel_mm = _pixel_mm(seen.affine)
    for inside in (_between_ends, _without_holes):  # the first costs little and mostly tells
        dark &= inside(seen.body)
        if not _holds_square(dark, least_mm / np.sqrt(2), pixel_mm):
            return 0.0
    depth_mm = ndimage.distance_transform_edt(_cropped(dark), sampling=pixel_mm)
    return 2 * float(depth_mm.max())


def _between_ends(mask: BoolArray) -> BoolArray:
    """Return what lies between the first and the last pixel of a mask in each row: what it
    encloses, and more."""
    columns = np.arange(mask.shape[1])
    first = mask.argmax(axis=1)[:, None]
    last = mask.shape[1] - 1 - np.argmax(mask[:, ::-1], axis=1)[:, None]
    holds_any = np.any(mask, axis=1, keepdims=True)
    return np.asarray((columns >= first) & (columns <= last) & holds_any)


def _without_holes(mask: BoolArray) -> BoolArray:
    """Return a mask with what it encloses: all but the background that reaches the edge."""
    parts, n_parts = ndimage.label(~mask)
    is_inside = np.ones(n_parts + 1, dtype=np.bool_)
    for edge in (parts[0], parts[-1], parts[:, 0], parts[:, -1]):
        is_inside[edge] = False
    is_inside[0] = True
    return np.asarray(is_inside[parts])


def _holds_square(mask: BoolArray, side_mm: float, pixel_mm: geometry.FloatArray) -> bool:
    """Return whether a mask holds any square of so many mm, as every disc does whose inscribed
    square it is; what lies beyond the picture counts as held."""
    for axis, mm in enumerate(pixel_mm):
        n_pixels = 2 * int(side_mm / 2 / mm) + 1
        mask = ndimage.minimum_filter1d(
            mask.view(np.uint8), n_pixels, axis, mode="constant", cval=1
        )
    return bool(mask.any())


def _cropped(mask: BoolArray) -> BoolArray:
    """Return the box that holds a mask with a rim of False around it, but for the picture's own
    borders: distances inside the mask are the same there."""
    box = []
    for axis in (0, 1):
        held = np.flatnonzero(mask.any(axis=1 - axis))
        box.append(slice(max(int(held[0]) - 1, 0), int(held[-1]) + 2))
    return mask[tuple(box)]
