"""Fatty infiltration of quadratus femoris, graded 0 to 4 in the words of Goutallier from the
measured fat fraction.

Goutallier (Clin Orthop 1994;304:78) grades by eye: 0 no fat, 1 some streaks, 2 less fat than
muscle, 3 as much, 4 more.  The fractions that part the grades are ours and were not validated.
Present from grade 2; some streaks (grade 1) are equivocal, because the fat of healthy muscle grows
with age and weight (Eur Radiol 2014, evidence document, section 5.3).
"""

from typing import Final

from ifi_mri.findings.assessed_hip import AssessedHip
from ifi_mri.model import Finding, Measurement, NotMeasured
from ifi_mri.signal import MuscleSignalSettings
from ifi_mri.signal.fat import goutallier_grade
from ifi_mri.vocabulary import FindingName, MeasurementName, Status

NAMES = (FindingName.QUADRATUS_FEMORIS_FATTY_INFILTRATION,)

GRADE_WORDS: Final = (
    "no fat",
    "some fatty streaks",
    "less fat than muscle",
    "as much fat as muscle",
    "more fat than muscle",
)

#: Grade from which fat is more than the streaks that healthy muscle may have.  Ours.
PRESENT_FROM: Final = 2

NOT_VALIDATED: Final = "The mapping of fractions to Goutallier's words is ours, not validated."


def assess(hip: AssessedHip) -> tuple[Finding, ...]:
    """Return whether quadratus femoris of one hip is infiltrated by fat."""
    name = FindingName.QUADRATUS_FEMORIS_FATTY_INFILTRATION
    fraction = hip.result(MeasurementName.QUADRATUS_FEMORIS_FAT_FRACTION)
    if isinstance(fraction, NotMeasured):
        because = f"not measured: {fraction.reason}."
        return (Finding(name, hip.side, Status.NOT_ASSESSABLE, because),)
    grade, low, high = _grades(fraction, hip)
    return (
        Finding(
            name=name,
            side=hip.side,
            status=status_of(grade),
            because=_because(fraction, grade, (low, high)),
            profile=hip.signal.thresholds_id,
            grade=grade,
            evidence=(fraction.name,),
            grade_range=(low, high),
            thresholds_validated=False,
        ),
    )


def status_of(grade: int) -> Status:
    """Return what a grade amounts to: streaks alone are equivocal."""
    if grade >= PRESENT_FROM:
        return Status.PRESENT
    return Status.INDETERMINATE if grade else Status.ABSENT


def _grades(fraction: Measurement, hip: AssessedHip) -> list[int]:
    """Return the grade of the fraction, and those at both ends of its interval."""
    settings = MuscleSignalSettings.of(hip.signal).fat
    return [goutallier_grade(x, settings) for x in (fraction.value, *fraction.interval_95)]


def _because(fraction: Measurement, grade: int, grade_range: tuple[int, int]) -> str:
    low, high = (f"{100 * bound:.1f} %" for bound in fraction.interval_95)
    first, last = grade_range
    reach = f" (the interval reaches from grade {first} to {last})" if first < last else ""
    source = dict(fraction.details).get("source", "the images")
    return (
        f"fat fraction {100 * fraction.value:.1f} % (95 % interval {low} to {high}) from {source}: "
        f"grade {grade}, {GRADE_WORDS[grade]}{reach}. {NOT_VALIDATED}"
    )
