"""The impression: a few sentences a side, short enough to paste into a report."""

from collections.abc import Iterator, Sequence

from ifi_mri.language.catalogue import ENGLISH, Catalogue, listed, say
from ifi_mri.language.reasons import translated
from ifi_mri.model import DiagnosticSummary, Finding, Measurement, NotMeasured, SideSummary
from ifi_mri.summary.axes import (
    JUDGED_SPACES,
    Muscle,
    Space,
    finding_of,
    reader_disagrees,
)
from ifi_mri.summary.muscle import fat_grade, grades
from ifi_mri.summary.sides import STATEMENT
from ifi_mri.vocabulary import FindingName, MeasurementName, Side, Status, printed, spoken


def impression(
    findings: Sequence[Finding],
    measurements: Sequence[Measurement],
    not_measured: Sequence[NotMeasured],
    summary: DiagnosticSummary,
    *,
    words: Catalogue = ENGLISH,
) -> tuple[str, ...]:
    """Return the impression: per side the numbers, what they allow to be said, competing sources.

    Parameters
    ----------
    findings, measurements, not_measured : sequences
        Those that ``summary`` was written from.
    summary : DiagnosticSummary
        From `ifi_mri.summary.write`.
    words : mapping
        The catalogue of sentences.
    """
    sentences: list[str] = []
    for side in Side:
        sentences.append(_numbers(findings, measurements, not_measured, side, words))
        sentences += _conclusions(summary.on(side), words)
    return (*sentences, say(words, "impression.close"))


def _numbers(
    findings: Sequence[Finding],
    measurements: Sequence[Measurement],
    not_measured: Sequence[NotMeasured],
    side: Side,
    words: Catalogue,
) -> str:
    taken = {m.name: m for m in measurements if m.side is side}
    reasons = {m.name: spoken(translated(words, m.reason)) for m in not_measured if m.side is side}
    parts = list(_spaces(findings, taken, reasons, side, words))
    parts.append(_muscle(finding_of(findings, FindingName.QUADRATUS_FEMORIS_OEDEMA, side), words))
    fat = finding_of(findings, FindingName.QUADRATUS_FEMORIS_FATTY_INFILTRATION, side)
    if fat is not None and fat.status in (Status.PRESENT, Status.INDETERMINATE):
        parts.append(
            say(words, f"impression.fat.{fat.status}", fat=fat_grade(findings, side, words))
        )
    return say(words, "impression.side", side=say(words, f"side.{side}"), parts="; ".join(parts))


def _spaces(
    findings: Sequence[Finding],
    taken: dict[MeasurementName, Measurement],
    reasons: dict[MeasurementName, str],
    side: Side,
    words: Catalogue,
) -> Iterator[str]:
    """Yield one part for each space, or one for both where the same reason kept both unmeasured."""
    spaces = tuple(JUDGED_SPACES.values())
    why = [reasons.get(space, say(words, "missing.no_finding")).rstrip(".") for space in spaces]
    if not taken.keys() & set(spaces) and why[0] == why[1]:
        yield say(words, "impression.unmeasured", space=say(words, "spaces"), reason=why[0])
        return
    for (name, space), reason in zip(JUDGED_SPACES.items(), why, strict=True):
        called = say(words, f"space.{space}")
        if space in taken:
            yield _width(taken[space], finding_of(findings, name, side), called, words)
        else:
            yield say(words, "impression.unmeasured", space=called, reason=reason)


def _width(measurement: Measurement, finding: Finding | None, called: str, words: Catalogue) -> str:
    low, high = (printed(end, measurement.unit) for end in measurement.interval_95)
    values = {
        "space": called,
        "value": printed(measurement.value, measurement.unit),
        "low": low,
        "high": high,
    }
    if finding is None or finding.cutoff is None or finding.status is Status.NOT_ASSESSABLE:
        return say(words, "impression.unclassified", **values)
    return say(
        words,
        "impression.measured",
        status=say(words, finding.status),
        profile=finding.profile,
        cutoff=printed(finding.cutoff, "mm"),
        **values,
    )


def _muscle(oedema: Finding | None, words: Catalogue) -> str:
    if oedema is None:
        return say(words, "impression.oedema.not_assessable")
    state = "disagreement" if reader_disagrees(oedema) else oedema.status
    return say(words, f"impression.oedema.{state}", grades=grades(oedema, words))


def _conclusions(summary: SideSummary, words: Catalogue) -> Iterator[str]:
    """Yield what may be said of one side; nothing of a side on which nothing was assessable."""
    side = say(words, f"side.{summary.side}")
    if summary.space != Space.NOT_ASSESSABLE or summary.muscle != Muscle.NOT_ASSESSABLE:
        yield say(words, "on_side", side=side, sentence=summary.sentences[STATEMENT])
    if summary.competing:
        sources = listed(words, [source.name for source in summary.competing])
        sentence = say(words, "competing.short", sources=sources)
        yield say(words, "on_side", side=side, sentence=sentence)
