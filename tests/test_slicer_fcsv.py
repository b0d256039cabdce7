"""Slicer's .fcsv, old and new: the frame is stated or the file is refused."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from landmark_sets import EXAMPLE, landmark_sets, without_slices

from ifi_mri.errors import LandmarkFormatError
from ifi_mri.landmarks import slicer_fcsv
from ifi_mri.model import Landmark
from ifi_mri.vocabulary import LandmarkName, Side

SOURCE = Path("points.fcsv")
IT, LT = LandmarkName.ISCHIAL_TUBEROSITY, LandmarkName.LESSER_TROCHANTER
VERSION = "# Markups fiducial file version = 5.6"
COLUMNS = "# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID"
ROW = "1,{x},{y},{z},0,0,0,1,1,1,0,{label},,"

SLICER_3 = """# Fiducial List file /tmp/hip.fcsv
# name = hip
# numPoints = 1
# columns = label,x,y,z,sel,vis
IT-R,57.5,-22.25,68.5,1,1
"""


def file(*rows, system="LPS", version=VERSION):
    header = [version, f"# CoordinateSystem = {system}" if system else "", COLUMNS]
    return "\n".join([line for line in header if line] + list(rows)) + "\n"


def row(label="IT-L", x=58.5, y=22.5, z=68.75, extra=""):
    return ROW.format(label=label, x=x, y=y, z=z) + extra


def read(text):
    content = text if isinstance(text, bytes) else text.encode()
    (landmark_set,) = slicer_fcsv.read(content, SOURCE)
    return landmark_set.landmarks


def refused(text):
    with pytest.raises(LandmarkFormatError) as problem:
        read(text)
    message = str(problem.value)
    assert message.startswith("points.fcsv")
    assert message.endswith(".")
    return message


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("LPS", (58.5, 22.5, 68.75)),
        ("1", (58.5, 22.5, 68.75)),
        ("lps", (58.5, 22.5, 68.75)),
        ("RAS", (-58.5, -22.5, 68.75)),
        ("0", (-58.5, -22.5, 68.75)),
    ],
)
def test_the_frame_is_stated_by_word_or_by_the_old_number(system, expected):
    label = "IT-L" if expected[0] > 0 else "IT-R"

    (mark,) = read(file(row(label), system=system))

    assert mark.points_mm == (expected,)


def test_a_file_that_states_no_frame_is_refused_with_what_to_add():
    message = refused(file(row(), system=None))

    assert "LPS or RAS" in message
    assert "# CoordinateSystem = LPS" in message


@pytest.mark.parametrize("system", ["2", "IJK", "LAS", "-1"])
def test_any_other_frame_is_refused(system):
    assert "expected LPS or 1, RAS or 0" in refused(file(row(), system=system))


def test_two_frames_in_one_file_are_refused():
    text = file(row()).replace(COLUMNS, "# CoordinateSystem = RAS")

    assert "two coordinate systems" in refused(text)


def test_a_slicer_3_list_is_ras():
    (mark,) = read(SLICER_3)

    assert (mark.name, mark.side, mark.points_mm) == (IT, Side.RIGHT, ((-57.5, 22.25, 68.5),))


def test_a_file_with_neither_version_nor_slicer_3_header_is_refused():
    assert "its columns and its frame are not known" in refused("IT-L,1,2,3,1,1\n")


def test_a_byte_order_mark_and_windows_line_ends_are_no_matter():
    plain = file(row(), row("LT-L", 82.0, 12.5, 69.0))
    windows = b"\xef\xbb\xbf" + plain.replace("\n", "\r\n").encode()

    assert read(windows) == read(plain)
    assert len(read(plain)) == 2


def test_a_label_with_a_comma_stands_in_quotes():
    text = file(row('"LT-L, medial"'))

    assert "'LT-L, medial': no known label" in refused(text)
    described = '1,58.5,22.5,68.75,0,0,0,1,1,1,0,LT-L,"medial, upper ""edge""",,2,0'
    assert read(file(described))[0].name is LT


@pytest.mark.parametrize("extra", ["", ",2", ",2,0", ",2,1"])
def test_the_two_undocumented_fields_are_understood(extra):
    assert len(read(file(row(extra=extra)))) == 1


@pytest.mark.parametrize("status", ["0", "1", "3"])
def test_a_point_that_was_not_placed_is_named_and_never_read_as_zeros(status):
    message = refused(file(row("LT-L", 82, 12, 69), row("IT-L", 0, 0, 0, extra=f",{status},0")))

    assert "'IT-L' has no position" in message


def test_a_position_of_zeros_without_status_is_refused_too():
    assert "exactly (0, 0, 0)" in refused(file(row("IT-L", 0, 0, 0)))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (row(x="58,5"), "as if a decimal comma had moved the fields"),
        (row(x="58,5", y="22,5", z="68,75"), "has 17 fields"),
        (row(x="nan"), "three finite numbers"),
        (row(x="inf"), "three finite numbers"),
        (row(x="1e999"), "three finite numbers"),
        (row(x="1_0"), "three finite numbers"),
        (row(x="\u0661"), "three finite numbers"),
        (row(x=""), "three finite numbers"),
        (row(x="0x10"), "three finite numbers"),
        (row(x=99999), "no place in a scanner"),
        ("1,2,3", "has 3 fields"),
        (row(extra=",9,0"), "its position status is '9'"),
        (row("GT-L"), "no known label"),
        (row("IT"), "names no side"),
    ],
)
def test_a_line_that_is_no_point_is_refused_in_a_sentence(line, said):
    assert said in refused(file(line))


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe1\x00", b"\0" * 128 + b"DICM"])
def test_what_is_no_text_is_refused(content):
    refused(content)


def test_points_numbered_after_one_label_form_areas_spaces_and_single_points():
    rows = [
        row("QF-L-1", 72, 25, 68), row("QF-L-2", 88, 16, 68), row("QF-L-3", 117, 21, 68),
        row("IFS-L-1", 82, 12, 69), row("IFS-L-2", 58, 22, 69),
        row("HAM-L-1", 73, 30, 68), row("HAM-L-2", 74, 31, 63),
    ]  # fmt: skip

    marks = read(file(*rows))

    triangle = ((72.0, 25.0, 68.0), (88.0, 16.0, 68.0), (117.0, 21.0, 68.0))
    assert marks[0] == Landmark(LandmarkName.QUADRATUS_FEMORIS, Side.LEFT, triangle, closed=True)
    assert [(m.name, m.points_mm) for m in marks[1:3]] == [
        (IT, ((58.0, 22.0, 69.0),)),
        (LT, ((82.0, 12.0, 69.0),)),
    ]
    assert [m.points_mm for m in marks[3:]] == [((73.0, 30.0, 68.0),), ((74.0, 31.0, 63.0),)]


def test_slicers_own_files_are_read_as_far_as_their_labels(shared):
    folder = shared / "conformance" / "slicer"
    for name in ("L1", "midsag", "slicer3"):
        with pytest.raises(LandmarkFormatError, match="no known label"):
            slicer_fcsv.read((folder / f"{name}.fcsv").read_bytes(), SOURCE)
    relabelled = (folder / "L1.fcsv").read_bytes().replace(b"L1-P1", b"IT-R").replace(
        b"L1-P2", b"LT-R"
    )  # fmt: skip

    (landmark_set,) = slicer_fcsv.read(relabelled, SOURCE)

    assert [mark.points_mm for mark in landmark_set.landmarks] == [
        ((-43.3769, -23.1343, 0.0),),
        ((-49.8834, 4.33769, 0.0),),
    ]


def test_files_are_written_so_that_old_and_new_slicers_agree_on_the_frame():
    (content,) = slicer_fcsv.write(EXAMPLE, SOURCE).values()

    assert b"# CoordinateSystem = 1\n" in content
    assert COLUMNS.encode() in content


@given(landmark_sets)
def test_any_set_is_read_back_to_the_last_digit(landmark_set):
    (content,) = slicer_fcsv.write(landmark_set, SOURCE).values()

    (found,) = slicer_fcsv.read(content, SOURCE)

    assert without_slices(found) == without_slices(landmark_set)


@given(st.integers(0, 300), st.binary(max_size=4))
def test_no_damage_to_a_file_makes_it_raise_anything_else(at, damage):
    good = file(row(), row("LT-L", 82.0, 12.5, 69.0, extra=",2,0")).encode()
    with contextlib.suppress(LandmarkFormatError):
        read(good[:at] + damage + good[at + 1 :])


@given(st.text(max_size=80))
def test_no_text_makes_it_raise_anything_else(text):
    with contextlib.suppress(LandmarkFormatError):
        read(f"{VERSION}\n# CoordinateSystem = LPS\n{text}\n".encode())
