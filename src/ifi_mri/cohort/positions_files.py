"""The dynamic table of one patient's positions as files and text: read from several
``report.json``, written as JSON, CSV, a page and for a terminal."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from ifi_mri.cohort.positions import SPACES, DynamicTable, PositionRow
from ifi_mri.errors import ConfigError, ReportError
from ifi_mri.model import Position, Report
from ifi_mri.reports import csv_table, html_page, json_file, output_folder, words
from ifi_mri.vocabulary import HipRotation, printed, spoken

SCHEMA_VERSION: Final = "1.0"

#: As in ``report.json``.
DECIMALS: Final = 6

COLUMNS: Final = (
    "case_id", "report_uid", "patient_position", "hip_rotation", "rotation_deg", "knee_bolster",
    "is_reference", "side", "measurement", "value_mm", "sd_mm", "interval_low_mm",
    "interval_high_mm", "change_mm", "change_sd_mm", "change_low_mm", "change_high_mm",
    "mm_per_degree", "mm_per_degree_sd", "reason",
)  # fmt: skip


# --- in -----------------------------------------------------------------------------------------


def read_reports(paths: Iterable[Path]) -> tuple[Report, ...]:
    """Return the reports of ``report.json`` files, or of the folders that hold one.

    Raises
    ------
    ConfigError
        A file is not there or cannot be read.
    ReportError
        A file is not a report.
    """
    return tuple(_read(path) for path in paths)


def _read(path: Path) -> Report:
    file = path / json_file.FILE_NAME if path.is_dir() else path
    try:
        content = file.read_bytes()
    except OSError as problem:
        raise ConfigError(
            f"{file}: cannot be read ({problem.strerror}). Name the report.json of a case."
        ) from problem
    try:
        return json_file.read(content)
    except ReportError as problem:
        raise ReportError(f"{file}: {problem}") from problem


# --- out ----------------------------------------------------------------------------------------


def write(table: DynamicTable, folder: Path) -> list[Path]:
    """Write ``positions.json``, ``.csv`` and ``.html`` and return their paths; files that were
    there move to ``previous/``.  ReportError where the folder cannot be written."""
    files = {
        "positions.json": as_json(table),
        "positions.csv": as_csv(table),
        "positions.html": as_page(table),
    }
    return output_folder.write(folder, files)


def as_json(table: DynamicTable) -> bytes:
    """Return the table for other programs, mm and degrees, rotation signed with internal
    positive."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "reference_report_uid": table.reference.report_uid if table.reference else None,
        "reports": [
            {
                "case_id": report.case_id,
                "report_uid": report.report_uid,
                "study_uid": report.study_uid,
                "study_date": report.study_date,
                "reader": report.reader,
                "read": report.read,
            }
            for report in table.reports
        ],
        "rows": [_cells(row) for row in table.rows],
        "notes": list(table.notes),
    }
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode(errors="replace")


def as_csv(table: DynamicTable) -> bytes:
    """Return the table for a statistics program, one row for each position, side and space."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    for row in table.rows:
        writer.writerow({key: csv_table.cell(value) for key, value in _cells(row).items()})
    return text.getvalue().encode(errors="replace")


def as_page(table: DynamicTable) -> bytes:
    """Return the table as one self-contained page."""
    several = _has_several_cases(table)
    return html_page.page(
        "positions.html.j2",
        groups=[
            (f"{side.capitalize()} {words.title(name)}", [_shown(row, several) for row in rows])
            for (side, name), rows in _grouped(table).items()
        ],
        case_ids=list(dict.fromkeys(report.case_id for report in table.reports)),
        reference=position_words(table.reference.position) if table.reference else "none",
        notes=table.notes,
    )


def as_text(table: DynamicTable) -> str:
    """Return the table for a terminal."""
    header = ("position", "value (95 % interval)", "change against neutral", "mm per degree")
    groups, several = _grouped(table), _has_several_cases(table)
    lines: list[tuple[str, Sequence[tuple[str, ...]]]] = [
        (f"{side.capitalize()} {words.title(name)}", [_shown(row, several) for row in rows])
        for (side, name), rows in groups.items()
    ]
    every = [header, *(row for _, rows in lines for row in rows)]
    widths = [max(len(row[k]) for row in every) for k in range(len(header))]

    def laid_out(row: Sequence[str]) -> str:
        return "  ".join(
            text.ljust(width) for text, width in zip(row, widths, strict=True)
        ).rstrip()

    shown = []
    for title, rows in lines:
        shown += [title, f"  {laid_out(header)}", *(f"  {laid_out(row)}" for row in rows), ""]
    if not groups:
        shown += ["Neither space was measured on either side in any of the reports.", ""]
    return "\n".join([*shown, *(f"- {note}" for note in table.notes)])


def position_words(position: Position) -> str:
    """Return a position in a few words: ``external 30°, HFS``."""
    words_of_rotation = (
        "rotation not recorded"
        if position.hip_rotation is HipRotation.NOT_RECORDED
        else str(position.hip_rotation)
    )
    if position.hip_rotation_deg is not None:
        words_of_rotation += f" {position.hip_rotation_deg:g}°"
    entry = (position.patient_position or "").strip()
    return f"{words_of_rotation}, {entry}" if entry else words_of_rotation


# --- rows ---------------------------------------------------------------------------------------


def _grouped(table: DynamicTable) -> dict[tuple[str, Any], list[PositionRow]]:
    groups: dict[tuple[str, Any], list[PositionRow]] = {}
    for side in words.SIDES_AS_SHOWN:
        for name in SPACES:
            rows = [row for row in table.rows if (row.side, row.name) == (side, name)]
            if rows:
                groups[side.value, name] = rows
    return groups


def _has_several_cases(table: DynamicTable) -> bool:
    return len({report.case_id for report in table.reports}) > 1


def _shown(row: PositionRow, with_case: bool) -> tuple[str, str, str, str]:
    """Return position, value, change and slope of a row in words."""
    place = position_words(row.position) + (f", {row.case_id}" if with_case else "")
    if row.value_mm is None or row.interval_95_mm is None:
        return place, f"not measured: {spoken(row.reason)}", "", ""
    value = f"{printed(row.value_mm, 'mm')} mm ({_interval(row.interval_95_mm)})"
    if row.is_reference:
        return place, value, "what the others are compared with", ""
    change = row.change
    if change is None:
        return place, value, "", ""
    slope = ""
    if change.per_degree_mm is not None and change.per_degree_sd_mm is not None:
        slope = f"{change.per_degree_mm:+.2f}, SD {change.per_degree_sd_mm:.2f}"
    shift = (
        f"{_signed(change.value_mm)} mm, SD {printed(change.sd_mm, 'mm')} "
        f"({_signed(change.interval_95_mm[0])} to {_signed(change.interval_95_mm[1])})"
    )
    return place, value, shift, slope


def _interval(bounds: tuple[float, float]) -> str:
    return f"{printed(bounds[0], 'mm')} to {printed(bounds[1], 'mm')}"


def _signed(value_mm: float) -> str:
    text = printed(value_mm, "mm")
    return text if text.startswith("-") or float(text) == 0 else f"+{text}"


def _cells(row: PositionRow) -> dict[str, Any]:
    low, high = row.interval_95_mm or (None, None)
    change = row.change
    change_low, change_high = change.interval_95_mm if change else (None, None)
    cells: dict[str, Any] = {
        "case_id": row.case_id,
        "report_uid": row.report_uid,
        "patient_position": row.position.patient_position,
        "hip_rotation": row.position.hip_rotation.value,
        "rotation_deg": row.rotation_deg,
        "knee_bolster": row.position.knee_bolster.value,
        "is_reference": row.is_reference,
        "side": row.side.value,
        "measurement": row.name.value,
        "value_mm": row.value_mm,
        "sd_mm": row.sd_mm,
        "interval_low_mm": low,
        "interval_high_mm": high,
        "change_mm": change.value_mm if change else None,
        "change_sd_mm": change.sd_mm if change else None,
        "change_low_mm": change_low,
        "change_high_mm": change_high,
        "mm_per_degree": change.per_degree_mm if change else None,
        "mm_per_degree_sd": change.per_degree_sd_mm if change else None,
        "reason": row.reason,
    }
    return {
        key: round(value, DECIMALS) + 0.0 if isinstance(value, float) else value
        for key, value in cells.items()
    }
