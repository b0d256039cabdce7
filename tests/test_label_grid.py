"""A label map that claims an image's voxels must lie on them; the sentence says what differs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from ifi_mri.errors import LandmarkMismatchError
from ifi_mri.geometry import LPS_FROM_RAS
from ifi_mri.landmarks import label_grid
from ifi_mri.model import Grid

SHAPE = (30, 256, 320)


def image(shape=SHAPE, angles=(3, -5, 8), spacing=(4.8, 0.7, 0.6), origin=(-95.0, -80.0, 40.0)):
    affine = np.eye(4)
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    affine[:3, :3] = turn[:, ::-1] * spacing
    affine[:3, 3] = origin
    return Grid.from_affine(affine, shape)


def shifted(grid, offset):
    affine = np.array(grid.affine)
    affine[:3, 3] += offset
    return Grid.from_affine(affine, grid.shape)


def stored(grid, order, flips):
    """Return the same voxels stored along other axes and in other directions."""
    affine = np.array(grid.affine)[:, [*order, 3]]
    shape = [grid.shape[axis] for axis in order]
    for axis in flips:
        affine[:3, 3] += (shape[axis] - 1) * affine[:3, axis]
        affine[:3, axis] *= -1
    return Grid.from_affine(affine, shape)


def refusal(mask, picture):
    with pytest.raises(LandmarkMismatchError) as caught:
        label_grid.check(mask, picture, "m.nii.gz", "T1 axial")
    text = str(caught.value)
    assert text.startswith("m.nii.gz: ")
    assert "T1 axial" in text
    return text


def test_a_mask_on_the_image_passes():
    label_grid.check(image(), image(), "m", "s")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("flips", [(), (0,), (1, 2), (0, 1, 2)])
def test_how_voxels_are_stored_does_not_matter(order, flips):
    label_grid.check(stored(image(), order, flips), image(), "m", "s")


@given(
    offset=st.tuples(*[st.floats(-0.01, 0.01)] * 3),
)
def test_rounding_of_headers_is_no_difference(offset):
    label_grid.check(shifted(image(), offset), image(), "m", "s")


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        ((12.0, 0, 0), "12.00 mm towards the left (left-right)"),
        ((-0.35, 0, 0), "0.35 mm towards the right (left-right)"),
        ((0, 3.0, 0), "3.00 mm towards the back (front-back)"),
        ((0, 0, -4.8), "4.80 mm towards the feet (head-foot)"),
        ((0.03, 0, 0), "0.03 mm towards the left"),
    ],
)
def test_a_shift_is_told_along_the_patients_axes(offset, words):
    text = refusal(shifted(image(), offset), image())

    assert words in text
    assert text.count(" mm towards the ") == 1


def test_a_shift_along_two_axes_is_told_along_both():
    text = refusal(shifted(image(), (5.0, 0, -2.5)), image())

    assert "5.00 mm towards the left" in text
    assert "2.50 mm towards the feet" in text


def test_another_spacing_is_told_for_its_axis():
    text = refusal(image(spacing=(5.0, 0.7, 0.6)), image())

    assert "slices are 5 mm apart, the image's 4.8 mm" in text
    assert "rows are" not in text


def test_a_turn_is_told_in_degrees_and_mm_at_the_edge():
    centre = image()
    affine = np.array(centre.affine)
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("z", 2, degrees=True).as_matrix()
    middle = affine @ (*(np.array(SHAPE) - 1) / 2, 1.0)
    turn[:3, 3] = middle[:3] - turn[:3, :3] @ middle[:3]

    text = refusal(Grid.from_affine(turn @ affine, SHAPE), centre)

    assert "columns run 1.9" in text or "columns run 2.0" in text
    assert "at the edge" in text


def test_a_frame_taken_for_another_is_recognised():
    picture = image(angles=(0, 0, 0))
    mask = Grid.from_affine(LPS_FROM_RAS @ picture.affine, SHAPE)

    assert "RAS for LPS" in refusal(mask, picture)


def test_swapped_axes_are_told():
    picture = image(angles=(0, 0, 0))
    mask = Grid.from_affine(picture.affine, (30, 320, 256))

    assert "its axes have 30 x 320 x 256 voxels, the image's 30 x 256 x 320" in refusal(
        mask, picture
    )


def test_axes_that_run_nowhere_near_the_images_are_told():
    shape = (64, 64, 64)
    mask = image(shape, (30, 20, 25), (1, 1, 1))

    text = refusal(mask, image(shape, (0, 0, 0), (1, 1, 1)))

    assert "degrees off the image's" in text


def test_a_map_on_a_grid_of_its_own_need_only_overlap():
    label_grid.check(
        image((80, 100, 120), (0, 0, 0), (1.5, 1.5, 1.5), (-60, -50, 60)), image(), "m", "s"
    )


@pytest.mark.parametrize(
    ("offset", "word"),
    [((0, 0, 400), "head"), ((0, 0, -400), "feet"), ((400, 0, 0), "left"), ((0, -400, 0), "front")],
)
def test_a_map_beside_the_image_is_refused(offset, word):
    mask = shifted(image((80, 100, 120), (0, 0, 0), (1.5, 1.5, 1.5), (-60, -50, 60)), offset)

    text = refusal(mask, image(angles=(0, 0, 0)))

    assert f"towards the {word}" in text
    assert "overlap" in text


def test_the_distance_beyond_the_image_is_stated():
    """The image's last slice ends at 40 + 29.5 x 4.8 = 181.6 mm; the map begins at 199.5."""
    mask = image((10, 100, 120), (0, 0, 0), (1.5, 1.5, 1.5), (-60, -50, 200.25))

    assert "lies 17.9 mm beyond" in refusal(mask, image(angles=(0, 0, 0)))
