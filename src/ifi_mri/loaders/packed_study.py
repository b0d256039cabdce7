"""A study's headers as bytes: counts, reals, whole numbers, digests and texts, each kind together.

What is of one kind and lies together is read by one call and cannot hold a value of another kind.
Slices stay in columns until they are asked for (`indexed_slices`).  Patient and accession number
are left out.
"""

import math
import struct
from collections.abc import Iterable, Sequence
from datetime import date
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from ifi_mri.loaders.indexed_slices import (
    DIGEST_SLOT,
    NO_TEXT,
    NO_WHOLE,
    IndexedSlices,
    SliceColumns,
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

#: Reals of a series: those above and its affine without the last row.
_N_REALS: Final = len(_REALS) + 12
#: Whole numbers: its own, that of its slices, whether contrast agent was given, and the shape of
#: its grid, (0, 0, 0) where it has none.
_N_WHOLES: Final = 6
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
    reals = [x for series in study.series for x in _reals(series)]
    reals += [x for one in slices for x in one.position_mm]
    wholes = [n for series in study.series for n in _wholes(series)]
    wholes += [number[one.path] for one in slices]
    wholes += [_whole(one.frame) for one in slices]
    wholes += [_whole(one.number) for one in slices]
    texts = [
        study.study_uid,
        study.study_date.isoformat() if study.study_date else NO_TEXT,
        _text_of_cautions(study.cautions),
        _BETWEEN_PARTS.join(_text(one.sop_instance_uid) for one in slices),
        _BETWEEN_PARTS.join(_column([_text(one.sop_class_uid) for one in slices])),
    ]
    texts += [text for series in study.series for text in _texts(series)]
    return b"".join((
        _COUNTS.pack(len(study.series), len(slices), study.n_ignored_files),
        struct.pack(f"<{len(reals)}d", *reals),
        struct.pack(f"<{len(wholes)}q", *wholes),
        *(DIGEST_SLOT.pack(one.header_digest) for one in slices),
        _BETWEEN_TEXTS.join(texts).encode("utf-8", "surrogatepass"),
    ))  # fmt: skip


def _reals(series: Series) -> list[float]:
    rows = series.grid.rows_of_affine[:3] if series.grid else ((math.nan,) * 4,) * 3
    values = [math.nan if value is None else value for value in _reals_of(series)]
    return [*values, *(x for row in rows for x in row)]


def _wholes(series: Series) -> list[int]:
    shape = series.grid.shape if series.grid else (0, 0, 0)
    return [_whole(series.number), len(series.instances), series.contrast_agent, *shape]


def _texts(series: Series) -> list[str]:
    return [
        *_texts_of(series),
        *map(_text, _texts_or_none_of(series)),
        *map(_BETWEEN_PARTS.join, _lists_of(series)),
        _text_of_cautions(series.cautions),
    ]


def _whole(value: int | None) -> int:
    return NO_WHOLE if value is None else value


def _text(value: str | None) -> str:
    return NO_TEXT if value is None else value


def _text_of_cautions(cautions: Iterable[Caution]) -> str:
    return _BETWEEN_PARTS.join(
        part for one in cautions for part in (one.code, one.text, _text(one.side))
    )


def _column(values: list[str]) -> list[str]:
    """Return the values of a column, one alone where all are the same."""
    return values[:1] if values.count(values[0]) == len(values) else values


# --- and back -----------------------------------------------------------------------------------


def unpacked(content: bytes, files: Sequence[FileFacts], root: Path) -> tuple[Study, SliceColumns]:
    """Return the study that bytes hold, and its slices.

    Raises
    ------
    ValueError, struct.error
        They are not what `packed` returns for a study in these files, or not of sound values.
    """
    n_series, n_slices, n_ignored = _COUNTS.unpack_from(content)
    reals, at = _numbers("d", _N_REALS * n_series + 3 * n_slices, content, _COUNTS.size)
    wholes, at = _numbers("q", _N_WHOLES * n_series + 3 * n_slices, content, at)
    end = at + DIGEST_SLOT.size * n_slices
    texts = content[end:].decode("utf-8", "surrogatepass").split(_BETWEEN_TEXTS)
    study_uid, day, cautions, instance_uids, class_uids, *of_series = texts
    column = _N_WHOLES * n_series
    columns = SliceColumns(
        files=files,
        position_mm=reals[_N_REALS * n_series :],
        file=wholes[column : column + n_slices],
        frame=wholes[column + n_slices : column + 2 * n_slices],
        number=wholes[column + 2 * n_slices :],
        header_digest=content[at:end],
        sop_instance_uid=instance_uids.split(_BETWEEN_PARTS),
        sop_class_uid=_filled(class_uids.split(_BETWEEN_PARTS), n_slices),
    )
    study = Study(
        study_uid=study_uid,
        root=root,
        series=_all_series(reals, wholes[:column], of_series, columns),
        study_date=None if day == NO_TEXT else date.fromisoformat(day),
        n_ignored_files=n_ignored,
        cautions=_cautions(cautions),
    )
    return study, columns


def _numbers(kind: str, n: int, content: bytes, at: int) -> tuple[tuple[Any, ...], int]:
    """Return numbers of eight bytes each, and where they end."""
    return struct.unpack_from(f"<{n}{kind}", content, at), at + 8 * n


def _filled(values: list[str], n: int) -> list[str]:
    return values * n if len(values) == 1 else values


def _all_series(
    reals: Sequence[float], wholes: Sequence[int], texts: Sequence[str], columns: SliceColumns
) -> tuple[Series, ...]:
    """Return the series, whose slices follow one another."""
    n_series, start, found = len(wholes) // _N_WHOLES, 0, []
    if len(texts) != _N_TEXTS * n_series:
        raise ValueError(texts)
    for k in range(n_series):
        of_series = wholes[_N_WHOLES * k : _N_WHOLES * (k + 1)]
        which = range(start, start := start + of_series[1])
        series = _series(
            reals[_N_REALS * k : _N_REALS * (k + 1)],
            of_series,
            texts[_N_TEXTS * k : _N_TEXTS * (k + 1)],
            IndexedSlices(columns, which),
        )
        _check_loadable(series, columns, which)
        found.append(series)
    if start != len(columns):
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
        number=None if number == NO_WHOLE else number,
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


def _check_loadable(series: Series, columns: SliceColumns, which: range) -> None:
    """Refuse a series of no known format, without a grid and a reason for it, and a NIfTI volume
    whose slices are not those of its file in their order: its reader asks for no more."""
    is_known = series.format in ("dicom", "nifti") and len(which) > 0
    if not is_known or (series.grid is None and not series.refusal):
        raise ValueError(series.format)
    if series.format == "nifti" and series.grid is not None and not columns.are_one_volume(which):
        raise ValueError(which)
