"""Spaces from bone labels in a case: a reader's own marks win, every number says what it is."""

import json
from dataclasses import replace
from functools import cache

import bone_makers as make
import nibabel as nib
import numpy as np
import pytest
from bone_makers import Body, Hip
from test_label_reading import MODEL, anatomy, labels_with_muscle

import ifi_mri
from ifi_mri import landmarks as landmark_files
from ifi_mri.errors import LandmarkMismatchError
from ifi_mri.landmarks import merging, proposing
from ifi_mri.landmarks.proposing import (
    NOT_REVIEWED,
    attributed,
    beside_the_reader,
    complete,
    statement,
)
from ifi_mri.landmarks.with_label_maps import of_label_map
from ifi_mri.model import (
    Landmark,
    LandmarkSet,
    Measurement,
    NotMeasured,
    SpaceFromBones,
)
from ifi_mri.vocabulary import LandmarkName, MeasurementName, Side

LEFT, RIGHT = Side
IT, LT = LandmarkName.ISCHIAL_TUBEROSITY, LandmarkName.LESSER_TROCHANTER
QF = LandmarkName.QUADRATUS_FEMORIS
IFS = MeasurementName.ISCHIOFEMORAL_SPACE
ONE = Body(left=Hip(), right=Hip(), sides=(LEFT,))


@cache
def bones():
    return make.label_map(*make.labelled(ONE, (2.0, 2.0, 2.0)))


@cache
def truth_mm():
    return make.true_space_mm(ONE, LEFT)


def marked(*names, side=LEFT):
    tip = ONE.tip_mm(side)
    points = {IT: tip - (25.0, 0, 0), LT: tip}
    return LandmarkSet(
        tuple(Landmark(name, side, (tuple(map(float, points[name])),)) for name in names)
    )


def space_on(completed, side):
    return next(space for space in completed.spaces if space.side is side)


def proposed_sides(completed):
    return {space.side for space in completed.spaces if space.used}


def measurement(value, name=IFS, side=LEFT, **details):
    return Measurement(
        name=name, side=side, value=value, unit="mm", sd=1.0,
        interval_95=(value - 2, value + 2), method="as measured", points_mm=(),
        sop_instance_uid=None, n_slices=1, details=tuple(details.items()),
    )  # fmt: skip


# --- landmarks ----------------------------------------------------------------------------------


def test_a_side_that_nobody_marked_gets_both_ends_as_proposed_landmarks():
    completed = complete(LandmarkSet(()), [bones()], None)

    space = space_on(completed, LEFT)
    assert space.used
    assert space.width_mm == pytest.approx(truth_mm(), abs=1.0)
    assert space.score >= 0.5
    assert space.searched_mm[0] < -9
    assert space.searched_mm[1] > 9
    assert space.n_slices <= space.n_searched
    assert {mark.name for mark in completed.landmarks.on(LEFT)} == {IT, LT}
    assert completed.landmarks.status == "proposed"
    assert proposed_sides(completed) == {LEFT}


def test_a_side_without_bones_keeps_its_reason():
    space = space_on(complete(LandmarkSet(()), [bones()], None), RIGHT)

    assert not space.used
    assert space.width_mm is None
    assert "no right femur" in space.reason


@pytest.mark.parametrize("names", [(IT, LT), (IT,), (LT,)])
def test_the_readers_own_ends_win_and_the_report_says_so(names):
    own = marked(*names)

    completed = complete(own, [bones()], None)

    assert completed.landmarks.on(LEFT) == own.landmarks
    assert proposed_sides(completed) == set()
    space = space_on(completed, LEFT)
    assert space.width_mm == pytest.approx(truth_mm(), abs=1.0)
    assert all(name in space.reason for name in names)
    assert not [caution for caution in completed.cautions if caution.side is LEFT]


def test_a_reader_of_the_other_side_does_not_stop_the_proposal():
    completed = complete(marked(IT, LT, side=RIGHT), [bones()], None)

    assert proposed_sides(completed) == {LEFT}


def test_a_muscle_that_lost_slices_is_known_unless_the_reader_drew_it():
    label_map = make.label_map(*labels_with_muscle(), MODEL)
    drawn = Landmark(QF, LEFT, ((1.0, 0.0, 0.0), (2.0, 0.0, 0.0), (2.0, 1.0, 0.0)), True)

    alone = complete(LandmarkSet(()), [label_map], anatomy())
    beside = complete(LandmarkSet((drawn,)), [label_map], anatomy())

    assert (alone.in_part_on(LEFT), alone.in_part_on(RIGHT)) == ({QF}, set())
    assert not beside.in_part


@pytest.mark.parametrize("name", ["kept.json", "lost.csv"])
def test_a_muscle_that_lost_slices_is_known_after_conversion_or_named_as_lost(tmp_path, name):
    read = landmark_files.choose([of_label_map(make.label_map(*labels_with_muscle(), MODEL))])
    landmark_files.write(replace(read, case_id="1"), tmp_path / name)

    back = landmark_files.read(tmp_path / name)
    kept = landmark_files.placed_on(back, anatomy()).in_part

    assert read.in_part == {(QF, LEFT)}
    assert kept == (read.in_part if name == "kept.json" else frozenset())
    assert ("in_part" in landmark_files.not_kept(read, tmp_path / name)) is (name == "lost.csv")


def test_what_two_files_of_a_reading_hold_in_part_is_in_part_together():
    one, other = marked(IT), replace(marked(LT), in_part=frozenset({(QF, LEFT)}))

    assert merging.merged([one, other]).in_part == {(QF, LEFT)}


def test_without_label_maps_landmarks_stay_as_they_are():
    own = marked(IT, LT)

    assert complete(own, [], None) == proposing.Completed(own, (), ())


def test_a_map_of_another_study_is_refused():
    own = marked(IT)
    other = LandmarkSet(own.landmarks, frame_of_reference_uid="1.2.3")
    with pytest.raises(LandmarkMismatchError, match=r"1\.2\.3"):
        complete(other, [replace(bones(), frame_of_reference_uid="4.5.6")], None)


# --- numbers ------------------------------------------------------------------------------------

USED = SpaceFromBones(
    LEFT, used=True, width_mm=22.0, score=0.8, searched_mm=(-11.0, 11.0), n_searched=12, n_slices=9
)


def test_a_space_from_bones_says_so_with_its_score_and_range():
    (result,) = attributed([measurement(22.0)], [USED])

    assert result.method.endswith(NOT_REVIEWED)
    assert result.detail("ends") == NOT_REVIEWED
    assert result.detail("bone_label_score") == 0.8
    assert result.detail("searched_from_tip_low_mm") == -11.0
    assert result.detail("searched_from_tip_high_mm") == 11.0


@pytest.mark.parametrize(("score", "doubtful"), [(0.49, True), (0.5, False)])
def test_a_doubtful_space_says_why_with_its_number_and_in_the_impression(score, doubtful):
    (space,) = complete(LandmarkSet(()), [bones()], anatomy()).spaces[:1]
    spaces = [replace(space, score=score, doubts=("a lump", "an island"))]

    (found,) = attributed([measurement(20.0)], spaces)
    impression = " ".join(statement(spaces))

    assert dict(found.details).get("doubtful") == ("a lump; an island" if doubtful else None)
    assert ("is doubtful and not judged: a lump; an island." in impression) is doubtful


def test_numbers_of_the_other_side_or_of_other_structures_are_left_alone():
    of_hamstrings = measurement(
        8.0, MeasurementName.QUADRATUS_FEMORIS_SPACE, far_landmark="iliopsoas_tendon"
    )
    results = [measurement(22.0, side=RIGHT), of_hamstrings]

    assert attributed(results, [USED]) == results


def test_a_space_that_ends_on_the_proposed_trochanter_says_so():
    qfs = measurement(8.0, MeasurementName.QUADRATUS_FEMORIS_SPACE, far_landmark=str(LT))

    assert attributed([qfs], [USED])[0].detail("ends") == NOT_REVIEWED


def test_a_difference_of_sides_says_when_one_of_them_is_from_bones():
    name = MeasurementName.SIDE_DIFFERENCE_ISCHIOFEMORAL_SPACE

    assert attributed([measurement(2.0, name, None)], [USED])[0].detail("ends") == NOT_REVIEWED


@pytest.mark.parametrize(
    ("name", "side"),
    [
        (MeasurementName.ISCHIOFEMORAL_DISTANCE_3D, LEFT),
        (MeasurementName.INTERTUBEROUS_DISTANCE, None),
    ],
)
def test_what_two_ends_a_slice_cannot_give_is_taken_back(name, side):
    (result,) = attributed([measurement(20.0, name, side)], [USED])

    assert isinstance(result, NotMeasured)
    assert "outlines" in result.reason


def test_a_refusal_gives_its_reason_to_the_space():
    refused = SpaceFromBones(LEFT, used=False, reason="the lesser trochanter is cut off")

    (result,) = attributed([NotMeasured(IFS, LEFT, "no landmark")], [refused])

    assert result.reason == "no landmark; bone labels: the lesser trochanter is cut off"


@pytest.mark.parametrize(
    ("own_mm", "codes"),
    [
        (22.5, ["reader_before_bone_labels"]),
        (30.0, ["reader_before_bone_labels", "reader_and_bone_labels_differ"]),
    ],
)
def test_a_readers_space_is_compared_with_the_one_from_bones(own_mm, codes):
    beside = SpaceFromBones(LEFT, used=False, reason="the reader's", width_mm=22.0, score=0.9)

    found = list(beside_the_reader([measurement(own_mm)], [beside]))

    assert [caution.code for caution in found] == codes
    assert f"{own_mm:.1f} mm" in found[0].text
    assert "22.0 mm" in found[0].text


# --- a case -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A study of one NIfTI file, and the label map of its bones."""
    folder = tmp_path_factory.mktemp("case")
    labels, affine = make.labelled(ONE, (2.0, 2.0, 2.0))
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine[:, [2, 1, 0, 3]]
    numbers = np.zeros_like(labels)
    numbers[labels == make.HIP_BONE[LEFT]], numbers[labels == make.FEMUR[LEFT]] = 38, 36
    noise = np.random.default_rng(0).normal(0, 5, labels.shape)
    picture = (np.where(labels > 0, 200, 90) + noise).astype(np.int16)
    for name, voxels in (("t1_tse.nii.gz", picture), ("bones.nii.gz", numbers)):
        nib.save(nib.Nifti1Image(voxels.transpose(2, 1, 0).astype(np.int16), ras), folder / name)
    return folder


def analysed(case, tmp_path):
    study = ifi_mri.load_study(case / "t1_tse.nii.gz")
    marks = ifi_mri.read_landmarks(case / "bones.nii.gz", label_table="totalsegmentator_mr")
    report = ifi_mri.analyse(study, marks)
    formats = ("json", "html", "text", "csv")
    ifi_mri.write_report(report, study, tmp_path, formats=formats)
    return report


def test_every_report_says_that_a_space_is_from_bone_labels(case, tmp_path):
    report = analysed(case, tmp_path)

    assert report.measured(IFS, LEFT).value == pytest.approx(truth_mm(), abs=1.0)
    assert report.landmarks_status == "proposed"
    assert "bone labels" in report.impression[0]
    for file in ("report.json", "report.html", "impression.txt", "measurements.csv"):
        text = " ".join((tmp_path / file).read_text().split())
        assert NOT_REVIEWED in text, file
    for file in ("report.json", "report.html", "impression.txt"):
        text = " ".join((tmp_path / file).read_text().replace("&#39;", "'").split())
        assert "slices searched, from" in text, file
        assert "score" in text, file


def test_the_json_report_holds_ends_score_and_range(case, tmp_path):
    analysed(case, tmp_path)

    spaces = json.loads((tmp_path / "report.json").read_text())["spaces_from_bones"]

    left, right = (next(s for s in spaces if s["side"] == side) for side in ("left", "right"))
    assert left["used"]
    assert len(left["points_mm"]) == 2
    assert 0.5 <= left["score"] <= 1
    assert -12 <= left["searched_mm"][0] < left["searched_mm"][1] <= 12
    assert "no right femur" in right["reason"]


def test_a_space_refused_by_bones_is_not_measured_for_that_reason(case, tmp_path):
    report = analysed(case, tmp_path)

    (reason,) = [m.reason for m in report.not_measured if m.name is IFS]

    assert "no right femur" in reason


def test_slices_of_the_anatomy_are_the_planes():
    series = anatomy()
    completed = complete(LandmarkSet(()), [bones()], series)

    heights = {round(mark.points_mm[0][2], 3) for mark in completed.landmarks.landmarks}
    planes = series.grid.affine[2, 3] + series.grid.affine[2, 0] * np.arange(series.grid.shape[0])
    assert heights <= {round(float(z), 3) for z in planes}
