"""``report.html``: one valid, accessible file that asks for nothing, and what it says."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import example_report
import html5lib
import markupsafe
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifi_mri.errors import GeometryError
from ifi_mri.model import CompetingSource, InputFile, Measurement, NotMeasured, SliceValue
from ifi_mri.reports import html_page, pictures, templating
from ifi_mri.vocabulary import MeasurementName, Side

REPORTS = {
    "both_sides": example_report.report,
    "one_side": example_report.without_right_side,
    "no_fluid_series": example_report.without_fluid_series,
    "secondary": example_report.with_secondary,
}
STYLE = (Path(templating.TEMPLATES) / "style.css").read_text()


def page_of(report=None, open_volume=example_report.open_volume) -> str:
    return html_page.render(
        report or example_report.report(), example_report.study(), open_volume
    ).decode()


def tree_of(page: str) -> ElementTree.Element:
    """Return a page parsed strictly, without namespaces; any violation of HTML raises."""
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    for element in tree.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    return tree


def text_of(element: ElementTree.Element) -> str:
    return " ".join("".join(element.itertext()).split())


@pytest.fixture(params=REPORTS, scope="module")
def page(request):
    return page_of(REPORTS[request.param]())


@pytest.fixture(scope="module")
def both_sides():
    return tree_of(page_of())


def section(tree: ElementTree.Element, heading_id: str) -> ElementTree.Element:
    (found,) = (part for part in tree.iter("section") if part.get("aria-labelledby") == heading_id)
    return found


# --- one file, valid, asking for nothing --------------------------------------------------------


def test_the_page_is_valid_html(page):
    tree_of(page)


def test_the_page_runs_nothing_and_requests_nothing(page):
    tree = tree_of(page)
    tags = {element.tag for element in tree.iter() if isinstance(element.tag, str)}
    assert tags.isdisjoint({"script", "link", "iframe", "object", "embed", "base", "form", "img"})
    for element in tree.iter():
        for name, value in element.attrib.items():
            attribute = name.rpartition("}")[2].lower()
            assert not attribute.startswith("on"), f"{attribute} runs a script"
            assert attribute not in {"src", "srcset", "action", "data", "poster", "style"}
            if attribute == "href":
                assert value.startswith(("#", "data:image/png;base64,"))
    style = "".join(text_of(element) for element in tree.iter("style"))
    assert "url(" not in style
    assert "@import" not in style
    assert "@font-face" not in style


def test_ids_are_unique_and_everything_that_is_referred_to_exists(page):
    tree = tree_of(page)
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for element in tree.iter():
        for target in (element.get("aria-labelledby") or "").split():
            assert target in ids
        if element.tag == "a":
            assert element.get("href").removeprefix("#") in ids


# --- accessible ---------------------------------------------------------------------------------


def test_headings_go_down_one_step_at_a_time(page):
    levels = [int(e.tag[1]) for e in tree_of(page).iter() if re.fullmatch("h[1-6]", str(e.tag))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_page_has_language_landmarks_and_a_way_past_the_head(page):
    tree = tree_of(page)
    html = next(tree.iter("html"))
    assert html.get("lang") == "en"
    assert [e.tag for e in tree.iter() if e.tag in ("header", "main", "footer")] == [
        "header", "main", "footer",
    ]  # fmt: skip
    assert next(tree.iter("a")).get("href") == "#content"
    assert all(part.get("aria-labelledby") for part in tree.iter("section"))


def test_every_table_has_a_caption_and_every_heading_cell_a_scope(page):
    tree = tree_of(page)
    for table in tree.iter("table"):
        assert text_of(next(table.iter("caption")))
    for cell in tree.iter("th"):
        assert cell.get("scope") in ("row", "col")


def test_every_picture_is_an_image_with_title_and_description(page):
    tree = tree_of(page)
    pictures = [svg for svg in tree.iter("svg") if svg.get("class") == "panel"]
    assert pictures
    for svg in pictures:
        assert svg.get("role") == "img"
        title, description = list(svg)[:2]
        assert (title.tag, description.tag) == ("title", "desc")
        assert svg.get("aria-labelledby").split() == [title.get("id"), description.get("id")]
        assert text_of(title)
        assert text_of(description)
    for svg in tree.iter("svg"):
        assert svg.get("role") == "img" or svg.get("aria-hidden") == "true"


def test_a_status_is_never_told_by_colour_alone(page):
    chips = [e for e in tree_of(page).iter("span") if "chip" in (e.get("class") or "").split()]
    assert chips
    for chip in chips:
        assert text_of(chip)
        assert len(list(chip.iter("path"))) >= 1
    shapes = {chip.get("class"): [path.get("d") for path in chip.iter("path")] for chip in chips}
    assert len({str(shape) for shape in shapes.values()}) == len(shapes)


PALETTE = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", STYLE))


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.1)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    lighter, darker = sorted((luminance(PALETTE[first]), luminance(PALETTE[second])), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(
    ("text", "ground"),
    [
        *((text, ground) for text in ("ink", "quiet", "accent") for ground in ("paper", "wash")),
        *((text, "accent-wash") for text in ("ink", "quiet")),
        *((text, "present-wash") for text in ("ink",)),
        *((kind, f"{kind}-wash") for kind in ("present", "absent", "indeterminate", "unknown")),
        *((mark, "ground") for mark in ("mark", "bone-line", "muscle-line", "reference-line")),
        ("above", "ground"),
    ],
)
def test_text_and_marks_stand_out_as_wcag_aa_wants(text, ground):
    assert contrast(text, ground) >= 4.5


def test_every_colour_of_the_style_sheet_is_one_of_the_palette():
    beyond_the_palette = re.sub(r"--[a-z-]+: #[0-9a-f]{6};", "", STYLE)
    assert set(re.findall(r"#[0-9a-fA-F]{3,8}\b", beyond_the_palette)) <= {PALETTE["quiet"]}


def test_the_page_can_be_printed_on_a4():
    assert "size: A4" in STYLE
    printed = STYLE[STYLE.index("@media print") :]
    assert re.search(r"tr, figure, [^{]*\{ break-inside: avoid; \}", printed)


# --- what it says -------------------------------------------------------------------------------


def test_the_impression_is_the_first_section(both_sides):
    first = next(both_sides.iter("section"))
    assert first.get("aria-labelledby") == "impression"
    assert [text_of(item) for item in first.iter("li")] == list(example_report.report().impression)


def test_the_right_side_comes_first_as_on_the_images(both_sides):
    sides = [e.get("aria-labelledby") for e in both_sides.iter("section")]
    assert sides.index("right-hip") + 1 == sides.index("left-hip")
    glance = next(section(both_sides, "impression").iter("table"))
    assert [text_of(cell) for cell in glance.iter("th")][:2] == ["Right", "Left"]


def rows(tree: ElementTree.Element) -> list[str]:
    return [" ".join(filter(None, map(text_of, row))) for row in tree.iter("tr")]


def test_the_glance_gives_value_and_status_of_both_sides(both_sides):
    found = rows(section(both_sides, "impression"))
    assert "Ischiofemoral space (IFS) 25.1 mm Not narrowed 14.3 mm Indeterminate" in found
    assert (
        "Quadratus femoris (QF) signal grade 0 No oedema signal grade 2 reader: grade 1 "
        "Oedema signal" in found
    )


def test_a_side_shows_value_interval_cutoff_and_status(both_sides):
    found = rows(section(both_sides, "left-hip"))
    assert (
        "Quadratus femoris space (QFS) 7.3 mm 5.2 to 9.4 mm ≤ 10.0 mm singer2015 Narrowed" in found
    )
    share = next(row for row in found if row.startswith("QF raised signal, share of the muscle"))
    assert share.count("%") == 2


def test_every_slice_that_was_searched_is_listed(both_sides):
    found = rows(section(both_sides, "left-hip"))
    assert "-38.7 mm 3 14.3 mm 7.3 mm" in found
    assert "-33.7 mm 4 16.1 mm 11.7 mm" in found


def test_the_chance_is_told_beside_the_reason(both_sides):
    text = text_of(section(both_sides, "left-hip"))
    assert "14.3 mm against the cut-off of 15.0 mm (singer2015)." in text
    assert "from the uncertainty of the reading alone: 74 %." in text


def test_a_side_that_was_not_measured_says_why_and_shows_no_number():
    tree = tree_of(page_of(example_report.without_right_side()))
    right = section(tree, "right-hip")
    text = text_of(right)
    assert text.startswith("Right hip: not measured")
    assert "No ischial tuberosity landmark." in text
    assert " mm" not in text
    assert list(right.iter("figure")) == []
    sides = [e.get("aria-labelledby") for e in tree.iter("section")]
    assert sides.index("left-hip") < sides.index("right-hip")


def test_a_side_with_nothing_but_a_readers_grade_is_shown():
    report = example_report.without_right_side()
    findings = tuple(
        replace(f, reader_grade=1) if f.side is Side.RIGHT else f for f in report.findings
    )
    right = section(tree_of(page_of(replace(report, findings=findings))), "right-hip")
    assert any("reader: grade 1" in row for row in rows(right))


@pytest.fixture(scope="module")
def secondary():
    return tree_of(page_of(example_report.with_secondary()))


def test_secondary_measurements_stand_with_their_definition_and_picture(secondary):
    left = section(secondary, "left-hip")
    assert "Ischial angle to the bi-ischial line; construction ours 133° 107 to 159°" in rows(left)
    assert "QF area at the narrowest level 528 mm² 424 to 631 mm²" in rows(left)
    (figure,) = (f for f in left.iter("figure") if f.get("class") == "secondary-figure")
    paths = [path.get("class") for path in figure.iter("path")]
    assert [kind for kind in paths if kind != "halo"][:3] == ["qf", "tendon", "axis"]
    assert "133°" in text_of(figure)
    assert "instance" in text_of(figure)


def test_the_arms_of_the_ischial_angle_are_drawn_where_it_was_measured(secondary):
    left = section(secondary, "left-hip")
    (figure,) = (f for f in left.iter("figure") if f.get("class") == "secondary-figure")
    (axis,) = (path for path in figure.iter("path") if path.get("class") == "axis")
    drawn = np.array([list(map(float, p.split(","))) for p in axis.get("d")[1:].split()])
    measured = example_report.with_secondary().measured(MeasurementName.ISCHIAL_ANGLE, Side.LEFT)
    view = pictures.grey_slice(example_report.open_volume(example_report.ANATOMY, [(0, 0, 0)]), 2)
    assert drawn == pytest.approx(view.view.to_picture(measured.points_mm), abs=0.001)


def test_the_outline_of_the_muscle_alone_makes_no_second_picture():
    report = example_report.with_secondary()
    area = report.measured(MeasurementName.QUADRATUS_FEMORIS_AREA_MM2, Side.LEFT)
    plain = example_report.report()
    tree = tree_of(page_of(replace(plain, measurements=(*plain.measurements, area))))
    assert all(f.get("class") != "secondary-figure" for f in tree.iter("figure"))


def test_what_nobody_marked_takes_one_quiet_line_and_what_went_wrong_is_said(secondary):
    right = text_of(section(secondary, "right-hip"))
    assert "Not marked: Ischial angle, Neck-shaft angle." in right
    assert "ischial axis landmark" not in right
    assert "Not measured: Hamstring tendon area. The hamstring tendons outline" in right
    assert "Not marked" not in text_of(section(secondary, "left-hip"))


def test_both_sides_have_a_block_where_there_is_anything(secondary, both_sides):
    block = section(secondary, "both-sides")
    assert "Intertuberous distance between inner borders 98.2 mm 79.0 to 117.4 mm" in rows(block)
    assert "IFS, left minus right -10.8 mm -12.9 to -8.7 mm" in rows(block)
    assert "trochanter" not in text_of(block)
    assert all(s.get("aria-labelledby") != "both-sides" for s in both_sides.iter("section"))


def test_without_a_fluid_series_the_page_says_so():
    tree = tree_of(page_of(example_report.without_fluid_series()))
    assert "No fat-suppressed fluid-sensitive series." in text_of(section(tree, "technique"))
    left = section(tree, "left-hip")
    assert "Not measured: Signal ratio, QF to reference" in text_of(left)
    assert [e.get("class") for e in left.iter("figure")] == ["space-figure"]


def test_each_profile_shows_its_flag_with_its_source(both_sides):
    part = section(both_sides, "cutoffs")
    found = rows(part)
    assert (
        "singer2015 used above Ischiofemoral space (IFS) ≤ 15.0 mm Above At or below from 18 years"
        in found
    )
    text = text_of(part)
    assert "AJR 2009;193:186-190, doi:10.2214/AJR.08.2090 Figure not verified" in text
    assert "Skeletal Radiol 2015 Figure" not in text


def test_a_flag_without_a_measurement_is_not_called_above():
    tree = tree_of(page_of(example_report.without_right_side()))
    assert any(
        "≤ 15.0 mm Not measured At or below" in row for row in rows(section(tree, "cutoffs"))
    )


def test_technique_position_cautions_limits_and_provenance_are_there(both_sides):
    technique = text_of(section(both_sides, "technique"))
    assert "Axial spin echo with a short TE, no fat suppression." in technique
    assert "axial, 6° from axial, 6 slices of 150 x 281; pixels 1.50 x 1.25 mm" in technique
    assert "TR 3200, TE 62 ms" in technique
    cautions = text_of(section(both_sides, "cautions"))
    assert cautions.count("Pixels of 1.75 mm") == 1
    assert "Supine, head first" in cautions
    assert "Measured grade 2 and the reader's grade 1 differ." in text_of(
        section(both_sides, "left-hip")
    )
    assert "it is not a diagnosis" in text_of(section(both_sides, "limits"))
    provenance = " | ".join(rows(section(both_sides, "provenance")))
    for fact in ("ifi_mri 0.0.0", "c" * 64, "b" * 64, "landmarks.json", "Python 3.11"):
        assert fact in provenance


def test_many_slices_are_all_listed():
    report = example_report.report()
    space = report.measured(MeasurementName.ISCHIOFEMORAL_SPACE, Side.LEFT)
    many = tuple(
        SliceValue(20.0 + k, 100.0 + 5 * k, f"9.{k}", space.points_mm, k + 1) for k in range(40)
    )
    wide = replace(space, per_slice=(*space.per_slice, *many), n_slices=42)
    others = tuple(m for m in report.measurements if m is not space)
    tree = tree_of(page_of(replace(report, measurements=(wide, *others))))
    left = section(tree, "left-hip")
    assert "295.0 mm 40 59.0 mm" in rows(left)
    assert "smallest of 42 slices" in text_of(left)


# --- hostile and missing things -----------------------------------------------------------------

HOSTILE = (
    "<script>alert('x')</script><img src=//e.vil/x onerror=y> & \"quoted\" {{ 7*7 }} \x00\x1b]"
)


@given(st.one_of(st.text(), st.text("&<>\"'a"), st.integers(), st.floats(), st.sampled_from(Side)))
def test_templates_escape_as_markupsafe_does(value):
    template = templating.environment().from_string(
        "{{ value }}{% for v in [value] %}{{ v }}{% endfor %}"
    )
    assert template.render(value=value) == 2 * str(markupsafe.escape(value))
    assert template.render(value=markupsafe.Markup("<b>")) == "<b><b>"


def test_hostile_words_stay_words():
    report = example_report.report()
    series = replace(
        example_report.ANATOMY, label=HOSTILE, description=HOSTILE, manufacturer=HOSTILE
    )
    hostile = replace(
        report,
        case_id=HOSTILE,
        reader=HOSTILE,
        study_date=HOSTILE,
        impression=(HOSTILE,),
        series=(replace(report.series[0], series=series, reason=HOSTILE), report.series[1]),
        not_measured=(NotMeasured(MeasurementName.ISCHIOFEMORAL_SPACE, Side.LEFT, HOSTILE),),
        inputs=(InputFile(HOSTILE, HOSTILE, HOSTILE),),
        provenance=((HOSTILE, HOSTILE),),
        summary=replace(
            report.summary,
            left=replace(
                report.summary.left,
                sentences=(HOSTILE,),
                competing=(CompetingSource(HOSTILE, (), HOSTILE),),
                missing=(HOSTILE,),
            ),
        ),
    )
    page = page_of(hostile)
    test_the_page_runs_nothing_and_requests_nothing(page)
    assert "alert('x')" in text_of(next(tree_of(page).iter("body")))
    assert "49" not in text_of(section(tree_of(page), "impression"))


@pytest.mark.parametrize("case_id", ['x"; } body { display: none } a {', "x\\", "x\n</style>", "é"])
def test_a_case_id_cannot_leave_the_foot_of_the_printed_page(case_id):
    tree = tree_of(page_of(replace(example_report.report(), case_id=case_id)))
    style = "".join(next(tree.iter("style")).itertext())
    (foot,) = re.findall(r'content: "Case (.*) · research use, not a diagnosis"', style)
    assert re.fullmatch(r"[x-][A-Za-z0-9._-]*", foot)


def test_words_of_a_measurement_cannot_leave_their_picture():
    report = example_report.report()

    def hostile(measurement: Measurement) -> Measurement:
        return replace(
            measurement,
            method=HOSTILE,
            details=(*measurement.details[2:], ("near_landmark", HOSTILE), ("far_landmark", "x")),
        )

    page = page_of(replace(report, measurements=tuple(map(hostile, report.measurements))))
    test_the_page_runs_nothing_and_requests_nothing(page)


def test_pictures_that_cannot_be_made_leave_the_numbers_and_a_note():
    def gone(series, near):
        raise GeometryError("/archive/SECRETNAME_JANE/3: a slice is missing.")

    tree = tree_of(page_of(open_volume=gone))
    assert list(tree.iter("figure")) == []
    body = text_of(next(tree.iter("body")))
    assert f"{example_report.ANATOMY_UID} could not be opened again (GeometryError)" in body
    assert "SECRETNAME" not in body
    assert "14.3 mm" in body


def test_a_study_without_the_series_leaves_a_note():
    study = replace(example_report.study(), series=())
    report = example_report.report()
    emptied = tuple(
        replace(choice, series=replace(choice.series, instances=())) for choice in report.series
    )
    page = html_page.render(
        replace(report, series=emptied), study, example_report.open_volume
    ).decode()
    assert f"series {example_report.ANATOMY_UID} is not among the files of this study" in page
    tree_of(page)


def test_an_empty_report_is_still_a_page():
    report = replace(
        example_report.report(),
        series=(), measurements=(), not_measured=(), findings=(), profiles=(), cautions=(),
        impression=(), landmarks=(), inputs=(), provenance=(),
    )  # fmt: skip
    tree = tree_of(page_of(report))
    assert text_of(next(tree.iter("h1"))) == "Case example-1"
