"""Signal relative to reference muscle: the ratio of every voxel, its spread, the median ratio.

The reference is normal muscle on the same slices, near by (gluteus maximus or obturator externus).
Every voxel is divided by the median reference signal of its own slice and by the coil's field, so
that gain differing from slice to slice does not matter and normal muscle is 1 everywhere.  What the
medians of the slices differ by chance is left out as far as it can be told.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from ifi_mri.signal import noise
from ifi_mri.signal.estimates import (
    Correlation,
    Estimate,
    FloatArray,
    grouped_median,
    median,
    median_sd,
    normal_estimate,
    robust_spread,
    shrunk_to_line,
    spatial_correlation,
    spread_of_median,
)
from ifi_mri.signal.regions import Box, CutOut, NotAssessable, Region
from ifi_mri.signal.settings import NoiseSettings
from ifi_mri.signal.shading import Shading

#: Least spread of the reference, finer than any scanner's, for images without noise.
LEAST_SPREAD: Final = 1e-3


@dataclass(frozen=True, eq=False)
class RelativeSignal:
    """A cut-out in units of normal muscle.

    Attributes
    ----------
    ratio : ndarray of shape (slices, rows, columns)
        Signal over the reference level of the slice, the field taken out; 0 on slices that are not
        compared.
    levels : dict of int to float
        Median reference signal of each compared slice, where the field is 1, with less of its
        chance.
    spread : float
        Robust standard deviation of the reference muscle's ratio: noise and texture.
    level_sd : float
        Standard deviation of the reference level at quadratus femoris, as a fraction: of the
        median, and of the field between both places.
    noise : float
        Noise of one channel over the reference level, 1 / SNR.
    correlation : Correlation
        Of neighbouring voxels in the reference muscle.
    """

    ratio: FloatArray
    levels: dict[int, float]
    spread: float
    level_sd: float
    noise: float
    correlation: Correlation

    def cropped(self, box: Box) -> "RelativeSignal":
        """Return the same in a part of the cut-out that holds the same slices."""
        return replace(self, ratio=self.ratio[box])


def relative_signal(
    image: CutOut,
    reference: Region,
    slices: tuple[int, ...],
    shading: Shading,
    settings: NoiseSettings,
) -> RelativeSignal:
    """Return a cut-out in units of normal muscle; ``reference`` lies on the compared slices alone.

    Raises
    ------
    NotAssessable
        The reference holds no signal, one value only, or values that are no finite numbers; its
        signal is hardly more than noise, or is stored in too few steps.
    """
    even = image.voxels / shading.field
    levels = {k: grouped_median(even[k][reference.inner[k]]) for k in slices}
    if not all(math.isfinite(level) for level in levels.values()):
        raise NotAssessable("the reference_muscle region holds values that are no finite numbers")
    if min(levels.values()) <= 0:
        raise NotAssessable("the reference_muscle region holds no signal")
    if any(np.ptp(image.voxels[k][reference.inner[k]]) == 0 for k in slices):
        raise NotAssessable("the reference_muscle region has one value throughout; it is no image")
    _refuse_coarse(image.voxels[reference.inner], min(levels.values()), settings)
    ratio = np.zeros_like(even)
    for k, level in levels.items():
        ratio[k] = even[k] / level
    values = ratio[reference.inner]
    spread = robust_spread(values)
    correlation = spatial_correlation(
        ratio - 1,
        reference.inner,
        image.pixel_mm,
        settings.correlation_mm,
    )
    steady = _steadied(levels, spread, correlation, reference)
    for k, level in steady.items():
        ratio[k] *= levels[k] / level
    level_sd = math.hypot(
        spread_of_median(spread, correlation.effective_number(len(values))), shading.remaining_sd
    )
    sigma = noise.noise_in_muscle(ratio, reference.inner, image.pixel_mm)
    if sigma * settings.least_snr > 1:
        raise NotAssessable(
            f"the reference_muscle signal is {1 / sigma:.1f} times its noise, at least "
            f"{settings.least_snr:g} was expected"
        )
    return RelativeSignal(ratio, steady, max(spread, LEAST_SPREAD), level_sd, sigma, correlation)


def _steadied(
    levels: dict[int, float], spread: float, correlation: Correlation, reference: Region
) -> dict[int, float]:
    """Return the reference level of each slice with less of its chance.

    Texture and noise leave the median of one slice 0.4 to 3 % uncertain, which a region on two
    slices would inherit.  Gain mostly changes evenly along a stack; where it jumps, the jumps stay
    but for a standard error of the median.
    """
    sds = [
        spread_of_median(spread, correlation.effective_number(int(reference.inner[k].sum())))
        for k in levels
    ]
    logs = shrunk_to_line(
        np.array(list(levels), dtype=np.float64),
        np.log(list(levels.values())),
        np.square(sds),
    )
    return dict(zip(levels, np.exp(logs).tolist(), strict=True))


def _refuse_coarse(values: npt.NDArray[np.floating], level: float, settings: NoiseSettings) -> None:
    """Refuse a picture stored in so few grey levels that its steps look like raised signal."""
    steps = np.diff(np.sort(values))
    step = float(steps[steps > 0].min()) / level
    if step > settings.coarsest_step:
        raise NotAssessable(
            f"the fluid-sensitive picture is stored in steps of {100 * step:.0f} % of the "
            f"reference_muscle signal, at most {100 * settings.coarsest_step:g} % was expected"
        )


def median_ratio(
    relative: RelativeSignal, muscle: Region, pixel_mm: tuple[float, float], settings: NoiseSettings
) -> Estimate:
    """Return the median ratio of quadratus femoris to reference muscle, 1.

    The standard deviation combines that of both medians, for as many voxels as are independent,
    and that of the field between the two places.

    Raises
    ------
    NotAssessable
        The muscle holds values that are no finite numbers.
    """
    values = relative.ratio[muscle.inner]
    if not np.isfinite(values).all():
        raise NotAssessable("the quadratus_femoris region holds values that are no finite numbers")
    middle = grouped_median(values)
    own = spatial_correlation(
        relative.ratio - middle,
        muscle.inner,
        pixel_mm,
        settings.correlation_mm,
    )
    n_effective = min(
        own.effective_number(len(values)), relative.correlation.effective_number(len(values))
    )
    value = floor_free(middle, relative.noise, settings)
    sd = math.hypot(median_sd(values, n_effective), value * relative.level_sd)
    return normal_estimate(value, sd, at_least=0.0)


def floor_free(ratio: float, noise_over_level: float, settings: NoiseSettings) -> float:
    """Return a ratio of two medians without the Rician floor, where the SNR makes it matter."""
    if noise_over_level * settings.floor_below_snr <= 1:
        return ratio
    return noise.without_floor(ratio, noise_over_level) / max(
        noise.without_floor(1.0, noise_over_level), 1e-6
    )


def plain_ratio(image: CutOut, muscle: Region, reference: Region, slices: tuple[int, ...]) -> float:
    """Return the plain median ratio: voxels over the median reference signal of their slice, no
    field and no floor taken out.  What the correction does shows beside it."""
    ratios = [
        image.voxels[k][muscle.inner[k]] / grouped_median(image.voxels[k][reference.inner[k]])
        for k in slices
    ]
    if len(ratios) == 1:  # whole numbers until the division: free of their rounding
        (k,) = slices
        return grouped_median(image.voxels[k][muscle.inner[k]]) / grouped_median(
            image.voxels[k][reference.inner[k]]
        )
    return median(np.concatenate(ratios))
