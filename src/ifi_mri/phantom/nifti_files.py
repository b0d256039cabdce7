"""The phantom as NIfTI-1 files with JSON sidecars like dcm2niix's, without a patient's identity.

Voxels may be stored in any of the 48 orders and directions of the axes; qform and sform say the
same.  The localizer, whose planes share no grid, is left out.
"""

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np

from ifi_mri.errors import ConfigError
from ifi_mri.geometry import LPS_FROM_RAS
from ifi_mri.phantom import protocols
from ifi_mri.phantom.protocols import Protocol
from ifi_mri.phantom.series import Stack
from ifi_mri.phantom.synthetic_study import Phantom

#: How dcm2niix stores axial slices: columns to the left, rows to the front, slices to the head.
DCM2NIIX_AXES: Final = "LAS"

#: The letter of every direction, and of its opposite, by patient axis.
_DIRECTIONS: Final = ("LR", "PA", "SI")

_SCANNER_ANATOMICAL: Final = 1


def nifti_files(
    phantom: Phantom, axes: str = DCM2NIIX_AXES
) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield every file of the study: its path in the study's folder, and its bytes.

    Parameters
    ----------
    axes : str
        Where the first, second and third voxel axis point: one letter each of L or R, A or P, I
        or S, in any order.  For an oblique phantom the nearest directions.

    Raises
    ------
    ConfigError
        ``axes`` is none of the 48.
    """
    check_axes(axes)
    for stack in phantom.stacks:
        if stack.protocol.name == protocols.LOCALIZER.name:
            continue
        stem = f"{stack.protocol.number}_{stack.protocol.description.replace(' ', '_')}"
        yield PurePosixPath(f"{stem}.nii.gz"), _gzipped(_image(stack, axes))
        yield PurePosixPath(f"{stem}.json"), _sidecar(stack, "HIP" if phantom.only else "PELVIS")


def check_axes(axes: str) -> None:
    """Raise ConfigError unless the letters name one direction of each patient axis."""
    found = sorted(_axis(letter) for letter in axes)
    if found != [0, 1, 2]:
        raise ConfigError(
            f"phantom: voxel axes {axes!r} are not known; expected one letter each of L or R, A or "
            f"P, I or S, as in {DCM2NIIX_AXES}."
        )


def _axis(letter: str) -> int:
    """Return the patient axis of a direction, -1 where there is none."""
    return next((axis for axis, pair in enumerate(_DIRECTIONS) if letter in pair), -1)


def _image(stack: Stack, axes: str) -> bytes:
    """Return a NIfTI-1 file."""
    import nibabel as nib

    voxels, affine = _turned(stack, axes)
    ras = LPS_FROM_RAS @ affine  # the matrix is its own inverse
    image = nib.Nifti1Image(voxels, ras)  # type: ignore[no-untyped-call]
    image.set_sform(ras, code=_SCANNER_ANATOMICAL)  # type: ignore[no-untyped-call]
    image.set_qform(ras, code=_SCANNER_ANATOMICAL)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm", "sec")  # type: ignore[no-untyped-call]
    image.header["descrip"] = b"synthetic, no patient: ifi_mri phantom"
    return bytes(image.to_bytes())


def _turned(stack: Stack, axes: str) -> tuple[np.ndarray, np.ndarray]:
    """Return voxels with their axes as asked for, and the affine from them to LPS mm."""
    lps = stack.grid.affine
    nearest = [int(np.argmax(np.abs(lps[:3, k]))) for k in range(3)]
    order = [nearest.index(_axis(letter)) for letter in axes]
    turn = np.zeros((4, 4))
    turn[3, 3] = 1
    flips = []
    for new, old in enumerate(order):
        towards_first = axes[new] in "LPS"
        flip = (lps[nearest[old], old] > 0) != towards_first
        turn[old, new] = -1 if flip else 1
        turn[old, 3] = stack.grid.shape[old] - 1 if flip else 0
        flips.append(slice(None, None, -1 if flip else 1))
    voxels = stack.voxels.transpose(order)[tuple(flips)]
    return voxels.astype("<i2"), lps @ turn


def _gzipped(content: bytes) -> bytes:
    """Return gzip data without a name and a time."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as file:
        file.write(content)
    return buffer.getvalue()


def _sidecar(stack: Stack, body_part: str) -> bytes:
    """Return the sidecar; times in seconds, as in BIDS."""
    affine = stack.grid.affine
    orientation = [*affine[:3, 2], *affine[:3, 1]] / np.repeat(stack.grid.pixel_spacing_mm[::-1], 3)
    content = _technique(stack.protocol) | {
        "BodyPartExamined": body_part,
        "SliceThickness": stack.slice_thickness_mm,
        "SpacingBetweenSlices": stack.grid.slice_spacing_mm,
        "ImageOrientationPatientDICOM": orientation.tolist(),
        "ImageComments": "Synthetic image, no patient: ifi_mri phantom",
        "ConversionSoftware": protocols.MODEL,
    }
    rounded = json.loads(json.dumps(content), parse_float=lambda text: round(float(text), 9))
    return (json.dumps(rounded, indent=2) + "\n").encode()


def _technique(protocol: Protocol) -> dict[str, Any]:
    """Return how the series was scanned."""
    inversion = protocol.inversion_time_ms
    return {
        "Modality": "MR",
        "MagneticFieldStrength": protocols.FIELD_STRENGTH_T,
        "Manufacturer": protocols.MANUFACTURER,
        "ManufacturersModelName": protocols.MODEL,
        "PatientPosition": "HFS",
        "SeriesNumber": protocol.number,
        "SeriesDescription": protocol.description,
        "ProtocolName": protocol.description,
        "ScanningSequence": "\\".join(protocol.scanning_sequence),
        "SequenceVariant": "SK",
        **({"ScanOptions": "\\".join(protocol.scan_options)} if protocol.scan_options else {}),
        "SequenceName": protocol.sequence_name,
        "ImageType": list(protocol.image_type),
        "MRAcquisitionType": "2D",
        "EchoTime": protocol.echo_time_ms / 1000,
        "RepetitionTime": protocol.repetition_time_ms / 1000,
        **({} if inversion is None else {"InversionTime": inversion / 1000}),
        "FlipAngle": protocol.flip_angle_deg,
        "EchoTrainLength": protocol.echo_train_length,
        "PixelBandwidth": 650,
    }
