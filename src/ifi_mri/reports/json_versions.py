"""Versions of ``report.json``, and how an older one becomes the present one.

The promise: within 1.x keys are added, and none is removed, renamed or changes its meaning or unit;
a program that ignores keys it does not know reads every later 1.x.  What must break comes as 2.0,
with a step here that brings 1.x there.  ``ifi-mri`` itself reads every version back to 1.0, and
refuses a newer one rather than drop what it does not know.

- 1.0: the first.
- 1.1: adds the refined ends and the value as marked, sources and bias of the uncertainty, ranges of
  grades and whether they agree with the reader, spaces from bones, and the language.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from ifi_mri.errors import ReportError

#: Version of the keys that are written; the first number changes when a key changes its meaning.
SCHEMA_VERSION: Final = "1.1"

Content: TypeAlias = dict[str, Any]


class Step(NamedTuple):
    """One version to the next; ``change`` alters the content in place."""

    to: str
    change: Callable[[Content], None]


def _nothing_to_change(content: Content) -> None:
    """1.0 to 1.1: what was added has a value that says "not there" by itself."""


#: By the version that a step starts from.
STEPS: Final[Mapping[str, Step]] = {"1.0": Step("1.1", _nothing_to_change)}


def migrated(
    content: Content, steps: Mapping[str, Step] = STEPS, present: str = SCHEMA_VERSION
) -> Content:
    """Return the content of a report file in the present version.

    Content that states no version, or none that can be, is returned as it is: what reads it says
    what is wrong.

    Raises
    ------
    ReportError
        The version is newer than the present one.
    """
    version = content.get("schema_version")
    if not isinstance(version, str) or not re.fullmatch(r"\d{1,4}\.\d{1,4}", version):
        return content
    if _numbers(version) > _numbers(present):
        raise ReportError(
            f"report.json: its schema_version is {version}, this ifi_mri reads up to {present}. "
            "Read it with the version of ifi_mri that wrote it, or a newer one."
        )
    while version in steps:
        step = steps[version]
        content = dict(content)
        step.change(content)
        version = content["schema_version"] = step.to
    return content


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
