"""How well readings of one quantity agree: intraclass correlation, standard error of measurement
and smallest detectable change.

All come from the two-way analysis of variance of n hips (rows) by k readings (columns), without
replication.  Names of the coefficients are those of Shrout and Fleiss (Psychol Bull 1979;86:420,
doi:10.1037/0033-2909.86.2.420) and of McGraw and Wong (Psychol Methods 1996;1:30,
doi:10.1037/1082-989X.1.1.30), whose table 7 the intervals follow.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from ifi_mri.model import Z_95, FloatArray

#: Two-sided 95 %: what each tail leaves.
TAIL: Final = 0.025

#: An analysis of variance needs two rows and two columns; with fewer hips than this its intervals
#: span everything.
FEWEST_HIPS: Final = 3

#: Relative rounding of sums and means of a few thousand double precision numbers.
ROUNDING: Final = 64 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class MeanSquares:
    """The two-way analysis of variance: mean squares of hips, readings and what remains."""

    n_hips: int
    n_readings: int
    hips: float
    readings: float
    error: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """Agreement of k readings of n hips.

    ``icc_2_1`` (absolute agreement of a single reading, readings a sample of all), ``icc_3_1``
    (consistency of these very readings), ``icc_a_k`` (absolute agreement of their mean); ``sem`` in
    the unit of the quantity, of absolute agreement; ``smallest_detectable_change`` likewise.
    """

    n_hips: int
    n_readings: int
    mean: float
    icc_2_1: Interval
    icc_3_1: Interval
    icc_a_k: Interval
    sem: Interval
    smallest_detectable_change: Interval


def mean_squares(readings: npt.ArrayLike) -> MeanSquares:
    """Return the two-way analysis of variance.

    Parameters
    ----------
    readings : array_like
        Shape (n hips, k readings), no missing values.

    Raises
    ------
    ValueError
        Fewer than three hips or two readings, or a value that is not finite.
    """
    table = np.asarray(readings, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < FEWEST_HIPS or table.shape[1] < 2:
        raise ValueError(f"expected at least {FEWEST_HIPS} hips by 2 readings, found {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError("a reading is missing or not finite")
    n, k = table.shape
    grand, scale = table.mean(), float(np.abs(table).max())
    of_hip = _beyond_rounding(table.mean(axis=1) - grand, scale)
    of_reading = _beyond_rounding(table.mean(axis=0) - grand, scale)
    rest = _beyond_rounding(table - grand - of_hip[:, None] - of_reading[None, :], scale)
    return MeanSquares(
        n_hips=n,
        n_readings=k,
        hips=float(k * (of_hip**2).sum() / (n - 1)),
        readings=float(n * (of_reading**2).sum() / (k - 1)),
        error=float((rest**2).sum() / ((n - 1) * (k - 1))),
    )


def _beyond_rounding(deviations: FloatArray, scale: float) -> FloatArray:
    """Return deviations with those that are rounding of values of this size set to zero: readings
    that agree perfectly must not seem to differ by the last bit of a mean."""
    return np.where(np.abs(deviations) <= ROUNDING * scale, 0.0, deviations)


def reliability(readings: npt.ArrayLike) -> Reliability:
    """Return all coefficients of agreement of complete readings.

    Parameters
    ----------
    readings : array_like
        Shape (n hips, k readings), no missing values.

    Raises
    ------
    ValueError
        As `mean_squares`; or all hips have the same mean, so that nothing tells them apart.
    """
    table = np.asarray(readings, dtype=np.float64)
    squares = mean_squares(table)
    if squares.hips <= 0:
        raise ValueError("all hips have the same mean of their readings")
    single = icc_2_1(squares)
    sem = standard_error_of_measurement(squares)
    factor = Z_95 * math.sqrt(2)
    return Reliability(
        n_hips=squares.n_hips,
        n_readings=squares.n_readings,
        mean=float(table.mean()),
        icc_2_1=single,
        icc_3_1=icc_3_1(squares),
        icc_a_k=_of_the_mean(squares, single),
        sem=sem,
        smallest_detectable_change=Interval(
            factor * sem.value, factor * sem.low, factor * sem.high
        ),
    )


def icc_2_1(squares: MeanSquares) -> Interval:
    """Return the absolute agreement of a single reading: ICC(2,1), ICC(A,1) in McGraw and Wong.

    The degrees of freedom are those of a coefficient of at least zero: of a negative one, the
    weights of both variances would be negative too, and the interval would miss its own value.
    """
    n, k = squares.n_hips, squares.n_readings
    hips, readings, error = squares.hips, squares.readings, squares.error
    value = (hips - error) / (hips + (k - 1) * error + k * (readings - error) / n)
    if error <= 0 and readings <= 0:
        return Interval(1.0, 1.0, 1.0)
    share = max(0.0, value)
    a = k * share / (n * (1 - share))
    b = 1 + k * share * (n - 1) / (n * (1 - share))
    freedom = (a * readings + b * error) ** 2 / (
        (a * readings) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1))
    )
    below = float(stats.f.ppf(1 - TAIL, n - 1, freedom))
    above = float(stats.f.ppf(1 - TAIL, freedom, n - 1))
    spread = k * readings + (k * n - k - n) * error
    low = n * (hips - below * error) / (below * spread + n * hips)
    high = n * (above * hips - error) / (spread + n * above * hips)
    return Interval(value, low, high)


def icc_3_1(squares: MeanSquares) -> Interval:
    """Return the consistency of a single reading: ICC(3,1), ICC(C,1) in McGraw and Wong."""
    n, k = squares.n_hips, squares.n_readings
    if squares.error <= 0:
        return Interval(1.0, 1.0, 1.0)
    ratio = squares.hips / squares.error
    rest = (n - 1) * (k - 1)
    low = ratio / float(stats.f.ppf(1 - TAIL, n - 1, rest))
    high = ratio * float(stats.f.ppf(1 - TAIL, rest, n - 1))
    return Interval(*((f - 1) / (f + k - 1) for f in (ratio, low, high)))


def _of_the_mean(squares: MeanSquares, single: Interval) -> Interval:
    """Return the absolute agreement of the mean of k readings, ICC(A,k) or ICC(2,k): Spearman and
    Brown's step from one reading to k, which holds for the interval's ends too."""
    k = squares.n_readings
    return Interval(*(_spearman_brown(r, k) for r in (single.value, single.low, single.high)))


def _spearman_brown(single: float, k: int) -> float:
    """Return the reliability of a mean of k readings; without bound below at or under -1/(k - 1),
    where the mean would have no variance left and the formula changes its sign."""
    rest = 1 + (k - 1) * single
    return k * single / rest if rest > 0 else -math.inf


def standard_error_of_measurement(squares: MeanSquares) -> Interval:
    """Return the SD of one reading about the hip's value: readings and what remains together
    (absolute agreement; de Vet, J Clin Epidemiol 2006;59:1033, doi:10.1016/j.jclinepi.2005.10.015).

    A negative variance of readings counts as zero.  The interval is that of a variance with
    Satterthwaite's degrees of freedom (Biometrics Bull 1946;2:110, doi:10.2307/3002019).
    """
    n, k = squares.n_hips, squares.n_readings
    between = squares.readings / n if squares.readings > squares.error else squares.error / n
    within = squares.error * (n - 1) / n
    variance = between + within
    if variance <= 0:
        return Interval(0.0, 0.0, 0.0)
    rest = (n - 1) * (k - 1)
    if squares.readings > squares.error:
        freedom = variance**2 / (between**2 / (k - 1) + within**2 / rest)
    else:
        freedom = float(rest)
    low = variance * freedom / float(stats.chi2.ppf(1 - TAIL, freedom))
    high = variance * freedom / float(stats.chi2.ppf(TAIL, freedom))
    return Interval(math.sqrt(variance), math.sqrt(low), math.sqrt(high))


@dataclass(frozen=True, slots=True)
class LimitsOfAgreement:
    """Differences between two readings, first less second (Bland and Altman, Lancet 1986;1:307,
    doi:10.1016/S0140-6736(86)90837-8)."""

    n_hips: int
    bias: Interval
    sd: float
    lower: Interval
    upper: Interval
    slope: Interval
    slope_p: float


def limits_of_agreement(first: npt.ArrayLike, second: npt.ArrayLike) -> LimitsOfAgreement:
    """Return bias and limits of agreement with their intervals, and whether the difference grows
    with the size (slope of difference on mean).

    Parameters
    ----------
    first, second : array_like
        Shape (n,), two readings of the same hips.

    Raises
    ------
    ValueError
        Fewer than three hips, unequal lengths, or a value that is not finite.
    """
    pair = np.asarray([first, second], dtype=np.float64)
    if pair.ndim != 2 or pair.shape[1] < FEWEST_HIPS:
        raise ValueError(f"expected two readings of at least {FEWEST_HIPS} hips")
    if not np.isfinite(pair).all():
        raise ValueError("a reading is missing or not finite")
    difference, mean = pair[0] - pair[1], pair.mean(axis=0)
    n = len(difference)
    bias = float(difference.mean())
    about = _beyond_rounding(difference - bias, float(np.abs(pair).max()))
    sd = float(np.sqrt((about**2).sum() / (n - 1)))
    t = float(stats.t.ppf(1 - TAIL, n - 1))
    of_bias, of_limit = t * sd / math.sqrt(n), t * sd * math.sqrt(3 / n)
    slope, p = _slope(mean, about)
    return LimitsOfAgreement(
        n_hips=n,
        bias=Interval(bias, bias - of_bias, bias + of_bias),
        sd=sd,
        lower=_around(bias - Z_95 * sd, of_limit),
        upper=_around(bias + Z_95 * sd, of_limit),
        slope=slope,
        slope_p=p,
    )


def _around(value: float, half: float) -> Interval:
    return Interval(value, value - half, value + half)


def _slope(mean: FloatArray, difference: FloatArray) -> tuple[Interval, float]:
    """Return the slope of difference on mean with its interval, and the p value of no slope."""
    if np.ptp(mean) == 0:
        return Interval(math.nan, math.nan, math.nan), math.nan
    line = stats.linregress(mean, difference)
    t = float(stats.t.ppf(1 - TAIL, len(mean) - 2))
    return _around(float(line.slope), t * float(line.stderr)), float(line.pvalue)
