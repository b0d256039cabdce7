"""Label tables: the presets, and what a wrong one is told."""

import pytest
from pydantic import ValidationError

from ifi_mri.errors import ConfigError
from ifi_mri.landmarks import label_tables
from ifi_mri.landmarks.label_tables import Bone, LabelTable
from ifi_mri.vocabulary import LandmarkName, Side

TOTALSEGMENTATOR_MR = {36: "left", 37: "right", 38: "left", 39: "right"}
MUSCLEMAP_BONES = {6151: "left", 6152: "right", 6171: "left", 6172: "right"}


def table(**changes):
    content = {
        "id": "own",
        "title": "own",
        "version": "1",
        "citation": "none",
        "labels": [{"value": 7, "structure": "femur", "side": "left"}],
    }
    return LabelTable.model_validate(content | changes)


def test_the_presets_are_the_ones_of_the_contract():
    assert [preset.id for preset in label_tables.presets()] == [
        "musclemap",
        "native",
        "totalsegmentator_mr",
        "totalsegmentator_mr_2_4",
    ]


@pytest.mark.parametrize("preset", label_tables.presets(), ids=lambda preset: preset.id)
def test_presets_cite_their_source_and_pair_the_sides(preset):
    assert preset.citation
    for label in preset.labels:
        if label.side is not None:
            others = [one for one in preset.labels if one.structure is label.structure]
            assert label.side.other in [one.side for one in others]


def test_totalsegmentator_labels_are_those_of_its_class_map():
    preset = label_tables.find("totalsegmentator_mr")

    assert {value: preset.of_value(value).side for value in preset.values} == TOTALSEGMENTATOR_MR
    assert preset.of_value(36).structure is Bone.FEMUR
    assert preset.of_value(39).structure is Bone.HIP_BONE


def test_musclemap_labels_are_those_of_its_documentation():
    preset = label_tables.find("musclemap")

    for value, side in MUSCLEMAP_BONES.items():
        assert preset.of_value(value).side == side
    assert preset.of_value(6152).structure is Bone.HIP_BONE
    assert preset.of_value(6222).structure is LandmarkName.QUADRATUS_FEMORIS
    assert preset.of_value(6222).also_contains == "the gemelli"
    assert preset.of_value(6121).beside is LandmarkName.QUADRATUS_FEMORIS


def test_the_native_numbering_is_odd_on_the_left():
    native = label_tables.find("native")

    for label in native.labels:
        if label.side is not None:
            assert label.value % 10 == (1 if label.side is Side.LEFT else 2)


@pytest.mark.parametrize("name", ["QF-L", "left_qf", "Quadratus  femoris, left", "l QF"])
def test_names_are_compared_in_any_case_and_with_any_separator(name):
    label = label_tables.find("native").of_name(name)

    assert (label.structure, label.side) == (LandmarkName.QUADRATUS_FEMORIS, Side.LEFT)


def test_a_table_is_read_from_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'id = "mine"\ntitle = "t"\nversion = "1"\ncitation = "c"\n'
        '[[labels]]\nvalue = 3\nstructure = "hip_bone"\n'
    )

    assert label_tables.find(path).of_value(3).side is None


def test_an_unknown_table_lists_the_known_ones():
    with pytest.raises(ConfigError, match="native, totalsegmentator_mr"):
        label_tables.find("totalsegmentator")


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        label_tables.find(tmp_path / "gone.toml")


def test_a_table_found_is_itself():
    own = table()

    assert label_tables.find(own) is own


@pytest.mark.parametrize(
    ("labels", "word"),
    [
        ([{"value": 0, "structure": "femur"}], "greater than or equal to 1"),
        ([{"value": 1, "structure": "tibia", "side": "left"}], "structure"),
        ([{"value": 1, "structure": "femur", "side": "both"}], "side"),
        ([{"value": 1, "structure": "femur", "colour": "red"}], "colour"),
        ([{"structure": "femur"}], "value or names"),
        ([{"value": 1, "structure": "quadratus_femoris"}], "needs a side"),
        ([{"value": 1, "structure": "femur"}, {"value": 1, "structure": "hip_bone"}], "twice"),
        (
            [
                {"names": ["a b"], "structure": "femur"},
                {"names": ["A_B"], "structure": "hip_bone"},
            ],
            "twice",
        ),
        ([], "at least 1"),
    ],
)
def test_a_wrong_table_is_refused(labels, word):
    with pytest.raises(ValidationError, match=word):
        table(labels=labels)
