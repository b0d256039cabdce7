"""The measurement groups of a structured report: TID 1501, one for each space of each side.

The shape opens as an editable line in OHIF and passes the public validators: the first NUM of a
group is the length and owns its method and its line on the image; the side, which viewers do not
show, is repeated in the comment.  What TID 310 says of the length (normality, limit, uncertainty)
stands beside it in the group, which is about that length alone: below it, PixelMed's validator
takes every NUM for one that the length was inferred from, and every CODE for a modifier.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ifi_mri import codes
from ifi_mri.codes import Code
from ifi_mri.model import Finding, Measurement, Outline, Report, Study
from ifi_mri.reports import dicom_sr_items as items
from ifi_mri.reports import words
from ifi_mri.reports.dicom_objects import SourceImage, source_image, uid_of
from ifi_mri.reports.dicom_sr_items import CONTAINS, HAS_CONCEPT_MODIFIER, HAS_PROPERTIES, Item
from ifi_mri.vocabulary import FindingName, LandmarkName, MeasurementName, Side, Status, printed

#: What makes a viewer take a group for its length tool: the name and version of Cornerstone's
#: adapter, then the tool.  What follows the last colon is ours.
LENGTH_TOOL: Final = "Cornerstone3DTools@^0.1.0:Length:"


@dataclass(frozen=True, slots=True)
class Space:
    """How one of the two spaces is coded; ``of`` is the concept that names the side too."""

    label: str
    name: MeasurementName
    finding: FindingName
    concept: Code
    of: Mapping[Side, Code]
    narrowing: Code
    sites: tuple[Code, ...]
    ends: tuple[tuple[LandmarkName, ...], ...]


SPACES: Final = (
    Space(
        "IFS",
        MeasurementName.ISCHIOFEMORAL_SPACE,
        FindingName.ISCHIOFEMORAL_SPACE_NARROWING,
        codes.ISCHIOFEMORAL_SPACE,
        dict(zip(Side, codes.ISCHIOFEMORAL_SPACE_OF, strict=True)),
        codes.ISCHIOFEMORAL_SPACE_NARROWING,
        (codes.ISCHIUM, codes.LESSER_TROCHANTER),
        ((LandmarkName.ISCHIAL_TUBEROSITY,), (LandmarkName.LESSER_TROCHANTER,)),
    ),
    Space(
        "QFS",
        MeasurementName.QUADRATUS_FEMORIS_SPACE,
        FindingName.QUADRATUS_FEMORIS_SPACE_NARROWING,
        codes.QUADRATUS_FEMORIS_SPACE,
        dict(zip(Side, codes.QUADRATUS_FEMORIS_SPACE_OF, strict=True)),
        codes.QUADRATUS_FEMORIS_SPACE_NARROWING,
        (codes.QUADRATUS_FEMORIS,),
        (
            (LandmarkName.HAMSTRING_ORIGIN,),
            (LandmarkName.ILIOPSOAS_TENDON, LandmarkName.LESSER_TROCHANTER),
        ),
    ),
)

LATERALITY: Final = {Side.LEFT: codes.LEFT, Side.RIGHT: codes.RIGHT}

NORMALITY: Final = {
    Status.PRESENT: codes.ABNORMALLY_LOW,
    Status.ABSENT: codes.NORMAL,
    Status.INDETERMINATE: codes.NORMALITY_UNDETERMINED,
    Status.NOT_ASSESSABLE: codes.NORMALITY_UNDETERMINED,
}

PRESENCE: Final = {
    Status.PRESENT: codes.PRESENT,
    Status.ABSENT: codes.ABSENT,
    Status.INDETERMINATE: codes.UNDETERMINED,
    Status.NOT_ASSESSABLE: codes.UNDETERMINED,
}

#: How far the pictures carry the judgement of the muscle's signal.
QUALITY: Final = {
    Status.PRESENT: codes.DIAGNOSTIC_QUALITY,
    Status.ABSENT: codes.DIAGNOSTIC_QUALITY,
    Status.INDETERMINATE: codes.LIMITED_QUALITY,
    Status.NOT_ASSESSABLE: codes.NON_DIAGNOSTIC_QUALITY,
}

#: Numbers of the muscle that stand in a side's group: their concept, their unit and what one unit
#: of the measurement is in it.
MUSCLE_NUMBERS: Final = {
    MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO: (codes.SIGNAL_RATIO, codes.RATIO, 1),
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION: (
        codes.OEDEMA_FRACTION,
        codes.PERCENT,
        100,
    ),
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_VOLUME_ML: (
        codes.OEDEMA_VOLUME,
        codes.MILLILITRE,
        1,
    ),
}


@dataclass(frozen=True, slots=True)
class Group:
    """A measurement group, and the image it refers to (None where nothing was measured)."""

    item: Item
    image: SourceImage | None


def groups(report: Report, study: Study, *, for_ohif: bool) -> tuple[Group, ...]:
    """Return the groups of both sides.

    Parameters
    ----------
    report : Report
    study : Study
        Where the images are described.
    for_ohif : bool
        Only groups with coordinates, under the tracking identifiers that its tools know; OHIF
        opens no report with a group that has none.  Else what was not measured has its group too.

    Raises
    ------
    ReportError
        Something was measured on an image that the study does not hold, or that is not DICOM.
    """
    return tuple(
        group for side in Side for group in _groups_of_side(report, study, side, for_ohif=for_ohif)
    )


def _groups_of_side(report: Report, study: Study, side: Side, *, for_ohif: bool) -> Iterator[Group]:
    """Yield the groups of a side; the muscle's signal stands in the last one that has a length."""
    measured = [space for space in SPACES if report.measured(space.name, side) is not None]
    for space in SPACES:
        length = report.measured(space.name, side)
        if length is not None:
            muscle = muscle_items(report, side) if space is measured[-1] else []
            yield _space_group(report, study, space, length, side, muscle, for_ohif=for_ohif)
        elif not for_ohif:
            yield _group_without_length(report, space, side)
    if not measured:
        yield from _muscle_group(report, study, side, for_ohif=for_ohif)


# --- a space ------------------------------------------------------------------------------------


def _space_group(
    report: Report,
    study: Study,
    space: Space,
    length: Measurement,
    side: Side,
    muscle: list[Item],
    *,
    for_ohif: bool,
) -> Group:
    assert length.side is side
    image = source_image(study, length.series_uid, length.sop_instance_uid, length.points_mm)
    finding = report.finding(space.finding, side)
    label = _label(space, length)
    tag = f"{LENGTH_TOOL if for_ohif else ''}{label}-{side.letter}"
    drawn = _drawn(length.points_mm, image, for_ohif=for_ohif)
    content = [
        *_head(report, tag, space.label, side, space.concept, space.sites),
        _length(report, length, finding, drawn[0]),
        *_normality(finding),
        *_uncertainty(length),
        *_narrowing(space, finding),
        *muscle,
        *drawn[1:],
        items.text(CONTAINS, codes.COMMENT, _comment(label, side, length, finding)),
    ]
    return Group(items.container(codes.MEASUREMENT_GROUP, content, template="1501"), image)


def _head(
    report: Report, tag: str, label: str, side: Side, finding: Code, sites: tuple[Code, ...]
) -> list[Item]:
    """Return what says which thing a group is about, who measured it, and where it lies."""
    reader = report.reader or ""
    session = f"reader {reader or 'not recorded'}, read {report.read or 'not recorded'}"
    tracking_uid = uid_of(report.study_uid, label, side, reader)
    return [
        items.text(items.HAS_OBSERVATION_CONTEXT, codes.TRACKING_IDENTIFIER, tag),
        items.uid(items.HAS_OBSERVATION_CONTEXT, codes.TRACKING_UID, tracking_uid),
        items.text(items.HAS_OBSERVATION_CONTEXT, codes.ACTIVITY_SESSION, session),
        items.code(CONTAINS, codes.FINDING, finding),
        *(_site(site, side) for site in sites),
        *_algorithm(report),
    ]


def _algorithm(report: Report) -> list[Item]:
    """Return which software measured, and with which settings (TID 4019)."""
    parameters = f"profile {report.profile}; settings sha256 {report.config_digest}"
    return [
        items.text(HAS_CONCEPT_MODIFIER, codes.ALGORITHM_NAME, report.software_name),
        items.text(HAS_CONCEPT_MODIFIER, codes.ALGORITHM_VERSION, report.software_version),
        items.text(HAS_CONCEPT_MODIFIER, codes.ALGORITHM_PARAMETERS, parameters),
    ]


def _site(site: Code, side: Side) -> Item:
    laterality = items.code(HAS_CONCEPT_MODIFIER, codes.LATERALITY, LATERALITY[side])
    return items.holding(items.code(HAS_CONCEPT_MODIFIER, codes.FINDING_SITE, site), [laterality])


def _length(report: Report, length: Measurement, finding: Finding | None, drawn: Item) -> Item:
    """Return the NUM of a space: method, derivation, where its range comes from, its line."""
    content = [
        items.code(HAS_CONCEPT_MODIFIER, codes.MEASUREMENT_METHOD, _method(length)),
        items.code(HAS_CONCEPT_MODIFIER, codes.DERIVATION, codes.MINIMUM),
        *_range_in_words(report, finding),
        drawn,
    ]
    return items.number(CONTAINS, codes.LENGTH, length.value, codes.MILLIMETRE, content)


def _method(length: Measurement) -> Code:
    if length.name is MeasurementName.ISCHIOFEMORAL_SPACE:
        return codes.BONE_TO_BONE
    far = dict(length.details).get("far_landmark")
    to_trochanter = far == LandmarkName.LESSER_TROCHANTER
    return codes.HAMSTRING_TO_TROCHANTER if to_trochanter else codes.HAMSTRING_TO_ILIOPSOAS


def _range_in_words(report: Report, finding: Finding | None) -> list[Item]:
    if finding is None or finding.cutoff is None:
        return []
    above = f"wider than {printed(finding.cutoff, 'mm')} mm, published cut-off"
    authority = ": ".join([f"profile {finding.profile}", *_citations(report, finding)])
    return [
        items.text(HAS_PROPERTIES, codes.NORMAL_RANGE_DESCRIPTION, above),
        items.text(HAS_PROPERTIES, codes.NORMAL_RANGE_AUTHORITY, authority),
    ]


def _normality(finding: Finding | None) -> list[Item]:
    """Return how the length compares with the profile's cut-off."""
    if finding is None or finding.cutoff is None:
        return []
    return [
        items.code(CONTAINS, codes.NORMALITY, NORMALITY[finding.status]),
        items.number(CONTAINS, codes.NORMAL_RANGE_LOWER_LIMIT, finding.cutoff, codes.MILLIMETRE),
    ]


def _uncertainty(length: Measurement) -> list[Item]:
    """Return the half-widths of the 95 % interval, mm."""
    low, high = length.interval_95
    return [
        items.number(CONTAINS, codes.UPPER_UNCERTAINTY, high - length.value, codes.MILLIMETRE),
        items.number(CONTAINS, codes.LOWER_UNCERTAINTY, length.value - low, codes.MILLIMETRE),
    ]


def _citations(report: Report, finding: Finding) -> list[str]:
    return list(
        dict.fromkeys(flag.citation for flag in report.profiles if flag.profile == finding.profile)
    )


def _narrowing(space: Space, finding: Finding | None) -> list[Item]:
    if finding is None:
        return []
    return [items.code(CONTAINS, space.narrowing, PRESENCE[finding.status])]


def _label(space: Space, length: Measurement) -> str:
    """Return the label of a line in landmark files, which says where it ends."""
    to_trochanter = _method(length) is codes.HAMSTRING_TO_TROCHANTER
    return f"{space.label}-LT" if to_trochanter else space.label


def _comment(label: str, side: Side, length: Measurement, finding: Finding | None) -> str:
    """Return what viewers show beside the line: ``IFS left 12.3 mm (narrowed)``.  It begins as a
    label does, so that a line that was moved in a viewer is read back as what it was."""
    judged = f" ({words.status_of(finding)})" if finding is not None else ""
    return f"{label} {side} {words.value_of(length)}{judged}"


def _drawn(points_mm: Outline, image: SourceImage, *, for_ohif: bool) -> list[Item]:
    """Return a line or outline on its image; for OHIF, on pixels that are not square, in space,
    with the image behind it.

    Cornerstone takes the spacing between rows for the distance along a row (its
    ``imageToWorldCoords`` of version 5.14), so that it would draw image coordinates elsewhere.
    """
    frame = image.series.frame_of_reference_uid
    if not for_ohif or image.has_square_pixels or frame is None:
        return [items.coordinates(image, image.coordinates(points_mm))]
    return [items.coordinates_in_space(points_mm, frame), items.picture(CONTAINS, image)]


# --- what was not measured ----------------------------------------------------------------------


def _group_without_length(report: Report, space: Space, side: Side) -> Group:
    label = f"{space.label}-{side.letter}"
    content = [
        *_head(report, label, space.label, side, space.concept, space.sites),
        items.code(CONTAINS, codes.LENGTH, why_not(report, space, side)),
        items.text(CONTAINS, codes.COMMENT, not_measured_sentence(report, space, side)),
    ]
    return Group(items.container(codes.MEASUREMENT_GROUP, content, template="1501"), None)


def why_not(report: Report, space: Space, side: Side) -> Code:
    """Return why a space has no length, in the words of DICOM's numeric value qualifiers (CID 42):
    nobody marked its ends, or what was marked could not be measured.

    It stands as a CODE: PixelMed's validator refuses the NUM without a value that could carry it.
    """
    marked = {mark.name for mark in report.landmarks if mark.side is side}
    both_ends = all(marked.intersection(names) for names in space.ends)
    return codes.FAILURE if both_ends else codes.NOT_ATTEMPTED


def not_measured_sentence(report: Report, space: Space, side: Side) -> str:
    """Return why a space was not measured, as the report says it."""
    reasons = [
        missing.reason
        for missing in report.not_measured
        if missing.name is space.name and missing.side is side
    ]
    why = words.sentence("; ".join(reasons)) if reasons else "It was not asked for."
    return f"{space.label} {side} not measured. {why}"


# --- the muscle ---------------------------------------------------------------------------------


def muscle_items(report: Report, side: Side) -> list[Item]:
    """Return what is known of the quadratus femoris of a side: grade, the reader's own grade,
    signal, quality, and its numbers."""
    found = report.finding(FindingName.QUADRATUS_FEMORIS_OEDEMA, side)
    if found is None:
        return []
    grades = ((codes.EDEMA, found.grade), (codes.EDEMA_BY_EYE, found.reader_grade))
    made = [
        items.code(CONTAINS, graded, codes.SEVERITY_OF_GRADE[grade])
        for graded, grade in grades
        if grade is not None
    ]
    made.append(items.code(CONTAINS, codes.T2_HYPERINTENSITY, PRESENCE[found.status]))
    made.append(items.code(CONTAINS, codes.IMAGE_QUALITY, QUALITY[found.status]))
    for name, (concept, unit, factor) in MUSCLE_NUMBERS.items():
        measured = report.measured(name, side)
        if measured is not None:
            made.append(items.number(CONTAINS, concept, measured.value * factor, unit))
    return made


def _muscle_group(report: Report, study: Study, side: Side, *, for_ohif: bool) -> Iterator[Group]:
    """Yield the muscle's own group on a side without any length, with its outline."""
    ratio = report.measured(MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO, side)
    if ratio is None or len(ratio.points_mm) < 3:
        return
    image = source_image(study, ratio.series_uid, ratio.sop_instance_uid, ratio.points_mm)
    drawn = _drawn((*ratio.points_mm, ratio.points_mm[0]), image, for_ohif=for_ohif)
    signal = items.number(CONTAINS, codes.SIGNAL_RATIO, ratio.value, codes.RATIO, drawn[:1])
    others = [
        item
        for item in muscle_items(report, side)
        if item.name != items.concept(codes.SIGNAL_RATIO)
    ]
    sites = (codes.QUADRATUS_FEMORIS,)
    tag = f"QF-{side.letter}"
    content = [
        *_head(report, tag, "QF", side, codes.QUADRATUS_FEMORIS_SIGNAL, sites),
        signal,
        *others,
        *drawn[1:],
        items.text(
            CONTAINS, codes.COMMENT, f"QF {side} signal ratio {words.value_of(ratio)}".strip()
        ),
    ]
    yield Group(items.container(codes.MEASUREMENT_GROUP, content, template="1501"), image)


def missing_spaces(report: Report) -> list[tuple[Space, Side]]:
    """Return the spaces without a length."""
    return [
        (space, side)
        for side in Side
        for space in SPACES
        if report.measured(space.name, side) is None
    ]
