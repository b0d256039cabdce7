"""Secondary measurements: angles, areas, volume, what belongs to both sides; truths by hand, and
standard deviations against simulated clicks."""

import dataclasses
import math

import numpy as np
import pytest
from hips import AFFINE, at, box, hip, mark, series
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from ifi_mri import measurements
from ifi_mri.config import Config
from ifi_mri.measurements import (
    hamstring_tendon_area,
    intertuberous_distance,
    ischial_angle,
    lesser_trochanter_direction,
    neck_shaft_angle,
    outlined_area,
    quadratus_femoris_area,
    quadratus_femoris_volume,
    side_difference,
)
from ifi_mri.model import Grid, Hip, Landmark, Measurement, NotMeasured
from ifi_mri.vocabulary import LandmarkName, MeasurementName, Role, Side

CONFIG = Config()
SD_MM = CONFIG.spaces.landmark_sd_mm

#: Upright axial slices 5 mm apart, seen from the feet, 0.8 mm pixels, the body's middle at x = 0.
UPRIGHT = np.array([[0, 0, 0.8, -200], [0, 0.8, 0, -150], [5, 0, 0, -50], [0, 0, 0, 1.0]])
UPRIGHT_SERIES = series(affine=UPRIGHT, shape=(20, 375, 500))

#: Simulated readings, and how near to the stated SD theirs must come: the SD of an SD from this
#: many is 2.9 %.
N_READINGS = 600
SD_SHARE = 0.09


def upright(*landmarks, side=Side.LEFT):
    """A hip on upright slices."""
    return hip(*landmarks, side=side, anatomy=UPRIGHT_SERIES)


def pair(*landmarks, anatomy=UPRIGHT_SERIES):
    """Both hips with landmarks sorted by their side."""
    return tuple(
        hip(*(m for m in landmarks if m.side is side), side=side, anatomy=anatomy) for side in Side
    )


def jittered(landmarks, generator, in_plane=True):
    """The same landmarks as another reader would have placed them."""
    moved = []
    for one in landmarks:
        noise = generator.normal(0, SD_MM, (len(one.points_mm), 3)) * (1, 1, not in_plane)
        points = tuple(map(tuple, np.asarray(one.points_mm) + noise))
        moved.append(dataclasses.replace(one, points_mm=points))
    return moved


def simulated(measure, landmarks, in_plane=True):
    """Values of many readings of the same landmarks."""
    generator = np.random.default_rng(11)
    return np.array([
        measure(jittered(landmarks, generator, in_plane)).value for _ in range(N_READINGS)
    ])  # fmt: skip


def mirrored(landmarks):
    """The landmarks of the other side of a symmetric patient."""
    return [
        dataclasses.replace(
            one, side=one.side.other, points_mm=tuple((-x, y, z) for x, y, z in one.points_mm)
        )
        for one in landmarks
    ]


# --- ischial angle ------------------------------------------------------------------------------


def axis_of(angle_deg, side=Side.LEFT, length=30.0, middle=(60.0, 30.0, 0.0), turn_deg=0.0):
    """An ischial axis at an angle from inwards towards the back, in a body rolled by turn_deg."""
    inwards = np.array([-side.sign, 0, 0])
    direction = math.cos(math.radians(angle_deg)) * inwards + math.sin(
        math.radians(angle_deg)
    ) * np.array([0, 1.0, 0])
    start = np.array((side.sign * middle[0], *middle[1:]))
    roll = Rotation.from_euler("z", turn_deg, degrees=True)
    ends = [roll.apply(start + s * length / 2 * direction) for s in (-1, 1)]
    return mark("ischial_axis", *map(tuple, ends), side=side)


def tuberosities(turn_deg=0.0, z=0.0, distance=130.0):
    roll = Rotation.from_euler("z", turn_deg, degrees=True)
    return [
        mark(
            "ischial_tuberosity",
            tuple(roll.apply([side.sign * distance / 2, 25.0, z])),
            side=side,
        )
        for side in Side
    ]


def ischial(*landmarks, anatomy=UPRIGHT_SERIES):
    return ischial_angle.measure_pair(*pair(*landmarks, anatomy=anatomy), [], CONFIG)


@pytest.mark.parametrize("angle_deg", [132.6, 100.0, 90.0, 88.0, 47.4, 170.0])
@pytest.mark.parametrize("turned", [False, True])
def test_the_ischial_angle_counts_from_inwards_to_the_back_end_whichever_end_came_first(
    angle_deg, turned
):
    axes = [axis_of(angle_deg, side) for side in Side]
    if turned:
        axes = [dataclasses.replace(a, points_mm=a.points_mm[::-1]) for a in axes]

    left, right = ischial(*axes, *tuberosities())

    assert (left.side, right.side) == (Side.LEFT, Side.RIGHT)
    for one in (left, right):
        assert one.value == pytest.approx(angle_deg, abs=1e-6)
        assert one.unit == "deg"
        assert "bi-ischial line" in one.method
        assert one.detail("horizontal") == "bi-ischial line"


def test_a_patient_lying_askew_takes_the_bi_ischial_line_along():
    marks = [axis_of(130.0, side, turn_deg=8.0) for side in Side]

    with_line = ischial(*marks, *tuberosities(turn_deg=8.0))
    without = ischial(*marks, tuberosities(turn_deg=8.0)[0])

    assert [one.value for one in with_line] == pytest.approx([130.0, 130.0])
    assert [one.value for one in without] == pytest.approx([122.0, 138.0])
    assert "patient's left-right axis" in without[0].method


def test_the_lateral_cortex_lays_the_bi_ischial_line_for_points_and_outlines_alike():
    point, outline = tuberosities()[0], mark(
        "ischial_tuberosity", (-65, 25, 0), (-50, 40, 0), (-45, 20, 0), side=Side.RIGHT, closed=True
    )  # fmt: skip

    assert ischial(axis_of(120.0), point, outline)[0].value == pytest.approx(120.0)


def test_the_ischial_angle_is_taken_in_the_plane_of_oblique_anisotropic_slices():
    down, right = AFFINE[:3, 1] / 0.4, AFFINE[:3, 2] / 0.8  # back, and the patient's right
    start = np.array(at(2, 100, 50))
    turn = math.radians(125)
    ends = [start, start + 25 * (math.cos(turn) * right + math.sin(turn) * down)]
    far = np.array(at(2, 230, 50))
    marks = [
        mark("ischial_axis", *map(tuple, ends)),
        mark("ischial_tuberosity", tuple(start)),
        mark("ischial_tuberosity", tuple(far), side=Side.RIGHT),
    ]

    assert ischial(*marks, anatomy=series())[0].value == pytest.approx(125.0)


def test_of_several_slices_the_one_with_the_smallest_space_is_shown_and_all_are_kept():
    space = [
        mark("ischial_tuberosity", (60, 25, 10.0)),
        mark("lesser_trochanter", (80, 20, 10.0)),
    ]
    axes = [axis_of(110.0 + z, middle=(60, 30, z)) for z in (0.0, 5.0, 15.0, 20.0)]

    found = ischial(*space, *axes)[0]

    assert found.value == pytest.approx(125.0)  # 5 mm either way: the one nearer the head
    assert "5.0 mm from it towards the head" in found.method
    assert [round(one.value, 6) for one in found.per_slice] == [110, 115, 125, 130]
    assert found.n_slices == 4


@pytest.mark.parametrize(
    ("marks", "reason"),
    [
        ([mark("ischial_axis", (60, 20, 0), (60, 40, 5))], "across the slices"),
        ([mark("ischial_axis", (60, 20, 0), (60, 21, 0))], "1.0 mm long"),
        ([axis_of(120), axis_of(130)], "marked 2 times"),
        ([axis_of(120), axis_of(130, middle=(60, 30, 5.0))], "2 slices are marked"),
        (
            [mark("ischial_axis", (60, 20, 0), (70, 20, 0), (70, 30, 0), (60, 30, 0))],
            "lie in no line",
        ),
    ],
)
def test_an_ischial_axis_that_cannot_be_measured_says_why(marks, reason):
    left, right = ischial(*marks)

    assert reason in left.reason
    assert not left.optional
    assert right.optional  # nobody marked it there


@pytest.mark.parametrize("turn_deg", [-12.0, 12.0])
def test_a_flat_axis_in_a_rolled_patient_keeps_its_angle(turn_deg):
    marks = [axis_of(173.0, turn_deg=turn_deg), *tuberosities(turn_deg=turn_deg)]

    assert ischial(*marks)[0].value == pytest.approx(173.0)


def test_the_bi_ischial_line_runs_through_slices_that_both_sides_share():
    """Tuberosities lie further back on other slices; only like is compared with like."""
    elsewhere = mark("ischial_tuberosity", (65.0, 45.0, 10.0))
    marks = [axis_of(120.0), *tuberosities(), elsewhere]

    assert ischial(*marks)[0].value == pytest.approx(120.0)


@pytest.mark.parametrize("with_line", [True, False])
def test_the_sd_of_the_ischial_angle_is_that_of_simulated_clicks(with_line):
    marks = [axis_of(125.0, length=28.0), *(tuberosities(distance=40.0) if with_line else [])]

    values = simulated(lambda placed: ischial(*placed)[0], marks)
    stated = ischial(*marks)[0]

    assert stated.sd == pytest.approx(values.std(), rel=SD_SHARE)
    low, high = np.array(stated.interval_95) - stated.value
    assert 0.93 < ((values - 125.0 > low) & (values - 125.0 < high)).mean() < 0.97


def test_tuberosities_too_near_to_be_two_lay_no_line():
    found = ischial(axis_of(120.0), *tuberosities(distance=0.0))[0]

    assert found.detail("horizontal") == "patient's left-right axis"
    assert found.value == pytest.approx(120.0)


# --- neck-shaft angle ---------------------------------------------------------------------------


def femur(angle_deg=130.0, side=Side.LEFT, version_deg=0.0, n_points=2, flip=False):
    """Neck and shaft axes at an angle, the neck turned forwards by version_deg."""
    shaft = [(side.sign * 90.0, 0.0, -10.0 - 60.0 * t) for t in np.linspace(0, 1, n_points)]
    rise = math.radians(180 - angle_deg)
    towards_head = np.array([
        -side.sign * math.sin(rise) * math.cos(math.radians(version_deg)),
        -math.sin(rise) * math.sin(math.radians(version_deg)),
        math.cos(rise),
    ])  # fmt: skip
    start = np.array([side.sign * 85.0, 0.0, 5.0])
    neck = [tuple(start + 35 * t * towards_head) for t in np.linspace(0, 1, n_points)]
    if flip:
        shaft, neck = shaft[::-1], neck[::-1]
    return [
        mark("femoral_neck_axis", *neck, side=side),
        mark("femoral_shaft_axis", *shaft, side=side),
    ]


def neck_shaft(landmarks, side=Side.LEFT):
    return neck_shaft_angle.measure(upright(*landmarks, side=side), CONFIG)[0]


@pytest.mark.parametrize("angle_deg", [90.0, 121.3, 132.7, 145.5])
@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("flip", [True, False])
def test_the_neck_shaft_angle_is_obtuse_whichever_way_the_lines_were_drawn(angle_deg, side, flip):
    found = neck_shaft(femur(angle_deg, side, flip=flip), side)

    assert found.value == pytest.approx(angle_deg, abs=1e-6)
    assert found.detail("plane_tilt_from_coronal_deg") == pytest.approx(0, abs=1e-5)
    assert "not the femoral neck angle" in found.detail("definition")


def test_axes_marked_in_space_give_the_true_angle_and_say_their_plane():
    found = neck_shaft(femur(130.0, version_deg=20.0, n_points=5))

    assert found.value == pytest.approx(130.0)
    assert found.detail("plane_tilt_from_coronal_deg") == pytest.approx(20.0)
    assert "20 degrees from coronal" in found.method


def test_an_axis_may_be_marked_in_pieces_on_several_slices():
    neck, shaft = femur(128.0, n_points=4)
    pieces = [dataclasses.replace(shaft, points_mm=shaft.points_mm[i : i + 2]) for i in (0, 2)]

    assert neck_shaft([neck, *pieces]).value == pytest.approx(128.0)


@given(st.floats(-40, 40), st.floats(-40, 40), st.floats(-40, 40))
def test_the_neck_shaft_angle_does_not_change_when_the_patient_is_turned(x, y, z):
    turn = Rotation.from_euler("xyz", [x, y, z], degrees=True)
    turned = [
        dataclasses.replace(m, points_mm=tuple(map(tuple, turn.apply(m.points_mm))))
        for m in femur(131.0, version_deg=12.0)
    ]

    assert neck_shaft(turned).value == pytest.approx(131.0)


def test_a_neck_without_a_shaft_says_what_is_missing_and_neither_is_optional():
    neck, shaft = femur()

    assert neck_shaft([neck]).reason == "no femoral_shaft_axis landmark"
    assert not neck_shaft([neck]).optional
    assert neck_shaft([shaft]).optional  # the shaft alone serves another measurement
    both = neck_shaft([])
    assert both.reason == "no femoral_neck_axis and no femoral_shaft_axis landmark"
    assert both.optional


@pytest.mark.parametrize("n_points", [2, 6])
def test_the_sd_of_the_neck_shaft_angle_is_that_of_simulated_clicks(n_points):
    marks = femur(n_points=n_points)

    values = simulated(neck_shaft, marks, in_plane=False)

    assert neck_shaft(marks).sd == pytest.approx(values.std(), rel=SD_SHARE)


# --- areas and volume ---------------------------------------------------------------------------


def test_the_area_is_that_of_the_outline_in_mm_on_oblique_anisotropic_pixels():
    found = quadratus_femoris_area.measure(
        hip(box("quadratus_femoris", 2, 60, 30, 40, 12)), CONFIG
    )[0]

    assert found.value == pytest.approx(480.0)
    assert found.unit == "mm2"
    assert "its level in the space is not known" in found.method
    assert found.sop_instance_uid == "1.2.1.2"


SPACE_ON_2 = (
    mark("ischial_tuberosity", at(2, 100, 50)),
    mark("lesser_trochanter", at(2, 80, 50)),
    mark("ischial_tuberosity", at(4, 100, 50)),
    mark("lesser_trochanter", at(4, 75, 50)),
)


@pytest.mark.parametrize(
    ("module", "structure"),
    [(quadratus_femoris_area, "quadratus_femoris"), (hamstring_tendon_area, "hamstring_tendons")],
)
def test_areas_are_taken_where_the_space_is_smallest(module, structure):
    areas = [box(structure, k, 60, 30, 10 + k, 10) for k in range(5)]

    found = module.measure(hip(*SPACE_ON_2, *areas), CONFIG)[0]
    beside = module.measure(hip(*SPACE_ON_2, *areas[:1], *areas[3:]), CONFIG)[0]

    assert found.value == pytest.approx(120.0)
    assert "on the slice where the ischiofemoral space is smallest" in found.method
    assert len(found.per_slice) == 5
    assert beside.value == pytest.approx(130.0)  # slices are stacked towards the feet
    assert "5.0 mm from it towards the feet" in beside.method
    assert "5.0 mm" in beside.detail("definition")


def test_outlines_side_by_side_add_up_and_overlapping_ones_are_refused():
    apart = [box("hamstring_tendons", 2, 60, 30, 10, 10), box("hamstring_tendons", 2, 75, 30, 5, 8)]
    overlapping = [apart[0], box("hamstring_tendons", 2, 65, 35, 10, 10)]
    inside = [apart[0], box("hamstring_tendons", 2, 62, 32, 2, 2)]

    found = hamstring_tendon_area.measure(hip(*apart), CONFIG)[0]

    assert found.value == pytest.approx(140.0)
    assert found.detail("n_outlines") == 2
    for marks in (overlapping, inside, inside[::-1]):
        assert "overlap" in hamstring_tendon_area.measure(hip(*marks), CONFIG)[0].reason


@pytest.mark.parametrize(
    ("points", "closed", "reason"),
    [
        ([(60, 30), (90, 30), (90, 50)], False, "not a closed curve"),
        ([(60, 30), (90, 50), (90, 30), (60, 50)], True, "crosses itself"),
        ([(60, 30), (90, 30), (75, 30)], True, "encloses no area"),
    ],
)
def test_an_outline_without_an_area_says_why(points, closed, reason):
    bad = mark("quadratus_femoris", *(at(2, *p) for p in points), closed=closed)

    for module in (quadratus_femoris_area, quadratus_femoris_volume):
        found = module.measure(hip(bad), CONFIG)[0]
        assert reason in found.reason
        assert not found.optional


def test_the_volume_is_areas_times_the_spacing_of_the_slices():
    outlines = [box("quadratus_femoris", k, 60, 30, 40, 10 + k) for k in range(5)]

    found = quadratus_femoris_volume.measure(hip(*outlines), CONFIG)[0]

    assert found.value == pytest.approx(40 * (10 + 11 + 12 + 13 + 14) * 5 / 1000)
    assert found.unit == "ml"
    assert found.n_slices == 5
    assert found.detail("partial") == "no"
    assert sum(one.value for one in found.per_slice) == pytest.approx(found.value)


@pytest.mark.parametrize(
    ("slices", "n_missing", "partial"),
    [((0, 1, 2, 3), 0, "yes"), ((0, 1, 3, 4, 5), 1, "yes"), ((0, 1, 2, 3, 4), 0, "no")],
)
def test_a_volume_of_few_slices_or_with_gaps_is_called_partial(slices, n_missing, partial):
    outlines = [box("quadratus_femoris", k, 60, 30, 40, 10) for k in slices]

    found = quadratus_femoris_volume.measure(hip(*outlines), CONFIG)[0]

    assert found.detail("n_slices_left_out_between") == n_missing
    assert found.detail("partial") == partial


def test_a_muscle_whose_outlines_are_those_of_a_part_has_a_partial_volume():
    outlines = [box("quadratus_femoris", k, 60, 30, 40, 10) for k in range(5)]
    shortened = dataclasses.replace(
        hip(*outlines), in_part=frozenset({LandmarkName.QUADRATUS_FEMORIS})
    )

    found = quadratus_femoris_volume.measure(shortened, CONFIG)[0]

    assert found.detail("partial") == "yes"


def test_outlines_drawn_on_the_fluid_series_have_its_spacing():
    coarse = AFFINE.copy()
    coarse[:3, 0] *= 2  # 10 mm apart, through the same first slice
    fluid = series(Role.FLUID_SENSITIVE, affine=coarse)
    outlines = [box("quadratus_femoris", k, 60, 30, 40, 10) for k in (0, 2, 4)]
    named = [
        dataclasses.replace(one, sop_instance_uid=f"1.2.2.{k}") for k, one in enumerate(outlines)
    ]
    plain = hip()
    both = {Role.ANATOMY: plain.series[Role.ANATOMY], Role.FLUID_SENSITIVE: fluid}

    for marks, spacing_mm, n_missing in ((named, 10, 0), (outlines, 5, 2)):
        where = Hip(Side.LEFT, tuple(marks), both, {})
        found = quadratus_femoris_volume.measure(where, CONFIG)[0]
        assert found.value == pytest.approx(3 * 400 * spacing_mm / 1000)
        assert found.detail("n_slices_left_out_between") == n_missing


def test_outlines_that_name_no_slice_belong_to_the_series_that_they_lie_on():
    shifted = AFFINE.copy()
    shifted[:3, 3] += 0.5 * AFFINE[:3, 0]  # half a slice away from the anatomy series
    shifted[:3, 0] *= 1.2
    fluid = series(Role.FLUID_SENSITIVE, affine=shifted)
    corners = [
        (shifted @ (k, row, column, 1))[:3]
        for k in (0, 1)
        for row, column in ((75, 80), (75, 130), (100, 130), (100, 80))
    ]
    outlines = [
        mark("quadratus_femoris", *map(tuple, corners[i : i + 4]), closed=True) for i in (0, 4)
    ]
    where = Hip(
        Side.LEFT, tuple(outlines), {Role.ANATOMY: series(), Role.FLUID_SENSITIVE: fluid}, {}
    )

    found = quadratus_femoris_volume.measure(where, CONFIG)[0]

    assert found.series_uid == fluid.series_uid
    assert found.value == pytest.approx(2 * 40 * 10 * 6 / 1000)


def polygon(n_corners, semi=(18.0, 7.0), z=0.0):
    turns = np.linspace(0, 2 * np.pi, n_corners, endpoint=False)
    points = np.stack([90 + semi[0] * np.cos(turns), 30 + semi[1] * np.sin(turns)], axis=1)
    corners = [(float(x), float(y), z) for x, y in points]
    return mark("quadratus_femoris", *corners, closed=True)


def area(landmarks):
    return quadratus_femoris_area.measure(upright(*landmarks), CONFIG)[0]


def test_the_sd_of_an_area_is_that_of_simulated_vertices():
    marks = [polygon(9)]

    values = simulated(area, marks)

    assert area(marks).sd == pytest.approx(values.std(), rel=SD_SHARE)
    assert values.mean() == pytest.approx(area(marks).value, rel=0.02)


def test_more_vertices_along_the_same_outline_make_no_reader_surer_than_his_strokes_allow():
    few, many, contour = (area([polygon(n)]).sd for n in (9, 40, 400))
    length_mm = 82.2  # circumference of the ellipse

    assert many == pytest.approx(contour, rel=0.01)
    assert contour == pytest.approx(
        SD_MM * math.sqrt(length_mm * outlined_area.INDEPENDENT_MM), rel=0.01
    )
    assert contour < few


def test_the_sd_of_a_dense_outline_is_that_of_errors_shared_along_strokes():
    generator = np.random.default_rng(5)
    outline = polygon(400)
    corners = np.asarray(outline.points_mm)[:, :2]
    turns = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    normals = np.stack([np.cos(turns) / 18, np.sin(turns) / 7], axis=1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    steps = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    stroke = (np.cumsum(steps) / outlined_area.INDEPENDENT_MM).astype(int)
    values = []
    for _ in range(N_READINGS):
        off = generator.normal(0, SD_MM, stroke.max() + 1)[stroke]
        x, y = (corners + off[:, None] * normals).T
        values.append(abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2)

    assert area([outline]).sd == pytest.approx(np.std(values), rel=0.1)


def test_the_sd_of_a_volume_is_that_of_simulated_vertices():
    marks = [polygon(9, z=5.0 * k) for k in range(2)]

    def volume(placed):
        return quadratus_femoris_volume.measure(upright(*placed), CONFIG)[0]

    assert volume(marks).sd == pytest.approx(simulated(volume, marks).std(), rel=SD_SHARE)


def test_a_contour_of_a_thousand_vertices_is_measured_at_once():
    assert area([polygon(1000)]).value == pytest.approx(math.pi * 18 * 7, rel=1e-3)


# --- both sides ---------------------------------------------------------------------------------


def between(*landmarks):
    (found,) = intertuberous_distance.measure_pair(*pair(*landmarks), [], CONFIG)
    assert found.side is None
    return found


def ring(side, z=0.0, middle=60.0, radius=12.0):
    turns = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    return mark(
        "ischial_tuberosity",
        *((side.sign * middle + radius * np.cos(t), 30 + radius * np.sin(t), z) for t in turns),
        side=side,
        closed=True,
    )


def test_outlined_tuberosities_are_measured_between_their_inner_borders():
    found = between(*(ring(side) for side in Side))

    assert found.value == pytest.approx(96.0)
    assert "inner borders" in found.method
    assert found.detail("definition") == intertuberous_distance.INNER


def test_points_on_the_lateral_cortex_say_that_they_are_no_inner_borders():
    found = between(*tuberosities())
    mixed = between(ring(Side.LEFT), tuberosities()[1])

    assert found.value == pytest.approx(130.0)
    assert mixed.value == pytest.approx(math.hypot(72 + 65, 5))
    for one in (found, mixed):
        assert one.detail("definition") == intertuberous_distance.LATERAL
        assert "lateral cortices" in one.method


@pytest.mark.parametrize("z", [-5.0, 5.0])
def test_the_two_definitions_are_never_mixed_in_one_number(z):
    marks = [*(ring(side) for side in Side), *tuberosities(z=z, distance=80.0)]

    found = between(*marks)

    assert found.value == pytest.approx(96.0)
    assert found.n_slices == 1


def test_the_smallest_of_the_common_slices_counts():
    marks = [ring(side, z, middle) for z, middle in ((0, 60), (5, 57), (10, 59)) for side in Side]

    assert between(*marks).value == pytest.approx(90.0)
    assert between(*marks).n_slices == 3


def test_tuberosities_on_different_slices_name_both():
    found = between(ring(Side.LEFT, 0.0), ring(Side.RIGHT, 5.0))

    assert "at 0.0 mm on the left" in found.reason
    assert "at 5.0 mm on the right" in found.reason
    assert not found.optional


def test_one_tuberosity_alone_is_an_absence_that_asks_for_nothing():
    found = between(ring(Side.LEFT))

    assert found == NotMeasured(
        MeasurementName.INTERTUBEROUS_DISTANCE,
        None,
        "no ischial_tuberosity landmark on the right",
        optional=True,
    )


def test_the_sd_of_the_intertuberous_distance_is_that_of_simulated_clicks():
    marks = tuberosities()

    values = simulated(lambda placed: between(*placed), marks)

    assert between(*marks).sd == pytest.approx(values.std(), rel=SD_SHARE)


def spaces(left_mm, right_mm, name=MeasurementName.ISCHIOFEMORAL_SPACE):
    return [
        Measurement(name, side, value, "mm", sd, (0, 99), "", (), None, 2, series_uid="9.1")
        for side, value, sd in ((Side.LEFT, left_mm, 0.9), (Side.RIGHT, right_mm, 1.2))
    ]


def test_a_side_difference_is_left_minus_right_with_both_uncertainties():
    ifs, qfs = side_difference.measure_pair(*pair(), spaces(13.6, 22.1), CONFIG)

    assert ifs.side is None
    assert ifs.value == pytest.approx(-8.5)
    assert ifs.sd == pytest.approx(1.5)
    assert ifs.interval_95 == pytest.approx((-8.5 - 2.94, -8.5 + 2.94), abs=0.01)
    assert (ifs.detail("left_mm"), ifs.detail("right_mm")) == (13.6, 22.1)
    assert "was not measured on the left and the right" in qfs.reason
    assert qfs.optional


def test_a_side_difference_needs_both_sides():
    (ifs, _) = side_difference.measure_pair(*pair(), spaces(13.6, 22.1)[:1], CONFIG)

    assert ifs.reason == "the ischiofemoral space was not measured on the right"


# --- direction of the lesser trochanters --------------------------------------------------------


def turned_femur(side, direction_deg, tip_mm=30.0, z=0.0, roll_deg=0.0):
    """A shaft axis below the slice, and a trochanter that points inwards and to the back."""
    middle = np.array([side.sign * 95.0, 10.0])
    turn = math.radians(direction_deg)
    tip = middle + tip_mm * np.array([-side.sign * math.cos(turn), math.sin(turn)])
    roll = Rotation.from_euler("z", roll_deg, degrees=True)
    shaft = [roll.apply([*middle, z - 10.0 - 20.0 * k]) for k in range(4)]
    return [
        mark("femoral_shaft_axis", *map(tuple, shaft), side=side),
        mark("lesser_trochanter", tuple(roll.apply([*tip, z])), side=side),
    ]


def directions(*landmarks):
    (found,) = lesser_trochanter_direction.measure_pair(*pair(*landmarks), [], CONFIG)
    return found


@pytest.mark.parametrize(
    ("left", "right"), [(40.0, 40.0), (55.0, 35.0), (20.0, 47.0), (-5.0, 10.0)]
)
def test_the_trochanters_directions_are_compared_as_mirror_images(left, right):
    found = directions(*turned_femur(Side.LEFT, left), *turned_femur(Side.RIGHT, right))

    assert found.side is None
    assert found.value == pytest.approx(left - right, abs=1e-6)
    assert found.detail("left_deg") == pytest.approx(left)
    assert "rotation, of shape, or of both" in found.method


def test_the_tip_is_the_marked_point_farthest_from_the_shaft_over_all_slices():
    left = turned_femur(Side.LEFT, 50.0)
    shorter = [turned_femur(Side.LEFT, 20.0, tip_mm=25.0, z=z)[1] for z in (-5.0, 5.0)]

    found = directions(shorter[0], *left, shorter[1], *turned_femur(Side.RIGHT, 40.0))

    assert found.value == pytest.approx(10.0)


def test_a_rolled_pelvis_counts_double_unless_the_tuberosities_are_marked():
    marks = [m for side in Side for m in turned_femur(side, 40.0, roll_deg=6.0)]

    assert directions(*marks).value == pytest.approx(-12.0)
    assert directions(*marks, *tuberosities(turn_deg=6.0)).value == pytest.approx(0.0, abs=1e-6)


def test_without_the_shafts_axis_the_difference_is_not_derived():
    shaft, trochanter = turned_femur(Side.LEFT, 40.0)
    found = directions(shaft, trochanter, turned_femur(Side.RIGHT, 40.0)[1])

    assert found.reason == "no femoral_shaft_axis landmark on the right"
    assert found.optional


def test_a_trochanter_in_the_shaft_and_a_shaft_along_the_slices_are_refused():
    right = turned_femur(Side.RIGHT, 40.0)
    near = turned_femur(Side.LEFT, 40.0, tip_mm=6.0)
    flat = [mark("femoral_shaft_axis", (95, 10, 0), (60, 10, 2)), turned_femur(Side.LEFT, 40.0)[1]]

    assert "6.0 mm from the femoral shaft's axis" in directions(*near, *right).reason
    assert "runs along the axial slices" in directions(*flat, *right).reason


@pytest.mark.parametrize("with_line", [True, False])
def test_the_sd_of_the_directions_is_that_of_simulated_clicks(with_line):
    marks = [m for side in Side for m in turned_femur(side, 40.0)]
    marks += tuberosities(distance=60.0) if with_line else []

    values = simulated(lambda placed: directions(*placed), marks, in_plane=True)

    assert directions(*marks).sd == pytest.approx(values.std(), rel=SD_SHARE)


# --- all together -------------------------------------------------------------------------------


def everything(side=Side.LEFT):
    one_side = [
        axis_of(128.0),
        *femur(127.0),
        mark("lesser_trochanter", (70.0, 20.0, 0.0)),
        mark("ischial_tuberosity", (52.0, 28.0, 0.0)),
        polygon(12),
        Landmark(LandmarkName.HAMSTRING_TENDONS, Side.LEFT, polygon(8, (6, 4)).points_mm, True),
    ]
    return one_side if side is Side.LEFT else mirrored(one_side)


def values(landmarks, anatomy=UPRIGHT_SERIES):
    left, right = pair(*landmarks, anatomy=anatomy)
    results = [*measurements.measure(left, CONFIG), *measurements.measure(right, CONFIG)]
    results += measurements.measure_pair(left, right, results, CONFIG)
    return {(r.name, r.side): r.value for r in results if isinstance(r, Measurement)}


def test_left_and_right_are_mirror_images():
    found = values([*everything(), *everything(Side.RIGHT)])

    for (name, side), value in found.items():
        if side is Side.LEFT:
            assert found[name, Side.RIGHT] == pytest.approx(value), name
        elif side is None and name.startswith("side_difference"):
            assert value == pytest.approx(0.0, abs=1e-9), name
    assert {name for name, side in found if side is None} == {
        MeasurementName.INTERTUBEROUS_DISTANCE,
        MeasurementName.SIDE_DIFFERENCE_ISCHIOFEMORAL_SPACE,
        MeasurementName.SIDE_DIFFERENCE_LESSER_TROCHANTER_DIRECTION,
        MeasurementName.SIDE_DIFFERENCE_QUADRATUS_FEMORIS_AREA,
    }


@settings(max_examples=25)
@given(st.tuples(*[st.floats(-9, 9)] * 3), st.tuples(*[st.floats(-50, 50)] * 3))
def test_numbers_do_not_change_when_patient_and_slices_are_turned_and_shifted(turn_deg, shift_mm):
    turn = Rotation.from_euler("xyz", turn_deg, degrees=True)
    marks = [*everything(), *everything(Side.RIGHT)]
    moved = [
        dataclasses.replace(m, points_mm=tuple(map(tuple, turn.apply(m.points_mm) + shift_mm)))
        for m in marks
    ]
    affine = UPRIGHT.copy()
    affine[:3, :3] = turn.as_matrix() @ UPRIGHT[:3, :3]
    affine[:3, 3] = turn.apply(UPRIGHT[:3, 3]) + shift_mm
    scan = dataclasses.replace(UPRIGHT_SERIES, grid=Grid.from_affine(affine, (20, 375, 500)))

    before, after = values(marks), values(moved, scan)

    assert after.keys() == before.keys()
    for key, value in before.items():
        assert after[key] == pytest.approx(value, abs=1e-6), key


places = st.tuples(st.floats(-150, 150), st.floats(-100, 100), st.sampled_from([0.0, 5.0, 12.0]))


@settings(max_examples=150)
@given(
    st.lists(
        st.builds(
            Landmark,
            st.sampled_from(LandmarkName),
            st.sampled_from(Side),
            st.lists(places, min_size=1, max_size=5).map(tuple),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_whatever_was_marked_every_number_is_taken_or_has_its_reason(marks):
    left, right = pair(*marks)
    results = [*measurements.measure(left, CONFIG), *measurements.measure(right, CONFIG)]
    results += measurements.measure_pair(left, right, results, CONFIG)

    for one in results:
        if isinstance(one, NotMeasured):
            assert one.reason
        else:
            assert math.isfinite(one.value)
            assert one.sd > 0
            assert one.interval_95[0] <= one.value <= one.interval_95[1]
    keys = [(one.name, one.side) for one in results]
    assert len(keys) == len(set(keys))
    for name in MeasurementName:
        assert {side for n, side in keys if n is name} in ({None}, set(Side))


def test_a_series_that_is_not_axial_gives_no_angle_or_area_of_axial_slices():
    coronal = UPRIGHT.copy()
    coronal[:3, :3] = UPRIGHT[:3, [1, 0, 2]]
    scan = series(affine=coronal, shape=(20, 375, 500))

    names = {name for name, _ in values([*everything(), *everything(Side.RIGHT)], scan)}

    assert names == {MeasurementName.NECK_SHAFT_ANGLE}
