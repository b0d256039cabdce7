"""Numbers with their uncertainty: robust location and spread, effective number, intervals.

Neighbouring voxels of an MR image are correlated (interpolated matrices, filters, anatomy), so a
region of n voxels carries the information of fewer.  Every interval of this room divides by that
*effective number*, never by the count (Bayley and Hammersley, J R Stat Soc Suppl 1946;8:184).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import fft

from ifi_mri.model import Z_95

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]

#: Variance of a median over that of a mean, for normal data and many values.
MEDIAN_VARIANCE: Final = math.pi / 2

#: So many values are sorted in less time than parted.
FEW: Final = 700

#: Tuning constant of the biweight midvariance, in median absolute deviations: values further out
#: do not count (Mosteller and Tukey, *Data Analysis and Regression*, 1977).
BIWEIGHT_CUT: Final = 9.0

#: Correlations below this many standard errors of no correlation count as none.
CORRELATION_SE: Final = 2.0


class Estimate(NamedTuple):
    """A value with its standard deviation and 95 % interval, in one unit."""

    value: float
    sd: float
    low: float
    high: float

    def times(self, factor: float) -> "Estimate":
        """Return the estimate in another unit, ``factor`` not negative."""
        return Estimate(*(number * factor for number in self))


def normal_estimate(
    value: float, sd: float, *, at_least: float = -math.inf, at_most: float = math.inf
) -> Estimate:
    """Return an estimate whose interval is that of a normal distribution, cut off at bounds."""
    low, high = value - Z_95 * sd, value + Z_95 * sd
    return Estimate(value, sd, max(at_least, low), min(at_most, high))


# --- robust location and spread -----------------------------------------------------------------


def median(values: npt.NDArray[np.floating]) -> float:
    """Return the median of all values, as `numpy.median` does, whose way to it takes five times as
    long as the partition of some hundred values itself; nan where there are none, or one is nan."""
    flat = np.ravel(values)
    middle, last = flat.size // 2, flat.size - 1
    if last < 0:
        return math.nan
    if flat.size < FEW:
        return _middle(np.sort(flat))
    return _middle(np.partition(flat, (middle - 1, middle, last)))


def _middle(parted: npt.NDArray[np.floating]) -> float:
    """Return the median of values of which the middle ones and the last stand where they would,
    were all in order; nan goes last."""
    if math.isnan(parted[-1]):
        return math.nan
    middle = len(parted) // 2
    upper = float(parted[middle])
    return upper if len(parted) % 2 else (float(parted[middle - 1]) + upper) / 2


def quantile(values: npt.NDArray[np.floating], share: float) -> float:
    """Return the value that a share of the values reach, between two in proportion, as
    `numpy.quantile` does on a longer way; nan where one is."""
    ordered = np.sort(values, axis=None)
    if math.isnan(ordered[-1]):
        return math.nan
    before, part = divmod(share * (len(ordered) - 1), 1)
    low, high = ordered[[int(before), min(int(before) + 1, len(ordered) - 1)]].tolist()
    return float(low + part * (high - low))


def grouped_median(values: npt.ArrayLike) -> float:
    """Return the median of values that may be whole numbers, free of their rounding.

    The values that equal the median are taken as spread evenly over one rounding step about it,
    the grouped median of elementary statistics; without ties it is the ordinary median.  At a
    muscle signal of 70 grey levels the plain median moves in steps of 1.4 %.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    if not len(ordered):
        return math.nan
    middle = _middle(ordered)
    below = int(ordered.searchsorted(middle, side="left"))
    n_ties = int(ordered.searchsorted(middle, side="right")) - below
    if n_ties < 2:
        return middle
    with np.errstate(invalid="ignore"):  # between two that are infinite there is none
        steps = np.diff(ordered)
    steps = steps[steps > 0]
    step = float(steps.min()) if len(steps) else 0.0
    return middle + step * ((len(ordered) / 2 - below) / n_ties - 0.5)


def robust_spread(values: npt.ArrayLike) -> float:
    """Return the square root of the biweight midvariance: the standard deviation of the bulk of
    the data, blind to vessels and strands of fat (Mosteller and Tukey 1977).

    On whole numbers it does not jump as the median absolute deviation does.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    if not len(ordered):
        return math.nan
    middle = _middle(ordered)
    deviation = ordered - middle
    mad = _middle_distance(ordered, middle)
    if mad == 0:
        return float(deviation.std())
    cut = BIWEIGHT_CUT * mad
    u2 = np.minimum(np.square(deviation / cut), 1)
    weight = 1 - u2  # none for what lies further out than the cut
    above = cut * cut * float((u2 * np.square(np.square(weight))).sum())
    below = abs(float((weight * (1 - 5 * u2)).sum()))
    return math.sqrt(len(ordered) * above) / below if below else float(deviation.std())


def _middle_distance(ordered: FloatArray, point: float) -> float:
    """Return the median distance of values in order from a point, which takes no second search:
    the k nearest ones stand in a row, whose ends are the furthest of them."""
    n = len(ordered)

    def kth(k: int) -> float:
        return float(np.maximum(point - ordered[: n - k + 1], ordered[k - 1 :] - point).min())

    return kth(n // 2 + 1) if n % 2 else (kth(n // 2) + kth(n // 2 + 1)) / 2


def median_sd(values: npt.ArrayLike, n_effective: float) -> float:
    """Return the standard deviation of the median of correlated, roughly normal values."""
    return spread_of_median(robust_spread(values), n_effective)


def spread_of_median(spread: float, n_effective: float) -> float:
    """Return the standard deviation of the median of roughly normal values with that ``spread``."""
    return math.sqrt(MEDIAN_VARIANCE / max(n_effective, 1.0)) * spread


def shrunk_to_line(places: FloatArray, values: FloatArray, variances: FloatArray) -> FloatArray:
    """Return measured values drawn towards the straight line through them.

    The James-Stein estimator whose target is a line: as much of the scatter about it is left out
    as its own error explains (Efron and Morris, J Am Stat Assoc 1973;68:117).  Whatever the true
    values are, its mean squared error over all of them, each weighed by its precision, is less than
    that of the values themselves.  A single value may get worse: one that is truly 2 to 4 standard
    errors off the line is drawn towards it by up to one; further out, hardly anything changes.

    Parameters
    ----------
    places, values, variances : ndarrays of shape (n,)
        Where along the line each value was measured, all places different, and its squared standard
        error.

    Returns
    -------
    ndarray of shape (n,)
        The values as they are where there are fewer than five, or one is free of error.
    """
    degrees = len(values) - 4  # the line takes two, the theorem two more
    if degrees < 1 or not (variances > 0).all():
        return values
    weights = 1 / variances
    along = places - (weights @ places) / weights.sum()
    slope = (weights @ (along * values)) / (weights @ along**2)
    line = (weights @ values) / weights.sum() + slope * along
    off = values - line
    scatter = float(weights @ off**2)
    return np.asarray(line + (max(0.0, 1 - degrees / scatter) if scatter else 0.0) * off)


# --- correlation of neighbouring voxels ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Correlation:
    """How many voxels of a slice carry the information of one.

    Attributes
    ----------
    voxels_per_independent : float
        Sum of the autocorrelation over all in-plane lags, at least 1.
    length_mm : float
        Radius of a disc of that many voxels, mm.
    """

    voxels_per_independent: float
    length_mm: float

    @property
    def blur_pixels(self) -> float:
        """Standard deviation of the Gaussian that makes white noise as correlated, pixels: its
        autocorrelation is a Gaussian of twice the variance, whose sum is 4 pi sd^2."""
        return math.sqrt(self.voxels_per_independent / (4 * math.pi))

    def effective_number(self, n_voxels: int) -> float:
        """Return the number of independent voxels that ``n_voxels`` are worth, at least 1."""
        return max(1.0, n_voxels / self.voxels_per_independent)


def spatial_correlation(
    residual: FloatArray, mask: BoolArray, pixel_mm: tuple[float, float], longest_mm: float
) -> Correlation:
    """Return the in-plane correlation of residuals inside a mask; slices count as independent.

    Parameters
    ----------
    residual : ndarray of shape (slices, rows, columns)
        Signal less its expected value; only voxels of the mask are looked at.
    mask : ndarray of bool, same shape
    pixel_mm : tuple of 2 floats
        Row and column spacing.
    longest_mm : float
        Lags beyond are taken as uncorrelated: noise is correlated over a few pixels, and a sum
        over far lags would add up chance.

    Notes
    -----
    The autocorrelation at a lag is the mean product over all pairs of mask voxels at that lag,
    over the variance.  Lags below two standard errors (1 / sqrt(pairs)) count as zero, negative
    ones too, so that the effective number errs to the low side.
    """
    anywhere = np.asarray(mask.any(axis=0))
    rows, columns = (np.flatnonzero(anywhere.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return Correlation(1.0, 0.0)
    box = np.s_[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    reach = [int(longest_mm / spacing) for spacing in pixel_mm]
    products, pairs = _lag_sums(residual[box], mask[box], reach)
    variance = products[0, 0] / pairs[0, 0]
    if variance <= 0:
        return Correlation(1.0, 0.0)
    enough = pairs > 1
    pairs[~enough] = 1
    rho = products / (pairs * variance)
    rho[~enough | (rho < CORRELATION_SE / np.sqrt(pairs))] = 0.0
    total = max(1.0, float(rho.sum()))
    return Correlation(total, math.sqrt(total * pixel_mm[0] * pixel_mm[1] / math.pi))


def _lag_sums(
    values: FloatArray, inside: BoolArray, reach: Sequence[int]
) -> tuple[FloatArray, FloatArray]:
    """Return the sum of products of values (slices, rows, columns) of a mask, and the number of
    pairs, at all lags up to ``reach`` either way: lag (0, 0) first and negative lags wrapped to the
    end, shape (2 reach + 1, ...)."""
    n_rows, n_columns = values.shape[1:]
    shape = [
        fft.next_fast_len(n + lag, real=True)
        for n, lag in zip((n_rows, n_columns), reach, strict=True)
    ]
    both = np.zeros((2, len(values), *shape))  # beyond the region, so that no lag wraps around
    np.copyto(both[0, :, :n_rows, :n_columns], values, where=inside)
    both[1, :, :n_rows, :n_columns] = inside
    spectrum = fft.rfft2(both)
    power = (spectrum.real**2 + spectrum.imag**2).sum(axis=1)
    sums = fft.irfft2(power, s=shape)
    rows, columns = ([*range(lag + 1), *range(-lag, 0)] for lag in reach)
    products, pairs = sums.take(rows, axis=1, mode="wrap").take(columns, axis=2, mode="wrap")
    return products, np.rint(pairs)


# --- fractions ----------------------------------------------------------------------------------


def wilson_interval_95(fraction: float, n_effective: float) -> tuple[float, float]:
    """Return the 95 % score interval of a fraction seen in ``n_effective`` independent voxels
    (Wilson, J Am Stat Assoc 1927;22:209), ``n_effective`` not necessarily whole."""
    n, z2 = max(n_effective, 1.0), Z_95**2
    centre = fraction + z2 / (2 * n)
    half = Z_95 * math.sqrt(fraction * (1 - fraction) / n + z2 / (4 * n**2))
    return max(0.0, (centre - half) / (1 + z2 / n)), min(1.0, (centre + half) / (1 + z2 / n))


def without_chance(fraction: float, chance: float) -> float:
    """Return the fraction of voxels that are truly above a threshold, when a share ``chance`` of
    the others exceed it by noise: observed = true + (1 - true) chance, solved for true."""
    return max(0.0, (fraction - chance) / (1 - chance))


def total(*parts: Estimate, at_most: float = math.inf) -> Estimate:
    """Return the sum of independent estimates.

    The interval recovers the variances from each part's own limits, which keeps skewed intervals
    skewed (MOVER; Zou and Donner, Stat Med 2008;27:1693, doi:10.1002/sim.3095).
    """
    value = math.fsum(part.value for part in parts)
    below = math.hypot(*(part.value - part.low for part in parts))
    above = math.hypot(*(part.high - part.value for part in parts))
    sd = math.hypot(*(part.sd for part in parts))
    return Estimate(min(value, at_most), sd, max(0.0, value - below), min(at_most, value + above))
