"""How fast studies load: this loader against SimpleITK, highdicom, nibabel, pydicom and the floor.

Everything runs interleaved in one process on one generated study, page cache warm; the table gives
medians and the ratio to this loader.  Needs what the project does not: ``pip install SimpleITK
highdicom`` (and, for their rows of the folder scan, ``python-gdcm`` and ``dcmtk``'s ``dcmdump``).

    python scripts/bench/loading.py [--runs 9] [--scan-files 5000] [--folder DIR]
"""

import argparse
import gzip
import os
import shutil
import statistics
import subprocess
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import (
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    MRImageStorage,
    generate_uid,
)

import ifi_mri

#: Plane, rows, columns, slices, pixel size and slice spacing in mm of the generated series.
SHAPES = {
    "axial T1": ("axial", 512, 512, 30, 0.7, 5.0),
    "axial STIR": ("axial", 320, 320, 30, 1.1, 5.0),
    "coronal T1": ("coronal", 512, 512, 28, 0.7, 6.0),
}
AXES = {"axial": ((1, 0, 0), (0, 1, 0), (0, 0, 1)), "coronal": ((1, 0, 0), (0, 0, -1), (0, 1, 0))}
SCANNED_TAGS: list[str] = (  # noqa: SIM905 - a list of forty strings reads worse
    "SOPClassUID SOPInstanceUID Modality SeriesInstanceUID StudyInstanceUID SeriesDescription "
    "ImageType EchoTime RepetitionTime ImagePositionPatient ImageOrientationPatient "
    "FrameOfReferenceUID Rows Columns PixelSpacing SliceThickness InstanceNumber"
).split()


@dataclass(frozen=True)
class Job:
    """One row of the table."""

    group: str
    name: str
    work: Callable[[], Any]


# --- the study ----------------------------------------------------------------------------------


def voxels(rows: int, columns: int, slices: int) -> np.ndarray:
    """Return a smooth body with 12-bit noise, as compressible as an MRI is."""
    rng = np.random.default_rng(rows + slices)
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    body = 700 * (x**2 + (1.4 * y) ** 2 < 0.8) * (1.2 + np.sin(9 * x) * np.cos(11 * y))
    drift = np.linspace(0.9, 1.1, slices)[:, None, None]
    noisy = body * drift + rng.normal(0, 18, (slices, rows, columns))
    return np.abs(noisy).clip(0, 4095).astype(np.uint16)


def header(description: str, study: str, frame: str, shape: tuple[Any, ...]) -> FileDataset:
    """Return the header that all slices of a series share."""
    plane, rows, columns, _, pixel_mm, spacing_mm = shape
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    right, down, _ = AXES[plane]
    for keyword, value in {
        "SOPClassUID": MRImageStorage, "Modality": "MR", "PatientName": "BENCH^MARK",
        "PatientID": "0", "StudyInstanceUID": study,
        "SeriesInstanceUID": generate_uid(entropy_srcs=[study, description]),
        "FrameOfReferenceUID": frame, "SeriesDescription": description, "StudyDate": "20200101",
        "StudyTime": "", "AccessionNumber": "", "ReferringPhysicianName": "", "StudyID": "1",
        "PatientBirthDate": "", "PatientSex": "", "SeriesNumber": 1, "Manufacturer": "none",
        "PositionReferenceIndicator": "", "Laterality": "",
        "ImageType": ["ORIGINAL", "PRIMARY", "M"], "ScanningSequence": "SE",
        "SequenceVariant": "SK",
        "ScanOptions": "FS" if "STIR" in description else "", "MRAcquisitionType": "2D",
        "RepetitionTime": 4000 if "STIR" in description else 550, "EchoTrainLength": 1,
        "EchoTime": 40 if "STIR" in description else 11, "Rows": rows, "Columns": columns,
        "InversionTime": 150 if "STIR" in description else None,
        "PixelSpacing": [pixel_mm, pixel_mm], "SliceThickness": spacing_mm - 1,
        "ImageOrientationPatient": [*right, *down], "PatientPosition": "HFS",
        "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16,
        "BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0,
    }.items():  # fmt: skip
        if value is not None:
            setattr(dataset, keyword, value)
    return dataset


def write_series(folder: Path, description: str, shape: tuple[Any, ...], syntax: str) -> None:
    """Write a series as single-frame files in one transfer syntax."""
    folder.mkdir(parents=True)
    study, frame = (generate_uid(entropy_srcs=["bench", part]) for part in ("study", "frame"))
    _, _, down = AXES[shape[0]]
    for k, picture in enumerate(voxels(*shape[1:4])):
        dataset = header(description, study, frame, shape)
        dataset.SOPInstanceUID = generate_uid(entropy_srcs=[str(folder), str(k)])
        dataset.file_meta.MediaStorageSOPClassUID = MRImageStorage
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.InstanceNumber = k + 1
        dataset.ImagePositionPatient = [float(-150 + k * shape[5] * axis) for axis in down]
        dataset.PixelData = picture.tobytes()
        dataset["PixelData"].VR = "OW"
        if syntax != ExplicitVRLittleEndian:
            dataset.compress(syntax, generate_instance_uid=False)
        dataset.save_as(folder / f"{k:03}.dcm", enforce_file_format=True)


def write_enhanced(path: Path, shape: tuple[Any, ...]) -> None:
    """Write a series as one Enhanced MR file."""
    plane, *_ = shape
    right, down, along = AXES[plane]
    dataset = header("axial T1 enhanced", generate_uid(), generate_uid(), shape)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    for keyword in ("ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        delattr(dataset, keyword)
    orientation, measures = pydicom.Dataset(), pydicom.Dataset()
    orientation.ImageOrientationPatient = [*right, *down]
    measures.PixelSpacing, measures.SliceThickness = [shape[4]] * 2, shape[5] - 1
    common = pydicom.Dataset()
    common.PlaneOrientationSequence, common.PixelMeasuresSequence = [orientation], [measures]
    dataset.SharedFunctionalGroupsSequence = [common]
    frames = []
    for k in range(shape[3]):
        position, content, group = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
        position.ImagePositionPatient = [float(-150 + k * shape[5] * axis) for axis in along]
        content.InStackPositionNumber, content.StackID = k + 1, "1"
        content.DimensionIndexValues = [1, k + 1]
        group.PlanePositionSequence, group.FrameContentSequence = [position], [content]
        frames.append(group)
    dataset.PerFrameFunctionalGroupsSequence = frames
    dataset.NumberOfFrames = shape[3]
    dataset.PixelData = voxels(*shape[1:4]).tobytes()
    dataset["PixelData"].VR = "OW"
    path.parent.mkdir(parents=True)
    dataset.save_as(path, enforce_file_format=True)


def write_nifti(path: Path, shape: tuple[Any, ...]) -> None:
    """Write a series as ``.nii.gz``."""
    path.parent.mkdir(parents=True)
    affine = np.diag([-shape[4], -shape[4], shape[5], 1.0])
    nibabel.save(nibabel.Nifti1Image(voxels(*shape[1:4]).T.copy(), affine), path)


def write_study(folder: Path) -> None:
    """Write every form of the study that is measured."""
    for name, shape in SHAPES.items():
        write_series(folder / "raw" / name.replace(" ", "_"), name, shape, ExplicitVRLittleEndian)
    for form, syntax in (("jpegls", JPEGLSLossless), ("jpeg2000", JPEG2000Lossless)):
        write_series(folder / form / "axial_T1", "axial T1", SHAPES["axial T1"], syntax)
    write_enhanced(folder / "enhanced" / "enhanced.dcm", SHAPES["axial T1"])
    write_nifti(folder / "nifti" / "axial_T1.nii.gz", SHAPES["axial T1"])


# --- who loads it, and how ----------------------------------------------------------------------


def series_of(folder: Path, name: str) -> Any:
    """Return one series of a folder, by its description."""
    found = ifi_mri.load_study(folder).series
    return next(series for series in found if name in (series.description or series.label))


def needed(series: Any) -> list[tuple[float, float, float]]:
    """Return points on the two middle slices, as landmarks would lie."""
    middle = len(series.instances) // 2
    return [series.instances[k].position_mm for k in (middle, middle + 1)]


def measure_path(folder: Path, names: tuple[str, ...], index: Path | None = None) -> None:
    """Load what a measurement needs: all headers, two slices of each axial series."""
    from ifi_mri.loaders import load_study

    found = load_study(folder, index=index).series
    for series in found:
        if series.description in names or series.format == "nifti":
            ifi_mri.load_volume(series, near=needed(series))


def read_slices(found: list[Any]) -> None:
    """Load two slices of each series whose headers are known already."""
    for series in found:
        ifi_mri.load_volume(series, near=needed(series))


def whole_volumes(folder: Path) -> None:
    for series in ifi_mri.load_study(folder).series:
        ifi_mri.load_volume(series)


def sitk_series(folder: Path) -> None:
    import SimpleITK

    reader = SimpleITK.ImageSeriesReader()
    for directory in sorted({path.parent for path in folder.rglob("*.dcm")}):
        for uid in reader.GetGDCMSeriesIDs(str(directory)):
            reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(directory), uid))
            SimpleITK.GetArrayViewFromImage(reader.Execute())


def sitk_file(path: Path) -> None:
    import SimpleITK

    SimpleITK.GetArrayViewFromImage(SimpleITK.ReadImage(str(path)))


def highdicom_series(folder: Path) -> None:
    import highdicom

    for directory in sorted({path.parent for path in folder.rglob("*.dcm")}):
        datasets = [pydicom.dcmread(path) for path in sorted(directory.glob("*.dcm"))]
        if len(datasets) == 1:
            highdicom.imread(next(directory.glob("*.dcm"))).get_volume(dtype=np.uint16)
        else:
            highdicom.get_volume_from_series(datasets, dtype=np.uint16)


def pydicom_decode(folder: Path, which: slice = slice(None)) -> None:
    """Decode pictures, without a volume or its geometry."""
    for path in sorted(folder.rglob("*.dcm"))[which]:
        pydicom.dcmread(path).pixel_array  # noqa: B018 - reading it is the work


def pydicom_volumes(folder: Path) -> None:
    """What scripts do: read, sort by position, stack as float32; geometry left to the reader."""
    for directory in sorted({path.parent for path in folder.rglob("*.dcm")}):
        datasets = [pydicom.dcmread(path) for path in directory.glob("*.dcm")]
        datasets.sort(key=lambda ds: float(sum(ds.ImagePositionPatient)))
        np.stack([ds.pixel_array for ds in datasets]).astype(np.float32)


def nibabel_load(path: Path) -> None:
    np.asanyarray(nibabel.load(path).dataobj)


def read_all(folder: Path) -> None:
    """The floor: every byte, once."""
    for path in folder.rglob("*.*"):
        buffer = bytearray(path.stat().st_size)
        with path.open("rb") as file:
            file.readinto(buffer)


def read_needed(folder: Path) -> None:
    """The floor of the measuring path: the bytes of the two slices of each axial series."""
    for name in ("axial_T1", "axial_STIR"):
        directory = folder / name
        if directory.is_dir():
            for path in sorted(directory.glob("*.dcm"))[15:17]:
                path.read_bytes()


def stat_all_and_read_needed(folder: Path) -> None:
    """The floor of a header index: whether any file changed, and the slices needed."""
    for directory in (folder, *(path for path in folder.iterdir() if path.is_dir())):
        with os.scandir(directory) as entries:
            for entry in entries:
                entry.stat()
    read_needed(folder)


def jobs(folder: Path) -> list[Job]:
    """Return all rows, in the order of the table."""
    raw, axial = folder / "raw", ("axial T1", "axial STIR")
    nifti = folder / "nifti" / "axial_T1.nii.gz"
    index = folder / "index"
    known = [series for series in ifi_mri.load_study(raw).series if series.description in axial]
    found = [
        Job("study, uncompressed", "ifi_mri, slices needed", lambda: measure_path(raw, axial)),
        Job("study, uncompressed", "ifi_mri, slices needed, header index warm",
            lambda: measure_path(raw, axial, index)),
        Job("study, uncompressed", "ifi_mri, slices needed, their headers known",
            lambda: read_slices(known)),
        Job("study, uncompressed", "ifi_mri, whole volumes", lambda: whole_volumes(raw)),
        Job("study, uncompressed", "SimpleITK, series discovery and read",
            lambda: sitk_series(raw)),
        Job("study, uncompressed", "highdicom", lambda: highdicom_series(raw)),
        Job("study, uncompressed", "pydicom, sorted and stacked", lambda: pydicom_volumes(raw)),
        Job("study, uncompressed", "floor: all bytes", lambda: read_all(raw)),
        Job("study, uncompressed", "floor: bytes of the slices needed", lambda: read_needed(raw)),
        Job("study, uncompressed", "floor: those bytes, and a stat of every file",
            lambda: stat_all_and_read_needed(raw)),
    ]  # fmt: skip
    for form, name in (("jpegls", "axial T1, JPEG-LS"), ("jpeg2000", "axial T1, JPEG 2000")):
        where = folder / form
        found += [
            Job(name, "ifi_mri, slices needed", lambda where=where: measure_path(where, axial)),
            Job(name, "ifi_mri, slices needed, header index warm",
                lambda where=where: measure_path(where, axial, where / ".index")),
            Job(name, "ifi_mri, whole volume", lambda where=where: whole_volumes(where)),
            Job(name, "SimpleITK, series discovery and read",
                lambda where=where: sitk_series(where)),
            Job(name, "highdicom", lambda where=where: highdicom_series(where)),
            Job(name, "floor: decompression alone (pydicom's plug-in)",
                lambda where=where: pydicom_decode(where)),
            Job(name, "floor: the slices needed, decompressed (pydicom's plug-in)",
                lambda where=where: pydicom_decode(where, slice(15, 17))),
        ]  # fmt: skip
    enhanced = folder / "enhanced"
    found += [
        Job("axial T1, Enhanced", "ifi_mri, slices needed",
            lambda: measure_path(enhanced, ("axial T1 enhanced",))),
        Job("axial T1, Enhanced", "ifi_mri, whole volume", lambda: whole_volumes(enhanced)),
        Job("axial T1, Enhanced", "SimpleITK", lambda: sitk_file(enhanced / "enhanced.dcm")),
        Job("axial T1, Enhanced", "highdicom", lambda: highdicom_series(enhanced)),
        Job("axial T1, .nii.gz", "ifi_mri, slices needed",
            lambda: measure_path(nifti.parent, axial)),
        Job("axial T1, .nii.gz", "ifi_mri, whole volume", lambda: whole_volumes(nifti.parent)),
        Job("axial T1, .nii.gz", "nibabel", lambda: nibabel_load(nifti)),
        Job("axial T1, .nii.gz", "SimpleITK", lambda: sitk_file(nifti)),
        Job("axial T1, .nii.gz", "floor: decompression alone (zlib)",
            lambda: gzip.decompress(nifti.read_bytes())),
    ]  # fmt: skip
    return found


# --- the scan of a large folder -----------------------------------------------------------------


def write_many(folder: Path, source: Path, n_files: int) -> None:
    """Fill a folder with slices of their own UIDs, pixels cut short to save disk."""
    files = sorted(source.rglob("*.dcm"))
    for k in range(n_files):
        path = folder / f"s{k // 88:03}" / f"{k % 88:03}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        dataset = pydicom.dcmread(files[k % len(files)])
        dataset.StudyInstanceUID = generate_uid(entropy_srcs=["many", str(k // 88)])
        series = [str(k // 88), str(dataset.SeriesInstanceUID)]
        dataset.SeriesInstanceUID = generate_uid(entropy_srcs=series)
        dataset.SOPInstanceUID = generate_uid(entropy_srcs=["many", str(k), "sop"])
        dataset.Rows = dataset.Columns = 64
        dataset.PixelData = dataset.PixelData[: 2 * 64 * 64]
        dataset.save_as(path)


def scan_jobs(folder: Path) -> list[Job]:
    """Return who reads the headers of a large folder."""
    from ifi_mri.loaders.header_scan import scan
    from ifi_mri.loaders.source_files import Opener

    files = sorted(folder.rglob("*.dcm"))

    def own() -> None:
        with Opener() as opener:
            for path in files:
                source = opener.open(path)
                scan(source)
                source.close()

    def with_pydicom() -> None:
        for path in files:
            dataset = pydicom.dcmread(path, specific_tags=SCANNED_TAGS, stop_before_pixels=True)
            for keyword in SCANNED_TAGS:
                dataset.get(keyword)

    def with_gdcm() -> None:
        import gdcm

        scanner = gdcm.Scanner()
        for keyword in SCANNED_TAGS:
            tag = pydicom.datadict.tag_for_keyword(keyword)
            scanner.AddTag(gdcm.Tag(tag >> 16, tag & 0xFFFF))
        scanner.Scan([str(path) for path in files])

    def with_dcmtk() -> None:
        tags = [part for keyword in SCANNED_TAGS for part in ("+P", keyword)]
        subprocess.run(
            ["dcmdump", "-q", "-M", *tags, "+sd", "+r", str(folder)],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    group = f"headers of {len(files)} files"
    found = [
        Job(group, "ifi_mri, lean scan", own),
        Job(group, "pydicom, the same tags", with_pydicom),
        Job(group, "gdcm.Scanner", with_gdcm),
    ]
    if shutil.which("dcmdump"):
        found.append(Job(group, "dcmtk's dcmdump", with_dcmtk))
    return found


# --- the table ----------------------------------------------------------------------------------


def timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def print_table(found: list[Job], runs: int) -> dict[tuple[str, str], list[float]]:
    """Run all jobs in turn, several times, print medians and ratios to the group's first, and
    return the times of each job, ms."""
    times: dict[tuple[str, str], list[float]] = {(job.group, job.name): [] for job in found}
    for job in found:
        job.work()  # imports, page cache, header index
    for _ in range(runs):
        for job in found:
            times[job.group, job.name].append(timed(job.work))
    print("| what | who | median ms | x first |\n|---|---|---|---|")
    first: dict[str, float] = {}
    for (group, name), values in times.items():
        median = statistics.median(values)
        first.setdefault(group, median)
        print(f"| {group} | {name} | {median:.1f} | {median / first[group]:.2f} |")
    return times


def print_warm_index(times: dict[tuple[str, str], list[float]]) -> None:
    """Print how many times its floor, the bytes of the slices needed, the warm index takes."""
    warm = times["study, uncompressed", "ifi_mri, slices needed, header index warm"]
    floor = times["study, uncompressed", "floor: bytes of the slices needed"]
    rounds = statistics.median(a / b for a, b in zip(warm, floor, strict=True))
    medians = statistics.median(warm) / statistics.median(floor)
    print(
        f"\nHeader index warm, over the bytes of those slices: {medians:.2f} by medians "
        f"({statistics.median(warm):.2f} / {statistics.median(floor):.2f} ms), {rounds:.2f} median "
        f"of {len(warm)} rounds."
    )


def main() -> None:
    """Write the study, time everyone, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--scan-files", type=int, default=5000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if not (folder / "raw").is_dir():
            write_study(folder)
        print_warm_index(print_table(jobs(folder), options.runs))
        if options.scan_files:
            many = folder / "many"
            if not many.is_dir():
                write_many(many, folder / "raw", options.scan_files)
            print()
            print_table(scan_jobs(many), max(3, options.runs // 3))
            tracemalloc.start()
            scan_jobs(many)[0].work()
            peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
            print(
                f"\nPeak memory of the lean scan: {peak_mb:.1f} MB. Load: {os.getloadavg()[0]:.1f}."
            )


if __name__ == "__main__":
    main()
