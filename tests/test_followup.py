"""Two reports side by side: what differs, and two visits with the smallest detectable change."""

import json
import math
from dataclasses import replace

import example_report
import pytest

from ifi_mri import cli
from ifi_mri.cohort import differences, followup
from ifi_mri.errors import ConfigError
from ifi_mri.model import Report
from ifi_mri.reports import json_file
from ifi_mri.vocabulary import FindingName, HipRotation, MeasurementName, Side, Status

IFS = MeasurementName.ISCHIOFEMORAL_SPACE


def report() -> Report:
    return example_report.report()


def with_width(
    original: Report, mm: float, sd: float = 1.06066, side: Side = Side.LEFT, **changes
) -> Report:
    """Return a report whose ischiofemoral space of a side is another."""
    space = original.measured(IFS, side)
    changed = replace(space, value=mm, sd=sd)
    rest = tuple(changed if m is space else m for m in original.measurements)
    return replace(original, measurements=rest, **changes)


def later(original: Report, **changes) -> Report:
    """Return a report of a later visit."""
    return replace(
        original,
        **{
            "report_uid": "2.25.99",
            "study_uid": "1.2.3",
            "study_date": "2026-08-01",
            "patient_age_years": 54.5,
        }
        | changes,
    )


def width(found: followup.FollowUp, side: Side = Side.LEFT) -> followup.WidthChange:
    (change,) = (w for w in found.widths if w.name is IFS and w.side is side)
    return change


def file_of(folder, name: str, content: Report):
    path = folder / name
    path.write_bytes(json_file.render(content, example_report.study(), example_report.open_volume))
    return path


# --- follow-up ----------------------------------------------------------------------------------


def test_the_smallest_detectable_change_is_that_of_the_literature_where_both_sds_are_equal():
    assert followup.smallest_detectable_change(1.5, 1.5) == pytest.approx(
        1.959964 * math.sqrt(2) * 1.5
    )
    assert followup.smallest_detectable_change(3.0, 4.0) == pytest.approx(1.959964 * 5.0)


@pytest.mark.parametrize(("after_mm", "beyond"), [(17.2, False), (17.3, True), (11.4, False),
                                                  (11.3, True)])  # fmt: skip
def test_a_change_beyond_the_smallest_detectable_one_is_told_from_one_within(after_mm, beyond):
    # 14.3 mm before; 1.96 x sqrt(2) x 1.06066 is 2.94, as printed 2.9
    found = followup.follow_up(report(), later(with_width(report(), after_mm)))
    change = width(found)
    assert change.smallest_detectable_mm == pytest.approx(2.94, abs=0.005)
    assert change.change_mm == pytest.approx(after_mm - 14.3)
    assert change.beyond is beyond
    assert width(found, Side.RIGHT).beyond is False


def test_days_statuses_and_grades_of_both_visits_are_there():
    after = later(report())
    found = followup.follow_up(report(), after)
    assert found.days == 182
    assert (width(found).status_before, width(found).status_after) == (
        Status.INDETERMINATE, Status.INDETERMINATE,
    )  # fmt: skip
    left = next(grade for grade in found.grades if grade.side is Side.LEFT)
    assert (left.before, left.reader_before, left.after) == (2, 1, 2)


@pytest.mark.parametrize(
    ("ranges", "beyond"),
    [(((0, 1), (2, 3)), True), (((0, 1), (1, 3)), False), (((2, 3), (0, 1)), True),
     ((None, (0, 1)), None)],
)  # fmt: skip
def test_grades_differ_where_their_intervals_reach_no_common_one(ranges, beyond):
    def graded(original: Report, reached) -> Report:
        findings = tuple(
            replace(f, grade_range=reached)
            if f.name is FindingName.QUADRATUS_FEMORIS_OEDEMA and f.side is Side.LEFT
            else f
            for f in original.findings
        )
        return replace(original, findings=findings)

    found = followup.follow_up(graded(report(), ranges[0]), later(graded(report(), ranges[1])))
    left = next(grade for grade in found.grades if grade.side is Side.LEFT)
    assert left.beyond is beyond


def test_a_side_that_was_not_measured_has_no_change():
    found = followup.follow_up(report(), later(example_report.without_right_side()))
    change = width(found, Side.RIGHT)
    assert (change.before_mm is None, change.after_mm, change.change_mm) == (False, None, None)
    text = followup.as_text(found)
    assert "25.1 mm, then not measured; no change can be stated." in text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"patient_sex": "M"}, "different sexes"),
        ({"patient_age_years": 40.0}, "births lie"),
        ({"study_date": "2025-01-31", "patient_age_years": 53.0}, "the earlier was expected first"),
        ({"report_uid": report().report_uid}, "is given twice"),
    ],
)
def test_what_cannot_be_two_visits_of_one_patient_is_refused(changes, says):
    with pytest.raises(ConfigError, match=rf"^followup: .*{says}"):
        followup.follow_up(report(), later(report(), **changes))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "is your statement"),
        ({"study_uid": example_report.STUDY_UID}, "two readings of one scan"),
        ({"study_date": None}, "date is not known"),
        ({"profile": "hatem2020"}, "two profiles"),
        ({"config_digest": "d" * 64}, "settings differ"),
        ({"reader": "R9"}, "Another reader"),
        ({"position": replace(report().position, hip_rotation=HipRotation.EXTERNAL)},
         "other rotations"),
        ({"position": replace(report().position, hip_rotation=HipRotation.NOT_RECORDED)},
         "not recorded at both"),
    ],
)  # fmt: skip
def test_what_to_keep_in_mind_is_said(changes, says):
    assert any(
        says in note for note in followup.follow_up(report(), later(report(), **changes)).notes
    )


def test_the_command_prints_text_and_json(tmp_path, capsys):
    before = file_of(tmp_path, "a.json", report())
    after = file_of(tmp_path, "b.json", later(with_width(report(), 17.3)))

    assert cli.main(["followup", str(before), str(after)]) == 0
    said = capsys.readouterr().out
    assert "182 days apart" in said
    assert (
        "14.3 mm, then 17.3 mm (+3.0 mm, larger than the smallest detectable change of 2.9 mm); "
        "indeterminate at both." in said
    )
    for forbidden in ("improved", "worse", "better", "healed", "progress"):
        assert forbidden not in said
    assert cli.main(["followup", str(before), str(after), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["days"] == 182
    assert content["widths"][0]["beyond"] is True
    assert cli.main(["followup", str(after), str(before)]) == 2
    assert "Exchange them." in capsys.readouterr().err


# --- differences --------------------------------------------------------------------------------


def test_equal_reports_differ_in_nothing():
    assert differences.differences(report(), report()) == ()
    assert differences.as_text((), "a", "b") == "a and b say the same."


def test_a_value_that_prints_the_same_is_no_difference():
    assert differences.differences(report(), with_width(report(), 14.3187)) == ()
    (found,) = differences.differences(report(), with_width(report(), 14.4))
    assert (found.what, found.side, found.a, found.b) == (
        "Ischiofemoral space (IFS)", "left", "14.3 mm", "14.4 mm",
    )  # fmt: skip
    assert found.change == pytest.approx(0.1)


def test_statuses_readers_settings_and_missing_numbers_are_differences():
    other = replace(
        example_report.without_right_side(), reader="R9", config_digest="d" * 64, profile="x"
    )
    found = {(item.what, item.side): (item.a, item.b)
             for item in differences.differences(report(), other)}  # fmt: skip
    assert found["reader", ""] == ("R1", "R9")
    assert ("settings", "") in found
    assert ("profile", "") in found
    assert found["Ischiofemoral space (IFS)", "right"][1].startswith("not measured (")
    status = found["Ischiofemoral space (IFS), status", "right"]
    assert status[0].startswith("not narrowed")
    assert status[1].startswith("not assessable")


def test_a_caution_of_one_alone_is_a_difference():
    (found,) = differences.differences(report(), replace(report(), cautions=report().cautions[1:]))
    assert found.what == f"caution {report().cautions[0].code}"
    assert (found.a, found.b) == ("yes", "no")


def test_the_commands_show_and_diff_end_with_status_0(tmp_path, capsys):
    a = file_of(tmp_path, "report.json", report())
    b = file_of(tmp_path, "b.json", with_width(report(), 16.0))

    assert cli.main(["report", "show", str(tmp_path)]) == 0
    assert "IMPRESSION" in capsys.readouterr().out
    assert cli.main(["report", "diff", str(a), str(b)]) == 0
    assert "left: Ischiofemoral space (IFS): 14.3 mm -> 16.0 mm (+1.7 mm)" in (
        capsys.readouterr().out
    )
    assert cli.main(["report", "diff", str(a), str(b), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["change"] == 1.7


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"schema_version": "9.9"}'])
def test_a_broken_report_gives_one_sentence(content, tmp_path, capsys):
    (tmp_path / "x.json").write_bytes(content)
    for words in (["report", "show"], ["report", "diff", str(tmp_path / "x.json")]):
        assert cli.main([*words, str(tmp_path / "x.json")]) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "x.json" in error
    assert cli.main(["report", "show", str(tmp_path / "none.json")]) == 2
