"""``report.json``: the report for other programs, complete enough to become a `Report` again.

The keys stand in `ifi_mri.reports.json_keys`; `schema` publishes them as JSON Schema 2020-12
(https://json-schema.org/draft/2020-12).  UTF-8, RFC 8259: no NaN, no Infinity.
"""

import json
from collections.abc import Callable
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, to_json

from ifi_mri.config import describe
from ifi_mri.errors import ReportError
from ifi_mri.model import OpenVolume, Report, Study
from ifi_mri.reports.json_keys import ReportKeys
from ifi_mri.reports.json_values import Keys
from ifi_mri.reports.json_versions import migrated

NAME: Final = "json"
FILE_NAME: Final = "report.json"

SCHEMA_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

#: Length of the margin (a line break and a blank for each level) of the report's own lists.
OUTERMOST: Final = 2

#: Types of most values: asked for first, since to look at a class of pydantic takes longer than to
#: write them.
_SIMPLE: Final = frozenset({str, int, float, bool, NoneType})


def render(report: Report, study: Study, open_volume: OpenVolume) -> bytes:  # noqa: ARG001
    """Return the report as JSON; ``study`` and ``open_volume`` are not looked at.

    Raises
    ------
    ReportError
        The report holds a number that is not finite, or a value of a wrong type.
    """
    try:
        keys = ReportKeys.from_report(report)
    except ValidationError as problem:
        raise ReportError(
            f"the report of case {report.case_id} cannot be written as JSON: {_first(problem)}. "
            "This is a fault in the software; please report it."
        ) from problem
    try:
        return _Writer(to_json).in_lines(keys) + b"\n"
    except PydanticSerializationError:
        return _Writer(_forgiving).in_lines(keys) + b"\n"


def read(content: bytes) -> Report:
    """Return the report that a ``report.json`` holds, equal to the one that was written but for
    numbers rounded to 6 decimals and series without their files.

    An older version of the keys becomes the present one (`ifi_mri.reports.json_versions`).

    Raises
    ------
    ReportError
        The content is not JSON, its keys are not those of a report, or it is of a newer version.
    """
    try:
        report: Report = ReportKeys.model_validate_json(_in_present_version(content)).to_noun()
    except ValidationError as problem:
        raise ReportError(f"{FILE_NAME}: {describe(problem)}") from problem
    return report


def _in_present_version(content: bytes) -> bytes:
    """Return content whose keys are the present ones; what is no JSON object as it is."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return content
    if not isinstance(found, dict):
        return content
    present = migrated(found)
    return content if present is found else json.dumps(present).encode()


def schema() -> dict[str, Any]:
    """Return the JSON Schema of ``report.json``, with units and meanings."""
    keys = ReportKeys.model_json_schema(mode="serialization")
    return {"$schema": SCHEMA_DIALECT, "title": "ifi_mri report"} | {
        key: value for key, value in keys.items() if key != "title"
    }


def _first(problem: ValidationError) -> str:
    found = problem.errors(include_url=False)[0]
    key = ".".join(str(part) for part in found["loc"]) or "the whole"
    return f"{key}: {found['msg']}"


class _Writer:
    """Writes one report, each value by ``write``; an outline once, though the same one stands with
    every number that was taken from it (known by its identity, as long as the report is held)."""

    def __init__(self, write: Callable[[Any], bytes]) -> None:
        self._write = write
        self._outlines: dict[int, bytes] = {}

    def in_lines(self, value: Any, margin: bytes = b"\n") -> bytes:
        """Return a value with a line for every key of an object and for every text or object of a
        list; objects of a list within a list, points and other numbers stay on one."""
        inner = margin + b" "
        if isinstance(value, Keys):
            parts = self._named(value, b": ", inner)
            return b"{%b%b%b}" % (inner, (b"," + inner).join(parts), margin)
        if isinstance(value[0], Keys) and len(margin) <= OUTERMOST:
            parts = [self.in_lines(item, inner) for item in value]
        else:
            parts = [self._on_one_line(item) for item in value]
        return b"[%b%b%b]" % (inner, (b"," + inner).join(parts), margin)

    def _named(self, keys: Keys, colon: bytes, margin: bytes | None) -> list[bytes]:
        """Return the names and values of an object; without a margin each on one line."""
        write = self._write
        return [
            start + (write(item) if type(item) in _SIMPLE else self._nested(item, margin))
            for start, item in zip(_starts(type(keys), colon), vars(keys).values(), strict=True)
        ]

    def _nested(self, value: Any, margin: bytes | None) -> bytes:
        if margin is None or not _has_lines(value):
            return self._on_one_line(value)
        return self.in_lines(value, margin)

    def _on_one_line(self, value: Any) -> bytes:
        if isinstance(value, Keys):
            return b"{%b}" % b",".join(self._named(value, b":", None))
        if isinstance(value, Enum):
            return self._write(value.value)  # pydantic takes eight times as long to find it
        if type(value) is tuple and value and type(value[0]) is tuple:
            if id(value) not in self._outlines:
                self._outlines[id(value)] = self._write(value)
            return self._outlines[id(value)]
        return self._write(value)


def _has_lines(value: Any) -> bool:
    """Return whether a value is laid out in lines: an object, or a list of objects or texts."""
    if type(value) is tuple:
        return bool(value) and (type(value[0]) is str or isinstance(value[0], Keys))
    return isinstance(value, Keys)


@cache
def _starts(keys: type[Keys], colon: bytes) -> tuple[bytes, ...]:
    """Return what stands before the values of an object."""
    return tuple(to_json(name) + colon for name in keys.model_fields)


def _forgiving(value: Any) -> bytes:
    """Return a value as JSON on one line; signs of a file name that are no text become ``?``."""
    return json.dumps(value, default=vars, ensure_ascii=False, separators=(",", ":")).encode(
        errors="replace"
    )
