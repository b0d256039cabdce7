"""A clinical intake as a table: one row a record, as REDCap exports it, raw or with labels.

The record id is the case id, in a column ``record_id`` (or ``case_id``).  Columns are the fields
of the intake; ``<field>_left`` and ``<field>_right`` answer for one side, ``<field>`` alone for
both.  Cells: ``1``/``0`` and ``Yes``/``No`` as REDCap writes yes-no fields, ``Checked`` and
``Unchecked`` as it writes boxes; an empty cell is unknown.  REDCap's own columns and those of other
forms are passed over, but a name that nearly is one of ours is taken for a slip.  A record on
several rows (events, repeats) is put together; rows that contradict each other are refused.
"""

import csv
import difflib
import io
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from ifi_mri.errors import ClinicalIntakeError

ID_COLUMNS: Final = ("record_id", "case_id")

_SIDE_ENDINGS: Final = {"_left": "left", "_right": "right", "_l": "left", "_r": "right"}

#: How REDCap spells answers beside ours; cells are compared in lower case.
_ANSWERS: Final = {
    "1": "yes",
    "0": "no",
    "y": "yes",
    "n": "no",
    "true": "yes",
    "false": "no",
    "checked": "yes",
    "unchecked": "no",
    "don't know": "unknown",
}

#: Column names this like one of ours are slips of the pen, not questions of another form.
_SLIP: Final = 0.88

#: Numbers in their columns; all else are answers or words.
_NUMBERS: Final = ("age_years", "hip_rotation_deg")


def content_of(
    text: str, source: str, case_id: str | None, sided: Collection[str], once: Collection[str]
) -> dict[str, Any]:
    """Return one record of a table as `ifi_mri.clinical.parse` takes it.

    Parameters
    ----------
    text : str
        CSV with commas or semicolons, or TSV.
    source : str
        Names the file in errors.
    case_id : str or None
        Which record; None where the table holds one.
    sided, once : collections of str
        The fields that are answered per side, and those that are asked once.

    Raises
    ------
    ClinicalIntakeError
        No column of record ids, an unreadable row, a column that nearly is a field, no such record,
        several and none named, or rows of a record that contradict each other.
    """
    header, rows = _rows(text, source)
    known = [*sided, *once, *(f"{name}_{side}" for name in sided for side in ("left", "right"))]
    columns = {
        name: place for name in header if (place := _place(name, sided, once, known, source))
    }
    id_column = next((name for name in ID_COLUMNS if name in header), None)
    if id_column is None:
        raise ClinicalIntakeError(
            f"{source}: has no column {' or '.join(ID_COLUMNS)}; one with the case id was "
            "expected. Export the record id too."
        )
    record = _chosen(rows, id_column, source, case_id)
    return _put_together(record, columns, source)


def _rows(text: str, source: str) -> tuple[list[str], list[dict[str, str]]]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        lines = list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
    except csv.Error as problem:
        raise ClinicalIntakeError(
            f"{source}: is not a readable table: {problem}. Export it as CSV again."
        ) from problem
    lines = [line for line in lines if any(cell.strip() for cell in line)]
    header = [name.strip().lower() for name in lines[0]] if lines else []
    repeated = next((name for name in header if name and header.count(name) > 1), None)
    if repeated:
        raise ClinicalIntakeError(
            f"{source}: the column {repeated!r:.80} stands twice; once was expected. Remove one."
        )
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise ClinicalIntakeError(
                f"{source}, row {number}: has {len(line)} cells, {len(header)} were expected, as "
                "the header has. Export it as CSV again."
            )
    return header, [dict(zip(header, line, strict=True)) for line in lines[1:]]


def _place(
    column: str, sided: Collection[str], once: Collection[str], known: list[str], source: str
) -> tuple[str, str | None] | None:
    """Return the field of a column and its side; None for a column of another form."""
    if column in once or column in sided:
        return column, None
    for ending, side in _SIDE_ENDINGS.items():
        if column.endswith(ending) and (name := column.removesuffix(ending)) in sided:
            return name, side
    if column in ID_COLUMNS or column.startswith("redcap_") or column.endswith("_complete"):
        return None
    near = difflib.get_close_matches(column[:80], known, n=1, cutoff=_SLIP)
    if near:
        raise ClinicalIntakeError(
            f"{source}: the column {column!r:.80} is not a known field; the nearest is "
            f"{near[0]!r}. Rename or remove it."
        )
    return None


def _chosen(
    rows: list[dict[str, str]], id_column: str, source: str, case_id: str | None
) -> list[dict[str, str]]:
    ids = list(dict.fromkeys(row[id_column].strip() for row in rows))
    if case_id is None and len(ids) != 1:
        raise ClinicalIntakeError(
            f"{source}: holds {len(ids)} records and no case is named; one was expected. Name the "
            "record with --case-id."
        )
    wanted = ids[0] if case_id is None else case_id
    record = [row for row in rows if row[id_column].strip() == wanted]
    if not record:
        raise ClinicalIntakeError(
            f"{source}: has no record {wanted!r:.80} among its {len(ids)}; the case id was "
            f"expected in {id_column}. Name another with --case-id, or complete the table."
        )
    return record


def _put_together(
    rows: list[dict[str, str]], columns: Mapping[str, tuple[str, str | None]], source: str
) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for name, side, value, column in _answers(rows, columns):
        table = content.setdefault(side, {}) if side else content
        if name in table and table[name] != value:
            raise ClinicalIntakeError(
                f"{source}: the record's rows say {table[name]!r:.60} and {value!r:.60} in "
                f"{column!r}; one answer was expected. Correct the table."
            )
        table[name] = value
    return content


def _answers(
    rows: list[dict[str, str]], columns: Mapping[str, tuple[str, str | None]]
) -> Iterator[tuple[str, str | None, Any, str]]:
    for row in rows:
        for column, (name, side) in columns.items():
            cell = row[column].strip()
            if cell:
                yield name, side, _value(name, cell), column


def _value(name: str, cell: str) -> Any:
    if name in _NUMBERS:
        try:
            return float(cell.replace(",", "."))
        except ValueError:
            return cell
    if name in ("sex", "hip_rotation"):
        return cell  # their codes are a site's own choice, so that 1 and 2 are refused
    return _ANSWERS.get(cell.lower(), cell)
