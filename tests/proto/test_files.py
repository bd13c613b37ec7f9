"""Files: names that lead nowhere, and kinds of contents."""

from __future__ import annotations

import builtins
import errno

import pytest

from minicaffe.errors import PrototxtError
from minicaffe.proto.files import HDF5_SIGNATURE, kind, open_file


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with some files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    for name in ("lenet_solver.prototxt", "other.txt", "models/net.prototxt"):
        (tmp_path / name).write_text("x")
    return tmp_path


def refusal(path):
    with pytest.raises(PrototxtError) as error:
        open_file(path)
    assert error.value.path == str(path)
    return str(error.value)


def test_a_file_that_is_there(here):
    with open_file("other.txt") as file:
        assert file.read() == b"x"


def test_missing_file_names_the_working_directory_and_close_names(here):
    assert refusal("lenet_sovler.prototxt") == (
        f"lenet_sovler.prototxt: no such file, looked for in {here}: "
        "did you mean 'lenet_solver.prototxt'?"
    )
    assert refusal("qqq") == f"qqq: no such file, looked for in {here}"


def test_missing_file_by_its_full_name(here):
    path = here / "models" / "nets.prototxt"
    assert refusal(path) == f"{path}: no such file: did you mean '{here}/models/net.prototxt'?"


def test_missing_folder(here):
    assert "did you mean 'models'?" in refusal("model/net.prototxt")
    assert "did you mean" not in refusal("zzz/yyy/net.prototxt")


def test_folder(here):
    assert refusal("models") == "models: is a directory, expected a file"


def test_file_taken_for_a_folder(here):
    assert refusal("other.txt/net") == "other.txt/net: cannot be read: Not a directory"


def test_name_that_no_file_can_have(here):
    assert "cannot be read: embedded null byte" in refusal("a\0b")


def test_file_that_may_not_be_read(here, monkeypatch):
    def refuse(path, mode):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(builtins, "open", refuse)  # root may read everything
    assert refusal("other.txt") == "other.txt: may not be read: permission denied"


def test_folder_that_may_not_be_listed(here, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr("os.listdir", refuse)
    assert refusal("lenet") == f"lenet: no such file, looked for in {here}"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"name: 'x'\r\n\t\f\v# \xc3\xa9\x1a", "text"),
        (b"", "text"),
        (b"\n\x05LeNet", "binary"),
        (HDF5_SIGNATURE + b"rest", "HDF5"),
        (HDF5_SIGNATURE[:-1], "text"),
    ],
)
def test_kind(head, expected):
    assert kind(head) == expected
