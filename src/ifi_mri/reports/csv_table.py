"""``measurements.csv``: one row for each measurement, taken or not, ready for a statistics program.

CSV as RFC 4180 describes it, UTF-8.  Text that a spreadsheet would run as a formula is led by an
apostrophe (OWASP, *CSV Injection*).
"""

import csv
import io
from collections.abc import Mapping
from operator import itemgetter
from typing import Final

from ifi_mri.model import Finding, Measurement, NotMeasured, OpenVolume, Report, Study
from ifi_mri.reports import words
from ifi_mri.reports.json_values import DECIMALS

NAME: Final = "csv"
FILE_NAME: Final = "measurements.csv"

COLUMNS: Final = (
    "case_id",
    "reader",
    "read",
    "side",
    "measurement",
    "status",
    "value",
    "unit",
    "sd",
    "interval_low",
    "interval_high",
    "bias",
    "reader_value",
    "refined_ends",
    "n_slices",
    "reason",
    "finding",
    "finding_status",
    "profile",
    "cutoff",
    "at_or_below_cutoff",
    "probability",
    "series_uid",
    "sop_instance_uid",
    "method",
    "study_uid",
    "report_uid",
    "software_version",
    "config_digest",
)

_IN_ORDER: Final = itemgetter(*COLUMNS)

#: First characters that make a spreadsheet take a cell for a formula.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")

#: In the column ``side``, for a number that belongs to both sides together.
BOTH_SIDES: Final = "both"

Cell = str | int | float | bool | None


def render(report: Report, study: Study, open_volume: OpenVolume) -> bytes:  # noqa: ARG001
    """Return the measurements as CSV; ``study`` and ``open_volume`` are not looked at."""
    same = dict.fromkeys(COLUMNS, "") | _printed(_case(report))
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    for result in words.results(report):
        row = same | _printed(_result(result)) | _printed(_finding(report, result))
        writer.writerow(_IN_ORDER(row))
    return table.getvalue().encode(errors="replace")


def _printed(cells: Mapping[str, Cell]) -> dict[str, str]:
    return {column: cell(value) for column, value in cells.items()}


def _case(report: Report) -> dict[str, Cell]:
    return {
        "case_id": report.case_id,
        "reader": report.reader,
        "read": report.read,
        "study_uid": report.study_uid,
        "report_uid": report.report_uid,
        "software_version": report.software_version,
        "config_digest": report.config_digest,
    }


def _result(result: Measurement | NotMeasured) -> dict[str, Cell]:
    cells: dict[str, Cell] = {"side": result.side or BOTH_SIDES, "measurement": result.name}
    if isinstance(result, NotMeasured):
        return cells | {"status": "not measured", "reason": result.reason}
    return cells | measured(result)


def measured(result: Measurement) -> dict[str, Cell]:
    """Return the cells of a measurement that was taken, without whose and which it is."""
    low, high = result.interval_95
    return {
        "status": "measured",
        "value": result.value,
        "unit": result.unit,
        "sd": result.sd,
        "interval_low": low,
        "interval_high": high,
        "bias": result.bias,
        "reader_value": result.reader_value,
        "refined_ends": _refined_ends(result),
        "n_slices": result.n_slices,
        "series_uid": result.series_uid,
        "sop_instance_uid": result.sop_instance_uid,
        "method": result.method,
    }


def _refined_ends(result: Measurement) -> int | None:
    """Return how many ends lie on edges found in the picture; None where none was looked for."""
    if not result.refined_ends:
        return None
    return sum(end.is_refined for end in result.refined_ends)


def _finding(report: Report, result: Measurement | NotMeasured) -> dict[str, Cell]:
    finding = _judgement(report, result)
    if finding is None:
        return {}
    return {
        "finding": finding.name,
        "finding_status": finding.status,
        "profile": finding.profile,
        "cutoff": finding.cutoff,
        "at_or_below_cutoff": finding.at_or_below_cutoff,
        "probability": finding.probability,
    }


def _judgement(report: Report, result: Measurement | NotMeasured) -> Finding | None:
    """Return the finding that judges a measurement or rests on it; none judges both sides."""
    if result.side is None:
        return None
    if name := words.JUDGED_BY.get(result.name):
        return report.finding(name, result.side)
    for finding in report.findings:
        if finding.side is result.side and result.name in finding.evidence:
            return finding
    return None


def cell(value: Cell) -> str:
    """Return a cell: numbers as in ``report.json``, text that cannot be run as a formula."""
    if isinstance(value, str):
        return f"'{value}" if _would_run(value) else str(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(round(float(value), DECIMALS) + 0.0)
    return str(value)


def _would_run(text: str) -> bool:
    if text[:1].isalnum():  # nearly every text
        return False
    return text.startswith(FORMULA_STARTS) or text.lstrip().startswith(FORMULA_STARTS)
