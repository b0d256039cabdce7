"""The body in the picture: its midline, the side it shows, voids; quiet where it cannot tell."""

import numpy as np
import pytest
from hips import mark
from scipy import ndimage

from ifi_mri import body, geometry
from ifi_mri.errors import LandmarkMismatchError
from ifi_mri.landmarks.midline import check_sides
from ifi_mri.model import LandmarkSet, Volume
from ifi_mri.vocabulary import Side


def pelvis(
    centre_mm=0.0,
    half_width_mm=180.0,
    field_mm=420.0,
    flip=1.0,
    level=100.0,
    voids=(),
    pixel_mm=(2.0, 2.0),
):
    """Return a slice with an elliptical body; with flip -1 columns run to the patient's right."""
    n_rows, n_columns = (int(field_mm / mm) for mm in pixel_mm)
    x = (np.arange(n_columns) - (n_columns - 1) / 2) * pixel_mm[1] * flip
    y = (np.arange(n_rows) - (n_rows - 1) / 2) * pixel_mm[0]
    inside = ((x[None] - centre_mm) / half_width_mm) ** 2 + (y[:, None] / 110.0) ** 2 < 1
    for void_x, void_y, radius in voids:
        inside &= (x[None] - void_x) ** 2 + (y[:, None] - void_y) ** 2 > radius**2
    noise = np.abs(np.random.default_rng(0).normal(0, 2, inside.shape))
    affine = np.array(
        [[0, 0, pixel_mm[1] * flip, x[0]], [0, pixel_mm[0], 0, y[0]], [5.0, 0, 0, 0], [0, 0, 0, 1]]
    )
    return Volume((inside * level + noise)[None].astype(np.float32), affine, None, "1", ())


def look_at(volume):
    return body.look_at(volume.voxels[0], volume.affine)


def extent(volume):
    return body.extent(look_at(volume))


def widest_void_mm(volume):
    return body.widest_void_mm(look_at(volume))


@pytest.mark.parametrize("flip", [1.0, -1.0])
@pytest.mark.parametrize("centre_mm", [0.0, 17.0])
def test_the_middle_of_the_body_is_the_midline_whichever_way_columns_run(flip, centre_mm):
    midline_mm = body.midline_x_mm(extent(pelvis(centre_mm, flip=flip)))

    assert midline_mm == pytest.approx(centre_mm, abs=2.5)


@pytest.mark.parametrize("flip", [1.0, -1.0])
@pytest.mark.parametrize("pixel_mm", [(0.4, 0.4), (0.7, 1.3), (1.3, 0.7), (1.9, 1.9), (3.1, 3.1)])
def test_the_same_body_is_seen_whatever_its_pixels(pixel_mm, flip):
    picture = pelvis(17.0, flip=flip, pixel_mm=pixel_mm, voids=[(80.0, 0.0, 15.0)])
    found = extent(picture)

    assert (found.low_mm, found.high_mm) == pytest.approx((-163.0, 197.0), abs=4.0)
    assert (found.cut_low, found.cut_high) == (False, False)
    assert 30 - 2 * 3.3 <= widest_void_mm(picture) <= 30 + max(pixel_mm) / 2


def test_a_slice_of_a_tilted_stack_is_seen_where_it_lies():
    flat = pelvis(17.0, pixel_mm=(0.7, 1.3))
    sheared = flat.affine.copy()
    sheared[0, 0] = 2.0  # each slice lies 2 mm further to the left

    found = body.extent(body.look_at(flat.voxels[0], sheared, index=5))

    assert (found.low_mm, found.high_mm) == pytest.approx((-153.0, 207.0), abs=4.0)


@pytest.mark.parametrize(
    "picture",
    [
        pelvis(half_width_mm=100),  # one thigh
        pelvis(half_width_mm=260),  # cut off at both edges
        pelvis(centre_mm=60),  # cut off at one edge
        pelvis(level=0.0),  # nothing there
        pelvis(level=np.nan),
    ],
)
def test_a_picture_without_both_sides_of_the_body_has_no_midline(picture):
    assert body.midline_x_mm(extent(picture)) is None


@pytest.mark.parametrize("flip", [1.0, -1.0])
@pytest.mark.parametrize(
    ("centre_mm", "half_width_mm", "shown"),
    [
        (0, 180, (Side.RIGHT, Side.LEFT)),
        (-190, 180, (Side.LEFT,)),  # runs out towards the patient's right: the left hip
        (190, 180, (Side.RIGHT,)),
        (-60, 180, ()),  # a pelvis that lies askew in its picture
        (0, 260, ()),
        (0, 100, ()),
    ],
)
def test_the_side_shown_is_where_the_skin_is(flip, centre_mm, half_width_mm, shown):
    assert body.sides_shown(extent(pelvis(centre_mm, half_width_mm, flip=flip))) == shown


@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_a_bone_on_the_other_side_of_the_midline_stops_the_case(flip):
    picture = pelvis(17.0, flip=flip)
    left = LandmarkSet((mark("ischial_tuberosity", (77.0, 20.0, 0.0)),))
    wrong = LandmarkSet((mark("ischial_tuberosity", (77.0, 20.0, 0.0), side=Side.RIGHT),))

    assert check_sides(left, look_at(picture)) == ()
    with pytest.raises(LandmarkMismatchError, match="marked right lies 60 mm to the left"):
        check_sides(wrong, look_at(picture))


def test_one_hip_that_looks_like_the_other_side_is_a_caution():
    left_hip = pelvis(-190)
    right = LandmarkSet((mark("lesser_trochanter", (-60.0, 20.0, 0.0), side=Side.RIGHT),))
    left = LandmarkSet((mark("lesser_trochanter", (60.0, 20.0, 0.0)),))

    assert [(c.code, c.side) for c in check_sides(right, look_at(left_hip))] == [
        ("side_doubtful", Side.RIGHT)
    ]
    assert check_sides(left, look_at(left_hip)) == ()


def test_muscle_on_the_other_side_of_the_midline_stops_the_case():
    with pytest.raises(LandmarkMismatchError, match="quadratus_femoris marked left lies 60 mm"):
        check_sides(
            LandmarkSet((mark("quadratus_femoris", (-60.0, 20.0, 0.0)),)), look_at(pelvis())
        )


@pytest.mark.parametrize(("x_mm", "stops"), [(-9.0, False), (-11.0, True)])
def test_a_patient_askew_by_a_few_mm_stops_nothing(x_mm, stops):
    marks = LandmarkSet((mark("ischial_tuberosity", (x_mm, 20.0, 0.0)),))
    if stops:
        with pytest.raises(LandmarkMismatchError):
            check_sides(marks, look_at(pelvis()))
    else:
        assert check_sides(marks, look_at(pelvis())) == ()


def test_fat_and_pictures_without_a_midline_stop_nothing():
    wrong = mark("ischial_tuberosity", (60.0, 20.0, 0.0), side=Side.RIGHT)
    muscle = mark("subcutaneous_fat", (-60.0, 20.0, 0.0))

    assert check_sides(LandmarkSet((wrong,)), look_at(pelvis(half_width_mm=100))) == ()
    assert check_sides(LandmarkSet((muscle,)), look_at(pelvis())) == ()


def test_a_void_is_as_wide_as_it_is_and_only_inside_the_body():
    with_void = pelvis(voids=[(80.0, 0.0, 15.0)])
    notch = pelvis(voids=[(180.0, 0.0, 15.0)])

    width_mm = widest_void_mm(with_void)
    assert 30 - 4 * 2.0 <= width_mm <= 30  # smoothing takes up to two 2 mm pixels on either side
    assert widest_void_mm(notch) < 10
    assert widest_void_mm(pelvis()) < 5


@pytest.mark.parametrize("seed", range(40))
def test_voids_and_body_are_what_morphology_of_scipy_finds(seed):
    rng = np.random.default_rng(seed)
    shape, pixel_mm = rng.integers(5, 120, 2), rng.uniform(0.4, 4.0, 2)
    noise = ndimage.gaussian_filter(rng.normal(size=shape), rng.uniform(0.5, 6))
    picture = (np.clip(noise - np.percentile(noise, 30), 0, None) * 1000).astype(np.float32)
    seen = body.look_at(picture, np.diag([5.0, *pixel_mm, 1.0]))
    mask = rng.random(shape) < 0.6

    opened = ndimage.binary_opening(mask, iterations=2)
    np.testing.assert_array_equal(body._grown(geometry.eroded(mask, 2), 2), opened)
    np.testing.assert_array_equal(body._without_holes(mask), ndimage.binary_fill_holes(mask))
    width_mm = body.widest_void_mm(seen)
    for least_mm in (2.0, 6.0, 18.0):
        found = body.widest_void_mm(seen, least_mm)
        assert found == width_mm or (found == 0 and width_mm <= least_mm)


def test_the_real_left_hip_is_never_taken_for_a_right_one_nor_for_metal(shared):
    import ifi_mri

    for series in ifi_mri.load_study(shared / "real_mri" / "sts_001").series:
        near = [(58.5, 22.5, 68.8)]
        volume = ifi_mri.load_volume(series, near=near)
        # A hand at its edge may hide on which side the picture cuts the body off.
        assert Side.RIGHT not in body.sides_shown(extent(volume))
        assert widest_void_mm(volume) < body.MIN_VOID_WIDTH_MM


def test_a_coarse_pixel_lies_in_the_middle_of_those_that_it_is_the_mean_of():
    affine = np.array([[0.3, 0, 0.4, 5], [0, 0.9, 0.1, 7], [5, 0.2, 0, -3], [0, 0, 0, 1.0]])
    picture = np.arange(11 * 13, dtype=np.float32).reshape(11, 13)

    seen = body.look_at(picture, affine, index=4)

    assert seen.picture.shape == (5, 3)  # of 2 x 4 pixels
    assert seen.picture[1, 2] == picture[2:4, 8:12].mean()
    rows, columns = np.meshgrid(np.arange(2, 4), np.arange(8, 12))
    pixels = [
        affine @ (4, row, column, 1) for row, column in zip(rows.flat, columns.flat, strict=True)
    ]
    assert np.allclose(seen.affine @ (0, 1, 2, 1), np.mean(pixels, axis=0))


def test_infinite_and_huge_pixels_leave_the_midline_where_it_is():
    picture = pelvis(17.0, pixel_mm=(0.5, 0.5))
    voxels = picture.voxels.copy()
    voxels[0, :220, :220] = np.inf  # of the air, and above the 95th percentile
    assert body.midline_x_mm(body.extent(body.look_at(voxels[0], picture.affine))) == (
        pytest.approx(17.0, abs=2.5)
    )
    huge = body.look_at(picture.voxels[0] * np.float32(1e36), picture.affine)
    assert np.isfinite(huge.picture).all()


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_what_a_mask_encloses_lies_between_its_ends_in_every_row(share):
    for seed in range(20):
        mask = np.random.default_rng(seed).random((12, 15)) < share
        mask[seed % 12] = False

        assert not (body._without_holes(mask) & ~body._between_ends(mask)).any()
        assert not body._between_ends(mask)[seed % 12].any()
