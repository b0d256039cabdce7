"""The lean header scan gives what pydicom gives: on all DICOM files at hand, on mutated ones."""

from dataclasses import replace
from pathlib import Path

import pydicom.data
import pytest
from dicom_makers import (
    UNCOMPRESSED_SYNTAXES,
    compress,
    enhanced_dataset,
    save,
    scene,
    slice_dataset,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as Items

from ifi_mri.errors import UnreadableImageError
from ifi_mri.loaders import dicom_tags as tag
from ifi_mri.loaders import header_scan
from ifi_mri.loaders.header_scan import Elements, Header, scan, scan_with_pydicom
from ifi_mri.loaders.source_files import BytesFile

HERE = Path("file")


def lean(raw: bytes) -> Header | None:
    return scan(BytesFile(HERE, raw))


def by_pydicom(raw: bytes) -> Header:
    return scan_with_pydicom(BytesFile(HERE, raw))


def bundled_files() -> list[Path]:
    """The files that pydicom ships for its own tests."""
    folder = Path(pydicom.data.__file__).parent
    return sorted(path for path in folder.rglob("*.dcm") if path.stat().st_size < 4 << 20)


def made_files(folder: Path) -> list[bytes]:
    """One file of each kind that scanners write."""
    made = []
    for k, syntax in enumerate(UNCOMPRESSED_SYNTAXES.values()):
        made.append(save(slice_dataset(scene(), 0), folder / f"c{k}", syntax).read_bytes())
        made.append(save(enhanced_dataset([scene()]), folder / f"e{k}", syntax).read_bytes())
    packed = compress(slice_dataset(scene(), 0), "1.2.840.10008.1.2.5")
    packed.save_as(folder / "rle", enforce_file_format=True)
    made.append((folder / "rle").read_bytes())
    made.append(nested(folder / "nested"))
    return made


def nested(path: Path, *, undefined: bool = True, syntax: str = "1.2.840.10008.1.2.1") -> bytes:
    """A file with private sequences within sequences before and behind the wanted tags."""
    ds = enhanced_dataset([scene()])
    inner = Dataset()
    inner.add_new(0x00110010, "LO", "MAKER")
    inner.add_new(0x00111001, "OB", b"\xfe\xff\x0d\xe0\0\0\0\0" * 3)
    inner.ImagePositionPatient = ["9", "9", "9"]
    outer = Dataset()
    outer.ReferencedImageSequence = Items([inner, Dataset(), inner])
    ds.ReferencedStudySequence = Items([outer, inner])
    ds.add_new(0x00290010, "LO", "SIEMENS CSA HEADER")
    ds.add_new(0x00291010, "OB", bytes(range(256)) * 300)
    for groups in ds.PerFrameFunctionalGroupsSequence:
        groups.ReferencedImageSequence = Items([inner])
    for sequence in (ds.ReferencedStudySequence, outer.ReferencedImageSequence):
        for item in sequence:
            item.is_undefined_length_sequence_item = undefined
    ds["ReferencedStudySequence"].is_undefined_length = undefined
    ds["PerFrameFunctionalGroupsSequence"].is_undefined_length = undefined
    return save(ds, path, syntax).read_bytes()


def comparable(header: Header) -> Header:
    """A header whose character sets are stripped of padding, as pydicom has decoded them."""

    def stripped(elements: Elements) -> Elements:
        found: Elements = {}
        for number, value in elements.items():
            if isinstance(value, list):
                found[number] = [stripped(item) for item in value]
            elif number == tag.CHARACTER_SET:
                found[number] = b"\\".join(part.strip(b" \0") for part in value.split(b"\\"))
            else:
                found[number] = value
        return found

    return replace(header, elements=stripped(header.elements))


def assert_equal_to_pydicom(raw: bytes) -> None:
    try:
        expected = by_pydicom(raw)
    except UnreadableImageError:
        with pytest.raises(UnreadableImageError):
            lean(raw)
        return
    found = lean(raw)
    assert found is not None
    assert comparable(found) == comparable(expected)


@pytest.mark.parametrize("path", bundled_files(), ids=lambda path: path.name)
def test_the_scan_equals_pydicom_on_its_own_test_files(path: Path) -> None:
    raw = path.read_bytes()
    if raw[128:132] == b"DICM" and b"1.2.840.10008.1.2.1.99" not in raw[:400]:
        assert_equal_to_pydicom(raw)


def test_the_scan_equals_pydicom_on_shared_files(shared: Path) -> None:
    paths = [*(shared / "conformance").rglob("*.dcm"), *(shared / "real_mri").rglob("*.dcm")]
    assert len(paths) > 100
    for path in paths:
        assert_equal_to_pydicom(path.read_bytes())


def test_the_scan_equals_pydicom_on_files_of_each_kind(tmp_path: Path) -> None:
    for raw in made_files(tmp_path):
        if b"1.2.840.10008.1.2.1.99" not in raw[:400]:
            assert_equal_to_pydicom(raw)


@pytest.mark.parametrize("undefined", [True, False])
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
def test_sequences_within_sequences_are_stepped_over(
    tmp_path: Path, undefined: bool, syntax: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = nested(tmp_path / "n", undefined=undefined, syntax=syntax)
    assert_equal_to_pydicom(raw)
    monkeypatch.setattr(header_scan, "WINDOW_BYTES", 400)
    assert_equal_to_pydicom(raw)
    found = lean(raw)
    assert found is not None
    frames = found.elements[tag.PER_FRAME_GROUPS]
    assert isinstance(frames, list)
    assert len(frames) == 7


def test_ordinary_files_do_not_need_pydicom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The point of the scan: were it to hand every file on, no test of values would notice."""
    raws = [raw for raw in made_files(tmp_path) if b"1.2.840.10008.1.2.2\0" not in raw[:400]]
    assert len(raws) == 8

    def refuse(*_: object) -> None:
        raise AssertionError("handed to pydicom")

    monkeypatch.setattr(header_scan, "scan_with_pydicom", refuse)
    for raw in raws:
        header = lean(raw)
        assert header is not None
        assert header.pixel_offset is not None


def test_a_deflated_file_is_scanned_like_its_inflated_twin(tmp_path: Path) -> None:
    deflated = save(slice_dataset(scene(), 0), tmp_path / "d", "1.2.840.10008.1.2.1.99")
    plain = save(slice_dataset(scene(), 0), tmp_path / "p")
    first, second = lean(deflated.read_bytes()), lean(plain.read_bytes())
    assert first is not None
    assert second is not None
    assert first.elements == second.elements
    assert first.pixel_length == second.pixel_length


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_truncated_deflated_file_is_refused(tmp_path: Path, cut: int) -> None:
    raw = save(slice_dataset(scene(), 0), tmp_path / "d", "1.2.840.10008.1.2.1.99").read_bytes()
    with pytest.raises(UnreadableImageError, match="deflated dataset is"):
        lean(raw[: -cut - 1])


def test_the_pixels_begin_where_the_scan_says(tmp_path: Path) -> None:
    ds = slice_dataset(scene(), 0)
    for syntax in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1"):
        raw = save(ds, tmp_path / "x", syntax).read_bytes()
        header = lean(raw)
        assert header is not None
        assert header.pixel_offset is not None
        assert raw[header.pixel_offset :] == ds.PixelData
        assert header.pixel_length == len(ds.PixelData)


@pytest.mark.parametrize("raw", [b"", b"DICM", bytes(128), bytes(128) + b"DICX" + bytes(99)])
def test_what_is_not_dicom_is_none(raw: bytes) -> None:
    assert lean(raw) is None


def test_a_wide_tag_that_lies_across_windows_is_read_whole(tmp_path: Path) -> None:
    for size in range(15_800, 16_600, 50):
        ds = slice_dataset(scene(), 0)
        ds.add_new(0x00090010, "LO", "MAKER")
        ds.add_new(0x00091001, "OB", bytes(size))
        assert_equal_to_pydicom(save(ds, tmp_path / "x").read_bytes())


def test_icons_and_other_pixels_inside_sequences_are_not_the_pixels(tmp_path: Path) -> None:
    ds = slice_dataset(scene(), 0)
    icon = Dataset()
    icon.Rows = icon.Columns = 2
    icon.PixelData = b"\1\2\3\4"
    icon["PixelData"].VR = "OB"
    ds.IconImageSequence = Items([icon])
    raw = save(ds, tmp_path / "x").read_bytes()
    assert_equal_to_pydicom(raw)
    header = lean(raw)
    assert header is not None
    assert raw[header.pixel_offset :] == ds.PixelData


def test_encapsulated_pixels_have_no_length(tmp_path: Path) -> None:
    ds = compress(slice_dataset(scene(), 0), "1.2.840.10008.1.2.5")
    ds.PixelData = encapsulate([b"\0" * 64])
    ds.save_as(tmp_path / "x", enforce_file_format=True)
    header = lean((tmp_path / "x").read_bytes())
    assert header is not None
    assert header.pixel_length is None
    assert header.pixel_offset is not None


# --- mutated files ------------------------------------------------------------------------------


class Files(list[bytes]):
    """Contents of files; printed by number, as hypothesis prints what a test was given."""

    def __repr__(self) -> str:
        return f"{len(self)} files"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Small files to be mutated; deflated ones are left out, as one changed bit spoils them."""
    made = made_files(tmp_path_factory.mktemp("made"))
    small = [path.read_bytes() for path in bundled_files() if path.stat().st_size < 40_000]
    return Files(raw for raw in [*made, *small] if b"1.2.840.10008.1.2.1.99" not in raw[:400])


Mutation = tuple[str, int, bytes]

mutations = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "delete", "cut"]),
        st.integers(0, 6000),
        st.binary(min_size=1, max_size=8)
        | st.sampled_from([b"\xff\xff\xff\xff", b"SQ", b"UN", b"\0\0\0\0", b"\xfe\xff\x00\xe0"]),
    ),
    min_size=1,
    max_size=3,
)


def mutated(raw: bytes, changes: list[Mutation]) -> bytes:
    for kind, place, data in changes:
        at = 132 + place % max(1, len(raw) - 132)
        if kind == "replace":
            raw = raw[:at] + data + raw[at + len(data) :]
        elif kind == "insert":
            raw = raw[:at] + data + raw[at:]
        elif kind == "delete":
            raw = raw[:at] + raw[at + len(data) :]
        else:
            raw = raw[:at]
    return raw


def check_mutated(raw: bytes) -> None:
    """Equal to pydicom, or refused where pydicom refuses; what pydicom refuses and the scan can
    read is no harm, as the wanted tags were read before the damage."""
    try:
        found = lean(raw)
    except UnreadableImageError:
        found = None
    try:
        expected = by_pydicom(raw)
    except UnreadableImageError:
        return
    if found is not None:
        assert comparable(found) == comparable(expected)


def test_a_command_element_inside_the_dataset_is_read_as_pydicom_reads_it(tmp_path: Path) -> None:
    raw = next(raw for raw in made_files(tmp_path) if b"1.2.840.10008.1.2\0" in raw[:400])
    first = raw.index(b"\x08\0", 132 + 12 + int.from_bytes(raw[140:144], "little"))
    stray = b"\0\0\x01\0" + (2).to_bytes(4, "little") + b"\0\0"
    check_mutated(raw[:first] + stray + raw[first:])
    check_mutated(raw[:first] + b"\0" + raw[first + 1 :])


@settings(max_examples=150)
@given(number=st.integers(0, 10**6), changes=mutations)
def test_the_scan_equals_pydicom_on_mutated_files(
    files: Files, number: int, changes: list[Mutation]
) -> None:
    check_mutated(mutated(files[number % len(files)], changes))


@pytest.mark.long
@settings(max_examples=5000, derandomize=True)  # the same files on every run
@given(number=st.integers(0, 10**6), changes=mutations)
def test_the_scan_equals_pydicom_on_many_mutated_files(
    files: Files, number: int, changes: list[Mutation]
) -> None:
    check_mutated(mutated(files[number % len(files)], changes))


def test_every_wanted_tag_is_a_plain_value_of_the_dictionary() -> None:
    from pydicom.datadict import dictionary_has_tag, dictionary_VR

    for number in tag.WANTED:
        if not number >> 16 & 1:
            assert dictionary_has_tag(number)
            assert dictionary_VR(number) not in ("SQ", "OW", "OB")
    for number in tag.SEQUENCES:
        assert dictionary_VR(number) == "SQ"


def test_pydicom_reads_what_the_makers_write(tmp_path: Path) -> None:
    for raw in made_files(tmp_path):
        path = tmp_path / "again"
        path.write_bytes(raw)
        assert dcmread(path).Rows == 6
