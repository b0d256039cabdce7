"""SQL over a cohort's tables with DuckDB: read-only, and nothing but these tables in reach."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ifi_mri.cohort import tables
from ifi_mri.errors import ConfigError

if TYPE_CHECKING:
    import duckdb

#: Rows that are fetched at a time.
_FETCHED: Final = 1000

#: What the query may not: reach files, the network or variables of this program, or undo this.
_CLOSED: Final = (
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


def run(sql: str, folder: Path) -> tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]:
    """Return the column names and the rows of one SELECT over a cohort's tables.

    Parameters
    ----------
    sql : str
        May name the tables ``cases``, ``measurements`` and ``findings``.
    folder : pathlib.Path
        Of a batch.

    Raises
    ------
    ConfigError
        The folder holds no tables, or the query is no SELECT or is wrong.
    """
    import duckdb

    database = duckdb.connect(":memory:")
    for table in tables.TABLES:
        database.register(table, tables.dataset(folder, table))
    for statement in _CLOSED:
        database.execute(statement)
    try:
        _expect_one_select(database.extract_statements(sql))
        result = database.execute(sql)
        names = tuple(str(column[0]) for column in result.description or ())
    except duckdb.Error as problem:
        raise _refused(problem) from problem
    return names, _fetched(result)


def _expect_one_select(statements: Sequence["duckdb.Statement"]) -> None:
    import duckdb

    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise ConfigError(
            "query: expected one SELECT; nothing else is run, as the tables are only read. "
            f"The tables are {', '.join(tables.TABLES)}."
        )


def _fetched(result: "duckdb.DuckDBPyConnection") -> Iterator[tuple[Any, ...]]:
    import duckdb

    try:
        while rows := result.fetchmany(_FETCHED):
            yield from rows
    except duckdb.Error as problem:
        raise _refused(problem) from problem


def _refused(problem: Exception) -> ConfigError:
    words = " ".join(str(problem).split())
    return ConfigError(f"query: {words[:400]}. Correct the query; the README shows one.")
