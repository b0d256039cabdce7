"""The in-plane shift between two series of different contrast, against the one that was made."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from signal_makers import T1, TURN, Oedema, Scan, make

from ifi_mri import geometry
from ifi_mri.model import Volume
from ifi_mri.signal import shift
from ifi_mri.signal.quadratus import muscle_signal
from ifi_mri.signal.regions import NotAssessable
from ifi_mri.signal.settings import MuscleSignalSettings, ShiftSettings
from ifi_mri.signal.shift import in_plane_shift

SETTINGS = ShiftSettings()


def shift_of(anatomy, fluid, settings=SETTINGS):
    points = [point for mark in fluid.quadratus for point in mark.points_mm]
    return in_plane_shift(anatomy.volume, fluid.volume, points, settings)


@pytest.mark.parametrize("shift_mm", [(0.0, 0.0), (2.0, 0.0), (0.0, -3.0), (-1.5, 2.3), (4.0, 4.0)])
def test_the_shift_between_t1_and_fat_suppressed_series_is_found(shift_mm):
    anatomy = make(Scan(pixel_mm=(0.7, 0.8), snr=20, shading=0.2, seed=4), contrast=T1)
    fluid = make(Scan(snr=15, shading=0.4, shift_mm=shift_mm, seed=5))
    found = shift_of(anatomy, fluid)

    assert (found.right_mm, found.down_mm) == pytest.approx(shift_mm, abs=0.45)
    # columns run to the patient's right, rows to the back
    patient = TURN @ np.array([-shift_mm[0], shift_mm[1], 0])
    assert found.vector_mm == pytest.approx(patient, abs=0.45)
    assert found.right_sd_mm < 0.5
    assert found.is_significant == (shift_mm != (0.0, 0.0))
    assert not found.at_the_edge


def test_a_shift_beyond_reach_is_said_not_to_be_found():
    anatomy = make(Scan(seed=4), contrast=T1)
    fluid = make(Scan(shift_mm=(9.0, 0.0), seed=5))
    found = shift_of(anatomy, fluid, ShiftSettings(reach_mm=4.0))

    assert found.at_the_edge
    assert not found.is_significant


def test_series_that_share_nothing_have_no_shift():
    fluid = make(Scan())
    affine = fluid.volume.affine.copy()
    affine[:3, 3] += 400
    elsewhere = replace(fluid, volume=replace(fluid.volume, affine=affine))
    with pytest.raises(NotAssessable, match="no slice with edges"):
        shift_of(elsewhere, fluid)
    flat = replace(fluid, volume=replace(fluid.volume, voxels=np.ones_like(fluid.volume.voxels)))
    with pytest.raises(NotAssessable, match="no slice with edges"):
        shift_of(flat, fluid)


def test_a_series_beyond_the_outlines_has_no_shift():
    fluid = make(Scan())
    beyond = np.array([point for mark in fluid.quadratus for point in mark.points_mm])
    beyond += 400 * geometry.slice_normal(fluid.volume.affine)
    with pytest.raises(NotAssessable, match="no slice near"):
        in_plane_shift(fluid.volume, fluid.volume, beyond, SETTINGS)


def test_pixels_without_a_number_hide_their_surroundings_alone():
    anatomy = make(Scan(snr=20, seed=4), contrast=T1)
    fluid = make(Scan(snr=15, seed=5))
    voxels = np.array(fluid.volume.voxels)
    voxels[:, ::37, ::41] = np.inf
    torn = replace(fluid, volume=replace(fluid.volume, voxels=voxels))

    whole, seen = shift_of(anatomy, fluid), shift_of(anatomy, torn)
    assert seen.right_mm == pytest.approx(whole.right_mm, abs=0.1)
    assert seen.down_mm == pytest.approx(whole.down_mm, abs=0.1)


def test_the_shift_is_reported_and_applied_only_when_asked():
    shift_mm = (0.0, 3.5)
    anatomy = make(Scan(snr=25, seed=4), contrast=T1)
    moved = make(Scan(snr=25, shift_mm=shift_mm, seed=5), Oedema("focal", 2.5, 0.2))

    def measured(apply):
        settings = MuscleSignalSettings.model_validate({"regions": {"apply_shift": apply}})
        return muscle_signal(
            moved.volume, moved.quadratus, moved.reference, settings, anatomy=anatomy.volume
        )

    left, followed = measured(False), measured(True)
    assert left.shift == followed.shift
    assert left.shift.down_mm == pytest.approx(3.5, abs=0.4)
    # where the outlines are moved along, oedema, drawn in place before the shift, is all there
    before = left.muscle.inner.any(axis=(0, 2)).nonzero()[0] + left.image.first[1]
    after = followed.muscle.inner.any(axis=(0, 2)).nonzero()[0] + followed.image.first[1]
    assert after.min() - before.min() == pytest.approx(3.5 / 1.1, abs=1)


@pytest.mark.parametrize("margin_mm", [0.0, 60.0])
def test_a_grid_along_the_pixels_is_read_as_any_other(margin_mm):
    affine = np.array([[0, 0, 0.7, -20], [0, 0.9, 0, 5], [4, 0, 0, 3], [0, 0, 0, 1.0]])
    voxels = np.random.default_rng(0).normal(size=(3, 40, 50)).astype(np.float32)
    volume = Volume(voxels, affine, None, "1", ())
    right = np.arange(-15.0 - margin_mm, 10.0 + margin_mm, 0.8)
    down = np.arange(8.0 - margin_mm, 30.0 + margin_mm, 0.8)
    origins, upright = np.array([(0, 0, 8.0), (0, 0, 4.1)]), np.eye(3)[:2]
    turned = np.array([[0.96, 0.28, 0], [-0.28, 0.96, 0]])

    def read(basis):
        lattice = shift.Lattice(origins, basis, right, down)
        points = lattice.at(right[None], down[:, None])
        return points, shift.sampled(volume, lattice), shift._anywhere(volume, points)

    points, fast, slow = read(upright)
    assert points[1, 3, 5] == pytest.approx([right[5], down[3], 4.1])
    np.testing.assert_allclose(fast, slow, atol=1e-6)  # both in single precision
    assert np.isnan(fast).any() == (margin_mm > 0)
    np.testing.assert_array_equal(*read(turned)[1:])


@pytest.mark.parametrize("turn", [False, True])
def test_the_gradient_is_sobels_of_three_by_three_points(turn):
    pictures = np.random.default_rng(0).normal(size=(2, 30, 41)).astype(np.float32)
    pictures = pictures.transpose(0, 2, 1) if turn else pictures
    smooth, slope = np.array([1, 2, 1]) / 4, np.array([-1, 0, 1]) / 2
    inside = np.s_[:, : -2 * shift.BORDER, : -2 * shift.BORDER]

    for found, kernel in zip(
        shift._gradients(pictures, np.array([2, 5], dtype=np.float32)),
        (np.outer(slope, smooth), np.outer(smooth, slope)),
        strict=True,
    ):
        expected = ndimage.correlate(pictures.astype(np.float64), kernel[None])[:, 1:-1, 1:-1]
        expected *= shift.WEIGHTS / np.array([2, 5])[:, None, None]
        np.testing.assert_allclose(found[inside], expected, atol=1e-5)


def test_the_gradient_of_a_ramp_is_its_slope():
    rows, columns = np.indices((9, 12))
    ramp = (3.0 * rows - 2.0 * columns).astype(np.float32)[None]
    down, right = shift._gradients(ramp, np.ones(1, dtype=np.float32))

    assert down.shape == right.shape == (1, 9, 12)
    assert (down[:, :7, :10] == 3 * shift.WEIGHTS).all()
    assert (right[:, :7, :10] == -2 * shift.WEIGHTS).all()


@pytest.mark.parametrize(
    ("n_drawn", "expected"), [(1, [2]), (2, [2, 3]), (3, [2, 4]), (5, [3, 5]), (9, [4, 8])]
)
def test_of_many_slices_the_middle_ones_of_two_parts_are_compared(n_drawn, expected):
    fluid = make(Scan()).volume
    voxels = np.zeros((12, 4, 4), dtype=np.float32)
    index = [(k, 1, 1) for k in range(2, 2 + n_drawn) for _ in range(2)]
    points = geometry.voxel_to_patient(fluid.affine, index)

    assert shift._slices(replace(fluid, voxels=voxels), points) == expected


def test_peaks_lie_between_points_and_are_told_from_edges():
    down, right = np.indices((13, 13)) - 6.0
    inside = -((down - 2.3) ** 2) - 3 * (right + 1.4) ** 2
    beyond = -((down - 9.0) ** 2) - (right + 1.4) ** 2
    corner = down + right
    places, at_the_edge = shift._peaks(np.stack([inside, beyond, corner, np.zeros((13, 13))]))

    assert places[0] == pytest.approx([2.3, -1.4])
    assert places[1:].tolist() == [[6, -1], [6, 6], [-6, -6]]
    assert at_the_edge.tolist() == [False, True, True, True]


def test_near_a_point_that_is_not_seen_there_is_no_edge():
    pictures = np.random.default_rng(0).normal(size=(3, 20, 25)).astype(np.float32)
    whole, _ = shift._edge_directions(pictures)
    for nothing in (np.nan, np.inf):
        torn = pictures.copy()
        torn[1, 8, 10] = nothing
        found, is_seen = shift._edge_directions(torn)

        hidden = np.zeros((18, 23), dtype=bool)
        hidden[6:9, 8:11] = True  # the points around, less the border
        assert is_seen.all()
        assert (found[1][:, hidden] == 0).all()
        assert (found[1] != 0).any(axis=0)[~hidden].all()
        np.testing.assert_allclose(found[1][:, ~hidden], whole[1][:, ~hidden], atol=0.2)
        np.testing.assert_array_equal(found[[0, 2]], whole[[0, 2]])


def test_a_slice_that_shows_nothing_is_told_from_the_others():
    noise = np.random.default_rng(0).normal(size=(5, 20, 25)).astype(np.float32)
    pictures = noise.copy()
    pictures[1], pictures[2], pictures[3], pictures[4] = np.nan, 7.0, 0.0, 7.0 + 4e-7 * noise[4]
    edges, is_seen = shift._edge_directions(pictures)

    assert is_seen.tolist() == [True, False, False, False, False]
    assert (edges[1:] == 0).all()
    assert (edges[0] != 0).all()


@pytest.mark.parametrize("level", [1e-30, 1.0, 3e8, 1e30])
def test_edges_do_not_depend_on_the_unit_of_the_signal(level):
    pictures = np.random.default_rng(0).normal(size=(1, 20, 25)).astype(np.float32)
    found, _ = shift._edge_directions((pictures * level).astype(np.float32))

    np.testing.assert_allclose(found, shift._edge_directions(pictures)[0], atol=1e-5)
    assert not shift._edge_directions(np.full_like(pictures, level))[1].any()
    assert np.hypot(*found[0]).max() < 1


def test_the_median_is_of_what_is_seen():
    pictures = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    pictures[1, 2], pictures[2] = np.nan, np.nan
    found = shift._medians(pictures)

    assert found[:2] == pytest.approx([np.median(pictures[0]), np.nanmedian(pictures[1])])
    assert np.isnan(found[2])


def test_edges_are_compared_at_every_shift_tile_by_tile():
    anatomy, fluid = np.random.default_rng(0).normal(size=(2, 2, 2, 20, 23)).astype(np.float32)
    reach = 3
    padded = np.pad(fluid, ((0, 0), (0, 0), (reach, reach), (reach, reach)))
    maps = shift._similarities(anatomy, fluid, reach)

    assert maps.shape == (9, 7, 7)
    for down, right in ((0, 0), (2, 5), (6, 6)):
        moved = padded[:, :, down : down + 20, right : right + 23]
        assert maps[:, down, right].sum() == pytest.approx((anatomy * moved).sum(), abs=1e-3)
        for tile, of_tile in ((4, np.s_[..., 7:14, 8:16]), (5, np.s_[..., 7:14, 16:])):
            expected = (anatomy[of_tile] * moved[of_tile]).sum()
            assert maps[tile, down, right] == pytest.approx(expected, abs=1e-3)
