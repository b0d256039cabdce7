"""Numbers from one hip: one file each, listed in the order of the report.

A measurement's module offers ``NAMES``, the measurements it makes, and
``measure(hip, config) -> tuple[Measurement | NotMeasured, ...]``, one entry for each name.  A new
one is a new file and its name in ``MODULES``.
"""

from importlib import import_module

from ifi_mri.config import Config
from ifi_mri.model import Hip, Measurement, NotMeasured

MODULES = (
    "ischiofemoral_space",
    "quadratus_femoris_space",
    "ischiofemoral_distance_3d",
    "quadratus_femoris_signal",
)


def measure(hip: Hip, config: Config) -> tuple[Measurement | NotMeasured, ...]:
    """Return every measurement of one hip, in report order."""
    taken: list[Measurement | NotMeasured] = []
    for name in MODULES:
        taken += import_module(f"{__name__}.{name}").measure(hip, config)
    return tuple(taken)
