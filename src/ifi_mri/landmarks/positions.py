"""Positions as landmark files state them, turned into patient LPS mm.

Files speak LPS or RAS: +x to the patient's left and +y to the back, or +x to the right and +y to
the front.  This module is the only place that turns one into the other.
"""

import math
from collections.abc import Sequence
from enum import StrEnum
from itertools import chain
from typing import Any, Final

from ifi_mri.errors import LandmarkFormatError
from ifi_mri.landmarks.text_files import shown
from ifi_mri.model import Point

#: No place in a scanner lies further than this from the isocentre; a file that says so is in
#: micrometres, in voxels of a whole-slide image, or broken.
FARTHEST_MM: Final = 10_000.0


class CoordinateSystem(StrEnum):
    """Which way the first two coordinates grow."""

    LPS = "LPS"
    RAS = "RAS"


def to_lps(x: float, y: float, z: float, system: CoordinateSystem) -> Point:
    """Return a position in patient LPS; ``0.0 - x`` and not ``-x``, which makes -0.0 of 0.0."""
    return (0.0 - x, 0.0 - y, z) if system is CoordinateSystem.RAS else (x, y, z)


def point_mm(
    position: Sequence[object], system: CoordinateSystem, where: str, units_per_mm: float = 1.0
) -> Point:
    """Return a stated position as a point in patient LPS mm.

    Parameters
    ----------
    position : sequence of 3 numbers
        As the file states it.
    system : CoordinateSystem
    where : str
        Names the file and the place in it, for the message.
    units_per_mm : float
        1000 where the file is in micrometres.

    Raises
    ------
    LandmarkFormatError
        Not three finite numbers, no place in a scanner, or exactly (0, 0, 0): that is how an
        unset point looks, and no reader ever clicks the isocentre to the last digit.
    """
    numbers = [_number(value) for value in position]
    if len(numbers) != 3 or any(number is None for number in numbers):
        raise LandmarkFormatError(
            f"{where}: a position is three finite numbers in mm, found {shown(list(position))}. "
            "Correct it or delete the landmark."
        )
    x, y, z = (number / units_per_mm for number in numbers if number is not None)
    if max(abs(x), abs(y), abs(z)) > FARTHEST_MM:
        raise LandmarkFormatError(
            f"{where}: {_in_words(x, y, z)} is no place in a scanner, at most {FARTHEST_MM:.0f} mm "
            "from its centre are expected. Check that the positions are in mm."
        )
    if x == y == z == 0:
        raise LandmarkFormatError(
            f"{where}: the position is exactly (0, 0, 0), which is how an unset point looks. "
            "Place the point or delete it."
        )
    return to_lps(x, y, z, system)


def points_mm(
    stated: Sequence[Sequence[object]], system: CoordinateSystem, where: str
) -> list[Point]:
    """Return the stated positions of one landmark, mm, as points in patient LPS mm.

    What `point_mm` returns and raises for each of them; an outline of plain numbers is taken at
    once.
    """
    return _plain_points_mm(stated, system) or [point_mm(one, system, where) for one in stated]


def _plain_points_mm(
    stated: Sequence[Sequence[object]], system: CoordinateSystem
) -> list[Point] | None:
    """Return points where every position is three floats that nothing is to be said about."""
    numbers: list[Any] = list(chain.from_iterable(stated))
    if {*map(len, stated)} != {3} or {*map(type, numbers)} != {float}:
        return None
    is_finite = math.isfinite(sum(numbers))  # of one number that is not, the sum is not either
    if not is_finite or max(numbers) > FARTHEST_MM or min(numbers) < -FARTHEST_MM:
        return None
    points: list[Any] = list(map(tuple, stated))
    if (0.0, 0.0, 0.0) in points:
        return None
    if system is CoordinateSystem.LPS:
        return points
    return [to_lps(x, y, z, system) for x, y, z in points]


def _number(value: object) -> float | None:
    """Return a finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _in_words(x: float, y: float, z: float) -> str:
    return f"({x:g}, {y:g}, {z:g}) mm"
