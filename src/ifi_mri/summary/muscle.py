"""What is said of quadratus femoris: its axis with the grades, where raised signal lies, fat.

Patterns as published: oedema of impingement is centred in the belly at the point of greatest
narrowing, that of a strain lies along the distal myotendinous junction; fatty replacement belongs
to the chronic phase (project evidence document, section 5.1).  They are named, not judged by.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from ifi_mri.language.catalogue import Catalogue, say
from ifi_mri.model import Finding, Measurement
from ifi_mri.summary.axes import finding_of, muscle_axis, reader_disagrees
from ifi_mri.vocabulary import FindingName, MeasurementName, Side, Status, printed

Measured: TypeAlias = Mapping[MeasurementName, Measurement]

#: Messages for the zones that `ifi_mri.signal.place` parts a muscle into.
PLACES: Final = {
    "throughout the muscle": "place.throughout",
    "belly at the narrowest place": "place.narrowest",
    "distal myotendinous junction": "place.junction",
    "elsewhere in the muscle": "place.elsewhere",
}


def muscle_sentence(findings: Sequence[Finding], side: Side, words: Catalogue) -> str:
    """Return the muscle axis with the grades it rests on."""
    oedema = finding_of(findings, FindingName.QUADRATUS_FEMORIS_OEDEMA, side)
    state = muscle_axis(findings, side).value
    if oedema is None:
        return say(words, f"axis.muscle.{state}")
    if reader_disagrees(oedema):
        state = "disagreement"
    fat = fat_grade(findings, side, words)
    return say(words, f"axis.muscle.{state}", grades=grades(oedema, words), fat=fat)


def grades(oedema: Finding, words: Catalogue) -> str:
    """Return the measured and the reader's grade in words, whichever there are."""
    given = []
    if oedema.grade is not None:
        given.append(say(words, "grade.measured", grade=oedema.grade))
    if oedema.reader_grade is not None:
        given.append(say(words, "grade.reader", grade=oedema.reader_grade))
    return ", ".join(given) or say(words, "grade.none")


def fat_grade(findings: Sequence[Finding], side: Side, words: Catalogue) -> str:
    """Return the fat grade in words; that there is none where fat was not assessed."""
    fat = finding_of(findings, FindingName.QUADRATUS_FEMORIS_FATTY_INFILTRATION, side)
    if fat is None or fat.grade is None:
        return say(words, "grade.none")
    return say(words, "grade.fat", grade=fat.grade)


def muscle_context(
    findings: Sequence[Finding], measured: Measured, side: Side, words: Catalogue
) -> Iterator[str]:
    """Yield where raised signal lies and how far it goes, and fat beside oedema."""
    oedema = finding_of(findings, FindingName.QUADRATUS_FEMORIS_OEDEMA, side)
    fat = finding_of(findings, FindingName.QUADRATUS_FEMORIS_FATTY_INFILTRATION, side)
    if oedema is not None and oedema.status is Status.PRESENT:
        yield from _place(measured, words)
        if fat is not None and fat.status is Status.PRESENT:
            yield say(words, "fat.beside_oedema", fat=fat_grade(findings, side, words))


def _place(measured: Measured, words: Catalogue) -> Iterator[str]:
    fraction = measured.get(MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION)
    found = dict(fraction.details) if fraction else {}
    message = PLACES.get(str(found.get("zone")))
    if message is not None:
        low, high, value = (
            printed(float(found[f"distance_from_space_mm{end}"]), "mm")
            for end in ("_low", "_high", "")
        )
        yield say(words, message, distance=value, low=low, high=high)
    if found.get("spread_beyond_muscle") == "yes":
        yield say(words, "place.perimuscular")
