"""Stated positions: many at once as one by one, to the last bit and to the same refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifi_mri.errors import LandmarkFormatError
from ifi_mri.landmarks.positions import CoordinateSystem, point_mm, points_mm

numbers = st.one_of(
    st.floats(-500, 500),
    st.floats(),
    st.integers(-20_000, 20_000),
    st.sampled_from([0.0, -0.0, 10_000.0, 10_000.1, True, None, "1", 10**400]),
)
plain = st.lists(st.tuples(*[st.floats(-500, 500)] * 3), max_size=6)
odd = st.lists(st.lists(numbers, min_size=2, max_size=4), max_size=4)


def tried(work):
    try:
        return [tuple(map(float.hex, point)) for point in work()]
    except LandmarkFormatError as problem:
        return str(problem)


@given(st.one_of(plain, odd), st.sampled_from(CoordinateSystem))
def test_an_outline_is_read_as_its_points_are(stated, system):
    at_once = tried(lambda: points_mm(stated, system, "a file"))
    one_by_one = tried(lambda: [point_mm(position, system, "a file") for position in stated])

    assert at_once == one_by_one


def test_ras_turns_two_axes_and_makes_no_negative_zero():
    (point,) = points_mm([(0.0, -2.0, 3.0)], CoordinateSystem.RAS, "a file")

    assert [x.hex() for x in point] == [(0.0).hex(), (2.0).hex(), (3.0).hex()]


@pytest.mark.parametrize("bad", [(0.0, 0.0, 0.0), (1.0, float("nan"), 2.0), (1.0, 2.0, -10_001.0)])
def test_one_point_that_is_none_refuses_the_outline(bad):
    with pytest.raises(LandmarkFormatError, match="a file: "):
        points_mm([(1.0, 2.0, 3.0), bad], CoordinateSystem.LPS, "a file")
