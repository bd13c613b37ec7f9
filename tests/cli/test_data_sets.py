"""``minicaffe data`` for the sets: downloads, CIFAR, and where things go."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import sys
from itertools import islice

import numpy as np
import pytest

from minicaffe.cli import _data_sets
from minicaffe.cli.main import main
from minicaffe.data import cifar, download, mnist
from minicaffe.data.download import Remote
from minicaffe.data.lmdb_source import LmdbSource
from minicaffe.proto.minicaffe_pb2 import BlobProto, Datum
from tests.data.cifar_files import COUNT, arrays, binary, write_archive, write_files
from tests.data.mnist_files import digits, idx
from tests.data.web import serving


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """In a folder of its own, with no files beside the package, and no proxy."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("minicaffe.models.__path__", [])
    monkeypatch.setattr(download, "PAUSES", (0,))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def data(*argv):
    return main(["data", *map(str, argv)])


def records(path):
    source = LmdbSource(str(path))
    return [(key, Datum.FromString(raw)) for key, raw in islice(source.records(0), len(source))]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def cifar_files(kind=cifar.CIFAR10):
    return {f"{stem}.bin": binary(array) for stem, array in arrays(kind).items()}


@pytest.fixture
def small_cifar(tmp_path, monkeypatch):
    """CIFAR-10 is a small set, and this its archive."""
    files = {f"cifar-10-batches-bin/{name}": raw for name, raw in cifar_files().items()}
    archive = write_archive(tmp_path / "cifar-10-binary.tar.gz", files)
    raw = archive.read_bytes()
    archive.unlink()
    digests = {stem: hashlib.sha256(array).hexdigest() for stem, array in arrays().items()}
    kind = dataclasses.replace(
        cifar.CIFAR10,
        remote=Remote(archive.name, len(raw), "sha256", hashlib.sha256(raw).hexdigest(), ()),
        parts={n: {s: digests[s] for s in stems} for n, stems in cifar.CIFAR10.parts.items()},
    )
    recipe = _data_sets._cifar(kind, "cifar10", "mean.binaryproto")
    monkeypatch.setitem(_data_sets.RECIPES, "cifar10", recipe)
    return raw


def test_cifar10_from_the_web(small_cifar, tmp_path, capsys):
    (tmp_path / "models").mkdir()
    with serving({"sets/cifar-10-binary.tar.gz": small_cifar}) as web:
        web.cuts = [1000]
        assert data("cifar10", "--mirror", f"{web.base}sets") == 0
        assert data("cifar10", "--mirror", f"{web.base}sets") == 0
        assert len(web.asked) == 2
    home = "models/cifar10"
    mb = f"{len(small_cifar) / 1e6:.1f}"
    assert capsys.readouterr().out.splitlines() == [
        f"new folders: {home}, {home}/data",
        f"downloading cifar-10-binary.tar.gz, {mb} MB, to {home}/data",
        f"{home}/data/cifar-10-binary.tar.gz: downloaded, its checksum is right",
        f"read {home}/data: CIFAR-10, verified",
        f"{home}/cifar10_train_lmdb: 35 records written",
        f"{home}/mean.binaryproto: mean of 35 images written",
        f"{home}/cifar10_test_lmdb: 7 records written",
        f"read {home}/data: CIFAR-10, verified",
        f"{home}/cifar10_train_lmdb: 35 records, already there and complete",
        f"{home}/mean.binaryproto: already there",
        f"{home}/cifar10_test_lmdb: 7 records, already there and complete",
    ]
    found = records(tmp_path / home / "cifar10_train_lmdb")
    whole = np.concatenate([arrays()[f"data_batch_{i}"] for i in range(1, 6)])
    assert [key for key, _ in found] == [b"%05d" % index for index in range(5 * COUNT)]
    assert [datum.label for _, datum in found] == whole[:, 0].tolist()
    assert found[-1][1].data == whole[-1, 1:].tobytes()
    mean = BlobProto.FromString((tmp_path / home / "mean.binaryproto").read_bytes())
    assert (mean.num, mean.channels, mean.height, mean.width) == (1, 3, 32, 32)
    np.testing.assert_allclose(mean.data, whole[:, 1:].mean(0), 1e-6)
    assert not mean.HasField("shape")


def test_a_checkout_of_the_original(tmp_path):
    """Its definitions read examples/cifar10/cifar10_train_lmdb."""
    (tmp_path / "examples" / "cifar10").mkdir(parents=True)
    write_files(tmp_path / "files", cifar_files())
    assert data("cifar10", "--from", "files") == 0
    assert names(tmp_path / "examples" / "cifar10") == [
        "cifar10_test_lmdb", "cifar10_train_lmdb", "mean.binaryproto",
    ]  # fmt: skip


def test_cifar100(tmp_path, capsys):
    write_files(tmp_path / "files", cifar_files(cifar.CIFAR100))
    assert data("cifar100", "--from", "files", "--to", "out") == 0
    assert "read files: not the standard CIFAR-100, verified" in capsys.readouterr().out
    assert data("cifar100", "--from", "files", "--to", "out", "--coarse") == 0
    assert names(tmp_path / "out") == [
        "cifar100_coarse_test_lmdb", "cifar100_coarse_train_lmdb", "cifar100_mean.binaryproto",
        "cifar100_test_lmdb", "cifar100_train_lmdb",
    ]  # fmt: skip
    made = arrays(cifar.CIFAR100)["test"]
    for name, column in (("cifar100", 1), ("cifar100_coarse", 0)):
        found = records(tmp_path / "out" / f"{name}_test_lmdb")
        assert [datum.label for _, datum in found] == made[:, column].tolist()


def test_part_of_cifar(tmp_path, capsys):
    write_files(tmp_path / "files", {"test_batch_first7.bin": cifar_files()["test_batch.bin"]})
    assert data("cifar10", "--from", "files", "--to", "out") == 1
    assert "--partial takes test_batch_first7.bin" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert data("cifar10", "--from", "files", "--to", "out", "--partial") == 0
    assert names(tmp_path / "out") == ["cifar10_test_lmdb"]


@pytest.mark.parametrize("other", [b"mine", b""])
def test_another_mean_is_replaced_by_force_alone(tmp_path, capsys, other):
    write_files(tmp_path / "files", cifar_files())
    (tmp_path / "mean.binaryproto").write_bytes(other)
    assert data("cifar10", "--from", "files", "--to", ".") == 1
    assert "mean.binaryproto: is not the mean of those images; --force" in capsys.readouterr().err
    assert (tmp_path / "mean.binaryproto").read_bytes() == other
    assert data("cifar10", "--from", "files", "--to", ".", "--force") == 0
    assert (tmp_path / "mean.binaryproto").stat().st_size > 3072 * 4


def test_a_damaged_archive_of_ours(small_cifar, tmp_path, capsys):
    folder = tmp_path / "models" / "cifar10" / "data"
    folder.mkdir(parents=True)
    (folder / "cifar-10-binary.tar.gz").write_bytes(small_cifar[:-9])
    assert data("cifar10") == 1
    err = capsys.readouterr().err
    assert "archive is damaged or cut short" in err
    assert err.endswith("; remove it to download it again\n")


def small_idx(title, prefix, home):
    """A recipe for small files of MNIST's form, and those files."""
    files = {f"{name}.gz": gzip.compress(idx(a), mtime=0) for name, a in digits().items()}
    remotes = {}
    for key in mnist.KEYS:
        raw = files["{}-{}-idx{}-ubyte.gz".format(*key)]
        digest = hashlib.md5(raw).hexdigest()
        remotes[key] = Remote("{}-{}-idx{}-ubyte.gz".format(*key), len(raw), "md5", digest, ())
    return _data_sets._idx(mnist.IdxSet(title, {}, remotes), home, "", prefix), files


def test_fashion_from_the_web(tmp_path, monkeypatch, capsys):
    recipe, files = small_idx("Fashion-MNIST", "fashion_mnist", "fashion_mnist")
    monkeypatch.setitem(_data_sets.RECIPES, "fashion-mnist", recipe)
    with serving(files) as web:
        assert data("fashion-mnist", "--to", "out", "--mirror", web.base) == 0
    assert "read out/data: Fashion-MNIST, verified" in capsys.readouterr().out
    assert names(tmp_path / "out") == [
        "data", "fashion_mnist_test_lmdb", "fashion_mnist_train_lmdb",
    ]  # fmt: skip
    assert [key for key, _ in records("out/fashion_mnist_test_lmdb")][-1] == b"00000019"


def test_only_what_is_missing_is_fetched(tmp_path, monkeypatch):
    recipe, files = small_idx("MNIST", "mnist", "lenet")
    monkeypatch.setitem(_data_sets.RECIPES, "mnist", recipe)
    last = "t10k-labels-idx1-ubyte.gz"
    write_files(tmp_path / "models" / "lenet" / "data", {n: files[n] for n in files if n != last})
    with serving(files) as web:
        assert data("mnist", "--mirror", web.base) == 0
    assert [path for path, _ in web.asked] == [f"/{last}"]


def test_a_wrong_file_on_the_web(small_cifar, tmp_path, capsys):
    wrong = small_cifar[:-1] + b"?"
    with serving({"cifar-10-binary.tar.gz": wrong}) as web:
        assert data("cifar10", "--to", "out", "--mirror", web.base) == 1
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert "what has come is kept as cifar-10-binary.tar.gz.bad" in err
    assert names(tmp_path / "out" / "data") == ["cifar-10-binary.tar.gz.bad"]


def test_no_network(tmp_path, capsys):
    assert data("cifar10", "--to", "out", "--mirror", "http://127.0.0.1:1/") == 1
    assert capsys.readouterr().err == (
        "minicaffe: error: cifar-10-binary.tar.gz: cannot be downloaded: http://127.0.0.1:1/"
        "cifar-10-binary.tar.gz: Connection refused; or fetch cifar-10-binary.tar.gz by hand, "
        "from http://127.0.0.1:1/, and name their folder with --from DIR\n"
    )
    assert not (tmp_path / "out").exists()


def test_refuses(tmp_path, capsys):
    assert data("cifar10") == 1
    assert "no folder models/cifar10 in" in capsys.readouterr().err
    assert data("cifar10", "--to", "out", "--mirror", "file:///etc/") == 1
    assert "--mirror is 'file:///etc/', expected an address with http" in capsys.readouterr().err
    (tmp_path / "file").touch()
    write_files(tmp_path / "files", cifar_files())
    assert data("cifar10", "--from", "files", "--to", "file/out") == 1
    assert "cannot make the folder file/out: Not a directory" in capsys.readouterr().err


def test_a_download_shows_a_bar(small_cifar, monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with serving({"cifar-10-binary.tar.gz": small_cifar}) as web:
        assert data("cifar10", "--to", "out", "--mirror", web.base) == 0
    assert "cifar-10-binary.tar.gz" in terminal.getvalue()
    assert "kB" in terminal.getvalue()
    assert "\x1b" not in capsys.readouterr().out
