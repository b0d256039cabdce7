"""``report_fhir.json``: the report as a FHIR transaction, ready to be posted to a server.

A DiagnosticReport with an Observation for each number and finding, the software as Device, the
study and the patient by reference: no ImagingStudy and no Patient is created, as the server that
takes the bundle knows its own, and a wrong match would give one person's numbers to another.
Entries are conditional creates on their identifiers, so that posting a bundle twice makes nothing
twice.

R4 is what most servers run.  R5 adds, after HL7's *DICOM SR to FHIR Resource Mapping* guide
(hl7.fhir.uv.dicom-sr), a group for each space and an ImagingSelection with its two ends in patient
LPS mm.  Checked on construction by ``fhir.resources`` (whose R4B differs from R4 in nothing used
here).
"""

import base64
import html
import json
from decimal import Decimal
from typing import Any, Final, Literal
from urllib.parse import quote

from ifi_mri import codes
from ifi_mri.errors import ReportError
from ifi_mri.model import OpenVolume, Report, Study
from ifi_mri.reports import fhir_selections, words
from ifi_mri.reports.fhir_observations import (
    STATUS,
    TERMINOLOGY,
    Resource,
    concept,
    observations,
    url_of,
)
from ifi_mri.vocabulary import Side

NAME: Final = "fhir"
FILE_NAME: Final = "report_fhir.json"

Version = Literal["R4", "R5"]
VERSIONS: Final[tuple[Version, ...]] = ("R4", "R5")

TEXT_TYPE: Final = "text/plain; charset=utf-8"


def render(
    report: Report,
    study: Study,
    open_volume: OpenVolume,
    *,
    version: Version = "R4",
    identified: bool = False,
) -> bytes:
    """Return the report as a FHIR Bundle of type transaction, JSON.

    Parameters
    ----------
    report : Report
    study : Study
        The patient's name and number, and the accession number, are taken from it where
        ``identified``; else nothing is.
    open_volume : callable
        Not used.
    version : {"R4", "R5"}
    identified : bool
        Whether the patient is named; else the case id stands for the patient.

    Raises
    ------
    ReportError
        The resources are not valid FHIR, or the patient is to be named and has no number.
    """
    from ifi_mri.reports import text_impression

    if version not in VERSIONS:
        raise ReportError(
            f"FHIR version {version!r:.20} is not written. Choose from: {', '.join(VERSIONS)}."
        )
    text = text_impression.render(report, study, open_volume)
    bundle = _bundle(report, study, text, version, identified)
    return _json(_checked(bundle, version))


def read(content: bytes) -> Resource:
    """Return a bundle as JSON gives it, checked against the version whose elements it uses.

    Raises
    ------
    ReportError
        Not JSON, not a Bundle, or not valid in R4 or R5.
    """
    try:
        bundle = json.loads(content, parse_float=Decimal)
    except (ValueError, RecursionError) as problem:
        raise ReportError(
            f"{FILE_NAME}: is not JSON ({type(problem).__name__}); a FHIR Bundle was expected. "
            "Write it again with --formats fhir."
        ) from problem
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        found = bundle.get("resourceType") if isinstance(bundle, dict) else type(bundle).__name__
        raise ReportError(
            f"{FILE_NAME}: is {found!r:.60}, a FHIR Bundle was expected. Write it again with "
            "--formats fhir."
        )
    try:
        return _checked(bundle, "R4")
    except ReportError as problem:
        try:
            return _checked(bundle, "R5")
        except ReportError:
            raise problem from problem.__cause__


def _checked(bundle: Resource, version: Version) -> Resource:
    """Return the bundle; ReportError says what in it is not valid."""
    from importlib import import_module

    edition = "R4B." if version == "R4" else ""  # the library's own module is R5
    library = import_module(f"fhir.resources.{edition}bundle")
    try:
        library.Bundle.model_validate(bundle)
        if not all(entry["resource"]["resourceType"] for entry in bundle["entry"]):
            raise ValueError("an entry without a resource")
    except Exception as problem:  # beside ValidationError the library lets through whatever it met
        raise ReportError(
            f"{FILE_NAME}: is not valid FHIR {version}: {_first(problem)}. Write it again with "
            "--formats fhir."
        ) from problem
    return bundle


def _first(problem: Exception) -> str:
    from pydantic import ValidationError

    if not isinstance(problem, ValidationError):
        return f"{type(problem).__name__} {' '.join(str(problem).split()):.120}"
    found = problem.errors(include_url=False)[0]
    where = ".".join(str(part) for part in found["loc"]) or "the whole"
    return f"{where:.120}: {' '.join(found['msg'].split()):.200}"


def _json(bundle: Resource) -> bytes:
    text = json.dumps(bundle, indent=1, ensure_ascii=False, default=_plain, allow_nan=False)
    return (text + "\n").encode(errors="replace")


def _plain(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(type(value).__name__)


# --- the entries --------------------------------------------------------------------------------


def _bundle(
    report: Report, study: Study, text: bytes, version: Version, identified: bool
) -> Resource:
    device_url = url_of(report, "device")
    about = _about(report, study, device_url, identified)
    found = observations(report, about)
    resources = {device_url: _device(report, version), **found}
    if version == "R5":
        resources = fhir_selections.with_groups(report, resources, about)
    results = [url for url, made in resources.items() if made["resourceType"] == "Observation"]
    resources[url_of(report, "report")] = _report(report, results, about, text, version)
    return {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:dicom:uid", "value": f"urn:oid:{report.report_uid}"},
        "type": "transaction",
        "timestamp": report.created_at,
        "entry": [_entry(url, resource) for url, resource in resources.items()],
    }


def _entry(url: str, resource: Resource) -> Resource:
    identifier = resource["identifier"][0]
    condition = f"identifier={identifier['system']}|{quote(identifier['value'], safe=':')}"
    return {
        "fullUrl": url,
        "resource": resource,
        "request": {
            "method": "POST",
            "url": resource["resourceType"],
            "ifNoneExist": condition,
        },
    }


def _about(report: Report, study: Study, device_url: str, identified: bool) -> Resource:
    """Return what every observation shares."""
    about: Resource = {
        "subject": _subject(report, study, identified),
        "derivedFrom": [imaging_study(report)],
        "issued": report.created_at,
        "device": {"reference": device_url},
    }
    if report.study_date:
        about["effectiveDateTime"] = report.study_date
    if report.reader:
        about["performer"] = [{"display": words.printable(words.reader_of(report))}]
    if identified and study.accession_number:
        about["basedOn"] = [_accession(study.accession_number)]
    return about


def _subject(report: Report, study: Study, identified: bool) -> Resource:
    if not identified:
        identifier = {"system": codes.PRIVATE_SYSTEM, "value": words.printable(report.case_id)}
        return {"type": "Patient", "identifier": identifier}
    patient = study.patient
    if not patient.patient_id:
        raise ReportError(
            "the patient: is to be named, but the images hold no patient number; a FHIR reference "
            "needs one. Leave out --identified, and the case id stands for the patient."
        )
    kind = {"system": f"{TERMINOLOGY}/v2-0203", "code": "MR", "display": "Medical record number"}
    made: Resource = {
        "type": "Patient",
        "identifier": {"type": {"coding": [kind]}, "value": words.printable(patient.patient_id)},
    }
    if patient.name:
        made["display"] = words.printable(patient.name)
    return made


def _accession(number: str) -> Resource:
    kind = {"system": f"{TERMINOLOGY}/v2-0203", "code": "ACSN", "display": "Accession ID"}
    return {
        "type": "ServiceRequest",
        "identifier": {"type": {"coding": [kind]}, "value": words.printable(number)},
    }


def imaging_study(report: Report) -> Resource:
    """Return a reference to the study by its UID; the server knows the study itself."""
    return {
        "type": "ImagingStudy",
        "identifier": {"system": "urn:dicom:uid", "value": f"urn:oid:{report.study_uid}"},
    }


def _device(report: Report, version: Version) -> Resource:
    text = f"{report.software_name} {report.software_version}"
    shared: Resource = {
        "resourceType": "Device",
        "identifier": [{"system": codes.PRIVATE_SYSTEM, "value": text}],
        "status": "active",
        "note": [{"text": f"Settings (SHA-256): {report.config_digest}"}],
    }
    numbers = [{"value": report.software_version}]
    if version == "R4":
        name = {"name": report.software_name, "type": "model-name"}
        return {**shared, "deviceName": [name], "type": _SOFTWARE, "version": numbers}
    registered = {"value": report.software_name, "type": "registered-name"}
    return {**shared, "name": [registered], "type": [_SOFTWARE], "version": numbers}


_SOFTWARE: Final = {"text": "Image analysis software"}


def _report(
    report: Report, results: list[str], about: Resource, text: bytes, version: Version
) -> Resource:
    made: Resource = {
        "resourceType": "DiagnosticReport",
        "language": report.language,
        "text": {"status": "generated", "div": _narrative(report)},
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{report.report_uid}"}],
        "status": STATUS,
        "category": [
            {
                "coding": [
                    {
                        "system": f"{TERMINOLOGY}/v2-0074",
                        "code": "RAD",
                        "display": "Radiology",
                    }
                ]
            }
        ],
        "code": concept("MRI of the hip: ischiofemoral space", _procedure(report)),
        **{key: about[key] for key in ("subject", "effectiveDateTime", "issued") if key in about},
        "result": [{"reference": url} for url in results],
        "conclusion": "\n".join(words.printable(sentence) for sentence in report.impression),
        "presentedForm": [
            {
                "contentType": TEXT_TYPE,
                "language": report.language,
                "data": base64.b64encode(text).decode(),
                "title": "The whole report as text, with cautions and limits",
            }
        ],
    }
    made |= {key: about[key] for key in ("basedOn", "performer") if key in about}
    made["imagingStudy" if version == "R4" else "study"] = [imaging_study(report)]
    return made


def _procedure(report: Report) -> codes.Code:
    """Return the examination: of the one hip that was measured, or of both."""
    sides = {measurement.side for measurement in report.measurements if measurement.side}
    if sides == {Side.LEFT}:
        return codes.MR_HIP_LEFT
    return codes.MR_HIP_RIGHT if sides == {Side.RIGHT} else codes.MR_HIP_BILATERAL


def _narrative(report: Report) -> str:
    sentences = [*report.impression, words.INTENDED_USE_SHORT]
    paragraphs = "".join(
        f"<p>{html.escape(words.printable(text), quote=False)}</p>" for text in sentences
    )
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{paragraphs}</div>'
