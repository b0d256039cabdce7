"""Cautions: what the reader of a report should know about the images and the numbers.

Each caution has a stable code and a sentence; none changes a number.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from ifi_mri import body, geometry
from ifi_mri.config import ADULT_FROM_YEARS, CutoffProfile
from ifi_mri.model import Caution, ClinicalIntake, Finding, Grid, Measurement, Patient, Series
from ifi_mri.vocabulary import MeasurementName, Side, Status, printed

#: Beyond this tilt an axial slice cuts the space obliquely (design, decision 3).
TILT_CAUTION_DEG: Final = 10.0

#: All published means have QFS below IFS (evidence document, section 9.1).
QFS_ABOVE_IFS_MM: Final = 2.0

#: Published individual values lie well within (evidence document, section 9.1).
PLAUSIBLE_IFS_MM: Final = (3.0, 50.0)

#: The back end of the ischium is its lateral one, and published angles are obtuse.
ISCHIAL_ANGLE_FROM_DEG: Final = 90.0

#: Narrower pictures cannot show both hips of an adult, whose hip centres are 160 mm and more apart.
ONE_HIP_FIELD_MM: Final = 250.0

#: Ages in years from two sources that are one: birthdays between the visits.
SAME_AGE_YEARS: Final = 1.5

#: Fat resonates 3.5 ppm below water; hydrogen at 42.577 MHz per tesla.
FAT_WATER_SHIFT_PPM: Final = 3.5
HYDROGEN_MHZ_PER_T: Final = 42.577

#: A shift of half a millimetre is as large as the error of a careful click.
FAT_WATER_CAUTION_MM: Final = 0.5

#: A shift between the series of less than about a pixel is taken up by the erosion of the regions.
SHIFT_CAUTION_MM: Final = 1.0


def of_series(series: Series) -> Iterator[Caution]:
    """Yield cautions about a chosen series: its loader's, the tilt, the fat-water shift."""
    yield from series.cautions
    if series.grid is None:
        return
    if series.laterality is None and field_width_mm(series.grid) < ONE_HIP_FIELD_MM:
        yield Caution(
            "missing_laterality",
            f"{series.label} shows {field_width_mm(series.grid):.0f} mm from side to side and its "
            f"header does not say which hip; the side is the landmarks' word.",
        )
    tilt_deg = geometry.tilt_from_axial_deg(series.grid.affine)
    if tilt_deg > TILT_CAUTION_DEG:
        yield Caution(
            "slices_tilted",
            f"The slices of {series.label} are tilted {tilt_deg:.0f} degrees from axial; widths on "
            f"them are not those of the published axial slices.",
        )
    shift_mm = fat_water_shift_mm(series)
    if shift_mm is not None and shift_mm > FAT_WATER_CAUTION_MM:
        yield Caution(
            "fat_water_shift",
            f"Fat and water are {shift_mm:.1f} mm apart along the frequency axis of "
            f"{series.label}; edges between marrow or fat and muscle may be off by that much.",
        )


def field_width_mm(grid: Grid) -> float:
    """Return how far a slice reaches from the patient's right to left, mm."""
    _, n_rows, n_columns = grid.shape
    corners = [(0, r, c) for r in (-0.5, n_rows - 0.5) for c in (-0.5, n_columns - 0.5)]
    return float(np.ptp(geometry.voxel_to_patient(grid.affine, corners)[:, 0]))


def of_picture(seen: body.Seen, series: Series) -> Iterator[Caution]:
    """Yield a caution where a slice of a series has a void as metal leaves it."""
    void_mm = body.widest_void_mm(seen, body.MIN_VOID_WIDTH_MM)
    if void_mm > body.MIN_VOID_WIDTH_MM:
        yield Caution(
            "metal_suspected",
            f"{series.label} has a spot {void_mm:.0f} mm wide without signal inside the body: "
            f"metal or gas. Metal bends the picture around it, and after hip surgery impingement "
            f"is a question of its own; check the distances by eye.",
        )


def fat_water_shift_mm(series: Series) -> float | None:
    """Return the chemical shift of fat against water in mm, None where tags do not tell.

    3.5 ppm x resonance frequency / bandwidth per pixel, in pixels of the coarser spacing (the
    frequency axis is not recorded in every file).
    """
    if not series.pixel_bandwidth_hz or not series.field_strength_t or series.grid is None:
        return None
    shift_hz = FAT_WATER_SHIFT_PPM * HYDROGEN_MHZ_PER_T * series.field_strength_t
    return shift_hz / series.pixel_bandwidth_hz * max(series.grid.pixel_spacing_mm)


def of_numbers(side: Side, measurements: list[Measurement]) -> Iterator[Caution]:
    """Yield cautions about the numbers of one side that do not look like a hip's."""
    value = {m.name: m.value for m in measurements if m.side is side}
    ifs = value.get(MeasurementName.ISCHIOFEMORAL_SPACE)
    qfs = value.get(MeasurementName.QUADRATUS_FEMORIS_SPACE)
    if ifs is not None and qfs is not None and qfs > ifs + QFS_ABOVE_IFS_MM:
        yield Caution(
            "qfs_above_ifs",
            f"The quadratus femoris space ({printed(qfs, 'mm')} mm) is wider than the "
            f"ischiofemoral space ({printed(ifs, 'mm')} mm); check which landmarks were marked.",
            side,
        )
    low, high = PLAUSIBLE_IFS_MM
    if ifs is not None and not low <= ifs <= high:
        yield Caution(
            "ifs_implausible",
            f"An ischiofemoral space of {printed(ifs, 'mm')} mm lies outside {low:g} to {high:g} "
            f"mm; check the landmarks.",
            side,
        )
    for measurement in measurements:
        if measurement.side is side:
            yield from _of_signal(measurement)
    angle = value.get(MeasurementName.ISCHIAL_ANGLE)
    if angle is not None and angle < ISCHIAL_ANGLE_FROM_DEG:
        yield Caution(
            "ischial_angle_acute",
            f"An ischial angle of {printed(angle, 'deg')} degrees says that the back end of the "
            f"ischium lies medial to its front end; published values are obtuse. Check the "
            f"ischial_axis landmark.",
            side,
        )


def of_muscle_volume(measurement: Measurement) -> Iterator[Caution]:
    """Yield a caution where the volume of quadratus femoris is only that of a part of it."""
    if measurement.name is not MeasurementName.QUADRATUS_FEMORIS_VOLUME_ML:
        return
    found = dict(measurement.details)
    if found.get("partial") == "yes":
        n_between = int(found.get("n_slices_left_out_between", 0))
        gaps = f", with {n_between} left out between them" if n_between else ""
        yield Caution(
            "quadratus_femoris_volume_partial",
            f"Quadratus femoris was outlined on {measurement.n_slices} "
            f"slice{'' if measurement.n_slices == 1 else 's'}{gaps}: its volume is that of these "
            f"slices, not of the muscle.",
            measurement.side,
        )


def of_person(age_years: float | None, profile: CutoffProfile) -> Iterator[Caution]:
    """Yield cautions about applying a cut-off profile to this patient."""
    if age_years is None and profile.min_age_years >= ADULT_FROM_YEARS:
        yield Caution(
            "age_unknown",
            f"The patient's age is not known; the adult profile {profile.id} was applied. Under "
            f"{ADULT_FROM_YEARS:g} years it does not hold.",
        )
    if not profile.verified:
        yield Caution(
            "profile_not_verified",
            f"The cut-offs of profile {profile.id} were not read in the primary source. "
            f"{profile.note}".rstrip(),
        )


def of_intake(intake: ClinicalIntake, patient: Patient) -> Iterator[Caution]:
    """Yield a caution where the clinical intake and the images speak of different people."""
    differ = []
    if intake.sex and patient.sex_in_words and intake.sex != patient.sex_in_words:
        differ.append(f"sex {intake.sex} against {patient.sex_in_words}")
    ages = intake.age_years, patient.age_years
    if ages[0] is not None and ages[1] is not None and abs(ages[0] - ages[1]) > SAME_AGE_YEARS:
        differ.append(f"age {ages[0]:g} against {ages[1]:g} years")
    if differ:
        yield Caution(
            "intake_contradicts_images",
            f"The clinical intake and the images differ ({'; '.join(differ)}); the intake's "
            f"figures were used. Check that both belong to one patient.",
        )


def _of_signal(ratio: Measurement) -> Iterator[Caution]:
    """Yield cautions about lost fat suppression and about movement between the series."""
    if ratio.name is not MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO:
        return
    found = dict(ratio.details)
    if found.get("fat_suppression_lost") == "yes":
        over = float(found["fat_over_muscle"])
        yield Caution(
            "fat_suppression_lost",
            f"Fat and marrow near the muscle are {over:.1f} times as bright as muscle on the "
            f"fat-suppressed series: suppression is incomplete or lost there. A tenth of fat in a "
            f"muscle would raise its signal by {10 * (over - 1):.0f} %.",
            ratio.side,
        )
    length_mm = math.hypot(*(float(found.get(f"shift_{axis}_mm", 0.0)) for axis in "xyz"))
    if found.get("shift_significant") == "yes" and length_mm >= SHIFT_CAUTION_MM:
        yield Caution("series_shifted", _shift_sentence(found), ratio.side)
    if found.get("shift_beyond_search") == "yes":
        yield Caution(
            "series_shift_not_found",
            "The anatomy and the fluid-sensitive series do not match within a shift of 6 mm near "
            "quadratus femoris; check by eye that the outlines lie on the muscle.",
            ratio.side,
        )


def _shift_sentence(found: Mapping[str, float | int | str]) -> str:
    left, back = (float(found[f"shift_{axis}_mm"]) for axis in "xy")
    applied = (
        "the outlines were moved by that much"
        if found.get("shift_applied") == "yes"
        else "the outlines were not moved (setting apply_shift)"
    )
    return (
        f"Near quadratus femoris the fluid-sensitive series shows the body {abs(left):.1f} mm "
        f"further to the patient's {'left' if left >= 0 else 'right'} and {abs(back):.1f} mm "
        f"further to the {'back' if back >= 0 else 'front'} than the anatomy series: the patient "
        f"moved between them; {applied}. Check them by eye."
    )


def of_oedema(finding: Finding) -> Iterator[Caution]:
    """Yield a caution where the reader's grade and the measured one disagree on oedema."""
    if finding.grade is None or finding.reader_grade is None:
        return
    reader_sees = finding.reader_grade > 0
    measured = finding.status is Status.PRESENT
    if reader_sees != measured or abs(finding.grade - finding.reader_grade) > 1:
        yield Caution(
            "oedema_grades_differ",
            f"The reader graded quadratus femoris oedema {finding.reader_grade}, the signal gives "
            f"grade {finding.grade} ({finding.status}); both are reported, neither replaces the "
            f"other.",
            finding.side,
        )
