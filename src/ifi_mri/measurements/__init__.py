"""Numbers from one hip or both: one file each, listed in the order of the report.

A measurement's module offers ``NAMES``, the measurements it makes, and one of

- ``measure(hip, config) -> tuple[Measurement | NotMeasured, ...]``, one entry for each name;
- ``measure_pair(left, right, results, config)`` with the same return, for what needs both hips:
  their landmarks, or the ``results`` that were measured on each.

A distance whose ends can be looked for in the picture also offers ``ENDS``, what it lies between.

A new one is a new file and its name in ``MODULES``.
"""

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from types import ModuleType

from ifi_mri.config import Config
from ifi_mri.measurements.in_plane_distance import marked_gaps
from ifi_mri.model import Hip, MarkedGap, Measurement, NotMeasured

MODULES = (
    "ischiofemoral_space",
    "quadratus_femoris_space",
    "ischiofemoral_distance_3d",
    "quadratus_femoris_signal",
    "quadratus_femoris_fat_fraction",
    "quadratus_femoris_area",
    "quadratus_femoris_volume",
    "hamstring_tendon_area",
    "ischial_angle",
    "neck_shaft_angle",
    "intertuberous_distance",
    "side_difference",
    "side_difference_of_muscle",
    "lesser_trochanter_direction",
)


def measure(hip: Hip, config: Config) -> tuple[Measurement | NotMeasured, ...]:
    """Return every measurement of one hip, in report order."""
    taken: list[Measurement | NotMeasured] = []
    for module in _offering("measure"):
        taken += module.measure(hip, config)
    return tuple(taken)


def measure_pair(
    left: Hip, right: Hip, results: Sequence[Measurement | NotMeasured], config: Config
) -> tuple[Measurement | NotMeasured, ...]:
    """Return every measurement that needs both hips, in report order.

    ``results`` are those of `measure` on each of them.  What belongs to both sides together has no
    side.
    """
    taken: list[Measurement | NotMeasured] = []
    for module in _offering("measure_pair"):
        taken += module.measure_pair(left, right, tuple(results), config)
    return tuple(taken)


def gaps(hip: Hip, reach_mm: float) -> tuple[MarkedGap, ...]:
    """Return the lines between marked structures whose ends can be looked for in the picture, each
    once: those that may be the smallest of their slice after both ends moved by a reach, mm."""
    return tuple(
        dict.fromkeys(
            gap
            for module in _offering("ENDS")
            for gap in marked_gaps(hip, module.ENDS, within_mm=2 * reach_mm)
        )
    )


@cache
def _offering(function: str) -> tuple[ModuleType, ...]:
    modules = [import_module(f"{__name__}.{name}") for name in MODULES]
    return tuple(module for module in modules if hasattr(module, function))
