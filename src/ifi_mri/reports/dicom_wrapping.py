"""What a report carried in DICOM as something else than a structured report shares: the report's
series and study, equipment, and how it came to be DICOM."""

from typing import TYPE_CHECKING

from ifi_mri.errors import ReportError
from ifi_mri.model import Report, Series, Study
from ifi_mri.reports.dicom_objects import (
    MANUFACTURER,
    made_at,
    not_dicom,
    patient_and_study,
    uid_of,
)
from ifi_mri.vocabulary import Role

if TYPE_CHECKING:
    from pydicom import Dataset


def wrapped(
    report: Report, study: Study, sop_class_uid: str, modality: str, series_number: int, name: str
) -> "Dataset":
    """Return the header of an object that holds a report: patient and study of the images, a
    series of its own, equipment, dates and UIDs.

    Parameters
    ----------
    report, study : Report and Study
    sop_class_uid, modality : str
        What kind of object it is.
    series_number : int
        Beyond those of scanners.
    name : str
        Describes the series, and makes its UID.

    Raises
    ------
    ReportError
        The images are not DICOM, or the report was made from others than the study holds.
    """
    made = patient_and_study(study, _anatomy(report, study))
    date, time = made_at(report)
    made.SOPClassUID = sop_class_uid
    made.SOPInstanceUID = uid_of(report.report_uid, report.created_at, name)
    made.SeriesInstanceUID = uid_of(report.study_uid, name, MANUFACTURER)
    made.SeriesNumber = series_number
    made.SeriesDescription = name
    made.InstanceNumber = 1
    made.Modality = modality
    made.ConversionType = "WSD"
    made.Manufacturer = MANUFACTURER
    made.ManufacturerModelName = report.software_name
    made.DeviceSerialNumber = report.software_version
    made.SoftwareVersions = report.software_version
    made.ContentDate, made.ContentTime = date, time
    made.InstanceCreationDate, made.InstanceCreationTime = date, time
    made.BurnedInAnnotation = "NO"  # the case id, never a name
    return made


def _anatomy(report: Report, study: Study) -> Series:
    chosen = report.chosen(Role.ANATOMY)
    used = chosen.series_uid if chosen else None
    for series in study.series:
        if series.series_uid == used and series.instances:
            if series.instances[0].sop_instance_uid is None:
                raise not_dicom()
            return series
    raise ReportError(
        f"the report of case {report.case_id}: its anatomy series {used} is not among the study's "
        "series. Write the report together with the study that was measured."
    )
