"""The coil's field, fitted on muscle, against the field that was laid on."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from signal_makers import T1, Oedema, Scan, make

from ifi_mri.signal import blocks as blocks_module
from ifi_mri.signal.blocks import Axis, Blocks, Place, blocks_of_muscle, patches_of
from ifi_mri.signal.field_fit import robust_fit
from ifi_mri.signal.quadratus import muscle_signal
from ifi_mri.signal.regions import cut_out, region
from ifi_mri.signal.settings import RegionSettings, ShadingSettings
from ifi_mri.signal.shading import fit_shading, no_shading
from ifi_mri.signal.tissues import tissues

SETTINGS = ShadingSettings()


def fitted(made, anatomy=None, settings=SETTINGS):
    points = np.concatenate([mark.points_mm for mark in (*made.quadratus, *made.reference)])
    image, around = cut_out(made.volume, points, 8.0), cut_out(made.volume, points, 75.0)
    muscle, reference = (
        region("", marks, image, RegionSettings()) for marks in (made.quadratus, made.reference)
    )
    shown = anatomy and tissues(anatomy.volume, made.reference, 75.0, RegionSettings())
    shading = fit_shading(
        around,
        image,
        muscle.whole,
        reference.inner,
        settings,
        shown=shown.muscle if shown else None,
    )
    return shading, muscle, reference, image


def true_gain(made, image, muscle, reference, scan):
    """Return the sensitivity at the muscle over that at the reference."""
    from signal_makers import _sensitivity

    rows, columns = made.volume.voxels.shape[1:]
    y = (np.arange(rows) - (rows - 1) / 2)[:, None] * scan.pixel_mm[0]
    x = (np.arange(columns) - (columns - 1) / 2)[None] * scan.pixel_mm[1]
    plane = _sensitivity(scan, x, y)[image.first[1] :, image.first[2] :]
    plane = np.broadcast_to(
        plane[: image.voxels.shape[1], : image.voxels.shape[2]], image.voxels.shape
    )
    return plane[muscle.whole].mean() / plane[reference.inner].mean()


@pytest.mark.parametrize("shading_deg", [80, 200, 320])
@pytest.mark.parametrize("with_anatomy", [True, False])
def test_the_field_between_the_muscles_is_found(shading_deg, with_anatomy):
    scan = Scan(shading=0.5, shading_deg=shading_deg, snr=20)
    made = make(scan)
    anatomy = make(Scan(shading=0.3, pixel_mm=(0.9, 0.9), seed=5), contrast=T1)
    shading, *rest = fitted(made, anatomy if with_anatomy else None)
    truth = true_gain(made, rest[2], rest[0], rest[1], scan)

    assert shading.order == (2 if with_anatomy else 1)
    assert shading.gain == pytest.approx(truth, abs=0.012)
    assert abs(math.log(shading.gain / truth)) < 4 * max(shading.gain_sd, 0.003)


def test_oedema_does_not_pass_for_coil():
    made = make(Scan(shading=0.0, snr=20), Oedema("diffuse", 3.0, 0.9))
    shading, *_ = fitted(made)

    assert shading.gain == pytest.approx(1.0, abs=0.01)


def test_a_field_that_cannot_be_told_from_none_is_not_applied():
    shading, muscle, _, _ = fitted(make(Scan(shading=0.0, snr=12, texture=0.05, seed=4)))

    assert not shading.is_applied
    assert (shading.field == 1).all()
    assert shading.remaining_sd >= abs(math.log(shading.gain))
    assert shading.field.shape == muscle.whole.shape


def test_the_field_is_one_over_the_reference():
    shading, _, reference, _ = fitted(make(Scan(shading=0.5, snr=None)))

    assert shading.is_applied
    assert shading.field[reference.inner].mean() == pytest.approx(1.0, abs=0.002)


def test_where_there_is_next_to_no_muscle_no_field_is_made_up():
    made = make(Scan(shading=0.5))
    shading, *_ = fitted(made, settings=ShadingSettings(radius_mm=9.0))

    assert (shading.order, shading.gain, shading.is_applied) == (0, 1.0, False)


def test_a_field_that_would_be_a_guess_is_not_made():
    made = make(Scan(shading=0.5))

    assert fitted(made, settings=ShadingSettings(max_leverage=1e-6))[0].order == 0
    assert fitted(made, settings=ShadingSettings(order=0))[0].order == 0


def test_no_shading_is_even():
    assert (no_shading((2, 3, 4)).field == np.ones((2, 3, 4))).all()


def test_the_field_that_a_report_keeps_is_the_one_that_was_taken_out():
    made = make(Scan(snr=30, shading=0.5, seed=3))
    found = muscle_signal(made.volume, made.quadratus, made.reference)
    kept = found.shading.polynomial
    whole = kept.on(made.volume.affine, made.volume.voxels.shape[1:])
    _, row, column = found.image.first
    n_rows, n_columns = found.shading.field.shape[1:]

    assert found.shading.is_applied
    assert whole[row : row + n_rows, column : column + n_columns] == pytest.approx(
        found.shading.field[0], rel=1e-9
    )


def test_places_without_a_number_take_no_part_in_the_fit():
    made = make(Scan(snr=30, shading=0.4, seed=3))
    points = np.concatenate([mark.points_mm for mark in (*made.quadratus, *made.reference)])
    box = cut_out(made.volume, points, 3.0)
    voxels = np.array(made.volume.voxels)
    outside = np.ones(voxels.shape, dtype=bool)
    first, shape = box.first, box.voxels.shape
    outside[:, first[1] : first[1] + shape[1], first[2] : first[2] + shape[2]] = False
    voxels[outside & (np.random.default_rng(1).random(voxels.shape) < 0.01)] = np.inf
    holes = replace(made.volume, voxels=voxels)
    whole, torn = (
        muscle_signal(volume, made.quadratus, made.reference).shading
        for volume in (made.volume, holes)
    )

    assert torn.gain == pytest.approx(whole.gain, abs=0.02)
    assert np.isfinite(torn.field).all()


def blocks_of(n_slices, slice_of, seed=0):
    rng = np.random.default_rng(seed)
    n = len(slice_of)
    u, v = rng.uniform(-1, 1, size=(2, n))
    signal = 5.0 + 0.1 * slice_of + 0.06 * u - 0.04 * v + rng.normal(0, 0.01, n)
    levels = np.full(n_slices, 5.1)
    return Blocks(signal, u, v, slice_of, patches_of(u, v, 75.0), levels)


def test_a_slice_without_blocks_does_not_stop_the_fit():
    slice_of = np.arange(400) % 2
    fit, with_empty = (robust_fit(blocks_of(n, slice_of), 1, SETTINGS) for n in (2, 3))

    assert fit.polynomial == pytest.approx([0.06, -0.04], abs=0.003)
    for name in ("polynomial", "inverse", "covariance"):
        np.testing.assert_allclose(getattr(fit, name), getattr(with_empty, name), rtol=1e-6)


def test_a_fit_needs_blocks_enough():
    assert robust_fit(blocks_of(1, np.zeros(23, dtype=np.intp)), 1, SETTINGS) is None
    assert robust_fit(blocks_of(1, np.zeros(24, dtype=np.intp)), 1, SETTINGS) is not None


def test_blocks_less_than_a_patch_apart_err_together():
    u = np.array([0.01, 0.25, 0.28, -0.01, 0.01])
    v = np.array([0.01, 0.01, 0.01, 0.01, 0.9])
    patch_of = patches_of(u, v, scale_mm=75.0)  # 20 mm are 0.267

    assert patch_of[0] == patch_of[1]
    assert len(set(patch_of.tolist())) == 4
    assert sorted(set(patch_of.tolist())) == [0, 1, 2, 3]


def test_blocks_hold_the_mean_of_their_pixels():
    stack = np.random.default_rng(0).normal(size=(2, 9, 12))
    whole = stack.reshape(2, 3, 3, 6, 2)
    np.testing.assert_allclose(blocks_module._block_mean(stack, (3, 2)), whole.mean(axis=(2, 4)))


@pytest.mark.parametrize(("middle_mm", "n_blocks"), [(14.0, 8), (4.0, 5), (30.0, 4), (90.0, 0)])
def test_blocks_lie_where_the_field_is_fitted(middle_mm, n_blocks):
    """Sides of 3 pixels, 1.2 mm each, on 28 pixels; centres within 14 mm of the middle."""
    row = blocks_module._Row.of(Axis(1.2, middle_mm, 14.0, 0), 28, 3.5)
    centres = np.arange(1, 27, 3)
    near = centres[np.abs(1.2 * centres - middle_mm) <= 14]

    assert row.side == 3
    assert row.centres.tolist() == near.tolist()
    assert len(near) == n_blocks
    assert row.scaled == pytest.approx((1.2 * near - middle_mm) / 14)
    pixels = np.arange(28)[row.pixels]
    assert pixels.reshape(-1, 3).mean(axis=1).tolist() == near.tolist()


@pytest.mark.parametrize("pixel_mm", [(1.0, 1.0), (0.7, 1.6), (4.0, 0.4)])
@pytest.mark.parametrize("margin_mm", [0.0, 3.0])
def test_blocks_hold_the_pixels_of_a_mask_and_those_near_by(pixel_mm, margin_mm):
    first, shape = (5, 8), (40, 44)
    mask = np.random.default_rng(0).random((2, 25, 31)) < 0.05
    rows, columns = (
        blocks_module._Row.of(Axis(spacing, 20.0, 1000.0, at), n, 3.0)
        for spacing, at, n in zip(pixel_mm, first, shape, strict=True)
    )
    full = np.zeros((2, *shape))
    full[:, first[0] : first[0] + 25, first[1] : first[1] + 31] = mask
    held = blocks_module._held(mask, rows, columns, margin_mm)

    assert held.shape == (2, len(rows.centres), len(columns.centres))
    for k, row, column in np.ndindex(held.shape):
        spans = (
            slice(max(0, at * of.side - reach), (at + 1) * of.side + reach)
            for at, of, reach in (
                (row, rows, math.ceil(margin_mm / pixel_mm[0])),
                (column, columns, math.ceil(margin_mm / pixel_mm[1])),
            )
        )
        assert held[k, row, column] == full[k][tuple(spans)].sum()


def test_blocks_near_the_muscle_or_too_far_from_the_reference_take_no_part():
    made = make(Scan(snr=20, shading=0.0))
    points = np.concatenate([mark.points_mm for mark in (*made.quadratus, *made.reference)])
    image, around = cut_out(made.volume, points, 8.0), cut_out(made.volume, points, 75.0)
    muscle, reference = (
        region("", marks, image, RegionSettings()) for marks in (made.quadratus, made.reference)
    )
    place = Place.around(reference.inner, image, around, 40.0)
    slices = np.array(reference.slices)
    blocks = blocks_of_muscle(
        around, image, muscle.whole, reference.inner, slices, place, SETTINGS, None
    )
    pixels = [
        np.rint((scaled * axis.scale_mm + axis.middle_mm) / axis.pixel_mm).astype(int)
        for scaled, axis in ((blocks.v, place.rows), (blocks.u, place.columns))
    ]
    grown = ndimage.maximum_filter(muscle.whole, size=(1, 5, 5))
    near_muscle = np.zeros(around.voxels.shape, dtype=bool)
    near_muscle[around.place_of(image)] = grown

    assert not near_muscle[slices[blocks.slice_of], pixels[0], pixels[1]].any()
    distance = np.hypot(blocks.u, blocks.v)
    assert 0.8 < distance.max() <= 1
    within = np.zeros(around.voxels.shape, dtype=bool)
    within[around.place_of(image)] = ndimage.minimum_filter(reference.inner, size=(1, 7, 7))
    assert within[slices[blocks.slice_of], pixels[0], pixels[1]].any()


def test_even_blocks_have_no_spread_however_bright_they_are():
    levels = np.array([1e4, 3.0], dtype=np.float32)
    stack = np.broadcast_to(levels[:, None, None], (2, 9, 12)).astype(np.float32)
    noisy = stack + np.random.default_rng(0).normal(0, 0.5, stack.shape).astype(np.float32)
    whole = noisy.reshape(2, 3, 3, 4, 3).astype(np.float64)

    mean, spread = blocks_module._mean_and_spread(stack, levels, (3, 3))
    assert (spread == 0).all()
    assert (mean == levels[:, None, None]).all()
    mean, spread = blocks_module._mean_and_spread(noisy, levels, (3, 3))
    np.testing.assert_allclose(mean, whole.mean(axis=(2, 4)), rtol=1e-7)
    np.testing.assert_allclose(spread, whole.std(axis=(2, 4)), rtol=1e-4)


def test_a_fit_that_starts_from_a_lower_order_ends_where_it_would_have():
    slice_of = np.arange(600) % 3
    blocks = blocks_of(3, slice_of, seed=4)
    bent = blocks._replace(log_signal=blocks.log_signal + 0.05 * blocks.u**2 - 0.03 * blocks.v**2)
    lower = robust_fit(bent, 1, SETTINGS)
    cold, warm = robust_fit(bent, 2, SETTINGS), robust_fit(bent, 2, SETTINGS, lower)

    assert warm.polynomial == pytest.approx(cold.polynomial, abs=1e-4)
    assert warm.levels == pytest.approx(cold.levels, abs=1e-4)
    assert warm.polynomial == pytest.approx([0.06, -0.04, 0.05, 0.0, -0.03], abs=0.006)
