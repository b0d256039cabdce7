"""The structured report out: values, codes and coordinates as another library reads them back."""

import io
from dataclasses import replace

import dicom_makers
import example_report
import highdicom as hd
import numpy as np
import pydicom
import pytest
import sr_makers
from pydicom import dcmread, dcmwrite
from pydicom.sr.codedict import codes as dicom
from pydicom.sr.coding import Code

import ifi_mri
from ifi_mri.errors import ReportError
from ifi_mri.model import Patient
from ifi_mri.reports import dicom_sr
from ifi_mri.vocabulary import FindingName, MeasurementName, Side, Status

OF_SIDE = {dicom.SCT.Left: Side.LEFT, dicom.SCT.Right: Side.RIGHT}
FINDINGS = {
    Code("IFS", "99IFIMRI", "Ischiofemoral space"): MeasurementName.ISCHIOFEMORAL_SPACE,
    Code("QFS", "99IFIMRI", "Quadratus femoris space"): MeasurementName.QUADRATUS_FEMORIS_SPACE,
}


@pytest.fixture(scope="module")
def classic(tmp_path_factory):
    return sr_makers.case(tmp_path_factory.mktemp("classic"))


@pytest.fixture(scope="module")
def multi_frame(tmp_path_factory):
    return sr_makers.case(tmp_path_factory.mktemp("multi_frame"), multi_frame=True)


@pytest.fixture(params=["classic", "multi_frame"])
def case(request):
    return request.getfixturevalue(request.param)


def rendered(case, **options) -> bytes:
    return dicom_sr.render(case.report, case.study, None, **options)


def document(case, **options):
    return hd.sr.srread(io.BytesIO(rendered(case, **options)))


def groups(content):
    return content.content.get_image_measurement_groups()


def by_space(content):
    """The groups by measurement and side, as their codes tell them."""
    return {
        (FINDINGS[group.finding_type], OF_SIDE[group.finding_sites[0].laterality]): group
        for group in groups(content)
        if group.finding_type in FINDINGS
    }


def length_of(group):
    (length,) = group.get_measurements(Code("410668003", "SCT", "Length"))
    return length


def on_image(number):
    """The coordinates of a number on its image."""
    (shape,) = number.referenced_coordinates
    assert shape.ValueType == "SCOORD"
    return shape


def in_group(group, name):
    return hd.sr.utils.find_content_items(group[0], name=Code(*name))


# --- lines --------------------------------------------------------------------------------------


def test_every_space_of_every_side_has_its_group_and_its_value(case):
    found = by_space(document(case))
    expected = [
        m for m in case.report.measurements if m.name in FINDINGS.values() and m.side is not None
    ]
    assert len(expected) == len(found) == 4
    for measurement in expected:
        length = length_of(found[measurement.name, measurement.side])
        assert length.value == pytest.approx(measurement.value, abs=1e-6)
        assert length.unit == Code("mm", "UCUM", "mm")


@pytest.mark.parametrize("side", Side)
def test_coordinates_are_columns_and_rows_counted_from_the_corner_of_the_first_pixel(case, side):
    found = by_space(document(case, profile="strict"))
    length = length_of(found[MeasurementName.ISCHIOFEMORAL_SPACE, side])
    _, ischium, trochanter, *_ = sr_makers.ENDS[side]
    np.testing.assert_allclose(
        on_image(length).value,
        np.array([ischium, trochanter]) + 0.5,
        atol=1e-4,
    )


def _line_in_patient(case, length):
    """The ends of a line in mm, by highdicom from the header of the image it names."""
    shape = on_image(length)
    source = shape.ContentSequence[0].ReferencedSOPSequence[0]
    headers = [dcmread(path, stop_before_pixels=True) for path in case.images]
    (image,) = [ds for ds in headers if ds.SOPInstanceUID == source.ReferencedSOPInstanceUID]
    frame = source.get("ReferencedFrameNumber")
    assert (frame is None) == ("NumberOfFrames" not in image)
    transformer = hd.spatial.ImageToReferenceTransformer.for_image(image, frame_number=frame)
    return transformer(shape.value)


@pytest.mark.parametrize("side", Side)
def test_a_line_lies_where_it_was_marked_on_the_image_and_frame_it_names(case, side):
    found = by_space(document(case, profile="strict"))
    for name, first in (
        (MeasurementName.ISCHIOFEMORAL_SPACE, 1),
        (MeasurementName.QUADRATUS_FEMORIS_SPACE, 3),
    ):
        k, *places = (sr_makers.ENDS[side][0], *sr_makers.ENDS[side])
        expected = [sr_makers.in_patient(k, *place) for place in places[first : first + 2]]
        ends = _line_in_patient(case, length_of(found[name, side]))
        np.testing.assert_allclose(ends, expected, atol=1e-3)


@pytest.mark.parametrize("side", Side)
def test_on_pixels_that_are_not_square_ohif_gets_the_line_in_space_and_its_image(case, side):
    measured = case.report.measured(MeasurementName.ISCHIOFEMORAL_SPACE, side)
    group = by_space(document(case))[measured.name, side]
    (line,) = length_of(group).referenced_coordinates
    assert line.ValueType == "SCOORD3D"
    np.testing.assert_allclose(line.value, measured.points_mm, atol=1e-3)
    assert line.frame_of_reference_uid == case.study.series[0].frame_of_reference_uid
    (picture,) = [item for item in group[0].ContentSequence if item.ValueType == "IMAGE"]
    instance = case.study.series[0].instances[sr_makers.ENDS[side][0]]
    assert picture.referenced_sop_instance_uid == instance.sop_instance_uid
    expected = None if instance.frame is None else [instance.frame + 1]
    assert picture.referenced_frame_numbers == expected


def test_square_pixels_need_no_line_in_space(tmp_path):
    marks = sr_makers.marked(*sr_makers.points(Side.LEFT, scene=sr_makers.SQUARE))
    square = sr_makers.case(tmp_path, marks, scene=sr_makers.SQUARE)
    _, *places = sr_makers.ENDS[Side.LEFT]
    for name, first in (
        (MeasurementName.ISCHIOFEMORAL_SPACE, 0),
        (MeasurementName.QUADRATUS_FEMORIS_SPACE, 2),
    ):
        line = on_image(length_of(by_space(document(square))[name, Side.LEFT]))
        np.testing.assert_allclose(line.value, np.array(places[first : first + 2]) + 0.5, atol=1e-4)


def test_left_is_left(classic):
    for (_, side), group in by_space(document(classic, profile="strict")).items():
        ends = _line_in_patient(classic, length_of(group))
        assert (ends[:, 0] > 0).all() == (side is Side.LEFT)


def test_tracking_identifiers_are_those_of_the_length_tool_with_our_label(classic):
    found = {group.tracking_identifier for group in groups(document(classic))}
    assert found == {
        f"Cornerstone3DTools@^0.1.0:Length:{space}-{side}"
        for space in ("IFS", "QFS")
        for side in "LR"
    }


def test_a_line_that_ends_at_the_trochanter_says_so(tmp_path):
    marks = sr_makers.marked(*sr_makers.points(Side.LEFT, to_trochanter=True))
    case = sr_makers.case(tmp_path, marks)
    group = by_space(document(case))[MeasurementName.QUADRATUS_FEMORIS_SPACE, Side.LEFT]
    assert group.tracking_identifier.endswith(":QFS-LT-L")
    assert length_of(group).method == Code("MIN-HAM-LT", "99IFIMRI", "")
    (comment,) = in_group(group, ("121106", "DCM", "Comment"))
    assert comment.value.startswith("QFS-LT left ")


def test_tracking_uids_are_unique_and_stay_with_study_space_side_and_reader(classic):
    def uids(report):
        content = replace(classic, report=report)
        return {
            group.tracking_identifier: group.tracking_uid for group in groups(document(content))
        }

    first, later = uids(classic.report), uids(replace(classic.report, config_digest="other"))
    assert len(set(first.values())) == 4
    assert first == later
    other_reader = uids(replace(classic.report, reader="R2"))
    assert not set(first.values()) & set(other_reader.values())


# --- what is said of a line ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "normality"),
    [
        (Status.PRESENT, dicom.SCT.AbnormallyLow),
        (Status.ABSENT, dicom.SCT.Normal),
        (Status.INDETERMINATE, dicom.SCT.NormalityUndetermined),
    ],
)
def test_normality_follows_the_finding(classic, status, normality):
    name = FindingName.ISCHIOFEMORAL_SPACE_NARROWING
    findings = tuple(
        replace(one, status=status) if one.name is name else one for one in classic.report.findings
    )
    content = document(replace(classic, report=replace(classic.report, findings=findings)))
    group = by_space(content)[MeasurementName.ISCHIOFEMORAL_SPACE, Side.LEFT]
    (found,) = in_group(group, ("121402", "DCM", "Normality"))
    assert found.value == normality


def test_range_authority_uncertainty_method_and_derivation(classic):
    measured = classic.report.measured(MeasurementName.ISCHIOFEMORAL_SPACE, Side.RIGHT)
    group = by_space(document(classic))[measured.name, measured.side]
    length = length_of(group)
    (limit,) = in_group(group, ("385524004", "SCT", "Normal Range Lower Limit"))
    (upper,) = in_group(group, ("371886008", "SCT", "+"))
    (lower,) = in_group(group, ("371885007", "SCT", "-"))
    low, high = measured.interval_95
    assert limit.value == 15.0
    assert upper.value == pytest.approx(high - measured.value, abs=1e-6)
    assert lower.value == pytest.approx(measured.value - low, abs=1e-6)
    assert {item.unit.value for item in (limit, upper, lower)} == {"mm"}
    assert length.derivation == dicom.SCT.Minimum
    assert length.method == Code("MIN-BONE-BONE", "99IFIMRI", "")
    texts = {
        item.name.value: item.value for item in length[0].ContentSequence if "TextValue" in item
    }
    assert texts["121408"].startswith("profile singer2015: ")
    assert "15.0 mm" in texts["121407"]


def test_the_comment_names_side_value_and_judgement():
    content = hd.sr.srread(io.BytesIO(example_bytes()))
    group = by_space(content)[MeasurementName.QUADRATUS_FEMORIS_SPACE, Side.LEFT]
    (comment,) = in_group(group, ("121106", "DCM", "Comment"))
    assert comment.value == "QFS left 7.3 mm (narrowed)"


def example_bytes(report=None, **options) -> bytes:
    whole = report or example_report.report()
    return dicom_sr.render(whole, example_report.study(), None, **options)


def test_grade_readers_grade_signal_and_quality_stand_in_the_last_group_of_their_side():
    found = by_space(hd.sr.srread(io.BytesIO(example_bytes())))
    left = found[MeasurementName.QUADRATUS_FEMORIS_SPACE, Side.LEFT]
    right = found[MeasurementName.QUADRATUS_FEMORIS_SPACE, Side.RIGHT]

    def evaluations(group):
        return {one.name.value: one.value.meaning for one in group.get_qualitative_evaluations()}

    assert evaluations(left) | {
        "79654002": "Moderate",
        "QF-EDEMA-BY-EYE": "Mild",
        "RID39467": "Present",
        "111101": "Diagnostic quality",
    } == evaluations(left)
    assert evaluations(right)["79654002"] == "None"
    assert evaluations(right)["RID39467"] == "Absent"
    assert "QF-EDEMA-BY-EYE" not in evaluations(right)
    (ratio,) = in_group(left, ("QF-SIGNAL-RATIO", "99IFIMRI", ""))
    expected = example_report.report().measured(
        MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO, Side.LEFT
    )
    assert ratio.value == pytest.approx(expected.value, abs=1e-6)
    others = found[MeasurementName.ISCHIOFEMORAL_SPACE, Side.LEFT]
    assert "79654002" not in evaluations(others)


def test_the_muscle_of_a_side_without_any_length_has_its_outline(tmp_path):
    case = sr_makers.case(
        tmp_path,
        sr_makers.marked(*sr_makers.points(Side.RIGHT), *sr_makers.outlines(Side.LEFT)),
    )
    found = groups(document(case, profile="strict"))
    (group,) = [one for one in found if one.tracking_identifier == "QF-L"]
    shape = on_image(group.get_measurements()[0]).value
    np.testing.assert_array_equal(shape[0], shape[-1])
    assert shape[:, 0].min() == pytest.approx(238 - 14 + 0.5, abs=1e-3)
    assert shape[:, 1].max() == pytest.approx(190 + 9 + 0.5, abs=1e-3)


# --- what was not measured ----------------------------------------------------------------------


def test_what_was_not_measured_is_said_with_its_reason_and_no_number(tmp_path):
    case = sr_makers.case(tmp_path, sr_makers.marked(*sr_makers.points(Side.LEFT)[:2]))
    content = document(case)
    assert set(by_space(content)) == {(MeasurementName.ISCHIOFEMORAL_SPACE, Side.LEFT)}
    evaluations = content.content[0].ContentSequence[-1].ContentSequence
    said = {item.name.value: item.value.value for item in evaluations if item.ValueType == "CODE"}
    assert said == {"QFS-L": "114007", "IFS-R": "114007", "QFS-R": "114007"}
    texts = [item.TextValue for item in evaluations if item.ValueType == "TEXT"]
    assert "QFS left not measured. No hamstring origin landmark." in texts


def test_ends_on_two_slices_are_a_failure_not_an_omission(tmp_path):
    marks = sr_makers.points(Side.LEFT)
    x = sr_makers.in_patient(3, 251.0, 150.0)
    case = sr_makers.case(tmp_path, sr_makers.marked(marks[0], replace(marks[1], points_mm=(x,))))
    evaluations = document(case).content[0].ContentSequence[-1].ContentSequence
    said = {item.name.value: item.value.value for item in evaluations if item.ValueType == "CODE"}
    assert said["IFS-L"] == "114006"


def test_the_strict_profile_has_a_group_for_what_was_not_measured(tmp_path):
    case = sr_makers.case(tmp_path, sr_makers.marked(*sr_makers.points(Side.LEFT)[:2]))
    found = by_space(document(case, profile="strict"))
    assert len(found) == 4
    missing = found[MeasurementName.QUADRATUS_FEMORIS_SPACE, Side.RIGHT]
    assert missing.tracking_identifier == "QFS-R"
    assert not missing.get_measurements()
    (why,) = in_group(missing, ("410668003", "SCT", "Length"))
    assert why.value == dicom.DCM.MeasurementNotAttempted


def test_a_report_without_any_measurement_is_still_a_report(classic):
    empty = replace(classic.report, measurements=(), not_measured=(), findings=())
    content = dcmread(io.BytesIO(rendered(replace(classic, report=empty))))
    names = [item.ConceptNameCodeSequence[0].CodeValue for item in content.ContentSequence]
    assert "126010" not in names
    assert names[-1] == "C0034375"


@pytest.mark.parametrize("profile", dicom_sr.PROFILES)
def test_all_groups_are_measurement_groups_of_one_template(classic, profile):
    for group in groups(document(classic, profile=profile)):
        assert group[0].template_id == "1501"
        assert group[0].name == dicom.DCM.MeasurementGroup


def test_every_group_for_ohif_has_coordinates_of_its_first_number(classic):
    for group in groups(document(classic)):
        first = group.get_measurements()[0]
        assert len(first.referenced_coordinates) == 1
        assert all(not one.referenced_coordinates for one in group.get_measurements()[1:])


# --- the document -------------------------------------------------------------------------------


def test_the_images_are_in_the_library_and_in_the_evidence(case):
    content = document(case, profile="strict")
    used = {
        shape.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for group in groups(content)
        for shape in [on_image(group.get_measurements()[0])]
    }
    assert {uid for _, _, uid, _ in content.get_evidence()} == used
    (library,) = [
        item for item in content.content[0].ContentSequence if item.name == dicom.DCM.ImageLibrary
    ]
    listed = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for group in library.ContentSequence
        for item in group.ContentSequence
        if item.ValueType == "IMAGE"
    }
    assert listed == used
    assert {series for _, series, _, _ in content.get_evidence()} == {f"{dicom_makers.ROOT}.1"}


def test_patient_and_study_are_those_of_the_images_in_utf_8(classic):
    header = dcmread(io.BytesIO(rendered(classic)))
    assert header.SpecificCharacterSet == "ISO_IR 192"
    assert header.PatientName == "Müller^Änne"
    assert header.PatientID == "P1"
    assert header.PatientBirthDate == "19800615"
    assert header.StudyInstanceUID == classic.study.study_uid
    assert header.AccessionNumber == "A1"


def test_without_the_files_the_study_says_whose_it_is():
    header = dcmread(io.BytesIO(example_bytes()))
    assert header.PatientName == "SECRETNAME^JANE"
    assert header.PatientBirthDate == "19710305"
    assert header.StudyDate == "20260131"


@pytest.mark.filterwarnings("ignore:Invalid value", "ignore:The value length")
def test_what_is_wrong_in_the_images_is_not_repeated(tmp_path):
    wrong = {
        "StudyTime": "nonsense",
        "PatientBirthDate": "1980-06-15",
        "PatientSex": "UNKNOWN",
        "StudyID": "X" * 30,
    }
    with pydicom.config.disable_value_validation():
        datasets = dicom_makers.series_datasets(sr_makers.SCENE, **wrong)
        dicom_makers.save_series(tmp_path, datasets)
    study = ifi_mri.load_study(tmp_path)
    report = ifi_mri.analyse(study, sr_makers.marked(*sr_makers.points(Side.LEFT)))
    header = dcmread(io.BytesIO(dicom_sr.render(report, study, None)))
    assert [header.get(keyword) or "" for keyword in wrong] == ["", "", "", ""]
    assert header.PatientName == "Müller^Änne"


def test_the_patient_of_the_study_wins_over_nobody(classic):
    nameless = replace(example_report.study(), patient=Patient())
    header = dcmread(io.BytesIO(dicom_sr.render(example_report.report(), nameless, None)))
    assert header.PatientName == ""
    assert header.PatientID is None or header.PatientID == ""


def test_the_reader_and_the_software_observed(classic):
    person, device = document(classic).content.get_observer_contexts()
    assert person.observer_identifying_attributes.name == "R1^"
    assert device.observer_identifying_attributes.name == "ifi_mri"


def test_the_procedure_is_from_context_group_100(classic):
    (procedure,) = [
        item
        for item in document(classic).content[0].ContentSequence
        if item.name == dicom.DCM.ProcedureReported
    ]
    assert procedure.value in dicom.cid100.concepts.values()


def test_the_private_scheme_is_declared(classic):
    (scheme,) = dcmread(io.BytesIO(rendered(classic))).CodingSchemeIdentificationSequence
    assert scheme.CodingSchemeDesignator == "99IFIMRI"


def test_the_impression_is_in_the_report(classic):
    evaluations = document(classic).content[0].ContentSequence[-1].ContentSequence
    texts = [i.TextValue for i in evaluations if i.name == dicom.DCM.Impression]
    assert tuple(texts[:-1]) == classic.report.impression


def test_an_impression_in_another_language_says_so(classic):
    german = replace(classic.report, language="de", impression=("Links: nichts.",))
    content = document(replace(classic, report=german))
    sentence, use = content.content[0].ContentSequence[-1].ContentSequence[-2:]
    (language,) = sentence.ContentSequence
    assert language.value == Code("de", "RFC5646", "German")
    assert "ContentSequence" not in use
    assert content.content[0].ContentSequence[0].value == Code("en", "RFC5646", "English")


def test_a_report_is_preliminary_until_it_is_signed(classic):
    unsigned = dcmread(io.BytesIO(rendered(classic)))
    signed = dcmread(
        io.BytesIO(rendered(classic, signature=dicom_sr.Signature("Doe Jane", "Clinic")))
    )
    assert (unsigned.PreliminaryFlag, unsigned.VerificationFlag) == ("PRELIMINARY", "UNVERIFIED")
    assert (signed.PreliminaryFlag, signed.VerificationFlag) == ("FINAL", "VERIFIED")
    (verifier,) = signed.VerifyingObserverSequence
    assert verifier.VerifyingObserverName == "Doe Jane^"
    assert verifier.VerifyingOrganization == "Clinic"
    assert signed.SOPInstanceUID != unsigned.SOPInstanceUID


def test_a_correction_names_what_it_corrects(classic):
    first = rendered(classic)
    header = dcmread(io.BytesIO(first))
    predecessor = dicom_sr.predecessor_of(first, classic.study)
    corrected = dcmread(io.BytesIO(rendered(classic, predecessor=predecessor)))
    (earlier,) = corrected.PredecessorDocumentsSequence
    (series,) = earlier.ReferencedSeriesSequence
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == header.SOPInstanceUID
    assert series.SeriesInstanceUID == header.SeriesInstanceUID
    assert corrected.SOPInstanceUID != header.SOPInstanceUID
    assert corrected.InstanceNumber == 2


def test_what_is_corrected_must_be_a_report_of_the_study(classic):
    image = classic.images[0].read_bytes()
    for content, said in (
        (b"nothing", "is no DICOM structured report"),
        (image, "modality MR, a structured report .SR. of study"),
        (example_bytes(), "of study 1.2.826.0.1.3680043.10.99.1 and modality SR"),
    ):
        with pytest.raises(ReportError, match=said):
            dicom_sr.predecessor_of(content, classic.study)


# --- bytes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", dicom_sr.PROFILES)
def test_the_same_inputs_give_the_same_bytes(case, profile):
    assert rendered(case, profile=profile) == rendered(case, profile=profile)


def test_another_time_is_another_object(classic):
    later = replace(classic.report, created_at="2031-01-01T00:00:00Z")
    first, second = (
        dcmread(io.BytesIO(rendered(replace(classic, report=report))))
        for report in (classic.report, later)
    )
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert second.ContentDate == "20310101"


def test_our_encoding_is_the_one_that_pydicom_writes(case):
    ours = rendered(case)
    dataset = dcmread(io.BytesIO(ours))
    list(dataset.iterall())  # decode everything, so that nothing is copied as it was
    theirs = io.BytesIO()
    dcmwrite(theirs, dataset, enforce_file_format=True)
    assert theirs.getvalue() == ours


def test_floating_point_and_decimal_values_are_one_number(classic):
    for item in dcmread(io.BytesIO(rendered(classic))).iterall():
        if item.keyword == "MeasuredValueSequence" and item.value:
            (value,) = item.value
            assert float(value.NumericValue) == value.FloatingPointValue


def test_text_keeps_its_letters_and_loses_control_characters():
    report = replace(
        example_report.report(), impression=("Ödem\x00 links\nund rechts",), reader="Ä=B"
    )
    content = hd.sr.srread(io.BytesIO(example_bytes(report)))
    evaluations = content.content[0].ContentSequence[-1].ContentSequence
    assert evaluations[0].TextValue == "Ödem  links und rechts"
    person = content.content.get_observer_contexts()[0]
    assert person.observer_identifying_attributes.name == "Ä B^"


# --- what cannot be written ---------------------------------------------------------------------


def test_nifti_images_have_no_structured_report(tmp_path):
    import nibabel as nib

    nib.save(dicom_makers.nifti_image(sr_makers.SCENE), tmp_path / "ax_t1.nii.gz")
    study = ifi_mri.load_study(tmp_path)
    report = ifi_mri.analyse(
        study,
        sr_makers.marked(*sr_makers.points(Side.LEFT)),
        config=ifi_mri.Config(anatomy="ax_t1.nii.gz"),
    )
    with pytest.raises(ReportError, match=r"its images are not DICOM .* Choose other formats"):
        dicom_sr.render(report, study, None)


def test_a_report_of_another_study_is_refused(classic):
    with pytest.raises(ReportError, match="is not among the study's series"):
        dicom_sr.render(example_report.report(), classic.study, None)


def test_an_image_that_the_study_does_not_hold_is_refused():
    study = example_report.study()
    fewer = replace(study.series[0], instances=study.series[0].instances[:1])
    with pytest.raises(ReportError, match="not among the study's images"):
        dicom_sr.render(
            example_report.report(), replace(study, series=(fewer, study.series[1])), None
        )


def test_a_report_from_json_writes_the_same_lines(classic):
    from ifi_mri.reports import json_file

    again = json_file.read(json_file.render(classic.report, classic.study, None))
    first, second = (
        by_space(document(replace(classic, report=one), profile="strict"))
        for one in (classic.report, again)
    )
    for key, group in first.items():
        np.testing.assert_allclose(
            on_image(length_of(group)).value,
            on_image(length_of(second[key])).value,
            atol=1e-4,
        )
