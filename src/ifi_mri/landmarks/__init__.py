"""Landmark files in and out: every format leaves here as patient LPS mm.

Each module that `MODULES` names is one format and offers the same few names (`LandmarkFormat`); a
new format is one new file and its name there.  What the formats share: labels and what they mean
(`labels`, `landmarks_of_markups`), the shape of each structure (`shapes`), frames (`positions`),
strict text and JSON (`text_files`, `delimited`).  Label maps (`LABEL_FORMATS`) become outlines and
spaces from bones (`label_masks`, `with_label_maps`).  `check` asks whether landmarks and images
belong together (`belonging`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol, cast

from ifi_mri.errors import ConfigError, LandmarkError, LandmarkFormatError
from ifi_mri.files import write_atomically
from ifi_mri.landmarks import label_masks
from ifi_mri.landmarks.belonging import check
from ifi_mri.landmarks.contents import describe, what_is_there
from ifi_mri.landmarks.label_tables import LabelTable
from ifi_mri.landmarks.on_images import on_images
from ifi_mri.landmarks.proposing import attributed
from ifi_mri.landmarks.shapes import AREAS
from ifi_mri.landmarks.text_files import (
    is_dicom,
    is_folder,
    named,
    nested_too_deeply,
    read_head,
    read_whole,
    shown,
)
from ifi_mri.landmarks.with_label_maps import choose, of_label_map, placed_on, tables_used
from ifi_mri.model import Landmark, LandmarkSet
from ifi_mri.vocabulary import LandmarkName, Side

__all__ = [
    "LABEL_FORMATS", "MODULES", "LandmarkFormat", "attributed", "check", "choose", "describe",
    "formats", "formats_sentence", "not_kept", "on_images", "placed_on", "read", "read_all",
    "read_sets", "schema", "tables_used", "template", "what_is_there", "write", "write_template",
]  # fmt: skip

#: The formats, in the order in which they are asked whether a file is theirs.
MODULES = ("native_json", "slicer_markups", "slicer_fcsv", "points_table", "dicom_sr")

#: Formats of label maps, in which a number in every voxel says what lies there.
LABEL_FORMATS = ("nifti_labels", "metaimage", "nrrd_file", "dicom_seg")

#: Images in formats that are not read as label maps.
_IMAGE_SUFFIXES: Final = (".mgz", ".img", ".hdr", ".dcm")

#: Slicer's annotations before 2020 (rulers and the like); they carry no structure.
_OLD_ANNOTATIONS: Final = ".acsv"


class LandmarkFormat(Protocol):
    """What the module of a format offers.

    ``SUFFIXES`` are endings of its files' names (none: it is told by its content, and only read);
    ``KEEPS`` the fields of `LandmarkSet` (and ``sop_instance_uid``, ``pixel_mm``) that survive
    writing and reading back.
    """

    NAME: str
    SUFFIXES: tuple[str, ...]
    LARGEST_BYTES: int
    KEEPS: frozenset[str]

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether a file is of this format, by its name and first bytes."""

    def read(self, content: bytes, source: Path) -> tuple[LandmarkSet, ...]:
        """Return every landmark set in a file's bytes."""

    def write(self, landmarks: LandmarkSet, path: Path) -> dict[Path, bytes]:
        """Return the files that hold a landmark set, by path."""


@cache
def formats() -> tuple[LandmarkFormat, ...]:
    """Return the modules of all formats, in the order of `MODULES`."""
    return tuple(cast("LandmarkFormat", import_module(f"{__name__}.{name}")) for name in MODULES)


# --- reading ------------------------------------------------------------------------------------


def read(
    path: Path | str,
    *,
    case_id: str | None = None,
    reader: str | None = None,
    read: int | None = None,
    label_table: LabelTable | Path | str | None = None,
) -> LandmarkSet:
    """Return the landmarks of a file, or of a folder of files, in patient LPS mm.

    Parameters
    ----------
    path : pathlib.Path or str
        A file of any format, or a folder whose landmark files are merged; hidden files, label
        maps, other files and folders inside it are ignored.
    case_id, reader, read : str, str and int, optional
        Choose from a file that holds several readings.
    label_table : LabelTable, pathlib.Path or str, optional
        What the numbers of a label map mean: a preset's id or a TOML file.  Needed unless the map
        itself names its structures.

    Returns
    -------
    LandmarkSet
        Outlines from a label map lie on its own axial slices; `placed_on` cuts them on those of a
        series, as `ifi_mri.analyse` does.

    Raises
    ------
    ConfigError
        The label table is not known or wrong, or there is no label map that it could be for.
    LandmarkError
        The path cannot be read.
    LandmarkFormatError
        A file is of no known format, is broken, or holds an unknown label.
    LandmarkMismatchError
        No reading fits what was asked, several do, or the files contradict one another.
    """
    return read_all([path], case_id=case_id, reader=reader, read=read, label_table=label_table)


def read_all(
    paths: Iterable[Path | str],
    *,
    case_id: str | None = None,
    reader: str | None = None,
    read: int | None = None,
    label_table: LabelTable | Path | str | None = None,
) -> LandmarkSet:
    """Return the landmarks of several files or folders as one set; see `read`."""
    named_paths = [Path(path) for path in paths]
    if not named_paths:
        raise LandmarkError("no landmark file was named. Name one.")
    if label_table is not None and not any(map(_is_label_map, named_paths)):
        raise ConfigError(
            f"label table {shown(getattr(label_table, 'id', str(label_table)))}: none of the "
            "landmark files is a label map. Leave it out, or name the label map."
        )
    sets = [one for path in named_paths for one in read_sets(path, label_table=label_table)]
    landmarks = choose(sets, case_id=case_id, reader=reader, read=read)
    stated = landmarks.landmarks or landmarks.image_marks or landmarks.observations
    if not stated and not any(map(_is_label_map, named_paths)):
        raise LandmarkFormatError(
            f"{named(landmarks.sources[0])}: holds no landmarks. Place some and save it again."
        )
    return landmarks


def read_sets(
    path: Path | str, *, label_table: LabelTable | Path | str | None = None
) -> list[LandmarkSet]:
    """Return every landmark set of a file or folder as it stands: not chosen from, not merged.

    For callers that read a table of many cases once; `choose` takes one reading from it.
    """
    path = Path(path)
    if is_folder(path):
        return _sets_in_folder(path)
    head = read_head(path)
    if label_masks.is_label_map(path, head):
        return [of_label_map(label_masks.read(path, label_table))]
    return list(_read_with(_format_of(path, head), path))


def _is_label_map(path: Path) -> bool:
    return not is_folder(path) and label_masks.is_label_map(path, read_head(path))


def _sets_in_folder(folder: Path) -> list[LandmarkSet]:
    claimed = _claimed_in(folder)
    if not claimed:
        raise LandmarkFormatError(
            f"{named(folder)}: holds no landmark files. {formats_sentence()} Name the folder "
            "that holds them itself, folders inside it are not searched."
        )
    return [one for path, form in claimed for one in _read_with(form, path)]


def _claimed_in(folder: Path) -> list[tuple[Path, LandmarkFormat]]:
    """Return the landmark files of a folder by name, each with its format."""
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as problem:
        raise LandmarkError(
            f"{named(folder)}: cannot be listed ({problem.strerror}). Check its permissions."
        ) from problem
    claimed = []
    for path in files:
        if path.name.startswith("."):
            continue
        if path.name.lower().endswith(_OLD_ANNOTATIONS):
            raise _refusal(path, b"")
        head = read_head(path)
        form = next((form for form in formats() if form.claims(path, head)), None)
        if form:
            claimed.append((path, form))
    return claimed


def _format_of(path: Path, head: bytes) -> LandmarkFormat:
    for form in formats():
        if form.claims(path, head):
            return form
    by_name = None if is_dicom(head) else _format_by_name(path)
    if by_name is None:
        raise _refusal(path, head)
    return by_name


def _format_by_name(path: Path) -> LandmarkFormat | None:
    """Return the format with the longest suffix that fits a file's name, or None."""
    name = path.name.lower()
    fitting = [
        (len(suffix), form)
        for form in formats()
        for suffix in form.SUFFIXES
        if name.endswith(suffix)
    ]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _read_with(form: LandmarkFormat, path: Path) -> Sequence[LandmarkSet]:
    content = read_whole(path, form.LARGEST_BYTES)
    try:
        sets = form.read(content, Path(named(path)))  # its name alone: what messages may say
    except RecursionError as problem:
        raise nested_too_deeply(path) from problem
    return [replace(one, sources=(path,)) for one in sets]


def _refusal(path: Path, head: bytes) -> LandmarkFormatError:
    """Return the error for a file of no format that is read."""
    name = path.name.lower()
    if is_dicom(head):
        what = "is a DICOM file, but neither a structured report nor a segmentation"
    elif name.endswith(_IMAGE_SUFFIXES):
        what = "is an image in a format that label maps are not read from"
    elif name.endswith(_OLD_ANNOTATIONS):
        what = "is an annotation of an old Slicer; save it as a line or point list (.mrk.json)"
    else:
        what = f"is of no known landmark format (its name ends in {shown(path.suffix)})"
    return LandmarkFormatError(f"{named(path)}: {what}. {formats_sentence()}")


def formats_sentence() -> str:
    """Return the sentence that says which formats are read."""
    listed = ", ".join(
        f"{form.NAME} ({', '.join(form.SUFFIXES)})" if form.SUFFIXES else form.NAME
        for form in formats()
    )
    return (
        f"Landmarks are read from {listed}, or a folder of these, and from label maps "
        f"({', '.join(label_masks.SUFFIXES)}, DICOM SEG)."
    )


# --- writing ------------------------------------------------------------------------------------


def write(landmarks: LandmarkSet, path: Path | str) -> list[Path]:
    """Write landmarks in the format that the path's ending names; return the files.

    A path without an ending, or an existing folder, gets Slicer markups, one file for each line,
    curve and list of points.  Files are written whole or not at all and are readable by their
    owner alone.

    Raises
    ------
    LandmarkFormatError
        The ending names no format, or the format cannot hold these landmarks.
    LandmarkError
        There is nothing to write, the folder already holds other landmark files (they would be
        read with the new ones), or the disk refuses.
    """
    path = Path(path)
    form = _format_to_write(path)
    if landmarks.image_marks:
        raise LandmarkError(
            f"{named(landmarks.sources[0])}: its lines are in the pixels of images, which only "
            "their study can place in mm. Name the study with --study."
        )
    if not landmarks.landmarks and "observations" not in form.KEEPS:
        raise LandmarkError(f"{named(path)}: there are no landmarks to write. Read some first.")
    files = form.write(landmarks, path)
    into_folder = path not in files
    try:
        if into_folder:
            path.mkdir(parents=True, exist_ok=True)
            _refuse_other_files(path, files)
        for target, content in files.items():
            write_atomically(target, content)
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else problem
        raise LandmarkError(
            f"{named(path)}: cannot be written ({reason}). Check the folder."
        ) from problem
    return list(files)


def not_kept(landmarks: LandmarkSet, path: Path | str) -> tuple[str, ...]:
    """Return what a landmark set states and the format of ``path`` cannot hold, by field name."""
    keeps = _format_to_write(Path(path)).KEEPS | {"landmarks", "sources"}
    stated = [field.name for field in fields(LandmarkSet) if getattr(landmarks, field.name)]
    if any(mark.sop_instance_uid for mark in landmarks.landmarks):
        stated.append("sop_instance_uid")
    if any(mark.pixel_mm for mark in landmarks.landmarks):
        stated.append("pixel_mm")
    return tuple(name for name in stated if name not in keeps)


def _format_to_write(path: Path) -> LandmarkFormat:
    if is_folder(path) or not path.suffix:
        return next(form for form in formats() if ".mrk.json" in form.SUFFIXES)
    form = _format_by_name(path)
    if form is None:
        endings = ", ".join(suffix for form in formats() for suffix in form.SUFFIXES)
        raise LandmarkFormatError(
            f"{named(path)}: its ending names no landmark format. Use {endings}, or a "
            "folder for Slicer."
        )
    return form


def _refuse_other_files(folder: Path, files: Iterable[Path]) -> None:
    others = sorted({path for path, _ in _claimed_in(folder)} - set(files))
    if others:
        raise LandmarkError(
            f"{named(folder)}: already holds other landmark files ({shown(others[0].name)}), which "
            "would be read together with the new ones. Choose an empty folder."
        )


# --- for people and programs that make landmark files -------------------------------------------


def template() -> LandmarkSet:
    """Return a landmark set to fill in: every structure on both sides, none with a position.

    Reading it back unfilled is refused: delete what was not marked.
    """
    return LandmarkSet(
        tuple(
            Landmark(name, side, (), closed=name in AREAS)
            for side in (Side.RIGHT, Side.LEFT)
            for name in LandmarkName
        ),
        status="draft",
    )


def write_template(path: Path | str) -> list[Path]:
    """Write `template` in the format that the path's ending names; return the files."""
    return write(template(), path)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the native format."""
    from ifi_mri.landmarks import native_json

    return native_json.schema()
