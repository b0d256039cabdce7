"""Languages of the summary: every message there or marked, every placeholder fitting."""

import re

import example_report
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifi_mri.errors import ConfigError
from ifi_mri.findings import quadratus_femoris_fatty_infiltration as fatty
from ifi_mri.findings import quadratus_femoris_oedema as oedema
from ifi_mri.language import translations as languages
from ifi_mri.language.catalogue import ENGLISH, FALLBACK, say
from ifi_mri.language.reasons import translated
from ifi_mri.language.report_messages import REPORT_MESSAGES
from ifi_mri.measurements import distance_uncertainty as uncertainty
from ifi_mri.measurements import intertuberous_distance as tuberosities
from ifi_mri.reports import html_page, text_impression
from ifi_mri.reports.signal_table import ZONES
from ifi_mri.reports.words import Words
from ifi_mri.signal.place import Zone
from ifi_mri.vocabulary import LandmarkName

SHIPPED = [language for language in languages.languages() if language != "en"]


def test_german_is_shipped():
    assert languages.languages()[0] == "en"
    assert "de" in SHIPPED


@pytest.mark.parametrize("language", SHIPPED)
def test_every_message_is_translated(language):
    _, words = languages.load(language)
    assert words.keys() == ENGLISH.keys()
    assert [name for name, text in words.items() if text.startswith(FALLBACK)] == []


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


def test_a_name_that_looks_like_a_number_stays_that_name():
    _, words = languages.load("de")
    assert say(words, "report.case", case="12.5") == "Fall 12.5"
    about = say(words, "text.about", case="1.5", date="x", person="y", reader="2.5")
    assert "1.5" in about
    assert "2.5" in about
    spacing = translated(words, "3.0: slices are 6.0 mm apart, above 5.0 mm; the narrowest place "
                         "may lie between two.")  # fmt: skip
    assert spacing.startswith("3.0: der Schichtabstand ist 6,0 mm")


def test_crossing_a_cutoff_is_neither_above_it_nor_a_side_of_the_patient():
    _, words = languages.load("de")
    for name in ("position.crosses", "position.keeps"):
        assert "Seite ihres Grenzwerts" in words[name]
        assert "über" not in words[name]


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
        ('"impression.side" = "{side!z} {parts}"', r"placeholders are \{parts\}, \{side!z\}, "),
        ('"impression.close" = " "', "'impression.close' is blank"),
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


def left_in_english(folder):
    """Return the lines of page and text that say that they stayed English."""
    return [
        line
        for name in ("report.html", "impression.txt")
        for line in (folder / name).read_text(encoding="utf-8").splitlines()
        if "[en]" in line
    ]


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
    assert '<html lang="de">' in page
    assert ' lang="en"' not in page
    assert left_in_english(tmp_path / "de") == []
    assert '<html lang="en">' in (tmp_path / "en" / "report.html").read_text(encoding="utf-8")
    assert cli.main([*common, "--language", "xx", "--out", str(tmp_path / "x")]) == 2


# --- what the rooms below say -----------------------------------------------------------------

_, GERMAN = languages.load("de")

READER_GAVE = ("", "The reader gave the same grade, 3. ", "The reader gave grade 1, 2 apart. ")

SAID_BELOW = (
    "14.3 mm; its 95 % interval of 12.2 to 16.4 mm holds the cut-off of 15.0 mm (singer2015): "
    "within the uncertainty of the cut-off.",
    "9.0 mm; its 95 % interval of -0.1 to 11.0 mm lies below the cut-off of 15.0 mm "
    "(tosun2012_secondary): narrowed.",
    "30.0 mm; its 95 % interval of 28.0 to 32.0 mm lies above the cut-off of 15.0 mm "
    "(singer2015): not narrowed.",
    "profile hatem2020 has no cut-off for this space.",
    "profile x holds from 18 years; the patient's age is 12.",
    "profile x holds 13 to under 18 years; the patient's age is 18 or older.",
    "profile x holds only in external rotation; the rotation is not recorded.",
    "profile x holds only in external rotation; the hip was scanned in neutral rotation.",
    "profile x holds only in adduction, which the intake does not state.",
    "not measured: no quadratus_femoris outline; no reference_muscle outline.",
    "graded 2 by the reader's eye; not measured: no fat-suppressed fluid-sensitive series.",
    *(
        f"69.7 % of the muscle (95 % interval 63.5 % to 75.9 %) shows raised signal: grade 3, "
        f"{word}{reach}; median signal ratio of the muscle 2.48{raised}. {reader}"
        f"{oedema.NOT_VALIDATED}"
        for word in oedema.GRADE_WORDS
        for reach in ("", " (the interval reaches from grade 2 to 3)")
        for raised in ("", ", that of the raised region 2.50")
        for reader in READER_GAVE
    ),
    *(f"no {name} landmark" for name in LandmarkName),
    *(f"no {name} outline" for name in LandmarkName),
    "no femoral_shaft_axis landmark on the left; no femoral_shaft_axis landmark on the right",
    "no femoral_neck_axis and no femoral_shaft_axis landmark",
    uncertainty.READER, uncertainty.EDGE, uncertainty.PIXELS, uncertainty.BESIDE,
    uncertainty.TILT, uncertainty.SMALLEST, tuberosities.INNER, tuberosities.LATERAL,
    "axial (tilted 6 degrees), the landmarks' own series",
    "axial (tilted 6 degrees), STIR (inversion time 160 ms, fat-suppressed: inversion time 160 ms)",
    "it was not asked for",
    "series 3 AX T1 TSE: instances 1 to 3 are not there; slices at an end of the stack may be "
    "missing.",
    "series 3 AX T1 TSE: pixels are 1.75 mm, above 1.5 mm; landmarks cannot be placed to the "
    "accuracy that the interval assumes.",
    "no iliopsoas_tendon or lesser_trochanter landmark",
    "series 11 AXIAL SE T1 - RESEARCH: the header does not say the echo time.",
    "series 11: the header does not say the repetition time.",
    "series 11: the header does not say the field strength.",
    "That the landmarks belong to this study was judged from their position only: the images carry "
    "no UIDs of the scanner.",
    "That the landmarks belong to this study was judged from their position only: the landmark "
    "file names neither study nor frame of reference.",
    "Quadratus femoris was outlined on 1 slice: its volume is that of these slices, not of the "
    "muscle.",
    "axial (tilted 9 degrees), T2 (TR 3200 ms, TE 65 ms, fat-suppressed: ScanOptions FS)",
    "The left ischiofemoral space is from bone labels, not reviewed.",
    "The right ischiofemoral space is from bone labels, not reviewed.",
    "The left and the right ischiofemoral spaces are from bone labels, not reviewed.",
    "The patient's age is not known; the adult profile singer2015 was applied. Under 18 years it "
    "does not hold.",
    "The reader graded quadratus femoris oedema 1, the signal gives grade 2 (indeterminate); both "
    "are reported, neither replaces the other.",
    "Left hamstring_origin, lesser_trochanter and 2 more lie on the first or last slice, or "
    "less than 10 mm from the edge of the picture: the space may be narrower outside of what "
    "was scanned.",
    "Right lesser_trochanter lies up to 2.1 mm from the nearest slice, more than a quarter of "
    "the 5.0 mm between slices: the structure may not have been seen where it was marked.",
    "The left hamstring_origin has 3 single points up to 12.0 mm apart on the slice at -31.2 "
    "mm, at most 5 mm was expected: the shortest distance is taken from any of them, so one "
    "that is misplaced narrows the space.",
    "The left hamstring_origin and lesser_trochanter both have several single points on the "
    "slice at -31.2 mm: the shortest distance may join an end of one line and an end of "
    "another. Keep one point of each.",
    "Landmarks are marked left, but the picture cuts the body off on its left side as a picture"
    " of the right hip would. Check the side.",
    "The right ischial_tuberosity lies 3.0 mm lateral to the lesser_trochanter: a very narrow "
    "space, or swapped names.",
    "The label of the left quadratus femoris has islands of 12 mm2 and more beside its largest "
    "piece on 1 slice: distances are taken from any piece, so that one which is not of the "
    "structure narrows the space.",
    "The label map shows more of the left quadratus femoris and lesser trochanter than the "
    "picture does: outlines were cut off at the picture's edge, and areas are those inside it.",
    "The left ischiofemoral space is from bone labels, not reviewed (score 0.91 of 1; 9 slices "
    "searched, from -20 to +20 mm of the lesser trochanter's tip, of which 7 show both bones).",
    "The left ischiofemoral space is the reader's own, 14.2 mm; bone labels alone give 13.1 mm "
    "(score 0.91 of 1), which is not used.",
    "The spaces were measured on a fat-suppressed series, series 5 AX STIR (inversion time 160 "
    "ms); most cut-offs come from series without fat suppression.",
    "No fluid-sensitive series: no axial fat-suppressed STIR or T2 or PD or Dixon water series."
    " Oedema was not measured.",
    "The clinical intake and the images differ (sex female against male; age 50 against 61 "
    "years); the intake's figures were used. Check that both belong to one patient.",
    "series 5: sform and qform place voxels up to 3.1 mm apart, expected at most 0.1; the sform"
    " was used.",
    "The ischial end of the ischiofemoral space lies in marrow or fat on the slices at -38.7 "
    "mm, -33.7 mm: the picture shows neither cortex nor tendon within 4.0 mm. Check the "
    "landmark.",
    "The ischiofemoral space of 12.3 mm ends on edges found in the picture (moved: "
    "ischial_tuberosity 0.4 mm; lesser_trochanter 1.2 mm); between the points as marked it is "
    "13.1 mm.",
    "The end of the quadratus femoris space at the hamstring_origin stays where it was marked "
    "on the slice at -38.7 mm: the picture shows no dark tendon with an edge there.",
    "All points stay where they were marked: series 5 is fat-suppressed (ScanOptions FS): "
    "marrow is as dark as cortex.",
)  # fmt: skip


@pytest.mark.parametrize("sentence", SAID_BELOW)
def test_what_the_rooms_below_say_is_known_in_german(sentence):
    found = translated(GERMAN, sentence)
    assert FALLBACK not in found
    assert found != sentence
    assert not re.search(r"\b(the|of|measured|grade|not|landmark|to)\b", found), found


def test_a_reason_keeps_its_numbers_with_a_comma_and_its_profile_as_it_is():
    assert translated(GERMAN, SAID_BELOW[1]) == (
        "9,0 mm; sein 95-%-Intervall von -0,1 bis 11,0 mm liegt unter dem Grenzwert von 15,0 mm "
        "(tosun2012_secondary): verengt."
    )


def test_the_words_of_every_grade_are_known():
    for words in (oedema.GRADE_WORDS, fatty.GRADE_WORDS):
        for word in words:
            assert FALLBACK not in translated(GERMAN, word)


def test_every_zone_of_the_muscle_has_its_words():
    """The rooms do not know each other: a zone of another name would stay English, unmarked."""
    assert set(ZONES) == {*Zone}


def test_a_sentence_that_no_message_fits_stays_english_and_says_so():
    assert translated(GERMAN, "the scanner was on fire.") == "[en] the scanner was on fire."
    assert translated(GERMAN, "no dragon outline") == "[en] no dragon outline"
    partly = "no quadratus_femoris outline; the scanner was on fire"
    assert translated(GERMAN, partly) == f"[en] {partly}"
    assert translated(ENGLISH, partly) == partly


@given(st.text())
def test_no_text_breaks_the_search_for_a_message(text):
    found = translated(GERMAN, text)
    assert found == "" or found == FALLBACK + text or FALLBACK not in found


# --- the report in a language -----------------------------------------------------------------


def shown_in(words):
    """Return the example report as page and as text."""
    study, opened = example_report.study(), example_report.open_volume
    report = example_report.with_secondary()
    page = html_page.render(report, study, opened, words)
    return page.decode(), text_impression.render(report, study, opened, words).decode()


def test_the_german_page_and_text_hold_no_heading_or_title_in_english():
    page, text = shown_in(Words(GERMAN, "de"))
    of_report = set(re.findall(r">([^<>]+)<", page))
    for name, english in REPORT_MESSAGES.items():
        if "{" not in english and GERMAN[name] != english:
            assert english not in of_report, name
            if len(english) > 12:
                assert english.upper() not in text, name
    for german in ("Beurteilung", "Technik", "Beide Seiten"):
        assert f">{german}<" in page
        assert german.upper() in text


def test_the_pictures_are_labelled_in_german():
    page, _ = shown_in(Words(GERMAN, "de"))
    assert "Linke Hüfte, axiale Schicht bei -38,7 mm, Übersicht</title>" in page
    assert re.search(r'<text class="ifs value"[^>]*>IFS 14,3 mm</text>', page)


def test_every_message_of_the_report_is_asked_for():
    """An id stands in a source, or begins with what is completed there."""
    from pathlib import Path

    import ifi_mri

    folder = Path(ifi_mri.__file__).parent / "reports"
    sources = "".join(
        path.read_text(encoding="utf-8")
        for path in (*folder.glob("*.py"), *folder.glob("templates/*.j2"))
    )
    for name in REPORT_MESSAGES:
        parent = name.rpartition(".")[0]
        completed = (
            f'"{parent}.{{',
            f"'{parent}.{{",
            f'"{parent}." ~',
            f'"{parent}"',
            f"'{parent}'",
        )
        assert f'"{name}"' in sources or any(start in sources for start in completed), name


def test_a_sites_messages_are_escaped():
    bad = '</style><script>alert("x")</script>'
    names = ("report.impression", "page.foot", "page.title", "figure.slice", "title.ischial_angle")
    page, _ = shown_in(Words({**ENGLISH, **dict.fromkeys(names, bad)}, "fr"))
    assert "<script" not in page
    assert page.count("</style>") == 1
    assert "&lt;script&gt;" in page


def test_an_unfinished_language_says_how_much_of_it_is_there(tmp_path):
    path = tmp_path / "fr.toml"
    path.write_text(FILE + '"report.impression" = "Conclusion"\n', encoding="utf-8")
    assert 0 < languages.share_translated(str(path)) < 0.01
    caution = languages.unfinished(str(path))
    assert caution.code == "language_unfinished"
    assert "language fr holds 0 % of all messages" in caution.text
    assert [languages.unfinished(name) for name in languages.languages()] == [None] * 2
    assert languages.share_translated("de") == 1.0

    code, words = languages.load(str(path))
    page, text = shown_in(Words(words, code))
    assert '<html lang="fr">' in page
    assert ">Conclusion<" in page
    assert ">Technique<" in page  # a heading stays English without a mark
    assert "[en] Not measured" not in page
    assert "[en] " in text  # a reason says so


def test_a_sites_language_reaches_page_and_text_of_a_run(tmp_path):
    import json

    from ifi_mri import cli

    path = tmp_path / "fr.toml"
    path.write_text(FILE + '"report.impression" = "Conclusion"\n', encoding="utf-8")
    case = cli.sample_data_folder() / cli.DEMO_CASE
    arguments = ["run", str(case / "study"), "--landmarks", str(case / "landmarks"), "--quiet"]
    assert cli.main([*arguments, "--language", str(path), "--out", str(tmp_path / "fr")]) == 0
    found = json.loads((tmp_path / "fr" / "report.json").read_bytes())
    assert found["language"] == "fr"
    assert "language_unfinished" in [caution["code"] for caution in found["cautions"]]
    assert ">Conclusion<" in (tmp_path / "fr" / "report.html").read_text(encoding="utf-8")
    assert "\nCONCLUSION\n" in (tmp_path / "fr" / "impression.txt").read_text(encoding="utf-8")
