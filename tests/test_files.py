"""Files are replaced whole or not at all."""

from __future__ import annotations

import contextlib
import os

import pytest

from minicaffe import files
from minicaffe.errors import WeightsError
from minicaffe.files import replacing


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "it"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "it"
    path.write_text("old")

    def fail():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_synced_before_it_is_renamed(tmp_path, monkeypatch):
    done = []
    sync = files.sync
    monkeypatch.setattr(files, "sync", lambda path: (done.append(path.name), sync(path)))
    with replacing(tmp_path / "it") as temporary:
        assert done == []
    assert done == [temporary.name, tmp_path.name]


def test_a_full_disk_is_an_error_that_says_so(tmp_path):
    def fill():
        with replacing(tmp_path / "it"):
            raise OSError(28, "No space left on device")

    with pytest.raises(WeightsError, match=r"cannot write .*it: No space left on device"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_an_error(tmp_path):
    with (
        pytest.raises(WeightsError, match=r"cannot write .*No such file"),
        replacing(tmp_path / "no" / "it"),
    ):
        pass


def test_permissions_are_those_of_a_new_file(tmp_path):
    with replacing(tmp_path / "it") as temporary:
        temporary.write_text("new")
    plain = tmp_path / "plain"
    plain.touch()
    assert os.stat(tmp_path / "it").st_mode == plain.stat().st_mode


def test_a_file_that_was_taken_for_a_leftover_is_made_again(tmp_path, monkeypatch):
    """Another process may look for leftovers before the new file is locked."""
    lock, seen = files.lock, []

    def late(handle, *, wait):
        if not seen:
            seen.extend(tmp_path.iterdir())
            seen[0].unlink()
        return lock(handle, wait=wait)

    monkeypatch.setattr(files, "lock", late)
    with replacing(tmp_path / "it") as temporary:
        assert temporary != seen[0]
        temporary.write_text("new")
    assert (tmp_path / "it").read_text() == "new"


def test_no_descriptor_is_left_open(tmp_path, monkeypatch):
    handles = []
    create = files._create
    monkeypatch.setattr(files, "_create", lambda p: (handles.append(create(p)), handles[-1])[1])
    for fail in (False, True):
        with contextlib.suppress(KeyError), replacing(tmp_path / "it"):
            if fail:
                raise KeyError
    for handle, _ in handles:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(handle)


def test_a_long_name(tmp_path):
    with replacing(tmp_path / ("x" * 250)) as temporary:
        temporary.write_text("new")
    assert (tmp_path / ("x" * 250)).read_text() == "new"


def test_a_link_stays_and_what_it_names_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "it", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    with replacing(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_refuses_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(WeightsError, match="is not a regular file"), replacing(path):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
