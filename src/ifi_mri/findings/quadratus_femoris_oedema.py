"""Quadratus femoris oedema signal, graded 0 to 3 from its extent, with the reader's own grade
beside it.

The rule, its sources and what in it is ours stand in `ifi_mri.signal.grade`.  Its thresholds are
settings and were not validated on patients; every finding says so.  The reader's grade never
replaces the measured one, nor the other way round; where nothing was measured the reader's grade
stands alone.
"""

from typing import Final

from ifi_mri.findings.assessed_hip import AssessedHip
from ifi_mri.model import Finding, Measurement, NotMeasured
from ifi_mri.signal import Estimate, MuscleSignalSettings
from ifi_mri.signal.grade import Judgement, judge
from ifi_mri.vocabulary import FindingName, MeasurementName, Status

NAMES = (FindingName.QUADRATUS_FEMORIS_OEDEMA,)

GRADE_WORDS: Final = ("none", "focal", "moderate", "extensive")

NOT_VALIDATED: Final = "The thresholds of the grades are a proposal, not validated on patients."


def assess(hip: AssessedHip) -> tuple[Finding, ...]:
    """Return whether quadratus femoris of one hip shows oedema signal."""
    ratio = hip.result(MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO)
    fraction = hip.result(MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION)
    if isinstance(ratio, NotMeasured):
        return (_from_reader(hip, ratio.reason),)
    if isinstance(fraction, NotMeasured):
        return (_from_reader(hip, fraction.reason),)
    judged = _judged(fraction, hip)
    return (
        Finding(
            name=FindingName.QUADRATUS_FEMORIS_OEDEMA,
            side=hip.side,
            status=judged.status,
            because=_because(ratio, fraction, judged, hip.reader_grade),
            profile=hip.signal.thresholds_id,
            grade=judged.grade,
            reader_grade=hip.reader_grade,
            evidence=(ratio.name, fraction.name),
            grade_range=judged.grade_range,
            agrees_with_reader=judged.agrees_with_reader,
            thresholds_validated=False,
        ),
    )


def _judged(fraction: Measurement, hip: AssessedHip) -> Judgement:
    raised_ratio = float(dict(fraction.details).get("raised_ratio", 1.0))
    extent = Estimate(fraction.value, fraction.sd, *fraction.interval_95)
    settings = MuscleSignalSettings.of(hip.signal).oedema
    return judge(extent, raised_ratio, settings, hip.reader_grade)


def _because(
    ratio: Measurement, fraction: Measurement, judged: Judgement, reader_grade: int | None
) -> str:
    low, high = (_percent(bound) for bound in fraction.interval_95)
    raised = dict(fraction.details).get("raised_ratio")
    of_raised = f", that of the raised region {float(raised):.2f}" if raised is not None else ""
    return (
        f"{_percent(fraction.value)} of the muscle (95 % interval {low} to {high}) shows raised "
        f"signal: {_grade(judged)}; median signal ratio of the muscle {ratio.value:.2f}"
        f"{of_raised}. {_beside_the_reader(judged, reader_grade)}{NOT_VALIDATED}"
    )


def _grade(judged: Judgement) -> str:
    """Return the grade with the grades that its uncertainty allows: ``grade 1, focal (the interval
    reaches from grade 1 to 2)``."""
    low, high = judged.grade_range
    reach = f" (the interval reaches from grade {low} to {high})" if low < high else ""
    return f"grade {judged.grade}, {GRADE_WORDS[judged.grade]}{reach}"


def _beside_the_reader(judged: Judgement, reader_grade: int | None) -> str:
    if reader_grade is None:
        return ""
    if judged.agrees_with_reader:
        return f"The reader gave the same grade, {reader_grade}. "
    return f"The reader gave grade {reader_grade}, {abs(reader_grade - judged.grade)} apart. "


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
