"""What every DICOM object that we write shares: whose it is, when it was made, its UIDs.

Patient and study attributes must be those of the images (DICOM PS3.3, section A.1.2), so they are
copied from the header of an image file; where the file is not at hand (in an archive, or gone)
the `Study` says what it knows.  UIDs are made from what the object says (PS3.5, section B.2), so
that the same inputs give the same bytes.
"""

import io
import uuid
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ifi_mri import codes, geometry
from ifi_mri.errors import ReportError
from ifi_mri.model import Instance, Point, Report, Series, Study

if TYPE_CHECKING:
    from pydicom import Dataset

#: UTF-8, so that any patient's name and any sentence can be written.
CHARACTER_SET: Final = "ISO_IR 192"

MANUFACTURER: Final = "ifi_mri"

#: Attributes of patient and study that are copied from the images; the first group must be there.
REQUIRED_ATTRIBUTES: Final = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate",
    "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber",
)  # fmt: skip
OPTIONAL_ATTRIBUTES: Final = (
    "IssuerOfPatientID", "PatientAge", "PatientSize", "PatientWeight", "PatientIdentityRemoved",
    "DeidentificationMethod", "StudyDescription",
)  # fmt: skip

#: Spacings that differ by less move no point of a 1024-pixel image by more than 0.01 mm.
SQUARE: Final = 1e-5

#: The last of those attributes in a file, StudyID (0020,0010).
_LAST_TAG: Final = 0x00200010


@dataclass(frozen=True, slots=True)
class SourceImage:
    """One image that something was measured on: a file, or one frame of it."""

    series: Series
    instance: Instance

    @property
    def frame_number(self) -> int | None:
        """DICOM's number of the frame, from 1; None in a single-frame file."""
        return None if self.instance.frame is None else self.instance.frame + 1

    @property
    def affine(self) -> geometry.FloatArray:
        """The 4 x 4 matrix of the series' grid."""
        assert self.series.grid is not None
        return self.series.grid.affine

    @property
    def has_square_pixels(self) -> bool:
        """Whether rows and columns are equally far apart, to `SQUARE`."""
        assert self.series.grid is not None
        row_mm, column_mm = self.series.grid.pixel_spacing_mm
        return abs(row_mm - column_mm) <= SQUARE * row_mm

    def coordinates(self, points_mm: Sequence[Point]) -> geometry.FloatArray:
        """Return positions as image coordinates (column, row), shape (n, 2)."""
        return geometry.patient_to_image(points_mm, self.instance.position_mm, self.affine)


def source_image(
    study: Study, series_uid: str | None, sop_instance_uid: str | None, points_mm: Sequence[Point]
) -> SourceImage:
    """Return the image that points lie on; of a multi-frame file the nearest frame.

    Raises
    ------
    ReportError
        The study is not DICOM, or does not hold that image.
    """
    if sop_instance_uid is None:
        raise not_dicom()
    named = [
        (series, instance)
        for series in study.series
        if series.grid is not None and series_uid in (None, series.series_uid)
        for instance in series.instances
        if instance.sop_instance_uid == sop_instance_uid
    ]
    if not named:
        raise ReportError(
            f"image {sop_instance_uid}: something was measured on it, but it is not among the "
            "study's images. Write the report together with the study that was measured."
        )
    return SourceImage(*min(named, key=lambda pair: _off_plane_mm(pair[0], pair[1], points_mm)))


def not_dicom() -> ReportError:
    """Return the error for images that have no SOP Instance UID."""
    return ReportError(
        "the study: its images are not DICOM (NIfTI has no SOP Instance UIDs), and a DICOM report "
        "must refer to DICOM images. Choose other formats, or analyse the DICOM files."
    )


def _off_plane_mm(series: Series, instance: Instance, points_mm: Sequence[Point]) -> float:
    assert series.grid is not None
    offsets = np.asarray(points_mm, dtype=np.float64) - instance.position_mm
    return float(np.abs(offsets @ geometry.slice_normal(series.grid.affine)).max(initial=0))


# --- whose, when, which -------------------------------------------------------------------------


def patient_and_study(study: Study, series: Series) -> "Dataset":
    """Return the attributes of patient and study that an object of this study must carry, in
    UTF-8."""
    from pydicom import Dataset

    found = _from_header(series) if series.instances else None
    stated = found if found is not None else _from_nouns(study)
    copied = Dataset()
    copied.SpecificCharacterSet = CHARACTER_SET
    for keyword in (*REQUIRED_ATTRIBUTES, *OPTIONAL_ATTRIBUTES):
        value = _valid(keyword, stated.get(keyword))
        if value or keyword in REQUIRED_ATTRIBUTES:
            setattr(copied, keyword, value or None)
    copied.StudyInstanceUID = study.study_uid
    return copied


def _valid(keyword: str, value: Any) -> str:
    """Return a value without the encoding that it was read in; nothing where DICOM forbids it:
    what is wrong in the images is not repeated."""
    from pydicom.config import RAISE
    from pydicom.datadict import dictionary_VR
    from pydicom.multival import MultiValue
    from pydicom.valuerep import validate_value

    first = next(iter(value), None) if isinstance(value, MultiValue) else value
    text = "" if first is None else str(first)
    try:
        validate_value(dictionary_VR(keyword), text, RAISE)
    except ValueError:
        return ""
    return text if keyword != "PatientSex" or text in ("M", "F", "O") else ""


def _from_header(series: Series) -> "Dataset | None":
    """Return the attributes from an image file, or None where it cannot be read as it lies."""
    from pydicom.filereader import read_partial

    try:
        with warnings.catch_warnings(), Path(series.instances[0].path).open("rb") as file:
            warnings.simplefilter("ignore")  # `_valid` judges the values
            header = read_partial(file, stop_when=lambda tag, _vr, _length: tag > _LAST_TAG)
            header.decode()
    except Exception:  # noqa: BLE001 - whatever is wrong with the file, the nouns speak instead
        return None
    return header if str(header.get("StudyInstanceUID", "")) == series.study_uid else None


def _from_nouns(study: Study) -> "Dataset":
    from pydicom import Dataset

    stated = Dataset()
    stated.PatientName = study.patient.name
    stated.PatientID = study.patient.patient_id
    if study.patient.birth_date:
        stated.PatientBirthDate = study.patient.birth_date.strftime("%Y%m%d")
    if study.patient.sex in ("M", "F", "O"):
        stated.PatientSex = study.patient.sex
    if study.study_date:
        stated.StudyDate = study.study_date.strftime("%Y%m%d")
    stated.AccessionNumber = study.accession_number
    return stated


def made_at(report: Report) -> tuple[str, str]:
    """Return DICOM date and time (UTC) of a report."""
    at = datetime.fromisoformat(report.created_at)
    at = at.astimezone(UTC) if at.tzinfo else at
    return at.strftime("%Y%m%d"), at.strftime("%H%M%S")


def uid_of(*parts: str) -> str:
    """Return the UID that stands for a text: the same text, the same UID (UUID version 5)."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, '|'.join(parts)).int}"


def declare_private_codes(dataset: "Dataset") -> None:
    """Enter our own coding scheme, which a file with private codes must name."""
    from pydicom import Dataset

    scheme = Dataset()
    scheme.CodingSchemeDesignator = codes.PRIVATE_SCHEME
    scheme.CodingSchemeVersion = codes.PRIVATE_SCHEME_VERSION
    scheme.CodingSchemeName = codes.PRIVATE_SCHEME_NAME
    scheme.CodingSchemeResponsibleOrganization = MANUFACTURER
    dataset.CodingSchemeIdentificationSequence = [scheme]


def reference(image: SourceImage) -> "Dataset":
    """Return a reference to an image file."""
    from pydicom import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID = image.instance.sop_class_uid
    item.ReferencedSOPInstanceUID = image.instance.sop_instance_uid
    return item


def as_file(dataset: "Dataset") -> bytes:
    """Return a DICOM file (PS3.10), explicit VR little endian, whose dataset says which object it
    is."""
    from pydicom import dcmwrite
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    dataset.file_meta = meta
    file = io.BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()
