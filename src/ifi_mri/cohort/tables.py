"""A cohort's tables as files: CSV to read anywhere, Parquet for programs, one data dictionary.

Rows arrive one case after the other and are never held together; Parquet is made from the finished
CSV in pieces.  Every file takes its name only when it is whole.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ifi_mri.cohort import columns
from ifi_mri.cohort.rows import CaseRows
from ifi_mri.errors import ConfigError, ReportError
from ifi_mri.files import replacing, write_atomically

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as pa_dataset

TABLES: Final = ("cases", "measurements", "findings")

DICTIONARY: Final = "dictionary.json"

#: Every file that `write` leaves behind.
FILES: Final = (*(f"{table}.{kind}" for table in TABLES for kind in ("csv", "parquet")), DICTIONARY)

#: Rows of a Parquet row group: some 15 MB of text, of which one is in memory at a time.
ROWS_PER_GROUP: Final = 32_768

#: Bytes of CSV that are parsed at a time.  Arrow reads several blocks ahead and keeps what each
#: took: with 4 MiB the tables of 12,000 cases took 290 MB, with 256 KiB they take 110 MB.
_BLOCK_BYTES: Final = 1 << 18

#: Of UTF-8.
_MOST_BYTES_A_LETTER: Final = 4


def write(folder: Path, cases: Iterable[CaseRows]) -> dict[str, int]:
    """Write the tables of a cohort and their dictionary; return the number of rows of each.

    Parameters
    ----------
    folder : pathlib.Path
        Must exist; tables in it are replaced, each in one step, after all are whole.
    cases : iterable of CaseRows
        Rows of one case after the other, in the order in which they shall stand.

    Raises
    ------
    ReportError
        The folder cannot be written.
    """
    try:
        with ExitStack() as stack:
            temporary = {
                name: stack.enter_context(replacing(folder / name))
                for name in FILES
                if name != DICTIONARY
            }
            n_rows, longest = _write_csv(temporary, cases)
            for table in TABLES:
                source, target = (temporary[f"{table}.{kind}"] for kind in ("csv", "parquet"))
                _write_parquet(table, source, target, max(_BLOCK_BYTES, longest))
        text = json.dumps(columns.dictionary(), indent=1, ensure_ascii=False)
        write_atomically(folder / DICTIONARY, f"{text}\n".encode())
    except OSError as problem:
        raise ReportError(
            f"{folder}: the tables cannot be written ({problem.strerror or problem}); those that "
            "are there stay as they were. Make room and run the same command again."
        ) from problem
    return n_rows


def _write_csv(temporary: dict[str, Path], cases: Iterable[CaseRows]) -> tuple[dict[str, int], int]:
    """Return the rows of each table, and a number of bytes that no row is longer than."""
    n_rows, longest = dict.fromkeys(TABLES, 0), 0
    with ExitStack() as stack:
        files = {}
        for table in TABLES:
            path = temporary[f"{table}.csv"]
            files[table] = stack.enter_context(
                path.open("w", encoding="utf-8", errors="replace", newline="")
            )
            csv.writer(files[table]).writerow(columns.names(table))
        for rows in cases:
            for table, file in files.items():
                file.write(rows[table])
                n_rows[table] += rows[table].count("\n")
                longest = max(longest, len(rows[table]))
    return n_rows, longest * _MOST_BYTES_A_LETTER


def _write_parquet(table: str, source: Path, target: Path, block_bytes: int) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    schema = _schema(table)
    with parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        waiting: list[pa.RecordBatch] = []
        for batch in _batches(source, schema, block_bytes):
            waiting.append(batch)
            if sum(part.num_rows for part in waiting) >= ROWS_PER_GROUP:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting = []
                pa.default_memory_pool().release_unused()
        writer.write_table(pa.Table.from_batches(waiting, schema))


def _batches(source: Path, schema: "pa.Schema", block_bytes: int) -> Iterator["pa.RecordBatch"]:
    """Yield the rows of a CSV file, some blocks of bytes at a time; a row must fit into a block."""
    from pyarrow import csv as arrow_csv

    reader = arrow_csv.open_csv(
        source,
        read_options=arrow_csv.ReadOptions(block_size=block_bytes, use_threads=False),
        convert_options=arrow_csv.ConvertOptions(
            column_types=schema, null_values=[""], strings_can_be_null=True
        ),
    )
    with reader:
        yield from reader


def _schema(table: str) -> "pa.Schema":
    import pyarrow as pa

    kinds = {
        "text": pa.string(),
        "number": pa.float64(),
        "whole number": pa.int64(),
        "yes or no": pa.bool_(),
    }
    described = columns.tables()[table]
    return pa.schema([pa.field(column.name, kinds[column.kind]) for column in described])


# --- reading ------------------------------------------------------------------------------------


def dataset(folder: Path, table: str) -> "pa_dataset.Dataset":
    """Return a table to read from, nothing of it in memory yet.

    Raises
    ------
    ConfigError
        The folder holds no such table.
    """
    from pyarrow import dataset as pa_dataset

    path = folder / f"{table}.parquet"
    if not path.is_file():
        raise ConfigError(
            f"{folder}: holds no {path.name}. Name the folder of a batch (`ifi-mri batch ... --out "
            f"{folder.name or 'DIR'}`)."
        )
    try:
        return pa_dataset.dataset(path, format="parquet")
    except (OSError, ValueError) as problem:
        raise ConfigError(
            f"{path}: is not a Parquet file that can be read. Run the batch again; finished cases "
            "are not redone."
        ) from problem


def read(folder: Path, table: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table as dictionaries; blank cells are None.

    Raises
    ------
    ConfigError
        The folder holds no such table.
    """
    for batch in dataset(folder, table).to_batches():
        yield from batch.to_pylist()
