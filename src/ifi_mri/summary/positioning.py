"""How the patient lay, and what a change of position would do to the result.

Width changes with the hip's rotation, and no DICOM tag records it.  Position does not widen the
interval of a distance; it is a statement of its own: recorded or not, and whether a shift of 4 mm
would carry a distance across its cut-off.  4 mm, because one third of hips moved at least that far
between two positions (Hatem 2020, doi:10.1080/08998280.2020.1840184: 34 % of 95 hips).
"""

from collections.abc import Iterator, Sequence
from typing import Final

from ifi_mri.config import CutoffProfile
from ifi_mri.language.catalogue import ENGLISH, Catalogue, say
from ifi_mri.model import ClinicalIntake, Measurement, Position
from ifi_mri.vocabulary import (
    Answer,
    HipRotation,
    MeasurementName,
    Side,
    at_printed_precision,
    printed,
)

#: What one third of hips moved at least, mm (Hatem 2020).
POSITION_SHIFT_MM: Final = 4.0

#: Published slopes of the space, mm per degree of rotation from neutral, to two decimals.  External
#: rotation narrows it: from 7.60 to 5.05 over 60 degrees in 33 embalmed hips (Arthroscopy 2024,
#: doi:10.1016/j.arthro.2024.03.038, PMID 38593926), from 28 to 14 mm in 25 (Ischiofemoral
#: impingement: defining the lesser trochanter-ischial space,
#: https://discovery.researcher.life/article/ischiofemoral-impingement-defining-the-lesser-trochanterischial-space/91f87a67c3e634b3bb4fe62b5db3d821).
#: Internal rotation widens it: from 28 to 43 mm over 40 degrees in the latter.
EXTERNAL_MM_PER_DEG: Final = (0.04, 0.23)
INTERNAL_MM_PER_DEG: Final = 0.38

#: Postures of DICOM's PatientPosition (0018,5100) after its two-way entry H (head) or F (feet).
_POSTURES: Final = ("S", "P", "DR", "DL")


def position(
    patient_position: str | None,
    clinical: ClinicalIntake | None,
    measurements: Sequence[Measurement],
    profile: CutoffProfile,
    *,
    age_years: float | None = None,
    words: Catalogue = ENGLISH,
) -> Position:
    """Return how the patient lay, with `position_sentence`, whose parameters these are."""
    intake = clinical or ClinicalIntake()
    return Position(
        patient_position=patient_position,
        hip_rotation=intake.hip_rotation,
        hip_rotation_deg=intake.hip_rotation_deg,
        knee_bolster=intake.knee_bolster,
        sentence=position_sentence(
            patient_position, clinical, measurements, profile, age_years=age_years, words=words
        ),
    )


def position_sentence(
    patient_position: str | None,
    clinical: ClinicalIntake | None,
    measurements: Sequence[Measurement],
    profile: CutoffProfile,
    *,
    age_years: float | None = None,
    words: Catalogue = ENGLISH,
) -> str:
    """Say how the patient lay and which results a shift of 4 mm would change.

    Parameters
    ----------
    patient_position : str or None
        DICOM PatientPosition, such as ``HFS``.
    clinical : ClinicalIntake or None
        States the hips' rotation, which DICOM cannot.
    measurements : sequence of Measurement
        Both sides; only the two spaces are looked at.
    profile : CutoffProfile
        Whose cut-offs the distances are held against, unless it does not hold for this patient.
    age_years : float or None
        Age by the images, where the intake does not state it.
    words : mapping
        The catalogue of sentences.
    """
    intake = clinical or ClinicalIntake()
    sentences = [
        say(
            words,
            "position",
            posture=_posture(patient_position, words),
            rotation=_rotation(intake, words),
            bolster=say(words, f"bolster.{intake.knee_bolster}"),
        ),
        say(words, "position.changes"),
    ]
    if _posture_code(patient_position) == "P":
        sentences.append(say(words, "position.prone"))
    if intake.hip_rotation in (HipRotation.INTERNAL, HipRotation.EXTERNAL):
        sentences.append(say(words, "position.rotated"))
        sentences += _published_slopes(intake, words)
    sentences += _trochanters(measurements, words)
    age_years = age_years if intake.age_years is None else intake.age_years
    if profile.holds_at(age_years) and _holds_in(profile, intake):
        sentences += _shifts(measurements, profile, words)
    return " ".join(sentences)


def would_cross(distance_mm: float, cutoff_mm: float, shift_mm: float = POSITION_SHIFT_MM) -> bool:
    """Return whether a shift either way moves a printed distance across ``<= cutoff_mm``."""
    distance = at_printed_precision(distance_mm, "mm")
    narrower, wider = (
        at_printed_precision(distance + shift, "mm") <= cutoff_mm for shift in (-shift_mm, shift_mm)
    )
    return narrower is not wider


def _holds_in(profile: CutoffProfile, intake: ClinicalIntake) -> bool:
    """Return whether a profile holds in the recorded position."""
    rotated = profile.requires_hip_rotation in (None, intake.hip_rotation)
    return rotated and (intake.hip_adduction is Answer.YES or not profile.requires_adduction)


def _published_slopes(intake: ClinicalIntake, words: Catalogue) -> Iterator[str]:
    """Yield what published slopes make of a rotation in degrees, with their disagreement."""
    degrees = intake.hip_rotation_deg
    if not degrees:
        return
    low, high = EXTERNAL_MM_PER_DEG
    wider = INTERNAL_MM_PER_DEG
    most = high if intake.hip_rotation is HipRotation.EXTERNAL else wider
    yield say(
        words,
        f"position.slope.{intake.hip_rotation}",
        degrees=degrees,
        low=low,
        high=high,
        wider=wider,
        least=printed(low * degrees, "mm"),
        most=printed(most * degrees, "mm"),
    )


def _trochanters(measurements: Sequence[Measurement], words: Catalogue) -> Iterator[str]:
    """Yield which trochanter points further to the back, where that is beyond the uncertainty."""
    for measurement in measurements:
        low, high = measurement.interval_95
        if (
            measurement.name is MeasurementName.SIDE_DIFFERENCE_LESSER_TROCHANTER_DIRECTION
            and low * high > 0
        ):
            side = Side.LEFT if measurement.value > 0 else Side.RIGHT
            least, most = sorted((abs(low), abs(high)))
            yield say(
                words,
                "position.trochanters",
                side=say(words, f"side.{side}.small"),
                value=printed(abs(measurement.value), "deg"),
                low=printed(least, "deg"),
                high=printed(most, "deg"),
            )


def _shifts(
    measurements: Sequence[Measurement], profile: CutoffProfile, words: Catalogue
) -> Iterator[str]:
    cutoffs = {
        MeasurementName.ISCHIOFEMORAL_SPACE: profile.cutoff_mm.ischiofemoral_space,
        MeasurementName.QUADRATUS_FEMORIS_SPACE: profile.cutoff_mm.quadratus_femoris_space,
    }
    crossing: list[str] = []
    keeping: list[str] = []
    for measurement in measurements:
        cutoff = cutoffs.get(measurement.name)
        if cutoff is not None:
            shown = _width(measurement, cutoff, words)
            (crossing if would_cross(measurement.value, cutoff) else keeping).append(shown)
    for message, spaces in (("position.crosses", crossing), ("position.keeps", keeping)):
        if spaces:
            yield say(words, message, shift=f"{POSITION_SHIFT_MM:g}", spaces=", ".join(spaces))


def _width(measurement: Measurement, cutoff: float, words: Catalogue) -> str:
    return say(
        words,
        "position.width",
        side=say(words, f"side.{measurement.side}.small"),
        space=say(words, f"space.{measurement.name}"),
        value=printed(measurement.value, "mm"),
        cutoff=printed(cutoff, "mm"),
    )


def _posture_code(patient_position: str | None) -> str | None:
    """Return the posture of a DICOM PatientPosition, None where it is not one of the terms for a
    patient who enters head or feet first."""
    code = (patient_position or "").strip().upper()
    return code[2:] if code[:2] in ("HF", "FF") and code[2:] in _POSTURES else None


def _posture(patient_position: str | None, words: Catalogue) -> str:
    if not (patient_position or "").strip():
        return say(words, "posture.none")
    posture = _posture_code(patient_position)
    if posture is None:
        return say(words, "posture.unknown")
    entry = (patient_position or "").strip().upper()[0]
    return say(words, f"posture.{posture}", entry=say(words, f"entry.{entry}"))


def _rotation(intake: ClinicalIntake, words: Catalogue) -> str:
    degrees = ""
    if intake.hip_rotation_deg is not None:
        degrees = say(words, "rotation.degrees", degrees=intake.hip_rotation_deg)
    return say(words, f"rotation.{intake.hip_rotation}", degrees=degrees)
