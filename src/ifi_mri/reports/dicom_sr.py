"""``report_sr.dcm``: the report as DICOM Structured Report, for viewers, archives and registries.

Measurement Report (PS3.16, TID 1500) in Comprehensive 3D SR: OHIF opens its lines as lines that can
be moved, an archive stores it beside the images, a registry reads values, codes and coordinates.
Preliminary until a person signs it; a correction names the report that it corrects.
"""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from ifi_mri.errors import ConfigError, ReportError
from ifi_mri.model import OpenVolume, Report, Study
from ifi_mri.reports import words

if TYPE_CHECKING:
    from pydicom import Dataset

NAME: Final = "sr"
FILE_NAME: Final = "report_sr.dcm"

Profile = Literal["ohif", "strict"]

#: ``ohif``: groups with coordinates alone, under tracking identifiers that its tools know.
#: ``strict``: a group also for what was not measured and why; our own tracking identifiers.
PROFILES: Final[tuple[Profile, ...]] = ("ohif", "strict")


#: What parts a DICOM person name, and blanks: alone they name nobody (PS3.5, section 6.2).
_NAME_MARKS: Final = " ^=\\"


@dataclass(frozen=True, slots=True)
class Signature:
    """Who takes responsibility for a report, for which organisation; makes it final.

    Raises
    ------
    ConfigError
        The name or the organisation is blank: nobody would have signed.
    """

    name: str
    organization: str

    def __post_init__(self) -> None:
        for what, said in (("name", self.name), ("organisation", self.organization)):
            if not words.printable(said).strip(_NAME_MARKS):
                raise ConfigError(
                    f"the signature of the DICOM SR: its {what} is blank, a name and an "
                    "organisation were expected. Name both, or leave the report unsigned."
                )


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The report that this one corrects."""

    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    instance_number: int


def render(
    report: Report,
    study: Study,
    open_volume: OpenVolume,  # noqa: ARG001 - a structured report refers to images, it shows none
    *,
    profile: Profile = "ohif",
    signature: Signature | None = None,
    predecessor: Predecessor | None = None,
) -> bytes:
    """Return the report as a DICOM file.

    Parameters
    ----------
    report : Report
    study : Study
        The study that was measured: its images are referred to, its patient is carried.
    open_volume : callable
        Not used.
    profile : {"ohif", "strict"}
        Which readers it is for; see `PROFILES`.
    signature : Signature or None
        None leaves the report preliminary and unverified.
    predecessor : Predecessor or None
        From `predecessor_of`, where this report corrects another one.

    Raises
    ------
    ReportError
        The images are not DICOM, or the report was made from others than the study holds.
    """
    from ifi_mri.reports import dicom_sr_document

    return dicom_sr_document.render(report, study, profile, signature, predecessor)


def predecessor_of(content: bytes, study: Study) -> Predecessor:
    """Return what a correction says of the report that it corrects.

    Parameters
    ----------
    content : bytes
        The earlier ``report_sr.dcm``.
    study : Study
        The study of both.

    Raises
    ------
    ReportError
        Not a structured report of this study.
    """
    from pydicom import dcmread

    try:
        dataset = dcmread(io.BytesIO(content), stop_before_pixels=True)
        found = _identity(dataset)
    except Exception as problem:  # pydicom raises whatever it meets in a broken file
        raise ReportError(
            f"the report to correct: is no DICOM structured report ({type(problem).__name__}). "
            f"Name the earlier {FILE_NAME}."
        ) from problem
    if str(dataset.get("Modality", "")) != "SR" or found.study_uid != study.study_uid:
        raise ReportError(
            f"the report to correct: is of study {found.study_uid} and modality "
            f"{dataset.get('Modality', 'unknown')}, a structured report (SR) of study "
            f"{study.study_uid} was expected. Name the earlier {FILE_NAME} of this study."
        )
    return found


def _identity(dataset: "Dataset") -> Predecessor:
    return Predecessor(
        study_uid=str(dataset.StudyInstanceUID),
        series_uid=str(dataset.SeriesInstanceUID),
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
        instance_number=int(dataset.get("InstanceNumber") or 1),
    )
