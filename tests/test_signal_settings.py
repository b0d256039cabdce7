"""The settings file's words reach the room that measures."""

import pytest

from ifi_mri.config import SignalSettings
from ifi_mri.signal import MuscleSignalSettings

#: Every key of [signal], a value that is not its default, and where that value must arrive.
ARRIVES = {
    "threshold_sd": (4.0, ("oedema.threshold_sd",)),
    "erosion_pixels": (2, ("regions.erosion_pixels",)),
    "min_pixels": (50, ("regions.min_pixels",)),
    "grade_fractions": ((0.03, 0.2, 0.6), ("oedema.grade_fractions",)),
    "grade_1_ratio": (1.7, ("oedema.grade_1_ratio",)),
    "perimuscular_fraction": (0.05, ("oedema.perimuscular_fraction",)),
    "shading_order": (1, ("shading.order",)),
    "shading_radius_mm": (60.0, ("shading.radius_mm",)),
    "apply_shift": (True, ("regions.apply_shift",)),
    "belly_mm": (8.0, ("place.belly_mm", "place.belly_levels_mm")),
    "junction_share": (0.8, ("place.junction_share",)),
    "goutallier_fractions": ((0.1, 0.2, 0.4, 0.6), ("fat.goutallier_fractions",)),
    "fat_suppression_limit": (2.0, ("fat.suppression_limit",)),
}


def flat(settings: MuscleSignalSettings) -> dict[str, object]:
    return {
        f"{room}.{key}": value
        for room, part in settings.model_dump().items()
        for key, value in part.items()
    }


def test_every_key_of_the_section_is_known_here() -> None:
    assert set(ARRIVES) == set(SignalSettings.model_fields)


def test_the_defaults_of_both_are_the_same() -> None:
    assert MuscleSignalSettings.of(SignalSettings()) == MuscleSignalSettings()


@pytest.mark.parametrize("key", ARRIVES)
def test_a_key_changes_what_it_names_and_nothing_else(key: str) -> None:
    value, places = ARRIVES[key]
    before = flat(MuscleSignalSettings())
    after = flat(MuscleSignalSettings.of(SignalSettings.model_validate({key: value})))

    assert {name for name in before if after[name] != before[name]} == set(places)
    assert all(after[place] == value for place in places)
