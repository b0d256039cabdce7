"""The native format: everything kept, anything odd refused in one sentence."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from landmark_sets import EXAMPLE, IT_L, landmark_sets

from ifi_mri import landmarks as landmark_files
from ifi_mri.errors import LandmarkFormatError
from ifi_mri.landmarks import native_json
from ifi_mri.model import LandmarkSet, Observation
from ifi_mri.vocabulary import LandmarkName, ObservationName, Side

SOURCE = Path("set.json")

FULL = replace(
    EXAMPLE,
    study_uid="1.2.3",
    series_uid="1.2.3.4",
    frame_of_reference_uid="1.2.3.5",
    reader="R1 Ärztin",
    read=2,
    placed_at="2026-01-31T10:00:00Z",
    status="final",
    case_id="sub-01",
    observations=(Observation(ObservationName.QUADRATUS_FEMORIS_OEDEMA_GRADE, Side.LEFT, 1),),
    sources=(SOURCE,),
)


def written(landmark_set=EXAMPLE):
    return native_json.write(landmark_set, SOURCE)[SOURCE]


def read(content):
    (landmark_set,) = native_json.read(content, SOURCE)
    return landmark_set


def test_a_key_that_stands_twice_is_found_wherever_it_stands():
    for key in ("side", "closed", "sop_instance_uid"):
        value = written(FULL).split(f'"{key}": '.encode())[1].split(b",")[0].rstrip(b"}]")
        doubled = written(FULL).replace(
            f'"{key}": '.encode(), f'"{key}" : '.encode() + value + f', "{key}": '.encode(), 1
        )

        with pytest.raises(LandmarkFormatError, match=f"the key '{key}' stands twice"):
            read(doubled)


def test_what_looks_like_a_key_inside_a_text_is_none():
    spoken = replace(FULL, reader='R1" : "read')

    assert read(written(spoken)) == spoken


@given(landmark_sets)
def test_reading_at_once_and_reading_closely_give_the_same(landmark_set):
    content = written(landmark_set)

    at_once = native_json._read_at_once(content)

    assert at_once == native_json._read_closely(content, SOURCE)
    assert at_once is not None


def changed(**keys):
    """Return the example file with keys replaced, or removed where the value is ..."""
    content = json.loads(written()) | keys
    return json.dumps({key: value for key, value in content.items() if value is not ...}).encode()


def changed_mark(**keys):
    mark = {"name": "ischial_tuberosity", "side": "left", "points_mm": [[60.0, 20.0, 5.0]]}
    return changed(landmarks=[mark | keys])


def test_everything_that_a_set_knows_is_read_back():
    marks = tuple(replace(mark, sop_instance_uid="1.2.3.6") for mark in FULL.landmarks)
    full = replace(FULL, landmarks=marks)

    assert read(written(full)) == full


@given(landmark_sets)
def test_any_set_is_read_back_to_the_last_digit(landmark_set):
    assert read(written(landmark_set)).landmarks == landmark_set.landmarks


def test_what_is_written_is_what_the_published_schema_allows():
    schema = landmark_files.schema()

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(written(FULL)), schema)
    jsonschema.validate(json.loads(written()), schema)


def test_the_contracts_own_example_is_read_and_fits_the_schema():
    example = {
        "schema_version": "1.0",
        "coordinate_system": "LPS",
        "study_uid": "1.2",
        "series_uid": "1.3",
        "frame_of_reference_uid": "1.4",
        "reader": "R1",
        "read": 1,
        "placed_at": "2026-01-31T10:00:00Z",
        "status": "final",
        "landmarks": [
            {
                "name": "ischial_tuberosity",
                "side": "left",
                "points_mm": [[60.8, 23.3, 68.8]],
                "closed": False,
                "sop_instance_uid": None,
            }
        ],
        "observations": [{"name": "quadratus_femoris_oedema_grade", "side": "left", "value": 1}],
    }

    landmark_set = read(json.dumps(example).encode())

    jsonschema.validate(example, landmark_files.schema())
    assert landmark_set.landmarks[0].points_mm == ((60.8, 23.3, 68.8),)
    assert landmark_set.observed(ObservationName.QUADRATUS_FEMORIS_OEDEMA_GRADE, Side.LEFT) == 1
    assert (landmark_set.reader, landmark_set.read, landmark_set.status) == ("R1", 1, "final")


def test_a_ras_file_is_turned_to_lps():
    mark = {"name": "lesser_trochanter", "side": "left", "points_mm": [[-80.5, -12.25, 7.0]]}

    landmark_set = read(changed(coordinate_system="RAS", landmarks=[mark]))

    assert landmark_set.landmarks[0].points_mm == ((80.5, 12.25, 7.0),)


def test_whole_numbers_are_positions_too_and_a_byte_order_mark_is_no_matter():
    landmark_set = read(b"\xef\xbb\xbf" + changed_mark(points_mm=[[60, 20, 5]]))

    assert landmark_set.landmarks[0].points_mm == ((60.0, 20.0, 5.0),)
    assert not landmark_set.landmarks[0].closed


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (changed(coordinate_system=...), "'coordinate_system' is missing"),
        (changed(coordinate_system="lps"), "coordinate_system"),
        (changed(coordinate_system="IJK"), "'LPS' or 'RAS'"),
        (changed(schema_version="2.0"), "schema_version"),
        (changed(schema_version=...), "'schema_version' is missing"),
        (changed(patient="x"), "'patient' is not a known key"),
        (changed(read=0), "'read'"),
        (changed(read=1.5), "'read'"),
        (changed(read=True), "'read'"),
        (changed(status="finished"), "'draft', 'proposed' or 'final'"),
        (changed(placed_at="yesterday"), "2026-01-31T10:00:00Z"),
        (changed(study_uid="patient one"), "study_uid"),
        (changed(reader="a\nb"), "reader"),
        (changed(landmarks={}), "landmarks"),
        (changed(landmarks=[3]), "landmarks.0"),
        (changed_mark(name="IT"), "'ischial_tuberosity'"),
        (changed_mark(side="L"), "'left' or 'right'"),
        (changed_mark(points_mm=[[60.0, 20.0]]), "at least 3 items"),
        (changed_mark(points_mm=[[60.0, 20.0, 5.0, 1.0]]), "at most 3 items"),
        (changed_mark(points_mm=[["60.0", 20.0, 5.0]]), "valid number"),
        (changed_mark(points_mm=[[True, 20.0, 5.0]]), "valid number"),
        (changed_mark(points_mm=60.0), "valid list"),
        (changed_mark(points_mm=[[60.0, 20.0, 1e7]]), "no place in a scanner"),
        (changed_mark(points_mm=[[0, 0.0, 0]]), "exactly (0, 0, 0)"),
        (changed_mark(points_mm=[]), "has no position yet"),
        (changed_mark(points_mm=[[]]), "has no position yet"),
        (changed_mark(points_mm=[[None, None, None]]), "has no position yet"),
        (changed_mark(closed="yes"), "closed"),
        (changed_mark(closed=True), "1 of at least three vertices"),
        (changed_mark(name="quadratus_femoris"), "is an area"),
        (changed_mark(name="quadratus_femoris", points_mm=[[60, 20, 5]] * 4), "is an area"),
        (changed_mark(name="femoral_neck_axis"), "is a line of at least two points"),
        (changed_mark(colour="red"), "'landmarks.0.colour' is not a known key"),
        (
            changed(observations=[{"name": "quadratus_femoris_oedema_grade", "side": "left",
                                   "value": 4}]),
            "observations.0.value",
        ),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"[]", "holds a list"),
        (b"3", "holds the value 3"),
        (written()[:-20], "not valid JSON"),
        (b"\xff\xfe{\x00", "not UTF-8"),
        ("{}".encode("utf-16"), "not UTF-8"),
        ("{}".encode("utf-16-le"), "zero bytes"),
        (b"\0" * 128 + b"DICM" + b"\0" * 400, "is a DICOM file"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (written().replace(b"58.493", b"NaN"), "NaN is not a number"),
        (written().replace(b"58.493", b"-Infinity"), "-Infinity is not a number"),
        (written().replace(b"58.493", b"1e999"), "finite number"),
        (written().replace(b"58.493", b"1" * 5000), "not valid JSON"),
        (written().replace(b"58.493", b"1" * 400), "landmark"),
        (written().replace(b' "reader"', b' "read": 1, "reader"'), "'read' stands twice"),
        (changed(reader="\ud800"), "half a character"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_it_should_be_is_refused_in_a_sentence(content, said):
    with pytest.raises(LandmarkFormatError) as problem:
        read(content)

    message = str(problem.value)
    assert message.startswith("set.json")
    assert said in message
    assert len(message) < 700
    assert message.endswith(".")


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise_anything_else(content):
    with pytest.raises(LandmarkFormatError):
        native_json.read(content, SOURCE)


@given(st.integers(0, 3000), st.binary(max_size=4))
def test_no_damage_to_a_file_makes_it_raise_anything_else(at, damage):
    content = written(FULL)
    try:
        (landmark_set,) = native_json.read(content[:at] + damage + content[at + 1 :], SOURCE)
    except LandmarkFormatError:
        return
    assert isinstance(landmark_set, LandmarkSet)


def test_only_its_own_json_is_claimed():
    own = written()

    assert native_json.claims(Path("a.JSON"), own)
    assert not native_json.claims(Path("a.mrk.json"), own)
    assert not native_json.claims(Path("a.txt"), own)
    assert not native_json.claims(Path("T1.json"), b'{"EchoTime": 0.01}')


def test_the_template_lists_every_structure_on_both_sides_and_is_not_read_unfilled():
    template = landmark_files.template()

    assert {(mark.side, mark.name) for mark in template.landmarks} == {
        (side, name) for side in Side for name in LandmarkName
    }
    with pytest.raises(LandmarkFormatError, match=r"landmark 1.*has no position yet"):
        read(written(template))


def test_a_template_with_one_entry_filled_and_the_others_deleted_is_read():
    content = json.loads(written(landmark_files.template()))
    entry = next(
        mark
        for mark in content["landmarks"]
        if (mark["name"], mark["side"]) == ("ischial_tuberosity", "left")
    )
    content["landmarks"] = [entry | {"points_mm": [list(IT_L.points_mm[0])]}]

    assert read(json.dumps(content).encode()).landmarks == (IT_L,)
