"""Tiny synthetic images in awkward poses, written as DICOM, Enhanced DICOM and NIfTI.

Independent of the loaders and of `ifi_mri.phantom`: a `Scene` says which value lies where in the
patient, the writers put it into files, and `assert_same_in_space` asks a loaded volume for it.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from scipy.spatial.transform import Rotation

from ifi_mri.model import Volume

CLASSIC_MR = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
ROOT = "1.2.826.0.1.3680043.10.1234"


@dataclass(frozen=True, eq=False)
class Scene:
    """Values (slice, row, column) and the affine that leads from their indices to LPS mm."""

    voxels: np.ndarray
    affine: np.ndarray

    @property
    def spacing_mm(self) -> np.ndarray:
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def directions(self) -> np.ndarray:
        return self.affine[:3, :3] / self.spacing_mm

    def position(self, k: int) -> np.ndarray:
        return self.affine[:3, 3] + k * self.affine[:3, 0]

    def turned(self, rotation: Rotation) -> "Scene":
        """The same picture after the patient's frame is turned."""
        turn = np.eye(4)
        turn[:3, :3] = rotation.as_matrix()
        return replace(self, affine=turn @ self.affine)


def scene(
    seed: int = 0,
    shape: tuple[int, int, int] = (7, 6, 5),
    spacing_mm: tuple[float, float, float] = (4.6, 0.7, 0.9),
    turn_deg: tuple[float, float, float] = (17.0, -9.0, 23.0),
    origin_mm: tuple[float, float, float] = (-31.7, 42.2, -88.9),
    highest: int = 4095,
    lowest: int = 0,
) -> Scene:
    """Random values on an oblique, anisotropic grid; slices along row x column direction."""
    random = np.random.default_rng(seed)
    voxels = random.integers(lowest, highest + 1, size=shape).astype(np.uint16)
    matrix = Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix()
    right, down = matrix[:, 0], matrix[:, 1]
    affine = np.eye(4)
    directions = np.stack([np.cross(right, down), down, right], axis=1)
    affine[:3, :3] = directions * np.array(spacing_mm)
    affine[:3, 3] = origin_mm
    return Scene(voxels, affine)


def assert_same_in_space(volume: Volume, expected: Scene, within_mm: float = 0.01) -> None:
    """Every voxel of the scene has its value, at its place, in the volume, and none is left."""
    assert volume.voxels.size == expected.voxels.size
    indices = np.indices(expected.voxels.shape).reshape(3, -1).T
    places = indices @ expected.affine[:3, :3].T + expected.affine[:3, 3]
    inverse = np.linalg.inv(volume.affine)
    found = places @ inverse[:3, :3].T + inverse[:3, 3]
    nearest = np.round(found).astype(int)
    off_mm = (found - nearest) @ volume.affine[:3, :3].T
    assert np.linalg.norm(off_mm, axis=1).max() < within_mm
    assert (nearest >= 0).all()
    assert (nearest < volume.voxels.shape).all()
    values = expected.voxels[tuple(indices.T)]
    np.testing.assert_array_equal(volume.voxels[tuple(nearest.T)], values.astype(np.float32))


# --- classic DICOM ------------------------------------------------------------------------------


def decimals(values: Sequence[float]) -> list[str]:
    """Decimal strings of at most 16 characters, as scanners write them."""
    return [f"{value:.10g}"[:16] for value in values]


def slice_dataset(image: Scene, k: int, series: int = 1, **tags: Any) -> FileDataset:
    """One classic MR instance; tags given as None are left out."""
    ds = _empty(f"{ROOT}.{series}.{k + 1}", CLASSIC_MR)
    _common(ds, series)
    _, rows, columns = image.voxels.shape
    _, row_mm, column_mm = image.spacing_mm
    _, down, right = image.directions.T
    ds.InstanceNumber = k + 1
    ds.ImagePositionPatient = decimals(image.position(k))
    ds.ImageOrientationPatient = decimals([*right, *down])
    ds.PixelSpacing = decimals([row_mm, column_mm])
    ds.SliceThickness = "3"
    ds.EchoTime, ds.RepetitionTime, ds.FlipAngle = "12", "600", "150"
    ds.Rows, ds.Columns = rows, columns
    _pixel_module(ds, np.ascontiguousarray(image.voxels[k]))
    return _with(ds, tags)


def _empty(instance_uid: str, class_uid: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = class_uid
    meta.MediaStorageSOPInstanceUID = instance_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    ds.set_original_encoding(None, None)
    ds.SOPClassUID, ds.SOPInstanceUID = class_uid, instance_uid
    return ds


def _common(ds: Dataset, series: int) -> None:
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    ds.StudyDate = "20240229"
    ds.AccessionNumber = "A1"
    ds.Modality = "MR"
    ds.Manufacturer = "SIEMENS"
    ds.ManufacturerModelName = "Avanto"
    ds.SeriesDescription = "AX T1"
    ds.PatientName = "Müller^Änne"
    ds.PatientID = "P1"
    ds.PatientBirthDate = "19800615"
    ds.PatientSex = "F"
    ds.MagneticFieldStrength = "1.5"
    ds.PatientPosition = "HFS"
    ds.ScanningSequence = "SE"
    ds.StudyInstanceUID = f"{ROOT}.0"
    ds.SeriesInstanceUID = f"{ROOT}.{series}"
    ds.SeriesNumber = series
    ds.FrameOfReferenceUID = f"{ROOT}.9"


def _pixel_module(ds: Dataset, stored: np.ndarray) -> None:
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated = 8 * stored.dtype.itemsize
    ds.BitsStored = 12 if stored.dtype.itemsize == 2 else ds.BitsAllocated
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(stored.dtype.kind == "i")
    ds.PixelData = stored.tobytes()
    ds["PixelData"].VR = "OW" if stored.dtype.itemsize > 1 else "OB"


def _with(ds: FileDataset, tags: dict[str, Any]) -> FileDataset:
    for keyword, value in tags.items():
        if value is None:
            if keyword in ds:
                delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def series_datasets(image: Scene, series: int = 1, **tags: Any) -> list[FileDataset]:
    """The instances of a classic series, one for each slice of the scene."""
    return [slice_dataset(image, k, series, **tags) for k in range(image.voxels.shape[0])]


def save(ds: FileDataset, path: Path, syntax: str = ExplicitVRLittleEndian) -> Path:
    """Write a dataset in an uncompressed transfer syntax."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if syntax == ExplicitVRBigEndian and ds.BitsAllocated > 8:
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.save_as(path, enforce_file_format=True)
    return path


def save_series(
    folder: Path, datasets: Sequence[FileDataset], syntax: str = ExplicitVRLittleEndian
) -> Path:
    """Write datasets under names that say nothing of their order, and return the folder."""
    for k, ds in enumerate(datasets):
        save(ds, folder / f"I{(k * 7919) % 1009:04d}", syntax)
    return folder


UNCOMPRESSED_SYNTAXES = {
    "explicit little endian": ExplicitVRLittleEndian,
    "implicit little endian": ImplicitVRLittleEndian,
    "explicit big endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}


def compress(ds: FileDataset, syntax: str, **options: Any) -> FileDataset:
    """Compress the pixels losslessly: by pydicom where it can, by GDCM for JPEG lossless."""
    if syntax in ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"):
        return _jpeg_lossless(ds, syntax)
    signed = ds.PixelRepresentation
    if signed and syntax.endswith(".4.80"):  # CharLS's encoder knows no sign: give it 12 plain bits
        plain = np.frombuffer(ds.PixelData, "<u2") & ((1 << ds.BitsStored) - 1)
        ds.PixelData, ds.PixelRepresentation = plain.astype("<u2").tobytes(), 0
    ds.compress(syntax, generate_instance_uid=False, **options)
    ds.PixelRepresentation = signed
    return ds


def _jpeg_lossless(ds: FileDataset, syntax: str) -> FileDataset:
    import gdcm

    with tempfile.TemporaryDirectory() as folder:
        plain, packed = Path(folder, "plain"), Path(folder, "packed")
        ds.save_as(plain, enforce_file_format=True)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(plain))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.SetFileName(str(packed))
        assert writer.Write()
        pixels = dcmread(packed)["PixelData"]
    ds["PixelData"] = pixels
    ds.file_meta.TransferSyntaxUID = syntax
    return ds


# --- Enhanced DICOM -----------------------------------------------------------------------------


def enhanced_dataset(
    images: Sequence[Scene],
    series: int = 1,
    echo_times: Sequence[float] = (12.0,),
    shared_orientation: bool = True,
    **tags: Any,
) -> FileDataset:
    """One Enhanced MR instance of several volumes, their slices interleaved and shuffled."""
    ds = _empty(f"{ROOT}.{series}.99", ENHANCED_MR)
    _common(ds, series)
    first = images[0]
    _, rows, columns = first.voxels.shape
    order = [(k, v) for k in range(first.voxels.shape[0]) for v in range(len(images))]
    np.random.default_rng(series).shuffle(order)
    ds.InstanceNumber = 1
    ds.NumberOfFrames = len(order)
    ds.Rows, ds.Columns = rows, columns
    _, row_mm, column_mm = first.spacing_mm
    shared = Dataset()
    measures = Dataset()
    measures.PixelSpacing = decimals([row_mm, column_mm])
    measures.SliceThickness = "3"
    shared.PixelMeasuresSequence = Items([measures])
    if shared_orientation:
        shared.PlaneOrientationSequence = _orientation(first)
    timing = Dataset()
    timing.RepetitionTime, timing.FlipAngle = "600", "150"
    shared.MRTimingAndRelatedParametersSequence = Items([timing])
    ds.SharedFunctionalGroupsSequence = Items([shared])
    ds.PerFrameFunctionalGroupsSequence = Items(
        [
            _frame_groups(images[v], k, v, echo_times[v % len(echo_times)], shared_orientation)
            for k, v in order
        ]
    )
    _pixel_module(ds, np.stack([images[v].voxels[k] for k, v in order]))
    return _with(ds, tags)


def _orientation(image: Scene) -> Items:
    _, down, right = image.directions.T
    item = Dataset()
    item.ImageOrientationPatient = decimals([*right, *down])
    return Items([item])


def _frame_groups(
    image: Scene, k: int, volume: int, echo_time: float, shared_orientation: bool
) -> Dataset:
    groups = Dataset()
    content = Dataset()
    content.StackID = "1"
    content.InStackPositionNumber = k + 1
    content.TemporalPositionIndex = 1
    groups.FrameContentSequence = Items([content])
    position = Dataset()
    position.ImagePositionPatient = decimals(image.position(k))
    groups.PlanePositionSequence = Items([position])
    if not shared_orientation:
        groups.PlaneOrientationSequence = _orientation(image)
    echo = Dataset()
    echo.EffectiveEchoTime = float(echo_time)
    groups.MREchoSequence = Items([echo])
    kind = Dataset()
    kind.FrameType = ["ORIGINAL", "PRIMARY", "M", "NONE"]
    groups.MRImageFrameTypeSequence = Items([kind])
    return groups


# --- NIfTI --------------------------------------------------------------------------------------


def nifti_image(
    image: Scene,
    order: tuple[int, int, int] = (2, 1, 0),
    flips: tuple[bool, bool, bool] = (False, False, False),
    kind: type[nib.Nifti1Image] = nib.Nifti1Image,
    dim_info: bool = True,
) -> nib.Nifti1Image:
    """A NIfTI image of a scene: file axis n is axis ``order[n]`` of (slice, row, column), turned
    round where ``flips[n]``; the affine is adapted, so every value stays where it lies."""
    data, affine = image.voxels.transpose(order), image.affine[:, [*order, 3]].copy()
    for axis, flip in enumerate(flips):
        if flip:
            data = np.flip(data, axis)
            affine[:3, 3] += (data.shape[axis] - 1) * affine[:3, axis]
            affine[:3, axis] *= -1
    made = kind(np.ascontiguousarray(data), np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)
    if dim_info:
        made.header.set_dim_info(slice=order.index(0))
    return made
