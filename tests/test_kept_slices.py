"""Slices read once: the same volumes as `load_volume`, with fewer reads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ifi_mri
from ifi_mri import loaders, phantom
from ifi_mri.errors import GeometryError, UnreadableImageError
from ifi_mri.loaders.kept_slices import KeptSlices


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    root = tmp_path_factory.mktemp("study")
    phantom.write_dicom(phantom.make_phantom(seed=1), root)
    return ifi_mri.load_study(root).series


@pytest.fixture
def read(monkeypatch):
    """The slices that are read, in turn."""
    seen = []
    load = loaders.load_volume

    def spy(series, near=None):
        volume = load(series, near)
        seen.extend((series.label, instance.number) for instance in volume.instances)
        return volume

    monkeypatch.setattr(loaders, "load_volume", spy)
    return seen


def near(series, *numbers):
    return [series.instances[k].position_mm for k in numbers]


def assert_equal(found, expected):
    np.testing.assert_array_equal(found.voxels, expected.voxels)
    np.testing.assert_array_equal(found.affine, expected.affine)
    assert found.voxels.dtype == expected.voxels.dtype
    assert not found.voxels.flags.writeable
    assert not found.affine.flags.writeable
    assert found.instances == expected.instances
    assert found.series_uid == expected.series_uid
    assert found.frame_of_reference_uid == expected.frame_of_reference_uid


@settings(max_examples=40, deadline=None)
@given(asked=st.lists(st.tuples(*[st.integers(0, 7)] * 2, st.booleans()), max_size=6))
def test_whatever_is_asked_for_is_what_loading_gives(series, asked):
    kept = KeptSlices()
    for first, last, other in asked:
        one = series[int(other)]
        points = near(one, first, last)
        assert_equal(kept.open_volume(one, points), loaders.load_volume(one, points))


def test_each_slice_is_read_once(series, read):
    kept = KeptSlices()
    one, other = series[:2]
    for numbers in ((3,), (2, 4), (3, 4), (2, 4), (0, 5)):
        kept.open_volume(one, near(one, *numbers))
    kept.open_volume(other, near(other, 3))

    of_one = [number for label, number in read if label == one.label]
    assert len(read) - len(of_one) == 1
    # a run is read whole where some of its slices are missing at both of its ends
    assert of_one == [one.instances[k].number for k in (3, 2, 3, 4, 0, 1, 2, 3, 4, 5)]


def test_what_was_read_together_is_not_copied(series):
    kept = KeptSlices()
    whole = kept.open_volume(series[0], near(series[0], 1, 5))

    part = kept.open_volume(series[0], near(series[0], 2, 4))

    assert np.shares_memory(part.voxels, whole.voxels)


def test_what_was_joined_is_not_copied_again(series):
    kept = KeptSlices()
    one = series[0]
    kept.open_volume(one, near(one, 3))
    joined = kept.open_volume(one, near(one, 2, 3))

    part, whole = (kept.open_volume(one, near(one, *numbers)) for numbers in ((3,), (2, 3)))

    assert np.shares_memory(part.voxels, joined.voxels)
    assert np.shares_memory(whole.voxels, joined.voxels)
    assert_equal(whole, loaders.load_volume(one, near(one, 2, 3)))


def test_refusals_are_those_of_loading(series, tmp_path):
    with pytest.raises(GeometryError, match="outside the stack"):
        KeptSlices().open_volume(series[0], [(0.0, 0.0, 5000.0)])
    phantom.write_dicom(phantom.make_phantom(seed=1), tmp_path)
    gone = ifi_mri.load_study(tmp_path).series[0]
    gone.instances[2].path.unlink()
    kept = KeptSlices()
    kept.open_volume(gone, near(gone, 3))
    with pytest.raises(UnreadableImageError):
        kept.open_volume(gone, near(gone, 2, 3))
