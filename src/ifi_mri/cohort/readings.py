"""What several readers, or one reader several times, said of the same hips.

A hip is one side of one case.  Readings of a hip are told apart by reader and read; agreement is
asked between readers (the first read of each) and within a reader (all of that reader's reads).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ifi_mri.vocabulary import Side

#: Case and side.
HipId = tuple[str, Side]


@dataclass(frozen=True, slots=True)
class Reading:
    """One number (or category) of one hip by one reader; ``value`` is None where it was not
    measured or not assessable."""

    case_id: str
    side: Side
    reader: str
    read: int
    name: str
    value: Any
    unit: str = ""

    @property
    def hip(self) -> HipId:
        """Case and side."""
        return self.case_id, self.side


@dataclass(frozen=True, slots=True)
class Comparison:
    """Complete readings of the same hips, side by side.

    Attributes
    ----------
    kind : str
        ``"between readers"`` or ``"within reader R1"``.
    columns : tuple of str
        What tells the readings apart: readers, or reads.
    hips : tuple
        The hips that every column has a value of, in order.
    values : tuple
        For each hip, its values by column.
    n_incomplete : int
        Hips left out because a column lacks them.
    """

    kind: str
    name: str
    unit: str
    columns: tuple[str, ...]
    hips: tuple[HipId, ...]
    values: tuple[tuple[Any, ...], ...]
    n_incomplete: int

    def column(self, index: int) -> list[Any]:
        """Return the values of one column, hip by hip."""
        return [values[index] for values in self.values]


def comparisons(readings: Iterable[Reading], name: str) -> list[Comparison]:
    """Return every comparison that readings of one name allow, between readers first.

    Raises
    ------
    ValueError
        One reader has two values for the same hip and read.
    """
    mine = [reading for reading in readings if reading.name == name]
    check_once(mine)
    unit = next((reading.unit for reading in mine if reading.unit), "")
    readers = sorted({reading.reader for reading in mine})
    found = []
    if len(readers) > 1:
        firsts = _first_reads(mine)
        found.append(_compare("between readers", name, unit, firsts, lambda one: one.reader))
    for reader in readers:
        own = [reading for reading in mine if reading.reader == reader]
        if len({reading.read for reading in own}) > 1:
            kind = f"within reader {reader}"
            found.append(_compare(kind, name, unit, own, lambda one: f"read {one.read}"))
    return found


def check_once(readings: Iterable[Reading]) -> None:
    """Refuse two values of one reader, read, hip and name, of which either could be meant.

    Raises
    ------
    ValueError
        There are two; the first is named.
    """
    seen: set[tuple[HipId, str, int, str]] = set()
    for one in readings:
        key = one.hip, one.reader, one.read, one.name
        if key in seen:
            raise ValueError(
                f"{one.case_id}, {one.side}: {one.reader} has two values of {one.name} for read "
                f"{one.read}"
            )
        seen.add(key)


def _first_reads(readings: Iterable[Reading]) -> list[Reading]:
    """Return of each reader the first read of each hip that has a value, so that agreement within
    a reader does not flatter that between readers."""
    first: dict[tuple[HipId, str], Reading] = {}
    for one in sorted(readings, key=lambda reading: reading.read):
        if one.value is not None:
            first.setdefault((one.hip, one.reader), one)
    return list(first.values())


def _compare(
    kind: str,
    name: str,
    unit: str,
    readings: Iterable[Reading],
    column_of: Callable[[Reading], str],
) -> Comparison:
    by_hip: dict[HipId, dict[str, Any]] = {}
    columns: list[str] = []
    for one in sorted(readings, key=lambda reading: (reading.reader, reading.read)):
        column = column_of(one)
        if column not in columns:
            columns.append(column)
        values = by_hip.setdefault(one.hip, {})
        if one.value is not None:
            values[column] = one.value
    complete = {hip: v for hip, v in sorted(by_hip.items()) if len(v) == len(columns)}
    return Comparison(
        kind=kind,
        name=name,
        unit=unit,
        columns=tuple(columns),
        hips=tuple(complete),
        values=tuple(_in_order(values, columns) for values in complete.values()),
        n_incomplete=len(by_hip) - len(complete),
    )


def _in_order(values: Mapping[str, Any], columns: Iterable[str]) -> tuple[Any, ...]:
    return tuple(values[column] for column in columns)
