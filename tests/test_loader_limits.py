"""What a header claims is compared with the file before anything is made of it."""

import nibabel as nib
import numpy as np
import pytest
from dicom_makers import (
    compress,
    enhanced_dataset,
    nifti_image,
    save,
    save_series,
    scene,
    series_datasets,
    slice_dataset,
)
from pydicom.uid import RLELossless

from ifi_mri.errors import UnreadableImageError
from ifi_mri.loaders import dicom, dicom_frames, load_study


@pytest.fixture
def n_made(monkeypatch):
    """Count the frames that are made."""
    made = []
    make = dicom_frames.frame_of
    monkeypatch.setattr(dicom_frames, "frame_of", lambda *of: made.append(1) or make(*of))
    return lambda: len(made)


@pytest.mark.parametrize("n_frames", [20_000, 2_000_000_000])
def test_more_frames_than_the_pixels_of_a_file_are_refused_before_they_are_made(
    tmp_path, n_made, n_frames
):
    ds = slice_dataset(scene(shape=(1, 360, 400)), 0)
    ds.NumberOfFrames = n_frames
    save(ds, tmp_path / "IM1")

    (series,) = load_study(tmp_path).series

    assert n_made() == 1
    assert series.refusal == (
        f"IM1: the file is truncated: 288000 bytes of pixels, expected {n_frames * 288_000}. "
        "Copy or export it again."
    )


def test_more_compressed_frames_than_functional_groups_are_refused(tmp_path, n_made):
    ds = compress(enhanced_dataset([scene(shape=(3, 64, 64))]), RLELossless)
    ds.NumberOfFrames = 100
    ds.save_as(tmp_path / "IM1", enforce_file_format=True)

    (series,) = load_study(tmp_path).series

    assert n_made() == 3
    assert "says where 3 frames lie (functional groups), expected 100" in series.refusal


def test_more_compressed_frames_than_bytes_are_refused(tmp_path, n_made):
    ds = compress(slice_dataset(scene(shape=(1, 8, 8)), 0), RLELossless)
    ds.NumberOfFrames = 2_000_000_000
    ds.save_as(tmp_path / "IM1", enforce_file_format=True)

    (series,) = load_study(tmp_path).series

    assert n_made() == 1
    assert "frames, expected 2000000000 (NumberOfFrames)" in series.refusal


def test_small_frames_without_places_are_not_made(tmp_path, n_made):
    ds = slice_dataset(scene(shape=(1, 100, 100)), 0, Rows=1, Columns=1)
    ds.NumberOfFrames = 10_000
    save(ds, tmp_path / "IM1")

    (series,) = load_study(tmp_path).series

    assert n_made() == 1
    assert "says where 0 frames lie" in series.refusal


def test_a_series_of_too_many_volumes_is_refused_as_one(tmp_path, monkeypatch):
    monkeypatch.setattr(dicom, "MOST_VOLUMES", 2)
    ds = enhanced_dataset([scene(seed) for seed in range(3)], echo_times=(10.0, 20.0, 30.0))
    save(ds, tmp_path / "IM1")

    (series,) = load_study(tmp_path).series

    assert len(series.instances) == 21
    assert series.refusal


@pytest.mark.parametrize("n_lost", [1, 60])
def test_a_nifti_file_that_is_cut_is_unfit(tmp_path, n_lost):
    path = tmp_path / "t1.nii"
    nib.save(nifti_image(scene()), path)
    size = path.stat().st_size
    (tmp_path / "t1.nii").write_bytes(path.read_bytes()[:-n_lost])

    (series,) = load_study(tmp_path).series

    assert series.refusal == (
        f"series t1.nii: the file of {size - n_lost} bytes is truncated, its header says {size}. "
        "Copy or convert it again."
    )


def test_a_whole_nifti_file_is_fit(tmp_path):
    nib.save(nifti_image(scene()), tmp_path / "t1.nii")
    nib.save(nifti_image(scene()), tmp_path / "t2.nii.gz")

    assert [series.refusal for series in load_study(tmp_path).series] == [None, None]


def test_a_nifti_file_that_claims_more_than_a_64_bit_count_is_unfit(tmp_path):
    path = tmp_path / "t1.nii"
    nib.save(nifti_image(scene(), kind=nib.Nifti2Image), path)
    raw = bytearray(path.read_bytes())
    raw[24:48] = np.array([2**22, 2**21, 2**21], "<i8").tobytes()
    path.write_bytes(raw)

    (series,) = load_study(tmp_path).series

    assert "is truncated" in (series.refusal or "")


@pytest.mark.parametrize("keyword", ["SeriesInstanceUID", "Rows"])
def test_a_whole_file_without_a_tag_is_not_called_truncated(tmp_path, keyword):
    save_series(tmp_path, series_datasets(scene(), **{keyword: None})[:1])

    with pytest.raises(UnreadableImageError, match=f"has no {keyword}, which") as raised:
        load_study(tmp_path)

    assert "truncated" not in str(raised.value)
