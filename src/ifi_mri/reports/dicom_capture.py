"""``capture.dcm``: the annotated slices as Secondary Capture (PS3.3, section A.8.1), for viewers
that draw no structured report.  The pictures are those of the page; nothing can be measured on it.
"""

import io
import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from ifi_mri.errors import ReportError
from ifi_mri.model import OpenVolume, Report, Study
from ifi_mri.reports import html_page, pdf_file, words

NAME: Final = "capture"
FILE_NAME: Final = "capture.dcm"

SERIES_NUMBER: Final = 9104

TEMPLATE: Final = Path(__file__).parent / "templates" / "capture.typ"

#: Pixels per inch of a sheet that is 240 mm wide: 1417 pixels across.
PPI: Final = 150


def render(report: Report, study: Study, open_volume: OpenVolume) -> bytes | None:
    """Return the sheet as a DICOM file; None where no distance was measured.

    Raises
    ------
    ReportError
        The images are not DICOM.
    """
    from pydicom.uid import SecondaryCaptureImageStorage

    from ifi_mri.reports.dicom_objects import as_file
    from ifi_mri.reports.dicom_wrapping import wrapped

    made = wrapped(
        report, study, SecondaryCaptureImageStorage, "OT", SERIES_NUMBER, "Ischiofemoral lines"
    )
    pixels = sheet(report, study, open_volume)
    if pixels is None:
        return None
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.DerivationDescription = "Lines and values of the report drawn on slices; not for measuring"
    made.PatientOrientation = None
    made.Laterality = None  # both hips
    made.SamplesPerPixel = 3
    made.PhotometricInterpretation = "RGB"
    made.PlanarConfiguration = 0
    made.Rows, made.Columns = pixels.shape[:2]
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit = 7
    made.PixelRepresentation = 0
    content = pixels.tobytes()
    made.PixelData = content + b"\0" * (len(content) % 2)
    return as_file(made)


def sheet(report: Report, study: Study, open_volume: OpenVolume) -> "np.ndarray[Any, Any] | None":
    """Return the drawn slices of both sides on one sheet, shape (rows, columns, 3), uint8."""
    import typst
    from PIL import Image

    page = html_page.render(report, study, open_volume).decode()
    figures = pdf_file.space_figures(page)
    if not figures:
        return None
    content = {
        "figures": figures,
        "title": f"Case {words.printable(report.case_id)}",
        "note": f"{words.INTENDED_USE_SHORT} Not for measuring.",
    }
    try:
        made = typst.compile(
            TEMPLATE.read_bytes(),
            format="png",
            ppi=PPI,
            ignore_system_fonts=True,
            sys_inputs={"report": json.dumps(content, ensure_ascii=False)},
        )
    except typst.TypstError as problem:
        raise ReportError(
            f"the capture of case {report.case_id} cannot be drawn: {problem.message}. This is a "
            "fault in the software; please report it."
        ) from problem
    assert isinstance(made, bytes)
    return np.asarray(Image.open(io.BytesIO(made)).convert("RGB"))
