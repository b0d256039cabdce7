"""Ischiofemoral space, quadratus femoris space and 3-D distance on awkward grids."""

import dataclasses

import numpy as np
import pytest
from hips import AFFINE, at, box, hip, mark, series
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from ifi_mri.config import Config
from ifi_mri.measurements import (
    ischiofemoral_distance_3d,
    ischiofemoral_space,
    quadratus_femoris_space,
)
from ifi_mri.model import Grid, Measurement, NotMeasured
from ifi_mri.vocabulary import Side

CONFIG = Config()


def ifs(*landmarks, **hip_fields):
    return ischiofemoral_space.measure(hip(*landmarks, **hip_fields), CONFIG)[0]


def qfs(*landmarks, **hip_fields):
    return quadratus_femoris_space.measure(hip(*landmarks, **hip_fields), CONFIG)[0]


def test_the_space_is_the_in_plane_distance_on_anisotropic_oblique_pixels():
    measured = ifs(
        mark("ischial_tuberosity", at(2, 100, 50)), mark("lesser_trochanter", at(2, 88, 41))
    )

    assert measured.value == pytest.approx(15.0, abs=1e-9)
    assert measured.unit == "mm"
    assert measured.sop_instance_uid == "1.2.1.2"
    assert np.allclose(measured.points_mm, [at(2, 100, 50), at(2, 88, 41)])


def test_the_headline_is_the_smallest_over_slices_and_every_slice_is_recorded():
    measured = ifs(
        mark("ischial_tuberosity", at(1, 100, 50)),
        mark("lesser_trochanter", at(1, 80, 50)),
        mark("ischial_tuberosity", at(2, 100, 50)),
        mark("lesser_trochanter", at(2, 87, 50)),
        mark("ischial_tuberosity", at(4, 100, 50)),
    )

    assert measured.value == pytest.approx(13.0)
    assert measured.n_slices == 2
    assert [round(one.value, 6) for one in measured.per_slice] == [20.0, 13.0]
    assert [one.sop_instance_uid for one in measured.per_slice] == ["1.2.1.1", "1.2.1.2"]
    assert measured.per_slice[1].instance_number == 3


def test_ends_on_different_slices_are_not_measured_and_both_slices_are_named():
    measured = ifs(
        mark("ischial_tuberosity", at(2, 100, 50)), mark("lesser_trochanter", at(3, 85, 50))
    )

    assert isinstance(measured, NotMeasured)
    positions = [
        float(np.array(at(k, 0, 0)) @ np.cross(AFFINE[:3, 1], AFFINE[:3, 2]) / 0.32) for k in (2, 3)
    ]
    for position in positions:
        assert f"{abs(position):.1f} mm" in measured.reason.replace("-", "")
    assert "both ends must lie on one slice" in measured.reason


def test_what_was_drawn_half_way_between_two_slices_stays_together():
    """The mean of 12 and of 20 equal heights differ in their last digit."""
    affine = np.array([[0, 0, 0.7, -150], [0, 0.7, 0, -130], [5.0, 0, 0, -452.63], [0, 0, 0, 1]])
    anatomy = series(affine=affine, shape=(24, 300, 250))
    for k in range(4, 20):
        height = round(-452.63 + (k + 0.5) * 5, 2)
        ischium, trochanter = (
            [(x + 8 * np.cos(a), 20 + 8 * np.sin(a), height) for a in np.arange(n) * 2 * np.pi / n]
            for x, n in ((50, 12), (84, 20))
        )
        measured = ifs(
            mark("ischial_tuberosity", *ischium, closed=True),
            mark("lesser_trochanter", *trochanter, closed=True),
            anatomy=anatomy,
        )
        assert measured.value == pytest.approx(18.0, abs=0.2)
        assert measured.per_slice[0].instance_number == k + 1


def test_a_slice_named_by_its_uid_wins_over_the_nearest_position():
    between = at(2.6, 88, 41)
    named = mark("lesser_trochanter", between, uid="1.2.1.2")
    tuberosity = mark("ischial_tuberosity", at(2, 100, 50), uid="1.2.1.2")

    assert ifs(tuberosity, named).value == pytest.approx(15.0, abs=1e-9)
    assert isinstance(
        ifs(tuberosity, dataclasses.replace(named, sop_instance_uid=None)), NotMeasured
    )


def test_a_named_multi_frame_instance_leaves_the_choice_of_frame_to_the_position():
    plain = series()
    one_file = tuple(dataclasses.replace(i, sop_instance_uid="1.2.3") for i in plain.instances)
    anatomy = dataclasses.replace(plain, instances=one_file)
    marks = [
        mark(name, at(k, right, 41), uid="1.2.3")
        for name, k, right in (
            ("ischial_tuberosity", 2, 100),
            ("lesser_trochanter", 4, 80),
            ("ischial_tuberosity", 4, 97),
        )
    ]

    measured = ifs(*marks, anatomy=anatomy)

    assert measured.value == pytest.approx(17.0)
    assert measured.per_slice[0].instance_number == 5


def test_outlines_are_measured_between_their_edges_not_their_vertices():
    measured = ifs(
        box("ischial_tuberosity", 3, 110, 20, 20, 60),
        mark("lesser_trochanter", at(3, 95, 43), at(3, 80, 60)),
    )

    assert measured.value == pytest.approx(15.0, abs=1e-9)
    assert np.allclose(measured.points_mm[0], at(3, 110, 43))


@pytest.mark.parametrize(
    "inner", [(112, 40, 5, 5), (105, 40, 20, 5), (110, 20, 20, 60), (100, 10, 40, 80)]
)
def test_structures_that_touch_or_overlap_give_no_distance(inner):
    measured = ifs(
        box("ischial_tuberosity", 3, 110, 20, 20, 60), box("lesser_trochanter", 3, *inner)
    )

    assert isinstance(measured, NotMeasured)
    assert "overlap" in measured.reason


def test_a_missing_landmark_is_named():
    assert ifs(mark("ischial_tuberosity", at(2, 100, 50))).reason == "no lesser_trochanter landmark"
    assert ifs(mark("lesser_trochanter", at(2, 100, 50))).reason == "no ischial_tuberosity landmark"
    assert "iliopsoas_tendon or lesser_trochanter" in qfs(
        mark("hamstring_origin", at(2, 9, 9))
    ).reason  # fmt: skip


def test_the_quadratus_femoris_space_ends_at_the_nearer_of_tendon_and_trochanter():
    hamstring = mark("hamstring_origin", at(2, 100, 50))
    tendon = mark("iliopsoas_tendon", at(2, 91, 50))
    trochanter = mark("lesser_trochanter", at(2, 92, 50))

    nearer_bone = qfs(hamstring, tendon, trochanter)
    tendon_only = qfs(hamstring, tendon)

    assert nearer_bone.value == pytest.approx(8.0)
    assert nearer_bone.detail("far_landmark") == "lesser_trochanter"
    assert "lesser_trochanter" in nearer_bone.method
    assert tendon_only.value == pytest.approx(9.0)
    assert "iliopsoas_tendon" in tendon_only.method


def test_the_standard_deviation_is_that_of_two_independent_points():
    marks = (
        mark("ischial_tuberosity", at(2, 100, 50)),
        mark("lesser_trochanter", at(2, 88, 41)),
    )
    config = Config.model_validate({"spaces": {"landmark_sd_mm": 0.5}})
    rng = np.random.default_rng(1)
    jittered = np.linalg.norm(
        np.array([12.0, 9.0]) + rng.normal(0, 0.5, (20000, 2)) - rng.normal(0, 0.5, (20000, 2)),
        axis=1,
    )

    measured = ischiofemoral_space.measure(hip(*marks), config)[0]

    assert measured.sd == pytest.approx(jittered.std(), rel=0.02)
    assert measured.bias == pytest.approx(jittered.mean() - 15.0, abs=0.01)
    assert measured.bias == pytest.approx(0.5 / 30, rel=0.01)  # variance across over twice 15 mm
    middle, half = 15 - measured.bias, 1.959964 * measured.sd
    assert measured.interval_95 == pytest.approx((middle - half, middle + half), abs=1e-6)


def test_an_interval_does_not_reach_below_zero():
    measured = ifs(
        mark("ischial_tuberosity", at(2, 100, 50)), mark("lesser_trochanter", at(2, 99, 50))
    )

    assert measured.interval_95[0] == 0.0


def test_a_coronal_anatomy_series_is_refused_with_its_angle():
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, 1.0], [5, 0, 0], [0, -1, 0]])
    coronal = series(affine=affine, grid=Grid.from_affine(affine, (6, 50, 50)))

    measured = ifs(
        mark("ischial_tuberosity", (0, 0, 0)),
        mark("lesser_trochanter", (10, 0, 0)),
        anatomy=coronal,
    )

    assert isinstance(measured, NotMeasured)
    assert "coronal, 90 degrees from axial" in measured.reason


@pytest.mark.parametrize(("tilt_deg", "measurable"), [(29.5, True), (30.5, False)])
def test_axial_means_within_thirty_degrees(tilt_deg, measurable):
    affine = np.eye(4)
    turn = Rotation.from_euler("x", tilt_deg, degrees=True).as_matrix()
    affine[:3, :3] = turn @ np.array([[0, 0, 1.0], [0, 1, 0], [5, 0, 0]])
    tilted = series(affine=affine)
    points = [tuple(float(x) for x in (affine @ (2, 20, c, 1))[:3]) for c in (10, 30)]

    measured = ifs(
        mark("ischial_tuberosity", points[0]),
        mark("lesser_trochanter", points[1]),
        anatomy=tilted,
    )

    assert isinstance(measured, Measurement) is measurable


def test_the_distance_in_space_spans_slices_and_the_space_does_not():
    marks = (
        mark("ischial_tuberosity", at(2, 100, 50)),
        mark("lesser_trochanter", at(2, 85, 50)),
        mark("lesser_trochanter", at(3, 100, 62)),
    )

    in_space = ischiofemoral_distance_3d.measure(hip(*marks), CONFIG)[0]

    assert ifs(*marks).value == pytest.approx(15.0)
    assert in_space.value == pytest.approx(13.0)  # 12 mm in the plane, 5 mm across
    assert in_space.n_slices == 2


@given(st.lists(st.floats(-60, 60), min_size=4, max_size=4), st.sampled_from(list(Side)))
def test_left_and_right_are_mirror_images(places, side):
    flip = np.diag([-1.0, 1, 1, 1])
    a, b = at(2, 100 + places[0], 60 + places[1]), at(2, 90 + places[2], 50 + places[3])
    mirrored = [tuple(float(x) for x in (flip @ (*p, 1))[:3]) for p in (a, b)]

    one = ifs(mark("ischial_tuberosity", a), mark("lesser_trochanter", b))
    other = ifs(
        mark("ischial_tuberosity", mirrored[0], side=side),
        mark("lesser_trochanter", mirrored[1], side=side),
        side=side,
        anatomy=series(affine=flip @ AFFINE),
    )

    if isinstance(one, NotMeasured):
        assert isinstance(other, NotMeasured)
    else:
        assert other.value == pytest.approx(one.value, abs=1e-9)
