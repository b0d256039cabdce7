"""The quadratus femoris outlines as DICOM Segmentation: on the right pixels, slice, frame, side."""

import io
import warnings
from dataclasses import replace

import dicom_makers
import example_report
import highdicom as hd
import numpy as np
import pytest
import sr_makers
from pydicom import dcmread

import ifi_mri
from ifi_mri import geometry, reports
from ifi_mri import landmarks as landmark_files
from ifi_mri.errors import ReportError
from ifi_mri.model import LandmarkSet
from ifi_mri.reports import dicom_objects, dicom_seg
from ifi_mri.vocabulary import LandmarkName, Role, Side


@pytest.fixture(scope="module")
def classic(tmp_path_factory):
    return sr_makers.case(tmp_path_factory.mktemp("classic"))


@pytest.fixture(scope="module")
def multi_frame(tmp_path_factory):
    return sr_makers.case(tmp_path_factory.mktemp("multi_frame"), multi_frame=True)


@pytest.fixture(params=["classic", "multi_frame"])
def case(request):
    return request.getfixturevalue(request.param)


def segmentation(case):
    content = dicom_seg.render(case.report, case.study, None)
    return hd.seg.segread(io.BytesIO(content))


def muscle(case, side):
    (mark,) = [
        mark
        for mark in case.report.landmarks
        if mark.name is LandmarkName.QUADRATUS_FEMORIS and mark.side is side
    ]
    return mark


@pytest.mark.parametrize("side", Side)
def test_a_pixel_is_muscle_where_its_centre_lies_inside_the_outline(case, side):
    found = segmentation(case)
    number = found.get_segment_numbers(segment_label=f"QF-{side.letter}")[0]
    volume = found.get_volume(segment_numbers=[number], combine_segments=True)
    inside = np.argwhere(np.asarray(volume.array) > 0)
    positions = (volume.affine @ np.c_[inside, np.ones(len(inside))].T).T[:, :3]
    assert len(inside) == pytest.approx(np.pi * 14 * 9, rel=0.03)
    outline = np.asarray(muscle(case, side).points_mm)
    np.testing.assert_allclose(positions.mean(axis=0), outline.mean(axis=0), atol=0.3)
    grid = case.report.chosen(Role.FLUID_SENSITIVE).grid
    assert all(geometry.encloses(outline, point, grid.affine) for point in positions[::37])


@pytest.mark.parametrize("side", Side)
def test_each_side_is_stated_by_label_code_and_place(case, side):
    found = segmentation(case)
    (segment,) = [one for one in found.SegmentSequence if one.SegmentLabel == f"QF-{side.letter}"]
    (region,) = segment.AnatomicRegionSequence
    assert (region.CodeValue, region.CodingSchemeDesignator) == ("7:824", "MDC")
    modifier = region.AnatomicRegionModifierSequence[0].CodeValue
    assert modifier == {Side.LEFT: "7771000", Side.RIGHT: "24028007"}[side]
    assert segment.SegmentAlgorithmType == "MANUAL"


def test_frames_refer_to_the_image_and_frame_that_they_lie_on(case):
    found = dcmread(io.BytesIO(dicom_seg.render(case.report, case.study, None)))
    fluid = next(one for one in case.study.series if one.series_uid.endswith(".2"))
    for frame in found.PerFrameFunctionalGroupsSequence:
        position = frame.PlanePositionSequence[0].ImagePositionPatient
        (derivation,) = frame.DerivationImageSequence
        (source,) = derivation.SourceImageSequence
        (instance,) = [
            one
            for one in fluid.instances
            if np.allclose(one.position_mm, [float(x) for x in position], atol=1e-3)
        ]
        assert source.ReferencedSOPInstanceUID == instance.sop_instance_uid
        expected = None if instance.frame is None else instance.frame + 1
        assert source.get("ReferencedFrameNumber") == expected
    assert len(found.PerFrameFunctionalGroupsSequence) == 2


def test_it_reads_back_as_outlines_of_the_same_place(case, tmp_path):
    path = tmp_path / "segmentation_qf.dcm"
    path.write_bytes(dicom_seg.render(case.report, case.study, None))
    found = landmark_files.read(path)
    assert {(mark.name, mark.side) for mark in found.landmarks} == {
        (LandmarkName.QUADRATUS_FEMORIS, side) for side in Side
    }
    for mark in found.landmarks:
        expected = np.mean(muscle(case, mark.side).points_mm, axis=0)
        np.testing.assert_allclose(np.mean(mark.points_mm, axis=0), expected, atol=0.5)


def test_the_same_inputs_give_the_same_bytes(case):
    first = dicom_seg.render(case.report, case.study, None)
    assert first == dicom_seg.render(case.report, case.study, None)
    later = replace(case.report, created_at="2031-01-01T00:00:00Z")
    again = dcmread(io.BytesIO(dicom_seg.render(later, case.study, None)))
    assert again.SOPInstanceUID != dcmread(io.BytesIO(first)).SOPInstanceUID
    assert again.ContentDate == "20310101"


def test_patient_and_study_are_those_of_the_images(classic):
    header = dcmread(io.BytesIO(dicom_seg.render(classic.report, classic.study, None)))
    assert header.PatientName == "Müller^Änne"
    assert header.StudyInstanceUID == classic.study.study_uid
    assert header.FrameOfReferenceUID == classic.study.series[0].frame_of_reference_uid


def test_no_warning_repeats_the_name_of_a_patient(classic, monkeypatch):
    monkeypatch.setattr(dicom_objects, "_from_header", lambda _: None)  # the nouns speak
    study = replace(classic.study, patient=replace(classic.study.patient, name="ONEWORD"))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert dicom_seg.render(classic.report, study, None)


def test_outlines_of_a_model_say_so(classic):
    proposed = replace(classic.report, landmarks_status="proposed")
    found = dcmread(io.BytesIO(dicom_seg.render(proposed, classic.study, None)))
    assert {one.SegmentAlgorithmType for one in found.SegmentSequence} == {"AUTOMATIC"}


def test_without_outlines_nothing_is_written(classic, tmp_path):
    bare = replace(classic.report, landmarks=())
    assert dicom_seg.render(bare, classic.study, None) is None
    written = reports.write(bare, classic.study, tmp_path, ["json", "seg"], None)
    assert [path.name for path in written] == ["report.json"]
    assert not (tmp_path / "segmentation_qf.dcm").exists()


def test_without_a_fluid_sensitive_series_nothing_is_written():
    whole = example_report.without_fluid_series()
    assert dicom_seg.render(whole, example_report.study(), None) is None


def test_outlines_beyond_the_series_are_left_out(classic):
    mark = muscle(classic, Side.LEFT)
    beyond = replace(mark, points_mm=tuple((x, y, z + 100) for x, y, z in mark.points_mm))
    only = replace(classic.report, landmarks=(beyond,))
    assert dicom_seg.render(only, classic.study, None) is None


def test_nifti_images_have_no_segmentation_object(tmp_path):
    import nibabel as nib

    for name in ("ax_t1", "ax_t2_fs"):
        nib.save(dicom_makers.nifti_image(sr_makers.SCENE), tmp_path / f"{name}.nii.gz")
    study = ifi_mri.load_study(tmp_path)
    config = ifi_mri.Config(anatomy="ax_t1.nii.gz", fluid_sensitive="ax_t2_fs.nii.gz")
    marks = LandmarkSet(sr_makers.both_sides().landmarks)
    report = ifi_mri.analyse(study, marks, config=config)
    with pytest.raises(ReportError, match="its images are not DICOM"):
        dicom_seg.render(report, study, None)


def test_frames_that_cannot_be_read_are_said_so(multi_frame):
    fluid = next(one for one in multi_frame.study.series if one.series_uid.endswith(".2"))
    gone = replace(
        fluid,
        instances=tuple(replace(one, path=one.path.with_name("gone")) for one in fluid.instances),
    )
    study = replace(multi_frame.study, series=(multi_frame.study.series[0], gone))
    with pytest.raises(ReportError, match=r"gone: the frames .* leave the format seg out"):
        dicom_seg.render(multi_frame.report, study, None)
