"""The diagnostic summary: what may be said for every combination, and what never."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import pytest

from ifi_mri.config import CutoffProfile, find_profile, profiles
from ifi_mri.language.catalogue import ENGLISH, LIMITS, SUMMARY_MESSAGES, listed, say
from ifi_mri.model import (
    ClinicalIntake,
    DiagnosticSummary,
    Finding,
    Measurement,
    NotMeasured,
    SideIntake,
    SideSummary,
)
from ifi_mri.signal.place import Zone
from ifi_mri.summary import ASSERTIONS, impression, position, position_sentence, write
from ifi_mri.summary.assertions import Assertion
from ifi_mri.summary.axes import (
    CLINICAL_FIELDS,
    PROVOKING_TESTS,
    Clinical,
    Muscle,
    Space,
    clinical_axis,
    muscle_axis,
    space_axis,
)
from ifi_mri.summary.competing import SOURCES
from ifi_mri.summary.positioning import would_cross
from ifi_mri.summary.sides import HISTORY, STATEMENT
from ifi_mri.vocabulary import (
    Answer,
    FindingName,
    HipRotation,
    MeasurementName,
    Side,
    Status,
)

YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN
LEFT, RIGHT = Side.LEFT, Side.RIGHT
IFS, QFS = MeasurementName.ISCHIOFEMORAL_SPACE, MeasurementName.QUADRATUS_FEMORIS_SPACE
RATIO = MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO
IFS_NARROWING = FindingName.ISCHIOFEMORAL_SPACE_NARROWING
QFS_NARROWING = FindingName.QUADRATUS_FEMORIS_SPACE_NARROWING
OEDEMA = FindingName.QUADRATUS_FEMORIS_OEDEMA
FAT = FindingName.QUADRATUS_FEMORIS_FATTY_INFILTRATION
FRACTION = MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION
PRESENT, ABSENT = Status.PRESENT, Status.ABSENT
INDETERMINATE, NOT_ASSESSABLE = Status.INDETERMINATE, Status.NOT_ASSESSABLE

SINGER = find_profile("singer2015")

#: A side with everything that speaks for impingement.
TYPICAL = SideIntake(
    deep_buttock_pain=YES,
    burning_quality=YES,
    long_stride_walking_test=YES,
    hamstring_loading_provokes=NO,
)


def narrowing(name: FindingName, status: Status, side: Side = LEFT) -> Finding:
    cutoff = 15.0 if name is IFS_NARROWING else 10.0
    reason = "profile singer2015 holds from 18 years; the patient's age is 9."
    return Finding(name, side, status, reason, profile="singer2015", cutoff=cutoff)


def oedema(
    status: Status,
    grade: int | None = None,
    reader_grade: int | None = None,
    side: Side = LEFT,
) -> Finding:
    reason = "not measured: no fluid-sensitive series."
    return Finding(OEDEMA, side, status, reason, grade=grade, reader_grade=reader_grade)


def fat(status: Status, grade: int | None, side: Side = LEFT) -> Finding:
    return Finding(FAT, side, status, "fat fraction by hand", grade=grade)


def raised_in(zone: str | None, beyond: str = "no", side: Side = LEFT) -> Measurement:
    """Return the raised share of the muscle, with where it is centred."""
    place: tuple[tuple[str, float | str], ...] = (
        ("zone", zone or ""),
        ("distance_from_space_mm", 3.21),
        ("distance_from_space_mm_low", 2.04),
        ("distance_from_space_mm_high", 4.38),
    )
    details = (*(place if zone else ()), ("spread_beyond_muscle", beyond))
    return Measurement(
        FRACTION, side, 0.2, "1", 0.02, (0.16, 0.24), "phantom", (), None, 2, details=details
    )


def imaging(
    ifs: Status | None, qfs: Status | None, signal: Finding | None, side: Side = LEFT
) -> list[Finding]:
    spaces = [
        narrowing(name, status, side)
        for name, status in ((IFS_NARROWING, ifs), (QFS_NARROWING, qfs))
        if status is not None
    ]
    return spaces if signal is None else [*spaces, replace(signal, side=side)]


def width(name: MeasurementName, value: float, side: Side = LEFT) -> Measurement:
    interval = (value - 2.1, value + 2.1)
    return Measurement(name, side, value, "mm", 1.07, interval, "phantom", (), None, 2)


def intake(left: SideIntake | None = None, **person: object) -> ClinicalIntake:
    return replace(ClinicalIntake(left=left or SideIntake()), **person)  # type: ignore[arg-type]


def yes(*names: str) -> SideIntake:
    return SideIntake(**dict.fromkeys(names, YES))


def left(findings: list[Finding], clinical: ClinicalIntake | None = None) -> SideSummary:
    return write(findings, [], [], clinical).left


# --- the space axis -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ifs", "qfs", "space"),
    [
        (PRESENT, PRESENT, "narrowed"),
        (PRESENT, ABSENT, "narrowed"),
        (ABSENT, PRESENT, "narrowed"),
        (PRESENT, INDETERMINATE, "narrowed"),
        (INDETERMINATE, PRESENT, "narrowed"),
        (PRESENT, NOT_ASSESSABLE, "narrowed"),
        (NOT_ASSESSABLE, PRESENT, "narrowed"),
        (PRESENT, None, "narrowed"),
        (None, PRESENT, "narrowed"),
        (INDETERMINATE, INDETERMINATE, "indeterminate"),
        (INDETERMINATE, ABSENT, "indeterminate"),
        (ABSENT, INDETERMINATE, "indeterminate"),
        (INDETERMINATE, NOT_ASSESSABLE, "indeterminate"),
        (NOT_ASSESSABLE, INDETERMINATE, "indeterminate"),
        (INDETERMINATE, None, "indeterminate"),
        (None, INDETERMINATE, "indeterminate"),
        (ABSENT, ABSENT, "not narrowed"),
        (ABSENT, NOT_ASSESSABLE, "not narrowed"),
        (ABSENT, None, "not narrowed"),
        (NOT_ASSESSABLE, ABSENT, "not assessable"),
        (None, ABSENT, "not assessable"),
        (NOT_ASSESSABLE, NOT_ASSESSABLE, "not assessable"),
        (NOT_ASSESSABLE, None, "not assessable"),
        (None, NOT_ASSESSABLE, "not assessable"),
        (None, None, "not assessable"),
    ],
)
def test_both_spaces_make_one_axis(ifs: Status | None, qfs: Status | None, space: str) -> None:
    assert space_axis(imaging(ifs, qfs, None), LEFT) == space
    assert left(imaging(ifs, qfs, None)).space == space


def test_a_side_is_judged_by_its_own_findings() -> None:
    findings = imaging(PRESENT, PRESENT, oedema(PRESENT, 2), RIGHT)
    findings += imaging(ABSENT, ABSENT, oedema(ABSENT, 0), LEFT)
    summary = write(findings, [], [], ClinicalIntake(right=TYPICAL))
    assert (summary.right.space, summary.right.muscle, summary.right.clinical) == (
        "narrowed",
        "oedema",
        "supportive",
    )
    assert (summary.left.space, summary.left.muscle, summary.left.clinical) == (
        "not narrowed",
        "none",
        "not supplied",
    )
    assert (summary.left.side, summary.right.side) == (LEFT, RIGHT)


# --- the muscle axis ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "grade", "reader_grade", "muscle"),
    [
        (PRESENT, 2, None, "oedema"),
        (PRESENT, 1, 1, "oedema"),
        (PRESENT, 3, 1, "oedema"),
        (PRESENT, 2, 0, "indeterminate"),
        (INDETERMINATE, 1, None, "indeterminate"),
        (INDETERMINATE, 1, 0, "indeterminate"),
        (INDETERMINATE, 1, 3, "indeterminate"),
        (ABSENT, 0, None, "none"),
        (ABSENT, 0, 0, "none"),
        (ABSENT, 0, 1, "indeterminate"),
        (ABSENT, 0, 3, "indeterminate"),
        (NOT_ASSESSABLE, None, None, "not assessable"),
        (PRESENT, None, 1, "oedema"),
        (ABSENT, None, 0, "none"),
    ],
)
def test_signal_and_reader_make_the_muscle_axis_and_neither_overwrites_the_other(
    status: Status, grade: int | None, reader_grade: int | None, muscle: str
) -> None:
    findings = imaging(PRESENT, None, oedema(status, grade, reader_grade))
    assert muscle_axis(findings, LEFT) == muscle
    side = left(findings)
    assert side.muscle == muscle
    for value in (grade, reader_grade):
        assert value is None or f"grade {value}" in side.sentences[1]


@pytest.mark.parametrize(
    ("signal", "fat_status", "muscle"),
    [
        (oedema(ABSENT, 0), PRESENT, "fat"),
        (oedema(ABSENT, 0), INDETERMINATE, "none"),
        (oedema(ABSENT, 0), ABSENT, "none"),
        (oedema(ABSENT, 0), NOT_ASSESSABLE, "none"),
        (oedema(PRESENT, 2), PRESENT, "oedema"),
        (oedema(INDETERMINATE, 1), PRESENT, "indeterminate"),
        (oedema(ABSENT, 0, 2), PRESENT, "indeterminate"),  # the reader sees oedema
        (oedema(NOT_ASSESSABLE), PRESENT, "not assessable"),
    ],
)
def test_fat_makes_the_muscle_axis_only_where_there_is_no_oedema(
    signal: Finding, fat_status: Status, muscle: str
) -> None:
    findings = [*imaging(PRESENT, PRESENT, signal), fat(fat_status, 3)]

    assert muscle_axis(findings, LEFT) == muscle
    assert muscle_axis(findings, RIGHT) == "not assessable"


def test_fat_without_oedema_is_said_with_the_space() -> None:
    for ifs, space in ((PRESENT, "narrowed"), (ABSENT, "not narrowed")):
        side = left([*imaging(ifs, ifs, oedema(ABSENT, 0)), fat(PRESENT, 2)])
        assert side.sentences[STATEMENT] == ENGLISH[f"statement.{space}.fat"]
        assert "fat grade 2 of 4, after Goutallier; the mapping is ours" in side.sentences[1]


@pytest.mark.parametrize(
    ("zone", "fits", "never"),
    [
        (Zone.NARROWEST, "fits impingement", "fits strain"),
        (Zone.JUNCTION, "fits strain", "fits impingement"),
        (Zone.ELSEWHERE, "neither in the belly", "fits"),
    ],
)
def test_where_oedema_is_centred_is_said_with_what_it_fits(
    zone: Zone, fits: str, never: str
) -> None:
    findings = imaging(PRESENT, PRESENT, oedema(PRESENT, 2))
    summary = write(findings, [raised_in(str(zone))], [], None)
    (said,) = [text for text in summary.left.sentences if "3.2 mm" in text]

    assert fits in said
    assert never not in said
    assert "2.0 to 4.4" in said
    assert not any("3.2 mm" in text for text in summary.right.sentences)


def test_signal_throughout_the_muscle_fits_neither_pattern() -> None:
    findings = imaging(PRESENT, PRESENT, oedema(PRESENT, 3))
    said = write(findings, [raised_in(str(Zone.THROUGHOUT))], [], None).left.sentences

    assert ENGLISH["place.throughout"] in said


def test_each_side_is_told_its_own_place() -> None:
    findings = [
        finding
        for side in (LEFT, RIGHT)
        for finding in imaging(PRESENT, PRESENT, oedema(PRESENT, 2), side)
    ]
    taken = [raised_in(str(Zone.NARROWEST)), raised_in(str(Zone.JUNCTION), side=RIGHT)]
    for given in (taken, taken[::-1]):
        said = write(findings, given, [], None)
        assert any("fits impingement;" in text for text in said.left.sentences)
        assert any("fits strain;" in text for text in said.right.sentences)
        assert not any("fits strain;" in text for text in said.left.sentences)


def test_no_place_is_said_of_what_is_not_there() -> None:
    for signal in (oedema(ABSENT, 0), oedema(INDETERMINATE, 1), oedema(NOT_ASSESSABLE)):
        said = write(
            imaging(PRESENT, PRESENT, signal), [raised_in(str(Zone.NARROWEST), "yes")], [], None
        )
        assert not any("centred" in text or "beyond" in text for text in said.left.sentences)


def test_spread_beyond_the_muscle_and_fat_beside_oedema_are_said() -> None:
    findings = [*imaging(PRESENT, PRESENT, oedema(PRESENT, 2)), fat(PRESENT, 3)]
    said = write(findings, [raised_in(None, "yes")], [], None).left.sentences

    assert ENGLISH["place.perimuscular"] in said
    assert any("acute on chronic" in text for text in said)
    assert (
        ENGLISH["place.perimuscular"]
        not in write(findings, [raised_in(None)], [], None).left.sentences
    )


def test_no_oedema_finding_is_not_assessable() -> None:
    assert left([]).muscle == "not assessable"


# --- the clinical axis ----------------------------------------------------------------------------


def clinical_of(**answers: Answer) -> Clinical:
    return clinical_axis(intake(SideIntake(**answers)), LEFT).state


def test_no_intake_and_no_answer_are_not_supplied() -> None:
    assert clinical_axis(None, LEFT).state is Clinical.NOT_SUPPLIED
    assert clinical_of() is Clinical.NOT_SUPPLIED
    others = {f.name for f in fields(SideIntake)} - set(CLINICAL_FIELDS)
    assert clinical_of(**dict.fromkeys(others, YES)) is Clinical.NOT_SUPPLIED


@pytest.mark.parametrize("test", PROVOKING_TESTS)
def test_pain_and_a_positive_test_with_nothing_against_are_supportive(test: str) -> None:
    assert clinical_of(deep_buttock_pain=YES, **{test: YES}) is Clinical.SUPPORTIVE
    reading = clinical_axis(intake(replace(TYPICAL, **{test: YES})), LEFT)
    assert "hamstring_loading_provokes.no" in reading.speaks_for
    assert "burning_quality.yes" in reading.speaks_for
    assert f"{test}.yes" in reading.speaks_for
    assert reading.speaks_against == ()


@pytest.mark.parametrize("test", PROVOKING_TESTS)
def test_one_answer_against_makes_a_positive_test_mixed(test: str) -> None:
    supportive = {"deep_buttock_pain": YES, test: YES}
    for name, answer in (
        ("hamstring_loading_provokes", YES),
        ("deep_buttock_pain", NO),
        *((other, NO) for other in PROVOKING_TESTS if other != test),
    ):
        assert clinical_of(**(supportive | {name: answer})) is Clinical.MIXED


def test_answers_against_without_a_positive_test_are_not_supportive() -> None:
    assert clinical_of(deep_buttock_pain=NO) is Clinical.NOT_SUPPORTIVE
    assert clinical_of(hamstring_loading_provokes=YES) is Clinical.NOT_SUPPORTIVE
    negative = dict.fromkeys(PROVOKING_TESTS, NO)
    assert clinical_of(deep_buttock_pain=YES, **negative) is Clinical.NOT_SUPPORTIVE


def test_pain_or_a_test_alone_is_incomplete() -> None:
    assert clinical_of(deep_buttock_pain=YES) is Clinical.INCOMPLETE
    assert clinical_of(long_stride_walking_test=YES) is Clinical.INCOMPLETE
    assert clinical_of(deep_buttock_pain=YES, hamstring_loading_provokes=NO) is Clinical.INCOMPLETE
    assert clinical_of(burning_quality=YES, pain_on_long_stride=YES) is Clinical.INCOMPLETE


@pytest.mark.parametrize(
    "symptom", ["burning_quality", "unloads_buttock_when_seated", "pain_on_long_stride"]
)
def test_a_supporting_symptom_that_is_absent_speaks_against_nothing(symptom: str) -> None:
    answers = {"deep_buttock_pain": YES, "long_stride_walking_test": YES, symptom: NO}
    assert clinical_of(**answers) is Clinical.SUPPORTIVE


def test_palpable_pain_does_not_move_the_clinical_axis() -> None:
    for answer in Answer:
        typical = replace(TYPICAL, pain_localised_by_palpation=answer)
        assert clinical_axis(intake(typical), LEFT).state is Clinical.SUPPORTIVE


def test_pain_on_loading_the_hamstring_speaks_against_and_raises_the_hamstring() -> None:
    loaded = replace(TYPICAL, hamstring_loading_provokes=YES)
    side = left(imaging(PRESENT, PRESENT, oedema(PRESENT, 2)), intake(loaded))
    assert side.clinical == "mixed"
    assert "against: pain on loading the hamstring" in side.sentences[2]
    assert [source.name for source in side.competing] == ["proximal hamstring tendinopathy"]


# --- what may be said together --------------------------------------------------------------------

#: The table of the evidence document, section 9.5, with the rows that it leaves to "clinical".
ALLOWED = {
    ("narrowed", "oedema", "supportive"): "are compatible with ischiofemoral impingement; other "
    "causes remain to be excluded by the clinician",
    ("narrowed", "oedema", "not supplied"): "can be seen in ischiofemoral impingement; clinical "
    "correlation is needed",
    ("narrowed", "oedema", "incomplete"): "can be seen in ischiofemoral impingement; the clinical "
    "features supplied are too few",
    ("narrowed", "oedema", "mixed"): "can be seen in ischiofemoral impingement; the clinical "
    "features supplied point both ways",
    ("narrowed", "oedema", "not supportive"): "can be seen in ischiofemoral impingement, but the "
    "clinical features supplied do not support it",
    ("narrowed", "none", "any"): "may be normal variation, the position while scanning, sex or age",
    ("not narrowed", "oedema", "any"): "without narrowing: strain or tear, delayed-onset muscle "
    "soreness, the position while scanning and other causes",
    ("not narrowed", "none", "any"): "Neither narrowing nor oedema signal",
}

CLINICAL_EXAMPLES: Mapping[str, ClinicalIntake | None] = {
    "supportive": intake(TYPICAL),
    "mixed": intake(replace(TYPICAL, hamstring_loading_provokes=YES)),
    "not supportive": intake(SideIntake(deep_buttock_pain=NO)),
    "incomplete": intake(yes("deep_buttock_pain")),
    "not supplied": None,
}

SPACE_EXAMPLES = {
    "narrowed": PRESENT,
    "indeterminate": INDETERMINATE,
    "not narrowed": ABSENT,
    "not assessable": NOT_ASSESSABLE,
}

MUSCLE_EXAMPLES = {
    "oedema": oedema(PRESENT, 2),
    "indeterminate": oedema(INDETERMINATE, 1),
    "none": oedema(ABSENT, 0),
    "not assessable": oedema(NOT_ASSESSABLE),
}


@pytest.mark.parametrize("clinical", CLINICAL_EXAMPLES)
@pytest.mark.parametrize("muscle", MUSCLE_EXAMPLES)
@pytest.mark.parametrize("space", SPACE_EXAMPLES)
def test_every_combination_of_axes_says_what_the_table_allows(
    space: str, muscle: str, clinical: str
) -> None:
    status = SPACE_EXAMPLES[space]
    findings = imaging(status, status, MUSCLE_EXAMPLES[muscle])
    side = left(findings, CLINICAL_EXAMPLES[clinical])
    assert (side.space, side.muscle, side.clinical) == (space, muscle, clinical)
    row = ALLOWED.get((space, muscle, clinical)) or ALLOWED.get((space, muscle, "any"))
    said = side.sentences[STATEMENT]
    assert (row or "No statement on impingement is made, as the ") in said
    assert "compatible with" not in said or clinical == "supportive"


def test_compatible_with_needs_all_three_axes() -> None:
    said = ENGLISH["statement.narrowed.oedema.supportive"]
    assert said.startswith("Imaging and clinical features are compatible with")
    others = {key: text for key, text in ENGLISH.items() if text != said}
    assert not [key for key, text in others.items() if "compatible" in text]


def test_what_is_not_settled_is_named_instead_of_a_statement() -> None:
    side = left(imaging(INDETERMINATE, None, oedema(NOT_ASSESSABLE)))
    assert side.sentences[STATEMENT] == (
        "No statement on impingement is made, as the width lies so near the cut-off that its "
        "uncertainty spans it and the signal of quadratus femoris was not assessable."
    )


@pytest.mark.parametrize("muscle", MUSCLE_EXAMPLES)
@pytest.mark.parametrize("space", SPACE_EXAMPLES)
@pytest.mark.parametrize("history", ["hip_surgery", "femoral_fracture"])
def test_earlier_surgery_or_fracture_leaves_no_statement_on_impingement(
    history: str, space: str, muscle: str
) -> None:
    status = SPACE_EXAMPLES[space]
    operated = intake(replace(TYPICAL, **{history: YES}))
    side = left(imaging(status, status, MUSCLE_EXAMPLES[muscle]), operated)
    named = {"hip_surgery": "hip surgery", "femoral_fracture": "femoral fracture"}[history]
    assert side.sentences[STATEMENT] == (
        f"No statement on impingement is made: earlier {named} on this side is recorded, and "
        "secondary impingement lies outside the scope of these cut-offs."
    )
    assert not any("compatible" in s or "treating" in s for s in side.sentences)


def test_surgery_on_one_side_leaves_the_other_side_its_statement() -> None:
    findings = [
        *imaging(PRESENT, PRESENT, oedema(PRESENT, 2), LEFT),
        *imaging(PRESENT, PRESENT, oedema(PRESENT, 2), RIGHT),
    ]
    summary = write(findings, [], [], ClinicalIntake(left=yes("hip_surgery"), right=TYPICAL))
    assert "outside the scope" in summary.left.sentences[STATEMENT]
    assert "compatible with" in summary.right.sentences[STATEMENT]


def test_the_sentences_open_with_one_for_each_axis_and_the_statement() -> None:
    side = left(imaging(PRESENT, ABSENT, oedema(PRESENT, 2, 1)), intake(TYPICAL))
    assert side.sentences[: STATEMENT + 1] == (
        "Space: narrowed (ischiofemoral space narrowed, quadratus femoris space not narrowed, "
        "profile singer2015).",
        "Quadratus femoris: oedema signal (grade 2, reader's visual grade 1).",
        "Clinical features: supportive (for: deep buttock pain, burning quality, positive "
        "long-stride walking test, loading the hamstring does not provoke the pain).",
        "Imaging and clinical features are compatible with ischiofemoral impingement; other "
        "causes remain to be excluded by the clinician.",
    )


def test_a_reader_who_disagrees_is_named_in_the_muscle_sentence() -> None:
    side = left(imaging(PRESENT, PRESENT, oedema(PRESENT, 2, 0)))
    assert side.sentences[1] == (
        "Quadratus femoris: oedema signal indeterminate, as the measured signal and the reader's "
        "eye disagree (grade 2, reader's visual grade 0)."
    )


def test_treatments_stand_as_one_cited_line_beside_the_strongest_wording() -> None:
    line = ENGLISH["treatments"]
    assert "doi:" in line
    for clinical, muscle in itertools.product(CLINICAL_EXAMPLES, MUSCLE_EXAMPLES):
        findings = imaging(PRESENT, PRESENT, MUSCLE_EXAMPLES[muscle])
        side = left(findings, CLINICAL_EXAMPLES[clinical])
        strongest = (clinical, muscle) == ("supportive", "oedema")
        assert (line in side.sentences) is strongest


@pytest.mark.parametrize(
    ("age", "said"), [(9, True), (17.99, True), (18, False), (50, False), (None, False)]
)
def test_oedema_signal_in_a_child_is_said_to_be_common(age: float | None, said: bool) -> None:
    findings = imaging(NOT_ASSESSABLE, NOT_ASSESSABLE, oedema(PRESENT, 2))
    by_intake = write(findings, [], [], intake(age_years=age)).left
    by_images = write(findings, [], [], None, age_years=age).left
    for side in (by_intake, by_images):
        assert (ENGLISH["children"] in side.sentences) is said


def test_the_age_of_the_intake_wins_over_that_of_the_images() -> None:
    findings = imaging(PRESENT, PRESENT, oedema(PRESENT, 2))
    side = write(findings, [], [], intake(age_years=50), age_years=9).left
    assert ENGLISH["children"] not in side.sentences


# --- competing sources, mechanism, history --------------------------------------------------------

#: Pointers of the evidence document, section 6.3, and of the account in its section 0.
RAISED = {
    "hamstring_loading_provokes": ["proximal hamstring tendinopathy"],
    "puranen_orava": ["proximal hamstring tendinopathy"],
    "bent_knee_stretch": ["proximal hamstring tendinopathy"],
    "pain_localised_by_palpation": ["proximal hamstring tendinopathy", "ischial bursitis"],
    "lumbar_signs": ["lumbar radiculopathy", "facet joint referral"],
    "straight_leg_raise": ["lumbar radiculopathy"],
    "radiates_below_knee": ["lumbar radiculopathy"],
    "seated_piriformis_stretch": ["deep gluteal syndrome"],
    "active_piriformis_test": ["deep gluteal syndrome"],
    "trochanteric_tenderness": ["gluteus medius tendinopathy"],
    "splits_slip": ["quadratus femoris strain or tear"],
    "forced_extension_slip": ["quadratus femoris strain or tear"],
    "fall_onto_buttock": ["quadratus femoris strain or tear"],
    "groin_pain": ["a source in the hip joint"],
}


@pytest.mark.parametrize("field", [field.name for field in fields(SideIntake)])
def test_each_pointer_raises_its_source(field: str) -> None:
    competing = left([], intake(yes(field))).competing
    assert [source.name for source in competing] == RAISED.get(field, [])
    assert all(source.because == (field,) for source in competing)
    assert left([], intake(SideIntake(**{field: NO}))).competing == ()


def test_every_source_of_the_task_can_be_raised() -> None:
    raised = {name for names in RAISED.values() for name in names}
    assert raised == {say(ENGLISH, pointers.source) for pointers in SOURCES}
    assert {
        "proximal hamstring tendinopathy",
        "lumbar radiculopathy",
        "facet joint referral",
        "deep gluteal syndrome",
        "gluteus medius tendinopathy",
        "ischial bursitis",
        "quadratus femoris strain or tear",
    } <= raised


def test_a_source_names_all_the_answers_that_point_to_it() -> None:
    answers = yes("puranen_orava", "bent_knee_stretch", "splits_slip")
    hamstring = left([], intake(answers)).competing[0]
    assert hamstring.because == ("puranen_orava", "bent_knee_stretch", "splits_slip")
    assert hamstring.sentence == (
        "To consider: proximal hamstring tendinopathy (positive Puranen-Orava test, positive "
        "bent-knee stretch and slip into a splits)."
    )


def test_what_only_fits_raises_nothing_alone() -> None:
    assert left([], intake(yes("unloads_buttock_when_seated"))).competing == ()
    seated = yes("unloads_buttock_when_seated", "active_piriformis_test")
    (source,) = left([], intake(seated)).competing
    assert source.because == ("active_piriformis_test", "unloads_buttock_when_seated")


def test_a_competing_source_stands_beside_the_strongest_wording() -> None:
    clinical = intake(replace(TYPICAL, lumbar_signs=YES))
    findings = imaging(PRESENT, PRESENT, oedema(PRESENT, 2))
    summary = write(findings, [], [], clinical)
    assert "compatible with" in summary.left.sentences[STATEMENT]
    pasted = impression(findings, [width(IFS, 11)], [], summary)
    assert (
        "Left: The clinical intake also points to lumbar radiculopathy and facet joint referral."
        in pasted
    )


@pytest.mark.parametrize("field", HISTORY)
def test_mechanism_and_history_are_named_where_the_answer_is_yes(field: str) -> None:
    sentence = ENGLISH[f"history.{field}"]
    assert sentence in left([], intake(yes(field))).sentences
    assert sentence not in left([], intake(SideIntake(**{field: NO}))).sentences
    assert sentence not in write([], [], [], intake(yes(field))).right.sentences


@pytest.mark.parametrize("field", ["epidural_injection", "eccentric_hamstring_training"])
def test_earlier_treatment_does_not_move_any_axis(field: str) -> None:
    findings = imaging(PRESENT, PRESENT, oedema(PRESENT, 2))
    plain, treated = (left(findings, intake(side)) for side in (SideIntake(), yes(field)))
    assert (plain.space, plain.muscle, plain.clinical) == (
        treated.space,
        treated.muscle,
        treated.clinical,
    )
    assert treated.competing == ()


def test_every_field_of_the_intake_has_a_use() -> None:
    pointers = {f for source in SOURCES for f in (*source.raised_by, *source.fits)}
    secondary = {"hip_surgery", "femoral_fracture"}
    used = pointers | set(CLINICAL_FIELDS) | set(HISTORY) | secondary
    assert used == {field.name for field in fields(SideIntake)}


# --- what is missing ------------------------------------------------------------------------------


def test_everything_that_is_missing_is_said() -> None:
    not_measured = [
        NotMeasured(IFS, LEFT, "no ischial_tuberosity landmark."),
        NotMeasured(RATIO, LEFT, "no fluid-sensitive series"),
        NotMeasured(QFS, RIGHT, "something of the other side"),
    ]
    findings = imaging(NOT_ASSESSABLE, NOT_ASSESSABLE, oedema(NOT_ASSESSABLE))
    assert write(findings, [], not_measured, None).left.missing == (
        "The ischiofemoral space was not measured: no ischial_tuberosity landmark.",
        "The quadratus femoris space could not be classified: profile singer2015 holds from 18 "
        "years; the patient's age is 9.",
        "Quadratus femoris signal was not measured: no fluid-sensitive series.",
        "No reader's visual grade of oedema was given.",
        "No clinical intake was supplied.",
        "Hip rotation while scanning was not recorded.",
        "The age is not known; cut-offs for adults were taken to hold.",
    )


def test_an_unanswered_intake_says_which_answers_matter() -> None:
    findings = imaging(PRESENT, PRESENT, oedema(PRESENT, 2, 2))
    assert left(findings, intake()).missing == (
        "Whether there is deep buttock pain was not answered.",
        "No provoking test was answered (long-stride walking, ischiofemoral impingement test, "
        "bent-knee fall-out).",
        "Whether loading the hamstring provokes the pain was not answered.",
        "Earlier hip surgery or femoral fracture was not answered.",
        "Hip rotation while scanning was not recorded.",
        "The age is not known; cut-offs for adults were taken to hold.",
    )


def test_nothing_is_missing_where_all_is_given() -> None:
    findings = imaging(PRESENT, PRESENT, oedema(PRESENT, 2, 2))
    complete = replace(TYPICAL, hip_surgery=NO)
    clinical = intake(complete, hip_rotation=HipRotation.NEUTRAL)
    assert write(findings, [], [], clinical, age_years=44).left.missing == ()


def test_a_reader_s_grade_without_measured_signal_says_that_it_was_not_measured() -> None:
    findings = imaging(PRESENT, PRESENT, oedema(PRESENT, None, 2))
    missing = [NotMeasured(RATIO, LEFT, "no quadratus_femoris landmark")]
    side = write(findings, [], missing, None).left
    assert side.muscle == "oedema"
    assert "Quadratus femoris signal was not measured: no quadratus_femoris landmark." in (
        side.missing
    )


def test_what_was_measured_is_not_missing() -> None:
    findings = imaging(ABSENT, ABSENT, oedema(ABSENT, 0))
    stale = [NotMeasured(IFS, LEFT, "an earlier try"), NotMeasured(QFS, LEFT, "no tendon")]
    missing = write(findings, [width(IFS, 25.5)], stale, None).left.missing
    assert missing[0] == "The quadratus femoris space was not measured: no tendon."
    assert not any("an earlier try" in sentence for sentence in missing)


def test_a_finding_nobody_made_is_missing_too() -> None:
    missing = left([]).missing
    assert "The ischiofemoral space could not be classified: no finding was made." in missing
    assert "Quadratus femoris signal could not be assessed: no finding was made." in missing


# --- the impression -------------------------------------------------------------------------------


def test_the_impression_gives_both_spaces_and_the_muscle_of_a_narrowed_side() -> None:
    findings = imaging(PRESENT, PRESENT, oedema(PRESENT, 2))
    measured = [width(IFS, 11.2), width(QFS, 6.1)]
    absent = [NotMeasured(name, RIGHT, "no landmarks on this side.") for name in (IFS, QFS)]
    summary = write(findings, measured, absent, None)
    assert impression(findings, measured, absent, summary) == (
        "Left: ischiofemoral space 11.2 mm (95 % interval 9.1 to 13.3), narrowed under singer2015 "
        "(<= 15.0 mm); quadratus femoris space 6.1 mm (95 % interval 4.0 to 8.2), narrowed under "
        "singer2015 (<= 10.0 mm); quadratus femoris oedema signal present (grade 2).",
        "Left: These imaging features can be seen in ischiofemoral impingement; clinical "
        "correlation is needed.",
        "Right: ischiofemoral and quadratus femoris spaces not measured (no landmarks on this "
        "side); quadratus femoris signal not assessable.",
        "Measurements and features for interpretation together with the clinical findings; not a "
        "diagnosis.",
    )


@pytest.mark.parametrize(
    ("status", "signal", "says"),
    [
        (ABSENT, oedema(ABSENT, 0), "25.5 mm (95 % interval 23.4 to 27.6), not narrowed under "
         "singer2015 (<= 15.0 mm); quadratus femoris space not measured (no tendon); no quadratus "
         "femoris oedema signal (grade 0)."),
        (INDETERMINATE, oedema(INDETERMINATE, 1, 1), "indeterminate under singer2015 (<= 15.0 mm)"
         "; quadratus femoris space not measured (no tendon); quadratus femoris oedema signal "
         "equivocal (grade 1, reader's visual grade 1)."),
        (NOT_ASSESSABLE, oedema(ABSENT, 0, 2), "25.5 mm (95 % interval 23.4 to 27.6), not "
         "classified; quadratus femoris space not measured (no tendon); quadratus femoris oedema "
         "signal: measurement and reader disagree (grade 0, reader's visual grade 2)."),
    ],
)  # fmt: skip
def test_the_impression_says_each_status_in_words(
    status: Status, signal: Finding, says: str
) -> None:
    findings = imaging(status, NOT_ASSESSABLE, signal)
    measured = [width(IFS, 25.5)]
    absent = [NotMeasured(QFS, LEFT, "no tendon")]
    summary = write(findings, measured, absent, None)
    assert says in impression(findings, measured, absent, summary)[0]


def test_a_side_on_which_nothing_could_be_assessed_gets_no_statement() -> None:
    summary = write([], [], [], None)
    assert impression([], [], [], summary) == (
        "Left: ischiofemoral and quadratus femoris spaces not measured (no finding was made); "
        "quadratus femoris signal not assessable.",
        "Right: ischiofemoral and quadratus femoris spaces not measured (no finding was made); "
        "quadratus femoris signal not assessable.",
        "Measurements and features for interpretation together with the clinical findings; not a "
        "diagnosis.",
    )


@pytest.mark.parametrize(
    ("ifs", "signal"), [(NOT_ASSESSABLE, oedema(PRESENT, 2)), (PRESENT, oedema(NOT_ASSESSABLE))]
)
def test_a_side_with_one_axis_settled_is_told_why_there_is_no_statement(
    ifs: Status, signal: Finding
) -> None:
    findings = imaging(ifs, ifs, signal)
    pasted = impression(findings, [], [], write(findings, [], [], None))
    assert pasted[1].startswith("Left: No statement on impingement is made, as the ")


def test_two_reasons_are_both_told() -> None:
    absent = [NotMeasured(IFS, LEFT, "no ischium"), NotMeasured(QFS, LEFT, "no tendon")]
    said = impression([], [], absent, write([], [], absent, None))[0]
    assert "ischiofemoral space not measured (no ischium)" in said
    assert "quadratus femoris space not measured (no tendon)" in said


def test_values_of_the_other_side_never_cross_over() -> None:
    findings = imaging(PRESENT, PRESENT, oedema(PRESENT, 2), RIGHT)
    measured = [width(IFS, 11.2, RIGHT), width(QFS, 6.1, RIGHT)]
    summary = write(findings, measured, [], None)
    pasted = impression(findings, measured, [], summary)
    assert "11.2" not in pasted[0]
    absent = [NotMeasured(name, RIGHT, "no right landmarks") for name in (IFS, QFS)]
    assert "right" not in impression([], [], absent, write([], [], absent, None))[0]
    assert pasted[1].startswith("Right: ischiofemoral space 11.2 mm")
    assert pasted[2].startswith("Right: These imaging features")


# --- position -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("distance", "crosses"),
    [
        (10.9, False),
        (11.0, False),
        (11.04, False),
        (11.05001, True),
        (11.1, True),
        (15.0, True),
        (15.1, True),
        (19.0, True),
        (19.04, True),
        (19.05001, False),
        (19.1, False),
    ],
)
def test_four_millimetres_carry_a_printed_distance_across_the_cut_off_or_not(
    distance: float, crosses: bool
) -> None:
    assert would_cross(distance, 15.0) is crosses


def test_a_shift_starts_from_the_printed_distance_and_is_free_of_rounding_noise() -> None:
    assert f"{7.95:.1f} {7.95 + 4:.1f}" == "8.0 11.9"
    assert would_cross(7.95, 11.9)
    assert 5.2 - 4 > 1.2
    assert would_cross(5.2, 1.2)


@pytest.mark.parametrize("profile", profiles(), ids=lambda profile: profile.id)
def test_four_millimetres_are_exact_at_every_cut_off(profile: CutoffProfile) -> None:
    for cutoff in profile.cutoff_mm.model_dump().values():
        if cutoff is None:
            continue
        crossing = [round(cutoff + d, 1) for d in (-3.9, 0.0, 4.0)]
        keeping = [round(cutoff + d, 1) for d in (-4.0, 4.1)]
        assert all(would_cross(distance, cutoff) for distance in crossing)
        assert not any(would_cross(distance, cutoff) for distance in keeping)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("HFS", "Supine, head first"),
        ("FFS", "Supine, feet first"),
        ("HFP", "Prone, head first"),
        ("FFP", "Prone, feet first"),
        ("HFDR", "Lying on the right side, head first"),
        ("FFDL", "Lying on the left side, feet first"),
        (" ffs ", "Supine, feet first"),
        (None, "Patient position not recorded"),
        ("", "Patient position not recorded"),
        (" ", "Patient position not recorded"),
        ("HF", "Patient position not one of the DICOM terms"),
        ("HFX", "Patient position not one of the DICOM terms"),
        ("DOE^JANE", "Patient position not one of the DICOM terms"),
    ],
)
def test_the_patient_position_is_said_in_words(code: str | None, words: str) -> None:
    sentence = position_sentence(code, None, [], SINGER)
    assert sentence.startswith(
        f"{words}; hip rotation not recorded; knee bolster not recorded. The widths change with "
        "position: 34 % of 95 hips differed by 4 mm or more "
    )
    assert ("Prone, the ischiofemoral space was 3.15 mm wider" in sentence) is (
        words.startswith("Prone")
    )


def test_recorded_rotation_and_bolster_are_said() -> None:
    turned = intake(hip_rotation=HipRotation.EXTERNAL, hip_rotation_deg=20.0, knee_bolster=YES)
    sentence = position_sentence("HFS", turned, [], SINGER)
    assert "; hip in external rotation of 20 degrees; knees on a bolster." in sentence
    assert "11.0 mm in external" in sentence
    neutral = intake(hip_rotation=HipRotation.NEUTRAL, knee_bolster=NO)
    sentence = position_sentence("HFS", neutral, [], SINGER)
    assert "; hip rotation neutral; no knee bolster." in sentence
    assert "dissertation" not in sentence


@pytest.mark.parametrize(
    ("rotation", "said"),
    [
        (HipRotation.EXTERNAL, "30 degrees would narrow the space by 1.2 to 6.9 mm"),
        (HipRotation.INTERNAL, "30 degrees would widen the space by 11.4 mm"),
    ],
)
def test_rotation_in_degrees_is_held_against_published_slopes_that_disagree(
    rotation: HipRotation, said: str
) -> None:
    sentence = position_sentence(
        "HFS", intake(hip_rotation=rotation, hip_rotation_deg=30.0), [], SINGER
    )
    assert said in sentence
    for part in ("disagree", "PMID 38593926", "0.04", "0.23", "applied"):
        assert part in sentence
    without = position_sentence("HFS", intake(hip_rotation=rotation), [], SINGER)
    assert "per degree" not in without


def trochanters(value_deg: float) -> Measurement:
    name = MeasurementName.SIDE_DIFFERENCE_LESSER_TROCHANTER_DIRECTION
    interval = (value_deg - 4.0, value_deg + 4.0)
    return Measurement(name, None, value_deg, "deg", 2.04, interval, "", (), None, 2)


@pytest.mark.parametrize(
    ("value_deg", "said"),
    [
        (12.0, "the left lesser trochanter points 12.0 degrees further to the back (95 % interval "
               "8.0 to 16.0)"),
        (-20.3, "the right lesser trochanter points 20.3 degrees further to the back (95 % "
                "interval 16.3 to 24.3)"),
        (3.9, None),
        (-3.9, None),
    ],
)  # fmt: skip
def test_trochanters_that_point_apart_are_said_where_the_images_show_it(
    value_deg: float, said: str | None
) -> None:
    sentence = position_sentence("HFS", None, [trochanters(value_deg)], SINGER)
    assert ("trochanter points" in sentence) is (said is not None)
    assert (said or "") in sentence


def test_results_that_a_shift_would_carry_across_are_told_from_those_it_would_not() -> None:
    measured = [width(IFS, 14.0), width(QFS, 18.8), width(IFS, 25.5, RIGHT), width(RATIO, 1.0)]
    assert position_sentence("FFS", None, measured, SINGER).endswith(
        "A shift of 4 mm would carry these across their cut-off: left ischiofemoral space (14.0 "
        "mm, cut-off 15.0 mm). A shift of 4 mm would leave these on their side of it: left "
        "quadratus femoris space (18.8 mm, cut-off 10.0 mm), right ischiofemoral space (25.5 mm, "
        "cut-off 15.0 mm)."
    )


def test_a_space_without_a_cut_off_has_no_side_of_it() -> None:
    measured = [width(QFS, 9.0)]
    assert "A shift" not in position_sentence("FFS", None, measured, find_profile("hatem2020"))


@pytest.mark.parametrize(
    ("profile", "clinical", "age", "said"),
    [
        ("singer2015", None, None, True),
        ("singer2015", None, 17.0, False),
        ("singer2015", intake(age_years=50), 17.0, True),
        ("goldbergstein2018_teen", intake(age_years=14), None, True),
        ("goldbergstein2018_teen", None, None, False),
        ("positional_er", None, None, False),
        ("positional_er", intake(hip_rotation=HipRotation.INTERNAL), None, False),
        ("positional_er", intake(hip_rotation=HipRotation.EXTERNAL), None, True),
        ("positional_add", intake(hip_rotation=HipRotation.NEUTRAL), None, False),
    ],
)
def test_cut_offs_that_do_not_hold_for_the_patient_are_not_shifted_against(
    profile: str, clinical: ClinicalIntake | None, age: float | None, said: bool
) -> None:
    sentence = position_sentence(
        "HFS", clinical, [width(IFS, 14.0)], find_profile(profile), age_years=age
    )
    assert ("A shift" in sentence) is said


def test_position_is_a_noun_with_its_sentence() -> None:
    turned = intake(hip_rotation=HipRotation.INTERNAL, hip_rotation_deg=15.0, knee_bolster=NO)
    noun = position("HFS", turned, [width(IFS, 14.0)], SINGER)
    assert (noun.patient_position, noun.hip_rotation, noun.hip_rotation_deg, noun.knee_bolster) == (
        "HFS",
        HipRotation.INTERNAL,
        15.0,
        NO,
    )
    assert noun.sentence == position_sentence("HFS", turned, [width(IFS, 14.0)], SINGER)
    nothing = position(None, None, [], SINGER)
    assert (nothing.hip_rotation, nothing.knee_bolster) == (HipRotation.NOT_RECORDED, UNKNOWN)


# --- everything that can be said ------------------------------------------------------------------


def _all_findings() -> Iterator[list[Finding]]:
    statuses = (None, *Status)
    signals = (
        None,
        oedema(NOT_ASSESSABLE),
        *(oedema(s, g, r) for s, g in ((PRESENT, 2), (INDETERMINATE, 1), (ABSENT, 0))
          for r in (None, 0, 2)),
        oedema(PRESENT, None, 1),
        oedema(ABSENT, None, 0),
    )  # fmt: skip
    for ifs, qfs, signal in itertools.product(statuses, statuses, signals):
        yield imaging(ifs, qfs, signal)
    for ifs, signal, (status, grade) in itertools.product(
        (PRESENT, ABSENT),
        signals,
        ((PRESENT, 2), (INDETERMINATE, 1), (ABSENT, 0), (NOT_ASSESSABLE, None)),
    ):
        yield [*imaging(ifs, ifs, signal), fat(status, grade)]


def _all_intakes() -> Iterator[ClinicalIntake | None]:
    names = [field.name for field in fields(SideIntake)]
    yield from CLINICAL_EXAMPLES.values()
    for answer in Answer:
        everything = dict.fromkeys(names, answer)
        yield intake(SideIntake(**everything), age_years=9)
        unoperated = everything | {"hip_surgery": NO, "femoral_fracture": NO}
        yield intake(SideIntake(**unoperated))


class Recording(dict[str, str]):
    """A catalogue that notes which of its messages are used."""

    def __init__(self) -> None:
        super().__init__(ENGLISH)
        self.used: set[str] = set()

    def __getitem__(self, key: str) -> str:
        self.used.add(key)
        return super().__getitem__(key)


@cache
def everything_said() -> tuple[frozenset[str], frozenset[str]]:
    """Return every sentence over all combinations of states, and the messages used."""
    words = Recording()
    said: set[str] = set()
    measured = [width(IFS, 14.0), width(QFS, 18.8)]
    for zone in Zone:
        taken = [*measured, raised_in(str(zone), "yes")]
        summary = write(imaging(PRESENT, None, oedema(PRESENT, 2)), taken, [], None, words=words)
        said |= {*summary.left.sentences}
    absent = [NotMeasured(name, LEFT, "no landmark") for name in (IFS, QFS, RATIO)]
    for findings, clinical in itertools.product(_all_findings(), _all_intakes()):
        for taken, missing in ((measured, []), ([], absent)):
            summary = write(findings, taken, missing, clinical, words=words)
            for side in (summary.left, summary.right):
                said |= {*side.sentences, *side.missing}
                said |= {source.sentence for source in side.competing}
                said |= {source.name for source in side.competing}
            said |= {*summary.limits}
            said |= {*impression(findings, taken, missing, summary, words=words)}
    said |= set(_all_positions(measured, words))
    for name in (f.name for f in fields(SideIntake)):
        summary = write([], [], [], intake(yes(name)), words=words)
        said |= {*summary.left.sentences}
    return frozenset(said), frozenset(words.used)


def _all_positions(measured: list[Measurement], words: Mapping[str, str]) -> Iterator[str]:
    both_sides = [*measured, width(IFS, 14.0, RIGHT), trochanters(12.0)]
    codes = (None, "?", "HFS", "HFP", "HFDR", "HFDL", "FFS")
    for code, rotation, bolster in itertools.product(codes, HipRotation, Answer):
        turned = intake(hip_rotation=rotation, hip_rotation_deg=5.0, knee_bolster=bolster)
        yield position_sentence(code, turned, both_sides, SINGER, words=words)


FORBIDDEN = (
    r"(?i)confirm",
    r"(?i)diagnostic of",
    r"(?i)diagnos(?!is\.)",  # only "... not a diagnosis."
    r"(?i)exclud(?!ed by the clinician)",
    r"(?i)rules? out|ruled out",
    r"(?i)\bprov(en|es|ed)\b",
    r"(?i)pathognomonic|definite|\bcertain|typical of|consistent with",
    r"(?i)probab|likel|odds|\brisk\b",
    r"(?i)recommend|advis|advice|should|must\b|ought",
    r"(?i)\btreat(ed)? with|\bgive\b|prescrib|\boperate\b",
    r"(?i)\bnormal\b(?! variation)",
    r"(?i)healthy",
    r"(?i)(?<!o)edema",
    r"\bIFI\b|\bIFS\b|\bQFS?\b",
    r"  |\{|\}|\bNone\b|\bnan\b|\.\.| \.| ,|\(\)",
)


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_no_sentence_says_what_must_never_be_said(pattern: str) -> None:
    said, _ = everything_said()
    assert len(said) > 200
    for sentence in said:
        assert not re.search(pattern, sentence), sentence


def test_the_word_diagnosis_stands_only_where_it_is_denied() -> None:
    said, _ = everything_said()
    about = {sentence for sentence in said if "diagnosis" in sentence}
    assert len(about) == 2
    assert all("not a diagnosis." in sentence for sentence in about)


def test_sentences_are_sentences() -> None:
    said, _ = everything_said()
    names = {say(ENGLISH, pointers.source) for pointers in SOURCES}
    for sentence in said - names:
        assert sentence[0].isupper(), sentence
        assert sentence.endswith("."), sentence
        assert "\n" not in sentence


def test_every_message_of_the_catalogue_is_used_and_none_is_asked_for_in_vain() -> None:
    _, used = everything_said()
    assert used >= SUMMARY_MESSAGES.keys()
    assert used <= ENGLISH.keys()


def test_another_language_is_another_catalogue() -> None:
    """Every word comes from the catalogue: with each message replaced by its id, nothing else but
    numbers, the profile's id and the reasons given is left."""
    foreign = {key: f"<{key}>" for key in ENGLISH}
    findings = imaging(PRESENT, ABSENT, oedema(PRESENT, 2, 0))
    clinical = intake(replace(TYPICAL, lumbar_signs=YES, snapping=YES))
    summary = write(findings, [], [], clinical, words=foreign)
    said = [
        *impression(findings, [width(IFS, 9.0)], [], summary, words=foreign),
        *(s for side in (summary.left, summary.right) for s in (*side.sentences, *side.missing)),
        *(source.sentence for source in summary.left.competing),
        *summary.limits,
        position_sentence("HFP", clinical, [width(IFS, 9.0)], SINGER, words=foreign),
    ]
    for sentence in said:
        assert re.fullmatch(r"<[\w. -]+>( <[\w. -]+>)*", sentence), sentence


@pytest.mark.parametrize("recalled", ["0.94", "0.95", "0.82", "78.7", "74.1", "77.1", "Kivlan"])
def test_figures_that_nobody_read_are_not_printed(recalled: str) -> None:
    assert not any(recalled in text for text in ENGLISH.values())


def test_every_summary_states_its_limits() -> None:
    summaries: list[DiagnosticSummary] = [
        write([], [], [], None),
        write(imaging(PRESENT, PRESENT, oedema(PRESENT, 2)), [], [], intake(TYPICAL)),
    ]
    for summary in summaries:
        assert summary.limits == tuple(ENGLISH[limit] for limit in LIMITS)
        text = " ".join(summary.limits)
        for needed in (
            "not a diagnosis",
            "depend on the hip's position",
            "also occur without symptoms",
            "15 to 18 mm for the ischiofemoral and 7 to 13 mm",
            "No standard error",
            "narrower in women",
            "in children",
            "After hip surgery",
            "outside the scope",
        ):
            assert needed in text


def test_lists_read_as_in_a_sentence() -> None:
    assert listed(ENGLISH, []) == ""
    assert listed(ENGLISH, ["a"]) == "a"
    assert listed(ENGLISH, ("a", "b")) == "a and b"
    assert listed(ENGLISH, ["a", "b", "c"]) == "a, b and c"


def test_axes_are_plain_words_in_the_summary() -> None:
    side = left(imaging(PRESENT, PRESENT, oedema(PRESENT, 2)), intake(TYPICAL))
    assert {type(value) for value in (side.space, side.muscle, side.clinical)} == {str}
    for axis in (Space, Muscle, Clinical):
        assert all(state.value == state.value.lower() for state in axis)


# --- the account's assertions ---------------------------------------------------------------------


def test_the_assertions_are_those_of_the_account() -> None:
    counts = {"A": 6, "M": 5, "S": 3, "E": 3, "D": 2, "I": 1, "T": 2}
    expected = [f"{letter}{i + 1}" for letter, n in counts.items() for i in range(n)]
    assert [assertion.id for assertion in ASSERTIONS] == expected


@pytest.mark.parametrize("assertion", ASSERTIONS, ids=lambda assertion: assertion.id)
def test_an_assertion_names_fields_messages_and_tests_that_exist(assertion: Assertion) -> None:
    assert set(assertion.fields) <= {field.name for field in fields(SideIntake)}
    assert assertion.message in {"", *ENGLISH}
    tests = "".join(
        path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py")
    )
    assert f"def {assertion.test}(" in tests
    assert assertion.text.endswith(".")
    assert assertion.rule.endswith(".")
    assert assertion.standing
