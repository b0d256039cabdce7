"""Quadratus femoris oedema signal, graded 0 to 3 from its extent, with the reader's own grade
beside it.

Grade by supra-threshold fraction: 0 below 2.5 %, 1 below 10 %, 2 to 50 %, 3 above; present at
grade 2 and up, or at grade 1 with a median ratio of 1.5 and up; grade 1 alone is indeterminate.
2.5 % comes from quantitative STIR (Sci Rep 2020;10:7246), 10 and 50 % from the BAMIC extents; the
mapping to this muscle is our proposal and not validated.  The reader's grade never replaces the
measured one, nor the other way round; where nothing was measured the reader's grade stands alone.
"""

from typing import Final

from ifi_mri.config import SignalSettings
from ifi_mri.findings.assessed_hip import AssessedHip
from ifi_mri.model import Finding, NotMeasured
from ifi_mri.vocabulary import FindingName, MeasurementName, Status

NAMES = (FindingName.QUADRATUS_FEMORIS_OEDEMA,)

GRADE_WORDS: Final = ("none", "focal", "moderate", "extensive")


def assess(hip: AssessedHip) -> tuple[Finding, ...]:
    """Return whether quadratus femoris of one hip shows oedema signal."""
    ratio = hip.result(MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO)
    fraction = hip.result(MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION)
    if isinstance(ratio, NotMeasured) or isinstance(fraction, NotMeasured):
        reason = ratio if isinstance(ratio, NotMeasured) else fraction
        assert isinstance(reason, NotMeasured)
        return (_from_reader(hip, reason.reason),)
    grade = oedema_grade(fraction.value, hip.signal)
    because = (
        f"{_percent(fraction.value)} of the muscle's voxels lie above the reference muscle's mean "
        f"+ {hip.signal.threshold_sd:g} SD (grade {grade}, {GRADE_WORDS[grade]}); median signal "
        f"ratio {ratio.value:.2f}."
    )
    return (
        Finding(
            name=FindingName.QUADRATUS_FEMORIS_OEDEMA,
            side=hip.side,
            status=oedema_status(grade, ratio.value, hip.signal),
            because=because,
            grade=grade,
            reader_grade=hip.reader_grade,
            evidence=(ratio.name, fraction.name),
        ),
    )


def oedema_grade(fraction: float, settings: SignalSettings) -> int:
    """Return the grade 0 to 3 of a supra-threshold fraction, compared as it is printed (0.1 %)."""
    grade_1, grade_2, grade_3 = settings.grade_fractions
    fraction = round(fraction, 3)
    if fraction > grade_3:
        return 3
    return 2 if fraction >= grade_2 else int(fraction >= grade_1)


def oedema_status(grade: int, ratio: float, settings: SignalSettings) -> Status:
    """Return what a grade and a median signal ratio amount to."""
    if grade >= 2 or (grade == 1 and ratio >= settings.grade_1_ratio):
        return Status.PRESENT
    return Status.INDETERMINATE if grade == 1 else Status.ABSENT


def _from_reader(hip: AssessedHip, reason: str) -> Finding:
    """Return the finding where no signal was measured: the reader's grade, or not assessable."""
    status, because = Status.NOT_ASSESSABLE, f"not measured: {reason}."
    if hip.reader_grade is not None:
        status = Status.PRESENT if hip.reader_grade > 0 else Status.ABSENT
        because = f"graded {hip.reader_grade} by the reader's eye; {because}"
    return Finding(
        name=FindingName.QUADRATUS_FEMORIS_OEDEMA,
        side=hip.side,
        status=status,
        because=because,
        reader_grade=hip.reader_grade,
    )


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"
