"""How far a measured distance may lie from the true one, from its sources.

Following the *Guide to the expression of uncertainty in measurement* (JCGM 100:2008): each source
has a standard deviation and, where it pulls to one side, a bias; independent ones add in squares
(5.1.2); what is only known to lie within bounds has a rectangular distribution (4.3.7).

Two sources are no plain sums:

- Noise across a line lengthens it.  The distance between two places that scatter is distributed
  after Rice (Bell Syst Tech J 1944;23:282) where they scatter alike in all directions; its mean
  exceeds the true distance by about the variance across the line over twice the distance.
- The smallest of several noisy distances is too small on average: where two slices are nearly
  alike, whichever was read too short is taken.  By how much follows from the distribution of the
  smallest of independent normal values (`smallest_error`).

Everything here is checked against simulation in `tests/test_uncertainty.py`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

FloatArray = npt.NDArray[np.float64]

#: Nodes of the Gauss-Hermite rule for moments of a distance: exact to 1e-6 mm where the distance
#: is at least three standard deviations.
_NODES: Final = 12

#: How much of the estimated bias of a smallest value is taken out, of very many slices; of n slices
#: (n - 1) / n of it, since the fewer there are the less is known of their spread.  Taking all of it
#: out makes the result scatter more than one slice does where the narrowest slice stands out,
#: taking less leaves flat courses biased.
BIAS_TAKEN: Final = 0.85

#: Weight of the scatter of the smallest value, against that of the narrowest slice alone, in the
#: variance.  The smallest of several scatters less than each, but its bias is only estimated.
#: With this and `BIAS_TAKEN`, found by search over both, 95 % intervals hold in 93 to 97 % over
#: V-shaped, flat and random courses along the trochanter, on one to five slices, at noise of 0.4 to
#: 1.5 mm, and probabilities are true within 5 points (`scripts/bench/accuracy_intervals.py`).
SMALLEST_WEIGHT: Final = 0.15

#: Step of the numerical slope of a mean against the true distance, mm.
_SLOPE_STEP_MM: Final = 0.05

#: Places at which the distribution of a smallest value is summed.
_STEPS: Final = 96


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and standard deviation, mm."""

    mean: float
    sd: float


def scattered_distance(distance_mm: float, along_sd_mm: float, across_sd_mm: float) -> Moments:
    """Return mean and SD of the measured distance, mm, between ends that scatter.

    Parameters
    ----------
    distance_mm : float
        The true distance.
    along_sd_mm, across_sd_mm : float
        Standard deviations of the difference of the two ends along and across the line.
    """
    _, weight = _hermite(_NODES)
    measured = _at_nodes(distance_mm, along_sd_mm, across_sd_mm)
    mean = float(weight @ measured @ weight)
    return Moments(mean, math.sqrt(max(float(weight @ measured**2 @ weight) - mean**2, 0.0)))


def _mean_distance(distance_mm: float, along_sd_mm: float, across_sd_mm: float) -> float:
    """Return the mean of `scattered_distance` alone."""
    _, weight = _hermite(_NODES)
    return float(weight @ _at_nodes(distance_mm, along_sd_mm, across_sd_mm) @ weight)


def _at_nodes(distance_mm: float, along_sd_mm: float, across_sd_mm: float) -> FloatArray:
    """Return the measured distance, mm, where the ends are off by the nodes along (first axis) and
    across the line."""
    node, _ = _hermite(_NODES)
    along = (distance_mm + along_sd_mm * node)[:, None]
    return np.asarray(np.hypot(along, across_sd_mm * node))


@lru_cache(maxsize=32)  # several measurements of a hip rest on the same lines
def true_distance(measured_mm: float, along_sd_mm: float, across_sd_mm: float) -> Moments:
    """Return the true distance, mm, whose measurements have the measured one as their mean, and the
    SD of that estimate.

    Where nothing scatters across the line it is the measured distance.  It is never taken below
    half of the measured one, where the correction would be larger than what is left.
    """
    if across_sd_mm == 0:
        return Moments(measured_mm, along_sd_mm)
    true_mm = measured_mm
    for _ in range(3):  # each time the error falls by (SD / distance)^2
        too_long = _mean_distance(true_mm, along_sd_mm, across_sd_mm) - true_mm
        true_mm = max(measured_mm - too_long, measured_mm / 2)
    scatter = scattered_distance(true_mm, along_sd_mm, across_sd_mm)
    further = _mean_distance(true_mm + _SLOPE_STEP_MM, along_sd_mm, across_sd_mm)
    slope = (further - scatter.mean) / _SLOPE_STEP_MM
    return Moments(true_mm, scatter.sd / max(slope, 0.5))


def smallest_of(
    values_mm: Sequence[float] | FloatArray, sds_mm: Sequence[float] | FloatArray
) -> Moments:
    """Return mean and SD, mm, of the smallest of independent normal values.

    Parameters
    ----------
    values_mm, sds_mm : sequence of n floats
        Their means and standard deviations, the latter above 0.
    """
    values, sds = np.asarray(values_mm, dtype=np.float64), np.asarray(sds_mm, dtype=np.float64)
    if len(values) == 1:
        return Moments(float(values[0]), float(sds[0]))
    low, high = float((values - 6 * sds).min()), float((values + 6 * sds).min())
    at = np.linspace(low, high, _STEPS)
    all_beyond = ndtr((values - at[:, None]) / sds).prod(axis=1)
    mean = low + _integral(all_beyond, at)
    square = 2 * _integral(all_beyond * (at - low), at)
    return Moments(mean, math.sqrt(max(square - (mean - low) ** 2, 0.0)))


def _integral(values: FloatArray, at: FloatArray) -> float:
    """Return the integral of values at growing places by the trapezoidal rule."""
    return float(((at[1:] - at[:-1]) * (values[1:] + values[:-1]) / 2).sum())


def smallest_error(values_mm: Sequence[float], sds_mm: Sequence[float]) -> Moments:
    """Return by how much the smallest of measured values errs: on average, mm, never positive (it
    is too small), and the SD of that.

    It is that of the smallest of normal values about true ones that are estimated from the measured
    ones, drawn together to the spread that is left without the noise (empirical Bayes: Efron B,
    Morris C, J Am Stat Assoc 1973;68:117).
    """
    values, sds = np.asarray(values_mm, dtype=np.float64), np.asarray(sds_mm, dtype=np.float64)
    if len(values) == 1:
        return Moments(0.0, float(sds[0]))
    spread = float(values.var(ddof=1))
    share = max(0.0, 1 - float((sds**2).mean()) / spread) if spread > 0 else 0.0
    estimated = (1 - share) * values.mean() + share * values
    smallest = smallest_of(estimated, sds)
    return Moments(min(0.0, smallest.mean - float(estimated.min())), smallest.sd)


def tilt_sd_mm(distance_mm: float, slope: float) -> float:
    """Return the SD, mm, of a distance read on a tilted slice as one on an axial slice.

    Between surfaces that run along the body's axis a line that rises by ``slope`` (the sine of its
    angle to the axial plane) is longer than the axial one by 1 - cos; between surfaces that rise
    with it, it is not.  Which, a single slice does not show: bounds, so a rectangular distribution.
    """
    return distance_mm * (1 - math.sqrt(max(0.0, 1 - slope**2))) / math.sqrt(3)


def pixel_sd_mm(pixel_mm: float) -> float:
    """Return the SD, mm, of an edge that is only known to lie within a pixel of a label map: a
    rectangular distribution as wide as the pixel."""
    return pixel_mm / math.sqrt(12)


@lru_cache(maxsize=4)
def _hermite(n: int) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights for means over a standard normal distribution."""
    node, weight = np.polynomial.hermite_e.hermegauss(n)
    return np.asarray(node), np.asarray(weight / weight.sum())
