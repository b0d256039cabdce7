"""The slices of a study as a header index keeps them: as records, one made when it is asked for.

A study has hundreds of slices and a measurement asks for a few of them, so making them all would
be the longest part of reading an index.  What the records hold is checked as a whole beforehand:
every slice that is asked for can be made, of sound values.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, overload

import numpy as np
import numpy.typing as npt

from ifi_mri.loaders.source_files import FileFacts
from ifi_mri.model import Instance

#: A slice: its position in mm; numbers of its file, its frame and itself; its header's digest and
#: its UID, each behind their length.  UIDs have at most 64 characters (DICOM PS3.5 section 9.1).
_RECORD: Final = struct.Struct("<3d3i21p65p")

RECORD_BYTES: Final = _RECORD.size

#: The numbers of a record.
_NUMBERS: Final = np.dtype(
    {
        "names": ["position_mm", "file", "frame"],
        "formats": ["<3f8", "<i4", "<i4"],
        "offsets": [0, 24, 28],
        "itemsize": _RECORD.size,
    }
)

#: What None is among the numbers, and among the texts.
NO_NUMBER: Final = -(2**31)
NO_TEXT: Final = "\x01"


def record_of(instance: Instance, file: int) -> bytes:
    """Return the record of a slice in a file of that number.

    Raises
    ------
    struct.error, ValueError
        A number is too large, or its UID holds letters that no record does.
    """
    return _RECORD.pack(
        *instance.position_mm,
        file,
        NO_NUMBER if instance.frame is None else instance.frame,
        NO_NUMBER if instance.number is None else instance.number,
        instance.header_digest,
        (NO_TEXT if instance.sop_instance_uid is None else instance.sop_instance_uid).encode(
            "latin-1"
        ),
    )


@dataclass(frozen=True, slots=True)
class SliceRecords:
    """The slices of all series, one behind the other.

    Attributes
    ----------
    files : sequence of FileFacts
        In which the files of the records count.
    records : bytes
    sop_class_uids : list of str
        One for every slice, or one for all.

    Raises
    ------
    ValueError
        There is no slice, or half a one, or one of no sound values.
    """

    files: Sequence[FileFacts]
    records: bytes
    sop_class_uids: list[str]

    def __post_init__(self) -> None:
        numbers = self._numbers()  # ValueError for half a slice
        file = numbers["file"]
        if len(file) == 0 or len(self.sop_class_uids) not in (1, len(file)):
            raise ValueError(len(file))
        if file.min() < 0 or file.max() >= len(self.files):
            raise ValueError(file)
        if not np.isfinite(numbers["position_mm"]).all():
            raise ValueError(numbers)

    def _numbers(self) -> npt.NDArray[Any]:
        return np.frombuffer(self.records, dtype=_NUMBERS)

    def __len__(self) -> int:
        return len(self.records) // _RECORD.size

    def made(self, k: int) -> Instance:
        """Return a slice."""
        x, y, z, file, frame, number, digest, uid = _RECORD.unpack_from(
            self.records, _RECORD.size * k
        )
        instance_uid = uid.decode("latin-1")
        class_uid = self.sop_class_uids[k if len(self.sop_class_uids) > 1 else 0]
        return Instance(
            path=_path(self.files[file][0]),
            sop_class_uid=None if class_uid == NO_TEXT else class_uid,
            sop_instance_uid=None if instance_uid == NO_TEXT else instance_uid,
            frame=None if frame == NO_NUMBER else frame,
            position_mm=(x, y, z),
            number=None if number == NO_NUMBER else number,
            header_digest=digest,
        )

    def of_first_file(self) -> Instance:
        """Return the first slice of those in the first file."""
        return self.made(int(self._numbers()["file"].argmin()))

    def are_one_volume(self, which: range) -> bool:
        """Return whether slices are those of one file in their order."""
        of_volume = self._numbers()[which.start : which.stop]
        file, frame = of_volume["file"], of_volume["frame"]
        return bool((file == file[0]).all() and (frame == np.arange(len(frame))).all())


class IndexedSlices(Sequence[Instance]):
    """Slices of a series, each made when it is first asked for.

    Like a tuple of them, to which it is equal and which its copies are."""

    __slots__ = ("_made", "_records", "_which")

    def __init__(self, records: SliceRecords, which: range) -> None:
        self._records = records
        self._which = which
        self._made: dict[int, Instance] = {}

    def _slice(self, k: int) -> Instance:
        made = self._made.get(k)
        if made is None:
            made = self._made[k] = self._records.made(k)
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
