"""The JSON file beside a NIfTI file: what dcm2niix and BIDS keep of the DICOM header.

Times are in seconds there (BIDS 1.10, *MRI data*; dcm2niix's BIDS.md) and leave here in ms.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ifi_mri.errors import UnreadableImageError
from ifi_mri.loaders.source_files import Opener
from ifi_mri.vocabulary import Side

#: A sidecar larger than this is none.
LARGEST_BYTES = 4 << 20


@dataclass(frozen=True)
class Sidecar:
    """Values of a sidecar by their key; what is missing or of another kind comes out empty."""

    content: Mapping[str, Any]

    def text(self, *keys: str) -> str:
        """Return the first of the keys that holds a text."""
        for key in keys:
            value = self.content.get(key)
            if isinstance(value, str) and value.strip():
                return value.strip()
        return ""

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; dcm2niix joins some by ``\\`` or ``_``."""
        value = self.content.get(key)
        if isinstance(value, str):
            value = value.replace("\\", " ").split()
        if not isinstance(value, list):
            return ()
        return tuple(part for part in value if isinstance(part, str) and part)

    def number(self, key: str) -> float | None:
        """Return a finite number."""
        value = self.content.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        try:
            return float(value) if math.isfinite(value) else None
        except OverflowError:
            return None

    def time_ms(self, key: str) -> float | None:
        """Return a time above zero, given in seconds, in ms; rounded to a nanosecond."""
        seconds = self.number(key)
        return round(seconds * 1000, 6) if seconds is not None and seconds > 0 else None

    def integer(self, key: str) -> int | None:
        """Return a whole number."""
        value = self.number(key)
        return int(value) if value is not None and value == int(value) else None

    @property
    def laterality(self) -> Side | None:
        """The side that the sidecar states."""
        stated = self.text("Laterality", "ImageLaterality").upper()
        return {"L": Side.LEFT, "R": Side.RIGHT}.get(stated)


def read_sidecars(paths: Sequence[Path], opener: Opener) -> Sidecar:
    """Return the content of sidecars as one; a later one overrules an earlier one.

    Raises
    ------
    UnreadableImageError
        One of them is no JSON object.
    """
    content: dict[str, Any] = {}
    for path in paths:
        content |= _content(path, opener)
    return Sidecar(content)


def _content(path: Path, opener: Opener) -> dict[str, Any]:
    source = opener.open(path)
    try:
        raw = source.read(0, LARGEST_BYTES + 1)
    finally:
        source.close()
    try:
        if len(raw) > LARGEST_BYTES:
            raise ValueError(f"more than {LARGEST_BYTES >> 20} MiB")
        content = json.loads(raw.decode("utf-8-sig"))
        if not isinstance(content, dict):
            raise ValueError("no JSON object")
    except (ValueError, RecursionError) as problem:
        raise UnreadableImageError(
            f"{path.name}: the sidecar cannot be read ({problem}). Correct or remove it."
        ) from problem
    return content
