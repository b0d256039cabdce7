"""The measurements and findings of a report as FHIR Observations.

Every number carries its unit (UCUM), how it was taken, its 95 % interval and, where a rule judges
it, the published limits and the interpretation; every absence carries its reason.  The side stands
in the text, in mCODE's laterality extension of the body site, and for the two spaces in the code.
What nobody marked anything for (`NotMeasured.optional`) is left out: it asks for nothing.
"""

import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, TypeAlias

from ifi_mri import codes
from ifi_mri.codes import Code
from ifi_mri.model import Finding, Measurement, NotMeasured, Report
from ifi_mri.reports import words
from ifi_mri.reports.dicom_objects import uid_of
from ifi_mri.vocabulary import DECIMALS, FindingName, MeasurementName, Side, Status, printed

Resource: TypeAlias = dict[str, Any]

TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"

#: Preliminary until a person signs: the landmarks are a reader's, the report is software's.
STATUS: Final = "preliminary"

#: HL7 mCODE, "Laterality Qualifier Extension"; core FHIR R4 and R5 have no element for the side.
LATERALITY_EXTENSION: Final = (
    "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-laterality-qualifier"
)

LATERALITY: Final = {Side.LEFT: codes.LEFT, Side.RIGHT: codes.RIGHT}

#: HL7 v3 ObservationInterpretation of a width: low, normal, indeterminate.
INTERPRETATION: Final = {
    Status.PRESENT: ("L", "Low"),
    Status.ABSENT: ("N", "Normal"),
    Status.INDETERMINATE: ("IND", "Indeterminate"),
}

PRESENCE: Final = {
    Status.PRESENT: codes.PRESENT,
    Status.ABSENT: codes.ABSENT,
    Status.INDETERMINATE: codes.UNDETERMINED,
}

SPACES_OF: Final = {
    MeasurementName.ISCHIOFEMORAL_SPACE: (
        codes.ISCHIOFEMORAL_SPACE,
        codes.ISCHIOFEMORAL_SPACE_OF,
    ),
    MeasurementName.QUADRATUS_FEMORIS_SPACE: (
        codes.QUADRATUS_FEMORIS_SPACE,
        codes.QUADRATUS_FEMORIS_SPACE_OF,
    ),
}

FINDING_CODES: Final = {
    FindingName.ISCHIOFEMORAL_SPACE_NARROWING: codes.ISCHIOFEMORAL_SPACE_NARROWING,
    FindingName.QUADRATUS_FEMORIS_SPACE_NARROWING: codes.QUADRATUS_FEMORIS_SPACE_NARROWING,
    FindingName.QUADRATUS_FEMORIS_OEDEMA: codes.EDEMA,
}

GRADE_CODES: Final = {
    FindingName.QUADRATUS_FEMORIS_OEDEMA: codes.EDEMA_GRADE,
    FindingName.QUADRATUS_FEMORIS_FATTY_INFILTRATION: codes.FAT_GRADE,
}

#: UCUM spells the millilitre so in mixed case; the report's own unit is the same quantity.
UCUM: Final = {"ml": "mL"}

#: Measurements of bones and spaces belong to the hip joint, the others to the muscle.
MUSCLE_PREFIX: Final = "quadratus_femoris_"


def observations(report: Report, about: Resource) -> dict[str, Resource]:
    """Return the observations of a report by their full URLs.

    Parameters
    ----------
    report : Report
    about : dict
        What all of them share: subject, study, date, performer, device.
    """
    made = {}
    for measurement in report.measurements:
        made[url_of(report, measurement.name, measurement.side)] = _measured(
            report, measurement, about
        )
    for absent in report.not_measured:
        url = url_of(report, absent.name, absent.side)
        if not absent.optional and url not in made:
            made[url] = _not_measured(report, absent, about)
    for finding in report.findings:
        if not words.nobody_asked(finding):
            made[url_of(report, finding.name, finding.side)] = _finding(report, finding, about)
    return made


def url_of(report: Report, *parts: object) -> str:
    """Return the full URL of an entry: the same report and parts, the same URL (UUID version 5)."""
    text = "|".join([report.report_uid, *map(str, parts)])
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, text)}"


def concept(text: str, *of: Code) -> Resource:
    """Return a CodeableConcept: its words, and codes that FHIR has a system for."""
    return {"coding": [coding(code) for code in of], "text": text} if of else {"text": text}


def coding(code: Code) -> Resource:
    """Return a code as FHIR writes it."""
    return {
        "system": codes.FHIR_SYSTEMS[code.scheme],
        "code": code.value,
        "display": code.meaning,
    }


def _named(name: MeasurementName | FindingName, title: str) -> Resource:
    return {"system": codes.PRIVATE_SYSTEM, "code": str(name), "display": title}


# --- numbers ------------------------------------------------------------------------------------


def _measured(report: Report, measurement: Measurement, about: Resource) -> Resource:
    name, side = measurement.name, measurement.side
    judged = words.JUDGED_BY.get(name)
    finding = report.finding(judged, side) if judged and side else None
    made = {
        **_common(report, name, side, about),
        "code": _code(name, side),
        "valueQuantity": quantity(measurement.value, measurement.unit),
        "method": concept(words.printable(measurement.method), *_method(measurement)),
        "component": [_interval(measurement)],
    }
    if finding is not None and finding.status in INTERPRETATION:
        code, display = INTERPRETATION[finding.status]
        system = f"{TERMINOLOGY}/v3-ObservationInterpretation"
        made["interpretation"] = [
            {
                "coding": [{"system": system, "code": code, "display": display}],
                "text": words.status_of(finding),
            }
        ]
    if judged and side and (limits := list(_limits(report, judged, side))):
        made["referenceRange"] = limits
    return made


def _not_measured(report: Report, absent: NotMeasured, about: Resource) -> Resource:
    return {
        **_common(report, absent.name, absent.side, about),
        "code": _code(absent.name, absent.side),
        "dataAbsentReason": _absent("not-performed", "Not Performed", absent.reason),
    }


def quantity(value: float, unit: str) -> Resource:
    """Return a value as it is printed, so that it agrees with the category that goes with it."""
    code = UCUM.get(unit, unit)
    made: Resource = {"value": Decimal(printed(value, unit))}
    if unit != "1":
        made["unit"] = words.UNITS[unit] or code
    return {**made, "system": codes.FHIR_SYSTEMS["UCUM"], "code": code}


def _interval(measurement: Measurement) -> Resource:
    low, high = (quantity(end, measurement.unit) for end in measurement.interval_95)
    text = f"95 % interval, SD {measurement.sd:.{DECIMALS[measurement.unit] + 1}f}"
    return {
        "code": concept(text, codes.INTERVAL_95),
        "valueRange": {"low": low, "high": high},
    }


def _method(measurement: Measurement) -> Iterator[Code]:
    if measurement.name is MeasurementName.ISCHIOFEMORAL_SPACE:
        yield codes.BONE_TO_BONE
    if measurement.name is MeasurementName.QUADRATUS_FEMORIS_SPACE:
        far = dict(measurement.details).get("far_landmark")
        to_bone = far == "lesser_trochanter"
        yield codes.HAMSTRING_TO_TROCHANTER if to_bone else codes.HAMSTRING_TO_ILIOPSOAS


def _limits(report: Report, name: FindingName, side: Side) -> Iterator[Resource]:
    """Yield the range that is not narrow under each published cut-off, the chosen profile first."""
    flags = [flag for flag in report.profiles if flag.name is name and flag.side is side]
    for flag in sorted(flags, key=lambda flag: flag.profile != report.profile):
        verified = "" if flag.verified else " Figure not verified in the primary source."
        system = f"{TERMINOLOGY}/referencerange-meaning"
        yield {
            "low": quantity(flag.cutoff, "mm"),
            "type": {"coding": [{"system": system, "code": "normal", "display": "Normal Range"}]},
            "text": (
                f"{flag.profile}, {flag.applies_to}: above {printed(flag.cutoff, 'mm')} mm. "
                f"{flag.citation}.{verified}"
            ),
        }


# --- findings -----------------------------------------------------------------------------------


def _finding(report: Report, finding: Finding, about: Resource) -> Resource:
    title = finding.name.replace("_", " ").capitalize()
    made = {
        **_common(report, finding.name, finding.side, about),
        "code": {
            "coding": [
                *(coding(code) for code in [FINDING_CODES.get(finding.name)] if code),
                _named(finding.name, title),
            ],
            "text": f"{title}, {finding.side}",
        },
        "note": [{"text": words.sentence(words.printable(finding.because))}],
    }
    if finding.status in PRESENCE:
        made["valueCodeableConcept"] = concept(words.status_of(finding), PRESENCE[finding.status])
    else:
        made["dataAbsentReason"] = _absent("unknown", "Unknown", finding.because)
    if finding.profile:
        made["method"] = concept(f"cut-off profile or thresholds: {finding.profile}")
    if components := list(_details(finding)):
        made["component"] = components
    evidence = [
        {"reference": url_of(report, name, finding.side)}
        for name in finding.evidence
        if report.measured(name, finding.side)
    ]
    made["derivedFrom"] = [*about["derivedFrom"], *evidence]
    return made


def _details(finding: Finding) -> Iterator[Resource]:
    if finding.grade is not None and finding.name in GRADE_CODES:
        code = GRADE_CODES[finding.name]
        yield {"code": concept(code.meaning, code), "valueInteger": finding.grade}
    if finding.reader_grade is not None:
        by_eye = codes.EDEMA_BY_EYE
        yield {"code": concept(by_eye.meaning, by_eye), "valueInteger": finding.reader_grade}
    if finding.probability is not None:
        chance = codes.PROBABILITY_OF_NARROWING
        yield {
            "code": concept(f"{chance.meaning}, from the uncertainty of the reading", chance),
            "valueQuantity": quantity(finding.probability, "1"),
        }


# --- what both share ----------------------------------------------------------------------------


def _common(
    report: Report, name: MeasurementName | FindingName, side: Side | None, about: Resource
) -> Resource:
    uid = uid_of(report.report_uid, str(name), str(side or "both"))
    return {
        "resourceType": "Observation",
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}],
        "status": STATUS,
        "category": [
            {
                "coding": [
                    {
                        "system": f"{TERMINOLOGY}/observation-category",
                        "code": "imaging",
                        "display": "Imaging",
                    }
                ]
            }
        ],
        **about,
        "bodySite": _site(name, side),
    }


def _code(name: MeasurementName, side: Side | None) -> Resource:
    text = words.title(name) + (f", {side}" if side else "")
    made = []
    if name in SPACES_OF and side:
        plain, of = SPACES_OF[name]
        made = [coding(of[list(Side).index(side)]), coding(plain)]
    return {"coding": [*made, _named(name, words.title(name))], "text": text}


def _site(name: MeasurementName | FindingName, side: Side | None) -> Resource:
    of_muscle = name.startswith(MUSCLE_PREFIX) and name not in (
        *words.JUDGED_BY,
        *words.JUDGED_BY.values(),
    )
    where = codes.QUADRATUS_FEMORIS_FMA if of_muscle else codes.HIP_JOINT
    called = "quadratus femoris" if of_muscle else "hip"
    if side is None:
        return concept(f"{called}, both sides", where)
    extension = {
        "url": LATERALITY_EXTENSION,
        "valueCodeableConcept": concept(str(side), LATERALITY[side]),
    }
    return {"extension": [extension], **concept(f"{side} {called}", where)}


def _absent(code: str, display: str, reason: str) -> Resource:
    system = f"{TERMINOLOGY}/data-absent-reason"
    return {
        "coding": [{"system": system, "code": code, "display": display}],
        "text": words.sentence(words.printable(reason)),
    }
