"""What a study's headers said, kept beside the output so that the next run need not read them.

The index is used only while every file under the study has the path, size and modification time
that it had; one that differs, is new or is gone, and all headers are read again.  It holds no
pixels, no patient and no file name (slices refer to the sorted list of files by number), and what
it says of a slice is checked against the file when its pixels are read (`dicom.read_voxels`,
`nifti.read_voxels`).

It begins with a digest of the rest and of what the rest depends on; the rest is that of
`packed_study`.  Whatever it holds, reading it gives a study of sound values or none.
"""

import hashlib
import os
import stat
import struct
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from ifi_mri._version import __version__
from ifi_mri.config import SeriesWords
from ifi_mri.loaders.packed_study import packed, unpacked
from ifi_mri.loaders.source_files import FileFacts, PlainFile
from ifi_mri.model import Instance, Patient, Study

#: Grows when the layout of the index or the meaning of a field changes.
LAYOUT: Final = 8

#: No index of a study comes near this; a larger file is not read.
LARGEST_INDEX: Final = 64 * 1024 * 1024

_SEAL_BYTES: Final = 32

#: What reading a damaged index may meet.
_DAMAGE: Final = (OSError, ValueError, LookupError, TypeError, ArithmeticError, struct.error)


def fingerprint(files: Sequence[FileFacts], root: Path, words: SeriesWords) -> bytes:
    """Return a digest of the paths, sizes and modification times of files, and of everything else
    that shapes what the headers are read as."""
    paths, sizes, times = zip(*files, strict=True) if files else ((), (), ())
    settings = (_settings(words), str(len(files)), str(root))
    digest = hashlib.blake2b(digest_size=32)
    digest.update("\0".join((*settings, *paths, "")).encode("utf-8", "surrogatepass"))
    digest.update(struct.pack(f"<{2 * len(files)}q", *sizes, *times))
    return digest.digest()


@lru_cache(maxsize=8)
def _settings(words: SeriesWords) -> str:
    return repr((LAYOUT, __version__, vars(words)))


def read_index(
    path: Path, expected: bytes, files: Sequence[FileFacts], root: Path
) -> tuple[Study, Instance] | None:
    """Return the study that an index holds, without its patient and accession number, and the
    first file's slice, whose header says these; None where the index does not fit."""
    try:
        content = _bytes_of(path)
        seal, content = content[:_SEAL_BYTES], content[_SEAL_BYTES:]
        if seal != _seal(content, expected):
            return None
        study, slices = unpacked(content, files, root)
        return study, slices.of_first_file()
    except _DAMAGE:
        return None  # a damaged index is no index


def _bytes_of(path: Path) -> bytes:
    """Return the bytes of a file; ValueError where it is a pipe, a device or too large."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_INDEX:
        raise ValueError(status.st_size)
    file = PlainFile(path)
    try:
        return file.read(0, LARGEST_INDEX)
    finally:
        file.close()


def write_index(path: Path, expected: bytes, files: Sequence[FileFacts], study: Study) -> None:
    """Write an index, readable by its owner alone; a folder that cannot be written is no error, nor
    is a study that reading the index would not give back."""
    bare = replace(study, accession_number="", patient=Patient())
    try:
        content = packed(bare, files)
        if unpacked(content, files, study.root)[0] != bare:
            return  # a text with a separator in it, or the like
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(_seal(content, expected) + content)
        os.replace(file.name, path)  # noqa: PTH105
    except _DAMAGE:
        return


def _seal(content: bytes, expected: bytes) -> bytes:
    """Return what fits this content and the files of that fingerprint alone."""
    return hashlib.blake2b(content, key=expected, digest_size=_SEAL_BYTES).digest()
