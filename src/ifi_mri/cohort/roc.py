"""How well a distance tells two groups of hips apart: the ROC curve, its area and a cut-off.

A hip counts as positive where its distance is at or below the cut-off, as everywhere in this
package.  Two hips of one patient are not independent: variances add up patient by patient
(Obuchowski, Biometrics 1997;53:567, doi:10.2307/2533958), which is DeLong's (Biometrics
1988;44:837, doi:10.2307/2531595) where every patient has one hip; the bootstrap draws patients.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ifi_mri.cohort.reliability import Interval
from ifi_mri.model import Z_95, FloatArray

#: Enough for two digits of a percentile interval (Efron and Tibshirani, An Introduction to the
#: Bootstrap, 1993, section 14.2).
BOOTSTRAP_DRAWS: Final = 2000

#: Cut-offs are compared at the printed precision, 0.1 mm.
PRINTED_DIGITS: Final = 1


@dataclass(frozen=True)
class Hips:
    """Distances in mm of hips with and without the condition, and whose hips they are.

    Attributes
    ----------
    distance_mm : float array, shape (n,)
        At the printed precision.
    affected : bool array, shape (n,)
    patient : int array, shape (n,)
        Equal numbers are one patient.
    """

    distance_mm: FloatArray
    affected: npt.NDArray[np.bool_]
    patient: npt.NDArray[np.intp]

    @classmethod
    def of(
        cls, distance_mm: Sequence[float], affected: Sequence[bool], patients: Sequence[Any]
    ) -> "Hips":
        """Return hips from plain sequences of equal length.

        Raises
        ------
        ValueError
            Unequal lengths, a distance that is not finite, or only one of the two groups.
        """
        exact: FloatArray = np.asarray(distance_mm, dtype=np.float64)
        distances: FloatArray = np.round(exact, PRINTED_DIGITS)
        condition = np.asarray(affected, dtype=bool)
        _, patient = np.unique(np.asarray([str(one) for one in patients]), return_inverse=True)
        if not len(distances) == len(condition) == len(patient):
            raise ValueError("distances, conditions and patients differ in number")
        if not np.isfinite(distances).all():
            raise ValueError("a distance is missing or not finite")
        if condition.all() or not condition.any():
            raise ValueError("expected hips with and without the condition")
        return cls(distances, condition, patient)

    def drawn(self, rows: npt.NDArray[np.intp]) -> "Hips":
        """Return chosen hips, also repeated ones."""
        return Hips(self.distance_mm[rows], self.affected[rows], self.patient[rows])


@dataclass(frozen=True, slots=True)
class AtCutoff:
    """What a cut-off does: shares of 1; predictive values at a stated prevalence, None where a
    hip of that kind never occurs."""

    cutoff_mm: float
    sensitivity: float
    specificity: float
    positive_predictive_value: float | None
    negative_predictive_value: float | None


@dataclass(frozen=True, slots=True)
class BestCutoff:
    """Youden's cut-off with percentile intervals from drawing patients."""

    cutoff_mm: Interval
    sensitivity: Interval
    specificity: Interval
    n_draws: int


def area(hips: Hips) -> Interval:
    """Return the area under the curve: the chance that an affected hip is the narrower of two."""
    gained, spared = _placements(hips)
    value = float(gained.mean())
    half = Z_95 * math.sqrt(_variance(hips, gained, spared, value))
    return Interval(value, max(0.0, value - half), min(1.0, value + half))


def _placements(hips: Hips) -> tuple[FloatArray, FloatArray]:
    """Return for each affected hip the share of the others that are wider, and for each other the
    share of the affected that are narrower; ties count half."""
    narrow, wide = hips.distance_mm[hips.affected], hips.distance_mm[~hips.affected]
    return _share_above(narrow, wide), _share_above(-wide, -narrow)


def _share_above(values: FloatArray, others: FloatArray) -> FloatArray:
    ordered = np.sort(others)
    above = len(ordered) - np.searchsorted(ordered, values, side="right")
    level = len(ordered) - np.searchsorted(ordered, values, side="left") - above
    return np.asarray((above + level / 2) / len(ordered), dtype=np.float64)


def _variance(hips: Hips, gained: FloatArray, spared: FloatArray, area: float) -> float:
    """Return the variance of the area, hips of one patient together (Obuchowski 1997, eq. 3)."""
    n_patients = int(hips.patient.max()) + 1
    n_affected, n_others = len(gained), len(spared)
    of_affected = hips.patient[hips.affected]
    of_others = hips.patient[~hips.affected]
    affected = np.bincount(of_affected, gained - area, minlength=n_patients)
    others = np.bincount(of_others, spared - area, minlength=n_patients)
    with_affected, with_others = len(np.unique(of_affected)), len(np.unique(of_others))
    if min(with_affected, with_others) < 2:
        return math.nan
    within_affected = with_affected / (with_affected - 1) / n_affected * float(affected @ affected)
    within_others = with_others / (with_others - 1) / n_others * float(others @ others)
    across = n_patients / (n_patients - 1) * float(affected @ others)
    variance = within_affected / n_affected + within_others / n_others
    return max(0.0, variance + 2 * across / (n_affected * n_others))


def curve(hips: Hips) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return cut-offs in mm, sensitivity and specificity there, from none positive to all."""
    cutoffs = np.unique(hips.distance_mm)
    narrow, wide = (
        np.sort(hips.distance_mm[hips.affected]),
        np.sort(hips.distance_mm[~hips.affected]),
    )
    sensitivity = np.searchsorted(narrow, cutoffs, side="right") / len(narrow)
    specificity = 1 - np.searchsorted(wide, cutoffs, side="right") / len(wide)
    return (
        np.concatenate([[-math.inf], cutoffs]),
        np.concatenate([[0.0], sensitivity]),
        np.concatenate([[1.0], specificity]),
    )


def youden(hips: Hips) -> tuple[float, float, float]:
    """Return the cut-off in mm with the largest sum of sensitivity and specificity, and both; of
    equals the middle one (Youden, Cancer 1950;3:32)."""
    cutoffs, sensitivity, specificity = curve(hips)
    total = sensitivity[1:] + specificity[1:]
    best = np.flatnonzero(total >= total.max() - 1e-12)
    chosen = 1 + int(best[(len(best) - 1) // 2])
    return float(cutoffs[chosen]), float(sensitivity[chosen]), float(specificity[chosen])


def best_cutoff(hips: Hips, draws: Sequence[Hips]) -> BestCutoff:
    """Return Youden's cut-off; intervals are the middle 95 % over draws of patients."""
    found = np.asarray([youden(drawn) for drawn in draws])
    low, high = np.percentile(found, [2.5, 97.5], axis=0)
    at = [Interval(*three) for three in zip(youden(hips), low.tolist(), high.tolist(), strict=True)]
    return BestCutoff(
        at[0],
        _never_certain(at[1], hips.patient[hips.affected]),
        _never_certain(at[2], hips.patient[~hips.affected]),
        n_draws=len(found),
    )


def at_cutoff(hips: Hips, cutoff_mm: float, prevalence: float) -> AtCutoff:
    """Return what a cut-off does; predictive values at a stated prevalence by Bayes' rule.

    Raises
    ------
    ValueError
        The prevalence does not lie between 0 and 1.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"a prevalence of {prevalence} does not lie between 0 and 1")
    positive = hips.distance_mm <= cutoff_mm
    sensitivity = float(positive[hips.affected].mean())
    specificity = float((~positive[~hips.affected]).mean())
    true_positive = prevalence * sensitivity
    false_positive = (1 - prevalence) * (1 - specificity)
    true_negative = (1 - prevalence) * specificity
    false_negative = prevalence * (1 - sensitivity)
    return AtCutoff(
        cutoff_mm,
        sensitivity,
        specificity,
        _share(true_positive, false_positive),
        _share(true_negative, false_negative),
    )


def intervals_at(hips: Hips, cutoff_mm: float, draws: Sequence[Hips]) -> tuple[Interval, Interval]:
    """Return sensitivity and specificity of a cut-off; intervals are the middle 95 % over draws of
    patients."""
    found = []
    for drawn in draws:
        positive = drawn.distance_mm <= cutoff_mm
        found.append((positive[drawn.affected].mean(), (~positive[~drawn.affected]).mean()))
    low, high = np.percentile(np.asarray(found), [2.5, 97.5], axis=0)
    here = at_cutoff(hips, cutoff_mm, 0.5)
    sensitivity = Interval(here.sensitivity, float(low[0]), float(high[0]))
    specificity = Interval(here.specificity, float(low[1]), float(high[1]))
    return (
        _never_certain(sensitivity, hips.patient[hips.affected]),
        _never_certain(specificity, hips.patient[~hips.affected]),
    )


def _never_certain(share: Interval, patients: npt.NDArray[np.intp]) -> Interval:
    """Return Wilson's interval (J Am Stat Assoc 1927;22:209), patients counted once, for a share of
    none or all: every draw repeats it, and the draws alone would call it certain."""
    if 0 < share.value < 1:
        return share
    from statsmodels.stats.proportion import proportion_confint  # type: ignore[import-untyped]

    n = len(np.unique(patients))
    low, high = proportion_confint(round(share.value) * n, n, method="wilson")
    return Interval(share.value, min(share.low, float(low)), max(share.high, float(high)))


def _share(wanted: float, other: float) -> float | None:
    return wanted / (wanted + other) if wanted + other > 0 else None


def drawn_patients(hips: Hips, draws: int = BOOTSTRAP_DRAWS, seed: int = 0) -> list[Hips]:
    """Return samples of patients with replacement, each with all of its hips; one without both
    groups is drawn again."""
    random = np.random.default_rng(seed)
    order = np.argsort(hips.patient, kind="stable")
    starts = np.searchsorted(hips.patient[order], np.arange(int(hips.patient.max()) + 2))
    rows = [order[a:b] for a, b in itertools.pairwise(starts)]
    found: list[Hips] = []
    for _ in range(20 * draws):
        if len(found) == draws:
            break
        chosen = np.concatenate([rows[k] for k in random.integers(len(rows), size=len(rows))])
        drawn = hips.drawn(chosen)
        if drawn.affected.any() and not drawn.affected.all():
            found.append(drawn)
    return found
