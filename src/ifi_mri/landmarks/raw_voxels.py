"""Raw voxels as label maps store them: bytes, perhaps compressed, of a stated type."""

import bz2
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ifi_mri.errors import LandmarkError, LandmarkFormatError
from ifi_mri.landmarks.text_files import named, read_whole

#: Bytes of the largest file, and of the most voxels, that are read: a CT of 512 x 512 x 2000 with
#: 32-bit labels.
LARGEST_BYTES: Final = 2**31

#: Window bits that let zlib tell zlib and gzip streams apart by themselves.
_ZLIB_OR_GZIP: Final = 32 + zlib.MAX_WBITS


def read_bytes(path: Path, named_by: Path | None = None) -> bytes:
    """Return all bytes of a file; ``named_by`` is the header that names it."""
    try:
        return read_whole(path, LARGEST_BYTES)
    except LandmarkFormatError:
        raise
    except LandmarkError as problem:
        if named_by is None:
            raise
        raise LandmarkError(
            f"{named(named_by)}: the file that it names for its voxels cannot be read ({problem})"
        ) from problem


def inflated_start(content: bytes, n_bytes: int, source: Path) -> bytes:
    """Return at most the first ``n_bytes`` of a zlib or gzip stream."""
    try:
        return zlib.decompressobj(_ZLIB_OR_GZIP).decompress(content, n_bytes)
    except zlib.error as problem:
        raise _damaged(source, problem) from problem


def inflated(content: bytes, n_bytes: int, source: Path, *, more_allowed: bool = False) -> bytes:
    """Return the first ``n_bytes`` of a zlib or gzip stream; it is not inflated any further.

    A gzip file may have several members, as parallel compressors write them.  Where nothing more
    is allowed, the stream must end there; it must never end before.
    """
    _refuse_too_many(n_bytes, source)
    parts: list[bytes] = []
    wanted, rest = n_bytes + 1, content
    ended = False
    while wanted > 0 and rest:
        stream = zlib.decompressobj(_ZLIB_OR_GZIP)
        try:
            parts.append(stream.decompress(rest, wanted))
        except zlib.error as problem:
            if parts and more_allowed and wanted == 1:
                break  # bytes behind the voxels that are no stream
            raise _damaged(source, problem) from problem
        ended = stream.eof
        wanted -= len(parts[-1])
        rest = stream.unused_data if ended else b""
    return _whole(b"".join(parts), n_bytes, ended, source, more_allowed=more_allowed)


def _refuse_too_many(n_bytes: int, source: Path) -> None:
    if n_bytes > LARGEST_BYTES:
        raise LandmarkFormatError(
            f"{named(source)}: claims {n_bytes:,} bytes of voxels, at most {LARGEST_BYTES:,} are "
            "read. Crop it to the pelvis, or store it with fewer bytes a voxel."
        )


def unzipped_bz2(content: bytes, n_bytes: int, source: Path) -> bytes:
    """Return a bzip2 stream of a known length."""
    _refuse_too_many(n_bytes, source)
    stream = bz2.BZ2Decompressor()
    try:
        data = stream.decompress(content, n_bytes + 1)
    except (OSError, ValueError) as problem:
        raise _damaged(source, problem) from problem
    return _whole(data, n_bytes, stream.eof, source)


def _whole(
    data: bytes, n_bytes: int, ended: bool, source: Path, *, more_allowed: bool = False
) -> bytes:
    """Refuse a stream that is longer than the header says, or ends before its checksum."""
    if len(data) > n_bytes:
        if more_allowed:
            return data[:n_bytes]
        raise LandmarkFormatError(
            f"{named(source)}: holds more than the {n_bytes} bytes of voxels that its header says. "
            "Export it again."
        )
    if not ended:
        raise _damaged(source, "it ends too soon")
    return data


def as_voxels(
    content: bytes | memoryview, dtype: np.dtype[Any], shape: Sequence[int], source: Path
) -> npt.NDArray[Any]:
    """Return bytes as voxels of shape (slowest, ..., fastest axis)."""
    expected = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if len(content) < expected:
        raise LandmarkFormatError(
            f"{named(source)}: holds {len(content)} bytes of voxels, {expected} were expected; it "
            "is truncated. Copy it again."
        )
    voxels = np.frombuffer(content[:expected], dtype=dtype).reshape(tuple(shape))
    return voxels.astype(dtype.newbyteorder("="), copy=False)


def _damaged(source: Path, problem: object) -> LandmarkFormatError:
    return LandmarkFormatError(
        f"{named(source)}: its compressed voxels are damaged ({problem}). Copy it again."
    )
