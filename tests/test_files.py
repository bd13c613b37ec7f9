"""Files are replaced whole or not at all."""

from __future__ import annotations

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
    sync = files._sync
    monkeypatch.setattr(files, "_sync", lambda path: (done.append(path.name), sync(path)))
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
