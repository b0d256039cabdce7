"""The slices of a study as a header index keeps them: in columns, one made when it is asked for.

A study has hundreds of slices and a measurement asks for a few of them, so making them all would
be the longest part of reading an index.  What the columns hold is checked as a whole beforehand:
every slice that is asked for can be made, of sound values.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, overload

from ifi_mri.loaders.source_files import FileFacts
from ifi_mri.model import Instance

#: What None is in a column of whole numbers, and in one of texts.
NO_WHOLE: Final = -(2**63)
NO_TEXT: Final = "\x01"

#: A header's digest behind its length.
DIGEST_SLOT: Final = struct.Struct("<21p")


@dataclass(frozen=True, slots=True)
class SliceColumns:
    """The slices of all series, one behind the other; ``file`` counts in ``files``.

    Raises
    ------
    ValueError
        A column is too short or too long, or holds no sound values.
    """

    files: Sequence[FileFacts]
    position_mm: tuple[float, ...]
    file: tuple[int, ...]
    frame: tuple[int, ...]
    number: tuple[int, ...]
    header_digest: bytes
    sop_instance_uid: list[str]
    sop_class_uid: list[str]

    def __post_init__(self) -> None:
        n = len(self.file)
        lengths = (
            len(self.position_mm) / 3, len(self.frame), len(self.number),
            len(self.header_digest) / DIGEST_SLOT.size, len(self.sop_instance_uid),
            len(self.sop_class_uid),
        )  # fmt: skip
        if lengths != (n,) * len(lengths):
            raise ValueError(lengths)
        if min(self.file) < 0 or max(self.file) >= len(self.files):
            raise ValueError(self.file)
        if not math.isfinite(sum(self.position_mm)):
            raise ValueError(self.position_mm)

    def __len__(self) -> int:
        return len(self.file)

    def made(self, k: int) -> Instance:
        """Return a slice."""
        x, y, z = self.position_mm[3 * k : 3 * k + 3]
        frame, number = self.frame[k], self.number[k]
        class_uid, instance_uid = self.sop_class_uid[k], self.sop_instance_uid[k]
        return Instance(
            path=_path(self.files[self.file[k]][0]),
            sop_class_uid=None if class_uid == NO_TEXT else class_uid,
            sop_instance_uid=None if instance_uid == NO_TEXT else instance_uid,
            frame=None if frame == NO_WHOLE else frame,
            position_mm=(x, y, z),
            number=None if number == NO_WHOLE else number,
            header_digest=DIGEST_SLOT.unpack_from(self.header_digest, DIGEST_SLOT.size * k)[0],
        )

    def of_first_file(self) -> Instance:
        """Return the first slice of those in the first file."""
        return self.made(self.file.index(min(self.file)))

    def are_one_volume(self, which: range) -> bool:
        """Return whether slices are those of one file in their order."""
        run = slice(which.start, which.stop)
        frames = self.frame[run]
        return len(set(self.file[run])) == 1 and frames == (*range(len(frames)),)


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
