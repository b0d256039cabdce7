"""The phantom's truth: what exact outlines measure is what was asked for, in any pose."""

import math
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from ifi_mri.errors import ConfigError
from ifi_mri.geometry import (
    closest_in_plane,
    encloses,
    outline_area_mm2,
    patient_to_voxel,
    slice_coordinate,
    tilt_from_axial_deg,
)
from ifi_mri.model import Landmark
from ifi_mri.phantom import HipSpec, Phantom, make_phantom
from ifi_mri.phantom.shapes import Path, Within, gap, rounded_outline
from ifi_mri.vocabulary import LandmarkName, Role, Side

#: Coarse pixels render fast; landmarks and truth do not depend on them.
COARSE = (3.2, 2.4)

POSES = st.tuples(*[st.floats(-25, 25)] * 3)
WIDTHS = st.floats(5, 40).flatmap(
    lambda ifs: st.tuples(st.just(ifs), st.floats(max(2.0, ifs - 15.5), min(ifs + 2.9, 35.0)))
)


def quick(left: HipSpec | None = HipSpec(), right: HipSpec | None = HipSpec(), **scan) -> Phantom:  # noqa: B008
    return make_phantom(left, right, **({"pixel_mm": COARSE, "snr": None} | scan))


def named(marks: Iterable[Landmark], name: LandmarkName, slice_uid: str) -> list[Landmark]:
    return [m for m in marks if m.name is name and m.sop_instance_uid == slice_uid]


def measured(
    marks: list[Landmark], affine: np.ndarray, near: LandmarkName, *far: LandmarkName
) -> float:
    """Return the smallest in-plane distance between landmarks of one slice."""
    return min(
        closest_in_plane(
            a.points_mm, b.points_mm, affine, first_closed=a.closed, second_closed=b.closed
        ).distance_mm
        for a in marks
        for b in marks
        if a.name is near and b.name in far
    )


def spaces(phantom: Phantom, side: Side, kind: str = "outlines") -> list[list[float]]:
    """Return both spaces measured on every slice that ``truth`` tells about."""
    it, lt = LandmarkName.ISCHIAL_TUBEROSITY, LandmarkName.LESSER_TROCHANTER
    ham, ips = LandmarkName.HAMSTRING_ORIGIN, LandmarkName.ILIOPSOAS_TENDON
    marks, affine = phantom.landmarks(kind).on(side), phantom.anatomy.grid.affine
    found = []
    for level in phantom.truth[side]["per_slice"]:
        here = [mark for mark in marks if mark.sop_instance_uid == level["sop_instance_uid"]]
        found.append([measured(here, affine, it, lt), measured(here, affine, ham, ips, lt)])
    return found


def true_spaces(phantom: Phantom, side: Side) -> list[list[float]]:
    return [[level["ifs_mm"], level["qfs_mm"]] for level in phantom.truth[side]["per_slice"]]


@settings(max_examples=10)
@given(widths=WIDTHS, other=WIDTHS, pose=POSES, spacing=st.floats(3, 6), offset=st.integers(-1, 1))
def test_exact_outlines_measure_the_true_spaces_on_every_slice_in_any_pose(
    widths: tuple[float, float], other: tuple[float, float], pose: tuple[float, ...],
    spacing: float, offset: int,
) -> None:  # fmt: skip
    phantom = quick(
        HipSpec(*widths), HipSpec(*other, slice_offset=offset),
        pixel_mm=(1.6, 3.2), slice_spacing_mm=spacing, pose_deg=pose, offset_mm=(30, -50, 400),
    )  # fmt: skip
    for side, asked in ((Side.LEFT, widths), (Side.RIGHT, other)):
        found = spaces(phantom, side)
        np.testing.assert_allclose(found, true_spaces(phantom, side), atol=0.002)
        np.testing.assert_allclose(np.min(found, axis=0), asked, atol=0.002)


def test_pixels_of_0_4_by_0_8_mm_in_an_oblique_pose_do_not_change_the_spaces() -> None:
    phantom = make_phantom(
        HipSpec(11.3, 6.2), HipSpec(24.7, 15.1),
        pixel_mm=(0.4, 0.8), slice_spacing_mm=3.3, n_slices=9, pose_deg=(17, -13, 24),
    )  # fmt: skip
    for side, asked in ((Side.LEFT, [11.3, 6.2]), (Side.RIGHT, [24.7, 15.1])):
        assert np.min(spaces(phantom, side), axis=0) == pytest.approx(asked, abs=0.002)
    assert tilt_from_axial_deg(phantom.anatomy.grid.affine) == pytest.approx(
        math.degrees(math.acos(math.cos(math.radians(17)) * math.cos(math.radians(13))))
    )


@pytest.mark.parametrize(("ifs", "qfs"), [(11.2, 6.1), (4, 2), (20, 23), (45, 29), (27, 19)])
def test_the_truth_agrees_with_brute_force_over_dense_points(ifs: float, qfs: float) -> None:
    # Neither the phantom's own distances nor the geometry under test take part.
    phantom = quick(HipSpec(ifs, qfs), pose_deg=(10, 20, -15), slice_spacing_mm=4)
    for level in phantom.truth["left"]["per_slice"]:
        marks = phantom.landmarks(step_deg=2).on(Side.LEFT)
        points = {
            name: np.concatenate(
                [_dense(m) for m in named(marks, name, level["sop_instance_uid"])]
            )
            for name in (
                LandmarkName.ISCHIAL_TUBEROSITY, LandmarkName.LESSER_TROCHANTER,
                LandmarkName.HAMSTRING_ORIGIN, LandmarkName.ILIOPSOAS_TENDON,
            )
        }  # fmt: skip
        it, lt, ham, ips = points.values()
        assert _nearest(it, lt) == pytest.approx(level["ifs_mm"], abs=0.01)
        far = {
            "iliopsoas_tendon": _nearest(ham, ips),
            "lesser_trochanter": _nearest(ham, lt),
        }
        assert min(far.values()) == pytest.approx(level["qfs_mm"], abs=0.01)
        assert min(far, key=far.__getitem__) == level["qfs_far_landmark"]


def _dense(mark: Landmark) -> np.ndarray:
    """Return many points along an outline."""
    corners = np.array(mark.points_mm)
    if mark.closed:
        corners = np.concatenate([corners, corners[:1]])
    steps = np.arange(0, 1, 0.02)[:, None, None]
    return (corners[None, :-1] + steps * np.diff(corners, axis=0)[None]).reshape(-1, 3)


def _nearest(a: np.ndarray, b: np.ndarray) -> float:
    return float(cKDTree(a).query(b)[0].min())


def test_two_points_for_each_space_measure_the_same_as_the_outlines() -> None:
    phantom = quick(HipSpec(13, 8), HipSpec(25, 15), pose_deg=(9, -20, 12))
    for side in Side:
        found = spaces(phantom, side, "points")
        np.testing.assert_allclose(found, true_spaces(phantom, side), atol=0.001)
        for level in phantom.truth[side]["per_slice"]:
            for key in ("ifs", "qfs"):
                start, end = np.array(level[f"{key}_ends_mm"])
                assert np.linalg.norm(end - start) == pytest.approx(level[f"{key}_mm"], abs=0.001)


def test_the_narrowest_slice_is_the_one_asked_for_and_its_neighbours_are_wider() -> None:
    phantom = quick(HipSpec(15, 9, slice_offset=2), HipSpec(22, 14, slice_offset=-1))
    for side, index in ((Side.LEFT, 7 + 2), (Side.RIGHT, 7 - 1)):
        truth = phantom.truth[side]
        assert truth["narrowest_slice"]["index"] == index
        widths = {level["index"]: level["ifs_mm"] for level in truth["per_slice"]}
        tendons = {level["index"]: level["qfs_mm"] for level in truth["per_slice"]}
        assert sorted(widths) == [index - 2, index - 1, index, index + 1, index + 2]
        for wide in (widths, tendons):
            assert wide[index] + 0.5 < wide[index - 1] < wide[index - 2]
            assert wide[index] + 0.5 < wide[index + 1] < wide[index + 2]


def test_landmarks_lie_in_the_slice_that_they_name() -> None:
    phantom = quick(
        HipSpec(slice_offset=2), HipSpec(slice_offset=-1),
        pose_deg=(20, 15, -10), offset_mm=(5, 6, -700), slice_spacing_mm=3.7,
    )  # fmt: skip
    uids = phantom.anatomy.sop_instance_uids
    for mark in phantom.landmarks().landmarks:
        heights = slice_coordinate(phantom.anatomy.grid.affine, mark.points_mm)
        np.testing.assert_allclose(heights, uids.index(mark.sop_instance_uid), atol=1e-4)


def test_both_series_lie_on_the_same_slices_with_different_matrices() -> None:
    phantom = quick(pose_deg=(12, 3, 4), fluid_pixel_mm=(2.5, 3.5))
    anatomy, fluid = phantom.volume(Role.ANATOMY), phantom.volume(Role.FLUID_SENSITIVE)
    assert anatomy.voxels.shape != fluid.voxels.shape
    assert fluid.frame_of_reference_uid == anatomy.frame_of_reference_uid
    for index in range(len(anatomy.voxels)):
        corner = fluid.affine[:3, 3] + index * fluid.affine[:3, 0]
        assert slice_coordinate(anatomy.affine, corner) == pytest.approx(index, abs=1e-9)


def test_left_lies_at_larger_x_and_both_sides_mirror_each_other() -> None:
    phantom = quick(HipSpec(17, 11), HipSpec(17, 11))
    left, right = (phantom.landmarks().on(side) for side in Side)
    assert [m.name for m in left] == [m.name for m in right]
    for a, b in zip(left, right, strict=True):
        mirrored = np.array(b.points_mm) * [-1, 1, 1]
        np.testing.assert_allclose(a.points_mm, mirrored, atol=1e-9)
        assert min(x for x, _, _ in a.points_mm) > 0


def test_a_turn_about_the_head_foot_axis_turns_everything_by_that_angle() -> None:
    straight, turned = quick(), quick(pose_deg=(0, 0, 30), offset_mm=(1, 2, 3))
    cosine, sine = math.cos(math.radians(30)), math.sin(math.radians(30))
    for a, b in zip(straight.landmarks().landmarks, turned.landmarks().landmarks, strict=True):
        x, y, z = np.array(a.points_mm).T
        expected = np.stack([cosine * x - sine * y + 1, sine * x + cosine * y + 2, z + 3], axis=1)
        np.testing.assert_allclose(b.points_mm, expected, atol=2e-4)


def test_the_turns_are_made_about_left_then_back_then_head() -> None:
    # 40 degrees about the patient's left axis lift the front slice edge: y towards z.
    down = quick(pose_deg=(40, 0, 0)).anatomy.grid.affine[:3, 1]
    assert down == pytest.approx(np.array([0, math.cos(0.698131701), math.sin(0.698131701)]) * 3.2)
    right = quick(pose_deg=(0, 30, 0)).anatomy.grid.affine[:3, 2]
    assert right == pytest.approx(np.array([math.sqrt(0.75), 0, -0.5]) * 2.4)
    both = quick(pose_deg=(0, 30, 60)).anatomy.grid.affine[:3, 2]
    assert both == pytest.approx(np.array([math.sqrt(0.75) / 2, 0.75, -0.5]) * 2.4)


def test_turning_the_patient_keeps_voxels_and_outlines_together() -> None:
    straight, turned = quick(), quick(pose_deg=(11, -22, 17), offset_mm=(-40, 60, 900))
    for a, b in zip(straight.landmarks().landmarks, turned.landmarks().landmarks, strict=True):
        np.testing.assert_allclose(
            patient_to_voxel(straight.anatomy.grid.affine, a.points_mm),
            patient_to_voxel(turned.anatomy.grid.affine, b.points_mm),
            atol=1e-4,
        )
    np.testing.assert_array_equal(straight.anatomy.voxels, turned.anatomy.voxels)


def test_one_side_alone_has_landmarks_and_truth_on_that_side_only() -> None:
    phantom = quick(None, HipSpec(18, 12))
    assert phantom.truth["left"] is None
    assert phantom.truth["right"]["ifs_mm"] == 18
    assert {mark.side for mark in phantom.landmarks().landmarks} == {Side.RIGHT}
    right_edge, left_edge = phantom.anatomy.grid.affine[0, 3], 0.0
    assert right_edge < -170
    columns = phantom.anatomy.grid.shape[2]
    left_edge = right_edge + columns * phantom.anatomy.grid.affine[0, 2]
    assert left_edge < 30


def test_landmarks_without_uids_name_nothing_of_the_study() -> None:
    marks = quick().landmarks(uids=False)
    assert (marks.study_uid, marks.series_uid, marks.frame_of_reference_uid) == (None, None, None)
    assert {mark.sop_instance_uid for mark in marks.landmarks} == {None}


@pytest.mark.parametrize(("ifs", "qfs"), [(4, 2), (4, 7), (11, 6), (22, 14), (45, 29), (45, 35)])
def test_quadratus_femoris_keeps_clear_of_bones_tendons_and_reference(
    ifs: float, qfs: float
) -> None:
    phantom = quick(HipSpec(ifs, qfs), None, slice_spacing_mm=3)
    affine = phantom.anatomy.grid.affine
    marks = phantom.landmarks().on(Side.LEFT)
    uid = phantom.truth["left"]["narrowest_slice"]["sop_instance_uid"]
    (muscle,) = named(marks, LandmarkName.QUADRATUS_FEMORIS, uid)
    assert 250 < outline_area_mm2(muscle.points_mm, affine) < 1200
    for mark in marks:
        if mark.name is LandmarkName.QUADRATUS_FEMORIS:
            assert mark.closed
            continue
        near = closest_in_plane(
            muscle.points_mm, mark.points_mm, affine,
            first_closed=True, second_closed=mark.closed,
        )  # fmt: skip
        assert near.distance_mm > 0.4, mark.name
        assert not encloses(muscle.points_mm, mark.points_mm[0], affine), mark.name


@pytest.mark.parametrize("extent", [0.05, 0.3, 0.7, 1.0])
@pytest.mark.parametrize(("ifs", "qfs"), [(8, 4), (24, 14)])
def test_the_oedematous_share_of_the_muscle_is_the_extent(
    ifs: float, qfs: float, extent: float
) -> None:
    phantom = quick(HipSpec(ifs, qfs, 2.0, extent), None)
    hip = phantom.hip(Side.LEFT)
    assert hip is not None
    muscle, oedema = hip.anatomy.quadratus, hip.anatomy.oedema
    assert oedema is not None
    (x_low, x_high, y_low, y_high) = muscle.box
    x, y = np.arange(x_low, x_high, 0.15), np.arange(y_low, y_high, 0.15)
    inside = (muscle.distance(x, y) < 0).sum()
    assert (oedema.distance(x, y) < 0).sum() / inside == pytest.approx(extent, abs=0.006)
    truth = phantom.truth["left"]
    assert truth["oedema_volume_ml"] == pytest.approx(
        extent * truth["quadratus_femoris_volume_ml"], rel=1e-5
    )


@pytest.mark.parametrize(("ifs", "qfs"), [(22, 14), (11, 7), (4, 2.5), (45, 29)])
def test_a_qfs_that_is_not_said_goes_with_the_ifs(ifs: float, qfs: float) -> None:
    assert HipSpec(ifs).qfs_mm == qfs
    assert quick(HipSpec(ifs)).truth["left"]["qfs_mm"] == qfs


def test_an_oedema_ratio_alone_means_oedema_of_most_of_the_muscle() -> None:
    assert quick(HipSpec(oedema_ratio=2.5)).truth["left"]["oedema_extent"] == 0.7
    assert quick(HipSpec(oedema_ratio=2.5)).truth["left"]["median_signal_ratio"] == 2.5
    assert quick(HipSpec(oedema_extent=0.5)).truth["left"]["oedema_extent"] == 0


# --- shapes -------------------------------------------------------------------------------------


def test_the_gap_between_two_rounded_shapes_is_that_of_their_cores_less_both_radii() -> None:
    square = Path(((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)), closed=True)
    distance, start, end = gap(square, 0.5, Path(((6.0, 5.0),)), 1.0)
    assert distance == pytest.approx(5.0 - 1.5)
    assert start == pytest.approx((2.4, 2.3))
    assert end == pytest.approx((5.2, 4.4))


def test_an_outline_is_the_same_whichever_way_the_core_goes_round() -> None:
    corners = ((0.0, 0.0), (4.0, 0.0), (5.0, 3.0), (1.0, 4.0))
    one = rounded_outline(Path(corners, closed=True), 1.5, 1.0)
    other = rounded_outline(Path(corners[::-1], closed=True), 1.5, 1.0)
    assert cKDTree(other).query(one)[0].max() < 0.03
    core = Path(corners, closed=True)
    distances = [core.distance(np.array([x]), np.array([y]))[0, 0] for x, y in one]
    np.testing.assert_allclose(distances, 1.5, atol=1e-9)


@given(x=st.floats(-3, 3), y=st.floats(-3, 3), radius=st.floats(0.1, 6))
def test_the_area_of_a_polygon_within_a_circle_is_that_of_a_fine_count(
    x: float, y: float, radius: float
) -> None:
    polygon = Path(((-2.0, -1.0), (2.0, -1.0), (0.5, 0.0), (2.0, 2.0), (-2.0, 2.0)), closed=True)
    part = Within(polygon, (x, y), radius)
    axis = np.arange(-2.1, 2.1, 0.02) + 0.01
    counted = (part.distance(axis, axis) < 0).sum() * 0.02**2
    assert part.area_mm2() == pytest.approx(counted, abs=0.06)


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"ifs_mm": 12, "qfs_mm": 20}, "does not go with"),
        ({"ifs_mm": 30, "qfs_mm": 10}, "expected 14 to 33 mm"),
        ({"ifs_mm": 2, "qfs_mm": 2}, "IFS is 2 mm; expected 4 to 45 mm"),
        ({"ifs_mm": float("nan")}, "IFS is nan"),
        ({"ifs_mm": 10, "qfs_mm": -1}, "QFS is -1 mm"),
        ({"oedema_ratio": 0.5}, "oedema ratio is 0.5; expected 1 to 10"),
        ({"oedema_extent": 1.2}, "oedema extent is 1.2"),
        ({"oedema_extent": float("nan")}, "oedema extent is nan"),
    ],
)
def test_spaces_that_cannot_be_built_are_refused(spec: dict[str, float], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        HipSpec(**spec)


@pytest.mark.parametrize(
    ("scan", "says"),
    [
        ({"pixel_mm": (0.0, 1.0)}, "pixel size is 0 mm"),
        ({"pixel_mm": (1.0,)}, "pixel size has 1 numbers; expected 2"),
        ({"pose_deg": (1.0, 2.0)}, "pose has 2 numbers; expected 3"),
        ({"pose_deg": (0.0, 80.0, 0.0)}, "pose is 80 deg; expected -60 to 60 deg"),
        ({"pose_deg": (0.0, float("nan"), 0.0)}, "pose is nan"),
        ({"slice_spacing_mm": float("nan")}, "slice spacing is nan"),
        ({"slice_spacing_mm": 0.0}, "slice spacing is 0 mm"),
        ({"slice_thickness_mm": 0.0}, "slice thickness is 0 mm"),
        ({"slice_thickness_mm": 6.0}, "slice thickness is 6 mm; expected 0.5 to 5 mm"),
        ({"n_slices": 0}, "number of slices is 0"),
        ({"offset_mm": (float("inf"), 0.0, 0.0)}, "offset is inf"),
        ({"snr": 0.0}, "SNR is 0"),
        ({"shading": -0.1}, "shading is -0.1"),
        ({"seed": -1}, "seed is -1"),
        ({"fluid_sequence": "flair"}, "'flair' is not known"),
        ({"pixel_mm": (0.2, 0.2), "n_slices": 200}, "more than 100,000,000 voxels"),
        ({"left": None, "right": None}, "neither side"),
        ({"n_slices": 5, "left": HipSpec(slice_offset=2)}, "would be number 5 of 5"),
        ({"n_slices": 5, "left": HipSpec(slice_offset=-3)}, "would be number 0 of 5"),
    ],
)
def test_scans_that_cannot_be_made_are_refused(scan: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make_phantom(**({"pixel_mm": COARSE} | scan))
