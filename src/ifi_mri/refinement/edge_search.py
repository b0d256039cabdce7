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
    """How well an edge fits at every depth of every ray, arrays of shape (rays, depths).

    ``score`` is the squared contrast of the dark line (of the tendon) against the fainter of its
    two sides, in standard deviations, less the misfit (what chi-square exceeds its
    expectation by); 0 is no line at all.  ``thickness_mm`` is the thickness that fits best,
    ``dark`` the brightness of the line.
    """

    score: FloatArray
    thickness_mm: FloatArray
    dark: FloatArray


class Darkness(NamedTuple):
    """How dark the cortex is expected, and its SD; the brightest that a tendon may be, and 0."""

    expected: float
    sd: float


class Path(NamedTuple):
    """The best path: depth and score on every ray, arrays of shape (rays,), and the typical
    thickness and brightness of the cortex."""

    offset_mm: FloatArray
    score: FloatArray
    thickness_mm: float
    dark: float


def scores(
    band: Band, tissue: Tissue, blur_mm: float, dark: Darkness, thickness_mm: float | None = None
) -> Scores:
    """Return how well an edge fits everywhere, for a line or tendon as dark as it should be.

    With ``thickness_mm`` only cortices about as thick are tried.
    """
    step = float(band.depths_mm[1] - band.depths_mm[0])
    best = Scores(*(np.full(band.values.shape, start) for start in (-np.inf, 0.0, 0.0)))
    for thickness in _thicknesses_mm(thickness_mm) if tissue is Tissue.BONE else (0.0,):
        template = _template(step, blur_mm, tissue, thickness, band.values.shape[1])
        if template is None:
            continue
        score, levels = _score(band.values, template, band.noise)
        if tissue is Tissue.TENDON:
            score[levels[0] > dark.expected] = -np.inf
        else:
            noise = band.noise / np.sqrt(max(thickness / step, 1.0))
            score -= (np.maximum(levels[1] - dark.expected, 0) / np.hypot(dark.sd, noise)) ** 2
        at = (slice(None), slice(template.n_inside, template.n_inside + score.shape[1]))
        better = score > best.score[at]
        best.score[at] = np.where(better, score, best.score[at])
        best.thickness_mm[at] = np.where(better, thickness, best.thickness_mm[at])
        best.dark[at] = np.where(better, levels[-2], best.dark[at])
    return best


def _thicknesses_mm(about: float | None) -> list[float]:
    if about is None:
        return list(THICKNESSES_MM)
    return [one for one in THICKNESSES_MM if about / _ABOUT <= one <= about * _ABOUT]


class _Template(NamedTuple):
    """The plateaus of the model around an edge, the dark one second to last, laid at every place of
    a ray.

    ``laid`` has the shape (plateaus, depths, places), ``inverse`` (plateaus, plateaus) turns
    moments into levels, ``contrasts`` (bright plateaus, plateaus) levels into contrasts in units of
    the noise's SD.  ``n_inside`` of ``n_samples`` lie inside the edge.
    """

    laid: FloatArray
    inverse: FloatArray
    contrasts: FloatArray
    n_inside: int
    n_samples: int


@lru_cache(maxsize=256)  # the same for all edges of a picture whose pixels are square
def _template(
    step_mm: float, blur_mm: float, tissue: Tissue, thickness_mm: float, n_depths: int
) -> _Template | None:
    """Return the template of an edge; None where a ray is too short for it."""
    n_inside = max(2, round((INSIDE_MM + thickness_mm) / step_mm))
    n_samples = n_inside + max(2, round(OUTSIDE_MM / step_mm)) + 1
    if n_samples > n_depths:
        return None
    height = (np.arange(n_samples) - n_inside) * step_mm
    outer = ndtr(height / blur_mm)
    if tissue is Tissue.TENDON:
        plateaus = np.stack([1 - outer, outer], axis=1)
    else:
        inner = ndtr(-(height + thickness_mm) / blur_mm)
        plateaus = np.stack([inner, 1 - inner - outer, outer], axis=1)
    n = plateaus.shape[1]
    inverse = np.linalg.inv(plateaus.T @ plateaus)
    dark = np.eye(n)[n - 2]
    units = [bright - dark for bright in np.eye(n) if bright[n - 2] == 0]
    contrasts = np.stack([unit / np.sqrt(unit @ inverse @ unit) for unit in units])
    n_places = n_depths - n_samples + 1
    offset = np.arange(n_depths)[:, None] - np.arange(n_places)
    within = (offset >= 0) & (offset < n_samples)
    laid = np.where(within[..., None], plateaus[np.clip(offset, 0, n_samples - 1)], 0.0)
    laid = np.ascontiguousarray(np.moveaxis(laid, -1, 0))
    return _Template(laid, inverse, contrasts, n_inside, n_samples)


def _score(values: FloatArray, template: _Template, noise: float) -> tuple[FloatArray, FloatArray]:
    """Return scores, shape (rays, places), and levels of the plateaus, (plateaus, rays, places)."""
    n, missing = len(template.inverse), np.isnan(values)
    known = np.where(missing, 0.0, values)
    moments = known @ template.laid
    levels = np.tensordot(template.inverse, moments, axes=1)
    power = _sums(known * known, template.n_samples)
    misfit = power - (moments * levels).sum(axis=0)
    contrast = np.tensordot(template.contrasts, levels, axes=1).min(axis=0) / noise
    coarse = _COARSENESS * (levels.max(axis=0) - levels.min(axis=0))
    excess = np.maximum(misfit / (noise**2 + coarse**2) - (template.n_samples - n), 0)
    score = np.clip(contrast, 0, _ENOUGH_CONTRAST) ** 2 - excess
    score[_sums(missing.astype(np.float64), template.n_samples) > 0] = -np.inf
    return score, levels


def _sums(values: FloatArray, n: int) -> FloatArray:
    """Return sums over n neighbours along every row."""
    total = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    return np.asarray(total[:, n:] - total[:, :-n])


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
    thickness_mm = float(np.median(scores.thickness_mm[at]))
    dark = float(np.median(scores.dark[at]))
    return Path(band.depths_mm[index], gain[at], thickness_mm, dark)


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
