"""What FHIR R5 adds: where a distance was measured, and what belongs together.

After HL7's *DICOM SR to FHIR Resource Mapping* implementation guide (hl7.fhir.uv.dicom-sr): a
measurement group is an Observation of category (125007, DCM) whose members are the number and its
judgement; image coordinates are an ImagingSelection.  Its region is in three dimensions, patient
LPS mm in the frame of reference of the series, so that it holds whatever the image's grid.
"""

from ifi_mri import codes
from ifi_mri.model import Measurement, Report, Series
from ifi_mri.reports import words
from ifi_mri.reports.dicom_objects import uid_of
from ifi_mri.reports.fhir_observations import SPACES_OF, STATUS, Resource, concept, url_of
from ifi_mri.vocabulary import Side


def with_groups(
    report: Report, resources: dict[str, Resource], about: Resource
) -> dict[str, Resource]:
    """Return the resources with a group, and where it can be said a selection, for each space.

    Parameters
    ----------
    report : Report
    resources : dict
        By full URL; observations of spaces become members of groups.
    about : dict
        What all observations share.
    """
    made = dict(resources)
    for name in SPACES_OF:
        for side in Side:
            measurement = report.measured(name, side)
            if measurement is not None:
                made |= _group(report, measurement, side, made, about)
    return made


def _group(
    report: Report,
    measurement: Measurement,
    side: Side,
    resources: dict[str, Resource],
    about: Resource,
) -> dict[str, Resource]:
    name = measurement.name
    judged = words.JUDGED_BY[name]
    members = [url_of(report, name, side), url_of(report, judged, side)]
    uid = uid_of(report.report_uid, str(name), side, "group")
    group = {
        "resourceType": "Observation",
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}],
        "status": STATUS,
        "category": [concept("Measurement Group", codes.MEASUREMENT_GROUP)],
        "code": concept(f"{words.title(name)}, {side}", SPACES_OF[name][1][list(Side).index(side)]),
        **about,
        "hasMember": [{"reference": url} for url in members if url in resources],
    }
    made = {url_of(report, name, side, "group"): group}
    selection = _selection(report, measurement, side, about)
    if selection is not None:
        url = url_of(report, name, side, "selection")
        group["focus"] = [{"reference": url}]
        measured = resources[members[0]]
        derived = [*measured["derivedFrom"], {"reference": url}]
        made |= {url: selection, members[0]: {**measured, "derivedFrom": derived}}
    return made


def _selection(
    report: Report, measurement: Measurement, side: Side, about: Resource
) -> Resource | None:
    """Return the two ends on their image; None where the image has no UID (NIfTI)."""
    series = _series(report, measurement)
    if measurement.sop_instance_uid is None or series is None:
        return None
    if series.frame_of_reference_uid is None:
        return None
    uid = uid_of(report.report_uid, str(measurement.name), side, "selection")
    ends = [round(x, 3) + 0.0 for point in measurement.points_mm for x in point]
    return {
        "resourceType": "ImagingSelection",
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}],
        "status": "available",
        "subject": about["subject"],
        "issued": about["issued"],
        "code": concept(
            f"Ends of the {words.title(measurement.name)}, {side}",
            SPACES_OF[measurement.name][0],
        ),
        "studyUid": report.study_uid,
        "derivedFrom": about["derivedFrom"],
        "seriesUid": series.series_uid,
        "frameOfReferenceUid": series.frame_of_reference_uid,
        "instance": [
            {
                "uid": measurement.sop_instance_uid,
                "imageRegion3D": [{"regionType": "polyline", "coordinate": ends}],
            }
        ],
    }


def _series(report: Report, measurement: Measurement) -> Series | None:
    for choice in report.series:
        if choice.series is not None and choice.series.series_uid == measurement.series_uid:
            return choice.series
    return None
