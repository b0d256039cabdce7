"""Snap to cortex: the ends of a gap moved to the edges that the picture shows.

Ischiofemoral and quadratus femoris space are the smallest distances between two surfaces on one
axial image (Torriani et al., AJR 2009;193:186, doi:10.2214/AJR.08.2090).  A click is near such a
surface; this looks for the surface itself.  Around each click the edge of the bone or tendon is
traced as a curve (`trace`), the shortest line between the two curves is taken, and both are traced
again around its ends, until it stays.  The line between the clicks says which way is outward: the
ischium's edge faces the femur and the other way round.

Each end stands for itself: one whose edge is not there, not clear, not the only one or too far away
stays where it was marked, with the reason, and the other edge is measured from there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ifi_mri import geometry
from ifi_mri.refinement.edge_model import FloatArray, Tissue
from ifi_mri.refinement.profiles import SlicePatch, lengths_along, position_along, through
from ifi_mri.refinement.trace import (
    Edge,
    End,
    Found,
    Unclear,
    find,
    find_around,
    fitted,
    half_length_mm,
    spacing_mm,
)
from ifi_mri.refinement.verdict import check_cortex_alone, verdict

#: Rounds of tracing and taking the shortest line; it stays after two or three.
MAX_ROUNDS: Final = 4

#: An end has come to rest where it lies no further than this from the middle of the traced edge, as
#: a fraction of the length to one side: the fit is surest there, and the smallest of unsure
#: distances is too small.
AT_REST: Final = 0.2

#: An edge is looked for along the line, outward and inward of its last place, mm, in every round
#: after the first.
AGAIN_MM: Final = (1.5, 1.5)

#: Outward an edge is looked for no further than half the gap: beyond it the other structure begins,
#: mm at least.
_LEAST_OUTWARD_MM: Final = 1.5

#: Where the shortest line ends nearer than this to the end of a traced edge, mm, the edge might go
#: on and come nearer still: by the sine of its slant against a right angle with every mm.
_FROM_END_MM: Final = 0.4

#: With a slant up to this the end is believed, and what the edge may come nearer over so many mm
#: more counts as uncertainty; with more it is refused.
_MOST_SLANT: Final = float(np.sin(np.radians(15)))
_GOES_ON_MM: Final = 1.0

_TOO_FAR: Final = "the nearest edge lies further away than is looked"


#: SD of a tendon's edge beyond that of the fit, mm: it has no marrow behind it that would hold the
#: model, and fibres that leave it are dark, too.  On the phantom's tendons the edge lies up to 1 mm
#: off.
_TENDON_SD_MM: Final = 0.5


@dataclass
class SnappedEnd:
    """One end of the gap while it is snapped.

    ``click`` is where it was marked, a place on the patch; ``outward`` points to the other end;
    ``middle`` is that of the traced edge, nowhere while none is, and ``believed`` the edge once
    there is no doubt about it.
    """

    click: FloatArray
    outward: FloatArray
    tissue: Tissue
    half_mm: float
    step_mm: float
    found: Found | None = None
    edge: Edge | None = None
    believed: Edge | None = None
    place: FloatArray = field(default_factory=lambda: np.zeros(2))
    middle: FloatArray = field(default_factory=lambda: np.full(2, np.inf))
    may_go_on_mm: float = 0.0
    reason: str = ""

    @property
    def curve(self) -> FloatArray:
        """The edge as far as it is known, shape (n, 2); the click where there is none."""
        if self.reason:
            return self.click[None]
        if self.edge is not None:
            return self.edge.places
        return self.click[None] if self.found is None else self.found.places

    @property
    def ends(self) -> tuple[End, End]:
        """Why the curve ends where it does."""
        if self.edge is not None:
            return self.edge.ends
        return (End.WINDOW, End.WINDOW) if self.found is None else self.found.ends

    def stay(self, reason: str) -> None:
        """Leave the end where it was marked."""
        self.reason, self.place = reason, self.click

    @property
    def sd_mm(self) -> float:
        """SD of the edge across itself, where the gap ends on it, and of where it may go on to."""
        assert self.edge is not None
        nearest = np.linalg.norm(self.edge.places - self.place, axis=1).argmin()
        of_model = _TENDON_SD_MM if self.tissue is Tissue.TENDON else 0.0
        return math.hypot(self.edge.sd_mm[nearest], self.may_go_on_mm, of_model)


def snap_gap(
    patch: SlicePatch,
    clicks: FloatArray,
    tissues: Sequence[Tissue],
    reach_mm: float,
    before: Sequence[SnappedEnd | None] = (None, None),
) -> tuple[SnappedEnd, SnappedEnd]:
    """Return both ends of a gap after looking for the edges around its clicks.

    Parameters
    ----------
    patch : SlicePatch
    clicks : array of shape (2, 2)
        Places on the patch, mm.
    tissues : sequence of 2 Tissue
    reach_mm : float
        How far from its click, across the edge, an edge may lie, and a pixel more: a click is no
        better.
    before : sequence of 2 SnappedEnd or None
        The same ends of other gaps: edges that were found from the same click.
    """
    gap_mm = float(np.linalg.norm(clicks[1] - clicks[0]))
    towards = (clicks[1] - clicks[0]) / gap_mm
    first, second = (
        SnappedEnd(
            click, outward, tissue, half_length_mm(patch, outward), spacing_mm(patch, outward)
        )
        for click, outward, tissue in zip(clicks, (towards, -towards), tissues, strict=True)
    )
    for end, known in zip((first, second), before, strict=True):
        if known is not None and not known.reason:
            end.found, end.edge, end.middle = known.found, known.edge, known.middle
            end.believed = known.believed
            continue
        inward = reach_mm + end.step_mm
        reach = inward, min(inward, max(_LEAST_OUTWARD_MM, gap_mm / 2))
        with _staying(end):
            end.found = find_around(patch, end.click, end.outward, end.tissue, reach)
    _take_nearest(first, second)
    for _ in range(MAX_ROUNDS):
        traced = [_trace_again(patch, end) for end in (first, second)]
        if not any(traced):
            break
        _take_nearest(first, second)
    for end in (first, second):
        with _staying(end):
            _believe(patch, end)
    _take_shortest(first, second)
    for _ in range(2):  # one that stays changes where the other one ends
        stayed = first.reason, second.reason
        for end, other in ((first, second), (second, first)):
            with _staying(end):
                _check_place(patch, end, other.place, reach_mm)
        if (first.reason, second.reason) != stayed:
            _take_shortest(first, second)
    return first, second


class _staying:  # noqa: N801 - reads as a phrase
    """``with _staying(end)``: an end whose edge is unclear stays, with the reason."""

    def __init__(self, end: SnappedEnd) -> None:
        self.end = end

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, problem: object, traceback: object) -> bool:
        if isinstance(problem, Unclear):
            self.end.stay(str(problem))
            return True
        return False


def _trace_again(patch: SlicePatch, end: SnappedEnd) -> bool:
    """Trace an edge around the end of the shortest line; return whether that was needed."""
    if end.reason:
        return False
    middle = _within(end)
    if np.linalg.norm(middle - end.middle) < AT_REST * end.half_mm:
        return False
    with _staying(end):
        curve = through(end.curve, end.outward, middle, end.half_mm, end.step_mm)
        end.found = find(patch, curve, end.tissue, AGAIN_MM, end.found)
        end.edge = fitted(patch, end.found, end.tissue, end.half_mm, end.edge)
        end.middle = middle
    return True


def _within(end: SnappedEnd) -> FloatArray:
    """Return where the next tracing has its middle: at the end of the shortest line, but so that
    the half beyond a faded end of the curve is not looked for."""
    length = lengths_along(end.curve)
    low = end.half_mm / 2 if end.ends[0] is not End.WINDOW else 0.0
    high = length[-1] - (end.half_mm / 2 if end.ends[1] is not End.WINDOW else 0.0)
    at = position_along(end.curve, end.place)
    at = (low + high) / 2 if low > high else min(max(at, low), high)
    return np.array([np.interp(at, length, end.curve[:, axis]) for axis in (0, 1)])


def _believe(patch: SlicePatch, end: SnappedEnd) -> None:
    if not end.reason and end.edge is not end.believed:
        assert end.edge is not None
        end.edge = end.believed = verdict(patch, end.edge, end.tissue)


def _take_nearest(first: SnappedEnd, second: SnappedEnd) -> None:
    """Take the line between the nearest vertices: good enough to know where to trace next."""
    one, other = first.curve, second.curve
    square = ((one[:, None] - other) ** 2).sum(axis=-1)
    nearest = np.unravel_index(square.argmin(), square.shape)
    first.place, second.place = one[nearest[0]], other[nearest[1]]


def _take_shortest(first: SnappedEnd, second: SnappedEnd) -> None:
    flat = [np.pad(end.curve, ((0, 0), (0, 1))) for end in (first, second)]
    closest = geometry.closest_in_space(*flat)
    first.place, second.place = closest.start[:2], closest.end[:2]


def _check_place(patch: SlicePatch, end: SnappedEnd, other: FloatArray, reach_mm: float) -> None:
    """Refuse an edge too far from the click, one with a tendon upon its cortex, or one that ends
    just where the gap ends on it and slants towards the other end."""
    if end.reason:
        return
    far_mm = float(np.linalg.norm(end.curve - end.click, axis=1).min())
    if far_mm > reach_mm + end.step_mm:
        raise Unclear(_TOO_FAR)
    if end.tissue is Tissue.TENDON and np.linalg.norm(end.place - end.click) > reach_mm:
        # a tendon is hardly wider: so far along its edge the bone beside it begins
        raise Unclear(_TOO_FAR)
    if end.edge is not None and end.tissue is Tissue.BONE:
        check_cortex_alone(patch, end.edge, end.place)
    length = lengths_along(end.curve)
    at = position_along(end.curve, end.place)
    end.may_go_on_mm = 0.0
    for beside, why in zip((at, length[-1] - at), end.ends, strict=True):
        if beside < _FROM_END_MM and why is not End.BONE:
            slant = _slant(end.curve, at > length[-1] / 2, other - end.place)
            if slant > _MOST_SLANT:
                raise Unclear("the edge fades where the two structures come nearest")
            end.may_go_on_mm = _GOES_ON_MM * slant


def _slant(curve: FloatArray, at_last: bool, line_along: FloatArray) -> float:
    """Return the cosine between a curve at one of its ends and a line."""
    along = curve[-1] - curve[-3] if at_last else curve[0] - curve[2]
    scale = float(np.linalg.norm(along) * np.linalg.norm(line_along))
    return abs(float(along @ line_along)) / scale if scale > 0 else 1.0
