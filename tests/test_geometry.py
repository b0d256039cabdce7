"""Millimetres in awkward grids: exact values, and what turning the patient must not change."""

import pickle
from itertools import pairwise
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_erosion
from scipy.spatial.transform import Rotation
from skimage.measure import grid_points_in_poly

from ifi_mri import geometry, segments
from ifi_mri.model import Landmark
from ifi_mri.vocabulary import LandmarkName, Side

#: An oblique grid with flipped columns, 0.8 x 0.4 mm pixels and 5 mm slices.
TURN = Rotation.from_euler("xyz", [11, -7, 23], degrees=True).as_matrix()
AWKWARD = np.eye(4)
AWKWARD[:3, :3] = TURN @ np.array([[0, 0, -0.4], [0, 0.8, 0], [5, 0, 0]])
AWKWARD[:3, 3] = (31.5, -12.25, 7.0)

angles = st.tuples(*[st.floats(-180, 180)] * 3)
offsets = st.tuples(*[st.floats(-200, 200)] * 3)
in_plane = st.lists(st.tuples(st.floats(-40, 40), st.floats(-40, 40)), min_size=1, max_size=7)


def placed(points_2d, affine, offset_mm=0.0):
    """Return points given in mm along an affine's image-right and image-down directions."""
    basis = geometry.plane_basis(affine)
    across = offset_mm * geometry.slice_normal(affine)
    return np.asarray(points_2d, dtype=float) @ basis + affine[:3, 3] + across


def test_a_voxel_of_an_oblique_grid_lies_where_its_matrix_says():
    expected = AWKWARD[:3, 3] + 2 * AWKWARD[:3, 0] + 3 * AWKWARD[:3, 1] + 5 * AWKWARD[:3, 2]

    assert np.allclose(geometry.voxel_to_patient(AWKWARD, (2, 3, 5)), expected, atol=1e-12)
    assert np.allclose(geometry.patient_to_voxel(AWKWARD, expected), (2, 3, 5), atol=1e-9)


def test_the_normal_points_the_way_the_slices_grow():
    assert geometry.slice_normal(AWKWARD) @ AWKWARD[:3, 0] == pytest.approx(5.0)
    reversed_stack = AWKWARD.copy()
    reversed_stack[:3, 0] *= -1
    assert geometry.slice_normal(reversed_stack) @ AWKWARD[:3, 0] == pytest.approx(-5.0)


@pytest.mark.parametrize(
    ("axis", "degrees", "tilt", "plane"),
    [
        ("x", 0, 0, "axial"),
        ("x", 25, 25, "axial"),
        ("y", 90, 90, "sagittal"),
        ("x", -90, 90, "coronal"),
    ],
)
def test_the_tilt_from_axial_is_the_angle_of_the_normal(axis, degrees, tilt, plane):
    affine = np.eye(4)
    turn = Rotation.from_euler(axis, degrees, degrees=True).as_matrix()
    affine[:3, :3] = turn @ np.array([[0, 0, 1.0], [0, 1, 0], [4, 0, 0]])

    assert geometry.tilt_from_axial_deg(affine) == pytest.approx(tilt, abs=1e-6)
    assert geometry.plane_name(affine) == plane


def test_the_tilt_from_the_nearest_plane_is_small_for_a_steep_coronal():
    affine = np.eye(4)
    turn = Rotation.from_euler("x", 80, degrees=True).as_matrix()
    affine[:3, :3] = turn @ np.array([[0, 0, 1.0], [0, 1, 0], [4, 0, 0]])

    assert geometry.tilt_from_plane_deg(affine) == pytest.approx(10, abs=1e-6)


def test_the_pixel_within_planes_leaves_out_the_axis_across_them():
    sagittal = np.eye(4)
    sagittal[:3, :3] = TURN @ np.array([[5.0, 0, 0], [0, 0, 0.7], [0, 0.9, 0]])

    assert geometry.pixel_within_mm(AWKWARD, AWKWARD) == pytest.approx(0.8)
    assert geometry.pixel_within_mm(sagittal, AWKWARD) == pytest.approx(5.0)
    assert geometry.pixel_within_mm(sagittal, sagittal) == pytest.approx(0.9)


def test_a_sheared_grid_is_seen():
    sheared = AWKWARD.copy()
    sheared[:3, 0] += 0.05 * sheared[:3, 1]

    assert geometry.is_sheared(sheared)
    assert not geometry.is_sheared(AWKWARD)


def test_points_lie_on_the_slice_that_is_nearest_along_the_normal():
    points = geometry.voxel_to_patient(AWKWARD, [(2.5, 3, 5), (0, 900, -40)])

    assert np.allclose(geometry.slice_coordinate(AWKWARD, points), (2.5, 0), atol=1e-9)


@pytest.mark.parametrize("lean_mm", [0.0, 0.4])
def test_one_position_lies_on_the_same_slice_as_among_several(lean_mm):
    affine = AWKWARD.copy()
    affine[:3, 0] += lean_mm * affine[:3, 2]
    points = geometry.voxel_to_patient(affine, [(2.5, 3, 5), (-1, 900, -40), (7, 0, 0)])

    one_by_one = [geometry.slice_coordinate_of(affine, tuple(one)) for one in points.tolist()]

    assert np.allclose(one_by_one, geometry.slice_coordinate(affine, points), atol=1e-9)
    assert np.allclose(one_by_one, (2.5, -1, 7), atol=1e-9)


def test_the_cross_product_is_numpys():
    first, second = AWKWARD[:3, 1], np.array([0.25, -3.0, 1e-3])

    assert np.array_equal(geometry.cross(first, second), np.cross(first, second))
    assert not np.array_equal(geometry.cross(second, first), geometry.cross(first, second))


@pytest.mark.parametrize(
    ("coordinate", "k"),
    [(2.5, 2), (3.5, 3), (2.5000001, 2), (2.4999999, 2), (2.51, 3), (2.49, 2), (-0.4, 0), (7.0, 7)],
)
def test_half_way_between_two_slices_is_the_first_of_them(coordinate, k):
    assert geometry.nearest_slice(coordinate) == k


def test_the_middle_of_a_landmark_is_the_mean_of_its_vertices():
    points = tuple(map(tuple, placed([(0, 0), (9, 1), (3, -7), (1, 1)], AWKWARD).tolist()))
    outline = Landmark(LandmarkName.QUADRATUS_FEMORIS, Side.LEFT, points, closed=True)
    click = Landmark(LandmarkName.LESSER_TROCHANTER, Side.LEFT, points[:1])

    assert np.allclose(outline.centre_mm, outline.vertices_mm.mean(axis=0), atol=1e-12)
    assert click.centre_mm == points[0]
    assert not outline.vertices_mm.flags.writeable
    assert outline.vertices_mm is outline.vertices_mm
    copied = pickle.loads(pickle.dumps(outline))  # noqa: S301 - own bytes
    assert copied == outline
    assert not copied.vertices_mm.flags.writeable


def test_a_position_along_the_normal_is_z_for_upright_slices_either_way_up():
    for step in (4.0, -4.0):
        affine = np.array([[0, 0, 1.0, 9], [0, 1, 0, 8], [step, 0, 0, 7], [0, 0, 0, 1]])
        assert geometry.position_along_normal_mm(affine, (1, 2, 33.5)) == pytest.approx(33.5)


def test_a_point_beside_a_segment_is_nearest_to_its_inside_not_to_a_vertex():
    segment = placed([(-10, 0), (10, 0)], AWKWARD)
    point = placed([(3, 4)], AWKWARD)

    closest = geometry.closest_in_plane(point, segment, AWKWARD)

    assert closest.distance_mm == pytest.approx(4.0)
    assert np.allclose(closest.end, placed([(3, 0)], AWKWARD)[0])


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("swapped", [False, True])
def test_either_end_of_a_segment_may_be_nearest_to_the_inside_of_another(turned, swapped):
    across = placed([(-10, 0), (14, 0)], AWKWARD)
    upright = placed([(3, 4), (5, 20)][:: -1 if turned else 1], AWKWARD)
    pair = (upright, across) if swapped else (across, upright)

    closest = geometry.closest_in_plane(*pair, AWKWARD)

    assert closest.distance_mm == pytest.approx(4.0)
    ends = (closest.end, closest.start) if swapped else (closest.start, closest.end)
    assert np.allclose(ends, placed([(3, 0), (3, 4)], AWKWARD))


def test_what_lies_across_the_plane_does_not_count_in_the_plane_but_does_in_space():
    a, b = placed([(0, 0)], AWKWARD), placed([(15, 0)], AWKWARD, offset_mm=6.0)

    assert geometry.closest_in_plane(a, b, AWKWARD).distance_mm == pytest.approx(15.0)
    assert geometry.closest_in_space(a, b).distance_mm == pytest.approx(np.hypot(15, 6))


def test_two_points_at_one_place_are_no_distance_apart():
    point = placed([(3, 4)], AWKWARD)

    assert geometry.closest_in_plane(point, point + 1e-8, AWKWARD).distance_mm == 0.0
    assert geometry.closest_in_plane(point, point + 1e-3, AWKWARD).distance_mm > 0.0


def test_crossing_outlines_are_no_distance_apart():
    a = placed([(-5, -5), (5, 5)], AWKWARD)
    b = placed([(-5, 5), (5, -5)], AWKWARD)

    assert geometry.closest_in_plane(a, b, AWKWARD).distance_mm == 0.0


def test_skew_segments_in_space_are_nearest_within_both():
    a = [(-5, 0, 0), (5, 0, 0)]
    b = [(1, -5, 3), (1, 5, 3)]

    closest = geometry.closest_in_space(a, b)

    assert closest.distance_mm == pytest.approx(3.0)
    assert np.allclose(closest.start, (1, 0, 0))
    assert np.allclose(closest.end, (1, 0, 3))


def test_a_closed_outline_has_a_segment_from_its_last_vertex_to_its_first():
    triangle = placed([(0, 0), (0, 10), (10, 10)], AWKWARD)
    point = placed([(8, 2)], AWKWARD)

    opened = geometry.closest_in_plane(point, triangle, AWKWARD)
    closed = geometry.closest_in_plane(point, triangle, AWKWARD, second_closed=True)

    assert opened.distance_mm == pytest.approx(8.0)
    assert closed.distance_mm == pytest.approx(np.sqrt(18))


@given(in_plane, in_plane, st.booleans(), st.booleans())
def test_the_closest_line_is_never_longer_than_dense_sampling_finds(
    first, second, close_1, close_2
):
    def dense(points, closed):
        ring = [*points, points[0]] if closed and len(points) > 2 else points
        pieces = [np.linspace(p, q, 60) for p, q in pairwise(ring)]
        return np.concatenate(pieces) if pieces else np.asarray(ring, dtype=float)

    sampled = np.linalg.norm(dense(first, close_1)[:, None] - dense(second, close_2)[None], axis=2)
    closest = geometry.closest_in_plane(
        placed(first, AWKWARD),
        placed(second, AWKWARD),
        AWKWARD,
        first_closed=close_1,
        second_closed=close_2,
    )

    assert closest.distance_mm <= sampled.min() + 1e-6
    assert closest.distance_mm >= sampled.min() - 1.4  # the spacing of the samples
    assert np.linalg.norm(closest.start - closest.end) == pytest.approx(
        closest.distance_mm, abs=1e-5
    )


@given(in_plane, in_plane, angles, offsets)
def test_turning_and_shifting_the_patient_changes_no_distance(first, second, turn, shift):
    moved = np.eye(4)
    moved[:3, :3] = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    moved[:3, 3] = shift
    a, b = placed(first, AWKWARD), placed(second, AWKWARD)
    before = geometry.closest_in_plane(a, b, AWKWARD).distance_mm
    a_moved, b_moved = (points @ moved[:3, :3].T + moved[:3, 3] for points in (a, b))

    after = geometry.closest_in_plane(a_moved, b_moved, moved @ AWKWARD).distance_mm

    assert after == pytest.approx(before, abs=1e-5)


def test_an_outline_encloses_its_inside_only():
    ring = placed([(0, 0), (10, 0), (10, 10), (5, 2), (0, 10)], AWKWARD)

    assert geometry.encloses(ring, placed([(1, 2)], AWKWARD)[0], AWKWARD)
    assert not geometry.encloses(ring, placed([(5, 6)], AWKWARD)[0], AWKWARD)
    assert not geometry.encloses(ring, placed([(12, 2)], AWKWARD)[0], AWKWARD)


def test_an_area_is_in_mm2_whatever_the_pixels():
    ring = placed([(0, 0), (10, 0), (10, 4), (0, 4)], AWKWARD)

    assert geometry.outline_area_mm2(ring, AWKWARD) == pytest.approx(40.0)


def test_pixels_inside_are_those_whose_centre_lies_inside():
    corners = [(0, 2.6, 4.4), (0, 2.6, 7.6), (0, 5.4, 7.6), (0, 5.4, 4.4)]
    ring = geometry.voxel_to_patient(AWKWARD, corners)
    expected = np.zeros((12, 20), dtype=bool)
    expected[3:6, 5:8] = True

    assert np.array_equal(geometry.pixels_inside(ring, AWKWARD, (12, 20)), expected)


@pytest.mark.parametrize("grain", [0.0, 1.0, 0.5])
def test_pixels_inside_are_those_that_scikit_image_finds(grain):
    """Outlines that cross themselves, and those that run through the centres of pixels."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        corners = rng.uniform(-3, 24, size=(rng.integers(3, 30), 2))
        corners = np.round(corners / grain) * grain if grain else corners
        ring = np.column_stack([np.zeros(len(corners)), corners])
        expected = grid_points_in_poly((30, 30), corners + 5)[5:25, 5:26]
        found = geometry.pixels_inside(ring, np.eye(4), (20, 21))
        np.testing.assert_array_equal(found, expected)


def test_pixels_inside_stop_at_the_edge_of_the_picture():
    ring = geometry.voxel_to_patient(AWKWARD, [(0, -5, -5), (0, -5, 50), (0, 50, 50), (0, 50, -5)])

    assert geometry.pixels_inside(ring, AWKWARD, (6, 7)).all()


def test_an_outline_off_the_slice_is_seen_along_the_normal():
    ring = placed([(-8, 4), (-4, 4), (-4, 8), (-8, 8)], AWKWARD, offset_mm=1.7)
    on_slice = placed([(-8, 4), (-4, 4), (-4, 8), (-8, 8)], AWKWARD)
    expected = geometry.pixels_inside(on_slice, AWKWARD, (40, 60))

    assert np.allclose(geometry.in_slice_plane(ring, AWKWARD), on_slice)
    assert np.array_equal(geometry.pixels_inside(ring, AWKWARD, (40, 60)), expected)


@pytest.mark.parametrize("grain", [0.0, 0.5])
def test_outlines_are_laid_on_pixels_together_as_one_by_one(grain):
    rng = np.random.default_rng(1)
    for n_outlines in (1, 2, 5):
        corners = [rng.uniform(-6, 30, size=(rng.integers(3, 20), 2)) for _ in range(n_outlines)]
        if grain:
            corners = [np.round(ring / grain) * grain for ring in corners]
        found = geometry.pixels_inside_each(corners, (3, 20, 21))

        assert found.shape == (n_outlines, 20, 21)
        for ring, one in zip(corners, found, strict=True):
            outline = np.column_stack([np.zeros(len(ring)), ring])
            np.testing.assert_array_equal(one, geometry.pixels_inside(outline, np.eye(4), (20, 21)))
    assert geometry.pixels_inside_each([], (20, 21)).shape == (0, 20, 21)


def test_erosion_takes_one_layer():
    mask = np.zeros((7, 7), dtype=bool)
    mask[1:6, 1:6] = True

    assert geometry.eroded(mask, 1).sum() == 9
    assert geometry.eroded(mask, 0).sum() == 25


@pytest.mark.parametrize("pixels", [0, 1, 2, 3])
def test_masks_of_a_stack_are_eroded_one_by_one(pixels):
    stack = np.random.default_rng(0).random((3, 17, 14)) < 0.95
    for mask, found in zip(stack, geometry.eroded(stack, pixels), strict=True):
        # beyond the picture there is nothing; scipy takes 0 iterations for "until nothing changes"
        expected = binary_erosion(mask, iterations=pixels) if pixels else mask
        np.testing.assert_array_equal(found, expected)
    assert not geometry.eroded(np.ones((1, 5), dtype=bool), 1).any()


# --- far segments are set aside -----------------------------------------------------------------

wiggles = st.lists(
    st.tuples(st.floats(-40, 40), st.floats(-40, 40)), min_size=1, max_size=70
) | st.lists(
    st.tuples(st.integers(-6, 6), st.integers(-6, 6)), min_size=1, max_size=70
)  # the latter touch, cross and lie parallel


@given(
    first=wiggles,
    second=wiggles,
    apart=st.floats(0, 120),
    closed=st.booleans(),
    few=st.sampled_from([0, segments.FEW_PAIRS]),  # with and without boxes around runs of segments
)
@settings(max_examples=60, deadline=None)
def test_far_segments_set_aside_never_change_the_shortest_line(first, second, apart, closed, few):
    a = placed(first, AWKWARD)
    b = placed(np.add(second, (apart, 0.0)), AWKWARD)

    with mock.patch.object(segments, "FEW_PAIRS", few):
        found = geometry.closest_in_plane(a, b, AWKWARD, first_closed=closed, second_closed=closed)

    pairs = [
        geometry.closest_in_plane(one, other, AWKWARD).distance_mm
        for one in edges(a, closed)
        for other in edges(b, closed)
    ]
    assert found.distance_mm == pytest.approx(min(pairs), abs=1e-9)
    across = geometry.plane_basis(AWKWARD) @ (found.end - found.start)
    assert np.linalg.norm(across) == pytest.approx(found.distance_mm, abs=1e-5)


def edges(points, closed):
    """Return the segments of an outline one by one; a point stands for itself."""
    if len(points) == 1:
        return [points]
    ring = [*points, points[0]] if closed and len(points) > 2 else list(points)
    return [np.stack(pair) for pair in pairwise(ring)]


def test_the_nearest_of_two_thousand_segments_is_found_in_space_too():
    t = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    ring = np.column_stack([20 * np.cos(t), 20 * np.sin(t), np.zeros(2000)])
    other = np.column_stack([20 * np.cos(t) + 47, 20 * np.sin(t), 3 + np.sin(5 * t)])

    found = geometry.closest_in_space(ring, other, first_closed=True, second_closed=True)

    points = np.linalg.norm(ring[:, None, :] - other[None, ::10], axis=-1)
    assert found.distance_mm <= points.min() + 1e-9
    assert found.distance_mm == pytest.approx(points.min(), abs=0.05)


@given(outlines=st.lists(wiggles, min_size=2, max_size=5), closed=st.booleans())
@settings(max_examples=40, deadline=None)
def test_pairs_taken_at_one_go_are_as_far_apart_as_pair_by_pair(outlines, closed):
    ready = [
        geometry.segments_in_plane(placed(one, AWKWARD), AWKWARD, closed=closed) for one in outlines
    ]
    pairs = list(pairwise([*ready, ready[0]]))

    for pair, line in zip(pairs, segments.shortest_lines(pairs), strict=True):
        (alone,) = segments.shortest_lines([pair])
        assert line.distance_mm == alone.distance_mm
        assert np.array_equal(line.start, alone.start)
        assert np.array_equal(line.end, alone.end)


def test_what_encloses_nothing_encloses_no_point():
    line = placed([(0, 0), (10, 8)], AWKWARD)

    for point in ((1, 4), (9, 4), (5, 4)):
        assert not geometry.encloses(line, placed([point], AWKWARD)[0], AWKWARD)
        assert not geometry.encloses(line[:1], placed([point], AWKWARD)[0], AWKWARD)


def test_an_outline_crosses_itself_where_two_of_its_sides_do():
    """Neighbouring sides share a corner and do not cross."""
    square = [(0, 0), (9, 0), (9, 7), (0, 7)]
    bow_tie = [(0, 0), (9, 7), (9, 0), (0, 7)]
    notched = [(0, 0), (9, 0), (9, 7), (4, 1), (0, 7)]
    looped = [(0, 0), (9, 0), (9, 7), (4, -1), (0, 7)]
    for corners, crosses in ((square, False), (bow_tie, True), (notched, False), (looped, True)):
        outline_mm = placed(corners, AWKWARD)
        for turned in (outline_mm, outline_mm[::-1], np.roll(outline_mm, 2, axis=0)):
            assert geometry.crosses_itself(turned, AWKWARD) is crosses
