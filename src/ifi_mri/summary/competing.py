"""Other sources of the pain that the clinical intake points to.

Which answers point to which source follows the project's evidence document, section 6.3, and the
sports physician's account in its section 0.  A source is raised by any one of its pointers; what
only fits beside it is listed with it but raises nothing alone.
"""

from dataclasses import dataclass
from typing import Final

from ifi_mri.language.catalogue import Catalogue, listed, say
from ifi_mri.model import ClinicalIntake, CompetingSource
from ifi_mri.vocabulary import Answer, Side


@dataclass(frozen=True)
class Pointers:
    """The fields whose "yes" raises a source, and those that only fit beside them."""

    source: str
    raised_by: tuple[str, ...]
    fits: tuple[str, ...] = ()


#: In the order in which they are reported.
SOURCES: Final = (
    Pointers(
        "source.hamstring",
        (
            "hamstring_loading_provokes",
            "puranen_orava",
            "bent_knee_stretch",
            "pain_localised_by_palpation",
        ),
        ("splits_slip", "unloads_buttock_when_seated"),
    ),
    Pointers("source.radiculopathy", ("lumbar_signs", "straight_leg_raise", "radiates_below_knee")),
    Pointers("source.facet", ("lumbar_signs",)),
    Pointers(
        "source.deep_gluteal",
        ("seated_piriformis_stretch", "active_piriformis_test"),
        ("radiates_below_knee", "unloads_buttock_when_seated"),
    ),
    Pointers("source.gluteus_medius", ("trochanteric_tenderness",)),
    Pointers(
        "source.bursitis",
        ("pain_localised_by_palpation",),
        ("unloads_buttock_when_seated", "fall_onto_buttock"),
    ),
    Pointers(
        "source.quadratus_femoris", ("splits_slip", "forced_extension_slip", "fall_onto_buttock")
    ),
    Pointers("source.hip_joint", ("groin_pain",)),
)


def competing(
    clinical: ClinicalIntake | None, side: Side, words: Catalogue
) -> tuple[CompetingSource, ...]:
    """Return the competing sources that one side's answers raise, with those answers."""
    if clinical is None:
        return ()
    answers = clinical.on(side)

    def yes(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if getattr(answers, name) is Answer.YES)

    return tuple(
        _source(pointers.source, yes(pointers.raised_by) + yes(pointers.fits), words)
        for pointers in SOURCES
        if yes(pointers.raised_by)
    )


def _source(source: str, because: tuple[str, ...], words: Catalogue) -> CompetingSource:
    name = say(words, source)
    answers = listed(words, [say(words, f"{field}.yes") for field in because])
    return CompetingSource(name, because, say(words, "competing", source=name, answers=answers))
