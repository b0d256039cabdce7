"""Fat in quadratus femoris, and whether fat suppression held.

*Two-point calibration* on a series without fat suppression (T1): signal is linear in the share of
fat in a voxel, muscle at one end and subcutaneous fat at the other, so partial volume averages out:
fat fraction = (S - S_muscle) / (S_fat - S_muscle), the mean over the muscle.  It is a signal
fraction of this sequence, relative to the reference muscle, not a proton density fat fraction.

*Dixon*: fat / (fat + water), computed from the signals without thresholds.  The noise floor is
taken off both, which matters where there is next to no fat (Liu et al., Magn Reson Med
2007;58:354, doi:10.1002/mrm.21301).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ifi_mri.model import Landmark, Volume
from ifi_mri.signal import noise
from ifi_mri.signal.estimates import (
    BoolArray,
    Estimate,
    FloatArray,
    grouped_median,
    median_sd,
    normal_estimate,
    robust_spread,
    spatial_correlation,
)
from ifi_mri.signal.regions import (
    CutOut,
    NotAssessable,
    Region,
    common_slices,
    cut_out,
    region,
    vertices_mm,
)
from ifi_mri.signal.relative import RelativeSignal, relative_signal
from ifi_mri.signal.settings import FatSettings, MuscleSignalSettings
from ifi_mri.signal.shading import Shading, fit_shading
from ifi_mri.signal.tissues import Tissues, tissues

#: Fat must be brighter than muscle by this much for a calibration: on T1 it is 2 to 4 times.
LEAST_CONTRAST: Final = 1.5

#: From this number of slices on the two at the ends of the muscle are left out.
MANY_SLICES: Final = 5

#: Margin in mm around the outlines that is cut out, and that noise is looked for in.
MARGIN_MM: Final = 8.0
NOISE_MARGIN_MM: Final = 40.0

#: Pixels within this factor of the muscle's signal are taken for the same tissue.
AS_BRIGHT: Final = 1.4

#: Voxels whose smoothed fat (or water) signal is below this many noise standard deviations are
#: taken together when the noise floor is removed: one by one, noise would be rectified.
DIM: Final = 2.0

#: Standard deviation in mm of that smoothing.
DIM_SMOOTHING_MM: Final = 2.0

#: Distance in mm between the places at which fat suppression is looked at.
SUPPRESSION_STEP_MM: Final = 2.0
SUPPRESSION_LEAST_VOXELS: Final = 30
#: ...and about the number of slices.
SUPPRESSION_SLICES: Final = 4


@dataclass(frozen=True, slots=True)
class FatFraction:
    """Fat in quadratus femoris.

    Attributes
    ----------
    fraction : Estimate
    grade : int
        0 to 4, Goutallier's words mapped to fractions; the mapping is ours.
    grade_range : tuple of 2 ints
        Grades at both ends of the fraction's 95 % interval.
    method : str
        ``"T1"`` or ``"Dixon"``.
    fat_over_muscle : float or None
        Signal of pure fat over that of reference muscle; None for Dixon.
    n_voxels, n_slices : int
    """

    fraction: Estimate
    grade: int
    grade_range: tuple[int, int]
    method: str
    fat_over_muscle: float | None
    n_voxels: int
    n_slices: int


def fat_fraction_t1(
    anatomy: Volume,
    quadratus: Sequence[Landmark],
    reference: Sequence[Landmark],
    fat: Sequence[Landmark],
    settings: MuscleSignalSettings,
) -> FatFraction:
    """Return the fat fraction of quadratus femoris on a series without fat suppression.

    Parameters
    ----------
    anatomy : Volume
    quadratus, reference, fat : sequences of Landmark
        Closed outlines of the muscle, of normal muscle and of subcutaneous fat.
    settings : MuscleSignalSettings

    Raises
    ------
    NotAssessable
        An outline is missing or too small, or fat is hardly brighter than muscle.
    """
    for name, outlines in (
        ("quadratus_femoris", quadratus),
        ("reference_muscle", reference),
        ("subcutaneous_fat", fat),
    ):
        if not outlines:
            raise NotAssessable(f"no {name} outline")
    points = vertices_mm((*quadratus, *reference, *fat))
    image = cut_out(anatomy, points, MARGIN_MM, "anatomy")
    deep = settings.regions.model_copy(update={"erosion_pixels": settings.fat.erosion_pixels})
    muscle = region("quadratus_femoris", quadratus, image, deep)
    normal = region("reference_muscle", reference, image, settings.regions)
    pure = region("subcutaneous_fat", fat, image, settings.regions)
    slices = without_ends(common_slices(muscle, normal, settings.regions))
    muscle, normal, pure = muscle.on(slices), normal.on(slices), pure.on(slices)
    if int(pure.inner.sum()) < settings.regions.min_pixels:
        raise NotAssessable(
            f"the subcutaneous_fat region holds {int(pure.inner.sum())} pixels on the muscle's "
            f"slices after erosion; at least {settings.regions.min_pixels} are needed"
        )
    if not np.isfinite(image.voxels[muscle.inner | normal.inner | pure.inner]).all():
        raise NotAssessable("the outlined regions hold values that are no finite numbers")
    radius_mm = settings.shading.radius_mm
    shading = fit_shading(
        cut_out(anatomy, points, radius_mm),
        image,
        muscle.whole,
        normal.inner,
        settings.shading,
        shown=tissues(anatomy, reference, radius_mm, settings.regions).muscle,
        also=pure.whole,
    )
    relative = relative_signal(image, normal, slices, shading, settings.noise)
    contrast, contrast_log_sd = _contrast(relative, pure, shading)
    values = (relative.ratio[muscle.inner] - 1) / (contrast - 1)
    fraction = float(values.mean())
    own = spatial_correlation(
        (relative.ratio - 1) / (contrast - 1) - fraction,
        muscle.inner, image.pixel_mm, settings.noise.correlation_mm,
    )  # fmt: skip
    sampling_sd = float(values.std()) / math.sqrt(own.effective_number(len(values)))
    sd = math.hypot(
        sampling_sd,
        # an error of the muscle level moves both ends of the scale, one of the fat level the upper
        (1 - fraction) / (contrast - 1) * relative.level_sd,
        fraction * contrast / (contrast - 1) * contrast_log_sd,
    )
    estimate = normal_estimate(min(max(fraction, 0.0), 1.0), sd, at_least=0.0, at_most=1.0)
    return FatFraction(
        estimate,
        *_grades(estimate, settings.fat),
        "T1",
        contrast,
        len(values),
        len(slices),
    )


def without_ends(slices: tuple[int, ...]) -> tuple[int, ...]:
    """Return slices less the first and the last of many: there the muscle ends inside the slice,
    and its neighbours' fat would count to it."""
    return slices[1:-1] if len(slices) >= MANY_SLICES else slices


def _contrast(relative: RelativeSignal, pure: Region, shading: Shading) -> tuple[float, float]:
    """Return the signal of pure fat over that of muscle and the SD of its logarithm.

    The median: septa and vessels are darker and few.
    """
    values = relative.ratio[pure.inner]
    contrast = grouped_median(values)
    if not contrast >= LEAST_CONTRAST:
        raise NotAssessable(
            f"subcutaneous fat is {contrast:.2f} times as bright as the reference muscle; at least "
            f"{LEAST_CONTRAST:g} are needed for a calibration on a series without fat suppression"
        )
    n_effective = relative.correlation.effective_number(len(values))
    return contrast, math.hypot(
        median_sd(values, n_effective) / contrast, shading.also_remaining_sd
    )


def goutallier_grade(fraction: float, settings: FatSettings) -> int:
    """Return the grade 0 to 4 of a fat fraction, compared as it is printed (0.1 %); 0 no fat, 1
    some streaks, 2 less fat than muscle, 3 as much, 4 more (Goutallier et al., Clin Orthop
    1994;304:78).  The fractions are ours and not validated."""
    return sum(round(fraction, 3) >= bound for bound in settings.goutallier_fractions)


def _grades(fraction: Estimate, settings: FatSettings) -> tuple[int, tuple[int, int]]:
    """Return the grade of a fraction, and the grades at both ends of its interval."""
    value, low, high = (
        goutallier_grade(x, settings) for x in (fraction.value, fraction.low, fraction.high)
    )
    return value, (low, high)


# --- Dixon --------------------------------------------------------------------------------------


def fat_fraction_dixon(
    water: Volume, fat: Volume, quadratus: Sequence[Landmark], settings: MuscleSignalSettings
) -> FatFraction:
    """Return the fat fraction of quadratus femoris from Dixon water and fat images.

    Raises
    ------
    NotAssessable
        The two images do not lie on one grid, or the outline is missing or too small.
    """
    if not quadratus:
        raise NotAssessable("no quadratus_femoris outline")
    if water.voxels.shape != fat.voxels.shape or not np.allclose(
        water.affine, fat.affine, atol=1e-3
    ):
        raise NotAssessable("the Dixon water and fat images do not lie on one grid")
    points = vertices_mm(quadratus)
    images = [cut_out(volume, points, NOISE_MARGIN_MM, "Dixon") for volume in (water, fat)]
    for name, image in zip(("water", "fat"), images, strict=True):
        if np.ptp(image.voxels) == 0:
            raise NotAssessable(f"the Dixon {name} image has one value throughout; it is no image")
    deep = settings.regions.model_copy(update={"erosion_pixels": settings.fat.erosion_pixels})
    muscle = region("quadratus_femoris", quadratus, images[0], deep)
    muscle = muscle.on(without_ends(muscle.slices))
    inner, pixel_mm = muscle.inner, images[0].pixel_mm
    n_voxels = int(inner.sum())
    if n_voxels < settings.regions.min_pixels:
        raise NotAssessable(
            f"the quadratus_femoris region holds {n_voxels} pixels after erosion; at least "
            f"{settings.regions.min_pixels} are needed"
        )
    of_water, of_fat = (image.voxels.astype(np.float64) for image in images)
    if not (np.isfinite(of_water[inner]).all() and np.isfinite(of_fat[inner]).all()):
        raise NotAssessable("the quadratus_femoris region holds values that are no finite numbers")
    sigma = _dixon_noise(images, of_water[inner], of_fat[inner])
    (water_mean, water_dim), (fat_mean, fat_dim) = (
        _mean_without_floor(part, inner, sigma, pixel_mm) for part in (of_water, of_fat)
    )
    both = water_mean + fat_mean
    if not both > 0:
        raise NotAssessable("the quadratus_femoris region holds no signal on the Dixon images")
    fraction = fat_mean / both
    residual = np.where(inner, (1 - fraction) * of_fat - fraction * of_water, 0.0) / both
    residual = np.where(inner, residual - residual[inner].mean(), 0.0)
    own = spatial_correlation(residual, inner, pixel_mm, settings.noise.correlation_mm)
    n_effective = own.effective_number(n_voxels)
    sd = math.hypot(
        float(residual[inner].std()) / math.sqrt(n_effective),
        # what the floor leaves open: of A^2 = E[M^2] - 2 sigma^2, both known from the voxels
        math.sqrt(2 * math.sqrt(3 / n_effective)) * sigma * max(water_dim, fat_dim) / both / 2,
    )
    estimate = normal_estimate(min(max(fraction, 0.0), 1.0), sd, at_least=0.0, at_most=1.0)
    return FatFraction(
        estimate,
        *_grades(estimate, settings.fat),
        "Dixon",
        None,
        n_voxels,
        len(muscle.slices),
    )


def _dixon_noise(images: Sequence[CutOut], water: FloatArray, fat: FloatArray) -> float:
    """Return the noise of either Dixon image, from pixels around that are as bright as the muscle.

    Noise is the same on both, each being a sum of the same echoes.  Where the signal is strong it
    is seen undistorted, in the dark it is only two thirds of itself; so the image on which the
    muscle is brighter is taken.  A tenth of a percent of fat rests on this number, hence the wide
    surroundings.
    """
    image, level = max(
        ((image, float(np.median(part))) for image, part in zip(images, (water, fat), strict=True)),
        key=lambda pair: pair[1],
    )
    voxels = image.voxels.astype(np.float64)
    alike = (voxels > level / AS_BRIGHT) & (voxels < level * AS_BRIGHT)
    alike = ndimage.binary_erosion(alike, np.ones((1, 3, 3), dtype=np.bool_), iterations=2)
    return noise.noise_in_muscle(voxels, alike, image.pixel_mm)


def _mean_without_floor(
    voxels: FloatArray, inner: BoolArray, sigma: float, pixel_mm: tuple[float, float]
) -> tuple[float, float]:
    """Return the mean true signal of a region of a magnitude image, and the share of dim voxels.

    Bright voxels lose sigma^2 / (2 A), the mean excess of a Rician signal; dim ones are taken
    together, by E[M^2] = A^2 + 2 sigma^2.  Images with negative values are no magnitudes and have
    no floor.
    """
    values = voxels[inner]
    if values.min() < 0:
        return float(values.mean()), 0.0
    smooth = noise.smoothed_inside(voxels, inner, DIM_SMOOTHING_MM, pixel_mm)[inner]
    dim = smooth <= DIM * sigma
    total = len(values[dim]) * noise.rms_without_floor(values[dim], sigma) if dim.any() else 0.0
    total += float((values[~dim] - sigma**2 / (2 * smooth[~dim])).sum()) if not dim.all() else 0.0
    return total / len(values), float(dim.mean())


# --- fat suppression ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FatSuppression:
    """Signal of fat near the regions on the fluid-sensitive series, over reference muscle.

    Attributes
    ----------
    fat_over_muscle : Estimate
        Median over the places that the anatomy series (or an outline) shows to be fat.
    is_lost : bool
    n_voxels : int
    """

    fat_over_muscle: Estimate
    is_lost: bool
    n_voxels: int


def fat_suppression(
    image: CutOut,
    relative: RelativeSignal,
    shown: Tissues | None,
    outlined: BoolArray | None,
    settings: FatSettings,
) -> FatSuppression | None:
    """Return how bright fat is near the regions, or None where no fat is known there.

    Parameters
    ----------
    image : CutOut
        Of the fluid-sensitive series.
    relative : RelativeSignal
        Of that cut-out.
    shown : Tissues or None
        The anatomy series, which shows subcutaneous fat, fat planes and marrow alike.
    outlined : ndarray of bool or None
        Subcutaneous fat as the reader drew it, eroded.
    settings : FatSettings
    """
    looked_at = sorted(relative.levels)[:: max(1, len(relative.levels) // SUPPRESSION_SLICES)]
    is_fat = np.zeros(image.voxels.shape, dtype=np.bool_)
    if outlined is not None:
        is_fat[looked_at] = outlined[looked_at]
    if shown is not None:
        is_fat[_fat_shown(shown, image, looked_at)] = True
    values = relative.ratio[is_fat]
    if len(values) < SUPPRESSION_LEAST_VOXELS:
        return None
    median = grouped_median(values)
    n_effective = relative.correlation.effective_number(len(values))
    sd = math.hypot(
        math.sqrt(math.pi / 2 / n_effective) * robust_spread(values), median * relative.level_sd
    )
    return FatSuppression(
        normal_estimate(median, sd, at_least=0.0), median > settings.suppression_limit, len(values)
    )


def _fat_shown(
    shown: Tissues, image: CutOut, slices: Sequence[int]
) -> tuple[npt.NDArray[np.intp], ...]:
    """Return the pixels of some slices, as indices, on a lattice of `SUPPRESSION_STEP_MM`, that are
    fat at their centre and at all four corners."""
    down, right = (max(1, round(SUPPRESSION_STEP_MM / spacing)) for spacing in image.pixel_mm)
    rows, columns = (
        np.arange(0, n, step) for n, step in zip(image.voxels.shape[1:], (down, right), strict=True)
    )
    lattice = np.empty((3, len(slices), len(rows), len(columns)), dtype=np.intp)
    lattice[0], lattice[1], lattice[2] = np.reshape(slices, (-1, 1, 1)), rows[:, None], columns
    index = lattice.reshape(3, -1)
    is_fat = shown.fat.throughout(image.affine, index.T.astype(np.float64), (0.5, 0.5))
    return tuple(index.compress(is_fat, axis=1))
