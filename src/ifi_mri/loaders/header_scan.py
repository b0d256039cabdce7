"""A lean scan of DICOM headers: few tags, one pass, no pixels.

A hospital folder holds thousands of files and a measurement needs some forty tags of each, so
their headers are two thirds of the time of a batch.  This scan walks the elements of explicit and
implicit little endian files (DICOM PS3.5 section 7) and keeps the raw bytes of the tags in
`dicom_tags`.  Everything unusual (big endian, elements out of order, unknown value
representations, lengths that leave the file) is handed to pydicom, which gives the same bytes; a
property test holds the two equal.
"""

import hashlib
import marshal
import struct
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from ifi_mri.errors import UnreadableImageError
from ifi_mri.loaders.dicom_tags import (
    PIXEL_DATA,
    SEQUENCES,
    STORAGE_CLASS,
    TRANSFER_SYNTAX,
    WANTED,
)
from ifi_mri.loaders.source_files import BytesFile, SourceFile

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Elements: TypeAlias = "dict[int, bytes | list[Elements]]"
"""Raw bytes of plain values and the items of sequences, by tag."""

IMPLICIT_LITTLE: Final = "1.2.840.10008.1.2"
EXPLICIT_LITTLE: Final = "1.2.840.10008.1.2.1"
DEFLATED_LITTLE: Final = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG: Final = "1.2.840.10008.1.2.2"
_STANDARD_SYNTAXES: Final = "1.2.840.10008.1.2"

UNDEFINED_LENGTH: Final = 0xFFFFFFFF
_ITEM: Final = 0xFFFEE000
_ITEM_END: Final = b"\xfe\xff\x0d\xe0"
_SEQUENCE_END: Final = 0xFFFEE0DD

#: First bytes read of each file: the header of a classic MR image without private blocks fits.
WINDOW_BYTES: Final = 16 * 1024

#: A wanted plain value longer than this is no value we want.
LONGEST_VALUE: Final = 64 * 1024

#: Largest dataset that a deflated file may inflate to: 30 frames of 4096 x 4096 at 16 bits.
LARGEST_INFLATED: Final = 1 << 30

#: Sequences within sequences; Enhanced MR needs three.
DEEPEST: Final = 16

_SHORT_VRS: Final = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split()
)
_LONG_VRS: Final = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())

_explicit_start = struct.Struct("<HH2sH").unpack_from
_implicit_start = struct.Struct("<HHL").unpack_from
_long = struct.Struct("<L").unpack_from

#: What pydicom raises on broken files beside its own errors (collected by the fuzz tests).
_PYDICOM_ERRORS: Final = (
    OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, NotImplementedError,
    IndexError, AssertionError, ArithmeticError, RecursionError, MemoryError, struct.error,
    zlib.error,
)  # fmt: skip


_PYDICOM: Final = threading.Lock()


def pydicom_errors() -> tuple[type[Exception], ...]:
    """Return everything that pydicom raises on broken files."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (*_PYDICOM_ERRORS, BytesLengthException, InvalidDicomError)


#: Group of the tags that say who was scanned (PS3.6).
_PATIENT_GROUP: Final = 0x0010


@dataclass(frozen=True)
class Header:
    """The wanted tags of one DICOM file and where its pixel data begins.

    Attributes
    ----------
    storage_class : str
        MediaStorageSOPClassUID of the file meta information: what kind of file it is.
    pixel_offset : int or None
        Where the value of Pixel Data begins: in the file, or in the inflated dataset of a
        deflated file.  None without Pixel Data.
    pixel_length : int or None
        Bytes that the file says follow; None where the length is undefined (encapsulated).
    size : int
        Bytes of the file, or of the inflated dataset.
    known_by : bytes
        Digest of `known_header`, for the header index; empty where none was asked for or the file
        is unusual.
    """

    path: Path
    storage_class: str
    transfer_syntax: str
    little_endian: bool
    elements: Elements
    pixel_offset: int | None
    pixel_length: int | None
    size: int
    known_by: bytes = b""

    @cached_property
    def digest(self) -> bytes:
        """What tells this header from another one, 16 bytes.

        Everything that was read counts but the patient: a digest of a name and a birthday would
        let a guess at them be tested.  `marshal` serves as a quick way to bytes, never back; its
        version 2 gives the same ones for the same values."""
        read = [item for item in self.elements.items() if item[0] >> 16 != _PATIENT_GROUP]
        syntax = self.transfer_syntax.encode(), self.little_endian
        content = marshal.dumps([syntax, self.pixel_offset, self.pixel_length, read], 2)
        return hashlib.blake2b(content, digest_size=16).digest()


#: Tags up to here belong to command sets and file meta information; in a dataset they are unusual.
_END_OF_FILE_META: Final = 0x0002FFFF


class _UnusualError(Exception):
    """The file is better read by pydicom."""


class _NeedMoreError(Exception):
    """The window ends inside a sequence."""


def scan(source: SourceFile) -> Header | None:
    """Return the wanted tags of an open DICOM file, or None where the file is not DICOM.

    Raises
    ------
    UnreadableImageError
        The file is DICOM, but its header is damaged.
    """
    start = source.read(0, WINDOW_BYTES)
    if start[128:132] != b"DICM":
        return _without_preamble(source, start)
    syntax = ""
    try:
        storage_class, syntax, position = _file_meta(start)
        if syntax == DEFLATED_LITTLE:
            source = BytesFile(source.path, inflated(source, position))
            position, start = 0, source.read(0, WINDOW_BYTES)
        elif syntax == EXPLICIT_BIG or not syntax.startswith(_STANDARD_SYNTAXES):
            raise _UnusualError
        walk = _Walk(source, start, explicit=syntax != IMPLICIT_LITTLE)
        return walk.header(position, storage_class, syntax)
    except (_UnusualError, struct.error):
        return scan_with_pydicom(source, syntax if syntax == DEFLATED_LITTLE else "")


def _file_meta(start: bytes) -> tuple[str, str, int]:
    """Return storage class, transfer syntax and where the dataset begins (PS3.10 section 7.1)."""
    storage_class, syntax, position, end = "", "", 132, None
    try:
        while start[position : position + 2] == b"\x02\x00":
            group, element, vr, length = _explicit_start(start, position)
            position += 8
            if vr in _LONG_VRS:
                (length,) = _long(start, position)
                position += 4
            elif vr not in _SHORT_VRS:
                raise _UnusualError
            if group << 16 | element == TRANSFER_SYNTAX:
                syntax = start[position : position + length].decode("ascii").rstrip("\0 ")
            elif group << 16 | element == STORAGE_CLASS:
                storage_class = start[position : position + length].decode("ascii").rstrip("\0 ")
            elif group << 16 | element == 0x00020000:
                end = position + length + _long(start, position)[0]
            position += length
    except (struct.error, UnicodeDecodeError) as problem:
        raise _UnusualError from problem
    if not syntax or position != end:
        raise _UnusualError
    return storage_class, syntax, position


def dataset_offset(source: SourceFile) -> int:
    """Return where the dataset begins behind the file meta information."""
    return _file_meta(source.read(0, WINDOW_BYTES))[2]


def inflated(source: SourceFile, position: int) -> bytes:
    """Return the dataset of a deflated file (PS3.5 annex A.5), at most `LARGEST_INFLATED`."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = stream.decompress(source.read(position, source.size), LARGEST_INFLATED)
    except zlib.error as problem:
        raise UnreadableImageError(
            f"{source.path.name}: the deflated dataset is damaged ({problem}). Export the file "
            "again."
        ) from problem
    if stream.unconsumed_tail or len(content) == LARGEST_INFLATED:
        raise UnreadableImageError(
            f"{source.path.name}: the deflated dataset is larger than {LARGEST_INFLATED >> 20} "
            "MiB. Export the series uncompressed."
        )
    if not stream.eof:
        raise UnreadableImageError(
            f"{source.path.name}: the deflated dataset is truncated. Copy or export the file again."
        )
    return content


@cache
def _may_be_sequence(tag: int) -> bool:
    """Return whether an element of undefined length may be a sequence: a private one, or one that
    the dictionary says is."""
    from pydicom.datadict import dictionary_has_tag, dictionary_VR

    return bool(tag >> 16 & 1) or (dictionary_has_tag(tag) and dictionary_VR(tag) == "SQ")


class _Walk:
    """One pass over the elements of a little-endian dataset through a window that slides."""

    def __init__(self, source: SourceFile, window: bytes, *, explicit: bool) -> None:
        self.source = source
        self.window = window
        self.window_start = 0
        self.explicit = explicit

    def header(self, position: int, storage_class: str, syntax: str) -> Header:
        """Walk from a position in the file to its pixel data or its end.

        The loop runs a hundred times a file and thousands of files are scanned: hence the local
        names and the start of an element (as in `_start_of`) written out.
        """
        elements: Elements = {}
        explicit, size, last = self.explicit, self.source.size, _END_OF_FILE_META
        window, window_start = self.window, self.window_start
        window_end = window_start + len(window)
        pixel_offset = pixel_length = None
        while position < size:
            if position + 12 > window_end < size:
                window, window_start, window_end = self._slide(position)
            at = position - window_start
            if explicit:
                group, element, vr, length = _explicit_start(window, at)
                value = position + 8
                if vr not in _SHORT_VRS:
                    length = self._long_length(vr, group << 16 | element, at)
                    value = position + 12
            else:
                group, element, length = _implicit_start(window, at)
                value, vr = position + 8, b""
            tag = group << 16 | element
            if tag <= last:
                raise _UnusualError
            last = tag
            if tag == PIXEL_DATA:
                pixel_offset = value
                pixel_length = None if length == UNDEFINED_LENGTH else length
                break
            if length == UNDEFINED_LENGTH or tag in SEQUENCES:
                if not (explicit or tag in SEQUENCES or _may_be_sequence(tag)):
                    raise _UnusualError
                position = self._sequence(tag, position, elements)
                window, window_start = self.window, self.window_start
                window_end = window_start + len(window)
                continue
            position = value + length
            if position > size:
                raise _UnusualError
            if tag in WANTED:
                if length > LONGEST_VALUE or vr == b"SQ":
                    raise _UnusualError
                elements[tag] = (
                    window[value - window_start : position - window_start]
                    if position <= window_end
                    else self.source.read(value, length)
                )
        return Header(
            path=self.source.path,
            storage_class=storage_class,
            transfer_syntax=syntax,
            little_endian=True,
            elements=elements,
            pixel_offset=pixel_offset,
            pixel_length=pixel_length,
            size=size,
        )

    def _start_of(self, at: int) -> tuple[int, bool, int, int]:
        """Return the tag of the element at a place of the window, whether it is a sequence for
        certain, where its value begins and its length."""
        if not self.explicit:
            group, element, length = _implicit_start(self.window, at)
            return group << 16 | element, False, at + 8, length
        group, element, vr, length = _explicit_start(self.window, at)
        tag = group << 16 | element
        if vr in _SHORT_VRS:
            if tag in SEQUENCES:
                raise _UnusualError
            return tag, False, at + 8, length
        return tag, vr == b"SQ", at + 12, self._long_length(vr, tag, at)

    def _long_length(self, vr: bytes, tag: int, at: int) -> int:
        """Return the length of an explicit element of the long form (PS3.5 section 7.1.2)."""
        if vr not in _LONG_VRS:
            raise _UnusualError
        length = int(_long(self.window, at + 8)[0])
        if vr != b"SQ" and (tag in SEQUENCES or (length == UNDEFINED_LENGTH and tag != PIXEL_DATA)):
            raise _UnusualError
        return length

    def _slide(self, position: int, n_bytes: int = WINDOW_BYTES) -> tuple[bytes, int, int]:
        """Move the window; return it, where it starts and where it ends."""
        self.window = self.source.read(position, n_bytes)
        self.window_start = position
        return self.window, position, position + len(self.window)

    # --- sequences: read whole, the window growing until they fit -------------------------------

    def _sequence(self, tag: int, position: int, elements: Elements) -> int:
        """Keep or step over the sequence at a position; return where it ends."""
        while True:
            try:
                at = position - self.window_start
                _, _, value, length = self._start_of(at)
                items, end = self._items(value, length, tag in SEQUENCES, 0)
            except _NeedMoreError as problem:
                n_bytes = 4 * max(len(self.window), WINDOW_BYTES)
                if position + len(self.window) >= self.source.size and at == 0:
                    raise _UnusualError from problem
                self._slide(position, n_bytes)
                continue
            if tag in SEQUENCES:
                elements[tag] = items
            elif tag in WANTED:
                raise _UnusualError
            return self.window_start + end

    def _items(self, at: int, length: int, keep: bool, depth: int) -> tuple[list[Elements], int]:
        """Return the items of a sequence whose value begins at a place of the window, and where
        it ends there."""
        if depth > DEEPEST:
            raise _UnusualError
        items: list[Elements] = []
        end = None if length == UNDEFINED_LENGTH else at + length
        if end is not None and not keep:
            return items, end
        while end is None or at < end:
            if at + 8 > len(self.window):
                raise _NeedMoreError
            group, element, item_length = _implicit_start(self.window, at)
            at += 8
            if end is None and group << 16 | element == _SEQUENCE_END:
                return items, at
            if group << 16 | element != _ITEM:
                raise _UnusualError
            item, at = self._item(at, item_length, keep, depth)
            items.append(item)
        if at != end:
            raise _UnusualError
        return items, end

    def _item(self, at: int, length: int, keep: bool, depth: int) -> tuple[Elements, int]:
        elements: Elements = {}
        end = None if length == UNDEFINED_LENGTH else at + length
        if end is not None and not keep:
            return elements, end
        last = -1
        while end is None or at < end:
            if at + 12 > len(self.window):
                raise _NeedMoreError
            if end is None and self.window[at : at + 4] == _ITEM_END:
                return elements, at + 8
            tag, is_sequence, value, length = self._start_of(at)
            if tag <= last:
                raise _UnusualError
            last = tag
            if length == UNDEFINED_LENGTH or tag in SEQUENCES:
                wanted = keep and tag in SEQUENCES
                items, at = self._items(value, length, wanted, depth + 1)
                if wanted:
                    elements[tag] = items
                elif tag in WANTED:
                    raise _UnusualError
                continue
            at = value + length
            if at > len(self.window):
                raise _NeedMoreError
            if keep and tag in WANTED:
                if is_sequence or length > LONGEST_VALUE:
                    raise _UnusualError
                elements[tag] = self.window[value:at]
        if at != end:
            raise _UnusualError
        return elements, end


# --- the unusual rest ---------------------------------------------------------------------------


def _without_preamble(source: SourceFile, start: bytes) -> Header | None:
    """Return the header of a bare dataset (old archives write them), or None."""
    if start[:2] != b"\x08\x00" or len(start) < 64:
        return None
    try:
        header = scan_with_pydicom(source)
    except UnreadableImageError:
        return None
    return header if 0x00080016 in header.elements else None


def scan_with_pydicom(source: SourceFile, syntax: str = "") -> Header:
    """Return the same header as the lean scan, read by pydicom from the bytes of the file.

    Raises
    ------
    UnreadableImageError
        pydicom cannot read the file.
    """
    import warnings

    from pydicom import config, dcmread

    content = BytesIO(source.read(0, source.size))
    tags = [TRANSFER_SYNTAX, *WANTED, *SEQUENCES]
    try:
        # warnings and pydicom's settings are of the whole process: one thread at a time
        with _PYDICOM, warnings.catch_warnings(), config.disable_value_validation():
            warnings.simplefilter("ignore")
            dataset = dcmread(content, stop_before_pixels=True, force=True, specific_tags=tags)
            elements = _raw_elements(dataset)
            found = str(dataset.file_meta.get("TransferSyntaxUID", "") or "")
            storage_class = str(dataset.file_meta.get("MediaStorageSOPClassUID", "") or "")
    except pydicom_errors() as problem:
        raise UnreadableImageError(
            f"{source.path.name}: the DICOM header is damaged "
            f"({str(problem) or type(problem).__name__}). Export the file again."
        ) from problem
    implicit, little = (bool(value) for value in dataset.original_encoding)
    syntax = syntax or found or (IMPLICIT_LITTLE if implicit else EXPLICIT_LITTLE)
    offset, length = _pixel_data(content, implicit, little)
    return Header(source.path, storage_class, syntax, little, elements, offset, length, source.size)


def _raw_elements(dataset: "Dataset") -> Elements:
    elements: Elements = {}
    for tag in dataset.keys():  # noqa: SIM118 - iterating a Dataset decodes its values
        number = int(tag)
        if number in SEQUENCES:
            elements[number] = [_raw_elements(item) for item in dataset[tag].value]
        elif number in WANTED:
            raw = dataset.get_item(tag)
            elements[number] = _raw_value(None if raw is None else raw.value)
    return elements


def _raw_value(value: object) -> bytes:
    """Return the bytes of a value; pydicom has already decoded that of SpecificCharacterSet."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("latin-1", "replace")
    if isinstance(value, Sequence):
        return "\\".join(str(part) for part in value).encode("latin-1", "replace")
    return b""


def _pixel_data(content: BytesIO, implicit: bool, little: bool) -> tuple[int | None, int | None]:
    """Return where the value of Pixel Data begins and its length: pydicom has stopped before it."""
    order = "<" if little else ">"
    at = content.tell()
    start = content.read(12).ljust(12, b"\0")
    group, element = struct.unpack_from(order + "HH", start)
    if group << 16 | element != PIXEL_DATA:
        return None, None
    long_form = not implicit and start[4:6] in _LONG_VRS
    if implicit or long_form:
        (length,) = struct.unpack_from(order + "L", start, 8 if long_form else 4)
    else:
        (length,) = struct.unpack_from(order + "H", start, 6)
    offset = at + (12 if long_form else 8)
    return offset, None if length == UNDEFINED_LENGTH else length
