"""Regions of raised signal in a muscle, and how much of each voxel belongs to them.

A region starts where smoothed signal is beyond chance and beyond what normal muscles differ by.
Its own full signal is then the yardstick: a voxel at its edge counts for the share of the full
signal it has, so that partial volume, blur and noise do not move the edge.  That carries on to
shares what infarct imaging does at half the full signal (Amado et al., J Am Coll Cardiol
2004;44:2383; Flett et al., JACC Cardiovasc Imaging 2011;4:150).

Faint regions need more smoothing to be seen, bright ones suffer from it: both scales are tried, and
the finer one is believed wherever half of the full signal stands out of its noise.

The outermost pixels of the muscle are never read for its signal, and no region starts there; shares
are continued to them, so that a share of the muscle is a share of the whole muscle.  What they show
once their surroundings are taken out (`ifi_mri.signal.rim`) says how far a region goes on.
"""

import math
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from scipy import ndimage
from scipy.special import ndtr

from ifi_mri.signal.estimates import BoolArray, FloatArray, quantile, robust_spread
from ifi_mri.signal.noise import smoothed_inside
from ifi_mri.signal.plateau import full_excess
from ifi_mri.signal.regions import Region, box_around
from ifi_mri.signal.relative import RelativeSignal
from ifi_mri.signal.rim import Rim, muscle_alone
from ifi_mri.signal.settings import OedemaSettings
from ifi_mri.signal.smoothing import smoothed

#: The share of an edge voxel is stretched so that noise within this many of its spreads of nothing
#: counts as nothing and of everything as everything; never by more than a quarter at either end.
#: Symmetric about a half, so that a straight edge stays where it is.
DEAD_ZONE_SD: Final = 3.0
MOST_DEAD_ZONE: Final = 0.25

#: A voxel counts half at half the full signal, but never below this many spreads of noise: a faint
#: region is sized from what stands out, not from what half of it would be.
HALF_AT_LEAST_SD: Final = 3.0

#: A tail share of the reference above this is contamination (vessels), not chance.
MOST_CHANCE: Final = 0.01

#: A region must start above what this share of the smoothed reference reaches: normal muscle has
#: vessels and fascia, and says itself how bright they are.  A vessel caught in the reference may
#: raise the start by this factor at most.
NORMAL_SHARE: Final = 0.99
MOST_SEED: Final = 2.0

#: How far a share that is continued over the edge of what is read may be off, one pixel further.
CONTINUED_SD: Final = 0.3

#: A rim pixel belongs to a region of which a read pixel holds at least this share, this near by.
RIM_SHARE: Final = 0.1
RIM_REACH_PIXELS: Final = 2

#: Smoothing of the finer scale over that of the coarser.
FINER: Final = 0.5


class Yardstick(NamedTuple):
    """What counts as raised, from the reference muscle.

    Attributes
    ----------
    threshold : float
        Ratio above which a single voxel counts as raised.
    chance : float
        Share of normal voxels that exceed it.
    scales : tuple of Scale
        Coarse to fine.
    """

    threshold: float
    chance: float
    scales: tuple["Scale", ...]


class Scale(NamedTuple):
    """A degree of smoothing.

    Attributes
    ----------
    smoothing_mm : float
        Standard deviation of the Gaussian.
    seed : float
        Excess of the smoothed ratio over 1 at which a region starts.
    spread : float
        Robust standard deviation of the reference's smoothed ratio, the uncertainty of its level
        added.
    """

    smoothing_mm: float
    seed: float
    spread: float


def yardstick(
    relative: RelativeSignal,
    reference: Region,
    pixel_mm: tuple[float, float],
    settings: OedemaSettings,
) -> Yardstick:
    """Return what counts as raised.

    The chance level is the normal distribution's tail, or the reference's own where that is
    heavier, within reason.
    """
    threshold = 1 + max(settings.threshold_sd * relative.spread, settings.min_excess)
    tail = float(ndtr(-(threshold - 1) / relative.spread))
    seen = float((relative.ratio[reference.inner] > threshold).mean())
    box = box_around(reference.inner, 0.0, pixel_mm)
    excess, inner = relative.ratio[box] - 1, reference.inner[box]
    scales = []
    for smoothing_mm in (settings.smoothing_mm, settings.smoothing_mm * FINER):
        smooth = smoothed_inside(excess, inner, smoothing_mm, pixel_mm)[inner]
        spread = robust_spread(smooth)
        seed = max(settings.seed_sd * spread, settings.min_excess)
        of_normal = min(quantile(smooth, NORMAL_SHARE), MOST_SEED * seed)
        scales.append(Scale(smoothing_mm, max(seed, of_normal), spread + relative.level_sd))
    return Yardstick(threshold, max(tail, min(seen, MOST_CHANCE)), tuple(scales))


@dataclass(frozen=True, eq=False)
class Raised:
    """Regions of raised signal, arrays of shape (slices, rows, columns).

    Attributes
    ----------
    share : ndarray
        How much of each voxel is raised, 0 to 1.
    excess : ndarray
        Smoothed ratio less 1, at read voxels.
    plateau : ndarray
        Full excess of the region near a voxel; 0 far from any.
    spread : ndarray
        Noise of ``excess``.
    alone : ndarray
        Ratio, not smoothed, with what spills in from around the muscle taken out.
    """

    share: FloatArray
    excess: FloatArray
    plateau: FloatArray
    spread: FloatArray
    alone: FloatArray


def raised_regions(
    relative: RelativeSignal,
    muscle: Region,
    cover: FloatArray,
    pixel_mm: tuple[float, float],
    measure: Yardstick,
    settings: OedemaSettings,
) -> Raised:
    """Return the regions of raised signal in the whole muscle.

    Light that spills into the muscle from brighter surroundings is taken out before; darker ones
    never make a pixel brighter here, so that none starts a region.

    Parameters
    ----------
    relative : RelativeSignal
    muscle : Region
    cover : ndarray of shape (slices, rows, columns)
        Part of each pixel inside the muscle's outlines.
    pixel_mm : tuple of 2 floats
    measure : Yardstick
    settings : OedemaSettings
    """
    if relative.ratio[muscle.inner].max() - 1 <= min(scale.seed for scale in measure.scales):
        none = np.zeros_like(relative.ratio)  # no average of pixels is above the largest of them
        return Raised(none, relative.ratio - 1, none, none, relative.ratio)
    alone = muscle_alone(relative.ratio, cover)
    excess = np.minimum(alone.ratio, relative.ratio) - 1
    blur = relative.correlation.blur_pixels
    raised, *finer = (
        Raised(*_at_scale(excess, muscle, pixel_mm, scale, blur, settings), alone.ratio)
        for scale in measure.scales
    )
    for better in finer:
        stands_out = better.plateau >= 2 * HALF_AT_LEAST_SD * better.spread
        raised = replace(
            raised,
            **{
                name: np.where(stands_out, getattr(better, name), getattr(raised, name))
                for name in ("share", "excess", "plateau", "spread")
            },
        )
    if not raised.share.any():
        return raised
    return replace(
        raised, share=_to_the_rim(raised, alone, relative.spread, muscle, cover > 0, pixel_mm)
    )


def _at_scale(
    excess: FloatArray,
    muscle: Region,
    pixel_mm: tuple[float, float],
    scale: Scale,
    blur_pixels: float,
    settings: OedemaSettings,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return share, excess, plateau and spread as seen at one degree of smoothing, on read voxels.

    A region starts further up where there is more noise than inside the muscle.
    """
    excess = smoothed_inside(excess, muscle.inner, scale.smoothing_mm, pixel_mm)
    seed = excess > scale.seed
    none, spread = np.zeros_like(excess), np.full_like(excess, scale.spread)
    if seed.any():
        more = noise_at_edges(muscle.inner, scale.smoothing_mm, blur_pixels, pixel_mm) - 1
        seed &= excess > scale.seed + settings.seed_sd * scale.spread * more
    if not seed.any():
        return none, excess, none, spread
    plateau = full_excess(excess, seed, scale.spread, pixel_mm, settings.plateau_mm, muscle.slices)
    share = np.where(muscle.inner, share_of(excess, plateau, spread), 0.0)
    return np.where(_held_together(share, seed), share, 0.0), excess, plateau, spread


def noise_at_edges(
    inner: BoolArray, smoothing_mm: float, blur_pixels: float, pixel_mm: tuple[float, float]
) -> FloatArray:
    """Return the noise of smoothed signal over what it is far inside the muscle, at least 1.

    At the edge of what is read fewer voxels are averaged.  With Gaussian weights w of standard
    deviation s inside the mask m and white noise, the variance of the average is
    sum(w^2 m) / sum(w m)^2, in which w^2 is a Gaussian of s / sqrt(2).  Of noise that a blur b
    correlates, smoothing averages less wherever it is; s^2 / (s^2 + b^2) of the logarithm remains
    (within 0.1 of simulated noise on edges, corners and strips of two pixels).

    Parameters
    ----------
    inner : ndarray of bool, shape (slices, rows, columns)
    smoothing_mm : float
        Standard deviation of the smoothing.
    blur_pixels : float
        Standard deviation of the Gaussian that correlates the noise.
    pixel_mm : tuple of 2 floats

    Returns
    -------
    ndarray of that shape; 1 outside the mask
    """
    down, right = (smoothing_mm / spacing for spacing in pixel_mm)
    if smoothing_mm == 0:
        return np.ones(inner.shape)
    mask = inner.astype(np.float64)
    first, second = (
        smoothed(mask, (down / narrower, right / narrower), truncate=3.0, mode="constant")
        for narrower in (1.0, math.sqrt(2))
    )
    left = down * right / (down * right + blur_pixels**2)
    variance = np.where(inner, second / np.where(inner, first, 1.0) ** 2, 1.0)
    return np.asarray(np.maximum(variance, 1.0) ** (left / 2))


def share_of(excess: FloatArray, plateau: FloatArray, spread: FloatArray) -> FloatArray:
    """Return excess over plateau, stretched against noise and cut to 0..1; 0 far from regions."""
    near = plateau > 0
    full = np.where(near, plateau, 1.0)
    dead = np.minimum(DEAD_ZONE_SD * spread / full, MOST_DEAD_ZONE)
    half = np.maximum(0.5, HALF_AT_LEAST_SD * spread / full)
    share = np.clip(0.5 + (excess / full - half) / (1 - 2 * dead), 0, 1)
    return np.where(near, share, 0.0)


def _held_together(share: FloatArray, seed: BoolArray) -> BoolArray:
    """Return the voxels of groups (faces and corners in the plane, faces across slices) that hold
    a seed: noise beside a region is no part of it."""
    touching = np.zeros((3, 3, 3), dtype=np.bool_)
    touching[1] = True
    touching[:, 1, 1] = True
    groups, n_groups = ndimage.label(share > 0, structure=touching)
    holds = np.zeros(n_groups + 1, dtype=np.bool_)
    holds[groups[seed & (share > 0)]] = True
    return np.asarray(holds[groups])


def _to_the_rim(
    raised: Raised,
    alone: Rim,
    spread: float,
    muscle: Region,
    covered: BoolArray,
    pixel_mm: tuple[float, float],
) -> FloatArray:
    """Return shares of the whole muscle: a rim pixel's is the mean of what the read pixels beside
    it lead to and of what its own signal says, each by its precision."""
    share = continued(raised.share, replace(muscle, whole=covered), pixel_mm)
    side = 2 * RIM_REACH_PIXELS + 1
    beside = ndimage.maximum_filter(raised.share, size=(1, side, side)) > RIM_SHARE
    rim = covered & ~muscle.inner & alone.is_told & (raised.plateau > 0) & beside
    full = raised.plateau[rim]
    own = 0.5 + ((alone.ratio[rim] - 1) / full - 0.5) / (1 - 2 * MOST_DEAD_ZONE)
    trust = CONTINUED_SD**2 / (CONTINUED_SD**2 + (alone.sd(rim, spread) / full) ** 2)
    share[rim] += trust * (np.clip(own, 0, 1) - share[rim])
    return share


def continued(share: FloatArray, region: Region, pixel_mm: tuple[float, float]) -> FloatArray:
    """Return shares of read pixels carried on to the whole region.

    An unread pixel continues the straight line through the nearest read pixel and that pixel's
    mirror image of it further inside, cut to 0..1: what fades towards the edge fades on.
    """
    full = np.zeros_like(share)
    for k in np.flatnonzero((share > 0).any(axis=(1, 2))):
        rows, columns = (np.flatnonzero(region.whole[k].any(axis=axis)) for axis in (1, 0))
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        inner, value = region.inner[k][box], share[k][box]
        nearest = ndimage.distance_transform_edt(
            ~inner, sampling=pixel_mm, return_distances=False, return_indices=True
        )
        last = np.array(inner.shape)[:, None, None] - 1
        mirrored = np.clip(2 * nearest - np.indices(inner.shape), 0, last)
        there, beyond = value[tuple(nearest)], value[tuple(mirrored)]
        onward = np.where(inner[tuple(mirrored)], np.clip(2 * there - beyond, 0, 1), there)
        full[k][box] = np.where(region.whole[k][box], onward, 0.0)
    return full
