"""DICOMDIR, and the index of headers kept between runs."""

import json
import os
import shutil
from pathlib import Path

import nibabel as nib
import pytest
from dicom_makers import (
    ROOT,
    assert_same_in_space,
    enhanced_dataset,
    nifti_image,
    save,
    save_series,
    scene,
    series_datasets,
    slice_dataset,
)
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset

from ifi_mri import loaders
from ifi_mri.errors import UnreadableImageError
from ifi_mri.loaders import dicom_files, load_study, load_volume


@pytest.fixture
def study_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    save_series(folder / "a", series_datasets(scene(1), series=1, Laterality="L"))
    save_series(folder / "b", series_datasets(scene(2), series=2, Modality="CT"))
    save(enhanced_dataset([scene(3), scene(4)], series=3, echo_times=(1.5, 2.5)), folder / "c")
    (folder / "notes.txt").write_text("x")
    return folder


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose headers are scanned while the study is loaded."""
    seen: list[Path] = []
    scan = dicom_files.scan_file

    def counted(path: Path, opener: object) -> object:
        seen.append(path)
        return scan(path, opener)  # type: ignore[arg-type]

    monkeypatch.setattr(dicom_files, "scan_file", counted)
    return seen


def test_an_index_gives_the_same_study_without_reading_headers(
    tmp_path: Path, study_folder: Path, scans: list[Path]
) -> None:
    index = tmp_path / "out" / "headers.json"
    first = load_study(study_folder, index=index)
    n_scanned = len(scans)
    assert n_scanned == 16
    again = load_study(study_folder, index=index)
    assert len(scans) == n_scanned
    assert again == first
    assert again.patient.name == "Müller^Änne"
    assert_same_in_space(load_volume(again.series[0]), scene(1))


def test_an_index_of_nifti_files_gives_the_same_study(tmp_path: Path) -> None:
    nib.save(nifti_image(scene()), tmp_path / "i.nii")
    index = tmp_path.parent / "nifti-index.json"
    first = load_study(tmp_path, index=index)
    assert load_study(tmp_path, index=index) == first
    assert first.series[0].cautions


def test_the_index_holds_no_patient_and_no_path_and_is_private(
    tmp_path: Path, study_folder: Path
) -> None:
    index = tmp_path / "headers.json"
    load_study(study_folder, index=index)
    text = index.read_text()
    for secret in ("ller", "P1", "A1", "19800615", "I0000", str(tmp_path)):
        assert secret not in text
    assert index.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("change", ["content", "time", "new", "gone", "words"])
def test_an_index_that_does_not_fit_is_made_again(
    tmp_path: Path, study_folder: Path, scans: list[Path], change: str
) -> None:
    index = tmp_path / "headers.json"
    load_study(study_folder, index=index)
    n_before = len(scans)
    words = None
    changed = sorted((study_folder / "a").iterdir())[0]
    if change == "content":
        changed.write_bytes(changed.read_bytes() + b"\0\0")
    elif change == "time":
        os.utime(changed, (1, 1))
    elif change == "new":
        shutil.copy(changed, study_folder / "copy")
    elif change == "gone":
        changed.unlink()
    else:
        words = loaders.SeriesWords(fat_suppressed=("ax",))
    fresh = load_study(study_folder, words)
    n_scanned = len(scans)
    assert load_study(study_folder, words, index=index) == fresh
    assert len(scans) > n_scanned > n_before
    n_scanned = len(scans)
    assert load_study(study_folder, words, index=index) == fresh
    assert len(scans) == n_scanned


@pytest.mark.parametrize("damage", ["", "{", '{"fingerprint": 1}', "[]", "null", "\xff"])
def test_a_damaged_index_is_made_again(tmp_path: Path, study_folder: Path, damage: str) -> None:
    index = tmp_path / "headers.json"
    expected = load_study(study_folder, index=index)
    index.write_text(damage)
    assert load_study(study_folder, index=index) == expected
    assert json.loads(index.read_text())


def test_an_index_of_the_right_files_with_wrong_content_is_made_again(
    tmp_path: Path, study_folder: Path
) -> None:
    index = tmp_path / "headers.json"
    expected = load_study(study_folder, index=index)
    content = json.loads(index.read_text())
    content["study"]["series"][0]["instances"][0][0] = 999
    index.write_text(json.dumps(content))
    assert load_study(study_folder, index=index) == expected


def test_an_index_is_not_trusted_against_the_file(tmp_path: Path) -> None:
    """A file changed behind the index, with size and time restored, is found when it is read."""
    path = save(slice_dataset(scene(), 0), tmp_path / "study" / "IM1")
    index = tmp_path / "headers.json"
    load_study(path.parent, index=index)
    status = path.stat()
    moved = slice_dataset(scene(origin_mm=(-31.7, 42.3, -88.9)), 0)
    save(moved, path)
    assert path.stat().st_size == status.st_size
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    (series,) = load_study(path.parent, index=index).series
    with pytest.raises(UnreadableImageError, match="has changed"):
        load_volume(series)


def test_an_index_that_cannot_be_written_does_no_harm(tmp_path: Path, study_folder: Path) -> None:
    (tmp_path / "file").write_text("x")
    study = load_study(study_folder, index=tmp_path / "file" / "headers.json")
    assert study == load_study(study_folder)


# --- DICOMDIR -----------------------------------------------------------------------------------


@pytest.fixture
def disc(tmp_path: Path) -> Path:
    """A CD: eight-character names in capitals, listed in a DICOMDIR."""
    disc = tmp_path / "disc"
    records = []
    for k, ds in enumerate(series_datasets(scene())):
        save(ds, disc / "DICOM" / "ST000001" / f"IM{k:06d}")
        record = Dataset()
        record.DirectoryRecordType = "IMAGE"
        record.ReferencedFileID = ["DICOM", "ST000001", f"IM{k:06d}"]
        records.append(record)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    meta.MediaStorageSOPInstanceUID = f"{ROOT}.88"
    meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    directory = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    directory.FileSetID = "DISC"
    directory.DirectoryRecordSequence = [Dataset(), *records]
    directory.DirectoryRecordSequence[0].DirectoryRecordType = "PATIENT"
    directory.save_as(disc / "DICOMDIR", enforce_file_format=True)
    return disc


def test_a_disc_is_read_by_its_dicomdir(disc: Path) -> None:
    save(slice_dataset(scene(), 0, series=5), disc / "unlisted")
    study = load_study(disc / "DICOMDIR")
    (series,) = study.series
    assert_same_in_space(load_volume(series), scene())
    assert study.cautions == ()


def test_a_disc_copied_in_small_letters_is_read(disc: Path) -> None:
    for path in sorted(disc.rglob("*"), reverse=True):
        if path.name != "DICOMDIR":
            path.rename(path.with_name(path.name.lower()))
    (series,) = load_study(disc / "DICOMDIR").series
    assert_same_in_space(load_volume(series), scene())


def test_files_that_a_dicomdir_lists_in_vain_are_a_caution(disc: Path) -> None:
    listed = sorted(path for path in disc.rglob("*") if path.is_file() and path.name != "DICOMDIR")
    listed[-1].unlink()
    study = load_study(disc / "DICOMDIR")
    assert [caution.code for caution in study.cautions] == ["listed_files_missing"]
    assert "lists 1 files that are not there" in study.cautions[0].text


def test_the_folder_of_a_disc_is_read_by_its_files(disc: Path) -> None:
    study = load_study(disc)
    assert len(study.series) == 1
    assert study.n_ignored_files == 1


@pytest.mark.parametrize("raw", [b"", b"nothing", b"\0" * 128 + b"DICM" + b"\xff" * 64])
def test_a_broken_dicomdir_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "DICOMDIR").write_bytes(raw)
    with pytest.raises(UnreadableImageError, match="DICOMDIR"):
        load_study(tmp_path / "DICOMDIR")
