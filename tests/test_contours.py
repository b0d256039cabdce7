"""Masks to outlines: known shapes, awkward grids, exact expected values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from ifi_mri import geometry
from ifi_mri.landmarks import contours
from ifi_mri.model import Grid


def upright(pixel_mm=(0.7, 0.7), spacing_mm=3.0, origin=(10.0, -20.0, 30.0)):
    """Return an affine with slices to the head, rows to the back, columns to the left."""
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([(0, 0, spacing_mm), (0, pixel_mm[0], 0), (pixel_mm[1], 0, 0)])
    affine[:3, 3] = origin
    return affine


def turned(affine, *angles_deg):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()
    return matrix @ affine


def positions(affine, shape):
    return geometry.voxel_to_patient(affine, np.moveaxis(np.indices(shape), 0, -1))


def rod(affine, shape, centre, radius, direction=(0.0, 0.0, 1.0)):
    """Return the voxels of an endless rod."""
    direction = np.asarray(direction) / np.linalg.norm(direction)
    offsets = positions(affine, shape) - centre
    across = offsets - (offsets @ direction)[..., None] * direction
    return np.linalg.norm(across, axis=-1) <= radius


def middle(affine, shape):
    return geometry.voxel_to_patient(affine, (np.array(shape) - 1) / 2)


def radii(line, centre):
    return np.linalg.norm(line[:, :2] - np.asarray(centre)[:2], axis=1)


def area(line, affine):
    return geometry.outline_area_mm2(line, affine)


# --- a known circle -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pixel_mm", "radius"), [((0.7, 0.7), 12.0), ((0.5, 1.2), 12.0), ((1.5, 1.5), 15.0)]
)
def test_the_outline_of_a_disc_is_its_circle(pixel_mm, radius):
    affine, shape = upright(pixel_mm), (3, 70, 70)
    centre = np.add(middle(affine, shape), (0.21, 0.13, 0.0))
    mask = rod(affine, shape, centre, radius)

    (line,) = contours.sections(mask, affine, Grid.from_affine(affine, shape))[1]

    off = radii(line, centre) - radius
    assert abs(off.mean()) < 0.06 * max(pixel_mm)
    assert off.std() < 0.25 * max(pixel_mm)
    assert line[:, 2] == pytest.approx(33.0)


def test_smoothing_does_not_shrink_small_discs():
    affine, shape = upright(), (1, 40, 40)
    centre = middle(affine, shape)
    for radius in (4.0, 6.0, 8.0):
        mask = rod(affine, shape, centre, radius)

        (line,) = contours.sections(mask, affine, Grid.from_affine(affine, shape))[0]

        assert area(line, affine) == pytest.approx(mask.sum() * 0.49, rel=0.04)


@pytest.mark.parametrize("n_pixels", [(2, 2), (1, 5), (2, 3)])
def test_pieces_of_a_few_pixels_keep_an_outline(n_pixels):
    affine, shape = upright(), (1, 30, 30)
    mask = np.zeros(shape, dtype=bool)
    mask[0, 10 : 10 + n_pixels[0], 12 : 12 + n_pixels[1]] = True

    (line,) = contours.sections(mask, affine, Grid.from_affine(affine, shape))[0]

    assert area(line, affine) == pytest.approx(mask.sum() * 0.49, rel=0.6)


def test_a_straight_edge_along_the_rows_lies_between_its_voxels():
    """Corners that smoothing rounds off must not push the straight edges outwards."""
    affine, shape = upright(), (1, 80, 80)
    mask = np.zeros(shape, dtype=bool)
    mask[0, 20:60, 25:45] = True

    (line,) = contours.sections(mask, affine, Grid.from_affine(affine, shape))[0]

    indices = geometry.patient_to_voxel(affine, line)
    middle_part = indices[(indices[:, 1] > 30) & (indices[:, 1] < 50)]
    edge = np.where(middle_part[:, 2] < 35, 24.5, 44.5)
    assert middle_part[:, 2] == pytest.approx(edge, abs=0.03)


def test_each_piece_keeps_its_own_area():
    affine, shape = upright(), (1, 60, 60)
    small = rod(affine, shape, geometry.voxel_to_patient(affine, (0, 12, 12)), 3.0)
    large = rod(affine, shape, geometry.voxel_to_patient(affine, (0, 38, 38)), 12.0)

    lines = contours.sections(small | large, affine, Grid.from_affine(affine, shape))[0]

    assert [area(line, affine) for line in lines] == pytest.approx(
        [large.sum() * 0.49, small.sum() * 0.49], rel=0.03
    )


def test_the_half_contour_of_fractions_is_the_edge_itself():
    affine, shape = upright(), (1, 50, 50)
    centre = np.add(middle(affine, shape), (0.2, 0.3, 0))
    x, y = np.moveaxis(positions(affine, shape)[..., :2] - centre[:2], -1, 0)
    distance = np.hypot(x, y) - 10.0
    fraction = np.clip(0.5 - distance / 0.7, 0, 1).astype(np.float32)

    (line,) = contours.sections(fraction, affine, Grid.from_affine(affine, shape))[0]

    assert radii(line, centre) == pytest.approx(10.0, abs=0.06)
    assert radii(line, centre).mean() == pytest.approx(10.0, abs=0.005)


def test_zeros_and_ones_stored_as_fractions_are_smoothed_as_a_mask():
    affine, shape = upright(), (1, 50, 50)
    mask = rod(affine, shape, middle(affine, shape), 9.0)
    grid = Grid.from_affine(affine, shape)

    (from_mask,) = contours.sections(mask, affine, grid)[0]
    (from_floats,) = contours.sections(mask.astype(np.float32), affine, grid)[0]

    assert from_floats == pytest.approx(from_mask)


# --- what is ignored ----------------------------------------------------------------------------


def test_holes_are_ignored():
    affine, shape = upright(), (1, 50, 50)
    centre = middle(affine, shape)
    full = rod(affine, shape, centre, 12.0)
    grid = Grid.from_affine(affine, shape)

    lines = contours.sections(full & ~rod(affine, shape, centre, 6.0), affine, grid)[0]

    assert len(lines) == 1
    assert lines[0] == pytest.approx(contours.sections(full, affine, grid)[0][0])


def test_holes_in_fractions_are_ignored():
    affine, shape = upright(), (1, 50, 50)
    centre = middle(affine, shape)
    fraction = rod(affine, shape, centre, 12.0) * np.float32(0.9)
    fraction[rod(affine, shape, centre, 6.0)] = 0.1

    lines = contours.sections(fraction, affine, Grid.from_affine(affine, shape))[0]

    assert len(lines) == 1
    assert radii(lines[0], centre).mean() == pytest.approx(12.0, abs=0.2)


def test_stray_pixels_have_no_outline():
    affine = upright()
    mask = np.zeros((1, 30, 30), dtype=bool)
    mask[0, 5, 5] = mask[0, 5, 6] = True

    assert contours.sections(mask, affine, Grid.from_affine(affine, mask.shape)) == [[]]


def test_planes_beyond_the_mask_have_no_outlines():
    affine, shape = upright(), (4, 30, 30)
    mask = rod(affine, shape, middle(affine, shape), 6.0)
    planes = Grid.from_affine(upright(origin=(0, 0, 18.0)), (10, 5, 5))

    lines = contours.sections(mask, affine, planes)

    assert [len(of_one) for of_one in lines] == [0, 0, 0, 0, 1, 1, 1, 1, 0, 0]


def test_an_empty_mask_has_no_outlines():
    affine = upright()
    planes = Grid.from_affine(affine, (2, 5, 5))

    assert contours.sections(np.zeros((2, 5, 5), dtype=bool), affine, planes) == [[], []]


def test_a_structure_at_the_edge_of_the_voxels_is_closed_along_it():
    affine, shape = upright(), (1, 40, 40)
    mask = rod(affine, shape, geometry.voxel_to_patient(affine, (0, 0, 20)), 10.0)

    (line,) = contours.sections(mask, affine, Grid.from_affine(affine, shape))[0]

    assert line[:, 1].min() == pytest.approx(-20.35, abs=0.15)
    assert area(line, affine) == pytest.approx(mask.sum() * 0.49, rel=0.02)


def test_cutting_a_mask_to_the_box_around_it_changes_nothing():
    affine, shape = upright(), (3, 50, 50)
    mask = rod(affine, shape, np.add(middle(affine, shape), (0.2, 0.1, 0)), 9.0)
    rows, columns = (np.flatnonzero(mask.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    box = np.array(affine)
    box[:3, 3] = geometry.voxel_to_patient(affine, (0, rows[0], columns[0]))
    tight = mask[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    grid = Grid.from_affine(affine, shape)

    (expected,) = contours.sections(mask, affine, grid)[1]
    (found,) = contours.sections(tight, box, grid)[1]

    assert found == pytest.approx(expected, abs=1e-5)


# --- planes other than the mask's own -----------------------------------------------------------


def test_outlines_lie_on_the_planes_asked_for():
    affine, shape = turned(upright((1.0, 1.0), 1.0), 20, -10, 30), (40, 60, 60)
    centre = middle(affine, shape)
    mask = rod(affine, shape, centre, 12.0)
    planes = np.array(upright((0.4, 0.4), 5.0))
    planes[:3, 3] = centre - (3.0, 2.0, 5.0)

    lines = contours.sections(mask, affine, Grid.from_affine(planes, (3, 8, 8)))

    for k, (line,) in enumerate(lines):
        assert line[:, 2] == pytest.approx(centre[2] - 5.0 + 5.0 * k)
        off = radii(line, centre) - 12.0
        assert abs(off.mean()) < 0.1
        assert off.std() < 0.25


def test_an_oblique_cut_through_a_rod_is_an_ellipse():
    affine, shape = upright((0.8, 0.8), 0.8), (60, 60, 60)
    centre = middle(affine, shape)
    mask = rod(affine, shape, centre, 9.0)
    planes = turned(np.eye(4)[:, [2, 1, 0, 3]], 30, 0, 0)
    planes[:3, 3] = centre

    (line,) = contours.sections(mask, affine, Grid.from_affine(planes, (1, 4, 4)))[0]

    assert area(line, planes) == pytest.approx(np.pi * 81 / np.cos(np.radians(30)), rel=0.03)


def test_between_two_slices_an_edge_lies_half_way():
    affine = upright((0.7, 0.7), 5.0)
    shape = (2, 60, 60)
    mask = np.zeros(shape, dtype=bool)
    mask[0] = rod(affine, shape, middle(affine, shape), 8.0)[0]
    mask[1] = rod(affine, shape, middle(affine, shape), 12.0)[0]
    planes = upright((0.7, 0.7), 1.25)

    lines = contours.sections(mask, affine, Grid.from_affine(planes, (5, 60, 60)))

    centre = middle(affine, shape)
    found = [radii(line, centre).mean() for (line,) in lines]
    assert found == pytest.approx([8.0, 9.0, 10.0, 11.0, 12.0], abs=0.1)


def test_the_outermost_slices_stand_for_half_a_slice_beyond_them():
    affine, shape = upright((1, 1), 4.0, origin=(0, 0, 0)), (3, 30, 30)
    mask = rod(affine, shape, middle(affine, shape), 8.0)
    planes = upright((1, 1), 1.0, origin=(0, 0, -3.0))

    lines = contours.sections(mask, affine, Grid.from_affine(planes, (15, 30, 30)))

    shown = [k - 3.0 for k, of_one in enumerate(lines) if of_one]
    assert shown == [float(z) for z in range(-2, 11)]


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1)])
@pytest.mark.parametrize("flips", [(), (0,), (1, 2), (0, 1, 2)])
def test_the_order_in_which_voxels_are_stored_does_not_matter(order, flips):
    affine, shape = turned(upright((0.6, 0.9), 2.5), 3, -4, 12), (5, 50, 44)
    mask = rod(affine, shape, np.add(middle(affine, shape), (1.0, 2.0, 0.0)), 9.0, (0.2, 0.1, 1.0))
    stored, matrix = mask.transpose(order), np.array(affine)[:, [*order, 3]]
    for axis in flips:
        matrix[:3, 3] += (stored.shape[axis] - 1) * matrix[:3, axis]
        matrix[:3, axis] *= -1
        stored = np.flip(stored, axis)
    grid = Grid.from_affine(affine, shape)

    expected = contours.sections(mask, affine, grid)
    found = contours.sections(np.ascontiguousarray(stored), matrix, grid)

    for (one,), (other,) in zip(expected, found, strict=True):
        assert cKDTree(one).query(other)[0].max() < 1e-4


@given(
    shift=st.tuples(*[st.floats(-50, 50)] * 3),
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
)
def test_outlines_turn_and_shift_with_the_patient(shift, angles):
    affine, shape = upright((0.7, 0.9), 3.0), (2, 30, 26)
    mask = rod(affine, shape, np.add(middle(affine, shape), (0.4, 0.2, 0.0)), 7.0)
    moved = turned(affine, *angles)
    moved[:3, 3] += shift

    (here,) = contours.sections(mask, affine, Grid.from_affine(affine, shape))[1]
    (there,) = contours.sections(mask, moved, Grid.from_affine(moved, shape))[1]

    back = geometry.voxel_to_patient(affine, geometry.patient_to_voxel(moved, there))
    assert back == pytest.approx(here, abs=1e-4)


# --- the figures that the module promises -------------------------------------------------------


def ellipse(centre, axes, angle, count=3000):
    t = np.linspace(0, 2 * np.pi, count, endpoint=False)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([axes[0] * np.cos(t), axes[1] * np.sin(t)]) @ turn.T + centre


def in_ellipse(points, centre, axes, angle):
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (((points - centre) @ turn.T / axes) ** 2).sum(axis=-1) <= 1


def dense(line, step=0.1):
    closed = np.vstack([line, line[:1]])
    at = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    steps = np.arange(0, at[-1], step)
    return np.column_stack([np.interp(steps, at, closed[:, i]) for i in range(closed.shape[1])])


def test_distances_between_masks_are_right_on_average_and_to_a_fifth_of_a_pixel():
    """0.7 mm pixels, random poses: the figures of the issue with room for 60 draws."""
    rng = np.random.default_rng(4)
    affine = upright((0.7, 0.7), 3.0, origin=(0, 0, 0))
    errors = []
    for _ in range(60):
        axes = rng.uniform(8, 20, (2, 2))
        angles, towards = rng.uniform(0, np.pi, 2), rng.uniform(0, 2 * np.pi)
        first = np.array([50.0, 50.0]) + rng.uniform(0, 0.7, 2)
        apart = axes.max(axis=1).sum() + rng.uniform(3, 20)
        second = first + apart * np.array([np.cos(towards), np.sin(towards)])
        lines = []
        for k, centre in enumerate((first, second)):
            own = np.array(affine)
            own[:2, 3] = 0.7 * np.floor((centre - 25) / 0.7)
            points = positions(own, (1, 72, 72))[..., :2]
            mask = in_ellipse(points, centre, axes[k], angles[k])
            (line,) = contours.sections(mask, own, Grid.from_affine(own, mask.shape))[0]
            lines.append(dense(line)[:, :2])
        truth = cKDTree(ellipse(first, axes[0], angles[0])).query(
            ellipse(second, axes[1], angles[1])
        )[0]
        errors.append(cKDTree(lines[0]).query(lines[1])[0].min() - truth.min())
    assert abs(np.mean(errors)) < 0.05
    assert np.std(errors) < 0.15
