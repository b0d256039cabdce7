"""The words of ``ifi_mri``: every name that files, commands and reports share.

The names are fixed by the project's contract.  Members are strings, so they serialise as
themselves.
"""

import math
from enum import StrEnum
from typing import Final


class Side(StrEnum):
    """Side of the patient, never of the picture."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def sign(self) -> int:
        """+1 where lateral means growing x in patient LPS (left), -1 on the right."""
        return 1 if self is Side.LEFT else -1

    @property
    def other(self) -> "Side":
        """The opposite side."""
        return Side.RIGHT if self is Side.LEFT else Side.LEFT

    @property
    def letter(self) -> str:
        """``L`` or ``R``."""
        return self.value[0].upper()


class LandmarkName(StrEnum):
    """Structures that a reader marks."""

    ISCHIAL_TUBEROSITY = "ischial_tuberosity"
    LESSER_TROCHANTER = "lesser_trochanter"
    HAMSTRING_ORIGIN = "hamstring_origin"
    ILIOPSOAS_TENDON = "iliopsoas_tendon"
    QUADRATUS_FEMORIS = "quadratus_femoris"
    REFERENCE_MUSCLE = "reference_muscle"
    SUBCUTANEOUS_FAT = "subcutaneous_fat"
    ISCHIAL_AXIS = "ischial_axis"
    FEMORAL_NECK_AXIS = "femoral_neck_axis"
    FEMORAL_SHAFT_AXIS = "femoral_shaft_axis"
    HAMSTRING_TENDONS = "hamstring_tendons"


class ObservationName(StrEnum):
    """What a reader judges by eye."""

    QUADRATUS_FEMORIS_OEDEMA_GRADE = "quadratus_femoris_oedema_grade"


class Role(StrEnum):
    """What a series is used for."""

    ANATOMY = "anatomy"
    FLUID_SENSITIVE = "fluid_sensitive"
    DIXON_WATER = "dixon_water"
    DIXON_FAT = "dixon_fat"


class MeasurementName(StrEnum):
    """Numbers taken from one hip, or from both together."""

    ISCHIOFEMORAL_SPACE = "ischiofemoral_space"
    QUADRATUS_FEMORIS_SPACE = "quadratus_femoris_space"
    ISCHIOFEMORAL_DISTANCE_3D = "ischiofemoral_distance_3d"
    QUADRATUS_FEMORIS_SIGNAL_RATIO = "quadratus_femoris_signal_ratio"
    QUADRATUS_FEMORIS_OEDEMA_FRACTION = "quadratus_femoris_oedema_fraction"
    QUADRATUS_FEMORIS_OEDEMA_LARGEST_FRACTION = "quadratus_femoris_oedema_largest_fraction"
    QUADRATUS_FEMORIS_OEDEMA_VOLUME_ML = "quadratus_femoris_oedema_volume_ml"
    QUADRATUS_FEMORIS_OEDEMA_CRANIOCAUDAL_EXTENT = "quadratus_femoris_oedema_craniocaudal_extent"
    QUADRATUS_FEMORIS_PERIMUSCULAR_FRACTION = "quadratus_femoris_perimuscular_fraction"
    QUADRATUS_FEMORIS_FAT_FRACTION = "quadratus_femoris_fat_fraction"
    QUADRATUS_FEMORIS_AREA_MM2 = "quadratus_femoris_area_mm2"
    QUADRATUS_FEMORIS_VOLUME_ML = "quadratus_femoris_volume_ml"
    HAMSTRING_TENDON_AREA_MM2 = "hamstring_tendon_area_mm2"
    ISCHIAL_ANGLE = "ischial_angle"
    NECK_SHAFT_ANGLE = "neck_shaft_angle"
    INTERTUBEROUS_DISTANCE = "intertuberous_distance"
    SIDE_DIFFERENCE_ISCHIOFEMORAL_SPACE = "side_difference_ischiofemoral_space"
    SIDE_DIFFERENCE_QUADRATUS_FEMORIS_SPACE = "side_difference_quadratus_femoris_space"
    SIDE_RATIO_QUADRATUS_FEMORIS_SIGNAL = "side_ratio_quadratus_femoris_signal"
    SIDE_DIFFERENCE_QUADRATUS_FEMORIS_AREA = "side_difference_quadratus_femoris_area"
    SIDE_DIFFERENCE_QUADRATUS_FEMORIS_VOLUME = "side_difference_quadratus_femoris_volume"
    SIDE_DIFFERENCE_LESSER_TROCHANTER_DIRECTION = "side_difference_lesser_trochanter_direction"


class FindingName(StrEnum):
    """What a rule concludes about one hip."""

    ISCHIOFEMORAL_SPACE_NARROWING = "ischiofemoral_space_narrowing"
    QUADRATUS_FEMORIS_SPACE_NARROWING = "quadratus_femoris_space_narrowing"
    QUADRATUS_FEMORIS_OEDEMA = "quadratus_femoris_oedema"
    QUADRATUS_FEMORIS_FATTY_INFILTRATION = "quadratus_femoris_fatty_infiltration"


class Status(StrEnum):
    """How a finding stands."""

    PRESENT = "present"
    ABSENT = "absent"
    INDETERMINATE = "indeterminate"
    NOT_ASSESSABLE = "not_assessable"


class Answer(StrEnum):
    """Answer to a question of the clinical intake."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class HipRotation(StrEnum):
    """Rotation of the hip while the patient was scanned; DICOM has no tag for it."""

    NEUTRAL = "neutral"
    INTERNAL = "internal"
    EXTERNAL = "external"
    NOT_RECORDED = "not recorded"


#: Decimals that values are printed with and compared at, by unit.  Lengths at 0.1 mm: the design's
#: decision 5, so that a report never contradicts itself.
DECIMALS: Final = {"mm": 1, "mm2": 0, "ml": 2, "deg": 1, "1": 2}


def spoken(text: str) -> str:
    """Return a text with the names of landmarks as they are spoken: ``no ischial tuberosity
    landmark``."""
    if "_" not in text:
        return text
    for name, in_words in _SPOKEN:
        text = text.replace(name, in_words)
    return text


_SPOKEN: Final = tuple((name.value, name.value.replace("_", " ")) for name in LandmarkName)


def printed(value: float, unit: str) -> str:
    """Return a value with the decimals of its unit, without the unit: ``printed(12.34, "mm")`` is
    ``"12.3"``."""
    return printed_to(value, DECIMALS[unit])


def decimals_supported(unit: str, sd: float) -> int:
    """Return the decimals that a value is printed with, negative for tens: those of its unit, fewer
    where the last of them would lie beyond two significant digits of its standard deviation, as
    many as ever suffice (JCGM 100:2008, 7.2.6).  Lengths keep their 0.1 mm, at which they are
    compared with cut-offs: two digits of an SD from 0.1 to 9.9 mm reach to it."""
    if unit == "mm" or not sd > 0:
        return DECIMALS[unit]
    return min(DECIMALS[unit], 1 - math.floor(math.log10(sd)))


def printed_to(value: float, decimals: int) -> str:
    """Return a value with so many decimals, negative for tens, never ``-0``."""
    text = f"{value:.{decimals}f}" if decimals >= 0 else f"{round(value, decimals):.0f}"
    return text.removeprefix("-") if float(text) == 0 else text


def at_printed_precision(value: float, unit: str) -> float:
    """Return the number that is printed for a value, for comparisons that must agree with print."""
    return float(printed(value, unit))
