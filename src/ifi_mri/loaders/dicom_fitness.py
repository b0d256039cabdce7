"""What keeps a DICOM series from being measured, and what may be measured with care."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ifi_mri.loaders import dicom_tags as tag
from ifi_mri.loaders.codecs import ALWAYS_LOSSY
from ifi_mri.loaders.dicom_values import Values
from ifi_mri.loaders.header_scan import Header
from ifi_mri.loaders.identity import identity_words
from ifi_mri.loaders.splitting import PLANE, Part
from ifi_mri.loaders.technique import NOT_MAGNITUDE
from ifi_mri.model import Caution, Series

#: ImageType values of localizers and of many slices in one picture.
_LOCALIZER: Final = "LOCALIZER"
_MOSAIC: Final = "MOSAIC"

_CHOOSE: Final = "Choose another series with --anatomy or --fluid."


def name_of(series: Series) -> str:
    """Return what sentences call a series."""
    return f"series {series.label}"


# --- what makes a series unfit ------------------------------------------------------------------


def kind_refusal(series: Series, part: Part) -> str | None:
    """Return why images of this kind form no stack of MR slices, or None."""
    name = name_of(series)
    if series.modality != "MR":
        return f"{name}: modality is {series.modality or 'not stated'}, expected MR. {_CHOOSE}"
    values = Values.of(part.frames[0].header)
    grid_images = values.integer(tag.UIH_GRID_IMAGES) or values.count(tag.SIEMENS_MOSAIC_IMAGES)
    if _MOSAIC in series.image_type or (grid_images or 0) > 1:
        return (
            f"{name}: is a mosaic, many slices in one picture, expected one slice a picture. "
            f"{_CHOOSE}"
        )
    samples = values.count(tag.SAMPLES_PER_PIXEL) or 1
    if samples != 1:
        return (
            f"{name}: pictures are in colour ({samples} samples a pixel), expected grey. {_CHOOSE}"
        )
    return None


def unfit(series: Series, part: Part) -> str | None:
    """Return why a stack that can be loaded must not be measured, or None."""
    name = name_of(series)
    if _LOCALIZER in series.image_type:
        return f"{name}: ImageType says LOCALIZER, expected a diagnostic series. {_CHOOSE}"
    shown = NOT_MAGNITUDE & set(series.image_type[2:])
    if shown:
        return f"{name}: ImageType says {min(shown)}, expected magnitude pictures. {_CHOOSE}"
    photometric = Values.of(part.frames[0].header).text(tag.PHOTOMETRIC)
    if photometric not in ("MONOCHROME2", ""):
        return (
            f"{name}: PhotometricInterpretation is {photometric}, expected MONOCHROME2. {_CHOOSE}"
        )
    if any(slope <= 0 for slope, _ in (frame.rescale for frame in part.frames)):
        return f"{name}: RescaleSlope is not above 0. Export the series again."
    return None


def three_planes(series: Series, parts: Sequence[Part]) -> str | None:
    """Return why a series of slices in three planes, a localizer, must not be measured, or None."""
    planes = {told for part in parts for told in part.told_by if told.startswith(PLANE)}
    if len(planes) <= 2:
        return None
    return (
        f"{name_of(series)}: its slices lie in {len(planes)} planes as those of a localizer do, "
        f"expected one. {_CHOOSE}"
    )


def refuse_mixed_studies(
    series: tuple[Series, ...], headers: Sequence[Header]
) -> tuple[Series, ...]:
    """Refuse everything where files of several studies or patients lie together: two series of
    different visits must not be measured as one."""
    uids = sorted({piece.study_uid for piece in series})
    n_patients = _count_patients(headers)
    if len(uids) == 1 and n_patients == 1:
        return series
    what = f"{len(uids)} studies" if len(uids) > 1 else f"{n_patients} patients"
    return tuple(
        replace(
            piece,
            refusal=piece.refusal
            or (
                f"{name_of(piece)}: lies among files of {what}, expected one. Give the folder of "
                "one study."
            ),
        )
        for piece in series
    )


def _count_patients(headers: Sequence[Header]) -> int:
    """Return how many patients files are of, by their IDs; where none has an ID, by their names
    and birth dates, of which an empty one contradicts nothing."""
    values = [Values.of(header) for header in headers]
    ids = {one.text(tag.PATIENT_ID) for one in values}
    if ids != {""}:
        return len(ids)
    names = {identity_words([one.text(tag.PATIENT_NAME)], []).whole for one in values}
    births = {one.date(tag.PATIENT_BIRTH_DATE) for one in values}
    return max(1, len(names - {frozenset()}), len(births - {None}))


# --- what may be measured with care -------------------------------------------------------------


def part_cautions(
    series: Series, part: Part, parts: Sequence[Part], n_copies: int
) -> list[Caution]:
    name, cautions = name_of(series), []
    values = Values.of(part.frames[0].header)
    lossy = values.text(tag.LOSSY_COMPRESSION) == "01"
    if lossy or part.frames[0].header.transfer_syntax in ALWAYS_LOSSY:
        cautions.append(
            Caution(
                "lossy_compression",
                f"{name}: was compressed with loss; fine edges and signal values may be altered.",
            )
        )
    if n_copies:
        cautions.append(
            Caution("copies", f"{name}: {n_copies} files are copies of others and were left out.")
        )
    if part.by_order:
        cautions.append(
            Caution(
                "volumes_by_order",
                f"{name}: no tag tells its {len(parts)} volumes apart; they were parted by "
                "instance number.",
            )
        )
    if len(parts) == 1 and series.grid is not None:
        cautions.extend(_end_cautions(series, values, name))
    return cautions


def _end_cautions(series: Series, values: Values, name: str) -> list[Caution]:
    """Return a caution where numbering says that slices are missing at an end of the stack."""
    numbers = [instance.number for instance in series.instances]
    known = [number for number in numbers if number is not None]
    single = all(instance.frame is None for instance in series.instances)
    if not single or len(known) != len(numbers):
        return []
    expected = values.integer(tag.IMAGES_IN_ACQUISITION)
    run = sorted(known)
    contiguous = run == list(range(run[0], run[0] + len(run)))
    ordered = numbers in (run, run[::-1])
    if contiguous and ordered and run[0] > 1:
        missing = f"instances 1 to {run[0] - 1} are not there"
    elif expected is not None and expected > len(run) and len(set(known)) == len(known):
        missing = f"the header says {expected} images, found {len(run)}"
    else:
        return []
    return [
        Caution(
            "slices_missing_at_end",
            f"{name}: {missing}; slices at an end of the stack may be missing.",
        )
    ]
