"""Several volumes in one DICOM series: parted by their own tags; Enhanced MR; localizers."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_makers import (
    ROOT,
    Scene,
    assert_same_in_space,
    decimals,
    enhanced_dataset,
    save,
    save_series,
    scene,
    series_datasets,
    slice_dataset,
)
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence as Items
from scipy.spatial.transform import Rotation

from ifi_mri.loaders import load_study, load_volume
from ifi_mri.model import Series

SHAPE = (5, 4, 3)


def volumes_of(*images: Scene, tags: list[dict[str, Any]]) -> list[FileDataset]:
    """The instances of several volumes in one series, interleaved slice by slice."""
    datasets = []
    for k in range(images[0].voxels.shape[0]):
        for v, (image, mine) in enumerate(zip(images, tags, strict=True)):
            ds = slice_dataset(image, k, **mine)
            ds.SOPInstanceUID = f"{ROOT}.1.{k + 1}.{v + 1}"
            ds.InstanceNumber = k * len(images) + v + 1
            datasets.append(ds)
    return datasets


def labels(series: tuple[Series, ...]) -> list[str]:
    return [piece.label for piece in series]


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ({"EchoTime": "15"}, {"EchoTime": "80"}, ["echo time 15", "echo time 80"]),
        ({"EchoNumbers": "1"}, {"EchoNumbers": "2"}, ["echo 1", "echo 2"]),
        ({"InversionTime": "160"}, {"InversionTime": "300"}, None),
        ({"DiffusionBValue": 0.0}, {"DiffusionBValue": 800.0}, ["b-value 0", "b-value 800"]),
        (
            {"DiffusionBValue": 800.0, "DiffusionGradientOrientation": [1.0, 0.0, 0.0]},
            {"DiffusionBValue": 800.0, "DiffusionGradientOrientation": [0.0, 1.0, 0.0]},
            ["gradient 1", "gradient 2"],
        ),
        ({"TemporalPositionIdentifier": "1"}, {"TemporalPositionIdentifier": "2"}, None),
        ({"AcquisitionNumber": "1"}, {"AcquisitionNumber": "2"}, None),
        ({"TriggerTime": "10.5"}, {"TriggerTime": "600"}, None),
        (
            {"ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"]},
            {"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]},
            None,
        ),
        (
            {"ImageType": ["DERIVED", "PRIMARY", "DIXON", "WATER"]},
            {"ImageType": ["DERIVED", "PRIMARY", "DIXON", "FAT"]},
            None,
        ),
    ],
)
def test_volumes_of_one_series_are_parted_by_their_tags(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], told: list[str] | None
) -> None:
    images = scene(1, SHAPE), scene(2, SHAPE)
    save_series(tmp_path, volumes_of(*images, tags=[first, second]))
    pieces = load_study(tmp_path).series
    assert [piece.series_uid for piece in pieces] == [f"{ROOT}.1"] * 2
    for piece, image in zip(_by_first_number(pieces), images, strict=True):
        assert piece.grid is not None
        assert_same_in_space(load_volume(piece), image)
    assert len(set(labels(pieces))) == 2
    if told is not None:
        assert labels(_by_first_number(pieces)) == [f"1 AX T1 [{words}]" for words in told]


def _by_first_number(pieces: tuple[Series, ...]) -> tuple[Series, ...]:
    return tuple(sorted(pieces, key=lambda piece: min(i.number or 0 for i in piece.instances)))


def test_echoes_keep_their_own_echo_time_and_fat_suppression(tmp_path: Path) -> None:
    images = scene(1, SHAPE), scene(2, SHAPE)
    tags = [
        {"ImageType": ["DERIVED", "PRIMARY", "DIXON", "FAT"], "EchoTime": "11"},
        {"ImageType": ["DERIVED", "PRIMARY", "DIXON", "WATER"], "EchoTime": "12"},
    ]
    save_series(tmp_path, volumes_of(*images, tags=tags))
    found = {piece.echo_time_ms: piece.fat_suppression for piece in load_study(tmp_path).series}
    assert found == {11: None, 12: "ImageType WATER (Dixon water)"}


def test_phase_images_are_parted_from_magnitude_and_not_measured(tmp_path: Path) -> None:
    images = scene(1, SHAPE), scene(2, SHAPE)
    tags = [{"ImageType": ["ORIGINAL", "PRIMARY", kind]} for kind in ("M", "P")]
    save_series(tmp_path, volumes_of(*images, tags=tags))
    magnitude, phase = _by_first_number(load_study(tmp_path).series)
    assert magnitude.refusal is None
    assert "ImageType says P, expected magnitude" in (phase.refusal or "")


def test_three_echoes_of_two_time_points_are_six_volumes(tmp_path: Path) -> None:
    images = [scene(v, SHAPE) for v in range(6)]
    tags = [
        {"EchoTime": str(10 + v % 3), "TemporalPositionIdentifier": str(v // 3)} for v in range(6)
    ]
    save_series(tmp_path, volumes_of(*images, tags=tags))
    pieces = _by_first_number(load_study(tmp_path).series)
    for piece, image in zip(pieces, images, strict=True):
        assert_same_in_space(load_volume(piece), image)


def test_a_tag_that_varies_from_slice_to_slice_parts_nothing(tmp_path: Path) -> None:
    image = scene(1, SHAPE)
    datasets = series_datasets(image)
    for k, ds in enumerate(datasets):
        ds.AcquisitionNumber, ds.TriggerTime = k, str(100 * k)
        ds.AcquisitionTime, ds.EchoTime = f"1000{k:02d}", str(12 + 0.001 * k)
    (series,) = load_study(save_series(tmp_path, datasets)).series
    assert_same_in_space(load_volume(series), image)


def test_interleaved_halves_with_one_doubled_slice_are_not_parted_into_half_stacks(
    tmp_path: Path,
) -> None:
    """Two concatenations differ in AcquisitionNumber; splitting by it would double the spacing."""
    datasets = series_datasets(scene(1, (8, 4, 3)))
    for k, ds in enumerate(datasets):
        ds.AcquisitionNumber = k % 2 + 1
    twin = slice_dataset(scene(1, (8, 4, 3)), 3, SOPInstanceUID=f"{ROOT}.70", AcquisitionNumber=1)
    (series,) = load_study(save_series(tmp_path, [*datasets, twin])).series
    assert "share positions already taken" in (series.refusal or "")


def test_repeats_without_any_tag_are_parted_by_instance_number_with_a_caution(
    tmp_path: Path,
) -> None:
    images = scene(1, SHAPE), scene(2, SHAPE)
    datasets = []
    for v, image in enumerate(images):
        for ds in series_datasets(image):
            ds.InstanceNumber += 5 * v
            ds.SOPInstanceUID += f".{v}"
            datasets.append(ds)
    pieces = load_study(save_series(tmp_path, datasets)).series
    for piece, image in zip(pieces, images, strict=True):
        assert_same_in_space(load_volume(piece), image)
        assert [caution.code for caution in piece.cautions] == ["volumes_by_order"]


def test_repeats_with_the_same_instance_numbers_are_refused_as_doubled(tmp_path: Path) -> None:
    datasets = []
    for v in range(2):
        for ds in series_datasets(scene(v, SHAPE)):
            ds.SOPInstanceUID += f".{v}"
            datasets.append(ds)
    (series,) = load_study(save_series(tmp_path, datasets)).series
    assert "5 slices share positions already taken" not in (series.refusal or "")
    assert "share positions already taken" in (series.refusal or "")


def test_a_series_broken_off_in_its_last_volume_keeps_the_complete_ones(tmp_path: Path) -> None:
    images = [scene(v, SHAPE) for v in range(3)]
    tags = [{"TemporalPositionIdentifier": str(v)} for v in range(3)]
    datasets = [
        ds
        for ds in volumes_of(*images, tags=tags)
        if ds.TemporalPositionIdentifier < 2 or ds.InstanceNumber < 5
    ]
    pieces = load_study(save_series(tmp_path, datasets)).series
    by_time = sorted(pieces, key=lambda piece: piece.label)
    for piece, image in zip(by_time[:2], images[:2], strict=True):
        assert_same_in_space(load_volume(piece), image)
    assert by_time[2].grid is not None
    assert by_time[2].grid.shape[0] == 1


def test_volumes_placed_a_hair_apart_are_still_volumes_of_one_stack(tmp_path: Path) -> None:
    images = [scene(v, SHAPE, origin_mm=(0, 0, 0.02 * v)) for v in range(2)]
    tags = [{"EchoTime": "10"}, {"EchoTime": "20"}]
    pieces = load_study(save_series(tmp_path, volumes_of(*images, tags=tags))).series
    for piece, image in zip(_by_first_number(pieces), images, strict=True):
        assert_same_in_space(load_volume(piece), image)


def test_instances_of_one_uid_that_differ_are_no_copies(tmp_path: Path) -> None:
    """Anonymisers that give every file one UID must not make slices vanish."""
    images = scene(1, SHAPE), scene(2, SHAPE)
    datasets = volumes_of(*images, tags=[{"EchoTime": "10"}, {"EchoTime": "20"}])
    for ds in datasets:
        ds.SOPInstanceUID = f"{ROOT}.1"
    pieces = load_study(save_series(tmp_path, datasets)).series
    for piece, image in zip(_by_first_number(pieces), images, strict=True):
        assert_same_in_space(load_volume(piece), image)


def test_different_frames_of_reference_are_parted(tmp_path: Path) -> None:
    images = scene(1, SHAPE), scene(2, SHAPE, origin_mm=(0, 0, 300))
    datasets = volumes_of(*images, tags=[{}, {"FrameOfReferenceUID": f"{ROOT}.10"}])
    pieces = load_study(save_series(tmp_path, datasets)).series
    assert {piece.frame_of_reference_uid for piece in pieces} == {f"{ROOT}.9", f"{ROOT}.10"}
    assert labels(pieces) == [f"1 AX T1 [frame of reference {k}]" for k in (1, 2)]


# --- orientations -------------------------------------------------------------------------------


def _planes(n_slices: int) -> list[Scene]:
    upright = scene(1, (n_slices, 4, 3), turn_deg=(3, 2, 1))
    return [
        upright,
        upright.turned(Rotation.from_euler("x", 90, degrees=True)),
        upright.turned(Rotation.from_euler("y", 90, degrees=True)),
    ]


@pytest.mark.parametrize("n_slices", [1, 3])
def test_a_localizer_of_three_planes_is_split_and_not_measured(
    tmp_path: Path, n_slices: int
) -> None:
    images = _planes(n_slices)
    save_series(tmp_path, volumes_of(*images, tags=[{}] * 3))
    pieces = load_study(tmp_path).series
    assert len(pieces) == 3
    for piece, image in zip(_by_first_number(pieces), images, strict=True):
        assert "lie in 3 planes as those of a localizer do" in (piece.refusal or "")
        assert_same_in_space(load_volume(piece), image)


def test_two_stacks_of_different_tilt_are_split_and_may_be_measured(tmp_path: Path) -> None:
    image = scene(1, SHAPE)
    images = image, image.turned(Rotation.from_euler("x", 12, degrees=True))
    pieces = load_study(save_series(tmp_path, volumes_of(*images, tags=[{}] * 2))).series
    for piece, expected in zip(_by_first_number(pieces), images, strict=True):
        assert piece.refusal is None
        assert_same_in_space(load_volume(piece), expected)


def test_slices_round_an_axis_are_refused(tmp_path: Path) -> None:
    datasets = []
    for k in range(6):
        image = scene(1, SHAPE).turned(Rotation.from_euler("z", 30 * k, degrees=True))
        ds = slice_dataset(image, 0, SOPInstanceUID=f"{ROOT}.{k + 1}", InstanceNumber=k)
        datasets.append(ds)
    (series,) = load_study(save_series(tmp_path, datasets)).series
    assert "slices are not parallel" in (series.refusal or "")


# --- Enhanced -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shared_orientation", [True, False])
def test_an_enhanced_file_is_read_with_its_technique(
    tmp_path: Path, shared_orientation: bool
) -> None:
    image = scene(5, SHAPE)
    ds = enhanced_dataset([image], shared_orientation=shared_orientation)
    (series,) = load_study(save(ds, tmp_path / "IM1")).series
    assert series.refusal is None
    assert (series.echo_time_ms, series.repetition_time_ms, series.flip_angle_deg) == (12, 600, 150)
    assert series.slice_thickness_mm == 3
    assert {instance.sop_instance_uid for instance in series.instances} == {f"{ROOT}.1.99"}
    assert sorted(instance.frame or 0 for instance in series.instances) == list(range(5))
    assert_same_in_space(load_volume(series), image)


def test_frames_of_an_enhanced_file_are_rescaled_each_by_its_own(tmp_path: Path) -> None:
    image = scene(5, SHAPE)
    ds = enhanced_dataset([image])
    expected = np.empty(SHAPE)
    for k, groups in enumerate(ds.PerFrameFunctionalGroupsSequence):
        item = Dataset()
        item.RescaleSlope, item.RescaleIntercept = str(1 + k), str(-k)
        groups.PixelValueTransformationSequence = Items([item])
        place = groups.FrameContentSequence[0].InStackPositionNumber - 1
        expected[place] = image.voxels[place] * float(1 + k) - k
    (series,) = load_study(save(ds, tmp_path / "IM1")).series
    np.testing.assert_array_equal(load_volume(series).voxels, expected.astype(np.float32))


def test_echoes_of_an_enhanced_file_are_parted(tmp_path: Path) -> None:
    images = [scene(v, SHAPE) for v in range(3)]
    ds = enhanced_dataset(images, echo_times=(10.0, 20.0, 30.5))
    pieces = load_study(save(ds, tmp_path / "IM1")).series
    by_echo = sorted(pieces, key=lambda piece: piece.echo_time_ms or 0)
    assert [piece.echo_time_ms for piece in by_echo] == [10, 20, 30.5]
    for piece, image in zip(by_echo, images, strict=True):
        assert_same_in_space(load_volume(piece), image)


def test_stacks_of_an_enhanced_file_are_parted_by_their_id(tmp_path: Path) -> None:
    low, high = scene(1, SHAPE), scene(2, SHAPE)
    high.affine[:3, 3] += 9.3 * low.affine[:3, 0]
    ds = enhanced_dataset([low, high])
    for groups in ds.PerFrameFunctionalGroupsSequence:
        position = groups.PlanePositionSequence[0].ImagePositionPatient
        k = groups.FrameContentSequence[0].InStackPositionNumber - 1
        in_low = decimals(low.position(k)) == [str(value) for value in position]
        groups.FrameContentSequence[0].StackID = "1" if in_low else "2"
    pieces = load_study(save(ds, tmp_path / "IM1")).series
    by_stack = sorted(pieces, key=lambda piece: piece.label)
    for piece, image in zip(by_stack, (low, high), strict=True):
        assert piece.refusal is None
        assert_same_in_space(load_volume(piece), image)


def test_enhanced_files_of_one_series_are_put_together(tmp_path: Path) -> None:
    """Concatenations, and vendors that write one file a time point."""
    images = scene(1, SHAPE), scene(2, SHAPE)
    for v, image in enumerate(images):
        ds = enhanced_dataset([image], SOPInstanceUID=f"{ROOT}.1.{v}", InstanceNumber=v + 1)
        for groups in ds.PerFrameFunctionalGroupsSequence:
            groups.FrameContentSequence[0].TemporalPositionIndex = v + 1
        save(ds, tmp_path / f"IM{v}")
    pieces = load_study(tmp_path).series
    for piece, image in zip(pieces, images, strict=True):
        assert_same_in_space(load_volume(piece), image)


def test_what_a_frame_says_comes_before_what_all_frames_share(tmp_path: Path) -> None:
    image = scene(5, SHAPE)
    ds = enhanced_dataset([image], shared_orientation=False)
    other = Dataset()
    other.ImageOrientationPatient = ["0", "1", "0", "0", "0", "-1"]
    ds.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence = Items([other])
    (series,) = load_study(save(ds, tmp_path / "IM1")).series
    assert_same_in_space(load_volume(series), image)


def test_dimensions_of_a_vendors_own_part_volumes(tmp_path: Path) -> None:
    images = [scene(1, SHAPE), scene(2, SHAPE)]
    ds = enhanced_dataset(images)
    stored = np.frombuffer(ds.PixelData, np.uint16).reshape(-1, *SHAPE[1:])
    for k, groups in enumerate(ds.PerFrameFunctionalGroupsSequence):
        content = groups.FrameContentSequence[0]
        place = content.InStackPositionNumber
        volume = int((stored[k] == images[1].voxels[place - 1]).all())
        content.DimensionIndexValues = [1, place, volume + 1]
    pieces = load_study(save(ds, tmp_path / "IM1")).series
    by_dimension = sorted(pieces, key=lambda piece: piece.label)
    assert [piece.label for piece in by_dimension] == [
        "1 AX T1 [dimension 3 1]",
        "1 AX T1 [dimension 3 2]",
    ]
    for piece, image in zip(by_dimension, images, strict=True):
        assert_same_in_space(load_volume(piece), image)


def test_fat_suppression_and_side_of_an_enhanced_file(tmp_path: Path) -> None:
    ds = enhanced_dataset(
        [scene()], SpectrallySelectedSuppression="FAT", EchoPulseSequence="SPIN",
        ScanningSequence=None,
    )  # fmt: skip
    anatomy = Dataset()
    anatomy.FrameLaterality = "R"
    modifier = Dataset()
    modifier.InversionRecovery, modifier.InversionTimes = "YES", 160.0
    bandwidth = Dataset()
    bandwidth.PixelBandwidth = "244"
    shared = ds.SharedFunctionalGroupsSequence[0]
    shared.FrameAnatomySequence = Items([anatomy])
    shared.MRModifierSequence = Items([modifier])
    shared.MRImagingModifierSequence = Items([bandwidth])
    (series,) = load_study(save(ds, tmp_path / "IM1")).series
    assert series.fat_suppression == "SpectrallySelectedSuppression FAT"
    assert series.laterality == "right"
    assert series.scanning_sequence == ("SE", "IR")
    assert series.inversion_time_ms == 160
    assert series.pixel_bandwidth_hz == 244


def test_a_multi_frame_file_without_positions_is_refused(tmp_path: Path) -> None:
    ds = enhanced_dataset([scene(1, SHAPE)], PerFrameFunctionalGroupsSequence=None)
    (series,) = load_study(save(ds, tmp_path / "IM1")).series
    assert re.search("says where 0 frames lie|found nothing in 5 of 5", series.refusal or "")
