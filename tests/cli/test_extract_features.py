"""``minicaffe extract_features``: what it writes, says and refuses."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.cli.main import main
from minicaffe.data.lmdb_source import LmdbSource
from minicaffe.net import Net, closing
from minicaffe.proto.minicaffe_pb2 import TEST, Datum, NetParameter, NetState
from minicaffe.weights import load_weights, save_weights
from tests.cli import tiny
from tests.data.databases import make_lmdb, numbered

NET = """
layer {
  name: "data" type: "Data" top: "data" top: "label" include { phase: TEST }
  data_param { source: "images" batch_size: 4 backend: LMDB }
}
layer {
  name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 5 weight_filler { type: "gaussian" } }
}
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """``net.prototxt``, weights for it in two formats, and six images."""
    monkeypatch.chdir(tmp_path)
    make_lmdb(tmp_path / "images", numbered(6))
    (tmp_path / "net.prototxt").write_text(f"{NET} state {{ phase: TRAIN }}")
    made = net()
    with closing(made):
        for name in ("w.caffemodel", "w.caffemodel.h5"):
            save_weights(made, name, as_hdf5=name.endswith("h5"))
    return tmp_path


def net():
    return Net(text_format.Parse(NET, NetParameter()), NetState(phase=TEST))


def run(*argv):
    return main(["extract_features", *map(str, argv)])


def values(path):
    source = LmdbSource(str(path))
    datums = [Datum.FromString(raw) for _, raw in islice(source.records(0), len(source))]
    return np.float32([datum.float_data for datum in datums])


def expected(name, batches):
    made = net()
    with closing(made):
        load_weights(made, "w.caffemodel")
        found = []
        for _ in range(batches):
            made.forward()
            found.append(made.blobs[name].data.reshape(4, -1).copy())
    return np.concatenate(found)


@pytest.mark.parametrize("weights", ["w.caffemodel", "w.caffemodel.h5"])
@pytest.mark.parametrize("more", [[], ["CPU"], ["cpu", "0"]])
def test_what_the_net_computes(folder, weights, more):
    assert run(weights, "net.prototxt", "ip,prob", "ip_db,prob_db", 3, "lmdb", *more) == 0
    for name in ("ip", "prob"):
        np.testing.assert_array_equal(values(f"{name}_db"), expected(name, 3))


def test_leveldb(folder):
    plyvel = pytest.importorskip("plyvel")
    assert run("w.caffemodel", "net.prototxt", "ip", "db", 2, "leveldb") == 0
    with plyvel.DB("db") as database:
        records = list(database)
    assert [key for key, _ in records] == [b"%010d" % index for index in range(8)]
    np.testing.assert_array_equal(
        np.float32([Datum.FromString(raw).float_data for _, raw in records]), expected("ip", 2)
    )


def test_the_log(folder, capsys):
    assert run("w.caffemodel", "net.prototxt", "ip", "db", 2, "lmdb") == 0
    lines = tiny.messages(capsys.readouterr().err)
    assert lines[0] == "Use CPU."
    assert lines[-2:] == [
        "Extracted features of 8 query images for feature blob ip",
        "Successfully extracted the features!",
    ]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["ip,prob", "a", 1, "lmdb"], "2 blob(s) and 1 database(s) are named, expected as many"),
        (["ip,prob", "a,a", 1, "lmdb"], "databases are a, a, expected each once"),
        (["pi", "a", 1, "lmdb"], "feature blob is 'pi', expected a blob of the net: known: data"),
        (["ip", "images", 1, "lmdb"], "images: is there already; --force replaces it"),
        (["ip", "a", 1, "lmdb", "GPU", "--gpu", 0], "GPU and --gpu 0 are both given, expected one"),
    ],
)
def test_refuses(folder, argv, message, capsys):
    before = sorted(folder.iterdir())
    assert run("w.caffemodel", "net.prototxt", *argv) == 1
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    "argv", [[1, "mysql"], [0, "lmdb"], ["x", "lmdb"], [1, "lmdb", "TPU"], [1, "lmdb", "GPU", "x"]]
)
def test_refuses_the_command_line(folder, argv, capsys):
    with pytest.raises(SystemExit) as caught:
        run("w.caffemodel", "net.prototxt", "ip", "db", *argv)
    assert caught.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("device", [["GPU", "99"], ["gpu", "DEVICE_ID=99"], ["--gpu", "99"]])
def test_a_gpu_that_is_not_there(folder, device, capsys):
    assert run("w.caffemodel", "net.prototxt", "ip", "db", 1, "lmdb", *device) == 1
    assert "-gpu 99: " in capsys.readouterr().err.splitlines()[-1]


def test_missing_files(folder, capsys):
    assert run("lost.caffemodel", "net.prototxt", "ip", "db", 1, "lmdb") == 1
    assert "lost.caffemodel" in capsys.readouterr().err.splitlines()[-1]
    assert run("w.caffemodel", "lost.prototxt", "ip", "db", 1, "lmdb") == 1
    assert "lost.prototxt" in capsys.readouterr().err.splitlines()[-1]


def test_force(folder):
    for batches in (2, 1):
        assert run("w.caffemodel", "net.prototxt", "ip", "db", batches, "lmdb", "--force") == 0
    assert len(values("db")) == 4
