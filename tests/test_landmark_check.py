"""Do landmarks and images belong together?  What does not is refused with mm and a remedy."""

from dataclasses import replace
from pathlib import Path

import hips
import numpy as np
import pytest

from ifi_mri import landmarks as landmark_files
from ifi_mri.errors import LandmarkFormatError, LandmarkMismatchError
from ifi_mri.model import Instance, Landmark, LandmarkSet, Observation, Study
from ifi_mri.vocabulary import LandmarkName, ObservationName, Role, Side

IT, LT = LandmarkName.ISCHIAL_TUBEROSITY, LandmarkName.LESSER_TROCHANTER
QF = LandmarkName.QUADRATUS_FEMORIS
HAM, IPS = LandmarkName.HAMSTRING_ORIGIN, LandmarkName.ILIOPSOAS_TENDON
GRADE = ObservationName.QUADRATUS_FEMORIS_OEDEMA_GRADE
LEFT, RIGHT = Side.LEFT, Side.RIGHT

#: Both hips: 6 slices 5 mm apart stacked towards the feet, 200 rows of 0.9 mm, 250 columns of
#: 1.6 mm that run to the patient's right; tilted by 9 and turned by 14 degrees.
AFFINE = hips.AFFINE.copy()
AFFINE[:3, :3] = hips.TURN @ np.array([[0, 0, -1.6], [0, 0.9, 0], [-5, 0, 0]])
AFFINE[:3, 3] = 0
SHAPE = (6, 200, 250)
AFFINE[:3, 3] = -(AFFINE[:3, :3] @ (2.5, 60, 124.5)) + (0, 20, 30)

#: The same grid moved off the middle of the scanner to the left hip alone.
LEFT_ONLY = AFFINE.copy()
LEFT_ONLY[:3, 3] += hips.TURN @ (230, 0, 0)


def anatomy(affine=AFFINE, **fields):
    return hips.series(affine=affine, shape=SHAPE, **fields)


FLUID = hips.series(Role.FLUID_SENSITIVE, affine=AFFINE, shape=SHAPE)


def study(*series):
    return Study("9", Path("study"), series or (anatomy(), FLUID))


def at(slice_index, row, column, affine=AFFINE):
    return tuple(float(x) for x in (affine @ (slice_index, row, column, 1))[:3])


def marks(slice_index=2, side=LEFT, affine=AFFINE):
    """Ischium and trochanter of one side, on one slice: columns grow to the patient's right."""
    columns = (90, 75) if side is LEFT else (160, 175)
    return tuple(
        Landmark(name, side, (at(slice_index, 90, column, affine),))
        for name, column in zip((IT, LT), columns, strict=True)
    )


def landmark_set(*landmarks, **fields):
    found = landmarks or marks()
    return LandmarkSet(found, **({"study_uid": "9", "sources": (Path("set.json"),)} | fields))


def check(landmarks, series=None, images=None):
    series = series or anatomy()
    return landmark_files.check(landmarks, images or study(series, FLUID), series)


def codes(*args, **kwargs):
    return [caution.code for caution in check(*args, **kwargs)]


def refused(*args, **kwargs):
    with pytest.raises(LandmarkMismatchError) as problem:
        check(*args, **kwargs)
    message = str(problem.value)
    assert message.startswith("set.json: ")
    assert message.endswith(".")
    return message


def test_landmarks_that_belong_raise_no_caution():
    both = (*marks(side=RIGHT), *marks())

    assert codes(landmark_set(*both, frame_of_reference_uid="9.9", series_uid="9.7")) == []


@pytest.mark.parametrize("side", Side)
def test_one_side_alone_is_normal(side):
    assert codes(landmark_set(*marks(side=side))) == []


# --- UIDs ---------------------------------------------------------------------------------------


def test_another_study_is_refused_with_both_uids():
    message = refused(landmark_set(study_uid="1.2.3"))

    assert "placed on study 1.2.3, the images are of study 9" in message


def test_a_series_that_is_not_in_the_study_is_refused():
    assert "series 1.2.3, which is not among the 2 series" in refused(
        landmark_set(series_uid="1.2.3")
    )


def test_another_frame_of_reference_is_refused():
    message = refused(landmark_set(frame_of_reference_uid="8.8"))

    assert "frame of reference 8.8, series series anatomy has 9.9" in message
    assert "--anatomy" in message


def test_the_frame_of_the_series_they_were_placed_on_counts_where_the_file_is_silent():
    other = replace(FLUID, frame_of_reference_uid="8.8")

    message = refused(landmark_set(series_uid=other.series_uid), images=study(anatomy(), other))

    assert "frame of reference 8.8" in message


def test_a_file_that_names_neither_study_nor_frame_gets_a_caution():
    (caution,) = check(landmark_set(study_uid=None))

    assert caution.code == "frame_not_stated"
    assert "position only" in caution.text


@pytest.mark.parametrize("fields", [{"study_uid": "9"}, {"frame_of_reference_uid": "9.9"}])
def test_either_of_study_and_frame_is_enough(fields):
    assert codes(landmark_set(**({"study_uid": None} | fields))) == []


def without_uids(series):
    instances = tuple(replace(one, sop_instance_uid=None) for one in series.instances)
    return replace(series, instances=instances, frame_of_reference_uid=None, format="nifti")


def test_nifti_images_have_no_uids_to_compare_and_get_a_caution():
    nifti = without_uids(anatomy())
    named = tuple(replace(mark, sop_instance_uid="1.2.3.4") for mark in marks())
    stated = landmark_set(
        *named, study_uid="1.2.3", series_uid="1.2.4", frame_of_reference_uid="1.2.5"
    )

    (caution,) = check(stated, nifti, study(nifti))

    assert caution.code == "frame_not_stated"
    assert "no UIDs" in caution.text


def test_without_an_anatomy_series_uids_are_still_compared():
    with pytest.raises(LandmarkMismatchError, match=r"study 1\.2\.3"):
        landmark_files.check(landmark_set(study_uid="1.2.3"), study(), None)
    assert landmark_files.check(landmark_set(), study(), None) == ()


def test_a_series_that_forms_no_stack_is_compared_by_uids_alone():
    assert codes(landmark_set(), anatomy(grid=None)) == []


# --- slices that landmarks name -----------------------------------------------------------------


def test_a_named_slice_that_is_not_in_the_study_is_refused():
    mark = replace(marks()[0], sop_instance_uid="1.2.3.4")

    assert "names slice 1.2.3.4, which is not among" in refused(landmark_set(mark))


def test_a_named_slice_of_another_frame_of_reference_is_refused():
    other = replace(FLUID, frame_of_reference_uid="8.8")
    mark = replace(marks()[0], sop_instance_uid="1.2.2.2")

    assert "in this frame of reference" in refused(
        landmark_set(mark), images=study(anatomy(), other)
    )


def test_a_point_off_the_slice_it_names_is_refused_with_both_distances():
    mark = replace(marks(slice_index=3)[0], sop_instance_uid="1.2.1.2")

    message = refused(landmark_set(mark))

    assert "lies 5.0 mm off the slice that it names (1.2.1.2), at most 2.5 mm" in message


def test_an_outline_with_one_vertex_off_the_slice_it_names_is_refused():
    drawn = replace(outline(2, 2, 3), sop_instance_uid="1.2.1.2")

    assert "quadratus_femoris lies 5.0 mm off the slice" in refused(landmark_set(drawn))


@pytest.mark.parametrize("uid", ["1.2.1.2", "1.2.2.2"])
def test_a_point_within_half_a_spacing_of_the_slice_it_names_is_accepted(uid):
    mark = replace(marks(slice_index=2.49)[0], sop_instance_uid=uid)

    assert set(codes(landmark_set(mark))) <= {"landmark_between_slices"}
    with pytest.raises(LandmarkMismatchError):
        check(landmark_set(replace(marks(slice_index=2.51)[0], sop_instance_uid=uid)))


def test_a_slice_without_a_stack_is_not_measured_against():
    loose = replace(FLUID, grid=None)
    mark = replace(marks()[0], sop_instance_uid="1.2.2.5")

    assert codes(landmark_set(mark), images=study(anatomy(), loose)) == []


# --- inside the volume --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "beyond", "face"),
    [
        ((-0.5 - 2, 90, 75), "10.0 mm", "first slice (towards the head)"),
        ((5.5 + 3, 90, 75), "15.0 mm", "last slice (towards the feet)"),
        ((2, -0.5 - 10, 75), "9.0 mm", "first row (towards the front)"),
        ((2, 199.5 + 10, 75), "9.0 mm", "last row (towards the back)"),
        ((2, 90, -0.5 - 10), "16.0 mm", "first column (towards the left)"),
        ((2, 90, 249.5 + 10), "16.0 mm", "last column (towards the right)"),
    ],
)
def test_a_point_outside_the_volume_is_refused_with_mm_and_direction(index, beyond, face):
    message = refused(landmark_set(Landmark(LT, LEFT, (at(*index),))))

    assert f"lies {beyond} outside series series anatomy, beyond its {face}" in message


def test_axes_of_the_femur_may_reach_beyond_the_axial_slices():
    shaft = Landmark(
        LandmarkName.FEMORAL_SHAFT_AXIS, LEFT, (at(2, 30, 40), at(-30, 30, 42)), closed=False
    )

    assert "landmark_near_edge" not in codes(landmark_set(*marks(), shaft))


@pytest.mark.parametrize(("index", "inside"), [(-0.499, True), (-0.501, False), (5.499, True)])
def test_the_volume_ends_half_a_slice_beyond_its_last_centres(index, inside):
    landmarks = landmark_set(*marks(slice_index=index))
    if inside:
        check(landmarks)
    else:
        assert "outside" in refused(landmarks)


def test_the_point_furthest_outside_is_the_one_that_is_named():
    near, far = at(-1, 90, 75), at(-9, 90, 75)
    outline = Landmark(IT, LEFT, (at(2, 90, 75), far))

    message = refused(landmark_set(Landmark(LT, LEFT, (near,)), outline))

    assert "left ischial_tuberosity" in message
    assert f"({far[0]:.1f}, {far[1]:.1f}, {far[2]:.1f}) mm" in message
    assert "42.5 mm" in message


def turned(mark):
    return replace(mark, points_mm=tuple((-x, -y, z) for x, y, z in mark.points_mm))


def test_a_ras_file_read_as_lps_is_recognised_where_it_leaves_the_volume():
    left = anatomy(LEFT_ONLY)
    good = marks(affine=LEFT_ONLY)

    named = [replace(turned(mark), sop_instance_uid="1.2.1.2") for mark in good]

    message = refused(landmark_set(*named), left)

    assert "With x and y negated every point lies inside" in message
    assert "RAS" in message
    assert "RAS" not in refused(landmark_set(Landmark(LT, LEFT, (at(-9, 90, 75),))), left)


# --- sides --------------------------------------------------------------------------------------


def test_swapped_sides_are_refused():
    swapped = [replace(mark, side=mark.side.other) for mark in (*marks(), *marks(side=RIGHT))]

    message = refused(landmark_set(*swapped))

    assert "lies to the patient's right of the right" in message
    assert "RAS" in message


def test_a_single_landmark_named_for_the_wrong_side_is_refused():
    for side in Side:
        stray = replace(marks(side=side.other)[1], side=side)

        assert "lies to the patient's right" in refused(
            landmark_set(*marks(), *marks(side=RIGHT), stray)
        )


@pytest.mark.parametrize("side", Side)
def test_an_ischium_lateral_to_the_trochanter_is_refused(side):
    ischium, trochanter = marks(side=side)
    swapped = replace(ischium, name=LT), replace(trochanter, name=IT)

    message = refused(landmark_set(*swapped))

    assert f"the {side} ischial_tuberosity lies 23." in message
    assert "lateral to the lesser_trochanter, medial was expected" in message


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(("lateral_mm", "expected"), [(-0.1, []), (4.9, 1), (5.1, None)])
def test_a_trochanter_in_front_of_the_ischium_is_a_caution_up_to_5_mm(side, lateral_mm, expected):
    ischium = marks(side=side)[0]
    x, y, z = ischium.points_mm[0]
    before = (x - side.sign * lateral_mm, y - 10, z)
    before = (*before[:2], before[2] + _onto_slice(before))
    landmarks = landmark_set(ischium, Landmark(LT, side, (before,)))

    if expected is None:
        assert "lateral to the lesser_trochanter" in refused(landmarks)
    else:
        assert codes(landmarks) == ["ischium_lateral_to_trochanter"] * bool(expected)


def _onto_slice(position):
    """How far along z a position lies below the third slice."""
    normal = np.cross(AFFINE[:3, 1], AFFINE[:3, 2])
    return float((np.array(at(2, 90, 90)) - position) @ normal / normal[2])


@pytest.mark.parametrize("side", Side)
def test_a_side_that_the_series_denies_is_refused(side):
    landmarks = landmark_set(*marks(side=side))

    assert codes(landmarks, anatomy(laterality=side)) == []
    assert f"marked on the {side}, the tags of series series anatomy say" in refused(
        landmarks, anatomy(laterality=side.other)
    )


def beside(mark, name, lateral_mm):
    """A landmark lateral to another by mm along x, on the third slice."""
    x, y, z = mark.points_mm[0]
    moved = (x + mark.side.sign * lateral_mm, y, z)
    return Landmark(name, mark.side, ((*moved[:2], moved[2] + _onto_slice(moved)),))


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("femoral", [IPS, LT])
@pytest.mark.parametrize(("lateral_mm", "accepted"), [(-10, True), (14.9, True), (15.1, False)])
def test_a_hamstring_origin_far_lateral_to_the_femur_is_refused(
    side, femoral, lateral_mm, accepted
):
    mark = replace(marks(side=side)[1], name=femoral)
    landmarks = landmark_set(mark, beside(mark, HAM, lateral_mm))

    if accepted:
        assert codes(landmarks) == []
    else:
        message = refused(landmarks)
        assert f"the {side} hamstring_origin lies 15.1 mm lateral to the {femoral}" in message
        assert "swapped sides" in message


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(("apart_mm", "accepted"), [(199.9, True), (200.1, False)])
def test_landmarks_of_one_side_do_not_spread_over_both_hips(side, apart_mm, accepted):
    ischium, _ = marks(side=side.other)
    near = Landmark(IT, side, ischium.points_mm)
    far = beside(near, LT, apart_mm)
    landmarks = landmark_set(near, far)

    if accepted:
        assert codes(landmarks) == []
    else:
        message = refused(landmarks)
        assert f"the {side} {IT} (x = " in message
        assert f"the {side} {LT} (x = " in message
        assert "200.1 mm apart across the body, at most 200 mm" in message


@pytest.mark.parametrize(("gap_mm", "accepted"), [(0.1, True), (0.0, False), (-0.1, False)])
def test_the_innermost_left_landmark_lies_left_of_the_innermost_right_one(gap_mm, accepted):
    middle = at(2, 90, 124)
    left = Landmark(IT, LEFT, (middle,))
    right = replace(beside(replace(left, side=RIGHT), IT, gap_mm), side=RIGHT)
    landmarks = landmark_set(left, right)

    if accepted:
        assert codes(landmarks) == []
    else:
        assert "swapped sides" in refused(landmarks)


# --- one structure twice on one slice -----------------------------------------------------------


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(("apart_mm", "expected"), [(2.9, []), (3.1, ["points_apart"])])
def test_single_points_apart_on_one_slice_get_a_caution(side, apart_mm, expected):
    trochanter = marks(side=side)[1]
    x, y, z = trochanter.points_mm[0]
    row_mm = np.array(AFFINE[:3, 1]) / np.linalg.norm(AFFINE[:3, 1]) * apart_mm
    second = replace(trochanter, points_mm=((x + row_mm[0], y + row_mm[1], z + row_mm[2]),))

    found = check(landmark_set(*marks(side=side), second))

    assert [caution.code for caution in found] == expected
    for caution in found:
        assert caution.side is side
        assert (
            f"The {side} lesser_trochanter has 2 single points up to 3.1 mm apart" in caution.text
        )


@pytest.mark.parametrize("side", Side)
def test_both_ends_of_a_space_marked_twice_on_one_slice_get_a_caution(side):
    def line(k, moved_mm):
        step = np.array(AFFINE[:3, 1]) / np.linalg.norm(AFFINE[:3, 1]) * moved_mm
        return [
            replace(one, points_mm=(tuple(np.add(one.points_mm[0], step).tolist()),))
            for one in marks(k, side=side)
        ]

    (caution,) = check(landmark_set(*line(2, 0), *line(2, 2.5)))
    assert (caution.code, caution.side) == ("space_marked_twice", side)
    assert f"{side} ischial_tuberosity and lesser_trochanter both" in caution.text
    assert codes(landmark_set(*line(2, 0), *line(3, 2.5), *line(2, 0))) == []


def test_points_on_different_slices_and_of_different_structures_are_not_apart():
    assert codes(landmark_set(*marks(2), *marks(3))) == []


def test_the_vertices_of_one_outline_are_not_separate_points():
    line = Landmark(LT, LEFT, (at(2, 90, 75), at(2, 100, 75)))

    assert codes(landmark_set(line)) == []


# --- what the reader judged by eye --------------------------------------------------------------


def test_two_grades_for_one_side_are_refused_and_equal_ones_are_not():
    def grades(*values):
        return landmark_set(observations=tuple(Observation(GRADE, LEFT, v) for v in values))

    assert codes(grades(2, 2)) == []
    assert "stated as 0 and as 3" in refused(grades(0, 3))


@pytest.mark.parametrize("grade", [-1, 4])
def test_a_grade_outside_0_to_3_is_refused(grade):
    with pytest.raises(LandmarkFormatError, match=f"is {grade}, a whole number from 0 to 3"):
        check(landmark_set(observations=(Observation(GRADE, LEFT, grade),)))


def test_a_message_names_the_file_and_not_the_folders_above_it():
    assert "DOE" not in refused(landmark_set(study_uid="1.2.3", sources=(Path("DOE/set.json"),)))


# --- outlines and slices ------------------------------------------------------------------------


def outline(*slice_indices, name=QF):
    corners = zip(slice_indices, ((90, 60), (110, 80), (90, 80)), strict=True)
    return Landmark(name, LEFT, tuple(at(k, *rc) for k, rc in corners), closed=True)


def test_an_outline_across_slices_is_refused_with_their_positions():
    message = refused(landmark_set(outline(1, 2, 2)))

    assert "spreads 5.0 mm across the slices" in message
    assert "at most 2.5 mm" in message
    assert "rotate the view to the volume plane" in message
    normal = AFFINE[:3, 0] / -5
    for index in (1, 2):
        assert f"{np.array(at(index, 0, 0)) @ normal:.1f} mm" in message


@pytest.mark.parametrize(("spread", "accepted"), [(0.49, True), (0.51, False)])
def test_an_outline_may_spread_over_half_a_slice(spread, accepted):
    landmarks = landmark_set(outline(2, 2 + spread, 2))
    if accepted:
        assert codes(landmarks) == []
    else:
        assert "spreads" in refused(landmarks)


def test_an_axis_may_cross_slices():
    axis = Landmark(LandmarkName.FEMORAL_SHAFT_AXIS, LEFT, (at(1, 90, 75), at(3.4, 90, 75)))

    assert codes(landmark_set(axis)) == []


def test_an_outline_on_a_slice_of_another_series_is_judged_against_that():
    lower = AFFINE.copy()
    lower[:3, 3] += AFFINE[:3, 0] * 0.5
    fluid = hips.series(Role.FLUID_SENSITIVE, affine=lower, shape=SHAPE)
    drawn = replace(outline(2.5, 2.5, 2.5), sop_instance_uid="1.2.2.2")

    assert codes(landmark_set(drawn), images=study(anatomy(), fluid)) == []
    assert "names" in refused(
        landmark_set(replace(drawn, sop_instance_uid="1.2.2.3")), images=study(anatomy(), fluid)
    )


@pytest.mark.parametrize(("off", "expected"), [(0.24, []), (0.26, ["landmark_between_slices"])])
def test_a_landmark_between_slices_gets_a_caution(off, expected):
    for index in (2 + off, 2 - off):
        assert codes(landmark_set(*marks(slice_index=index))) == expected


def test_the_caution_says_which_side_and_how_far():
    landmarks = landmark_set(*marks(side=RIGHT), *marks(slice_index=2.4))

    (caution,) = check(landmarks)

    assert caution.side is LEFT
    assert "Left ischial_tuberosity, lesser_trochanter lie up to 2.0 mm" in caution.text
    assert "5.0 mm between slices" in caution.text


# --- edges --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "near"),
    [
        ((0, 90, 75), True),
        ((1, 90, 75), False),
        ((4, 90, 75), False),
        ((5, 90, 75), True),
        ((2, -0.5 + 4.9 / 0.9, 75), True),
        ((2, -0.5 + 5.1 / 0.9, 75), False),
        ((2, 199.5 - 4.9 / 0.9, 75), True),
        ((2, 199.5 - 5.1 / 0.9, 75), False),
        ((2, 90, -0.5 + 4.9 / 1.6), True),
        ((2, 90, -0.5 + 5.1 / 1.6), False),
    ],
)
def test_a_landmark_near_the_edge_of_the_volume_gets_a_caution(index, near):
    landmarks = landmark_set(Landmark(LT, LEFT, (at(*index),)))

    assert codes(landmarks) == ["landmark_near_edge"] * near


@pytest.mark.parametrize("near", [0, 1, 2])
def test_one_vertex_of_an_outline_near_the_edge_is_enough(near):
    points = [at(2, 90, 75), at(2, 95, 75), at(2, 90, 80)]
    inner = Landmark(IT, LEFT, tuple(points), closed=True)
    points[near] = at(2, -0.5 + 4.9 / 0.9, 75)

    outer = Landmark(LT, LEFT, tuple(points), closed=True)
    (caution,) = [
        one for one in check(landmark_set(inner, outer)) if one.code == "landmark_near_edge"
    ]
    assert "lesser_trochanter" in caution.text.replace(" ", "_")
    assert "ischial" not in caution.text


# --- status -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected"),
    [("draft", 1), ("proposed", 1), ("final", 0), (None, 0)],
)
def test_landmarks_that_are_not_final_get_a_caution(status, expected):
    found = check(landmark_set(status=status))

    assert [caution.code for caution in found] == ["landmarks_not_final"] * expected
    assert all(status in caution.text for caution in found)


def test_a_set_without_landmarks_is_no_mismatch():
    assert codes(LandmarkSet((), study_uid="9")) == []


def test_positions_beyond_all_measure_are_refused_without_a_warning():
    assert "outside" in refused(landmark_set(Landmark(LT, LEFT, ((1e4, -1e4, 1e4),))))


def test_a_single_slice_is_its_first_and_last():
    single = hips.series(affine=AFFINE, shape=(1, *SHAPE[1:]))

    assert codes(landmark_set(*marks(slice_index=0)), single) == ["landmark_near_edge"]


def test_of_a_multi_frame_instance_the_nearest_frame_counts():
    frames = tuple(Instance(Path("all.dcm"), None, "1.2.7", k, at(k, 0, 0), None) for k in range(6))
    named = tuple(replace(mark, sop_instance_uid="1.2.7") for mark in marks())

    assert codes(landmark_set(*named), anatomy(instances=frames)) == []


def test_of_several_landmarks_the_one_outside_is_named():
    ischium, trochanter = marks()
    outside = replace(trochanter, points_mm=(at(2, 90, -40),))

    assert f"the left {LT} at" in refused(landmark_set(ischium, outside))
    assert f"the left {LT} at" in refused(landmark_set(outside, ischium))


def test_an_outline_across_slices_is_refused_whatever_slice_it_names_on_images_without_any():
    across = Landmark(QF, LEFT, (at(1, 90, 90), at(1, 95, 90), at(3, 90, 95)), True, "1.2.3")
    series = without_uids(anatomy())

    message = refused(landmark_set(*marks(), across), series, study(series))

    assert "spreads 10.0 mm across the slices" in message
