"""The slices of a study as a header index keeps them: in columns, one made when it is asked for.

A study has hundreds of slices and a measurement asks for a few of them, so making them all would
be the longest part of reading an index.  What the columns hold is checked as a whole beforehand:
every slice that is asked for can be made, of sound values.
"""

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from types import NoneType
from typing import Any, Final, overload

from ifi_mri.loaders.source_files import FileFacts
from ifi_mri.model import Instance

_BYTES_OF_POSITION: Final = 3 * 8

_TEXT_OR_NONE: Final[frozenset[type]] = frozenset({str, NoneType})
_WHOLE_OR_NONE: Final[frozenset[type]] = frozenset({int, NoneType})
_WHOLE: Final[frozenset[type]] = frozenset({int})


@dataclass(frozen=True, slots=True)
class SliceColumns:
    """The slices of all series, one behind the other; ``file`` counts in ``files``."""

    files: Sequence[FileFacts]
    file: list[int]
    sop_class_uid: list[str | None]
    sop_instance_uid: list[str | None]
    frame: list[int | None]
    number: list[int | None]
    position_mm: tuple[float, ...]
    header_digest: list[str]

    def __len__(self) -> int:
        return len(self.file)

    def made(self, k: int) -> Instance:
        """Return a slice."""
        x, y, z = self.position_mm[3 * k : 3 * k + 3]
        return Instance(
            path=_path(self.files[self.file[k]][0]),
            sop_class_uid=self.sop_class_uid[k],
            sop_instance_uid=self.sop_instance_uid[k],
            frame=self.frame[k],
            position_mm=(x, y, z),
            number=self.number[k],
            header_digest=bytes.fromhex(self.header_digest[k]),
        )

    def of_first_file(self) -> Instance:
        """Return the first slice of those in the first file."""
        return self.made(self.file.index(min(self.file)))

    def are_one_volume(self, which: range) -> bool:
        """Return whether slices are those of one file in their order."""
        run = slice(which.start, which.stop)
        return len(set(self.file[run])) == 1 and self.frame[run] == [*range(len(which))]


class IndexedSlices(Sequence[Instance]):
    """Slices of a series, each made when it is first asked for.

    Like a tuple of them, to which it is equal and which its copies are."""

    __slots__ = ("_columns", "_made", "_which")

    def __init__(self, columns: SliceColumns, which: range) -> None:
        self._columns = columns
        self._which = which
        self._made: dict[int, Instance] = {}

    def _slice(self, k: int) -> Instance:
        made = self._made.get(k)
        if made is None:
            made = self._made[k] = self._columns.made(k)
        return made

    def __len__(self) -> int:
        return len(self._which)

    @overload
    def __getitem__(self, which: int) -> Instance: ...

    @overload
    def __getitem__(self, which: slice) -> tuple[Instance, ...]: ...

    def __getitem__(self, which: int | slice) -> Instance | tuple[Instance, ...]:
        if isinstance(which, slice):
            return tuple([self._slice(k) for k in self._which[which]])
        return self._slice(self._which[which])

    def __iter__(self) -> Iterator[Instance]:
        return map(self._slice, self._which)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, tuple | IndexedSlices):
            return tuple(self) == tuple(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    def __reduce__(self) -> tuple[type, tuple[tuple[Instance, ...]]]:
        return tuple, (tuple(self),)


@lru_cache(maxsize=4096)
def _path(text: str) -> Path:
    """Return a path; making one anew takes longer than all else that an instance needs."""
    return Path(text)


# --- plain values, and back ---------------------------------------------------------------------


def plain_slices(instances: Sequence[Instance], number: Mapping[Path, int]) -> dict[str, Any]:
    """Return slices as columns of plain values; files by their number."""
    positions = chain.from_iterable(instance.position_mm for instance in instances)
    packed = struct.pack(f"<{3 * len(instances)}d", *positions)
    digests = _column([instance.header_digest for instance in instances])
    plain = ("sop_class_uid", "sop_instance_uid", "frame", "number")
    return {
        "file": _column([number[instance.path] for instance in instances]),
        **{name: _column([getattr(instance, name) for instance in instances]) for name in plain},
        "position_mm": packed.hex(),
        "header_digest": ",".join(digest.hex() for digest in digests),
    }


def _column(values: list[Any]) -> list[Any]:
    """Return the values of a column, one alone where all are the same."""
    return values[:1] if values.count(values[0]) == len(values) else values


def slice_columns(values: Mapping[str, Any], files: Sequence[FileFacts]) -> SliceColumns:
    """Return the columns that plain values are.

    Raises
    ------
    ValueError, TypeError, AttributeError, LookupError, struct.error
        They are not what `plain_slices` returns for slices in these files.
    """
    packed = bytes.fromhex(values["position_mm"])
    n_slices = len(packed) // _BYTES_OF_POSITION
    positions = struct.unpack(f"<{3 * n_slices}d", packed)
    digests = values["header_digest"].split(",")
    bytes.fromhex(" ".join(digests))
    numbers = _values(values["file"], n_slices, _WHOLE)
    if not (min(numbers) >= 0 and max(numbers) < len(files) and math.isfinite(sum(positions))):
        raise ValueError(values["file"])
    return SliceColumns(
        files=files,
        file=numbers,
        sop_class_uid=_values(values["sop_class_uid"], n_slices, _TEXT_OR_NONE),
        sop_instance_uid=_values(values["sop_instance_uid"], n_slices, _TEXT_OR_NONE),
        frame=_values(values["frame"], n_slices, _WHOLE_OR_NONE),
        number=_values(values["number"], n_slices, _WHOLE_OR_NONE),
        position_mm=positions,
        header_digest=_values(digests, n_slices, frozenset({str})),
    )


def _values(column: Any, n_values: int, kinds: frozenset[type]) -> list[Any]:
    """Return the values of a column written by `_column`; ValueError for any other."""
    if type(column) is not list or not kinds.issuperset(map(type, column)):
        raise ValueError(column)
    if len(column) == 1:
        return column * n_values
    if len(column) != n_values:
        raise ValueError(column)
    return column
