"""``run.json``: what was run, with what, on what, and how it ended; no user's name in it."""

import getpass
import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from ifi_mri._version import __version__
from ifi_mri.batch.receipts import Settings
from ifi_mri.files import write_atomically

FILE_NAME: Final = "run.json"
SCHEMA_VERSION: Final = "1.0"

#: Packages that numbers pass through.
PACKAGES: Final = (
    "numpy", "scipy", "scikit-image", "pydicom", "nibabel", "imagecodecs", "pyarrow", "pydantic",
)  # fmt: skip

#: Earlier runs on the same folder that are remembered.
_MOST_EARLIER: Final = 100


@dataclass
class RunRecord:
    """One run of a batch.

    Attributes
    ----------
    command : sequence of str
        As it was typed.
    table_sha256 : str or None
        Of the case table; None for a BIDS data set.
    """

    command: Sequence[str]
    settings: Settings
    cases_from: Path
    n_cases: int
    table_sha256: str | None
    workers: str
    earlier: list[dict[str, Any]]
    started_at: str = field(default_factory=lambda: now())

    def content(self, **end: Any) -> dict[str, Any]:
        """Return what the file holds; ``end`` is known when the run is over."""
        config = self.settings.config
        return {
            "schema_version": SCHEMA_VERSION,
            "state": "running",
            "command": [without_user(word) for word in self.command],
            "started_at": self.started_at,
            "finished_at": None,
            "software": {"name": "ifi_mri", "version": __version__},
            "versions": versions(),
            "host": host_facts(),
            "workers": self.workers,
            "config_digest": config.digest(),
            "config": config.model_dump(mode="json"),
            "formats": list(self.settings.formats),
            "label_table": without_user(self.settings.label_table or "") or None,
            "inputs": {
                "cases": without_user(str(self.cases_from)),
                "cases_sha256": self.table_sha256,
                "n_cases": self.n_cases,
                "each_case": "inputs_sha256 in cases.csv; every file in cases/*/report.json",
            },
            **end,
            "earlier_runs": self.earlier,
        }


def begun(
    folder: Path,
    settings: Settings,
    cases_from: Path,
    n_cases: int,
    workers: str,
    command: Sequence[str],
) -> RunRecord:
    """Return the record of a run that begins now in a folder."""
    return RunRecord(
        command=command,
        settings=settings,
        cases_from=cases_from,
        n_cases=n_cases,
        table_sha256=sha256_of(cases_from),
        workers=workers,
        earlier=earlier_runs(folder),
    )


def write(folder: Path, content: Mapping[str, Any]) -> None:
    """Write ``run.json``; OSError where the disk refuses."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    write_atomically(folder / FILE_NAME, f"{text}\n".encode(errors="replace"))


def earlier_runs(folder: Path) -> list[dict[str, Any]]:
    """Return the runs before, the last one first: when, of which version, how they ended."""
    try:
        content = json.loads((folder / FILE_NAME).read_bytes())
        last = {
            name: content[name]
            for name in ("state", "started_at", "finished_at", "config_digest", "counts")
            if name in content
        }
        last["version"] = content["software"]["version"]
        return [last, *content["earlier_runs"]][:_MOST_EARLIER]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def now() -> str:
    """Return the time, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def sha256_of(path: Path) -> str | None:
    """Return the SHA-256 of a file; None of a folder."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that numbers pass through."""
    return {"python": platform.python_version()} | {
        name: metadata.version(name) for name in PACKAGES
    }


def host_facts() -> dict[str, Any]:
    """Return what the machine is like, without its name or its user's."""
    return {
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "memory_gb": _memory_gb(),
        "python": sys.implementation.name,
    }


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None


def without_user(text: str) -> str:
    """Return a text with the user's home folder and name taken out."""
    home = str(Path("~").expanduser())
    if len(home) > 1:
        text = text.replace(home, "~")
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):
        return text
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(user)}(?![A-Za-z0-9])", "user", text)
