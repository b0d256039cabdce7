"""The robust fit of a smooth field to blocks of muscle, one field for all slices.

Log signal = level of the slice + a low-order polynomial of the place, by re-weighted least squares
(Tukey's biweight).  Blocks close together share their anatomy, so the covariance is taken from the
scatter of patches of them (clustered sandwich, Liang and Zeger, Biometrika 1986;73:13).
"""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ifi_mri.signal.estimates import FloatArray, robust_spread
from ifi_mri.signal.field import terms_of
from ifi_mri.signal.settings import ShadingSettings

IntArray = npt.NDArray[np.intp]

#: Cut of Tukey's biweight, in spreads: 95 % efficient on normal data.
TUKEY_CUT: Final = 4.685

#: Side in mm of the patches whose scatter gives the uncertainty: about one muscle.
PATCH_MM: Final = 20.0

#: Rounds of re-weighting; the weights settle in about five.
ROUNDS: Final = 8

#: Rounds in which the spread of the residuals is taken anew; it settles in two.
SPREAD_ROUNDS: Final = 2

#: Change of a log signal below which a further round is not made: a hundredth of a per cent, where
#: noise leaves some tenths.  The next change would be a fifth of it.
CONVERGED: Final = 1e-4

#: Least spread of log signal that residuals are weighed by, for perfect synthetic images.
LEAST_SPREAD: Final = 1e-3

#: Fewest blocks for each unknown.
BLOCKS_PER_UNKNOWN: Final = 8


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


def patches_of(u: FloatArray, v: FloatArray, scale_mm: float) -> IntArray:
    """Return which patch, `PATCH_MM` wide, each place lies in, counted from 0 without gaps."""
    column, row = (np.floor(place * (scale_mm / PATCH_MM)).astype(np.intp) for place in (u, v))
    if not len(row):
        return row
    row -= row.min()
    number = (column - column.min()) * (row.max() + 1) + row
    there = np.bincount(number) > 0
    return np.asarray(np.cumsum(there)[number] - 1)


class Fit(NamedTuple):
    """Polynomial of log signal, with its block of the inverse normal matrix and its covariance, and
    the levels of the slices."""

    order: int
    levels: FloatArray
    polynomial: FloatArray
    inverse: FloatArray
    covariance: FloatArray
    n_blocks: int


def robust_fit(
    blocks: Blocks, order: int, settings: ShadingSettings, lower: Fit | None = None
) -> Fit | None:
    """Return the robust fit, or None where there are too few blocks.

    In every round blocks further from the present field than the gate do not count.  The first
    field is that of a ``lower`` order, or none.
    """
    terms = terms_of(blocks.u, blocks.v, order)
    n_slices, n_terms = len(blocks.levels), terms.shape[1]
    design = np.concatenate([np.eye(n_slices)[blocks.slice_of], terms], axis=1)
    solution = np.zeros(n_slices + n_terms)
    solution[:n_slices] = blocks.levels
    if lower is not None:
        known = np.concatenate([lower.levels, lower.polynomial])
        solution[: len(known)] = known
    residual = blocks.log_signal - design @ solution
    for k in range(ROUNDS):
        inside = np.abs(residual) < math.log(settings.gate)
        if np.count_nonzero(inside) < BLOCKS_PER_UNKNOWN * (n_slices + n_terms):
            return None
        if k < SPREAD_ROUNDS:
            spread = max(robust_spread(residual[inside]), LEAST_SPREAD)
        weights = np.square(np.maximum(1 - np.square(residual / (TUKEY_CUT * spread)), 0)) * inside
        weighted = weights[:, None] * design
        inverse = _inverse(design.T @ weighted)
        before, solution = solution, inverse @ (blocks.log_signal @ weighted)
        residual = blocks.log_signal - design @ solution
        if np.abs(solution - before).max() < CONVERGED:
            break
    covariance = _clustered(weighted * residual[:, None], inverse, blocks.patch_of, n_terms)
    of_terms = np.s_[n_slices:, n_slices:]
    return Fit(
        order,
        solution[:n_slices],
        solution[n_slices:],
        inverse[of_terms],
        covariance[of_terms],
        int(np.count_nonzero(weights)),
    )


def _inverse(normal: FloatArray) -> FloatArray:
    """Return the inverse of a normal matrix; the pseudo-inverse where it says nothing about an
    unknown: the level of a slice without blocks."""
    try:
        return np.asarray(np.linalg.inv(normal), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(normal, hermitian=True), dtype=np.float64)


def _clustered(
    scores: FloatArray, inverse: FloatArray, patch_of: IntArray, n_terms: int
) -> FloatArray:
    """Return the covariance of the coefficients when blocks of one patch err together."""
    sums = np.stack([np.bincount(patch_of, weights=score) for score in scores.T])
    n_patches = sums.shape[1]
    few = n_patches / max(1, n_patches - n_terms)
    return np.asarray(few * inverse @ (sums @ sums.T) @ inverse)
