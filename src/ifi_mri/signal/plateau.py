"""The full signal of a raised region near each voxel: what a voxel shows that the region fills.

What a region fills in part is measured by its full signal near by.  Tissue that is fainter of its
own is told from that by going on as faint on the next slice, and measured by itself.
"""

import math
from typing import Final

import numpy as np
from scipy import ndimage

from ifi_mri.signal.estimates import BoolArray, FloatArray, IntArray
from ifi_mri.signal.smoothing import smoothed

#: Voxels whose excess lies below the largest near by by less than this many spreads of noise carry
#: the region's full signal; by at least and at most these shares of it.
CORE_SD: Final = 3.0
CORE_DEPTH: Final = (0.10, 0.30)

#: "Near by" for that, mm in the plane: wider than blur and smoothing together.
PEAK_REACH_MM: Final = 3.0

#: Standard deviation, in slices, over which the full signal is taken as one level: a slice that a
#: region fills in part, at its upper or lower end, is measured by its neighbour.
PLATEAU_SLICES: Final = 1.0

#: Tissue of its own has less than this share of the full signal near by, in which it differs from
#: pixel to pixel by less than so many depths of a core.
DISTINCT: Final = 0.8
UNEVEN: Final = 2.0

#: Steps to a pixel and its neighbours, by rows and by columns.
BESIDE: Final = np.indices((3, 3)).reshape(2, 9, 1) - 1


def full_excess(
    excess: FloatArray,
    seed: BoolArray,
    spread: float,
    pixel_mm: tuple[float, float],
    plateau_mm: float,
    slices: tuple[int, ...],
) -> FloatArray:
    """Return the full excess of the region near each voxel; 0 far from any.

    The local average of voxels near their neighbourhood's largest on the slice, brighter ones
    counting for more, over the slice and its neighbours: one that a region fills in part has a low
    average of its own.  The muscle's first and last slice may as well be filled in part by the
    muscle; half-way between its own average and its neighbours' errs least.

    Parameters
    ----------
    excess : ndarray of shape (slices, rows, columns)
        Smoothed signal above that of normal muscle, as a share of it.
    seed : ndarray of bool, the same shape
        Voxels at which a region may start.
    spread : float
        Standard deviation of the excess of normal muscle.
    pixel_mm : tuple of 2 floats
        Distance of rows and of columns.
    plateau_mm : float
        Standard deviation, in the plane, of the weights that an average is taken with.
    slices : tuple of int
        Those that hold muscle, in order.

    Returns
    -------
    ndarray of the same shape
    """
    reach = (1, *(2 * max(1, round(PEAK_REACH_MM / spacing)) + 1 for spacing in pixel_mm))
    peak = np.maximum(ndimage.maximum_filter(excess, size=reach), 1e-9)
    core = seed & (excess >= peak * (1 - _depth(peak, spread)))
    sd = (plateau_mm / pixel_mm[0], plateau_mm / pixel_mm[1])
    counted = np.where(core, excess, 0.0)
    sums = [
        smoothed(part, sd, truncate=2.0, mode="constant") for part in (counted * excess, counted)
    ]
    plateau = _quotient(*(_over_slices(part) for part in sums))
    ends = [slices[0], slices[-1]]
    own = _quotient(*(part[ends] for part in sums))
    plateau[ends] = np.where(own > 0, (own + plateau[ends]) / 2, plateau[ends])
    fainter = fainter_tissue(excess, seed, spread, plateau)
    if not fainter.any():
        return plateau
    return _levels_apart(excess, fainter, core, plateau, (sd[0] / 2, sd[1] / 2))


def _depth(peak: FloatArray, spread: float) -> FloatArray:
    """Return by what share of a largest excess another may be lower and be as full."""
    return np.clip(CORE_SD * spread / peak, *CORE_DEPTH)


def _over_slices(part: FloatArray) -> FloatArray:
    return np.asarray(
        ndimage.gaussian_filter1d(part, PLATEAU_SLICES, axis=0, truncate=2.0, mode="constant")
    )


def fainter_tissue(
    excess: FloatArray, seed: BoolArray, spread: float, plateau: FloatArray
) -> BoolArray:
    """Return the voxels that are raised less than the region near by, yet wholly.

    What a region fills in part looks fainter, too.  But an edge is uneven in the plane, and where a
    region ends within a slice the next slice shows more of it or none.  Signal that is even in the
    plane and goes on as bright on a slice beside is tissue of its own.
    """
    below = seed & (excess < DISTINCT * plateau)
    k, row, column = np.nonzero(below[1:] & below[:-1])
    pair = (k, row, column), (k + 1, row, column)
    one, other = (excess[place] for place in pair)
    least, two = np.minimum(one, other), math.sqrt(2) * spread  # of a difference
    alike = np.abs(other - one) <= least * _depth(least, two)
    inside = np.where(seed, excess, 0.0)
    alike &= _is_even(inside, *pair[0], spread) & _is_even(inside, *pair[1], spread)
    found = np.zeros_like(below)
    for place in pair:
        found[place] |= alike
    return found


def _is_even(
    excess: FloatArray, k: IntArray, row: IntArray, column: IntArray, spread: float
) -> BoolArray:
    """Return whether voxels, given by their place, and their neighbours in the plane are alike."""
    n_rows, n_columns = excess.shape[1:]
    rows = np.clip(row + BESIDE[0], 0, n_rows - 1)
    columns = np.clip(column + BESIDE[1], 0, n_columns - 1)
    around = excess[k, rows, columns]
    highest = np.maximum(around.max(axis=0), 1e-9)
    least = highest * (1 - UNEVEN * _depth(highest, spread))
    return np.asarray(around.min(axis=0) >= least)


def _levels_apart(
    excess: FloatArray,
    fainter: BoolArray,
    core: BoolArray,
    plateau: FloatArray,
    sd_pixels: tuple[float, float],
) -> FloatArray:
    """Return the plateau with the level of fainter tissue wherever there is more of it near by than
    of what is brighter."""
    level, weight, brighter = (
        smoothed(part, sd_pixels, truncate=2.0, mode="constant")
        for part in (
            np.where(fainter, excess, 0.0),
            fainter.astype(np.float64),
            (core & (excess >= DISTINCT * plateau)).astype(np.float64),
        )
    )
    return np.where(weight > brighter, _quotient(level, weight), plateau)


def _quotient(above: FloatArray, below: FloatArray) -> FloatArray:
    """Return a quotient, 0 where there is next to nothing to divide by."""
    there = below > 1e-9
    return np.where(there, above / np.where(there, below, 1.0), 0.0)
