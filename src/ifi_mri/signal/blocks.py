"""Even blocks of pixels that look like muscle, which the coil's field is fitted on.

A block is some pixels square, so that noise is averaged before the logarithm is taken; one that
varies more than muscle does holds an edge.  Blocks that touch quadratus femoris take no part:
oedema must not pass for coil.
"""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ifi_mri.signal.estimates import BoolArray, FloatArray, IntArray, median
from ifi_mri.signal.regions import CutOut
from ifi_mri.signal.settings import ShadingSettings
from ifi_mri.signal.tissues import Places

#: Blocks whose pixels vary more than this many times as much as those of the reference muscle hold
#: an edge.
UNEVEN: Final = 2.0

#: Margin in mm around quadratus femoris that takes no part in the fit.
SPARED_MM: Final = 3.0

#: Side in mm of the patches of blocks that err together: about one muscle.
PATCH_MM: Final = 20.0

#: Least signal of which a logarithm is taken.
LEAST_LEVEL: Final = 1e-12


class Blocks(NamedTuple):
    """Even blocks of pixels that may be muscle, one entry each.

    ``slice_of`` counts the slices that take part, ``patch_of`` the patches that err together;
    ``levels`` holds log signal of the reference on each slice.
    """

    log_signal: FloatArray
    u: FloatArray
    v: FloatArray
    slice_of: IntArray
    patch_of: IntArray
    levels: FloatArray


class Axis(NamedTuple):
    """Rows or columns of the surroundings: in the polynomial they count from ``middle_mm`` in units
    of ``scale_mm``, so that its terms are of order one.  ``first`` is the pixel that the regions'
    cut-out begins at."""

    pixel_mm: float
    middle_mm: float
    scale_mm: float
    first: int

    def scaled(self, pixels: FloatArray) -> FloatArray:
        """Return the coordinate of pixels of the surroundings in the polynomial."""
        return (pixels * self.pixel_mm - self.middle_mm) / self.scale_mm


class Place(NamedTuple):
    """The plane of the surroundings: ``rows`` lead along v, ``columns`` along u."""

    rows: Axis
    columns: Axis

    @classmethod
    def around(cls, region: BoolArray, image: CutOut, around: CutOut, scale_mm: float) -> "Place":
        """Return the place with its middle in a region of a cut-out of the surroundings."""
        pixels = np.nonzero(region.any(axis=0))
        return cls(
            *(
                Axis(pixel_mm, (float(of.mean()) + span.start) * pixel_mm, scale_mm, span.start)
                for pixel_mm, of, span in zip(
                    image.pixel_mm, pixels, around.place_of(image)[1:], strict=True
                )
            )
        )


def blocks_of_muscle(
    around: CutOut,
    image: CutOut,
    spared: BoolArray,
    reference: BoolArray,
    slices: IntArray,
    place: Place,
    settings: ShadingSettings,
    shown: Places | None,
) -> Blocks:
    """Return the blocks of the surroundings that may be muscle.

    Parameters
    ----------
    around, image : CutOut
        The surroundings, and the part that holds the regions, on the same slices.
    spared, reference : ndarrays of bool, shape of ``image``
        What takes no part, and normal muscle.
    slices : ndarray of int
        Those that take part; each holds pixels of the reference.
    place : Place
    settings : ShadingSettings
    shown : Places or None
        Where another series shows muscle.
    """
    rows, columns = (
        _Row.of(axis, n, settings.block_mm)
        for axis, n in zip(place, around.voxels.shape[1:], strict=True)
    )
    side = rows.side, columns.side
    levels = np.array([median(image.voxels[k][reference[k]]) for k in slices], dtype=np.float32)
    stack = np.array([around.voxels[k][rows.pixels, columns.pixels] for k in slices])
    mean, spread = _mean_and_spread(stack, levels, side)
    within = _held(reference[slices], rows, columns, 0.0) == math.prod(side)
    is_clear = _held(spared[slices], rows, columns, SPARED_MM) == 0
    usual = median(spread[within]) if within.any() else math.inf
    u, v = columns.scaled, rows.scaled[:, None]
    is_near = u * u + v * v <= 1
    k, row, column = np.nonzero((mean > 0) & (spread <= UNEVEN * usual + 1e-9) & is_clear & is_near)
    if shown is not None:
        centres = np.array([slices[k], rows.centres[row], columns.centres[column]]).T
        kept = shown.throughout(around.affine, centres, [n / 3 for n in side])
        kept |= within[k, row, column]
        k, row, column = k[kept], row[kept], column[kept]
    u, v = columns.scaled[column], rows.scaled[row]
    return Blocks(
        np.log(mean[k, row, column]),
        u,
        v,
        k,
        patches_of(u, v, place.rows.scale_mm),
        np.log(np.maximum(levels, LEAST_LEVEL)),
    )


class _Row(NamedTuple):
    """Blocks side by side along an axis, as far as the field is fitted.

    ``side`` is that of a block in pixels, ``pixels`` what they take up, ``centres`` where they lie,
    in pixels, and ``scaled`` the same in the polynomial.
    """

    axis: Axis
    side: int
    pixels: slice
    centres: FloatArray
    scaled: FloatArray

    @classmethod
    def of(cls, axis: Axis, n_pixels: int, block_mm: float) -> "_Row":
        """Return the blocks on so many pixels; what does not fill a block is left out."""
        side = max(1, round(block_mm / axis.pixel_mm))
        centres = np.arange(n_pixels // side, dtype=np.float64) * side + (side - 1) / 2
        scaled = axis.scaled(centres)
        near = np.flatnonzero(np.abs(scaled) <= 1).tolist()
        first, stop = (near[0], near[-1] + 1) if near else (0, 0)
        pixels = slice(first * side, stop * side)
        return cls(axis, side, pixels, centres[first:stop], scaled[first:stop])

    def holding(self, n_pixels: int, margin_mm: float) -> npt.NDArray[np.float32]:
        """Return whether blocks with a margin around them hold pixels of the regions' cut-out, 1 or
        0, shape (blocks, pixels)."""
        pixels = np.arange(self.axis.first, self.axis.first + n_pixels)
        reach = (self.side - 1) / 2 + math.ceil(margin_mm / self.axis.pixel_mm)
        return (np.abs(pixels - self.centres[:, None]) <= reach).astype(np.float32)


def _held(mask: BoolArray, rows: _Row, columns: _Row, margin_mm: float) -> npt.NDArray[np.float32]:
    """Return how many pixels of a mask, in the regions' cut-out, each block with a margin around it
    holds."""
    in_rows, in_columns = (
        row.holding(n, margin_mm) for row, n in zip((rows, columns), mask.shape[1:], strict=True)
    )
    return np.asarray(in_rows @ mask.astype(np.float32) @ in_columns.T)


def _mean_and_spread(
    stack: npt.NDArray[np.floating], levels: npt.NDArray[np.float32], side: tuple[int, int]
) -> tuple[FloatArray, npt.NDArray[np.float32]]:
    """Return means and standard deviations over blocks of rows and columns.  Seven digits are
    enough for what is off the ``levels`` of the slices; no comparison holds for blocks with values
    that are no finite numbers, or whose squares are none: such take no part."""
    with np.errstate(over="ignore", invalid="ignore"):
        off = stack.astype(np.float32, copy=False) - levels[:, None, None]
        mean = _block_mean(off, side)
        spread = np.sqrt(np.maximum(_block_mean(off * off, side) - mean * mean, 0))
    return mean.astype(np.float64) + levels[:, None, None], spread


def _block_mean(stack: npt.NDArray[np.float32], side: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return means over blocks of rows and columns."""
    of_rows = stack[:, :: side[0]].copy()
    for row in range(1, side[0]):
        of_rows += stack[:, row :: side[0]]
    sums = of_rows[:, :, :: side[1]].copy()
    for column in range(1, side[1]):
        sums += of_rows[:, :, column :: side[1]]
    return sums / np.float32(math.prod(side))


def patches_of(u: FloatArray, v: FloatArray, scale_mm: float) -> IntArray:
    """Return which patch, `PATCH_MM` wide, each place lies in, counted from 0 without gaps."""
    column, row = (np.floor(place * (scale_mm / PATCH_MM)).astype(np.intp) for place in (u, v))
    if not len(row):
        return row
    row -= row.min()
    number = (column - column.min()) * (row.max() + 1) + row
    there = np.bincount(number) > 0
    return np.asarray(np.cumsum(there)[number] - 1)
