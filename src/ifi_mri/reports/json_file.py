"""``report.json``: the report for other programs, complete enough to become a `Report` again.

The keys stand in `ifi_mri.reports.json_keys`; `schema` publishes them as JSON Schema 2020-12
(https://json-schema.org/draft/2020-12).  UTF-8, RFC 8259: no NaN, no Infinity.
"""

import json
from functools import lru_cache
from itertools import chain
from json.encoder import encode_basestring
from typing import Any, Final

from pydantic import ValidationError

from ifi_mri.config import describe
from ifi_mri.errors import ReportError
from ifi_mri.model import OpenVolume, Report, Study
from ifi_mri.reports.json_keys import ReportKeys
from ifi_mri.reports.json_versions import migrated

NAME: Final = "json"
FILE_NAME: Final = "report.json"

SCHEMA_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_string = encode_basestring
_NAMES: Final = {None: "null", True: "true", False: "false"}

#: Lists and objects that fit on a line of this many characters stay on one line.
LINE_LENGTH: Final = 100


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
    return (_laid_out(keys.model_dump(mode="json")) + "\n").encode(errors="replace")


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


@lru_cache(1024)
def points_line(points: tuple[tuple[float, ...], ...]) -> str:
    """Return points as JSON on one line: numbers, with nothing but brackets between points.  The
    same outline stands with several numbers, so it is written out once."""
    return json.dumps(points)


def _is_of_points(value: list[Any]) -> bool:
    """Return whether a list holds nothing but points; most of a report are such lists."""
    return (
        set(map(type, value)) == {list}
        and set(map(len, value)) == {3}
        and set(map(type, chain.from_iterable(value))) == {float}
    )


def _laid_out(value: Any, indent: int = 0) -> str:
    """Return JSON with short lists and objects on one line, so that a point is one line too."""
    if isinstance(value, dict):
        parts = [f"{_string(key)}: {_laid_out(item, indent + 1)}" for key, item in value.items()]
        opening, closing = "{}"
    elif isinstance(value, list) and _is_of_points(value):
        margin = "\n" + " " * (indent + 1)
        line = points_line(tuple(map(tuple, value)))
        if len(line) + indent <= LINE_LENGTH:
            return line
        points = line[1:-1].replace("], [", f"],{margin}[")
        return f"[{margin}{points}\n{' ' * indent}]"
    elif isinstance(value, list):
        parts = [  # numbers are most of a report: without a call for each
            repr(item) if type(item) is float else _laid_out(item, indent + 1) for item in value
        ]
        opening, closing = "[]"
    elif isinstance(value, str):
        return _string(value)
    else:
        return repr(value) if type(value) in (int, float) else _NAMES[value]
    line = f"{opening}{', '.join(parts)}{closing}"
    if len(line) + indent <= LINE_LENGTH and "\n" not in line:
        return line
    margin = "\n" + " " * (indent + 1)
    return f"{opening}{margin}{f',{margin}'.join(parts)}\n{' ' * indent}{closing}"
