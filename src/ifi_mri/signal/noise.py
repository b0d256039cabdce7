"""Noise of a magnitude image where it matters: in the muscle.

Magnitude signals are Rician: at signal-to-noise ratio SNR the mean lies above the true signal by
about sigma / (2 SNR) and, in air, at 1.25 sigma (Gudbjartsson and Patz, Magn Reson Med
1995;34:910, doi:10.1002/mrm.1910340618).  Noise of arrays of coils is not the same everywhere and
its floor in air is higher (Constantinides et al., Magn Reson Med 1997;38:852), so air says nothing
sure about muscle: the noise is measured in the reference muscle, from differences of voxels too far
apart to be correlated by filtering and too near to differ in anatomy.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from ifi_mri.signal.estimates import BoolArray, FloatArray, robust_spread
from ifi_mri.signal.regions import box_around
from ifi_mri.signal.smoothing import smoothed

#: Distance in mm between the voxels whose difference is taken: beyond the blur of interpolated
#: matrices (evidence document, section 8: up to 1.7 mm pixels shown at 0.5 mm).
DIFFERENCE_MM: Final = 2.5


def noise_in_muscle(voxels: FloatArray, mask: BoolArray, pixel_mm: tuple[float, float]) -> float:
    """Return the noise's standard deviation in a region, from differences of voxels
    `DIFFERENCE_MM` apart along rows and along columns; anatomy coarser than that drops out.

    Parameters
    ----------
    voxels, mask : ndarrays of shape (slices, rows, columns)
    pixel_mm : tuple of 2 floats
        Row and column spacing.

    Returns
    -------
    float
        In the voxels' unit; the plain spread where the region is too small for differences.
    """
    differences = []
    for axis, spacing in enumerate(pixel_mm, start=1):
        lag = max(1, math.ceil(DIFFERENCE_MM / spacing))
        ahead, behind = [slice(None)] * 3, [slice(None)] * 3
        ahead[axis], behind[axis] = slice(lag, None), slice(None, -lag)
        both = mask[tuple(ahead)] & mask[tuple(behind)]
        differences.append(voxels[tuple(ahead)][both] - voxels[tuple(behind)][both])
    pairs = np.concatenate(differences)
    if len(pairs) < 2:
        return robust_spread(voxels[mask]) if mask.any() else 0.0
    return robust_spread(pairs) / math.sqrt(2)


def without_floor(level: float, sigma: float) -> float:
    """Return the true signal whose Rician magnitudes have this median.

    sqrt(M^2 - sigma^2), the first-order correction (Gudbjartsson and Patz 1995); right to 1 % from
    a signal of 2 sigma up, to 2 % from 1.5.  0 where the level is no higher than noise.
    """
    return math.sqrt(max(0.0, level * level - sigma * sigma))


def rms_without_floor(values: npt.ArrayLike, sigma: float) -> float:
    """Return the root mean square of the true signal behind Rician magnitudes, exactly:
    E[M^2] = A^2 + 2 sigma^2 (Gudbjartsson and Patz 1995).  0 where there is none."""
    mean_square = float(np.mean(np.square(np.asarray(values, dtype=np.float64))))
    return math.sqrt(max(0.0, mean_square - 2 * sigma * sigma))


def smoothed_inside(
    values: FloatArray, mask: BoolArray, sd_mm: float, pixel_mm: tuple[float, float]
) -> FloatArray:
    """Return values smoothed slice by slice with a Gaussian that sees the mask alone; 0 outside.

    Normalised convolution (Knutsson and Westin, CVPR 1993): what lies outside neither darkens nor
    brightens the edge.
    """
    inside = np.where(mask, values, 0.0)
    if sd_mm == 0 or not mask.any():
        return inside
    box = box_around(mask, 0.0, pixel_mm)
    sd_pixels = (sd_mm / pixel_mm[0], sd_mm / pixel_mm[1])
    here = mask[box]
    weights, sums = smoothed(
        np.array([here, inside[box]]), sd_pixels, truncate=3.0, mode="constant"
    )
    np.divide(sums, weights, out=inside[box], where=here)
    return inside
