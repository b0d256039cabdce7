"""The rim of a muscle: parts of pixels inside an outline, and the muscle alone."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from signal_makers import Oedema, Scan, make

from ifi_mri import geometry
from ifi_mri.signal import oedema as oedema_of
from ifi_mri.signal.estimates import Correlation, spatial_correlation
from ifi_mri.signal.plateau import full_excess
from ifi_mri.signal.quadratus import muscle_signal
from ifi_mri.signal.raised import Raised, Scale, Yardstick, raised_regions
from ifi_mri.signal.regions import CutOut, Region
from ifi_mri.signal.relative import RelativeSignal
from ifi_mri.signal.rim import BLUR_PIXELS, LINES, Rim, area_of_pixels, covered, muscle_alone
from ifi_mri.signal.settings import NoiseSettings, OedemaSettings


def circle(row, column, radius, n=90, turn=1):
    angle = turn * np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([row + radius * np.sin(angle), column + radius * np.cos(angle)], axis=1)


# --- parts of pixels ----------------------------------------------------------------------------


@pytest.mark.parametrize("turn", [1, -1])
def test_a_rectangle_takes_in_exact_parts_of_its_pixels_either_way_round(turn):
    # from the middle of row 1 to a third into row 4, from column 1.75 to column 3.5
    low = 3.5 + 1 / 3
    corners = np.array([[1.0, 1.25], [1.0, 3.0], [low, 3.0], [low, 1.25]])[::turn]
    part = area_of_pixels({1: corners}, (2, 6, 6))

    assert (part[0] == 0).all()
    rows, columns = np.array([0, 0.5, 1, 1, 1 / 3, 0]), np.array([0, 0.25, 1, 0.5, 0, 0])
    assert part[1] == pytest.approx(np.outer(rows, columns), abs=1e-8)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(4, 14), min_size=5, max_size=20), st.floats(-0.5, 0.5))
def test_the_parts_add_up_to_the_area_of_any_star(radii, shift):
    angle = np.linspace(0, 2 * np.pi, len(radii), endpoint=False)
    star = 16 + shift + np.array(radii)[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    part = area_of_pixels({0: star}, (1, 33, 34))[0]
    ahead = np.roll(star, -1, axis=0)
    area = abs((star[:, 0] * ahead[:, 1] - star[:, 1] * ahead[:, 0]).sum()) / 2

    length = np.hypot(*(ahead - star).T).sum()

    # an edge along the rows is off by half the distance of two lines at most
    assert part.sum() == pytest.approx(area, abs=length / (2 * LINES))
    assert 0 <= part.min() <= part.max() <= 1


def test_what_lies_outside_the_picture_is_left_out():
    part = area_of_pixels({0: circle(0, 0, 4.5)}, (1, 20, 20))[0]

    assert part[0, 0] == 1
    assert part.sum() == pytest.approx(np.pi * 4.5**2 / 4 + 4.5 + 0.25, abs=0.5)


def test_a_muscle_is_as_large_as_its_outlines_on_oblique_planes():
    made = make(Scan(pixel_mm=(1.4, 0.9)))
    found = muscle_signal(made.volume, made.quadratus, made.reference)
    areas = [
        geometry.outline_area_mm2(mark.points_mm, found.image.affine) for mark in made.quadratus
    ]

    assert found.oedema.muscle_ml == pytest.approx(sum(areas) * 5.0 / 1000, rel=2e-3)


def test_joined_outlines_count_whole_pixels():
    affine = np.array([[0, 0, 1.0, 0], [0, 1.0, 0, 0], [5.0, 0, 0, 0], [0, 0, 0, 1]])
    image = CutOut(np.ones((2, 24, 40)), affine, (0, 0, 0))
    first, second = circle(12, 10, 6), circle(12, 28, 6)

    def outline(corners, k):
        return tuple((float(c), float(r), 5.0 * k) for r, c in corners)

    whole = area_of_pixels({0: first, 1: first}, (2, 24, 40)) > 0.5
    whole[1] |= area_of_pixels({1: second}, (2, 24, 40))[1] > 0.5
    muscle = Region(whole, whole, {0: outline(first, 0), 1: outline(first, 1)})
    cover = covered(muscle, image)

    assert ((cover[0] > 0) & (cover[0] < 1)).any()
    assert (cover[1] == whole[1]).all()


# --- the muscle alone ---------------------------------------------------------------------------


@pytest.mark.parametrize("around", [0.3, 3.0])
@pytest.mark.parametrize("muscle", [1.0, 2.2])
def test_dark_and_bright_surroundings_are_taken_out_of_the_rim(around, muscle):
    cover = area_of_pixels({0: circle(15, 15, 8.3)}, (1, 31, 31))
    part = ndimage.gaussian_filter(cover, (0, BLUR_PIXELS, BLUR_PIXELS))
    seen = around + part * (muscle - around)
    alone = muscle_alone(seen, cover)
    rim = (cover > 0.3) & (part < 0.9)

    assert abs(seen[rim] - muscle).max() > 0.2
    assert alone.is_told[rim].all()
    assert alone.ratio[rim] == pytest.approx(muscle, abs=0.08 * abs(muscle - around))
    assert (alone.ratio[cover == 0] == seen[cover == 0]).all()


def test_the_rim_is_surer_the_more_muscle_it_holds_and_the_more_like_muscle_is_around():
    cover = area_of_pixels({0: circle(15, 15, 8.3)}, (1, 31, 31))
    rim = (cover > 0.05) & (cover < 1)

    def sd(around):
        part = ndimage.gaussian_filter(cover, (0, BLUR_PIXELS, BLUR_PIXELS))
        return muscle_alone(around + part * (1 - around), cover).sd(rim, 0.05)

    assert (sd(0.3) > sd(0.9)).all()
    assert np.corrcoef(sd(0.3), cover[rim])[0, 1] < -0.6


def test_a_thin_layer_of_fluid_around_the_muscle_is_what_is_taken_out_of_its_rim():
    """Three pixels of fluid, fat behind: what lies further out is not what spills in."""
    row, column = np.indices((31, 31))
    cover = area_of_pixels({0: circle(15, 15, 8.3)}, (1, 31, 31))
    fluid = np.clip(11.8 - np.hypot(row - 15, column - 15), 0, 1)
    around = 0.3 + 2.2 * fluid
    seen = ndimage.gaussian_filter(around + cover * (1 - around), (0, BLUR_PIXELS, BLUR_PIXELS))
    alone = muscle_alone(seen, cover)
    rim = (cover > 0.3) & (ndimage.gaussian_filter(cover, (0, BLUR_PIXELS, BLUR_PIXELS)) < 0.9)

    assert seen[rim].mean() > 1.3
    assert alone.ratio[rim] == pytest.approx(1.0, abs=0.25)
    assert alone.ratio[rim].mean() == pytest.approx(1.0, abs=0.05)


def test_the_rims_doubt_is_that_of_outline_surroundings_and_noise():
    """A tenth of a pixel of outline, a third of what the surroundings differ by, one pixel's."""
    at = np.ones((1, 1, 1))
    rim = Rim(1.5 * at, 1.2 * at, 0.4 * at, 0.8 * at, at > 0)

    outline, surroundings, noise = 0.1 * 0.4 / 0.16, 0.35 * -0.2 * 0.6 / 0.4, 0.05 / 0.4
    assert rim.sd(at > 0, 0.05) == pytest.approx(np.sqrt(outline**2 + surroundings**2 + noise**2))


# --- what it is for -----------------------------------------------------------------------------


def scanned(muscle, around, outline=None):
    """Return ratio, region and cover of a disc of muscle on three slices, without noise."""
    corners = circle(15, 15, 8.3) if outline is None else outline
    cover = area_of_pixels(dict.fromkeys(range(3), corners), (3, 31, 31))
    truth = around + cover * (muscle - around)
    whole = cover > 0.5
    inner = np.array([geometry.eroded(one, 1) for one in whole])
    ratio = ndimage.gaussian_filter(truth, (0, BLUR_PIXELS, BLUR_PIXELS))
    noise = Correlation(4 * np.pi * BLUR_PIXELS**2, 1.0)
    relative = RelativeSignal(ratio, dict.fromkeys(range(3), 100.0), 0.02, 0.005, 0.02, noise)
    return relative, Region(whole, inner, {}), cover


def raised(relative, muscle, cover):
    scales = (Scale(1.0, 0.15, 0.01), Scale(0.5, 0.15, 0.015))
    measure = Yardstick(1.15, 0.001, scales)
    return raised_regions(relative, muscle, cover, (1.0, 1.0), measure, OedemaSettings())


def test_fluid_around_a_normal_muscle_makes_no_raised_region_in_it():
    relative, muscle, cover = scanned(1.0, 6.0)

    assert relative.ratio[muscle.inner].max() > 1.3
    assert raised(relative, muscle, cover).share.sum() < 0.02 * cover.sum()


@pytest.mark.parametrize("around", [0.3, 4.0])
def test_a_region_is_counted_in_the_rim_as_far_as_it_goes(around):
    """Half of the disc is raised: in the rim of the other half nothing is, whatever is around."""
    row = np.indices((31, 31))[0]
    half = np.where(row < 15, 3.0, np.where(row == 15, 2.0, 1.0))
    relative, muscle, cover = scanned(half, around)
    found = raised(relative, muscle, cover).share * cover
    rim = (cover > 0) & ~muscle.inner

    assert found.sum() == pytest.approx(cover.sum() / 2, rel=0.03)
    assert found[rim].sum() == pytest.approx(cover[rim].sum() / 2, rel=0.12)
    assert found[rim & (row[None] > 19)].sum() < 0.5


@pytest.mark.parametrize("radius", [2.6, 3.2])
def test_a_region_that_stops_short_of_the_dark_rim_does_not_reach_into_it(radius):
    """Its blurred edge fades on towards the outline; the rim's own signal says that it stops."""
    row, column = np.indices((31, 31))
    spot = np.clip(radius + 0.5 - np.hypot(row - 15, column - 15 - 7.0 + radius), 0, 1)
    relative, muscle, cover = scanned(1 + 2 * spot, 0.3)
    found = raised(relative, muscle, cover).share * cover

    assert found.sum() == pytest.approx((spot * cover).sum(), rel=0.08)


def test_a_vessel_beside_the_rim_is_no_part_of_a_region_elsewhere():
    row, column = np.indices((31, 31))
    spot, vessel = (
        np.clip(radius + 0.5 - np.hypot(row - 14, column - at), 0, 1)
        for at, radius in ((15, 3.0), (24.5, 1.0))
    )
    relative, muscle, cover = scanned(1 + 2 * spot, 0.3 + 5 * vessel)
    found = raised(relative, muscle, cover).share * cover

    assert relative.ratio[0, 14, 23] > 1.4
    assert found[:, :, 21:].sum() < 0.1
    assert found.sum() == pytest.approx((spot * cover).sum(), rel=0.08)


def test_a_bright_rim_pixel_away_from_a_region_is_no_part_of_it():
    """Within reach of the region's full signal, but with normal muscle between."""
    row, column = np.indices((31, 31))
    spot = np.clip(2.5 - np.hypot(row - 15, column - 16), 0, 1)
    on_the_rim = np.where((row == 15) & (column == 23), 1.4, 0.0)
    relative, muscle, cover = scanned(1 + 2 * spot + on_the_rim, 1.0)
    found = raised(relative, muscle, cover)

    assert muscle.inner[0, 15, 22]
    assert relative.ratio[muscle.inner & (column > 20)].max() < 1.35
    assert found.plateau[0, 15, 23] > 1
    assert (found.share[:, :, 21:] == 0).all()
    assert (found.share * cover).sum() == pytest.approx((spot * cover).sum(), rel=0.1)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("x", [0.0, 6.0])
def test_a_focus_beside_the_edge_has_its_volume(seed, x):
    made = make(
        Scan(pixel_mm=(1.4, 1.4), snr=30, seed=seed), Oedema("focal", 3.0, 0.03, (x, 1.0, 0.0))
    )
    found = muscle_signal(made.volume, made.quadratus, made.reference).oedema

    assert found.volume_ml.value == pytest.approx(made.true_volume_ml, rel=0.07)


@pytest.mark.parametrize("radius", [1.6, 2.2, 3.0])
def test_a_small_region_has_its_own_signal_back_from_blur(radius):
    row, column = np.indices((31, 31))
    spot = np.clip(radius + 0.5 - np.hypot(row - 15, column - 15), 0, 1)
    relative, muscle, cover = scanned(1 + 2 * spot, 1.0)
    share = np.where(muscle.inner, spot, 0.0) + np.zeros((3, 1, 1))
    shown = Raised(np.where(share > 0.9, 1.0, share), share, share, 0.02 * share, relative.ratio)
    found = oedema_of._raised_ratio(shown, relative, muscle, cover, (1.0, 1.0), NoiseSettings())

    plain = np.median(relative.ratio[shown.share >= 1])
    assert plain < 2.9
    assert abs(found.value - 3.0) < 0.7 * (3.0 - plain)
    assert found.low <= 3.0


@pytest.mark.parametrize("around", [0.3, 1.0, 4.0])
def test_a_small_muscle_raised_throughout_has_its_signal_whatever_is_around(around):
    relative, muscle, cover = scanned(2.0, around, circle(15, 15, 3.3))
    shown = raised(relative, muscle, cover)
    found = oedema_of._raised_ratio(shown, relative, muscle, cover, (1.0, 1.0), NoiseSettings())

    assert (around == 1.0) or abs(relative.ratio[muscle.inner].mean() - 2) > 0.03
    assert found.value == pytest.approx(2.0, abs=0.01)


def test_a_slice_that_a_region_fills_in_part_is_measured_by_its_neighbours():
    excess = np.zeros((6, 15, 15))
    excess[:, 4:11, 4:11] = np.array([1.0, 2.0, 2.0, 2.0, 0.6, 0.0])[:, None, None]
    plateau = full_excess(excess, excess > 0.15, 0.01, (1.0, 1.0), 4.0, tuple(range(6)))[:, 7, 7]

    assert plateau[2] == pytest.approx(2.0, abs=0.1)
    assert plateau[4] > 1.5
    # the muscle's own end: half-way between its own and its neighbours'
    assert 1.1 < plateau[0] < 1.4


def test_the_blur_is_told_from_the_correlation_of_white_noise_that_went_through_it():
    noise = np.random.default_rng(1).standard_normal((4, 90, 90))
    noise = ndimage.gaussian_filter(noise, (0, 0.8, 0.8))
    correlation = spatial_correlation(noise, np.ones(noise.shape, bool), (1.0, 1.0), 6.0)

    assert correlation.blur_pixels == pytest.approx(0.8, abs=0.08)


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_a_thin_layer_along_the_muscles_edge_has_its_volume(seed):
    made = make(
        Scan(pixel_mm=(1.5, 1.2), spacing_mm=5.5, snr=20, seed=seed),
        Oedema("perimuscular", 3.0, 0.07, (2.0, 0.5, 3.0)),
    )
    found = muscle_signal(made.volume, made.quadratus, made.reference).oedema

    assert found.volume_ml.value == pytest.approx(made.true_volume_ml, rel=0.10)
    assert found.volume_ml.low <= made.true_volume_ml <= found.volume_ml.high


def test_a_small_bright_region_has_its_signal():
    made = make(Scan(pixel_mm=(1.4, 1.4), snr=25, seed=6), Oedema("focal", 3.0, 0.025))
    found = muscle_signal(made.volume, made.quadratus, made.reference).oedema

    assert found.ratio.value == pytest.approx(3.0, rel=0.04)
    assert found.ratio.low <= 3.0 <= found.ratio.high


def test_a_region_that_ends_within_a_slice_is_counted_there_by_what_it_fills():
    """The lowest slice of the region has hardly any of it; its own brightest is no yardstick."""
    made = make(Scan(snr=30, seed=7, level_mm=1.5), Oedema("focal", 3.0, 0.05, (0.0, 0.0, 0.0)))
    found = muscle_signal(made.volume, made.quadratus, made.reference).oedema
    by_slice = found.share.sum(axis=(1, 2))

    assert found.volume_ml.value == pytest.approx(made.true_volume_ml, rel=0.08)
    assert (np.diff(np.sign(np.diff(by_slice[by_slice > 0]))) <= 0).all()


@pytest.mark.parametrize("nothing", [np.nan, np.inf])
@pytest.mark.parametrize("margin", [-1, 0, 1, 3])
def test_pictures_masked_around_the_muscles_lose_no_oedema(margin, nothing):
    """Skull-stripping tools write NaN where nothing was kept; here around each outline, or from
    its outermost pixels on."""
    made = make(Scan(), Oedema("focal", 1.8, 0.3))
    whole = muscle_signal(made.volume, made.quadratus, made.reference)
    masked = np.full_like(made.volume.voxels, nothing)
    for mark in (*made.quadratus, *made.reference):
        k = round(float(geometry.slice_coordinate(made.volume.affine, mark.points_mm).mean()))
        kept = geometry.pixels_inside(mark.points_mm, made.volume.affine, masked.shape)
        change = ndimage.binary_dilation if margin > 0 else ndimage.binary_erosion
        kept = change(kept, iterations=abs(margin)) if margin else kept
        masked[k][kept] = made.volume.voxels[k][kept]
    volume = dataclasses.replace(made.volume, voxels=masked)

    found = muscle_signal(volume, made.quadratus, made.reference).oedema

    assert np.isfinite(found.share).all()
    assert found.extent.value == pytest.approx(whole.oedema.extent.value, abs=0.015)
    assert found.height_mm.value == pytest.approx(whole.oedema.height_mm.value, abs=2)


def test_pixels_of_the_rim_that_hold_no_number_leave_the_rest_as_it_is():
    made = make(Scan(), Oedema("perimuscular", 1.8, 0.3))
    whole = muscle_signal(made.volume, made.quadratus, made.reference).oedema
    voxels = made.volume.voxels.copy()
    for mark in made.quadratus:
        k = round(float(geometry.slice_coordinate(made.volume.affine, mark.points_mm).mean()))
        inside = geometry.pixels_inside(mark.points_mm, made.volume.affine, voxels.shape)
        voxels[k][inside & ~ndimage.binary_erosion(inside)] = np.nan
    volume = dataclasses.replace(made.volume, voxels=voxels)

    found = muscle_signal(volume, made.quadratus, made.reference).oedema

    assert np.isfinite(found.share).all()
    assert found.extent.value == pytest.approx(whole.extent.value, abs=0.03)
