"""DICOMDIR, and the index of headers kept between runs."""

import os
import pickle
import re
import shutil
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from dicom_makers import (
    ROOT,
    assert_same_in_space,
    enhanced_dataset,
    nifti_image,
    save,
    save_series,
    scene,
    series_datasets,
    slice_dataset,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from ifi_mri import loaders
from ifi_mri.errors import GeometryError, UnreadableImageError
from ifi_mri.loaders import dicom_files, load_study, load_volume, packed_study, study_index
from ifi_mri.loaders.source_files import Opener, list_files
from ifi_mri.model import Caution, Grid, Instance, Point, Series, Study
from ifi_mri.vocabulary import Side


@pytest.fixture
def study_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    save_series(folder / "a", series_datasets(scene(1), series=1, Laterality="L"))
    save_series(folder / "b", series_datasets(scene(2), series=2, Modality="CT"))
    save(enhanced_dataset([scene(3), scene(4)], series=3, echo_times=(1.5, 2.5)), folder / "c")
    (folder / "notes.txt").write_text("x")
    return folder


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose headers are scanned while the study is loaded."""
    seen: list[Path] = []
    scan = dicom_files.scan_file

    def counted(path: Path, opener: Opener, *, digest: bool = False) -> object:
        seen.append(path)
        return scan(path, opener, digest=digest)

    monkeypatch.setattr(dicom_files, "scan_file", counted)
    return seen


def test_an_index_gives_the_same_study_without_reading_headers(
    tmp_path: Path, study_folder: Path, scans: list[Path]
) -> None:
    index = tmp_path / "out" / "headers.json"
    first = load_study(study_folder, index=index)
    n_scanned = len(scans)
    assert n_scanned == 16
    again = load_study(study_folder, index=index)
    assert len(scans) == n_scanned
    assert again == first
    assert again.patient.name == "Müller^Änne"
    assert_same_in_space(load_volume(again.series[0]), scene(1))


def test_an_index_of_nifti_files_gives_the_same_study(tmp_path: Path) -> None:
    nib.save(nifti_image(scene()), tmp_path / "i.nii")
    index = tmp_path.parent / "nifti-index.json"
    first = load_study(tmp_path, index=index)
    assert load_study(tmp_path, index=index) == first
    assert first.series[0].cautions


def test_the_index_holds_no_patient_and_no_path_and_is_private(
    tmp_path: Path, study_folder: Path
) -> None:
    index = tmp_path / "headers.json"
    load_study(study_folder, index=index)
    content = index.read_bytes()
    for secret in ("ller", "P1", "A1", "19800615", "I0000", str(tmp_path)):
        assert secret.encode() not in content
    assert index.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("change", ["content", "time", "new", "gone", "words"])
def test_an_index_that_does_not_fit_is_made_again(
    tmp_path: Path, study_folder: Path, scans: list[Path], change: str
) -> None:
    index = tmp_path / "headers.json"
    load_study(study_folder, index=index)
    n_before = len(scans)
    words = None
    changed = sorted((study_folder / "a").iterdir())[0]
    if change == "content":
        changed.write_bytes(changed.read_bytes() + b"\0\0")
    elif change == "time":
        os.utime(changed, (1, 1))
    elif change == "new":
        shutil.copy(changed, study_folder / "copy")
    elif change == "gone":
        changed.unlink()
    else:
        words = loaders.SeriesWords(fat_suppressed=("ax",))
    fresh = load_study(study_folder, words)
    n_scanned = len(scans)
    assert load_study(study_folder, words, index=index) == fresh
    assert len(scans) > n_scanned > n_before
    n_scanned = len(scans)
    assert load_study(study_folder, words, index=index) == fresh
    assert len(scans) == n_scanned


@pytest.mark.parametrize("damage", ["", "{", '{"fingerprint": 1}', "[]", "null", "\xff"])
def test_a_damaged_index_is_made_again(tmp_path: Path, study_folder: Path, damage: str) -> None:
    index = tmp_path / "headers.json"
    expected = load_study(study_folder, index=index)
    written = index.read_bytes()
    index.write_text(damage)
    assert load_study(study_folder, index=index) == expected
    assert index.read_bytes() == written


def test_an_index_with_any_byte_changed_or_missing_is_made_again(
    tmp_path: Path, study_folder: Path, scans: list[Path]
) -> None:
    index = tmp_path / "headers.json"
    expected = load_study(study_folder, index=index)
    written = index.read_bytes()
    n_read = len(scans)
    for k in (0, 31, 32, 33, len(written) // 2, len(written) - 1):
        for damaged in (written[:k], written[:k] + bytes([written[k] ^ 1]) + written[k + 1 :]):
            index.write_bytes(damaged)
            assert load_study(study_folder, index=index) == expected
            assert len(scans) > n_read
            assert index.read_bytes() == written
            n_read = len(scans)


def test_an_index_that_is_no_file_or_too_large_is_not_read(
    tmp_path: Path, study_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "headers.json"
    os.mkfifo(index)
    expected = load_study(study_folder, index=index)  # a pipe would be waited for
    assert index.is_file()
    monkeypatch.setattr(study_index, "LARGEST_INDEX", index.stat().st_size - 1)
    monkeypatch.setattr(study_index, "_seal", None)
    files = list_files(study_folder)
    assert study_index.read_index(index, b"", files, study_folder) is None
    assert load_study(study_folder) == expected


SERIES, SLICE = struct.Struct("<19d6q"), struct.Struct("<3d3i21p65p")

#: Where numbers of a series lie in its record, and those of a slice in its one.
ECHO_TIME, AFFINE, N_SLICES, CONTRAST, SHAPE = 1, 7, 20, 21, 22
FILE, FRAME, DIGEST, UID = 3, 4, 6, 7


@dataclass
class Content:
    """What an index holds behind its seal, as `packed_study` lays it out."""

    n_series: int
    n_slices: int
    n_ignored: int
    series: list[list[Any]]
    slices: list[list[Any]]
    texts: list[str]

    @classmethod
    def of(cls, raw: bytes) -> "Content":
        n_series, n_slices, n_ignored = struct.unpack_from("<3Q", raw)
        start = 24 + SERIES.size * n_series
        end = start + SLICE.size * n_slices
        return cls(
            n_series,
            n_slices,
            n_ignored,
            [[*one] for one in SERIES.iter_unpack(raw[24:start])],
            [[*one] for one in SLICE.iter_unpack(raw[start:end])],
            raw[end:].decode().split("\0"),
        )

    def raw(self) -> bytes:
        return b"".join(
            (
                struct.pack("<3Q", self.n_series, self.n_slices, self.n_ignored),
                *(SERIES.pack(*one) for one in self.series),
                *(SLICE.pack(*one) for one in self.slices),
                "\0".join(self.texts).encode("latin-1"),
            )
        )

    def put_text(self, name: str, text: str) -> None:
        """Change a text of the first series."""
        names = (*packed_study._TEXTS, *packed_study._TEXTS_OR_NONE, *packed_study._LISTS)
        self.texts[4 + names.index(name)] = text

    def put(self, where: int, *values: float) -> None:
        """Change numbers of the first series."""
        self.series[0][where : where + len(values)] = values

    def put_slices(self, where: int, *values: Any) -> None:
        """Change one thing of the first slices, or of all where one value is given."""
        for one, value in zip(
            self.slices, values * self.n_slices if len(values) == 1 else values, strict=False
        ):
            one[where] = value


def resealed(index: Path, folder: Path, change: Callable[[Content], None]) -> None:
    """Change what an index says and seal it anew, as somebody who knows how it is made could."""
    expected = study_index.fingerprint(list_files(folder), folder, loaders.SeriesWords())
    content = Content.of(index.read_bytes()[32:])
    change(content)
    raw = content.raw()
    index.write_bytes(study_index._seal(raw, expected) + raw)


def without_series(content: Content, n_kept: int) -> None:
    """Leave series out, but not their slices."""
    n_gone = content.n_series - n_kept
    content.n_series = n_kept
    del content.series[n_kept:], content.texts[-n_gone * packed_study._N_TEXTS :]


def without_slices(content: Content) -> None:
    content.n_slices, content.slices = 0, []


def without_slices_of_the_first_series(content: Content) -> None:
    first, second = content.series[:2]
    second[N_SLICES] += first[N_SLICES]
    if second[SHAPE]:
        second[SHAPE] = second[N_SLICES]
    first[N_SLICES] = 0
    content.put(SHAPE, 0, 0, 0)
    content.put_text("refusal", "none")


UNSOUND: dict[str, Callable[[Content], None]] = {
    "no series": lambda c: without_series(c, 0),
    "slices of no series": lambda c: without_series(c, c.n_series - 1),
    "no slices": without_slices,
    "a series without slices": without_slices_of_the_first_series,
    "more series": lambda c: setattr(c, "n_series", c.n_series + 1),
    "more slices": lambda c: setattr(c, "n_slices", c.n_slices + 1),
    "fewer slices": lambda c: setattr(c, "n_slices", c.n_slices - 1),
    "endless series": lambda c: setattr(c, "n_series", 2**60),
    "endless slices": lambda c: setattr(c, "n_slices", 2**60),
    "a text is missing": lambda c: c.texts.pop(),
    "a text too many": lambda c: c.texts.append(""),
    "not a text": lambda c: c.texts.__setitem__(-1, "\xff"),
    "date": lambda c: c.texts.__setitem__(1, "yesterday"),
    "caution": lambda c: c.texts.__setitem__(2, "a\x1fb"),
    "side of a caution": lambda c: c.texts.__setitem__(2, "a\x1fb\x1fup"),
    "classes": lambda c: c.texts.__setitem__(3, "1.2\x1f1.3"),
    "side": lambda c: c.put_text("laterality", "middle"),
    "format": lambda c: c.put_text("format", "jpeg"),
    "no reason": lambda c: c.put(SHAPE, 0, 0, 0),
    "infinite": lambda c: c.put(ECHO_TIME, float("inf")),
    "infinite below": lambda c: c.put(ECHO_TIME, float("-inf")),
    "truth": lambda c: c.put(CONTRAST, 2),
    "matrix": lambda c: c.put(SHAPE + 1, 0),
    "as many slices": lambda c: c.put(SHAPE, 10**9),
    "slices of the series": lambda c: c.put(N_SLICES, 10**15),
    "fewer than no slices": lambda c: c.put(N_SLICES, -1),
    "affine": lambda c: c.put(AFFINE, float("nan")),
    "far away": lambda c: c.put(AFFINE + 3, float("inf")),
    "flat": lambda c: c.put(AFFINE, *[0.0] * 12),
    "nowhere": lambda c: c.slices[-1].__setitem__(0, float("nan")),
    "too far": lambda c: c.slices[-1].__setitem__(2, float("inf")),
    "file beyond": lambda c: c.slices[-1].__setitem__(FILE, 999),
    "file before": lambda c: c.slices[-1].__setitem__(FILE, -1),
}


@pytest.mark.parametrize("what", UNSOUND)
def test_a_sealed_index_with_unsound_values_is_made_again(
    tmp_path: Path, study_folder: Path, scans: list[Path], what: str
) -> None:
    index = tmp_path / "headers.json"
    expected = load_study(study_folder, index=index)
    written = index.read_bytes()
    resealed(index, study_folder, UNSOUND[what])
    n_read = len(scans)
    assert load_study(study_folder, index=index) == expected
    assert len(scans) > n_read
    assert index.read_bytes() == written


def set_affine(content: Content, row: int, column: int, factor: float, plus: float = 0.0) -> None:
    k = AFFINE + 4 * row + column
    content.put(k, content.series[0][k] * factor + plus)


def in_order(content: Content, order: list[int], *things: int) -> None:
    """Say of every slice that things of it are those of another."""
    before = [[*one] for one in content.slices]
    for thing in things:
        content.put_slices(thing, *(before[k][thing] for k in order))


LIES: dict[str, Callable[[Content], None]] = {
    "wider rows": lambda c: [set_affine(c, row, 1, 1.01) for row in range(3)],
    "wider columns": lambda c: [set_affine(c, row, 2, 1.01) for row in range(3)],
    "wider slices": lambda c: [set_affine(c, row, 0, 1.2) for row in range(3)],
    "moved": lambda c: set_affine(c, 0, 3, 1.0, 1.0),
    "mirrored": lambda c: [set_affine(c, row, 2, -1.0) for row in range(3)],
    "rows and columns": lambda c: c.put(SHAPE + 1, *c.series[0][SHAPE + 2 : SHAPE : -1]),
    "order": lambda c: in_order(c, [*range(c.n_slices)][::-1], FILE, DIGEST, UID),
    "another series": lambda c: in_order(
        c, [*range(7, 14)] * 3 + [*range(21, c.n_slices)], FILE, DIGEST
    ),
    "positions": lambda c: c.put_slices(0, *(one[0] + 0.1 for one in c.slices)),
    "uids": lambda c: c.put_slices(UID, b"1.2.3"),
    "no uids": lambda c: c.put_slices(UID, b"\x01"),
    "no digests": lambda c: c.put_slices(DIGEST, b""),
    "digests that are too long": lambda c: c.put_slices(DIGEST, b"\xff" * 99),
}


@pytest.mark.parametrize("what", LIES)
def test_a_sealed_index_that_lies_about_slices_moves_no_pixel(
    tmp_path: Path, study_folder: Path, what: str
) -> None:
    index = tmp_path / "headers.json"
    load_study(study_folder, index=index)
    resealed(index, study_folder, LIES[what])
    series = load_study(study_folder, index=index).series[0]
    try:
        volume = load_volume(series)
    except UnreadableImageError as problem:
        assert "has changed" in str(problem)  # noqa: PT017 - or the index was made again
    else:
        assert_same_in_space(volume, scene(1))
        assert volume.instances == load_study(study_folder).series[0].instances


def behind_the_index(path: Path, old: bytes, new: bytes) -> None:
    """Change a file's bytes, with the size and the time that it had."""
    raw, status = path.read_bytes(), path.stat()
    assert old in raw
    assert len(old) == len(new)
    path.write_bytes(raw.replace(old, new))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def otherwise(digits: bytes) -> bytes:
    """Return a number with its first digit changed."""
    k = next(k for k, digit in enumerate(digits) if digit in b"123456789")
    return digits[:k] + (b"1" if digits[k] != ord("1") else b"2") + digits[k + 1 :]


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize(
    "keyword",
    ["ImagePositionPatient", "PixelSpacing", "Laterality", "EchoTime", "SOPInstanceUID",
     "StudyInstanceUID", "RescaleSlope", "SeriesDescription"],
)  # fmt: skip
def test_an_index_is_not_trusted_against_the_file(tmp_path: Path, keyword: str, which: int) -> None:
    """A header changed behind the index, with size and time restored, is found when its slice is
    read; that of the first file, which says who was scanned, even before."""
    tags = {"Laterality": "L", "EchoTime": "12.25", "RescaleSlope": "31", "RescaleIntercept": "0"}
    datasets = series_datasets(scene(shape=(3, 4, 5)), **tags)
    folder, index = tmp_path / "study", tmp_path / "headers.json"
    paths = [save(ds, folder / f"{k}") for k, ds in enumerate(datasets)]
    before = load_study(folder, index=index)
    value = datasets[which][keyword].value
    listed = value if isinstance(value, MultiValue) else [value]
    old = "\\".join(str(part) for part in listed).encode()
    swaps = {b"L": b"R", b"AX T1": b"AX T2"}
    head = datasets[which][keyword].tag
    start = struct.pack("<HH", head.group, head.element) + datasets[which][keyword].VR.encode()
    width = struct.pack("<H", len(old) + len(old) % 2)
    new = swaps.get(old) or otherwise(old)
    behind_the_index(paths[which], start + width + old, start + width + new)
    after = load_study(folder, index=index)
    if which == 0:
        assert after == load_study(folder)
        return
    assert after.series == before.series
    (series,) = after.series
    k = [instance.path for instance in series.instances].index(paths[which])
    with pytest.raises(UnreadableImageError, match="has changed"):
        load_volume(series, near=[series.instances[k].position_mm])
    for j in {0, 1, 2} - {k}:
        load_volume(series, near=[series.instances[j].position_mm])


@pytest.mark.parametrize("which", range(3))
def test_a_header_that_names_somebody_else_first_does_not_change_the_patient(
    tmp_path: Path, which: int
) -> None:
    """A name within a sequence stands before the patient's: looking for it finds the wrong one, so
    that file is walked; the other ones, which are known, are read beside it."""
    datasets = series_datasets(scene(shape=(3, 4, 5)))
    other = Dataset()
    other.PatientName = "Somebody^Else"
    datasets[which].ReferencedPatientSequence = [other]
    folder, index = tmp_path / "study", tmp_path / "headers.json"
    for k, ds in enumerate(datasets):
        save(ds, folder / f"{k}")
    fresh = load_study(folder)
    load_study(folder, index=index)
    kept = load_study(folder, index=index)
    assert kept.patient == fresh.patient
    assert kept.patient.name == "Müller^Änne"
    assert sorted(len(one.header_digest) for one in kept.series[0].instances) == [16, 20, 20]
    assert loaded(kept.series[0]) == loaded(fresh.series[0])


def test_slices_of_an_index_are_like_a_tuple_of_them(tmp_path: Path, study_folder: Path) -> None:
    index = tmp_path / "headers.json"
    load_study(study_folder, index=index)
    series, other = load_study(study_folder, index=index).series[:2]
    fresh = load_study(study_folder).series[0]
    slices, made = series.instances, fresh.instances
    assert not isinstance(slices, tuple)
    assert slices == made
    assert made == slices
    assert slices != other.instances
    assert slices != list(made)
    assert hash(series) == hash(fresh)
    assert repr(slices) == repr(made)
    assert [*slices] == [*made]
    assert slices[1:3] == made[1:3]
    assert slices[::-1] == made[::-1]
    assert slices[-1] == made[-1]
    assert slices[2] is slices[2:][0]
    assert slices.index(made[2]) == 2
    with pytest.raises(IndexError):
        slices[len(made)]
    copied = pickle.loads(pickle.dumps(series))  # noqa: S301 - own bytes
    assert type(copied.instances) is tuple
    assert copied == fresh
    assert [one.header_digest for one in copied.instances] == [one.header_digest for one in slices]


def assert_same_with_and_without_index(folder: Path, index: Path) -> None:
    """A study, its volumes and its refusals are the same, bit for bit, whether its headers were
    just read, just written to the index, or taken from there."""
    try:
        fresh = load_study(folder)
    except UnreadableImageError as problem:
        for _ in range(2):
            with pytest.raises(UnreadableImageError, match=re.escape(str(problem))):
                load_study(folder, index=index)
        return
    written = load_study(folder, index=index)
    kept = load_study(folder, index=index)
    assert fresh == written == kept
    assert fresh.patient == written.patient == kept.patient
    for one, two, three in zip(fresh.series, written.series, kept.series, strict=True):
        results = [loaded(series) for series in (one, two, three)]
        assert results[0] == results[1] == results[2]
        if one.grid is not None and len(one.instances) > 1:
            near = [one.instances[len(one.instances) // 2].position_mm]
            assert loaded(one, near) == loaded(three, near)


def loaded(series: Series, near: list[Point] | None = None) -> object:
    """Everything that a series' volume is, or what is said of why there is none."""
    try:
        volume = load_volume(series, near)
    except (GeometryError, UnreadableImageError) as problem:
        return type(problem), str(problem)
    assert volume.voxels.dtype == np.float32
    assert not volume.voxels.flags.writeable
    return (
        volume.voxels.shape, volume.voxels.tobytes(), volume.affine.tobytes(), volume.instances,
        volume.series_uid, volume.frame_of_reference_uid,
    )  # fmt: skip


SYNTAXES = [
    ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_study_is_another_one_with_an_index(data: st.DataObject) -> None:
    draw = data.draw
    shape = draw(st.tuples(st.integers(1, 5), st.integers(2, 7), st.integers(2, 7)))
    image = scene(
        draw(st.integers(0, 99)),
        shape=shape,
        turn_deg=draw(st.tuples(*[st.floats(-180, 180)] * 3)),
        lowest=draw(st.sampled_from([0, 5])),
    )
    tags = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "RescaleSlope": st.sampled_from(["2", "0.5", "1e40", ""]),
                "RescaleIntercept": st.sampled_from(["-7", "0", ""]),
                "PixelRepresentation": st.sampled_from([0, 1]),
                "Laterality": st.sampled_from(["L", "R", ""]),
                "NumberOfFrames": st.sampled_from(["1", "0", ""]),
                "AccessionNumber": st.sampled_from(["A7", None]),
                "Modality": st.sampled_from(["MR", "CT"]),
                "PixelSpacing": st.sampled_from([["0.5", "0.75"], None, ["0", "1"]]),
                "EchoTime": st.sampled_from(["12.5", None]),
            },
        )
    )
    datasets = series_datasets(image, **tags)
    syntax = draw(st.sampled_from(SYNTAXES))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "study"
        for k, dataset in enumerate(datasets):
            own = draw(st.sampled_from([{}, {"RescaleSlope": "3"}, {"StudyInstanceUID": "1.2"}]))
            for keyword, value in own.items():
                setattr(dataset, keyword, value)
            path = save(dataset, folder / f"{draw(st.integers(0, 9))}-{k}", syntax)
            cut = draw(st.sampled_from([0, 0, 0, 0, 1, 40]))
            added = draw(st.sampled_from([b"", b"", b"\0", b"\xfc\xff\xfc\xffOB" + bytes(6)]))
            path.write_bytes(path.read_bytes()[: -cut or None] + added)
        if draw(st.booleans()):
            save(enhanced_dataset([image], series=2), folder / "enhanced")
        assert_same_with_and_without_index(folder, Path(temporary) / "index")


def test_no_shared_study_is_another_one_with_an_index(shared: Path, tmp_path: Path) -> None:
    folders = sorted(
        folder
        for name in ("dcm_qa_ts", "dcm_qa_enh")
        for folder in (shared / "conformance" / name).rglob("*")
        if folder.is_dir() and any(child.is_file() for child in folder.iterdir())
    )
    assert folders
    for k, folder in enumerate(folders):
        assert_same_with_and_without_index(folder, tmp_path / str(k))


def test_a_known_header_is_only_one_that_says_the_same_when_it_is_looked_at(
    tmp_path: Path,
) -> None:
    """An element found first inside a sequence or a private value is not the slice's own."""
    inner = Dataset()
    inner.ImagePositionPatient = ["1", "2", "3"]
    plain, nested, private = series_datasets(scene(shape=(3, 4, 5)))
    nested.SourceImageSequence = [inner]
    private.add_new(0x00190010, "LO", "SOMEBODY")
    private.add_new(0x00191001, "OB", b"\x28\x00\x02\x00US\x02\x00\x03\x00")
    digests = []
    for k, dataset in enumerate((plain, nested, private)):
        path = save(dataset, tmp_path / "study" / str(k))
        with Opener() as opener:
            header, _ = dicom_files.scan_file(path, opener, digest=True)
        assert header is not None
        digests.append(header.known_by)
    assert [bool(digest) for digest in digests] == [True, False, False]
    assert_same_with_and_without_index(tmp_path / "study", tmp_path / "index")


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_an_unusual_file_changed_behind_the_index_is_found_too(tmp_path: Path, syntax: str) -> None:
    datasets = series_datasets(scene(shape=(3, 4, 5)), StationName="HERE", EchoTime="12.25")
    folder, index = tmp_path / "study", tmp_path / "headers.json"
    paths = [save(ds, folder / f"{k}", syntax) for k, ds in enumerate(datasets)]
    load_study(folder, index=index)
    behind_the_index(paths[1], b"HERE", b"AWAY")  # nothing that we read
    (series,) = load_study(folder, index=index).series
    load_volume(series)
    behind_the_index(paths[1], b"12.25", b"13.25")
    (series,) = load_study(folder, index=index).series
    with pytest.raises(UnreadableImageError, match="has changed"):
        load_volume(series)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.put_slices(FRAME, 6, 5, 4, 3, 2, 1, 0),
        lambda c: c.put_slices(FRAME, 0),
        lambda c: c.put_slices(FRAME, 0, 1, 2, 3, 4, 5, -(2**31)),
        lambda c: c.put_slices(FILE, 0, 0, 0, 1),
    ],
)
def test_an_index_of_nifti_slices_in_another_order_is_made_again(
    tmp_path: Path, change: Callable[[Content], None]
) -> None:
    folder, index = tmp_path / "study", tmp_path / "headers.json"
    folder.mkdir()
    nib.save(nifti_image(scene()), folder / "i.nii")
    (folder / "notes.txt").write_text("x")
    expected = load_study(folder, index=index)
    written = index.read_bytes()
    resealed(index, folder, change)
    assert load_study(folder, index=index) == expected
    assert index.read_bytes() == written


def test_pixels_changed_behind_the_index_are_read_as_they_are(tmp_path: Path) -> None:
    image, other = scene(1), scene(2)
    paths = [save(ds, tmp_path / "study" / f"{k}") for k, ds in enumerate(series_datasets(image))]
    index = tmp_path / "headers.json"
    load_study(tmp_path / "study", index=index)
    for path, dataset, changed in zip(
        paths, series_datasets(image), series_datasets(other), strict=True
    ):
        behind_the_index(path, dataset.PixelData, changed.PixelData)
    (series,) = load_study(tmp_path / "study", index=index).series
    assert_same_in_space(load_volume(series), replace(image, voxels=other.voxels))


def test_a_patient_changed_behind_the_index_is_named_as_the_file_says(tmp_path: Path) -> None:
    datasets = series_datasets(scene())
    paths = [save(ds, tmp_path / "study" / f"{k}") for k, ds in enumerate(datasets)]
    index = tmp_path / "headers.json"
    name = load_study(tmp_path / "study", index=index).patient.name
    behind_the_index(paths[0], name.encode(), b"X" * len(name.encode()))
    after = load_study(tmp_path / "study", index=index)
    assert after.patient.name != name
    assert after == load_study(tmp_path / "study")


def test_an_index_that_cannot_be_written_does_no_harm(tmp_path: Path, study_folder: Path) -> None:
    (tmp_path / "file").write_text("x")
    study = load_study(study_folder, index=tmp_path / "file" / "headers.json")
    assert study == load_study(study_folder)


TEXTS = st.text(st.characters(codec=None), max_size=4) | st.sampled_from(
    ["", "\0", "\x01", "\x1f", "a\x1fb", "\udcff"]
)
OPTIONAL_REALS = st.none() | st.floats() | st.integers(-3, 3)
OF_A_SERIES = st.fixed_dictionaries(
    {
        **dict.fromkeys(packed_study._REALS, OPTIONAL_REALS),
        **dict.fromkeys(packed_study._TEXTS[:2] + packed_study._TEXTS[5:], TEXTS),
        **dict.fromkeys(packed_study._TEXTS_OR_NONE[:-1], st.none() | TEXTS),
        **dict.fromkeys(packed_study._LISTS, st.lists(TEXTS, max_size=3).map(tuple)),
        "laterality": st.none() | st.sampled_from(Side),
        "number": st.none() | st.integers(-(2**64), 2**64),
        "contrast_agent": st.booleans(),
        "cautions": st.lists(
            st.builds(Caution, TEXTS, TEXTS, st.none() | st.sampled_from(Side)), max_size=2
        ).map(tuple),
    }
)


@settings(max_examples=200, deadline=None)
@given(of_series=OF_A_SERIES, cautions=st.lists(st.builds(Caution, TEXTS, TEXTS), max_size=2))
def test_what_an_index_cannot_keep_is_not_written_and_all_else_is_given_back(
    of_series: dict[str, Any], cautions: list[Caution]
) -> None:
    path = Path("/data/i")
    grid = Grid.from_affine(np.diag([5.0, 0.5, 0.5, 1.0]), (2, 3, 4))
    slices = tuple(
        Instance(path, "1.2", f"1.{k}", None, (0.0, 0.0, 5.0 * k), k or None, bytes(k * 16))
        for k in range(2)
    )
    series = Series(label="s", description="", format="dicom", grid=grid, instances=slices,
                    **of_series)  # fmt: skip
    study = Study("1.9", path.parent, (series,), cautions=tuple(cautions))
    files = [(str(path), 10, 20)]
    with tempfile.TemporaryDirectory() as temporary:
        index = Path(temporary) / "index"
        study_index.write_index(index, b"fits", files, study)
        kept = study_index.read_index(index, b"fits", files, path.parent)
        if index.exists():
            assert kept == (study, slices[0])
            digests = [one.header_digest for one in kept[0].series[0].instances]
            assert digests == [b"", bytes(16)]
        else:
            said = [*of_series.values(), *of_series["cautions"], *cautions]
            assert any(is_special(value) for value in said)


@pytest.mark.parametrize(
    ("change", "is_kept"),
    [
        ({"sop_instance_uid": None, "sop_class_uid": None}, True),
        ({"sop_instance_uid": "é" * 64}, True),
        ({"sop_instance_uid": "1" * 65}, False),
        ({"sop_instance_uid": "1.\u0142"}, False),
        ({"sop_instance_uid": "\x01"}, False),
        ({"frame": 2**31 - 1, "number": -(2**31) + 1}, True),
        ({"number": 2**31}, False),
        ({"number": -(2**31)}, False),
        ({"position_mm": (0.0, float("nan"), 0.0)}, False),
        ({"path": Path("/data/j")}, False),
    ],
)
def test_a_slice_is_kept_as_it_is_or_not_at_all(
    tmp_path: Path, change: dict[str, Any], is_kept: bool
) -> None:
    path, index = Path("/data/i"), tmp_path / "index"
    grid = Grid.from_affine(np.diag([5.0, 0.5, 0.5, 1.0]), (2, 3, 4))
    slices = [Instance(path, "1.2", f"1.{k}", None, (0.0, 0.0, 5.0 * k)) for k in range(2)]
    slices[1] = replace(slices[1], **change)
    series = Series("1.3", "1.9", "s", "", "dicom", "MR", None, grid, tuple(slices))
    study = Study("1.9", path.parent, (series,))
    files = [(str(path), 10, 20)]
    study_index.write_index(index, b"fits", files, study)
    kept = study_index.read_index(index, b"fits", files, path.parent)
    assert kept == ((study, slices[0]) if is_kept else None)


def is_special(value: object) -> bool:
    """Return whether a value holds a separator, what stands for None, or no finite number."""
    if isinstance(value, float | int):
        return not abs(value) < 2**63
    if isinstance(value, tuple):
        return value == ("",) or any(map(is_special, value))
    if isinstance(value, Caution):
        return is_special((value.code, value.text))
    return isinstance(value, str) and any(mark in value for mark in "\0\x01\x1f")


# --- DICOMDIR -----------------------------------------------------------------------------------


@pytest.fixture
def disc(tmp_path: Path) -> Path:
    """A CD: eight-character names in capitals, listed in a DICOMDIR."""
    disc = tmp_path / "disc"
    records = []
    for k, ds in enumerate(series_datasets(scene())):
        save(ds, disc / "DICOM" / "ST000001" / f"IM{k:06d}")
        record = Dataset()
        record.DirectoryRecordType = "IMAGE"
        record.ReferencedFileID = ["DICOM", "ST000001", f"IM{k:06d}"]
        records.append(record)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    meta.MediaStorageSOPInstanceUID = f"{ROOT}.88"
    meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    directory = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    directory.FileSetID = "DISC"
    directory.DirectoryRecordSequence = [Dataset(), *records]
    directory.DirectoryRecordSequence[0].DirectoryRecordType = "PATIENT"
    directory.save_as(disc / "DICOMDIR", enforce_file_format=True)
    return disc


def test_a_disc_is_read_by_its_dicomdir(disc: Path) -> None:
    save(slice_dataset(scene(), 0, series=5), disc / "unlisted")
    study = load_study(disc / "DICOMDIR")
    (series,) = study.series
    assert_same_in_space(load_volume(series), scene())
    assert study.cautions == ()


def test_a_disc_copied_in_small_letters_is_read(disc: Path) -> None:
    for path in sorted(disc.rglob("*"), reverse=True):
        if path.name != "DICOMDIR":
            path.rename(path.with_name(path.name.lower()))
    (series,) = load_study(disc / "DICOMDIR").series
    assert_same_in_space(load_volume(series), scene())


def test_files_that_a_dicomdir_lists_in_vain_are_a_caution(disc: Path) -> None:
    listed = sorted(path for path in disc.rglob("*") if path.is_file() and path.name != "DICOMDIR")
    listed[-1].unlink()
    study = load_study(disc / "DICOMDIR")
    assert [caution.code for caution in study.cautions] == ["listed_files_missing"]
    assert "lists 1 files that are not there" in study.cautions[0].text


def test_the_folder_of_a_disc_is_read_by_its_files(disc: Path) -> None:
    study = load_study(disc)
    assert len(study.series) == 1
    assert study.n_ignored_files == 1


@pytest.mark.parametrize("raw", [b"", b"nothing", b"\0" * 128 + b"DICM" + b"\xff" * 64])
def test_a_broken_dicomdir_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "DICOMDIR").write_bytes(raw)
    with pytest.raises(UnreadableImageError, match="DICOMDIR"):
        load_study(tmp_path / "DICOMDIR")
