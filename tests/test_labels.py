"""The label grammar: structure and side, in any case and order, numbers ignored."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifi_mri.landmarks.labels import (
    SHORT_LABELS,
    Label,
    Pair,
    known_labels,
    label_of,
    parse,
    parse_file_name,
    stem,
)
from ifi_mri.vocabulary import LandmarkName, Side

IT, LT = LandmarkName.ISCHIAL_TUBEROSITY, LandmarkName.LESSER_TROCHANTER
LEFT, RIGHT = Side.LEFT, Side.RIGHT


@pytest.mark.parametrize(
    ("text", "structure", "side"),
    [
        ("IT-L", IT, LEFT),
        ("it_r", IT, RIGHT),
        ("IT left", IT, LEFT),
        ("Right-IT", IT, RIGHT),
        ("l lt", LT, LEFT),
        ("LT-L", LT, LEFT),
        ("LT-R", LT, RIGHT),
        (" HAM-L ", LandmarkName.HAMSTRING_ORIGIN, LEFT),
        ("ips_R", LandmarkName.ILIOPSOAS_TENDON, RIGHT),
        ("QF-L-13", LandmarkName.QUADRATUS_FEMORIS, LEFT),
        ("REF-R_2-7", LandmarkName.REFERENCE_MUSCLE, RIGHT),
        ("FAT L", LandmarkName.SUBCUTANEOUS_FAT, LEFT),
        ("left ischial tuberosity", IT, LEFT),
        ("Lesser-Trochanter_R", LT, RIGHT),
        ("femoral_shaft_axis-L", LandmarkName.FEMORAL_SHAFT_AXIS, LEFT),
        ("IFS-L", Pair.IFS, LEFT),
        ("ifs r", Pair.IFS, RIGHT),
        ("IFS-L-1", Pair.IFS, LEFT),
        ("QFS-L_2", Pair.QFS, LEFT),
        ("QFS-LT-L", Pair.QFS_LT, LEFT),
        ("R_qfs_lt_1", Pair.QFS_LT, RIGHT),
        ("IFS", Pair.IFS, None),
        ("ischial_tuberosity", IT, None),
    ],
)
def test_a_label_is_a_structure_and_a_side(text, structure, side):
    assert parse(text) == Label(structure, side)


@pytest.mark.parametrize(
    "text",
    ["", "L", "F-1", "ITL", "IT-X", "IT-L-R", "L-IT-R", "GT-L", "12", "-", "L-", "ischium-L",
     "1-IT-L", "IT-L1", "IT-L copy", "x" * 100_000, "-1" * 100_000],
)  # fmt: skip
def test_anything_else_is_no_label(text):
    assert parse(text) is None


@given(st.sampled_from(LandmarkName), st.sampled_from(Side))
def test_labels_that_we_write_are_read_back(name, side):
    assert parse(label_of(name, side)) == Label(name, side)


@given(st.text(max_size=40))
def test_no_text_breaks_the_grammar(text):
    parse(text)
    stem(text)
    parse_file_name(Path("folder") / (text.replace("/", "").replace("\0", "") or "x"))


@pytest.mark.parametrize(
    ("name", "structure", "side"),
    [
        ("IFS-L.mrk.json", Pair.IFS, LEFT),
        ("sub-01_IFS-L.mrk.json", Pair.IFS, LEFT),
        ("1.2.3_qfs-lt-r.mrk.json", Pair.QFS_LT, RIGHT),
        ("IFS-L_1.mrk.json", Pair.IFS, LEFT),
        ("case7_left_ischial_tuberosity.FCSV", IT, LEFT),
        ("left_hip_IT-L.fcsv", IT, LEFT),
    ],
)
def test_a_file_name_ends_in_its_label(name, structure, side):
    assert parse_file_name(Path("some/where") / name) == Label(structure, side)


@pytest.mark.parametrize(
    "name", ["points.mrk.json", "sub-R_IFS-L.mrk.json", "L.json", "IT-L_a.fcsv"]
)
def test_a_file_name_that_names_another_side_or_no_structure_at_its_end_says_nothing(name):
    assert parse_file_name(Path(name)) is None


def test_the_stem_is_the_label_without_its_last_number():
    assert [stem(text) for text in ("IFS-L-1", "QF-L_2-13", "IT-L", "F 4")] == [
        "IFS-L", "QF-L_2", "IT-L", "F",
    ]  # fmt: skip


def test_the_known_labels_name_every_structure_and_pair():
    sentence = known_labels()

    assert all(word in sentence for word in (*LandmarkName, *SHORT_LABELS.values(), *Pair))


def test_the_ends_of_the_pairs_are_those_of_the_published_spaces():
    assert Pair.IFS.ends == (IT, LT)
    assert Pair.QFS.ends == (LandmarkName.HAMSTRING_ORIGIN, LandmarkName.ILIOPSOAS_TENDON)
    assert Pair.QFS_LT.ends == (LandmarkName.HAMSTRING_ORIGIN, LT)
