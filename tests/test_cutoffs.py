"""`ifi-mri cutoffs`: distances of a batch against labels; this cohort's and published cut-offs."""

import csv
import json

import html5lib
import numpy as np
import pytest
from batch_tables import write_batch, write_labels

from ifi_mri import cli
from ifi_mri.cohort import batch_readings, cutoffs
from ifi_mri.cohort.cutoffs import Label, LabelSource
from ifi_mri.cohort.cutoffs_files import read_labels
from ifi_mri.cohort.readings import Reading
from ifi_mri.config import profiles
from ifi_mri.errors import ConfigError
from ifi_mri.vocabulary import MeasurementName, Side

IFS = MeasurementName.ISCHIOFEMORAL_SPACE


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("cutoffs")
    write_batch(out)
    labels = write_labels(out / "labels.csv")
    command = ["cutoffs", str(out), "--labels", str(labels), "--reader", "R1"]
    assert cli.main([*command, "--prevalence", "0.2"]) == cli.DONE
    return out


def study_of(written, name="ischiofemoral_space"):
    content = json.loads((written / "cutoffs.json").read_text())
    return next(one for one in content["studies"] if one["name"] == name)


def test_groups_are_told_apart_and_counted(written):
    found = study_of(written)

    assert (found["n_affected"], found["n_others"], found["n_patients"]) == (20, 40, 30)
    assert found["area"]["value"] > 0.8
    assert 12 < found["best"]["cutoff_mm"]["value"] < 20
    assert found["at_best"]["positive_predictive_value"] < 1


def test_every_profile_with_a_cutoff_for_the_space_is_tried(written):
    found = {one["profile"]: one for one in study_of(written)["profiles"]}
    expected = {p.id for p in profiles() if p.cutoff_mm.ischiofemoral_space is not None}

    assert set(found) == expected
    assert found["singer2015"]["at"]["cutoff_mm"] == 15.0
    share = found["singer2015"]["sensitivity"]
    assert share["low"] <= share["value"] <= share["high"]


def test_the_table_and_the_page_hold_the_same_figures(written):
    with (written / "cutoffs.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["name"] == "ischiofemoral_space"]
    page = (written / "cutoffs.html").read_text()
    html5lib.HTMLParser(strict=True).parse(page)

    best = next(r for r in rows if r["cutoff"] == "youden")
    assert float(best["cutoff_mm"]) == study_of(written)["best"]["cutoff_mm"]["value"]
    assert f"{float(best['cutoff_mm']):.1f} mm" in page
    assert "STARD 2015" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "found and judged on the same hips" in page


def hip(case, value, side=Side.LEFT):
    return Reading(case, side, "R1", 1, IFS, value, "mm")


def labelled(values, affected, source=LabelSource.CLINICAL):
    readings = [hip(f"c{k}", value) for k, value in enumerate(values)]
    labels = {
        (f"c{k}", Side.LEFT): Label(bool(is_affected), f"p{k}", source)
        for k, is_affected in enumerate(affected)
    }
    return readings, labels


def test_a_label_belongs_to_its_side():
    readings = [hip("a", 10.0, Side.LEFT), hip("a", 20.0, Side.RIGHT)]
    labels = {
        ("a", Side.LEFT): Label(True, "a"),
        ("a", Side.RIGHT): Label(False, "a"),
    }
    found = cutoffs.study(IFS, readings, labels, profiles(), 0.5, draws=20)

    assert found.area is not None
    assert found.area.value == 1.0
    assert found.n_patients == 1


def test_hips_without_label_or_distance_are_left_out_and_said():
    readings, labels = labelled([10, 12, 20, 22, None], [1, 1, 0, 0, 1])
    found = cutoffs.study(IFS, [*readings, hip("extra", 9.0)], labels, profiles(), 0.5, draws=20)
    text = " ".join(cutoffs.warnings([found], labels))

    assert (found.n_without_distance, found.n_without_label) == (1, 1)
    assert "Labelled hips without ischiofemoral_space: 1;" in text
    assert "Hips with ischiofemoral_space but no label: 1;" in text
    assert "only 2 hips in the smaller group" in text


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (LabelSource.SAME_IMAGES, "made from the same images"),
        (LabelSource.NOT_STATED, "do not all say where they come from"),
        (LabelSource.CLINICAL, ""),
        (LabelSource.OTHER_IMAGING, ""),
    ],
)
def test_incorporation_bias_is_warned_of(source, sentence):
    readings, labels = labelled(np.linspace(8, 25, 80), [1] * 40 + [0] * 40, source)
    found = cutoffs.study(IFS, readings, labels, profiles(), 0.5, draws=20)
    text = " ".join(cutoffs.warnings([found], labels))

    assert ("incorporation bias" in text) is bool(sentence)
    assert sentence in text


@pytest.mark.parametrize(
    ("distances", "certain"), [([8, 9, 20, 21], True), ([8, 20, 9, 21], False)]
)
def test_an_interval_without_width_is_not_taken_for_certainty(distances, certain):
    readings, labels = labelled(distances, [1, 1, 0, 0])
    found = cutoffs.study(IFS, readings, labels, profiles(), 0.5, draws=20)

    assert ("has no width" in " ".join(cutoffs.warnings([found], labels))) is certain


def test_one_group_alone_has_a_reason_and_no_figures():
    readings, labels = labelled([10, 12, 20], [1, 1, 1])
    found = cutoffs.study(IFS, readings, labels, profiles(), 0.5)

    assert found.area is None
    assert "expected hips with and without the condition" in found.reason


def test_two_readings_of_a_hip_are_refused():
    readings, labels = labelled([10, 20], [1, 0])
    with pytest.raises(ValueError, match="c0, left: two readings"):
        cutoffs.study(IFS, [*readings, readings[0]], labels, profiles(), 0.5)


def test_labels_in_many_spellings_and_by_tabs(tmp_path):
    path = tmp_path / "labels.tsv"
    path.write_text(
        "case_id\tside\tlabel\nA\tLeft\tYES\nA\tright\t0\nB\tleft\tabsent\nB\tright\t\n"
    )
    found = read_labels(path)

    assert {hip: label.affected for hip, label in found.items()} == {
        ("A", Side.LEFT): True,
        ("A", Side.RIGHT): False,
        ("B", Side.LEFT): False,
    }
    assert found["A", Side.LEFT].patient == "A"
    assert found["A", Side.LEFT].source is LabelSource.NOT_STATED


def test_every_wrong_row_is_named(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(
        "case_id,side,label,label_source\nA,middle,yes,\nA,left,perhaps,\nB,left,yes,guess\n"
        "C,left,yes,\nC,left,no,\n"
    )
    with pytest.raises(ConfigError) as raised:
        read_labels(path)

    for part in (
        "line 2: side 'middle'", "line 3: label 'perhaps'", "line 4: label_source 'guess'",
        "line 6: C, left: labelled twice",
    ):  # fmt: skip
        assert part in str(raised.value)


@pytest.mark.parametrize("content", [b"case,label\nA,yes\n", b"", b"\xff\xfe\x00", b"case_id\n"])
def test_a_table_that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"labels\.csv: (lacks the columns|cannot be read)"):
        read_labels(path)


def test_several_readers_are_not_mixed(tmp_path, capsys):
    write_batch(tmp_path)
    labels = write_labels(tmp_path / "labels.csv")

    assert cli.main(["cutoffs", str(tmp_path), "--labels", str(labels)]) == cli.WRONG_USAGE
    assert "readers R1, R2; a hip counts once" in capsys.readouterr().err
    command = ["cutoffs", str(tmp_path), "--labels", str(labels), "--reader", "R7"]
    assert cli.main(command) == cli.WRONG_USAGE
    assert "'R7' read nothing" in capsys.readouterr().err


@pytest.mark.parametrize("prevalence", ["0", "1", "-1", "20", "nan"])
def test_a_prevalence_that_is_no_share_is_refused(tmp_path, capsys, prevalence):
    command = ["cutoffs", str(tmp_path), "--labels", "x", "--prevalence", prevalence]

    assert cli.main(command) == cli.WRONG_USAGE
    assert "expected a share between 0 and 1" in capsys.readouterr().err


def test_labels_of_a_spreadsheet_with_semicolons_quotes_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_bytes('\ufeffCase_ID;Side;Label;patient\r\n"A, ""x""";left;yes;"p;1"\r\n'.encode())

    assert read_labels(path) == {('A, "x"', Side.LEFT): Label(True, "p;1")}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (b"A,left,yes,1,2,3", "more cells than columns"),
        (b",left,yes", "case_id is blank"),
        (b"A,left," + b"y" * 200_000, "line [12] is not CSV"),
        (b'A,left,"yes\n', "line [12] is not CSV"),
    ],
    ids=["too many cells", "no case", "a huge cell", "an open quote"],
)
def test_a_row_that_is_none_is_refused(tmp_path, row, problem):
    path = tmp_path / "labels.csv"
    path.write_bytes(b"case_id,side,label\n" + row + b"\n")
    with pytest.raises(ConfigError, match=problem):
        read_labels(path)


def test_two_values_of_one_reader_and_read_are_refused_not_chosen_from():
    twice = [hip("a", 10.0), hip("a", 20.0)]
    with pytest.raises(ConfigError, match=r"a, left: \S+ has two values of .* for read 1"):
        batch_readings.of_one_reader(twice, None)
