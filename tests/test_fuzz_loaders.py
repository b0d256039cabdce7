"""Whatever bytes a file holds, only our errors come out, in bounded time and memory."""

import gzip
import json
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import pytest
from dicom_makers import (
    UNCOMPRESSED_SYNTAXES,
    Scene,
    compress,
    enhanced_dataset,
    nifti_image,
    save,
    scene,
    slice_dataset,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR

from ifi_mri.errors import IfiMriError
from ifi_mri.loaders import dicom_tags as tag
from ifi_mri.loaders import load_study, load_volume

IMAGE = scene(shape=(2, 40, 36))

#: A case of a few kilobytes takes milliseconds; a decoder that runs away takes minutes.
LONGEST_S = 5.0

#: Python's own memory; largest file 30 kB.
MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Sample:
    """A small good file, printed by its name."""

    name: str
    content: bytes

    def __repr__(self) -> str:
        return self.name


class Samples(list[Sample]):
    """Samples; printed by number, as hypothesis prints what a test was given."""

    def __repr__(self) -> str:
        return f"{len(self)} samples"


def dicom_samples(folder: Path) -> list[Sample]:
    one = Scene(IMAGE.voxels[:1], IMAGE.affine)
    samples = []
    for name, syntax in UNCOMPRESSED_SYNTAXES.items():
        samples.append((name, save(slice_dataset(one, 0), folder / name, syntax)))
        path = save(enhanced_dataset([IMAGE]), folder / f"enhanced {name}", syntax)
        samples.append((f"enhanced {name}", path))
    for syntax in (".5", ".4.57", ".4.70", ".4.80", ".4.90"):
        name = f"1.2.840.10008.1.2{syntax}"
        path = folder / name
        compress(slice_dataset(one, 0), name).save_as(path, enforce_file_format=True)
        samples.append((name, path))
    return [Sample(name, path.read_bytes()) for name, path in samples]


def nifti_samples(folder: Path) -> list[Sample]:
    path = folder / "image.nii"
    nib.save(nifti_image(IMAGE), path)
    raw = path.read_bytes()
    return [Sample("image.nii", raw), Sample("image.nii.gz", gzip.compress(raw, mtime=0))]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    folder = tmp_path_factory.mktemp("samples")
    return Samples([*dicom_samples(folder), *nifti_samples(folder)])


def check(folder: Path, path: Path) -> None:
    """Load whatever there is, whole and in part; nothing foreign may come out."""
    started = time.perf_counter()
    for root in (path, folder):
        try:
            study = load_study(root)
        except IfiMriError as problem:
            assert_is_a_sentence(problem)
            continue
        for series in study.series:
            for near in (None, [series.instances[0].position_mm]):
                try:
                    volume = load_volume(series, near)
                except IfiMriError as problem:
                    assert_is_a_sentence(problem)
                else:
                    assert volume.voxels.shape[0] == len(volume.instances)
    assert time.perf_counter() - started < LONGEST_S


def assert_is_a_sentence(problem: IfiMriError) -> None:
    text = str(problem)
    assert text.endswith("."), text
    assert "\0" not in text
    assert len(text) < 1000


Change = tuple[str, int, bytes]

changes = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "delete", "cut", "repeat"]),
        st.integers(0, 20_000),
        st.binary(min_size=1, max_size=6)
        | st.sampled_from(
            [
                b"\xff" * 4,
                b"\0" * 4,
                b"\xff\x7f",
                b"SQ",
                b"UN",
                b"\xfe\xff\x00\xe0",
                b"1e400",
                b"-0",
            ]
        ),
    ),
    min_size=1,
    max_size=4,
)


def changed(raw: bytes, what: list[Change]) -> bytes:
    for kind, place, data in what:
        at = place % max(1, len(raw))
        if kind == "replace":
            raw = raw[:at] + data + raw[at + len(data) :]
        elif kind == "insert":
            raw = raw[:at] + data + raw[at:]
        elif kind == "delete":
            raw = raw[:at] + raw[at + len(data) :]
        elif kind == "repeat":
            raw = raw[:at] + raw[at : at + 64] * 2 + raw[at + 64 :]
        else:
            raw = raw[:at]
    return raw


def check_changed(folder: Path, sample: Sample, what: list[Change]) -> None:
    suffix = sample.name.removeprefix("image") if sample.name.startswith("image") else ""
    path = folder / f"file{suffix}"
    path.write_bytes(changed(sample.content, what))
    try:
        check(folder, path)
    finally:
        path.unlink()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(0, 10**6), what=changes)
def test_changed_bytes_give_only_our_errors(
    tmp_path: Path, samples: Samples, number: int, what: list[Change]
) -> None:
    check_changed(tmp_path, samples[number % len(samples)], what)


@pytest.mark.long
@settings(
    max_examples=2000,
    derandomize=True,  # the same files on every run
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(number=st.integers(0, 10**6), what=changes)
def test_two_thousand_changed_files_give_only_our_errors(
    tmp_path: Path, samples: Samples, number: int, what: list[Change]
) -> None:
    check_changed(tmp_path, samples[number % len(samples)], what)


# --- header fields ------------------------------------------------------------------------------

FIELDS = sorted(number for number in tag.WANTED if not number >> 16 & 1)

texts = st.sampled_from(
    [b"", b" ", b"0", b"-1", b"1\\2", b"1e308\\1e308\\1e308", b"nan\\nan\\nan", b"inf", b"abc",
     b"1\\0\\0\\0\\1\\0", b"1\\0\\0\\1\\0\\0", b"0\\0\\0\\0\\0\\0", b"99999999999999999999",
     b"1" * 2000, b"\xff\xfe\xfd", b"\x1b$B", b"2147483648", b"1\\1", b"0.5\\-0.5", b"1,5"]
) | st.binary(max_size=16)  # fmt: skip

counts = st.sampled_from([0, 1, 2, 36, 40, 41, 255, 32767, 65535])


@pytest.fixture(scope="module")
def field_samples(tmp_path_factory: pytest.TempPathFactory) -> list[Callable[[], bytes]]:
    folder = tmp_path_factory.mktemp("fields")
    one = Scene(IMAGE.voxels[:1], IMAGE.affine)
    return [
        lambda: save(slice_dataset(one, 0), folder / "c").read_bytes(),
        lambda: save(enhanced_dataset([IMAGE]), folder / "e").read_bytes(),
    ]


def with_field(raw: bytes, number: int, value: bytes) -> bytes:
    """Give an element of an explicit little-endian file another value, wherever it occurs."""
    vr = dictionary_VR(number).split()[0].encode()
    start = bytes([number >> 16 & 0xFF, number >> 24, number & 0xFF, number >> 8 & 0xFF]) + vr
    value += b" " * (len(value) % 2)
    element = start + len(value).to_bytes(2, "little") + value
    at = raw.find(start)
    if at < 0:
        return raw
    old = int.from_bytes(raw[at + 6 : at + 8], "little")
    return raw[:at] + element + raw[at + 8 + old :]


def check_fields(
    folder: Path, raw: bytes, fields: list[tuple[int, bytes]], sizes: list[tuple[int, int]]
) -> None:
    for number, value in fields:
        raw = with_field(raw, number, value)
    for number, count in sizes:
        raw = with_field(raw, number, count.to_bytes(2, "little"))
    path = folder / "file"
    path.write_bytes(raw)
    check(folder, path)
    path.unlink()


SIZES = (tag.ROWS, tag.COLUMNS, tag.BITS_ALLOCATED, tag.BITS_STORED, tag.SAMPLES_PER_PIXEL,
         tag.PIXEL_REPRESENTATION, tag.HIGH_BIT)  # fmt: skip

fields_to_change = st.lists(st.tuples(st.sampled_from(FIELDS), texts), max_size=4)
sizes_to_change = st.lists(st.tuples(st.sampled_from(SIZES), counts), max_size=3)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.integers(0, 1), fields=fields_to_change, sizes=sizes_to_change)
def test_changed_fields_give_only_our_errors(
    tmp_path: Path,
    field_samples: list[Callable[[], bytes]],
    kind: int,
    fields: list[tuple[int, bytes]],
    sizes: list[tuple[int, int]],
) -> None:
    check_fields(tmp_path, field_samples[kind](), fields, sizes)


@pytest.mark.long
@settings(
    max_examples=2000,
    derandomize=True,  # the same files on every run
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(kind=st.integers(0, 1), fields=fields_to_change, sizes=sizes_to_change)
def test_two_thousand_changed_fields_give_only_our_errors(
    tmp_path: Path,
    field_samples: list[Callable[[], bytes]],
    kind: int,
    fields: list[tuple[int, bytes]],
    sizes: list[tuple[int, int]],
) -> None:
    check_fields(tmp_path, field_samples[kind](), fields, sizes)


# --- memory -------------------------------------------------------------------------------------


@pytest.mark.parametrize("frames", ["1", "100000", "2147483647"])
@pytest.mark.parametrize("size", [8192, 65535])
def test_sizes_that_a_header_claims_are_checked_before_anything_is_allocated(
    tmp_path: Path, samples: Samples, frames: str, size: int
) -> None:
    for sample in samples:
        if sample.name.startswith("image") or "deflated" in sample.name:
            continue
        path = tmp_path / "file"
        raw = sample.content
        for number in (tag.ROWS, tag.COLUMNS):
            raw = with_field(raw, number, size.to_bytes(2, "little"))
        path.write_bytes(with_field(raw, tag.NUMBER_OF_FRAMES, frames.encode()))
        tracemalloc.start()
        check(tmp_path, path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < MOST_BYTES, sample
        path.unlink()


@pytest.mark.parametrize("content", ["{}", "[]", json.dumps({"SeriesNumber": 1e400}), "null"])
def test_any_sidecar_gives_only_our_errors(tmp_path: Path, content: str) -> None:
    nib.save(nifti_image(IMAGE), tmp_path / "image.nii")
    (tmp_path / "image.json").write_text(content)
    check(tmp_path, tmp_path / "image.nii")
