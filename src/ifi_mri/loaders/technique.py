"""How a series was acquired, as far as a measurement must know: is fat suppressed, is the
resolution good enough, what do the tags leave unsaid.

Evidence of fat suppression, in the order in which it is believed: Enhanced MR's own attributes
(PS3.3 C.8.13.4), ScanOptions (FS is DICOM's term, vendors add theirs), Philips' SPIR tag, a Dixon
water image, inversion recovery whose inversion time nulls fat, the sequence's name, and last the
words of the description.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ifi_mri.config import SeriesWords
from ifi_mri.model import Caution, Grid

#: Inversion times that null fat, ms: T1 of fat times ln 2.  T1 is about 343 ms at 1.5 T and
#: 382 ms at 3 T (de Bazelaire et al., Radiology 2004;230:652, doi:10.1148/radiol.2303021331), so
#: 238 and 265 ms at long repetition times and less at short ones; low-field systems go to 80 ms.
#: Fluid-nulling (over 1500 ms) and T1-weighted inversion recovery (over 400 ms) lie far above.
STIR_INVERSION_MS: Final = (70.0, 300.0)

#: Values of ScanOptions that mean spectral fat suppression or water excitation.
FAT_SUPPRESSION_OPTIONS: Final = frozenset(
    {"FS", "FATSAT", "FAT_SAT", "FSAT", "SPIR", "SPAIR", "ASPIR", "SPECIAL", "WE", "WATER_EXC"}
)

#: Pixels coarser than this cannot place a landmark to the 0.75 mm that the interval assumes.
COARSE_PIXEL_MM: Final = 1.7
#: Pixels coarser than this are refused for measuring: localizers and echo-planar images.
COARSEST_PIXEL_MM: Final = 3.0
#: Slices further apart than this can step over the narrowest place of the space.
WIDE_SPACING_MM: Final = 8.0
#: Limits are compared at a thousandth of a millimetre: positions are decimal strings.
_DECIMALS: Final = 3

#: ImageType or FrameType values of pictures whose grey is no signal (PS3.3 C.8.3.1.1.1, C.8.13.3).
NOT_MAGNITUDE: Final = frozenset({"P", "PHASE", "PHASE MAP", "FIELD_MAP", "VELOCITY", "ADC"})

_STIR_NAME: Final = re.compile(r"^\*?(tir|stir|irse|irfse)", re.IGNORECASE)
_SUPPRESSED_NAME: Final = re.compile(r"(^|[^a-z])(fs|we|spair|spir)$|_fs|\dfs$", re.IGNORECASE)
_NEGATION: Final = frozenset({"no", "non", "not", "without", "w/o", "ohne", "sans", "sin", "senza"})


@dataclass(frozen=True, slots=True)
class Technique:
    """What the headers say about how a series was acquired."""

    description: str = ""
    scanning_sequence: tuple[str, ...] = ()
    scan_options: tuple[str, ...] = ()
    sequence_name: str = ""
    image_type: tuple[str, ...] = ()
    inversion_time_ms: float | None = None
    inversion_recovery: bool = False
    spectral_suppression: str = ""
    spectral_excitation: str = ""
    philips_spir: bool = False


def fat_suppression(technique: Technique, words: SeriesWords) -> str | None:
    """Return the evidence that fat is suppressed, in words, or None where there is none."""
    return (
        _by_attribute(technique)
        or _by_dixon(technique)
        or _by_inversion(technique)
        or _by_name(technique)
        or _by_description(technique.description, words)
    )


def _by_attribute(technique: Technique) -> str | None:
    if technique.spectral_suppression in ("FAT", "FAT_AND_WATER"):
        return f"SpectrallySelectedSuppression {technique.spectral_suppression}"
    if technique.spectral_excitation == "WATER":
        return "SpectrallySelectedExcitation WATER"
    for option in technique.scan_options:
        if option.upper().removesuffix("_GEMS") in FAT_SUPPRESSION_OPTIONS:
            return f"ScanOptions {option}"
    return "Philips SPIR tag" if technique.philips_spir else None


def _by_dixon(technique: Technique) -> str | None:
    for value in technique.image_type[2:]:
        if value.upper() in ("W", "WATER"):
            return f"ImageType {value} (Dixon water)"
    return None


def _by_inversion(technique: Technique) -> str | None:
    time = technique.inversion_time_ms
    inverts = "IR" in technique.scanning_sequence or technique.inversion_recovery
    unsaid = not technique.scanning_sequence
    if time and (inverts or unsaid) and STIR_INVERSION_MS[0] <= time <= STIR_INVERSION_MS[1]:
        return f"inversion time {time:g} ms"
    return None


def _by_name(technique: Technique) -> str | None:
    name = technique.sequence_name
    time = technique.inversion_time_ms
    if _STIR_NAME.search(name) and (time is None or time <= STIR_INVERSION_MS[1]):
        return f"SequenceName {name}"
    return f"SequenceName {name}" if _SUPPRESSED_NAME.search(name) else None


def _by_description(description: str, words: SeriesWords) -> str | None:
    spoken = spoken_words(description)
    word = _first_said(words.fat_suppressed, spoken)
    if word:
        return f'description says "{word}"'
    water = _first_said(words.dixon_water, spoken)
    if water and _first_said(words.dixon, spoken):
        return f'description says "{water}" (Dixon water)'
    return None


@lru_cache(maxsize=1024)  # the words of the settings are looked for in every series
def spoken_words(description: str) -> tuple[str, ...]:
    """Return the words of a description in lower case; ``_``, ``-``, points and blanks part
    them."""
    return tuple(word for word in re.split(r"[^a-z0-9/+]+", description.lower()) if word)


def _first_said(phrases: Iterable[str], spoken: Sequence[str]) -> str | None:
    for phrase in phrases:
        parts = spoken_words(phrase)
        for at in range(len(spoken) - len(parts) + 1):
            said = tuple(spoken[at : at + len(parts)]) == parts
            if said and not (at > 0 and spoken[at - 1] in _NEGATION):
                return phrase
    return None


# --- resolution and what is unsaid --------------------------------------------------------------


def too_coarse(grid: Grid, name: str) -> str | None:
    """Return why a grid is too coarse for measuring, or None."""
    row_mm, column_mm = grid.pixel_spacing_mm
    if round(max(row_mm, column_mm), _DECIMALS) <= COARSEST_PIXEL_MM:
        return None
    return (
        f"{name}: pixels are {row_mm:.2f} x {column_mm:.2f} mm, expected at most "
        f"{COARSEST_PIXEL_MM:g} mm for measuring. Choose another series with --anatomy or --fluid."
    )


def resolution_cautions(grid: Grid, name: str) -> list[Caution]:
    """Return what the reader should know about pixel size and slice spacing."""
    cautions = []
    pixel_mm = max(grid.pixel_spacing_mm)
    if round(pixel_mm, _DECIMALS) > COARSE_PIXEL_MM:
        cautions.append(
            Caution(
                "coarse_pixels",
                f"{name}: pixels are {pixel_mm:.2f} mm, above {COARSE_PIXEL_MM:g} mm; landmarks "
                "cannot be placed to the accuracy that the interval assumes.",
            )
        )
    if grid.shape[0] > 1 and round(grid.slice_spacing_mm, _DECIMALS) > WIDE_SPACING_MM:
        cautions.append(
            Caution(
                "wide_slice_spacing",
                f"{name}: slices are {grid.slice_spacing_mm:.1f} mm apart, above "
                f"{WIDE_SPACING_MM:g} mm; the narrowest place may lie between two.",
            )
        )
    if grid.shape[0] == 1:
        cautions.append(
            Caution(
                "single_slice",
                f"{name}: holds a single slice; the narrowest place may lie outside it.",
            )
        )
    return cautions


def missing_tag_cautions(missing: Sequence[tuple[str, str]], name: str) -> list[Caution]:
    """Return a caution for each missing tag, given as (field, what it is called)."""
    return [
        Caution(f"missing_{field}", f"{name}: the header does not say the {words}.")
        for field, words in missing
    ]
