"""The phantom's voxels: edges where the outlines are, signals as asked for, noise, shading."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from ifi_mri.geometry import eroded, patient_to_voxel, pixels_inside, slice_coordinate
from ifi_mri.model import Landmark
from ifi_mri.phantom import HipSpec, Phantom, make_phantom
from ifi_mri.phantom.hip import MIDDLE, build_hip
from ifi_mri.phantom.protocols import ANATOMY, STIR
from ifi_mri.phantom.render import render
from ifi_mri.phantom.scan import Scan, axial_raster
from ifi_mri.phantom.series import Stack
from ifi_mri.phantom.signal import FLUID, MUSCLE_FLUID, T1, Texture, Tissue, coil_sensitivity
from ifi_mri.phantom.surroundings import SMALL
from ifi_mri.vocabulary import LandmarkName, Side

CLEAN = {"snr": None, "shading": 0.0}
MUSCLE_T1 = T1[Tissue.MUSCLE]


def marks(phantom: Phantom, side: Side, name: LandmarkName) -> list[Landmark]:
    return [mark for mark in phantom.landmarks().on(side) if mark.name is name]


def pixels(stack: Stack, mark: Landmark, erosion: int) -> np.ndarray:
    """Return the values of the pixels in an outline, the outermost ones left out."""
    index = round(float(np.mean(slice_coordinate(stack.grid.affine, mark.points_mm))))
    inside = pixels_inside(mark.points_mm, stack.grid.affine, stack.grid.shape[1:])
    return stack.voxels[index][eroded(inside, erosion)]


def test_cortex_begins_where_the_outline_of_the_bone_is() -> None:
    # Sampled across the edge at every vertex: fat or muscle outside, dark cortex inside.
    phantom = make_phantom(
        HipSpec(16, 10), HipSpec(24, 15), pixel_mm=(0.4, 0.6), slice_spacing_mm=4, n_slices=5,
        slice_thickness_mm=0.5, pose_deg=(14, -19, 23), offset_mm=(20, 30, -500), **CLEAN,
    )  # fmt: skip
    affine = phantom.anatomy.grid.affine
    to_patient = affine[:3, 1:3] / np.linalg.norm(affine[:3, 1:3], axis=0)
    for side in Side:
        for mark in marks(phantom, side, LandmarkName.ISCHIAL_TUBEROSITY):
            corners = np.array(mark.points_mm)
            middle = corners.mean(axis=0)
            along = np.roll(corners, -1, axis=0) - np.roll(corners, 1, axis=0)
            plane = along @ to_patient
            normal = np.stack([-plane[:, 1], plane[:, 0]], axis=1) @ to_patient.T
            normal /= np.linalg.norm(normal, axis=1)[:, None]
            normal *= np.sign(((corners - middle) * normal).sum(axis=1))[:, None]
            steps = np.arange(-1.0, 1.5, 0.05)
            profile = _sampled(phantom.anatomy, corners + steps[:, None, None] * normal)
            outside = profile[-1]
            near = profile[steps > 0.7]  # one tissue next to the bone, no thin plane of fat
            usable = (near.min(axis=0) > 180) & (np.ptp(near, axis=0) < 30) & (profile[0] < 60)
            assert usable.sum() > 30
            half = (outside + T1[Tissue.CORTEX]) / 2
            crossing = steps[np.argmax(profile > half, axis=0)]
            assert abs(np.median(crossing[usable])) < 0.06
            assert np.percentile(np.abs(crossing[usable]), 90) < 0.2


def _sampled(stack: Stack, points_mm: np.ndarray) -> np.ndarray:
    indices = patient_to_voxel(stack.grid.affine, points_mm)
    return map_coordinates(stack.voxels, np.moveaxis(indices, -1, 0), order=1)


def test_at_the_ends_of_the_ischiofemoral_space_there_is_cortex_and_none_before_it() -> None:
    phantom = make_phantom(
        HipSpec(20, 16, slice_offset=1),
        None,
        pixel_mm=(0.4, 0.4),
        n_slices=7,
        slice_thickness_mm=0.5,
        **CLEAN,
    )
    for level in phantom.truth["left"]["per_slice"]:
        start, end = np.array(level["ifs_ends_mm"])
        unit = (end - start) / np.linalg.norm(end - start)
        inside = _sampled(phantom.anatomy, np.array([start - 1.1 * unit, end + 1.1 * unit]))
        assert inside.max() < 60
        between = _sampled(phantom.anatomy, start + np.linspace(4.5, 10, 9)[:, None] * unit)
        assert between.min() > MUSCLE_T1 - 15


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (HipSpec(11, 6, 2.5, 0.4), HipSpec(22, 14, 1.6, 0.8, slice_offset=1)),
        (HipSpec(4, 2, 3.0, 0.5), HipSpec(45, 35, 2.0, 0.3)),
        (HipSpec(20, 23, 1.5, 1.0), HipSpec(30, 15)),
    ],
)
def test_muscle_signals_inside_the_outlines_are_exact(left: HipSpec, right: HipSpec) -> None:
    phantom = make_phantom(
        left, right, pixel_mm=(1.2, 1.0), fluid_pixel_mm=(0.6, 0.9),
        slice_spacing_mm=4, n_slices=13, pose_deg=(9, 8, -7), **CLEAN,
    )  # fmt: skip
    for side, spec in ((Side.LEFT, left), (Side.RIGHT, right)):
        outlines = marks(phantom, side, LandmarkName.QUADRATUS_FEMORIS)
        assert len(outlines) == 11
        for outline in outlines:
            assert set(pixels(phantom.anatomy, outline, 2)) == {MUSCLE_T1}
        inner = np.concatenate([pixels(phantom.fluid_sensitive, mark, 2) for mark in outlines])
        bright = round(MUSCLE_FLUID * spec.oedema_ratio)
        pure = np.isin(inner, [MUSCLE_FLUID, bright])
        assert pure.mean() > 0.9  # the rest straddles the edge of the oedema
        assert inner.min() >= MUSCLE_FLUID
        assert inner.max() <= bright
        half = (MUSCLE_FLUID + bright) / 2
        measured = np.concatenate([pixels(phantom.fluid_sensitive, mark, 1) for mark in outlines])
        if spec.extent:
            truth = phantom.truth[side]["oedema_extent_one_pixel_inside"]
            assert (measured > half).mean() == pytest.approx(truth, abs=0.01)
        for mark in marks(phantom, side, LandmarkName.REFERENCE_MUSCLE):
            assert set(pixels(phantom.fluid_sensitive, mark, 1)) == {MUSCLE_FLUID}
            assert set(pixels(phantom.anatomy, mark, 1)) == {MUSCLE_T1}


def test_the_coronal_series_shows_the_same_patient_with_the_head_at_the_top() -> None:
    # Quadratus femoris reaches from 4 mm below to 44 mm above the middle here; fat lies below it.
    phantom = make_phantom(
        HipSpec(slice_offset=2), None, slice_spacing_mm=10, n_slices=9, coronal=True,
        pose_deg=(10, -15, 20), offset_mm=(7, 8, 9), **CLEAN,
    )  # fmt: skip
    hip = phantom.hip(Side.LEFT)
    assert hip is not None
    coronal = phantom.stack("coronal")
    heights = np.array([35.0, 5.0, -25.0, -45.0])
    frame = np.c_[np.tile(MIDDLE, (4, 1)), heights, np.ones(4)]
    points = (hip.patient_from_frame @ frame.T)[:3].T
    high, middle, low, lowest = _sampled(coronal, points)
    assert max(high, middle) < 380
    assert min(low, lowest) > 550
    rows = patient_to_voxel(coronal.grid.affine, points)[:, 1]
    assert list(rows) == sorted(rows)


def test_ratio_and_extent_can_be_measured_through_noise_and_shading() -> None:
    # The accuracy that the pipeline is asked for: 5 % of the ratio, 3 points of the fraction.
    phantom = make_phantom(
        HipSpec(12, 7, 2.5, 0.7), HipSpec(20, 12, 2.0, 0.3),
        snr=20, shading=0.3, pose_deg=(15, 5, 20), seed=5,
    )  # fmt: skip
    for side, ratio in ((Side.LEFT, 2.5), (Side.RIGHT, 1.0)):
        stack, truth = phantom.fluid_sensitive, phantom.truth[side]
        muscle = [pixels(stack, m, 1) for m in marks(phantom, side, LandmarkName.QUADRATUS_FEMORIS)]
        normal = [pixels(stack, m, 1) for m in marks(phantom, side, LandmarkName.REFERENCE_MUSCLE)]
        inside, reference = np.concatenate(muscle), np.concatenate(normal)
        assert truth["median_signal_ratio"] == ratio
        assert np.median(inside) / np.median(reference) == pytest.approx(ratio, rel=0.05)
        fraction = (inside > reference.mean() + 3 * reference.std()).mean()
        assert fraction == pytest.approx(truth["oedema_extent_one_pixel_inside"], abs=0.03)


def test_oedema_is_not_seen_on_t1() -> None:
    with_oedema, without = (
        make_phantom(HipSpec(12, 7, ratio), None, pixel_mm=(2, 2), n_slices=5)
        for ratio in (3.0, 1.0)
    )
    assert np.array_equal(with_oedema.anatomy.voxels, without.anatomy.voxels)
    assert not np.array_equal(with_oedema.fluid_sensitive.voxels, without.fluid_sensitive.voxels)


def test_noise_is_muscle_over_snr_and_rician_in_air() -> None:
    noisy = make_phantom(None, HipSpec(), n_slices=12, snr=16, shading=0, fluid_sequence="t2_fs")
    reference = np.concatenate(
        [
            pixels(noisy.fluid_sensitive, mark, 1)
            for mark in marks(noisy, Side.RIGHT, LandmarkName.REFERENCE_MUSCLE)
        ]
    )
    sigma = MUSCLE_FLUID / 16
    assert reference.std() == pytest.approx(sigma, rel=0.05)
    assert reference.mean() == pytest.approx(np.hypot(MUSCLE_FLUID, sigma / np.sqrt(2)), rel=0.01)
    air = noisy.fluid_sensitive.voxels[:, :6, :30]
    assert air.mean() == pytest.approx(sigma * np.sqrt(np.pi / 2), rel=0.05)  # Rayleigh
    assert noisy.anatomy.voxels[:, :6, :30].mean() == pytest.approx(
        MUSCLE_T1 / 16 * np.sqrt(np.pi / 2), rel=0.05
    )


def test_the_coil_is_as_uneven_as_asked_for_and_smooth() -> None:
    y, x = np.linspace(-100, 120, 90), np.linspace(-180, 180, 130)
    coil = coil_sensitivity(y, x, 0.3)
    assert coil.max() - coil.min() == pytest.approx(0.3)
    assert (coil.max() + coil.min()) / 2 == pytest.approx(1)
    assert max(np.abs(np.diff(coil, axis=0)).max(), np.abs(np.diff(coil, axis=1)).max()) < 0.01
    assert coil_sensitivity(y, x, 0.0) == pytest.approx(np.ones((90, 130)))


def test_shading_multiplies_the_image() -> None:
    even, shaded = (
        make_phantom(pixel_mm=(2, 2), n_slices=3, snr=None, shading=shading)
        for shading in (0.0, 0.4)
    )
    bright = even.anatomy.voxels[1] > 400
    ratio = shaded.anatomy.voxels[1][bright] / even.anatomy.voxels[1][bright]
    assert 0.3 < ratio.max() - ratio.min() < 0.41
    assert ratio.max() > 1.1
    assert ratio.min() < 0.9


class _NoTexture(Texture):
    def next_slice(self) -> dict:
        return {}


def test_equal_hips_are_drawn_as_mirror_images() -> None:
    raster = axial_raster(Scan(n_slices=3), (1.7, 1.1), None)
    texture = _NoTexture(raster.y, raster.x, 0.0, np.random.default_rng(0))
    hip, other = build_hip(HipSpec(12, 7, 2.0, 0.5)), build_hip(HipSpec(24, 15))
    drawn = render({1: (hip, 0.0), -1: (other, 5.0)}, raster, 4.0, STIR, texture)
    mirrored = render({1: (other, 5.0), -1: (hip, 0.0)}, raster, 4.0, STIR, texture)
    np.testing.assert_allclose(drawn, mirrored[:, :, ::-1], atol=1e-3)
    assert not np.allclose(drawn, mirrored, atol=50)


@pytest.mark.parametrize("pixel_mm", [(0.5, 0.5), (1.5, 0.7), (0.9, 1.8)])
def test_partial_volume_keeps_the_area_of_a_small_structure(pixel_mm: tuple[float, float]) -> None:
    # A vessel that lies alone in fat: its darkness summed up is its area.
    vessel = next(part for part in SMALL if part.radius == 2.2)
    raster = axial_raster(Scan(n_slices=3), pixel_mm, None)
    texture = _NoTexture(raster.y, raster.x, 0.0, np.random.default_rng(0))
    image = render({1: (build_hip(HipSpec()), 0.0)}, raster, 4.0, ANATOMY, texture)[1]
    distance = vessel.core.distance(raster.x, raster.y) - vessel.radius
    around = (distance > 1.5) & (distance < 3)
    assert image[around].min() == image[around].max() == T1[Tissue.FAT]
    share = (T1[Tissue.FAT] - image[distance < 2]) / (T1[Tissue.FAT] - T1[vessel.tissue])
    area = share.sum() * pixel_mm[0] * pixel_mm[1]
    assert area == pytest.approx(np.pi * vessel.radius**2, rel=0.04)


def test_the_bright_and_dark_tissues_of_both_sequences() -> None:
    for signals in (T1, FLUID):
        dark = max(signals[t] for t in (Tissue.CORTEX, Tissue.TENDON, Tissue.FLOW_VOID))
        assert dark < 0.2 * signals[Tissue.MUSCLE]
    assert min(T1[Tissue.FAT], T1[Tissue.MARROW]) > 2 * T1[Tissue.MUSCLE]
    assert max(FLUID[Tissue.FAT], FLUID[Tissue.MARROW]) < 0.5 * FLUID[Tissue.MUSCLE]
    assert (ANATOMY.fluid_sensitive, STIR.fluid_sensitive) == (False, True)


def test_the_same_seed_makes_the_same_noise_and_another_seed_another() -> None:
    one, same, other = (
        make_phantom(pixel_mm=(3, 3), n_slices=3, seed=seed).anatomy.voxels for seed in (7, 7, 8)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_voxels_are_whole_numbers_and_read_only() -> None:
    voxels = make_phantom(pixel_mm=(3, 3), n_slices=3).fluid_sensitive.voxels
    assert voxels.dtype == np.float32
    assert np.array_equal(voxels, np.rint(voxels))
    with pytest.raises(ValueError, match="read-only"):
        voxels[0, 0, 0] = 1
