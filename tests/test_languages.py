"""Languages of the summary: every message there or marked, every placeholder fitting."""

import re

import pytest

from ifi_mri.errors import ConfigError
from ifi_mri.summary import languages
from ifi_mri.summary.catalogue import ENGLISH, say

SHIPPED = [language for language in languages.languages() if language != "en"]


def test_german_is_shipped():
    assert languages.languages()[0] == "en"
    assert "de" in SHIPPED


@pytest.mark.parametrize("language", SHIPPED)
def test_every_message_is_translated(language):
    _, words = languages.load(language)
    assert words.keys() == ENGLISH.keys()
    assert [name for name, text in words.items() if text.startswith(languages.FALLBACK)] == []


@pytest.mark.parametrize("language", SHIPPED)
@pytest.mark.parametrize("name", ENGLISH)
def test_every_placeholder_fits(language, name):
    _, words = languages.load(language)
    assert languages.placeholders(words[name]) == languages.placeholders(ENGLISH[name])


@pytest.mark.parametrize("language", SHIPPED)
def test_every_figure_and_source_of_a_message_is_kept(language):
    """A number, DOI, PMID or web address that is lost or changed would be another statement."""
    code, words = languages.load(language)
    for name, text in ENGLISH.items():
        own = words[name].replace(",", ".") if words["decimal"] == "," else words[name]
        found = re.findall(r"\d+(?:[.,]\d+)*", text.replace(",", "."))
        assert sorted(re.findall(r"\d+(?:\.\d+)*", own)) == sorted(found), name
        for source in re.findall(r"doi:\S+?(?=[);\s])|PMID \d+|https?://\S+?(?=[);\s])", text):
            assert source in words[name], name
    assert code == language


def test_german_never_says_what_must_never_be_said():
    _, words = languages.load("de")
    for name, text in words.items():
        for forbidden in ("beweist", "bestätigt", "schließt aus", "Diagnose ist", "empfohlen"):
            assert forbidden not in text, name


def test_numbers_have_a_decimal_comma_and_dois_keep_their_points():
    _, words = languages.load("de")
    values = {"space": "Ischiofemoralraum", "value": "12.3", "low": "10.2", "high": "14.4",
              "status": "verengt", "profile": "singer2015", "cutoff": "15.0"}  # fmt: skip
    assert say(words, "impression.measured", **values) == (
        "Ischiofemoralraum 12,3 mm (95-%-Intervall 10,2 bis 14,4), verengt nach singer2015 "
        "(<= 15,0 mm)"
    )
    assert say(words, "rotation.degrees", degrees=7.5) == " um 7,5 Grad"
    assert say(words, "on_side", side="Links", sentence="1.5 doi:10.1/x") == "Links: 1.5 doi:10.1/x"
    assert "doi:10.1080/08998280.2020.1840184" in say(words, "limit.position")


def test_english_is_as_it_was():
    code, words = languages.load("en")
    assert (code, words) == ("en", ENGLISH)
    assert say(words, "rotation.degrees", degrees=7.5) == " of 7.5 degrees"


FILE = 'language = "fr"\nname = "Français"\ndecimal = ","\n[messages]\n'


def test_a_message_that_is_missing_is_english_and_says_so(tmp_path):
    path = tmp_path / "fr.toml"
    path.write_text(FILE + '"axis.clinical.not supplied" = "Clinique : non fournie."\n')
    code, words = languages.load(str(path))
    assert code == "fr"
    assert words["axis.clinical.not supplied"] == "Clinique : non fournie."
    assert words["impression.close"] == f"[en] {ENGLISH['impression.close']}"
    assert words["and"] == "and"
    assert words["decimal"] == ","


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('"impression.closed" = "x"', "no message of the catalogue"),
        ('"impression.side" = "{side}"', r"placeholders are \{side\}, \{parts\}, \{side\} were"),
        ('"impression.side" = "{side} {parts} {0}"', "placeholders"),
        ('"rotation.degrees" = " de {degrees}"', r"\{degrees:g\} were expected"),
        ('"impression.close" = "{"', "impression.close|messages"),
        ('"impression.close" = 5', "messages"),
    ],
)
def test_a_message_that_does_not_fit_is_refused(tmp_path, line, says):
    path = tmp_path / "x.toml"
    path.write_text(FILE + line + "\n")
    with pytest.raises(ConfigError, match=says) as refused:
        languages.load(str(path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("language", ["xx", "", "../de", "none.toml"])
def test_an_unknown_language_is_refused(language):
    with pytest.raises(ConfigError):
        languages.load(language)


def test_a_case_is_reported_in_german(tmp_path):
    import json

    from ifi_mri import cli

    case = cli.sample_data_folder() / cli.DEMO_CASE
    common = ["run", str(case / "study"), "--landmarks", str(case / "landmarks"), "--quiet"]
    assert cli.main([*common, "--language", "de", "--out", str(tmp_path / "de")]) == 0
    assert cli.main([*common, "--out", str(tmp_path / "en")]) == 0
    german, english = (
        json.loads((tmp_path / name / "report.json").read_bytes()) for name in ("de", "en")
    )
    assert german["language"] == "de"
    assert german["impression"][0].startswith("Links: Ischiofemoralraum 11,2 mm")
    assert german["measurements"] == english["measurements"]
    assert german["config"]["digest"] == english["config"]["digest"]
    assert german["report_uid"] != english["report_uid"]
    assert german["summary"]["left"]["space"] == english["summary"]["left"]["space"]
    page = (tmp_path / "de" / "report.html").read_text(encoding="utf-8")
    assert '<html lang="en">' in page
    assert '<ol lang="de">' in page
    assert 'lang="de"' not in (tmp_path / "en" / "report.html").read_text(encoding="utf-8")
    assert cli.main([*common, "--language", "xx", "--out", str(tmp_path / "x")]) == 2
