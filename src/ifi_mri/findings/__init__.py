"""What the numbers mean under a rule: one file each, listed in the order of the report.

A finding's module offers ``NAMES``, the findings it makes, and ``assess(hip) -> tuple[Finding,
...]``, one entry for each name.  A new one is a new file and its name in ``MODULES``.
"""

from importlib import import_module

from ifi_mri.findings.assessed_hip import AssessedHip
from ifi_mri.model import Finding

MODULES = ("narrowing", "quadratus_femoris_oedema", "quadratus_femoris_fatty_infiltration")

__all__ = ("MODULES", "AssessedHip", "assess")


def assess(hip: AssessedHip) -> tuple[Finding, ...]:
    """Return every finding of one hip, in report order."""
    found: list[Finding] = []
    for name in MODULES:
        found += import_module(f"{__name__}.{name}").assess(hip)
    return tuple(found)
