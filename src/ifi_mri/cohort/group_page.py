"""The group page: one self-contained file for looking through a cohort, also offline.

Its data lie in the page as JSON; the charts, the table and the review list are drawn by the small
program `group.js` in the page itself.  Nothing is fetched, which a content security policy makes
sure of; a review is saved as ``review.csv``, which ``ifi-mri batch --only-failed`` reads.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ifi_mri.cohort import group
from ifi_mri.cohort.group import Line
from ifi_mri.config import find_profile
from ifi_mri.errors import ConfigError
from ifi_mri.reports import html_page, output_folder

FILE_NAME: Final = "group.html"

#: The columns of a review, as the page saves it.
REVIEW_COLUMNS: Final = ("case_id", "reader", "read", "verdict", "comment")


def write(folder: Path) -> list[Path]:
    """Write ``group.html`` of a batch beside its tables, where its links lead to the reports, and
    return its path.

    Raises
    ------
    ConfigError
        The folder holds no tables of a batch.
    ReportError
        The page cannot be written.
    """
    return output_folder.write(folder, {FILE_NAME: render(group.lines(folder))})


def render(lines: Sequence[Line]) -> bytes:
    """Return the page."""
    data = {
        "lines": group.as_values(lines),
        "cutoffs": _cutoffs(lines),
        "reviewColumns": list(REVIEW_COLUMNS),
    }
    return html_page.page(
        "group.html.j2",
        data=_embedded(data),
        n_readings=len(lines),
        n_cases=len({line.case_id for line in lines}),
        n_failed=sum(line.status == "failed" for line in lines),
        readers=sorted({line.reader for line in lines if line.reader}),
        groups=sorted({line.group for line in lines if line.group}),
    )


def _cutoffs(lines: Sequence[Line]) -> dict[str, Any]:
    """Return the cut-offs of the profiles that judged, by profile."""
    found: dict[str, Any] = {}
    for profile_id in sorted({line.profile for line in lines if line.profile}):
        try:
            profile = find_profile(profile_id)
        except ConfigError:  # a profile of another version
            continue
        found[profile_id] = {
            "title": profile.title,
            "ifs": profile.cutoff_mm.ischiofemoral_space,
            "qfs": profile.cutoff_mm.quadratus_femoris_space,
        }
    return found


def _embedded(data: Any) -> str:
    """Return JSON that may stand in a script element: nothing in it can end the element."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
