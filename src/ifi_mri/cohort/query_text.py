"""Rows of a query as text: aligned for a terminal, CSV, or one JSON object a line."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

#: Rows whose widths decide the columns of the aligned form.
_LOOKED_AT: Final = 1000

#: Widest column of the aligned form; longer text is cut.
_WIDEST: Final = 60


def aligned(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield lines in which columns stand below one another; numbers to the right."""
    remaining = iter(rows)
    first = [[_shown(value) for value in row] for row in islice(remaining, _LOOKED_AT)]
    widths = [max(map(len, column)) for column in zip(names, *first, strict=True)]
    yield "  ".join(name.ljust(width) for name, width in zip(names, widths, strict=True)).rstrip()
    yield "  ".join("-" * width for width in widths)
    for row in first:
        yield _line(row, widths)
    for values in remaining:
        yield _line([_shown(value) for value in values], widths)


def as_csv(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield the lines of a CSV file."""
    yield _csv_line(names)
    for values in rows:
        yield _csv_line(["" if value is None else value for value in values])


def as_json(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield one JSON object a row."""
    for values in rows:
        yield json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=False, default=str)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(
        cell.rjust(width) if _is_number(cell) else cell.ljust(width)
        for cell, width in zip(row, widths, strict=True)
    ).rstrip()


def _is_number(cell: str) -> bool:
    return cell.replace(".", "", 1).removeprefix("-").isdigit()


def _csv_line(row: Sequence[Any]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="").writerow(row)
    return line.getvalue()
