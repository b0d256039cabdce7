"""Structured reports in: lines and points of viewers, and our own, as landmarks in mm."""

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sr_makers
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

import ifi_mri
from ifi_mri import landmarks as landmark_files
from ifi_mri.cli import main
from ifi_mri.errors import (
    ConfigError,
    IfiMriError,
    LandmarkError,
    LandmarkFormatError,
    LandmarkMismatchError,
)
from ifi_mri.landmarks import dicom_sr as reader
from ifi_mri.reports import dicom_sr as writer
from ifi_mri.vocabulary import LandmarkName, ObservationName, Side

SOP_CLASSES = {
    "enhanced": "1.2.840.10008.5.1.4.1.1.88.22",
    "comprehensive": "1.2.840.10008.5.1.4.1.1.88.33",
}


@pytest.fixture(scope="module")
def classic(tmp_path_factory):
    return sr_makers.case(tmp_path_factory.mktemp("classic"))


@pytest.fixture(scope="module")
def multi_frame(tmp_path_factory):
    return sr_makers.case(tmp_path_factory.mktemp("multi_frame"), multi_frame=True)


@pytest.fixture(scope="module")
def square(tmp_path_factory):
    scene = sr_makers.SQUARE
    marks = sr_makers.marked(*sr_makers.points(Side.LEFT, scene=scene))
    return sr_makers.case(tmp_path_factory.mktemp("square"), marks, scene=scene)


@pytest.fixture(params=["classic", "multi_frame"])
def case(request):
    return request.getfixturevalue(request.param)


# --- reports as a viewer writes them, built without any of our code ------------------------------


def coded(value, scheme, meaning=""):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def item(kind, name=None, **attributes):
    made = Dataset()
    made.ValueType = kind
    if name:
        made.ConceptNameCodeSequence = [coded(*name)]
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


LENGTH = ("410668003", "SCT", "Length")


def line(case, k, ends, stated_mm, *, name=LENGTH, unit="mm", frame=None, image=None, series=1):
    """A length in image coordinates (column, row), its items without concept names."""
    source = Dataset()
    of_grid = [one for one in case.study.series if one.number == series][0]  # noqa: RUF015
    instance = of_grid.instances[k]
    source.ReferencedSOPClassUID = instance.sop_class_uid
    source.ReferencedSOPInstanceUID = image or instance.sop_instance_uid
    number = frame if frame is not None else (instance.frame or 0) + 1
    if frame is not None or instance.frame is not None:
        source.ReferencedFrameNumber = number
    picture = item("IMAGE", ReferencedSOPSequence=[source])
    shape = item(
        "SCOORD",
        GraphicType="POLYLINE" if len(ends) > 1 else "POINT",
        GraphicData=[value for end in ends for value in end],
        ContentSequence=[picture],
    )
    measured = Dataset()
    measured.NumericValue = f"{stated_mm:.10g}"
    measured.MeasurementUnitsCodeSequence = [coded(unit, "UCUM")]
    return item("NUM", name, MeasuredValueSequence=[measured], ContentSequence=[shape])


def group(*content, label=None, tool="Cornerstone3DTools@^0.1.0:Length"):
    items = [item("TEXT", ("112039", "DCM"), TextValue=tool), *content]
    if label is not None:
        items.append(item("TEXT", ("121106", "DCM"), TextValue=label))
    return item("CONTAINER", ("125007", "DCM", "Measurement Group"), ContentSequence=items)


def report(case, *groups, syntax=ImplicitVRLittleEndian, kind="enhanced", **attributes) -> bytes:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = SOP_CLASSES[kind], "1.2.3"
    ds.Modality = "SR"
    ds.StudyInstanceUID = case.study.study_uid
    ds.ValueType = "CONTAINER"
    ds.ConceptNameCodeSequence = [coded("126000", "DCM", "Imaging Measurement Report")]
    person = item("PNAME", ("121008", "DCM"), PersonName="unknown^unknown")
    measurements = item("CONTAINER", ("126010", "DCM"), ContentSequence=list(groups))
    ds.ContentSequence = [person, measurements]
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    file = io.BytesIO()
    meta = Dataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, "1.2.3"
    meta.TransferSyntaxUID = syntax
    ds.file_meta = FileMetaDataset(meta)
    dcmwrite(file, ds, enforce_file_format=True)
    return file.getvalue()


def drawn(side, first=1):
    """Image coordinates of the ends of a space (1: IFS, 3: QFS), and its true length."""
    k, *places = (sr_makers.ENDS[side][0], *sr_makers.ENDS[side])
    ends = [(column + 0.5, row + 0.5) for column, row in places[first : first + 2]]
    points = [sr_makers.in_patient(k, *place) for place in places[first : first + 2]]
    return k, ends, float(np.linalg.norm(np.subtract(*points))), points


def read(content, tmp_path, name="report.dcm"):
    path = tmp_path / name
    path.write_bytes(content)
    return landmark_files.read(path)


def placed(content, case, tmp_path):
    return landmark_files.on_images(read(content, tmp_path), case.study)


def assert_is_line(landmarks, side, points, names=sr_makers.NAMES[:2]):
    found = {mark.name: mark for mark in landmarks.on(side)}
    assert set(found) == set(names)
    for name, point in zip(names, points, strict=True):
        np.testing.assert_allclose(found[name].points_mm[0], point, atol=1e-3)


# --- viewers' lines and points ------------------------------------------------------------------


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_a_viewers_line_lies_where_it_was_drawn(case, side, syntax, tmp_path):
    k, ends, length, points = drawn(side)
    content = report(
        case, group(line(case, k, ends, length), label=f"IFS-{side.letter}"), syntax=syntax
    )
    found = placed(content, case, tmp_path)
    assert_is_line(found, side, points)
    assert found.image_marks == ()
    assert found.reader is None
    assert {mark.sop_instance_uid for mark in found.landmarks} == {
        case.study.series[0].instances[k].sop_instance_uid
    }


def test_the_ends_may_come_in_either_order(classic, tmp_path):
    k, ends, length, points = drawn(Side.RIGHT)
    content = report(classic, group(line(classic, k, ends[::-1], length), label="IFS-R"))
    assert_is_line(placed(content, classic, tmp_path), Side.RIGHT, points)


def test_two_lines_of_one_space_on_one_image_are_refused_by_name(case, tmp_path):
    k, ends, length, points = drawn(Side.LEFT)
    longer = [ends[0], tuple(np.add(ends[1], (1.5, 0.0)))]
    places = [sr_makers.in_patient(k, *np.subtract(end, 0.5)) for end in longer]
    other = line(case, k, longer, float(np.linalg.norm(np.subtract(*places))))
    one = line(case, k, ends, length)

    with pytest.raises(LandmarkMismatchError) as refused:
        placed(report(case, group(one, label="IFS-L"), group(other, label="ifs l")), case, tmp_path)
    assert "group 1 and report.dcm, group 2: both draw" in str(refused.value)
    assert "one line of a space was expected" in str(refused.value)

    same = line(case, k, ends[::-1], length)
    twice = report(case, group(one, label="IFS-L"), group(same, label="IFS-L"))
    assert_is_line(placed(twice, case, tmp_path), Side.LEFT, points)


def test_lines_of_one_space_on_two_images_are_both_read(case, tmp_path):
    k, ends, length, _ = drawn(Side.LEFT)
    groups = [group(line(case, at, ends, length), label="IFS-L") for at in (k, k - 1)]

    assert len(placed(report(case, *groups), case, tmp_path).landmarks) == 4


def probe(case, k, end, label, tool="Cornerstone3DTools@^0.1.0:Probe"):
    center = ("111010", "DCM", "Center")
    return group(line(case, k, [end], 0, name=center, unit="1"), label=label, tool=tool)


def test_two_probes_are_two_points(square, tmp_path):
    k, ends, _, _ = drawn(Side.LEFT)
    points = [mark.points_mm[0] for mark in sr_makers.points(Side.LEFT, scene=sr_makers.SQUARE)]
    probes = [
        probe(square, k, end, label) for end, label in zip(ends, ("IT-L", "LT-L"), strict=True)
    ]
    assert_is_line(placed(report(square, *probes), square, tmp_path), Side.LEFT, points[:2])


def test_cornerstones_points_on_pixels_that_are_not_square_need_a_length_that_vouches(
    classic, tmp_path
):
    k, ends, length, points = drawn(Side.LEFT)
    alone = report(classic, probe(classic, k, ends[0], "IT-L"))
    with pytest.raises(LandmarkMismatchError, match=r"IT-L was drawn with Cornerstone3DTools@"):
        placed(alone, classic, tmp_path)
    of_another = report(classic, probe(classic, k, ends[0], "IT-L", tool="Another:Probe"))
    found = placed(of_another, classic, tmp_path)
    assert_is_line(found, Side.LEFT, points[:1], sr_makers.NAMES[:1])
    vouched = report(
        classic,
        probe(classic, k, ends[0], "IT-L"),
        group(line(classic, k, ends, length), label="IFS-L"),
    )
    assert_is_line(placed(vouched, classic, tmp_path), Side.LEFT, points)


def test_a_length_that_says_nothing_about_the_spacings_vouches_for_nothing(classic, tmp_path):
    k = sr_makers.ENDS[Side.LEFT][0]
    ends = [(238.5, 150.5), (252.5, 164.5)]  # a diagonal: as long whichever spacing is which
    length = float(np.linalg.norm(14 * np.array([0.7, 0.9])))
    content = report(classic, group(line(classic, k, ends, length), label="IFS-L"))
    with pytest.raises(LandmarkMismatchError, match="no length in the file tells"):
        placed(content, classic, tmp_path)


def test_a_closed_freehand_line_is_an_outline(square, tmp_path):
    ring = [(230.0, 180.0), (250.0, 181.0), (249.0, 199.0), (231.0, 200.0), (230.0, 180.0)]
    content = report(
        square, group(line(square, 4, ring, 380.0, name=("42798000", "SCT")), label="QF left")
    )
    (mark,) = placed(content, square, tmp_path).landmarks
    assert (mark.name, mark.side, mark.closed) == (
        LandmarkName.QUADRATUS_FEMORIS,
        Side.LEFT,
        True,
    )
    assert len(mark.points_mm) == 4


def free_text(name, text):
    value = coded("CORNERSTONEFREETEXT", "CORNERSTONEJS", text)
    return item("CODE", name, ConceptCodeSequence=[value])


@pytest.mark.filterwarnings("ignore:The value length")  # Cornerstone's own code is too long
@pytest.mark.parametrize(
    "name",
    [("121071", "DCM"), ("363698007", "SCT"), ("G-C0E3", "SRT")],
    ids=["finding", "site", "retired site"],
)
def test_labels_of_older_files_stand_in_finding_or_site(classic, name, tmp_path):
    k, ends, length, points = drawn(Side.LEFT)
    content = report(
        classic,
        group(
            free_text(name, "ifs left"),
            line(classic, k, ends, length),
            tool="cornerstoneTools@^4.0.0:Length",
        ),
        kind="comprehensive",
    )
    assert_is_line(placed(content, classic, tmp_path), Side.LEFT, points)


@pytest.mark.parametrize(
    "name",
    [("G-D7FE", "SRT"), ("121206", "DCM"), ("121227", "DCM"), ("410668003", "SCT")],
    ids=str,
)
def test_lengths_are_known_under_every_code(classic, name, tmp_path):
    k, ends, length, _ = drawn(Side.LEFT)
    content = report(classic, group(line(classic, k, ends, length + 0.2, name=name), label="IFS-L"))
    with pytest.raises(LandmarkMismatchError, match="mm long on this study's images"):
        placed(content, classic, tmp_path)


def test_a_line_moved_in_a_viewer_keeps_our_comment_and_is_still_known(classic, tmp_path):
    k, ends, length, points = drawn(Side.LEFT)
    content = report(
        classic, group(line(classic, k, ends, length), label="IFS left 12.3 mm (narrowed)")
    )
    assert_is_line(placed(content, classic, tmp_path), Side.LEFT, points)


def test_coordinates_in_space_need_no_image(classic, tmp_path):
    _, _, length, points = drawn(Side.LEFT)
    measured = Dataset()
    measured.NumericValue = f"{length:.10g}"
    measured.MeasurementUnitsCodeSequence = [coded("mm", "UCUM")]
    shape = item("SCOORD3D", GraphicType="POLYLINE", GraphicData=[*points[0], *points[1]])
    shape.ReferencedFrameOfReferenceUID = "1.2.3.4"
    number = item("NUM", LENGTH, MeasuredValueSequence=[measured], ContentSequence=[shape])
    found = read(report(classic, group(number, label="IFS-L")), tmp_path)
    assert_is_line(found, Side.LEFT, points)
    assert found.image_marks == ()
    assert found.frame_of_reference_uid == "1.2.3.4"
    measured.NumericValue = f"{length + 1:.10g}"
    with pytest.raises(LandmarkMismatchError, match="the file states"):
        read(report(classic, group(number, label="IFS-L")), tmp_path)


# --- our own ------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", writer.PROFILES)
def test_our_own_report_reads_back_as_what_was_marked(case, profile, tmp_path):
    content = writer.render(case.report, case.study, None, profile=profile)
    found = placed(content, case, tmp_path)
    marked = {
        (mark.name, mark.side): mark.points_mm[0]
        for mark in case.landmarks.landmarks
        if mark.name in sr_makers.NAMES
    }
    assert len(found.landmarks) == len(marked) == 8
    for mark in found.landmarks:
        np.testing.assert_allclose(mark.points_mm[0], marked[mark.name, mark.side], atol=1e-4)
    assert (found.reader, found.read) == ("R1", 2)
    frame = None if profile == "strict" else case.study.series[0].frame_of_reference_uid
    assert found.frame_of_reference_uid == frame
    assert found.study_uid == case.study.study_uid


@pytest.mark.parametrize("profile", writer.PROFILES)
def test_measuring_our_own_report_gives_the_same_numbers(case, profile, tmp_path):
    content = writer.render(case.report, case.study, None, profile=profile)
    again = ifi_mri.analyse(case.study, read(content, tmp_path))
    for measurement in case.report.measurements:
        if measurement.name.endswith("_space") and measurement.side:
            repeated = again.measured(measurement.name, measurement.side)
            assert repeated.value == pytest.approx(measurement.value, abs=1e-4)


def test_a_space_to_the_trochanter_does_not_become_one_to_the_tendon(tmp_path):
    marks = sr_makers.marked(*sr_makers.points(Side.LEFT, to_trochanter=True))
    case = sr_makers.case(tmp_path / "study", marks)
    found = placed(writer.render(case.report, case.study, None), case, tmp_path)
    assert {mark.name for mark in found.landmarks} == set(sr_makers.NAMES[:3])


@pytest.mark.parametrize("profile", writer.PROFILES)
def test_the_outline_of_a_side_without_any_length_reads_back(profile, tmp_path):
    marks = sr_makers.marked(*sr_makers.outlines(Side.LEFT))
    case = sr_makers.case(tmp_path / "study", marks)
    content = writer.render(case.report, case.study, None, profile=profile)
    (found,) = placed(content, case, tmp_path).landmarks
    assert (found.name, found.side) == (LandmarkName.QUADRATUS_FEMORIS, Side.LEFT)
    assert found.closed
    np.testing.assert_allclose(found.points_mm, marks.landmarks[0].points_mm, atol=1e-3)


def test_the_readers_own_grade_reads_back(classic, tmp_path):
    findings = tuple(replace(one, reader_grade=2) for one in classic.report.findings)
    content = writer.render(replace(classic.report, findings=findings), classic.study, None)
    found = read(content, tmp_path)
    for side in Side:
        assert found.observed(ObservationName.QUADRATUS_FEMORIS_OEDEMA_GRADE, side) == 2


def test_a_report_that_says_why_nothing_was_measured_is_read(tmp_path):
    marks = sr_makers.marked(*sr_makers.points(Side.LEFT)[:2])
    case = sr_makers.case(tmp_path / "study", marks)
    content = writer.render(case.report, case.study, None, profile="strict")
    assert len(placed(content, case, tmp_path).landmarks) == 2


def test_contradicting_labels_are_refused(classic, tmp_path):
    content = writer.render(classic.report, classic.study, None)
    mirrored = content.replace(b"IFS left 14.0 mm", b"IFS right 14.0mm")
    assert mirrored != content
    with pytest.raises(LandmarkFormatError, match="contradict one another: IFS-R and IFS-L"):
        read(mirrored, tmp_path)


# --- lengths that give a mistake away -----------------------------------------------------------


@pytest.mark.parametrize(
    ("spacing", "words"),
    [
        ((0.7, 0.9), "took one for the other"),
        ((0.7, 0.7), "used the spacing of rows for both"),
        ((0.9, 0.9), "used the spacing of columns for both"),
    ],
)
def test_a_viewer_that_confused_the_spacings_gives_itself_away(classic, spacing, words, tmp_path):
    k, ends, length, _ = drawn(Side.RIGHT)
    steps = np.subtract(ends[1], ends[0]) * spacing  # columns, rows
    wrong = float(np.linalg.norm(steps))
    assert abs(wrong - length) > 0.1
    content = report(classic, group(line(classic, k, ends, wrong), label="IFS-R"))
    with pytest.raises(LandmarkMismatchError, match=f"pixels are not square .* viewer {words}"):
        placed(content, classic, tmp_path)


@pytest.mark.parametrize(("off_mm", "refused"), [(0.09, False), (-0.09, False), (0.11, True)])
def test_lengths_may_differ_by_a_tenth_of_a_millimetre(classic, off_mm, refused, tmp_path):
    k, ends, length, points = drawn(Side.LEFT)
    content = report(classic, group(line(classic, k, ends, length + off_mm), label="IFS-L"))
    if refused:
        with pytest.raises(LandmarkMismatchError, match=r"at most 0.1 mm apart was expected"):
            placed(content, classic, tmp_path)
    else:
        assert_is_line(placed(content, classic, tmp_path), Side.LEFT, points)


def test_lengths_in_pixels_are_refused(classic, tmp_path):
    k, ends, _, _ = drawn(Side.LEFT)
    content = report(classic, group(line(classic, k, ends, 20, unit="{pixels}"), label="IFS-L"))
    with pytest.raises(LandmarkFormatError, match=r"its length is in '.pixels.', mm was"):
        read(content, tmp_path)


def test_lengths_in_centimetres_are_understood(classic, tmp_path):
    k, ends, length, points = drawn(Side.LEFT)
    content = report(classic, group(line(classic, k, ends, length / 10, unit="cm"), label="IFS-L"))
    assert_is_line(placed(content, classic, tmp_path), Side.LEFT, points)


# --- images -------------------------------------------------------------------------------------


def test_another_frame_is_another_place(multi_frame, tmp_path):
    k, ends, length, points = drawn(Side.LEFT)
    other = multi_frame.study.series[0].instances[k + 1].frame + 1
    content = report(
        multi_frame, group(line(multi_frame, k, ends, length, frame=other), label="IFS-L")
    )
    found = placed(content, multi_frame, tmp_path)
    moved = np.subtract(found.landmarks[0].points_mm[0], points[0])
    assert np.linalg.norm(moved) == pytest.approx(5.0, abs=1e-3)


@pytest.mark.parametrize(("frame", "said"), [(8, "names frame 8"), (0, "refers to frames")])
def test_a_frame_that_is_not_there_is_refused(multi_frame, frame, said, tmp_path):
    k, ends, length, _ = drawn(Side.LEFT)
    content = report(
        multi_frame, group(line(multi_frame, k, ends, length, frame=frame), label="IFS-L")
    )
    with pytest.raises(LandmarkError, match=said):
        placed(content, multi_frame, tmp_path)


def test_a_multi_frame_image_without_a_frame_is_refused(multi_frame, tmp_path):
    k, ends, length, _ = drawn(Side.LEFT)
    number = line(multi_frame, k, ends, length)
    del number.ContentSequence[0].ContentSequence[0].ReferencedSOPSequence[0].ReferencedFrameNumber
    content = report(multi_frame, group(number, label="IFS-L"))
    with pytest.raises(LandmarkMismatchError, match=r"names no frame of image .* 7 usable frames"):
        placed(content, multi_frame, tmp_path)


def test_an_image_of_another_study_is_refused(classic, tmp_path):
    k, ends, length, _ = drawn(Side.LEFT)
    content = report(classic, group(line(classic, k, ends, length, image="1.2.3.4"), label="IFS-L"))
    with pytest.raises(LandmarkMismatchError, match=r"image 1\.2\.3\.4, which is not among"):
        placed(content, classic, tmp_path)


def test_another_study_is_refused(classic, tmp_path):
    k, ends, length, _ = drawn(Side.LEFT)
    content = report(
        classic, group(line(classic, k, ends, length), label="IFS-L"), StudyInstanceUID="1.2.9"
    )
    with pytest.raises(LandmarkMismatchError, match=r"drawn on study 1\.2\.9"):
        placed(content, classic, tmp_path)


def test_a_line_outside_its_image_is_refused(classic, tmp_path):
    k, _, _, _ = drawn(Side.LEFT)
    content = report(
        classic, group(line(classic, k, [(100.0, 100.0), (100.0, 301.0)], 140.7), label="IFS-L")
    )
    with pytest.raises(LandmarkMismatchError, match=r"row 301, but images .* 320 columns and 300"):
        placed(content, classic, tmp_path)


def test_the_wrong_side_is_refused_when_measured(classic, tmp_path):
    k, ends, length, _ = drawn(Side.LEFT)
    _, right, other, _ = drawn(Side.RIGHT)
    content = report(
        classic,
        group(line(classic, k, ends, length), label="IFS-R"),
        group(line(classic, 2, right, other), label="IFS-L"),
    )
    with pytest.raises(LandmarkError):
        ifi_mri.analyse(classic.study, read(content, tmp_path))


# --- what is not a report of lines --------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (None, "no known label, found 'Length'"),
        ("gap", "no known label, found 'gap', 'Length'"),
        ("IFS", "the label IFS names no side"),
        ("IT-L", "the line is called IT-L"),
    ],
)
def test_labels_that_say_too_little_are_refused(classic, label, said, tmp_path):
    k, ends, length, _ = drawn(Side.LEFT)
    content = report(classic, group(line(classic, k, ends, length), label=label))
    with pytest.raises(LandmarkFormatError, match=said):
        placed(content, classic, tmp_path)


def test_shapes_that_are_no_line_are_refused(classic, tmp_path):
    k, ends, length, _ = drawn(Side.LEFT)
    number = line(classic, k, ends, length)
    number.ContentSequence[0].GraphicType = "ELLIPSE"
    with pytest.raises(LandmarkFormatError, match="is drawn as 'ELLIPSE' with 2 points"):
        read(report(classic, group(number, label="IFS-L")), tmp_path)


def test_coordinates_without_an_image_are_refused(classic, tmp_path):
    k, ends, length, _ = drawn(Side.LEFT)
    number = line(classic, k, ends, length)
    del number.ContentSequence[0].ContentSequence
    with pytest.raises(LandmarkFormatError, match="name no image"):
        read(report(classic, group(number, label="IFS-L")), tmp_path)


def test_a_group_without_anything_drawn_is_refused(classic, tmp_path):
    with pytest.raises(LandmarkFormatError, match="IFS-L has no coordinates"):
        read(report(classic, group(label="IFS-L")), tmp_path)


def test_a_length_without_a_value_is_refused(classic, tmp_path):
    k, ends, length, _ = drawn(Side.LEFT)
    number = line(classic, k, ends, length)
    number.MeasuredValueSequence = []
    with pytest.raises(LandmarkFormatError, match="its length has no value"):
        read(report(classic, group(number, label="IFS-L")), tmp_path)


def test_a_report_without_groups_is_refused(classic, tmp_path):
    with pytest.raises(LandmarkFormatError, match="without measurement groups"):
        read(report(classic), tmp_path)


def test_an_endlessly_nested_report_is_refused(classic, tmp_path):
    inner = item("CONTAINER", ("1", "99X"))
    for _ in range(40):
        inner = item("CONTAINER", ("1", "99X"), ContentSequence=[inner])
    with pytest.raises(LandmarkFormatError, match="nested more than 16 deep"):
        read(report(classic, inner), tmp_path)


def test_an_image_is_no_landmark_file(classic):
    with pytest.raises(LandmarkFormatError, match="neither a structured report nor a segmentation"):
        landmark_files.read(classic.images[0])


@settings(max_examples=40)
@given(data=st.data())
def test_no_broken_report_raises_anything_but_ours(classic, data):
    whole = _own(classic)
    n_changed = data.draw(st.integers(0, 6))
    broken = bytearray(whole)
    for _ in range(n_changed):
        place = data.draw(st.integers(132, len(whole) - 1))
        broken[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(132, len(whole)))
    with contextlib.suppress(IfiMriError):
        for one in reader.read(bytes(broken[:cut]), Path("broken.dcm")):
            landmark_files.on_images(one, classic.study)


_OWN = {}


def _own(case):
    return _OWN.setdefault("own", writer.render(case.report, case.study, None, profile="strict"))


# --- commands -----------------------------------------------------------------------------------


def test_check_and_convert_place_the_lines_by_the_study(classic, tmp_path, capsys):
    path = tmp_path / "report.dcm"
    path.write_bytes(_own(classic))
    assert main(["landmarks", "check", str(path), str(classic.folder)]) == 0
    assert "right: ischial_tuberosity once" in capsys.readouterr().out
    target = tmp_path / "landmarks.json"
    assert main(["landmarks", "convert", str(path), str(target)]) == 1
    assert "Name the study with --study." in capsys.readouterr().err
    assert (
        main(["landmarks", "convert", str(path), str(target), "--study", str(classic.folder)]) == 0
    )
    assert len(landmark_files.read(target).landmarks) == 8


def test_run_writes_signs_and_corrects_a_structured_report(classic, tmp_path):
    points = tmp_path / "points.json"
    landmark_files.write(classic.landmarks, points)
    base = ["--quiet", "run", str(classic.folder), "--landmarks", str(points), "--fluid", "2"]
    assert main([*base, "--formats", "sr,seg", "--out", str(tmp_path / "a")]) == 0
    first = tmp_path / "a" / "report_sr.dcm"
    assert (tmp_path / "a" / "segmentation_qf.dcm").is_file()
    signed = [
        "--sr-signed-by",
        "Doe",
        "Clinic",
        "--sr-corrects",
        str(first),
        "--sr-profile",
        "strict",
    ]
    assert main([*base, "--formats", "sr", *signed, "--out", str(tmp_path / "b")]) == 0
    header = dcmread(tmp_path / "b" / "report_sr.dcm")
    assert header.PreliminaryFlag == "FINAL"
    assert len(header.PredecessorDocumentsSequence) == 1


# --- files of other software --------------------------------------------------------------------


def test_ohifs_file_lies_where_it_says(shared):
    folder = shared / "conformance" / "sr"
    truth = json.loads((folder / "truth.json").read_text())
    study = ifi_mri.load_study(folder)
    found = landmark_files.read(folder / "ohif_made.dcm")
    assert [mark.label for mark in found.image_marks] == ["IFS-L", "LT-L"]
    assert found.image_marks[0].stated_mm == pytest.approx(truth["L"], abs=1e-9)
    image = truth["im"]["SOPInstanceUID"]  # the sample names a copy of this image
    marks = tuple(replace(mark, sop_instance_uid=image) for mark in found.image_marks)
    there = landmark_files.on_images(replace(found, study_uid=None, image_marks=marks), study)
    ends = sorted({tuple(np.round(mark.points_mm[0], 3)) for mark in there.landmarks})
    np.testing.assert_allclose(ends, sorted([truth["W1"], truth["W2"]]), atol=2e-3)


@pytest.mark.parametrize("name", ["A13_props.dcm", "A11_full.dcm"])
def test_the_samples_lie_where_the_truth_says(name, shared):
    folder = shared / "conformance" / "sr"
    truth = json.loads((folder / "truth.json").read_text())
    study = ifi_mri.load_study(folder)
    found = landmark_files.read(folder / name)
    line_mark = replace(found, image_marks=found.image_marks[:1])
    marks = {m.name: m for m in landmark_files.on_images(line_mark, study).landmarks}
    ends = sorted(tuple(mark.points_mm[0]) for mark in marks.values())
    np.testing.assert_allclose(ends, sorted([truth["W1"], truth["W2"]]), atol=1e-3)


@pytest.mark.parametrize(
    "name",
    [
        "A4_plus_group_without_coords.dcm",
        "A7_scoord3d.dcm",
        "B_tid1410.dcm",
        "dcmjs_invalid_missing_measured_value.dcm",
        "sr_document.dcm",
        "sr_document_with_multiple_groups.dcm",
        "im0.dcm",
    ],
)
def test_samples_without_our_labels_get_one_clear_sentence(name, shared):
    with pytest.raises(LandmarkFormatError) as caught:
        landmark_files.read(shared / "conformance" / "sr" / name)
    assert str(caught.value).startswith(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_coordinate_that_is_no_number_is_refused(square, place, tmp_path):
    points = [[40.0, 30.0], [60.0, 50.0]]
    points[place // 2][place % 2] = float("nan")
    content = report(square, group(line(square, 2, points, 10.0), label="IFS-L"))
    with pytest.raises(LandmarkFormatError, match="a coordinate is not a finite number"):
        read(content, tmp_path)


def test_coordinates_in_space_without_a_frame_of_reference_are_refused(classic, tmp_path):
    shape = item("SCOORD3D", GraphicType="POINT", GraphicData=[1.0, 2.0, 3.0])
    content = report(classic, group(shape, label="IT-L"))
    with pytest.raises(LandmarkFormatError, match="name no frame of reference"):
        read(content, tmp_path)


@pytest.mark.parametrize(("name", "organisation"), [("", "Clinic"), ("Doe^Jane", " "), ("^=", "C")])
def test_nobody_signs_no_report(name, organisation):
    with pytest.raises(ConfigError, match=r"signature of the DICOM SR: its .* is blank"):
        writer.Signature(name, organisation)
