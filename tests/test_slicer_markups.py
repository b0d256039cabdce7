"""Slicer's .mrk.json: lines, curves and lists, both frames, points that were never placed."""

import contextlib
import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from landmark_sets import EXAMPLE, landmark_sets, without_slices

from ifi_mri import landmarks as landmark_files
from ifi_mri.errors import LandmarkFormatError
from ifi_mri.landmarks import slicer_markups
from ifi_mri.model import Landmark, LandmarkSet
from ifi_mri.vocabulary import LandmarkName, Side

IT, LT = LandmarkName.ISCHIAL_TUBEROSITY, LandmarkName.LESSER_TROCHANTER
HAM, IPS = LandmarkName.HAMSTRING_ORIGIN, LandmarkName.ILIOPSOAS_TENDON
QF = LandmarkName.QUADRATUS_FEMORIS
LEFT, RIGHT = Side.LEFT, Side.RIGHT

#: A left hip: the trochanter lateral to the ischium, the tendon in front of the hamstrings.
MEDIAL, LATERAL = (58.493, 22.546, 68.79), (82.712, 12.783, 69.044)
BEHIND, BEFORE = (72.946, 29.571, 68.484), (83.884, 14.344, 68.984)
TRIANGLE = ((72.0, 25.0, 68.0), (88.0, 16.0, 68.0), (117.0, 21.0, 68.0))


def mirrored(position):
    return (-position[0], *position[1:])


def point(label, position, **keys):
    return {"label": label, "position": list(position), "positionStatus": "defined"} | keys


def markup(kind, *points, **keys):
    return {"type": kind, "coordinateSystem": "LPS", "controlPoints": list(points)} | keys


def content(*markups, schema=slicer_markups.SCHEMA):
    return json.dumps({"@schema": schema, "markups": list(markups)}).encode()


def read(*markups, file="drawing.mrk.json"):
    (landmark_set,) = slicer_markups.read(content(*markups), Path(file))
    return landmark_set.landmarks


def refused(*markups, file="drawing.mrk.json"):
    with pytest.raises(LandmarkFormatError) as problem:
        read(*markups, file=file)
    message = str(problem.value)
    assert message.startswith(file)
    assert message.endswith(".")
    return message


def line(first, second, label="IFS-L", **keys):
    return markup("Line", point(f"{label}-1", first), point(f"{label}-2", second), **keys)


# --- lines --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", [(MEDIAL, LATERAL), (LATERAL, MEDIAL)])
def test_the_ends_of_an_ifs_line_may_come_in_either_order(ends):
    assert read(line(*ends)) == (Landmark(IT, LEFT, (MEDIAL,)), Landmark(LT, LEFT, (LATERAL,)))


@pytest.mark.parametrize("ends", [(MEDIAL, LATERAL), (LATERAL, MEDIAL)])
def test_on_the_right_lateral_is_the_other_way(ends):
    ends = [mirrored(end) for end in ends]

    assert read(line(*ends, label="IFS-R")) == (
        Landmark(IT, RIGHT, (mirrored(MEDIAL),)),
        Landmark(LT, RIGHT, (mirrored(LATERAL),)),
    )


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("swapped", [False, True])
def test_a_qfs_line_runs_from_the_hamstrings_forwards_and_outwards(side, swapped):
    near, far = (BEHIND, BEFORE) if side is LEFT else (mirrored(BEHIND), mirrored(BEFORE))
    ends = (far, near) if swapped else (near, far)

    assert read(line(*ends, label=f"QFS-{side.letter}")) == (
        Landmark(HAM, side, (near,)),
        Landmark(IPS, side, (far,)),
    )


def test_a_qfs_line_straight_forwards_is_told_apart_too():
    behind, before = (80.0, 30.0, 68.0), (80.0, 14.0, 68.0)

    assert [mark.points_mm for mark in read(line(before, behind, label="QFS-L"))] == [
        (behind,),
        (before,),
    ]


def test_a_line_to_the_trochanter_itself_ends_there():
    assert [mark.name for mark in read(line(BEHIND, LATERAL, label="QFS-LT-L"))] == [HAM, LT]


def test_ends_that_cannot_be_told_apart_are_refused_with_the_labels_to_give():
    message = refused(line((60.0, 20.0, 5.0), (60.5, 35.0, 5.0)))

    assert "cannot be told apart" in message
    assert "IT-L and LT-L" in message


def test_ends_that_carry_their_own_labels_need_no_order_and_no_name():
    ends = point("LT-L", (60.0, 20.0, 5.0)), point("IT-L", (60.5, 35.0, 5.0))

    assert {mark.name: mark.points_mm[0] for mark in read(markup("Line", *ends))} == {
        LT: (60.0, 20.0, 5.0),
        IT: (60.5, 35.0, 5.0),
    }


@pytest.mark.parametrize(
    ("ends", "name"),
    [(("IT-L", "LT-R"), ""), (("IT-L", "LT-L"), "IFS-R"), (("IT-L", "LT-L"), "QFS-L")],
)
def test_ends_that_contradict_one_another_or_the_name_are_refused(ends, name):
    drawn = markup("Line", point(ends[0], MEDIAL), point(ends[1], LATERAL), name=name)

    assert "contradict" in refused(drawn)


def test_a_line_takes_its_name_from_the_markup_then_its_points_then_the_file():
    unnamed = line(MEDIAL, LATERAL, label="L")

    assert [m.name for m in read(unnamed | {"name": "IFS-L"})] == [IT, LT]
    assert [m.name for m in read(line(MEDIAL, LATERAL))] == [IT, LT]
    assert [m.name for m in read(unnamed, file="sub-01_IFS-L.mrk.json")] == [IT, LT]


def test_a_line_copied_to_the_other_side_with_its_old_labels_is_refused():
    message = refused(line(mirrored(MEDIAL), mirrored(LATERAL)), file="IFS-R.mrk.json")

    assert "contradict one another: IFS-L and IFS-R" in message


def test_a_file_of_several_markups_names_none_of_them():
    drawn = line(MEDIAL, LATERAL), line(BEHIND, BEFORE, label="QFS-L")

    assert [m.name for m in read(*drawn, file="IFS-L.mrk.json")] == [IT, LT, HAM, IPS]
    assert "no known label" in refused(line(MEDIAL, LATERAL, "L"), drawn[1], file="IFS-L.mrk.json")


@pytest.mark.parametrize(
    ("drawn", "said"),
    [
        (line(MEDIAL, LATERAL, label="IFS"), "names no side"),
        (line(MEDIAL, LATERAL, label="GT-L"), "IT (ischial_tuberosity)"),
        (line(MEDIAL, LATERAL, label="IT-L"), "lines are IFS, QFS, QFS-LT or an axis"),
        (line(MEDIAL, LATERAL, label="QF-L"), "lines are IFS, QFS, QFS-LT or an axis"),
        (markup("Line", point("IFS-L-1", MEDIAL)), "two ends, found 1"),
        (markup("Line", *[point("IFS-L", MEDIAL)] * 3), "two ends, found 3"),
        (markup("Line"), "has no position yet"),
    ],
)
def test_a_line_that_is_no_space_or_axis_is_refused(drawn, said):
    assert said in refused(drawn)


def test_a_line_may_be_an_axis():
    assert read(line(MEDIAL, LATERAL, label="femoral_neck_axis-L")) == (
        Landmark(LandmarkName.FEMORAL_NECK_AXIS, LEFT, (MEDIAL, LATERAL)),
    )


# --- curves and lists ---------------------------------------------------------------------------


def curve(kind, label, vertices=TRIANGLE):
    return markup(kind, *(point(f"{label}-{k}", p) for k, p in enumerate(vertices, start=1)))


def test_a_closed_curve_is_one_closed_outline():
    assert read(curve("ClosedCurve", "QF-L")) == (Landmark(QF, LEFT, TRIANGLE, closed=True),)


def test_an_open_curve_is_one_open_outline():
    assert read(curve("Curve", "IT-R")) == (Landmark(IT, RIGHT, TRIANGLE),)


@pytest.mark.parametrize(
    ("drawn", "said"),
    [
        (curve("Curve", "QF-L"), "closed outline of at least three vertices was expected"),
        (curve("ClosedCurve", "QF-L", TRIANGLE[:2]), "closed outline of at least three"),
        (curve("ClosedCurve", "IT-L", TRIANGLE[:2]), "2 of at least three vertices"),
        (curve("ClosedCurve", "ischial_axis-L"), "is a line of at least two points"),
        (curve("Curve", "IFS-L"), "Draw it as a line"),
        (curve("Fiducial", "QF-L"), "Draw it as a closed curve"),
    ],
)
def test_a_shape_that_cannot_be_measured_is_refused(drawn, said):
    assert said in refused(drawn)


def test_points_of_a_list_are_landmarks_by_their_labels():
    drawn = markup("Fiducial", point("IT-L", MEDIAL), point("r_lt", mirrored(LATERAL)))

    assert read(drawn) == (
        Landmark(IT, LEFT, (MEDIAL,)),
        Landmark(LT, RIGHT, (mirrored(LATERAL),)),
    )


def test_a_list_of_one_structure_is_one_point_for_each_slice():
    drawn = markup("Fiducial", point("IT-L-1", MEDIAL), point("IT-L-2", (59.0, 23.0, 63.8)))

    assert read(drawn) == (
        Landmark(IT, LEFT, (MEDIAL,)),
        Landmark(IT, LEFT, ((59.0, 23.0, 63.8),)),
    )


def test_points_with_slicers_default_labels_take_the_name_of_their_list():
    drawn = markup("Fiducial", point("F-1", MEDIAL), point("F-2", (59.0, 23.0, 63.8)))

    assert {(m.name, m.side) for m in read(drawn, file="IT-L.mrk.json")} == {(IT, LEFT)}
    assert {(m.name, m.side) for m in read(drawn | {"name": "LT-R"})} == {(LT, RIGHT)}
    assert "no known label" in refused(drawn)


def test_a_known_label_in_a_list_named_for_the_other_side_is_refused():
    assert "contradict" in refused(markup("Fiducial", point("IT-L", MEDIAL)), file="IT-R.mrk.json")


def test_an_unknown_label_is_refused_even_in_a_list_with_a_known_name():
    drawn = markup("Fiducial", point("GT-1", MEDIAL))

    assert "'GT-1': no known label" in refused(drawn, file="IT-L.mrk.json")


def test_two_points_named_for_a_space_are_its_ends_and_three_are_refused():
    ends = [point("IFS-L-2", LATERAL), point("IFS-L-1", MEDIAL)]

    assert [m.points_mm for m in read(markup("Fiducial", *ends))] == [(MEDIAL,), (LATERAL,)]
    assert "two ends, found 3" in refused(markup("Fiducial", *ends, point("IFS-L-3", BEFORE)))


# --- points that were never placed --------------------------------------------------------------

UNPLACED = [
    {"position": "", "positionStatus": "undefined"},
    {"position": "", "positionStatus": "preview"},
    {"position": "", "positionStatus": "missing"},
    {"position": [0.0, 0.0, 0.0], "positionStatus": "undefined"},
    {"position": "", "positionStatus": "defined"},
    {"position": None},
    {"positionStatus": "undefined"},
]


@pytest.mark.parametrize("unplaced", UNPLACED)
def test_a_structure_that_was_not_placed_is_named_and_never_read_as_zeros(unplaced):
    drawn = markup("Fiducial", point("IT-L", MEDIAL), {"label": "LT-L"} | unplaced)

    assert "'LT-L' has no position" in refused(drawn)


@pytest.mark.parametrize("unplaced", UNPLACED)
def test_a_line_with_an_end_that_was_not_placed_is_refused(unplaced):
    drawn = markup("Line", point("IFS-L-1", MEDIAL), {"label": "IFS-L-2"} | unplaced)

    message = refused(drawn)
    assert "'IFS-L-2' has no position" in message or "two ends, found 1" in message


def test_the_point_on_the_mouse_pointer_is_left_out_where_nothing_else_is_missing():
    pointer = {"position": "", "positionStatus": "preview"}

    assert (
        len(
            read(
                line(MEDIAL, LATERAL)
                | {
                    "controlPoints": [
                        *line(MEDIAL, LATERAL)["controlPoints"],
                        {"label": "IFS-L-3"} | pointer,
                    ]
                }
            )
        )
        == 2
    )
    listed = markup("Fiducial", point("IT-L-1", MEDIAL), {"label": "IT-L-2"} | pointer)
    assert len(read(listed)) == 1
    unnamed = markup("Fiducial", point("IT-L-1", MEDIAL), {"label": "F-2"} | pointer)
    assert len(read(unnamed)) == 1


# --- frames, units and what else a file may say -------------------------------------------------


def test_a_ras_markup_is_turned_to_lps():
    ras = [(-x, -y, z) for x, y, z in (MEDIAL, LATERAL)]

    assert read(line(*ras, coordinateSystem="RAS")) == read(line(MEDIAL, LATERAL))


def test_without_a_stated_frame_it_is_lps_as_in_slicer():
    stated = line(MEDIAL, LATERAL)
    silent = {key: value for key, value in stated.items() if key != "coordinateSystem"}

    assert read(silent) == read(stated)


@pytest.mark.parametrize("units", ["mm", "um", ["mm", "UCUM", "millimeter"], ["um", "UCUM", "um"]])
def test_units_are_mm_or_um_as_a_word_or_a_code(units):
    factor = 1000 if "um" in units else 1
    ends = [tuple(factor * x for x in end) for end in ((60.0, 20.0, 5.0), (80.0, 12.0, 5.0))]

    assert [m.points_mm[0] for m in read(line(*ends, coordinateUnits=units))] == [
        (60.0, 20.0, 5.0),
        (80.0, 12.0, 5.0),
    ]


def test_micrometres_taken_for_millimetres_are_refused():
    assert "no place in a scanner" in refused(line((60_000.0, 20_000.0, 5_000.0), LATERAL))


@pytest.mark.parametrize(
    "schema",
    [
        "https://raw.githubusercontent.com/Slicer/Slicer/main/Modules/Loadable/Markups/Resources/"
        "Schema/markups-schema-v1.0.0.json#",
        "MARKUPS-SCHEMA-V1.12.3.JSON",
        "file:///x/markups-schema-v1.0.3.json##",
    ],
)
def test_any_schema_of_version_1_is_accepted(schema):
    (landmark_set,) = slicer_markups.read(
        content(line(MEDIAL, LATERAL), schema=schema), Path("a.mrk.json")
    )

    assert len(landmark_set.landmarks) == 2


@pytest.mark.parametrize("schema", ["markups-schema-v2.0.0.json#", "", None, 3, "v1.0.3"])
def test_other_schemas_are_refused(schema):
    with pytest.raises(LandmarkFormatError, match=r"markups-schema-v1\.x\.y"):
        slicer_markups.read(content(line(MEDIAL, LATERAL), schema=schema), Path("a.mrk.json"))


GOOD = line(MEDIAL, LATERAL)


@pytest.mark.parametrize(
    ("drawn", "said"),
    [
        (GOOD | {"type": "Plane"}, "is of type Plane, which marks no landmark"),
        (GOOD | {"type": "ROI"}, "Fiducial, Line, Curve, ClosedCurve are read"),
        (GOOD | {"type": "Angle"}, "is of type Angle"),
        (GOOD | {"type": "line"}, "has type 'line'"),
        (GOOD | {"type": ["Line"]}, "has type ['Line']"),
        (GOOD | {"coordinateSystem": "IJK"}, "LPS or RAS was expected"),
        (GOOD | {"coordinateSystem": ["LPS"]}, "LPS or RAS was expected"),
        (GOOD | {"coordinateUnits": "m"}, "mm or um was expected"),
        (GOOD | {"coordinateUnits": ["mm"]}, "mm or um was expected"),
        (GOOD | {"coordinateUnits": {}}, "mm or um was expected"),
        (GOOD | {"name": 3}, "its name is 3"),
        (GOOD | {"controlPoints": {}}, "a list of objects was expected"),
        (GOOD | {"controlPoints": [1]}, "a list of objects was expected"),
        (markup("Fiducial", point(3, MEDIAL)), "its label is 3"),
        (markup("Fiducial", point("IT-L", MEDIAL) | {"position": "1 2 3"}), "'1 2 3'"),
        (markup("Fiducial", point("IT-L", (1.0, 2.0))), "three finite numbers"),
        (markup("Fiducial", point("IT-L", (1.0, 2.0, "3"))), "three finite numbers"),
        (markup("Fiducial", point("IT-L", (1.0, 2.0, True))), "three finite numbers"),
        (markup("Fiducial", point("IT-L", (1.0, 2.0, [3.0]))), "three finite numbers"),
        (markup("Fiducial", point("IT-L", (1.0, 2.0, 10**400))), "three finite numbers"),
        (markup("Fiducial", point("IT-L", (0.0, 0.0, 0.0))), "exactly (0, 0, 0)"),
        (markup("Fiducial", point("IT-L", MEDIAL, positionStatus="lost")), "'lost'"),
        (markup("Fiducial", point("IT-L", MEDIAL, positionStatus=2)), "its positionStatus is 2"),
        (3, "a list of objects was expected"),
    ],
)
def test_what_slicer_never_writes_is_refused_in_a_sentence(drawn, said):
    assert said in refused(drawn)


@pytest.mark.parametrize("markups", [None, {}, "Line", 3])
def test_a_file_without_a_list_of_markups_is_refused(markups):
    raw = json.dumps({"@schema": slicer_markups.SCHEMA, "markups": markups}).encode()

    with pytest.raises(LandmarkFormatError, match="a list of objects was expected"):
        slicer_markups.read(raw, Path("a.mrk.json"))


@given(st.integers(0, 700), st.binary(max_size=4))
def test_no_damage_to_a_file_makes_it_raise_anything_else(at, damage):
    good = content(GOOD)
    with contextlib.suppress(LandmarkFormatError):
        slicer_markups.read(good[:at] + damage + good[at + 1 :], Path("a.mrk.json"))


# --- writing ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slicer_schema(shared):
    path = shared / "conformance" / "slicer" / "markups-schema-v1.0.3.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("landmark_set", [EXAMPLE, landmark_files.template()])
def test_what_is_written_fits_slicers_own_schema(slicer_schema, landmark_set):
    for folder in (Path("a.mrk.json"), Path("folder")):
        for raw in slicer_markups.write(landmark_set, folder).values():
            jsonschema.validate(json.loads(raw), slicer_schema)


def read_files(files):
    found = [slicer_markups.read(raw, path)[0] for path, raw in files.items()]
    return LandmarkSet(tuple(mark for one in found for mark in one.landmarks))


@given(landmark_sets, st.sampled_from([Path("a.mrk.json"), Path("folder")]))
def test_any_set_is_read_back_to_the_last_digit(landmark_set, path):
    files = slicer_markups.write(landmark_set, path)

    assert without_slices(read_files(files)) == without_slices(landmark_set)


def test_a_folder_gets_one_file_for_each_line_curve_and_list():
    marks = (
        Landmark(IT, LEFT, (MEDIAL,), sop_instance_uid="1.2.3"),
        Landmark(LT, LEFT, (LATERAL,), sop_instance_uid="1.2.3"),
        Landmark(IT, LEFT, ((59.0, 23.0, 63.8),), sop_instance_uid="1.2.4"),
        Landmark(LT, LEFT, ((81.0, 13.0, 63.8),), sop_instance_uid="1.2.4"),
        Landmark(HAM, LEFT, (BEHIND,), sop_instance_uid="1.2.4"),
        Landmark(QF, LEFT, TRIANGLE, closed=True),
    )
    files = slicer_markups.write(LandmarkSet(marks, case_id="sub-01"), Path("out"))

    assert [path.name for path in files] == [
        "sub-01_IFS-L.mrk.json",
        "sub-01_IFS-L_2.mrk.json",
        "sub-01_QF-L.mrk.json",
        "sub-01_points.mrk.json",
    ]
    assert without_slices(read_files(files)) == without_slices(LandmarkSet(marks))


def test_landmarks_that_name_no_slice_are_not_joined_into_lines():
    (raw,) = slicer_markups.write(EXAMPLE, Path("a.mrk.json")).values()

    assert {entry["type"] for entry in json.loads(raw)["markups"]} == {
        "ClosedCurve",
        "Curve",
        "Fiducial",
    }


def test_the_template_asks_for_points_lines_and_curves_without_positions():
    (raw,) = slicer_markups.write(landmark_files.template(), Path("a.mrk.json")).values()
    markups = json.loads(raw)["markups"]
    listed = [entry for entry in markups if entry["type"] == "Fiducial"]

    assert len(listed) == 1
    assert {item["label"] for item in listed[0]["controlPoints"]} == {
        f"{name}-{side}" for name in ("IT", "LT", "HAM", "IPS") for side in "LR"
    }
    assert all("position" not in item for item in listed[0]["controlPoints"])
    with pytest.raises(LandmarkFormatError, match="has no position"):
        slicer_markups.read(raw, Path("a.mrk.json"))


# --- the real set -------------------------------------------------------------------------------


def test_the_real_set_is_the_same_in_both_formats(shared):
    folder = shared / "real_mri" / "sts_001" / "landmarks"
    native = landmark_files.read(folder / "native.json")
    slicer = landmark_files.read(folder / "slicer")

    assert without_slices(native) == without_slices(slicer)
    assert len(native.landmarks) == 10
