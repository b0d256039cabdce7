"""DICOM as hospitals send it: geometry from positions, refusals that explain, headers."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_makers import (
    ROOT,
    Scene,
    assert_same_in_space,
    decimals,
    save,
    save_series,
    scene,
    series_datasets,
    slice_dataset,
)
from scipy.spatial.transform import Rotation

from ifi_mri.errors import GeometryError, UnreadableImageError
from ifi_mri.loaders import load_study, load_volume
from ifi_mri.model import Series
from ifi_mri.vocabulary import Side


def only_series(path: Path) -> Series:
    (series,) = load_study(path).series
    return series


def codes(series: Series) -> list[str]:
    return [caution.code for caution in series.cautions]


# --- geometry -----------------------------------------------------------------------------------


def test_slices_run_along_row_times_column_direction_whatever_their_numbers(
    tmp_path: Path,
) -> None:
    image = scene()
    datasets = series_datasets(image)
    for ds in datasets:
        ds.InstanceNumber = 8 - int(ds.InstanceNumber)
    series = only_series(save_series(tmp_path, datasets))
    assert series.grid is not None
    affine = series.grid.affine
    assert np.cross(affine[:3, 2], affine[:3, 1]) @ affine[:3, 0] > 0
    assert [instance.number for instance in series.instances] == [7, 6, 5, 4, 3, 2, 1]
    assert_same_in_space(load_volume(series), image)


def test_spacing_comes_from_positions_and_thickness_is_kept_apart(tmp_path: Path) -> None:
    datasets = series_datasets(scene(), SliceThickness="3", SpacingBetweenSlices="99")
    series = only_series(save_series(tmp_path, datasets))
    assert series.grid is not None
    assert series.grid.slice_spacing_mm == pytest.approx(4.6, abs=1e-6)
    assert series.slice_thickness_mm == 3
    assert series.grid.pixel_spacing_mm == pytest.approx((0.7, 0.9))
    assert series.grid.shape == (7, 6, 5)


@pytest.mark.parametrize("position", ["HFS", "FFS", "HFP", "HFDR", "FFDL"])
def test_patient_position_is_kept_and_does_not_turn_anything(tmp_path: Path, position: str) -> None:
    image = scene(turn_deg=(2.0, 3.0, {"P": 180.0, "R": 90.0}.get(position[2], 0.0)))
    series = only_series(save_series(tmp_path, series_datasets(image, PatientPosition=position)))
    assert series.patient_position == position
    assert_same_in_space(load_volume(series), image)


def test_a_single_slice_lies_where_its_header_says(tmp_path: Path) -> None:
    image = scene(shape=(1, 6, 5))
    series = only_series(save_series(tmp_path, series_datasets(image, SpacingBetweenSlices="5.5")))
    assert_same_in_space(load_volume(series), image)
    assert series.grid is not None
    assert series.grid.slice_spacing_mm == pytest.approx(5.5)
    assert "single_slice" in codes(series)


def test_positions_with_one_decimal_are_even_enough(tmp_path: Path) -> None:
    datasets = series_datasets(scene(turn_deg=(0, 0, 0), spacing_mm=(3.33, 0.7, 0.9)))
    for ds in datasets:
        ds.ImagePositionPatient = [f"{value:.1f}" for value in ds.ImagePositionPatient]
    series = only_series(save_series(tmp_path, datasets))
    assert series.refusal is None
    assert series.grid is not None
    assert series.grid.slice_spacing_mm == pytest.approx(3.33, abs=0.02)


def test_one_slice_turned_against_the_others_is_refused_with_the_angle(tmp_path: Path) -> None:
    image = scene()
    datasets = series_datasets(image)
    turned = image.turned(Rotation.from_euler("x", 5, degrees=True))
    _, down, right = turned.directions.T
    datasets[3].ImageOrientationPatient = decimals([*right, *down])
    series = only_series(save_series(tmp_path, datasets))
    assert series.grid is None
    with pytest.raises(
        GeometryError, match=r"not parallel; .* up to 5\.0 degrees, .* at most 0\.1"
    ):
        load_volume(series)


def test_a_missing_slice_is_refused_with_positions_and_spacing(tmp_path: Path) -> None:
    datasets = series_datasets(
        scene(turn_deg=(0, 0, 0), spacing_mm=(4.0, 0.7, 0.9), origin_mm=(0, 0, -8.0))
    )
    del datasets[3]
    series = only_series(save_series(tmp_path, datasets))
    assert series.refusal is not None
    assert (
        "8.0 mm between the slices at 0.0 and 8.0 mm along the normal, 4.0 mm elsewhere; "
        "a slice is missing" in series.refusal
    )
    with pytest.raises(GeometryError, match="a slice is missing"):
        load_volume(series)


def test_several_missing_slices_are_counted(tmp_path: Path) -> None:
    datasets = series_datasets(scene(shape=(12, 4, 4)))
    kept = [ds for k, ds in enumerate(datasets) if k not in (3, 4, 8)]
    refusal = only_series(save_series(tmp_path, kept)).refusal
    assert refusal is not None
    assert "3 slices are missing" in refusal


def test_uneven_spacing_is_refused_with_the_positions(tmp_path: Path) -> None:
    image = scene(shape=(5, 4, 4), turn_deg=(0, 0, 0), origin_mm=(0, 0, 0))
    datasets = series_datasets(image)
    for ds, z in zip(datasets, (0.0, 4.0, 8.0, 13.0, 17.0), strict=True):
        ds.ImagePositionPatient = ["0", "0", f"{z}"]
    refusal = only_series(save_series(tmp_path, datasets)).refusal
    assert refusal is not None
    assert "unevenly spaced, 4.00 to 5.00 mm apart" in refusal
    assert "0.0, 4.0, 8.0, 13.0, 17.0 mm" in refusal


def test_positions_are_reported_towards_the_head_when_the_stack_runs_down(tmp_path: Path) -> None:
    image = scene(turn_deg=(180, 0, 0), spacing_mm=(4.0, 0.7, 0.9), origin_mm=(0, 0, 20.0))
    datasets = series_datasets(image)
    del datasets[1]
    refusal = only_series(save_series(tmp_path, datasets)).refusal
    assert refusal is not None
    assert "between the slices at 12.0 and 20.0 mm" in refusal


def test_doubled_positions_are_refused(tmp_path: Path) -> None:
    datasets = series_datasets(scene())
    twin = slice_dataset(scene(), 2, SOPInstanceUID=f"{ROOT}.77")
    refusal = only_series(save_series(tmp_path, [*datasets, twin])).refusal
    assert refusal is not None
    assert "2 slices share positions already taken" in refusal


def test_copies_of_the_same_instances_are_left_out_with_a_caution(tmp_path: Path) -> None:
    image = scene()
    save_series(tmp_path / "once", series_datasets(image))
    save_series(tmp_path / "again", series_datasets(image))
    series = only_series(tmp_path)
    assert codes(series) == ["copies"]
    assert_same_in_space(load_volume(series), image)


def test_a_leaning_stack_is_refused(tmp_path: Path) -> None:
    image = scene()
    image.affine[:3, 0] += 0.02 * image.spacing_mm[0] * image.directions[:, 1]
    refusal = only_series(save_series(tmp_path, series_datasets(image))).refusal
    assert refusal is not None
    assert "leans 1.1 degrees" in refusal


def test_different_matrices_in_one_series_are_split(tmp_path: Path) -> None:
    small, large = scene(1, (3, 4, 5)), scene(2, (4, 6, 7), spacing_mm=(4.6, 0.5, 0.5))
    datasets = series_datasets(small)
    for ds in series_datasets(large):
        ds.SOPInstanceUID += ".5"
        datasets.append(ds)
    pieces = load_study(save_series(tmp_path, datasets)).series
    assert sorted(piece.grid.shape for piece in pieces if piece.grid) == [(3, 4, 5), (4, 6, 7)]


@pytest.mark.parametrize(
    ("tags", "sentence"),
    [
        ({"ImagePositionPatient": None}, "ImagePositionPatient should hold 3 numbers, found noth"),
        ({"ImageOrientationPatient": None}, "ImageOrientationPatient should hold 6 numbers"),
        ({"PixelSpacing": None}, "PixelSpacing should hold 2 numbers, found nothing"),
        ({"PixelSpacing": ["0", "0.7"]}, "pixel spacing is 0 x 0.7 mm, expected above 0"),
        (
            {"ImageOrientationPatient": ["1", "0", "0", "0.5", "0.866", "0"]},
            "rows and columns meet at 60.0 degrees, expected 90",
        ),
        (
            {"ImageOrientationPatient": ["0", "0", "0", "0", "1", "0"]},
            "directions of lengths 0.000 and 1.000, expected 1",
        ),
        ({"Modality": "CT"}, "modality is CT, expected MR"),
        ({"Modality": None}, "modality is not stated, expected MR"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]}, "is a mosaic"),
    ],
)
def test_what_forms_no_stack_of_mr_slices_is_refused(
    tmp_path: Path, tags: dict[str, Any], sentence: str
) -> None:
    save_series(tmp_path, series_datasets(scene(1), series=1, **tags))
    save_series(tmp_path / "good", series_datasets(scene(2), series=2))
    bad, good = load_study(tmp_path).series
    assert bad.grid is None
    assert bad.refusal is not None
    assert sentence in bad.refusal
    assert bad.refusal.startswith("series 1 AX T1: ")
    with pytest.raises(GeometryError, match="series 1 AX T1: "):
        load_volume(bad)
    assert good.refusal is None
    assert_same_in_space(load_volume(good), scene(2))


@pytest.mark.parametrize("private", [(0x0019, 0x100A, "US", 36), (0x0065, 0x1050, "DS", "30")])
def test_vendors_pictures_of_many_slices_are_refused(
    tmp_path: Path, private: tuple[int, int, str, Any]
) -> None:
    datasets = series_datasets(scene())
    group, element, vr, value = private
    for ds in datasets:
        ds.add_new((group, 0x0010), "LO", "A VENDOR")
        ds.add_new((group, element), vr, value)
    refusal = only_series(save_series(tmp_path, datasets)).refusal
    assert refusal is not None
    assert "is a mosaic" in refusal


@pytest.mark.parametrize(
    ("tags", "sentence"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "ImageType says LOCALIZER"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "is MONOCHROME1, expected MONOCHROME2"),
        ({"RescaleSlope": "0", "RescaleIntercept": "0"}, "RescaleSlope is not above 0"),
        ({"PixelSpacing": ["3.1", "3.1"]}, "pixels are 3.10 x 3.10 mm, expected at most 3 mm"),
    ],
)
def test_what_can_be_seen_but_not_measured_keeps_its_grid(
    tmp_path: Path, tags: dict[str, Any], sentence: str
) -> None:
    series = only_series(save_series(tmp_path, series_datasets(scene(), **tags)))
    assert series.refusal is not None
    assert sentence in series.refusal
    assert load_volume(series).voxels.shape == (7, 6, 5)


def test_files_of_two_studies_are_not_measured_together(tmp_path: Path) -> None:
    save_series(tmp_path / "a", series_datasets(scene(1), series=1))
    save_series(tmp_path / "b", series_datasets(scene(2), series=2, StudyInstanceUID=f"{ROOT}.44"))
    study = load_study(tmp_path)
    assert [series.refusal is not None for series in study.series] == [True, True]
    assert "among files of 2 studies, expected one" in (study.series[0].refusal or "")
    assert study.patient.name == ""


def test_two_patients_in_one_study_are_not_measured_together(tmp_path: Path) -> None:
    save_series(tmp_path / "a", series_datasets(scene(1), series=1))
    save_series(tmp_path / "b", series_datasets(scene(2), series=2, PatientID="P2"))
    for series in load_study(tmp_path).series:
        assert "among files of 2 patients" in (series.refusal or "")


# --- slices missing at an end -------------------------------------------------------------------


def test_slices_missing_at_an_end_are_a_caution(tmp_path: Path) -> None:
    datasets = series_datasets(scene())[2:]
    series = only_series(save_series(tmp_path, datasets))
    assert series.refusal is None
    assert codes(series) == ["slices_missing_at_end"]
    assert "instances 1 to 2 are not there" in series.cautions[0].text


def test_fewer_images_than_the_acquisition_had_are_a_caution(tmp_path: Path) -> None:
    datasets = series_datasets(scene(), ImagesInAcquisition="7")
    assert codes(only_series(save_series(tmp_path / "all", datasets))) == []
    series = only_series(save_series(tmp_path / "some", datasets[:6]))
    assert "the header says 7 images, found 6" in series.cautions[0].text


# --- values -------------------------------------------------------------------------------------


def test_stored_values_are_rescaled_slice_by_slice(tmp_path: Path) -> None:
    datasets = series_datasets(scene())
    for k, ds in enumerate(datasets):
        ds.RescaleSlope, ds.RescaleIntercept = str(0.5 + k), str(-3.25 * k)
    volume = load_volume(only_series(save_series(tmp_path, datasets)))
    stored = scene().voxels
    for k in range(7):
        expected = (stored[k] * (0.5 + k) - 3.25 * k).astype(np.float32)
        np.testing.assert_array_equal(volume.voxels[k], expected)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4"])
def test_signed_and_unsigned_values_of_each_width(tmp_path: Path, dtype: str) -> None:
    limits = np.iinfo(dtype)
    voxels = np.random.default_rng(1).integers(
        max(limits.min, -(2**24)), min(limits.max, 2**24), (3, 4, 5), endpoint=True, dtype=np.int64
    )
    image = Scene(voxels.astype(dtype), scene(shape=(3, 4, 5)).affine)
    datasets = series_datasets(image, BitsStored=8 * image.voxels.dtype.itemsize)
    assert_same_in_space(load_volume(only_series(save_series(tmp_path, datasets))), image)


def test_twelve_signed_bits_in_sixteen_carry_their_sign(tmp_path: Path) -> None:
    values = np.array([[[-2048, -1, 0, 1, 2047]]], dtype=np.int16)
    image = Scene(values, scene(shape=(1, 1, 5)).affine)
    ds = slice_dataset(image, 0)
    ds.PixelData = (values.view(np.uint16) & 0x0FFF).tobytes() + b"\0\0"
    volume = load_volume(only_series(save(ds, tmp_path / "IM")))
    assert volume.voxels.ravel().tolist() == [-2048, -1, 0, 1, 2047]


# --- damaged files ------------------------------------------------------------------------------


def test_a_truncated_file_is_named_and_the_other_series_stay(tmp_path: Path) -> None:
    save_series(tmp_path / "a", series_datasets(scene(1), series=1))
    save_series(tmp_path / "b", series_datasets(scene(2), series=2))
    cut = sorted((tmp_path / "a").iterdir())[2]
    cut.write_bytes(cut.read_bytes()[:-9])
    bad, good = load_study(tmp_path).series
    assert good.refusal is None
    assert bad.refusal == (
        f"{cut.name}: the file is truncated: 51 bytes of pixels, expected 60. "
        "Copy or export it again."
    )
    with pytest.raises(UnreadableImageError, match=f"{cut.name}: the file is truncated"):
        load_volume(bad)


def test_a_file_cut_inside_its_header_is_named(tmp_path: Path) -> None:
    save_series(tmp_path, series_datasets(scene()))
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(save(slice_dataset(scene(), 6), cut).read_bytes()[:700])
    study = load_study(tmp_path)
    assert [caution.code for caution in study.cautions] == ["unreadable_file"]
    assert "cut.dcm" in study.cautions[0].text
    with pytest.raises(UnreadableImageError, match=r"cut\.dcm: the DICOM header is truncated"):
        load_study(cut)


def test_a_file_without_pixels_is_refused(tmp_path: Path) -> None:
    series = only_series(save(slice_dataset(scene(), 0, PixelData=None), tmp_path / "IM1"))
    assert series.refusal is not None
    assert "IM1: the file holds no pixels" in series.refusal
    with pytest.raises(UnreadableImageError, match="holds no pixels"):
        load_volume(series)


def test_a_bare_dataset_without_preamble_is_read(tmp_path: Path) -> None:
    image = scene()
    for k, ds in enumerate(series_datasets(image)):
        path = save(ds, tmp_path / f"IM{k}", "1.2.840.10008.1.2")
        raw = path.read_bytes()
        path.write_bytes(raw[raw.index(b"\x08\x00\x05\x00") :])
    assert_same_in_space(load_volume(only_series(tmp_path)), image)


# --- headers ------------------------------------------------------------------------------------


def test_the_study_and_its_patient_are_read(tmp_path: Path) -> None:
    study = load_study(save_series(tmp_path, series_datasets(scene())))
    assert study.study_uid == f"{ROOT}.0"
    assert study.study_date == date(2024, 2, 29)
    assert study.accession_number == "A1"
    assert study.patient.name == "Müller^Änne"
    assert study.patient.patient_id == "P1"
    assert study.patient.birth_date == date(1980, 6, 15)
    assert study.patient.sex == "F"
    assert study.patient.age_years == pytest.approx(43.71, abs=0.01)
    assert "Müller" not in repr(study)


@pytest.mark.parametrize(
    ("stated", "years"), [("045Y", 45), ("018M", 1.5), ("007D", 7 / 365.25), ("002W", 14 / 365.25)]
)
def test_the_stated_age_comes_before_the_birth_date(
    tmp_path: Path, stated: str, years: float
) -> None:
    study = load_study(save(slice_dataset(scene(), 0, PatientAge=stated), tmp_path / "IM"))
    assert study.patient.age_years == pytest.approx(years)


def test_an_unknown_age_stays_unknown(tmp_path: Path) -> None:
    study = load_study(save(slice_dataset(scene(), 0, PatientBirthDate=""), tmp_path / "IM"))
    assert study.patient.age_years is None


def test_the_technique_is_read(tmp_path: Path) -> None:
    ds = slice_dataset(
        scene(),
        0,
        InversionTime="160",
        ScanOptions=["PFP", "FS"],
        SequenceName="*tse2d1_9",
        PixelBandwidth="250",
        BodyPartExamined="HIP",
        ContrastBolusAgent="Gd",
        EchoTime="80",
    )
    series = only_series(save(ds, tmp_path / "IM"))
    assert (series.echo_time_ms, series.repetition_time_ms, series.flip_angle_deg) == (80, 600, 150)
    assert series.inversion_time_ms == 160
    assert series.field_strength_t == 1.5
    assert series.pixel_bandwidth_hz == 250
    assert series.scanning_sequence == ("SE",)
    assert series.scan_options == ("PFP", "FS")
    assert series.sequence_name == "*tse2d1_9"
    assert series.image_type == ("ORIGINAL", "PRIMARY", "M", "ND")
    assert series.contrast_agent
    assert series.body_part == "HIP"
    assert (series.manufacturer, series.manufacturer_model) == ("SIEMENS", "Avanto")
    assert series.frame_of_reference_uid == f"{ROOT}.9"
    assert series.label == "1 AX T1"


def test_missing_and_empty_tags_are_cautions_not_zeros(tmp_path: Path) -> None:
    series = only_series(
        save_series(
            tmp_path,
            series_datasets(
                scene(), EchoTime="", RepetitionTime=None, MagneticFieldStrength="",
                FrameOfReferenceUID=None,
            ),
        )
    )  # fmt: skip
    assert series.echo_time_ms is None
    assert series.repetition_time_ms is None
    assert series.refusal is None
    assert codes(series) == [
        "missing_echo_time",
        "missing_repetition_time",
        "missing_field_strength",
        "missing_frame_of_reference",
    ]


@pytest.mark.parametrize(
    ("tags", "evidence"),
    [
        ({"ScanOptions": ["PFP", "FS"]}, "ScanOptions FS"),
        ({"ScanOptions": "FAT_SAT"}, "ScanOptions FAT_SAT"),
        ({"ScanOptions": "SAT_GEMS"}, None),
        ({"ScanningSequence": "IR", "InversionTime": "160"}, "inversion time 160 ms"),
        ({"ScanningSequence": ["SE", "IR"], "InversionTime": "2200"}, None),
        ({"ScanningSequence": "GR", "InversionTime": "160"}, None),
        ({"ScanningSequence": None, "InversionTime": "220"}, "inversion time 220 ms"),
        ({"SequenceName": "*tir2d1_11"}, "SequenceName *tir2d1_11"),
        ({"SequenceName": "*tir2d1_11", "InversionTime": "2500"}, None),
        ({"SequenceName": "*tse2d1_15fs"}, "SequenceName *tse2d1_15fs"),
        ({"ImageType": ["DERIVED", "PRIMARY", "DIXON", "WATER"]}, "ImageType WATER (Dixon water)"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "W"]}, "ImageType W (Dixon water)"),
        ({"SeriesDescription": "AX T2 FS HIP"}, 'description says "fs"'),
        ({"SeriesDescription": "t2_stir_tra"}, 'description says "stir"'),
        ({"SeriesDescription": "PD non FS"}, None),
        ({"SeriesDescription": "PD without fat sat"}, None),
        ({"SeriesDescription": "T1 Dixon W"}, 'description says "w" (Dixon water)'),
        ({"SeriesDescription": "T1 axial"}, None),
        ({"SeriesDescription": "offset test"}, None),
    ],
)
def test_evidence_of_fat_suppression(
    tmp_path: Path, tags: dict[str, Any], evidence: str | None
) -> None:
    series = only_series(save(slice_dataset(scene(), 0, **tags), tmp_path / "IM"))
    assert series.fat_suppression == evidence


def test_philips_spir_counts_only_on_philips(tmp_path: Path) -> None:
    for maker, evidence in (("Philips Medical", "Philips SPIR tag"), ("SIEMENS", None)):
        ds = slice_dataset(scene(), 0, Manufacturer=maker)
        ds.add_new((0x2001, 0x0010), "LO", "Philips Imaging DD 001")
        ds.add_new((0x2001, 0x1021), "CS", "Y")
        assert only_series(save(ds, tmp_path / maker)).fat_suppression == evidence


@pytest.mark.parametrize(
    ("tags", "side"),
    [
        ({"Laterality": "L"}, Side.LEFT),
        ({"ImageLaterality": "R"}, Side.RIGHT),
        ({"FrameLaterality": "L"}, Side.LEFT),
        ({"Laterality": "B"}, None),
        ({"Laterality": ""}, None),
        ({"ImageComments": "LT LEFT", "SeriesDescription": "LEFT HIP"}, None),
    ],
)
def test_the_side_comes_from_laterality_tags_alone(
    tmp_path: Path, tags: dict[str, Any], side: Side | None
) -> None:
    assert only_series(save(slice_dataset(scene(), 0, **tags), tmp_path / "IM")).laterality is side


def test_contradicting_laterality_tags_are_a_caution(tmp_path: Path) -> None:
    series = only_series(
        save(slice_dataset(scene(), 0, Laterality="L", ImageLaterality="R"), tmp_path / "IM")
    )
    assert series.laterality is None
    assert "laterality_conflict" in codes(series)


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"PixelSpacing": ["1.8", "1.8"]}, "coarse_pixels"),
        ({"LossyImageCompression": "01"}, "lossy_compression"),
    ],
)
def test_what_may_be_measured_with_care(tmp_path: Path, tags: dict[str, Any], code: str) -> None:
    series = only_series(save_series(tmp_path, series_datasets(scene(), **tags)))
    assert series.refusal is None
    assert codes(series) == [code]


@pytest.mark.parametrize(("spacing_mm", "cautioned"), [(8.0, False), (8.1, True)])
def test_wide_slice_spacing_is_a_caution(
    tmp_path: Path, spacing_mm: float, cautioned: bool
) -> None:
    image = scene(spacing_mm=(spacing_mm, 0.7, 0.9))
    series = only_series(save_series(tmp_path, series_datasets(image)))
    assert codes(series) == (["wide_slice_spacing"] if cautioned else [])


@pytest.mark.parametrize(
    "charset",
    [
        ("ISO_IR 100", "Müller^Änne"),
        ("ISO_IR 192", "Müller^Änne"),
        ("ISO_IR 144", "Люкceмбypг"),  # noqa: RUF001
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎"),
        ("GB18030", "Wang^XiaoDong=王^小东"),
    ],
)
def test_names_are_decoded_by_their_character_set(tmp_path: Path, charset: tuple[Any, str]) -> None:
    names, name = charset
    ds = slice_dataset(scene(), 0, SpecificCharacterSet=names, PatientName=name)
    assert load_study(save(ds, tmp_path / "IM")).patient.name == name


def test_text_in_an_unknown_character_set_does_not_stop_the_study(tmp_path: Path) -> None:
    ds = slice_dataset(scene(), 0, SpecificCharacterSet="ISO_IR 192")
    raw = save(ds, tmp_path / "IM").read_bytes()
    (tmp_path / "IM").write_bytes(raw.replace(b"ISO_IR 192", b"ISO_IR 777"))
    assert load_study(tmp_path).patient.patient_id == "P1"
