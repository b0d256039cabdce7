"""What stands around the measurements of a structured report: who, on which images, in words.

Observers are TID 1001-1004, the image library TID 1600-1604, what could not be measured and the
impression are the *Qualitative Evaluations* of TID 1500 (rows 12 to 14).
"""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from highdicom import sr

from ifi_mri import codes
from ifi_mri.model import Report
from ifi_mri.reports import dicom_sr_items as items
from ifi_mri.reports import words
from ifi_mri.reports.dicom_objects import MANUFACTURER, SourceImage, uid_of
from ifi_mri.reports.dicom_sr_groups import missing_spaces, not_measured_sentence, why_not
from ifi_mri.reports.dicom_sr_items import CONTAINS, Item

#: Characters that part the representations and values of a person name (PS3.5, section 6.2).
_NAME_PARTS: Final = str.maketrans("=\\", "  ")

#: Languages that the project itself speaks, by RFC 5646 tag.
_LANGUAGES: Final = {"en": "English", "de": "German"}

#: Longest group of components of a person name, and of a long string.
_LONGEST_STRING: Final = 64


def observers(report: Report) -> list[Item]:
    """Return who observed: the reader, where the report names one, and this software."""
    made: list[Item] = []
    if report.reader:
        person = sr.PersonObserverIdentifyingAttributes(person_name(report.reader))
        made += items.of_template(sr.ObserverContext(items.concept(codes.PERSON), person))
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=uid_of(report.software_name, report.software_version),
        name=report.software_name,
        manufacturer_name=MANUFACTURER,
        model_name=report.software_name,
        serial_number=report.software_version,
    )
    return made + items.of_template(sr.ObserverContext(items.concept(codes.DEVICE), device))


def language(code: str = "en") -> list[Item]:
    """Return the language of texts (TID 1204)."""
    spoken = sr.CodedConcept(code, "RFC5646", _LANGUAGES.get(code, code))
    return items.of_template(sr.LanguageOfContentItemAndDescendants(spoken))


def person_name(name: str) -> str:
    """Return a name as a DICOM person name: as it stands where it is one (``Doe^Jane``), else the
    whole of it as the family name."""
    plain = words.printable(name).translate(_NAME_PARTS)[: _LONGEST_STRING - 1].strip()
    return plain if "^" in plain else f"{plain}^"


def long_string(value: str) -> str:
    """Return a text as DICOM's long string, at most 64 characters without backslashes."""
    return words.printable(value).replace("\\", " ")[:_LONGEST_STRING].strip()


# --- the images ---------------------------------------------------------------------------------


def image_library(images: Iterable[SourceImage]) -> Item:
    """Return the images that something was measured on, grouped by series; what a series' images
    share stands once."""
    by_series: dict[str, list[SourceImage]] = {}
    for image in images:
        by_series.setdefault(image.series.series_uid, []).append(image)
    groups = [
        items.container(
            codes.IMAGE_LIBRARY_GROUP,
            [*_shared(of_series[0]), *(_entry(image) for image in of_series)],
        )
        for of_series in by_series.values()
    ]
    return items.container(codes.IMAGE_LIBRARY, groups)


def _entry(image: SourceImage) -> Item:
    position = zip(codes.IMAGE_POSITION, image.instance.position_mm, strict=True)
    described = [_described(name, value, codes.MILLIMETRE) for name, value in position]
    return items.holding(items.picture(CONTAINS, image), described)


def _shared(image: SourceImage) -> Iterator[Item]:
    """Yield what the images of a series share (TID 1602 and 1604)."""
    acquired = items.HAS_ACQUISITION_CONTEXT
    grid = image.series.grid
    assert grid is not None
    yield items.code(acquired, codes.MODALITY, codes.MAGNETIC_RESONANCE)
    if image.series.frame_of_reference_uid:
        yield items.uid(acquired, codes.FRAME_OF_REFERENCE_UID, image.series.frame_of_reference_uid)
    _, n_rows, n_columns = grid.shape
    yield _described(codes.PIXEL_ROWS, n_rows, codes.PIXELS)
    yield _described(codes.PIXEL_COLUMNS, n_columns, codes.PIXELS)
    row_mm, column_mm = grid.pixel_spacing_mm
    yield _described(codes.HORIZONTAL_SPACING, column_mm, codes.MILLIMETRE)
    yield _described(codes.VERTICAL_SPACING, row_mm, codes.MILLIMETRE)
    if image.series.slice_thickness_mm is not None:
        yield _described(codes.SLICE_THICKNESS, image.series.slice_thickness_mm, codes.MILLIMETRE)
    right, down = grid.affine[:3, 2] / column_mm, grid.affine[:3, 1] / row_mm
    for name, cosine in zip(codes.IMAGE_ORIENTATION, np.concatenate([right, down]), strict=True):
        yield _described(name, float(cosine), codes.DIRECTION_COSINE)


def _described(name: codes.Code, value: float, unit: codes.Code) -> Item:
    return items.number(items.HAS_ACQUISITION_CONTEXT, name, value, unit)


# --- in words -----------------------------------------------------------------------------------


def evaluations(report: Report, *, with_missing: bool) -> Item:
    """Return the impression and, where no group says it, which space was not measured and why."""
    missing: list[Item] = []
    if with_missing:
        for space, side in missing_spaces(report):
            missing.append(items.code(CONTAINS, space.of[side], why_not(report, space, side)))
            sentence = not_measured_sentence(report, space, side)
            missing.append(items.text(CONTAINS, codes.COMMENT, sentence))
    foreign = language(report.language) if report.language != "en" else []
    impression = [
        items.holding(items.text(CONTAINS, codes.IMPRESSION, sentence), foreign)
        for sentence in report.impression
    ]
    use = items.text(CONTAINS, codes.IMPRESSION, words.INTENDED_USE_SHORT)
    return items.container(codes.QUALITATIVE_EVALUATIONS, [*missing, *impression, use])
