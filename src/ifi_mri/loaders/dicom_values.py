"""Typed values from the raw bytes of DICOM elements (PS3.5 section 6.2).

Empty, missing and malformed values come out alike, as None or an empty tuple: hospital files hold
all three, and whoever needs the value says what is missing.
"""

import math
import re
import struct
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from ifi_mri.loaders.dicom_tags import CHARACTER_SET
from ifi_mri.loaders.header_scan import Elements, Header

#: Longer texts are cut: no value that we read may have more (person names, 3 x 64 characters).
LONGEST_TEXT: Final = 200

_DECIMAL: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")


@dataclass(frozen=True, slots=True)
class Values:
    """The elements of a dataset or of a sequence item, read as what they mean."""

    elements: Elements
    little_endian: bool = True
    character_set: bytes = b""

    @classmethod
    def of(cls, header: Header) -> "Values":
        """Return the values of a file's top level."""
        return cls.of_elements(header.elements, little_endian=header.little_endian)

    @classmethod
    def of_elements(cls, elements: Elements, *, little_endian: bool = True) -> "Values":
        """Return the values of a dataset that names its own character set."""
        character_set = elements.get(CHARACTER_SET, b"")
        return cls(
            elements,
            little_endian,
            character_set if isinstance(character_set, bytes) else b"",
        )

    def items(self, tag: int) -> list["Values"]:
        """Return the items of a sequence; none where it is missing."""
        found = self.elements.get(tag)
        if not isinstance(found, list):
            return []
        return [Values(item, self.little_endian, self.character_set) for item in found]

    def item(self, tag: int) -> "Values":
        """Return the first item of a sequence; an empty one where it is missing."""
        found = self.elements.get(tag)
        first = found[0] if isinstance(found, list) and found else {}
        return Values(first, self.little_endian, self.character_set)

    def raw(self, tag: int) -> bytes:
        """Return the bytes of a plain value without padding."""
        found = self.elements.get(tag)
        return found.strip(b"\0 ") if isinstance(found, bytes) else b""

    def exact(self, tag: int) -> bytes:
        """Return the bytes of a plain value as they stand, for comparing."""
        found = self.elements.get(tag)
        return found if isinstance(found, bytes) else b""

    def text(self, tag: int) -> str:
        """Return a text of one value; control characters, which would end up in messages and on
        terminals, become blanks."""
        raw = self.raw(tag)
        plain = raw.isascii() and b"\x1b" not in raw
        text = raw.decode("ascii") if plain else self._decoded(raw).strip("\0 ")
        text = text[:LONGEST_TEXT]
        if text.isprintable():
            return text
        return "".join(c if c.isprintable() else " " for c in text).strip()

    def texts(self, tag: int) -> tuple[str, ...]:
        """Return a text of several values, empty ones left out."""
        return tuple(part.strip() for part in self.text(tag).split("\\") if part.strip())

    def _decoded(self, raw: bytes) -> str:
        """Decode by SpecificCharacterSet; what cannot be decoded becomes a replacement mark."""
        import warnings

        from pydicom.charset import convert_encodings, decode_bytes
        from pydicom.valuerep import TEXT_VR_DELIMS

        names = [name.strip() for name in self.character_set.decode("latin-1").split("\\")]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return str(decode_bytes(raw, convert_encodings(names), TEXT_VR_DELIMS))
        except (LookupError, ValueError, AttributeError, TypeError):
            return raw.decode("latin-1")

    def numbers(self, tag: int) -> tuple[float, ...]:
        """Return decimal strings as finite numbers; none where any part is no number."""
        return _decimals(self.raw(tag))

    def number(self, tag: int) -> float | None:
        """Return the first of the decimal strings."""
        values = self.numbers(tag)
        return values[0] if values else None

    def integer(self, tag: int) -> int | None:
        """Return the first of the integer strings."""
        value = self.number(tag)
        return int(value) if value is not None and value == int(value) else None

    def count(self, tag: int) -> int | None:
        """Return an unsigned binary integer of 2 or 4 bytes."""
        raw = self.exact(tag)
        code = {2: "H", 4: "L"}.get(len(raw))
        if code is None:
            return None
        return int(struct.unpack(("<" if self.little_endian else ">") + code, raw)[0])

    def counts(self, tag: int) -> tuple[int, ...]:
        """Return unsigned binary integers of 4 bytes each."""
        raw = self.exact(tag)
        order = "<" if self.little_endian else ">"
        return struct.unpack(f"{order}{len(raw) // 4}L", raw) if len(raw) % 4 == 0 else ()

    def doubles(self, tag: int) -> tuple[float, ...]:
        """Return binary floating-point numbers of 8 bytes each, finite ones only."""
        raw = self.exact(tag)
        if not raw or len(raw) % 8:
            return ()
        order = "<" if self.little_endian else ">"
        values = struct.unpack(f"{order}{len(raw) // 8}d", raw)
        return values if all(math.isfinite(value) for value in values) else ()

    def double(self, tag: int) -> float | None:
        """Return the first binary floating-point number."""
        values = self.doubles(tag)
        return values[0] if values else None

    def date(self, tag: int) -> date | None:
        """Return a date; also of the old form with points."""
        digits = self.text(tag).replace(".", "")
        try:
            return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
        except ValueError:
            return None


@lru_cache(maxsize=1024)  # the slices of a series repeat most of them
def _decimals(raw: bytes) -> tuple[float, ...]:
    stripped = [part.strip("\0 ") for part in raw.decode("latin-1").split("\\")]
    if not all(_DECIMAL.match(part) for part in stripped):
        return ()
    values = tuple(float(part) for part in stripped)
    return values if all(math.isfinite(value) for value in values) else ()
