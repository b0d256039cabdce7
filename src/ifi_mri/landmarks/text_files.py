"""The bytes of a landmark file as text, numbers or JSON; or one sentence that says why not.

Strict where a lenient reader would guess: UTF-8 only, no doubled JSON keys, no ``NaN``, no numbers
with underscores or digits of other scripts, none of which a landmark ever needs.
"""

import json
import re
from pathlib import Path
from typing import Any, Final, NoReturn

from ifi_mri.errors import LandmarkError, LandmarkFormatError

#: What is read of a file to tell its format: the names of its keys or columns stand there.
HEAD_BYTES: Final = 64 * 1024

#: A set of one case is some 100 kB; this is eighty times as much.
LARGEST_CASE_BYTES: Final = 8 * 1024**2

#: A table may hold a cohort: 10,000 cases with outlines are some 25 MB.
LARGEST_TABLE_BYTES: Final = 32 * 1024**2

#: Characters of a file that an error message quotes at most.
LONGEST_QUOTE: Final = 60

_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

_DICOM_PREAMBLE: Final = 128


def named(path: Path) -> str:
    """Return a file's or folder's name for a message: folders above it may name the patient."""
    return path.name or str(path)


def read_head(path: Path) -> bytes:
    """Return the first `HEAD_BYTES` bytes of a file."""
    return _read(path, HEAD_BYTES)


def read_whole(path: Path, largest_bytes: int) -> bytes:
    """Return all bytes of a file; LandmarkFormatError where they are more than allowed."""
    content = _read(path, largest_bytes + 1)
    if len(content) > largest_bytes:
        raise LandmarkFormatError(
            f"{named(path)}: is larger than {largest_bytes / 1024**2:.0f} MB, which no landmark "
            "file of this format needs. Check that it is the right file."
        )
    return content


def _read(path: Path, n_bytes: int) -> bytes:
    try:
        if not path.is_file() and path.exists():  # a pipe or a device could be read for ever
            raise LandmarkError(f"{named(path)}: is not a regular file. Name a landmark file.")
        with path.open("rb") as file:
            return file.read(n_bytes)
    except OSError as problem:
        raise LandmarkError(
            f"{named(path)}: cannot be read ({problem.strerror}). Check the path and its "
            "permissions."
        ) from problem
    except ValueError as problem:
        raise LandmarkError(f"{shown(named(path))}: is not a path. Check it.") from problem


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder; False where the system will not say."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def is_dicom(content: bytes) -> bool:
    """Return whether the bytes begin as a DICOM file does (PS3.10, section 7.1)."""
    return content[_DICOM_PREAMBLE : _DICOM_PREAMBLE + 4] == b"DICM"


def as_text(content: bytes, source: Path) -> str:
    """Return the bytes of a file as text, without a byte order mark."""
    if is_dicom(content):
        raise LandmarkFormatError(
            f"{named(source)}: is a DICOM file, a landmark file as its name says was expected. "
            "Name the landmark file."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise LandmarkFormatError(
            f"{named(source)}: is not UTF-8 text (byte {problem.start + 1}). Save it as UTF-8."
        ) from problem
    if "\0" in text:
        raise LandmarkFormatError(
            f"{named(source)}: holds zero bytes: it is binary, or text in UTF-16. Save it as UTF-8."
        )
    if not text.strip():
        raise LandmarkFormatError(f"{named(source)}: is empty. Name a file that holds landmarks.")
    return text


def as_json(content: bytes, source: Path) -> dict[str, Any]:
    """Return the JSON object that a file holds.

    Raises
    ------
    LandmarkFormatError
        Not JSON, not an object, a doubled key, ``NaN`` or ``Infinity``, nested too deeply, or half
        a character (a lone surrogate).
    """
    text = as_text(content, source)
    try:
        value = json.loads(
            text, object_pairs_hook=_without_doubled_keys, parse_constant=_refuse_constant
        )
        _refuse_half_characters(text, value)
    except RecursionError as problem:
        raise nested_too_deeply(source) from problem
    except ValueError as problem:
        raise LandmarkFormatError(
            f"{named(source)}: is not valid JSON: {problem}. Correct that place."
        ) from problem
    if not isinstance(value, dict):
        kind = "a list" if isinstance(value, list) else f"the value {shown(value)}"
        raise LandmarkFormatError(
            f"{named(source)}: holds {kind}, a JSON object {{...}} was expected. Name a landmark "
            "file."
        )
    return value


def nested_too_deeply(source: Path) -> LandmarkFormatError:
    """Return the error for lists within lists without end."""
    return LandmarkFormatError(
        f"{named(source)}: is nested too deeply for a landmark file. Check that it is the right "
        "file."
    )


def _without_doubled_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise ValueError(f"the key {shown(key)} stands twice in one object")
        content[key] = value
    return content


def _refuse_half_characters(text: str, value: object) -> None:
    """Refuse a lone surrogate, which JSON can spell but no report can be written with."""
    if "\\ud" not in text.lower():
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as problem:
        raise ValueError("it holds half a character (a lone \\ud...)") from problem


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number that JSON allows")


def as_number(text: str) -> float | None:
    """Return a number written with ASCII digits and a decimal point; None where it is not one."""
    return float(text) if _NUMBER.fullmatch(text.strip()) else None


def shown(value: object) -> str:
    """Return something found in a file for a message: quoted, escaped, not too long."""
    text = repr(value)
    return text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 3]}..."
