"""The body's midline in the picture tells left from right, and keeps quiet where it is not seen."""

import numpy as np
import pytest
from hips import mark

from ifi_mri.errors import LandmarkMismatchError
from ifi_mri.landmarks.midline import body_midline_x_mm, check_sides
from ifi_mri.model import LandmarkSet, Volume
from ifi_mri.vocabulary import Side


def pelvis(centre_mm=0.0, half_width_mm=180.0, field_mm=420.0, flip=1.0, level=100.0):
    """Return a slice with an elliptical body; with flip -1 columns run to the patient's right."""
    pixel_mm, n = 2.0, int(field_mm / 2)
    x = (np.arange(n) - (n - 1) / 2) * pixel_mm * flip
    y = (np.arange(n) - (n - 1) / 2) * pixel_mm
    inside = ((x[None] - centre_mm) / half_width_mm) ** 2 + (y[:, None] / 110.0) ** 2 < 1
    noise = np.abs(np.random.default_rng(0).normal(0, 3, (n, n)))
    affine = np.array(
        [[0, 0, pixel_mm * flip, x[0]], [0, pixel_mm, 0, y[0]], [5.0, 0, 0, 0], [0, 0, 0, 1]]
    )
    voxels = (inside * level + noise)[None].astype(np.float32)
    return Volume(voxels, affine, None, "1", ())


@pytest.mark.parametrize("flip", [1.0, -1.0])
@pytest.mark.parametrize("centre_mm", [0.0, 17.0])
def test_the_middle_of_the_body_is_the_midline_whichever_way_columns_run(flip, centre_mm):
    assert body_midline_x_mm(pelvis(centre_mm, flip=flip)) == pytest.approx(centre_mm, abs=2.5)


@pytest.mark.parametrize(
    "picture",
    [
        pelvis(half_width_mm=100),  # one thigh
        pelvis(half_width_mm=260),  # cut off at both edges
        pelvis(centre_mm=60),  # cut off at one edge
        pelvis(level=0.0),  # nothing there
    ],
)
def test_a_picture_without_both_sides_of_the_body_has_no_midline(picture):
    assert body_midline_x_mm(picture) is None


@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_a_bone_on_the_other_side_of_the_midline_stops_the_case(flip):
    picture = pelvis(17.0, flip=flip)
    left = LandmarkSet((mark("ischial_tuberosity", (77.0, 20.0, 0.0)),))
    wrong = LandmarkSet((mark("ischial_tuberosity", (77.0, 20.0, 0.0), side=Side.RIGHT),))

    check_sides(left, picture)
    with pytest.raises(LandmarkMismatchError, match="marked right lies 60 mm to the left"):
        check_sides(wrong, picture)


def test_soft_tissue_and_pictures_without_a_midline_stop_nothing():
    wrong = mark("ischial_tuberosity", (60.0, 20.0, 0.0), side=Side.RIGHT)
    muscle = mark("quadratus_femoris", (-60.0, 20.0, 0.0))

    check_sides(LandmarkSet((wrong,)), pelvis(half_width_mm=100))
    check_sides(LandmarkSet((muscle,)), pelvis())
