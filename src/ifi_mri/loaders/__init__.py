"""Image files in; everything leaves as patient LPS mm.

`load_study` reads headers only; `load_volume` reads the pixels of a series, whole or only the
slices near given points.  Nothing is ever resampled.

A folder may hold DICOM files (nested, under any name) or NIfTI files with JSON sidecars.  Where
both lie together the DICOM files are the study, since NIfTI files beside them are usually made
from them; they are counted among the ignored, and a caution says so.

`load_volume` reads whatever forms a stack.  Whether a series may be *measured* is said by its
``refusal``, which whoever measures must ask first.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from ifi_mri import geometry
from ifi_mri.config import SeriesWords
from ifi_mri.errors import GeometryError, UnreadableImageError
from ifi_mri.loaders import bids, dicom, dicomdir, identity, nifti, study_index
from ifi_mri.loaders.source_files import Opener, facts_of_files, file_on_disk, find_files
from ifi_mri.model import Caution, Grid, Instance, Patient, Point, Series, Study, Volume

__all__ = [
    "MODULES",
    "file_on_disk",
    "load_study",
    "load_volume",
    "with_named_volume",
    "without_identity",
]

MODULES: Final = ("dicom", "nifti")

_LOADERS: Final = {"dicom": dicom, "nifti": nifti}

_DEFAULT_WORDS: Final = SeriesWords()

#: Points may lie outside a stack by half its slice spacing, the slab of its last slice, and by
#: this much rounding.
_ROUNDING_MM: Final = 1e-3


def load_study(
    path: Path | str, words: SeriesWords | None = None, index: Path | None = None
) -> Study:
    """Return the series that a study holds, from headers alone.

    Parameters
    ----------
    path : path
        A folder of DICOM or NIfTI files, one such file, a DICOMDIR, a zip archive, a session of a
        BIDS dataset, or a volume of a 4-D NIfTI file as ``FILE#0``.
    words : SeriesWords, optional
        Description words that speak for fat suppression; those of the default configuration
        where not given.
    index : path, optional
        Where to keep what the headers said for the next time; used only while all files are
        unchanged.

    Raises
    ------
    StudyError
        There is nothing at the path, or it is a dataset of several studies.
    UnreadableImageError
        No file holds an image, or none can be read.
    """
    words = words or _DEFAULT_WORDS
    root, named = _meant(Path(path))
    if index is not None and not named and root.is_dir():
        return _indexed_study(root, words, index)
    if not dicomdir.is_dicomdir(root):
        return _read_study(find_files(root), root, words, named)
    files, n_missing = dicomdir.listed_files(root)
    study = _read_study(files, root.parent, words, named)
    if n_missing:
        text = f"The DICOMDIR lists {n_missing} files that are not there."
        study = replace(study, cautions=(*study.cautions, Caution("listed_files_missing", text)))
    return study


def _meant(path: Path) -> tuple[Path, dict[Path, int]]:
    """Return the file or folder that a path means, and the volume that it names of a 4-D file."""
    if path.exists():
        return bids.study_folder(path), {}
    file, volume = nifti.split_volume_name(str(path))
    return Path(file), ({} if volume is None else {Path(file): volume})


def _read_study(
    files: Sequence[Path],
    root: Path,
    words: SeriesWords,
    named: Mapping[Path, int],
    *,
    digests: bool = False,
) -> Study:
    volumes = [file for file in files if nifti.is_nifti(file)]
    others = [file for file in files if not nifti.is_nifti(file)]
    with Opener() as opener:
        study = dicom.read_study(others, root, words, opener, digests=digests)
        if study is not None:
            return _beside_dicom(study, len(volumes))
        if volumes:
            return nifti.read_study(volumes, others, root, words, opener, named)
    raise UnreadableImageError(
        f"the study: looked at {len(files)} files and found no DICOM or NIfTI image. Check its "
        "path."
    )


def _indexed_study(root: Path, words: SeriesWords, index: Path) -> Study:
    """Return the study of an index that fits; else read the headers and write the index."""
    files = facts_of_files(root)
    expected = study_index.fingerprint(files, root, words)
    kept = study_index.read_index(index, expected, files, root)
    study = None if kept is None else _with_patient(*kept)
    if study is None:
        study = _read_study([Path(path) for path, _, _ in files], root, words, {}, digests=True)
        study_index.write_index(index, expected, files, study)
    return study


def _with_patient(study: Study, first: Instance) -> Study | None:
    """Return the study of an index with what only its first file says; None where that file is
    not the one that the index was made of."""
    if study.series[0].format != "dicom":
        return study
    with Opener() as opener:
        return dicom.with_patient(study, first, opener)


def with_named_volume(study: Study, text: str, words: SeriesWords | None = None) -> Study:
    """Return a study in which ``FILE#3`` stands for the 4-D NIfTI file that it names; the study
    as it is where the text names no file of it.

    Parameters
    ----------
    study : Study
    text : str
        The file's label in the study or its name, ``#``, and the volume's number from 0.
    words : SeriesWords, optional
        As for `load_study`.
    """
    name, volume = nifti.split_volume_name(text)
    if volume is None:
        return study
    series = list(study.series)
    for k, piece in enumerate(series):
        path = piece.instances[0].path
        if piece.format == "nifti" and name in (piece.label, path.name, str(path)):
            with Opener() as opener:
                meant = nifti.read_series(path, study.root, words or SeriesWords(), opener, volume)
            series[k] = replace(meant, study_uid=piece.study_uid)
    return replace(study, series=tuple(series))


def without_identity(text: str, patient: Patient) -> str:
    """Return a path in which every part that tells the patient's name or number is "withheld".

    Parameters
    ----------
    text : str
        A path with ``/``, or one part of it.  A part is replaced wholly: what stands beside a
        name in a folder's name is often a part of it.
    patient : Patient
    """
    telling = identity.identity_words([patient.name], [patient.patient_id])
    return "/".join(
        identity.WITHHELD if identity.tells_identity(part, telling) else part
        for part in text.split("/")
    )


def _beside_dicom(study: Study, n_volumes: int) -> Study:
    if n_volumes == 0:
        return study
    caution = Caution(
        "nifti_beside_dicom",
        f"{n_volumes} NIfTI files beside the DICOM files were not read; give their own folder to "
        "use them.",
    )
    return replace(
        study,
        n_ignored_files=study.n_ignored_files + n_volumes,
        cautions=(*study.cautions, caution),
    )


def load_volume(series: Series, near: Sequence[Point] | None = None) -> Volume:
    """Return the voxels of a series as float32, rescaled.

    Parameters
    ----------
    series : Series
        From `load_study`.
    near : sequence of points, optional
        Patient LPS mm.  Only the run of slices from the first to the last that is nearest to any
        of these points is read.

    Raises
    ------
    GeometryError
        The series forms no stack, or a point lies beyond its ends.
    UnreadableImageError
        A file is gone, damaged, truncated or in an encoding that cannot be decoded.
    """
    loader = _LOADERS[series.format]
    with Opener() as opener:
        if series.grid is None:
            raise loader.refusal_error(series, opener)
        first, last = 0, series.grid.shape[0] - 1
        if near is not None and len(near) > 0:
            first, last = slices_near(series.grid, near, f"series {series.label}")
        voxels = loader.read_voxels(series, range(first, last + 1), opener)
    voxels.flags.writeable = False
    return Volume(
        voxels=voxels,
        affine=affine_from(series.grid, first),
        frame_of_reference_uid=series.frame_of_reference_uid,
        series_uid=series.series_uid,
        instances=tuple(series.instances[first : last + 1]),
    )


def affine_from(grid: Grid, first: int) -> geometry.FloatArray:
    """Return the affine of a grid whose slices are counted from slice ``first`` on."""
    affine = grid.affine.copy()
    affine[:3, 3] += first * affine[:3, 0]
    affine.flags.writeable = False
    return affine


def slices_near(grid: Grid, points_mm: Sequence[Point], name: str) -> tuple[int, int]:
    """Return the first and the last slice that is nearest to any of the points.

    Raises GeometryError, which calls the grid ``name``, where a point lies beyond its ends.
    """
    n_slices = grid.shape[0]
    along = [geometry.slice_coordinate_of(grid.affine, point) for point in points_mm]
    if not all(map(math.isfinite, along)):
        raise GeometryError(f"{name}: a point is not finite. Correct the landmarks.")
    lowest, highest = min(along), max(along)
    below, above = -0.5 - lowest, highest - (n_slices - 0.5)
    beyond_mm = max(below, above) * grid.slice_spacing_mm if max(below, above) > 0 else 0.0
    if beyond_mm > _ROUNDING_MM:
        worst = points_mm[along.index(lowest if below >= above else highest)]
        raise GeometryError(
            f"{name}: a point at ({', '.join(f'{x:.1f}' for x in worst)}) mm lies "
            f"{beyond_mm:.1f} mm outside the stack of {n_slices} slices, expected inside. "
            "Check that the landmarks belong to this study."
        )
    nearest = (geometry.nearest_slice(place) for place in (lowest, highest))
    first, last = (min(max(0, k), n_slices - 1) for k in nearest)
    return first, last
