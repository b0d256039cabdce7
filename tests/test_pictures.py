"""Pictures lie as radiologists look at them, and what is drawn is where the numbers were taken."""

import base64
import io
import math
import re
from dataclasses import replace
from pathlib import Path

import example_report
import html5lib
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from ifi_mri import geometry
from ifi_mri.model import Instance, Volume
from ifi_mri.reports import figures, histogram, html_page, pictures, signal_figures
from ifi_mri.reports.label_places import Box, Wanted, place
from ifi_mri.reports.view import letters, view_of_slice
from ifi_mri.vocabulary import LandmarkName, MeasurementName, Side

SHAPE = (3, 40, 56)


def rotation(x_deg: float, y_deg: float, z_deg: float) -> np.ndarray:
    """Return a rotation about x, then y, then z."""
    a, b, c = np.radians((x_deg, y_deg, z_deg))
    about_x = [[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]]
    about_y = [[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]]
    about_z = [[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]]
    return np.array(about_z) @ np.array(about_y) @ np.array(about_x)


def affine_of(turn=(0, 0, 0), spacing=(5.0, 0.4, 0.8), signs=(1, 1, 1), transposed=False):
    """Return an axial affine: slices along z, rows along y, columns along x, then disturbed."""
    directions = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]]).T * np.array(signs)
    if transposed:
        directions = directions[:, [0, 2, 1]]
    affine = np.eye(4)
    affine[:3, :3] = rotation(*turn) @ directions * np.array(spacing)
    affine[:3, 3] = (31.0, -17.0, 60.0)
    return affine


def volume_of(affine, voxels=None) -> Volume:
    if voxels is None:
        voxels = np.arange(math.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
    instances = tuple(
        Instance(Path(), None, f"1.{k}", None, (0.0, 0.0, 0.0), k + 1) for k in range(len(voxels))
    )
    return Volume(voxels, np.asarray(affine), None, "1", instances)


AWKWARD = {
    "plain": affine_of(),
    "columns to the right": affine_of(signs=(1, 1, -1)),
    "rows to the front": affine_of(signs=(1, -1, 1)),
    "turned about": affine_of(signs=(-1, -1, -1)),
    "transposed": affine_of(transposed=True),
    "transposed and flipped": affine_of(signs=(-1, 1, -1), transposed=True),
    "oblique": affine_of(turn=(20, -14, 11), signs=(1, 1, -1)),
    "oblique and transposed": affine_of(turn=(-9, 23, -30), signs=(-1, -1, 1), transposed=True),
}
poses = st.builds(
    affine_of,
    turn=st.tuples(*[st.floats(-25, 25)] * 3),
    spacing=st.tuples(st.floats(3, 6), st.floats(0.4, 1.7), st.floats(0.4, 1.7)),
    signs=st.tuples(*[st.sampled_from((-1, 1))] * 3),
    transposed=st.booleans(),
)
indices = st.tuples(st.integers(0, 2), st.floats(0, 39), st.floats(0, 55))


# --- how a slice is shown -----------------------------------------------------------------------


@pytest.mark.parametrize("affine", AWKWARD.values(), ids=AWKWARD)
def test_the_patients_left_is_on_the_viewers_right_and_the_front_on_top(affine):
    view = view_of_slice(volume_of(affine), 1)
    here = geometry.voxel_to_patient(affine, (1, 20, 28))
    x, y = view.to_picture(here)
    left_x, _ = view.to_picture(here + np.array((10, 0, 0)))
    _, back_y = view.to_picture(here + np.array((0, 10, 0)))
    assert left_x > x + 5
    assert back_y > y + 5


@pytest.mark.parametrize("affine", AWKWARD.values(), ids=AWKWARD)
def test_the_pixels_are_shown_where_they_lie_in_the_patient(affine):
    """The bright pixel lies to the patient's left and back: lower right on the picture."""
    middle = geometry.voxel_to_patient(affine, (1, 19.5, 27.5))
    places = geometry.voxel_to_patient(affine, list(np.ndindex(SHAPE)))
    row_of_the_place = int(np.argmin(np.linalg.norm(places - middle - (7, 5, 0), axis=1)))
    index = np.unravel_index(row_of_the_place, SHAPE)
    voxels = np.zeros(SHAPE, dtype=np.float32)
    voxels[index] = 1
    grey = pictures.grey_slice(volume_of(affine, voxels), int(index[0]), (0.0, 1.0))
    row, column = np.unravel_index(int(grey.pixels.argmax()), grey.pixels.shape)
    height, width = grey.view.spacing_mm
    assert row > grey.pixels.shape[0] / 2
    assert column > grey.pixels.shape[1] / 2
    np.testing.assert_allclose(
        grey.view.to_picture(places[row_of_the_place]),
        ((column + 0.5) * width, (row + 0.5) * height),
        atol=1e-9,
    )


@given(poses, st.integers(0, 2))
def test_every_pixel_of_the_picture_is_the_voxel_at_its_place(affine, slice_index):
    volume = volume_of(affine)
    view = view_of_slice(volume, slice_index)
    shown = view.displayed(volume.voxels[slice_index])
    assert shown.shape == view.shape
    for row, column in ((0, 0), (0, view.shape[1] - 1), (view.shape[0] - 1, 3), (7, 11)):
        centre = ((column + 0.5) * view.spacing_mm[1], (row + 0.5) * view.spacing_mm[0])
        voxel = geometry.patient_to_voxel(affine, view.to_patient(centre))
        assert shown[row, column] == volume.voxels[tuple(np.rint(voxel).astype(int))]
        np.testing.assert_allclose(voxel, np.rint(voxel), atol=1e-6)


@given(poses, st.data())
def test_a_part_of_a_slice_is_drawn_where_its_pixels_are_shown(affine, data):
    view = view_of_slice(volume_of(affine), 1)
    top, left = (data.draw(st.integers(0, n - 1)) for n in SHAPE[1:])
    height, width = data.draw(st.integers(1, 40 - top)), data.draw(st.integers(1, 56 - left))
    mask = np.zeros(SHAPE[1:], dtype=bool)
    mask[top : top + height, left : left + width] = True
    rows, columns = np.nonzero(view.displayed(mask))

    assert view.place_of((top, left), (height, width)) == (rows.min(), columns.min())
    colours = np.full((height, width, 4), 255, dtype=np.uint8)
    box = pictures.overlay_of(colours, view, (top, left)).box
    assert box.left == pytest.approx(columns.min() * view.spacing_mm[1])
    assert box.bottom == pytest.approx((rows.max() + 1) * view.spacing_mm[0])


@given(poses, indices)
def test_picture_coordinates_lead_back_to_the_very_point(affine, index):
    view = view_of_slice(volume_of(affine), index[0])
    point = geometry.voxel_to_patient(affine, index)
    np.testing.assert_allclose(view.to_patient(view.to_picture(point)), point, atol=1e-9)


@given(poses, indices, indices)
def test_a_line_is_as_long_on_the_picture_as_in_the_plane_of_the_slice(affine, first, second):
    view = view_of_slice(volume_of(affine), 1)
    start, end = (geometry.voxel_to_patient(affine, (1, *index[1:])) for index in (first, second))
    shown = np.linalg.norm(view.to_picture(end) - view.to_picture(start))
    assert shown == pytest.approx(np.linalg.norm(end - start), abs=1e-9)


@given(poses, indices, st.floats(-9, 9))
def test_a_point_off_the_slice_is_shown_where_the_normal_meets_it(affine, index, off_mm):
    view = view_of_slice(volume_of(affine), 1)
    point = geometry.voxel_to_patient(affine, (1, *index[1:]))
    beside = point + off_mm * geometry.slice_normal(affine)
    np.testing.assert_allclose(view.to_picture(beside), view.to_picture(point), atol=1e-9)


def test_in_a_sheared_stack_too_a_point_is_shown_where_the_normal_meets_the_slice():
    sheared = AWKWARD["oblique"].copy()
    sheared[:3, 0] += 1.5 * sheared[:3, 1] / np.linalg.norm(sheared[:3, 1])
    view = view_of_slice(volume_of(sheared), 1)
    point = geometry.voxel_to_patient(sheared, (1, 12, 30))
    beside = point + 2 * geometry.slice_normal(sheared)
    np.testing.assert_allclose(view.to_picture(beside), view.to_picture(point), atol=1e-9)


@given(poses)
def test_the_letters_are_those_of_the_directions_shown(affine):
    view = view_of_slice(volume_of(affine), 0)
    left, right, upper, lower = view.edge_letters
    assert left[0] + right[0] + upper[0] + lower[0] == "RLAP"
    opposite = str.maketrans("RLAPHF", "LRPAFH")
    assert left.translate(opposite) == right
    assert upper.translate(opposite) == lower
    middle = np.array(view.size_mm) / 2
    along = view.to_patient(middle + np.array((1, 0))) - view.to_patient(middle)
    assert right == letters(along)


def test_oblique_edges_carry_compound_letters():
    assert view_of_slice(volume_of(AWKWARD["plain"]), 0).edge_letters == ("R", "L", "A", "P")
    turned = affine_of(turn=(0, 0, 20), signs=(1, 1, -1))
    assert view_of_slice(volume_of(turned), 0).edge_letters == ("RA", "LP", "AL", "PR")
    assert letters((1, 0.2, 0)) == "L"
    assert letters((-1, 0, 0.5)) == "RH"


def test_coronal_and_sagittal_slices_show_the_head_on_top():
    coronal = affine_of()[:, [1, 0, 2, 3]]
    assert view_of_slice(volume_of(coronal), 0).edge_letters == ("R", "L", "H", "F")
    sagittal = affine_of()[:, [2, 0, 1, 3]]
    assert view_of_slice(volume_of(sagittal), 0).edge_letters == ("A", "P", "H", "F")


# --- grey values --------------------------------------------------------------------------------


def test_a_slice_is_windowed_between_its_percentiles():
    voxels = np.tile(np.linspace(0, 1000, 56, dtype=np.float32), (3, 40, 1))
    grey = pictures.grey_slice(volume_of(AWKWARD["plain"], voxels), 0)
    assert grey.pixels.min() == 0
    assert grey.pixels.max() == 255
    assert abs(int(grey.pixels[0, 28]) - 128) < 8


@given(
    arrays(np.float32, array_shapes(min_dims=2, max_dims=2), elements=st.floats(-9, 9, width=32))
)
def test_the_window_is_that_of_the_percentiles(values):
    expected = np.percentile(values, pictures.WINDOW_PERCENTILES)
    assert pictures.percentiles(values) == pytest.approx(tuple(expected), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 7.5, -3.0, float("nan"), float("inf")])
def test_a_slice_without_contrast_or_with_holes_is_still_a_picture(value):
    voxels = np.full(SHAPE, value, dtype=np.float32)
    grey = pictures.grey_slice(volume_of(AWKWARD["plain"], voxels), 0)
    assert grey.pixels.shape == (40, 56)
    assert pictures.body(grey) == grey.box


def png_of(image: pictures.Image) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(image.href.partition(",")[2]))))


@given(poses, st.tuples(st.floats(0, 20), st.floats(0, 15), st.floats(0.5, 15), st.floats(0.5, 15)))
def test_a_part_of_a_slice_holds_whole_pixels_in_their_place(affine, part):
    grey = pictures.grey_slice(volume_of(affine), 1)
    box = pictures.within(Box(*part), grey.box)
    image = pictures.image_of(grey, box)
    height, width = grey.view.spacing_mm
    assert image.box.left <= box.left + 1e-9
    assert image.box.right >= box.right - 1e-9
    row, column = round(image.box.top / height), round(image.box.left / width)
    pixels = png_of(image)
    assert np.array_equal(
        pixels, grey.pixels[row : row + pixels.shape[0], column : column + pixels.shape[1]]
    )
    assert image.box.width == pytest.approx(pixels.shape[1] * width)
    assert image.box.height == pytest.approx(pixels.shape[0] * height)


def test_an_overview_merges_pixels_without_moving_them():
    grey = pictures.grey_slice(volume_of(affine_of(spacing=(5, 1, 1))), 0)
    whole, small = pictures.image_of(grey, grey.box), pictures.image_of(grey, grey.box, 20)
    assert png_of(small).shape == (13, 18)
    assert small.box == Box(0, 0, 54, 39)
    np.testing.assert_allclose(png_of(small)[0, 0], png_of(whole)[:3, :3].mean(), atol=1)


# --- regions ------------------------------------------------------------------------------------


def upright_lines(path: str) -> list[tuple[float, float, float]]:
    """Return x, y and length of the upright lines of a border."""
    return [
        (float(x), float(y), float(length))
        for x, y, length in re.findall(r"M([\d.]+),([\d.]+)v([\d.]+)", path)
    ]


@pytest.mark.parametrize("affine", AWKWARD.values(), ids=AWKWARD)
def test_a_border_encloses_its_pixels_and_nothing_else(affine):
    mask = np.random.Generator(np.random.PCG64(3)).random(SHAPE[1:]) < 0.3
    view = view_of_slice(volume_of(affine), 0)
    border = pictures.border_path("above", mask, view)
    height, width = view.spacing_mm
    crossed = np.zeros((view.shape[0], view.shape[1] + 1), dtype=bool)
    for left, top, length in upright_lines(border.data):
        first, n = round(top / height), round(length / height)
        crossed[first : first + n, round(left / width)] ^= True
    inside = np.logical_xor.accumulate(crossed, axis=1)[:, :-1]
    assert np.array_equal(inside, view.displayed(mask))


def test_the_border_of_one_pixel_is_its_four_edges():
    mask = np.zeros(SHAPE[1:], dtype=bool)
    mask[10, 20] = True
    view = view_of_slice(volume_of(affine_of(spacing=(5, 0.5, 2.0))), 0)
    border = pictures.border_path("above", mask, view)
    assert sorted(re.findall(r"M[^M]+", border.data)) == [
        "M40,5.5h2", "M40,5h2", "M40,5v0.5", "M42,5v0.5",
    ]  # fmt: skip


def test_an_empty_region_draws_nothing():
    view = view_of_slice(volume_of(AWKWARD["plain"]), 0)
    assert pictures.border_path("above", np.zeros(SHAPE[1:], dtype=bool), view) is None


# --- labels and scale ---------------------------------------------------------------------------

PANEL = Box(0, 0, 80, 80)


@given(
    st.floats(25, 55), st.floats(25, 55), st.floats(4, 40), st.floats(0, 2 * math.pi),
    st.floats(-12, 12), st.floats(3, 12), st.floats(-0.6, 0.6),
)  # fmt: skip
def test_labels_hide_no_line_no_tick_and_no_other_label(x, y, length, along, dx, dy, turn):
    """Two spaces near one another, as on one slice of a hip, with all their labels."""
    type_mm = figures.DETAIL_TYPE * PANEL.width
    lines, wanted = [], []
    for kind, centre, angle in (
        ("ifs", np.array((x, y)), along),
        ("qfs", np.array((x + dx, y + dy)), along + turn),
    ):
        half = np.array([math.cos(angle), math.sin(angle)]) * length / 2
        ends = np.array([centre - half, centre + half])
        assume(((ends > 6) & (ends < 74)).all())
        lines.append(pictures.line(kind, ends, type_mm))
        for text, at, direction in (
            (f"{kind} 25.5 mm", centre, angle + math.pi / 2),
            ("IT", ends[0], angle + math.pi),
            ("LT", ends[1], angle),
        ):
            wanted.append(Wanted(text, kind, float(at[0]), float(at[1]), direction, type_mm))
    segments = [part for drawn in lines for part in (drawn.ends, *drawn.ticks)]
    labels = place(wanted, PANEL, segments)
    for number, label in enumerate(labels):
        assert PANEL.holds(label.box)
        assert not any(label.box.crossed_by(segment) for segment in segments)
        assert not any(label.box.overlaps(other.box) for other in labels[:number])


@pytest.mark.parametrize(
    ("segment", "crosses"),
    [
        ((0, 0, 10, 10), True), ((5, 5, 5.1, 5.1), True), ((0, 5, 10, 5), True),
        ((0, 0, 3, 10), False), ((0, 0, 3.9, 3.9), False), ((7, 0, 7, 10), False),
        ((0, 5, 3.9, 5), False),
    ],
)  # fmt: skip
def test_a_segment_crosses_a_box_where_it_enters_it(segment, crosses):
    x, y, x_end, y_end = segment
    assert Box(4, 4, 2, 2).crossed_by(segment) is crosses
    assert Box(4, 4, 2, 2).crossed_by((x_end, y_end, x, y)) is crosses


def test_a_crowded_label_takes_the_place_that_hides_least():
    (label,) = place([Wanted("IFS", "ifs", 5, 5, 0, 4)], Box(0, 0, 10, 10), [(0, 5, 10, 5)])
    assert label.text == "IFS"


@pytest.mark.parametrize(("width", "length"), [(80, 20), (380, 100), (30, 5), (3, 1)])
def test_the_scale_bar_has_a_round_length_and_lies_on_the_panel(width, length):
    box = Box(10, 20, width, width)
    bar = pictures.scale_bar(box, 0.04 * width)
    assert bar.length_mm == length
    assert box.left < bar.x < bar.x + bar.length_mm < box.right
    assert box.top < bar.y < box.bottom


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (0.12345, "0.123"), (-0.0001, "0"), (10.5, "10.5"), (-20, "-20")],
)
def test_coordinates_are_written_to_a_thousandth(value, text):
    assert pictures.number(value) == text


# --- what a report draws ------------------------------------------------------------------------


def drawn(report=None, open_volume=example_report.open_volume):
    """Return the figures of spaces and signal."""
    parts = [
        room.draw(report or example_report.report(), example_report.study(), open_volume)
        for room in (figures, signal_figures)
    ]
    return figures.Figures(
        tuple(figure for part in parts for figure in part.figures),
        tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def test_spaces_on_one_slice_share_a_figure_and_others_have_their_own():
    found = drawn()
    assert [(f.kind, [m.name for m in f.measurements]) for f in found.on(Side.LEFT)] == [
        (
            "space",
            [MeasurementName.ISCHIOFEMORAL_SPACE, MeasurementName.QUADRATUS_FEMORIS_SPACE],
        ),
        ("signal", [MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION]),
    ]
    assert [f.shown.instance_number for f in found.on(Side.RIGHT)] == [4, 3, 3]
    assert found.notes == ()


def test_each_series_is_opened_once_for_the_slices_that_are_shown():
    asked = []

    def open_volume(series, near):
        asked.append((series.series_uid, len(near)))
        return example_report.open_volume(series, near)

    drawn(open_volume=open_volume)
    # the histogram shows both slices of both sides
    assert asked == [(example_report.ANATOMY_UID, 8), (example_report.FLUID_UID, 64)]


@pytest.mark.parametrize("affine", AWKWARD.values(), ids=AWKWARD)
def test_the_ends_in_the_page_lead_back_to_the_points_of_the_measurement(affine):
    """Read the SVG as a viewer would, take the ends of the lines back to the patient."""
    volume = volume_of(affine)
    report = example_report.report()
    study = example_report.study()
    measurement = report.measured(MeasurementName.ISCHIOFEMORAL_SPACE, Side.LEFT)
    ends = tuple(
        tuple(float(x) for x in geometry.voxel_to_patient(affine, index))
        for index in ((1, 11.3, 20.7), (1, 25.9, 40.1))
    )
    shown = replace(measurement.per_slice[0], points_mm=ends, sop_instance_uid="1.1")
    moved = replace(
        measurement, points_mm=ends, sop_instance_uid="1.1", per_slice=(shown,), n_slices=1
    )
    report = replace(report, measurements=(moved,))
    page = html_page.render(report, study, lambda *_: volume)
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    view = view_of_slice(volume, 1)
    lines = [
        line
        for group in tree.iter("{http://www.w3.org/2000/svg}g")
        if group.get("class") == "ink ifs"
        for line in group
        if line.get("class") == "space" and float(line.get("x2")) != 23
    ]
    assert len(lines) == 2, "one in the overview, one in the detail"
    for line in lines:
        start, end = (
            view.to_patient((float(line.get(f"x{n}")), float(line.get(f"y{n}")))) for n in (1, 2)
        )
        np.testing.assert_allclose(start, ends[0], atol=0.001)
        np.testing.assert_allclose(end, ends[1], atol=0.001)


def test_lines_point_the_way_they_lie_in_the_patient():
    """On the left hip the trochanter is lateral: to the viewer's right of the tuberosity."""
    for side in Side:
        figure = drawn().on(side)[0]
        start_x, _, end_x, _ = figure.panels[1].lines[0].ends
        assert (end_x > start_x) is (side is Side.LEFT)


def test_the_shaded_voxels_are_those_that_were_counted():
    report = example_report.report()
    for side in Side:
        (figure,) = (f for f in drawn().on(side) if f.kind == "signal")
        assert figure.n_above == figure.shown.detail("n_above")
        assert figure.n_pixels == figure.shown.detail("n_pixels")
        measurement = report.measured(MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION, side)
        assert figure.shown.points_mm == measurement.points_mm
        framed = [p for p in figure.panels[1].paths if p.kind == "above-border"]
        assert bool(framed) is (figure.n_above > 0)
    assert drawn().on(Side.LEFT)[-1].n_above > 30


def test_the_map_lies_on_the_read_voxels_alone_in_the_colour_of_their_z():
    (figure,) = (f for f in drawn().on(Side.LEFT) if f.kind == "signal")
    index, overlay = figure.shown.instance_number - 1, figure.panels[1].overlay
    volume = example_report.volume_of(example_report.FLUID)
    view = view_of_slice(volume, index)
    masks = [
        geometry.eroded(
            geometry.pixels_inside(vertices(Side.LEFT, index), volume.affine, (128, 200)), 1
        )
        for vertices in (example_report.muscle_outline, example_report.reference_outline)
    ]
    level = figure.shown.detail("reference_level")
    z = (volume.voxels[index].astype(float) / level - 1) / 0.1
    colours = png_of(overlay)
    top, left = round(overlay.box.top / 1.75), round(overlay.box.left / 1.75)
    there = view.displayed(masks[0] | masks[1])
    n_rows, n_columns = colours.shape[:2]
    part = np.s_[top : top + n_rows, left : left + n_columns]

    assert there[part].sum() == there.sum()
    assert ((colours[..., 3] > 0) == there[part]).all()
    expected = signal_figures.colours_of(view.displayed(z)[part])[..., :3]
    assert (colours[..., :3][there[part]] == expected[there[part]]).all()
    assert figure.panels[0].overlay is None


def test_the_colours_run_from_dark_to_bright_and_stop_at_both_ends():
    z = np.array([-5.0, 0.0, 2.5, 5.0, 10.0, 40.0, np.nan])
    found = [tuple(int(x) for x in colour[:3]) for colour in signal_figures.colours_of(z)]

    assert found[0] == found[1] == found[6] == (68, 1, 84)
    assert found[2] == (59, 82, 139)
    assert found[4] == found[5] == (253, 231, 37)


def test_the_histogram_counts_every_read_voxel_of_both_structures():
    for side in Side:
        (figure,) = (f for f in drawn().on(side) if f.kind == "signal")
        values = figure.measurements[0].per_slice
        assert figure.histogram.n_muscle == sum(v.detail("n_pixels") for v in values)
        assert figure.histogram.n_reference == sum(v.detail("n_reference_pixels") for v in values)
        assert figure.histogram.threshold_ratio == example_report.THRESHOLD_RATIO


def test_bars_stand_where_the_values_lie_and_the_highest_fits():
    made = histogram.histogram([0.95] * 3 + [2.05] + [9.0], [1.0] * 4, 1.5)
    heights = [float(part) for part in re.findall(r"V([0-9.]+)", made.muscle)[:-1]]
    full = histogram.HEIGHT - histogram.TOP - histogram.BOTTOM
    shares = [(made.floor - height) / full * 0.6 for height in heights]  # the axis ends at 60 %

    assert [tick.text for tick in made.upright][-1] == "100"  # all of the reference in one bin
    assert np.round(np.array(shares) / 0.6, 3)[[9, 20, 39]].tolist() == [0.6, 0.2, 0.2]
    assert made.threshold == pytest.approx(made.left + 1.5 / 4 * (made.right - made.left))
    assert histogram.histogram([], [], 1.2).muscle.endswith("Z")


@given(st.lists(st.floats(-1, 6) | st.sampled_from([0.0, 0.1, 0.3, 4.0, 4.1])))
def test_shares_are_those_of_a_histogram(values):
    clipped = np.clip(values, *histogram.RATIOS)
    expected, _ = np.histogram(clipped, histogram.EDGES)
    found = histogram.shares_of(np.array(values, dtype=float), histogram.EDGES)
    assert found == pytest.approx(expected / max(1, len(values)), abs=0)


def test_a_field_that_was_taken_out_is_taken_out_of_the_picture_too():
    report = example_report.report()
    tilted = tuple(
        replace(
            m,
            details=tuple((key, 0.5 if key == "field_v" else value) for key, value in m.details),
        )
        for m in report.measurements
    )
    flat, sloped = (
        next(f for f in drawn(which).on(Side.LEFT) if f.kind == "signal")
        for which in (report, replace(report, measurements=tilted))
    )

    assert flat.n_pixels == sloped.n_pixels
    assert png_of(flat.panels[1].overlay).tolist() != png_of(sloped.panels[1].overlay).tolist()


def test_outlines_that_the_measurement_moved_are_drawn_moved():
    report = example_report.report()
    step = (("moved_x_mm", 3.5), ("moved_y_mm", 0.0), ("moved_z_mm", 0.0))
    moved = tuple(replace(m, details=(*m.details, *step)) for m in report.measurements)
    before, after = (
        next(f for f in drawn(which).on(Side.LEFT) if f.kind == "signal")
        for which in (report, replace(report, measurements=moved))
    )
    starts = [
        float(next(p for p in f.panels[1].paths if p.kind == "qf").data[1:].split(",")[0])
        for f in (before, after)
    ]

    assert starts[1] - starts[0] == pytest.approx(3.5, abs=0.01)


def test_the_outlines_are_drawn_from_the_landmarks():
    (figure,) = (f for f in drawn().on(Side.LEFT) if f.kind == "signal")
    volume = example_report.volume_of(example_report.FLUID)
    index = figure.shown.instance_number - 1
    view = view_of_slice(volume, index)
    for kind, vertices in (
        ("qf", example_report.muscle_outline(Side.LEFT, index)),
        ("ref", example_report.reference_outline(Side.LEFT, index)),
    ):
        (path,) = (p for p in figure.panels[1].paths if p.kind == kind)
        assert path.data.startswith("M")
        assert path.data.endswith("Z")
        found = [tuple(map(float, pair.split(","))) for pair in path.data[1:-1].split()]
        np.testing.assert_allclose(found, view.to_picture(vertices), atol=0.001)


def test_the_plain_panel_shows_the_same_part_with_nothing_on_it():
    (figure,) = (f for f in drawn().on(Side.LEFT) if f.kind == "signal")
    plain, marked = figure.panels
    assert plain.box == marked.box
    assert plain.image == marked.image
    assert plain.lines == plain.paths == plain.labels == ()


def test_the_reference_muscle_has_the_same_grey_on_both_sides():
    greys = []
    for side in Side:
        (figure,) = (f for f in drawn().on(side) if f.kind == "signal")
        image = figure.panels[0].image
        view = view_of_slice(example_report.volume_of(example_report.FLUID), 2)
        x, y = view.to_picture(
            np.mean(
                example_report.reference_outline(side, figure.shown.instance_number - 1), axis=0
            )
        )
        row, column = int((y - image.box.top) / 1.75), int((x - image.box.left) / 1.75)
        greys.append(png_of(image)[row - 2 : row + 3, column - 5 : column + 6].mean())
    np.testing.assert_allclose(greys, 255 * signal_figures.REFERENCE_GREY, atol=5)


def test_the_frame_of_the_overview_is_the_part_that_is_magnified():
    for figure in drawn().figures:
        if figure.kind == "space":
            overview, detail = figure.panels
            assert overview.frame == detail.box
            assert detail.box.width == figures.DETAIL_MM
            assert overview.box.holds(detail.box)
            for line in detail.lines:
                assert detail.box.holds(Box(*line.ends[:2], 0, 0))
                assert detail.box.holds(Box(*line.ends[2:], 0, 0))


def test_a_part_of_a_slice_that_stands_in_two_pictures_is_packed_once(monkeypatch):
    packed = []
    png = pictures.png
    monkeypatch.setattr(pictures, "png", lambda pixels: (packed.append(1), png(pixels))[1])
    grey = pictures.grey_slice(volume_of(affine_of(spacing=(5, 1, 1))), 0)
    part = Box(3, 4, 20, 20)

    first, again = pictures.image_of(grey, part), pictures.image_of(grey, part)
    others = {pictures.image_of(grey, grey.box), pictures.image_of(grey, part, 10)}

    assert first == again
    assert len(packed) == 3
    assert len({first, *others}) == 3


def test_a_part_is_the_same_whether_or_not_the_whole_was_made_before():
    volume = volume_of(affine_of(signs=(1, -1, 1), transposed=True))
    alone, after = (pictures.grey_slice(volume, 1) for _ in range(2))
    assert pictures.body(after) is not None

    assert np.array_equal(alone.part(2, 9, 3, 20), after.part(2, 9, 3, 20))
    assert np.array_equal(alone.part(2, 9, 3, 20), after.pixels[2:9, 3:20])


def test_a_wide_space_gets_a_wider_part():
    report = example_report.report()
    wide = report.measured(MeasurementName.ISCHIOFEMORAL_SPACE, Side.RIGHT)
    ends = (example_report.in_slice(-60, 10, 2), example_report.in_slice(-135, 0, 2))
    shown = replace(wide.per_slice[0], points_mm=ends)
    moved = replace(wide, points_mm=ends, per_slice=(shown,))
    (figure,) = drawn(replace(report, measurements=(moved,))).figures
    assert figure.panels[1].box.width == 120


def test_the_labels_name_the_value_and_both_ends():
    figure = drawn().on(Side.LEFT)[0]
    assert [label.text for label in figure.panels[1].labels] == [
        "IFS 14.3 mm", "IT", "LT", "QFS 7.3 mm", "HAM", "IPS",
    ]  # fmt: skip


def test_the_labels_of_a_report_are_clear_of_everything_that_is_drawn():
    for figure in drawn().figures:
        for panel in figure.panels:
            segments = [part for line in panel.lines for part in (line.ends, *line.ticks)]
            for path in panel.paths:
                if path.kind in ("qf", "ref"):
                    points = [tuple(map(float, p.split(","))) for p in path.data[1:-1].split()]
                    segments += pictures.outline_segments(np.array(points), True)
            others = [*(letter.box for letter in panel.letters), panel.scale_bar.box]
            for number, label in enumerate(panel.labels):
                others_here = others + [other.box for other in panel.labels[:number]]
                assert panel.box.holds(label.box)
                assert not any(label.box.overlaps(box) for box in others_here)
                assert not any(label.box.crossed_by(segment) for segment in segments)


def test_a_slice_is_found_by_its_uid_and_without_one_by_its_place():
    report = example_report.report()
    nameless = tuple(
        replace(
            m,
            sop_instance_uid=None,
            per_slice=tuple(replace(v, sop_instance_uid=None) for v in m.per_slice),
        )
        for m in report.measurements
    )
    boxes = [
        [panel.image for figure in drawn(which).figures for panel in figure.panels]
        for which in (report, replace(report, measurements=nameless))
    ]
    assert boxes[0] == boxes[1]


def test_a_slice_that_was_not_opened_leaves_a_note():
    def other_slices(series, near):
        volume = example_report.open_volume(series, near)
        return replace(volume, voxels=volume.voxels[:1], instances=volume.instances[:1])

    found = drawn(open_volume=other_slices)
    assert found.figures == ()
    assert found.notes == ("No picture: the slice was not among those that were opened.",)


def test_outlines_that_are_gone_leave_a_note_and_the_other_pictures():
    report = example_report.report()
    kept = tuple(
        mark
        for mark in report.landmarks
        if mark.name not in (LandmarkName.QUADRATUS_FEMORIS, LandmarkName.REFERENCE_MUSCLE)
    )
    found = drawn(replace(report, landmarks=kept))
    assert {figure.kind for figure in found.figures} == {"space"}
    assert found.notes == (
        "No picture: the report holds no outline on the slice that was measured.",
    )


def test_a_signal_without_its_threshold_is_drawn_without_shading():
    report = example_report.report()
    bare = tuple(
        replace(m, per_slice=tuple(replace(v, details=()) for v in m.per_slice))
        for m in report.measurements
    )
    signals = [f for f in drawn(replace(report, measurements=bare)).figures if f.kind == "signal"]
    assert len(signals) == 2
    for figure in signals:
        assert (figure.n_above, figure.n_pixels) == (0, 0)
        assert figure.histogram is None
        assert figure.panels[1].overlay is None
        assert {path.kind for path in figure.panels[1].paths} == {"qf", "ref"}
