"""``report_pdf.dcm``: ``report.pdf`` as DICOM Encapsulated PDF (PS3.3, section A.45.1), which an
archive keeps beside the images and every workstation opens."""

from typing import Final

from ifi_mri import codes
from ifi_mri.model import OpenVolume, Report, Study
from ifi_mri.reports import pdf_file, words

NAME: Final = "pdf_dicom"
FILE_NAME: Final = "report_pdf.dcm"

#: Of the series of encapsulated reports; see `ifi_mri.reports.dicom_sr_document.SERIES_NUMBER`.
SERIES_NUMBER: Final = 9103


def render(report: Report, study: Study, open_volume: OpenVolume) -> bytes:
    """Return the PDF in a DICOM file that carries patient and study of the images.

    Raises
    ------
    ReportError
        The images are not DICOM, or the PDF cannot be laid out.
    """
    from pydicom import Dataset
    from pydicom.uid import EncapsulatedPDFStorage

    from ifi_mri.reports.dicom_objects import as_file
    from ifi_mri.reports.dicom_wrapping import wrapped

    made = wrapped(
        report, study, EncapsulatedPDFStorage, "DOC", SERIES_NUMBER, "Ischiofemoral report (PDF)"
    )
    content = pdf_file.render(report, study, open_volume)
    title = Dataset()
    title.CodeValue = codes.DIAGNOSTIC_IMAGING_REPORT.value
    title.CodingSchemeDesignator = codes.DIAGNOSTIC_IMAGING_REPORT.scheme
    title.CodeMeaning = codes.DIAGNOSTIC_IMAGING_REPORT.meaning
    made.ConceptNameCodeSequence = [title]
    made.DocumentTitle = f"Ischiofemoral space, case {words.printable(report.case_id)}"[:1024]
    made.AcquisitionDateTime = None
    made.VerificationFlag = "UNVERIFIED"
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocumentLength = len(content)
    made.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    return as_file(made)
