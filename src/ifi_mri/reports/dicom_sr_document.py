"""The document around the content tree: SR Document General and Content modules (PS3.3, C.17).

The content tree is highdicom's; the header is set here, because highdicom's own document class
copies the whole tree twice (80 ms) and writes the time of day into it, and the same inputs must
give the same bytes.
"""

import hashlib
import itertools
from collections.abc import Iterable
from typing import Final

from pydicom.dataset import Dataset
from pydicom.uid import Comprehensive3DSRStorage

from ifi_mri import codes
from ifi_mri.errors import ReportError
from ifi_mri.model import Report, Series, Study
from ifi_mri.reports import dicom_sr_context as context
from ifi_mri.reports import dicom_sr_items as items
from ifi_mri.reports.dicom_objects import (
    MANUFACTURER,
    SourceImage,
    as_file,
    declare_private_codes,
    made_at,
    not_dicom,
    patient_and_study,
    reference,
    uid_of,
)
from ifi_mri.reports.dicom_sr import Predecessor, Profile, Signature
from ifi_mri.reports.dicom_sr_groups import groups
from ifi_mri.vocabulary import Role

#: Number of the series that our reports form; scanners count from 1, post-processing in hundreds.
SERIES_NUMBER: Final = 9101


def render(
    report: Report,
    study: Study,
    profile: Profile,
    signature: Signature | None,
    predecessor: Predecessor | None,
) -> bytes:
    """Return the report as a DICOM file; see `ifi_mri.reports.dicom_sr.render`."""
    anatomy = _anatomy(report, study)
    made = groups(report, study, for_ohif=profile == "ohif")
    images = _once(group.image for group in made if group.image is not None)
    tree: list[items.Item] = [
        *context.observers(report),
        items.code(items.HAS_CONCEPT_MODIFIER, codes.PROCEDURE_REPORTED, codes.MRI),
        *([context.image_library(images)] if images else []),
        *_measurements([group.item for group in made]),
        context.evaluations(report, with_missing=profile == "ohif"),
    ]
    content = items.encoded([*context.language(), *tree])
    document = patient_and_study(study, anatomy)
    _enter_general(document, report, signature, predecessor)
    _enter_root(document)
    if images:
        document.CurrentRequestedProcedureEvidenceSequence = [_evidence(study, images)]
    document.SOPInstanceUID = _instance_uid(report, document, content)
    return as_file(document) + items.content_sequence(content)


def _anatomy(report: Report, study: Study) -> Series:
    """Return a series whose header tells patient and study."""
    anatomy = report.chosen(Role.ANATOMY)
    used = anatomy.series_uid if anatomy else None
    found = [one for one in study.series if one.series_uid == used and one.instances]
    if not found:
        raise ReportError(
            f"the report of case {report.case_id}: its anatomy series {used} is not among the "
            "study's series. Write the report together with the study that was measured."
        )
    if found[0].instances[0].sop_instance_uid is None:
        raise not_dicom()
    return found[0]


def _once(images: Iterable[SourceImage]) -> list[SourceImage]:
    by_place = {(image.instance.sop_instance_uid, image.instance.frame): image for image in images}
    return list(by_place.values())


def _measurements(made: list[items.Item]) -> list[items.Item]:
    return [items.container(codes.IMAGING_MEASUREMENTS, made)] if made else []


# --- header -------------------------------------------------------------------------------------


def _enter_general(
    document: Dataset, report: Report, signature: Signature | None, predecessor: Predecessor | None
) -> None:
    """Enter series, equipment and the state of the document."""
    date, time = made_at(report)
    document.SOPClassUID = Comprehensive3DSRStorage
    document.InstanceCreationDate, document.InstanceCreationTime = date, time
    document.ContentDate, document.ContentTime = date, time
    document.Modality = "SR"
    document.SeriesInstanceUID = uid_of(report.study_uid, "structured reports", MANUFACTURER)
    document.SeriesNumber = SERIES_NUMBER
    document.SeriesDescription = "Ischiofemoral measurements"
    document.InstanceNumber = predecessor.instance_number + 1 if predecessor else 1
    document.ReferencedPerformedProcedureStepSequence = []
    document.PerformedProcedureCodeSequence = []
    document.Manufacturer = MANUFACTURER
    document.ManufacturerModelName = report.software_name
    document.DeviceSerialNumber = report.software_version
    document.SoftwareVersions = report.software_version
    declare_private_codes(document)
    document.CompletionFlag = "COMPLETE"
    document.VerificationFlag = "VERIFIED" if signature else "UNVERIFIED"
    document.PreliminaryFlag = "FINAL" if signature else "PRELIMINARY"
    if signature:
        document.VerifyingObserverSequence = [_verifier(signature, date + time)]
    if predecessor:
        document.PredecessorDocumentsSequence = [_earlier(predecessor)]


def _verifier(signature: Signature, at: str) -> Dataset:
    verifier = Dataset()
    verifier.VerifyingObserverName = context.person_name(signature.name)
    verifier.VerifyingOrganization = context.long_string(signature.organization)
    verifier.VerificationDateTime = at
    verifier.VerifyingObserverIdentificationCodeSequence = []
    return verifier


def _earlier(predecessor: Predecessor) -> Dataset:
    document = Dataset()
    document.ReferencedSOPClassUID = predecessor.sop_class_uid
    document.ReferencedSOPInstanceUID = predecessor.sop_instance_uid
    return _hierarchy(predecessor.study_uid, {predecessor.series_uid: [document]})


def _enter_root(document: Dataset) -> None:
    """Enter the root of the content tree, which is part of the document itself."""
    template = Dataset()
    template.MappingResource = "DCMR"
    template.TemplateIdentifier = "1500"
    document.ValueType = "CONTAINER"
    document.ConceptNameCodeSequence = [items.concept(codes.IMAGING_MEASUREMENT_REPORT)]
    document.ContinuityOfContent = "SEPARATE"
    document.ContentTemplateSequence = [template]


def _evidence(study: Study, images: list[SourceImage]) -> Dataset:
    """Return the images of the tree by study and series, each file once."""
    by_series: dict[str, dict[str, Dataset]] = {}
    for image in images:
        files = by_series.setdefault(image.series.series_uid, {})
        files.setdefault(image.instance.sop_instance_uid or "", reference(image))
    return _hierarchy(
        study.study_uid, {uid: list(files.values()) for uid, files in by_series.items()}
    )


def _hierarchy(study_uid: str, by_series: dict[str, list[Dataset]]) -> Dataset:
    item = Dataset()
    item.StudyInstanceUID = study_uid
    item.ReferencedSeriesSequence = []
    for series_uid, references in by_series.items():
        series = Dataset()
        series.SeriesInstanceUID = series_uid
        series.ReferencedSOPSequence = references
        item.ReferencedSeriesSequence.append(series)
    return item


def _instance_uid(report: Report, document: Dataset, content: bytes) -> str:
    """Return the UID of exactly this document: DICOM forbids two contents under one."""
    state = itertools.chain(
        (document.InstanceCreationDate, document.InstanceCreationTime, document.VerificationFlag),
        (str(verifier) for verifier in document.get("VerifyingObserverSequence", [])),
        (str(earlier) for earlier in document.get("PredecessorDocumentsSequence", [])),
    )
    return uid_of(report.report_uid, hashlib.sha256(content).hexdigest(), *state)
