"""A header that was walked before, looked at again in a fraction of the time.

`header_scan` walks a header element by element.  Where the very same bytes were walked in an
earlier run (a digest in the header index says so), the few elements that a slice's pixels need can
be looked for in them instead: the digest was only made where looking gave what walking gave
(`digest_of`).  Nothing but the file says where a slice lies or what its samples mean.

Only the usual file qualifies: one slice, explicit little endian, not compressed, a header that
fits the first window (DICOM PS3.5 section 7.1.2).
"""

import hashlib
import struct
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ifi_mri.errors import UnreadableImageError
from ifi_mri.loaders import dicom_tags as tag
from ifi_mri.loaders.codecs import SampleLayout
from ifi_mri.loaders.dicom_frames import frame_of
from ifi_mri.loaders.dicom_pixels import Scratch, layout_of, samples_of
from ifi_mri.loaders.dicom_values import Values
from ifi_mri.loaders.header_scan import EXPLICIT_LITTLE, WINDOW_BYTES, Elements, Header
from ifi_mri.loaders.source_files import SourceFile
from ifi_mri.loaders.stack import Plane

#: Bytes of a digest: the header's length, and a BLAKE2 digest of it.
DIGEST_BYTES: Final = 4 + 16

#: Greyscale samples have at most 32 bits (`dicom_pixels.layout_of`).
LARGEST_SAMPLE_BYTES: Final = 4


def _start(number: int, vr: bytes) -> bytes:
    """Return the bytes that an element of a short form begins with, its length behind them."""
    return struct.pack("<HH", number >> 16, number & 0xFFFF) + vr


_SYNTAX: Final = _start(tag.TRANSFER_SYNTAX, b"UI")
_UID: Final = _start(tag.SOP_INSTANCE_UID, b"UI")
_POSITION: Final = _start(tag.IMAGE_POSITION, b"DS")
_ORIENTATION: Final = _start(tag.IMAGE_ORIENTATION, b"DS")

#: The first element of the image pixel module (PS3.3 C.7.6.3), which most slices of a series have
#: in common from here on.
_PIXEL_MODULE: Final = _start(tag.SAMPLES_PER_PIXEL, b"US")
_OF_PIXEL_MODULE: Final = {
    number: _start(number, vr)
    for number, vr in (
        (tag.NUMBER_OF_FRAMES, b"IS"), (tag.SAMPLES_PER_PIXEL, b"US"), (tag.ROWS, b"US"),
        (tag.COLUMNS, b"US"), (tag.PIXEL_SPACING, b"DS"), (tag.BITS_ALLOCATED, b"US"),
        (tag.BITS_STORED, b"US"), (tag.PIXEL_REPRESENTATION, b"US"),
        (tag.RESCALE_INTERCEPT, b"DS"), (tag.RESCALE_SLOPE, b"DS"),
    )
}  # fmt: skip
#: What says who was scanned, and when.
_OF_PATIENT: Final = {
    number: _start(number, vr)
    for number, vr in (
        (tag.CHARACTER_SET, b"CS"), (tag.STUDY_DATE, b"DA"), (tag.ACCESSION_NUMBER, b"SH"),
        (tag.PATIENT_NAME, b"PN"), (tag.PATIENT_ID, b"LO"), (tag.PATIENT_BIRTH_DATE, b"DA"),
        (tag.PATIENT_SEX, b"CS"), (tag.PATIENT_AGE, b"AS"),
    )
}  # fmt: skip
_PIXEL_STARTS: Final = frozenset(_start(tag.PIXEL_DATA, vr) + b"\0\0" for vr in (b"OW", b"OB"))


class KnownSlice(NamedTuple):
    """What the header of a slice says of its pixels."""

    sop_instance_uid: str
    plane: Plane
    rescale: tuple[float, float]
    layout: SampleLayout
    pixel_offset: int
    pixel_length: int


def digest_of(header: Header, source: SourceFile) -> bytes:
    """Return the digest of a file's header by which `read_known` knows it again; empty where the
    header is unusual, or looking at it gives anything else than the walk that made it."""
    usual = (
        header.transfer_syntax == EXPLICIT_LITTLE and tag.PER_FRAME_GROUPS not in header.elements
    )
    if not usual or header.pixel_offset is None or header.pixel_offset > WINDOW_BYTES:
        return b""
    raw = source.read(0, header.pixel_offset)
    frame = frame_of(header, None)
    try:
        layout = layout_of(header)
    except UnreadableImageError:
        return b""
    walked = (frame.sop_instance_uid, frame.plane, frame.rescale, layout)
    is_found = _looked_at(raw, source.size) == (*walked, len(raw), header.pixel_length) and all(
        value == header.elements.get(number, b"") for number, value in _patient_in(raw).items()
    )
    return _digest(raw) if is_found else b""


def patient_elements(digest: bytes, source: SourceFile) -> "Elements | None":
    """Return the elements of a header of that digest that say who was scanned, and when, missing
    ones as empty; None where the file's header is another one."""
    raw = source.read(0, min(int.from_bytes(digest[:4], "little"), WINDOW_BYTES))
    return _patient_in(raw) if _digest(raw) == digest else None


def _patient_in(raw: bytes) -> Elements:
    return {number: _value(raw, start) for number, start in _OF_PATIENT.items()}


def is_same(digest: bytes, source: SourceFile) -> bool:
    """Return whether a file's header is the one that a digest was made of."""
    n_bytes = int.from_bytes(digest[:4], "little")
    return n_bytes <= WINDOW_BYTES and _digest(source.read(0, n_bytes)) == digest


def read_known(
    digest: bytes, source: SourceFile, n_pixels: int, scratch: Scratch
) -> tuple[KnownSlice, npt.NDArray[np.generic]] | None:
    """Return what a header of that digest says, and the stored values behind it, shape (rows,
    columns), in scratch memory; None where the header is another one or the slice does not have
    that many pixels.

    Header and pixels lie behind one another and are read at once.
    """
    header_bytes = int.from_bytes(digest[:4], "little")
    n_bytes = min(source.size, header_bytes + LARGEST_SAMPLE_BYTES * n_pixels)
    if not 0 < header_bytes <= min(n_bytes, WINDOW_BYTES):
        return None
    content = scratch.of(n_bytes)
    if source.read_into(0, content.data) < n_bytes:
        return None
    raw = content[:header_bytes].tobytes()
    found = _looked_at(raw, source.size) if _digest(raw) == digest else None
    if found is None or found.layout.rows * found.layout.columns != n_pixels:
        return None
    end = header_bytes + found.layout.frame_bytes
    return found, samples_of(content[header_bytes:end], found.layout)


def _digest(raw: bytes) -> bytes:
    return len(raw).to_bytes(4, "little") + hashlib.blake2b(raw, digest_size=16).digest()


def _looked_at(raw: bytes, file_bytes: int) -> KnownSlice | None:
    """Return what the elements that are found first in the bytes of a header say; None where it
    does not end with pixel data that reach to the end of the file, or says too little."""
    at = raw.find(_PIXEL_MODULE)
    shared = _shared(_value(raw, _SYNTAX), _value(raw, _ORIENTATION), raw[at:])
    pixel_length = int.from_bytes(raw[-4:], "little")
    is_whole = raw[-12:-4] in _PIXEL_STARTS and len(raw) + pixel_length == file_bytes
    if at < 0 or shared is None or not is_whole:
        return None
    plane, rescale, layout = shared
    own = Values(
        {tag.SOP_INSTANCE_UID: _value(raw, _UID), tag.IMAGE_POSITION: _value(raw, _POSITION)}
    )
    position_mm = own.numbers(tag.IMAGE_POSITION)
    if len(position_mm) != 3 or pixel_length < layout.frame_bytes:
        return None
    placed = Plane(position_mm, plane.directions, plane.spacing_mm, plane.shape)
    uid = own.text(tag.SOP_INSTANCE_UID)
    return KnownSlice(uid, placed, rescale, layout, len(raw), pixel_length)


def _value(raw: bytes, start: bytes) -> bytes:
    """Return the value of the first element that starts so; empty where there is none."""
    at = raw.find(start)
    return b"" if at < 0 else raw[at + 8 : at + 8 + raw[at + 6] + 256 * raw[at + 7]]


@lru_cache(maxsize=64)  # of all slices of a series
def _shared(
    syntax: bytes, orientation: bytes, pixel_module: bytes
) -> tuple[Plane, tuple[float, float], SampleLayout] | None:
    """Return what elements say that are mostly alike in all slices: a plane at no position, the
    rescaling and the samples."""
    found = {number: _value(pixel_module, start) for number, start in _OF_PIXEL_MODULE.items()}
    elements: Elements = {number: value for number, value in found.items() if value}
    n_frames = Values(elements).integer(tag.NUMBER_OF_FRAMES)
    if syntax.rstrip(b"\0 ").decode("latin-1") != EXPLICIT_LITTLE or n_frames not in (None, 1):
        return None
    elements |= {tag.IMAGE_ORIENTATION: orientation, tag.IMAGE_POSITION: b"0\\0\\0"}
    header = Header(Path(), "", EXPLICIT_LITTLE, True, elements, None, None, 0)
    frame = frame_of(header, None)
    try:
        return None if frame.plane is None else (frame.plane, frame.rescale, layout_of(header))
    except UnreadableImageError:
        return None
