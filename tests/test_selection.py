"""Which series plays which role, from tags, words and geometry."""

from pathlib import Path

import numpy as np
import pytest
from hips import series
from scipy.spatial.transform import Rotation

from ifi_mri import selection
from ifi_mri.config import Config
from ifi_mri.errors import SeriesNotFoundError
from ifi_mri.model import Grid, Instance, Study
from ifi_mri.vocabulary import Role

CONFIG = Config()


def grid(tilt_deg=0.0, pixel_mm=0.7, n_slices=20):
    affine = np.eye(4)
    turn = Rotation.from_euler("x", tilt_deg, degrees=True).as_matrix()
    affine[:3, :3] = turn @ np.array([[0, 0, pixel_mm], [0, pixel_mm, 0], [5, 0, 0]])
    return Grid.from_affine(affine, (n_slices, 256, 256))


def one(description, uid=None, **fields):
    """Return a series by its description; no tag tells anything unless given."""
    fields = {"grid": grid(), "number": 1} | fields
    return series(
        description=description, label=description, series_uid=uid or description, **fields
    )


def chosen(role, *found, **settings):
    drawn_on = settings.pop("drawn_on", None)
    study = Study("9", Path("study"), found)
    choice = selection.choose(study, role, Config(**settings), drawn_on)
    return choice.series.series_uid if choice.series else None


def anatomy(*found, **settings):
    return chosen(Role.ANATOMY, *found, **settings)


def fluid(*found, **settings):
    return chosen(Role.FLUID_SENSITIVE, *found, **settings)


def test_words_tell_where_tags_are_silent():
    study = (one("AXIAL SE T2 FAT SAT - RESEARCH"), one("AXIAL SE T1 - RESEARCH"))

    assert anatomy(*study) == "AXIAL SE T1 - RESEARCH"
    assert fluid(*study) == "AXIAL SE T2 FAT SAT - RESEARCH"


@pytest.mark.parametrize(
    ("repetition", "echo", "inversion", "expected"),
    [
        (550, 11, None, "T1"),
        (3200, 65, None, "T2"),
        (2700, 34, None, "PD"),
        (5266, 42, 150, "STIR"),
        (550, 11, 900, "T1"),
    ],
)
def test_times_tell_before_words_do(repetition, echo, inversion, expected):
    tagged = one(
        "series t2 named wrongly",
        repetition_time_ms=float(repetition),
        echo_time_ms=float(echo),
        inversion_time_ms=None if inversion is None else float(inversion),
    )

    assert selection.weighting(tagged, CONFIG)[0] == expected


def test_gradient_echo_times_are_not_read_as_spin_echo_times():
    gradient = one(
        "t2 medic", repetition_time_ms=600.0, echo_time_ms=12.0, scanning_sequence=("GR",)
    )

    assert selection.weighting(gradient, CONFIG) == ("T2", "'t2' in the description")


def test_a_tag_that_says_fat_suppression_keeps_a_t1_from_being_anatomy():
    suppressed = one("ax t1", fat_suppression="scan option FS")

    assert anatomy(suppressed) is None
    assert fluid(suppressed) is None


def test_t1_comes_before_pd_before_t2_for_anatomy():
    study = [one("ax t2 tse"), one("ax pd tse"), one("ax t1 tse")]

    assert anatomy(*study) == "ax t1 tse"
    assert anatomy(*study[:2]) == "ax pd tse"
    assert anatomy(*study[:1]) == "ax t2 tse"


def test_stir_comes_before_t2_before_pd_for_fluid():
    study = [one("ax pd fs"), one("ax t2 fs"), one("ax stir")]

    assert fluid(*study) == "ax stir"
    assert fluid(*study[:2]) == "ax t2 fs"
    assert fluid(*study[:1]) == "ax pd fs"


def test_dixon_water_is_fluid_sensitive_and_dixon_fat_is_neither():
    water = one("ax t2 dixon", uid="water", image_type=("DERIVED", "PRIMARY", "W", "WATER"))
    fat = one("ax t2 dixon", uid="fat", image_type=("DERIVED", "PRIMARY", "F", "FAT"))

    assert fluid(water, fat) == "water"
    assert anatomy(water, fat) is None


def test_axial_is_decided_from_geometry_whatever_the_description_says():
    coronal = one("AX T1 (says axial)", grid=grid(90))
    axial = one("COR T1 (says coronal)", grid=grid(10))

    assert anatomy(coronal, axial) == "COR T1 (says coronal)"
    assert anatomy(coronal) is None


@pytest.mark.parametrize("word", ["localizer", "3-plane loc", "t1 mip", "t1 subtraction"])
def test_series_that_are_not_for_measuring_play_no_role(word):
    assert anatomy(one(f"{word} t1")) is None


def test_a_refused_series_plays_no_role():
    assert anatomy(one("ax t1", refusal="a slice is missing")) is None
    assert anatomy(one("ax t1", grid=None)) is None


def test_the_series_without_contrast_agent_comes_first_then_the_finer_pixels():
    after = one("ax t1 post", contrast_agent=True, grid=grid(pixel_mm=0.4))
    coarse, fine = one("ax t1 a", grid=grid(pixel_mm=0.9)), one("ax t1 b", grid=grid(pixel_mm=0.6))

    assert anatomy(after, coarse, fine) == "ax t1 b"


def test_the_series_the_landmarks_were_drawn_on_is_the_anatomy():
    study = (one("ax t1"), one("ax t2"))

    assert anatomy(*study, drawn_on="ax t2") == "ax t2"
    assert anatomy(*study, drawn_on="not there") == "ax t1"


@pytest.mark.parametrize("text", ["1.2.3", "7", "ax pd", "AX_PD", "pd.nii.gz"])
def test_a_choice_on_the_command_line_wins(text):
    asked = one("ax pd", uid="1.2.3", number=7, instances=(
        Instance(Path("folder/pd.nii.gz"), None, None, 0, (0, 0, 0)),
        Instance(Path("folder/pd.nii.gz"), None, None, 1, (0, 0, 5)),
    ))  # fmt: skip

    assert anatomy(one("ax t1"), asked, anatomy=text) == "1.2.3"


def test_a_choice_that_names_nothing_lists_what_there_is():
    with pytest.raises(SeriesNotFoundError, match=r"--anatomy 'sag' names no series.*ax t1; ax t2"):
        anatomy(one("ax t1"), one("ax t2"), anatomy="sag")


def test_a_choice_that_names_two_series_is_refused():
    with pytest.raises(SeriesNotFoundError, match="names 2 series"):
        anatomy(one("ax t1", uid="a"), one("ax t1", uid="b"), anatomy="ax t1")


def test_a_choice_that_cannot_be_measured_says_why():
    with pytest.raises(SeriesNotFoundError, match=r"--fluid.*a slice is missing"):
        fluid(one("ax stir", refusal="a slice is missing"), fluid_sensitive="ax stir")


def test_the_reason_names_plane_weighting_and_evidence():
    study = Study("9", Path("study"), (one("ax stir"),))
    choice = selection.choose(study, Role.FLUID_SENSITIVE, Config())

    assert choice.reason.startswith("axial (tilted 0 degrees), STIR ('stir' in the description")


def test_a_series_that_would_have_served_but_for_a_problem_is_named():
    study = Study("9", Path("study"), (one("ax t1", refusal="a slice is missing."), one("ax stir")))
    choice = selection.choose(study, Role.ANATOMY, Config())

    assert choice.reason == (
        "no axial T1 or PD or T2 series without fat suppression; ax t1 was passed over: a slice is "
        "missing"
    )


def test_rules_of_a_site_can_be_set():
    pd_first = {"series_rules": {"anatomy_order": ["PD", "T1"]}}

    assert anatomy(one("ax t1"), one("ax pd"), **pd_first) == "ax pd"
    assert anatomy(one("ax t2"), **pd_first) is None


def test_words_of_a_site_can_be_set():
    dutch = one("tra vetonderdrukt t2")
    words = {"series_words": {"fat_suppressed": ["vetonderdrukt"]}}

    assert fluid(dutch) is None
    assert fluid(dutch, **words) == "tra vetonderdrukt t2"


# --- Dixon --------------------------------------------------------------------------------------


def pair_of(*found):
    study = Study("9", Path("study"), found)
    pair = selection.dixon_pair(study, CONFIG, one("ax t1"))
    return pair and tuple(series.series_uid for series in pair)


@pytest.mark.parametrize(
    ("water", "fat"),
    [
        (one("ax mDixon W"), one("ax mDixon F")),
        (one("AX IDEAL water"), one("AX IDEAL fat")),
        (one("a", image_type=("DERIVED", "WATER")), one("b", image_type=("DERIVED", "FAT"))),
    ],
)
def test_water_and_fat_of_a_dixon_series_are_a_pair_in_either_order(water, fat):
    expected = (water.series_uid, fat.series_uid)

    assert pair_of(water, fat) == pair_of(fat, one("ax t1 tse"), water) == expected


@pytest.mark.parametrize(
    "fat",
    [
        one("ax mDixon F", grid=grid(pixel_mm=0.8)),
        one("ax mDixon F", grid=grid(n_slices=19)),
        one("ax mDixon F", grid=grid(tilt_deg=60)),
        one("ax mDixon F", frame_of_reference_uid="1.2"),
        one("ax mDixon F", refusal="no stack"),
        one("ax mDixon in"),
        one("ax t2 fat sat"),
    ],
)
def test_a_fat_image_elsewhere_or_none_is_no_pair(fat):
    water = one("ax mDixon W")

    assert pair_of(water, fat) is None
    assert pair_of(water) is None
