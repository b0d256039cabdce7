"""The uncertainty of a distance between two marked structures, source by source.

Each end scatters along the line and, where it is a single click, beside it; on a tilted slice the
line is longer than an axial one; and of several slices the smallest value is taken.  How sources
add up, and where the formulas come from, stands in `ifi_mri.uncertainty`.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from ifi_mri import uncertainty
from ifi_mri.model import (
    Z_95,
    Landmark,
    Point,
    RefinedEnd,
    SliceValue,
    UncertaintySource,
)

READER: Final = "reader placement"
EDGE: Final = "edge fit"
PIXELS: Final = "pixels of the label map"
BESIDE: Final = "clicks beside the line"
TILT: Final = "slice tilt"
SMALLEST: Final = "smallest of the slices"


class Budget(NamedTuple):
    """The sources of a distance's uncertainty and what they add up to, mm."""

    sources: tuple[UncertaintySource, ...]

    @property
    def sd_mm(self) -> float:
        """Standard deviation of the distance."""
        return math.hypot(*(source.sd for source in self.sources))

    @property
    def bias_mm(self) -> float:
        """By how much the measured distance is too large on average; negative: too small."""
        return math.fsum(source.bias for source in self.sources)

    def interval_95_mm(self, value_mm: float) -> tuple[float, float]:
        """Return the 95 % interval of a measured distance, cut off at 0."""
        middle, half = value_mm - self.bias_mm, Z_95 * self.sd_mm
        return max(0.0, middle - half), max(0.0, middle + half)


class _End(NamedTuple):
    """SDs of one end, mm: a reader's along the line and beside it, an edge's, a pixel's."""

    reader: float = 0.0
    beside: float = 0.0
    edge: float = 0.0
    pixel: float = 0.0


def of_marks(
    value_mm: float,
    points_mm: Sequence[Point],
    marks: Sequence[Landmark],
    placement_sd_mm: float,
    refined: Sequence[RefinedEnd] = (),
    *,
    is_in_slice: bool = True,
) -> Budget:
    """Return the budget of one distance between two marked structures.

    Parameters
    ----------
    value_mm : float
    points_mm : sequence of 2 points
        Its ends.
    marks : sequence of 2 Landmark
        What was marked there: a single click also scatters beside the line, which an outline's
        nearest place does not.
    placement_sd_mm : float
        Standard deviation of what a reader marks, per axis.
    refined : sequence of RefinedEnd
        Both ends where edges were looked for.
    is_in_slice : bool
        Whether the line lies in a slice and stands for a distance in the axial plane.
    """
    ends = [
        _end(mark, placement_sd_mm, refined[number] if refined else None)
        for number, mark in enumerate(marks)
    ]
    reader, edge = math.hypot(*(e.reader for e in ends)), math.hypot(*(e.edge for e in ends))
    pixels, beside = math.hypot(*(e.pixel for e in ends)), math.hypot(*(e.beside for e in ends))
    along = math.hypot(reader, edge, pixels)
    true = uncertainty.true_distance(value_mm, along, beside)
    sources = [
        UncertaintySource(READER, reader),
        UncertaintySource(EDGE, edge),
        UncertaintySource(PIXELS, pixels),
        UncertaintySource(BESIDE, math.sqrt(max(0.0, true.sd**2 - along**2)), value_mm - true.mean),
    ]
    if is_in_slice:
        sources.append(UncertaintySource(TILT, uncertainty.tilt_sd_mm(value_mm, _slope(points_mm))))
    return Budget(tuple(source for source in sources if source.sd > 0 or source.bias != 0))


def of_smallest(values: Sequence[SliceValue], budgets: Sequence[Budget]) -> Budget:
    """Return the budget of the smallest of the values on several slices, given each one's own.

    The smallest of noisy values is too small on average, by an amount that is only estimated, and
    scatters less than each of them; both are taken in part (`uncertainty.BIAS_TAKEN`,
    `uncertainty.SMALLEST_WEIGHT`).  Every source of the narrowest slice shrinks alike.
    """
    own = budgets[
        min(range(len(values)), key=lambda k: (values[k].value, -values[k].slice_position_mm))
    ]
    if len(values) == 1 or own.sd_mm == 0:
        return own
    means = [v.value - budget.bias_mm for v, budget in zip(values, budgets, strict=True)]
    error = uncertainty.smallest_error(means, [budget.sd_mm for budget in budgets])
    relative = min(1.0, error.sd / own.sd_mm)
    weight = uncertainty.SMALLEST_WEIGHT
    shrunk = math.sqrt(1 - weight + weight * relative**2)
    sources = [UncertaintySource(s.name, s.sd * shrunk, s.bias) for s in own.sources]
    taken = uncertainty.BIAS_TAKEN * (len(values) - 1) / len(values)
    return Budget((*sources, UncertaintySource(SMALLEST, 0.0, taken * error.mean)))


def _end(mark: Landmark, placement_sd_mm: float, refined: RefinedEnd | None) -> _End:
    if refined is not None and refined.sd_mm is not None:
        return _End(edge=refined.sd_mm)
    pixel = uncertainty.pixel_sd_mm(mark.pixel_mm) if mark.pixel_mm is not None else 0.0
    beside = placement_sd_mm if len(mark.points_mm) == 1 else 0.0
    return _End(reader=placement_sd_mm, beside=beside, pixel=pixel)


def _slope(points_mm: Sequence[Point]) -> float:
    """Return the sine of a line's angle to the patient's axial plane."""
    first, second = np.asarray(points_mm, dtype=np.float64)
    line = second - first
    length = math.sqrt(line @ line)
    return abs(float(line[2])) / length if length > 0 else 0.0
