"""A study's headers as bytes: counts, numbers of every series, records of all slices, and texts.

What lies in a record or among the texts cannot be a value of another kind.  Slices stay records
until they are asked for (`indexed_slices`).  Patient and accession number are left out.
"""

import math
import struct
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from ifi_mri.loaders.indexed_slices import (
    NO_TEXT,
    RECORD_BYTES,
    IndexedSlices,
    SliceRecords,
    record_of,
)
from ifi_mri.loaders.source_files import FileFacts
from ifi_mri.model import Caution, Grid, Series, Study
from ifi_mri.vocabulary import Side

#: Numbers of series, of slices, and of files that were ignored.
_COUNTS: Final = struct.Struct("<3Q")

#: Fields of a series by the kind of their values: reals or None, texts, texts or None, and lists
#: of texts.
_REALS: Final = (
    "slice_thickness_mm", "echo_time_ms", "repetition_time_ms", "inversion_time_ms",
    "flip_angle_deg", "field_strength_t", "pixel_bandwidth_hz",
)  # fmt: skip
_TEXTS: Final = (
    "series_uid", "study_uid", "label", "description", "format", "modality", "sequence_name",
    "body_part", "manufacturer", "manufacturer_model",
)  # fmt: skip
_TEXTS_OR_NONE: Final = (
    "frame_of_reference_uid", "fat_suppression", "patient_position", "refusal", "laterality"
)  # fmt: skip
_LISTS: Final = ("scanning_sequence", "scan_options", "image_type")

#: Numbers of a series: the reals above and its affine without the last row; its own number, that of
#: its slices, whether contrast agent was given, and its grid's shape, (0, 0, 0) where it has none.
_N_REALS: Final = len(_REALS) + 12
_NUMBERS: Final = struct.Struct(f"<{_N_REALS}d6q")

#: What None is among the whole numbers.
_NO_WHOLE: Final = -(2**63)

#: Texts: those above, the lists, and its cautions.
_N_TEXTS: Final = len(_TEXTS) + len(_TEXTS_OR_NONE) + len(_LISTS) + 1

#: What stands between texts, and between the parts of one.
_BETWEEN_TEXTS: Final = "\0"
_BETWEEN_PARTS: Final = "\x1f"

#: A grid whose axes span less than this share of a box with its edges spans no volume.
_FLAT: Final = 1e-9

_reals_of: Final = attrgetter(*_REALS)
_texts_of: Final = attrgetter(*_TEXTS)
_texts_or_none_of: Final = attrgetter(*_TEXTS_OR_NONE)
_lists_of: Final = attrgetter(*_LISTS)


def packed(study: Study, files: Sequence[FileFacts]) -> bytes:
    """Return bytes of which `unpacked` makes a study again, in so far as its values can be kept so.

    Raises
    ------
    LookupError, struct.error
        A slice lies in none of the files, or a number is too large.
    """
    slices = [instance for series in study.series for instance in series.instances]
    number = {Path(path): k for k, (path, _, _) in enumerate(files)}
    class_uids = [_text(one.sop_class_uid) for one in slices]
    if class_uids.count(class_uids[0]) == len(class_uids):
        class_uids = class_uids[:1]
    texts = [
        study.study_uid,
        study.study_date.isoformat() if study.study_date else NO_TEXT,
        _text_of_cautions(study.cautions),
        _BETWEEN_PARTS.join(class_uids),
        *(text for series in study.series for text in _texts(series)),
    ]
    return b"".join((
        _COUNTS.pack(len(study.series), len(slices), study.n_ignored_files),
        *(_NUMBERS.pack(*_numbers(series)) for series in study.series),
        *(record_of(one, number[one.path]) for one in slices),
        _BETWEEN_TEXTS.join(texts).encode("utf-8", "surrogatepass"),
    ))  # fmt: skip


def _numbers(series: Series) -> Iterator[float]:
    for value in _reals_of(series):
        yield math.nan if value is None else value
    rows = series.grid.rows_of_affine[:3] if series.grid else ((math.nan,) * 4,) * 3
    yield from chain.from_iterable(rows)
    yield _NO_WHOLE if series.number is None else series.number
    yield len(series.instances)
    yield series.contrast_agent
    yield from series.grid.shape if series.grid else (0, 0, 0)


def _texts(series: Series) -> list[str]:
    return [
        *_texts_of(series),
        *map(_text, _texts_or_none_of(series)),
        *map(_BETWEEN_PARTS.join, _lists_of(series)),
        _text_of_cautions(series.cautions),
    ]


def _text(value: str | None) -> str:
    return NO_TEXT if value is None else value


def _text_of_cautions(cautions: Iterable[Caution]) -> str:
    return _BETWEEN_PARTS.join(
        part for one in cautions for part in (one.code, one.text, _text(one.side))
    )


# --- and back -----------------------------------------------------------------------------------


def unpacked(content: bytes, files: Sequence[FileFacts], root: Path) -> tuple[Study, SliceRecords]:
    """Return the study that bytes hold, and its slices.

    Raises
    ------
    ValueError, LookupError, struct.error
        They are not what `packed` returns for a study in these files, or not of sound values.
    """
    n_series, n_slices, n_ignored = _COUNTS.unpack_from(content)
    start = _COUNTS.size + _NUMBERS.size * n_series
    end = start + RECORD_BYTES * n_slices
    texts = content[end:].decode("utf-8", "surrogatepass").split(_BETWEEN_TEXTS)
    study_uid, day, cautions, class_uids, *of_series = texts
    slices = SliceRecords(files, content[start:end], class_uids.split(_BETWEEN_PARTS))
    numbers = _NUMBERS.iter_unpack(content[_COUNTS.size : start])
    study = Study(
        study_uid=study_uid,
        root=root,
        series=_all_series([*numbers], of_series, slices),
        study_date=None if day == NO_TEXT else date.fromisoformat(day),
        n_ignored_files=n_ignored,
        cautions=_cautions(cautions),
    )
    return study, slices


def _all_series(
    numbers: Sequence[tuple[Any, ...]], texts: Sequence[str], slices: SliceRecords
) -> tuple[Series, ...]:
    """Return the series, whose slices follow one another."""
    if len(texts) != _N_TEXTS * len(numbers):
        raise ValueError(texts)
    start, found = 0, []
    for k, of_series in enumerate(numbers):
        reals, wholes = of_series[:_N_REALS], of_series[_N_REALS:]
        which = range(start, start := start + wholes[1])
        series = _series(
            reals,
            wholes,
            texts[_N_TEXTS * k : _N_TEXTS * (k + 1)],
            IndexedSlices(slices, which),
        )
        _check_loadable(series, slices, which)
        found.append(series)
    if start != len(slices):
        raise ValueError(start)
    return tuple(found)


def _series(
    reals: Sequence[float], wholes: Sequence[int], texts: Sequence[str], slices: IndexedSlices
) -> Series:
    number, n_slices, contrast_agent, *shape = wholes
    plain, optional = texts[: len(_TEXTS)], texts[len(_TEXTS) : -len(_LISTS) - 1]
    known = reals[: len(_REALS)]
    values: dict[str, Any] = dict(zip(_TEXTS, plain, strict=True))
    for name, text in zip(_TEXTS_OR_NONE, optional, strict=True):
        values[name] = None if text == NO_TEXT else text
    for name, real in zip(_REALS, known, strict=True):
        values[name] = None if math.isnan(real) else real
    for name, text in zip(_LISTS, texts[-len(_LISTS) - 1 : -1], strict=True):
        values[name] = _parts(text)
    side = values["laterality"]
    values["laterality"] = None if side is None else Side(side)
    if contrast_agent not in (0, 1) or any(map(math.isinf, known)):
        raise ValueError(contrast_agent, known)
    return Series(
        **values,
        number=None if number == _NO_WHOLE else number,
        contrast_agent=contrast_agent == 1,
        grid=_grid(reals[len(_REALS) :], shape, n_slices) if shape != [0, 0, 0] else None,
        cautions=_cautions(texts[-1]),
        instances=slices,
    )


def _parts(text: str) -> tuple[str, ...]:
    return tuple(text.split(_BETWEEN_PARTS)) if text else ()


def _cautions(text: str) -> tuple[Caution, ...]:
    parts = iter(_parts(text))
    return tuple(
        Caution(code, sentence, None if side == NO_TEXT else Side(side))
        for code, sentence, side in zip(parts, parts, parts, strict=True)
    )


def _grid(affine: Sequence[float], shape: Sequence[int], n_slices: int) -> Grid:
    """Return a grid of as many slices as there are; ValueError where it spans no volume."""
    a, b, c, x, d, e, f, y, g, h, i, z = affine
    box = math.hypot(a, d, g) * math.hypot(b, e, h) * math.hypot(c, f, i)
    volume = abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))
    is_sound = math.isfinite(sum(affine)) and volume > _FLAT * box
    of_slices, n_rows, n_columns = shape
    if not is_sound or min(shape) < 1 or of_slices != n_slices:
        raise ValueError(affine, shape)
    rows = (a, b, c, x), (d, e, f, y), (g, h, i, z), (0.0, 0.0, 0.0, 1.0)
    return Grid(rows, (n_slices, n_rows, n_columns))


def _check_loadable(series: Series, slices: SliceRecords, which: range) -> None:
    """Refuse a series of no known format, without a grid and a reason for it, and a NIfTI volume
    whose slices are not those of its file in their order: its reader asks for no more."""
    is_known = series.format in ("dicom", "nifti") and len(which) > 0
    if not is_known or (series.grid is None and not series.refusal):
        raise ValueError(series.format)
    if series.format == "nifti" and series.grid is not None and not slices.are_one_volume(which):
        raise ValueError(which)
