"""``report.html``: the report for people, one file that needs nothing else.

The impression comes first; then each hip with its numbers and pictures, the published cut-offs,
cautions, technique, limits, provenance.  No script, no request, readable on a phone and on A4.
The words come from the report, from `ifi_mri.reports.words` and the catalogue of
`ifi_mri.language`; the template lays them out.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from ifi_mri.model import (
    Caution,
    Finding,
    Measurement,
    NotMeasured,
    OpenVolume,
    ProfileFlag,
    Report,
    Series,
    SideSummary,
    Study,
)
from ifi_mri.reports.signal_table import SignalRow, signal_rows
from ifi_mri.reports.templating import page as page
from ifi_mri.reports.words import (
    JUDGED_BY,
    MUSCLE_FINDINGS,
    SHORT_TITLES,
    SIDES_AS_SHOWN,
    Words,
    cautions_on,
    nobody_asked,
    results_on,
    sentence,
    words_of,
)
from ifi_mri.vocabulary import FindingName, MeasurementName, Side, Status, printed

if TYPE_CHECKING:
    from ifi_mri.reports.figures import Figure

NAME: Final = "html"
FILE_NAME: Final = "report.html"

#: Shape and colour of a status; the word always stands beside it.
CHIP_KINDS: Final = {
    Status.PRESENT: "present",
    Status.ABSENT: "absent",
    Status.INDETERMINATE: "indeterminate",
    Status.NOT_ASSESSABLE: "unknown",
}

#: What may not stand inside a style sheet, where the foot of printed pages names the case.
NOT_PLAIN: Final = re.compile(r"[^A-Za-z0-9._-]")

#: Measurements that speak of the muscle; all others speak of bones and spaces.
MUSCLE_PREFIX: Final = "quadratus_femoris_"


class Chip(NamedTuple):
    """A status: its shape and colour, and its words."""

    kind: str
    text: str


class Row(NamedTuple):
    """One line of a side's table; ``beside`` is the interval, or the reader's own grade, ``note``
    what the title alone does not say."""

    title: str
    value: str
    beside: str = ""
    cutoff: str = ""
    profile: str = ""
    chip: Chip | None = None
    is_part: bool = False
    note: str = ""


class SliceTable(NamedTuple):
    """The values on every slice: rows of position, image number and one value a column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[str, ...]], ...]


class BudgetTable(NamedTuple):
    """Where the uncertainty of a distance comes from: rows of source, SD and bias, mm, the last one
    the whole."""

    title: str
    rows: tuple[tuple[str, str, str], ...]


class CutoffRow(NamedTuple):
    """One published cut-off against both sides."""

    flag: ProfileFlag
    space: str
    cutoff: str
    cells: tuple[Chip, ...]


@dataclass(frozen=True)
class SideView:
    """One hip as the page shows it."""

    side: Side
    summary: SideSummary
    spaces: tuple[Row, ...]
    muscle: tuple[Row, ...]
    not_measured: tuple[tuple[str, tuple[str, ...]], ...]
    unmarked: tuple[str, ...]
    reasons: tuple[tuple[str, str], ...]
    slices: tuple[SliceTable, ...]
    budgets: tuple[BudgetTable, ...]
    signal: tuple[SignalRow, ...]
    figures: "tuple[Figure, ...]"
    cautions: tuple[Caution, ...]

    @property
    def is_measured(self) -> bool:
        """Whether there is any number, or a finding that stands without one."""
        return any(row.value or row.beside for row in (*self.spaces, *self.muscle))


class PairView(NamedTuple):
    """What belongs to both sides together; false where there is nothing to show."""

    rows: tuple[Row, ...]
    not_measured: tuple[tuple[str, tuple[str, ...]], ...]

    def __bool__(self) -> bool:
        return bool(self.rows or self.not_measured)


def render(
    report: Report, study: Study, open_volume: OpenVolume, words: Words | None = None
) -> bytes:
    """Return the page; the slices it shows are opened with ``open_volume``.

    ``words`` are those of the report's language where it is of a site's own file.
    """
    from ifi_mri.reports import figures, secondary_figures, signal_figures

    words = words or words_of(report)
    drawn = [
        room.draw(report, study, open_volume, words)
        for room in (figures, signal_figures, secondary_figures)
    ]
    sides = tuple(
        _side(report, side, tuple(figure for part in drawn for figure in part.on(side)), words)
        for side in SIDES_AS_SHOWN
    )
    return page(
        "report.html.j2",
        words=words,
        report=report,
        printed_case_id=NOT_PLAIN.sub("-", report.case_id),
        sides=sides,
        sides_in_order=sorted(sides, key=lambda view: not view.is_measured),
        both_measured=all(view.is_measured for view in sides),
        pair=_pair(report, words),
        glance=_glance(report, words),
        cutoffs=_cutoffs(report, words),
        citations=_citations(report.profiles),
        picture_notes=list(dict.fromkeys(note for part in drawn for note in part.notes)),
        general_cautions=cautions_on(report, None),
        technique=[(choice, _technique(choice.series, words)) for choice in report.series],
    )


def render_error(facts: Sequence[tuple[str, str]], message: str, advice: Sequence[str]) -> bytes:
    """Return the page of a case that failed: what failed, what to do, and the facts around it."""
    return page("error.html.j2", facts=facts, message=message, advice=advice)


# --- at a glance --------------------------------------------------------------------------------


class Glance(NamedTuple):
    """One finding on both sides: a title, and two values and a chip for each side as shown."""

    title: str
    cells: tuple[tuple[str, str, Chip], ...]


def _glance(report: Report, words: Words) -> list[Glance]:
    names = dict.fromkeys(f.name for f in report.findings if not nobody_asked(f))
    return [
        Glance(
            words.finding_title(name),
            tuple(_glance_cell(report, name, side, words) for side in SIDES_AS_SHOWN),
        )
        for name in names
    ]


def _glance_cell(
    report: Report, name: FindingName, side: Side, words: Words
) -> tuple[str, str, Chip]:
    finding = report.finding(name, side)
    if finding is None:
        return "", "", Chip("unknown", words("page.not_assessed"))
    judged = (key for key, value in JUDGED_BY.items() if value is name)
    measured = [m for key in judged if (m := report.measured(key, side))]
    if measured:
        return words.value_of(measured[0]), "", _chip(finding, words)
    return *_grades(finding, words), _chip(finding, words)


def _chip(finding: Finding, words: Words) -> Chip:
    return Chip(CHIP_KINDS[finding.status], sentence(words.status_of(finding))[:-1])


def _grades(finding: Finding, words: Words) -> tuple[str, str]:
    """Return the measured grade and the reader's own, each empty where there is none."""
    measured, reader = (
        words(message, grade=grade) if grade is not None else ""
        for message, grade in (
            ("report.grade", finding.grade),
            ("page.reader_grade", finding.reader_grade),
        )
    )
    return measured, reader


# --- one side -----------------------------------------------------------------------------------


def _side(report: Report, side: Side, drawn: "tuple[Figure, ...]", words: Words) -> SideView:
    results = results_on(report, side)
    measured = [result for result in results if isinstance(result, Measurement)]
    return SideView(
        side=side,
        summary=report.summary.on(side),
        spaces=tuple(_row(report, m, words) for m in measured if not _is_of_muscle(m.name)),
        muscle=tuple(_muscle_rows(report, side, measured, words)),
        not_measured=_not_measured(results, words),
        unmarked=words.unmarked(results),
        reasons=tuple(_reasons(report, side, words)),
        slices=tuple(_slice_tables(measured, words)),
        budgets=tuple(_budget(m, words) for m in measured if m.name in JUDGED_BY and m.sources),
        signal=signal_rows(report, side, words),
        figures=drawn,
        cautions=cautions_on(report, side),
    )


def _is_of_muscle(name: MeasurementName) -> bool:
    return name not in JUDGED_BY and name.startswith(MUSCLE_PREFIX)


def _row(report: Report, measurement: Measurement, words: Words) -> Row:
    name = JUDGED_BY.get(measurement.name)
    finding = report.finding(name, measurement.side) if name and measurement.side else None
    has_cutoff = finding is not None and finding.cutoff is not None
    return Row(
        title=words.title(measurement.name),
        value=words.value_of(measurement),
        beside=words.interval_of(measurement),
        cutoff=_at_most(finding.cutoff, words) if finding and finding.cutoff else "",
        profile=(finding.profile or "") if finding and has_cutoff else "",
        chip=_chip(finding, words) if finding else None,
        note=words.definition_of(measurement),
    )


def _at_most(cutoff: float, words: Words) -> str:
    return words.number(f"≤ {printed(cutoff, 'mm')} mm")


def _muscle_rows(
    report: Report, side: Side, measured: Iterable[Measurement], words: Words
) -> Iterable[Row]:
    """Return the findings on the muscle, then the numbers they rest on."""
    for name in MUSCLE_FINDINGS:
        finding = report.finding(name, side)
        if finding is None or nobody_asked(finding):
            continue
        measured_grade, reader_grade = _grades(finding, words)
        yield Row(
            title=words.finding_title(finding.name),
            value=measured_grade,
            beside=reader_grade,
            chip=_chip(finding, words),
        )
    for measurement in measured:
        if _is_of_muscle(measurement.name):
            yield _row(report, measurement, words)._replace(is_part=True)


def _not_measured(
    results: Iterable[Measurement | NotMeasured], words: Words
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return each reason with the measurements that it prevented."""
    by_reason = words.reasons_by_measurement(results)
    return tuple((words.said(reason), names) for reason, names in by_reason.items())


def _pair(report: Report, words: Words) -> PairView:
    results = results_on(report, None)
    measured = [result for result in results if isinstance(result, Measurement)]
    return PairView(tuple(_row(report, m, words) for m in measured), _not_measured(results, words))


def _reasons(report: Report, side: Side, words: Words) -> Iterable[tuple[str, str]]:
    """Return why each finding stands as it does."""
    for finding in report.findings:
        if finding.side is not side or nobody_asked(finding):
            continue
        text = words.said(finding.because)
        if finding.probability is not None:
            text += f" {words('report.chance', chance=words.chance(finding.probability))}"
        yield words.finding_title(finding.name), text


def _budget(measurement: Measurement, words: Words) -> BudgetTable:
    rows = [
        (words.clause(s.name), words.sd_of(s.sd), words.sd_of(s.bias)) for s in measurement.sources
    ]
    whole = words("page.together"), words.sd_of(measurement.sd), words.sd_of(measurement.bias)
    return BudgetTable(words.short_title(measurement.name), (*rows, whole))


def _slice_tables(measured: Iterable[Measurement], words: Words) -> Iterable[SliceTable]:
    """Return one table for each series that was searched on several slices."""
    by_series: dict[str | None, list[Measurement]] = {}
    for measurement in measured:
        if len(measurement.per_slice) > 1 and measurement.name in SHORT_TITLES:
            by_series.setdefault(measurement.series_uid, []).append(measurement)
    for measurements in by_series.values():
        yield _slice_table(measurements, words)


def _slice_table(measurements: Sequence[Measurement], words: Words) -> SliceTable:
    values: dict[tuple[float, int | None], dict[str, str]] = {}
    for m in measurements:
        for value in m.per_slice:
            key = round(value.slice_position_mm, 3), value.instance_number
            values.setdefault(key, {})[m.name] = words.with_unit(m.name, value.value, m.unit)
    rows = sorted(values.items(), key=lambda item: -item[0][0])
    return SliceTable(
        tuple(words.short_title(m.name) for m in measurements),
        tuple(
            (
                words.number(f"{position:.1f} mm"),
                "" if number is None else str(number),
                tuple(cells.get(m.name, "") for m in measurements),
            )
            for (position, number), cells in rows
        ),
    )


# --- cut-offs and technique ---------------------------------------------------------------------


def _cutoffs(report: Report, words: Words) -> list[CutoffRow]:
    """Return every published cut-off against both sides, the chosen profile first."""
    rows: dict[tuple[str, FindingName], dict[Side, ProfileFlag]] = {}
    for flag in report.profiles:
        rows.setdefault((flag.profile, flag.name), {})[flag.side] = flag
    ordered = sorted(rows.items(), key=lambda item: item[0][0] != report.profile)
    return [
        CutoffRow(
            flag=next(iter(flags.values())),
            space=words.finding_title(name),
            cutoff=_at_most(next(iter(flags.values())).cutoff, words),
            cells=tuple(_flag_chip(flags.get(side), words) for side in SIDES_AS_SHOWN),
        )
        for (_, name), flags in ordered
    ]


def _flag_chip(flag: ProfileFlag | None, words: Words) -> Chip:
    if flag is None:
        return Chip("unknown", words("page.flag.none"))
    if flag.at_or_below_cutoff is None:
        return Chip("unknown", words("page.flag.unmeasured"))
    kind, message = ("present", "below") if flag.at_or_below_cutoff else ("absent", "above")
    return Chip(kind, words(f"page.flag.{message}"))


def _citations(flags: Iterable[ProfileFlag]) -> list[tuple[str, str, bool]]:
    """Return profile, citation and whether the figure was verified, once for each profile."""
    return list(dict.fromkeys((flag.profile, flag.citation, flag.verified) for flag in flags))


def _technique(series: Series | None, words: Words) -> list[tuple[str, str]]:
    if series is None:
        return []
    field = series.field_strength_t
    strength = words.number(f"{field:g} T") if field is not None else words("series.not_recorded")
    rows = [
        ("page.series", series.label),
        ("page.geometry", f"{_plane(series, words)}; {words.resolution_of(series)}"),
        ("page.timing", words.timings_of(series)),
        ("page.fat_suppression", series.fat_suppression or words("page.no_suppression")),
        ("page.field_strength", strength),
        ("page.scanner", " ".join([series.manufacturer, series.manufacturer_model]).strip()),
        ("page.series_uid", series.series_uid),
    ]
    return [(words(message), value) for message, value in rows if value]


def _plane(series: Series, words: Words) -> str:
    from ifi_mri import geometry

    if series.grid is None:
        return words("page.no_stack")
    slices, rows, columns = series.grid.shape
    tilt = geometry.tilt_from_axial_deg(series.grid.affine)
    name = geometry.plane_name(series.grid.affine)
    plane = words(f"page.plane.{name}")
    if name == "axial" and tilt >= 1:
        plane += words("page.tilt", degrees=f"{tilt:.0f}")
    return words("page.stack", plane=plane, slices=slices, rows=rows, columns=columns)
