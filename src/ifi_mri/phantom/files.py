"""The phantom on disk: DICOM and NIfTI files, and its truth."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from ifi_mri.errors import ConfigError
from ifi_mri.phantom.dicom_files import dicom_files
from ifi_mri.phantom.nifti_files import DCM2NIIX_AXES, nifti_files
from ifi_mri.phantom.synthetic_study import Phantom

FORMATS: Final = ("dicom", "nifti")
TRUTH_FILE: Final = "truth.json"


def write_phantom(
    phantom: Phantom, folder: Path, formats: Sequence[str] = ("dicom",)
) -> list[Path]:
    """Write a phantom: ``folder/dicom``, ``folder/nifti`` and ``folder/truth.json``.

    Returns
    -------
    list of pathlib.Path
        The study's folder in every format, then the truth.

    Raises
    ------
    ConfigError
        A format is not known, or the folder cannot be written or already holds a study.
    """
    writers = {"dicom": write_dicom, "nifti": write_nifti}
    unknown = [name for name in formats if name not in writers]
    if unknown or not formats:
        found = ", ".join(map(repr, unknown)) or "none"
        raise ConfigError(
            f"phantom: format {found} is not known. Choose from: {', '.join(FORMATS)}."
        )
    for name in formats:
        _check_empty(folder / name)
    for name in formats:
        writers[name](phantom, folder / name)
    return [*(folder / name for name in formats), write_truth(phantom, folder)]


def write_dicom(phantom: Phantom, folder: Path) -> list[Path]:
    """Write a folder of DICOM files for each series; return the files.

    Raises
    ------
    ConfigError
        The folder cannot be written or is not empty.
    """
    _check_empty(folder)
    return _written(folder, dicom_files(phantom))


def write_nifti(phantom: Phantom, folder: Path, axes: str = DCM2NIIX_AXES) -> list[Path]:
    """Write ``.nii.gz`` files with sidecars, voxel axes as asked for; return the files.

    Raises
    ------
    ConfigError
        The folder cannot be written or is not empty, or ``axes`` is not one of the 48.
    """
    _check_empty(folder)
    return _written(folder, nifti_files(phantom, axes))


def write_truth(phantom: Phantom, folder: Path) -> Path:
    """Write ``truth.json`` into a folder and return its path."""
    text = json.dumps(phantom.truth, indent=1) + "\n"
    return _written(folder, [(PurePosixPath(TRUTH_FILE), text.encode())])[0]


def _check_empty(folder: Path) -> None:
    """Refuse a folder that holds files: two studies in it would be read as one."""
    try:
        occupied = folder.exists() and any(folder.iterdir())
    except OSError as problem:
        raise _not_writable(folder, problem) from problem
    if occupied:
        raise ConfigError(
            f"{folder}: already holds files; expected an empty folder for the synthetic study. "
            "Choose another folder with --out."
        )


def _written(folder: Path, files: Iterable[tuple[PurePosixPath, bytes]]) -> list[Path]:
    return list(_write(folder, files))


def _write(folder: Path, files: Iterable[tuple[PurePosixPath, bytes]]) -> Iterator[Path]:
    for name, content in files:
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as problem:
            raise _not_writable(path, problem) from problem
        yield path


def _not_writable(path: Path, problem: OSError) -> ConfigError:
    return ConfigError(
        f"{path}: cannot be written ({problem.strerror}). Choose another folder with --out."
    )
