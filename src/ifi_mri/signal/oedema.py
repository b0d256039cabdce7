"""How much of quadratus femoris shows raised signal: share, volume, largest region, height.

Two quantities answer two questions.

*Above threshold*: the share of voxels above reference level + k spreads, the quantity of
quantitative STIR (Sci Rep 2020;10:7246).  In noise it is never 0, and at sharp contrast it counts
the blurred edge of a region too.

*Extent*: regions of raised signal that hold together (`ifi_mri.signal.raised`), sized by their own
full signal, and to them the scattered voxels above threshold, less those that chance puts there.
Extent is what is graded.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage

from ifi_mri.signal.estimates import (
    BoolArray,
    Estimate,
    FloatArray,
    median,
    median_sd,
    normal_estimate,
    spatial_correlation,
    total,
    wilson_interval_95,
    without_chance,
)
from ifi_mri.signal.raised import (
    DEAD_ZONE_SD,
    Raised,
    Yardstick,
    raised_regions,
    share_of,
    yardstick,
)
from ifi_mri.signal.regions import Box, CutOut, Region, box_around, slice_weights_mm
from ifi_mri.signal.relative import RelativeSignal, floor_free
from ifi_mri.signal.rim import BLUR_PIXELS, blurred, covered
from ifi_mri.signal.settings import NoiseSettings, OedemaSettings

#: Variance of Cavalieri's estimate from systematic slices of an irregular object, over the sum
#: 3 A - 4 B + C of products of its areas (Gundersen et al., J Microsc 1999;193:199).
CAVALIERI: Final = 1 / 12

#: Voxels more than half raised make up a connected region.
HALF: Final = 0.5

#: Voxels inside a raised region from which on its signal is read there alone, and the least part of
#: its full signal that those and their neighbours have.
ENOUGH_VOXELS: Final = 15
NEARLY_FULL: Final = 0.9

#: Part of what is above the reference that giving back the blur leaves uncertain where there is
#: hardly any: the error of raised regions without noise (`scripts/bench/signal.py`).
LEFT_BY_BLUR: Final = 0.005

#: Blur of the picture over that which the correlation of the reference muscle says: the same filter
#: blurs noise and anatomy, but texture lengthens the correlation.
OF_NOISE: Final = 0.8

NOTHING: Final = Estimate(0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Oedema:
    """Raised signal in quadratus femoris.

    Attributes
    ----------
    share : ndarray of shape (slices, rows, columns)
        How much of each voxel of the muscle is raised, 0 to 1, in the part ``box`` of the cut-out.
    above : ndarray of bool, same shape
        Read voxels above the threshold.
    image : CutOut
        That part.
    box : tuple of 3 slices
        Where it lies in the cut-out.
    yardstick : Yardstick
        Threshold, chance level, and what raised regions start from.
    fraction_above : Estimate
        Share of read voxels above the threshold, chance included.
    extent : Estimate
        Raised share of the muscle, chance removed.
    volume_ml : Estimate
    largest : Estimate
        Largest connected region as a share of the muscle.
    height_mm : Estimate
        Craniocaudal extent of that region.
    ratio : Estimate or None
        Signal of the raised regions over reference muscle; None where there is no region.
    muscle_ml : float
        Volume of the muscle on the compared slices.
    n_voxels, n_above : int
        Voxels read, and those above the threshold.
    """

    share: FloatArray
    above: BoolArray
    image: CutOut
    box: Box
    yardstick: Yardstick
    fraction_above: Estimate
    extent: Estimate
    volume_ml: Estimate
    largest: Estimate
    height_mm: Estimate
    ratio: Estimate | None
    muscle_ml: float
    n_voxels: int
    n_above: int


def measure_oedema(
    image: CutOut,
    relative: RelativeSignal,
    muscle: Region,
    reference: Region,
    settings: OedemaSettings,
    noise_settings: NoiseSettings,
) -> Oedema:
    """Return the raised signal of quadratus femoris on the slices that are compared.

    Parameters
    ----------
    image : CutOut
    relative : RelativeSignal
        Of that cut-out.
    muscle, reference : Region
        On the compared slices alone.
    settings : OedemaSettings
    noise_settings : NoiseSettings
    """
    measure = yardstick(relative, reference, image.pixel_mm, settings)
    box = box_around(muscle.whole, settings.plateau_mm, image.pixel_mm)
    image, muscle, relative = image.cropped(box), muscle.cropped(box), relative.cropped(box)
    sizes = _Sizes.of(muscle, image)
    raised = raised_regions(relative, muscle, sizes.cover, image.pixel_mm, measure, settings)
    above = muscle.inner & (relative.ratio > measure.threshold)
    n_voxels, n_above = int(muscle.inner.sum()), int(above.sum())
    extent = total(
        _regions_extent(raised, muscle, relative, sizes),
        _scattered(raised, above, muscle, relative, measure),
        at_most=1.0,
    )
    largest, height_mm = _largest(raised, sizes, image, extent)
    return Oedema(
        share=np.where(muscle.whole, raised.share, 0.0),
        above=above,
        image=image,
        box=box,
        yardstick=measure,
        fraction_above=_fraction(
            n_above / n_voxels, relative.correlation.effective_number(n_voxels)
        ),
        extent=extent,
        volume_ml=extent.times(sizes.muscle_ml),
        largest=largest,
        height_mm=height_mm,
        ratio=_raised_ratio(raised, relative, muscle, sizes.cover, image.pixel_mm, noise_settings),
        muscle_ml=sizes.muscle_ml,
        n_voxels=n_voxels,
        n_above=n_above,
    )


@dataclass(frozen=True, eq=False)
class _Sizes:
    """What each voxel of the muscle stands for.

    ``cover`` is the part of each voxel inside the outlines; ``weights`` is that times the length of
    the stack, mm, on read slices; ``heights_mm`` that length by slice; ``total`` the sum of the
    weights.
    """

    cover: FloatArray
    weights: FloatArray
    heights_mm: FloatArray
    total: float
    muscle_ml: float

    @classmethod
    def of(cls, muscle: Region, image: CutOut) -> "_Sizes":
        read = [k for k in muscle.slices if muscle.inner[k].any()]
        heights = np.zeros(len(muscle.whole))
        heights[read] = slice_weights_mm(read, image.slice_spacing_mm)
        cover = covered(muscle, image)
        weights = cover * heights[:, None, None]
        total_mm = float(weights.sum())
        return cls(cover, weights, heights, total_mm, total_mm * math.prod(image.pixel_mm) / 1000)


def _fraction(seen: float, n_effective: float) -> Estimate:
    sd = math.sqrt(seen * (1 - seen) / n_effective)
    return Estimate(seen, sd, *wilson_interval_95(seen, n_effective))


def _regions_extent(
    raised: Raised, muscle: Region, relative: RelativeSignal, sizes: _Sizes
) -> Estimate:
    """Return the share of the muscle in raised regions.

    Its variance: edge voxels, each as uncertain as a coin that shows its share, in clumps of the
    noise's correlation; the reference level, by moving it; the slices, by Cavalieri's principle.
    """
    value = float((sizes.weights * raised.share).sum()) / sizes.total
    if value == 0:
        return NOTHING
    coins = float((sizes.weights**2 * raised.share * (1 - raised.share)).sum())
    edge_sd = math.sqrt(coins * relative.correlation.voxels_per_independent) / sizes.total
    read = [part[muscle.inner] for part in (raised.excess, raised.plateau, raised.spread)]
    lower, higher = (
        share_of(read[0] + step, *read[1:]) for step in (-relative.level_sd, relative.level_sd)
    )
    level_sd = float((higher - lower).mean()) / 2
    areas = (sizes.weights * raised.share).sum(axis=(1, 2))
    sd = math.hypot(edge_sd, level_sd, cavalieri_sd(areas) / sizes.total)
    return normal_estimate(value, sd, at_least=0.0, at_most=1.0)


def cavalieri_sd(parts: FloatArray) -> float:
    """Return the standard deviation of a sum over systematic slices of an irregular object:
    sqrt((3 sum p_i^2 - 4 sum p_i p_i+1 + sum p_i p_i+2) / 12) (Gundersen et al. 1999)."""
    a, b, c = (float(parts[: len(parts) - lag] @ parts[lag:]) for lag in range(3))
    return math.sqrt(max(0.0, 3 * a - 4 * b + c) * CAVALIERI)


def _scattered(
    raised: Raised,
    above: BoolArray,
    muscle: Region,
    relative: RelativeSignal,
    measure: Yardstick,
) -> Estimate:
    """Return the share of the muscle that is voxels above threshold away from raised regions, less
    what chance puts there.

    What may as well be chance counts for nothing: its difference, never below 0, would on average
    add to every muscle.  It stays in the interval.
    """
    elsewhere = muscle.inner & (raised.plateau == 0)
    n = int(elsewhere.sum())
    if n == 0:
        return NOTHING
    seen = _fraction(float(above[elsewhere].mean()), relative.correlation.effective_number(n))
    value, low, high = (
        without_chance(x, measure.chance) for x in (seen.value, seen.low, seen.high)
    )
    certain = value if low > 0 else 0.0
    return Estimate(certain, seen.sd, low, high).times(n / int(muscle.inner.sum()))


def _largest(
    raised: Raised, sizes: _Sizes, image: CutOut, extent: Estimate
) -> tuple[Estimate, Estimate]:
    """Return the largest group of raised voxels that touch by their faces, in the plane or across
    slices, as a share of the muscle, and its craniocaudal extent in mm; scattered voxels above
    the threshold, which chance may have put there, make up no group.

    Each slice counts to the height by how full its fullest voxel is; both ends lie anywhere within
    a slice spacing, whose variance is spacing^2 / 12.
    """
    full = raised.share
    is_raised = full > HALF
    if not is_raised.any():  # what is too small to be seen may be there, on one slice
        return (
            Estimate(0.0, extent.sd, 0.0, extent.high),
            Estimate(0.0, image.slice_spacing_mm / math.sqrt(12), 0.0, image.slice_spacing_mm),
        )
    groups, _ = ndimage.label(is_raised)
    group_sizes = np.bincount(groups.ravel(), (sizes.weights * full).ravel())
    group = groups == int(np.argmax(group_sizes[1:])) + 1
    fringe = ndimage.maximum_filter(group, size=3) & (full <= HALF)
    part = np.where(group | fringe, full, 0.0)
    areas = (sizes.weights * part).sum(axis=(1, 2))
    height = float(part.max(axis=(1, 2)) @ sizes.heights_mm)
    return (
        normal_estimate(
            float(areas.sum()) / sizes.total,
            cavalieri_sd(areas) / sizes.total,
            at_least=0.0,
            at_most=1.0,
        ),
        normal_estimate(height, image.slice_spacing_mm / math.sqrt(6), at_least=0.0),
    )


def _raised_ratio(
    raised: Raised,
    relative: RelativeSignal,
    muscle: Region,
    cover: FloatArray,
    pixel_mm: tuple[float, float],
    settings: NoiseSettings,
) -> Estimate | None:
    """Return the median ratio of the voxels that are wholly raised, or None where none is.

    What blur mixed with each is taken out: the surroundings of the muscle (`ifi_mri.signal.rim`),
    and normal muscle beside the region by how much of the muscle's part in a voxel is left of the
    region itself, the recovery coefficient of emission tomography (Hoffman et al., J Comput Assist
    Tomogr 1979;3:299).

    Its variance is the sum of three: of the median, for as many voxels as are independent - raised
    muscle has more texture over noise than normal muscle, so that its own correlation counts where
    it is longer; of the reference level, which scales the ratio; and of the blur, whose recovery r
    may be off by half of 1 - r.
    """
    inside = raised.share > HALF
    if not inside.any():
        return None
    chosen = _wholly_raised(raised, muscle)
    if not chosen.any():
        return None
    blur = min(BLUR_PIXELS, OF_NOISE * relative.correlation.blur_pixels)
    region, whole = (blurred(part, blur)[chosen] for part in (inside * cover, cover))
    recovery = np.maximum(region / whole, HALF)
    values = 1 + (raised.alone[chosen] - 1) / recovery
    value = floor_free(median(values), relative.noise, settings)
    own = spatial_correlation(relative.ratio - value, chosen, pixel_mm, settings.correlation_mm)
    n_effective = min(part.effective_number(len(values)) for part in (own, relative.correlation))
    of_blur = (value - 1) * math.hypot((1 - median(recovery)) / 2, LEFT_BY_BLUR)
    sd = math.hypot(median_sd(values, n_effective), value * relative.level_sd, of_blur)
    return normal_estimate(value, sd, at_least=0.0)


def _wholly_raised(raised: Raised, muscle: Region) -> BoolArray:
    """Return the read voxels that show the region's full signal but for noise, those whose
    neighbours in the plane nearly do, too, where there are enough.

    Noise is allowed for on the low side: of a faint region the brighter voxels alone would have a
    median that is too high.
    """
    at_best = raised.excess + DEAD_ZONE_SD * raised.spread
    inside = raised.share > HALF
    nearly = inside & ((at_best >= NEARLY_FULL * raised.plateau) | ~muscle.inner)
    deep = muscle.inner & ndimage.minimum_filter(nearly, size=(1, 3, 3))
    if int(deep.sum()) >= ENOUGH_VOXELS:
        return np.asarray(deep)
    return muscle.inner & inside & (at_best >= raised.plateau)
