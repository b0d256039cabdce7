"""Our PNG against an independent reader, and its size against that reader's own writer."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from ifi_mri.reports.png import png


def read(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


@given(
    arrays.arrays(
        np.uint8,
        st.tuples(st.integers(1, 9), st.integers(1, 9))
        | st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(4)),
    )
)
def test_every_pixel_comes_back(pixels):
    assert np.array_equal(read(png(pixels)), pixels)


@pytest.mark.parametrize("turned", [np.s_[::-1, :], np.s_[:, ::-1], np.s_[2:7, 3:5]])
def test_a_turned_or_cut_array_is_written_as_it_is_seen(turned):
    pixels = np.arange(120, dtype=np.uint8).reshape(10, 12)
    assert np.array_equal(read(png(pixels[turned])), pixels[turned])
    assert np.array_equal(read(png(pixels.T)), pixels.T)


def test_a_noisy_slice_takes_no_more_room_than_pillow_needs():
    rng = np.random.default_rng(5)
    smooth = 90 + 60 * np.sin(np.linspace(0, 6, 200))[:, None] * np.cos(np.linspace(0, 5, 240))
    slice_ = np.clip(smooth + rng.normal(0, 6, (200, 240)), 0, 255).astype(np.uint8)
    usual = io.BytesIO()
    Image.fromarray(slice_).save(usual, "PNG", compress_level=3)
    assert len(png(slice_)) < 1.05 * len(usual.getvalue())


def test_the_same_pixels_are_the_same_bytes():
    pixels = np.random.default_rng(1).integers(0, 255, (40, 30), dtype=np.uint8)
    assert png(pixels) == png(pixels.copy(order="F"))
