"""Do readers agree, and with themselves?

Numbers: intraclass correlation, standard error of measurement, smallest detectable change, limits
of agreement of every pair (`reliability`).  Categories and grades: kappa of every pair (`kappa`).
Only hips that every reading has are compared; how many were left out is said.  What a study report
of this should hold: GRRAS (Kottner et al., J Clin Epidemiol 2011;64:96,
doi:10.1016/j.jclinepi.2010.03.002).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from ifi_mri.cohort.kappa import Kappa, kappa
from ifi_mri.cohort.readings import Comparison, Reading, comparisons
from ifi_mri.cohort.reliability import (
    LimitsOfAgreement,
    Reliability,
    limits_of_agreement,
    reliability,
)
from ifi_mri.vocabulary import MeasurementName


@dataclass(frozen=True, slots=True)
class Pair:
    """Two readings of the same hips: the first less the second, or category against category."""

    first: str
    second: str
    limits: LimitsOfAgreement | None = None
    kappa: Kappa | None = None


@dataclass(frozen=True, slots=True)
class Agreement:
    """One comparison and what it gave; ``reason`` says why there is nothing where there is not."""

    compared: Comparison
    reliability: Reliability | None
    pairs: tuple[Pair, ...]
    reason: str = ""


def of_measurements(readings: Sequence[Reading]) -> list[Agreement]:
    """Return the agreement on every measurement that was read more than once."""
    return [
        _of_numbers(compared)
        for name in _names(readings)
        for compared in comparisons(readings, name)
    ]


def of_categories(
    readings: Sequence[Reading], categories: Sequence[object], weighted: bool
) -> list[Agreement]:
    """Return the agreement on every finding (or grade) that was read more than once.

    Parameters
    ----------
    readings : sequence of Reading
        Whose values are among the categories.
    categories : sequence
        In their order.
    weighted : bool
        As for `kappa.kappa`.
    """
    return [
        _of_categories(compared, categories, weighted)
        for name in _names(readings)
        for compared in comparisons(readings, name)
    ]


def _names(readings: Iterable[Reading]) -> list[str]:
    return list(dict.fromkeys(reading.name for reading in readings))


def _of_numbers(compared: Comparison) -> Agreement:
    try:
        found = reliability(compared.values if compared.values else [[]])
        pairs = tuple(
            Pair(
                compared.columns[a],
                compared.columns[b],
                limits=limits_of_agreement(compared.column(a), compared.column(b)),
            )
            for a, b in combinations(range(len(compared.columns)), 2)
        )
    except ValueError as problem:
        return Agreement(compared, None, (), _why_not(compared, str(problem)))
    return Agreement(compared, found, pairs)


def _of_categories(compared: Comparison, categories: Sequence[object], weighted: bool) -> Agreement:
    if not compared.values:
        columns = ", ".join(compared.columns)
        return Agreement(compared, None, (), f"no hip has a value by each of {columns}")
    pairs = tuple(
        Pair(
            compared.columns[a],
            compared.columns[b],
            kappa=kappa(compared.column(a), compared.column(b), categories, weighted),
        )
        for a, b in combinations(range(len(compared.columns)), 2)
    )
    return Agreement(compared, None, pairs)


def _why_not(compared: Comparison, problem: str) -> str:
    n = len(compared.hips)
    if n < 3:
        columns = ", ".join(compared.columns)
        return f"{n} hips have a value by each of {columns}; at least 3 are needed"
    return problem


def landmark_sd_mm(agreements: Iterable[Agreement]) -> float | None:
    """Return the SD of one landmark along one axis, mm, that explains how far readers' spaces lie
    apart; None where no space was read by several readers, or by one several times.

    Both ends of a distance are placed, each with this SD along the line between them, so that the
    standard error of measurement is the square root of two times it.  Of the two spaces, and of
    readers between and within, the largest counts: a band that is too wide says *indeterminate*,
    one that is too narrow is wrong.
    """
    spaces = (MeasurementName.ISCHIOFEMORAL_SPACE, MeasurementName.QUADRATUS_FEMORIS_SPACE)
    errors = [
        one.reliability.sem.value / math.sqrt(2)
        for one in agreements
        if one.reliability is not None and one.compared.name in spaces
    ]
    return max(errors, default=None)
