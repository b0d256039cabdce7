"""Voxels of NIfTI files: plain or gzipped, only as far as they are asked for.

Of a plain file whose slices lie one behind the other only those asked for are read; a gzipped one
is decompressed up to the last of them (by isal where it is installed, three times as fast as
zlib).  Gzip's checksum covers the whole file, so it is compared only where the last slice is read.
"""

import importlib
import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ifi_mri.errors import UnreadableImageError
from ifi_mri.loaders.nifti_header import HEADER_BYTES, NiftiHeader
from ifi_mri.loaders.source_files import Opener, SourceFile

#: Deflate cannot shrink further than this, so a small file cannot hold many voxels.
LARGEST_DEFLATION: Final = 1032

#: Compressed bytes that hold the header for certain.
_HEADER_WINDOW: Final = 64 * 1024

#: Windows that are inflated behind the last voxel asked for, to reach gzip's checksum: what is
#: further away belongs to slices nobody asked for.
_BEHIND_VOXELS: Final = 4

_GZIP: Final = zlib.MAX_WBITS | 16


def header_bytes(path: Path, opener: Opener) -> bytes:
    """Return the bytes that a NIfTI file's header lies in.

    Raises
    ------
    UnreadableImageError
        The file is gone or is not gzip though its name says so.
    """
    return _read(path, opener, 0, HEADER_BYTES, header_only=True)


def read_slices(
    path: Path,
    opener: Opener,
    header: NiftiHeader,
    axes: tuple[int, int, int],
    frames: Sequence[int],
) -> npt.NDArray[np.generic]:
    """Return stored values of slices, shape (slices, rows, columns).

    Parameters
    ----------
    axes : tuple of 3 ints
        Which of the file's axes are slice, row and column.
    frames : sequence of ints
        Slices, counted on through the volumes of a 4-D file; all of one volume.

    Raises
    ------
    UnreadableImageError
        The file holds fewer voxels than its header says.
    """
    n_slices = header.shape[axes[0]]
    volume, low = divmod(min(frames), n_slices)
    high = max(frames) % n_slices + 1
    shape = list(header.shape[:3])
    start = header.data_offset + volume * header.volume_bytes
    if axes[0] == 2:
        slice_bytes = header.volume_bytes // n_slices
        start += low * slice_bytes
        shape[2] = high - low
    else:
        low = 0
    n_bytes = int(np.prod(shape, dtype=np.int64)) * header.dtype.itemsize
    raw = _read(path, opener, start, n_bytes)
    if len(raw) < n_bytes:
        raise UnreadableImageError(
            f"{path.name}: the file is truncated: {len(raw)} bytes of voxels, expected {n_bytes}. "
            "Copy or convert it again."
        )
    stored = np.frombuffer(raw, dtype=header.dtype).reshape(shape, order="F").transpose(axes)
    return stored[[frame % n_slices - low for frame in frames]]


def bytes_missing(path: Path, opener: Opener, header: NiftiHeader) -> str | None:
    """Return what a file lacks of the voxels that its header claims, or None; of a compressed
    file only what no compression can hold is noticed without reading it."""
    source = opener.open(path)
    try:
        size = source.size
    finally:
        source.close()
    # not np.prod, which wraps where a header claims more than 2**63
    needed = header.data_offset + math.prod(header.shape) * header.dtype.itemsize
    compressed = path.name.lower().endswith(".gz")
    if needed <= size * (LARGEST_DEFLATION if compressed else 1):
        return None
    return f"the file of {size} bytes is truncated, its header says {needed}"


def _read(
    path: Path, opener: Opener, offset: int, n_bytes: int, *, header_only: bool = False
) -> bytes:
    """Return bytes of the uncompressed file; fewer where it ends before."""
    source = opener.open(path)
    try:
        if not path.name.lower().endswith(".gz"):
            return source.read(offset, n_bytes)
        return _gunzipped(source, offset, n_bytes, header_only=header_only)
    except (zlib.error, ValueError, EOFError, _inflating().error) as problem:
        raise UnreadableImageError(
            f"{path.name}: cannot be decompressed ({problem}). Copy or convert it again."
        ) from problem
    finally:
        source.close()


def _gunzipped(source: SourceFile, offset: int, n_bytes: int, *, header_only: bool) -> bytes:
    end = offset + n_bytes
    if not header_only and end > LARGEST_DEFLATION * source.size:
        raise ValueError(f"{source.size} bytes cannot hold {n_bytes} of voxels")
    inflating = _inflating()
    rest = source.read(0, _HEADER_WINDOW if header_only else source.size)
    content = bytearray()
    while rest and len(content) < end:  # a gzip file may have several members
        stream = inflating.decompressobj(_GZIP)
        content += stream.decompress(rest, end - len(content))
        for _ in range(_BEHIND_VOXELS):  # where the end is near, the checksum there is compared
            if stream.eof or not stream.unconsumed_tail:
                break
            stream.decompress(stream.unconsumed_tail, _HEADER_WINDOW)
        rest = stream.unused_data if stream.eof else b""
    return bytes(content[offset:end])


def _inflating() -> Any:
    """Return the module that inflates: isal's stand-in for zlib where it is installed."""
    try:
        return importlib.import_module("isal.isal_zlib")
    except ImportError:
        return zlib
