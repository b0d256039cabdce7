"""Whether a traced edge is believed: a cortex that the pixels prove, and no tendon upon it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ifi_mri.refinement import edge_fit, follow
from ifi_mri.refinement.edge_model import EdgeFit, FloatArray, Pixels, Start, Tissue
from ifi_mri.refinement.profiles import SlicePatch
from ifi_mri.refinement.trace import (
    Edge,
    Unclear,
    edge_of,
    half_length_mm,
    pixel_mm,
    pixels_around,
    spacing_mm,
    start_of,
    why_no_edge,
)

#: Growth of chi-square without the cortex, or without the layer of fat, that proves it: 3.8 and 3
#: SD.  A cortex is looked for where it fits best, so that chance has several tries.
_PROOF: Final = 14.5
_PROOF_OF_LAYER: Final = 9.0

#: With proof so many times over, the edge beside need not be looked at; with so many times over,
#: the growth need not be known.
_SURE: Final = 2 * _PROOF
_AMPLE: Final = 4 * _PROOF

#: Growth of an edge and of what lies beside it that proves a cortex together, where all of them
#: speak for one: the edge itself by the second at least, each stretch beside it by the third, and
#: these by no more than so many SD more than the edge, or the edge by half as many as they.
_PROOF_ALONG: Final = 12.0
_IN_FAVOUR: Final = 3.5
_NOT_AGAINST: Final = 1.0
_MOST_APART_SD: Final = 3.0
_LEAST_LIKE: Final = 0.5

#: An edge that rings has a dip that takes 0.2 of the step, over a pixel, from the picture, and with
#: noise 0.5: what takes more than this is no ringing.
_MORE_THAN_RINGING: Final = 0.9

#: What takes up to so many times more may at least be bent by ringing.
_BENT_BY: Final = 1.5

#: In pixels as they were acquired: a picture that rings half as much as one whose k-space was cut
#: off without a filter has a dip that looks like a cortex up to as thick.
_THINNEST_PIXELS: Final = 0.7

#: Marrow that takes part where ringing is told from a cortex, in pixels: the first wave of ringing
#: on the marrow's side, where a cortex leaves none.
_DEEP_PIXELS: Final = 2.5

#: How much further the picture is looked at around a patch to follow a bone there, mm.
_FOLLOWED_BEYOND_MM: Final = 20.0

#: A cortex beside is the same one if it is no more than so many times thicker or thinner; and the
#: SD of the logarithm of its thickness from one stretch of 10 to 20 mm to the next.
_ALIKE: Final = 2.5
_LOG_THICKNESS_SD: Final = 0.3

#: A cortex is darker than the fainter of its two sides by this share at least: what is nearly as
#: bright as the muscle beside it is muscle, however well it fits.
_LEAST_DARKER: Final = 0.3

#: A dark line thicker than this, mm and pixels together, is more than the 1 to 3 mm of a cortex: a
#: tendon lies on it, as the iliopsoas does on the lesser trochanter, and nothing in the picture
#: parts the two.
_THICKEST_CORTEX_MM: Final = 3.5
_THICKEST_CORTEX_PIXELS: Final = 0.4

#: So much more than the fitted cortex, mm or pixels, may be dark below the end of a space.
_MORE_DARK_MM: Final = 1.2
_MORE_DARK_PIXELS: Final = 1.5

#: Where that is looked at: beside the end and below it, and how closely, mm.
_LOOKED_AT_MM: Final = 1.5
_DEPTHS_MM: Final = np.arange(0.2, 8.0, 0.2)

#: Noise that the plain model leaves over, in units of the image's, from which a layer is tried, and
#: from which something else than a bone's edge lies beside it.
_RESTLESS: Final = 1.15
_UNFIT: Final = 1.5

_RUN_TOGETHER: Final = "cortex and tendon run together there, and the picture does not part them"


def verdict(patch: SlicePatch, edge: Edge, tissue: Tissue) -> Edge:
    """Return an edge that is believed, fitted as one that rings or with a layer of fat outside
    where the picture shows that; Unclear where no cortex is."""
    start = start_of(edge.found)._replace(offset_mm=edge.fit.offset_mm)
    if tissue is Tissue.TENDON:
        return edge if _is_calm(edge) else _layered(patch, edge, tissue, start)
    start = start._replace(thickness_mm=_thickness_mm(edge.fit))
    if start.thickness_mm > _thickest_cortex_mm(patch, edge):
        raise Unclear(_RUN_TOGETHER)
    believed = _with_cortex(patch, edge, start)
    return believed if _is_calm(edge) else _layered(patch, believed, tissue, start)


def _is_calm(edge: Edge) -> bool:
    """Return whether a fit leaves over no more than noise."""
    return edge.fit.noise <= _RESTLESS * edge.pixels.noise


def _layered(patch: SlicePatch, edge: Edge, tissue: Tissue, start: Start) -> Edge:
    """Return an edge fitted with a layer of fat outside, where that is proven, or as it is."""
    pixels = edge.pixels
    layered = edge_fit.fit_edge(pixels, tissue, start, layered=True)
    if edge_fit.without_layer(pixels, tissue, layered, start, _PROOF_OF_LAYER) <= _PROOF_OF_LAYER:
        return edge
    if edge.fit.rings and edge_fit.ringing(pixels, layered, start) < 0:
        return edge
    return edge_of(patch, edge.found, layered, pixels)


def _with_cortex(patch: SlicePatch, edge: Edge, start: Start) -> Edge:
    """Return an edge whose cortex is dark and needed; Unclear where it is not.

    Where that is in doubt, or not far beyond it, the bone's edge is followed to both sides: the
    same cortex there proves it here, if it is more likely than not here, and says how thick it is.
    Where pixels are coarse and noisy against the cortex, no stretch of 10 to 20 mm alone can do so
    (`scripts/bench/accuracy_cortex.py`).
    """
    if not _is_dark(edge.fit):
        raise Unclear(why_no_edge(Tissue.BONE))
    may_ring = _may_ring(edge.pixels, edge.fit)
    if may_ring:
        edge = _deeper(patch, edge, start)
    without = edge_fit.without_cortex(edge.pixels, edge.fit, start, (_IN_FAVOUR, _AMPLE))
    if without < _IN_FAVOUR:
        raise Unclear(why_no_edge(Tissue.BONE))
    alone = _weighed(edge.pixels, edge.fit, start, without, may_ring)
    is_proven = alone.evidence >= _PROOF and not (may_ring and _is_thin(alone))
    if is_proven and alone.evidence >= _SURE:
        return _again(patch, edge, start, rings=True) if alone.rings else edge
    if not may_ring:
        alone = _weighed(edge.pixels, edge.fit, start, without)
    beside = list(_beside(patch.wider(_FOLLOWED_BEYOND_MM), edge))
    together = _together([alone, *beside])
    if not is_proven and not _is_proven_by(alone, beside, together):
        raise Unclear(why_no_edge(Tissue.BONE))
    if not beside and not together.rings:
        return edge
    if beside:
        typical = _together(beside).thickness_mm
        start = start._replace(thickness_mm=typical, log_thickness_sd=_LOG_THICKNESS_SD)
    return _again(patch, edge, start, together.rings)


@dataclass(frozen=True)
class _Weighed:
    """What an edge's pixels say about its cortex.

    ``without`` and ``with_cortex`` are by how much chi-square grows without and with one, each in a
    picture that does not ring and in one that does; ``thickness_mm`` is the cortex's, ``pixel_mm``
    the width of a pixel as it was acquired.
    """

    without: tuple[float, float]
    with_cortex: tuple[float, float]
    thickness_mm: float
    pixel_mm: float

    @property
    def evidence(self) -> float:
        """By how much chi-square grows without the cortex, whether the picture rings or not."""
        return min(self.without) - min(self.with_cortex)

    @property
    def rings(self) -> bool:
        """Whether the picture is more likely one that rings."""
        return self.with_cortex[1] < self.with_cortex[0]

    def evidence_if(self, rings: bool) -> float:
        """Return the growth of chi-square in a picture of which that is known."""
        return self.without[rings] - self.with_cortex[rings]


def _is_proven_by(alone: _Weighed, beside: Sequence[_Weighed], together: _Weighed) -> bool:
    """Return whether a cortex is proven by what lies on both sides of it, each of which speaks for
    it, and about as clearly."""
    if len(beside) < 2 or _is_thin(together) or together.evidence < _PROOF_ALONG:
        return False
    here, *there = (one.evidence_if(together.rings) for one in (alone, *beside))
    if here < _IN_FAVOUR or min(there) < _NOT_AGAINST:
        return False
    typical_sd, here_sd = math.sqrt(sum(there) / len(there)), math.sqrt(here)
    return here_sd >= min(typical_sd - _MOST_APART_SD, _LEAST_LIKE * typical_sd)


def _weighed(
    pixels: Pixels, fit: EdgeFit, start: Start, without: float, may_ring: bool = True
) -> _Weighed:
    """Return what the pixels of a fitted edge say about its cortex; ``without`` is known already:
    by how much chi-square grows without it in a picture that does not ring."""
    without_ringing = ringing = np.inf
    if may_ring:
        enough = -np.inf, _AMPLE
        without_ringing = edge_fit.without_cortex(pixels, fit, start, enough, rings=True)
    if may_ring or (fit.noise > _RESTLESS * pixels.noise and _may_ring(pixels, fit, _BENT_BY)):
        ringing = edge_fit.ringing(pixels, fit, start)
    growths = (without, without_ringing), (0.0, ringing)
    return _Weighed(*growths, _thickness_mm(fit), _pixel_mm(pixels))


def _may_ring(pixels: Pixels, fit: EdgeFit, times: float = 1.0) -> bool:
    """Return whether a cortex takes so little from the picture, in brightness times mm, that the
    dip beside a step from marrow to surroundings that rings might look like it, or like so many
    times less than it."""
    inner, dark, outer = (float(np.median(one)) for one in (fit.inner, fit.dark, fit.outer))
    taken = (min(inner, outer) - dark) * _thickness_mm(fit)
    return taken < times * _MORE_THAN_RINGING * abs(inner - outer) * _pixel_mm(pixels)


def _pixel_mm(pixels: Pixels) -> float:
    """Return the width of a pixel as it was acquired."""
    return float(np.median(pixels.width_mm)) * math.sqrt(pixels.per_sample)


def _deeper(patch: SlicePatch, edge: Edge, start: Start) -> Edge:
    """Return an edge fitted with more of the marrow: there, ringing is told from a cortex."""
    curve, half = edge.found.curve, edge.pixels.half_mm
    pixels = pixels_around(patch, curve, start, Tissue.BONE, half, _DEEP_PIXELS)
    fit = edge_fit.fit_edge(pixels, Tissue.BONE, start._replace(before=edge.fit))
    return edge_of(patch, edge.found, fit, pixels)


def _together(stretches: Sequence[_Weighed]) -> _Weighed:
    """Return what several stretches of one bone's edge say together."""
    without, with_cortex = (
        tuple(sum(growths) for growths in zip(*pairs, strict=True))
        for pairs in (
            [one.without for one in stretches],
            [one.with_cortex for one in stretches],
        )
    )
    logs = [math.log(one.thickness_mm) for one in stretches]
    thickness = math.exp(sum(logs) / len(logs))
    return _Weighed(without, with_cortex, thickness, stretches[0].pixel_mm)


def _is_thin(weighed: _Weighed) -> bool:
    return weighed.thickness_mm < _THINNEST_PIXELS * weighed.pixel_mm


def _is_dark(fit: EdgeFit) -> bool:
    return float(np.median(fit.dark / np.minimum(fit.inner, fit.outer))) <= 1 - _LEAST_DARKER


def _beside(patch: SlicePatch, edge: Edge) -> Iterator[_Weighed]:
    """Yield what the stretches to both sides of an edge say, where a cortex is alike there."""
    fit, curve, middle = edge.fit, edge.found.curve, len(edge.found.curve.places) // 2
    outward, thickness = curve.outward[middle], _thickness_mm(fit)
    place = curve.places[middle] + (fit.offset_mm[middle] - fit.thickness_mm[middle]) * outward
    levels = float(np.median(fit.inner)), float(np.median(fit.outer))
    half, step = half_length_mm(patch, outward), spacing_mm(patch, outward)
    for beside in follow.beside(patch, place, outward, levels, half, step):
        start = Start(beside.along_mm, np.full(len(beside.along_mm), thickness), thickness)
        half_mm = float(beside.along_mm[-1])
        pixels = pixels_around(patch, beside, start, Tissue.BONE, half_mm, _DEEP_PIXELS)
        again = edge_fit.fit_edge(pixels, Tissue.BONE, start)
        if _is_alike(again, fit) and again.noise <= _UNFIT * pixels.noise:
            start = start._replace(offset_mm=again.offset_mm)
            without = edge_fit.without_cortex(pixels, again, start, (_NOT_AGAINST, _AMPLE))
            if without >= _NOT_AGAINST:
                yield _weighed(pixels, again, start, without)


def _is_alike(one: EdgeFit, other: EdgeFit) -> bool:
    """Return whether a fit shows a cortex, too, about as thick as another's."""
    return _is_dark(one) and 1 / _ALIKE <= _thickness_mm(one) / _thickness_mm(other) <= _ALIKE


def _again(patch: SlicePatch, edge: Edge, start: Start, rings: bool) -> Edge:
    """Return an edge fitted again from a start, as one that rings where that leaves over no more
    than noise."""
    start, pixels = start._replace(before=edge.fit), edge.pixels
    fit = edge_fit.fit_edge(pixels, Tissue.BONE, start, rings=rings)
    if rings and fit.noise > min(edge.fit.noise, _RESTLESS * pixels.noise):
        fit = edge_fit.fit_edge(pixels, Tissue.BONE, start)
    return edge_of(patch, edge.found, fit, pixels)


def _thickness_mm(fit: EdgeFit) -> float:
    return float(np.median(fit.thickness_mm))


def check_cortex_alone(patch: SlicePatch, edge: Edge, place: FloatArray) -> None:
    """Refuse (Unclear) a bone's edge below which more is dark at a place than the cortex that was
    fitted along it: a tendon's attachment there was taken for cortex."""
    fit, curve = edge.fit, edge.found.curve
    fitted_places = curve.places + fit.offset_mm[:, None] * curve.outward
    near = np.linalg.norm(fitted_places - place, axis=1) <= _LOOKED_AT_MM
    if not near.any():
        return
    below = fitted_places[near, None] - _DEPTHS_MM[:, None] * curve.outward[near, None]
    level = (np.median(fit.dark) + np.median(fit.inner)) / 2
    dark = patch.sample(below) <= level
    until = np.logical_or.accumulate(dark, axis=1) & ~dark  # bright again, below the dark
    depth_mm = np.where(until.any(axis=1), _DEPTHS_MM[until.argmax(axis=1)], np.inf)
    depth_mm[~dark.any(axis=1)] = 0
    more_mm = max(_MORE_DARK_MM, _MORE_DARK_PIXELS * pixel_mm(patch, curve))
    most_mm = min(_thickness_mm(fit) + more_mm, _thickest_cortex_mm(patch, edge))
    if float(np.median(depth_mm)) > most_mm:
        raise Unclear(_RUN_TOGETHER)


def _thickest_cortex_mm(patch: SlicePatch, edge: Edge) -> float:
    return _THICKEST_CORTEX_MM + _THICKEST_CORTEX_PIXELS * pixel_mm(patch, edge.found.curve)
