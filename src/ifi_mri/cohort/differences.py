"""What differs between two reports: values, what was not measured, statuses, grades, settings.

A plain comparison for "why does it say something else now": another reader, other landmarks, other
settings, another version.  It judges nothing; `ifi_mri.cohort.followup` compares two visits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from ifi_mri.model import Finding, Measurement, NotMeasured, Report
from ifi_mri.reports import words
from ifi_mri.vocabulary import Role, at_printed_precision, printed

#: What a report states once: how it is called, and where it stands.
FACTS = (
    ("study", "study_uid"),
    ("study date", "study_date"),
    ("reader", "reader"),
    ("read", "read"),
    ("profile", "profile"),
    ("settings", "config_digest"),
    ("software", "software_version"),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two reports say differently; ``change`` is b minus a in the unit of both."""

    what: str
    side: str
    a: str
    b: str
    change: float | None = None
    unit: str = ""


def differences(a: Report, b: Report) -> tuple[Difference, ...]:
    """Return what two reports say differently, in the order of a report; values that print alike
    are alike."""
    return tuple(chain(_facts(a, b), _results(a, b), _findings(a, b), _cautions(a, b)))


def as_text(found: Sequence[Difference], a: str, b: str) -> str:
    """Return the differences for a terminal; ``a`` and ``b`` name the reports."""
    if not found:
        return f"{a} and {b} say the same."
    lines = [f"a: {a}", f"b: {b}"]
    for item in found:
        where = f"{item.side}: " if item.side else ""
        change = ""
        if item.change is not None:
            unit = f" {item.unit}" if item.unit != "1" else ""
            change = f" ({item.change:+.{_decimals(item)}f}{unit})"
        lines.append(f"{where}{item.what}: {item.a} -> {item.b}{change}")
    return "\n".join(lines)


def as_rows(found: Sequence[Difference]) -> list[dict[str, object]]:
    """Return the differences for JSON."""
    return [
        {
            "what": item.what,
            "side": item.side or None,
            "a": item.a,
            "b": item.b,
            "change": None if item.change is None else round(item.change, 6) + 0.0,
            "unit": item.unit or None,
        }
        for item in found
    ]


def _decimals(item: Difference) -> int:
    return len(printed(0.0, item.unit).partition(".")[2])


def _facts(a: Report, b: Report) -> Iterator[Difference]:
    for title, key in FACTS:
        first, second = (_said(getattr(report, key)) for report in (a, b))
        if first != second:
            yield Difference(title, "", first, second)
    for role in Role:
        first, second = (
            series.series_uid if (series := report.chosen(role)) else "none" for report in (a, b)
        )
        if first != second:
            yield Difference(words.ROLE_TITLES.get(role, str(role)), "", first, second)
    if a.position.hip_rotation != b.position.hip_rotation:
        first, second = str(a.position.hip_rotation), str(b.position.hip_rotation)
        yield Difference("hip rotation", "", first, second)


def _results(a: Report, b: Report) -> Iterator[Difference]:
    of_a, of_b = (
        {(result.name, result.side): result for result in words.results(report)}
        for report in (a, b)
    )
    for key in dict.fromkeys([*of_a, *of_b]):
        name, side = key
        first, second = of_a.get(key), of_b.get(key)
        if _result(first) == _result(second):
            continue
        change, unit = None, ""
        if isinstance(first, Measurement) and isinstance(second, Measurement):
            unit = second.unit
            change = at_printed_precision(second.value, unit) - at_printed_precision(
                first.value, unit
            )
        yield Difference(
            words.title(name), side or "both", _result(first), _result(second), change, unit
        )


def _result(result: Measurement | NotMeasured | None) -> str:
    if isinstance(result, Measurement):
        return words.value_of(result)
    if result is None:
        return "not in the report"
    return f"not measured ({words.sentence(result.reason).rstrip('.')})"


def _findings(a: Report, b: Report) -> Iterator[Difference]:
    of_a, of_b = (
        {(finding.name, finding.side): finding for finding in report.findings} for report in (a, b)
    )
    for key in dict.fromkeys([*of_a, *of_b]):
        first, second = _finding(of_a.get(key)), _finding(of_b.get(key))
        if first != second:
            yield Difference(f"{words.FINDING_TITLES[key[0]]}, status", key[1], first, second)


def _finding(finding: Finding | None) -> str:
    if finding is None:
        return "not in the report"
    parts = [words.status_of(finding)]
    if finding.grade is not None:
        parts.append(f"grade {finding.grade}")
    if finding.reader_grade is not None:
        parts.append(f"reader's grade {finding.reader_grade}")
    if finding.cutoff is not None:
        parts.append(f"cut-off {printed(finding.cutoff, 'mm')} mm")
    return ", ".join(parts)


def _cautions(a: Report, b: Report) -> Iterator[Difference]:
    of_a, of_b = (
        {(caution.code, caution.side) for caution in report.cautions} for report in (a, b)
    )
    for code, side in sorted(of_a ^ of_b, key=lambda item: (item[0], item[1] or "")):
        in_a, in_b = ("yes" if (code, side) in found else "no" for found in (of_a, of_b))
        yield Difference(f"caution {code}", side or "", in_a, in_b)


def _said(value: object) -> str:
    return "not recorded" if value is None else str(value)
