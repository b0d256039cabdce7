"""Finding the edge in a band of profiles before it is fitted: which dark line, and where.

Every place on every profile is compared with templates of the edge model for some thicknesses; the
best path of places along the band is found by dynamic programming (Bellman's; for contours in
images: Amini AA et al., IEEE Trans Pattern Anal Mach Intell 1990;12:855, doi:10.1109/34.57681).
"""

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import ndtr

from ifi_mri.refinement.edge_model import INSIDE_MM, OUTSIDE_MM, FloatArray, Tissue

#: Thicknesses of the cortex that are tried, mm: from half a pixel to the cortex with a tendon's
#: attachment upon it.
THICKNESSES_MM: Final = (0.8, 1.0, 1.25, 1.55, 1.9, 2.3, 2.8, 3.4, 4.0)

#: A cortex that was found once is looked for again with thicknesses up to so many times larger or
#: smaller.
_ABOUT: Final = 2.5

#: Contrast counts up to this many standard deviations; beyond, only the fit decides.
_ENOUGH_CONTRAST: Final = 6.0

#: What tried thicknesses and depths are off by, as a fraction of the contrast.
_COARSENESS: Final = 0.05

#: A line that is not darker than the fainter of its two sides by this share is part of that side:
#: cortex and the muscle upon it, taken for one.
_LEAST_DARKER: Final = 0.2

_WORST: Final = -(_ENOUGH_CONTRAST**2)

#: Where marrow is looked for within the cortex, mm.
MARROW_MM: Final = (0.5, 2.5)

#: A ray shows the edge from this score: a contrast of 1.4 standard deviations.
_NEEDED: Final = 2.0

#: Steepest path against the band's direction, and the price of a slope of 1.
_STEEPEST: Final = 1.5
_PRICE_OF_SLOPE: Final = 4.0


class Band(NamedTuple):
    """An image straightened along a curve.

    ``values`` has the shape (rays, depths), NaN where there is no image; ``along_mm`` (rays,) is
    the position along the curve; ``depths_mm`` (depths,) grows outward at even steps; ``noise`` is
    the SD of a sample.
    """

    values: FloatArray
    along_mm: FloatArray
    depths_mm: FloatArray
    noise: float


class Scores(NamedTuple):
    """How well an edge fits at some depths of every ray, arrays of shape (rays, places).

    ``score`` is the squared contrast of the dark line (of the tendon) against the fainter of its
    two sides, in standard deviations, less the misfit (what chi-square exceeds its
    expectation by); 0 is no line at all.  ``thickness_mm`` is the thickness that fits best,
    ``dark`` the brightness of the line, ``depths_mm`` (places,) where the edges are.
    """

    score: FloatArray
    thickness_mm: FloatArray
    dark: FloatArray
    depths_mm: FloatArray


class Darkness(NamedTuple):
    """How dark the cortex is expected, and its SD above and below; the brightest that a tendon may
    be."""

    expected: float
    sd: float = 0.0
    sd_below: float = 0.0


class Path(NamedTuple):
    """The best path: depth and score on every ray, arrays of shape (rays,), and the typical
    thickness and brightness of the cortex."""

    offset_mm: FloatArray
    score: FloatArray
    thickness_mm: float
    dark: float


def scores(
    band: Band,
    tissue: Tissue,
    blur_mm: float,
    dark: Darkness,
    within_mm: tuple[float, float],
    thickness_mm: float | None = None,
) -> Scores:
    """Return how well an edge fits at all depths within two, for a line or tendon as dark as it
    should be.

    With ``thickness_mm`` only cortices about as thick are tried.
    """
    step = float(band.depths_mm[1] - band.depths_mm[0])
    thicknesses = _thicknesses_mm(thickness_mm) if tissue is Tissue.BONE else (0.0,)
    first, last = np.searchsorted(band.depths_mm, [within_mm[0] - 1e-9, within_mm[1] + 1e-9])
    places = range(int(first), int(last))
    laid = _templates(step, blur_mm, tissue, thicknesses, len(band.depths_mm), places)
    score, levels = _score(band.values, laid, band.noise)
    if tissue is Tissue.BONE:
        score -= _unlike_cortex(levels, laid, dark, band.noise)
    else:
        score[levels[:, 0] > dark.expected] = -np.inf
    best = score.argmax(axis=0)[None]
    return Scores(
        np.take_along_axis(score, best, axis=0)[0],
        np.asarray(thicknesses)[best[0]],
        np.take_along_axis(levels[:, -2], best, axis=0)[0],
        band.depths_mm[first:last],
    )


def _thicknesses_mm(about: float | None) -> tuple[float, ...]:
    if about is None:
        return THICKNESSES_MM
    return tuple(one for one in THICKNESSES_MM if about / _ABOUT <= one <= about * _ABOUT)


class _Templates(NamedTuple):
    """The plateaus of the model around an edge, the dark one second to last, for every thickness,
    laid at every place of a ray.

    ``levels_of`` (thicknesses, plateaus, depths, places) turns brightness into the levels of the
    plateaus, ``moments_of`` (thicknesses, plateaus, plateaus) levels into moments, ``contrasts_of``
    (thicknesses, bright plateaus, plateaus) levels into contrasts in units of the noise's SD.  A
    template covers the samples from ``first`` to before ``last``, (thicknesses, places).
    ``dark_sd`` is the dark level's SD in units of the noise's, and ``averaged_sd`` that of a mean
    along the dark plateau, (thicknesses, 1, 1).
    """

    levels_of: FloatArray
    moments_of: FloatArray
    contrasts_of: FloatArray
    first: npt.NDArray[np.int_]
    last: npt.NDArray[np.int_]
    dark_sd: FloatArray
    averaged_sd: FloatArray


@lru_cache(maxsize=64)  # the same for all edges of a picture whose pixels are square
def _templates(
    step_mm: float,
    blur_mm: float,
    tissue: Tissue,
    thicknesses_mm: tuple[float, ...],
    n_depths: int,
    places: range,
) -> _Templates:
    """Return the templates of an edge; no place may be so near the end of a ray that a template
    does not fit there."""
    place, levels_of, moments, contrasts, first, last = np.array(places), [], [], [], [], []
    for thickness in thicknesses_mm:
        plateaus, n_inside = _plateaus(step_mm, blur_mm, tissue, thickness)
        n_samples, n = plateaus.shape
        moments.append(plateaus.T @ plateaus)
        inverse = np.linalg.inv(moments[-1])
        first.append(place - n_inside)
        last.append(first[-1] + n_samples)
        laid = np.zeros((n, n_depths, len(place)))
        sample = first[-1] + np.arange(n_samples)[:, None]
        laid[:, sample, np.arange(len(place))] = (inverse @ plateaus.T)[..., None]
        levels_of.append(laid)
        units = np.eye(n)[np.arange(n) != n - 2] - np.eye(n)[n - 2]
        contrasts.append(units / np.sqrt(((units @ inverse) * units).sum(axis=1))[:, None])
    dark_sd = np.sqrt(np.linalg.inv(np.array(moments))[:, -2, -2])
    averaged_sd = np.asarray(np.maximum(np.array(thicknesses_mm) / step_mm, 1.0) ** -0.5)
    return _Templates(
        np.array(levels_of),
        np.array(moments),
        np.array(contrasts),
        np.array(first),
        np.array(last),
        dark_sd[:, None, None],
        averaged_sd[:, None, None],
    )


def _plateaus(
    step_mm: float, blur_mm: float, tissue: Tissue, thickness_mm: float
) -> tuple[FloatArray, int]:
    """Return the plateaus around an edge, shape (samples, plateaus), and how many samples lie
    inside of it."""
    n_inside = max(2, round((INSIDE_MM + thickness_mm) / step_mm))
    n_outside = max(2, round(OUTSIDE_MM / step_mm))
    height = np.arange(-n_inside, n_outside + 1) * step_mm
    outer = ndtr(height / blur_mm)
    if tissue is Tissue.TENDON:
        return np.stack([1 - outer, outer], axis=1), n_inside
    inner = ndtr(-(height + thickness_mm) / blur_mm)
    return np.stack([inner, 1 - inner - outer, outer], axis=1), n_inside


def _score(values: FloatArray, laid: _Templates, noise: float) -> tuple[FloatArray, FloatArray]:
    """Return scores, shape (thicknesses, rays, places), and levels of the plateaus, (thicknesses,
    plateaus, rays, places)."""
    n_thicknesses, n, _ = laid.moments_of.shape
    missing = np.isnan(values)
    known = np.where(missing, 0.0, values)
    levels = known @ laid.levels_of  # many small products: large ones would start threads
    flat = levels.reshape(n_thicknesses, n, -1)
    explained = (
        ((laid.moments_of @ flat) * flat).sum(axis=1).reshape(n_thicknesses, len(values), -1)
    )
    contrast = (laid.contrasts_of @ flat).min(axis=1).reshape(explained.shape) / noise
    coarse = _COARSENESS * (levels.max(axis=1) - levels.min(axis=1))
    misfit = (_covered(known * known, laid) - explained) / (noise**2 + coarse**2)
    free = (laid.last - laid.first - n)[:, None]
    score = np.clip(contrast, 0, _ENOUGH_CONTRAST) ** 2 - np.maximum(misfit - free, 0)
    if missing.any():
        score[_covered(missing.astype(np.float64), laid) > 0] = -np.inf
    return score, levels


def _covered(values: FloatArray, laid: _Templates) -> FloatArray:
    """Return sums of values over what the templates cover, shape (thicknesses, rays, places)."""
    total = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    return np.asarray(np.moveaxis(total[:, laid.last] - total[:, laid.first], 0, 1))


def _unlike_cortex(
    levels: FloatArray, laid: _Templates, dark: Darkness, noise: float
) -> FloatArray:
    """Return what a line loses that is too bright or too dark for cortex, shape (thicknesses, rays,
    places).

    A line that would have to be darker than nothing is part of a thicker one, and one that is
    hardly darker than its surroundings is some of them.
    """
    inner, line, outer = levels[:, 0], levels[:, 1], levels[:, 2]
    free = noise * laid.dark_sd
    brighter = np.maximum(line - dark.expected, 0) / np.hypot(dark.sd, noise * laid.averaged_sd)
    darker = np.maximum(dark.expected - line, 0) / np.hypot(dark.sd_below, free)
    alike = np.maximum(line - (1 - _LEAST_DARKER) * np.minimum(inner, outer), 0) / free
    return np.asarray(brighter**2 + darker**2 + alike**2)


def best_path(scores: Scores, band: Band) -> Path:
    """Return the path of highest total score along a band; it may bend but not jump."""
    step = band.depths_mm[1] - band.depths_mm[0]
    spacing = band.along_mm[1] - band.along_mm[0]
    furthest = int(np.ceil(_STEEPEST * spacing / step))
    price = _PRICE_OF_SLOPE * (np.arange(-furthest, furthest + 1) * step / spacing) ** 2
    gain = np.clip(scores.score, _WORST, None)
    padded = np.full(gain.shape[1] + 2 * furthest, -np.inf)
    total = padded[furthest:-furthest]
    reachable = sliding_window_view(padded, 2 * furthest + 1)
    total[:] = gain[0]
    came_from = []
    depth = np.arange(gain.shape[1])
    for gained in gain[1:]:
        reached = reachable - price
        choice = reached.argmax(axis=1)
        came_from.append(depth + choice - furthest)
        total[:] = reached[depth, choice] + gained
    backwards = [int(total.argmax())]
    for previous in reversed(came_from):
        backwards.append(int(previous[backwards[-1]]))
    index = np.array(backwards[::-1])
    at = np.arange(len(index)), index
    middle = len(index) // 2
    thickness_mm = float(np.sort(scores.thickness_mm[at])[middle])
    dark = float(np.sort(scores.dark[at])[middle])
    return Path(scores.depths_mm[index], gain[at], thickness_mm, dark)


def marrow_along(band: Band, path: Path) -> FloatArray:
    """Return the mean brightness within the cortex along a path, shape (rays,)."""
    depth = (path.offset_mm - path.thickness_mm)[:, None] - band.depths_mm
    within = (depth >= MARROW_MM[0]) & (depth <= MARROW_MM[1])
    return np.asarray((band.values * within).sum(axis=1) / within.sum(axis=1))


def supported(path: Path, shows: npt.NDArray[np.bool_]) -> slice:
    """Return the longest run of rays along a path that show the edge."""
    score = np.where(shows, _median_of_3(path.score), 0.0)
    best = total = 0.0
    first, run = 0, slice(0, 0)
    for ray, surplus in enumerate(np.minimum(score - _NEEDED, _NEEDED)):
        total += surplus
        if total <= 0:
            total, first = 0.0, ray + 1
        elif total > best:
            best, run = total, slice(first, ray + 1)
    return run


def _median_of_3(values: FloatArray) -> FloatArray:
    before = np.concatenate([values[:1], values[:-1]])
    after = np.concatenate([values[1:], values[-1:]])
    low, high = np.minimum(before, after), np.maximum(before, after)
    return np.asarray(np.clip(values, low, high))
