"""Raw voxels as MetaImage and NRRD store them: bytes, perhaps compressed, of a stated type."""

import bz2
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ifi_mri.errors import LandmarkError, LandmarkFormatError
from ifi_mri.landmarks.label_volumes import MOST_VOXELS

#: Bytes of the largest file that is read: the most voxels of the longest type, and a header.
LARGEST_BYTES: Final = 8 * MOST_VOXELS

#: Window bits that let zlib tell zlib and gzip streams apart by themselves.
_ZLIB_OR_GZIP: Final = 32 + zlib.MAX_WBITS


def read_bytes(path: Path, named_by: Path | None = None) -> bytes:
    """Return all bytes of a file; ``named_by`` is the header that names it."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise LandmarkFormatError(f"{path}: is too large for a label map. Check the file.")
        return path.read_bytes()
    except (OSError, ValueError) as problem:
        what = getattr(problem, "strerror", None) or problem
        where = f", which {named_by.name} names for its voxels," if named_by else ""
        raise LandmarkError(f"{path}{where} cannot be read ({what}). Check the path.") from problem


def inflated(content: bytes, n_bytes: int, source: Path) -> bytes:
    """Return the first ``n_bytes`` of a zlib or gzip stream; it is not inflated any further."""
    stream = zlib.decompressobj(_ZLIB_OR_GZIP)
    try:
        return stream.decompress(content, n_bytes)
    except zlib.error as problem:
        raise _damaged(source, problem) from problem


def unzipped_bz2(content: bytes, n_bytes: int, source: Path) -> bytes:
    """Return the first ``n_bytes`` of a bzip2 stream."""
    try:
        return bz2.BZ2Decompressor().decompress(content, n_bytes)
    except (OSError, ValueError) as problem:
        raise _damaged(source, problem) from problem


def as_voxels(
    content: bytes, dtype: np.dtype[Any], shape: Sequence[int], source: Path
) -> npt.NDArray[Any]:
    """Return bytes as voxels of shape (slowest, ..., fastest axis)."""
    expected = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if len(content) < expected:
        raise LandmarkFormatError(
            f"{source}: holds {len(content)} bytes of voxels, {expected} were expected; it is "
            "truncated. Copy it again."
        )
    voxels = np.frombuffer(content[:expected], dtype=dtype).reshape(tuple(shape))
    return voxels.astype(dtype.newbyteorder("="), copy=False)


def _damaged(source: Path, problem: Exception) -> LandmarkFormatError:
    return LandmarkFormatError(
        f"{source}: its compressed voxels are damaged ({problem}). Copy it again."
    )
