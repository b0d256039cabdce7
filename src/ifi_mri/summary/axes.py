"""The three axes of one side, kept apart: the space, the muscle, the clinical features.

No axis is a score and none is combined with another into a number.  The rules are our proposals on
published anchors (project evidence document, section 9.5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ifi_mri.model import ClinicalIntake, Finding, SideIntake
from ifi_mri.vocabulary import Answer, FindingName, MeasurementName, Side, Status


class Space(StrEnum):
    """Whether the passage is narrow under the chosen profile."""

    NARROWED = "narrowed"
    INDETERMINATE = "indeterminate"
    NOT_NARROWED = "not narrowed"
    NOT_ASSESSABLE = "not assessable"


class Muscle(StrEnum):
    """Whether quadratus femoris shows oedema signal, or fat without it."""

    OEDEMA = "oedema"
    FAT = "fat"
    INDETERMINATE = "indeterminate"
    NONE = "none"
    NOT_ASSESSABLE = "not assessable"


class Clinical(StrEnum):
    """Whether the clinical intake supports impingement."""

    SUPPORTIVE = "supportive"
    MIXED = "mixed"
    NOT_SUPPORTIVE = "not supportive"
    INCOMPLETE = "incomplete"
    NOT_SUPPLIED = "not supplied"


#: The space that each narrowing finding judges, in the order of the report.
JUDGED_SPACES: Final = {
    FindingName.ISCHIOFEMORAL_SPACE_NARROWING: MeasurementName.ISCHIOFEMORAL_SPACE,
    FindingName.QUADRATUS_FEMORIS_SPACE_NARROWING: MeasurementName.QUADRATUS_FEMORIS_SPACE,
}

#: Tests that provoke the pain of impingement.
PROVOKING_TESTS: Final = (
    "long_stride_walking_test",
    "ischiofemoral_impingement_test",
    "bent_knee_fall_out_provokes",
)

#: Symptoms that are named in support but settle nothing: their absence says little.
SUPPORTING_SYMPTOMS: Final = (
    "burning_quality",
    "unloads_buttock_when_seated",
    "pain_on_long_stride",
)

#: Every field that the clinical axis looks at.
CLINICAL_FIELDS: Final = (
    "deep_buttock_pain",
    *SUPPORTING_SYMPTOMS,
    *PROVOKING_TESTS,
    "hamstring_loading_provokes",
)

#: After these, impingement is secondary and outside the scope of the cut-offs.
SECONDARY_HISTORY: Final = ("hip_surgery", "femoral_fracture")


@dataclass(frozen=True)
class ClinicalReading:
    """The clinical axis with the answers it rests on, as ``field.answer``."""

    state: Clinical
    speaks_for: tuple[str, ...] = ()
    speaks_against: tuple[str, ...] = ()


def finding_of(findings: Sequence[Finding], name: FindingName, side: Side) -> Finding | None:
    """Return a finding of one side, or None where no rule made it."""
    return next((f for f in findings if f.name is name and f.side is side), None)


def status_of(findings: Sequence[Finding], name: FindingName, side: Side) -> Status:
    """Return the status of a finding of one side; not assessable where there is none."""
    finding = finding_of(findings, name, side)
    return finding.status if finding else Status.NOT_ASSESSABLE


def space_axis(findings: Sequence[Finding], side: Side) -> Space:
    """Combine both narrowing findings of a side.

    Narrowed where either space is narrowed; else indeterminate where either is; else not narrowed
    where the ischiofemoral space is not (the quadratus femoris space alone, which not every profile
    judges, is not enough); else not assessable.
    """
    ischiofemoral, quadratus = (status_of(findings, name, side) for name in JUDGED_SPACES)
    if Status.PRESENT in (ischiofemoral, quadratus):
        return Space.NARROWED
    if Status.INDETERMINATE in (ischiofemoral, quadratus):
        return Space.INDETERMINATE
    return Space.NOT_NARROWED if ischiofemoral is Status.ABSENT else Space.NOT_ASSESSABLE


def muscle_axis(findings: Sequence[Finding], side: Side) -> Muscle:
    """Return the oedema finding of a side as an axis; fat where there is no oedema signal but
    fatty infiltration.

    Neither the measured signal nor the reader's eye overwrites the other: where one sees oedema
    signal and the other sees none, the axis is indeterminate.
    """
    finding = finding_of(findings, FindingName.QUADRATUS_FEMORIS_OEDEMA, side)
    if finding is None:
        return Muscle.NOT_ASSESSABLE
    if reader_disagrees(finding):
        return Muscle.INDETERMINATE
    fat = status_of(findings, FindingName.QUADRATUS_FEMORIS_FATTY_INFILTRATION, side)
    if finding.status is Status.ABSENT and fat is Status.PRESENT:
        return Muscle.FAT
    return {
        Status.PRESENT: Muscle.OEDEMA,
        Status.INDETERMINATE: Muscle.INDETERMINATE,
        Status.ABSENT: Muscle.NONE,
        Status.NOT_ASSESSABLE: Muscle.NOT_ASSESSABLE,
    }[finding.status]


def reader_disagrees(oedema: Finding) -> bool:
    """Return whether measured signal and reader's eye differ on there being any oedema signal."""
    if oedema.reader_grade is None:
        return False
    seen_by_reader = oedema.reader_grade > 0
    return (oedema.status is Status.PRESENT and not seen_by_reader) or (
        oedema.status is Status.ABSENT and seen_by_reader
    )


def clinical_axis(clinical: ClinicalIntake | None, side: Side) -> ClinicalReading:
    """Read one side's answers by a rule without weights.

    For impingement speak deep buttock pain, a provoking test that is positive, the supporting
    symptoms, and that loading the hamstring does not provoke the pain (which sets it apart from
    hamstring disease).  Against it speak no deep buttock pain, a provoking test that is negative,
    and pain on loading the hamstring.

    - *supportive*: deep buttock pain, at least one provoking test positive (the clinical half of
      Barros 2019's case definition, Radiol Bras 2019;52(4):237-241), nothing against;
    - *mixed*: something against, and at least one provoking test positive;
    - *not supportive*: something against, no provoking test positive;
    - *incomplete*: nothing against, but the pain or a positive test is missing;
    - *not supplied*: none of these questions was answered.
    """
    answers = clinical.on(side) if clinical else SideIntake()
    given = {name: getattr(answers, name) for name in CLINICAL_FIELDS}
    if all(answer is Answer.UNKNOWN for answer in given.values()):
        return ClinicalReading(Clinical.NOT_SUPPLIED)
    supporting = tuple(f"{n}.{a}" for n, a in given.items() if a is _ANSWER_FOR[n])
    opposing = tuple(f"{n}.{a}" for n, a in given.items() if a is _ANSWER_AGAINST.get(n))
    provoked = any(given[name] is Answer.YES for name in PROVOKING_TESTS)
    if opposing:
        state = Clinical.MIXED if provoked else Clinical.NOT_SUPPORTIVE
    elif provoked and given["deep_buttock_pain"] is Answer.YES:
        state = Clinical.SUPPORTIVE
    else:
        state = Clinical.INCOMPLETE
    return ClinicalReading(state, supporting, opposing)


_ANSWER_FOR: Final = dict.fromkeys(CLINICAL_FIELDS, Answer.YES) | {
    "hamstring_loading_provokes": Answer.NO
}

_ANSWER_AGAINST: Final = dict.fromkeys(("deep_buttock_pain", *PROVOKING_TESTS), Answer.NO) | {
    "hamstring_loading_provokes": Answer.YES
}


def secondary_history(clinical: ClinicalIntake | None, side: Side) -> tuple[str, ...]:
    """Return which history of a side puts it outside the scope of the cut-offs."""
    if clinical is None:
        return ()
    answers = clinical.on(side)
    return tuple(name for name in SECONDARY_HISTORY if getattr(answers, name) is Answer.YES)
