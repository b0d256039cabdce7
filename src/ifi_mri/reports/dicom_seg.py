"""``segmentation_qf.dcm``: the outlines of quadratus femoris as DICOM Segmentation (PS3.3, A.51).

One segment for each side, on the pixels of the fluid-sensitive series that the signal is measured
on: a pixel belongs to the muscle where its centre lies inside the outline.
"""

from typing import TYPE_CHECKING, Final

from ifi_mri.model import OpenVolume, Report, Study
from ifi_mri.vocabulary import LandmarkName, Role

if TYPE_CHECKING:
    from ifi_mri.model import Landmark, Series

NAME: Final = "seg"
FILE_NAME: Final = "segmentation_qf.dcm"


def render(
    report: Report,
    study: Study,
    open_volume: OpenVolume,  # noqa: ARG001 - the grid of the images is enough
) -> bytes | None:
    """Return the segmentation as a DICOM file; None where no outline lies on a fluid-sensitive
    series.

    Raises
    ------
    ReportError
        The images are not DICOM, or the report was made from others than the study holds.
    """
    fluid = _fluid_sensitive(report, study)
    outlines = tuple(
        mark for mark in report.landmarks if mark.name is LandmarkName.QUADRATUS_FEMORIS
    )
    if fluid is None or not outlines:
        return None
    return _rendered(report, study, fluid, outlines)


def _fluid_sensitive(report: Report, study: Study) -> "Series | None":
    chosen = report.chosen(Role.FLUID_SENSITIVE)
    for series in study.series:
        if chosen is not None and series.series_uid == chosen.series_uid and series.grid:
            return series
    return None


def _rendered(
    report: Report, study: Study, fluid: "Series", outlines: "tuple[Landmark, ...]"
) -> bytes | None:
    from ifi_mri.reports import dicom_seg_object

    return dicom_seg_object.render(report, study, fluid, outlines)
