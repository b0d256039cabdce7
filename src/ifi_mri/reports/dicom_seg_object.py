"""The segmentation of quadratus femoris as highdicom builds it, with nothing left to chance.

highdicom copies patient, study and geometry from datasets of the source images.  Those of single
frames are made from what the series says (its files may lie in an archive); those of a multi-frame
file are read from it, because a reference to a frame needs them all.
"""

import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import highdicom as hd
import numpy as np
import numpy.typing as npt
from pydicom import Dataset, dcmread
from pydicom.sr.coding import Code as PydicomCode

from ifi_mri import codes, geometry
from ifi_mri.errors import ReportError
from ifi_mri.model import Instance, Landmark, Report, Series, Study
from ifi_mri.reports.dicom_objects import (
    MANUFACTURER,
    REQUIRED_ATTRIBUTES,
    as_file,
    made_at,
    not_dicom,
    patient_and_study,
    uid_of,
)
from ifi_mri.vocabulary import Side

SERIES_NUMBER: Final = 9102

#: A slice takes an outline that lies within half its spacing; the rest is rounding.
_ON_SLICE: Final = 0.5 + 1e-6

LATERALITY: Final = {Side.LEFT: codes.LEFT, Side.RIGHT: codes.RIGHT}


def render(
    report: Report, study: Study, fluid: Series, outlines: Sequence[Landmark]
) -> bytes | None:
    """Return the segmentation as a DICOM file; None where no outline lies on the series."""
    if fluid.instances[0].sop_instance_uid is None:
        raise not_dicom()
    sides = [side for side in Side if any(mark.side is side for mark in outlines)]
    drawn = _drawn(fluid, outlines, sides)
    if not drawn:
        return None
    planes = sorted(drawn)
    pixels = np.stack([drawn[plane] for plane in planes])
    instances = [fluid.instances[plane] for plane in planes]
    with warnings.catch_warnings():  # highdicom repeats an unusual patient's name in a warning
        warnings.simplefilter("ignore")
        segmentation = _segmentation(report, study, fluid, sides, instances, pixels)
    _state_sides(segmentation, sides)
    _without_chance(segmentation, report)
    return as_file(segmentation)


def _segmentation(
    report: Report,
    study: Study,
    fluid: Series,
    sides: Sequence[Side],
    instances: Sequence[Instance],
    pixels: npt.NDArray[np.uint8],
) -> hd.seg.Segmentation:
    return hd.seg.Segmentation(
        source_images=_sources(study, fluid, instances),
        pixel_array=pixels,
        segmentation_type="BINARY",
        segment_descriptions=[
            _segment(report, number, side) for number, side in enumerate(sides, start=1)
        ],
        series_instance_uid=uid_of(report.study_uid, "segmentations", MANUFACTURER),
        series_number=SERIES_NUMBER,
        sop_instance_uid=_instance_uid(report, pixels),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=report.software_name,
        software_versions=report.software_version,
        device_serial_number=report.software_version,
        content_description="Quadratus femoris",
        content_label="QUADRATUS_FEM",
        series_description="Quadratus femoris",
        plane_positions=[
            hd.PlanePositionSequence("PATIENT", list(instance.position_mm))
            for instance in instances
        ],
    )


def _drawn(
    fluid: Series, outlines: Sequence[Landmark], sides: Sequence[Side]
) -> dict[int, npt.NDArray[np.uint8]]:
    """Return by slice which pixels are muscle, shape (rows, columns, segments)."""
    assert fluid.grid is not None
    affine, shape = fluid.grid.affine, fluid.grid.shape
    drawn: dict[int, npt.NDArray[np.uint8]] = {}
    for mark in outlines:
        place = float(np.mean(geometry.slice_coordinate(affine, mark.points_mm)))
        plane = round(place)
        if abs(place - plane) > _ON_SLICE or not 0 <= plane < shape[0]:
            continue
        inside = geometry.pixels_inside(mark.points_mm, affine, shape[1:])
        if inside.any():
            frame = drawn.setdefault(plane, np.zeros((*shape[1:], len(sides)), dtype=np.uint8))
            frame[..., sides.index(mark.side)] |= inside
    return drawn


# --- segments -----------------------------------------------------------------------------------


def _segment(report: Report, number: int, side: Side) -> hd.seg.SegmentDescription:
    label = f"QF-{side.letter}"
    by_model = report.landmarks_status == "proposed"
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=_code(codes.TISSUE),
        segmented_property_type=_code(codes.MUSCLE),
        algorithm_type="AUTOMATIC" if by_model else "MANUAL",
        algorithm_identification=_model(report) if by_model else None,
        tracking_uid=uid_of(report.study_uid, "QF outline", side, report.reader or ""),
        tracking_id=label,
        anatomic_regions=[_code(codes.QUADRATUS_FEMORIS)],
    )


def _model(report: Report) -> hd.AlgorithmIdentificationSequence:
    return hd.AlgorithmIdentificationSequence(
        name=report.reader or "not recorded",
        family=_code(codes.ARTIFICIAL_INTELLIGENCE),
        version="not recorded",
    )


def _state_sides(segmentation: Dataset, sides: Sequence[Side]) -> None:
    """Enter the side of each segment as the modifier of its anatomic region."""
    for segment, side in zip(segmentation.SegmentSequence, sides, strict=True):
        modifier = hd.sr.CodedConcept(*_code(LATERALITY[side]))
        segment.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [modifier]


def _code(code: codes.Code) -> PydicomCode:
    return PydicomCode(code.value, code.scheme, code.meaning)


# --- source images ------------------------------------------------------------------------------


def _sources(study: Study, fluid: Series, instances: Sequence[Instance]) -> list[Dataset]:
    """Return datasets of the images that the frames lie on."""
    if instances[0].frame is not None:
        return [_multi_frame(instances[0])]
    of_all = patient_and_study(study, fluid)  # read from a file, so once
    return [_single_frame(of_all, fluid, instance) for instance in instances]


def _single_frame(of_all: Dataset, fluid: Series, instance: Instance) -> Dataset:
    assert fluid.grid is not None
    affine, (_, n_rows, n_columns) = fluid.grid.affine, fluid.grid.shape
    spacing = fluid.grid.pixel_spacing_mm
    image = Dataset()
    image.update(of_all)
    image.SOPClassUID = instance.sop_class_uid
    image.SOPInstanceUID = instance.sop_instance_uid
    image.SeriesInstanceUID = fluid.series_uid
    image.FrameOfReferenceUID = fluid.frame_of_reference_uid or uid_of(fluid.series_uid, "frame")
    image.Modality = fluid.modality
    image.Rows, image.Columns = n_rows, n_columns
    image.PixelSpacing = list(spacing)
    image.SliceThickness = fluid.slice_thickness_mm or fluid.grid.slice_spacing_mm
    right, down = affine[:3, 2] / spacing[1], affine[:3, 1] / spacing[0]
    image.ImageOrientationPatient = [float(cosine) for cosine in (*right, *down)]
    image.ImagePositionPatient = list(instance.position_mm)
    return image


def _multi_frame(instance: Instance) -> Dataset:
    try:
        image = dcmread(Path(instance.path), stop_before_pixels=True)
    except Exception as problem:  # pydicom raises whatever it meets in a broken file
        raise ReportError(
            f"{instance.path.name}: the frames that the segmentation refers to cannot be read "
            f"({type(problem).__name__}). Unpack the study into a folder, or leave the format "
            "seg out."
        ) from problem
    for keyword in REQUIRED_ATTRIBUTES:
        if keyword not in image:
            setattr(image, keyword, None)
    return image


# --- the same inputs, the same bytes ------------------------------------------------------------


def _instance_uid(report: Report, pixels: npt.NDArray[np.uint8]) -> str:
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    return uid_of(report.report_uid, "segmentation", report.created_at, digest)


def _without_chance(segmentation: Dataset, report: Report) -> None:
    """Replace times of day and random UIDs by those of the report."""
    date, time = made_at(report)
    segmentation.InstanceCreationDate, segmentation.InstanceCreationTime = date, time
    segmentation.ContentDate, segmentation.ContentTime = date, time
    for equipment in segmentation.get("ContributingEquipmentSequence", []):
        if "ContributionDateTime" in equipment:
            equipment.ContributionDateTime = date + time
    organization = uid_of(str(segmentation.SOPInstanceUID), "dimensions")
    segmentation.DimensionOrganizationSequence[0].DimensionOrganizationUID = organization
    for index in segmentation.DimensionIndexSequence:
        index.DimensionOrganizationUID = organization
