"""The shipped cut-off profiles, row by row against the evidence, and where each one holds."""

import re

import pytest

from ifi_mri.config import (
    DEFAULT_PROFILE,
    CutoffProfile,
    Cutoffs,
    configs_folder,
    find_profile,
    profiles,
)
from ifi_mri.vocabulary import HipRotation

#: id: IFS mm, QFS mm, from age, to age, read in the primary source
TABLE = {
    "singer2015": (15.0, 10.0, 18, None, True),
    "torriani2009": (17.0, 8.0, 18, None, False),
    "hatem2020": (17.0, None, 18, None, True),
    "tosun2012_secondary": (18.0, 10.0, 18, None, False),
    "kheterpal2020": (15.0, 10.0, 18, None, True),
    "goldbergstein2018_preteen": (14.9, 11.2, 0, 13, True),
    "goldbergstein2018_teen": (19.0, 11.1, 13, 18, True),
    "positional_neutral": (17.8, 13.2, 18, None, True),
    "positional_er": (15.2, 8.5, 18, None, True),
    "positional_ir": (23.7, 16.3, 18, None, True),
    "positional_add": (20.2, 13.2, 18, None, True),
}


def test_the_shipped_profiles_are_those_of_the_evidence_and_no_others() -> None:
    assert {profile.id for profile in profiles()} == set(TABLE)


@pytest.mark.parametrize("profile_id", TABLE)
def test_a_profile_states_the_figures_of_its_publication(profile_id: str) -> None:
    ifs, qfs, from_age, to_age, verified = TABLE[profile_id]
    profile = find_profile(profile_id)
    assert profile.cutoff_mm == Cutoffs(ischiofemoral_space=ifs, quadratus_femoris_space=qfs)
    assert (profile.min_age_years, profile.max_age_years) == (from_age, to_age)
    assert profile.verified is verified


def test_the_default_profile_comes_first_and_the_others_by_id() -> None:
    ids = [profile.id for profile in profiles()]
    assert ids[0] == DEFAULT_PROFILE == "singer2015"
    assert ids[1:] == sorted(ids[1:])


def test_a_profile_is_named_like_its_file() -> None:
    files = {file.stem for file in (configs_folder() / "profiles").glob("*.toml")}
    assert files == {profile.id for profile in profiles()}


@pytest.mark.parametrize("profile", profiles(), ids=lambda profile: profile.id)
def test_a_profile_says_where_it_was_read(profile: CutoffProfile) -> None:
    named = re.search(r"doi:10\.\d{4,}/\S+|PMID \d+|https://\S+", profile.citation)
    assert named or profile.id == "tosun2012_secondary"
    assert profile.title
    assert profile.population
    assert profile.position
    assert profile.note


@pytest.mark.parametrize("profile", profiles(), ids=lambda profile: profile.id)
def test_figures_that_nobody_read_are_not_printed(profile: CutoffProfile) -> None:
    text = f"{profile.performance} {profile.note} {profile.population}"
    for recalled in ("78.7", "74.1", "77.1", "83 %", "Sn 8", "12 hips", "70 hips"):
        assert recalled not in text
    if not profile.verified:
        assert profile.performance == ""
        assert re.search(r"secondary source", profile.note, re.IGNORECASE)


def test_torriani_says_that_its_operator_is_in_doubt() -> None:
    assert "operator" in find_profile("torriani2009").note


def test_kheterpal_joins_the_spaces_by_or_and_needs_a_change_of_the_muscle() -> None:
    special = [p.id for p in profiles() if p.combine == "either" or p.requires_muscle_change]
    assert special == ["kheterpal2020"]


def test_positional_profiles_hold_only_in_their_recorded_position() -> None:
    needed = {p.id: (p.requires_hip_rotation, p.requires_adduction) for p in profiles()}
    assert {name: need for name, need in needed.items() if any(need)} == {
        "positional_neutral": (HipRotation.NEUTRAL, False),
        "positional_er": (HipRotation.EXTERNAL, False),
        "positional_ir": (HipRotation.INTERNAL, False),
        "positional_add": (None, True),
    }


@pytest.mark.parametrize(
    ("age_years", "holding"),
    [
        (0.0, {"goldbergstein2018_preteen"}),
        (12.99, {"goldbergstein2018_preteen"}),
        (13.0, {"goldbergstein2018_teen"}),
        (17.99, {"goldbergstein2018_teen"}),
        (18.0, "adult"),
        (120.0, "adult"),
        (None, "adult"),
    ],
)
def test_every_age_has_its_profiles(age_years: float | None, holding: set[str] | str) -> None:
    adult = {name for name, row in TABLE.items() if row[2] == 18}
    found = {profile.id for profile in profiles() if profile.holds_at(age_years)}
    assert found == (adult if holding == "adult" else holding)


def test_the_ages_are_said_in_words() -> None:
    assert find_profile("singer2015").applies_to == "from 18 years"
    assert find_profile("goldbergstein2018_teen").applies_to == "13 to under 18 years"
