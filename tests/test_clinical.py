"""The clinical intake: every way of writing it down, and every way of getting it wrong."""

import contextlib
import json
import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifi_mri import clinical
from ifi_mri.clinical import GROUPS, PERSON, parse, read, schema, template
from ifi_mri.config import configs_folder
from ifi_mri.errors import ClinicalIntakeError
from ifi_mri.model import ClinicalIntake, SideIntake
from ifi_mri.vocabulary import Answer, HipRotation, Side

YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN

GROUP_OF = {name: group for group, names in GROUPS.items() for name in names}
SIDED = [name for name, group in GROUP_OF.items() if group != PERSON]


def toml(text: str) -> ClinicalIntake:
    return parse(tomllib.loads(text), "intake")


def refused(content: dict[str, Any], source: str = "intake") -> str:
    with pytest.raises(ClinicalIntakeError) as caught:
        parse(content, source)
    message = str(caught.value)
    assert message.startswith(f"{source}: ")
    assert "\n" not in message
    return message


# --- the fields -----------------------------------------------------------------------------------


def test_the_groups_ask_for_every_field_of_the_model_and_no_other() -> None:
    assert [field.name for field in fields(SideIntake)] == SIDED
    others = {field.name for field in fields(ClinicalIntake)} - {"left", "right", "sources"}
    assert set(GROUPS[PERSON]) == others


def test_the_groups_are_those_of_the_contract() -> None:
    assert list(GROUPS) == ["person", "symptoms", "mechanism", "examination", "earlier_treatment"]
    assert GROUP_OF["pain_on_long_stride"] == "symptoms"
    assert GROUP_OF["hip_surgery"] == "mechanism"
    assert GROUP_OF["lumbar_signs"] == "examination"
    assert GROUP_OF["epidural_injection"] == "earlier_treatment"


# --- the ways of writing it down ------------------------------------------------------------------


def test_an_answer_at_the_top_holds_for_both_sides() -> None:
    intake = toml('deep_buttock_pain = "yes"')
    assert intake.left.deep_buttock_pain is YES
    assert intake.right.deep_buttock_pain is YES
    assert intake.left == replace(SideIntake(), deep_buttock_pain=YES)


@pytest.mark.parametrize(
    "text",
    [
        'snapping = { left = "yes", right = "no" }',
        '[left]\nsnapping = "yes"\n[right]\nsnapping = "no"',
        '[symptoms]\nsnapping = { left = "yes", right = "no" }',
        '[symptoms.left]\nsnapping = "yes"\n[symptoms.right]\nsnapping = "no"',
        '[left.symptoms]\nsnapping = "yes"\n[right.symptoms]\nsnapping = "no"',
        'snapping = "no"\n[left]\nsnapping = "yes"',
        '[symptoms]\nsnapping = "no"\n[symptoms.left]\nsnapping = "yes"',
        '[symptoms]\nsnapping = "no"\n[left]\nsnapping = "yes"',
        'snapping = "no"\n[symptoms.left]\nsnapping = "yes"',
        "snapping = false\n[left]\nsnapping = true",
        'snapping = " No "\n[left]\nsnapping = "YES"',
    ],
)
def test_left_and_right_are_the_same_however_they_are_written(text: str) -> None:
    intake = toml(text)
    assert intake.left == replace(SideIntake(), snapping=YES)
    assert intake.right == replace(SideIntake(), snapping=NO)


def test_an_answer_for_one_side_leaves_the_other_unknown() -> None:
    intake = toml('[right]\nhip_surgery = "yes"')
    assert intake.right.hip_surgery is YES
    assert intake.left == SideIntake()


def test_unknown_for_one_side_wins_over_an_answer_for_both() -> None:
    intake = toml('snapping = "yes"\n[left]\nsnapping = "unknown"')
    assert (intake.left.snapping, intake.right.snapping) == (UNKNOWN, YES)


def test_the_person_stands_at_the_top_or_in_its_table() -> None:
    expected = ClinicalIntake(
        age_years=44.5,
        sex="female",
        hip_rotation=HipRotation.EXTERNAL,
        hip_rotation_deg=20,
        knee_bolster=YES,
    )
    lines = (
        'age_years = 44.5\nsex = "f"\nhip_rotation = "external"\n'
        "hip_rotation_deg = 20\nknee_bolster = true"
    )
    assert toml(lines) == expected
    assert toml(f"[person]\n{lines}") == expected


@pytest.mark.parametrize(
    ("written", "understood"),
    [
        ("female", "female"),
        ("F", "female"),
        ("Male", "male"),
        ("m", "male"),
        ("other", "other"),
        ("unknown", None),
        (None, None),
    ],
)
def test_sex_is_understood(written: str | None, understood: str | None) -> None:
    assert parse({"sex": written}, "x").sex == understood


def test_nothing_unknown_and_null_are_all_the_empty_intake() -> None:
    every_unknown = dict.fromkeys(GROUP_OF, "unknown")
    assert parse({}, "x") == parse(every_unknown, "x") == ClinicalIntake()
    assert parse(dict.fromkeys(GROUP_OF), "x") == ClinicalIntake()
    assert parse({"hip_rotation": "not recorded", "left": {}, "symptoms": {}}, "x") == (
        ClinicalIntake()
    )


def test_the_example_is_read_as_it_is_written() -> None:
    path = configs_folder() / "clinical-example.toml"
    intake = read(path)
    assert (intake.age_years, intake.sex, intake.hip_rotation) == (52, "female", "neutral")
    assert (intake.left.deep_buttock_pain, intake.right.deep_buttock_pain) == (YES, NO)
    assert (intake.left.splits_slip, intake.right.splits_slip) == (YES, UNKNOWN)
    assert (intake.left.hypermobility, intake.right.hypermobility) == (YES, YES)
    assert intake.sources == (path,)


def test_json_and_toml_of_one_intake_are_the_same(tmp_path: Path) -> None:
    text = (configs_folder() / "clinical-example.toml").read_text(encoding="utf-8")
    path = tmp_path / "intake.json"
    path.write_text(json.dumps(tomllib.loads(text)), encoding="utf-8")
    from_toml = parse(tomllib.loads(text), "x")
    assert replace(read(path), sources=()) == from_toml


answers = st.sampled_from(list(Answer))
sides = st.fixed_dictionaries(dict.fromkeys(SIDED, answers)).map(lambda a: SideIntake(**a))


def _written(intake: ClinicalIntake, form: str) -> dict[str, Any]:
    """Return an intake's answers as a file in one of the forms would hold them."""
    pairs = {n: {s.value: str(getattr(intake.on(s), n)) for s in Side} for n in SIDED}
    content: dict[str, Any] = {}
    for name, both in pairs.items():
        if form == "each field":
            content[name] = both
        for side, answer in both.items():
            group = GROUP_OF[name]
            if form == "side tables":
                content.setdefault(side, {})[name] = answer
            elif form == "groups of sides":
                content.setdefault(group, {}).setdefault(side, {})[name] = answer
            elif form == "sides of groups":
                content.setdefault(side, {}).setdefault(group, {})[name] = answer
    return content


@given(
    sides,
    sides,
    st.sampled_from(["each field", "side tables", "groups of sides", "sides of groups"]),
)
def test_every_form_reads_back_what_was_written(
    left: SideIntake, right: SideIntake, form: str
) -> None:
    intake = ClinicalIntake(left=left, right=right)
    content = _written(intake, form)
    assert parse(content, "x") == intake
    if form == "side tables":
        jsonschema.validate(content, schema())


# --- the ways of getting it wrong -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"deep_butock_pain": "yes"}, "'deep_butock_pain' is not a known field; the nearest is "
         "'deep_buttock_pain'"),
        ({"Snapping": "yes"}, "'Snapping' is not a known field; the nearest is 'snapping'"),
        ({"left": {"burning": "yes"}}, "'left.burning' is not a known field"),
        ({"symptom": {"snapping": "yes"}}, "the nearest is 'symptoms'"),
        ({"lefft": {}}, "the nearest is 'left'"),
        ({"name": "Jane Doe"}, "'name' is not a known field"),
        ({"symptoms": {"puranen_orava": "yes"}}, "puranen_orava belongs to [examination], not to "
         "[symptoms]"),
        ({"person": {"snapping": "yes"}}, "snapping belongs to [symptoms], not to [person]"),
        ({"left": {"age_years": 44}}, "age_years is asked once and not per side; put it in "
         "[person]"),
        ({"left": {"person": {}}}, "a table [person] has no place in [left]"),
        ({"person": {"left": {}}}, "a table [left] has no place in [person]"),
        ({"left": {"right": {}}}, "a table [right] has no place in [left]"),
        ({"symptoms": {"mechanism": {}}}, "a table [mechanism] has no place in [symptoms]"),
        ({"left": "yes"}, "'left': must be a table of answers, found 'yes'"),
        ({"symptoms": ["snapping"]}, "'symptoms': must be a table of answers"),
        ({"snapping": "maybe"}, "'snapping': must be yes, no or unknown, found 'maybe'"),
        ({"snapping": 1}, "'snapping': must be yes, no or unknown, found 1"),
        ({"snapping": ["yes"]}, "'snapping': must be yes, no or unknown, found ['yes']"),
        ({"snapping": {"left": "si"}}, "'snapping.left': must be yes, no or unknown"),
        ({"snapping": {"both": "yes"}}, "'snapping.both': expected left or right"),
        ({"left": {"snapping": {"left": "yes"}}}, "already in the table of one side"),
        ({"age_years": -1}, "'age_years': Input should be greater than or equal to 0, found -1"),
        ({"age_years": 120.5}, "'age_years': Input should be less than or equal to 120"),
        ({"age_years": True}, "'age_years': Input should be a valid number, found True"),
        ({"age_years": "44"}, "'age_years': Input should be a valid number, found '44'"),
        ({"age_years": float("nan")}, "'age_years': Input should be a finite number"),
        ({"age_years": {"left": 4}}, "'age_years': Input should be a valid number"),
        ({"sex": "woman"}, "'sex': Input should be 'female', 'male' or 'other', found 'woman'"),
        ({"sex": 2}, "'sex'"),
        ({"hip_rotation": "outward"}, "'hip_rotation'"),
        ({"knee_bolster": "high"}, "'knee_bolster'"),
    ],
)  # fmt: skip
def test_a_wrong_intake_is_refused_with_the_place_and_the_way_out(
    content: dict[str, Any], says: str
) -> None:
    message = refused(content)
    assert says in message
    assert "Jane" not in message
    assert message.endswith("prints what is allowed).")


@pytest.mark.parametrize(
    "content",
    [
        {"snapping": "yes", "symptoms": {"snapping": "no"}},
        {"snapping": {"left": "yes"}, "left": {"snapping": "no"}},
        {"symptoms": {"left": {"snapping": "yes"}}, "left": {"snapping": "unknown"}},
        {"age_years": 40, "person": {"age_years": 41}},
    ],
)
def test_two_answers_of_one_rank_that_contradict_each_other_are_refused(
    content: dict[str, Any],
) -> None:
    assert " says " in refused(content)


def test_the_same_answer_twice_is_no_contradiction() -> None:
    content = {"snapping": "yes", "symptoms": {"snapping": True}, "left": {"snapping": "yes"}}
    assert parse(content, "x").left.snapping is YES


@pytest.mark.parametrize(
    ("rotation", "degrees", "fits"),
    [
        ("internal", 15, True),
        ("external", 90, True),
        ("neutral", 0, True),
        ("internal", 0, False),
        ("external", 0, False),
        ("neutral", 5, False),
        ("not recorded", 5, False),
        ("not recorded", 0, False),
        ("internal", -15, False),
        ("external", 90.5, False),
        *((rotation, None, True) for rotation in HipRotation),
    ],
)
def test_degrees_must_fit_the_direction_of_rotation(
    rotation: str, degrees: float | None, fits: bool
) -> None:
    content = {"hip_rotation": rotation, "hip_rotation_deg": degrees}
    if fits:
        assert parse(content, "x").hip_rotation_deg == degrees
    else:
        assert "hip_rotation_deg" in refused(content)


def test_every_problem_is_told_at_once_up_to_five() -> None:
    message = refused({f"{'q' * i}": "yes" for i in range(1, 9)})
    assert message.count("is not a known field") == 5
    assert "; and 3 more. Correct" in message


def test_a_message_stays_short_whatever_the_file_holds() -> None:
    message = refused({"x" * 10_000: "y" * 10_000, "snapping": "z" * 10_000})
    assert len(message) < 500


def test_an_answer_that_json_would_drop_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "intake.json"
    path.write_text('{"left": {"snapping": "yes"}, "left": {"groin_pain": "no"}}')
    with pytest.raises(ClinicalIntakeError, match="the key 'left' stands twice"):
        read(path)


def test_a_file_that_cannot_be_read_is_an_intake_error(tmp_path: Path) -> None:
    with pytest.raises(ClinicalIntakeError, match="cannot be read"):
        read(tmp_path / "none.toml")
    path = tmp_path / "intake.json"
    path.write_text('["snapping"]')
    with pytest.raises(ClinicalIntakeError, match="'the whole'"):
        read(path)


# Keys that reach every branch, with contents of any kind.
KEYS = st.sampled_from(
    [
        *("left", "right", *GROUPS, "snapping", "hip_surgery", "snaping", ""),
        *GROUPS[PERSON],
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
    | st.sampled_from(["yes", "no", "unknown", "internal", "f", "not recorded"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(st.dictionaries(KEYS, ANYTHING, max_size=4))
def test_no_foreign_error_comes_out_and_what_passes_the_schema_is_read(
    content: dict[str, Any],
) -> None:
    valid = jsonschema.Draft202012Validator(schema()).is_valid(content)
    try:
        parse(content, "x")
    except ClinicalIntakeError as error:
        message = str(error)
        assert not valid or " says " in message or "does not fit" in message, message


@given(st.binary(max_size=60), st.sampled_from([".toml", ".json"]))
def test_no_foreign_error_comes_out_of_any_bytes(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"intake{suffix}"
    path.write_bytes(content)
    with contextlib.suppress(ClinicalIntakeError):
        read(path)


# --- the form and its schema ----------------------------------------------------------------------


def test_the_form_asks_every_question_with_an_explanation_and_is_the_empty_intake() -> None:
    content = tomllib.loads(template().decode())
    assert parse(content, "x") == ClinicalIntake()
    assert {group: list(names) for group, names in content.items()} == {
        group: list(names) for group, names in GROUPS.items()
    }
    lines = template().decode().splitlines()
    for name, text in ((n, t) for names in GROUPS.values() for n, t in names.items()):
        assert f'{name} = "unknown"  # {text}' in lines


def test_the_schema_is_a_schema_and_describes_every_field() -> None:
    published = schema()
    jsonschema.Draft202012Validator.check_schema(published)
    assert json.loads(json.dumps(published)) == published
    for name, text in ((n, t) for names in GROUPS.values() for n, t in names.items()):
        assert published["properties"][name]["description"] == text


@pytest.mark.parametrize("name", ["clinical-example.toml", None])
def test_the_example_and_the_form_fit_the_schema(name: str | None) -> None:
    text = (configs_folder() / name).read_text(encoding="utf-8") if name else template().decode()
    jsonschema.validate(tomllib.loads(text), schema())


@pytest.mark.parametrize(
    "content",
    [
        {"deep_butock_pain": "yes"},
        {"snapping": "maybe"},
        {"snapping": {"both": "yes"}},
        {"left": {"age_years": 44}},
        {"left": {"snapping": {"left": "yes"}}},
        {"symptoms": {"hip_surgery": "yes"}},
        {"symptoms": {"left": {"hip_surgery": "yes"}}},
        {"person": {"left": {}}},
        {"age_years": 121},
        {"sex": "woman"},
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(content: dict[str, Any]) -> None:
    refused(content)
    assert not jsonschema.Draft202012Validator(schema()).is_valid(content)


def test_a_schema_asked_for_twice_is_the_same_and_not_shared() -> None:
    first = schema()
    first["properties"].clear()
    assert clinical.schema()["properties"]
