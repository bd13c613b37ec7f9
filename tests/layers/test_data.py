"""Data: the original's numbers, order, chance and resume, faults, and what it refuses."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.blob import Blob
from minicaffe.data.lmdb_source import LmdbSource
from minicaffe.device import cpu
from minicaffe.errors import BlobCountError, DataError, LayerConfigError
from minicaffe.layers import create_layer
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN, LayerParameter
from tests.data.databases import datum, encoded, make_lmdb, numbered
from tests.layers.runs import GOLDEN, Run, check_golden, seeded


@pytest.fixture
def run(device):
    """Make a run of the layer that a text defines; all are closed at the end."""
    made = []

    def make(text, phase=TRAIN, **kwargs):
        param = LayerParameter(name="it", type="Data", phase=phase)
        made.append(Run(device, text_format.Merge(text, param), **kwargs))
        return made[-1]

    yield make
    for each in made:
        each.layer.close()


@pytest.fixture
def db(tmp_path):
    """A database of seven images, 2 x 6 x 9, labelled 0 to 6."""
    return make_lmdb(tmp_path / "db", numbered(7, (2, 6, 9)))


def images(count, shape):
    return np.stack(
        [np.frombuffer(d.data, np.uint8).reshape(shape) for d in numbered(count, shape)]
    ).astype(np.float64)


def text(source, more="", batch_size=3, data=""):
    return (
        f'data_param {{ source: "{source}" batch_size: {batch_size} backend: LMDB {data} }} {more}'
    )


def golden_cases():
    return sorted(path.stem for path in GOLDEN.glob("data_*.npz"))


def test_there_are_golden_cases():
    assert len(golden_cases()) == 8


@pytest.mark.parametrize("case", golden_cases())
def test_golden(device, case, monkeypatch):
    monkeypatch.chdir(GOLDEN)
    check_golden(device, case)


def test_shapes_are_known_before_forward(run, db):
    it = run(text(db, "transform_param { crop_size: 5 }"))
    assert [blob.shape for blob in it.top] == [(3, 2, 5, 5), (3,)]


def test_batches_go_round_in_order(run, db):
    it = run(text(db))
    for number in range(6):
        data, label = it.forward()
        expected = [(3 * number + i) % 7 for i in range(3)]
        assert label.tolist() == expected
        np.testing.assert_array_equal(data, images(7, (2, 6, 9))[expected])


def test_one_top_is_the_data_alone(run, db):
    it = run(text(db), tops=1)
    (data,) = it.forward()
    np.testing.assert_array_equal(data, images(7, (2, 6, 9))[:3])


def test_what_is_done_to_an_image(run, db):
    more = "transform_param { scale: 0.5 mean_value: 7 mean_value: 90 crop_size: 3 }"
    it = run(text(db, more), phase=TEST)
    x = images(7, (2, 6, 9))
    for number in range(3):
        data, _ = it.forward()
        for n, c, i, j in np.ndindex(data.shape):
            pixel = x[(3 * number + n) % 7, c, 1 + i, 3 + j]
            assert data[n, c, i, j] == (pixel - (7, 90)[c]) * 0.5


def test_random_windows_in_train_and_mirrors_in_both_phases(run, db):
    x = images(7, (2, 6, 9))
    seen = {TRAIN: set(), TEST: set()}
    for phase, found in seen.items():
        it = run(text(db, "transform_param { crop_size: 4 mirror: true }"), phase=phase)
        for _ in range(60):
            data, label = it.forward()
            for n, index in enumerate(label.astype(int)):
                found.update(
                    (i, j, mirror)
                    for i in range(3)
                    for j in range(6)
                    for mirror in (False, True)
                    if np.array_equal(
                        data[n], x[index, :, i : i + 4, j : j + 4][..., :: -1 if mirror else 1]
                    )
                )
    assert len(seen[TRAIN]) == 3 * 6 * 2
    assert seen[TEST] == {(1, 2, False), (1, 2, True)}


RANDOM = "transform_param { crop_size: 4 mirror: true scale: 0.1 }"


def test_one_seed_is_one_run(run, db):
    first, second = run(text(db, RANDOM)), run(text(db, RANDOM))
    assert first.layer.position() == second.layer.position()
    for _ in range(4):
        np.testing.assert_array_equal(first.forward()[0], second.forward()[0])


def test_two_layers_of_one_device_have_chances_of_their_own(device, db):
    param = text_format.Parse(f'type: "Data" {text(db)}', LayerParameter())
    seeds = set()
    for _ in range(2):
        layer = create_layer(param, device)
        layer.initialize([], [Blob(device)])
        seeds.add(layer.position()["seed"])
    assert len(seeds) == 2


@pytest.mark.parametrize("more", ["", " rand_skip: 5"])
def test_resumes_to_the_bit(run, db, more):
    whole = run(text(db, RANDOM, data=more))
    for _ in range(7):
        whole.forward()
    position = json.loads(json.dumps(whole.layer.position()))
    assert position["batches"] == 7  # not those that are ready
    rest = [whole.forward() for _ in range(5)]

    resumed = run(text(db, RANDOM, data=more))
    resumed.device.rng.random(3)
    resumed.forward()
    resumed.layer.set_position(position)
    assert resumed.layer.position() == position
    for data, label in rest:
        again = resumed.forward()
        np.testing.assert_array_equal(again[0], data)
        np.testing.assert_array_equal(again[1], label)
    assert resumed.layer.position()["batches"] == 12


def test_rand_skip(device, db):
    starts = set()
    for seed in range(30):
        param = text_format.Parse(f'type: "Data" {text(db, data="rand_skip: 3")}', LayerParameter())
        top = [Blob(device), Blob(device)]
        layer = create_layer(param, seeded(device, seed))
        layer.initialize([], top)
        layer.run_forward([], top)
        starts.add(float(device.to_numpy(top[1].data)[0]))
        layer.close()
    assert starts == {0, 1, 2}


def test_ranks_share_one_pass(run, db):
    found = []
    for rank in range(2):
        it = run(text(db, batch_size=7))
        it.layer.shard(rank, 2)
        found.append(it.forward()[1])
    assert sorted(np.concatenate(found)) == sorted([*range(7)] * 2)
    assert found[0].tolist() == [0, 2, 4, 6, 1, 3, 5]


def test_a_test_net_reads_all_whatever_the_rank(run, db):
    it = run(text(db), phase=TEST)
    it.layer.shard(1, 2)
    assert it.forward()[1].tolist() == [0, 1, 2]


def test_two_layers_read_one_database(run, db):
    first, second = run(text(db)), run(text(db, batch_size=2))
    assert [first.forward()[1].tolist(), second.forward()[1].tolist()] == [[0, 1, 2], [0, 1]]
    first.layer.close()
    assert second.forward()[1].tolist() == [2, 3]


def test_images_of_several_sizes_one_by_one(run, tmp_path):
    shapes = [(1, 4, 5), (1, 7, 3), (2, 4, 5)]
    source = make_lmdb(
        tmp_path / "db", [datum(np.full(s, i, np.uint8), i) for i, s in enumerate(shapes)]
    )
    it = run(text(source, batch_size=1))
    for index in [0, 1, 2, 0, 1]:
        data, label = it.forward()
        np.testing.assert_array_equal(data, np.full((1, *shapes[index]), index))
        assert it.top[0].shape == (1, *shapes[index])
        assert label.tolist() == [index]


def test_a_batch_stays_until_the_next_forward(run, db):
    it = run(text(db, data="prefetch: 1"))
    it.layer.run_forward([], it.top)
    before = it.device.to_numpy(it.top[0].data).copy()
    time.sleep(0.05)  # the thread has room for one more, and none for two
    np.testing.assert_array_equal(it.device.to_numpy(it.top[0].data), before)


def test_on_a_device_the_next_batch_is_on_its_way(device, db):
    """It counts only when it is taken."""
    if device.xp is np:
        pytest.skip("the CPU needs no copy")
    param = text_format.Parse(f'type: "Data" {text(db, batch_size=2)}', LayerParameter())
    it = Run(device, param, dtype=np.float32)
    it.forward()
    until = time.monotonic() + 20
    while len(it.layer._prefetcher._line.ready) < 2 and time.monotonic() < until:
        time.sleep(0.001)
    _, label = it.forward()
    assert it.layer._uploader.pending
    assert label.tolist() == [2, 3]
    assert it.layer.position()["batches"] == 2
    it.layer.set_position(it.layer.position())
    assert [it.forward()[1].tolist() for _ in range(2)] == [[4, 5], [6, 0]]
    it.layer.close()


def test_on_the_cpu_the_batch_is_not_copied(db):
    param = text_format.Parse(f'type: "Data" {text(db, data="prefetch: 2")}', LayerParameter())
    it = Run(cpu(), param, dtype=np.float32)
    places = set()
    for _ in range(12):
        it.layer.run_forward([], it.top)
        places.add(it.top[0].data.__array_interface__["data"][0])
    assert len(places) == 3
    it.layer.close()


def test_one_who_shares_the_top_sees_each_batch(run, db):
    it = run(text(db))
    reader = Blob(it.device, it.top[0].shape, it.top[0].dtype)
    reader.share_data(it.top[0])
    for _ in range(3):
        data, _ = it.forward()
        np.testing.assert_array_equal(it.device.to_numpy(reader.data), data)


def test_forward_after_close_goes_on(run, db):
    it = run(text(db))
    it.forward()
    it.layer.close()
    it.layer.close()
    assert it.forward()[1].tolist() == [3, 4, 5]


def test_close_while_all_is_ready(run, db):
    it = run(text(db))
    it.forward()
    time.sleep(0.05)
    begin = time.monotonic()
    it.layer.close()
    assert time.monotonic() - begin < 1


def test_close_releases_the_database(run, db):
    it = run(text(db))
    it.forward()
    it.layer.close()
    lmdb.open(db, readonly=True, lock=False).close()  # refused while it is open


def test_counts_the_waiting(run, db):
    it = run(text(db))
    assert it.layer.waited == 0
    for _ in range(50):  # none is ready at once each time, since nothing is done in between
        it.forward()
    waited = it.layer.waited
    assert waited > 0
    it.layer.close()
    assert it.layer.waited == waited


def test_logs_as_the_original(run, db, caplog):
    caplog.set_level(logging.INFO)
    it = run(text(db))
    for _ in range(4):  # the fourth begins with a record of the second round
        it.forward()
    lines = [(line.where, line.getMessage()) for line in caplog.records]
    assert lines[0] == ("data_layer.cpp:45", "output data size: 3,2,6,9")
    assert ("data_layer.cpp:73", "Restarting data prefetching from start.") in lines


def test_backward_does_nothing(run, db):
    it = run(text(db))
    it.forward()
    it.layer.run_backward(it.top, [], [])


def broken(records, index, record):
    return [*records[:index], record, *records[index + 1 :]]


PICTURE = np.random.default_rng(3).integers(0, 256, (20, 30, 3)).astype(np.uint8)
JPEG = cv2.imencode(".jpg", PICTURE)[1].tobytes()


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (broken(numbered(7), 4, b"\xff\xff"), "2 bytes that are no Datum"),
        (
            broken([datum(np.zeros((2, 4, 3), np.uint8))] * 7, 4, encoded(JPEG)),
            r"image is 2 x 4 x 3, expected 3 x 20 x 30 as the first of its batch \(00000004\)",
        ),
        (broken([encoded(JPEG)] * 7, 4, encoded(JPEG[:400])), "400 bytes is a damaged JPEG"),
        (broken([encoded(JPEG)] * 7, 4, encoded(b"\xff\xd8" + JPEG[9:])), "is a damaged JPEG"),
    ],
)
def test_a_bad_record_is_named_when_its_turn_comes(run, tmp_path, records, message):
    it = run(text(make_lmdb(tmp_path / "bad", records), batch_size=2))
    it.forward()
    it.forward()
    for _ in range(2):
        with pytest.raises(DataError, match=rf"^{tmp_path}/bad \(0000000[45]\): .*{message}"):
            it.forward()
    assert it.layer.position()["batches"] == 2


def test_an_unforeseen_error_in_the_thread_names_the_layer(run, db, monkeypatch):
    it = run(text(db))
    monkeypatch.setattr(LmdbSource, "records", lambda *args: iter([(b"0", 3)]))
    with pytest.raises(TypeError) as caught:
        it.forward()
    assert caught.value.__notes__ == ["during forward of layer 'it' (Data)"]


def test_a_database_that_is_cut_short(run, db):
    file = Path(db, "data.mdb")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match=rf"^{db}: data\.mdb is cut short"):
        run(text(db))


@pytest.mark.parametrize(
    ("definition", "error", "message"),
    [
        ("data_param { batch_size: 3 }", LayerConfigError, "data_param has no source"),
        ("", LayerConfigError, "data_param has no source"),
        ('data_param { source: "@DB" backend: LMDB }', LayerConfigError, "batch_size is 0"),
        (text("@DB", batch_size=0), LayerConfigError, "batch_size is 0 or not given, expected at"),
        (text("@DB", data="prefetch: 0"), LayerConfigError, "prefetch is 0, expected at least 1"),
        (
            'data_param { source: "@DB" batch_size: 3 }',
            LayerConfigError,
            "backend is not given",
        ),
        (
            text("@DB", data="scale: 2"),
            LayerConfigError,
            "scale is in data_param, expected in",
        ),
        (text("@DB", data="mirror: true"), LayerConfigError, "mirror is in data_param"),
        (
            text("@DB", "transform_param { crop_size: 7 }"),
            LayerConfigError,
            "crop_size is 7, expected at most 6: an image is 2 x 6 x 9",
        ),
        (
            text("@DB", "transform_param { mean_value: 1 mean_value: 2 mean_value: 3 }"),
            LayerConfigError,
            "mean_value is given 3 times",
        ),
        (
            text("@DB", f'transform_param {{ mean_file: "{GOLDEN}/mean.binaryproto" }}'),
            LayerConfigError,
            "mean_file .* is 3 x 12 x 15, expected 2 x 6 x 9",
        ),
        (
            text("@DB", 'transform_param { mean_file: "m" mean_value: 3 }'),
            LayerConfigError,
            "mean_file and mean_value are both given",
        ),
        (
            text("@DB", "transform_param { force_color: true force_gray: true }"),
            LayerConfigError,
            "force_color and force_gray are both set",
        ),
    ],
)
def test_refuses(run, db, definition, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Data\): {message}"):
        run(definition.replace("@DB", db))


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        (text("@DBx"), "@DBx: no such database: did you mean '@DB'?"),
        (text("@DB", 'transform_param { mean_file: "nowhere" }'), "nowhere: mean_file cannot be"),
    ],
)
def test_refuses_what_is_not_there(run, db, definition, message):
    with pytest.raises(DataError) as caught:
        run(definition.replace("@DB", db))
    assert str(caught.value).startswith(message.replace("@DB", db))


@pytest.mark.parametrize("tops", [0, 3])
def test_refuses_other_numbers_of_tops(run, db, tops):
    with pytest.raises(BlobCountError, match=r"top blob\(s\), expected 1\.\.2"):
        run(text(db), tops=tops)


def test_warns_of_a_field_that_does_nothing(run, db, caplog):
    run(text(db, data="force_encoded_color: true"))
    assert "force_encoded_color does nothing" in caplog.text
