"""The door that all images come through: the same voxel at the same place from every format."""

import json
import math
import zipfile
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from dicom_makers import (
    Scene,
    assert_same_in_space,
    decimals,
    enhanced_dataset,
    nifti_image,
    save,
    save_series,
    scene,
    series_datasets,
    slice_dataset,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from ifi_mri import loaders
from ifi_mri.errors import GeometryError, StudyError, UnreadableImageError
from ifi_mri.loaders import load_study, load_volume

POSES = [
    (0.0, 0.0, 0.0),
    (25.0, 0.0, 0.0),
    (-17.0, 12.0, 31.0),
    (90.0, 0.0, 0.0),
    (0.0, 90.0, 90.0),
    (180.0, 0.0, 0.0),
    (11.0, -158.0, 77.0),
]


#: A series as single files, as one Enhanced file, as NIfTI: what follows its name.
FORMS = ("", " enhanced", ".nii.gz")


def loaded(path: Path) -> "loaders.Volume":
    (series,) = load_study(path).series
    assert series.refusal is None
    return load_volume(series)


# --- one image, three formats -------------------------------------------------------------------


@settings(max_examples=25)
@given(
    seed=st.integers(0, 999),
    turn=st.tuples(*[st.floats(-180, 180)] * 3),
    order=st.permutations([0, 1, 2]),
    flips=st.tuples(*[st.booleans()] * 3),
    spacing=st.tuples(st.floats(3, 6), st.floats(0.4, 0.8), st.floats(0.4, 0.8)),
)
def test_dicom_enhanced_dicom_and_nifti_put_each_value_at_the_same_place(
    tmp_path_factory: pytest.TempPathFactory, seed, turn, order, flips, spacing
) -> None:
    image = scene(seed, (4, 3, 5), spacing, turn)
    folder = tmp_path_factory.mktemp("formats")
    save_series(folder / "classic", series_datasets(image))
    save(enhanced_dataset([image]), folder / "enhanced" / "IM1")
    nib.save(nifti_image(image, tuple(order), flips), folder / "image.nii")
    for path in (folder / "classic", folder / "enhanced", folder / "image.nii"):
        assert_same_in_space(loaded(path), image)


@pytest.mark.parametrize("turn", POSES)
def test_the_image_the_turned_image_and_the_turned_header_are_told_apart(
    tmp_path: Path, turn: tuple[float, float, float]
) -> None:
    """The triple test: a value is found where the header says, however array and header turn."""
    image = scene(3, (5, 6, 4), turn_deg=(13.0, 21.0, -8.0))
    rotation = Rotation.from_euler("xyz", turn, degrees=True)
    turned_array = Scene(image.voxels[:, ::-1].transpose(0, 2, 1).copy(), _for_turned_array(image))
    turned_header = image.turned(rotation)
    for name, one in (("image", image), ("array", turned_array), ("header", turned_header)):
        save_series(tmp_path / name, series_datasets(one))
        save(enhanced_dataset([one]), tmp_path / f"{name} enhanced" / "IM1")
        nib.save(nifti_image(one), tmp_path / f"{name}.nii.gz")
        for form in FORMS:
            assert_same_in_space(loaded(tmp_path / f"{name}{form}"), one)
    for form in FORMS:
        assert_same_in_space(loaded(tmp_path / f"array{form}"), image)
        if turn != (0.0, 0.0, 0.0):
            with pytest.raises(AssertionError):
                assert_same_in_space(loaded(tmp_path / f"header{form}"), image)


def _for_turned_array(image: Scene) -> np.ndarray:
    """The affine that keeps every value in place when rows are reversed, then made columns."""
    affine = image.affine.copy()
    affine[:3, 3] += (image.voxels.shape[1] - 1) * affine[:3, 1]
    affine[:3, 1] *= -1
    return affine[:, [0, 2, 1, 3]]


def test_voxels_and_affine_are_read_only_float32(tmp_path: Path) -> None:
    volume = loaded(save_series(tmp_path, series_datasets(scene())))
    assert volume.voxels.dtype == np.float32
    assert not volume.voxels.flags.writeable
    assert not volume.affine.flags.writeable


def test_file_order_and_names_do_not_matter(tmp_path: Path) -> None:
    datasets = series_datasets(scene())
    for k, ds in enumerate(datasets):
        save(ds, tmp_path / "a" / f"{k:03d}.dcm")
        save(ds, tmp_path / "b" / f"deep{k % 3}" / f"{chr(120 - k)}")
    first, second = loaded(tmp_path / "a"), loaded(tmp_path / "b")
    np.testing.assert_array_equal(first.voxels, second.voxels)
    np.testing.assert_array_equal(first.affine, second.affine)
    assert [i.sop_instance_uid for i in first.instances] == [
        i.sop_instance_uid for i in second.instances
    ]


# --- only the slices needed ---------------------------------------------------------------------


@pytest.mark.parametrize("form", ["classic", "enhanced", "nii", "nii.gz"])
def test_only_the_run_of_slices_near_the_points_is_read(tmp_path: Path, form: str) -> None:
    image = scene()
    if form == "classic":
        save_series(tmp_path, series_datasets(image))
    elif form == "enhanced":
        save(enhanced_dataset([image]), tmp_path / "IM1")
    else:
        nib.save(nifti_image(image, (0, 2, 1), (True, False, True)), tmp_path / f"i.{form}")
    (series,) = load_study(tmp_path).series
    points = [tuple(image.position(k) + 0.4 * image.affine[:3, 0] + (0, 0, 0)) for k in (2, 4)]
    part = load_volume(series, near=points)
    assert part.voxels.shape[0] == 3
    expected = Scene(image.voxels[2:5], image.affine.copy())
    expected.affine[:3, 3] = image.position(2)
    assert_same_in_space(part, expected)
    whole = load_volume(series)
    assert set(part.instances) < set(whole.instances)
    for instance in part.instances:
        first = part.affine[:3, 3] + part.instances.index(instance) * part.affine[:3, 0]
        np.testing.assert_allclose(first, instance.position_mm, atol=1e-4)


def test_a_point_up_to_half_a_spacing_outside_belongs_to_the_last_slice(tmp_path: Path) -> None:
    image = scene()
    (series,) = load_study(save_series(tmp_path, series_datasets(image))).series
    step = image.affine[:3, 0]
    last = load_volume(series, near=[tuple(image.position(6) + 0.49 * step)])
    np.testing.assert_array_equal(last.voxels[0], image.voxels[6])
    first = load_volume(series, near=[tuple(image.position(0) - 0.49 * step)])
    np.testing.assert_array_equal(first.voxels[0], image.voxels[0])


@pytest.mark.parametrize("end", [0, -1])
def test_a_point_outside_by_rounding_belongs_to_the_end_of_the_stack(
    tmp_path: Path, end: int
) -> None:
    image = scene()
    (series,) = load_study(save_series(tmp_path, series_datasets(image))).series
    outwards = (image.spacing_mm[0] / 2 + 5e-4) * image.directions[:, 0] * (-1 if end == 0 else 1)
    at = image.position(range(7)[end]) + outwards
    assert load_volume(series, near=[at]).instances == (series.instances[end],)


@pytest.mark.parametrize(("slices", "outside"), [(-1.5, "4.6 mm"), (8.0, "6.9 mm")])
def test_a_point_outside_the_stack_is_refused_with_its_distance(
    tmp_path: Path, slices: float, outside: str
) -> None:
    image = scene()
    (series,) = load_study(save_series(tmp_path, series_datasets(image))).series
    point = tuple(image.position(0) + slices * image.affine[:3, 0])
    with pytest.raises(GeometryError, match=f"{outside} outside the stack of 7 slices"):
        load_volume(series, near=[tuple(image.position(3)), point])


def test_a_point_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    (series,) = load_study(save_series(tmp_path, series_datasets(scene()))).series
    with pytest.raises(GeometryError, match="not finite"):
        load_volume(series, near=[(0.0, math.nan, 0.0)])


def test_no_points_means_the_whole_series(tmp_path: Path) -> None:
    (series,) = load_study(save_series(tmp_path, series_datasets(scene()))).series
    assert load_volume(series, near=[]).voxels.shape == (7, 6, 5)


# --- what a folder may hold ---------------------------------------------------------------------


def test_stray_files_are_passed_over_and_counted(tmp_path: Path) -> None:
    save_series(tmp_path / "deep" / "er", series_datasets(scene()))
    (tmp_path / "notes.txt").write_text("read me")
    (tmp_path / "empty.dcm").write_bytes(b"")
    (tmp_path / "deep" / "picture.jpg").write_bytes(b"\xff\xd8\xff\xe0" * 50)
    (tmp_path / ".DS_Store").write_bytes(b"hidden")
    study = load_study(tmp_path)
    assert len(study.series) == 1
    assert study.n_ignored_files == 3


def test_a_report_or_presentation_state_is_no_image(tmp_path: Path) -> None:
    save_series(tmp_path, series_datasets(scene()))
    report = slice_dataset(
        scene(), 0, series=8, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33", Rows=None, PixelData=None
    )
    report.file_meta.MediaStorageSOPClassUID = report.SOPClassUID
    save(report, tmp_path / "report.dcm")
    study = load_study(tmp_path)
    assert [series.number for series in study.series] == [1]
    assert study.n_ignored_files == 1
    assert study.cautions == ()


def test_nifti_files_beside_dicom_are_left_out_with_a_caution(tmp_path: Path) -> None:
    save_series(tmp_path, series_datasets(scene()))
    nib.save(nifti_image(scene()), tmp_path / "converted.nii.gz")
    study = load_study(tmp_path)
    assert [series.format for series in study.series] == ["dicom"]
    assert study.n_ignored_files == 1
    assert [caution.code for caution in study.cautions] == ["nifti_beside_dicom"]


def test_a_zipped_study_is_read_like_its_folder(tmp_path: Path) -> None:
    image = scene()
    folder = save_series(tmp_path / "study", series_datasets(image))
    archive = tmp_path / "study.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        for file in folder.iterdir():
            made.write(file, f"cd/DICOM/{file.name}")
        made.writestr("__MACOSX/cd/._x", b"resource fork")
        made.writestr("cd/readme.txt", b"viewer")
    study = load_study(archive)
    assert study.n_ignored_files == 1
    assert_same_in_space(load_volume(study.series[0]), image)
    assert loaders.file_on_disk(study.series[0].instances[0].path) == archive


def test_a_zipped_nifti_file_is_read_with_its_sidecar(tmp_path: Path) -> None:
    image = scene()
    nib.save(nifti_image(image), tmp_path / "t1.nii.gz")
    archive = tmp_path / "study.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.write(tmp_path / "t1.nii.gz", "t1.nii.gz")
        made.writestr("t1.json", json.dumps({"EchoTime": 0.012}))
    (series,) = load_study(archive).series
    assert series.echo_time_ms == 12
    assert_same_in_space(load_volume(series), image)


@pytest.mark.parametrize("content", [b"no archive", b"PK\x03\x04" + b"\0" * 60])
def test_a_damaged_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "study.zip"
    archive.write_bytes(content)
    with pytest.raises(UnreadableImageError, match=r"study\.zip: is not a zip archive"):
        load_study(archive)


def test_a_file_that_inflates_without_measure_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("bomb.dcm", b"\0" * (40 << 20))
    with pytest.raises(UnreadableImageError, match="inflates"):
        load_study(archive)


def test_nothing_at_the_path_is_said(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="nowhere: there is no such file or folder"):
        load_study(tmp_path / "nowhere")


def test_an_empty_folder_is_refused_with_the_number_of_files(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImageError, match="looked at 0 files"):
        load_study(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UnreadableImageError, match="looked at 1 files and found no DICOM or NIfTI"):
        load_study(tmp_path)


def test_a_link_that_leads_nowhere_or_round_is_passed_over(tmp_path: Path) -> None:
    save_series(tmp_path, series_datasets(scene()))
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    (tmp_path / "round").symlink_to(tmp_path, target_is_directory=True)
    assert len(load_study(tmp_path).series) == 1


# --- files that change --------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["dicom", "nifti"])
def test_a_file_that_is_gone_or_changed_since_the_scan_is_refused(
    tmp_path: Path, form: str
) -> None:
    image = scene()
    if form == "dicom":
        path = save(slice_dataset(image, 0), tmp_path / "IM1")
        other = slice_dataset(image, 0, ImagePositionPatient=["1", "2", "3"])
    else:
        path = tmp_path / "image.nii"
        nib.save(nifti_image(image), path)
        other = nifti_image(
            replace(image, affine=image.affine + np.eye(4)[3] * [[1], [0], [0], [0]])
        )
    (series,) = load_study(path).series
    if form == "dicom":
        save(other, path)
    else:
        nib.save(other, path)
    with pytest.raises(UnreadableImageError, match="has changed since its header was read"):
        load_volume(series)
    path.unlink()
    with pytest.raises(UnreadableImageError, match="cannot be opened"):
        load_volume(series)


def test_every_loader_is_in_the_list_of_the_room() -> None:
    """A new loader is one file and its name in ``ifi_mri.loaders.MODULES``."""
    folder = Path(loaders.__file__).parent
    doors = {
        file.stem for file in folder.glob("*.py") if "def read_study(" in file.read_text("utf-8")
    }
    assert set(loaders.MODULES) == doors, "edit MODULES in src/ifi_mri/loaders/__init__.py"


@pytest.mark.parametrize(("aside_mm", "refused"), [(0.4, False), (3.0, True)])
def test_a_slice_beside_its_stack_is_refused_though_the_planes_are_even(
    tmp_path: Path, aside_mm: float, refused: bool
) -> None:
    """The grid would move its pixels back into line, by as much as it lies aside."""
    image = scene()
    datasets = series_datasets(image)
    along_row = image.directions[:, 2]
    datasets[2].ImagePositionPatient = decimals(image.position(2) + aside_mm * along_row)
    (series,) = load_study(save_series(tmp_path, datasets)).series
    assert (series.grid is None) == refused
    if refused:
        assert series.refusal is not None
        assert f"lies {aside_mm:.1f} mm off the line of the others" in series.refusal


@pytest.mark.parametrize("decimal_places", [0, 1, 2])
def test_rounded_positions_of_a_hardly_tilted_stack_are_no_slices_aside(
    tmp_path: Path, decimal_places: int
) -> None:
    """A tilt of half a degree drifts 1 mm along an axis, which whole millimetres show as a
    step; the planes stay 4 mm apart."""
    image = scene(
        shape=(26, 6, 5),
        spacing_mm=(4.0, 0.7, 0.7),
        turn_deg=(0.55, 0.3, 0.0),
        origin_mm=(-31.0, 42.45, -88.0),
    )
    datasets = series_datasets(image)
    for k, dataset in enumerate(datasets):
        rounded = np.round(image.position(k), decimal_places)
        dataset.ImagePositionPatient = decimals([float(value) for value in rounded])

    (series,) = load_study(save_series(tmp_path, datasets)).series
    volume = load_volume(series)

    assert np.array_equal(volume.voxels, image.voxels)
    assert volume.affine == pytest.approx(image.affine, abs=0.72)
