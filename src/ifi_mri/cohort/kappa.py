"""Agreement on categories and grades beyond chance: Cohen's kappa and its weighted form.

Cohen, Educ Psychol Meas 1960;20:37 (doi:10.1177/001316446002000104) and Psychol Bull 1968;70:213
(doi:10.1037/h0026256), with the standard errors of Fleiss, Cohen and Everitt (Psychol Bull
1969;72:323, doi:10.1037/h0028106), as statsmodels computes them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ifi_mri.cohort.reliability import Interval
from ifi_mri.model import Z_95


@dataclass(frozen=True, slots=True)
class Kappa:
    """Agreement of two readers on n hips; ``kappa`` is None where all lie in one category, since
    chance alone then explains every agreement."""

    n_hips: int
    categories: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    observed_agreement: float
    kappa: Interval | None


def kappa(
    first: Sequence[Any], second: Sequence[Any], categories: Sequence[Any], weighted: bool = False
) -> Kappa:
    """Return how two readers agree on the same hips.

    Parameters
    ----------
    first, second : sequence
        A category of each hip by each reader.
    categories : sequence
        All categories, in their order.
    weighted : bool
        Count a disagreement by the square of its distance in that order: right for grades.

    Raises
    ------
    ValueError
        Unequal lengths, no hips, or a value that is no category.
    """
    if len(first) != len(second) or not len(first):
        raise ValueError("expected two readings of the same hips")
    at = {category: k for k, category in enumerate(categories)}
    counts = np.zeros((len(at), len(at)), dtype=int)
    for one, other in zip(first, second, strict=True):
        if one not in at or other not in at:
            raise ValueError(f"{one if one not in at else other!r} is none of the categories")
        counts[at[one], at[other]] += 1
    return Kappa(
        n_hips=len(first),
        categories=tuple(str(category) for category in categories),
        counts=tuple(tuple(int(n) for n in row) for row in counts),
        observed_agreement=float(np.trace(counts)) / len(first),
        kappa=_beyond_chance(counts, weighted),
    )


def _beyond_chance(counts: Any, weighted: bool) -> Interval | None:
    from statsmodels.stats.inter_rater import cohens_kappa  # type: ignore[import-untyped]

    margins = counts.sum(axis=0) / counts.sum(), counts.sum(axis=1) / counts.sum()
    if float(margins[0] @ margins[1]) >= 1:
        return None
    found = cohens_kappa(counts, wt="quadratic" if weighted else None)
    value, error = float(found.kappa), float(found.std_kappa)
    half = Z_95 * error if math.isfinite(error) else math.inf
    return Interval(value, max(-1.0, value - half), min(1.0, value + half))
