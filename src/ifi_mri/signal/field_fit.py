"""The robust fit of a smooth field to blocks of muscle, one field for all slices.

Log signal = level of the slice + a low-order polynomial of the place, by re-weighted least squares
(Tukey's biweight).  Blocks close together share their anatomy, so the covariance is taken from the
scatter of patches of them (clustered sandwich, Liang and Zeger, Biometrika 1986;73:13).
"""

import math
from typing import Final, NamedTuple

import numpy as np

from ifi_mri.signal.blocks import Blocks
from ifi_mri.signal.estimates import FloatArray, IntArray, robust_spread
from ifi_mri.signal.field import terms_of
from ifi_mri.signal.settings import ShadingSettings

#: Cut of Tukey's biweight, in spreads: 95 % efficient on normal data.
TUKEY_CUT: Final = 4.685

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
    n_slices, n_terms = len(blocks.levels), len(terms)
    design = np.concatenate([blocks.slice_of == np.arange(n_slices)[:, None], terms])
    solution = np.zeros(n_slices + n_terms)
    solution[:n_slices] = blocks.levels
    if lower is not None:
        known = np.concatenate([lower.levels, lower.polynomial])
        solution[: len(known)] = known
    residual = blocks.log_signal - solution @ design
    for k in range(ROUNDS):
        inside = np.abs(residual) < math.log(settings.gate)
        if np.count_nonzero(inside) < BLOCKS_PER_UNKNOWN * (n_slices + n_terms):
            return None
        if k < SPREAD_ROUNDS:
            spread = max(robust_spread(residual[inside]), LEAST_SPREAD)
        weights = np.square(np.maximum(1 - np.square(residual / (TUKEY_CUT * spread)), 0)) * inside
        weighted = design * weights
        inverse = _inverse(weighted @ design.T)
        before, solution = solution, inverse @ (weighted @ blocks.log_signal)
        residual = blocks.log_signal - solution @ design
        if np.abs(solution - before).max() < CONVERGED:
            break
    covariance = _clustered(weighted * residual, inverse, blocks.patch_of, n_terms)
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
    sums = np.array([np.bincount(patch_of, weights=score) for score in scores])
    n_patches = sums.shape[1]
    few = n_patches / max(1, n_patches - n_terms)
    return np.asarray(few * inverse @ (sums @ sums.T) @ inverse)
