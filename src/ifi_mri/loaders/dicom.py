"""DICOM MR: files into series that can be measured, or series that say why they cannot.

One bad series does not spoil a study: whatever makes it unfit becomes its ``refusal``, a sentence.
Geometry comes from positions and orientations alone (`stack`); a series that holds several volumes
is split by its own tags (`splitting`) into several `Series` of one UID, told apart by their label.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ifi_mri.config import SeriesWords
from ifi_mri.errors import GeometryError, StudyError, UnreadableImageError
from ifi_mri.loaders import dicom_tags as tag
from ifi_mri.loaders import known_header
from ifi_mri.loaders.dicom_files import by_series, damage_cautions, scan_file, scan_files
from ifi_mri.loaders.dicom_fitness import (
    kind_refusal,
    name_of,
    part_cautions,
    refuse_mixed_studies,
    three_planes,
    unfit,
)
from ifi_mri.loaders.dicom_frames import Frame, frame_of, frames_of
from ifi_mri.loaders.dicom_header import describe, patient_of, study_facts
from ifi_mri.loaders.dicom_pixels import (
    Begun,
    FrameReader,
    Scratch,
    decoded_in_order,
)
from ifi_mri.loaders.dicom_values import Values
from ifi_mri.loaders.header_scan import Header, scan
from ifi_mri.loaders.identity import Identity, identity_words, without_identity
from ifi_mri.loaders.source_files import Opener, SourceFile
from ifi_mri.loaders.splitting import Part, split
from ifi_mri.loaders.stack import Plane, build_stack, lies_on
from ifi_mri.loaders.technique import resolution_cautions, too_coarse
from ifi_mri.model import Grid, Instance, Patient, Series, Study

#: A series that falls into more volumes is left whole, to be refused: describing each of them
#: takes milliseconds, and none of that many is a picture for measuring distances.
MOST_VOLUMES: Final = 1000


def read_study(
    files: Sequence[Path],
    root: Path,
    words: SeriesWords,
    opener: Opener,
    *,
    digests: bool = False,
) -> Study | None:
    """Return the DICOM study that files hold, or None where none of them is a DICOM image.

    Parameters
    ----------
    digests : bool
        Whether slices shall carry the digests by which `known_header` reads them faster next time.

    Raises
    ------
    UnreadableImageError
        There are DICOM files, but not one that can be read.
    """
    scanned = scan_files(files, opener, digests=digests)
    headers, cautions = scanned.headers, damage_cautions(scanned.problems)
    if not headers:
        if scanned.problems:
            raise UnreadableImageError(scanned.problems[0])
        return None
    series = tuple(
        piece
        for group in by_series(headers)
        for piece in _read_series(group, words, scanned.damage)
    )
    series = refuse_mixed_studies(series, headers)
    first = Values.of(headers[0])
    one_study = len({piece.study_uid for piece in series}) == 1
    study_date, accession = study_facts(first)
    patient = patient_of(first, study_date) if one_study else Patient()
    return Study(
        study_uid=series[0].study_uid,
        root=root,
        series=series,
        study_date=study_date,
        accession_number=accession,
        patient=patient,
        n_ignored_files=scanned.n_ignored,
        cautions=tuple(cautions),
    )


def with_patient(study: Study, first: Instance, opener: Opener) -> Study | None:
    """Return a study of a header index with accession number and patient as `read_study` takes
    them from its first file; None where the file is not the one that the index was made of."""
    try:
        source = opener.open(first.path)
        try:
            values = _values_of_first(first, source)
        finally:
            source.close()
    except UnreadableImageError:
        return None
    if values is None:
        return None
    study_date, accession = study_facts(values)
    one_study = len({series.study_uid for series in study.series}) == 1
    patient = patient_of(values, study_date) if one_study else Patient()
    return replace(study, accession_number=accession, patient=patient)


def _values_of_first(first: Instance, source: SourceFile) -> Values | None:
    """Return what the header of an index's first file says of the patient; None where it is not
    the header that the index was made of."""
    if _is_known(first):
        elements = known_header.patient_elements(first.header_digest, source)
        return None if elements is None else Values.of_elements(elements)
    header = scan(source)
    is_same = header is not None and header.digest == first.header_digest
    return Values.of(header) if header is not None and is_same else None


def read_voxels(series: Series, which: range, opener: Opener) -> npt.NDArray[np.float32]:
    """Return rescaled values of a run of a series' slices, shape (slices, rows, columns).

    Raises
    ------
    UnreadableImageError
        A file is gone, has changed since its header was read, is truncated or cannot be decoded.
    """
    assert series.grid is not None
    known = _known_voxels(series, series.grid, which, opener)
    if known is not None:
        return known
    shape = len(which), *series.grid.shape[1:]
    voxels: npt.NDArray[np.float32] | None = None
    for (k, rescale), stored in decoded_in_order(_begun(series, which, opener)):
        if voxels is None:  # only now is it known that the file holds as much as its header says
            voxels = np.empty(shape, dtype=np.float32)
        _rescale(stored, rescale, voxels[k - which.start])
    assert voxels is not None
    return voxels


def _rescale(
    stored: npt.NDArray[np.generic],
    rescale: tuple[float, float],
    values: npt.NDArray[np.float32],
) -> None:
    """Write stored values, times a slope plus an intercept, into an array."""
    slope, intercept = rescale
    if rescale == (1.0, 0.0):
        values[:] = stored
    else:
        with np.errstate(over="ignore"):  # beyond float32 is infinite, as it should be
            values[:] = stored.astype(np.float64) * slope + intercept


def _known_voxels(
    series: Series, grid: Grid, which: range, opener: Opener
) -> npt.NDArray[np.float32] | None:
    """Return rescaled values of slices whose headers the header index knows, file after file; None
    where one is not known or not what the index says: the usual way finds out what is wrong."""
    slices = series.instances[which.start : which.stop]
    if not all(map(_is_known, slices)):
        return None
    _, rows, columns = grid.shape
    scratch = Scratch()
    voxels: npt.NDArray[np.float32] | None = None
    for k, instance in zip(which, slices, strict=True):
        source = opener.open(instance.path)
        try:
            held = known_header.read_known(instance.header_digest, source, rows * columns, scratch)
        finally:
            source.close()
        if held is None or not _is_placed(held[0].plane, held[0].sop_instance_uid, series, k):
            return None
        if voxels is None:
            voxels = np.empty((len(which), rows, columns), dtype=np.float32)
        _rescale(held[1], held[0].rescale, voxels[k - which.start])
    return voxels


def _begun(
    series: Series, which: range, opener: Opener
) -> Iterator[tuple[tuple[int, tuple[float, float]], Begun]]:
    """Yield number and rescaling of each slice, and its frame as begun; each file is opened once
    for the slices that lie in it one behind the other."""
    scratch = Scratch()
    instances = series.instances
    for path, group in groupby(which, key=lambda k: instances[k].path):
        source = opener.open(path)
        try:
            header = scan(source)
            if header is None:
                raise _changed(path)
            reader = FrameReader(header, source, scratch)
            for k in group:
                frame = _same_slice(header, series, k, source)
                yield (k, frame.rescale), reader.begin(frame.index or 0)
        finally:
            source.close()


def _is_known(instance: Instance) -> bool:
    return len(instance.header_digest) == known_header.DIGEST_BYTES


def _is_same(header: Header, instance: Instance, source: SourceFile) -> bool:
    """Return whether a header is the one that an instance of the header index was made of."""
    if _is_known(instance):
        return known_header.is_same(instance.header_digest, source)
    return header.digest == instance.header_digest


def refusal_error(series: Series, opener: Opener) -> StudyError:
    """Return the error of a series without a grid, of the kind that fits its refusal."""
    _, damage = scan_file(series.instances[0].path, opener)
    return UnreadableImageError(series.refusal) if damage else GeometryError(series.refusal)


def _same_slice(header: Header, series: Series, k: int, source: SourceFile) -> Frame:
    """Return the frame of a slice; an error where the file is not what the series was made of.

    What a header index says of a slice is believed no further than here: the header must be the
    one that was read then, and must place the slice where the grid has it.
    """
    instance = series.instances[k]
    frame = frame_of(header, instance.frame)
    is_same = _is_same(header, instance, source)
    if not (is_same and _is_placed(frame.plane, frame.sop_instance_uid, series, k)):
        raise _changed(instance.path)
    return frame


def _is_placed(plane: Plane | None, sop_instance_uid: str, series: Series, k: int) -> bool:
    """Return whether a file's slice is slice k of a series and lies where its grid has it."""
    instance, grid = series.instances[k], series.grid
    return (
        sop_instance_uid == (instance.sop_instance_uid or "")
        and plane is not None
        and plane.position_mm == instance.position_mm
        and grid is not None
        and lies_on(plane, grid, k)
    )


def _changed(path: Path) -> UnreadableImageError:
    return UnreadableImageError(
        f"{path.name}: the file has changed since its header was read. Load the study again."
    )


# --- files into series --------------------------------------------------------------------------


def _without_copies(frames: Sequence[Frame]) -> tuple[list[Frame], int]:
    """Return frames with second copies of one instance left out (a study exported twice into one
    folder), and how many were.  Instances of one UID whose headers differ are no copies."""
    seen: dict[tuple[str, int | None], Frame] = {}
    kept, n_copies = [], 0
    for frame in frames:
        key = frame.sop_instance_uid, frame.index
        twin = seen.setdefault(key, frame)
        copied = twin is not frame and twin.header.elements == frame.header.elements
        if copied and frame.sop_instance_uid:
            n_copies += 1
        else:
            kept.append(frame)
    return kept, n_copies


def _read_series(
    headers: Sequence[Header], words: SeriesWords, damage: Mapping[Path, str]
) -> list[Series]:
    frames, n_copies = _without_copies([frame for header in headers for frame in frames_of(header)])
    parts = split(frames)
    if len(parts) > MOST_VOLUMES:
        parts = [Part(tuple(frames))]
    pieces = []
    for part in parts:
        series = describe(part.frames, words)
        if len(parts) > 1:
            told_by = without_identity(", ".join(part.told_by), _names_in(part))
            series = replace(series, label=f"{series.label} [{told_by}]")
        series = _placed(series, part, _first_damage(part, damage))
        series = replace(
            series,
            refusal=series.refusal or three_planes(series, parts),
            cautions=(*series.cautions, *part_cautions(series, part, parts, n_copies)),
        )
        pieces.append(series)
    return pieces


def _names_in(part: Part) -> Identity:
    """Return the patient's names alone: a number may be that of an echo, too."""
    return identity_words([Values.of(part.frames[0].header).text(tag.PATIENT_NAME)], [])


def _first_damage(part: Part, damage: Mapping[Path, str]) -> str | None:
    return next((damage[frame.path] for frame in part.frames if frame.path in damage), None)


def _placed(series: Series, part: Part, damage: str | None) -> Series:
    """Return a series with its grid and slices in order, or with the refusal that says why not."""
    name = name_of(series)
    unordered = tuple(_instance(frame) for frame in part.frames)
    planes = [frame.plane for frame in part.frames if frame.plane is not None]
    refusal = kind_refusal(series, part)
    if refusal is None and len(planes) < len(part.frames):
        refusal = damage or _unplaced(part, name)
    if refusal is not None:
        return replace(series, instances=unordered, refusal=refusal)
    single_mm = part.frames[0].spacing_between_mm or series.slice_thickness_mm or 1.0
    try:
        stack = build_stack(planes, name, single_mm)
    except GeometryError as problem:
        return replace(series, instances=unordered, refusal=damage or str(problem))
    return replace(
        series,
        grid=stack.grid,
        instances=tuple(unordered[k] for k in stack.order),
        refusal=damage or unfit(series, part) or too_coarse(stack.grid, name),
        cautions=(*series.cautions, *resolution_cautions(stack.grid, name)),
    )


def _unplaced(part: Part, name: str) -> str:
    why = [frame.unplaced for frame in part.frames if frame.plane is None]
    first = without_identity(why[0], _names_in(part))
    return (
        f"{name}: {first} in {len(why)} of {len(part.frames)} slices. Export the series again "
        "from the scanner or PACS."
    )


def _instance(frame: Frame) -> Instance:
    return Instance(
        path=frame.path,
        sop_class_uid=frame.sop_class_uid or None,
        sop_instance_uid=frame.sop_instance_uid or None,
        frame=frame.index,
        position_mm=frame.plane.position_mm if frame.plane else (0.0, 0.0, 0.0),
        number=frame.number,
        header_digest=frame.header.known_by or frame.header.digest,
    )
