"""extract_features: what the blobs held, record by record, and nothing half done."""

from __future__ import annotations

import threading
import time
from itertools import islice

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe import features
from minicaffe.data.lmdb_source import LmdbSource
from minicaffe.errors import DataError, NetError, UnknownBlobError
from minicaffe.features import extract_features, feature_records
from minicaffe.net import Net, closing
from minicaffe.proto.minicaffe_pb2 import TEST, Datum, NetParameter, NetState
from tests.data.databases import make_lmdb, numbered

NET = """
layer {{
  name: "data" type: "Data" top: "data" top: "label"
  data_param {{ source: "{}" batch_size: 3 backend: LMDB }}
}}
layer {{
  name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param {{ num_output: 2 kernel_size: 2 weight_filler {{ type: "xavier" }} }}
}}
layer {{ name: "mean" type: "Reduction" bottom: "conv" top: "mean" }}
layer {{ name: "relu" type: "ReLU" bottom: "conv" top: "conv" }}
"""
BLOBS = ["conv", "data", "label", "mean"]


@pytest.fixture
def net(tmp_path, device):
    """Eight images of 2 x 3 x 4, three a batch."""
    name = make_lmdb(tmp_path / "images", numbered(8))
    definition = text_format.Parse(NET.format(name), NetParameter())
    made = Net(definition, NetState(phase=TEST), device)
    with closing(made):
        yield made


def read(path):
    source = LmdbSource(str(path))
    return [(key, Datum.FromString(raw)) for key, raw in islice(source.records(0), len(source))]


def array(datum):
    return np.float32(datum.float_data).reshape(datum.channels, datum.height, datum.width)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_databases_hold_what_the_blobs_held(net, tmp_path):
    held = {name: [] for name in BLOBS}

    def look():
        for name in BLOBS:
            value = net.device.to_numpy(net.blobs[name].data).copy()
            held[name].append(value if value.ndim else value[None])

    paths = [str(tmp_path / f"{name}_db") for name in BLOBS]
    assert extract_features(net, BLOBS, paths, 3, on_batch=look) == 9
    shapes = {"conv": (2, 2, 3), "data": (2, 3, 4), "label": (1, 1, 1), "mean": (1, 1, 1)}
    for name, path in zip(BLOBS, paths, strict=True):
        records, expected = read(path), np.concatenate(held[name])
        assert [key for key, _ in records] == [b"%010d" % i for i in range(len(expected))]
        for (_, datum), value in zip(records, expected, strict=True):
            np.testing.assert_array_equal(array(datum), value.reshape(shapes[name]))
    assert len(read(paths[3])) == 3  # a loss, say, is one item a batch
    assert (held["conv"][0] >= 0).all()  # as after the layer that works in place


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((), (1, 1, 1)),
        ((3,), (1, 1, 1)),
        ((3, 5), (5, 1, 1)),
        ((3, 5, 2), (5, 2, 1)),
        ((3, 5, 2, 4), (5, 2, 4)),
        ((3, 5, 2, 4, 6), (5, 2, 24)),
    ],
)
def test_records_are_as_protobuf_writes_them(shape, size, rng):
    values = rng.normal(size=shape)
    expected = []
    for item in np.asarray(values, np.float32).reshape(shape[0] if shape else 1, -1):
        channels, height, width = size
        datum = Datum(channels=channels, height=height, width=width, float_data=item.tolist())
        expected.append(datum.SerializeToString())
    assert feature_records(values) == expected


def test_a_blob_without_values():
    with pytest.raises(NetError, match=r"a feature blob is \(0, 3\), expected at least one value"):
        feature_records(np.zeros((0, 3)))


def test_the_log_says_how_far_it_is(net, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(features, "REPORT", 2)
    with caplog.at_level("INFO", "minicaffe"):
        extract_features(net, ["conv"], [str(tmp_path / "db")], 3)
    tail = "query images for feature blob conv"
    assert [r.message for r in caplog.records if "eatures" in r.message] == [
        *(f"Extracted features of {count} {tail}" for count in (2, 4, 6, 8, 9)),
        "Successfully extracted the features!",
    ]


def test_refuses_an_unknown_blob(net, tmp_path):
    with pytest.raises(UnknownBlobError, match=r"feature blob is 'cnov', .* mean 'conv'"):
        extract_features(net, ["data", "cnov"], [str(tmp_path / "a"), str(tmp_path / "b")], 1)
    assert names(tmp_path) == ["images"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_on_the_way_leaves_nothing(net, tmp_path, error):
    batches = iter(range(2))

    def fail():
        if next(batches) == 1:
            raise error

    paths = [str(tmp_path / "a"), str(tmp_path / "b")]
    with pytest.raises(error):
        extract_features(net, ["conv", "data"], paths, 9, on_batch=fail)
    assert names(tmp_path) == ["images"]
    assert not [t for t in threading.enumerate() if t.name == "minicaffe-sink"]


@pytest.mark.parametrize("batches", [1, 100])
def test_a_database_that_cannot_be_written(net, tmp_path, batches):
    (tmp_path / "file").write_text("")
    paths = [str(tmp_path / "a"), str(tmp_path / "file" / "b")]
    with pytest.raises(DataError, match="file/b: cannot be written: "):
        extract_features(net, ["conv", "data"], paths, batches)
    assert names(tmp_path) == ["file", "images"]


def test_no_database_takes_its_name_before_all_records_of_all_are_taken(net, tmp_path, monkeypatch):
    write = features.write_database

    def failing(path, records, backend):
        if path.endswith("b"):
            next(records)
            time.sleep(0.5)
            raise DataError("disk is full", path)
        return write(path, records, backend)

    monkeypatch.setattr(features, "write_database", failing)
    with pytest.raises(DataError, match="b: disk is full"):
        extract_features(net, ["conv", "data"], [str(tmp_path / "a"), str(tmp_path / "b")], 1)
    assert names(tmp_path) == ["images"]


def test_writing_keeps_pace_with_the_net(net, tmp_path, monkeypatch):
    """Batches wait for a slow disk, a few at a time."""
    ahead = []
    write, done = features.write_database, [0]

    def slow(path, records, backend):
        def counted():
            for record in records:
                done[0] += 1
                yield record

        return write(path, counted(), backend)

    monkeypatch.setattr(features, "write_database", slow)
    put = [0]

    def look():
        put[0] += 3
        ahead.append(put[0] - done[0])

    extract_features(net, ["data"], [str(tmp_path / "db")], 200, on_batch=look)
    assert max(ahead) <= 3 * (features.AHEAD + 1)
    assert len(read(tmp_path / "db")) == 600
