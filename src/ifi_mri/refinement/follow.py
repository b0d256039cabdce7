"""The edge of a bone followed to both sides of the stretch that is measured.

Whether there is a cortex between marrow and muscle is told by few grey levels where it is thin
against the pixels, and the longer the edge that is looked at, the surer it is told.  What can be
followed there, around corners and whether there is a cortex or not, is the edge of the marrow: a
contour half way between marrow and muscle, which stands out from the noise on every pixel.  It lies
beside the cortex's outer edge, at a distance that only a fit can tell.
"""

from typing import Final

import numpy as np

from ifi_mri.refinement.edge_model import FloatArray
from ifi_mri.refinement.profiles import Curve, SlicePatch, lengths_along, through

#: How far from where it is expected the next point of the contour may lie, mm, and how closely it
#: is looked for.
_ASIDE_MM: Final = np.arange(-1.5, 1.51, 0.15)

#: Surroundings brighter than this share of the marrow have no contour half way to it.
_BRIGHTEST_OUTSIDE: Final = 0.7

#: A bone does not turn by more than 60 degrees from one point to the next.
_LEAST_COSINE: Final = 0.5

#: Points over which the direction of the contour is taken, and its noise is averaged.
_POINTS_BACK: Final = 3
_AVERAGED: Final = 5

#: How far a bone is followed, in half-lengths of the stretch.
_FOLLOWED: Final = 4.0

#: Of a stretch, at least this share is followed, or it is left.
_LEAST_SHARE: Final = 0.5


def beside(
    patch: SlicePatch,
    place: FloatArray,
    outward: FloatArray,
    levels: tuple[float, float],
    half_mm: float,
    step_mm: float,
) -> list[Curve]:
    """Return curves along the marrow's edge to both sides of a stretch, as far as it is plain.

    Parameters
    ----------
    patch : SlicePatch
    place : array of shape (2,)
        On the marrow's edge in the middle of the stretch, good to about 1 mm.
    outward : array of shape (2,)
        Unit normal there.
    levels : tuple of 2 floats
        Brightness of marrow and surroundings.
    half_mm : float
        Half the length of the stretch, and of what is looked for beyond its ends.
    step_mm : float
        Between the vertices of the curves.

    Returns
    -------
    list of Curve
        Up to two, each with its own middle.
    """
    if levels[1] > _BRIGHTEST_OUTSIDE * levels[0]:
        return []
    curves = []
    for turn in (1.0, -1.0):
        along = turn * np.array([-outward[1], outward[0]])
        far_mm = _FOLLOWED * half_mm + (_AVERAGED - 1) * step_mm / 2
        places = _followed(patch, place, along, turn, sum(levels) / 2, far_mm, step_mm / 2)
        curve = _beyond(places, turn, half_mm, step_mm)
        if curve is not None:
            curves.append(curve)
    return curves


def _followed(
    patch: SlicePatch,
    place: FloatArray,
    along: FloatArray,
    turn: float,
    level: float,
    far_mm: float,
    step_mm: float,
) -> FloatArray:
    """Return the contour from a place on it in one direction, shape (n, 2); ``turn`` says on which
    side of the direction the bone's outside is."""
    places = [place]
    for _ in range(int(far_mm / step_mm) + 1):
        outward = turn * np.array([along[1], -along[0]])
        guess = places[-1] + step_mm * along if len(places) > 1 else place
        found = _crossing(patch, guess, outward, step_mm * along, level)
        if found is None:
            break
        if len(places) > 1:
            ahead = found - places[max(len(places) - _POINTS_BACK, 0)]
            ahead /= np.linalg.norm(ahead)
            if ahead @ along < _LEAST_COSINE:
                break
            along = ahead
        places.append(found)
    return np.array(places[1:]).reshape(-1, 2)


def _crossing(
    patch: SlicePatch, place: FloatArray, outward: FloatArray, beside: FloatArray, level: float
) -> FloatArray | None:
    """Return where the picture falls through a level nearest to a place, on the way outward: the
    mean of three ways beside one another."""
    ways = place + _ASIDE_MM[:, None] * outward
    values = patch.sample(np.stack([ways - beside / 2, ways, ways + beside / 2])).mean(axis=0)
    falls = np.flatnonzero((values[:-1] > level) & (values[1:] <= level))
    if not np.isfinite(values).all() or len(falls) == 0:
        return None
    at = falls[np.abs(_ASIDE_MM[falls]).argmin()]
    share = (values[at] - level) / (values[at] - values[at + 1])
    return np.asarray(ways[at] + share * (ways[at + 1] - ways[at]))


def _beyond(places: FloatArray, turn: float, half_mm: float, step_mm: float) -> Curve | None:
    """Return a curve along the part of a contour that lies beyond a half-length from its first
    place; None where too little of it was followed."""
    if len(places) < _AVERAGED + 2:
        return None
    kernel = np.full(_AVERAGED, 1 / _AVERAGED)
    even = np.stack([np.convolve(axis, kernel, "valid") for axis in places.T], axis=1)
    length = lengths_along(even)
    half = (min(float(length[-1]), _FOLLOWED * half_mm) - half_mm) / 2
    if half < _LEAST_SHARE * half_mm:
        return None
    at = half_mm + half
    middle, ahead = (
        np.array([np.interp(x, length, even[:, axis]) for axis in (0, 1)]) for x in (at, at + 1.0)
    )
    outward = turn * np.array([(ahead - middle)[1], -(ahead - middle)[0]])
    return through(even, outward, middle, half, step_mm)
