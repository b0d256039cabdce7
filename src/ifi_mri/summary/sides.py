"""The diagnostic summary: per side the three axes, what they allow to be said together, competing
sources and history, and what is missing.

The allowed sentences are those of the project's evidence document, section 9.5: a statement on
impingement only where both the space and the muscle are settled and no earlier surgery or fracture
makes it a question of secondary impingement.
"""

from collections.abc import Iterator, Sequence

from ifi_mri.config import ADULT_FROM_YEARS
from ifi_mri.language.catalogue import ENGLISH, LIMITS, Catalogue, listed, say
from ifi_mri.language.reasons import translated
from ifi_mri.model import (
    ClinicalIntake,
    DiagnosticSummary,
    Finding,
    Measurement,
    NotMeasured,
    SideIntake,
    SideSummary,
)
from ifi_mri.summary.axes import (
    JUDGED_SPACES,
    PROVOKING_TESTS,
    SECONDARY_HISTORY,
    Clinical,
    ClinicalReading,
    Muscle,
    Space,
    clinical_axis,
    finding_of,
    muscle_axis,
    secondary_history,
    space_axis,
    status_of,
)
from ifi_mri.summary.competing import competing
from ifi_mri.summary.muscle import Measured, muscle_context, muscle_sentence
from ifi_mri.vocabulary import Answer, FindingName, HipRotation, MeasurementName, Side, Status

#: Mechanism, history and other recorded features that are named where the answer is yes; surgery
#: and fracture are named by the statement itself.
HISTORY = (
    "turnout_dancer",
    "hypermobility",
    "splits_slip",
    "forced_extension_slip",
    "fall_onto_buttock",
    "epidural_injection",
    "eccentric_hamstring_training",
    "groin_pain",
    "snapping",
)

#: Where in ``SideSummary.sentences`` the statement on the three axes together stands.
STATEMENT = 3

#: Without either of these, the muscle's signal was not measured.
SIGNAL = (
    MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO,
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION,
)


def write(
    findings: Sequence[Finding],
    measurements: Sequence[Measurement],
    not_measured: Sequence[NotMeasured],
    clinical: ClinicalIntake | None,
    *,
    age_years: float | None = None,
    words: Catalogue = ENGLISH,
) -> DiagnosticSummary:
    """Return the diagnostic summary of both sides.

    Parameters
    ----------
    findings, measurements, not_measured : sequences
        Of both sides, from the same analysis.
    clinical : ClinicalIntake or None
        None where none was supplied.
    age_years : float or None
        Age by the images, where the intake does not state it.
    words : mapping
        The catalogue of sentences.

    Returns
    -------
    DiagnosticSummary
        ``space``, ``muscle`` and ``clinical`` are the values of `axes.Space`, `axes.Muscle` and
        `axes.Clinical`.
    """
    if clinical is not None and clinical.age_years is not None:
        age_years = clinical.age_years
    reasons = {(item.name, item.side): item.reason for item in not_measured}
    measured = {(item.name, item.side) for item in measurements}
    for key in measured & reasons.keys():
        del reasons[key]

    def side_summary(side: Side) -> SideSummary:
        on_side = {name: reason for (name, at), reason in reasons.items() if at is side}
        taken = {item.name: item for item in measurements if item.side is side}
        return _side_summary(findings, taken, on_side, clinical, side, age_years, words)

    return DiagnosticSummary(
        left=side_summary(Side.LEFT),
        right=side_summary(Side.RIGHT),
        limits=tuple(say(words, limit) for limit in LIMITS),
    )


def _side_summary(
    findings: Sequence[Finding],
    taken: Measured,
    reasons: dict[MeasurementName, str],
    clinical: ClinicalIntake | None,
    side: Side,
    age_years: float | None,
    words: Catalogue,
) -> SideSummary:
    space, muscle = space_axis(findings, side), muscle_axis(findings, side)
    reading = clinical_axis(clinical, side)
    sentences = [
        space_sentence(findings, side, words),
        muscle_sentence(findings, side, words),
        clinical_sentence(reading, words),
        statement(space, muscle, reading.state, secondary_history(clinical, side), words),
        *muscle_context(findings, taken, side, words),
        *_context(space, muscle, reading.state, clinical, side, age_years, words),
    ]
    missing = [
        *_missing_from_images(findings, reasons, side, words),
        *_missing_from_intake(clinical, side, age_years, words),
    ]
    return SideSummary(
        side=side,
        space=space.value,
        muscle=muscle.value,
        clinical=reading.state.value,
        sentences=tuple(sentences),
        competing=competing(clinical, side, words),
        missing=tuple(missing),
    )


# --- one sentence an axis -------------------------------------------------------------------------


def space_sentence(findings: Sequence[Finding], side: Side, words: Catalogue) -> str:
    """Return the space axis with the status of each space and the profile."""
    parts = [
        say(
            words,
            "axis.space.part",
            space=say(words, f"space.{space}"),
            status=say(words, status_of(findings, name, side)),
        )
        for name, space in JUDGED_SPACES.items()
    ]
    judged = [finding_of(findings, name, side) for name in JUDGED_SPACES]
    profiles = dict.fromkeys(finding.profile for finding in judged if finding and finding.profile)
    parts += [say(words, "axis.space.profile", profile=profile) for profile in profiles]
    state = space_axis(findings, side).value
    return say(words, f"axis.space.{state}", spaces=", ".join(parts))


def clinical_sentence(reading: ClinicalReading, words: Catalogue) -> str:
    """Return the clinical axis with the answers for and against."""
    parts = [
        say(words, message, answers=", ".join(say(words, answer) for answer in answers))
        for message, answers in (
            ("clinical.for", reading.speaks_for),
            ("clinical.against", reading.speaks_against),
        )
        if answers
    ]
    answers = "; ".join(parts) or say(words, "clinical.neither")
    return say(words, f"axis.clinical.{reading.state.value}", answers=answers)


# --- what the axes allow to be said together ------------------------------------------------------


def statement(
    space: Space,
    muscle: Muscle,
    clinical: Clinical,
    secondary: tuple[str, ...],
    words: Catalogue,
) -> str:
    """Return the one sentence that the three axes of a side allow.

    ``secondary`` are the fields of `axes.secondary_history`: with any of them nothing is said about
    impingement.
    """
    if secondary:
        history = listed(words, [say(words, f"{field}.yes") for field in secondary])
        return say(words, "statement.outside_scope", history=history)
    reasons = unsettled(space, muscle, words)
    if reasons:
        return say(words, "statement.no_statement", reasons=listed(words, reasons))
    if (space, muscle) == (Space.NARROWED, Muscle.OEDEMA):
        return say(words, f"statement.narrowed.oedema.{clinical.value}")
    return say(words, f"statement.{space.value}.{muscle.value}")


def unsettled(space: Space, muscle: Muscle, words: Catalogue) -> list[str]:
    """Return why the two imaging axes allow no statement; empty where they do."""
    open_states = ("indeterminate", "not assessable")
    return [
        say(words, f"reason.{axis}.{state.value}")
        for axis, state in (("space", space), ("muscle", muscle))
        if state.value in open_states
    ]


def _context(
    space: Space,
    muscle: Muscle,
    state: Clinical,
    clinical: ClinicalIntake | None,
    side: Side,
    age_years: float | None,
    words: Catalogue,
) -> Iterator[str]:
    """Yield what is recorded beside the axes: mechanism, history, childhood, treatments."""
    if muscle is Muscle.OEDEMA and age_years is not None and age_years < ADULT_FROM_YEARS:
        yield say(words, "children")
    answers = clinical.on(side) if clinical else SideIntake()
    for field in HISTORY:
        if getattr(answers, field) is Answer.YES:
            yield say(words, f"history.{field}")
    fits = (space, muscle, state) == (Space.NARROWED, Muscle.OEDEMA, Clinical.SUPPORTIVE)
    if fits and not secondary_history(clinical, side):
        yield say(words, "treatments")


# --- what is missing ------------------------------------------------------------------------------


def _missing_from_images(
    findings: Sequence[Finding],
    reasons: dict[MeasurementName, str],
    side: Side,
    words: Catalogue,
) -> Iterator[str]:
    for name, space in JUDGED_SPACES.items():
        called = say(words, f"space.{space}")
        if space in reasons:
            reason = _clause(reasons[space], words)
            yield say(words, "missing.measurement", space=called, reason=reason)
        elif status_of(findings, name, side) is Status.NOT_ASSESSABLE:
            reason = _because(finding_of(findings, name, side), words)
            yield say(words, "missing.space", space=called, reason=reason)
    oedema = finding_of(findings, FindingName.QUADRATUS_FEMORIS_OEDEMA, side)
    unmeasured = [reasons[name] for name in SIGNAL if name in reasons]
    if unmeasured:
        yield say(words, "missing.signal", reason=_clause(unmeasured[0], words))
    elif oedema is None or oedema.status is Status.NOT_ASSESSABLE:
        yield say(words, "missing.muscle", reason=_because(oedema, words))
    if oedema is None or oedema.reader_grade is None:
        yield say(words, "missing.reader_grade")


def _missing_from_intake(
    clinical: ClinicalIntake | None, side: Side, age_years: float | None, words: Catalogue
) -> Iterator[str]:
    if clinical is None:
        yield say(words, "missing.intake")
    else:
        answers = clinical.on(side)
        for message, fields in (
            ("missing.pain", ("deep_buttock_pain",)),
            ("missing.tests", PROVOKING_TESTS),
            ("missing.hamstring", ("hamstring_loading_provokes",)),
            ("missing.surgery", SECONDARY_HISTORY),
        ):
            if all(getattr(answers, field) is Answer.UNKNOWN for field in fields):
                yield say(words, message)
    if clinical is None or clinical.hip_rotation is HipRotation.NOT_RECORDED:
        yield say(words, "missing.rotation")
    if age_years is None:
        yield say(words, "missing.age")


def _because(finding: Finding | None, words: Catalogue) -> str:
    return _clause(finding.because, words) if finding else say(words, "missing.no_finding")


def _clause(reason: str, words: Catalogue) -> str:
    """Return a reason as it stands inside a sentence: in its language, without its full stop."""
    return translated(words, reason).strip().rstrip(".")
