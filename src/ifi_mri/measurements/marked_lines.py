"""Straight lines fitted to what a reader drew along a bone, and how sure their direction is.

The line of least squared distance to the points (Pearson, Philos Mag 1901;2:559): through their
mean, along the direction of their largest spread.  Points with an error of SD s across the line
leave its direction an error of s / sqrt(sum of squared distances along the line from their mean),
in radians; for two points L apart that is s sqrt(2) / L.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ifi_mri.measurements.in_plane_distance import Unmeasurable
from ifi_mri.model import Z_95, FloatArray

#: Points spread across a line by more than this part of their spread along it have no direction.
MOST_ACROSS: Final = 0.5

#: Shorter lines are a click that slipped.
SHORTEST_MM: Final = 2.0


class MarkedLine(NamedTuple):
    """A fitted line: its middle, its unit direction, and what its certainty rests on.

    ``along_mm`` are the positions of the points along the line, counted from its middle.
    """

    middle_mm: FloatArray
    direction: FloatArray
    along_mm: FloatArray

    @property
    def ends_mm(self) -> tuple[FloatArray, FloatArray]:
        """The ends of the marked part, along the direction."""
        low, high = float(self.along_mm.min()), float(self.along_mm.max())
        return self.middle_mm + low * self.direction, self.middle_mm + high * self.direction

    def direction_sd_rad(self, landmark_sd_mm: float) -> float:
        """Return the standard deviation of the direction in any plane through the line, rad."""
        return landmark_sd_mm / math.sqrt(float((self.along_mm**2).sum()))

    def place_sd_mm(self, along_mm: float, landmark_sd_mm: float) -> float:
        """Return the standard deviation across the line, at a distance from its middle, mm."""
        turned = along_mm * self.direction_sd_rad(landmark_sd_mm)
        return math.hypot(landmark_sd_mm / math.sqrt(len(self.along_mm)), turned)


def fitted_line(points_mm: npt.ArrayLike, towards: Sequence[float], name: str) -> MarkedLine:
    """Return the line through points in patient mm, its direction on the side of ``towards``.

    Parameters
    ----------
    points_mm : array_like of shape (n, 3)
    towards : sequence of 3 floats
        A direction in patient LPS that the line shall lean to.
    name : str
        What was marked, for the reason of a refusal.

    Raises
    ------
    Unmeasurable
        The points coincide or lie in no line.
    """
    points = np.asarray(points_mm, dtype=np.float64).reshape(-1, 3)
    middle = points.mean(axis=0)
    _, spreads, directions = np.linalg.svd(points - middle, full_matrices=False)
    along = (points - middle) @ directions[0]
    if np.ptp(along) < SHORTEST_MM:
        raise Unmeasurable(
            f"{name} is {np.ptp(along):.1f} mm long; at least {SHORTEST_MM:g} mm are needed for a "
            f"direction"
        )
    if len(spreads) > 1 and spreads[1] > MOST_ACROSS * spreads[0]:
        raise Unmeasurable(f"the points of {name} lie in no line")
    sign = 1.0 if directions[0] @ np.asarray(towards) >= 0 else -1.0
    return MarkedLine(middle, sign * directions[0], sign * along)


def angle_interval_95(angle_deg: float, sd_deg: float) -> tuple[float, float]:
    """Return the 95 % interval of an angle between two lines, degrees, within 0 to 180."""
    return max(0.0, angle_deg - Z_95 * sd_deg), min(180.0, angle_deg + Z_95 * sd_deg)
