"""The rule: grade 0 to 3 and status of oedema signal, its uncertainty in view.

Evidence document, section 9.4: grade by the extent - 0 below 2.5 %, 1 below 10 %, 2 to 50 %, 3
above; present at grade 2 and up, or at grade 1 with a signal ratio of 1.5 and up; grade 1 alone is
indeterminate.  2.5 % comes from quantitative STIR (Sci Rep 2020;10:7246), 10 and 50 % from the
BAMIC extents; the mapping to this muscle is ours and not validated.

The ratio of the rule is that of the raised region.  The median of the whole muscle cannot reach 1.5
while less than half of it is raised, so that, read literally, grade 1 could never be present.
"""

import math
from dataclasses import dataclass

from scipy.special import ndtr

from ifi_mri.signal.estimates import Estimate
from ifi_mri.signal.settings import OedemaSettings
from ifi_mri.vocabulary import Status


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the extent amounts to.

    Attributes
    ----------
    status : Status
    grade : int
    grade_range : tuple of 2 ints
        Grades at both ends of the extent's 95 % interval.
    probability : float
        That the grade is right, from the extent's uncertainty.
    agrees_with_reader : bool or None
        None where no reader gave a grade.
    """

    status: Status
    grade: int
    grade_range: tuple[int, int]
    probability: float
    agrees_with_reader: bool | None


def judge(
    extent: Estimate,
    raised_ratio: float,
    settings: OedemaSettings,
    reader_grade: int | None = None,
) -> Judgement:
    """Return grade and status of measured oedema signal; a reader's grade is compared, never
    taken over.  ``raised_ratio`` is 1 where no region is raised."""
    grade = grade_of(extent.value, settings)
    return Judgement(
        status=status_of(grade, raised_ratio, settings),
        grade=grade,
        grade_range=(grade_of(extent.low, settings), grade_of(extent.high, settings)),
        probability=_probability(extent, grade, settings),
        agrees_with_reader=None if reader_grade is None else reader_grade == grade,
    )


def grade_of(extent: float, settings: OedemaSettings) -> int:
    """Return the grade 0 to 3 of an extent, compared as it is printed (0.1 %)."""
    grade_1, grade_2, grade_3 = settings.grade_fractions
    extent = round(extent, 3)
    if extent > grade_3:
        return 3
    return 2 if extent >= grade_2 else int(extent >= grade_1)


def status_of(grade: int, ratio: float, settings: OedemaSettings) -> Status:
    """Return what a grade and the ratio of the raised region amount to."""
    if grade >= 2 or (grade == 1 and ratio >= settings.grade_1_ratio):
        return Status.PRESENT
    return Status.INDETERMINATE if grade == 1 else Status.ABSENT


def _probability(extent: Estimate, grade: int, settings: OedemaSettings) -> float:
    """Return the probability that the true extent lies in a grade's range, the extent's error
    taken as normal."""
    bounds = (-math.inf, *settings.grade_fractions, math.inf)
    sd = max(extent.sd, 1e-9)
    high, low = ((bounds[grade + step] - extent.value) / sd for step in (1, 0))
    return float(ndtr(high) - ndtr(low))
