"""Raised signal in muscles whose oedema is known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signal_makers import T1, Oedema, Scan, make, read_again

from ifi_mri.model import Volume
from ifi_mri.signal import oedema as oedema_of
from ifi_mri.signal.place import Zone, zone_of
from ifi_mri.signal.quadratus import muscle_signal
from ifi_mri.signal.raised import continued, share_of
from ifi_mri.signal.regions import NotAssessable, Region
from ifi_mri.signal.settings import MuscleSignalSettings, PlaceSettings, RegionSettings
from ifi_mri.vocabulary import Status


def measured(made, **more):
    return muscle_signal(
        made.volume, made.quadratus, made.reference, space_line_mm=made.space_line_mm, **more
    )


def changed(made, change):
    """Return the toy with its voxels passed through a function."""
    voxels = change(made.volume.voxels.astype(np.float64)).astype(np.float32)
    return replace(made, volume=replace(made.volume, voxels=voxels))


@pytest.fixture(scope="module")
def focal():
    return make(Scan(snr=18, shading=0.3, level_mm=1.0, seed=3), Oedema("focal", 2.2, 0.15))


@pytest.fixture(scope="module")
def normal():
    return make(Scan(snr=12, shading=0.3, seed=8))


# --- normal muscle ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_normal_muscle_is_normal_at_any_noise_and_shading(seed):
    rng = np.random.default_rng(seed)
    scan = Scan(
        snr=rng.uniform(10, 30),
        shading=0.5,
        shading_deg=rng.uniform(0, 360),
        spacing_mm=rng.uniform(5, 6),
        texture=0.04,
        seed=seed,
    )
    found = measured(make(scan))

    assert found.judgement.status is Status.ABSENT
    assert found.judgement.grade == 0
    assert found.oedema.extent.value < 0.01
    assert found.ratio.value == pytest.approx(1.0, abs=0.035)
    assert found.ratio.low < 1.02
    assert found.ratio.high > 0.98
    assert found.place is None
    assert not found.spread.is_present


# --- oedema -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "ratio", "extent"),
    [
        ("focal", 2.0, 0.04),
        ("focal", 4.0, 0.3),
        ("diffuse", 2.0, 0.6),
        ("diffuse", 3.5, 0.85),
        ("perimuscular", 2.5, 0.15),
        ("cranial", 2.0, 0.4),
    ],
)
def test_extent_volume_ratio_and_grade_are_found(kind, ratio, extent):
    centre = (-4.0, 0.0, 4.5) if kind == "cranial" else (-4.0, 0.0, 2.0)
    made = make(
        Scan(snr=15, shading=0.5, spacing_mm=5.5, seed=11), Oedema(kind, ratio, extent, centre)
    )
    found = measured(made)
    oedema = found.oedema

    # a sharp lower end between two slices is known to a third of their spacing: their true areas
    # alone say 0.41 here, not 0.38
    assert oedema.extent.value == pytest.approx(
        made.true_extent, abs=0.05 if kind == "cranial" else 0.04
    )
    assert oedema.extent.low <= made.true_extent <= oedema.extent.high
    assert oedema.volume_ml.value == pytest.approx(
        made.true_volume_ml, rel=0.15 if kind == "cranial" else 0.10
    )
    assert oedema.ratio.value == pytest.approx(ratio, rel=0.05)
    assert found.judgement.grade == (1 if extent < 0.1 else 3 if extent > 0.5 else 2)
    assert found.judgement.status is Status.PRESENT
    assert found.spread.is_present == (kind == "perimuscular")


@pytest.mark.parametrize("ratio", [2.0, 4.0])
def test_the_ratio_of_a_raised_region_is_not_surer_than_blur_leaves_it(ratio):
    """Without noise, and in a muscle raised throughout, where no blur has to be given back."""
    made = make(Scan(snr=1000.0, texture=0.0, shading=0.0, seed=1), Oedema("diffuse", ratio, 0.85))
    found = measured(made).oedema.ratio

    assert found.sd >= 0.005 * (found.value - 1)
    assert found.low <= ratio <= found.high


def test_faint_oedema_is_found_in_noise():
    made = make(Scan(snr=12, seed=2), Oedema("focal", 1.35, 0.3))
    found = measured(made)

    assert found.oedema.extent.value == pytest.approx(0.3, abs=0.06)
    assert found.judgement.grade == 2


def test_the_blurred_edge_of_bright_oedema_is_not_counted(focal):
    found = measured(focal)

    assert found.oedema.fraction_above.value > focal.true_extent + 0.05
    assert found.oedema.extent.value == pytest.approx(focal.true_extent, abs=0.02)


def test_the_largest_region_and_its_height_are_those_of_the_one_there_is(focal):
    found = measured(focal)
    # its half axes: x, y / sqrt(2.2), z / sqrt(0.5) of one radius, cut by the muscle's own edges
    assert found.oedema.largest.value == pytest.approx(found.oedema.extent.value, abs=0.01)
    assert 18 <= found.oedema.height_mm.value <= 40
    assert found.oedema.height_mm.sd == pytest.approx(5.0 / 6**0.5)


def test_extent_does_not_depend_on_gain(focal):
    once, thrice = measured(focal), measured(changed(focal, lambda v: 3 * v))

    assert thrice.oedema.extent.value == pytest.approx(once.oedema.extent.value, abs=1e-6)
    assert thrice.ratio.value == pytest.approx(once.ratio.value, rel=1e-6)
    assert thrice.oedema.volume_ml.value == pytest.approx(once.oedema.volume_ml.value, abs=1e-5)


@pytest.mark.parametrize(
    "gain",
    [
        lambda k: 0.7 + 0.06 * k,  # along the coil
        lambda k: 1 + 0.2 * (k % 2),  # slices taken in two passes
        lambda k: 1 + 0.3 * (k == 5),
    ],
)
def test_gain_that_differs_from_slice_to_slice_does_not_matter(focal, gain):
    gains = gain(np.arange(len(focal.volume.voxels)))[:, None, None]
    once, again = measured(focal), measured(changed(focal, lambda v: v * gains))

    assert again.oedema.extent.value == pytest.approx(once.oedema.extent.value, abs=0.004)
    assert again.oedema.ratio.value == pytest.approx(once.oedema.ratio.value, rel=0.015)


def test_reference_levels_scatter_less_than_the_medians_of_their_slices():
    plain, found = [], []
    for seed in range(8):
        signal = measured(make(Scan(snr=12, texture=0.04, seed=seed)))
        even = signal.image.voxels / signal.shading.field
        for k, level in signal.relative.levels.items():
            inner = signal.reference.inner[k]
            median = float(np.median(even[k][inner]))
            assert np.median(signal.relative.ratio[k][inner]) * level == pytest.approx(median)
            plain.append(np.log(median / 200))
            found.append(np.log(level / 200))

    assert np.std(found) < 0.8 * np.std(plain)  # both hold the error that all slices share
    assert np.mean(found) == pytest.approx(np.mean(plain), abs=0.002)


@pytest.mark.parametrize("bright_first", [True, False])
@pytest.mark.parametrize("axis", [0, 2])
@pytest.mark.parametrize("kind", ["focal", "diffuse"])
def test_fainter_tissue_beside_brighter_is_sized_by_its_own_level(kind, axis, bright_first):
    """One region of two levels, 3 and 1.6 times normal: side by side, or one above the other."""
    scan = Scan(snr=20, texture=0.02, level_mm=1.0, seed=5)
    bright, faint = (make(scan, Oedema(kind, ratio, 0.3)) for ratio in (3.0, 1.6))
    place = np.indices(bright.volume.voxels.shape)[axis]
    brighter = (place < bright.volume.voxels.shape[axis] // 2) == bright_first
    both = changed(bright, lambda v: np.where(brighter, v, faint.volume.voxels))
    found = measured(both).oedema

    assert found.extent.value == pytest.approx(both.true_extent, abs=0.03)
    assert found.volume_ml.value == pytest.approx(both.true_volume_ml, rel=0.1)


def test_left_and_right_are_mirror_images(focal):
    mirror = np.diag([-1.0, 1.0, 1.0])
    affine = focal.volume.affine.copy()
    affine[:3] = mirror @ affine[:3]

    def mirrored(marks):
        return tuple(
            replace(m, points_mm=tuple(map(tuple, (np.array(m.points_mm) @ mirror).tolist())))
            for m in marks
        )

    other = replace(
        focal,
        volume=replace(focal.volume, affine=affine),
        quadratus=mirrored(focal.quadratus),
        reference=mirrored(focal.reference),
        space_line_mm=focal.space_line_mm @ mirror,
    )
    here, there = measured(focal), measured(other)

    assert there.oedema.extent.value == pytest.approx(here.oedema.extent.value, abs=1e-9)
    assert there.place.distance_mm.value == pytest.approx(here.place.distance_mm.value)
    assert there.place.level_mm == pytest.approx(here.place.level_mm)
    assert there.place.centre_mm[0] == pytest.approx(-here.place.centre_mm[0])


def test_slices_stored_the_other_way_round_and_transposed_give_the_same(focal):
    flipped = focal.volume.voxels[::-1].transpose(0, 2, 1)
    step = np.eye(4)
    step[0, 0], step[0, 3] = -1, len(flipped) - 1
    turn = np.eye(4)[[0, 2, 1, 3]]
    volume = Volume(
        np.ascontiguousarray(flipped),
        focal.volume.affine @ step @ turn,
        "9.9",
        "9.1",
        focal.volume.instances[::-1],
    )
    here, there = measured(focal), measured(replace(focal, volume=volume))

    # the blocks that shading is fitted on begin at another corner
    assert there.oedema.extent.value == pytest.approx(here.oedema.extent.value, abs=1e-3)
    assert there.ratio.value == pytest.approx(here.ratio.value, abs=3e-3)
    assert there.place.centre_mm == pytest.approx(here.place.centre_mm, abs=0.02)


@pytest.mark.parametrize("seed", range(4))
def test_two_readers_get_the_same_ratio(seed):
    rng = np.random.default_rng(seed)
    made = make(
        Scan(snr=20, shading=0.4, seed=seed), Oedema("focal", 2.5, 0.3) if seed % 2 else None
    )
    both = [
        measured(
            replace(
                made,
                quadratus=read_again(made.quadratus, rng),
                reference=read_again(made.reference, rng),
            )
        )
        for _ in range(2)
    ]
    values = [f.oedema.ratio.value if f.oedema.ratio else f.ratio.value for f in both]

    assert values[0] == pytest.approx(values[1], rel=0.03)
    assert both[0].judgement.grade == both[1].judgement.grade


def test_a_slice_left_out_between_two_outlined_ones_is_interpolated(focal):
    every_second = replace(focal, quadratus=focal.quadratus[::2], reference=focal.reference[::2])
    found = measured(every_second)

    assert found.oedema.volume_ml.value == pytest.approx(focal.true_volume_ml, rel=0.25)
    assert len(found.slices) == len(focal.quadratus[::2])


# --- place --------------------------------------------------------------------------------------


def test_the_place_is_where_the_oedema_was_put(focal):
    found = measured(focal).place

    assert found.zone is Zone.NARROWEST
    assert found.level_mm == pytest.approx(2.0, abs=1.5)
    assert 0.3 < found.share_to_femur < 0.6
    assert found.distance_mm.value < 6


def test_oedema_at_the_femur_lies_at_the_junction_and_high_up_elsewhere():
    at_femur = measured(make(Scan(), Oedema("focal", 2.5, 0.06, (16.0, 1.0, 0.0)))).place
    high_up = measured(make(Scan(), Oedema("focal", 2.5, 0.06, (-6.0, 0.0, 17.0)))).place

    assert at_femur.zone is Zone.JUNCTION
    assert high_up.zone is Zone.ELSEWHERE
    assert high_up.level_mm == pytest.approx(16, abs=3)


@pytest.mark.parametrize(
    ("extent", "distance", "level", "share", "zone"),
    [
        (0.1, 10.0, 10.0, 0.75, Zone.NARROWEST),
        (0.1, 10.1, 0.0, 0.5, Zone.ELSEWHERE),
        (0.1, 0.0, -10.1, 0.5, Zone.ELSEWHERE),
        (0.1, 0.0, 0.0, 0.76, Zone.JUNCTION),
        (0.5, 0.0, 0.0, 0.5, Zone.NARROWEST),
        (0.501, 0.0, 0.0, 0.76, Zone.THROUGHOUT),
    ],
)
def test_zones_end_where_the_settings_say(extent, distance, level, share, zone):
    assert zone_of(extent, distance, level, share, PlaceSettings()) is zone


def test_in_a_narrow_space_the_muscles_length_says_where_its_junction_is(focal):
    start, end = focal.space_line_mm
    middle, narrow = (start + end) / 2, 11 / np.linalg.norm(end - start)
    line = np.array([middle - narrow / 2 * (end - start), middle + narrow / 2 * (end - start)])
    belly, at_femur = (make(Scan(), Oedema("focal", 2.5, 0.06, (x, 0.0, 0.0))) for x in (0.0, 16.0))

    assert measured(replace(belly, space_line_mm=line)).place.zone is Zone.NARROWEST
    assert measured(replace(at_femur, space_line_mm=line)).place.zone is Zone.JUNCTION


def test_without_the_line_of_the_space_there_is_no_place_but_there_is_spread():
    made = make(Scan(seed=5), Oedema("perimuscular", 2.5, 0.2))
    found = muscle_signal(made.volume, made.quadratus, made.reference)

    assert found.place is None
    assert found.spread.is_present


# --- the parts ----------------------------------------------------------------------------------


@given(st.floats(0.01, 5), st.floats(0.001, 0.3))
def test_half_of_a_clear_full_signal_is_half_a_share(plateau, spread):
    share = share_of(np.array([plateau / 2]), np.array([plateau]), np.array([spread]))[0]

    if plateau >= 6 * spread:
        assert share == pytest.approx(0.5)
    else:
        assert share <= 0.5


def test_shares_go_from_nothing_to_all_and_far_from_regions_there_is_none():
    excess = np.linspace(-1, 2, 61)
    share = share_of(excess, np.ones(61), np.full(61, 0.02))

    assert (np.diff(share) >= 0).all()
    assert (share[0], share[-1]) == (0.0, 1.0)
    assert (share_of(excess, np.zeros(61), np.full(61, 0.02)) == 0).all()


def test_shares_continue_into_the_unread_rim_as_they_fade():
    whole = np.zeros((1, 12, 12), bool)
    whole[0, 1:11, 1:11] = True
    inner = np.zeros_like(whole)
    inner[0, 2:10, 2:10] = True
    share = np.zeros(whole.shape)
    share[0, :, :] = np.array([0, 0, 1, 1, 1, 1, 0.9, 0.8, 0.6, 0.4, 0, 0])[None]
    share[~inner] = 0
    full = continued(share, Region(whole, inner, {}), (1.0, 1.0))[0]

    assert full[5, 1] == 1.0
    assert full[5, 10] == pytest.approx(0.2)
    assert (full[~whole[0]] == 0).all()
    assert full[5, 2:10] == pytest.approx(share[0, 5, 2:10])


def test_cavalieri_has_no_doubt_about_an_even_stack_and_much_about_a_lone_slice():
    assert oedema_of.cavalieri_sd(np.array([0.0, 0.0, 9.0, 0.0])) == pytest.approx(9 * 0.5)
    even = np.array([0, 3, 6, 9, 9, 9, 6, 3, 0.0])
    assert oedema_of.cavalieri_sd(even) < 0.1 * even.sum()


# --- what cannot be measured --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("voxels", "words"),
    [(0.0, "holds no signal"), (np.nan, "no finite numbers"), (np.inf, "no finite numbers")],
)
def test_pictures_without_signal_or_numbers_are_not_assessable(normal, voxels, words):
    with pytest.raises(NotAssessable, match=words):
        measured(changed(normal, lambda v: np.full_like(v, voxels)))


def test_a_picture_with_next_to_no_noise_is_measured():
    made = make(Scan(snr=5000.0, correlation_px=0.0), Oedema("focal", 2.0, 0.2))
    found = measured(made)

    assert found.oedema.extent.value == pytest.approx(0.2, abs=0.02)
    assert found.oedema.ratio.value == pytest.approx(2.0, abs=0.01)


def test_a_constant_picture_is_no_image(normal):
    with pytest.raises(NotAssessable, match="one value throughout"):
        measured(changed(normal, lambda v: np.full_like(v, 50.0)))


def test_missing_outlines_are_named(normal):
    with pytest.raises(NotAssessable, match="no quadratus_femoris outline"):
        muscle_signal(normal.volume, (), normal.reference)
    with pytest.raises(NotAssessable, match="no reference_muscle outline"):
        muscle_signal(normal.volume, normal.quadratus, ())


def test_an_anatomy_series_of_somewhere_else_is_done_without(normal):
    affine = normal.volume.affine.copy()
    affine[:3, 3] += 500
    elsewhere = replace(normal.volume, affine=affine)
    found = measured(normal, anatomy=elsewhere)

    assert found.shift is None
    assert found.suppression is None
    assert found.judgement.status is Status.ABSENT


@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**31),
    level=st.floats(1, 1e5),
    n_bad=st.integers(0, 40),
)
def test_random_pictures_give_a_result_or_a_reason(normal, seed, level, n_bad):
    rng = np.random.default_rng(seed)

    def junk(voxels):
        voxels = level * rng.exponential(size=voxels.shape)
        where = tuple(rng.integers(0, n, n_bad) for n in voxels.shape)
        voxels[where] = rng.choice([np.nan, -1e30, 1e30, 0.0], n_bad)
        return voxels

    try:
        found = measured(changed(normal, junk))
    except NotAssessable:
        return
    assert 0 <= found.oedema.extent.low <= found.oedema.extent.high <= 1
    assert np.isfinite([*found.ratio, *found.oedema.volume_ml]).all()


def test_with_the_anatomy_series_the_same_is_found(focal):
    anatomy = make(Scan(pixel_mm=(0.9, 0.8), level_mm=1.0, seed=4), contrast=T1)
    found = measured(focal, anatomy=anatomy.volume)

    assert found.shading.order == 2
    assert found.oedema.extent.value == pytest.approx(focal.true_extent, abs=0.02)
    assert found.suppression.fat_over_muscle.value == pytest.approx(0.36, abs=0.05)
    assert not found.suppression.is_lost


def test_the_settings_move_what_they_name(focal):
    def extent(**oedema):
        settings = MuscleSignalSettings.model_validate({"oedema": oedema})
        return measured(focal, settings=settings).oedema

    assert extent(threshold_sd=9).n_above < extent().n_above
    assert extent(min_excess=0.9).yardstick.threshold == pytest.approx(1.9)
    assert extent(min_excess=0.99, seed_sd=80).ratio is None


def test_the_line_of_the_space_follows_the_outlines_when_they_are_moved():
    scan, there = Scan(snr=25, seed=7), Oedema("focal", 2.5, 0.1, (0.0, 0.0, 0.0))
    still, shifted = make(scan, there), make(replace(scan, shift_mm=(4.0, 3.0)), there)
    anatomy = make(replace(scan, seed=8), contrast=T1).volume
    follow = MuscleSignalSettings(regions=RegionSettings(apply_shift=True))
    places = [
        muscle_signal(
            made.volume,
            still.quadratus,
            still.reference,
            follow,
            anatomy=anatomy,
            space_line_mm=still.space_line_mm,
        ).place
        for made in (still, shifted)
    ]

    assert places[1].distance_mm.value == pytest.approx(places[0].distance_mm.value, abs=0.7)
    assert places[1].share_to_femur == pytest.approx(places[0].share_to_femur, abs=0.03)
