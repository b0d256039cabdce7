"""``slicer/*.mrk.json``: the lines as Slicer and we ourselves read them, and what moved."""

import json
from dataclasses import replace
from pathlib import Path

import example_report
import jsonschema
import numpy as np
import pytest

from ifi_mri import cli, landmarks
from ifi_mri.landmarks import moved as moved_landmarks
from ifi_mri.model import Landmark, LandmarkSet
from ifi_mri.reports import slicer_markups
from ifi_mri.vocabulary import LandmarkName, MeasurementName, Side


def files_of(report=None) -> dict[str, bytes]:
    return slicer_markups.render_files(report or example_report.report())


def markup(files: dict[str, bytes], name: str) -> dict:
    (found,) = json.loads(files[f"slicer/{name}.mrk.json"])["markups"]
    return found


def written(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder / "slicer"


def positions(marks) -> set:
    return {(mark.name, mark.side, point) for mark in marks for point in mark.points_mm}


def test_every_file_fits_slicers_schema(shared):
    schema = json.loads((shared / "conformance/slicer/markups-schema-v1.0.3.json").read_bytes())
    for report in (example_report.report(), example_report.with_secondary()):
        for content in files_of(report).values():
            jsonschema.Draft7Validator(schema).validate(json.loads(content))


def test_a_space_is_a_line_with_its_length_between_its_structures():
    measured = example_report.report().measured(MeasurementName.ISCHIOFEMORAL_SPACE, Side.LEFT)
    line = markup(files_of(), "IFS-L")

    assert (line["type"], line["coordinateSystem"]) == ("Line", "LPS")
    ends = [tuple(point["position"]) for point in line["controlPoints"]]
    assert ends == list(measured.points_mm)
    assert [point["label"] for point in line["controlPoints"]] == ["IT-L", "LT-L"]
    (length,) = line["measurements"]
    assert length["value"] == round(measured.value, 3)
    assert length["value"] == pytest.approx(np.linalg.norm(np.subtract(*ends)), abs=0.001)
    assert length["quantityCode"] == ["410668003", "SCT", "Length"]


def test_the_line_that_is_reported_has_the_plain_name_and_the_others_a_number():
    first, second = (markup(files_of(), name) for name in ("QFS-R", "QFS-R_2"))
    measured = example_report.report().measured(MeasurementName.QUADRATUS_FEMORIS_SPACE, Side.RIGHT)
    assert tuple(first["controlPoints"][0]["position"]) == measured.points_mm[0]
    assert first["measurements"][0]["value"] < second["measurements"][0]["value"]


def test_a_line_to_the_trochanter_says_so_on_its_own_slice_alone():
    report = example_report.report()
    space = report.measured(MeasurementName.QUADRATUS_FEMORIS_SPACE, Side.LEFT)
    trochanter = next(
        mark for mark in report.landmarks
        if mark.name is LandmarkName.LESSER_TROCHANTER and mark.side is Side.LEFT
    )  # fmt: skip
    ends = (space.points_mm[0], trochanter.points_mm[0])
    value = next(v for v in space.per_slice if v.points_mm == space.points_mm)
    per_slice = tuple(replace(v, points_mm=ends) if v is value else v for v in space.per_slice)
    changed = replace(space, points_mm=ends, per_slice=per_slice)
    others = tuple(m for m in report.measurements if m is not space)
    files = files_of(replace(report, measurements=(*others, changed)))

    assert [p["label"] for p in markup(files, "QFS-LT-L")["controlPoints"]] == ["HAM-L", "LT-L"]
    assert [p["label"] for p in markup(files, "QFS-L")["controlPoints"]] == ["HAM-L", "IPS-L"]


def test_what_is_written_is_read_back_as_the_same_landmarks(tmp_path):
    report = example_report.report()
    read = landmarks.read(written(tmp_path, files_of(report)))
    assert positions(read.landmarks) == positions(report.landmarks)


def test_the_ends_of_a_line_between_outlines_are_not_read_back_as_points(tmp_path):
    report = example_report.report()
    space = report.measured(MeasurementName.ISCHIOFEMORAL_SPACE, Side.LEFT)
    x, y, z = space.points_mm[0]
    outline = Landmark(
        LandmarkName.ISCHIAL_TUBEROSITY,
        Side.LEFT,
        ((x, y, z), (x - 9, y, z), (x - 9, y + 9, z)),
        closed=True,
    )
    marks = tuple(outline if mark.points_mm == ((x, y, z),) else mark for mark in report.landmarks)
    read = landmarks.read(written(tmp_path, files_of(replace(report, landmarks=marks))))

    of_ischium = [
        mark for mark in read.landmarks
        if (mark.name, mark.side) == (LandmarkName.ISCHIAL_TUBEROSITY, Side.LEFT)
    ]  # fmt: skip
    assert [mark.points_mm for mark in of_ischium if len(mark.points_mm) > 1] == [outline.points_mm]
    assert all(mark.points_mm != ((x, y, z),) for mark in of_ischium)


def test_an_end_that_was_moved_off_its_outline_is_read_as_marked(tmp_path):
    mark = Landmark(LandmarkName.LESSER_TROCHANTER, Side.LEFT, ((0, 0, 0), (9, 0, 0), (0, 9, 0)),
                    closed=True)  # fmt: skip
    on, off = (replace(mark, points_mm=((4.0, y, 0.0),), closed=False) for y in (0.0, -0.01))
    from ifi_mri.landmarks.merging import merged

    assert merged([LandmarkSet((mark, on))]).landmarks == (mark,)
    assert merged([LandmarkSet((mark, off))]).landmarks == (mark, off)
    for other in (
        replace(on, side=Side.RIGHT),
        replace(on, name=LandmarkName.ISCHIAL_TUBEROSITY),
    ):
        assert merged([LandmarkSet((mark, other))]).landmarks == (mark, other)


def test_one_file_can_hold_everything():
    content = slicer_markups.render(
        example_report.report(), example_report.study(), example_report.open_volume
    )
    assert len(json.loads(content)["markups"]) == len(files_of())


def test_the_command_writes_a_folder_and_a_later_run_without_it_puts_it_aside(tmp_path):
    from ifi_mri import reports

    def write(*formats):
        return reports.write(
            example_report.report(), example_report.study(), tmp_path, formats,
            example_report.open_volume,
        )  # fmt: skip

    paths = write("json", "slicer")
    assert tmp_path / "slicer" / "IFS-L.mrk.json" in paths
    other = replace(example_report.report(), case_id="other")
    reports.write(other, example_report.study(), tmp_path, ("json",), example_report.open_volume)
    assert list((tmp_path / "slicer").iterdir()) == []
    assert len(list(tmp_path.glob("previous/*/slicer/IFS-L.mrk.json"))) == 1


# --- what moved ---------------------------------------------------------------------------------

SQUARE = ((0.0, 0.0, 0.0), (10.0, 0.0, 0.0), (10.0, 10.0, 0.0), (0.0, 10.0, 0.0))


def point(x, y, z, name=LandmarkName.ISCHIAL_TUBEROSITY, side=Side.LEFT) -> Landmark:
    return Landmark(name, side, ((x, y, z),))


def outline(shift=(0.0, 0.0, 0.0), side=Side.LEFT) -> Landmark:
    points = tuple(tuple(float(v) for v in np.add(p, shift)) for p in SQUARE)
    return Landmark(LandmarkName.QUADRATUS_FEMORIS, side, points, closed=True)


def moved(before, after):
    return moved_landmarks.moved(LandmarkSet(tuple(before)), LandmarkSet(tuple(after)))


def test_a_point_tells_how_far_and_which_way():
    (change,) = moved([point(1, 2, 3)], [point(1, 5, 7)])
    assert (change.what, change.distance_mm) == ("moved", pytest.approx(5.0))
    assert change.by_mm == pytest.approx((0, 3, 4))


def test_an_outline_tells_its_mean_and_its_largest_shift():
    (change,) = moved([outline()], [outline((2.0, 0.0, 0.0))])
    assert change.distance_mm == pytest.approx(1.0)  # two vertices slide along, two leave by 2
    assert change.largest_mm == pytest.approx(2.0)
    assert change.by_mm == pytest.approx((2, 0, 0))


def test_points_are_paired_with_the_nearest_whatever_their_order():
    before = [point(0, 0, 0), point(0, 0, 10)]
    after = [point(0, 1, 10), point(0, 2, 0)]
    assert [change.distance_mm for change in moved(before, after)] == [2.0, 1.0]


def test_outlines_of_other_slices_are_no_pair():
    changes = moved([outline()], [outline((0.0, 0.0, 4.0))])
    assert [change.what for change in changes] == ["removed", "added"]


def test_the_other_side_is_no_pair():
    changes = moved([point(5, 0, 0)], [point(5, 0, 0, side=Side.RIGHT)])
    assert {(change.what, change.side) for change in changes} == {
        ("removed", Side.LEFT), ("added", Side.RIGHT),
    }  # fmt: skip


def test_what_did_not_move_is_counted():
    changes = moved([point(0, 0, 0), outline()], [point(0, 0, 0), outline()])
    assert [change.what for change in changes] == ["same", "same"]
    assert "2 of 2 landmarks are where they were" in moved_landmarks.as_text(changes, "a", "b")


def test_a_point_dragged_in_slicer_is_told_with_who_did_it(tmp_path, capsys):
    before = tmp_path / "a"
    before.mkdir()
    files = files_of()
    folder = written(before, files)
    other = tmp_path / "b"
    other.mkdir()
    line = json.loads(files["slicer/IFS-L.mrk.json"])
    line["markups"][0]["controlPoints"][0]["position"][0] += 3.0
    dragged = written(other, files | {"slicer/IFS-L.mrk.json": json.dumps(line).encode()})

    assert cli.main(["landmarks", "moved", str(folder), str(dragged), "--by", "R7"]) == 0
    said = capsys.readouterr().out
    assert "from reader not recorded to R7" in said
    assert "left  ischial tuberosity" in said
    assert "3.0      3.0    +3.0    +0.0    +0.0" in said

    assert cli.main(["landmarks", "moved", str(folder), str(dragged), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    (row,) = (row for row in rows if row["what"] == "moved")
    assert row["distance_mm"] == 3.0
