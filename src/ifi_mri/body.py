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

_SMOOTHING_PIXELS: Final = 5

Picture = npt.NDArray[np.float32]


class Extent(NamedTuple):
    """From where to where the body reaches along the patient's right-left axis, mm (LPS x), and
    whether the picture's edge cuts it off there."""

    low_mm: float
    high_mm: float
    cut_low: bool
    cut_high: bool


def body_mask(picture: Picture) -> BoolArray:
    """Return which pixels of a slice, shape (rows, columns), belong to the body."""
    smooth = ndimage.uniform_filter(np.nan_to_num(picture), size=_SMOOTHING_PIXELS)
    level = BODY_LEVEL * float(np.percentile(smooth, 95))
    if level <= 0:
        return np.zeros(picture.shape, dtype=np.bool_)
    return _large_parts(ndimage.binary_opening(smooth > level, iterations=3))


def _large_parts(mask: BoolArray) -> BoolArray:
    """Return a mask without its parts below `MIN_PART` of the largest."""
    parts, n_parts = ndimage.label(mask)
    if n_parts < 2:
        return mask
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray((sizes >= MIN_PART * sizes.max())[parts])


def extent(picture: Picture, affine: npt.ArrayLike, index: int = 0) -> Extent | None:
    """Return how far the body reaches from right to left on slice ``index`` of a grid; None where
    the picture holds no body."""
    body = body_mask(picture)
    if not body.any():
        return None
    x_mm = _x_mm(_ends_of_rows(body), affine, index)
    last_row, last_column = body.shape[0] - 1, body.shape[1] - 1
    corners = np.array([(r, c) for r in (0, last_row) for c in (0, last_column)])
    edges_mm = _x_mm(corners, affine, index)
    matrix = np.asarray(affine, dtype=np.float64)
    margin_mm = 1.5 * float(np.abs(matrix[0, 1:3]).max())
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


def _x_mm(
    pixels: npt.NDArray[np.integer], affine: npt.ArrayLike, index: int
) -> npt.NDArray[np.float64]:
    voxels = np.column_stack([np.full(len(pixels), index), pixels])
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


def widest_void_mm(picture: Picture, affine: npt.ArrayLike) -> float:
    """Return the width in mm of the widest spot inside the body without signal: twice the largest
    distance of a dark pixel from tissue, less about two pixels that smoothing takes.  Holes that
    open to the outside do not count."""
    smooth = ndimage.uniform_filter(np.nan_to_num(picture), size=3)
    level = VOID_LEVEL * float(np.percentile(smooth, 95))
    body = ndimage.binary_fill_holes(body_mask(picture))
    dark = body & (smooth < level)
    if level <= 0 or not dark.any():
        return 0.0
    matrix = np.asarray(affine, dtype=np.float64)
    spacing_mm = np.linalg.norm(matrix[:3, 1:3], axis=0)
    depth_mm = ndimage.distance_transform_edt(_cropped(dark), sampling=spacing_mm)
    return 2 * float(depth_mm.max())


def _cropped(mask: BoolArray) -> BoolArray:
    """Return the box that holds a mask with a rim of False around it, but for the picture's own
    borders: distances inside the mask are the same there."""
    box = []
    for axis in (0, 1):
        held = np.flatnonzero(mask.any(axis=1 - axis))
        box.append(slice(max(int(held[0]) - 1, 0), int(held[-1]) + 2))
    return mask[tuple(box)]
