"""The straight line: what is wired to what."""

import dataclasses

import pytest

import ifi_mri
from ifi_mri import pipeline
from ifi_mri.config import Config
from ifi_mri.errors import LandmarkMismatchError, SeriesNotFoundError
from ifi_mri.model import ClinicalIntake
from ifi_mri.phantom import HipSpec, make_phantom, write_dicom
from ifi_mri.vocabulary import Answer, FindingName, HipRotation, MeasurementName, Role, Side, Status

IFS = MeasurementName.ISCHIOFEMORAL_SPACE
RATIO = MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO
VOLUME = MeasurementName.QUADRATUS_FEMORIS_OEDEMA_VOLUME_ML


@pytest.fixture(scope="module")
def phantom():
    left = HipSpec(ifs_mm=16.5, qfs_mm=9, oedema_ratio=2.5, oedema_extent=0.7)
    return make_phantom(left, HipSpec(), pixel_mm=(1.2, 1.2), snr=30)


@pytest.fixture(scope="module")
def study(phantom, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipeline") / "study"
    write_dicom(phantom, folder)
    return ifi_mri.load_study(folder)


@pytest.fixture(scope="module")
def marks(phantom):
    return phantom.landmarks("points")


def with_series(study, role, **changes):
    """Return a study whose series of one role is changed."""
    word = {Role.ANATOMY: "T1", Role.FLUID_SENSITIVE: "STIR"}[role]
    return dataclasses.replace(
        study,
        series=tuple(
            dataclasses.replace(s, **changes) if word in s.description else s for s in study.series
        ),
    )


def codes(report):
    return {caution.code for caution in report.cautions}


def test_the_oedema_volume_is_that_of_the_truth(study, marks, phantom):
    report = ifi_mri.analyse(study, marks)
    outlined_ml = phantom.truth["left"]["oedema_volume_ml"]

    assert report.measured(VOLUME, Side.LEFT).value == pytest.approx(outlined_ml, rel=0.15)


def test_a_fluid_series_of_another_frame_is_not_measured(study, marks):
    moved = with_series(study, Role.FLUID_SENSITIVE, frame_of_reference_uid="1.2.3")
    report = ifi_mri.analyse(moved, marks)

    assert report.measured(RATIO, Side.LEFT) is None
    assert "another frame of reference" in next(
        one.reason for one in report.not_measured if one.name is RATIO
    )


def test_a_frame_that_is_not_stated_is_an_assumption_that_is_said(study, marks):
    unstated = with_series(study, Role.FLUID_SENSITIVE, frame_of_reference_uid=None)

    assert "frame_assumed" in codes(ifi_mri.analyse(unstated, marks))
    assert "frame_assumed" not in codes(ifi_mri.analyse(study, marks))


@pytest.mark.parametrize(
    ("age", "status"), [(44.0, Status.INDETERMINATE), (14.0, Status.NOT_ASSESSABLE)]
)
def test_the_age_of_the_intake_decides_which_profiles_hold(study, marks, age, status):
    report = ifi_mri.analyse(study, marks, ClinicalIntake(age_years=age, sex="male"))

    finding = report.finding(FindingName.ISCHIOFEMORAL_SPACE_NARROWING, Side.LEFT)
    assert finding.status is status
    assert (report.patient_age_years, report.patient_sex) == (age, "male")
    assert "intake_contradicts_images" in codes(report)


def test_without_an_intake_age_and_sex_are_the_images(study, marks):
    report = ifi_mri.analyse(study, marks)

    assert report.patient_age_years == study.patient.age_years
    assert (study.patient.sex, report.patient_sex) == ("F", "female")
    assert "intake_contradicts_images" not in codes(report)


@pytest.mark.parametrize(("sex", "differs"), [("female", False), ("male", True), (None, False)])
def test_the_sex_of_the_intake_is_compared_with_the_code_of_the_images(study, marks, sex, differs):
    report = ifi_mri.analyse(study, marks, ClinicalIntake(sex=sex))

    assert ("intake_contradicts_images" in codes(report)) is differs


def test_position_from_the_intake_reaches_the_profiles(study, marks):
    turned = ClinicalIntake(hip_rotation=HipRotation.EXTERNAL, hip_adduction=Answer.YES)
    flagged = {flag.profile for flag in ifi_mri.analyse(study, marks, turned).profiles}

    assert {"positional_er", "positional_add"} <= flagged
    assert "positional_ir" not in flagged


@pytest.mark.parametrize("name", ["quadratus_femoris", "hamstring_origin"])
def test_any_structure_on_the_wrong_side_stops_the_case(study, marks, name):
    only = tuple(
        dataclasses.replace(mark, side=Side.LEFT)
        for mark in marks.on(Side.RIGHT)
        if mark.name == name
    )
    wrong = dataclasses.replace(marks, landmarks=only)

    with pytest.raises(LandmarkMismatchError, match="midline"):
        ifi_mri.analyse(study, wrong)
    with pytest.raises(LandmarkMismatchError, match="midline"):
        pipeline.check(study, wrong, Config())


def test_a_series_without_fat_suppression_never_measures_oedema(study, marks):
    t1 = next(s for s in study.series if "T1" in s.description)
    report = ifi_mri.analyse(study, marks, config=Config(fluid_sensitive=t1.series_uid))

    assert report.measured(RATIO, Side.LEFT) is None
    oedema = report.finding(FindingName.QUADRATUS_FEMORIS_OEDEMA, Side.LEFT)
    assert oedema.status is Status.NOT_ASSESSABLE
    assert "without fat suppression" in oedema.because


def test_spaces_on_a_fat_suppressed_series_are_cautioned(study, marks):
    stir = next(s for s in study.series if "STIR" in s.description)
    anywhere = dataclasses.replace(
        marks,
        series_uid=None,
        landmarks=tuple(dataclasses.replace(m, sop_instance_uid=None) for m in marks.landmarks),
    )
    report = ifi_mri.analyse(study, anywhere, config=Config(anatomy=stir.series_uid))

    assert report.measured(IFS, Side.LEFT).value == pytest.approx(16.5, abs=0.02)
    assert "anatomy_fat_suppressed" in codes(report)


def test_an_unreadable_file_is_named_where_no_anatomy_is_left(study, marks):
    cautions = (ifi_mri.model.Caution("unreadable_file", "0004.dcm: is truncated."),)
    bare = dataclasses.replace(study, series=(), cautions=cautions)

    with pytest.raises(SeriesNotFoundError, match=r"0004\.dcm: is truncated"):
        ifi_mri.analyse(
            bare, dataclasses.replace(marks, study_uid=None, frame_of_reference_uid=None)
        )


def test_inputs_are_named_relative_and_without_the_patient(study, marks):
    patient = dataclasses.replace(study.patient, name="STUDY^JANE")
    named = dataclasses.replace(study, patient=patient, root=study.root.parent)
    paths = [file.path for file in ifi_mri.analyse(named, marks).inputs if file.role == "image"]
    before = [file.path for file in ifi_mri.analyse(study, marks).inputs if file.role == "image"]

    assert before
    assert paths == [f"withheld/{path}" for path in before]


def test_the_same_inputs_make_the_same_report_uid(study, marks):
    first, second = (ifi_mri.analyse(study, marks) for _ in range(2))
    other = ifi_mri.analyse(study, marks, config=Config(profile="torriani2009"))

    assert first.report_uid == second.report_uid != other.report_uid


def test_a_report_in_a_sites_language_is_told_by_its_words_not_by_where_they_lie(
    study, marks, tmp_path
):
    head = 'language = "fr"\nname = "x"\n[messages]\n'
    words = ('"and" = "et"\n', '"and" = "et"\n', '"and" = "ou"\n')
    uids = []
    for number, line in enumerate(words):
        path = tmp_path / f"{number}.toml"
        path.write_text(head + line, encoding="utf-8")
        report = ifi_mri.analyse(study, marks, config=Config(language=str(path)))
        uids.append(report.report_uid)

    assert uids[0] == uids[1] != uids[2]


def test_outlines_beyond_the_fluid_series_say_how_far(study, marks):
    grid = next(s.grid for s in study.series if "STIR" in s.description)
    affine = grid.affine.copy()
    affine[2, 3] += 100.0
    far = with_series(
        study, Role.FLUID_SENSITIVE, grid=ifi_mri.model.Grid.from_affine(affine, grid.shape)
    )
    report = ifi_mri.analyse(far, marks)

    reason = next(one.reason for one in report.not_measured if one.name is RATIO)
    assert "beyond the slices" in reason
