"""Readings of a batch, from its tables: numbers, categories and grades by case, side and reader."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ifi_mri.cohort import tables
from ifi_mri.cohort.readings import Reading, check_once
from ifi_mri.errors import ConfigError
from ifi_mri.vocabulary import FindingName, Side, Status

#: A reader that no landmark file names.
UNNAMED: Final = "reader not stated"

#: What the oedema grade that a reader gave by eye is called beside the measured one.
READERS_GRADE: Final = f"{FindingName.QUADRATUS_FEMORIS_OEDEMA} grade"

#: Oedema grades (clinical evidence document, section 9.4).
GRADES: Final = (0, 1, 2, 3)

CATEGORIES: Final = (Status.ABSENT.value, Status.INDETERMINATE.value, Status.PRESENT.value)


def of_measurements(folder: Path) -> list[Reading]:
    """Return every number of a batch that belongs to one side.

    Raises
    ------
    ConfigError
        The folder holds no tables of a batch.
    """
    return [
        _reading(row, row["measurement"], row["value"], row["unit"] or "")
        for row in _of_one_side(tables.read(folder, "measurements"))
        if row["measurement"]
    ]


def of_findings(folder: Path) -> list[Reading]:
    """Return whether each finding is present, absent or indeterminate; None where it could not be
    assessed.  ConfigError as `of_measurements`."""
    return [
        _reading(row, row["finding"], row["status"] if row["status"] in CATEGORIES else None)
        for row in _of_one_side(tables.read(folder, "findings"))
        if row["finding"]
    ]


def of_grades(folder: Path) -> list[Reading]:
    """Return the oedema grades that readers gave by eye.  ConfigError as `of_measurements`."""
    return [
        _reading(row, READERS_GRADE, row["reader_grade"])
        for row in _of_one_side(tables.read(folder, "findings"))
        if row["finding"] == FindingName.QUADRATUS_FEMORIS_OEDEMA
    ]


def of_one_reader(readings: Iterable[Reading], reader: str | None) -> list[Reading]:
    """Return one reading of each hip and name: the first read of one reader.

    Raises
    ------
    ConfigError
        There are several readers and none is named, the one named read nothing, or has two values
        of one hip and read.
    """
    rows = list(readings)
    readers = sorted({row.reader for row in rows})
    if reader is None and len(readers) > 1:
        raise ConfigError(
            f"the batch has the readers {', '.join(readers)}; a hip counts once. Name one with "
            "--reader."
        )
    chosen = reader if reader is not None else (readers[0] if readers else UNNAMED)
    if chosen not in readers and rows:
        raise ConfigError(
            f"reader {chosen!r} read nothing in this batch; expected one of {', '.join(readers)}."
        )
    try:
        check_once(row for row in rows if row.reader == chosen)
    except ValueError as problem:
        raise ConfigError(f"the batch: {problem}. Correct the case table.") from problem
    first: dict[tuple[Any, str], Reading] = {}
    for row in sorted(rows, key=lambda one: one.read):
        if row.reader == chosen and row.value is not None:
            first.setdefault((row.hip, row.name), row)
    return list(first.values())


def _of_one_side(rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return (row for row in rows if row["side"] in set(Side))


def _reading(row: Mapping[str, Any], name: str, value: Any, unit: str = "") -> Reading:
    return Reading(
        case_id=row["case_id"],
        side=Side(row["side"]),
        reader=row["reader"] or UNNAMED,
        read=row["read"] or 1,
        name=name,
        value=value,
        unit=unit,
    )
