"""What DICOM headers say about a series, its study and its patient, apart from geometry."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from ifi_mri.config import SeriesWords
from ifi_mri.loaders import dicom_tags as tag
from ifi_mri.loaders.dicom_frames import Frame
from ifi_mri.loaders.dicom_values import Values
from ifi_mri.loaders.identity import Identity, identity_words, without_identity
from ifi_mri.loaders.technique import Technique, fat_suppression, missing_tag_cautions
from ifi_mri.model import Caution, Patient, Series
from ifi_mri.vocabulary import Side

#: Years in one unit of PatientAge (PS3.5 section 6.2, value representation AS).
_AGE_YEARS: Final = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}

#: What technicians write where no contrast agent was given.
_NO_CONTRAST: Final = frozenset({"", "NO", "NONE", "N", "NO CONTRAST", "WITHOUT", "0"})


def describe(frames: Sequence[Frame], words: SeriesWords) -> Series:
    """Return a series with everything but its grid, from its first slice's header."""
    first = frames[0]
    values = Values.of(first.header)
    shared = values.item(tag.SHARED_GROUPS)
    identity = identity_of(values)

    def shown(text: str) -> str:
        return without_identity(text, identity, words)

    description = values.text(tag.SERIES_DESCRIPTION)
    number = values.integer(tag.SERIES_NUMBER)
    uid = values.text(tag.SERIES_UID)
    label = (
        " ".join(part for part in (str(number or ""), shown(description)) if part)
        or uid
        or "without number"
    )
    technique = _technique(first, values, description)
    laterality, conflict = _laterality(values, shared)
    bandwidth = values.number(tag.PIXEL_BANDWIDTH)
    if bandwidth is None:
        bandwidth = shared.item(tag.IMAGING_MODIFIER_SEQUENCE).number(tag.PIXEL_BANDWIDTH)
    series = Series(
        series_uid=uid,
        study_uid=values.text(tag.STUDY_UID),
        label=label,
        description=shown(description or values.text(tag.PROTOCOL_NAME)),
        format="dicom",
        modality=shown(values.text(tag.MODALITY)),
        frame_of_reference_uid=values.text(tag.FRAME_OF_REFERENCE_UID) or None,
        grid=None,
        instances=(),
        number=number,
        slice_thickness_mm=first.thickness_mm,
        echo_time_ms=first.echo_time_ms,
        repetition_time_ms=first.repetition_time_ms,
        inversion_time_ms=first.inversion_time_ms,
        flip_angle_deg=first.flip_angle_deg,
        field_strength_t=values.number(tag.FIELD_STRENGTH),
        scanning_sequence=tuple(map(shown, technique.scanning_sequence)),
        sequence_name=shown(technique.sequence_name),
        scan_options=tuple(map(shown, technique.scan_options)),
        image_type=tuple(map(shown, first.image_type)),
        contrast_agent=values.text(tag.CONTRAST_AGENT).upper() not in _NO_CONTRAST,
        fat_suppression=shown(fat_suppression(technique, words) or "") or None,
        laterality=laterality,
        body_part=shown(values.text(tag.BODY_PART)),
        patient_position=shown(values.text(tag.PATIENT_POSITION)) or None,
        pixel_bandwidth_hz=bandwidth,
        manufacturer=shown(values.text(tag.MANUFACTURER)),
        manufacturer_model=shown(values.text(tag.MANUFACTURER_MODEL)),
    )
    return _with_cautions(series, conflict)


def identity_of(values: Values) -> Identity:
    """Return what gives the patient of a header away in a text."""
    return identity_words(
        (values.text(tag.PATIENT_NAME), values.text(tag.OTHER_PATIENT_NAMES)),
        (values.text(tag.PATIENT_ID), values.text(tag.OTHER_PATIENT_IDS)),
    )


def _with_cautions(series: Series, laterality_conflict: str | None) -> Series:
    name = f"series {series.label}"
    missing = [
        (field, words)
        for field, words, value in (
            ("echo_time", "echo time", series.echo_time_ms),
            ("repetition_time", "repetition time", series.repetition_time_ms),
            ("field_strength", "field strength", series.field_strength_t),
            ("frame_of_reference", "frame of reference", series.frame_of_reference_uid),
        )
        if value is None
    ]
    cautions = missing_tag_cautions(missing, name)
    if laterality_conflict:
        cautions.append(Caution("laterality_conflict", f"{name}: {laterality_conflict}"))
    return replace(series, cautions=tuple(cautions))


def _technique(first: Frame, values: Values, description: str) -> Technique:
    manufacturer = values.text(tag.MANUFACTURER).upper()
    return Technique(
        description=description or values.text(tag.PROTOCOL_NAME),
        scanning_sequence=values.texts(tag.SCANNING_SEQUENCE) or tuple(_enhanced_sequence(values)),
        scan_options=values.texts(tag.SCAN_OPTIONS),
        sequence_name=values.text(tag.SEQUENCE_NAME) or values.text(tag.PULSE_SEQUENCE_NAME),
        image_type=first.image_type,
        inversion_time_ms=first.inversion_time_ms,
        inversion_recovery=values.item(tag.SHARED_GROUPS)
        .item(tag.MODIFIER_SEQUENCE)
        .text(tag.INVERSION_RECOVERY)
        == "YES",
        spectral_suppression=values.text(tag.SPECTRAL_SUPPRESSION),
        spectral_excitation=values.text(tag.SPECTRAL_EXCITATION),
        philips_spir=manufacturer.startswith("PHILIPS") and values.text(tag.PHILIPS_SPIR) == "Y",
    )


def _enhanced_sequence(values: Values) -> Iterator[str]:
    """Yield Enhanced MR's attributes in the terms of classic ScanningSequence."""
    echo = values.text(tag.ECHO_PULSE_SEQUENCE)
    modifier = values.item(tag.SHARED_GROUPS).item(tag.MODIFIER_SEQUENCE)
    if echo in ("SPIN", "BOTH"):
        yield "SE"
    if echo in ("GRADIENT", "BOTH"):
        yield "GR"
    if modifier.text(tag.INVERSION_RECOVERY) == "YES":
        yield "IR"
    if values.text(tag.ECHO_PLANAR) == "YES":
        yield "EP"


def _laterality(values: Values, shared: Values) -> tuple[Side | None, str | None]:
    """Return the side that the tags state, and a sentence where they contradict one another.

    Only tags of laterality count; "LEFT" in comments or a description does not."""
    stated = {
        values.text(tag.LATERALITY),
        values.text(tag.IMAGE_LATERALITY),
        values.text(tag.FRAME_LATERALITY),
        shared.item(tag.FRAME_ANATOMY_SEQUENCE).text(tag.FRAME_LATERALITY),
    } & {"L", "R"}
    if len(stated) == 2:
        return None, "its laterality tags say both L and R; the side was taken from neither."
    if not stated:
        return None, None
    return (Side.LEFT if stated == {"L"} else Side.RIGHT), None


def study_facts(values: Values) -> tuple[date | None, str]:
    """Return the study's date and accession number."""
    return values.date(tag.STUDY_DATE), values.text(tag.ACCESSION_NUMBER)


def patient_of(values: Values, study_date: date | None) -> Patient:
    """Return who was scanned; the age from PatientAge, else from birth and study date."""
    birth_date = values.date(tag.PATIENT_BIRTH_DATE)
    age = _stated_age(values.text(tag.PATIENT_AGE))
    if age is None and birth_date and study_date and study_date >= birth_date:
        age = (study_date - birth_date).days / 365.25
    return Patient(
        name=values.text(tag.PATIENT_NAME),
        patient_id=values.text(tag.PATIENT_ID),
        birth_date=birth_date,
        sex=values.text(tag.PATIENT_SEX) or None,
        age_years=age,
    )


def _stated_age(text: str) -> float | None:
    number, unit = text[:-1], text[-1:]
    if unit not in _AGE_YEARS or not number.isdecimal():
        return None
    return int(number) * _AGE_YEARS[unit]
