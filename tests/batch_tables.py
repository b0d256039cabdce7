"""A made-up batch: its tables alone, as several readers of the same hips would leave them."""

import csv
import io
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ifi_mri.cohort import columns, tables

SPACES = ("ischiofemoral_space", "quadratus_femoris_space")
OEDEMA = "quadratus_femoris_oedema"


def row(table: str, **cells: Any) -> list[str]:
    """Return a row of a table; what is not named is blank."""
    names = columns.names(table)
    assert set(cells) <= set(names)
    return ["" if cells.get(name) is None else str(cells[name]) for name in names]


def write_tables(folder: Path, cases: Iterable[dict[str, list[list[str]]]]) -> None:
    """Write the tables of cases, each as rows of cells by table."""
    tables.write(folder, ({table: _lines(rows) for table, rows in case.items()} for case in cases))


def _lines(rows: Iterable[list[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def write_batch(folder: Path, n_cases: int = 30, noise_mm: float = 0.8) -> Path:
    """Write tables in which every third case is affected, R1 read twice and R2 once; R2 could not
    measure the last case."""
    draw = random.Random(2)  # noqa: S311 - a made-up cohort
    cases = []
    for k in range(n_cases):
        case, is_affected = f"c{k:03}", k % 3 == 0
        truth = {
            (side, space): draw.gauss(wide - 6 * is_affected, 3)
            for side in ("left", "right")
            for space, wide in zip(SPACES, (20, 14), strict=True)
        }
        grade = draw.choice([0, 0, 1, 2, 3])
        for reader, read in (("R1", 1), ("R1", 2), ("R2", 1)):
            who = {"case_id": case, "reader": reader, "read": read}
            failed = reader == "R2" and k == n_cases - 1
            measured, found = [], []
            for (side, space), true_mm in truth.items():
                value = max(1.0, true_mm + draw.gauss(0.4 * (reader == "R2"), noise_mm))
                status = "not measured" if failed else "measured"
                cells = {"value": None if failed else round(value, 3), "unit": "mm"}
                measured.append(
                    row("measurements", **who, side=side, measurement=space, status=status, **cells)
                )
                finding = f"{space}_narrowing"
                narrow = "not_assessable" if failed else "present" if value < 15 else "absent"
                found.append(row("findings", **who, side=side, finding=finding, status=narrow))
            seen = min(3, max(0, grade + draw.choice([0, 0, 1, -1])))
            found.append(
                row("findings", **who, side="left", finding=OEDEMA, status="absent",
                    reader_grade=seen)
            )  # fmt: skip
            cases.append(
                {
                    "cases": [row("cases", **who, status="done")],
                    "measurements": measured,
                    "findings": found,
                }
            )
    write_tables(folder, cases)
    return folder


def write_labels(path: Path, n_cases: int = 30, source: str = "clinical") -> Path:
    """Write labels of every hip of `write_batch`."""
    lines = ["case_id,side,label,patient,label_source"]
    for k in range(n_cases):
        label = "yes" if k % 3 == 0 else "no"
        lines += [f"c{k:03},{side},{label},p{k},{source}" for side in ("left", "right")]
    path.write_text("\n".join(lines) + "\n")
    return path
