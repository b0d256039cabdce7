"""Reading and writing landmark files: formats, folders, choosing and merging readings."""

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from landmark_sets import EXAMPLE, HAM_L, IPS_L, IT_L, IT_R, LT_L, landmark_sets, without_slices

from ifi_mri import landmarks as landmark_files
from ifi_mri.errors import LandmarkError, LandmarkFormatError, LandmarkMismatchError
from ifi_mri.landmarks import merging, native_json, points_table, slicer_fcsv, slicer_markups
from ifi_mri.landmarks.shapes import checked_landmark
from ifi_mri.model import Landmark, LandmarkSet, Observation
from ifi_mri.vocabulary import LandmarkName, ObservationName, Side

FILES = ["a.json", "a.mrk.json", "a.fcsv", "a.csv", "a.tsv", "folder"]


def refused(path, error=LandmarkFormatError, **asked):
    with pytest.raises(error) as problem:
        landmark_files.read(path, **asked)
    message = str(problem.value)
    assert message.endswith(".")
    return message


# --- one contract for every format --------------------------------------------------------------


@pytest.mark.parametrize("name", landmark_files.MODULES)
def test_every_format_offers_what_the_room_asks_for(name):
    form = next(f for f in landmark_files.formats() if f.__name__.endswith(name))

    assert isinstance(form.NAME, str)
    assert all(suffix.startswith(".") for suffix in form.SUFFIXES)
    assert form.LARGEST_BYTES > 2**20
    assert {*LandmarkSet.__dataclass_fields__, "sop_instance_uid", "pixel_mm"} >= form.KEEPS
    assert callable(form.claims)
    assert callable(form.read)
    assert callable(form.write)


def test_every_format_module_is_listed():
    folder = Path(landmark_files.__file__).parent
    modules = {path.stem for path in folder.glob("*.py") if "\ndef claims(" in path.read_text()}

    assert modules == set(landmark_files.MODULES), "edit MODULES in src/ifi_mri/landmarks"


@pytest.mark.parametrize("name", FILES)
def test_the_same_points_lie_at_the_same_mm_through_every_format(tmp_path, name):
    written = landmark_files.write(EXAMPLE, tmp_path / name)

    found = landmark_files.read(tmp_path / name)

    assert without_slices(found) == without_slices(EXAMPLE)
    assert found.sources == tuple(sorted(written))


def test_the_same_point_said_in_ras_by_any_format_is_the_same_landmark(tmp_path):
    x, y, z = IT_L.points_mm[0]
    native = {"schema_version": "1.0", "coordinate_system": "RAS", "landmarks": [
        {"name": IT_L.name, "side": "left", "points_mm": [[-x, -y, z]]}]}  # fmt: skip
    slicer = {"@schema": slicer_markups.SCHEMA, "markups": [
        {"type": "Fiducial", "coordinateSystem": "RAS",
         "controlPoints": [{"label": "IT-L", "position": [-x, -y, z]}]}]}  # fmt: skip
    texts = {
        "a.json": json.dumps(native),
        "a.mrk.json": json.dumps(slicer),
        "a.fcsv": "# Markups fiducial file version = 4.4\n# CoordinateSystem = 0\n"
        f"1,{-x},{-y},{z},0,0,0,1,1,1,0,IT-L,,\n",
        "b.fcsv": f"# columns = label,x,y,z,sel,vis\nIT-L,{-x},{-y},{z},1,1",
        "a.csv": f"case_id,side,landmark,r,a,s\nc1,left,IT,{-x},{-y},{z}\n",
        "b.csv": f"label,r,a,s\nIT-L,{-x},{-y},{z}\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

        assert landmark_files.read(tmp_path / name).landmarks == (IT_L,), name


@given(landmark_sets)
def test_a_file_of_one_format_converted_to_another_says_the_same(landmark_set):
    (native,) = native_json.write(landmark_set, Path("a.json")).values()
    (one,) = native_json.read(native, Path("a.json"))
    for form, path in ((slicer_markups, "a.mrk.json"), (slicer_fcsv, "a.fcsv")):
        (content,) = form.write(one, Path(path)).values()
        (two,) = form.read(content, Path(path))
        (table,) = points_table.write(two, Path("a.csv")).values()
        (three,) = points_table.read(table, Path("a.csv"))

        assert without_slices(three) == without_slices(landmark_set)


@pytest.mark.parametrize(
    ("name", "n_points", "closed", "said"),
    [
        ("ischial_tuberosity", 0, False, "has no position yet"),
        ("ischial_tuberosity", 2, True, "2 of at least three vertices"),
        ("reference_muscle", 3, False, "an open outline of 3"),
        ("reference_muscle", 2, True, "a closed outline of 2"),
        ("hamstring_tendons", 1, False, "found one point"),
        ("subcutaneous_fat", 1, False, "is an area"),
        ("ischial_axis", 1, False, "at least two points, found one point"),
        ("femoral_neck_axis", 3, True, "found a closed outline of 3"),
    ],
)
def test_a_shape_that_its_structure_cannot_have_is_refused(name, n_points, closed, said):
    points = [(60.0 + k, 20.0, 5.0) for k in range(n_points)]

    with pytest.raises(LandmarkFormatError, match=said):
        checked_landmark(LandmarkName(name), Side.LEFT, points, closed, "here")


# --- which format a file is ---------------------------------------------------------------------


def test_markups_in_a_plain_json_file_are_told_by_their_schema(tmp_path):
    (content,) = slicer_markups.write(EXAMPLE, Path("a.mrk.json")).values()
    (tmp_path / "a.json").write_bytes(content)

    assert without_slices(landmark_files.read(tmp_path / "a.json")) == without_slices(EXAMPLE)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("map.mgz", b"\x1f\x8b", "is an image in a format that label maps are not read from"),
        ("sr.dcm", b"\0" * 128 + b"DICM", "is a DICOM file"),
        ("points.json", b"\0" * 128 + b"DICM", "is a DICOM file"),
        ("ruler.acsv", b"point|1|2|3", "save it as a line or point list"),
        ("points.txt", b"1 2 3", "no known landmark format (its name ends in '.txt')"),
        ("points", b"1 2 3", "no known landmark format"),
    ],
)
def test_a_file_of_no_landmark_format_is_refused_with_the_formats_there_are(
    tmp_path, name, content, said
):
    (tmp_path / name).write_bytes(content)

    message = refused(tmp_path / name)

    assert said in message
    assert "native JSON (.json), Slicer markups (.mrk.json), Slicer fiducials (.fcsv)" in message


def test_a_json_file_that_is_something_else_is_refused_by_the_native_format(tmp_path):
    (tmp_path / "T1.json").write_text('{"EchoTime": 0.01}')

    assert "'schema_version' is missing" in refused(tmp_path / "T1.json")


def test_a_missing_file_a_pipe_and_a_name_that_is_none_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")

    assert "No such file" in refused(tmp_path / "none.json", LandmarkError)
    assert "not a regular file" in refused(tmp_path / "pipe.json", LandmarkError)
    assert "is not a path" in refused("a\0b.json", LandmarkError)
    assert "cannot be read" in refused("x" * 5000 + ".json", LandmarkError)


def test_a_loop_of_links_is_refused_and_ignored_in_a_folder(tmp_path):
    (tmp_path / "a.json").symlink_to(tmp_path / "b.json")
    (tmp_path / "b.json").symlink_to(tmp_path / "a.json")
    (tmp_path / "self").symlink_to(tmp_path)

    assert "cannot be read" in refused(tmp_path / "a.json", LandmarkError)
    assert "holds no landmark files" in refused(tmp_path)


@pytest.mark.parametrize("name", ["a.json", "a.mrk.json", "a.fcsv", "a.csv"])
def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path, name):
    with (tmp_path / name).open("wb") as file:
        file.truncate(65 * 2**20)

    assert "is larger than" in refused(tmp_path / name)


def test_lists_within_lists_are_refused_at_any_depth(tmp_path):
    native = '{"schema_version": DEEP}'
    slicer = f'{{"@schema": "{slicer_markups.SCHEMA}", "markups": [{{"type": DEEP}}]}}'
    for name, text in (("a.json", native), ("a.mrk.json", slicer)):
        for depth in range(2, 1002, 10):  # some are parsed and too deep only to be shown
            (tmp_path / name).write_text(text.replace("DEEP", "[" * depth + "]" * depth))

            refused(tmp_path / name)


# --- folders ------------------------------------------------------------------------------------


def test_the_files_of_a_folder_are_merged_and_others_ignored(tmp_path):
    landmark_files.write(LandmarkSet((IT_L, LT_L)), tmp_path / "IFS.mrk.json")
    landmark_files.write(LandmarkSet((HAM_L,)), tmp_path / "more.fcsv")
    landmark_files.write(LandmarkSet((IPS_L,), case_id="c1"), tmp_path / "more.csv")
    for name in (".DS_Store", "._IFS.mrk.json", "notes.txt", "T1.nii.gz", ".hidden.fcsv"):
        (tmp_path / name).write_bytes(b"\0\1\2")
    (tmp_path / "T1.json").write_text('{"EchoTime": 0.01}')
    (tmp_path / "measurements.csv").write_text("name,side,value\n")
    (tmp_path / "folder").mkdir()
    landmark_files.write(LandmarkSet((IT_R,)), tmp_path / "folder" / "deeper.json")

    found = landmark_files.read(tmp_path)

    assert set(found.landmarks) == {IT_L, LT_L, HAM_L, IPS_L}
    assert found.case_id == "c1"
    assert {path.name for path in found.sources} == {"IFS.mrk.json", "more.fcsv", "more.csv"}


def test_a_folder_without_landmark_files_is_refused(tmp_path):
    (tmp_path / ".DS_Store").write_bytes(b"\0")
    (tmp_path / "deeper").mkdir()

    message = refused(tmp_path)

    assert "holds no landmark files" in message
    assert "folders inside it are not searched" in message


def test_a_broken_file_in_a_folder_is_not_passed_over(tmp_path):
    landmark_files.write(LandmarkSet((IT_L,)), tmp_path / "a.json")
    (tmp_path / "b.mrk.json").write_text("{")

    assert "b.mrk.json" in refused(tmp_path)


def test_an_old_annotation_in_a_folder_is_not_passed_over(tmp_path):
    landmark_files.write(LandmarkSet((IT_L,)), tmp_path / "a.json")
    (tmp_path / "M.acsv").write_text("point|1|2|3")

    assert "M.acsv" in refused(tmp_path)


def test_a_file_without_landmarks_is_refused(tmp_path):
    landmark_files.write(LandmarkSet(()), tmp_path / "a.json")
    (tmp_path / "b.fcsv").write_text(
        "# Markups fiducial file version = 5.6\n# CoordinateSystem = LPS\n"
    )

    assert "holds no landmarks" in refused(tmp_path / "a.json")
    assert "holds no landmarks" in refused(tmp_path / "b.fcsv")


def test_observations_alone_are_something_to_read(tmp_path):
    seen = Observation(ObservationName.QUADRATUS_FEMORIS_OEDEMA_GRADE, Side.LEFT, 2)
    landmark_files.write(LandmarkSet((), (seen,)), tmp_path / "a.json")

    assert landmark_files.read(tmp_path / "a.json").observations == (seen,)


# --- choosing among readings --------------------------------------------------------------------

TABLE = """case_id,reader,read,side,landmark,l,p,s
c1,R1,1,left,IT,58,22,68
c1,R1,2,left,IT,59,22,68
c1,R2,1,left,IT,60,22,68
c2,R1,1,left,IT,61,22,68
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "all.csv"
    path.write_text(TABLE)
    return path


@pytest.mark.parametrize(
    ("asked", "x"),
    [
        ({"case_id": "c1", "reader": "R1", "read": 1}, 58.0),
        ({"case_id": "c1", "read": 2}, 59.0),
        ({"reader": "R2"}, 60.0),
        ({"case_id": "c2"}, 61.0),
    ],
)
def test_one_reading_is_chosen_from_a_table_of_several(table, asked, x):
    found = landmark_files.read(table, **asked)

    assert [mark.points_mm[0][0] for mark in found.landmarks] == [x]


def test_a_table_of_many_cases_is_read_once_and_chosen_from(table):
    sets = landmark_files.read_sets(table)

    assert len(sets) == 4
    for one in sets:
        asked = {"case_id": one.case_id, "reader": one.reader, "read": one.read}
        assert landmark_files.choose(sets, **asked) == landmark_files.read(table, **asked) == one


@pytest.mark.parametrize("asked", [{}, {"case_id": "c1"}, {"case_id": "c1", "reader": "R1"}])
def test_an_ambiguous_choice_lists_what_is_there(table, asked):
    message = refused(table, LandmarkMismatchError, **asked)

    assert "case c1, reader R1, reading 2" in message


def test_a_reading_that_is_not_there_is_refused_with_what_is_there(table):
    message = refused(table, LandmarkMismatchError, case_id="c3", reader="R1")

    assert "no landmarks of case c3, reader R1" in message
    assert "case c2, reader R1, reading 1" in message


def test_a_file_that_does_not_say_whose_it_is_is_taken_for_what_was_asked(tmp_path):
    landmark_files.write(LandmarkSet((IT_L,)), tmp_path / "a.mrk.json")

    found = landmark_files.read(tmp_path / "a.mrk.json", case_id="c1", reader="R1", read=2)

    assert (found.case_id, found.reader, found.read) == ("c1", "R1", 2)


def test_a_file_of_another_reader_is_refused(tmp_path):
    landmark_files.write(LandmarkSet((IT_L,), reader="R2"), tmp_path / "a.json")

    assert "reader R2" in refused(tmp_path / "a.json", LandmarkMismatchError, reader="R1")


# --- merging ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("study_uid", ("1.2.3", "1.2.4")),
        ("series_uid", ("1.2.3", "1.2.4")),
        ("frame_of_reference_uid", ("1.2.3", "1.2.4")),
        ("reader", ("R1", "R2")),
        ("read", (1, 2)),
        ("case_id", ("c1", "c2")),
    ],
)
def test_files_that_contradict_one_another_are_refused_with_both_values(tmp_path, key, values):
    for name, mark, value in zip("ab", (IT_L, LT_L), values, strict=True):
        landmark_files.write(LandmarkSet((mark,), **{key: value}), tmp_path / f"{name}.json")

    message = refused(tmp_path, LandmarkMismatchError)

    assert str(values[0]) in message
    assert str(values[1]) in message
    with pytest.raises(LandmarkMismatchError):
        landmark_files.read_all([tmp_path / "a.json", tmp_path / "b.json"])


def test_what_one_file_says_holds_for_those_that_do_not_say(tmp_path):
    landmark_files.write(
        LandmarkSet((IT_L,), study_uid="1.2.3", reader="R1", status="final"), tmp_path / "a.json"
    )
    landmark_files.write(LandmarkSet((LT_L,), status="draft"), tmp_path / "b.json")

    found = landmark_files.read_all([tmp_path / "a.json", tmp_path / "b.json"])

    assert (found.study_uid, found.reader, found.status) == ("1.2.3", "R1", "draft")
    assert found.landmarks == (IT_L, LT_L)


def test_a_landmark_in_two_files_counts_once_and_keeps_its_slice():
    named = replace(IT_L, sop_instance_uid="1.2.3.4")
    for sets in ((IT_L, named), (named, IT_L), (named, named)):
        merged = merging.merged([LandmarkSet((mark,)) for mark in sets])

        assert merged.landmarks == (named,)


def test_landmarks_that_differ_by_a_hair_are_two():
    other = replace(IT_L, points_mm=((58.493, 22.5461234568, 68.79),))

    assert merging.merged([LandmarkSet((IT_L, other))]).landmarks == (IT_L, other)


@pytest.mark.parametrize(
    "said", [{"closed": True}, {"pixel_mm": 0.5}, {"side": Side.RIGHT}, {"name": LT_L.name}]
)
def test_landmarks_at_one_place_that_differ_in_what_they_are_are_two(said):
    other = replace(IT_L, **said)

    assert merging.merged([LandmarkSet((IT_L, other))]).landmarks == (IT_L, other)


def test_naming_no_file_is_refused():
    with pytest.raises(LandmarkError, match="no landmark file was named"):
        landmark_files.read_all([])


# --- writing ------------------------------------------------------------------------------------


def test_files_are_readable_by_their_owner_alone(tmp_path):
    for name in FILES:
        for path in landmark_files.write(EXAMPLE, tmp_path / name):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_existing_folder_gets_slicer_files(tmp_path):
    assert all(p.name.endswith(".mrk.json") for p in landmark_files.write(EXAMPLE, tmp_path))


def test_a_folder_with_other_landmark_files_is_left_alone(tmp_path):
    landmark_files.write(LandmarkSet((IT_R,)), tmp_path / "old.fcsv")

    with pytest.raises(LandmarkError, match="already holds other landmark files"):
        landmark_files.write(EXAMPLE, tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["old.fcsv"]


def test_writing_the_same_folder_again_is_no_matter(tmp_path):
    assert landmark_files.write(EXAMPLE, tmp_path) == landmark_files.write(EXAMPLE, tmp_path)


@pytest.mark.parametrize(
    ("landmark_set", "name", "said"),
    [
        (EXAMPLE, "a.xyz", "its ending names no landmark format"),
        (EXAMPLE, "none/a.json", "cannot be written"),
        (EXAMPLE, "a\0.json", "cannot be written"),
        (LandmarkSet(()), "a.fcsv", "there are no landmarks to write"),
        (landmark_files.template(), "a.fcsv", "yet to be placed"),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_is_left(tmp_path, landmark_set, name, said):
    with pytest.raises(LandmarkError, match=said) as problem:
        landmark_files.write(landmark_set, f"{tmp_path}/{name}")

    assert str(problem.value).endswith(".")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("x")

    with pytest.raises(LandmarkError, match="cannot be written"):
        landmark_files.write(EXAMPLE, tmp_path / "out")

    assert (tmp_path / "out").read_text() == "x"


def test_what_a_format_cannot_hold_is_said():
    full = replace(
        EXAMPLE,
        landmarks=(replace(IT_L, sop_instance_uid="1.2.3.4"),),
        study_uid="1.2.3",
        reader="R1",
        observations=(Observation(ObservationName.QUADRATUS_FEMORIS_OEDEMA_GRADE, Side.LEFT, 2),),
    )

    assert landmark_files.not_kept(full, "a.json") == ()
    assert landmark_files.not_kept(full, "a.csv") == ("observations", "study_uid")
    assert landmark_files.not_kept(full, "a.fcsv") == (
        "observations", "study_uid", "reader", "sop_instance_uid",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["t.json", "t.csv", "t.tsv", "t.mrk.json", "t"])
def test_a_template_is_refused_until_it_is_filled_in(tmp_path, name):
    landmark_files.write_template(tmp_path / name)

    assert "has no position" in refused(tmp_path / name)


# --- what is there ------------------------------------------------------------------------------


def test_what_is_there_is_counted_by_side_and_structure():
    again = replace(IT_L, points_mm=((59.0, 22.0, 63.0),))

    marked = landmark_files.what_is_there(replace(EXAMPLE, landmarks=(*EXAMPLE.landmarks, again)))

    assert [(m.side, m.name, m.n_marks, m.n_vertices) for m in marked] == [
        (Side.RIGHT, LandmarkName.ISCHIAL_TUBEROSITY, 1, ()),
        (Side.RIGHT, LandmarkName.LESSER_TROCHANTER, 1, (3,)),
        (Side.LEFT, LandmarkName.ISCHIAL_TUBEROSITY, 2, ()),
        (Side.LEFT, LandmarkName.LESSER_TROCHANTER, 1, ()),
        (Side.LEFT, LandmarkName.HAMSTRING_ORIGIN, 1, ()),
        (Side.LEFT, LandmarkName.ILIOPSOAS_TENDON, 1, ()),
        (Side.LEFT, LandmarkName.QUADRATUS_FEMORIS, 1, (3,)),
    ]


def test_the_description_names_reader_sides_and_grades():
    seen = Observation(ObservationName.QUADRATUS_FEMORIS_OEDEMA_GRADE, Side.LEFT, 2)
    marks = (Landmark(LandmarkName.ISCHIAL_TUBEROSITY, Side.LEFT, ((58.0, 22.0, 68.0),)),)

    text = landmark_files.describe(LandmarkSet(marks, (seen,), reader="R1", status="draft"))

    assert text.splitlines() == [
        "Landmarks (reader R1, status draft):",
        "  right: nothing marked",
        "  left: ischial_tuberosity once",
        "  left: quadratus_femoris_oedema_grade 2",
    ]


# --- what the reader judged by eye, and what messages say ---------------------------------------


def graded(*grades):
    seen = ObservationName.QUADRATUS_FEMORIS_OEDEMA_GRADE
    return replace(
        EXAMPLE, observations=tuple(Observation(seen, Side.LEFT, grade) for grade in grades)
    )


def test_files_with_the_same_grade_are_merged_and_with_two_grades_refused(tmp_path):
    paths = [tmp_path / name for name in ("a.json", "b.json")]
    for path in paths:
        landmark_files.write(graded(2), path)
    assert landmark_files.read_all(paths).observations == graded(2).observations

    landmark_files.write(graded(0), paths[1])
    with pytest.raises(LandmarkMismatchError, match=r"a\.json, b\.json.*stated as 2 and as 0"):
        landmark_files.read_all(paths)


def test_one_file_with_two_grades_for_one_side_is_refused(tmp_path):
    landmark_files.write(graded(1, 3), tmp_path / "a.json")

    assert "stated as 1 and as 3" in refused(tmp_path / "a.json", LandmarkMismatchError)


@pytest.mark.parametrize("grade", [-1, 4])
def test_a_grade_that_no_scale_has_is_refused(tmp_path, grade):
    landmark_files.write(graded(grade), tmp_path / "a.json")

    assert "observations.0.value" in refused(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", "{"),
        ("a.json", '{"landmarks": [], "coordinate_system": "LPS"}'),
        ("a.mrk.json", '{"markups": 3}'),
        ("a.fcsv", "# Markups fiducial file version = 4.6\n# CoordinateSystem = 7\n1,2"),
        ("a.csv", "x,y,z\n1,2,3\n"),
        ("a.csv", ""),
        ("a.nii.gz", ""),
        ("missing.json", None),
    ],
)
def test_messages_name_the_file_and_not_the_folders_above_it(tmp_path, name, content):
    folder = tmp_path / "DOE^JOHN"
    folder.mkdir()
    if content is not None:
        (folder / name).write_text(content)

    message = refused(folder / name, LandmarkError)

    assert name in message
    assert "DOE" not in message
    assert str(tmp_path) not in message


def test_a_set_still_knows_the_whole_path_of_its_file(tmp_path):
    landmark_files.write(EXAMPLE, tmp_path / "a.csv")

    assert landmark_files.read(tmp_path / "a.csv").sources == (tmp_path / "a.csv",)
