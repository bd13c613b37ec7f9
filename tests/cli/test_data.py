"""``minicaffe data``: what it makes, says and refuses."""

from __future__ import annotations

import io
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from minicaffe.cli.main import main
from minicaffe.data.lmdb_source import LmdbSource
from minicaffe.data.parts import Part
from minicaffe.proto.minicaffe_pb2 import Datum
from tests.data.mnist_files import digits, write_files

MNIST = Path(__file__).parents[2] / "models" / "lenet" / "data"


@pytest.fixture
def files(tmp_path):
    """Files of MNIST's form, but not MNIST."""
    return write_files(tmp_path / "files", digits())


def data(*argv):
    return main(["data", "mnist", *map(str, argv)])


def labels(path):
    source = LmdbSource(str(path))
    return [Datum.FromString(raw).label for _, raw in islice(source.records(0), len(source))]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.skipif(not MNIST.is_dir(), reason="a wheel has no MNIST")
def test_mnist(tmp_path, monkeypatch, capsys):
    """As the README has it, from the repository's root."""
    lenet = tmp_path / "models" / "lenet"
    lenet.mkdir(parents=True)
    (lenet / "data").symlink_to(MNIST)
    monkeypatch.chdir(tmp_path)
    assert data() == 0
    assert len(LmdbSource("models/lenet/mnist_train_lmdb")) == 60000
    assert len(LmdbSource("models/lenet/mnist_test_lmdb")) == 10000
    assert capsys.readouterr().out.splitlines() == [
        "read models/lenet/data: MNIST, verified",
        "models/lenet/mnist_train_lmdb: 60,000 records written",
        "models/lenet/mnist_test_lmdb: 10,000 records written",
    ]


def test_other_files_of_its_form(files, tmp_path, capsys):
    assert data("--from", files, "--to", tmp_path / "new" / "folder") == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        f"read {files}: not the standard MNIST, verified",
        f"new folders: {tmp_path}/new, {tmp_path}/new/folder",
        f"{tmp_path}/new/folder/mnist_train_lmdb: 30 records written",
        f"{tmp_path}/new/folder/mnist_test_lmdb: 20 records written",
    ]
    assert err == ""
    assert names(tmp_path / "new" / "folder") == ["mnist_test_lmdb", "mnist_train_lmdb"]
    assert labels(tmp_path / "new" / "folder" / "mnist_test_lmdb") == [*range(10)] * 2


def test_again_does_nothing(files, tmp_path, capsys):
    data("--from", files, "--to", tmp_path)
    before = (tmp_path / "mnist_train_lmdb" / "data.mdb").stat()
    capsys.readouterr()
    assert data("--from", files, "--to", tmp_path) == 0
    assert "mnist_train_lmdb: 30 records, already there and complete" in capsys.readouterr().out
    assert (tmp_path / "mnist_train_lmdb" / "data.mdb").stat().st_ino == before.st_ino


def test_again_makes_what_is_missing(files, tmp_path, capsys):
    data("--from", files, "--to", tmp_path)
    (tmp_path / "mnist_test_lmdb" / "data.mdb").unlink()
    (tmp_path / "mnist_test_lmdb").rmdir()
    assert data("--from", files, "--to", tmp_path) == 0
    assert "mnist_test_lmdb: 20 records written" in capsys.readouterr().out


def test_other_records_are_replaced_by_force_alone(files, tmp_path, capsys):
    data("--from", files, "--to", tmp_path)
    others = write_files(tmp_path / "others", digits(train=40))
    assert data("--from", others, "--to", tmp_path) == 1
    assert capsys.readouterr().err == (
        f"minicaffe: error: {tmp_path}/mnist_train_lmdb: holds 30 records that are not those; "
        "--force replaces it\n"
    )
    assert data("--from", others, "--to", tmp_path, "--force") == 0
    assert len(labels(tmp_path / "mnist_train_lmdb")) == 40
    assert names(tmp_path) == ["files", "mnist_test_lmdb", "mnist_train_lmdb", "others"]


def test_a_damaged_database_is_replaced_by_force_alone(files, tmp_path, capsys):
    data("--from", files, "--to", tmp_path)
    file = tmp_path / "mnist_train_lmdb" / "data.mdb"
    file.write_bytes(file.read_bytes()[:-4096])
    assert data("--from", files, "--to", tmp_path) == 1
    assert "is cut short" in capsys.readouterr().err
    assert data("--from", files, "--to", tmp_path, "--force") == 0
    assert len(labels(tmp_path / "mnist_train_lmdb")) == 30


@pytest.mark.parametrize("argv", [(), ("--from", "models/lenet/data")])
def test_the_standard_files_must_be_mnist_unless_named(tmp_path, monkeypatch, capsys, argv):
    write_files(tmp_path / "models" / "lenet" / "data", digits())
    monkeypatch.chdir(tmp_path)
    code = data(*argv)
    assert code == (0 if argv else 1)
    if not argv:
        assert capsys.readouterr().err == (
            "minicaffe: error: models/lenet/data/train-images-idx3-ubyte.gz: checksum is not "
            "MNIST's: restore the file, or give --from\n"
        )
        assert names(tmp_path / "models" / "lenet") == ["data"]


def test_nothing_is_written_where_a_file_is_bad(files, tmp_path, capsys):
    bad = files / "t10k-labels-idx1-ubyte.gz"
    bad.write_bytes(bad.read_bytes()[:-3])
    assert data("--from", files, "--to", tmp_path / "out") == 1
    assert f"{bad}: gzip file is damaged or cut short" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_needs_a_place_to_write_to(files, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert data("--from", files) == 1
    assert capsys.readouterr().err.startswith(
        f"minicaffe: error: no folder models/lenet in {tmp_path}: run this from the repository's "
    )


def test_needs_files(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("minicaffe.models.__path__", [str(tmp_path)])
    assert data("--to", tmp_path, "--mirror", "http://127.0.0.1:1") == 1
    assert capsys.readouterr().err == (
        "minicaffe: error: train-images-idx3-ubyte.gz: cannot be downloaded: "
        "http://127.0.0.1:1/train-images-idx3-ubyte.gz: Connection refused; or fetch "
        "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, "
        "t10k-labels-idx1-ubyte.gz by hand, from http://127.0.0.1:1/, and name their folder with "
        "--from DIR\n"
    )
    assert names(tmp_path) == []
    assert data("--from", tmp_path / "no", "--to", tmp_path) == 1
    assert "no: expected train-images-idx3-ubyte.gz, " in capsys.readouterr().err


def test_interrupted(files, tmp_path, monkeypatch, capsys):
    real = Part.records

    def interrupted(part):
        yield from islice(real(part), 5)
        raise KeyboardInterrupt

    monkeypatch.setattr(Part, "records", interrupted)
    assert data("--from", files, "--to", tmp_path / "out") == 130
    assert not (tmp_path / "out").exists()


def test_a_terminal_gets_a_bar(files, tmp_path, monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert data("--from", files, "--to", tmp_path) == 0
    assert "mnist_train_lmdb" in terminal.getvalue()
    assert "30/30" in terminal.getvalue()
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("argv", [["data"], ["data", "minst"]])
def test_needs_a_data_set(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_is_light_to_import():
    heavy = "('lmdb', 'rich', 'numba', 'cv2')"
    code = f"import sys, minicaffe.cli.data; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
