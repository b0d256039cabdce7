"""What a study's headers said, kept beside the output so that the next run need not read them.

The index is used only while every file under the study has the path, size and modification time
that it had; one that differs, is new or is gone, and all headers are read again.  It holds no
pixels, no patient and no file name (slices refer to the sorted list of files by number), and what
it says of a slice is checked against the file when its pixels are read (`dicom.read_voxels`,
`nifti.read_voxels`).

Its first line is a digest of the rest and of what the rest depends on; the rest is JSON, in which
the slices of all series stand as columns.  Whatever it holds, reading it gives a study of sound
values or none.
"""

import dataclasses
import hashlib
import json
import math
import os
import stat
import struct
import tempfile
import typing
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from pathlib import Path
from types import NoneType
from typing import Any, Final

from ifi_mri._version import __version__
from ifi_mri.config import SeriesWords
from ifi_mri.loaders.indexed_slices import (
    IndexedSlices,
    SliceColumns,
    plain_slices,
    slice_columns,
)
from ifi_mri.loaders.source_files import FileFacts, PlainFile
from ifi_mri.model import Caution, Grid, Instance, Series, Study
from ifi_mri.vocabulary import Side

#: Grows when the layout of the index or the meaning of a field changes.
LAYOUT: Final = 6

#: No index of a study comes near this; a larger file is not read.
LARGEST_INDEX: Final = 64 * 1024 * 1024

#: A grid whose axes span less than this share of a box with its edges spans no volume.
_FLAT: Final = 1e-9

#: What reading a damaged index may meet.
_DAMAGE: Final = (
    OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError,
    struct.error,
)  # fmt: skip


def fingerprint(files: Sequence[FileFacts], root: Path, words: SeriesWords) -> bytes:
    """Return a digest of the paths, sizes and modification times of files, and of everything else
    that shapes what the headers are read as."""
    paths, sizes, times = zip(*files, strict=True) if files else ((), (), ())
    settings = (_settings(words), str(len(files)), str(root))
    digest = hashlib.blake2b(digest_size=32)
    digest.update("\0".join((*settings, *paths, "")).encode("utf-8", "surrogatepass"))
    digest.update(struct.pack(f"<{2 * len(files)}q", *sizes, *times))
    return digest.digest()


@lru_cache(maxsize=8)
def _settings(words: SeriesWords) -> str:
    return repr((LAYOUT, __version__, vars(words)))


def read_index(
    path: Path, expected: bytes, files: Sequence[FileFacts], root: Path
) -> tuple[Study, Instance] | None:
    """Return the study that an index holds, without its patient and accession number, and the
    first file's slice, whose header says these; None where the index does not fit."""
    try:
        seal, _, content = _bytes_of(path).partition(b"\n")
        if seal != _seal(content, expected):
            return None
        return _study(json.loads(content), files, root)
    except _DAMAGE:
        return None  # a damaged index is no index


def _bytes_of(path: Path) -> bytes:
    """Return the bytes of a file; ValueError where it is a pipe, a device or too large."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_INDEX:
        raise ValueError(status.st_size)
    file = PlainFile(path)
    try:
        return file.read(0, LARGEST_INDEX)
    finally:
        file.close()


def write_index(path: Path, expected: bytes, files: Sequence[FileFacts], study: Study) -> None:
    """Write an index, readable by its owner alone; a folder that cannot be written is no error."""
    content = json.dumps(_plain_study(study, files), separators=(",", ":")).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(_seal(content, expected) + b"\n" + content)
        os.replace(file.name, path)  # noqa: PTH105
    except OSError:
        return


def _seal(content: bytes, expected: bytes) -> bytes:
    """Return the line that fits this content and the files of that fingerprint alone."""
    return hashlib.blake2b(content, key=expected, digest_size=32).hexdigest().encode()


# --- study to plain values ----------------------------------------------------------------------


def _plain_study(study: Study, files: Sequence[FileFacts]) -> dict[str, Any]:
    number = {Path(path): k for k, (path, _, _) in enumerate(files)}
    slices = [instance for series in study.series for instance in series.instances]
    return {
        "study_uid": study.study_uid,
        "study_date": study.study_date.isoformat() if study.study_date else None,
        "n_ignored_files": study.n_ignored_files,
        "cautions": _plain_cautions(study.cautions),
        "series": [_plain_series(series) for series in study.series],
        "slices": plain_slices(slices, number),
    }


def _plain_series(series: Series) -> dict[str, Any]:
    values = {name: getattr(series, name) for name in (*_PLAIN, *_TUPLES)}
    values["laterality"] = series.laterality
    values["grid"] = series.grid and [series.grid.rows_of_affine, series.grid.shape]
    values["cautions"] = _plain_cautions(series.cautions)
    values["n_slices"] = len(series.instances)
    return values


def _plain_cautions(cautions: Sequence[Caution]) -> list[list[str | None]]:
    return [[caution.code, caution.text, caution.side] for caution in cautions]


# --- and back -----------------------------------------------------------------------------------


def _plain_fields() -> dict[str, frozenset[type]]:
    """Return the fields of a series that hold a plain value, and its types as annotated."""
    found = {}
    for field in dataclasses.fields(Series):
        kinds = frozenset(typing.get_args(field.type) or (field.type,))
        if kinds <= {str, int, float, bool, NoneType}:
            found[field.name] = kinds | {int} if float in kinds else kinds
    return found


_PLAIN: Final = _plain_fields()
_plain_of: Final = itemgetter(*_PLAIN)
_reals_of: Final = itemgetter(*(name for name, kinds in _PLAIN.items() if float in kinds))
_TUPLES: Final = ("scanning_sequence", "scan_options", "image_type")


def _study(
    content: Mapping[str, Any], files: Sequence[FileFacts], root: Path
) -> tuple[Study, Instance]:
    study_date = content["study_date"]
    columns = slice_columns(content["slices"], files)
    series, start = [], 0
    for values in content["series"]:
        end = start + _checked(values["n_slices"], _WHOLE)
        series.append(_series(values, columns, range(start, end)))
        start = end
    if start != len(columns) or not series:
        raise ValueError(start)
    study = Study(
        study_uid=_checked(content["study_uid"], _TEXT),
        root=root,
        series=tuple(series),
        study_date=None if study_date is None else date.fromisoformat(study_date),
        n_ignored_files=_checked(content["n_ignored_files"], _WHOLE),
        cautions=_cautions(content["cautions"]),
    )
    return study, columns.of_first_file()


_TEXT: Final = frozenset({str})
_WHOLE: Final = frozenset({int})
_REAL: Final = frozenset({float})


def _checked(value: Any, kinds: frozenset[type]) -> Any:
    """Return a value of one of some types, finite; ValueError for any other."""
    if type(value) not in kinds or (type(value) is float and not math.isfinite(value)):
        raise ValueError(value)
    return value


def _series(values: Mapping[str, Any], columns: SliceColumns, which: range) -> Series:
    plain = _plain_of(values)
    if not all(map(frozenset.__contains__, _PLAIN.values(), map(type, plain))):
        raise ValueError(plain)
    if not math.isfinite(sum(filter(None, _reals_of(values)))):
        raise ValueError(plain)
    fields = dict(zip(_PLAIN, plain, strict=True))
    for name in _TUPLES:
        texts = fields[name] = tuple(values[name])
        if not _TEXT.issuperset(map(type, texts)):
            raise ValueError(texts)
    side = values["laterality"]
    series = Series(
        **fields,
        laterality=Side(side) if side else None,
        grid=_grid(values["grid"], len(which)),
        cautions=_cautions(values["cautions"]),
        instances=IndexedSlices(columns, which),
    )
    _check_loadable(series, columns, which)
    return series


def _grid(values: Any, n_slices: int) -> Grid | None:
    """Return a grid of as many slices as there are; ValueError where it spans no volume."""
    if values is None:
        return None
    rows, shape = values
    numbers = [*chain(*rows)]
    is_affine = [*map(len, rows)] == [4] * 4 and rows[3] == [0.0, 0.0, 0.0, 1.0]
    if not (is_affine and _REAL.issuperset(map(type, numbers)) and math.isfinite(sum(numbers))):
        raise ValueError(rows)
    grid = Grid(tuple(map(tuple, rows)), tuple(_checked(n, _WHOLE) for n in shape))
    (a, b, c, _), (d, e, f, _), (g, h, i, _), _ = rows
    box = math.hypot(a, d, g) * math.hypot(b, e, h) * math.hypot(c, f, i)
    volume = abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))
    if len(shape) != 3 or min(shape) < 1 or shape[0] != n_slices or volume <= _FLAT * box:
        raise ValueError(values)
    return grid


def _check_loadable(series: Series, columns: SliceColumns, which: range) -> None:
    """Refuse a series of no known format, without a grid and a reason for it, and a NIfTI volume
    whose slices are not those of its file in their order: its reader asks for no more."""
    is_known = series.format in ("dicom", "nifti") and len(which) > 0
    if not is_known or (series.grid is None and not series.refusal):
        raise ValueError(series.format)
    if series.format == "nifti" and series.grid is not None and not columns.are_one_volume(which):
        raise ValueError(which)


def _cautions(plain: Sequence[Sequence[Any]]) -> tuple[Caution, ...]:
    return tuple(
        Caution(_checked(code, _TEXT), _checked(text, _TEXT), Side(side) if side else None)
        for code, text, side in plain
    )
