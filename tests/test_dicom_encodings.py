"""Every transfer syntax that hospitals send gives the same values."""

import struct
from pathlib import Path

import numpy as np
import pytest
from dicom_makers import (
    UNCOMPRESSED_SYNTAXES,
    Scene,
    assert_same_in_space,
    compress,
    enhanced_dataset,
    save,
    save_series,
    scene,
    series_datasets,
    slice_dataset,
)
from pydicom.encaps import encapsulate, generate_frames

from ifi_mri.errors import UnreadableImageError
from ifi_mri.loaders import load_study, load_volume
from ifi_mri.model import Series

COMPRESSED = {
    "RLE": "1.2.840.10008.1.2.5",
    "JPEG lossless": "1.2.840.10008.1.2.4.57",
    "JPEG lossless SV1": "1.2.840.10008.1.2.4.70",
    "JPEG-LS": "1.2.840.10008.1.2.4.80",
    "JPEG 2000": "1.2.840.10008.1.2.4.90",
}
SIZE = (3, 40, 36)
"""OpenJPEG's encoder wants 32 pixels and more for its six resolutions."""


def only_series(path: Path) -> Series:
    (series,) = load_study(path).series
    return series


def as_type(image: Scene, dtype: str) -> Scene:
    values = image.voxels.astype(np.int64)
    if dtype == "u1":
        values //= 16
    elif dtype == "i2":
        values -= 2048
    return Scene(values.astype(dtype), image.affine)


@pytest.mark.parametrize("syntax", UNCOMPRESSED_SYNTAXES.values(), ids=UNCOMPRESSED_SYNTAXES)
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2"])
def test_uncompressed_syntaxes(tmp_path: Path, syntax: str, dtype: str) -> None:
    image = as_type(scene(shape=SIZE), dtype)
    folder = save_series(tmp_path, series_datasets(image), syntax)
    assert_same_in_space(load_volume(only_series(folder)), image)


@pytest.mark.parametrize("syntax", COMPRESSED.values(), ids=COMPRESSED)
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2"])
def test_compressed_syntaxes(tmp_path: Path, syntax: str, dtype: str) -> None:
    image = as_type(scene(shape=SIZE), dtype)
    for k, ds in enumerate(series_datasets(image)):
        compress(ds, syntax).save_as(tmp_path / f"IM{k}", enforce_file_format=True)
    series = only_series(tmp_path)
    assert series.refusal is None
    assert_same_in_space(load_volume(series), image)


@pytest.mark.parametrize("syntax", UNCOMPRESSED_SYNTAXES.values(), ids=UNCOMPRESSED_SYNTAXES)
def test_enhanced_in_uncompressed_syntaxes(tmp_path: Path, syntax: str) -> None:
    image = scene(shape=SIZE)
    path = save(enhanced_dataset([image]), tmp_path / "IM1", syntax)
    assert_same_in_space(load_volume(only_series(path)), image)


@pytest.mark.parametrize("syntax", [COMPRESSED[k] for k in ("RLE", "JPEG-LS", "JPEG 2000")])
@pytest.mark.parametrize("offsets", ["a fragment a frame", "several", "several, no table"])
def test_enhanced_in_compressed_syntaxes(tmp_path: Path, syntax: str, offsets: str) -> None:
    image = scene(shape=SIZE)
    ds = compress(enhanced_dataset([image]), syntax)
    frames = list(generate_frames(ds.PixelData, number_of_frames=3))
    per_frame = 1 if offsets == "a fragment a frame" else 2
    ds.PixelData = encapsulate(frames, fragments_per_frame=per_frame, has_bot="no" not in offsets)
    ds.save_as(tmp_path / "IM1", enforce_file_format=True)
    series = only_series(tmp_path)
    if offsets == "several, no table":
        with pytest.raises(UnreadableImageError, match="6 compressed fragments for 3 frames"):
            load_volume(series)
        return
    assert_same_in_space(load_volume(series), image)
    (one,) = load_volume(series, near=[tuple(image.position(1))]).voxels
    np.testing.assert_array_equal(one, image.voxels[1])


@pytest.mark.parametrize("syntax", COMPRESSED.values(), ids=COMPRESSED)
def test_a_truncated_compressed_file_is_named(tmp_path: Path, syntax: str) -> None:
    image = scene(shape=SIZE)
    path = tmp_path / "IM1"
    compress(slice_dataset(image, 0), syntax).save_as(path, enforce_file_format=True)
    path.write_bytes(path.read_bytes()[:-200])
    series = only_series(path)
    assert "IM1: the file is truncated" in (series.refusal or "")
    with pytest.raises(UnreadableImageError, match="IM1: the file is truncated"):
        load_volume(series)


@pytest.mark.parametrize("syntax", COMPRESSED.values(), ids=COMPRESSED)
def test_a_codestream_of_another_size_is_refused_before_it_is_decoded(
    tmp_path: Path, syntax: str
) -> None:
    ds = compress(slice_dataset(scene(shape=(1, 40, 36)), 0), syntax)
    ds.Rows, ds.Columns = 80, 72
    ds.save_as(tmp_path / "IM1", enforce_file_format=True)
    with pytest.raises(UnreadableImageError, match="IM1: its compressed pixels"):
        load_volume(only_series(tmp_path))


@pytest.mark.parametrize("syntax", COMPRESSED.values(), ids=COMPRESSED)
def test_a_damaged_codestream_is_refused(tmp_path: Path, syntax: str) -> None:
    ds = compress(slice_dataset(scene(shape=(1, 40, 36)), 0), syntax)
    (frame,) = generate_frames(ds.PixelData, number_of_frames=1)
    ds.PixelData = encapsulate([b"\x11" * len(frame)])
    ds.save_as(tmp_path / "IM1", enforce_file_format=True)
    with pytest.raises(UnreadableImageError, match=r"IM1: its .*\. Export the series uncompressed"):
        load_volume(only_series(tmp_path))


def test_near_lossless_jpeg_ls_is_read_with_a_caution(tmp_path: Path) -> None:
    image = scene(shape=SIZE)
    for k, ds in enumerate(series_datasets(image)):
        compress(ds, "1.2.840.10008.1.2.4.81", jls_error=2)
        ds.save_as(tmp_path / f"IM{k}", enforce_file_format=True)
    series = only_series(tmp_path)
    assert "lossy_compression" in [caution.code for caution in series.cautions]
    off = np.abs(load_volume(series).voxels - image.voxels)
    assert 0 < off.max() <= 2


def test_lossy_jpeg_2000_is_read_with_a_caution(tmp_path: Path) -> None:
    rows = np.arange(64)[:, None] * 30 + np.arange(64)[None, :] * 20
    image = Scene(np.stack([rows] * 2).astype(np.uint16), scene(shape=(2, 64, 64)).affine)
    for k, ds in enumerate(series_datasets(image, LossyImageCompression="01")):
        compress(ds, "1.2.840.10008.1.2.4.91", j2k_cr=[5])
        ds.save_as(tmp_path / f"IM{k}", enforce_file_format=True)
    series = only_series(tmp_path)
    assert "lossy_compression" in [caution.code for caution in series.cautions]
    np.testing.assert_allclose(load_volume(series).voxels, image.voxels, atol=40)


@pytest.mark.parametrize(
    ("syntax", "bits", "step"),
    [("1.2.840.10008.1.2.4.50", 8, 1), ("1.2.840.10008.1.2.4.51", 12, 30)],
    ids=["baseline", "extended, 12 bits"],
)
def test_lossy_jpeg_is_read_with_a_caution(
    tmp_path: Path, syntax: str, bits: int, step: int
) -> None:
    import imagecodecs

    kind = np.uint8 if bits == 8 else np.uint16
    rows = (step * (np.arange(64)[:, None] + np.arange(64)[None, :])).astype(kind)
    ds = slice_dataset(Scene(rows[None], scene(shape=(1, 64, 64)).affine), 0)
    ds.BitsStored, ds.HighBit = bits, bits - 1
    ds.PixelData = encapsulate(
        [imagecodecs.jpeg8_encode(rows, level=95, lossless=False, bitspersample=bits)]
    )
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = syntax
    ds.save_as(tmp_path / "IM1", enforce_file_format=True)
    series = only_series(tmp_path)
    assert "lossy_compression" in [caution.code for caution in series.cautions]
    np.testing.assert_allclose(load_volume(series).voxels[0], rows, atol=3 * step)


def _with_syntax(raw: bytes, old: bytes, new: bytes) -> bytes:
    """Replace the transfer syntax in the file meta information, both padded to even length."""
    old, new = (uid + b"\0" * (len(uid) % 2) for uid in (old, new))
    start = raw.index(b"\x02\x00\x10\x00UI") + 6
    (group_length,) = struct.unpack_from("<L", raw, 140)
    raw = raw[:start] + struct.pack("<H", len(new)) + new + raw[start + 2 + len(old) :]
    return raw[:140] + struct.pack("<L", group_length + len(new) - len(old)) + raw[144:]


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.110", "1.2.3.4"]
)
def test_an_unknown_transfer_syntax_is_named(tmp_path: Path, syntax: str) -> None:
    ds = compress(slice_dataset(scene(shape=(1, 40, 36)), 0), COMPRESSED["RLE"])
    ds.save_as(tmp_path / "IM1", enforce_file_format=True)
    raw = (tmp_path / "IM1").read_bytes()
    old, new = COMPRESSED["RLE"].encode(), syntax.encode()
    (tmp_path / "IM1").write_bytes(_with_syntax(raw, old, new))
    with pytest.raises(UnreadableImageError, match=f"transfer syntax {syntax!r} is not supported"):
        load_volume(only_series(tmp_path))
