"""Label maps come through the same door as all landmarks: files in, numbers out, sentences on
what cannot be."""

import gzip
import json
import re
import struct
import zlib
from dataclasses import replace
from functools import cache
from pathlib import Path

import label_makers as make
import nibabel as nib
import numpy as np
import pytest
from pydicom import dcmread

import ifi_mri
from ifi_mri import geometry, pipeline
from ifi_mri import landmarks as landmark_files
from ifi_mri.cli import main
from ifi_mri.errors import ConfigError, LandmarkError, LandmarkFormatError, LandmarkMismatchError
from ifi_mri.landmarks import label_masks
from ifi_mri.landmarks.label_tables import find
from ifi_mri.landmarks.with_label_maps import LandmarksWithLabelMaps
from ifi_mri.model import Landmark, LandmarkSet
from ifi_mri.vocabulary import LandmarkName, MeasurementName, Side

CASE = Path(__file__).parents[1] / "sample_data" / "narrowed_with_oedema"
NATIVE = find("native")
IT, LT = LandmarkName.ISCHIAL_TUBEROSITY, LandmarkName.LESSER_TROCHANTER
IFS, QFS = MeasurementName.ISCHIOFEMORAL_SPACE, MeasurementName.QUADRATUS_FEMORIS_SPACE
LEFT, RIGHT = Side


@cache
def study():
    return ifi_mri.load_study(CASE / "study")


@cache
def anatomy():
    config = ifi_mri.Config()
    return pipeline.choose_series(study(), None, config)[0].series


@cache
def drawn():
    """Return the outlines of the sample, the open ones closed through the bone they lie on."""
    marks = ifi_mri.read_landmarks(CASE / "landmarks").landmarks
    return tuple(mark if mark.closed else thickened(mark) for mark in marks)


def thickened(mark, by_mm=9.0):
    """Return an open cortex line closed on its inner side, away from the other bone."""
    points = np.array(mark.points_mm)
    lateral = mark.side.sign * (1 if mark.name is LT else -1)
    inner = np.add(points[::-1], (lateral * by_mm, 0, 0))
    return replace(mark, points_mm=tuple(map(tuple, np.vstack([points, inner]))), closed=True)


@cache
def labels():
    """Return the sample's outlines as labels on the voxels of the anatomy series."""
    grid = anatomy().grid
    values = {(label.structure, label.side): label.value for label in NATIVE.labels}
    voxels = np.zeros(grid.shape, dtype=np.int16)
    for mark in drawn():
        level = round(float(geometry.slice_coordinate(grid.affine, mark.points_mm).mean()))
        inside = geometry.pixels_inside(mark.points_mm, grid.affine, grid.shape)
        voxels[level][inside & (voxels[level] == 0)] = values[(mark.name, mark.side)]
    voxels.flags.writeable = False
    return voxels


def seg(path, voxels, affine, **changes):
    found = [int(value) for value in np.unique(voxels) if value]
    uids = {
        "StudyInstanceUID": study().study_uid,
        "FrameOfReferenceUID": anatomy().frame_of_reference_uid,
    }
    names = [NATIVE.of_value(value).names[0] for value in found]
    return make.dicom_seg(
        path, [voxels == value for value in found], affine, names=names, changes=uids | changes
    )


WRITERS = {
    "nifti": lambda f, v, a: make.nifti(f / "m.nii.gz", v, a),
    "metaimage": lambda f, v, a: make.metaimage(f / "m.mhd", v, a, compressed=True),
    "nrrd": lambda f, v, a: make.nrrd(f / "m.nrrd", [v], a, encoding="gzip"),
    "seg": lambda f, v, a: seg(f / "m.dcm", v, a),
}


def value(report, name, side):
    return report.measured(name, side).value


def codes(report):
    return {caution.code for caution in report.cautions}


@cache
def truth():
    report = ifi_mri.analyse(study(), LandmarkSet(drawn(), study_uid=study().study_uid))
    return {(name, side): value(report, name, side) for name in (IFS, QFS) for side in Side}


# --- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_numbers_of_the_outlines_it_was_made_from(name, tmp_path):
    path = WRITERS[name](tmp_path, labels(), anatomy().grid.affine)

    landmarks = ifi_mri.read_landmarks(path, label_table="native")
    report = ifi_mri.analyse(study(), landmarks)

    for (measurement, side), expected in truth().items():
        assert value(report, measurement, side) == pytest.approx(expected, abs=0.3)
    area = report.measured(MeasurementName.QUADRATUS_FEMORIS_AREA_MM2, LEFT)
    volume = report.measured(MeasurementName.QUADRATUS_FEMORIS_VOLUME_ML, LEFT)
    assert area.value == pytest.approx(521, abs=8)
    assert volume.value == pytest.approx(23.4, abs=0.4)
    assert report.measured(MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO, LEFT) is not None
    assert codes(report) <= {"frame_not_stated"}
    assert "label_map_own_grid" not in codes(report)


def test_every_mark_of_a_label_map_names_its_slice(tmp_path):
    path = WRITERS["nifti"](tmp_path, labels(), anatomy().grid.affine)

    report = ifi_mri.analyse(study(), ifi_mri.read_landmarks(path, label_table="native"))

    slices = {instance.sop_instance_uid for instance in anatomy().instances}
    assert {mark.sop_instance_uid for mark in report.landmarks} <= slices
    assert report.landmarks


def test_a_map_of_finer_voxels_gives_the_same_numbers_with_a_caution(tmp_path):
    """Half the pixel size and the slices turned over: another grid in the same frame."""
    voxels = np.repeat(np.repeat(labels(), 2, axis=1), 2, axis=2)[::-1]
    affine = np.array(anatomy().grid.affine)
    affine[:3, 3] -= 0.25 * (affine[:3, 1] + affine[:3, 2])
    affine[:3, 1:3] /= 2
    affine[:3, 3] += (len(voxels) - 1) * affine[:3, 0]
    affine[:3, 0] *= -1
    path = make.nifti(tmp_path / "m.nii.gz", voxels, affine)

    report = ifi_mri.analyse(study(), ifi_mri.read_landmarks(path, label_table="native"))

    for (measurement, side), expected in truth().items():
        assert value(report, measurement, side) == pytest.approx(expected, abs=0.35)
    (caution,) = [one for one in report.cautions if one.code == "label_map_own_grid"]
    assert "voxels of its own" in caution.text


def test_a_box_of_the_images_voxels_is_no_grid_of_its_own(tmp_path):
    affine = np.array(anatomy().grid.affine)
    affine[:3, 3] += 2 * affine[:3, 0] + 7 * affine[:3, 1]
    path = make.nifti(tmp_path / "m.nii.gz", labels()[2:, 7:], affine)

    report = ifi_mri.analyse(study(), ifi_mri.read_landmarks(path, label_table="native"))

    assert "label_map_own_grid" not in codes(report)
    assert value(report, IFS, LEFT) == pytest.approx(truth()[IFS, LEFT], abs=0.3)


def test_a_box_of_voxels_between_the_images_says_how_far_it_is_off(tmp_path):
    affine = np.array(anatomy().grid.affine)
    affine[:3, 3] += 0.5 * affine[:3, 2]
    path = make.nifti(tmp_path / "m.nii.gz", labels()[:, 7:], affine)

    landmarks = ifi_mri.read_landmarks(path, label_table="native")
    found = landmark_files.placed_on(landmarks, anatomy())

    (caution,) = [one for one in found.cautions if one.code == "label_map_own_grid"]
    assert re.search(r"it lies 0\.\d\d mm towards the", caution.text)


def test_a_map_with_the_images_voxels_elsewhere_is_refused_with_axis_and_mm(tmp_path):
    affine = np.array(anatomy().grid.affine)
    affine[:3, 3] += (0, 3.0, 0)
    path = make.nifti(tmp_path / "m.nii.gz", labels(), affine)

    with pytest.raises(LandmarkMismatchError, match=r"3\.00 mm towards the back \(front-back\)"):
        ifi_mri.analyse(study(), ifi_mri.read_landmarks(path, label_table="native"))


def test_a_segmentation_of_another_frame_of_reference_is_refused(tmp_path):
    path = seg(tmp_path / "m.dcm", labels(), anatomy().grid.affine, FrameOfReferenceUID="1.2.3")

    with pytest.raises(LandmarkMismatchError, match="drawn in frame of reference"):
        ifi_mri.analyse(study(), ifi_mri.read_landmarks(path, label_table="native"))


def test_a_segmentation_of_another_study_is_refused(tmp_path):
    path = seg(tmp_path / "m.dcm", labels(), anatomy().grid.affine, StudyInstanceUID="1.2.3")

    with pytest.raises(LandmarkMismatchError, match=r"study 1\.2\.3"):
        ifi_mri.analyse(study(), ifi_mri.read_landmarks(path, label_table="native"))


def test_swapped_sides_are_refused_as_in_all_landmarks(tmp_path):
    swapped = np.array(labels())
    odd = (swapped > 0) & (swapped % 2 == 1)
    swapped[odd] += 1
    swapped[(labels() > 0) & ~odd] -= 1
    path = make.nifti(tmp_path / "m.nii.gz", swapped, anatomy().grid.affine)

    with pytest.raises(LandmarkMismatchError, match=r"swapped sides|side"):
        ifi_mri.analyse(study(), ifi_mri.read_landmarks(path, label_table="native"))


def test_one_side_named_for_the_other_is_refused_by_the_picture(tmp_path):
    lonely = np.array(labels())
    lonely[~np.isin(lonely, [51, 61])] = 0
    lonely[lonely > 0] += 1  # muscles of the left, labelled right
    path = make.nifti(tmp_path / "m.nii.gz", lonely, anatomy().grid.affine)

    with pytest.raises(LandmarkMismatchError, match="midline"):
        ifi_mri.analyse(study(), ifi_mri.read_landmarks(path, label_table="native"))


def test_structures_beyond_a_smaller_picture_are_cut_off_with_a_caution(tmp_path):
    affine = np.array(anatomy().grid.affine)
    wide = np.pad(labels(), ((0, 0), (0, 0), (40, 40)))
    affine[:3, 3] -= 40 * affine[:3, 2]
    level = int(np.argmax((labels() == 51).sum(axis=(1, 2))))
    wide[wide == 52] = 0
    wide[level, 100:140, 20:60] = 52  # a muscle half outside the picture, on its right
    wide[level, 160:180, 5:15] = 52  # and a piece wholly outside
    path = make.nifti(tmp_path / "m.nii.gz", wide, affine)

    landmarks = ifi_mri.read_landmarks(path, label_table="native")
    found = landmark_files.placed_on(landmarks, anatomy())

    (caution,) = [one for one in found.cautions if one.code == "label_beyond_picture"]
    assert caution.side is RIGHT
    columns = [
        geometry.patient_to_voxel(anatomy().grid.affine, mark.points_mm)[:, 2].min()
        for mark in found.landmarks.landmarks
    ]
    assert min(columns) == pytest.approx(-0.5, abs=1e-6)
    muscles = [
        m for m in found.landmarks.landmarks if m.side is RIGHT and m.name.startswith("quad")
    ]
    assert len(muscles) == 1
    area_mm2 = geometry.outline_area_mm2(muscles[0].points_mm, anatomy().grid.affine)
    assert area_mm2 == pytest.approx(40 * 20 * 0.8**2, rel=0.01)
    landmark_files.check(found.landmarks, study(), anatomy())


def test_a_label_at_the_edge_of_the_picture_stays_inside_it(tmp_path):
    voxels = np.zeros(anatomy().grid.shape, dtype=np.int16)
    voxels[3:6, :30, :30] = 52
    voxels[3:6, -1, 100:140] = 52
    path = make.nifti(tmp_path / "m.nii.gz", voxels, anatomy().grid.affine)

    found = landmark_files.placed_on(ifi_mri.read_landmarks(path, label_table="native"), anatomy())

    assert len(found.landmarks.landmarks) == 6
    landmark_files.check(found.landmarks, study(), anatomy())


# --- together with other landmarks --------------------------------------------------------------


def point(name, side, at):
    return Landmark(name, side, (tuple(float(x) for x in at),))


def test_points_and_maps_make_one_set_and_the_readers_marks_win(tmp_path):
    path = WRITERS["nifti"](tmp_path, labels(), anatomy().grid.affine)
    own = next(mark for mark in drawn() if mark.name is IT and mark.side is LEFT)
    level = own.points_mm[0]
    reader = LandmarkSet(
        (point(IT, LEFT, level),), study_uid=study().study_uid, reader="R1", read=1, status="final"
    )
    landmark_files.write(reader, tmp_path / "points.json")

    landmarks = landmark_files.read_all([tmp_path / "points.json", path], label_table="native")
    placed = landmark_files.placed_on(landmarks, anatomy()).landmarks

    ours = [mark for mark in placed.landmarks if mark.name is IT and mark.side is LEFT]
    assert ours == [point(IT, LEFT, level)]
    assert any(mark.name is IT and mark.side is RIGHT for mark in placed.landmarks)
    assert (placed.reader, placed.read, placed.status) == ("R1", 1, "final")
    assert placed.sources == (tmp_path / "points.json", path)


@pytest.mark.parametrize(
    ("side_pixels", "codes_expected"), [(2, {"label_with_islands"}), (0, set())]
)
def test_an_island_of_a_label_is_told_because_it_narrows_the_space(
    side_pixels, codes_expected, tmp_path
):
    voxels, affine = labels().copy(), anatomy().grid.affine
    left = ifi_mri.analyse(study(), LandmarkSet(drawn(), study_uid=study().study_uid)).measured(
        IFS, LEFT
    )
    middle = geometry.patient_to_voxel(affine, np.mean(left.points_mm, axis=0))
    k, row, column = np.rint(middle).astype(int)
    voxels[k, row : row + side_pixels, column : column + side_pixels] = 21

    report = ifi_mri.analyse(
        study(),
        landmark_files.read(WRITERS["nifti"](tmp_path, voxels, affine), label_table="native"),
    )

    found = [one for one in report.cautions if one.code == "label_with_islands"]
    assert {one.code for one in found} == codes_expected
    assert {one.side for one in found} <= {LEFT}
    assert (value(report, IFS, LEFT) < 6) is bool(found)


def test_the_same_voxels_under_another_table_are_another_report(tmp_path):
    path = WRITERS["nifti"](tmp_path, labels(), anatomy().grid.affine)
    newer = NATIVE.model_copy(update={"version": "2"})

    uids = {
        ifi_mri.analyse(study(), landmark_files.read(path, label_table=table)).report_uid
        for table in (NATIVE, NATIVE, newer)
    }

    assert len(uids) == 2


def test_a_map_that_adds_nothing_leaves_the_status_alone(tmp_path):
    affine = anatomy().grid.affine
    table = tmp_path / "model.toml"
    table.write_text(
        'id = "model"\ntitle = "t"\nversion = "1"\ncitation = "c"\nstatus = "proposed"\n'
        '[[labels]]\nvalue = 11\nstructure = "ischial_tuberosity"\nside = "left"\n'
    )
    path = WRITERS["nifti"](tmp_path, labels(), affine)
    marks = tuple(mark for mark in drawn() if mark.name is IT)
    landmark_files.write(LandmarkSet(marks, status="final"), tmp_path / "own.json")

    both = landmark_files.read_all([tmp_path / "own.json", path], label_table=table)
    alone = landmark_files.read(path, label_table=table)

    assert both.status == "final"
    assert alone.status == "proposed"


def test_landmarks_changed_since_they_were_read_stay_as_they_are(tmp_path):
    path = WRITERS["nifti"](tmp_path, labels(), anatomy().grid.affine)
    read = landmark_files.read(path, label_table="native")
    fewer = replace(read, landmarks=read.landmarks[1:])
    more = replace(read, landmarks=(*read.landmarks, point(LT, LEFT, (60.0, 30.0, -915.0))))

    assert landmark_files.placed_on(fewer, anatomy()).landmarks is fewer
    added = landmark_files.placed_on(more, anatomy()).landmarks
    ours = [mark for mark in added.landmarks if mark.name is LT and mark.side is LEFT]
    assert len(ours) == 1  # a point that was added is the reader's, and goes before the label


def test_a_set_with_label_maps_keeps_them_through_replace(tmp_path):
    path = WRITERS["nifti"](tmp_path, labels(), anatomy().grid.affine)

    read = replace(landmark_files.read(path, label_table="native"), reader="R7")

    assert isinstance(read, LandmarksWithLabelMaps)
    assert landmark_files.placed_on(read, anatomy()).landmarks.reader == "R7"
    assert hash(read) == hash(replace(read))


# --- what the labels mean -----------------------------------------------------------------------


def ellipse_labels(values):
    voxels = np.zeros((6, 40, 90), dtype=np.int16)
    for k, one in enumerate(values):
        voxels[1:5, 8 + 2 * (k % 3) : 30, 4 + 10 * k : 11 + 10 * k] = one
    return voxels


def upright(spacing=(4.0, 0.8, 0.8)):
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, ::-1] * spacing
    affine[:3, 3] = (-30.0, -10.0, 50.0)
    return affine


def test_a_map_that_nothing_explains_is_refused_with_what_it_holds(tmp_path):
    path = make.nifti(tmp_path / "m.nii.gz", ellipse_labels([11, 12, 7]), upright())

    with pytest.raises(LandmarkFormatError) as caught:
        landmark_files.read(path)

    text = str(caught.value)
    assert "nothing says what its labels mean; it holds 7, 11, 12." in text
    assert "--label-table (musclemap, native, totalsegmentator_mr" in text


def test_names_in_a_slicer_segmentation_need_no_table(tmp_path):
    voxels = ellipse_labels([1, 2, 3])
    keys = {
        "Segment0_Name": "QF left", "Segment0_LabelValue": "1", "Segment0_Layer": "0",
        "Segment1_Name": "right_quadratus_femoris", "Segment1_LabelValue": "2",
        "Segment1_Layer": "0", "Segment2_Name": "bladder", "Segment2_LabelValue": "3",
        "Segment2_Layer": "0",
    }  # fmt: skip
    path = make.nrrd(tmp_path / "m.seg.nrrd", [voxels], upright(), keys=keys)

    read = landmark_files.read(path)

    assert {mark.side for mark in read.landmarks} == {LEFT, RIGHT}
    assert {mark.name for mark in read.landmarks} == {LandmarkName.QUADRATUS_FEMORIS}
    (caution,) = landmark_files.placed_on(read, None).cautions
    assert caution.code == "labels_not_used"
    assert "3 ('bladder')" in caution.text


def caret(path, voxels, affine, names):
    """Write a NIfTI with a label table in its header extension, as TotalSegmentator does."""
    make.nifti(path, voxels, affine)
    image = nib.load(path)
    entries = "".join(f'<Label Key="{k}" Red="1"><![CDATA[{v}]]></Label>' for k, v in names.items())
    xml = f"<CaretExtension><VolumeInformation><LabelTable>{entries}</LabelTable>"
    image.header.extensions.append(nib.nifti1.Nifti1Extension(0, xml.encode()))
    nib.save(image, path)
    return path


@pytest.mark.parametrize("table", [None, "totalsegmentator_mr"])
def test_names_in_a_nifti_header_decide_whatever_the_numbers(table, tmp_path):
    """The numbers are those of another task: read by number, 36 would be a femur."""
    voxels = ellipse_labels([75, 77, 36])
    names = {75: "femur_left", 77: "hip_left", 36: "vertebrae_T6"}
    path = caret(tmp_path / "m.nii.gz", voxels, upright(), names)

    if table is None:
        found = label_masks.read(path)
        assert {str(mark.label.structure) for mark in found.masks} == {"femur", "hip_bone"}
        assert all(mask.corner[2] < 30 for mask in found.masks)
        assert found.table.status == "proposed"
    else:  # ... and a number that this version never writes is refused
        with pytest.raises(LandmarkFormatError, match=r"holds the labels 75|never writes"):
            label_masks.read(caret(path, ellipse_labels([75, 77, 90]), upright(), {}), table)


def test_a_map_of_another_version_is_refused_with_the_table_that_fits(tmp_path):
    """Release 2.5.0 of TotalSegmentator numbered its labels anew: 36 was a hip bone before."""
    path = make.nifti(tmp_path / "m.nii.gz", ellipse_labels([34, 36, 52]), upright())

    with pytest.raises(LandmarkFormatError) as caught:
        label_masks.read(path, "totalsegmentator_mr")

    assert "holds the labels 52" in str(caught.value)
    assert "version 2.5.0 and later" in str(caught.value)
    assert "totalsegmentator_mr_2_4" in str(caught.value)


def test_a_name_that_contradicts_the_number_is_refused(tmp_path):
    keys = {"Segment0_Name": "gluteus maximus left", "Segment0_LabelValue": "38"}
    path = make.nrrd(tmp_path / "m.seg.nrrd", [ellipse_labels([38])], upright(), keys=keys)

    with pytest.raises(LandmarkFormatError, match="calls its label 38 'gluteus maximus left'"):
        label_masks.read(path, "totalsegmentator_mr")


def test_a_side_that_contradicts_the_number_is_refused(tmp_path):
    keys = {"Segment0_Name": "my right bone", "Segment0_LabelValue": "11"}
    path = make.nrrd(tmp_path / "m.seg.nrrd", [ellipse_labels([11])], upright(), keys=keys)

    with pytest.raises(LandmarkFormatError, match="my right bone"):
        label_masks.read(path, "native")


def test_names_that_programs_make_up_contradict_nothing(tmp_path):
    keys = {"Segment0_Name": "Segment_1", "Segment0_LabelValue": "11"}
    path = make.nrrd(tmp_path / "m.seg.nrrd", [ellipse_labels([11])], upright(), keys=keys)

    (mask,) = label_masks.read(path, "native").masks

    assert (mask.label.structure, mask.label.side) == (IT, LEFT)


def test_labels_that_no_table_knows_are_told(tmp_path):
    path = make.nifti(tmp_path / "m.nii.gz", ellipse_labels([11, 13, 14]), upright())

    (caution,) = label_masks.read(path, "native").cautions

    assert caution.code == "labels_not_used"
    assert "13, 14" in caution.text


def test_a_segment_drawn_by_an_algorithm_is_a_proposal(tmp_path):
    affine = anatomy().grid.affine
    path = seg(tmp_path / "m.dcm", labels(), affine)
    dataset = dcmread(path)
    for segment in dataset.SegmentSequence:
        segment.SegmentAlgorithmType = "AUTOMATIC"
    dataset.save_as(path)

    assert landmark_files.read(path).status == "proposed"


def test_a_segments_name_with_the_patients_is_withheld(tmp_path):
    path = make.dicom_seg(
        tmp_path / "m.dcm", [ellipse_labels([1]) > 0], upright(), names=["Miller's hip"],
        changes={"PatientName": "Miller^Anna", "PatientID": "77812"},
    )  # fmt: skip

    with pytest.raises(LandmarkFormatError) as caught:
        landmark_files.read(path)

    assert "iller" not in str(caught.value)
    assert "withheld" in str(caught.value)


def test_a_label_named_after_the_patient_is_withheld(tmp_path):
    """A NRRD file knows no patient; the study does."""
    keys = {
        f"Segment{k}_{key}": said
        for k, name in enumerate(("NOBODY IMAGINARY", "IT R"))
        for key, said in (("Name", name), ("LabelValue", str(11 + k)), ("Layer", "0"))
    }
    path = make.nrrd(tmp_path / "m.seg.nrrd", [labels()], anatomy().grid.affine, keys=keys)
    marks = landmark_files.read(path)

    _, checked = pipeline.check(study(), marks, ifi_mri.Config())
    for cautions in (ifi_mri.analyse(study(), marks).cautions, checked):
        (text,) = [one.text for one in cautions if one.code == "labels_not_used"]
        assert "withheld" in text
        assert "NOBODY" not in text


def test_a_table_without_a_map_is_wrong_usage(tmp_path):
    landmark_files.write(LandmarkSet(drawn()[:1]), tmp_path / "own.json")

    with pytest.raises(ConfigError, match="none of the landmark files is a label map"):
        landmark_files.read(tmp_path / "own.json", label_table="native")


def test_an_unknown_table_lists_the_known_ones(tmp_path):
    path = make.nifti(tmp_path / "m.nii.gz", ellipse_labels([11]), upright())

    with pytest.raises(ConfigError, match="musclemap, native, totalsegmentator_mr"):
        landmark_files.read(path, label_table="freesurfer")


# --- hostile files ------------------------------------------------------------------------------


def refused(path, table="native"):
    with pytest.raises(LandmarkError) as caught:
        landmark_files.read(path, label_table=table)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path.parent) not in text
    return text


def nifti_bytes(tmp_path, values=(11,)):
    return bytearray(
        gzip.decompress(
            make.nifti(tmp_path / "x.nii.gz", ellipse_labels(values), upright()).read_bytes()
        )
    )


def test_a_nifti_that_claims_more_voxels_than_memory_is_refused(tmp_path):
    content = nifti_bytes(tmp_path)
    content[40:56] = struct.pack("<8h", 3, 32767, 32767, 32767, 1, 1, 1, 1)
    (tmp_path / "m.nii").write_bytes(content)

    assert "at most" in refused(tmp_path / "m.nii")


def test_layers_that_would_inflate_beyond_memory_are_refused(tmp_path):
    """Each layer fits, 200 of them do not: nothing is unpacked."""
    path = make.nrrd(
        tmp_path / "m.nrrd", [ellipse_labels([11])], upright(), encoding="gzip",
        changes={
            "dimension": "4", "sizes": "200 512 512 500",
            "space directions": "none (1,0,0) (0,1,0) (0,0,1)",
        },
    )  # fmt: skip

    assert "bytes of voxels, at most" in refused(path)


def test_a_small_file_that_inflates_without_end_is_not_inflated(tmp_path):
    """100 MB of zeros behind a header for 40 kB: what is not asked for is not unpacked."""
    content = bytes(nifti_bytes(tmp_path)) + bytes(100 * 1024**2)
    (tmp_path / "m.nii.gz").write_bytes(gzip.compress(content, 1))

    landmarks = landmark_files.read(tmp_path / "m.nii.gz", label_table="native")

    assert landmarks.landmarks


def test_a_deflated_segmentation_that_inflates_without_end_is_refused(tmp_path, monkeypatch):
    path = make.dicom_seg(tmp_path / "m.dcm", [ellipse_labels([1]) > 0], upright())
    plain = path.read_bytes()
    old, new = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99"
    at = plain.index(old)
    length = int.from_bytes(plain[140:144], "little")
    meta = bytearray(plain[: 144 + length])
    meta[at - 2 : at] = len(new).to_bytes(2, "little")
    meta[at : at + len(old)] = new
    meta[140:144] = (length + len(new) - len(old)).to_bytes(4, "little")
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = deflate.compress(plain[144 + length :]) + deflate.flush()
    path.write_bytes(bytes(meta) + body)
    monkeypatch.setattr("ifi_mri.landmarks.dicom_seg.LARGEST_BYTES", len(plain) // 2)

    assert "when it is inflated" in refused(path)
    monkeypatch.undo()
    assert "none of the labels" in refused(path)  # read, and its names are no landmarks
    path.write_bytes((bytes(meta) + body)[:-40])
    assert "damaged or truncated" in refused(path)


@pytest.mark.parametrize("name", ["m.nii", "m.nii.gz", "m.mha", "m.nrrd", "m.dcm"])
@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"\x1f\x8b\x08", b"NRRD0004\n", b"x" * 9000])
def test_other_bytes_under_a_label_maps_name_are_one_sentence(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(LandmarkError) as caught:
        landmark_files.read(tmp_path / name)

    assert "\n" not in str(caught.value)


def test_an_image_is_no_label_map(tmp_path):
    rng = np.random.default_rng(0)
    path = make.nifti(
        tmp_path / "t1.nii.gz", rng.normal(200, 50, (5, 20, 20)).astype(np.float32), upright()
    )

    assert "no labels" in refused(path)


def test_two_orientations_that_contradict_each_other_are_refused(tmp_path):
    content = nifti_bytes(tmp_path)
    (x,) = struct.unpack_from("<f", content, 268)  # qoffset_x
    struct.pack_into("<f", content, 268, x + 5.0)
    (tmp_path / "m.nii").write_bytes(content)

    assert "5.0 mm apart" in refused(tmp_path / "m.nii")


def test_a_gzip_of_several_members_is_read_whole(tmp_path):
    content = bytes(nifti_bytes(tmp_path, (11, 12)))
    parts = gzip.compress(content[:1000]) + gzip.compress(content[1000:])
    (tmp_path / "m.nii.gz").write_bytes(parts)

    sides = {
        mark.side
        for mark in landmark_files.read(tmp_path / "m.nii.gz", label_table="native").landmarks
    }

    assert sides == {LEFT, RIGHT}


def test_micrometres_in_a_nifti_are_micrometres(tmp_path):
    content = nifti_bytes(tmp_path)
    at = [*range(280, 328, 4), 268, 272, 276, 80, 84, 88]  # sform, qform's offset, voxel sizes
    for place in at:
        struct.pack_into("<f", content, place, struct.unpack_from("<f", content, place)[0] * 1000)
    content[123] = 3
    (tmp_path / "um.nii").write_bytes(content)

    in_um = landmark_files.read(tmp_path / "um.nii", label_table="native").landmarks
    in_mm = landmark_files.read(tmp_path / "x.nii.gz", label_table="native").landmarks

    assert in_um[0].points_mm[0] == pytest.approx(in_mm[0].points_mm[0], abs=1e-4)


def test_a_segmentation_of_many_segments_reads_only_what_is_wanted(tmp_path, monkeypatch):
    """A hundred organs of a body do not fit where one muscle does."""
    shape = (6, 40, 90)
    one = ellipse_labels([1]) > 0
    masks = [one] * 30
    names = [f"organ {n}" for n in range(29)] + ["QF left"]
    path = make.dicom_seg(tmp_path / "m.dcm", masks, upright(), names=names)
    monkeypatch.setattr("ifi_mri.landmarks.label_volumes.MOST_VOXELS", 2 * int(np.prod(shape)))

    read = landmark_files.read(path)

    assert {mark.name for mark in read.landmarks} == {LandmarkName.QUADRATUS_FEMORIS}
    assert "29" not in str(read.sources)
    (caution,) = landmark_files.placed_on(read, None).cautions
    assert "and 21 more" in caution.text


# --- commands -----------------------------------------------------------------------------------


def test_run_check_and_convert_take_a_label_table(tmp_path, capsys):
    path = WRITERS["nifti"](tmp_path, labels(), anatomy().grid.affine)
    table = ["--label-table", "native"]

    assert main(["landmarks", "check", str(path), str(CASE / "study"), *table]) == 0
    assert "quadratus_femoris 9 times" in capsys.readouterr().out
    assert main(["landmarks", "convert", str(path), str(tmp_path / "out.json"), *table]) == 0
    back = landmark_files.read(tmp_path / "out.json")
    assert len(back.landmarks) == len(landmark_files.read(path, label_table="native").landmarks)
    out = tmp_path / "report"
    study_folder = str(CASE / "study")
    assert main(["run", study_folder, "--landmarks", str(path), *table, "--out", str(out)]) == 0
    report = json.loads((out / "report.json").read_text())
    found = {(one["name"], one["side"]): one["value"] for one in report["measurements"]}
    assert found["ischiofemoral_space", "left"] == pytest.approx(truth()[IFS, LEFT], abs=0.3)
    assert report["provenance"] == {"label_table": "native, version 1"}
    assert [one["path"] for one in report["inputs"] if one["role"] == "landmarks"] == ["m.nii.gz"]


def test_a_map_without_a_table_is_one_sentence_on_the_command_line(tmp_path, capsys):
    path = make.nifti(tmp_path / "m.nii.gz", ellipse_labels([11]), upright())

    status = main(
        ["run", str(CASE / "study"), "--landmarks", str(path), "--out", str(tmp_path / "out")]
    )

    assert status == 1
    error = capsys.readouterr().err.strip()
    assert error.count("\n") == 0
    assert "--label-table" in error


def test_an_unknown_table_is_wrong_usage(tmp_path):
    path = make.nifti(tmp_path / "m.nii.gz", ellipse_labels([11]), upright())

    words = ["run", str(CASE / "study"), "--landmarks", str(path), "--label-table", "x"]

    assert main([*words, "--out", str(tmp_path / "out")]) == 2
