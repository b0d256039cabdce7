"""Files are written whole or not at all."""

import os
import stat

import pytest

from ifi_mri.files import sync_everything, write_atomically


def test_a_file_is_replaced_whole_and_is_its_owners_alone(tmp_path):
    path = tmp_path / "report.json"
    path.write_bytes(b"old")
    path.chmod(0o644)

    write_atomically(path, b"new")

    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_files_place_leaves_everything_as_it_was(tmp_path):
    path = tmp_path / "report.json"
    path.mkdir()

    with pytest.raises(OSError, match="directory"):
        write_atomically(path, b"new")

    assert list(tmp_path.iterdir()) == [path]
    assert path.is_dir()


def test_a_failure_while_writing_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "report.json"
    path.write_bytes(b"old")

    def full_disk(_):
        raise OSError("No space left on device")

    monkeypatch.setattr("ifi_mri.files.os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_reaches_the_disk_before_it_takes_its_name_unless_the_caller_checks(
    tmp_path, monkeypatch
):
    synced = []
    real = os.fsync
    monkeypatch.setattr(
        "ifi_mri.files.os.fsync", lambda d: (synced.append(os.fstat(d).st_size), real(d))
    )

    write_atomically(tmp_path / "checked_later", b"new", sync=False)
    assert (tmp_path / "checked_later").read_bytes() == b"new"
    assert synced == []

    write_atomically(tmp_path / "lasting", b"new")
    assert len(synced) == 2  # the file, then the folder with its name
    assert synced[0] == len(b"new")


def test_what_was_written_without_waiting_is_brought_to_the_disk_together(monkeypatch):
    called = []
    monkeypatch.setattr("ifi_mri.files.os.sync", lambda: called.append(1), raising=False)

    sync_everything()
    assert called == [1]

    monkeypatch.delattr("ifi_mri.files.os.sync")
    sync_everything()  # a system without it keeps its own promise
