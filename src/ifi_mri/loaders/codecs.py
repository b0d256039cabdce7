"""Compressed DICOM frames: one decoder for each transfer syntax, chosen by name.

JPEG 2000 (OpenJPEG), JPEG-LS (CharLS) and JPEG, lossless and of 12 bits too (libjpeg-turbo), by
imagecodecs, which is permissively licensed and lets other threads run meanwhile; RLE by
pylibjpeg-rle, since imagecodecs' decoder reads beyond damaged streams.  What a codestream says of
its size is compared with Rows and Columns before a decoder may allocate it.
"""

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

RLE: Final = "1.2.840.10008.1.2.5"
JPEG_BASELINE: Final = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED: Final = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS: Final = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_SV1: Final = "1.2.840.10008.1.2.4.70"
JPEG_LS: Final = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR: Final = "1.2.840.10008.1.2.4.81"
JPEG_2000_LOSSLESS: Final = "1.2.840.10008.1.2.4.90"
JPEG_2000: Final = "1.2.840.10008.1.2.4.91"
HTJ2K_LOSSLESS: Final = "1.2.840.10008.1.2.4.201"
HTJ2K_RPCL: Final = "1.2.840.10008.1.2.4.202"
HTJ2K: Final = "1.2.840.10008.1.2.4.203"

#: Transfer syntaxes that always lose information; those that may are judged by
#: LossyImageCompression beside them.
ALWAYS_LOSSY: Final = frozenset({JPEG_BASELINE, JPEG_EXTENDED, JPEG_LS_NEAR})

#: What the decoders raise on broken codestreams (collected by the fuzz tests).
DECODER_ERRORS: Final = (
    ValueError, RuntimeError, TypeError, IndexError, KeyError, OSError, EOFError, AttributeError,
    NotImplementedError, ArithmeticError, MemoryError, AssertionError, struct.error, SystemError,
)  # fmt: skip


#: Threads that decode side by side.  More than four gain little: reading and rescaling the slices
#: is one thread's work.
DECODING_THREADS: Final[int] = min(4, os.cpu_count() or 1)


#: Two bytes of a run-length code stand for at most 128 (PS3.5 annex G.3.1).
LARGEST_RUN_LENGTH_GAIN: Final = 64


class CodestreamError(Exception):
    """A codestream does not hold what the header promises; the text says what it holds."""


@dataclass(frozen=True, slots=True)
class SampleLayout:
    """How the samples of a frame are stored (PS3.3 C.7.6.3)."""

    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    signed: bool

    @property
    def frame_bytes(self) -> int:
        """Bytes of an uncompressed frame."""
        return self.rows * self.columns * self.bits_allocated // 8

    def dtype(self, *, little_endian: bool = True) -> np.dtype[np.generic]:
        """Return the sample's type."""
        kind = "i" if self.signed else "u"
        return np.dtype(f"{'<' if little_endian else '>'}{kind}{self.bits_allocated // 8}")


Decoder = Callable[[bytes, SampleLayout], npt.NDArray[np.generic]]


def decode(syntax: str, codestream: bytes, layout: SampleLayout) -> npt.NDArray[np.generic]:
    """Return the samples of one frame, shape (rows, columns).

    Raises
    ------
    CodestreamError
        The transfer syntax is not known, or the codestream is damaged or of another size.
    """
    decoder = _DECODERS.get(syntax)
    if decoder is None:
        raise CodestreamError(f"its transfer syntax {syntax!r} is not supported")
    try:
        samples = decoder(codestream, layout)
    except DECODER_ERRORS as problem:
        raise CodestreamError(
            f"its compressed pixels are damaged ({str(problem)[:120] or type(problem).__name__})"
        ) from problem
    except BaseException as problem:
        if type(problem).__name__ != "PanicException":  # pylibjpeg-rle's, no Exception
            raise
        raise CodestreamError("its compressed pixels are damaged") from problem
    if samples.size != layout.rows * layout.columns:
        raise CodestreamError(
            f"its compressed pixels are {samples.size}, expected {layout.rows} x {layout.columns}"
        )
    return samples.reshape(layout.rows, layout.columns)


def _rle(codestream: bytes, layout: SampleLayout) -> npt.NDArray[np.generic]:
    from rle.utils import decode_pixel_data

    if layout.frame_bytes > LARGEST_RUN_LENGTH_GAIN * len(codestream):
        raise CodestreamError(
            f"its {len(codestream)} compressed bytes cannot hold {layout.rows} x {layout.columns} "
            "pixels"
        )
    raw = decode_pixel_data(
        codestream,
        version=2,
        rows=layout.rows,
        columns=layout.columns,
        bits_allocated=layout.bits_allocated,
    )
    return np.frombuffer(raw, dtype=layout.dtype())


def _jpeg_ls(codestream: bytes, layout: SampleLayout) -> npt.NDArray[np.generic]:
    import imagecodecs

    precision = _checked_jpeg(codestream, layout)
    return _signed(imagecodecs.jpegls_decode(codestream), precision, layout)


def _jpeg_2000(codestream: bytes, layout: SampleLayout) -> npt.NDArray[np.generic]:
    import imagecodecs

    at = codestream.find(b"\xff\x4f\xff\x51", 0, 512)
    if at < 0:
        raise CodestreamError("its pixels are no JPEG 2000 codestream")
    right, bottom, left, top = struct.unpack_from(">4L", codestream, at + 8)
    components = struct.unpack_from(">H", codestream, at + 40)[0]
    precision = (codestream[at + 42] & 0x7F) + 1
    _check_size((bottom - top, right - left, components), precision, layout)
    return _signed(imagecodecs.jpeg2k_decode(codestream, numthreads=1), precision, layout)


def _jpeg(codestream: bytes, layout: SampleLayout) -> npt.NDArray[np.generic]:
    import imagecodecs

    precision = _checked_jpeg(codestream, layout)
    return _signed(imagecodecs.jpeg8_decode(codestream), precision, layout)


_DECODERS: Final[dict[str, Decoder]] = {
    RLE: _rle,
    JPEG_LS: _jpeg_ls,
    JPEG_LS_NEAR: _jpeg_ls,
    **dict.fromkeys((JPEG_2000_LOSSLESS, JPEG_2000, HTJ2K_LOSSLESS, HTJ2K_RPCL, HTJ2K), _jpeg_2000),
    **dict.fromkeys((JPEG_BASELINE, JPEG_EXTENDED, JPEG_LOSSLESS, JPEG_LOSSLESS_SV1), _jpeg),
}


def _signed(
    samples: npt.NDArray[np.generic], precision: int, layout: SampleLayout
) -> npt.NDArray[np.generic]:
    """Return samples as the header says they are signed, whatever the codestream says: the sign
    bit of their precision carried up, or none."""
    n_bytes = samples.dtype.itemsize
    if not layout.signed:
        return samples.view(f"u{n_bytes}")
    free = 8 * n_bytes - precision
    signed = samples.view(f"i{n_bytes}")
    return np.asarray((signed << free) >> free) if free else signed


def _check_size(found: tuple[int, int, int], precision: int, layout: SampleLayout) -> None:
    rows, columns, components = found
    if (rows, columns, components) != (layout.rows, layout.columns, 1):
        raise CodestreamError(
            f"its compressed pixels are {rows} x {columns} of {components} components, expected "
            f"{layout.rows} x {layout.columns} of 1"
        )
    if not 1 <= precision <= layout.bits_allocated:
        raise CodestreamError(
            f"its compressed pixels have {precision} bits, expected at most {layout.bits_allocated}"
        )


def _checked_jpeg(codestream: bytes, layout: SampleLayout) -> int:
    """Compare the frame header (SOF) of a JPEG or JPEG-LS stream with the layout; return its
    precision (ITU-T T.81 B.2.2, T.87 C.2.2)."""
    at = 2
    if codestream[:2] != b"\xff\xd8":
        raise CodestreamError("its pixels are no JPEG stream")
    if codestream.rstrip(b"\0")[-2:] != b"\xff\xd9":  # without it CharLS reads on for ever
        raise CodestreamError("its JPEG stream is truncated: it has no end marker")
    while at + 10 <= len(codestream):
        if codestream[at] != 0xFF:
            raise CodestreamError("its JPEG stream is damaged before the frame header")
        marker = codestream[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)) or marker == 0xF7:
            precision, rows, columns, components = struct.unpack_from(">BHHB", codestream, at + 4)
            _check_size((rows, columns, components), precision, layout)
            return int(precision)
        at += 2 + int(struct.unpack_from(">H", codestream, at + 2)[0])
    raise CodestreamError("its JPEG stream has no frame header")
