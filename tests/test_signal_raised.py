"""Regions of raised signal: where one starts, what counts apart from them, and their ratio."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from ifi_mri.signal import oedema as oedema_of
from ifi_mri.signal.estimates import Correlation
from ifi_mri.signal.noise import smoothed_inside
from ifi_mri.signal.plateau import fainter_tissue
from ifi_mri.signal.raised import (
    Raised,
    Scale,
    Yardstick,
    noise_at_edges,
    raised_regions,
    share_of,
)
from ifi_mri.signal.regions import Region
from ifi_mri.signal.relative import RelativeSignal
from ifi_mri.signal.settings import NoiseSettings, OedemaSettings

# --- where a region starts ----------------------------------------------------------------------


@pytest.mark.parametrize(("smoothing", "blur"), [(1.4, 0.0), (1.4, 0.6), (2.0, 0.5), (0.7, 0.8)])
def test_smoothed_noise_is_as_much_more_at_edges_as_is_said(smoothing, blur):
    """Pixels of 2 x 1.6 mm; an edge, a corner and a strip of two pixels against the middle."""
    rng = np.random.default_rng(1)
    white = rng.standard_normal((3000, 18, 24))
    noise = ndimage.gaussian_filter(white, (0, blur, blur), mode="wrap") if blur else white
    inner = np.zeros((1, 18, 24), bool)
    inner[0, 2:12, 2:20] = True
    inner[0, 14:16, 2:20] = True
    pixel_mm = (2.0, 1.6)
    smooth = smoothed_inside(noise, np.broadcast_to(inner, noise.shape), smoothing, pixel_mm)
    seen = smooth.std(axis=0)
    said = noise_at_edges(inner, smoothing, blur, pixel_mm)[0]

    for place in ((2, 10), (7, 2), (2, 2), (14, 10)):
        assert said[place] == pytest.approx(seen[place] / seen[6, 11], abs=0.1)
    assert said[6, 11] == pytest.approx(1.0, abs=0.01)
    assert (said[~inner[0]] == 1).all()
    assert (noise_at_edges(inner, 0.0, blur, pixel_mm) == 1).all()


def test_a_region_starts_further_up_where_fewer_voxels_are_averaged():
    """The same smoothed signal is chance in a corner of the muscle, and none in its middle."""
    inner = np.zeros((1, 20, 20), bool)
    inner[0, 3:17, 3:17] = True
    relative = RelativeSignal(
        np.ones((1, 20, 20)), {0: 100.0}, 0.1, 0.0, 0.1, Correlation(1.0, 1.0)
    )
    measure = Yardstick(1.3, 0.001, (Scale(1.0, 0.15, 0.0375),))

    def found(row, column):
        relative.ratio[:] = 1.0
        relative.ratio[0, row, column] += (
            0.17
            / smoothed_inside(
                np.eye(20)[row][None, :, None] * np.eye(20)[column], inner, 1.0, (1.0, 1.0)
            ).max()
        )
        cover = inner.astype(float)
        region = Region(inner, inner, {})
        return raised_regions(relative, region, cover, (1.0, 1.0), measure, OedemaSettings())

    assert found(10, 10).share.any()
    assert not found(3, 3).share.any()


# --- what counts apart from regions -------------------------------------------------------------


@pytest.mark.parametrize(("n_above", "is_there"), [(0, False), (4, False), (60, True)])
def test_scattered_voxels_count_where_they_are_more_than_chance(n_above, is_there):
    """Of a thousand, one and a third by chance; what may be chance is in the interval alone."""
    inner = np.ones((1, 25, 40), bool)
    above = np.zeros_like(inner)
    above.ravel()[: 16 * n_above : 16] = True
    none = np.zeros(inner.shape)
    shown = Raised(none, none, none, none, none + 1)
    relative = RelativeSignal(none + 1, {0: 1.0}, 0.1, 0.01, 0.1, Correlation(2.0, 1.0))
    measure = Yardstick(1.3, 0.00135, ())
    found = oedema_of._scattered(shown, above, Region(inner, inner, {}), relative, measure)

    assert found.value == (pytest.approx(n_above / 1000, rel=0.05) if is_there else 0)
    assert (found.low > 0) == is_there
    assert found.high > n_above / 1000


# --- the ratio of a region ----------------------------------------------------------------------


def made_region(texture_pixels, of_reference=1.5, seed=3):
    """Return the ratio of a raised region of 2 without edges, whose texture of 0.1 is as coarse as
    said, beside reference muscle of which so many voxels are worth one."""
    rough = np.random.default_rng(seed).standard_normal((4, 30, 30))
    rough = ndimage.gaussian_filter(rough, (0, texture_pixels, texture_pixels), mode="wrap")
    ratio = 2 + 0.1 * rough / rough.std()
    all_of_it = np.ones(ratio.shape, bool)
    relative = RelativeSignal(
        ratio, dict.fromkeys(range(4), 1.0), 0.1, 0.0, 0.1, Correlation(of_reference, 1.0)
    )
    one = np.ones(ratio.shape)
    shown = Raised(one, one, one, 0.1 * one, ratio)
    muscle = Region(all_of_it, all_of_it, {})
    return oedema_of._raised_ratio(shown, relative, muscle, one, (1.0, 1.0), NoiseSettings())


def test_coarse_texture_of_a_raised_region_makes_its_ratio_less_sure():
    """As many values of the same spread, fewer of them independent."""
    fine, coarse = made_region(0.3), made_region(2.5)

    # 4 pi 2.5^2 = 79 voxels are worth one, of the fine ones 1.5; 0.005 is of the blur
    assert fine.sd == pytest.approx(np.hypot(0.1 * np.sqrt(np.pi / 2 * 1.5 / 3600), 0.005), rel=0.1)
    assert coarse.sd == pytest.approx(
        np.hypot(0.1 * np.sqrt(np.pi / 2 * 79 / 3600), 0.005), rel=0.3
    )


def test_the_ratio_of_a_faint_region_is_not_that_of_its_brightest_voxels():
    rng = np.random.default_rng(4)
    noise = 0.06 * rng.standard_normal((6, 40, 40))
    one = np.ones(noise.shape)
    plateau, spread = 0.3 * one, 0.06 * one
    share = share_of(plateau + noise, plateau, spread)
    everywhere = np.ones(noise.shape, bool)
    relative = RelativeSignal(
        1.3 + noise, dict.fromkeys(range(6), 1.0), 0.06, 0.0, 0.06, Correlation(1.0, 1.0)
    )
    shown = Raised(share, plateau + noise, plateau, spread, 1.3 + noise)
    found = oedema_of._raised_ratio(
        shown, relative, Region(everywhere, everywhere, {}), one, (1.0, 1.0), NoiseSettings()
    )

    assert np.median(1.3 + noise[share >= 1]) > 1.315
    assert found.value == pytest.approx(1.3, abs=0.008)


def test_nor_is_it_surer_than_the_reference_muscles_noise_lets_it_be():
    """A region's own few values may look less correlated than they are."""
    one, few = made_region(0.3), made_region(0.3, of_reference=30)

    assert few.sd > 1.5 * one.sd
    assert few.sd == pytest.approx(np.hypot(0.1 * np.sqrt(np.pi / 2 * 30 / 3600), 0.005), rel=0.1)


def block(rows, columns):
    """Return a sharp region of full signal 1, of so many pixels, and the muscle around it."""
    share = np.zeros((1, 20, 20))
    share[0, 5 : 5 + rows, 5 : 5 + columns] = 1.0
    one = np.ones(share.shape)
    everywhere = np.ones(share.shape, bool)
    return Raised(share, share, one, 0.01 * one, 1 + share), Region(everywhere, everywhere, {})


@pytest.mark.parametrize(
    ("rows", "columns", "n_read"), [(5, 7, 15), (7, 9, 35), (4, 7, 28), (3, 3, 9)]
)
def test_a_region_is_read_inside_its_edge_where_that_leaves_enough(rows, columns, n_read):
    """15 pixels; else all that show its full signal."""
    assert oedema_of._wholly_raised(*block(rows, columns)).sum() == n_read


def test_the_edge_of_what_is_read_is_no_edge_of_a_region_that_goes_on():
    shown, muscle = block(9, 9)
    inner = np.zeros((1, 20, 20), bool)
    inner[0, 8:20, 8:20] = True
    shown = replace(shown, excess=np.where(inner, shown.excess, 0.0))

    # rows and columns 8 to 13 of the region are read, the last ones are its edge
    found = oedema_of._wholly_raised(shown, replace(muscle, inner=inner))
    assert np.argwhere(found[0]).min() == 8
    assert found.sum() == 25


# --- fainter tissue -----------------------------------------------------------------------------


def fainter(*levels):
    """Return whether the middle of a disc is tissue of its own on slices with these parts of the
    full signal, 2."""
    rows, columns = np.indices((21, 21)) - 10
    disc = ndimage.gaussian_filter((np.hypot(rows, columns) < 6).astype(float), 1.0)
    excess = 2.0 * np.array(levels)[:, None, None] * disc
    found = fainter_tissue(excess, excess > 0.15, 0.03, np.full(excess.shape, 2.0))
    assert not found[:, np.hypot(rows, columns) > 5.5].any()  # its edge never is
    return found[:, 10, 10].tolist()


def test_what_goes_on_as_faint_on_the_next_slice_is_tissue_of_its_own():
    assert fainter(1, 0.5, 0.5, 0) == [False, True, True, False]
    assert fainter(0.4, 0.42, 1, 0.6, 0.58) == [True, True, False, True, True]


def test_a_slice_that_a_region_fills_in_part_is_no_tissue_of_its_own():
    assert fainter(0, 0.5, 1, 1, 0.4) == [False] * 5
    assert fainter(1, 0.7, 0.35, 0) == [False] * 4  # it tapers
    assert fainter(0.5) == [False]


@pytest.mark.parametrize("order", [1, -1])
def test_the_edge_of_a_region_on_the_next_slice_is_no_more_of_the_same(order):
    below = np.indices((21, 21))[1] < 11
    edge = ndimage.gaussian_filter(below.astype(float), 1.0)
    flat = np.full(edge.shape, edge[10, 11])
    excess = 2.0 * np.stack([flat, edge])[::order]
    found = fainter_tissue(excess, excess > 0.15, 0.03, np.full(excess.shape, 2.0))

    assert excess[0, 10, 11] == excess[1, 10, 11]
    assert not found[:, 10, 11].any()


def test_full_signal_is_no_fainter_tissue():
    assert fainter(1, 0.95, 0.9, 0.9) == [False] * 4
