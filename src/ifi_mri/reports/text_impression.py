"""``impression.txt``: the report as plain text to paste into a radiology system.

At most 80 columns, signs that every system shows: mathematical and typographic ones are spelled
with ASCII.
"""

import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

from ifi_mri.model import Finding, Measurement, NotMeasured, OpenVolume, Report, Series, Study
from ifi_mri.reports.signal_table import signal_rows
from ifi_mri.reports.words import (
    JUDGED_BY,
    MUSCLE_FINDINGS,
    SIDES_AS_SHOWN,
    Words,
    nobody_asked,
    printable,
    results_on,
    sentence,
    words_of,
)
from ifi_mri.vocabulary import Side, printed

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


def render(
    report: Report,
    study: Study,  # noqa: ARG001
    open_volume: OpenVolume,  # noqa: ARG001
    words: Words | None = None,
) -> bytes:
    """Return the report as plain text, UTF-8; ``study`` and ``open_volume`` are not looked at.

    ``words`` are those of the report's language where it is of a site's own file.
    """
    return text_of(report, words).encode(errors="replace")


def text_of(report: Report, words: Words | None = None) -> str:
    """Return the report as plain text."""
    text = "\n".join(line.rstrip() for line in _lines(report, words or words_of(report)))
    return f"{text.rstrip()}\n"


def _lines(report: Report, words: Words) -> Iterator[str]:
    yield words("text.title").upper()
    yield from _wrapped(
        words(
            "text.about",
            case=report.case_id,
            date=report.study_date or words("text.unknown_date"),
            person=words.person_of(report),
            reader=words.reader_of(report),
        )
    )
    yield from _section(words("report.impression"), _numbered(report.impression))
    for side in SIDES_AS_SHOWN:
        yield from _section(words(f"hip.{side}"), _side(report, side, words))
    yield from _section(words("report.both_sides"), _pair(report, words))
    yield from _section(words("report.technique"), _technique(report, words))
    cautions = [
        f"{words(f'side.{caution.side}')}: {words.clause(caution.text)}"
        if caution.side
        else words.said(caution.text)
        for caution in report.cautions
    ]
    yield from _section(words("text.cautions"), _bullets(cautions))
    yield from _section(words("text.limits"), _bullets(report.summary.limits))
    yield from _section(words("text.intended_use"), _wrapped(words("report.use")))
    yield ""
    yield from _wrapped(
        words(
            "text.made",
            software=report.software_name,
            version=report.software_version,
            profile=report.profile,
            settings=report.config_digest[:12],
            report=report.report_uid,
            time=report.created_at,
        )
    )


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    """Return a titled section, nothing where it would be empty."""
    content = list(lines)
    if content:
        yield from ("", title.upper(), *content)


def _side(report: Report, side: Side, words: Words) -> Iterator[str]:
    results = results_on(report, side)
    taken = [result for result in results if isinstance(result, Measurement)]
    yield from _bullets(_measured(report, measurement, words) for measurement in taken)
    yield from _not_measured(results, words)
    if taken and (unmarked := words.unmarked(results)):
        yield from _bullets([words("report.not_marked", names=", ".join(unmarked))])
    for name in MUSCLE_FINDINGS:
        finding = report.finding(name, side)
        if finding is not None and not nobody_asked(finding):
            yield from _bullets([_graded(finding, words)])
    rows = [row for row in signal_rows(report, side, words) if row.is_brief]
    yield from _bullets(sentence(f"{row.title}: {row.text}") for row in rows)
    summary = report.summary.on(side)
    yield from _bullets(source.sentence for source in summary.competing)
    if summary.missing:
        missing = " ".join(map(sentence, summary.missing))
        yield from _bullets([words("text.missing", sentences=missing)])


def _pair(report: Report, words: Words) -> Iterator[str]:
    """Return what belongs to both sides together; nothing is said of what needs an unmarked one."""
    results = results_on(report, None)
    taken = [result for result in results if isinstance(result, Measurement)]
    yield from _bullets(_measured(report, measurement, words) for measurement in taken)
    yield from _not_measured(results, words)


def _measured(report: Report, measurement: Measurement, words: Words) -> str:
    message = "text.measured.slices" if measurement.n_slices > 1 else "text.measured"
    text = words(
        message,
        title=words.title(measurement.name),
        value=words.value_of(measurement),
        interval=words.interval_of(measurement),
        number=measurement.n_slices,
    )
    if definition := words.definition_of(measurement):
        text += f", {definition}"
    name = JUDGED_BY.get(measurement.name)
    finding = report.finding(name, measurement.side) if name and measurement.side else None
    if finding is None:
        return f"{text}."
    text += f": {words.status_of(finding)}"
    if finding.cutoff is not None:
        cutoff = printed(finding.cutoff, "mm")
        text += f" {words('text.cutoff', cutoff=cutoff, profile=finding.profile)}"
    return f"{text}."


def _not_measured(results: list[Measurement | NotMeasured], words: Words) -> Iterator[str]:
    """Return what was not measured, measurements with one reason together."""
    for reason, names in words.reasons_by_measurement(results).items():
        said = words("text.not_measured", reason=words.clause(reason), names=", ".join(names))
        yield from _bullets([said])


def _graded(finding: Finding, words: Words) -> str:
    grades = [words("report.grade", grade=finding.grade)] if finding.grade is not None else []
    if finding.reader_grade is not None:
        grades.append(words("text.reader_grade", grade=finding.reader_grade))
    status = ", ".join([words.status_of(finding), *grades])
    return f"{words.finding_title(finding.name)}: {status}. {words.said(finding.because)}"


def _technique(report: Report, words: Words) -> Iterator[str]:
    yield from _bullets(
        f"{words(f'role.{choice.role}')}: {_series(choice.series, words)}"
        for choice in report.series
    )
    yield from _bullets([report.position.sentence])


def _series(series: Series | None, words: Words) -> str:
    if series is None:
        return words("text.no_series")
    field = ""
    if series.field_strength_t is not None:
        field = f", {words.number(f'{series.field_strength_t:g}')} T"
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
        " ".join(printable(text).translate(ASCII).split()),
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_on_hyphens=False,
    )
