"""Two visits of one patient: how far widths and oedema grade changed, and whether that is more than
two readings of an unchanged hip would differ.

The smallest detectable change (of one person, 95 %) is 1.96 x sqrt(2) x SEM (Beckerman 2001,
Qual Life Res 10:571-578, doi:10.1023/A:1013138911638); with each report's own standard deviation
it is 1.96 x sqrt(sd1^2 + sd2^2).  It counts the reading alone, not the position of the hip, which
alone moves these widths by millimetres; so no cause is given for a change beyond it.

Reports carry no patient: whoever names two reports states that they are of one.  What they do carry
(sex, age at the date) is held against it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from ifi_mri.cohort.positions import refuse_two_patients
from ifi_mri.errors import ConfigError
from ifi_mri.model import Z_95, Finding, Measurement, Report
from ifi_mri.reports import words
from ifi_mri.vocabulary import (
    FindingName,
    HipRotation,
    MeasurementName,
    Side,
    Status,
    at_printed_precision,
    printed,
)

SPACES: Final = (MeasurementName.ISCHIOFEMORAL_SPACE, MeasurementName.QUADRATUS_FEMORIS_SPACE)


@dataclass(frozen=True, slots=True)
class WidthChange:
    """One space of one side at both visits, mm.

    ``change_mm`` and ``smallest_detectable_mm`` are None where either visit has no width;
    ``beyond`` says whether the change, as printed, is larger than the smallest detectable one.
    Statuses are those of each report's own profile.
    """

    name: MeasurementName
    side: Side
    before_mm: float | None
    after_mm: float | None
    change_mm: float | None
    smallest_detectable_mm: float | None
    beyond: bool | None
    status_before: Status
    status_after: Status


@dataclass(frozen=True, slots=True)
class GradeChange:
    """Oedema of one side at both visits; ``beyond`` is True where the grades that both intervals
    reach have none in common, None where that is not known."""

    side: Side
    before: int | None
    after: int | None
    reader_before: int | None
    reader_after: int | None
    status_before: Status
    status_after: Status
    beyond: bool | None


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The comparison of two visits; ``days`` between them, None where a date is not known."""

    before: Report
    after: Report
    days: int | None
    widths: tuple[WidthChange, ...]
    grades: tuple[GradeChange, ...]
    notes: tuple[str, ...]


def follow_up(before: Report, after: Report) -> FollowUp:
    """Compare two reports of one patient, the earlier first.

    Raises
    ------
    ConfigError
        The same report twice, the later one first, or reports that cannot be of one patient.
    """
    if before.report_uid == after.report_uid:
        raise ConfigError(
            f"followup: the report of case {before.case_id} ({before.report_uid}) is given twice; "
            "two visits were expected. Name the report.json of each."
        )
    refuse_two_patients((before, after), "followup")
    days = _days(before, after)
    if days is not None and days < 0:
        raise ConfigError(
            f"followup: the first report is of {before.study_date}, the second of "
            f"{after.study_date}; the earlier was expected first. Exchange them."
        )
    return FollowUp(
        before=before,
        after=after,
        days=days,
        widths=tuple(_width(before, after, name, side) for side in Side for name in SPACES),
        grades=tuple(_grade(before, after, side) for side in Side),
        notes=tuple(_notes(before, after, days)),
    )


def smallest_detectable_change(sd_before: float, sd_after: float) -> float:
    """Return the smallest change that 95 % of repeated readings of an unchanged hip stay below, in
    the unit of both standard deviations: 1.96 x sqrt(2) x SEM where these are equal."""
    return Z_95 * math.hypot(sd_before, sd_after)


def _width(before: Report, after: Report, name: MeasurementName, side: Side) -> WidthChange:
    first, second = before.measured(name, side), after.measured(name, side)
    change = detectable = beyond = None
    if first is not None and second is not None:
        change = _printed_mm(second) - _printed_mm(first)
        detectable = smallest_detectable_change(first.sd, second.sd)
        beyond = at_printed_precision(abs(change), "mm") > at_printed_precision(detectable, "mm")
    statuses = [_status(report, words.JUDGED_BY[name], side) for report in (before, after)]
    return WidthChange(
        name=name,
        side=side,
        before_mm=first.value if first else None,
        after_mm=second.value if second else None,
        change_mm=change,
        smallest_detectable_mm=detectable,
        beyond=beyond,
        status_before=statuses[0],
        status_after=statuses[1],
    )


def _printed_mm(measurement: Measurement) -> float:
    """Return a width as both reports print it, so that the difference agrees with them."""
    return at_printed_precision(measurement.value, measurement.unit)


def _grade(before: Report, after: Report, side: Side) -> GradeChange:
    name = FindingName.QUADRATUS_FEMORIS_OEDEMA
    first, second = before.finding(name, side), after.finding(name, side)
    return GradeChange(
        side=side,
        before=first.grade if first else None,
        after=second.grade if second else None,
        reader_before=first.reader_grade if first else None,
        reader_after=second.reader_grade if second else None,
        status_before=_status(before, name, side),
        status_after=_status(after, name, side),
        beyond=_ranges_apart(first, second),
    )


def _ranges_apart(first: Finding | None, second: Finding | None) -> bool | None:
    ranges = [finding.grade_range for finding in (first, second) if finding]
    if len(ranges) < 2 or ranges[0] is None or ranges[1] is None:
        return None
    (low_a, high_a), (low_b, high_b) = ranges[0], ranges[1]
    return high_a < low_b or high_b < low_a


def _status(report: Report, name: FindingName, side: Side) -> Status:
    finding = report.finding(name, side)
    return finding.status if finding else Status.NOT_ASSESSABLE


def _days(before: Report, after: Report) -> int | None:
    try:
        dates = [date.fromisoformat(report.study_date or "") for report in (before, after)]
    except ValueError:
        return None
    return (dates[1] - dates[0]).days


# --- what to keep in mind -----------------------------------------------------------------------


def _notes(before: Report, after: Report, days: int | None) -> Iterator[str]:
    yield (
        "Reports carry no patient: that both are of one patient is your statement; sex and age at "
        "the study dates do not contradict it."
    )
    if before.study_uid == after.study_uid:
        yield (
            "Both reports are of the same study: this compares two readings of one scan, not two "
            "visits."
        )
    elif days is None:
        yield "A study date is not known, so neither is the time between the visits."
    rotations = [report.position.hip_rotation for report in (before, after)]
    if HipRotation.NOT_RECORDED in rotations:
        yield (
            "Hip rotation was not recorded at both visits; another position alone moves these "
            "widths by 4 mm or more in one third of hips (Hatem 2020, "
            "doi:10.1080/08998280.2020.1840184)."
        )
    elif rotations[0] != rotations[1]:
        yield (
            f"The hips lay in other rotations ({rotations[0]}, then {rotations[1]}), which changes "
            "the widths by itself."
        )
    if before.profile != after.profile:
        yield (
            f"The categories are of two profiles ({before.profile}, then {after.profile}) and are "
            "not comparable; the widths are."
        )
    elif before.config_digest != after.config_digest:
        yield "The settings differ; `ifi-mri report diff` shows what else does."
    if before.reader != after.reader:
        yield (
            f"Another reader placed the landmarks ({before.reader or 'not recorded'}, then "
            f"{after.reader or 'not recorded'}); the standard deviations are of one reader."
        )


# --- for people and programs --------------------------------------------------------------------


def as_text(found: FollowUp) -> str:
    """Return the comparison for a terminal."""
    between = "" if found.days is None else f", {found.days} days apart"
    lines = [f"From {_visit(found.before)} to {_visit(found.after)}{between}."]
    for side in Side:
        lines += ["", f"{side.capitalize()} hip"]
        lines += [f"- {_width_sentence(w)}" for w in found.widths if w.side is side]
        lines += [f"- {_grade_sentence(g)}" for g in found.grades if g.side is side]
    lines += ["", *(f"- {note}" for note in found.notes), f"- {words.INTENDED_USE_SHORT}"]
    return "\n".join(lines)


def as_json(found: FollowUp) -> dict[str, object]:
    """Return the comparison for programs."""
    return {
        "schema_version": "1.0",
        "before": _identity(found.before),
        "after": _identity(found.after),
        "days": found.days,
        "widths": [_plain(width) for width in found.widths],
        "oedema": [_plain(grade) for grade in found.grades],
        "notes": list(found.notes),
    }


def _visit(report: Report) -> str:
    return f"case {report.case_id} ({report.study_date or 'date not known'})"


def _identity(report: Report) -> dict[str, object]:
    return {
        "case_id": report.case_id,
        "report_uid": report.report_uid,
        "study_uid": report.study_uid,
        "study_date": report.study_date,
        "profile": report.profile,
        "reader": report.reader,
    }


def _plain(change: WidthChange | GradeChange) -> dict[str, object]:
    values = ((name, getattr(change, name)) for name in change.__slots__)
    return {
        name: round(value, 6) + 0.0 if isinstance(value, float) else value for name, value in values
    }


def _width_sentence(width: WidthChange) -> str:
    title = words.title(width.name)
    if width.change_mm is None or width.smallest_detectable_mm is None:
        shown = [
            "not measured" if value is None else f"{printed(value, 'mm')} mm"
            for value in (width.before_mm, width.after_mm)
        ]
        return f"{title}: {shown[0]}, then {shown[1]}; no change can be stated."
    assert width.before_mm is not None
    assert width.after_mm is not None
    compared = "larger than" if width.beyond else "within"
    return (
        f"{title}: {printed(width.before_mm, 'mm')} mm, then {printed(width.after_mm, 'mm')} mm "
        f"({width.change_mm:+.1f} mm, {compared} the smallest detectable change of "
        f"{printed(width.smallest_detectable_mm, 'mm')} mm); "
        f"{_category(width.status_before, width.status_after)}."
    )


def _category(before: Status, after: Status) -> str:
    first, second = words.NARROWING_STATUS[before], words.NARROWING_STATUS[after]
    return f"{first} at both" if before is after else f"{first}, then {second}"


def _grade_sentence(grade: GradeChange) -> str:
    shown = [
        ", ".join(_grades(status, measured, reader))
        for status, measured, reader in (
            (grade.status_before, grade.before, grade.reader_before),
            (grade.status_after, grade.after, grade.reader_after),
        )
    ]
    judged = {
        True: " (the intervals reach no common grade)",
        False: " (both intervals reach a common grade)",
        None: "",
    }[grade.beyond]
    return f"Quadratus femoris signal: {shown[0]}; then {shown[1]}{judged}."


def _grades(status: Status, grade: int | None, reader: int | None) -> Sequence[str]:
    parts = [words.OEDEMA_STATUS[status]]
    if grade is not None:
        parts.append(f"grade {grade}")
    if reader is not None:
        parts.append(f"reader's grade {reader}")
    return parts
