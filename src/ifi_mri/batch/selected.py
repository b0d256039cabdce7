"""``--only-failed FILE``: the cases that a table says have failed or that a reviewer sent back.

The file is ``cases.csv`` of a batch (``status`` is ``failed``) or ``review.csv`` of the group page
(``verdict`` is ``fail`` or ``fix``).
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ifi_mri.batch.cases import Case
from ifi_mri.errors import ConfigError

#: What marks a case, by column.
MARKS: Final = {"status": frozenset({"failed"}), "verdict": frozenset({"fail", "fix"})}


@dataclass(frozen=True, slots=True)
class Selection:
    """Cases by case_id, reader and read; blank reader and read stand for any."""

    keys: frozenset[tuple[str, str, str]]

    def holds(self, case: Case) -> bool:
        """Return whether a case is among them."""
        reader, read = case.reader or "", str(case.read or "")
        wanted = ((case.case_id, r, n) for r in {reader, ""} for n in {read, ""})
        return any(key in self.keys for key in wanted) or self._any_reading_of(case)

    def _any_reading_of(self, case: Case) -> bool:
        """A row may name the reader of the landmark file, which the case table does not."""
        if case.reader and case.read:
            return False
        return any(
            case_id == case.case_id
            and (not case.reader or reader == case.reader)
            and (not case.read or read == str(case.read))
            for case_id, reader, read in self.keys
        )


def read(path: Path) -> Selection:
    """Return the cases that a file marks.

    Raises
    ------
    ConfigError
        The file cannot be read, or has no column that marks cases.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            columns = table.fieldnames or []
            rows = list(table)
    except (OSError, ValueError, csv.Error) as problem:
        raise ConfigError(
            f"{path}: cannot be read as a table ({type(problem).__name__}). Give cases.csv of a "
            "batch, or review.csv."
        ) from problem
    if "case_id" not in columns or not MARKS.keys() & set(columns):
        raise ConfigError(
            f"{path}: has the columns {', '.join(columns) or 'none'}; expected case_id and one of "
            f"{', '.join(MARKS)}. Give cases.csv of a batch, or review.csv."
        )
    return Selection(frozenset(_key(row) for row in rows if _is_marked(row)))


def _key(row: Mapping[str, str]) -> tuple[str, str, str]:
    return row["case_id"] or "", row.get("reader") or "", row.get("read") or ""


def _is_marked(row: Mapping[str, str]) -> bool:
    return any((row.get(column) or "").strip().lower() in marks for column, marks in MARKS.items())
