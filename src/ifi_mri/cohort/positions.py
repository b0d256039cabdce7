"""One patient scanned in several positions: both spaces by hip rotation, and their change against
neutral.

Dynamic MRI is read this way: in 64 hips with impingement the ischiofemoral space was on average
13.8 mm in neutral, 11.0 mm in external and 15.8 mm in internal rotation (dissertation,
https://jxxfw.com/degree/c157be732f4332ecadc7e2e1879ca881.html).

Rotation is signed, internal positive, so that millimetres per degree are positive where a space
widens with internal and narrows with external rotation.  The two readings of a change are taken as
independent: its SD is the root of the sum of both variances, reading alone, without the uncertainty
of how far the hip was turned.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from ifi_mri.errors import ConfigError
from ifi_mri.model import Z_95, Measurement, Position, Report
from ifi_mri.summary.positioning import EXTERNAL_MM_PER_DEG, INTERNAL_MM_PER_DEG
from ifi_mri.vocabulary import Answer, HipRotation, MeasurementName, Side

SPACES: Final = (MeasurementName.ISCHIOFEMORAL_SPACE, MeasurementName.QUADRATUS_FEMORIS_SPACE)

#: Rotations in the order of the table: from the narrowest to the widest, as published.
ORDER: Final = (
    HipRotation.EXTERNAL,
    HipRotation.NEUTRAL,
    HipRotation.INTERNAL,
    HipRotation.NOT_RECORDED,
)

#: Positions nearer than this have no slope: the degrees themselves are not known better.
LEAST_TURN_DEG: Final = 1.0

#: Ages that disagree by more than this with the dates of two studies are not one patient's.
AGE_SLACK_YEARS: Final = 2.0
DAYS_PER_YEAR: Final = 365.25


@dataclass(frozen=True, slots=True)
class Change:
    """How a space differs from neutral, mm; ``per_degree_mm`` where the degrees are known."""

    value_mm: float
    sd_mm: float
    interval_95_mm: tuple[float, float]
    per_degree_mm: float | None
    per_degree_sd_mm: float | None


@dataclass(frozen=True, slots=True)
class PositionRow:
    """One space of one side in one position.

    ``rotation_deg`` is signed, internal positive; None where only the direction, or nothing, was
    recorded.  ``value_mm`` is None where the space was not measured, and ``reason`` says why.
    ``change`` is None in neutral itself, and where either reading is missing.
    """

    case_id: str
    report_uid: str
    position: Position
    rotation_deg: float | None
    is_reference: bool
    side: Side
    name: MeasurementName
    value_mm: float | None
    sd_mm: float | None
    interval_95_mm: tuple[float, float] | None
    reason: str
    change: Change | None


@dataclass(frozen=True, slots=True)
class DynamicTable:
    """The spaces of one patient by position; ``notes`` say what to keep in mind."""

    rows: tuple[PositionRow, ...]
    reports: tuple[Report, ...]
    reference: Report | None
    notes: tuple[str, ...]


def dynamic_table(reports: Sequence[Report]) -> DynamicTable:
    """Return both spaces of one patient in every position that was scanned.

    Parameters
    ----------
    reports : sequence of Report
        Two or more, each of a scan in its own position as the clinical intake recorded it.  The
        first one in neutral rotation is what the others are compared with.

    Raises
    ------
    ConfigError
        Fewer than two reports, one given twice, or reports of two patients.
    """
    if len(reports) < 2:
        raise ConfigError(
            f"positions: {len(reports)} report{'' if len(reports) == 1 else 's'}; expected two or "
            f"more of one patient. Name the report.json of each position."
        )
    _refuse_repeats(reports)
    refuse_two_patients(reports, "positions")
    reference = _reference(reports)
    ordered = sorted(reports, key=_place)
    return DynamicTable(
        rows=tuple(row for side in Side for row in _rows_of_side(ordered, reference, side)),
        reports=tuple(ordered),
        reference=reference,
        notes=tuple(_notes(ordered, reference)),
    )


def rotation_deg(position: Position) -> float | None:
    """Return a recorded rotation in degrees, internal positive, external negative, neutral 0; None
    where it is not known."""
    degrees = position.hip_rotation_deg
    if position.hip_rotation is HipRotation.NEUTRAL:
        return 0.0
    if position.hip_rotation is HipRotation.NOT_RECORDED or degrees is None:
        return None
    return degrees if position.hip_rotation is HipRotation.INTERNAL else -degrees


def change_between(value: Measurement, neutral: Measurement, turned_deg: float | None) -> Change:
    """Return how a reading differs from that in neutral, which lies ``turned_deg`` away."""
    value_mm, sd_mm = value.value - neutral.value, math.hypot(value.sd, neutral.sd)
    has_slope = turned_deg is not None and abs(turned_deg) >= LEAST_TURN_DEG
    return Change(
        value_mm=value_mm,
        sd_mm=sd_mm,
        interval_95_mm=(value_mm - Z_95 * sd_mm, value_mm + Z_95 * sd_mm),
        per_degree_mm=value_mm / turned_deg if turned_deg and has_slope else None,
        per_degree_sd_mm=sd_mm / abs(turned_deg) if turned_deg and has_slope else None,
    )


# --- rows ---------------------------------------------------------------------------------------


def _rows_of_side(
    reports: Sequence[Report], reference: Report | None, side: Side
) -> Iterator[PositionRow]:
    """Yield the rows of one side, space by space; nothing for a side that no report measured."""
    for name in SPACES:
        if any(report.measured(name, side) for report in reports):
            yield from (_row(report, reference, side, name) for report in reports)


def _row(
    report: Report, reference: Report | None, side: Side, name: MeasurementName
) -> PositionRow:
    measured = report.measured(name, side)
    neutral = reference.measured(name, side) if reference else None
    change = None
    if measured and neutral and reference and report is not reference:
        here, there = rotation_deg(report.position), rotation_deg(reference.position)
        turned_deg = here - there if here is not None and there is not None else None
        change = change_between(measured, neutral, turned_deg)
    reasons = [one.reason for one in report.not_measured if (one.name, one.side) == (name, side)]
    return PositionRow(
        case_id=report.case_id,
        report_uid=report.report_uid,
        position=report.position,
        rotation_deg=rotation_deg(report.position),
        is_reference=report is reference,
        side=side,
        name=name,
        value_mm=measured.value if measured else None,
        sd_mm=measured.sd if measured else None,
        interval_95_mm=measured.interval_95 if measured else None,
        reason="" if measured else next(iter(reasons), "not in the report"),
        change=change,
    )


def _place(report: Report) -> tuple[int, float]:
    """Return where a report stands in the table: by direction, then by degrees."""
    degrees = rotation_deg(report.position)
    return ORDER.index(report.position.hip_rotation), 0.0 if degrees is None else degrees


def _reference(reports: Sequence[Report]) -> Report | None:
    neutral = [r for r in reports if r.position.hip_rotation is HipRotation.NEUTRAL]
    return neutral[0] if neutral else None


# --- are they one patient's? ---------------------------------------------------------------------


def _refuse_repeats(reports: Sequence[Report]) -> None:
    uids = [report.report_uid for report in reports]
    for report in reports:
        if uids.count(report.report_uid) > 1:
            raise ConfigError(
                f"positions: the report of case {report.case_id} ({report.report_uid}) is given "
                f"{uids.count(report.report_uid)} times; one report for each position was "
                f"expected. Name each once."
            )


def refuse_two_patients(reports: Sequence[Report], command: str) -> None:
    """Refuse reports whose sexes, or ages for their dates, are not one patient's.  More cannot be
    told: a report carries no patient.

    Raises
    ------
    ConfigError
        Names the ``command`` and what contradicts.
    """
    sexes = {(report.patient_sex or "")[:1].upper() for report in reports} - {""}
    if len(sexes) > 1:
        raise _two_patients(command, "the reports state different sexes")
    births = [birth for report in reports if (birth := _birth_year(report)) is not None]
    if births and max(births) - min(births) > AGE_SLACK_YEARS:
        raise _two_patients(
            command,
            f"by ages and study dates, the births lie {max(births) - min(births):.0f} years apart",
        )


def _birth_year(report: Report) -> float | None:
    if report.patient_age_years is None or report.study_date is None:
        return None
    try:
        scanned = date.fromisoformat(report.study_date)
    except ValueError:
        return None
    return scanned.toordinal() / DAYS_PER_YEAR - report.patient_age_years


def _two_patients(command: str, what: str) -> ConfigError:
    return ConfigError(
        f"{command}: {what}; reports of one patient were expected. Name the reports of one patient."
    )


# --- what to keep in mind -----------------------------------------------------------------------


def _notes(reports: Sequence[Report], reference: Report | None) -> Iterator[str]:
    yield (
        "That the reports are of one patient is the word of whoever named them: a report carries "
        "no patient's name."
    )
    if reference is None:
        yield "No report is in neutral rotation, so no change is given."
    else:
        yield "Neutral rotation is taken as 0 degrees."
    unknown = [r.case_id for r in reports if r.position.hip_rotation is HipRotation.NOT_RECORDED]
    if unknown:
        yield (
            f"Hip rotation is not recorded for {', '.join(dict.fromkeys(unknown))}; state it in "
            f"the clinical intake (hip_rotation, hip_rotation_deg)."
        )
    yield from _differences(reports)
    low, high = EXTERNAL_MM_PER_DEG
    yield (
        "The SD of a change is that of two independent readings; how far the hip was turned has "
        "its own uncertainty, which is not in it."
    )
    yield (
        f"Published slopes disagree: {low:.2f} mm per degree of external rotation in 33 embalmed "
        f"hips (Arthroscopy 2024, PMID 38593926), {high:.2f} of external and "
        f"{INTERNAL_MM_PER_DEG:.2f} of internal rotation in 25 (Ischiofemoral impingement: "
        f"defining the lesser trochanter-ischial space)."
    )


def _differences(reports: Sequence[Report]) -> Iterator[str]:
    """Yield what differs between the reports beside the rotation."""
    if len({report.reader for report in reports}) > 1:
        yield "The readers differ, so that a change may be one between readers."
    if len({(report.config_digest, report.software_version) for report in reports}) > 1:
        yield "Settings or software versions differ between the reports."
    if len({report.position.patient_position for report in reports}) > 1:
        yield "The patient positions (supine, prone) differ, which changes the spaces by itself."
    bolsters = {report.position.knee_bolster for report in reports} - {Answer.UNKNOWN}
    if len(bolsters) > 1:
        yield "A knee bolster was used in some of the scans only."
