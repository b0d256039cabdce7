"""What a study's headers said, kept beside the output so that the next run need not read them.

The index is used only while every file under the study has the path, size and modification time
that it had; one that differs, is new or is gone, and all headers are read again.  It holds no
pixels, no patient and no file name (slices refer to the sorted list of files by number), and what
it says of a slice is checked against the file when its pixels are read.
"""

import dataclasses
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from ifi_mri._version import __version__
from ifi_mri.config import SeriesWords
from ifi_mri.loaders.source_files import FoundFile
from ifi_mri.model import Caution, Grid, Instance, Series, Study
from ifi_mri.vocabulary import Side

#: Grows when the layout of the index or the meaning of a field changes.
LAYOUT: Final = 2

_INSTANCE_FIELDS: Final = ("sop_class_uid", "sop_instance_uid", "frame", "position_mm", "number")


def fingerprint(files: Sequence[FoundFile], root: Path, words: SeriesWords) -> str:
    """Return a digest of the paths, sizes and modification times of files, and of everything else
    that shapes what the headers are read as."""
    return hashlib.sha256(
        repr((LAYOUT, __version__, str(root), words.model_dump(), files)).encode()
    ).hexdigest()


def read_index(path: Path, expected: str, files: Sequence[FoundFile], root: Path) -> Study | None:
    """Return the study that an index holds, without its patient, or None where it does not fit."""
    try:
        content = json.loads(path.read_bytes())
        if content["fingerprint"] != expected:
            return None
        return _study(content["study"], files, root)
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None  # a damaged index is no index


def write_index(path: Path, expected: str, files: Sequence[FoundFile], study: Study) -> None:
    """Write an index, readable by its owner alone; a folder that cannot be written is no error."""
    content = {"fingerprint": expected, "study": _plain_study(study, files)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(json.dumps(content, separators=(",", ":")).encode())
        os.replace(file.name, path)  # noqa: PTH105
    except OSError:
        return


# --- study to plain values ----------------------------------------------------------------------


def _plain_study(study: Study, files: Sequence[FoundFile]) -> dict[str, Any]:
    number = {Path(file.path): k for k, file in enumerate(files)}
    return {
        "study_uid": study.study_uid,
        "study_date": study.study_date.isoformat() if study.study_date else None,
        "n_ignored_files": study.n_ignored_files,
        "cautions": _plain_cautions(study.cautions),
        "series": [_plain_series(series, number) for series in study.series],
    }


def _plain_series(series: Series, number: Mapping[Path, int]) -> dict[str, Any]:
    values = {
        field.name: getattr(series, field.name)
        for field in dataclasses.fields(series)
        if field.name not in ("grid", "instances", "cautions")
    }
    values["grid"] = series.grid and [series.grid.rows_of_affine, series.grid.shape]
    values["cautions"] = _plain_cautions(series.cautions)
    values["instances"] = [
        [number[instance.path], *(getattr(instance, name) for name in _INSTANCE_FIELDS)]
        for instance in series.instances
    ]
    return values


def _plain_cautions(cautions: Sequence[Caution]) -> list[list[str | None]]:
    return [[caution.code, caution.text, caution.side] for caution in cautions]


# --- and back -----------------------------------------------------------------------------------


def _study(content: Mapping[str, Any], files: Sequence[FoundFile], root: Path) -> Study:
    study_date = content["study_date"]
    return Study(
        study_uid=content["study_uid"],
        root=root,
        series=tuple(_series(values, files) for values in content["series"]),
        study_date=date.fromisoformat(study_date) if study_date else None,
        n_ignored_files=content["n_ignored_files"],
        cautions=_cautions(content["cautions"]),
    )


def _series(values: dict[str, Any], files: Sequence[FoundFile]) -> Series:
    for name in ("scanning_sequence", "scan_options", "image_type"):
        values[name] = tuple(values[name])
    side, grid = values["laterality"], values["grid"]
    values["laterality"] = Side(side) if side else None
    values["grid"] = grid and Grid(tuple(tuple(row) for row in grid[0]), tuple(grid[1]))
    values["cautions"] = _cautions(values["cautions"])
    values["instances"] = tuple(
        Instance(_path(files[k].path), sop_class, sop_instance, frame, tuple(position), number)
        for k, sop_class, sop_instance, frame, position, number in values["instances"]
    )
    return Series(**values)


@lru_cache(maxsize=4096)
def _path(text: str) -> Path:
    """Return a path; making one anew takes longer than all else that an instance needs."""
    return Path(text)


def _cautions(plain: Sequence[Sequence[Any]]) -> tuple[Caution, ...]:
    return tuple(Caution(code, text, Side(side) if side else None) for code, text, side in plain)
