"""NIfTI: files into series, each a grid in patient LPS mm with what its sidecar says of technique.

Axes are permuted to (slice, row, column), never flipped or resampled; the affine carries the
truth.  The slice axis is the one that ``dim_info`` names, else the one with clearly wider spacing,
else the one nearest to the head-foot axis; of the other two, columns run along the one nearer to
left-right (front-back in sagittal slices).

NIfTI knows no UIDs.  The sidecar's are used where it has them; else they are made from the file's
name and header, the same whenever the same file is read.  All files of one folder are taken to
lie in one frame of reference, that of the scanner.

Voxels that are not a number stay so; whoever measures them must say what they mean.
"""

import re
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ifi_mri import geometry
from ifi_mri.config import SeriesWords
from ifi_mri.errors import GeometryError, StudyError, UnreadableImageError
from ifi_mri.loaders import bids
from ifi_mri.loaders.identity import identity_words, without_identity
from ifi_mri.loaders.nifti_header import NiftiHeader, NiftiHeaderError, parse_header
from ifi_mri.loaders.nifti_voxels import bytes_missing, header_bytes, read_slices
from ifi_mri.loaders.sidecar import Sidecar, read_sidecars
from ifi_mri.loaders.source_files import Opener
from ifi_mri.loaders.technique import (
    NOT_MAGNITUDE,
    Technique,
    fat_suppression,
    missing_tag_cautions,
    resolution_cautions,
    spoken_words,
    too_coarse,
)
from ifi_mri.model import Caution, Grid, Instance, Series, Study

#: An axis whose spacing is this many times that of both others is the slice axis.
CLEARLY_WIDER: Final = 1.2

#: sform and qform may place a corner this far apart before a caution (issue of the field's
#: converters: one form was changed and the other was not).
FORMS_DIFFER_MM: Final = 0.1

#: Words in a file's name that say it holds labels, not an image.
LABEL_WORDS: Final = frozenset(
    {"seg", "dseg", "probseg", "mask", "label", "labels", "labelmap", "segmentation"}
)

#: NIFTI_INTENT_LABEL and NIFTI_INTENT_NEURONAME of nifti1.h.
_LABEL_INTENTS: Final = frozenset({1002, 1005})

#: Namespace of made-up UIDs.
_NAMESPACE: Final = uuid.UUID("6f9bf2c8-52f5-5f0c-9e0f-0f6a54f1c1b7")

_VOLUME_NAME: Final = re.compile(r"(.+\.nii(?:\.gz)?)#(\d{1,6})$", re.IGNORECASE)


def is_nifti(path: Path) -> bool:
    """Return whether a file's name says that it is NIfTI."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def stem_of(path: Path) -> str:
    """Return a NIfTI file's name without ``.nii`` or ``.nii.gz``."""
    name = path.name
    for suffix in (".nii.gz", ".nii"):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def split_volume_name(text: str) -> tuple[str, int | None]:
    """Return the file and the number in ``FILE#3``, which names a volume of a 4-D file."""
    match = _VOLUME_NAME.match(text)
    return (match[1], int(match[2])) if match else (text, None)


def read_study(
    volumes: Sequence[Path],
    others: Sequence[Path],
    root: Path,
    words: SeriesWords,
    opener: Opener,
    named: Mapping[Path, int] | None = None,
) -> Study:
    """Return the study that NIfTI files and the sidecars among the other files make up.

    Parameters
    ----------
    named : mapping, optional
        Of 4-D files, the number of the volume that is meant, from 0.

    Raises
    ------
    UnreadableImageError
        None of the files can be read.
    """
    images = bids.anatomy_only(volumes, root)
    listed = set(others)
    series, problems, sidecars = [], [], set()
    for path in images:
        try:
            sidecars.update(_sidecar_paths(path, listed))
            volume = (named or {}).get(path)
            series.append(read_series(path, root, words, opener, volume, listed))
        except UnreadableImageError as problem:
            problems.append(problem)
    if not series:
        raise problems[0]
    stated = sorted({piece.study_uid for piece in series if piece.study_uid})
    study_uid = stated[0] if stated else _made_uid(*(piece.series_uid for piece in series))
    if len(stated) > 1:
        series = [_refused_as_mixed(piece, len(stated)) for piece in series]
    return Study(
        study_uid=study_uid,
        root=root,
        series=tuple(replace(piece, study_uid=piece.study_uid or study_uid) for piece in series),
        n_ignored_files=len(volumes) - len(images) + len(listed - sidecars),
        cautions=tuple(Caution("unreadable_file", str(problem)) for problem in problems),
    )


def _refused_as_mixed(series: Series, n_studies: int) -> Series:
    refusal = (
        f"series {series.label}: lies among files of {n_studies} studies, expected one. Give the "
        "folder of one study."
    )
    return replace(series, refusal=series.refusal or refusal)


def _sidecar_paths(path: Path, listed: Collection[Path]) -> list[Path]:
    """Return the sidecars of a file, the most general first."""
    inherited = bids.inherited_sidecars(path)
    if inherited:
        return inherited
    beside = path.with_name(stem_of(path) + ".json")
    return [beside] if beside in listed or beside.is_file() else []


def _made_uid(*parts: str | bytes) -> str:
    """Return a stable UID under 2.25 (PS3.5 annex B.2) of texts and bytes."""
    joined = b"\0".join(part.encode() if isinstance(part, str) else part for part in parts)
    return f"2.25.{uuid.uuid5(_NAMESPACE, joined.hex()).int}"


def read_series(
    path: Path,
    root: Path,
    words: SeriesWords,
    opener: Opener,
    volume: int | None = None,
    listed: Collection[Path] = (),
) -> Series:
    """Return the series of one file, or of one volume of a 4-D file.

    Parameters
    ----------
    listed : collection of paths
        The study's other files, among which a sidecar may be.

    Raises
    ------
    UnreadableImageError
        The header or the sidecar cannot be read.
    """
    sidecar = read_sidecars(_sidecar_paths(path, listed), opener)
    raw = header_bytes(path, opener)
    header = _parsed(path, raw)
    label = path.relative_to(root).as_posix() if path != root else path.name
    label = label if volume is None else f"{label}#{volume}"
    series = _described(path, label, raw, sidecar, words)
    name = f"series {series.label}"
    refusal = _not_one_volume(header, volume, name) or _not_placeable(header, name)
    if refusal is not None:
        return replace(series, refusal=refusal)
    missing = bytes_missing(path, opener, header)
    axes = storage_axes(header)
    affine = header.affine_lps[:, [*axes, 3]]
    grid = Grid.from_affine(affine, [header.shape[axis] for axis in axes])
    first = (volume or 0) * grid.shape[0]
    indices = np.arange(grid.shape[0])[:, None] * (1, 0, 0)
    instances = tuple(
        Instance(path, None, None, first + k, (x, y, z))
        for k, (x, y, z) in enumerate(geometry.voxel_to_patient(affine, indices).tolist())
    )
    return replace(
        series,
        grid=grid,
        instances=instances,
        refusal=(missing and f"{name}: {missing}. Copy or convert it again.")
        or _unfit(header, path, series, name)
        or too_coarse(grid, name),
        cautions=(
            *series.cautions,
            *_form_cautions(header, name),
            *resolution_cautions(grid, name),
        ),
    )


def _described(path: Path, label: str, raw: bytes, sidecar: Sidecar, words: SeriesWords) -> Series:
    name = bids.parse_name(stem_of(path))
    spoken = name.description if name else stem_of(path)
    description = sidecar.text("SeriesDescription", "ProtocolName") or spoken
    identity = identity_words([sidecar.text("PatientName")], [sidecar.text("PatientID")])

    def shown(text: str) -> str:
        return without_identity(text, identity, words)

    technique = Technique(
        description=f"{description} {spoken}",
        scanning_sequence=sidecar.texts("ScanningSequence"),
        scan_options=sidecar.texts("ScanOptions"),
        sequence_name=sidecar.text("SequenceName", "PulseSequenceName"),
        image_type=sidecar.texts("ImageType"),
        inversion_time_ms=sidecar.time_ms("InversionTime"),
    )
    echo_time, repetition_time = sidecar.time_ms("EchoTime"), sidecar.time_ms("RepetitionTime")
    missing = [
        (field, what)
        for field, what, value in (
            ("echo_time", "echo time", echo_time),
            ("repetition_time", "repetition time", repetition_time),
            ("field_strength", "field strength", sidecar.number("MagneticFieldStrength")),
        )
        if value is None
    ]
    return Series(
        series_uid=sidecar.text("SeriesInstanceUID") or _made_uid(label, raw),
        study_uid=sidecar.text("StudyInstanceUID"),
        label=shown(label),
        description=shown(description),
        format="nifti",
        modality=sidecar.text("Modality") or "MR",
        frame_of_reference_uid=sidecar.text("FrameOfReferenceUID") or None,
        grid=None,
        instances=(Instance(path, None, None, None, (0.0, 0.0, 0.0)),),
        number=sidecar.integer("SeriesNumber"),
        slice_thickness_mm=sidecar.number("SliceThickness"),
        echo_time_ms=echo_time,
        repetition_time_ms=repetition_time,
        inversion_time_ms=technique.inversion_time_ms,
        flip_angle_deg=sidecar.number("FlipAngle"),
        field_strength_t=sidecar.number("MagneticFieldStrength"),
        scanning_sequence=tuple(map(shown, technique.scanning_sequence)),
        sequence_name=shown(technique.sequence_name),
        scan_options=tuple(map(shown, technique.scan_options)),
        image_type=tuple(map(shown, technique.image_type)),
        contrast_agent=bool(sidecar.text("ContrastBolusAgent", "ContrastBolusIngredient")),
        fat_suppression=shown(fat_suppression(technique, words) or "") or None,
        laterality=sidecar.laterality,
        body_part=shown(sidecar.text("BodyPartExamined", "BodyPart")),
        patient_position=sidecar.text("PatientPosition") or None,
        pixel_bandwidth_hz=sidecar.number("PixelBandwidth"),
        manufacturer=shown(sidecar.text("Manufacturer")),
        manufacturer_model=shown(sidecar.text("ManufacturersModelName", "ManufacturerModelName")),
        cautions=tuple(missing_tag_cautions(missing, f"series {shown(label)}")),
    )


def storage_axes(header: NiftiHeader) -> tuple[int, int, int]:
    """Return which of the file's axes is the slice, the row and the column index."""
    directions = header.affine_lps[:3, :3]
    spacing = np.linalg.norm(directions, axis=0)
    towards = np.abs(directions / spacing)
    slice_axis = header.slice_axis
    if slice_axis is None:
        widest, second = np.argsort(-spacing, kind="stable")[:2]
        wider = spacing[widest] > CLEARLY_WIDER * spacing[second]
        slice_axis = int(widest) if wider else int(np.argmax(towards[2]))
    first, second = (axis for axis in range(3) if axis != slice_axis)
    sagittal = int(np.argmax(towards[:, slice_axis])) == 0
    across = towards[1 if sagittal else 0]
    column = first if across[first] >= across[second] else second
    return slice_axis, first + second - column, column


# --- what makes a file unfit --------------------------------------------------------------------


def _not_one_volume(header: NiftiHeader, volume: int | None, name: str) -> str | None:
    """Return why it is not clear which 3-D image of a file is meant, or None."""
    n_volumes = header.n_volumes
    if volume is None and n_volumes != 1:
        return (
            f"{name}: holds {n_volumes} volumes (shape {header.shape}), expected one. Name one of "
            f"them from 0 to {n_volumes - 1}, as in FILE#0, or split the file."
        )
    if volume is not None and volume >= n_volumes:
        return (
            f"{name}: holds {n_volumes} volumes, expected a number from 0 to {n_volumes - 1}. "
            "Name another volume."
        )
    return None


def _not_placeable(header: NiftiHeader, name: str) -> str | None:
    """Return why the voxels form no stack in the patient, or None."""
    affine = header.affine_lps
    if not np.isfinite(affine).all():
        return f"{name}: the affine is not finite. Convert the series again."
    with np.errstate(invalid="ignore", divide="ignore"):
        lengths = np.linalg.norm(affine[:3, :3], axis=0)
        flat = abs(np.linalg.det(affine[:3, :3])) <= 1e-9 * np.prod(lengths)
    if lengths.min() <= 1e-6 or lengths.max() >= 1e6 or flat:
        listed = " x ".join(f"{length:g}" for length in lengths)
        return (
            f"{name}: the affine's voxels of {listed} mm span no volume. Convert the series again."
        )
    if geometry.is_sheared(affine):
        return (
            f"{name}: the affine is sheared, expected right angles between its axes. Resample "
            "the image to a regular grid first."
        )
    return None


def _unfit(header: NiftiHeader, path: Path, series: Series, name: str) -> str | None:
    """Return why a volume that can be loaded must not be measured, or None."""
    choose = "Choose another series with --anatomy or --fluid."
    if not header.is_placed:
        return (
            f"{name}: neither sform nor qform says where the voxels lie (both codes are 0), so "
            "left and right are unknown. Convert the series again from DICOM."
        )
    if _is_label_map(header, path):
        return f"{name}: is a label map, expected an image. {choose}"
    bids_name = bids.parse_name(stem_of(path))
    if bids_name is not None and bids_name.is_derived:
        return f"{name}: its name says that it was made from other images. {choose}"
    if series.modality not in ("MR", "MRI"):
        return f"{name}: modality is {series.modality}, expected MR. {choose}"
    image_type = [value.upper() for value in series.image_type]
    if "LOCALIZER" in image_type:
        return f"{name}: ImageType says LOCALIZER, expected a diagnostic series. {choose}"
    shown = NOT_MAGNITUDE & set(image_type[2:])
    if shown:
        return f"{name}: ImageType says {min(shown)}, expected magnitude pictures. {choose}"
    return None


def _is_label_map(header: NiftiHeader, path: Path) -> bool:
    return header.intent_code in _LABEL_INTENTS or bool(
        LABEL_WORDS & set(spoken_words(stem_of(path)))
    )


def _form_cautions(header: NiftiHeader, name: str) -> list[Caution]:
    """Return a caution where sform and qform place a corner differently."""
    if header.sform is None or header.qform is None:
        return []
    ends = [(0, n - 1) for n in header.shape[:3]]
    corners = np.array([(i, j, k, 1) for i in ends[0] for j in ends[1] for k in ends[2]])
    apart = np.linalg.norm(corners @ (header.sform - header.qform).T, axis=1).max()
    if not apart > FORMS_DIFFER_MM:
        return []
    return [
        Caution(
            "sform_qform_differ",
            f"{name}: sform and qform place voxels up to {apart:.1f} mm apart, expected at most "
            f"{FORMS_DIFFER_MM:g}; the sform was used.",
        )
    ]


# --- headers and voxels -------------------------------------------------------------------------


def _parsed(path: Path, raw: bytes) -> NiftiHeader:
    try:
        return parse_header(raw)
    except NiftiHeaderError as problem:
        raise UnreadableImageError(
            f"{path.name}: {problem}: it is no NIfTI file that can be read. Convert the series "
            "again."
        ) from problem


def read_voxels(series: Series, which: range, opener: Opener) -> npt.NDArray[np.float32]:
    """Return rescaled values of a run of a series' slices, shape (slices, rows, columns).

    Raises
    ------
    UnreadableImageError
        The file is gone, has changed, is truncated or damaged.
    """
    assert series.grid is not None
    path = series.instances[0].path
    header = _parsed(path, header_bytes(path, opener))
    axes = storage_axes(header)
    shape = tuple(header.shape[axis] for axis in axes)
    affine = header.affine_lps[:, [*axes, 3]]
    if shape != series.grid.shape or not np.array_equal(affine, series.grid.affine):
        raise UnreadableImageError(
            f"{path.name}: the file has changed since its header was read. Load the study again."
        )
    frames = [series.instances[k].frame or 0 for k in which]
    stored = read_slices(path, opener, header, axes, frames)
    if (header.slope, header.intercept) != (1.0, 0.0):
        stored = stored.astype(np.float64) * header.slope + header.intercept
    with np.errstate(over="ignore"):  # beyond float32 is infinite, as it should be
        return np.ascontiguousarray(stored, dtype=np.float32)


def refusal_error(series: Series, opener: Opener) -> StudyError:  # noqa: ARG001
    """Return the error of a series without a grid."""
    return GeometryError(series.refusal)
