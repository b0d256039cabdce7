"""Pixels of DICOM slices: only those asked for, as the stored values rescaled.

Uncompressed frames are read straight from their place in the file; of compressed files only the
fragments of the frames asked for are read and decoded (PS3.5 annex A.4).  Every size that a
header states is compared with the file before anything is allocated.
"""

import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from ifi_mri.errors import UnreadableImageError
from ifi_mri.loaders import dicom_tags as tag
from ifi_mri.loaders.codecs import DECODING_THREADS, CodestreamError, SampleLayout, decode
from ifi_mri.loaders.dicom_values import Values
from ifi_mri.loaders.header_scan import (
    DEFLATED_LITTLE,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    UNDEFINED_LENGTH,
    Header,
    dataset_offset,
    inflated,
)
from ifi_mri.loaders.source_files import BytesFile, SourceFile

UNCOMPRESSED: Final = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED_LITTLE})

#: Largest matrix that is decoded: a compressed frame tells its size only by what it claims.
MOST_PIXELS: Final = 8192 * 8192

_Key = TypeVar("_Key")

#: The stored values of a frame, or what still has to decode them.
Begun = npt.NDArray[np.generic] | Callable[[], npt.NDArray[np.generic]]

_ITEM: Final = b"\xfe\xff\x00\xe0"
_SEQUENCE_END: Final = b"\xfe\xff\xdd\xe0"


def layout_of(header: Header) -> SampleLayout:
    """Return how a file's samples are stored.

    Raises
    ------
    UnreadableImageError
        The header describes no greyscale samples of 8, 16 or 32 bits.
    """
    values = Values.of(header)
    rows, columns = values.count(tag.ROWS) or 0, values.count(tag.COLUMNS) or 0
    allocated = values.count(tag.BITS_ALLOCATED) or 0
    stored = values.count(tag.BITS_STORED) or allocated
    samples = values.count(tag.SAMPLES_PER_PIXEL) or 1
    name = header.path.name
    if not (rows and columns) or rows * columns > MOST_PIXELS:
        raise UnreadableImageError(
            f"{name}: Rows x Columns is {rows} x {columns}, expected between 1 and {MOST_PIXELS} "
            "pixels. Export the file again."
        )
    if allocated not in (8, 16, 32) or not 0 < stored <= allocated or samples != 1:
        raise UnreadableImageError(
            f"{name}: {samples} samples a pixel of {stored} bits in {allocated}, expected 1 of "
            "at most 32 bits. Export the series as greyscale MR images."
        )
    signed = values.count(tag.PIXEL_REPRESENTATION) == 1
    return SampleLayout(rows, columns, allocated, stored, signed)


def incomplete(header: Header, source: SourceFile) -> str | None:
    """Return what is missing of a file's pixels, or None where they are all there."""
    values = Values.of(header)
    if header.pixel_offset is None:
        return "holds no pixels"
    n_frames = values.integer(tag.NUMBER_OF_FRAMES) or 1
    if header.pixel_length is not None:
        rows, columns = values.count(tag.ROWS) or 0, values.count(tag.COLUMNS) or 0
        needed = n_frames * rows * columns * (values.count(tag.BITS_ALLOCATED) or 0) // 8
        held = min(header.pixel_length, header.size - header.pixel_offset)
        if held >= needed:
            return None
        return f"is truncated: {held} bytes of pixels, expected {needed}"
    end = source.read(max(0, header.size - 8), 8)
    if end[:4] == _SEQUENCE_END:
        return None
    try:
        _fragments(header, source)
    except UnreadableImageError:
        return f"is truncated: its compressed pixels do not end within its {header.size} bytes"
    return None


def decoded_in_order(
    begun: Iterable[tuple[_Key, Begun]],
) -> Iterator[tuple[_Key, npt.NDArray[np.generic]]]:
    """Yield stored values in the order in which their frames were begun (`FrameReader.begin`).

    Compressed frames are decoded side by side, a few ahead, never more: memory stays that of a few
    frames.  Where none is compressed no thread is started.  Values are to be used before the next
    are asked for: their memory may be that of the next frame (`FrameReader`'s scratch).
    """
    ahead: deque[tuple[_Key, Future[npt.NDArray[np.generic]]]] = deque()
    threads: ThreadPoolExecutor | None = None
    try:
        for key, frame in begun:
            if isinstance(frame, np.ndarray):
                yield from _finished(ahead, leave=0)
                yield key, frame
            else:
                threads = threads or ThreadPoolExecutor(DECODING_THREADS)
                ahead.append((key, threads.submit(frame)))
                yield from _finished(ahead, leave=DECODING_THREADS)
        yield from _finished(ahead, leave=0)
    finally:
        if threads is not None:
            threads.shutdown()


def _finished(
    ahead: deque[tuple[_Key, Future[npt.NDArray[np.generic]]]], leave: int
) -> Iterator[tuple[_Key, npt.NDArray[np.generic]]]:
    """Yield the oldest frames until only some are left."""
    while len(ahead) > leave:
        key, future = ahead.popleft()
        yield key, future.result()


class Scratch:
    """Memory that is read into again and again: fresh memory takes longer to come by than its
    bytes take to be read."""

    def __init__(self) -> None:
        self._bytes = np.empty(0, dtype=np.uint8)

    def of(self, n_bytes: int) -> npt.NDArray[np.uint8]:
        """Return that many bytes, of any value; those of the last call, where they suffice."""
        if len(self._bytes) < n_bytes:
            self._bytes = np.empty(n_bytes, dtype=np.uint8)
        return self._bytes[:n_bytes]


class FrameReader:
    """Reads frames of one open file.

    Parameters
    ----------
    scratch : Scratch, optional
        Where uncompressed frames are read into: the next frame overwrites the last one.  Memory
        of its own for every frame where not given.

    Raises
    ------
    UnreadableImageError
        On opening: the file is truncated or its samples are of an unknown kind.
    """

    def __init__(self, header: Header, source: SourceFile, scratch: Scratch | None = None) -> None:
        self.header = header
        self.source = source
        self.scratch = scratch
        self.layout = layout_of(header)
        problem = incomplete(header, source)
        if problem:
            raise UnreadableImageError(
                f"{header.path.name}: the file {problem}. Copy or export it again."
            )
        self._fragments: tuple[bytes, list[tuple[int, int]]] | None = None
        if header.transfer_syntax == DEFLATED_LITTLE:
            self.source = BytesFile(source.path, inflated(source, dataset_offset(source)))

    def read(self, index: int) -> npt.NDArray[np.generic]:
        """Return the stored values of a frame, shape (rows, columns).

        Raises
        ------
        UnreadableImageError
            The file holds no such frame, or it cannot be decoded.
        """
        frame = self.begin(index)
        return frame if isinstance(frame, np.ndarray) else frame()

    def begin(self, index: int) -> Begun:
        """Read the bytes of a frame; return its stored values, or what decodes them, for a thread.

        Raises as `read` does, and what it returns does too.
        """
        if self.header.pixel_length is not None:
            return self._uncompressed(index)
        return partial(self._decoded, self._codestream(index))

    def _decoded(self, codestream: bytes) -> npt.NDArray[np.generic]:
        try:
            return decode(self.header.transfer_syntax, codestream, self.layout)
        except CodestreamError as error:
            raise UnreadableImageError(
                f"{self.header.path.name}: {error}. Export the series uncompressed."
            ) from error

    def _uncompressed(self, index: int) -> npt.NDArray[np.generic]:
        header = self.header
        if header.transfer_syntax not in UNCOMPRESSED:
            raise UnreadableImageError(
                f"{header.path.name}: transfer syntax {header.transfer_syntax!r} with pixels that "
                "are not encapsulated. Export the series uncompressed."
            )
        assert header.pixel_offset is not None
        return uncompressed_frame(
            self.source,
            header.pixel_offset,
            self.layout,
            index,
            little_endian=header.little_endian,
            scratch=self.scratch,
        )

    def _codestream(self, index: int) -> bytes:
        """Return the compressed bytes of one frame: its fragments joined."""
        if self._fragments is None:
            self._fragments = _fragments(self.header, self.source)
        table, fragments = self._fragments
        n_frames = Values.of(self.header).integer(tag.NUMBER_OF_FRAMES) or 1
        mine = _fragments_of_frame(self.header, table, fragments, index, n_frames)
        return b"".join(self.source.read(at, length) for at, length in mine)


def uncompressed_frame(
    source: SourceFile,
    pixel_offset: int,
    layout: SampleLayout,
    index: int = 0,
    *,
    little_endian: bool = True,
    scratch: Scratch | None = None,
) -> npt.NDArray[np.generic]:
    """Return the stored values of a frame that is not compressed, shape (rows, columns).

    Raises
    ------
    UnreadableImageError
        The file ends before it.
    """
    offset = pixel_offset + index * layout.frame_bytes
    n_held = max(0, min(layout.frame_bytes, source.size - offset))
    raw = (scratch or Scratch()).of(n_held)
    n_read = source.read_into(offset, raw.data) if n_held else 0
    if n_read < layout.frame_bytes:
        raise UnreadableImageError(
            f"{source.path.name}: the file is truncated: {n_read} bytes of frame {index + 1}, "
            f"expected {layout.frame_bytes}. Copy or export it again."
        )
    return samples_of(raw, layout, little_endian=little_endian)


def samples_of(
    raw: npt.NDArray[np.uint8], layout: SampleLayout, *, little_endian: bool = True
) -> npt.NDArray[np.generic]:
    """Return the stored values that the bytes of a frame are, shape (rows, columns)."""
    samples = raw.view(layout.dtype(little_endian=little_endian))
    return _sign_extended(samples.reshape(layout.rows, layout.columns), layout)


def _sign_extended(
    samples: npt.NDArray[np.generic], layout: SampleLayout
) -> npt.NDArray[np.generic]:
    """Carry the sign of, say, 12 stored bits into the 16 allocated; unsigned values stay."""
    free = layout.bits_allocated - layout.bits_stored
    if not (layout.signed and free):
        return samples
    return np.asarray(np.right_shift(np.left_shift(samples, free), free))


# --- encapsulated pixels ------------------------------------------------------------------------


def _fragments(header: Header, source: SourceFile) -> tuple[bytes, list[tuple[int, int]]]:
    """Return the basic offset table and where each fragment lies, as (offset, length)."""
    assert header.pixel_offset is not None
    at, found = header.pixel_offset, []
    while True:
        start = source.read(at, 8)
        if start[:4] == _SEQUENCE_END:
            break
        (length,) = struct.unpack_from("<L", start, 4) if len(start) == 8 else (UNDEFINED_LENGTH,)
        if start[:4] != _ITEM or at + 8 + length > header.size:
            raise UnreadableImageError(
                f"{header.path.name}: its compressed pixels are truncated or damaged at byte "
                f"{at} of {header.size}. Copy or export it again."
            )
        found.append((at + 8, length))
        at += 8 + length
    if not found:
        raise UnreadableImageError(
            f"{header.path.name}: holds no compressed pixels. Copy or export it again."
        )
    (table_at, table_length), *fragments = found
    return source.read(table_at, table_length), fragments


def _fragments_of_frame(
    header: Header, table: bytes, fragments: list[tuple[int, int]], index: int, n_frames: int
) -> list[tuple[int, int]]:
    """Return the fragments of one frame: all of a single frame, one each where there are as many
    as frames, else as the basic offset table says."""
    if n_frames == 1:
        mine = fragments
    elif len(fragments) == n_frames:
        mine = fragments[index : index + 1]
    elif len(table) == 4 * n_frames and fragments:
        starts = [fragments[0][0] - 8 + offset for offset in struct.unpack(f"<{n_frames}L", table)]
        low = starts[index] if index < n_frames else header.size
        high = starts[index + 1] if index + 1 < n_frames else header.size
        mine = [(at, length) for at, length in fragments if low <= at - 8 < high]
    else:
        raise UnreadableImageError(
            f"{header.path.name}: {len(fragments)} compressed fragments for {n_frames} frames "
            "and no offset table. Export the series uncompressed."
        )
    if not mine:
        raise UnreadableImageError(
            f"{header.path.name}: no compressed pixels for frame {index + 1} of {n_frames}. "
            "Copy or export it again."
        )
    return mine
