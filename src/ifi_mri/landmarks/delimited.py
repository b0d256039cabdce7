"""Delimited text with named columns, three of which are a position: rows and their points.

Fields part at commas, tabs or semicolons.  A decimal comma is read where fields part at
semicolons or tabs, as spreadsheets in many languages write it, if no position has a decimal point.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from ifi_mri.errors import LandmarkFormatError
from ifi_mri.landmarks import positions
from ifi_mri.landmarks.positions import CoordinateSystem
from ifi_mri.landmarks.text_files import as_number, shown
from ifi_mri.model import Point

AXES_OF_SYSTEM: Final = {
    CoordinateSystem.LPS: ("l", "p", "s"),
    CoordinateSystem.RAS: ("r", "a", "s"),
}

_BARE_AXES: Final = frozenset({"x", "y", "z"})
_DELIMITERS: Final = {"\t": "a tab", ";": "a semicolon", ",": "a comma"}


class Row(NamedTuple):
    """One row: its line in the file, its cells, and where each column stands among them."""

    source: Path
    line: int
    cells: tuple[str, ...]
    columns: dict[str, int]

    @property
    def where(self) -> str:
        """The row's place, for messages."""
        return f"{self.source}, line {self.line}"

    def cell(self, column: str) -> str:
        """Return a cell; blank where the table has no such column."""
        place = self.columns.get(column)
        return "" if place is None else self.cells[place]


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file, the frame that its columns state, and how it writes decimals."""

    source: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    system: CoordinateSystem
    decimal_comma: bool

    def point_mm(self, row: Row) -> Point | None:
        """Return the position of a row in patient LPS mm; None where all three cells are blank."""
        texts = [row.cell(axis) for axis in AXES_OF_SYSTEM[self.system]]
        if not any(texts):
            return None
        numbers = [
            as_number(text.replace(",", ".") if self.decimal_comma else text) for text in texts
        ]
        found = texts if None in numbers else numbers
        return positions.point_mm(found, self.system, row.where)


def column_names(text: str) -> tuple[tuple[str, ...], str]:
    """Return the lower-case names in the first line that is not blank, and the delimiter: of tab,
    semicolon and comma the one that parts the line into most fields."""
    first_line = next((line for line in re.split(r"[\r\n]+", text) if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first_line.count)
    cells = next(csv.reader([first_line], delimiter=delimiter), [])
    return tuple(cell.strip().lower() for cell in cells), delimiter


def parse_table(text: str, source: Path, needed: Iterable[str], optional: Iterable[str]) -> Table:
    """Return the rows of a table.

    Parameters
    ----------
    text : str
    source : pathlib.Path
        Named in messages.
    needed, optional : iterables of str
        Columns beside the position; any other is refused, since a mistyped name would be lost.

    Raises
    ------
    LandmarkFormatError
        A column doubled, missing or unknown, no frame, no rows, rows of another length, or
        decimal commas beside decimal points.
    """
    try:
        columns, delimiter = column_names(text)
        system = _system(columns, source)
        _expect_columns(columns, source, needed, (*AXES_OF_SYSTEM[system], *optional))
        rows = tuple(_rows(text, columns, delimiter, source))
    except csv.Error as problem:
        raise LandmarkFormatError(
            f"{source}: is not a table: {problem}. Save it as CSV in UTF-8."
        ) from problem
    if not rows:
        raise LandmarkFormatError(f"{source}: has a header and no rows. Add the landmarks.")
    decimal_comma = _has_decimal_commas(rows, AXES_OF_SYSTEM[system], delimiter, source)
    return Table(source, columns, rows, system, decimal_comma)


def _system(columns: tuple[str, ...], source: Path) -> CoordinateSystem:
    stated = [system for system, axes in AXES_OF_SYSTEM.items() if set(axes) <= set(columns)]
    if len(stated) == 1:
        return stated[0]
    if not stated and set(columns) >= _BARE_AXES:
        raise LandmarkFormatError(
            f"{source}: columns x,y,z do not say whether x grows to the patient's left (LPS) or "
            "right (RAS). Rename them l,p,s or r,a,s."
        )
    found = ", ".join(shown(column) for column in columns[:20])
    raise LandmarkFormatError(
        f"{source}: the position stands in columns l,p,s (LPS, mm) or r,a,s (RAS, mm), one set of "
        f"them was expected, found the columns {found}. Rename them."
    )


def _expect_columns(
    columns: tuple[str, ...], source: Path, needed: Iterable[str], optional: Iterable[str]
) -> None:
    needed, optional = tuple(needed), tuple(optional)
    missing = [column for column in needed if column not in columns]
    unknown = [column for column in columns if column not in (*needed, *optional)]
    doubled = [column for column, times in Counter(columns).items() if times > 1]
    for problem, wrong in (("lacks", missing), ("has unknown", unknown), ("doubles", doubled)):
        if wrong:
            names = ", ".join(shown(column) for column in dict.fromkeys(wrong[:20]))
            raise LandmarkFormatError(
                f"{source}: {problem} the columns {names}. Needed are {', '.join(needed)}, "
                f"allowed are {', '.join(optional)}."
            )


def _rows(text: str, columns: tuple[str, ...], delimiter: str, source: Path) -> Iterable[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    filled = (cells for cells in reader if any(cell.strip() for cell in cells))
    next(filled, None)
    places = {column: place for place, column in enumerate(columns)}
    for cells in filled:
        if len(cells) != len(columns):
            raise LandmarkFormatError(
                f"{source}, line {reader.line_num}: has {len(cells)} fields, the header has "
                f"{len(columns)}. Fields part at {_DELIMITERS[delimiter]}; write decimals with a "
                "point and quote texts that hold it."
            )
        yield Row(source, reader.line_num, tuple(cell.strip() for cell in cells), places)


def _has_decimal_commas(
    rows: Iterable[Row], axes: Iterable[str], delimiter: str, source: Path
) -> bool:
    """Return whether positions have decimal commas; both kinds in one file are refused."""
    axes = tuple(axes)
    positions_text = "".join(row.cell(axis) for row in rows for axis in axes)
    if "," not in positions_text:
        return False
    if delimiter == "," or "." in positions_text:
        raise LandmarkFormatError(
            f"{source}: positions hold commas that cannot be told from thousands or field marks. "
            "Write them with a decimal point."
        )
    return True
