"""``report.pdf``: the page on A4, tagged, the same bytes again; rendered and looked at."""

import re
import subprocess
from dataclasses import replace

import dicom_tools
import example_report
import numpy as np
import pytest
from PIL import Image

from ifi_mri import reports
from ifi_mri.errors import ReportError
from ifi_mri.language import ENGLISH
from ifi_mri.reports import html_page, pdf_file
from ifi_mri.reports.html_tree import Element, tree_of
from ifi_mri.reports.words import Words

REPORTS = {
    "both_sides": example_report.report,
    "one_side": example_report.without_right_side,
    "secondary": example_report.with_secondary,
}


def pdf_of(report=None) -> bytes:
    return pdf_file.render(
        report or example_report.report(), example_report.study(), example_report.open_volume
    )


def poppler(name: str, *words: str, content: bytes) -> bytes:
    done = subprocess.run(
        [dicom_tools.program(name), *words], input=content, capture_output=True, check=True
    )
    return done.stdout


def text_of(content: bytes) -> str:
    return " ".join(poppler("pdftotext", "-", "-", content=content).decode().split())


@pytest.fixture(scope="module")
def pdf():
    return pdf_of()


def test_the_same_report_gives_the_same_bytes(pdf):
    assert pdf == pdf_of()


@pytest.mark.parametrize("case", REPORTS)
def test_it_is_tagged_pdf_on_a4_with_title_and_language(case):
    content = pdf_of(REPORTS[case]())
    info = poppler("pdfinfo", "-", content=content).decode()

    assert re.search(r"Tagged:\s+yes", info)
    assert "(A4)" in info
    assert "Ischiofemoral space, case example-1" in info
    assert b"<pdfuaid:part>1</pdfuaid:part>" in content


def test_it_says_what_the_page_says(pdf):
    report = example_report.report()
    text = text_of(pdf)
    for sentence in (*report.impression, *report.summary.limits):
        assert " ".join(sentence.split()) in text
    for words in ("14.3 mm", "12.2 to 16.4 mm", "≤ 15.0 mm", "singer2015", "Not narrowed",
                  "Technique", "Provenance", "AX T1 TSE", report.report_uid):  # fmt: skip
        assert words in text


def test_no_heading_and_no_table_row_of_the_page_is_lost(pdf):
    page = html_page.render(
        example_report.report(), example_report.study(), example_report.open_volume
    ).decode()
    text = text_of(pdf).replace(" ", "")
    body, _ = tree_of(page)

    def headings(element: Element):
        for child in element.children:
            if isinstance(child, Element):
                if child.tag in ("h1", "h2", "h3", "th"):
                    yield said(child)
                yield from headings(child)

    def said(element: Element) -> str:
        return "".join(c if isinstance(c, str) else said(c) for c in element.children)

    found = list(headings(body))
    assert len(found) > 40
    for heading in found:
        assert "".join(heading.split()) in text, heading


def test_pictures_are_sharp_and_drawn_in_colour(pdf, tmp_path):
    pages = poppler("pdftoppm", "-r", "100", "-png", "-f", "1", "-l", "1", "-", content=pdf)
    file = tmp_path / "page.png"
    file.write_bytes(pages)
    pixels = np.asarray(Image.open(file).convert("RGB")).astype(int)
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    yellow = (red > 200) & (green > 160) & (blue < 120)  # the ischiofemoral line
    black = pixels.max(axis=2) < 30
    assert pixels.shape[:2] == (1170, 827)
    assert 50 < yellow.sum() < 5000
    assert black.sum() > 8_000  # the air around the body and the cortex
    used = np.flatnonzero((pixels.min(axis=2) < 200).any(axis=0))
    assert used.min() > 40  # 14 mm are 55 pixels
    assert used.max() < 827 - 40


def test_its_structure_has_headings_tables_and_pictures_with_words(pdf, tmp_path):
    file = tmp_path / "report.pdf"
    file.write_bytes(pdf)
    structure = dicom_tools.run([dicom_tools.program("pdfinfo"), "-struct", file]).stdout
    assert structure.count("Figure") >= 8  # two panels of each of two figures on either side
    for tag in ("H1", "H2", "Table", "TH", "LI"):
        assert re.search(rf"^\s*{tag}\b", structure, re.MULTILINE), tag


def test_sentences_in_another_language_are_marked_so():
    german = replace(example_report.report(), language="de")
    assert b"(de)" not in pdf_of()
    assert b"/Lang(de)" in pdf_of(german).replace(b" ", b"")


@pytest.mark.parametrize("formats", [("pdf",), ("html", "pdf")])
def test_the_foot_of_a_page_speaks_the_language_of_a_site(formats):
    said = {**ENGLISH, "page.foot": "Dossier {case}", "report.impression": "Conclusion"}
    options = {name: {"words": Words(said, "fr")} for name in formats}
    files = reports.rendered(
        replace(example_report.report(), language="fr"),
        example_report.study(),
        formats,
        example_report.open_volume,
        options,
    )
    text = text_of(files["report.pdf"])
    assert "Conclusion" in text
    assert "Dossier example-1" in text
    assert "research use, not a diagnosis" not in text


def test_lines_are_as_wide_on_paper_as_the_page_says():
    picture = {"svg": '<svg class="panel" viewBox="0 0 50 40"></svg>'}
    pdf_file._with_width(picture, 100.0)
    # 1.75 px are 0.463 mm; the picture's unit is 2 mm on paper
    (width,) = re.findall(r"\.ink line[^}]*stroke-width: ([\d.]+);", picture["svg"])
    assert float(width) == pytest.approx(1.75 * 25.4 / 96 / 2, rel=1e-3)
    assert 'width="50.0" height="40.0"' in picture["svg"]
    assert "var(" not in picture["svg"]
    assert "px" not in picture["svg"].replace("px;", "")


def test_a_histograms_letters_keep_their_size():
    picture = {"svg": '<svg class="histogram" viewBox="0 0 200 100"></svg>'}
    pdf_file._with_width(picture, 100.0)
    assert "font-size: 7.0000" in picture["svg"]


def test_hostile_words_stay_words():
    hostile = '#panic("x") $ \\ [ ] *a* _b_ `c` <label> @ref // /* "q" \x00\x1b'
    report = replace(example_report.report(), case_id=hostile, impression=(hostile,),
                     reader=hostile)  # fmt: skip
    text = text_of(pdf_of(report))
    assert '#panic("x") $ \\ [ ] *a* _b_ `c` <label> @ref' in text


def test_a_page_that_cannot_be_laid_out_gives_one_sentence(monkeypatch):
    monkeypatch.setattr(pdf_file, "TEMPLATE", pdf_file.TEMPLATE.with_name("style.css"))
    with pytest.raises(ReportError, match="cannot be laid out as PDF"):
        pdf_of()


def test_the_tree_keeps_no_break_spaces_and_leaves_out_the_head():
    body, pictures = tree_of(
        "<html><head><title>x</title></head><body><p>a&nbsp;b  \n c<svg><g></g></svg></p></body>"
    )
    (paragraph,) = (child for child in body.children if isinstance(child, Element))
    assert paragraph.children[0] == "a\xa0b c"
    assert pictures == ["<svg><g></g></svg>"]
