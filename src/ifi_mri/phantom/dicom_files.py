"""The phantom as classic MR Image Storage files (DICOM PS3.3 A.4), one a slice.

Everything that would differ from run to run is fixed: UIDs follow from the phantom's arguments,
dates and times are constants, the pixel data are whole numbers.
"""

import io
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np

from ifi_mri.geometry import position_along_normal_mm
from ifi_mri.phantom import protocols
from ifi_mri.phantom.series import MR_IMAGE_STORAGE, Stack, made_up_uid
from ifi_mri.phantom.synthetic_study import Phantom

_DATE: Final = "20200101"
_TIME: Final = "120000"
_IMPLEMENTATION_VERSION: Final = "IFI_MRI_PHANTOM"

#: 12-bit samples: the brightest tissue, with the strongest oedema and shading, stays below 4096.
_BITS_STORED: Final = 12
_BRIGHTEST: Final = 2**_BITS_STORED - 1

#: Proton resonance, MHz per tesla.
_MHZ_PER_T: Final = 42.577


def dicom_files(phantom: Phantom) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield every file of the study: its path in the study's folder, and its bytes."""
    study = _study_level(phantom)
    for stack in phantom.stacks:
        series = study | _series_level(stack)
        protocol = stack.protocol
        folder = PurePosixPath(f"{protocol.number:03d}_{protocol.description.replace(' ', '_')}")
        for index in range(stack.grid.shape[0]):
            number = stack.first_number + index
            yield folder / f"{number:04d}.dcm", _encoded(series | _instance_level(stack, index))


def _study_level(phantom: Phantom) -> dict[str, Any]:
    """Return what all files share: a made-up patient, study, equipment, frame of reference."""
    study_number = phantom.study_uid.rpartition(".")[2][-8:]
    return {
        "SOPClassUID": MR_IMAGE_STORAGE,
        "StudyDate": _DATE,
        "StudyTime": _TIME,
        "AccessionNumber": "",
        "Modality": "MR",
        "Manufacturer": protocols.MANUFACTURER,
        "ManufacturerModelName": protocols.MODEL,
        "ReferringPhysicianName": "",
        "StudyDescription": "MRI PELVIS PHANTOM",
        "PatientName": "NOBODY^IMAGINARY",
        "PatientID": f"PHANTOM-{study_number}",
        "PatientBirthDate": "",
        "PatientSex": "F",
        "PatientAge": "046Y",
        "PatientPosition": "HFS",
        "StudyInstanceUID": phantom.study_uid,
        "StudyID": study_number,
        "FrameOfReferenceUID": phantom.frame_of_reference_uid,
        "PositionReferenceIndicator": "",
        "BurnedInAnnotation": "NO",
        "QualityControlImage": "YES",
        "ImageComments": "Synthetic image, no patient: ifi_mri phantom",
        **_body_part(phantom),
    }


def _body_part(phantom: Phantom) -> dict[str, str]:
    """Return body part, and the side where one hip alone was scanned."""
    if phantom.only is None:
        return {"BodyPartExamined": "PELVIS"}
    return {"BodyPartExamined": "HIP", "Laterality": phantom.only.letter}


def _series_level(stack: Stack) -> dict[str, Any]:
    """Return what the files of a series share: sequence, pixel spacing, orientation."""
    protocol, grid = stack.protocol, stack.grid
    row_mm, column_mm = grid.pixel_spacing_mm
    along_row, along_column = grid.affine[:3, 2] / column_mm, grid.affine[:3, 1] / row_mm
    inversion = protocol.inversion_time_ms
    return {
        "SeriesInstanceUID": stack.series_uid,
        "SeriesNumber": protocol.number,
        "SeriesDescription": protocol.description,
        "ProtocolName": protocol.description,
        "SeriesDate": _DATE,
        "SeriesTime": _TIME,
        "ImageType": list(protocol.image_type),
        "ScanningSequence": list(protocol.scanning_sequence),
        "SequenceVariant": "SK",
        "ScanOptions": list(protocol.scan_options),
        "MRAcquisitionType": "2D",
        "SequenceName": protocol.sequence_name,
        "RepetitionTime": _decimal(protocol.repetition_time_ms),
        "EchoTime": _decimal(protocol.echo_time_ms),
        "EchoTrainLength": protocol.echo_train_length,
        "FlipAngle": _decimal(protocol.flip_angle_deg),
        "NumberOfAverages": "1",
        "MagneticFieldStrength": _decimal(protocols.FIELD_STRENGTH_T),
        "ImagingFrequency": _decimal(_MHZ_PER_T * protocols.FIELD_STRENGTH_T),
        "ImagedNucleus": "1H",
        "PixelBandwidth": "650",
        "SliceThickness": _decimal(stack.slice_thickness_mm),
        "SpacingBetweenSlices": _decimal(grid.slice_spacing_mm),
        "PixelSpacing": [_decimal(row_mm), _decimal(column_mm)],
        "ImageOrientationPatient": [_decimal(x) for x in (*along_row, *along_column)],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": grid.shape[1],
        "Columns": grid.shape[2],
        "BitsAllocated": 16,
        "BitsStored": _BITS_STORED,
        "HighBit": _BITS_STORED - 1,
        "PixelRepresentation": 0,
        **_window(stack),
        **({} if inversion is None else {"InversionTime": _decimal(inversion)}),
    }


def _window(stack: Stack) -> dict[str, str]:
    """Return a grey scale on which the tissues are told apart: black to the brightest muscle or
    fat."""
    width = 1.15 * max(stack.protocol.signals.values())
    return {"WindowCenter": _decimal(round(width / 2)), "WindowWidth": _decimal(round(width))}


def _instance_level(stack: Stack, index: int) -> dict[str, Any]:
    """Return what is of one slice alone: number, position, pixels."""
    affine = stack.grid.affine
    position = affine[:3, 3] + index * affine[:3, 0]
    pixels = np.minimum(stack.voxels[index], _BRIGHTEST).astype("<u2")
    return {
        "SOPInstanceUID": stack.sop_instance_uids[index],
        "InstanceNumber": stack.first_number + index,
        "AcquisitionNumber": 1,
        "ContentDate": _DATE,
        "ContentTime": _TIME,
        "ImagePositionPatient": [_decimal(x) for x in position],
        "SliceLocation": _decimal(position_along_normal_mm(affine, position)),
        "PixelData": pixels.tobytes(),
    }


def _decimal(value: float) -> str:
    """Return a decimal string of at most 16 characters: a nanometre, a billionth of a cosine."""
    text = f"{value:.9f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _encoded(content: Mapping[str, Any]) -> bytes:
    """Return a DICOM file (PS3.10) in Explicit VR Little Endian."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.filewriter import dcmwrite
    from pydicom.uid import UID, ExplicitVRLittleEndian

    dataset = Dataset()
    for keyword, value in content.items():
        setattr(dataset, keyword, value)
    dataset["PixelData"].VR = "OW"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(made_up_uid(_IMPLEMENTATION_VERSION, "implementation"))
    meta.ImplementationVersionName = _IMPLEMENTATION_VERSION
    dataset.file_meta = meta
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()
