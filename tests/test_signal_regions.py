"""Outlines as pixels: which slice, which pixels, how many, and what is refused."""

import numpy as np
import pytest
from hips import AFFINE, SHAPE, at, box, hip, mark
from signal_makers import Scan, make

from ifi_mri import geometry
from ifi_mri.signal import regions
from ifi_mri.signal.regions import NotAssessable
from ifi_mri.signal.settings import RegionSettings
from ifi_mri.vocabulary import Role

SETTINGS = RegionSettings()

#: Edges midway between pixel centres (0.8 x 0.4 mm), so that counts are exact.
MUSCLE = (40.4, 40.2, 40.0, 16.0)
REFERENCE = (40.4, 80.2, 40.0, 16.0)


def volume(voxels=None):
    return hip(fluid=np.ones(SHAPE) if voxels is None else voxels).volumes[Role.FLUID_SENSITIVE]


def cut(*marks, margin_mm=4.0, voxels=None):
    points = np.concatenate([mark.points_mm for mark in marks])
    return regions.cut_out(volume(voxels), points, margin_mm)


def region_of(*marks, settings=SETTINGS):
    return regions.region("quadratus_femoris", marks, cut(*marks), settings)


def test_a_region_holds_the_pixels_inside_and_reads_those_one_further_in():
    found = region_of(box("quadratus_femoris", 2, *MUSCLE))

    assert found.whole.sum() == 50 * 40
    assert found.inner.sum() == 48 * 38
    assert found.slices == (0,)


def test_a_cut_out_lies_where_it_lay_in_the_volume():
    voxels = np.random.default_rng(0).random(SHAPE)
    image = cut(box("quadratus_femoris", 2, *MUSCLE), voxels=voxels)
    there = np.array(image.first)

    in_volume = there + np.array([0, 3, 5])
    assert image.voxels[0, 3, 5] == pytest.approx(voxels[tuple(in_volume)], abs=1e-7)
    here = image.positions_mm((np.array([0]), np.array([3]), np.array([5])))[0]
    assert here == pytest.approx(geometry.voxel_to_patient(AFFINE, in_volume))
    assert image.pixel_mm == pytest.approx((0.4, 0.8))
    assert image.slice_spacing_mm == pytest.approx(5.0)


def test_part_of_a_cut_out_lies_where_it_lay_too():
    image = cut(box("quadratus_femoris", 2, *MUSCLE), box("quadratus_femoris", 3, *MUSCLE))
    part = image.cropped((slice(1, 2), slice(4, 20), slice(7, 30)))

    assert part.affine[:3, 3] == pytest.approx(geometry.voxel_to_patient(image.affine, (1, 4, 7)))
    assert image.place_of(part) == (slice(1, 2), slice(4, 20), slice(7, 30))


def test_a_margin_is_cut_with_and_ends_at_the_picture():
    image = cut(box("quadratus_femoris", 2, *MUSCLE), margin_mm=1000)

    assert image.voxels.shape == (1, *SHAPE[1:])


@pytest.mark.parametrize(("coordinate", "slice_index"), [(2.4, 2), (2.6, 3), (3.0, 3)])
def test_an_outline_belongs_to_the_nearest_slice(coordinate, slice_index):
    image = cut(box("quadratus_femoris", 0, *MUSCLE), box("quadratus_femoris", 5, *MUSCLE))
    marks = (box("quadratus_femoris", coordinate, *MUSCLE),)

    assert regions.region("quadratus_femoris", marks, image, SETTINGS).slices == (slice_index,)


def test_of_several_outlines_of_a_finer_series_the_nearest_to_the_slice_counts():
    near, far = (
        box("quadratus_femoris", 2.1, *MUSCLE),
        box("quadratus_femoris", 1.7, 20.4, 20.2, 40, 16),
    )
    found = region_of(far, near)

    assert found.whole.sum() == 50 * 40
    assert found.outlines[0] == near.points_mm


def test_outlines_in_one_plane_are_joined():
    other = box("quadratus_femoris", 2, 100.4, 40.2, 8.0, 4.0)
    found = region_of(box("quadratus_femoris", 2, *MUSCLE), other)

    assert found.whole.sum() == 50 * 40 + 10 * 10


def test_on_keeps_some_slices_alone():
    found = region_of(*(box("quadratus_femoris", k, *MUSCLE) for k in (1, 2, 3)))

    assert found.on([1]).slices == (1,)
    assert set(found.on([1]).outlines) == {1}


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        ((mark("quadratus_femoris", at(2, 40, 40), at(2, 60, 40), at(2, 60, 60)),), "not a closed"),
        ((mark("quadratus_femoris", at(2, 40, 40), at(2, 60, 40), closed=True),), "not a closed"),
        ((box("quadratus_femoris", 2, 190.0, 40.2, 40, 16),), "leaves the fluid-sensitive picture"),
        ((box("quadratus_femoris", 2, -2.0, 40.2, 40, 16),), "leaves the fluid-sensitive picture"),
        ((box("quadratus_femoris", 2, 40.4, -2.0, 40, 16),), "leaves the fluid-sensitive picture"),
        ((box("quadratus_femoris", 2, 40.4, 110.0, 40, 16),), "leaves the fluid-sensitive picture"),
        ((box("quadratus_femoris", 9, *MUSCLE),), "beyond the slices"),
    ],
)
def test_an_outline_that_cannot_be_used_is_refused_with_its_reason(marks, words):
    with pytest.raises(NotAssessable, match=words):
        region_of(*marks)


def test_too_little_of_either_region_is_refused_with_the_count():
    small = box("reference_muscle", 2, 40.4, 80.2, 4.8, 2.4)
    muscle = box("quadratus_femoris", 2, *MUSCLE)
    image = cut(muscle, small)
    of_muscle = regions.region("quadratus_femoris", (muscle,), image, SETTINGS)
    of_small = regions.region("reference_muscle", (small,), image, SETTINGS)

    with pytest.raises(NotAssessable, match="reference_muscle region holds 16 pixels"):
        regions.common_slices(of_muscle, of_small, SETTINGS)
    with pytest.raises(NotAssessable, match="quadratus_femoris region holds 16 pixels"):
        regions.common_slices(of_small, of_muscle, SETTINGS)


def test_a_reference_on_other_slices_is_none():
    marks = box("quadratus_femoris", 2, *MUSCLE), box("reference_muscle", 3, *REFERENCE)
    image = cut(*marks)
    both = [regions.region(str(m.name), (m,), image, SETTINGS) for m in marks]

    with pytest.raises(NotAssessable, match="no common slice"):
        regions.common_slices(*both, SETTINGS)


def test_moved_outlines_move_and_nothing_else():
    before = box("quadratus_femoris", 2, *MUSCLE)
    (after,) = regions.moved((before,), (1.0, -2.0, 0.5))

    assert np.array(after.points_mm) - np.array(before.points_mm) == pytest.approx(
        np.tile([1.0, -2.0, 0.5], (4, 1))
    )
    assert (after.name, after.side, after.closed) == (before.name, before.side, before.closed)


def test_each_slice_stands_for_half_the_way_to_its_neighbours():
    assert regions.slice_weights_mm([3], 5.0) == pytest.approx([5.0])
    assert regions.slice_weights_mm([3, 4, 5], 5.0) == pytest.approx([5.0, 5.0, 5.0])
    assert regions.slice_weights_mm([3, 5, 6], 5.0) == pytest.approx([7.5, 7.5, 5.0])
    assert len(regions.slice_weights_mm([], 5.0)) == 0


def test_boxes_with_several_margins_are_cut_out_as_one_by_one():
    made = make(Scan(pixel_mm=(0.7, 1.3)))
    points = regions.vertices_mm(made.quadratus)
    for margin_mm, found in zip(
        (0.0, 5.0, 400.0), regions.cut_outs(made.volume, points, (0.0, 5.0, 400.0)), strict=True
    ):
        expected = regions.cut_out(made.volume, points, margin_mm)
        assert found.first == expected.first
        np.testing.assert_array_equal(found.voxels, expected.voxels)
        np.testing.assert_array_equal(found.affine, expected.affine)
        index = geometry.patient_to_voxel(found.affine, points)[:, 1:]
        off = margin_mm / np.array(found.pixel_mm)
        # whole pixels all around, but where the picture ends
        first, last = np.array(found.first[1:]), np.array(found.voxels.shape[1:])
        ends = first + last == made.volume.voxels.shape[1:]
        assert ((index.min(axis=0) >= off) | (first == 0)).all()
        assert ((index.max(axis=0) + off <= last) | ends).all()
        assert ((index.min(axis=0) < off + 1) | (first == 0)).all()
