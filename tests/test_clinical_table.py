"""The clinical intake as a table: REDCap exports, raw and with labels, and the form template."""

from dataclasses import fields

import jsonschema
import pytest

from ifi_mri import cli, clinical
from ifi_mri.errors import ClinicalIntakeError
from ifi_mri.model import ClinicalIntake, SideIntake
from ifi_mri.vocabulary import Answer, HipRotation

RAW = """record_id,redcap_event_name,age_years,sex,hip_rotation,deep_buttock_pain_left,\
deep_buttock_pain_right,snapping,burning_quality_l,symptoms_complete,dob
case-1,visit_1_arm_1,54,female,external,1,0,,1,2,1971-03-05
case-2,visit_1_arm_1,31,male,neutral,0,1,1,0,2,1990-01-01
"""


def read(tmp_path, text=RAW, case_id="case-1", name="export.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return clinical.read(path, case_id)


def refused(tmp_path, text, case_id="case-1"):
    with pytest.raises(ClinicalIntakeError) as problem:
        read(tmp_path, text, case_id)
    assert "\n" not in str(problem.value)
    return str(problem.value)


def test_a_record_is_found_by_the_case_id_with_its_sides_kept_apart(tmp_path):
    intake = read(tmp_path)
    assert (intake.age_years, intake.sex) == (54.0, "female")
    assert intake.hip_rotation is HipRotation.EXTERNAL
    assert (intake.left.deep_buttock_pain, intake.right.deep_buttock_pain) == (
        Answer.YES, Answer.NO,
    )  # fmt: skip
    assert (intake.left.burning_quality, intake.right.burning_quality) == (
        Answer.YES, Answer.UNKNOWN,
    )  # fmt: skip
    assert intake.left.snapping is Answer.UNKNOWN

    other = read(tmp_path, case_id="case-2")
    assert (other.left.deep_buttock_pain, other.right.deep_buttock_pain) == (
        Answer.NO, Answer.YES,
    )  # fmt: skip
    assert other.left.snapping is other.right.snapping is Answer.YES
    assert other.sources[0].name == "export.csv"


@pytest.mark.parametrize(
    ("cell", "answer"),
    [("1", "yes"), ("0", "no"), ("Yes", "yes"), ("No", "no"), ("Checked", "yes"),
     ("Unchecked", "no"), ("TRUE", "yes"), ("", "unknown"), ("unknown", "unknown"),
     ("Don't know", "unknown"), (" y ", "yes")],
)  # fmt: skip
def test_answers_are_read_as_redcap_writes_them(tmp_path, cell, answer):
    intake = read(tmp_path, f"record_id,groin_pain\nx,{cell}\n", None)
    assert intake.left.groin_pain is Answer(answer)


def test_semicolons_tabs_a_byte_order_mark_and_windows_lines_are_read(tmp_path):
    text = "\ufeffRecord_ID;Groin_Pain;age_years\r\nx;1;54,5\r\n"
    assert read(tmp_path, text, None).age_years == 54.5
    assert read(tmp_path, "case_id\tgroin_pain\nx\t1\n", "x", "a.tsv").left.groin_pain is Answer.YES


def test_rows_of_one_record_are_put_together(tmp_path):
    text = "record_id,redcap_repeat_instance,groin_pain,snapping\nx,,1,\nx,2,,0\nx,3,1,\n"
    intake = read(tmp_path, text, "x")
    assert (intake.left.groin_pain, intake.left.snapping) == (Answer.YES, Answer.NO)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("groin_pain\n1\n", "no column record_id or case_id"),
        ("", "no column record_id"),
        ("record_id,groin_pain\nx,1\n", "no record 'case-1' among its 1"),
        ("record_id,groin_pain\ncase-1,1\ncase-1,0\n", "'yes' and 'no' in 'groin_pain'"),
        ("record_id,groin_pains\ncase-1,1\n", "the nearest is 'groin_pain'"),
        ("record_id,groin_pain_lft\ncase-1,1\n", "the nearest is 'groin_pain_left'"),
        ("record_id,groin_pain,groin_pain\ncase-1,1,0\n", "stands twice"),
        ("record_id,groin_pain\ncase-1\n", "row 2: has 1 cells, 2 were expected"),
        ("record_id,groin_pain\ncase-1,maybe\n", "must be yes, no or unknown"),
        ("record_id,groin_pain\ncase-1,2\n", "must be yes, no or unknown"),
        ("record_id,sex\ncase-1,1\n", "sex"),
        ("record_id,age_years\ncase-1,old\n", "age_years"),
        ("record_id,age_years\ncase-1,-4\n", "age_years"),
        ("record_id,hip_rotation\ncase-1,3\n", "hip_rotation"),
        ('record_id,groin_pain\n"case-1,1\n', "not a readable table"),
    ],
)
def test_what_a_table_says_wrongly_is_one_sentence(tmp_path, text, says):
    assert says in refused(tmp_path, text)


def test_several_records_need_a_case_to_be_named(tmp_path):
    assert "holds 2 records and no case is named" in refused(tmp_path, RAW, None)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"record_id\n\xff\xfe\n")
    with pytest.raises(ClinicalIntakeError, match="is not UTF-8"):
        clinical.read(path)
    with pytest.raises(ClinicalIntakeError, match="cannot be read"):
        clinical.read(tmp_path / "none.csv")


# --- the form -----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_an_empty_form_is_read_as_an_empty_intake(tmp_path, suffix):
    path = tmp_path / f"form{suffix}"
    path.write_bytes(clinical.template(suffix))
    assert clinical.read(path) == ClinicalIntake(sources=(path,))


def test_the_table_form_has_a_column_for_every_field_of_either_side(tmp_path):
    header = clinical.template(".csv").decode().strip().split(",")
    for field in fields(SideIntake):
        assert f"{field.name}_left" in header
        assert f"{field.name}_right" in header
    row = ["case-1", *("" for _ in header[1:])]
    text = ",".join(header) + "\n" + ",".join(row) + "\n"
    assert read(tmp_path, text) == ClinicalIntake(sources=(tmp_path / "export.csv",))


def test_the_json_form_fits_the_schema():
    import json

    jsonschema.Draft202012Validator(clinical.schema()).validate(
        json.loads(clinical.template(".json"))
    )


def test_the_command_writes_a_form_and_never_over_a_file(tmp_path, capsys):
    path = tmp_path / "form.toml"
    assert cli.main(["clinical", "template", "--out", str(path)]) == 0
    before = path.read_bytes()
    assert cli.main(["clinical", "template", "--out", str(path)]) == 2
    assert path.read_bytes() == before
    assert cli.main(["clinical", "template", "--out", str(tmp_path / "form.docx")]) == 2
    capsys.readouterr()
    assert cli.main(["clinical", "template"]) == 0
    assert "[symptoms]" in capsys.readouterr().out


def test_a_case_is_run_with_its_record_of_a_table(tmp_path):
    import json

    from ifi_mri.cli import DEMO_CASE, sample_data_folder

    case = sample_data_folder() / DEMO_CASE
    table = tmp_path / "export.csv"
    table.write_text("record_id,groin_pain_left\nother,0\ncase-1,1\n", encoding="utf-8")
    status = cli.main([
        "run", str(case / "study"), "--landmarks", str(case / "landmarks"), "--clinical",
        str(table), "--case-id", "case-1", "--out", str(tmp_path / "out"), "--quiet",
    ])  # fmt: skip
    assert status == 0
    report = json.loads((tmp_path / "out" / "report.json").read_bytes())
    assert any("groin pain" in text for text in report["summary"]["left"]["sentences"])
    assert not any("groin pain" in text for text in report["summary"]["right"]["sentences"])
