"""Layers that read ahead: the same batches for any threads, resumed anywhere, and what is left out.

Each test runs on every one of them that it is about: Data, ImageData, HDF5Data and WindowData.
"""

from __future__ import annotations

import gc
import json
import threading
import time

import cv2
import numpy as np
import pytest

from minicaffe.data.image_file import ImageReader
from minicaffe.data.windows import WindowFiller
from minicaffe.device import cpu
from minicaffe.errors import DataError, LayerConfigError
from tests.data.databases import datum, encoded, make_lmdb
from tests.data.hdf5_files import make_hdf5, make_list, numbered
from tests.layers.runs import GOLDEN, Runs

SIZE = 23
TRANSFORM = "transform_param { crop_size: 9 mirror: true mean_value: 7 scale: 0.5 }"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Records 0 to 22, each an image of its own: as a database, encoded or not, and as files."""
    path = tmp_path_factory.mktemp("sets")
    rng = np.random.default_rng(1701)
    images = rng.integers(0, 256, (SIZE, 11, 13, 3)).astype(np.uint8)
    files = [cv2.imencode(".png", image)[1].tobytes() for image in images]
    planar = [np.ascontiguousarray(image.transpose(2, 0, 1)) for image in images]
    raw = [datum(image, index) for index, image in enumerate(planar)]
    make_lmdb(path / "raw", raw)
    make_lmdb(path / "encoded", [encoded(file, index) for index, file in enumerate(files)])
    make_lmdb(path / "mixed", [(raw[i], encoded(files[i], i))[i % 2] for i in range(SIZE)])
    broken = [(item, b"\xff")[i in (3, 4, 5, 6, 17)] for i, item in enumerate(raw)]
    make_lmdb(path / "broken", broken)
    (path / "images").mkdir()
    for index, file in enumerate(files):
        (path / "images" / f"{index}.png").write_bytes(file)
    lines = [f"images/{index}.png {index}\n" for index in range(SIZE)]
    (path / "list").write_text("".join(lines))
    for index in (2, 3, 4, 5, 20):
        lines[index] = f"images/none{index}.png {index}\n"
    (path / "broken list").write_text("".join(lines))
    (path / "two classes").write_text(
        "".join(f"images/{index}.png {index // 20}\n" for index in range(SIZE))
    )
    rows = [(0, 7), (7, 8), (15, 9)]
    parts = [make_hdf5(path / f"{first}.h5", **numbered(first, size)) for first, size in rows]
    make_list(path / "h5", parts)
    return path


def data(folder, source, loader="", size=4, more=""):
    return (
        f'type: "Data" data_param {{ source: "{folder}/{source}" backend: LMDB '
        f"batch_size: {size} {more} }} {TRANSFORM} loader_param {{ {loader} }}"
    )


def images(folder, source, loader="", size=4, more=""):
    return (
        f'type: "ImageData" image_data_param {{ source: "{folder}/{source}" batch_size: {size} '
        f'root_folder: "{folder}/" {more} }} {TRANSFORM} loader_param {{ {loader} }}'
    )


def hdf5(folder, loader="", more=""):
    return (
        f'type: "HDF5Data" hdf5_data_param {{ source: "{folder}/h5" batch_size: 4 {more} }} '
        f'top: "data" top: "label" loader_param {{ {loader} }}'
    )


def windows(loader=""):
    return (
        'type: "WindowData" window_data_param { source: "windows.txt" batch_size: 19 } '
        f"transform_param {{ crop_size: 6 mirror: true }} loader_param {{ {loader} }}"
    )


CASES = {
    "raw": lambda folder, loader: data(folder, "raw", loader),
    "encoded": lambda folder, loader: data(folder, "encoded", loader, 7),
    "mixed": lambda folder, loader: data(folder, "mixed", loader, 5, "rand_skip: 9"),
    "one": lambda folder, loader: data(folder, "encoded", loader, 1),
    "shuffled": lambda folder, loader: data(folder, "raw", loader + " shuffle_buffer: 6"),
    "share": lambda folder, loader: data(folder, "raw", loader + " share_from: 0.3"),
    "balanced": lambda folder, loader: images(
        folder, "two classes", loader + " balanced: true", 4, "shuffle: true"
    ),
    "skip_bad": lambda folder, loader: data(
        folder, "broken", loader + " skip_bad: true shuffle_buffer: 5"
    ),
    "skip_bad one": lambda folder, loader: data(folder, "broken", loader + " skip_bad: true", 1),
    "files": lambda folder, loader: images(folder, "list", loader, 4, "shuffle: true"),
    "files skip_bad": lambda folder, loader: images(
        folder, "broken list", loader + " skip_bad: true", 4, "shuffle: true rand_skip: 5"
    ),
    "hdf5": lambda folder, loader: hdf5(folder, loader, "shuffle: true"),
    "windows": lambda folder, loader: windows(loader),
}


@pytest.fixture
def run(monkeypatch):
    """Make a run of any layer, on the CPU as all of this is; all are closed at the end."""
    monkeypatch.chdir(GOLDEN)
    monkeypatch.setattr("minicaffe.data.batch_filler.STAGE", 1000)  # two or three images a part
    runs = Runs(cpu(), "")
    yield runs
    runs.close()


def batches(it, count):
    return [[array.tobytes() for array in it.forward()] for _ in range(count)]


@pytest.mark.parametrize("case", CASES)
def test_the_batches_are_the_same_for_any_threads(run, folder, case):
    expected = batches(run(CASES[case](folder, "threads: 1")), 12)
    assert len({data for data, _ in expected}) > 6
    for threads in (2, 3, 8):
        assert batches(run(CASES[case](folder, f"threads: {threads}")), 12) == expected


@pytest.mark.parametrize("at", [1, 6])
@pytest.mark.parametrize("case", CASES)
def test_a_resumed_run_goes_on_with_the_next_record(run, folder, case, at):
    whole = run(CASES[case](folder, "threads: 3"))
    batches(whole, at)
    position = json.loads(json.dumps(whole.layer.position()))
    rest = batches(whole, 7)
    resumed = run(CASES[case](folder, "threads: 2"), seed=5)
    batches(resumed, 1)
    resumed.layer.set_position(position)
    assert batches(resumed, 7) == rest


@pytest.mark.parametrize("size", [1, 3, 4])
@pytest.mark.parametrize("ranks", [2, 3])
@pytest.mark.parametrize("case", ["raw", "shuffled", "files", "hdf5"])
def test_ranks_share_one_pass(run, folder, case, ranks, size):
    count = 24 if case == "hdf5" else SIZE
    definition = CASES[case](folder, "").replace("batch_size: 4", f"batch_size: {size}")
    found = []
    for rank in range(ranks):
        it = run(definition)
        it.layer.shard(rank, ranks)
        labels = [it.forward()[1] for _ in range(-(-count // (ranks * size)) + 1)]
        found.append(np.concatenate(labels))
    dealt = np.stack(found, axis=1).reshape(-1)
    assert len(set(dealt[:count])) == count


def test_ranks_have_chances_of_their_own(run, folder, tmp_path):
    make_lmdb(tmp_path / "db", [datum(np.arange(429, dtype=np.uint8).reshape(3, 11, 13))])
    found = []
    for rank in range(2):
        it = run(data(tmp_path, "db", size=20))
        it.layer.shard(rank, 2)
        found.append(it.forward()[0])
    assert sum(map(np.array_equal, *found)) < 10


def test_balanced(run, folder):
    it = run(images(folder, "two classes", "balanced: true", 40))
    assert sorted(it.forward()[1].tolist()) == [0] * 20 + [1] * 20


def test_a_share_of_a_list_is_the_same_files_whatever_their_lines(run, folder):
    """And it is shuffled anew in each pass."""
    (folder / "reversed").write_text(
        "".join(reversed((folder / "list").read_text().splitlines(keepends=True)))
    )
    found = []
    for name in ("list", "reversed"):
        it = run(images(folder, name, "share_to: 0.5", 1, "shuffle: true"))
        labels = [int(it.forward()[1][0]) for _ in range(30)]
        found.append(sorted(set(labels)))
        size = len(found[-1])
        assert 3 < size < SIZE
        passes = [labels[i : i + size] for i in range(0, 30 - size, size)]
        assert all(sorted(each) == found[-1] for each in passes)
        assert passes[0] != passes[1]
    assert found[0] == found[1]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_what_is_left_out_is_listed_in_order(run, folder, caplog, threads):
    it = run(data(folder, "broken", f"skip_bad: true threads: {threads}", SIZE))
    for _ in range(4):
        labels = it.forward()[1]
        assert labels.tolist() == [*range(3), 7, 7, 7, 7, *range(7, 17), 18, *range(18, SIZE)]
    it.layer.close()
    lines = [record.getMessage() for record in caplog.records]
    listed = [line for line in lines if line.startswith("skip_bad leaves out")]
    assert [line.split("(")[1][:8] for line in listed] == [
        f"0000000{index}" if index < 10 else f"000000{index}" for index in (3, 4, 5, 6, 17)
    ]
    counts = [line for line in lines if line.startswith("skip_bad has")]
    assert counts[:3] == [
        f"skip_bad has left out 5 record(s) so far, {times} time(s)" for times in (5, 10, 15)
    ]


def test_without_skip_bad_the_first_is_an_error(run, folder):
    it = run(data(folder, "broken"))
    with pytest.raises(DataError, match=r"broken \(00000003\): 1 bytes that are no Datum"):
        it.forward()
    it = run(images(folder, "broken list"))
    with pytest.raises(DataError, match=r"broken list \(line 3, .*none2.png\): image cannot be"):
        it.forward()


def test_the_first_records_may_be_the_bad_ones(run, folder, tmp_path):
    source = make_lmdb(tmp_path / "db", [b"\xff", b"\xff", datum(np.ones((3, 9, 9), np.uint8), 6)])
    it = run(data(tmp_path, "db", "skip_bad: true"))
    assert it.top[0].shape == (4, 3, 9, 9)
    assert it.forward()[1].tolist() == [6, 6, 6, 6]
    with pytest.raises(DataError, match=rf"^{source} \(00000000\)"):
        run(data(tmp_path, "db"))


@pytest.mark.parametrize("size", [1, 4])
def test_one_of_another_size_is_left_out_wherever_it_is(run, tmp_path, size):
    """But in batches of one, where any size will do."""
    shapes = [(1, 4, 5), (1, 5, 4), (1, 4, 5)]
    make_lmdb(tmp_path / "db", [datum(np.full(s, i, np.uint8), i) for i, s in enumerate(shapes)])
    definition = data(tmp_path, "db", "skip_bad: true", size).replace(TRANSFORM, "")
    it = run(definition)
    it.forward()
    it.layer.set_position({"batches": 1, "seed": 0})
    assert it.forward()[1].tolist() == ([1] if size == 1 else [2, 2, 0, 2])


def test_nothing_but_bad_records_shows_when_the_net_is_built(run, tmp_path):
    make_lmdb(tmp_path / "db", [b"\xff"] * 3)
    with pytest.raises(DataError, match=r"the first 3 records are all bad; the first: .*00000000"):
        run(data(tmp_path, "db", "skip_bad: true"))
    make_lmdb(tmp_path / "small", [datum(np.ones((3, 8, 9), np.uint8))] * 3)
    with pytest.raises(DataError, match=r"3 records are all bad; .* crop_size is 9, expected at"):
        run(data(tmp_path, "small", "skip_bad: true"))


def test_a_line_without_a_label_is_left_out_too(run, folder, caplog):
    (folder / "unlabelled").write_text("images/1.png 1\nimages/2.png\nimages/3.png 3\n")
    it = run(images(folder, "unlabelled", "skip_bad: true"))
    assert it.forward()[1].tolist() == [1, 3, 1, 3]
    assert "(line 2): 'images/2.png', expected an image's path" in caplog.text


def test_several_labels_of_a_line(run, folder):
    (folder / "boxes").write_text("images/1.png 0.5 -1e2 3\nimages/2.png\t7   8 9.25\n")
    it = run(images(folder, "boxes", "", 3, "label_dim: 3"))
    assert it.top[1].shape == (3, 3)
    np.testing.assert_array_equal(it.forward()[1], [[0.5, -100, 3], [7, 8, 9.25], [0.5, -100, 3]])


def test_one_label_that_is_not_whole(run, folder):
    (folder / "ages").write_text("images/1.png 30.5\nimages/2.png 7\n")
    it = run(images(folder, "ages", "", 3, "label_dim: 1"))
    assert it.top[1].shape == (3,)
    assert it.forward()[1].tolist() == [30.5, 7, 30.5]


@pytest.mark.parametrize(
    "line", ["images/2.png 1 2", "images/2.png 1 2 x", "images/2.png 1 nan 3", "1 2 3"]
)
def test_refuses_a_line_without_its_labels(run, folder, line):
    (folder / "few").write_text(f"images/1.png 1 2 3\n{line}\n")
    with pytest.raises(DataError, match=r"few \(line 2\): .* expected an image's path and 3 numb"):
        run(images(folder, "few", "", 2, "label_dim: 3"))


def test_several_labels_of_a_record(run, tmp_path):
    records = [datum(np.ones((3, 9, 9), np.uint8)) for _ in range(3)]
    for index, record in enumerate(records):
        record.float_label.extend([index, index + 0.5])
    make_lmdb(tmp_path / "db", records)
    it = run(data(tmp_path, "db"))
    assert it.top[1].shape == (4, 2)
    np.testing.assert_array_equal(it.forward()[1], [[0, 0.5], [1, 1.5], [2, 2.5], [0, 0.5]])
    records[2].float_label.append(9)
    make_lmdb(tmp_path / "other", records)
    it = run(data(tmp_path, "other"))
    with pytest.raises(DataError, match=r"\(00000002\): record has 3 label\(s\), expected 2"):
        it.forward()


@pytest.mark.parametrize("case", ["hdf5", "windows"])
@pytest.mark.parametrize("field", ["skip_bad: true", "balanced: true", "shuffle_buffer: 4"])
def test_refuses_what_a_type_has_not(run, folder, case, field):
    name = field.split(":", maxsplit=1)[0]
    with pytest.raises(LayerConfigError, match=f"loader_param has {name}, expected threads: "):
        run(CASES[case](folder, field))


def reading():
    return [each for each in threading.enumerate() if each.name == "minicaffe-prefetch"]


@pytest.mark.parametrize("case", CASES)
def test_no_thread_outlives_its_layer(run, folder, case):
    it = run(CASES[case](folder, "threads: 3"))
    it.forward()
    assert len(reading()) == 3
    run.made.clear()
    del it
    gc.collect()
    assert not reading()


def test_an_unforeseen_error_in_a_part_names_the_layer(run, monkeypatch):
    it = run(windows("threads: 4"))
    monkeypatch.setattr(WindowFiller, "warp", lambda *args, **kwargs: 1 / 0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError) as caught:
            it.forward()
        assert "during forward of layer 'it' (WindowData)" in caught.value.__notes__


def test_closing_does_not_wait_for_a_record_that_takes_long(run, folder, monkeypatch):
    it = run(images(folder, "list", "threads: 4"))
    gate = threading.Event()
    monkeypatch.setattr(ImageReader, "read", lambda *args: gate.wait(20))
    monkeypatch.setattr("minicaffe.data.prefetch.PATIENCE", 0.1)
    caught = []

    def forward():
        with pytest.raises(DataError) as info:
            it.forward()
        caught.append(str(info.value))

    taker = threading.Thread(target=forward, daemon=True)
    taker.start()
    while it.layer._prefetcher is None:
        time.sleep(0.001)
    begin = time.monotonic()
    it.layer.close()
    taker.join(5)
    assert time.monotonic() - begin < 1
    assert caught == ["prefetching has been closed"]
    gate.set()
