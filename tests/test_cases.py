"""Case tables and BIDS datasets: every problem is found, with its line, before anything starts."""

import json
import shutil
import tracemalloc

import pytest
import small_batches

from ifi_mri import batch
from ifi_mri.batch import cases
from ifi_mri.cli import main
from ifi_mri.errors import ConfigError
from ifi_mri.vocabulary import HipRotation


def table(tmp_path, text, name="cases.csv"):
    for path in ("s", "l.json", "l2.json", "c.toml"):
        (tmp_path / path).touch()
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def problems(tmp_path, text, name="cases.csv"):
    return [str(problem) for problem in batch.read_cases(table(tmp_path, text, name))[1]]


def test_paths_are_relative_to_the_table_and_blank_cells_are_nothing(tmp_path):
    text = (
        "case_id,study,landmarks,read,reader,position,group\na,s,l.json; l2.json,2,R1,internal,\n"
    )
    (case,), wrong = batch.read_cases(table(tmp_path, text))

    assert wrong == []
    assert case.study == str(tmp_path / "s")
    assert case.landmarks == (str(tmp_path / "l.json"), str(tmp_path / "l2.json"))
    assert (case.reader, case.read, case.group) == ("R1", 2, None)
    assert case.position is HipRotation.INTERNAL
    assert (case.folder, case.line) == ("a", 2)


@pytest.mark.parametrize(
    ("name", "separator", "start"),
    [("a.csv", ",", ""), ("a.csv", ";", "\ufeff"), ("a.tsv", "\t", ""), ("a.csv", "\t", "")],
)
def test_tables_of_every_spreadsheet_are_read(tmp_path, name, separator, start):
    text = "case_id,study,landmarks\r\n\r\na,s,l.json\r\n,,\r\n".replace(",", separator)
    found, wrong = batch.read_cases(table(tmp_path, start + text, name))

    assert wrong == []
    assert [(case.case_id, case.line) for case in found] == [("a", 3)]


def test_a_table_is_read_in_little_more_memory_than_its_cases_take(tmp_path):
    lines = [f"case_{number:06d},s,l.json" for number in range(5000)]
    path = table(tmp_path, "\n".join(["case_id,study,landmarks", *lines]))
    batch.read_cases(path)
    tracemalloc.start()
    try:
        found, wrong = batch.read_cases(path)
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert wrong == []
    assert len(found) == 5000
    assert most < 1.3 * kept


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("case_id,study\na,s\n", "line 1, landmarks: the column 'landmarks' is missing; add it"),
        ("case_id,study,landmarks,side\n", "line 1, side: 'side' is not a known column"),
        ("case_id,study,landmarks,study\n", "line 1, study: the column 'study' stands 2 times"),
        ("case_id,study,landmarks\na,s\n", "line 2: 2 cells, expected 3 as in the header"),
        ("case_id,study,landmarks\n,s,l.json\n", "line 2, case_id: is blank; fill it in"),
        ("case_id,study,landmarks\n../x,s,l.json\n", "line 2, case_id: '../x' may hold letters"),
        ("case_id,study,landmarks\n..,s,l.json\n", "line 2, case_id: '..' may hold letters"),
        ("case_id,study,landmarks\na b,s,l.json\n", "line 2, case_id: 'a b' may hold letters"),
        ("case_id,study,landmarks\na,gone,l.json\n", "line 2, case a, study: there is no 'gone'"),
        ("case_id,study,landmarks\na,s,x.json\n", "case a, landmarks: there is no 'x.json'"),
        ("case_id,study,landmarks,clinical\na,s,l.json,x\n", "case a, clinical: there is no 'x'"),
        ("case_id,study,landmarks,read\na,s,l.json,0\n", "line 2, case a, read: input should be"),
        ("case_id,study,landmarks,position\na,s,l.json,bent\n", "line 2, case a, position: input"),
        ("case_id,study,landmarks,profile\na,s,l.json,x\n", "case a, profile: profile 'x' is not"),
        ("case_id,study,landmarks,reader\na,s,l.json,a/b\n", "case a, reader: 'a/b' may hold"),
        ("case_id,study,landmarks\na,s,l.json\na,s,l2.json\n", "line 3, case a, case_id: stands"),
        ("case_id,study,landmarks\na,s,l.json\nA,s,l.json\n", "its folder A would be that of"),
        (
            "case_id,study,landmarks,reader,read\na,s,l.json,R1,1\na,s,l.json,R2,1\n"
            "a__R1-1,s,l.json,,\n",
            "line 4, case a__R1-1, case_id: its folder a__R1-1 would be that of case a too",
        ),
        ("case_id,study,landmarks\n", "the table holds no case; add a row a case"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_table_is_said_with_its_line(tmp_path, text, expected):
    said = problems(tmp_path, text)

    assert len(said) == 1
    assert expected in said[0]


def test_every_problem_is_listed_at_once(tmp_path):
    text = "case_id,study,landmarks,read\na,gone,l.json,\nb c,s,l.json,\nd,s,x.json,many\n"
    said = problems(tmp_path, text)

    assert [line.split(",")[0] for line in said] == ["line 2", "line 3", "line 4", "line 4"]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b'case_id,study,landmarks\n"a,s,l\n'])
def test_what_is_no_table_is_refused_in_one_sentence(tmp_path, content):
    (tmp_path / "cases.csv").write_bytes(content)

    with pytest.raises(ConfigError, match=r"cases\.csv: (is not UTF-8|line \d+ is not CSV)"):
        batch.read_cases(tmp_path / "cases.csv")


@pytest.mark.parametrize("make", ["touch", "mkdir"])
def test_an_empty_file_or_folder_is_no_batch(tmp_path, make, capsys):
    getattr(tmp_path / "cases", make)()

    assert main(["batch", str(tmp_path / "cases"), "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()
    assert capsys.readouterr().err.startswith(("ifi-mri: ", str(tmp_path)))


def test_the_schema_of_a_row_names_every_column(capsys):
    assert main(["schema", "cases"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert set(told["properties"]) == set(cases.CaseRow.model_fields)
    assert all(column["description"] for column in told["properties"].values())


# --- validate -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return small_batches.write_study(tmp_path_factory.mktemp("study"))


def swapped(content):
    changed = json.loads(json.dumps(content))
    for mark in changed["landmarks"]:
        mark["side"] = {"left": "right", "right": "left"}[mark["side"]]
    return changed


def test_validate_lists_every_problem_of_the_files_and_measures_nothing(study, tmp_path, capsys):
    content = study[1]
    made = small_batches.make_batch(tmp_path / "in", study[0], content, n_cases=6)
    marks = tmp_path / "in" / "marks"
    small_batches.write_landmarks(content, marks / "001.json", frame_of_reference_uid="1.2.3")
    small_batches.write_landmarks(swapped(content), marks / "002.json")
    (marks / "003.json").write_text("{")
    (marks / "004.json").unlink()
    (tmp_path / "empty").mkdir()
    text = made.read_text().replace(f"case_005,{study[0]}", f"case_005,{tmp_path / 'empty'}")
    made.write_text(text)

    status = main(["validate", str(made), "--jobs", "1", "--quiet"])

    *lines, last = capsys.readouterr().err.splitlines()
    assert status == 2
    assert "5 problems; nothing was started" in last
    said = dict(line.removeprefix(f"{made}: ").split(": ", 1) for line in lines)
    assert list(said) == [
        "line 3, case case_001, landmarks",
        "line 4, case case_002, landmarks",
        "line 5, case case_003, landmarks",
        "line 6, case case_004, landmarks",
        "line 7, case case_005, study",
    ]
    assert "frame of reference 1.2.3" in said["line 3, case case_001, landmarks"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "in"]


def test_validate_says_when_nothing_is_wrong(study, tmp_path, capsys):
    made = small_batches.make_batch(tmp_path / "in", *study, n_cases=2)

    assert main(["validate", str(made), "--jobs", "1"]) == 0
    assert "2 cases; no problem was found." in capsys.readouterr().out


def test_batch_starts_nothing_where_the_table_is_wrong(study, tmp_path, capsys):
    made = small_batches.make_batch(tmp_path / "in", *study, n_cases=2)
    (tmp_path / "in" / "marks" / "001.json").unlink()

    assert main(["batch", str(made), "--out", str(tmp_path / "out")]) == 2
    assert "line 3, case case_001, landmarks: there is no '001.json'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--formats", "docx"], "--formats"),
        (["--profile", "nobody"], "profile 'nobody'"),
        (["--config", "gone.toml"], "gone.toml"),
        (["--only-failed", "gone.csv"], "gone.csv"),
    ],
)
def test_wrong_options_start_nothing(study, tmp_path, capsys, words, said):
    made = small_batches.make_batch(tmp_path / "in", *study, n_cases=1)

    assert main(["batch", str(made), "--out", str(tmp_path / "out"), *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# --- BIDS ---------------------------------------------------------------------------------------


def bids(tmp_path, study, content):
    root = tmp_path / "dataset"
    for subject in ("sub-01", "sub-02", "sub-03/ses-1"):
        shutil.copytree(study, root / subject / "anat")
    marks = root / "derivatives" / "landmarks"
    for subject, names in {
        "sub-01": ("sub-01_reader-A_read-1.json", "sub-01_reader-B_read-2.json"),
        "sub-02": (),
        "sub-03/ses-1/anat": ("sub-03_ses-1.json",),
    }.items():
        (marks / subject).mkdir(parents=True)
        for name in names:
            small_batches.write_landmarks(content, marks / subject / name)
    (root / "participants.tsv").write_text("participant_id\tgroup\nsub-01\tpain\nsub-03\tn/a\n")
    return root


def test_every_session_of_a_bids_dataset_is_a_case_of_each_reader(study, tmp_path):
    root = bids(tmp_path, *study)
    found, wrong = batch.read_cases(root)

    told = [(case.case_id, case.reader, case.read, case.group, case.folder) for case in found]
    assert told == [
        ("sub-01", "A", 1, "pain", "sub-01__A-1"),
        ("sub-01", "B", 2, "pain", "sub-01__B-2"),
        ("sub-03_ses-1", None, None, None, "sub-03_ses-1"),
    ]
    assert [str(problem) for problem in wrong] == [
        "case sub-02, landmarks: no landmarks in derivatives/landmarks/sub-02; put the landmark "
        "files there"
    ]
