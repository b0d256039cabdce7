"""Settings: the shipped file says what the program does, and wrong files are refused."""

import contextlib
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from ifi_mri.config import (
    Config,
    Settings,
    check_settings,
    configs_folder,
    load_config,
    read_settings,
)
from ifi_mri.errors import ClinicalIntakeError, ConfigError, IfiMriError

DEFAULT = configs_folder() / "default.toml"


def settings_of(kind: type[BaseModel], prefix: str = "") -> dict[str, Any]:
    """Return every setting by its dotted name, with its default."""
    found: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        if isinstance(field.default, BaseModel):
            found |= settings_of(type(field.default), f"{prefix}{name}.")
        else:
            found[prefix + name] = field.default
    return found


def written(tmp_path: Path, content: str | bytes, name: str = "settings.toml") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# --- the shipped files --------------------------------------------------------------------------


def test_the_default_file_says_what_the_program_does() -> None:
    assert load_config(DEFAULT) == Config()


def test_the_default_file_states_every_setting() -> None:
    stated = tomllib.loads(DEFAULT.read_text(encoding="utf-8"))
    lines = DEFAULT.read_text(encoding="utf-8").splitlines()
    for name, default in settings_of(Config).items():
        if default is None:
            key = name.rsplit(".", 1)[-1]
            assert any(line.startswith(f"# {key} = ") for line in lines), name
            continue
        value: Any = stated
        for part in name.split("."):
            value = value[part]
        assert value == (list(default) if isinstance(default, tuple) else default), name


def test_every_setting_of_the_default_file_has_a_comment_above_it() -> None:
    lines = DEFAULT.read_text(encoding="utf-8").splitlines()
    for name in settings_of(Config):
        key = name.rsplit(".", 1)[-1]
        at = next(
            i for i, line in enumerate(lines) if line.removeprefix("# ").startswith(f"{key} =")
        )
        block = at
        while lines[block - 1].strip() and "=" not in lines[block - 1]:
            block -= 1
        above = lines[block:at] or lines[at - 2 : at]
        assert any(line.startswith("#") for line in above), key


def test_a_setting_commented_out_in_the_default_file_is_allowed_when_it_is_uncommented(
    tmp_path: Path,
) -> None:
    text = DEFAULT.read_text(encoding="utf-8")
    for name in ("anatomy", "fluid_sensitive", "case_id"):
        text = text.replace(f"# {name} =", f"{name} =")
    config = load_config(written(tmp_path, text))
    assert (config.anatomy, config.fluid_sensitive, config.case_id) == ("5", "7", "case-01")


def test_the_series_example_changes_words_and_nothing_else() -> None:
    example = load_config(configs_folder() / "series-roles-example.toml")
    words = example.series_words
    assert "fettsat" in words.fat_suppressed
    assert "wasserbild" in words.dixon_water
    assert "localizer" in words.not_for_measuring
    assert words.t1 == Config().series_words.t1
    assert example.model_copy(update={"series_words": Config().series_words}) == Config()


# --- overrides, digest --------------------------------------------------------------------------


def test_overrides_win_over_the_file_and_those_that_are_none_do_not(tmp_path: Path) -> None:
    path = written(tmp_path, 'profile = "hatem2020"\nanatomy = "5"')
    config = load_config(path, profile="torriani2009", anatomy=None)
    assert (config.profile, config.anatomy) == ("torriani2009", "5")


def test_an_unknown_profile_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'singer' is not known.*singer2015, .*torriani2009"):
        load_config(written(tmp_path, 'profile = "singer"'))


def test_an_override_out_of_range_names_the_command_line() -> None:
    with pytest.raises(ConfigError, match=r"^the command line: 'case_id'"):
        load_config(case_id="a/b")


def test_the_digest_changes_with_what_shapes_the_numbers_and_not_with_the_case() -> None:
    digest = Config().digest()
    assert len(digest) == 64
    assert digest == load_config(DEFAULT, case_id="another").digest()
    assert digest != Config(profile="hatem2020").digest()
    assert digest != check_settings({"signal": {"threshold_sd": 2.5}}, Config, "x").digest()


# --- broken files -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("profil = 'singer2015'", "'profil' is not a known key"),
        ("[signal]\nthreshold = 3", "'signal.threshold' is not a known key"),
        ("[signal]\nthreshold_sd = -1", "'signal.threshold_sd': .*greater than 0, found -1"),
        ("[spaces]\nlandmark_sd_mm = nan", "'spaces.landmark_sd_mm': .*finite"),
        ("[spaces]\nlandmark_sd_mm = inf", "'spaces.landmark_sd_mm': .*finite"),
        ("[spaces]\nlandmark_sd_mm = 'wide'", "'spaces.landmark_sd_mm'.*found 'wide'"),
        ("spaces = 3", "'spaces'"),
        ("[signal]\ngrade_fractions = [0.1, 0.05, 0.5]", "must rise"),
        ("[signal]\ngrade_fractions = [0.1, 0.1, 0.5]", "must rise"),
        ("[signal]\ngrade_fractions = [0.1, 0.5]", "'signal.grade_fractions"),
        ("[signal]\ngrade_fractions = [0.1, 0.5, 1.5]", "'signal.grade_fractions.2'"),
        ("[signal]\nmin_pixels = 2.5", "'signal.min_pixels'"),
        ("a = 1\na = 2", "is not valid TOML"),
        ("a = \nb = 1", "is not valid TOML.*line 1"),
        (f"a = {'1' * 5000}", "is not valid TOML"),
        ("a = " + "[" * 20000, "is not valid TOML"),
        ("\x00", "is not valid TOML"),
    ],
)
def test_a_broken_settings_file_is_refused_in_one_sentence(
    tmp_path: Path, text: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=f"settings.toml: .*{says}") as caught:
        load_config(written(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600 + len(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": 1, "a": 2}', "the key 'a' stands twice"),
        ('{"signal": {"b": 1, "b": 1}}', "the key 'b' stands twice"),
        ("{", "is not valid JSON"),
        ("[1, 2]", "'the whole'"),
        ("null", "'the whole'"),
        (f'{{"a": {"1" * 5000}}}', "is not valid JSON"),
        ("[" * 200_000, "is not valid JSON"),
        ('{"spaces": {"landmark_sd_mm": NaN}}', "finite"),
        ('{"spaces": {"landmark_sd_mm": 1e999}}', "finite"),
    ],
)
def test_a_broken_json_file_is_refused_in_one_sentence(
    tmp_path: Path, text: str, says: str
) -> None:
    with pytest.raises(ClinicalIntakeError, match=says):
        read_settings(written(tmp_path, text, "settings.JSON"), Config, ClinicalIntakeError)


def test_a_file_that_is_no_text_missing_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load_config(written(tmp_path, b"\xff\xfe\x00a"))
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read \(No such file"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)


def test_a_byte_order_mark_of_an_editor_is_no_obstacle(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbf" + b'profile = "hatem2020"')
    assert load_config(path).profile == "hatem2020"


def test_many_problems_are_counted_and_the_first_five_told() -> None:
    with pytest.raises(ConfigError, match=r"'k4' is not a known key; and 3 more\. Correct"):
        check_settings({f"k{i}": i for i in range(8)}, Config, "x")


def test_settings_are_frozen_and_refuse_unknown_keys() -> None:
    assert Settings.model_config["frozen"]
    assert Settings.model_config["extra"] == "forbid"


@given(st.binary(max_size=60), st.sampled_from([".toml", ".json", ""]))
def test_no_foreign_error_comes_out_of_any_bytes(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(content)
    with contextlib.suppress(IfiMriError):
        load_config(path)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*Config.model_fields, "x"]), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_no_foreign_error_comes_out_of_any_content(content: Any) -> None:
    with contextlib.suppress(ConfigError):
        config = check_settings(content, Config, "x")
        assert json.loads(config.model_dump_json())["profile"] == config.profile


def test_a_section_from_the_command_line_changes_its_keys_and_keeps_the_others(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, "[signal]\nmin_pixels = 40\nshading_order = 1\n")
    config = load_config(path, signal={"apply_shift": True})

    assert (config.signal.min_pixels, config.signal.shading_order) == (40, 1)
    assert config.signal.apply_shift is True
    assert load_config(path, signal=None).signal.apply_shift is False
    with pytest.raises(ConfigError, match=r"'signal\.nonsense' is not a known key"):
        load_config(path, signal={"nonsense": 1})


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("shading_order = 3", "shading_order"),
        ("shading_radius_mm = 5.0", "shading_radius_mm"),
        ("goutallier_fractions = [0.1, 0.1, 0.4, 0.5]", "goutallier_fractions must rise"),
        ("grade_fractions = [0.5, 0.1, 0.025]", "grade_fractions must rise"),
        ("fat_suppression_limit = 0.0", "fat_suppression_limit"),
        ("junction_share = 1.5", "junction_share"),
        ("belly_mm = -1.0", "belly_mm"),
    ],
)
def test_signal_settings_out_of_range_are_refused_by_name(
    tmp_path: Path, line: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        load_config(written(tmp_path, f"[signal]\n{line}\n"))
