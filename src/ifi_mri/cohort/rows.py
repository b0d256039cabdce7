"""What one report, or one failure, adds to a cohort's tables: lines of CSV.

They are text already, so that a row looks the same whether its case was analysed now or in an
earlier run, and a table of many cases is written as fast as files are copied.
"""

import csv
import hashlib
import io
from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import itemgetter
from typing import Final, TypeAlias

from ifi_mri.cohort import columns
from ifi_mri.model import Finding, InputFile, Measurement, NotMeasured, Report
from ifi_mri.reports import csv_table, words
from ifi_mri.vocabulary import Role

#: Lines of CSV by the name of their table.
CaseRows: TypeAlias = dict[str, str]

Cells: TypeAlias = dict[str, csv_table.Cell]

#: Stands in the rows of a case for its group, which the case table may change without a new
#: analysis; no cell holds a control character.
_GROUP_MARK: Final = "\x1f"


def of_report(report: Report, folder: str) -> CaseRows:
    """Return a report's rows in every table; ``folder`` is where it lies, as the table says it."""
    who = _who(report)
    return {
        "cases": _rows("cases", who, [_case(report, folder)]),
        "measurements": _rows("measurements", who, map(_result, words.results(report))),
        "findings": _rows("findings", who, map(_finding, report.findings)),
    }


def without_report(
    *,
    case_id: str,
    reader: str | None,
    read: int | None,
    folder: str,
    status: str,
    reason: str,
    error: str | None = None,
) -> CaseRows:
    """Return the rows of a case that has no report: one in each table, which says why."""
    cells: Cells = {
        "case_id": case_id,
        "reader": reader,
        "read": read,
        "status": status,
        "error": error,
        "reason": reason,
        "folder": folder,
    }
    return {table: _rows(table, cells, [{}]) for table in columns.tables()}


def with_group(rows: CaseRows, group: str | None) -> CaseRows:
    """Return rows with the group that the case table gives now."""
    cell = _lines([[_text(group)]]).rstrip("\r\n") if group else ""
    return {table: lines.replace(_GROUP_MARK, cell) for table, lines in rows.items()}


def _rows(table: str, who: Cells, rest: Iterable[Cells]) -> str:
    """Return rows as text; ``who`` is the same in all of them, ``rest`` what tells them apart."""
    names = _NAMES[table]
    same = dict.fromkeys(names, "") | _as_text(who) | {"group": _GROUP_MARK}
    return _lines(map(itemgetter(*names), (same | _as_text(cells) for cells in rest)))


def _as_text(cells: Cells) -> dict[str, str]:
    return {
        name: _text(value) if isinstance(value, str) else csv_table.cell(value)
        for name, value in cells.items()
    }


@lru_cache(maxsize=4096)  # most texts stand in many rows
def _text(value: str) -> str:
    return _printable(csv_table.cell(value))


def _lines(rows: Iterable[Iterable[str]]) -> str:
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows(rows)
    return lines.getvalue()


def _printable(text: str) -> str:
    """Return a text on one line, without control characters."""
    if text.isprintable():
        return text
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


_NAMES: Final = {table: columns.names(table) for table in columns.tables()}


# --- cells --------------------------------------------------------------------------------------


def _who(report: Report) -> Cells:
    return {
        "case_id": report.case_id,
        "reader": report.reader,
        "read": report.read,
        "sex": report.patient_sex,
        "age_years": report.patient_age_years,
        "profile": report.profile,
        "study_uid": report.study_uid,
        "report_uid": report.report_uid,
        "software_version": report.software_version,
        "config_digest": report.config_digest,
    }


def _case(report: Report, folder: str) -> Cells:
    anatomy, fluid = report.chosen(Role.ANATOMY), report.chosen(Role.FLUID_SENSITIVE)
    grid = anatomy.grid if anatomy else None
    return {
        "status": "done",
        "folder": folder,
        "hip_rotation": report.position.hip_rotation,
        "patient_position": report.position.patient_position,
        "landmarks_status": report.landmarks_status,
        "manufacturer": anatomy.manufacturer if anatomy else None,
        "manufacturer_model": anatomy.manufacturer_model if anatomy else None,
        "field_strength_t": anatomy.field_strength_t if anatomy else None,
        "anatomy_series": anatomy.series_uid if anatomy else None,
        "fluid_series": fluid.series_uid if fluid else None,
        "pixel_mm": grid.pixel_spacing_mm[0] if grid else None,
        "slice_spacing_mm": grid.slice_spacing_mm if grid else None,
        "n_measured": len(report.measurements),
        "n_cautions": len(report.cautions),
        "cautions": " ".join(sorted({caution.code for caution in report.cautions})),
        "inputs_sha256": inputs_digest(report.inputs),
    }


def inputs_digest(inputs: Iterable[InputFile]) -> str:
    """Return the SHA-256 over the role and SHA-256 of every input; paths do not count."""
    lines = sorted(f"{file.role} {file.sha256}\n" for file in inputs)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _result(result: Measurement | NotMeasured) -> Cells:
    cells: Cells = {"side": result.side or csv_table.BOTH_SIDES, "measurement": result.name}
    if isinstance(result, NotMeasured):
        return cells | {"status": "not measured", "reason": result.reason}
    return cells | csv_table.measured(result)


def _finding(finding: Finding) -> Cells:
    low, high = finding.grade_range or (None, None)
    copied: Callable[[str], csv_table.Cell] = finding.__getattribute__
    return {
        "finding": finding.name,
        "reason": finding.because,
        "grade_low": low,
        "grade_high": high,
    } | {
        name: copied(name)
        for name in (
            "side", "status", "grade", "reader_grade", "agrees_with_reader", "cutoff",
            "at_or_below_cutoff", "probability", "thresholds_validated", "profile",
        )
    }  # fmt: skip
