"""One folder, one run at a time, and never files of two cases side by side."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ifi_mri import folder_lock
from ifi_mri.errors import ReportError
from ifi_mri.reports import output_folder

fcntl = pytest.importorskip("fcntl")

NAMES = ("report.json", "report.html", "impression.txt")


def case(letter):
    return {name: f"{name} of case {letter}".encode() for name in NAMES}


def shown(folder):
    """Return the files of the folder itself, hidden ones and earlier ones aside."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(".")
    }


def kept(folder):
    return {path.name: path.read_bytes() for path in folder.glob("previous/*/*")}


#: Another process that ends, as by a kill, when it is about to write its n-th file, leaving the
#: temporary file that it had begun.
_KILLED = """
import os, sys
from pathlib import Path
from ifi_mri.reports import output_folder
folder, n_before, names = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
whole, written = output_folder.write_atomically, []
def write_atomically(path, content, **options):
    if len(written) == n_before:
        (path.parent / f".{path.name}.ab_cd123").write_bytes(content[:4])
        os._exit(9)
    written.append(path)
    whole(path, content, **options)
output_folder.write_atomically = write_atomically
output_folder.write(folder, {name: f"{name} of case B".encode() for name in names})
"""


def killed_after(n_files, folder):
    command = [sys.executable, "-c", _KILLED, str(folder), str(n_files), *NAMES]
    assert subprocess.run(command, check=False).returncode == 9


@pytest.mark.parametrize("n_files", [0, 1, 2])
def test_a_run_that_is_killed_leaves_no_files_of_two_cases_side_by_side(tmp_path, n_files):
    output_folder.write(tmp_path, case("A"))

    killed_after(n_files, tmp_path)

    left = shown(tmp_path)
    assert len(left) == n_files
    assert left.items() <= case("B").items()
    assert "report.json" not in left, "its presence says that the report is complete"
    assert kept(tmp_path) == case("A")


def test_the_run_after_a_killed_one_clears_up_and_completes(tmp_path):
    killed_after(1, tmp_path)
    (tmp_path / ".report.json.mine").write_text("not ours")

    output_folder.write(tmp_path, case("B"))

    assert shown(tmp_path) == case("B")
    assert [path.name for path in tmp_path.glob(".*")] == [".report.json.mine"]


def test_report_json_comes_last_even_where_it_stays_the_same(tmp_path, monkeypatch):
    output_folder.write(tmp_path, case("A"))
    order = []
    write = output_folder.write_atomically
    monkeypatch.setattr(
        output_folder,
        "write_atomically",
        lambda p, c, **o: (order.append(p.name), write(p, c, **o)),
    )

    paths = output_folder.write(tmp_path, case("B") | {"report.json": case("A")["report.json"]})

    assert order == ["report.html", "impression.txt", "report.json"]
    assert [path.name for path in paths] == list(NAMES)


def test_what_an_earlier_report_left_below_the_folder_moves_too(tmp_path):
    output_folder.write(tmp_path, {"report.json": b"A", "slicer/left.mrk.json": b"A left"})
    (tmp_path / "slicer" / "notes.txt").write_text("mine")

    output_folder.write(tmp_path, {"report.json": b"B"}, ["report.*", "slicer/*.mrk.json"])

    left = sorted(path.name for path in tmp_path.rglob("*") if "previous" not in path.parts)
    assert left == ["notes.txt", "report.json", "slicer"]
    (moved,) = tmp_path.glob("previous/*/slicer/left.mrk.json")
    assert moved.read_bytes() == b"A left"


def test_a_killed_run_is_cleared_up_below_the_folder_too(tmp_path):
    (tmp_path / "slicer").mkdir()
    for name in (".left.mrk.json.ab_cd123", ".right.mrk.json.ab_cd123"):
        (tmp_path / "slicer" / name).write_bytes(b"part")

    output_folder.write(tmp_path, {"slicer/left.mrk.json": b"whole"})

    assert sorted(path.name for path in (tmp_path / "slicer").iterdir()) == [
        ".right.mrk.json.ab_cd123",
        "left.mrk.json",
    ]


def test_a_link_that_leads_nowhere_gives_way_to_the_report(tmp_path):
    (tmp_path / "report.json").symlink_to(tmp_path / "gone")

    output_folder.write(tmp_path, case("A"))

    assert shown(tmp_path) == case("A")
    assert not (tmp_path / "gone").exists()


def test_a_disk_that_fills_midway_brings_the_earlier_report_back(tmp_path, monkeypatch):
    output_folder.write(tmp_path, case("A"))
    write = output_folder.write_atomically

    def full(path, content, **options):
        if path.name == "report.json":
            raise OSError(28, "No space left on device")
        write(path, content, **options)

    monkeypatch.setattr(output_folder, "write_atomically", full)
    with pytest.raises(ReportError, match="No space left on device"):
        output_folder.write(tmp_path, case("B"))

    assert shown(tmp_path) == case("A")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)


def hold(folder, content=b"4711"):
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    os.write(descriptor, content)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def test_a_second_run_into_the_folder_is_refused_and_changes_nothing(tmp_path):
    output_folder.write(tmp_path, case("A"))
    descriptor = hold(tmp_path)
    try:
        with pytest.raises(ReportError, match=r"another run \(process 4711\) is writing"):
            output_folder.write(tmp_path, case("B"))
        with pytest.raises(ReportError, match="another run"):
            output_folder.set_aside(tmp_path, NAMES)
    finally:
        os.close(descriptor)

    assert shown(tmp_path) == case("A")
    assert not (tmp_path / "previous").exists()
    assert (tmp_path / ".lock").exists(), "the lock of another run is not removed"


def test_while_files_are_written_nobody_else_may_write(tmp_path, monkeypatch):
    refused = []

    def meanwhile(path: Path, content: bytes, **options):
        with pytest.raises(ReportError, match=f"process {os.getpid()}"):
            output_folder.write(tmp_path, case("B"))
        refused.append(path.name)

    monkeypatch.setattr(output_folder, "write_atomically", meanwhile)
    output_folder.write(tmp_path, case("A"))

    assert len(refused) == len(NAMES)


def test_a_lock_file_that_nobody_holds_is_no_lock_and_none_is_left(tmp_path):
    (tmp_path / ".lock").write_text("4711")

    output_folder.write(tmp_path, case("A"))

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)


def test_a_lock_says_who_holds_it_whatever_it_said_before(tmp_path):
    (tmp_path / ".lock").write_text("4711 a-host-with-a-long-name" * 9)

    with folder_lock.locked(tmp_path):
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()} {socket.gethostname()}"


def test_a_new_lock_is_not_cut_since_that_would_wait_for_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_lock.os, "ftruncate", lambda *_: pytest.fail("was cut"))

    with folder_lock.locked(tmp_path):
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()} {socket.gethostname()}"


def test_a_lock_that_its_holder_removed_meanwhile_is_taken_anew(tmp_path, monkeypatch):
    flock, opened = fcntl.flock, []

    def removed_once(descriptor, how):
        if not opened:
            (tmp_path / ".lock").unlink()
        opened.append(descriptor)
        flock(descriptor, how)

    monkeypatch.setattr(folder_lock.fcntl, "flock", removed_once)
    output_folder.write(tmp_path, case("A"))

    assert len(opened) == 2
    assert shown(tmp_path) == case("A")


@pytest.mark.parametrize("age_s", [3500, 3700])
def test_without_locks_only_old_temporary_files_are_removed(tmp_path, monkeypatch, age_s):
    monkeypatch.setattr(folder_lock, "fcntl", None)
    temporary = tmp_path / ".report.json.ab_cd123"
    temporary.write_bytes(b"part")
    then = temporary.stat().st_mtime - age_s
    os.utime(temporary, (then, then))

    output_folder.write(tmp_path, case("A"))

    assert shown(tmp_path) == case("A")
    assert temporary.exists() == (age_s < 3600)


def test_a_file_system_without_locks_is_written_all_the_same(tmp_path, monkeypatch):
    def unsupported(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(folder_lock.fcntl, "flock", unsupported)
    output_folder.write(tmp_path, case("A"))

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)
