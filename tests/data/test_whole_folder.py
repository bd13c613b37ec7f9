"""whole_folder: a folder that is there or not, and what killed processes leave."""

from __future__ import annotations

import os

import pytest

from minicaffe.data.whole_folder import locked_folder, whole_folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write(path, text="new"):
    with whole_folder(path) as folder:
        (folder / "file").write_text(text)


def left(folder, name, text="left"):
    """What a process that was killed leaves: a folder that nobody has locked."""
    (folder / name).mkdir()
    (folder / name / "file").write_text(text)
    return folder / name


def test_takes_its_name_at_the_end(tmp_path):
    with whole_folder(tmp_path / "a" / "db") as folder:
        (folder / "file").write_text("x")
        assert not (tmp_path / "a" / "db").exists()
    assert names(tmp_path / "a") == ["db"]
    assert (tmp_path / "a" / "db" / "file").read_text() == "x"


def test_may_be_read_by_whom_the_user_lets(tmp_path):
    old = os.umask(0o027)
    try:
        write(tmp_path / "db")
    finally:
        os.umask(old)
    assert (tmp_path / "db").stat().st_mode & 0o777 == 0o750


def test_a_link_stays(tmp_path):
    left(tmp_path, "real", "old")
    (tmp_path / "db").symlink_to("real")
    write(tmp_path / "db")
    assert (tmp_path / "db").is_symlink()
    assert (tmp_path / "real" / "file").read_text() == "new"
    assert names(tmp_path) == ["db", "real"]


def test_a_long_name(tmp_path):
    write(tmp_path / ("d" * 250))
    assert names(tmp_path) == ["d" * 250]


def test_removes_what_killed_ones_left(tmp_path):
    left(tmp_path, ".db.0123abcd.tmp")
    other = [left(tmp_path, name) for name in (".da.0123abcd.tmp", ".db.x.tmp", "db.0123abcd.tmp")]
    write(tmp_path / "db")
    assert names(tmp_path) == sorted(["db", *(path.name for path in other)])


def test_leaves_what_is_being_written(tmp_path):
    with whole_folder(tmp_path / "db") as first:
        (first / "file").write_text("first")
        write(tmp_path / "db", "second")
        assert first.exists()
        assert (tmp_path / "db" / "file").read_text() == "second"
    assert (tmp_path / "db" / "file").read_text() == "first"
    assert names(tmp_path) == ["db"]


@pytest.mark.parametrize("new", [True, False])
def test_killed_between_the_two_moves_the_old_one_is_back(tmp_path, new):
    left(tmp_path, ".db.0123abcd.tmp.old", "old")
    if new:
        left(tmp_path, ".db.0123abcd.tmp")
    with pytest.raises(ValueError, match="broken"), whole_folder(tmp_path / "db"):
        raise ValueError("broken")
    assert names(tmp_path) == ["db"]
    assert (tmp_path / "db" / "file").read_text() == "old"


def test_killed_after_the_moves_the_new_one_stays(tmp_path):
    left(tmp_path, ".db.0123abcd.tmp.old", "old")
    left(tmp_path, "db")
    with pytest.raises(ValueError, match="broken"), whole_folder(tmp_path / "db"):
        raise ValueError("broken")
    assert names(tmp_path) == ["db"]
    assert (tmp_path / "db" / "file").read_text() == "left"


def test_locked_folders_differ_and_only_the_dead_go(tmp_path):
    handle, first = locked_folder(tmp_path, "x.")
    other, second = locked_folder(tmp_path, "x.")
    assert names(tmp_path) == sorted([first.name, second.name])
    os.close(handle)
    third, path = locked_folder(tmp_path, "x.")
    assert names(tmp_path) == sorted([second.name, path.name])
    os.close(other)
    os.close(third)
