"""No text that leaves the loaders may carry the patient's name or number."""

import json

import nibabel as nib
import pytest
from dicom_makers import nifti_image, save_series, scene, series_datasets

from ifi_mri.errors import StudyError
from ifi_mri.loaders import load_study, without_identity
from ifi_mri.loaders.identity import identity_words
from ifi_mri.loaders.identity import without_identity as withheld
from ifi_mri.model import Patient


@pytest.mark.parametrize(
    ("name", "number", "text", "expected"),
    [
        ("QUARKSON^ZELDA", "", "AX T1 TSE QUARKSON ZELDA", "AX T1 TSE withheld withheld"),
        ("QUARKSON^ZELDA", "", "ax_t1_zeldaquarkson_1", "ax_t1_withheld_1"),
        ("MÜLLER^JÖRG", "", "T1 Mueller Joerg, Muller Jorg", "T1 " + "withheld withheld, " * 2),
        ("MUELLER^X", "", "T1 müller", "T1 withheld"),
        ("GROSS^A", "", "STIR Groß", "STIR withheld"),
        ("Li^Na", "", "t1 line nasal Li na", "t1 line nasal withheld withheld"),
        ("Li^Na", "", "t1 LiNa", "t1 withheld"),
        ("Yamada^Tarou=山田^太郎", "", "T1 山田太郎様", "T1 withheld"),
        ("山^口", "", "T1 山本", "T1 withheld"),
        ("O'BRIEN^P", "", "T2 O'Brien OBRIEN", "T2 withheld'withheld withheld"),
        ("OBRIEN^P", "", "T2 O'Brien", "T2 withheld'withheld"),
        ("SMITH-JONES^P", "", "T2 smith", "T2 withheld"),
        ("", "123-45", "PD 12345 123-45 123", "PD withheld withheld-withheld 123"),
        ("HIPMAN^P", "", "AX hip man", "AX hip withheld"),
        ("", "7", "PD 7 17", "PD withheld 17"),
        ("Ax^Sat", "T1", "AX T1 fat sat", "AX T1 fat sat"),
        ("Stir^Water", "", "STIR water", "STIR water"),
        ("", "", "AX T1", "AX T1"),
    ],
)
def test_words_that_tell_the_patient_are_withheld(name, number, text, expected):
    found = withheld(text, identity_words([name], [number]))

    assert found == expected.rstrip(", ")


@pytest.mark.parametrize(
    ("name", "number", "folder"),
    [
        ("Li^Na", "", "Li_Na"),
        ("山田^太郎", "", "山田太郎"),
        ("MÜLLER^JÖRG", "", "Mueller_Joerg"),
        ("O'BRIEN", "", "OBRIEN"),
        ("", "123-45", "12345"),
        ("SMITH^JOHN", "", "SMITH_JOHN"),
        ("SMITH^JOHN", "", "hip of smith, 2020"),
    ],
)
def test_a_part_of_a_path_that_tells_the_patient_is_withheld_wholly(name, number, folder):
    path = f"mri/{folder}/t1/I0001.dcm"

    found = without_identity(path, Patient(name=name, patient_id=number))

    assert found == "mri/withheld/t1/I0001.dcm"


def test_no_field_of_a_dicom_series_carries_the_patient(tmp_path):
    tags = {
        "PatientName": "QUARKSON^ZELDA",
        "PatientID": "QX-9981",
        "OtherPatientNames": "FIZZLE^ZELDA",
        "SeriesDescription": "AX T1 TSE QUARKSON ZELDA",
        "BodyPartExamined": "HIP FIZZLE",
        "Manufacturer": "QUARKSON",
        "ManufacturerModelName": "model QX9981",
        "SequenceName": "zelda_fs",
        "ScanOptions": ["PFP", "ZELDA"],
        "ImageType": ["ORIGINAL", "PRIMARY", "M", "FIZZLE"],
        "EchoTime": None,
    }
    save_series(tmp_path, series_datasets(scene(), **tags))

    study = load_study(tmp_path)

    (series,) = study.series
    assert series.description == "AX T1 TSE withheld withheld"
    assert series.label == "1 AX T1 TSE withheld withheld"
    assert series.image_type == ("ORIGINAL", "PRIMARY", "M", "withheld")
    assert series.manufacturer_model == "model withheld"
    assert series.cautions
    for word in ("quarkson", "zelda", "fizzle", "9981"):
        assert word not in repr((series.cautions, series)).replace(str(tmp_path), "").lower()


def test_no_label_of_a_volume_carries_the_patient(tmp_path):
    image = scene()
    for kind, series in (("M", 1), ("QUARKSON", 2)):
        tags = {"ImageType": ["ORIGINAL", "PRIMARY", kind], "PatientName": "QUARKSON^ZELDA"}
        datasets = series_datasets(image, series, SeriesInstanceUID="1.2.3", **tags)
        save_series(tmp_path / kind[0], datasets)

    labels = [series.label for series in load_study(tmp_path).series]

    assert len(set(labels)) == 2
    assert not any("QUARKSON" in label for label in labels)


def test_no_field_of_a_nifti_series_carries_the_patient_of_its_sidecar(tmp_path):
    nib.save(nifti_image(scene()), tmp_path / "quarkson_t1.nii.gz")
    sidecar = {
        "PatientName": "QUARKSON^ZELDA",
        "PatientID": "9981",
        "SeriesDescription": "AX T1 Zelda 9981",
        "SequenceName": "zelda",
    }
    (tmp_path / "quarkson_t1.json").write_text(json.dumps(sidecar))

    (series,) = load_study(tmp_path).series

    assert series.label == "withheld_t1.nii.gz"
    assert series.description == "AX T1 withheld withheld"
    assert series.sequence_name == "withheld"
    assert all("quarkson" not in caution.text for caution in series.cautions)
    assert series.cautions


def test_an_error_does_not_name_the_folder(tmp_path):
    folder = tmp_path / "QUARKSON_ZELDA"
    folder.mkdir()

    with pytest.raises(StudyError, match=r"^the study: looked at 0 files"):
        load_study(folder)


def test_a_dataset_of_several_studies_is_refused_without_its_folders_name(tmp_path):
    for subject in ("sub-01", "sub-02"):
        (tmp_path / "QUARKSON" / subject).mkdir(parents=True)

    with pytest.raises(StudyError, match=r"^the study: the BIDS dataset holds 2 studies"):
        load_study(tmp_path / "QUARKSON")


@pytest.mark.parametrize("study_uid", [None, "1.2.3"])
@pytest.mark.parametrize(
    "other", [{"PatientName": "QUARKSON^ZELDA"}, {"PatientBirthDate": "19010203"}]
)
def test_two_patients_without_an_id_are_not_measured_as_one(tmp_path, study_uid, other):
    same = {"PatientID": "", "StudyInstanceUID": study_uid, "PatientName": "FIZZLE^ANN"}
    save_series(tmp_path / "a", series_datasets(scene(), 1, **same))
    save_series(tmp_path / "b", series_datasets(scene(), 2, **{**same, **other}))

    for series in load_study(tmp_path).series:
        assert "files of 2 patients, expected one" in series.refusal
        assert "FIZZLE" not in series.refusal
        assert "QUARKSON" not in series.refusal


def test_one_patient_spelled_in_two_ways_is_one(tmp_path):
    for series, name in enumerate(("FIZZLE^ANN", "Fizzle^Ann^^", ""), start=1):
        tags = {"PatientID": "", "PatientName": name}
        save_series(tmp_path / str(series), series_datasets(scene(), series, **tags))

    assert [series.refusal for series in load_study(tmp_path).series] == [None] * 3
