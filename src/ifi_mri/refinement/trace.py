"""Tracing an edge around a curve that lies near it: found and fitted."""

from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from ifi_mri.refinement import edge_fit, edge_model, edge_search
from ifi_mri.refinement.edge_model import EdgeFit, FloatArray, Pixels, Start, Tissue
from ifi_mri.refinement.edge_search import Band, Darkness, Path, Scores
from ifi_mri.refinement.profiles import Curve, SlicePatch, arc, pixels_beside, straightened

#: Length of a traced edge to both sides, mm, and at least so many pixels: long enough to average
#: noise, short enough for a bone's surface to bend smoothly.
HALF_LENGTH_MM: Final = 4.0
HALF_LENGTH_PIXELS: Final = 7.0

#: Rays of the search lie a pixel apart, not closer than this; they are sampled at half a pixel
#: within these limits, mm.
_LEAST_SPACING_MM: Final = 0.4
_SAMPLING_MM: Final = (0.2, 0.5)

#: Texture of tissue as a fraction of its brightness: the least that counts as noise in the search;
#: a fit sees half of it, for it averages.
_TEXTURE: Final = 0.02
_TEXTURE_IN_FIT: Final = 0.01

#: Where the bone's own marrow is looked for: depth within the curve, and to both sides, mm.  The
#: upper quartile, for some of it may be cortex or tendon.
_MARROW_DEPTH_MM: Final = (4.0, 9.0)
_MARROW_BESIDE_MM: Final = 2.0
_MARROW_QUANTILE: Final = 0.75

#: SD of the brightness of cortex as a fraction of its marrow: above what is expected blood, fat and
#: tendon in it; below there is only what the expectation is off by.
_DARKNESS_SD: Final = 0.25
_DARKNESS_SD_BELOW: Final = 0.08

#: Below this share of the contrast between marrow and cortex there is no marrow behind the edge,
#: and with less than a quarter of it the bone itself has ended.
_LEAST_MARROW: Final = 0.55
_NO_MARROW: Final = 0.25

#: Rays beyond the end of an edge that tell why it ends.
_RAYS_BEYOND: Final = 6

#: A tendon is darker than this share of the patch's median brightness.
_DARKEST_TENDON: Final = 0.65

#: Fewest rays that make an edge.
_LEAST_RAYS: Final = 4

#: Rays that settle one degree of the polynomial which smooths a path.
_RAYS_A_DEGREE: Final = 3

#: Where a straight search sees an edge on less than this share of its rays, it looks along arcs of
#: these curvatures, 1/mm, too: a lesser trochanter is some 6 mm in radius.
_WELL_SEEN: Final = 0.7
_ARCS_PER_MM: Final = (0.07, 0.14)

#: Another edge is one so far away, mm and pixels; from this share of the score either may be meant.
_APART_MM: Final = 2.0
_APART_PIXELS: Final = 2.0
_RIVAL: Final = 0.6

#: Where search and fit differ by more than this, mm or pixels, neither is believed.
_AGREED_MM: Final = 0.5
_AGREED_PIXELS: Final = 0.75

#: A fit further away agrees with the search where the search finds its place this good, too: thick
#: cortices look alike over a millimetre to a search; up to so many times the distance above.
_AS_GOOD: Final = 0.6
_AGREED_AT_MOST: Final = 3.0

#: A point spread of SD s moves the edge of a disc of radius r inward by s^2 / 2r (the heat equation
#: on a curved front), which the fit, taking the edge as straight, does not know: put right for
#: curvatures up to this, 1/mm.
_SHARPEST: Final = 0.25

#: What the model itself is off by, in pixels (`scripts/bench/accuracy_refinement.py`): a point
#: spread is no Gaussian.
MODEL_SD_PIXELS: Final = 0.08


class Unclear(Exception):  # noqa: N818 - an absence, not an error
    """Says in a clause why no edge is believed; becomes a refusal."""


class Ambiguous(Unclear):
    """Several edges may be meant."""


class End(Enum):
    """Why a traced edge ends where it does: the window's end, the bone's, or it faded."""

    WINDOW = auto()
    BONE = auto()
    FADED = auto()


@dataclass(frozen=True, eq=False)
class Found:
    """An edge that a search has found.

    ``curve`` is the stretch of the searched curve that shows it, ``offset_mm`` (n,) its height
    there; ``marrow`` the brightness of the bone's marrow, None for a tendon.
    ``score`` (n, depths) says how well an edge would fit at all ``depths_mm`` (depths,).
    """

    curve: Curve
    offset_mm: FloatArray
    thickness_mm: float
    marrow: float | None
    ends: tuple[End, End]
    score: FloatArray
    depths_mm: FloatArray

    def agrees(self, offset_mm: FloatArray, within_mm: float) -> npt.NDArray[np.bool_]:
        """Return on which rays another edge is as good: near this one, or with nearly its score."""
        rays = np.arange(len(offset_mm))
        own = np.abs(self.depths_mm - self.offset_mm[:, None]).argmin(axis=1)
        other = np.abs(self.depths_mm - offset_mm[:, None]).argmin(axis=1)
        near = np.abs(offset_mm - self.offset_mm)
        as_good = self.score[rays, other] >= _AS_GOOD * self.score[rays, own]
        not_far = near <= _AGREED_AT_MOST * within_mm
        return np.asarray((near <= within_mm) | (as_good & not_far), dtype=np.bool_)

    @cached_property
    def places(self) -> FloatArray:
        """The edge's places, shape (n, 2), smoothed by a cubic at most."""
        along, degree = self.curve.along_mm, min(3, len(self.offset_mm) // _RAYS_A_DEGREE)
        smooth = np.polynomial.Polynomial.fit(along, self.offset_mm, degree)(along)
        return np.asarray(self.curve.places + smooth[:, None] * self.curve.outward)


@dataclass(frozen=True, eq=False)
class Edge:
    """A fitted edge: vertices, shape (n, 2), mm, the SD across it (n,), what was fitted, and to
    what."""

    places: FloatArray
    sd_mm: FloatArray
    fit: EdgeFit
    pixels: Pixels
    found: Found
    ends: tuple[End, End]


def spacing_mm(patch: SlicePatch, outward: FloatArray) -> float:
    """Return how far apart the rays across an edge are."""
    return max(float(patch.widths_mm(outward)), _LEAST_SPACING_MM)


def half_length_mm(patch: SlicePatch, outward: FloatArray) -> float:
    """Return how far an edge is traced to both sides."""
    return max(HALF_LENGTH_MM, HALF_LENGTH_PIXELS * float(patch.widths_mm(outward)))


def find_around(
    patch: SlicePatch,
    click: FloatArray,
    outward: FloatArray,
    tissue: Tissue,
    reach_mm: tuple[float, float],
) -> Found:
    """Return the edge near a click: along a line or, of a bone, an arc that shows more of it.

    Raises
    ------
    Unclear
        As `find`, of the line.
    """
    half_mm, step_mm = half_length_mm(patch, outward), spacing_mm(patch, outward)
    straight = arc(click, outward, half_mm, step_mm)
    best = _tried(patch, straight, tissue, reach_mm)
    if tissue is Tissue.BONE and not isinstance(best, Ambiguous):
        for per_mm in _ARCS_PER_MM:
            if _n_rays(best) >= _WELL_SEEN * len(straight.along_mm):
                break
            bent = arc(click, outward, half_mm, step_mm, per_mm)
            best = max(best, _tried(patch, bent, tissue, reach_mm), key=_n_rays)
    if isinstance(best, Unclear):
        raise best
    return best


def _tried(
    patch: SlicePatch, curve: Curve, tissue: Tissue, reach_mm: tuple[float, float]
) -> "Found | Unclear":
    try:
        return find(patch, curve, tissue, reach_mm)
    except Unclear as why:
        return why


def _n_rays(found: "Found | Unclear") -> int:
    return 0 if isinstance(found, Unclear) else len(found.offset_mm)


def find(
    patch: SlicePatch,
    curve: Curve,
    tissue: Tissue,
    reach_mm: tuple[float, float],
    before: "Found | None" = None,
) -> Found:
    """Return the edge near a curve, or say why there is none.

    Parameters
    ----------
    patch : SlicePatch
    curve : Curve
    tissue : Tissue
    reach_mm : tuple of 2 floats
        How far inward and outward of the curve the edge may lie.
    before : Found or None
        The same edge as it was found around another curve: its marrow is kept, and its cortex is
        about as thick.

    Raises
    ------
    Unclear
        Too few rays beside one another show an edge, they show two, or the image ends.
    """
    band = _band(patch, curve, reach_mm)
    if before is not None:
        marrow = before.marrow
    else:
        marrow = _marrow(band) if tissue is Tissue.BONE else None
    thickness_mm = before.thickness_mm if before is not None else None
    scores = _scores(patch, band, curve, tissue, marrow, reach_mm, thickness_mm)
    path = edge_search.best_path(scores, band)
    marrow_share = _marrow_share(band, path, marrow)
    run = edge_search.supported(path, marrow_share >= _LEAST_MARROW)
    if run.stop - run.start < _LEAST_RAYS:
        raise Unclear(why_no_edge(tissue))
    score = scores.score[run].copy()
    if before is None and _rival(scores, band, path, run, pixel_mm(patch, curve)) > _RIVAL:
        raise Ambiguous("two edges lie there, and the picture does not say which is meant")
    return Found(
        curve=Curve(curve.places[run], curve.outward[run], curve.along_mm[run]),
        offset_mm=path.offset_mm[run],
        thickness_mm=path.thickness_mm,
        marrow=marrow,
        ends=(_end(marrow_share[: run.start][::-1]), _end(marrow_share[run.stop :])),
        score=score,
        depths_mm=scores.depths_mm,
    )


def fitted(
    patch: SlicePatch, found: Found, tissue: Tissue, half_mm: float, before: "Edge | None" = None
) -> Edge:
    """Return the edge that a search found, fitted; Unclear where the fit wanders off.

    ``before`` is the same edge as it was fitted around another curve: a quicker start.
    """
    start = start_of(found)._replace(before=None if before is None else before.fit)
    pixels = pixels_around(patch, found.curve, start, tissue, half_mm)
    return edge_of(patch, found, edge_fit.fit_edge(pixels, tissue, start), pixels)


def why_no_edge(tissue: Tissue) -> str:
    if tissue is Tissue.BONE:
        return "the picture shows no cortex with marrow behind it there"
    return "the picture shows no dark tendon with an edge there"


# --- the search ---------------------------------------------------------------------------------


def _band(patch: SlicePatch, curve: Curve, reach_mm: tuple[float, float]) -> Band:
    pixel = pixel_mm(patch, curve)
    step = float(np.clip(pixel / 2, *_SAMPLING_MM))
    lowest = reach_mm[0] + max(edge_search.THICKNESSES_MM) + edge_search.MARROW_MM[1]
    highest = reach_mm[1] + edge_model.OUTSIDE_MM
    depths = np.arange(-np.ceil(lowest / step) - 1, np.ceil(highest / step) + 2) * step
    shared = patch.noise.pixels_per_sample * pixel / step
    noise = max(patch.noise.sd, _TEXTURE * patch.typical) * np.sqrt(shared)
    if not noise > 0:
        raise Unclear("the picture is black there")
    return Band(straightened(patch, curve, depths), curve.along_mm, depths, float(noise))


def _scores(
    patch: SlicePatch,
    band: Band,
    curve: Curve,
    tissue: Tissue,
    marrow: float | None,
    reach_mm: tuple[float, float],
    thickness_mm: float | None,
) -> Scores:
    if marrow is None:
        dark = Darkness(_DARKEST_TENDON * patch.typical)
    else:
        floor = edge_model.NOISE_FLOOR * patch.noise.sd
        expected = float(np.hypot(edge_model.DARK_FRACTION * marrow, floor))
        dark = Darkness(expected, _DARKNESS_SD * marrow, _DARKNESS_SD_BELOW * marrow)
    blur_pixels = edge_model.expected_blur_pixels(round(patch.noise.pixels_per_sample, 1))
    blur_mm = round(blur_pixels * pixel_mm(patch, curve), 2)
    within_mm = -reach_mm[0], reach_mm[1]
    return edge_search.scores(band, tissue, blur_mm, dark, within_mm, thickness_mm)


def _marrow(band: Band) -> float:
    shallow, deep = _MARROW_DEPTH_MM
    deep_enough = (band.depths_mm <= -shallow) & (band.depths_mm >= -deep)
    near = band.values[np.abs(band.along_mm) <= _MARROW_BESIDE_MM][:, deep_enough]
    if not np.isfinite(near).any():
        raise Unclear("the image ends there")
    return float(np.nanquantile(near, _MARROW_QUANTILE))


def _marrow_share(band: Band, path: Path, marrow: float | None) -> FloatArray:
    """Return for every ray how much of the bone's marrow lies behind the path, as a share of its
    contrast with the cortex; 1 for a tendon, which has none."""
    if marrow is None:
        return np.ones(len(path.score))
    along, contrast = edge_search.marrow_along(band, path), marrow - path.dark
    return (along - path.dark) / contrast if contrast > 0 else np.zeros(len(along))


def _rival(scores: Scores, band: Band, path: Path, run: slice, wide_mm: float) -> float:
    """Return the score of the next best edge as a share of the best one's."""
    apart = max(_APART_MM, _APART_PIXELS * wide_mm)
    scores.score[np.abs(scores.depths_mm - path.offset_mm[:, None]) < apart] = -np.inf
    other = edge_search.best_path(scores, band)
    return float(np.mean(other.score[run])) / max(float(np.mean(path.score[run])), 1.0)


def _end(share_beyond: npt.NDArray[np.float64]) -> End:
    if len(share_beyond) == 0:
        return End.WINDOW
    return End.BONE if share_beyond[:_RAYS_BEYOND].min() < _NO_MARROW else End.FADED


# --- the fit ------------------------------------------------------------------------------------


def edge_of(patch: SlicePatch, found: Found, fit: EdgeFit, pixels: Pixels) -> Edge:
    """Return the stretch of a fitted edge on which search and fit agree."""
    pixel = pixel_mm(patch, found.curve)
    agreed = found.agrees(fit.offset_mm, max(_AGREED_MM, _AGREED_PIXELS * pixel))
    first, last = int(agreed.argmax()), len(agreed) - int(agreed[::-1].argmax())
    if not agreed.any() or last - first < _LEAST_RAYS:
        raise Unclear("the edge is blurred or bends too much to be placed")
    ends = tuple(
        End.FADED if cut and end is not End.BONE else end
        for cut, end in zip((first > 0, last < len(agreed)), found.ends, strict=True)
    )
    blurred = found.curve.places + fit.offset_mm[:, None] * found.curve.outward
    bend = curvature_per_mm(blurred, found.curve.outward)
    inward_mm = (fit.blur_pixels * pixel) ** 2 * np.clip(bend, -_SHARPEST, _SHARPEST) / 2
    places = blurred + inward_mm * found.curve.outward
    sd_mm = np.hypot(fit.sd_mm, MODEL_SD_PIXELS * pixel)
    return Edge(places[first:last], sd_mm[first:last], fit, pixels, found, (ends[0], ends[1]))


def curvature_per_mm(places: FloatArray, outward: FloatArray) -> float:
    """Return the mean curvature of a curve, positive where it bulges outward."""
    steps = np.diff(places, axis=0)
    heading = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    along = np.cumsum(np.linalg.norm(steps, axis=1))
    along -= along.mean()
    side = np.sign((steps[:, 0] * outward[:-1, 1] - steps[:, 1] * outward[:-1, 0]).sum())
    return float(-side * (along @ heading) / (along @ along))


def start_of(found: Found) -> Start:
    thickness = max(found.thickness_mm, edge_search.THICKNESSES_MM[0])
    return Start(found.curve.along_mm, found.offset_mm, thickness)


def pixels_around(
    patch: SlicePatch,
    curve: Curve,
    start: Start,
    tissue: Tissue,
    half_mm: float,
    inside_pixels: float = edge_model.INSIDE_PIXELS,
) -> Pixels:
    """Return the pixels that a fit may look at: those of its window, and some beyond it for an edge
    that moves."""
    pixel = pixel_mm(patch, curve)
    thickness = 1.5 * start.thickness_mm if tissue is Tissue.BONE else 0.0
    inside = max(edge_model.INSIDE_MM, inside_pixels * pixel)
    low = start.offset_mm.min() - thickness - inside - 1.0
    high = start.offset_mm.max() + max(2.5, edge_model.OUTSIDE_PIXELS * pixel) + 0.5
    beside = pixels_beside(patch, curve, float(low), float(high))
    noise = max(patch.noise.sd, _TEXTURE_IN_FIT * patch.typical)
    return Pixels(*beside, half_mm, noise, patch.noise.pixels_per_sample, inside_pixels)


def pixel_mm(patch: SlicePatch, curve: Curve) -> float:
    """Return a pixel's width across a curve, to 0.01 mm: templates are kept for every width."""
    return round(float(patch.widths_mm(curve.outward[len(curve.outward) // 2])), 2)
