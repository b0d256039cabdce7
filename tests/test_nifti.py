"""NIfTI as researchers keep it: any axis order and sign, forms, scaling, sidecars, BIDS."""

import gzip
import json
from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from dicom_makers import Scene, assert_same_in_space, nifti_image, scene
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from ifi_mri import geometry
from ifi_mri.errors import GeometryError, StudyError, UnreadableImageError
from ifi_mri.loaders import load_study, load_volume, with_named_volume
from ifi_mri.loaders.bids import find_studies, parse_name
from ifi_mri.loaders.nifti import storage_axes
from ifi_mri.loaders.nifti_header import NiftiHeaderError, parse_header
from ifi_mri.model import Series
from ifi_mri.vocabulary import Side

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def only_series(path: Path) -> Series:
    (series,) = load_study(path).series
    return series


def written(path: Path, made: nib.Nifti1Image, **sidecar: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(made, path)
    if sidecar:
        stem = path.name.removesuffix(".gz").removesuffix(".nii")
        (path.parent / f"{stem}.json").write_text(json.dumps(sidecar))
    return path


def codes(series: Series) -> list[str]:
    return [caution.code for caution in series.cautions if not caution.code.startswith("missing")]


# --- axes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("flips", list(product([False, True], repeat=3)))
@pytest.mark.parametrize("name", ["image.nii", "image.nii.gz"])
def test_any_axis_order_and_sign(
    tmp_path: Path, order: tuple[int, int, int], flips: tuple[bool, bool, bool], name: str
) -> None:
    image = scene(4, (6, 5, 4))
    series = only_series(written(tmp_path / name, nifti_image(image, order, flips)))
    assert series.grid is not None
    assert series.grid.shape[0] == 6
    assert series.grid.slice_spacing_mm == pytest.approx(4.6, abs=1e-5)
    assert_same_in_space(load_volume(series), image)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("order", ["<", ">"])
def test_both_versions_and_byte_orders(tmp_path: Path, kind: Any, order: str) -> None:
    image = scene()
    made = nifti_image(image)
    header = kind.header_class(endianness=order)
    header.set_data_dtype(np.uint16)
    swapped = kind(np.asarray(made.dataobj), made.affine, header)
    series = only_series(written(tmp_path / "image.nii", swapped))
    assert_same_in_space(load_volume(series), image)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"])
def test_voxel_types(tmp_path: Path, dtype: str) -> None:
    image = Scene((scene().voxels % 120).astype(dtype), scene().affine)
    assert_same_in_space(
        load_volume(only_series(written(tmp_path / "i.nii", nifti_image(image)))), image
    )


def axes_of(
    spacing: tuple[float, float, float], matrix: np.ndarray, dim_info: int | None = None
) -> tuple[int, int, int]:
    affine = np.eye(4)
    affine[:3, :3] = matrix * spacing
    made = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), affine)
    if dim_info is not None:
        made.header.set_dim_info(slice=dim_info)
    return storage_axes(parse_header(made.header.binaryblock + bytes(200)))


AXIAL = np.eye(3)
SAGITTAL = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
CORONAL = np.array([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]])


@pytest.mark.parametrize(
    ("spacing", "matrix", "dim_info", "axes"),
    [
        ((0.5, 0.5, 4.0), AXIAL, None, (2, 1, 0)),
        ((4.0, 0.5, 0.5), AXIAL, None, (0, 2, 1)),  # sagittal slices: columns front to back
        ((0.5, 4.0, 0.5), AXIAL, None, (1, 2, 0)),
        ((1.0, 1.0, 1.0), AXIAL, None, (2, 1, 0)),  # isotropic: head-foot
        ((1.0, 1.0, 1.19), SAGITTAL, None, (1, 0, 2)),  # not clearly wider: head-foot
        ((1.0, 1.0, 1.21), SAGITTAL, None, (2, 1, 0)),
        ((1.0, 1.0, 1.0), CORONAL, None, (1, 2, 0)),
        ((0.5, 0.5, 4.0), AXIAL, 0, (0, 2, 1)),  # dim_info overrules
    ],
)
def test_which_axis_is_the_slices(
    spacing: tuple[float, float, float],
    matrix: np.ndarray,
    dim_info: int | None,
    axes: tuple[int, int, int],
) -> None:
    assert axes_of(spacing, matrix, dim_info) == axes


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000))
@example(seed=2022)  # a half turn: what is left of the quaternion's first part is rounding
def test_affines_are_those_of_nibabel(seed: int) -> None:
    """nibabel, the field's reference, gives the same affine from sform, qform, both or neither."""
    random = np.random.default_rng(seed)
    rotation = Rotation.random(random_state=seed % 2**32).as_matrix()
    affine = np.eye(4)
    affine[:3, :3] = rotation * random.uniform(0.3, 6, 3) * random.choice([-1, 1], 3)
    affine[:3, 3] = random.uniform(-300, 300, 3)
    made = nib.Nifti1Image(np.zeros((3, 4, 5), np.int16), affine)
    made.set_qform(affine, int(random.integers(0, 2)))
    made.set_sform(affine @ np.diag([1, 1, 1.5, 1]), int(random.integers(0, 2)))
    b, c, d = (float(made.header[f"quatern_{name}"]) for name in "bcd")
    assume(not 1e-7 < 1 - b * b - c * c - d * d < 4e-7)  # there nibabel departs from nifti1_io.c
    header = parse_header(made.header.binaryblock + bytes(200))
    expected = LPS @ made.header.get_best_affine()
    np.testing.assert_allclose(header.affine_lps, expected, atol=1e-5)


def test_units_of_micrometres_and_metres_become_millimetres(tmp_path: Path) -> None:
    for unit, factor in (("micron", 1e3), ("meter", 1e-3)):
        image = scene()
        made = nifti_image(image)
        affine = made.affine.copy()
        affine[:3] *= factor
        scaled = nib.Nifti1Image(np.asarray(made.dataobj), affine)
        scaled.header.set_dim_info(slice=2)
        scaled.header.set_xyzt_units(unit)
        series = only_series(written(tmp_path / f"{unit}.nii", scaled))
        assert_same_in_space(load_volume(series), image)


# --- forms --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shift_mm", "cautioned"), [(0.0, False), (0.09, False), (0.11, True)])
def test_forms_that_disagree_are_a_caution_and_the_sform_is_used(
    tmp_path: Path, shift_mm: float, cautioned: bool
) -> None:
    image = scene(turn_deg=(0, 0, 0))
    made = nifti_image(image)
    moved = made.affine.copy()
    moved[0, 3] += shift_mm
    made.set_qform(moved, 1)
    made.set_sform(made.affine, 1)
    series = only_series(written(tmp_path / "i.nii", made))
    assert codes(series) == (["sform_qform_differ"] if cautioned else [])
    assert_same_in_space(load_volume(series), image)


def test_the_qform_is_used_where_there_is_no_sform(tmp_path: Path) -> None:
    image = scene()
    made = nifti_image(image)
    made.set_qform(made.affine, 1)
    made.set_sform(None, 0)
    assert_same_in_space(load_volume(only_series(written(tmp_path / "i.nii", made))), image)


def test_a_file_that_does_not_say_where_it_lies_is_not_measured(tmp_path: Path) -> None:
    made = nifti_image(scene())
    made.set_qform(None, 0)
    made.set_sform(None, 0)
    series = only_series(written(tmp_path / "i.nii", made))
    assert "left and right are unknown" in (series.refusal or "")
    volume = load_volume(series)
    expected = LPS @ made.header.get_base_affine()
    corner = geometry.voxel_to_patient(volume.affine, (0, 0, 0))
    np.testing.assert_allclose(corner, expected[:3, 3], atol=1e-4)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("nan", "the affine is not finite"),
        ("flat", "span no volume"),
        ("shear", "the affine is sheared"),
    ],
)
def test_impossible_affines_are_refused(tmp_path: Path, change: str, sentence: str) -> None:
    affine = nifti_image(scene()).affine
    if change == "nan":
        affine[1, 2] = np.nan
    elif change == "flat":
        affine[:3, 1] = affine[:3, 0]
    else:
        affine[:3, 1] += 0.1 * affine[:3, 0]
    made = nib.Nifti1Image(np.zeros((3, 4, 5), np.int16), None)
    made.header.set_sform(affine, 1)
    path = tmp_path / "i.nii"
    nib.save(made, path)
    raw = bytearray(path.read_bytes())
    header = nib.Nifti1Header(raw[:348])
    header.set_sform(affine, 1)
    path.write_bytes(header.binaryblock + raw[348:])
    series = only_series(path)
    assert sentence in (series.refusal or "")
    with pytest.raises(GeometryError, match=sentence):
        load_volume(series)


# --- values -------------------------------------------------------------------------------------


def test_values_are_scaled_as_nibabel_scales_them(tmp_path: Path) -> None:
    made = nifti_image(scene())
    made.header.set_slope_inter(0.25, -17.5)
    path = tmp_path / "i.nii"
    nib.save(made, path)
    raw = bytearray(path.read_bytes())
    raw[112:120] = np.array([0.25, -17.5], "<f4").tobytes()
    path.write_bytes(raw)
    volume = load_volume(only_series(path))
    stored = np.frombuffer(raw[352:], "<u2").astype(np.float64).reshape(volume.voxels.shape)
    np.testing.assert_array_equal(volume.voxels, (stored * 0.25 - 17.5).astype(np.float32))
    reference = np.asarray(nib.load(path).dataobj, np.float32).transpose(2, 1, 0)
    np.testing.assert_array_equal(volume.voxels, reference)


def test_voxels_that_are_no_number_stay_so(tmp_path: Path) -> None:
    image = Scene(scene().voxels.astype(np.float32), scene().affine)
    image.voxels[2, 3, 4] = np.nan
    volume = load_volume(only_series(written(tmp_path / "i.nii", nifti_image(image))))
    assert int(np.isnan(volume.voxels).sum()) == 1
    assert np.isnan(volume.voxels[2, 3, 4])


# --- more than one volume -----------------------------------------------------------------------


def four_dimensional(path: Path, n_volumes: int = 3) -> list[Scene]:
    images = [scene(seed) for seed in range(n_volumes)]
    data = np.stack([image.voxels.transpose(2, 1, 0) for image in images], axis=-1)
    made = nib.Nifti1Image(data, LPS @ images[0].affine[:, [2, 1, 0, 3]])
    made.header.set_dim_info(slice=2)
    written(path, made)
    return images


@pytest.mark.parametrize("name", ["i.nii", "i.nii.gz"])
def test_a_file_of_several_volumes_is_refused_unless_one_is_named(
    tmp_path: Path, name: str
) -> None:
    images = four_dimensional(tmp_path / name)
    series = only_series(tmp_path / name)
    assert "holds 3 volumes (shape (5, 6, 7, 3)), expected one" in (series.refusal or "")
    with pytest.raises(GeometryError, match="FILE#0"):
        load_volume(series)
    for k, image in enumerate(images):
        named = only_series(tmp_path / f"{name}#{k}")
        assert named.label == f"{name}#{k}"
        assert named.refusal is None
        assert_same_in_space(load_volume(named), image)
        (part,) = load_volume(named, near=[tuple(image.position(4))]).voxels
        np.testing.assert_array_equal(part, image.voxels[4])


def test_a_volume_of_a_file_in_a_folder_can_be_named(tmp_path: Path) -> None:
    images = four_dimensional(tmp_path / "i.nii")
    written(tmp_path / "other.nii", nifti_image(scene(9)))
    study = with_named_volume(load_study(tmp_path), "i.nii#1")
    assert [series.label for series in study.series] == ["i.nii#1", "other.nii"]
    assert_same_in_space(load_volume(study.series[0]), images[1])
    assert with_named_volume(study, "gone.nii#1") == study


def test_a_volume_beyond_the_last_is_refused(tmp_path: Path) -> None:
    four_dimensional(tmp_path / "i.nii")
    assert "a number from 0 to 2" in (only_series(tmp_path / "i.nii#3").refusal or "")


def test_trailing_axes_of_length_one_are_no_volumes(tmp_path: Path) -> None:
    image = scene()
    made = nifti_image(image)
    data = np.asarray(made.dataobj)[..., None, None]
    wide = nib.Nifti1Image(data, made.affine)
    wide.header.set_dim_info(slice=2)
    assert_same_in_space(load_volume(only_series(written(tmp_path / "i.nii", wide))), image)


# --- sidecars -----------------------------------------------------------------------------------


def test_the_sidecar_tells_technique_in_ms(tmp_path: Path) -> None:
    path = written(
        tmp_path / "i.nii.gz",
        nifti_image(scene()),
        EchoTime=0.0846, RepetitionTime=4.5, InversionTime=0.16, FlipAngle=150,
        SeriesDescription="AX STIR", ScanningSequence="SE\\IR", SequenceName="*tir2d1_11",
        ScanOptions="FS", ImageType=["ORIGINAL", "PRIMARY", "M"], MagneticFieldStrength=3,
        Modality="MR", SeriesInstanceUID="1.2.3", StudyInstanceUID="1.2", SeriesNumber=7,
        PatientPosition="HFS", PixelBandwidth=200.5, BodyPartExamined="HIP", Laterality="L",
        Manufacturer="Siemens", ManufacturersModelName="Vida", SliceThickness=3,
    )  # fmt: skip
    study = load_study(path)
    (series,) = study.series
    assert (series.echo_time_ms, series.repetition_time_ms) == (84.6, 4500)
    assert (series.inversion_time_ms, series.flip_angle_deg) == (160, 150)
    assert series.description == "AX STIR"
    assert series.scanning_sequence == ("SE", "IR")
    assert series.fat_suppression == "ScanOptions FS"
    assert series.field_strength_t == 3
    assert (series.series_uid, study.study_uid, series.study_uid) == ("1.2.3", "1.2", "1.2")
    assert series.number == 7
    assert series.patient_position == "HFS"
    assert series.pixel_bandwidth_hz == 200.5
    assert series.laterality is Side.LEFT
    assert (series.manufacturer, series.manufacturer_model) == ("Siemens", "Vida")
    assert series.slice_thickness_mm == 3
    assert series.cautions == ()


def test_a_sidecar_with_values_of_other_kinds_does_no_harm(tmp_path: Path) -> None:
    path = written(
        tmp_path / "i.nii", nifti_image(scene()), EchoTime="fast", RepetitionTime=-1,
        InversionTime=True, SeriesDescription=5, ImageType={"a": 1}, ScanOptions=[1, "FS"],
        MagneticFieldStrength=None, SeriesNumber=1.5,
    )  # fmt: skip
    series = only_series(path)
    assert series.echo_time_ms is None
    assert series.repetition_time_ms is None
    assert series.inversion_time_ms is None
    assert series.description == "i"
    assert series.scan_options == ("FS",)
    assert series.number is None


@pytest.mark.parametrize("text", ["{", "[1]", "[" * 100_000, "\x00", '{"EchoTime": NaN'])
def test_a_broken_sidecar_is_named(tmp_path: Path, text: str) -> None:
    path = written(tmp_path / "i.nii", nifti_image(scene()))
    (tmp_path / "i.json").write_text(text)
    with pytest.raises(UnreadableImageError, match=r"i\.json: the sidecar cannot be read"):
        load_study(path)


def test_one_broken_file_does_not_spoil_the_folder(tmp_path: Path) -> None:
    written(tmp_path / "good.nii", nifti_image(scene()))
    (tmp_path / "bad.nii").write_bytes(b"no nifti" * 100)
    study = load_study(tmp_path)
    assert [series.label for series in study.series] == ["good.nii"]
    assert study.cautions[0].code == "unreadable_file"
    assert "bad.nii" in study.cautions[0].text


def test_made_up_uids_are_stable_and_differ_between_files(tmp_path: Path) -> None:
    written(tmp_path / "a" / "t1.nii", nifti_image(scene()))
    written(tmp_path / "a" / "t2.nii", nifti_image(scene()))
    first, again = load_study(tmp_path / "a"), load_study(tmp_path / "a")
    assert first == again
    uids = [series.series_uid for series in first.series]
    assert len(set(uids)) == 2
    assert all(uid.startswith("2.25.") and len(uid) <= 64 for uid in [*uids, first.study_uid])
    assert {series.frame_of_reference_uid for series in first.series} == {None}


def test_sidecars_of_two_studies_are_not_measured_together(tmp_path: Path) -> None:
    written(tmp_path / "a.nii", nifti_image(scene()), StudyInstanceUID="1.2")
    written(tmp_path / "b.nii", nifti_image(scene()), StudyInstanceUID="1.3")
    for series in load_study(tmp_path).series:
        assert "among files of 2 studies" in (series.refusal or "")


# --- what is no image to measure ----------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["t1_seg.nii", "sub-01_dseg.nii.gz", "mask.nii", "hip-label.nii", "labels_v2.nii"]
)
def test_label_maps_are_not_measured(tmp_path: Path, name: str) -> None:
    series = only_series(written(tmp_path / name, nifti_image(scene())))
    assert "is a label map, expected an image" in (series.refusal or "")
    assert load_volume(series).voxels.shape == (7, 6, 5)


def test_a_label_intent_makes_a_label_map(tmp_path: Path) -> None:
    made = nifti_image(scene())
    made.header.set_intent("label")
    assert "is a label map" in (only_series(written(tmp_path / "i.nii", made)).refusal or "")


@pytest.mark.parametrize(
    ("sidecar", "sentence"),
    [
        ({"Modality": "CT"}, "modality is CT, expected MR"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "ImageType says LOCALIZER"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "P", "PHASE"]}, "expected magnitude"),
    ],
)
def test_sidecars_that_speak_against_measuring(
    tmp_path: Path, sidecar: dict[str, Any], sentence: str
) -> None:
    series = only_series(written(tmp_path / "i.nii", nifti_image(scene()), **sidecar))
    assert sentence in (series.refusal or "")


# --- damaged files ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["i.nii", "i.nii.gz"])
def test_a_truncated_file_is_named(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, nifti_image(scene(shape=(20, 30, 30))))
    path.write_bytes(path.read_bytes()[:-500])
    series = only_series(path)
    with pytest.raises(
        UnreadableImageError, match=f"{name}: the file is truncated: .* expected 36000"
    ):
        load_volume(series)


def test_a_damaged_gzip_file_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "i.nii.gz", nifti_image(scene(shape=(20, 30, 30))))
    raw = bytearray(path.read_bytes())
    raw[5000:5100] = bytes(100)
    path.write_bytes(raw)
    with pytest.raises(UnreadableImageError, match=r"i\.nii\.gz: "):
        load_volume(only_series(path))


def test_a_gzip_file_of_several_members_is_read_on(tmp_path: Path) -> None:
    image = scene()
    raw = written(tmp_path / "i.nii", nifti_image(image)).read_bytes()
    path = tmp_path / "j.nii.gz"
    path.write_bytes(gzip.compress(raw[:360]) + gzip.compress(raw[360:]))
    assert_same_in_space(load_volume(only_series(path)), image)


def test_a_header_that_claims_more_than_the_file_can_hold_allocates_nothing(
    tmp_path: Path,
) -> None:
    made = nifti_image(scene())
    for name in ("i.nii", "i.nii.gz"):
        path = written(tmp_path / name, made)
        raw = bytearray(gzip.decompress(path.read_bytes()) if "gz" in name else path.read_bytes())
        raw[42:48] = np.array([30_000, 30_000, 30_000], "<i2").tobytes()
        path.write_bytes(gzip.compress(raw) if "gz" in name else bytes(raw))
        with pytest.raises(UnreadableImageError):
            load_volume(only_series(path), near=[only_series(path).instances[3].position_mm])


@pytest.mark.parametrize(
    ("at", "value", "sentence"),
    [
        (0, b"\x00\x00\x00\x00", "header size 0, expected 348 or 540"),
        (344, b"ni1\0", "magic"),
        (40, b"\x00\x00", "dimensions"),
        (42, b"\xff\xff", "dimensions"),
        (70, b"\x80\x00", "voxel type 128"),
        (108, b"\x00\x00\xc0\x7f", "data offset nan"),
    ],
)
def test_impossible_headers_are_refused(at: int, value: bytes, sentence: str) -> None:
    raw = bytearray(nifti_image(scene()).header.binaryblock + bytes(200))
    raw[at : at + len(value)] = value
    with pytest.raises(NiftiHeaderError, match=sentence):
        parse_header(bytes(raw))


# --- BIDS ---------------------------------------------------------------------------------------


def bids_dataset(root: Path) -> None:
    for subject, sessions in (("sub-01", ["ses-pre", "ses-post"]), ("sub-02", [""])):
        for session in sessions:
            folder = root / subject / session
            stem = f"{subject}_{session}_" if session else f"{subject}_"
            written(folder / "anat" / f"{stem}acq-axial_T1w.nii.gz", nifti_image(scene(1)))
            written(
                folder / "anat" / f"{stem}acq-axialFS_T2w.nii.gz", nifti_image(scene(2)),
                ScanOptions="FS",
            )  # fmt: skip
            four_dimensional(folder / "func" / f"{stem}task-rest_bold.nii")
    (root / "dataset_description.json").write_text("{}")
    (root / "T1w.json").write_text(json.dumps({"EchoTime": 0.012, "RepetitionTime": 0.6}))
    (root / "sub-01" / "sub-01_acq-axial_T1w.json").write_text(json.dumps({"EchoTime": 0.013}))
    (root / "sub-01" / "sub-01_acq-other_T1w.json").write_text(json.dumps({"EchoTime": 0.5}))
    written(
        root / "derivatives" / "seg" / "sub-01" / "anat" / "sub-01_desc-x_dseg.nii",
        nifti_image(scene()),
    )


def test_a_session_of_a_bids_dataset_is_a_study(tmp_path: Path) -> None:
    bids_dataset(tmp_path)
    study = load_study(tmp_path / "sub-01" / "ses-pre")
    first, second = study.series
    assert first.label == "anat/sub-01_ses-pre_acq-axialFS_T2w.nii.gz"
    assert first.fat_suppression == "ScanOptions FS"
    assert first.description == "axialFS T2w"
    assert second.description == "axial T1w"
    assert second.fat_suppression is None
    assert_same_in_space(load_volume(second), scene(1))


def test_sidecars_are_inherited_from_folders_above(tmp_path: Path) -> None:
    bids_dataset(tmp_path)
    _, t1 = load_study(tmp_path / "sub-01" / "ses-pre").series
    assert (t1.echo_time_ms, t1.repetition_time_ms) == (13, 600)
    _, t1 = load_study(tmp_path / "sub-02").series
    assert (t1.echo_time_ms, t1.repetition_time_ms) == (12, 600)


def test_a_dataset_of_several_studies_asks_for_one(tmp_path: Path) -> None:
    bids_dataset(tmp_path)
    for root, n in ((tmp_path, 3), (tmp_path / "sub-01", 2)):
        with pytest.raises(StudyError, match=f"holds {n} studies .*expected one. Give the folder"):
            load_study(root)
    names = [study.relative_to(tmp_path).as_posix() for study in find_studies(tmp_path)]
    assert names == ["sub-01/ses-post", "sub-01/ses-pre", "sub-02"]


def test_a_dataset_of_one_study_is_that_study(tmp_path: Path) -> None:
    written(tmp_path / "sub-7" / "anat" / "sub-7_T1w.nii", nifti_image(scene()))
    written(tmp_path / "derivatives" / "x" / "sub-7_T1w.nii", nifti_image(scene()))
    study = load_study(tmp_path)
    assert [series.label for series in study.series] == ["anat/sub-7_T1w.nii"]


def test_derived_images_are_not_measured(tmp_path: Path) -> None:
    path = written(tmp_path / "sub-7_space-MNI_T1w.nii", nifti_image(scene()))
    assert "was made from other images" in (only_series(path).refusal or "")


@pytest.mark.parametrize("stem", ["sub-01_T1w", "sub-01_ses-2_acq-a_run-1_T2w", "T1w"])
def test_bids_names_are_understood(stem: str) -> None:
    name = parse_name(stem)
    assert name is not None
    assert name.suffix == stem.split("_")[-1]


@pytest.mark.parametrize("stem", ["my_image", "sub-01_", "t1-axial_x-y", "a_b-c_T1w"])
def test_other_names_are_no_bids_names(stem: str) -> None:
    assert parse_name(stem) is None
