"""``impression.txt``: the report as plain text to paste into a radiology system.

At most 80 columns, signs that every system shows: mathematical and typographic ones are spelled
with ASCII.
"""

import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

from ifi_mri.model import Finding, Measurement, NotMeasured, OpenVolume, Report, Series, Study
from ifi_mri.reports import words
from ifi_mri.reports.signal_table import signal_rows
from ifi_mri.vocabulary import Side, printed, spoken

NAME: Final = "text"
FILE_NAME: Final = "impression.txt"

WIDTH: Final = 80

ASCII: Final = str.maketrans(
    {
        "\u2264": "<=",
        "\u2265": ">=",
        "\u00b1": "+/-",
        "\u00d7": "x",
        "\u2013": "-",
        "\u2014": "-",
        "\u2212": "-",
        "\u2026": "...",
        "\u00b0": " deg",
        "\u00b2": "2",
        "\u00b3": "3",
        "\u00b5": "u",
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u00a0": " ",
        "\u202f": " ",
    }
)


def render(report: Report, study: Study, open_volume: OpenVolume) -> bytes:  # noqa: ARG001
    """Return the report as plain text, UTF-8; ``study`` and ``open_volume`` are not looked at."""
    return text_of(report).encode(errors="replace")


def text_of(report: Report) -> str:
    """Return the report as plain text."""
    text = "\n".join(line.rstrip() for line in _lines(report))
    return f"{text.rstrip()}\n"


def _lines(report: Report) -> Iterator[str]:
    yield "ISCHIOFEMORAL AND QUADRATUS FEMORIS SPACES, HIP MRI"
    yield from _wrapped(
        f"Case {report.case_id}. Study of {report.study_date or 'unknown date'}. "
        f"Patient: {words.person_of(report)}. Reader: {words.reader_of(report)}."
    )
    yield from _section("IMPRESSION", _numbered(report.impression))
    for side in words.SIDES_AS_SHOWN:
        yield from _section(f"{side.value.upper()} HIP", _side(report, side))
    yield from _section("BOTH SIDES", _pair(report))
    yield from _section("TECHNIQUE", _technique(report))
    cautions = [
        f"{caution.side.capitalize()}: {caution.text}"
        if caution.side
        else words.sentence(caution.text)
        for caution in report.cautions
    ]
    yield from _section("CAUTIONS", _bullets(cautions))
    yield from _section("LIMITS", _bullets(report.summary.limits))
    yield from _section("INTENDED USE", _wrapped(words.INTENDED_USE))
    yield ""
    yield from _wrapped(
        f"{report.software_name} {report.software_version}, profile {report.profile}, "
        f"settings {report.config_digest[:12]}, report {report.report_uid}, {report.created_at}"
    )


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    """Return a titled section, nothing where it would be empty."""
    content = list(lines)
    if content:
        yield from ("", title, *content)


def _side(report: Report, side: Side) -> Iterator[str]:
    results = words.results_on(report, side)
    taken = [result for result in results if isinstance(result, Measurement)]
    yield from _bullets(_measured(report, measurement) for measurement in taken)
    yield from _not_measured(results)
    if taken and (unmarked := words.unmarked(results)):
        yield from _bullets([f"Not marked: {', '.join(unmarked)}."])
    for name in words.MUSCLE_FINDINGS:
        finding = report.finding(name, side)
        if finding is not None and not words.nobody_asked(finding):
            yield from _bullets([_graded(finding)])
    rows = [row for row in signal_rows(report, side) if row.is_brief]
    yield from _bullets(words.sentence(f"{row.title}: {row.text}") for row in rows)
    summary = report.summary.on(side)
    yield from _bullets(source.sentence for source in summary.competing)
    if summary.missing:
        yield from _bullets([f"Not available: {' '.join(map(words.sentence, summary.missing))}"])


def _pair(report: Report) -> Iterator[str]:
    """Return what belongs to both sides together; nothing is said of what needs an unmarked one."""
    results = words.results_on(report, None)
    taken = [result for result in results if isinstance(result, Measurement)]
    yield from _bullets(_measured(report, measurement) for measurement in taken)
    yield from _not_measured(results)


def _measured(report: Report, measurement: Measurement) -> str:
    text = (
        f"{words.title(measurement.name)}: {words.value_of(measurement)} "
        f"(95 % interval {words.interval_of(measurement)}"
    )
    if measurement.n_slices > 1:
        text += f"; {measurement.n_slices} slices"
    text += ")"
    if definition := words.definition_of(measurement):
        text += f", {definition}"
    name = words.JUDGED_BY.get(measurement.name)
    finding = report.finding(name, measurement.side) if name and measurement.side else None
    if finding is None:
        return f"{text}."
    text += f": {words.status_of(finding)}"
    if finding.cutoff is not None:
        text += f" (cut-off {printed(finding.cutoff, 'mm')} mm, {finding.profile})"
    return f"{text}."


def _not_measured(results: list[Measurement | NotMeasured]) -> Iterator[str]:
    """Return what was not measured, measurements with one reason together."""
    for reason, names in words.reasons_by_measurement(results).items():
        yield from _bullets([f"Not measured: {spoken(reason)} ({', '.join(names)})."])


def _graded(finding: Finding) -> str:
    grades = [f"grade {finding.grade}"] if finding.grade is not None else []
    if finding.reader_grade is not None:
        grades.append(f"reader's grade {finding.reader_grade}")
    status = ", ".join([words.status_of(finding), *grades])
    title = words.FINDING_TITLES[finding.name]
    return f"{title}: {status}. {words.sentence(finding.because)}"


def _technique(report: Report) -> Iterator[str]:
    yield from _bullets(
        f"{words.ROLE_TITLES[choice.role]}: {_series(choice.series)}" for choice in report.series
    )
    yield from _bullets([report.position.sentence])


def _series(series: Series | None) -> str:
    if series is None:
        return "none."
    field = f", {series.field_strength_t:g} T" if series.field_strength_t is not None else ""
    return f"{series.label}{field}, {words.resolution_of(series)}."


def _numbered(sentences: Iterable[str]) -> Iterator[str]:
    for number, text in enumerate(sentences, start=1):
        yield from _wrapped(text, first=f"{number}. ")


def _bullets(sentences: Iterable[str]) -> Iterator[str]:
    for text in sentences:
        if text:
            yield from _wrapped(text, first="- ")


def _wrapped(text: str, first: str = "") -> list[str]:
    """Return a paragraph of at most 80 columns, its further lines under the first word."""
    return textwrap.wrap(
        " ".join(words.printable(text).translate(ASCII).split()),
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_on_hyphens=False,
    )
