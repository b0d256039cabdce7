"""Tables: the columns' names carry the frame, rows of one outline belong together."""

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from landmark_sets import EXAMPLE, landmark_sets

from ifi_mri import landmarks as landmark_files
from ifi_mri.errors import LandmarkFormatError
from ifi_mri.landmarks import points_table
from ifi_mri.model import Landmark
from ifi_mri.vocabulary import LandmarkName, Side

SOURCE = Path("points.csv")
IT, LT = LandmarkName.ISCHIAL_TUBEROSITY, LandmarkName.LESSER_TROCHANTER
QF = LandmarkName.QUADRATUS_FEMORIS


def read_sets(text):
    content = text if isinstance(text, bytes) else text.encode()
    return points_table.read(content, SOURCE)


def read(text):
    (landmark_set,) = read_sets(text)
    return landmark_set.landmarks


def refused(text):
    with pytest.raises(LandmarkFormatError) as problem:
        read_sets(text)
    message = str(problem.value)
    assert message.startswith("points.csv")
    assert message.endswith(".")
    return message


def test_one_row_is_one_point():
    marks = read("case_id,side,landmark,l,p,s\nc1,left,ischial_tuberosity,58.5,22.25,68\n")

    assert marks == (Landmark(IT, Side.LEFT, ((58.5, 22.25, 68.0),)),)


def test_columns_r_a_s_are_turned_to_lps():
    marks = read("case_id,side,landmark,r,a,s\nc1,left,IT,-58.5,-22.25,68\n")

    assert marks[0].points_mm == ((58.5, 22.25, 68.0),)


@pytest.mark.parametrize(
    ("side", "landmark"),
    [("left", "IT"), ("L", "it"), ("LEFT", "ischial tuberosity"), ("", "IT-L"), ("l", "IT-L")],
)
def test_side_and_structure_are_said_in_any_way_the_labels_allow(side, landmark):
    (mark,) = read(f"case_id,side,landmark,l,p,s\nc1,{side},{landmark},58,22,68\n")

    assert (mark.name, mark.side) == (IT, Side.LEFT)


@pytest.mark.parametrize(
    ("side", "landmark", "said"),
    [
        ("right", "IT-L", "the side is 'right'"),
        ("", "IT", "the side is ''"),
        ("both", "IT", "the side is 'both'"),
        ("left", "GT", "is no known label"),
        ("left", "IFS", "names two structures"),
        ("left", "", "is no known label"),
    ],
)
def test_a_side_or_structure_that_is_unclear_is_refused_with_its_line(side, landmark, said):
    message = refused(
        f"case_id,side,landmark,l,p,s\nc1,left,LT,82,12,69\nc1,{side},{landmark},1,2,3"
    )

    assert "line 3" in message
    assert said in message


def test_columns_x_y_z_are_refused_with_the_reason():
    message = refused("case_id,side,landmark,x,y,z\nc1,left,IT,58,22,68\n")

    assert "do not say whether x grows to the patient's left" in message
    assert "l,p,s or r,a,s" in message


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("case_id,side,landmark,l,p,s,r,a", "one set of them was expected"),
        ("case_id,side,landmark,l,a,s", "one set of them was expected"),
        ("case_id,side,landmark", "one set of them was expected"),
        ("side,landmark,l,p,s", "lacks the columns 'case_id'"),
        ("case_id,landmark,l,p,s", "lacks the columns 'side'"),
        ("case_id,side,landmark,l,p,s,outlin", "has unknown the columns 'outlin'"),
        ("case_id,side,landmark,l,p,s,s", "doubles the columns 's'"),
        ("name,value", "one set of them was expected"),
    ],
)
def test_columns_that_are_missing_unknown_or_doubled_are_named(header, said):
    assert said in refused(f"{header}\n{','.join('1' for _ in header.split(','))}\n")


ROWS = """case_id,reader,read,side,landmark,l,p,s
c1,R1,1,left,IT,58,22,68
c1,R1,2,left,IT,59,22,68
c1,R2,1,left,IT,60,22,68
c2,R1,1,left,IT,61,22,68
c2,R1,1,left,LT,82,12,69
"""


def test_each_case_reader_and_reading_is_a_set_of_its_own():
    sets = read_sets(ROWS)

    assert [(s.case_id, s.reader, s.read, len(s.landmarks)) for s in sets] == [
        ("c1", "R1", 1, 1),
        ("c1", "R1", 2, 1),
        ("c1", "R2", 1, 1),
        ("c2", "R1", 1, 2),
    ]


def test_a_reading_that_a_spreadsheet_wrote_as_a_decimal_is_a_whole_number():
    (landmark_set,) = read_sets("case_id,read,side,landmark,l,p,s\nc1,2.0,left,IT,58,22,68\n")

    assert landmark_set.read == 2


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "first", "1e3"])
def test_a_reading_that_is_no_whole_number_is_refused(number):
    assert "1, 2, ... was expected" in refused(
        f"case_id,read,side,landmark,l,p,s\nc1,{number},left,IT,58,22,68\n"
    )


def test_a_case_id_that_may_be_a_name_is_refused_and_not_repeated():
    message = refused("case_id,side,landmark,l,p,s\nHans Meier,left,IT,58,22,68\n")

    assert "line 2" in message
    assert "Meier" not in message


def test_case_ids_stand_in_every_row_or_in_none():
    header = "case_id,side,landmark,l,p,s\n"

    assert read_sets(header + ",left,IT,58,22,68\n")[0].case_id is None
    assert "others none" in refused(header + ",left,IT,58,22,68\nc1,left,LT,82,12,69\n")


OUTLINES = """case_id,side,landmark,slice,outline,l,p,s
c1,left,QF,4,a,72,25,68
c1,left,IT,4,,58,22,68
c1,left,QF,4,a,88,16,68
c1,left,QF,3,a,72,25,73
c1,left,QF,4,a,117,21,68
c1,left,QF,3,a,88,16,73
c1,left,QF,3,a,117,21,73
"""


def test_rows_that_share_slice_and_outline_are_its_vertices_in_row_order():
    marks = read(OUTLINES)

    assert [(m.name, len(m.points_mm), m.closed) for m in marks] == [
        (QF, 3, True),
        (IT, 1, False),
        (QF, 3, True),
    ]
    assert marks[0].points_mm == ((72.0, 25.0, 68.0), (88.0, 16.0, 68.0), (117.0, 21.0, 68.0))
    assert {m.sop_instance_uid for m in marks} == {None}


def test_points_of_one_structure_without_outline_stay_single_points():
    marks = read("case_id,side,landmark,l,p,s\nc1,left,IT,58,22,68\nc1,left,IT,59,22,63\n")

    assert [m.points_mm for m in marks] == [((58.0, 22.0, 68.0),), ((59.0, 22.0, 63.0),)]


def test_an_outline_is_open_unless_it_is_an_area_or_says_so():
    def outline(landmark, closed):
        rows = "".join(
            f"c1,left,{landmark},1,{closed},{x},20,68\n" for x in (58, 60, 62)
        )  # fmt: skip
        (mark,) = read(f"case_id,side,landmark,outline,closed,l,p,s\n{rows}")
        return mark.closed

    assert outline("QF", "")
    assert not outline("IT", "")
    assert outline("IT", "yes")
    assert outline("IT", "TRUE")
    assert not outline("IT", "no")


@pytest.mark.parametrize("answers", [("yes", "no", "yes"), ("perhaps",) * 3])
def test_closed_is_yes_or_no_throughout_an_outline(answers):
    rows = "".join(f"c1,left,IT,1,{answer},58,20,68\n" for answer in answers)

    assert "yes or no throughout" in refused(f"case_id,side,landmark,outline,closed,l,p,s\n{rows}")


def test_an_area_given_as_points_is_refused():
    assert "is an area" in refused("case_id,side,landmark,l,p,s\nc1,left,QF,72,25,68\n")


@pytest.mark.parametrize(
    ("label", "uid"), [("1.2.840.113619.2.1", "1.2.840.113619.2.1"), ("3", None), ("3.0", None)]
)
def test_a_slice_is_a_uid_or_a_number_that_only_groups(label, uid):
    (mark,) = read(f"case_id,side,landmark,slice,l,p,s\nc1,left,IT,{label},58,22,68\n")

    assert mark.sop_instance_uid == uid


@pytest.mark.parametrize("label", ["top", "-1", "1.2.", "1." * 40 + "1", "1,5"])
def test_a_slice_that_is_neither_is_refused(label):
    text = f'case_id,side,landmark,slice,l,p,s\nc1,left,IT,"{label}",58,22,68\n'

    assert "SOP Instance UID or a whole number" in refused(text)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (",,", "has no position yet"),
        (" , ,", "has no position yet"),
        ("58,,68", "three finite numbers"),
        ("58,x,68", "three finite numbers"),
        ("58,nan,68", "three finite numbers"),
        ("58,1e999,68", "three finite numbers"),
        ("58,1_0,68", "three finite numbers"),
        ("58,22,68000", "no place in a scanner"),
        ("0,0.0,-0", "exactly (0, 0, 0)"),
        ("58,5,22,0,68,5", "has 9 fields, the header has 6"),
        ("58,22", "has 5 fields"),
        ('"58,5",22,68', "decimal point"),
    ],
)
def test_a_position_that_is_none_is_refused_with_its_line(cells, said):
    message = refused(f"case_id,side,landmark,l,p,s\nc1,left,IT,{cells}\n")

    assert said in message
    assert "line 2" in message or "decimal point" in message


def test_semicolons_and_decimal_commas_go_together():
    marks = read("case_id;side;landmark;l;p;s\nc1;left;IT;58,5;22,25;68\n")

    assert marks[0].points_mm == ((58.5, 22.25, 68.0),)


def test_decimal_commas_beside_decimal_points_are_refused():
    text = "case_id;side;landmark;l;p;s\nc1;left;IT;58,5;22.25;68\n"

    assert "decimal point" in refused(text)
    assert "decimal point" in refused(text.replace("58,5;22.25", "1.058,5;22"))


def test_tabs_quotes_byte_order_marks_blank_lines_and_windows_line_ends_are_no_matter():
    plain = "case_id,side,landmark,l,p,s\nc1,left,IT,58.5,22.25,68\n"
    header = '\ufeff"Case_ID"\t SIDE \tlandmark\tL\tP\tS\r\n\r\n'
    odd = header + 'c1\tleft\t"IT"\t58.5\t 22.25\t68\r\n\t\t\t\t\t\r\n'

    assert read(odd) == read(plain)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\n\n", b"case_id,side,landmark,l,p,s\n", b"\xff", b"\0" * 128 + b"DICM",
        b'case_id,side,landmark,l,p,s\nc1,left,"IT,58,22,68\n',
        b'case_id,side,landmark,l,p,s\nc1,left,"I"T,58,22,68\n',
        b"case_id,side,landmark,l,p,s\nc1,left," + b"x" * 200_000 + b",58,22,68\n",
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused_in_a_sentence(content):
    assert len(refused(content)) < 800


# --- Slicer's own table -------------------------------------------------------------------------

SLICER = """label,{axes},defined,selected,visible,locked,description
IT-L,{x},{y},68.5,1,1,1,0,
IFS-L-1,82.5,12.5,69.5,1,1,1,0,
"""


def test_slicers_table_of_control_points_is_read_in_both_frames():
    lps = SLICER.format(axes="l,p,s", x=58.5, y=22.5).replace("IFS-L-1", "LT-L")
    ras = lps.replace("l,p,s", "r,a,s").replace("58.5,22.5", "-58.5,-22.5")
    ras = ras.replace("82.5,12.5", "-82.5,-12.5")

    assert read(lps) == read(ras)
    assert [(m.name, m.points_mm[0]) for m in read(lps)] == [
        (IT, (58.5, 22.5, 68.5)),
        (LT, (82.5, 12.5, 69.5)),
    ]


def test_the_shortest_table_that_slicer_reads_is_read():
    assert len(read("label,l,p,s\nIFS-L-1,82,12,69\nIFS-L-2,58,22,69\n")) == 2


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("LT-L,0,0,0,0,1,1,0,", "'LT-L' has no position"),
        ("LT-L,,,,1,1,1,0,", "'LT-L' has no position"),
        ("LT-L,82,12,69,maybe,1,1,0,", "defined is 'maybe'"),
        ("F-1,82,12,69,1,1,1,0,", "no known label"),
    ],
)
def test_a_point_that_was_not_placed_or_named_is_refused(row, said):
    text = SLICER.format(axes="l,p,s", x=58.5, y=22.5).split("IFS")[0] + row + "\n"

    assert said in refused(text)


def test_slicers_table_with_bare_axes_is_refused():
    assert "do not say" in refused("label,x,y,z\nIT-L,1,2,3\n")


# --- which files are tables of landmarks --------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "head", "claimed"),
    [
        ("a.csv", b"case_id,side,landmark,l,p,s\n", True),
        ("a.TSV", b'"landmark"\tx\n', True),
        ("a.csv", b"label,r,a,s\n", True),
        ("a.csv", b"label,x,y,z\n", True),
        ("a.csv", b"label,value\n", False),
        ("measurements.csv", b"name,side,value,unit\n", False),
        ("a.txt", b"case_id,side,landmark,l,p,s\n", False),
        ("a.csv", b"", False),
        ("a.csv", b'"' + b"x" * 70_000, False),
    ],
)
def test_tables_are_told_by_their_columns(name, head, claimed):
    assert points_table.claims(Path(name), head) is claimed


# --- writing ------------------------------------------------------------------------------------


@given(landmark_sets, st.sampled_from([Path("a.csv"), Path("a.TSV")]))
def test_any_set_is_read_back_to_the_last_digit_with_its_slices(landmark_set, path):
    landmark_set = replace(landmark_set, case_id="sub-01", reader="R 1", read=3)

    (content,) = points_table.write(landmark_set, path).values()

    assert points_table.read(content, path) == (replace(landmark_set, sources=(path,)),)


def test_the_template_has_a_row_for_every_structure_and_is_not_read_unfilled():
    (content,) = points_table.write(landmark_files.template(), SOURCE).values()

    assert len(content.splitlines()) == 1 + 2 * len(LandmarkName)
    assert "line 2: the right ischial_tuberosity has no position yet" in refused(content)


@given(st.integers(0, 400), st.binary(max_size=4))
def test_no_damage_to_a_file_makes_it_raise_anything_else(at, damage):
    (good,) = points_table.write(EXAMPLE, SOURCE).values()
    with contextlib.suppress(LandmarkFormatError):
        read_sets(good[:at] + damage + good[at + 1 :])


@given(st.text(max_size=120))
def test_no_text_makes_it_raise_anything_else(text):
    for header in ("", "case_id,side,landmark,l,p,s\n", "label;l;p;s\n"):
        with contextlib.suppress(LandmarkFormatError):
            read_sets(header + text)
