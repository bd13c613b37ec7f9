"""HDF5Data: the original's numbers, order, chance and resume, faults, and what it refuses."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from minicaffe.errors import BlobCountError, DataError, LayerConfigError
from minicaffe.proto.minicaffe_pb2 import TEST
from tests.data.hdf5_files import make_hdf5, make_list, numbered
from tests.layers.runs import GOLDEN, Runs, check_golden

SIZES = (4, 1, 6)
TOTAL = sum(SIZES)
NAMES = ("data", "label")


@pytest.fixture
def run(device):
    runs = Runs(device, "HDF5Data")

    def make(text, names=NAMES, **kwargs):
        return runs(text, names=names, tops=len(names), **kwargs)

    yield make
    runs.close()


@pytest.fixture
def files(tmp_path):
    """A list of three files of 4, 1 and 6 rows, numbered 0 to 10."""
    paths = []
    for index, (first, size) in enumerate(zip(np.cumsum((0, *SIZES)), SIZES, strict=False)):
        paths.append(make_hdf5(tmp_path / f"{index}.h5", **numbered(int(first), size)))
    return make_list(tmp_path / "list.txt", paths)


def text(source, more="", batch_size=3):
    return f'hdf5_data_param {{ source: "{source}" batch_size: {batch_size} {more} }}'


def labels(it, batches):
    return np.concatenate([it.forward()[1] for _ in range(batches)]).astype(int).tolist()


def test_golden(device, monkeypatch):
    monkeypatch.chdir(GOLDEN)
    check_golden(device, "hdf5_data")


def test_shapes_are_known_before_forward(run, files):
    assert [blob.shape for blob in run(text(files)).top] == [(3, 2, 3), (3,)]


@pytest.mark.parametrize("size", [1, 3, 4, 25])
def test_batches_run_across_files_and_round(run, files, size):
    it = run(text(files, batch_size=size))
    rows = numbered(0, TOTAL)["data"]
    for number in range(2 + 30 // size):
        data, label = it.forward()
        expected = [(size * number + i) % TOTAL for i in range(size)]
        assert label.tolist() == expected
        np.testing.assert_array_equal(data, rows[expected])


def test_a_top_is_the_dataset_of_its_name(run, files):
    it = run(text(files), names=("label",))
    (label,) = it.forward()
    assert label.tolist() == [0, 1, 2]


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8", "i1", "u2", "i8"])
def test_types(run, tmp_path, dtype):
    array = np.array([[1, 2, 3], [4, 5, 60]], dtype)
    source = make_list(tmp_path / "l", [make_hdf5(tmp_path / "a.h5", a=array)])
    (found,) = run(text(source, batch_size=2), names=("a",), dtype=np.float32).forward()
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, array.astype(np.float32))


def test_rows_of_one_size_and_two_shapes(run, tmp_path):
    one = make_hdf5(tmp_path / "1.h5", a=np.arange(6.0).reshape(1, 6))
    two = make_hdf5(tmp_path / "2.h5", a=np.arange(6.0, 12).reshape(1, 2, 3))
    source = make_list(tmp_path / "l", [one, two])
    (found,) = run(text(source, batch_size=2), names=("a",)).forward()
    np.testing.assert_array_equal(found, np.arange(12.0).reshape(2, 6))


def test_several_files_in_a_line_and_a_path_with_spaces(run, tmp_path, monkeypatch):
    for index, name in enumerate(["a.h5", "b.h5", "c d.h5"]):
        make_hdf5(tmp_path / name, **numbered(index, 1))
    (tmp_path / "l").write_text("a.h5 b.h5\r\n\n c d.h5\n")
    monkeypatch.chdir(tmp_path)
    assert labels(run(text("l")), 1) == [0, 1, 2]


def test_shuffles_files_and_rows_each_round_anew(run, files):
    found = labels(run(text(files, "shuffle: true")), TOTAL)  # three rounds
    rounds = [found[i : i + TOTAL] for i in range(0, 3 * TOTAL, TOTAL)]
    ends = np.cumsum(SIZES)
    orders = set()
    for each in rounds:
        assert sorted(each) == list(range(TOTAL))
        from_file = np.searchsorted(ends, each, "right")
        order = tuple(dict.fromkeys(from_file.tolist()))
        assert from_file.tolist() == [file for file in order for _ in range(SIZES[file])]
        orders.add(order)
    last = [[row for row in each if row >= ends[1]] for each in rounds]
    assert last[0] != last[1] != last[2]
    assert sorted(last[0]) != last[0]
    assert len(orders) > 1


def test_all_of_a_row_stays_together(run, files):
    data, label = run(text(files, "shuffle: true", batch_size=TOTAL)).forward()
    np.testing.assert_array_equal(data, numbered(0, TOTAL)["data"][label.astype(int)])


def test_the_order_is_the_seeds(run, files):
    shuffled = text(files, "shuffle: true")
    first, second, other = (run(shuffled, seed=seed) for seed in (5, 5, 6))
    order = labels(first, 9)
    assert labels(second, 9) == order
    assert labels(other, 9) != order


@pytest.mark.parametrize("more", ["", "shuffle: true"])
@pytest.mark.parametrize("done", [1, 6])
def test_resumes_to_the_bit(run, files, more, done):
    whole = run(text(files, more))
    labels(whole, done)
    position = json.loads(json.dumps(whole.layer.position()))
    rest = labels(whole, 9)
    resumed = run(text(files, more), seed=99)
    resumed.forward()
    resumed.layer.set_position(position)
    assert labels(resumed, 9) == rest


@pytest.mark.parametrize("more", ["", "shuffle: true"])
def test_ranks_share_the_rows(run, files, more):
    found = []
    for rank in range(3):
        it = run(text(files, more, batch_size=TOTAL))
        it.layer.shard(rank, 3)
        found.append(labels(it, 1))
    assert sorted(np.concatenate(found)) == sorted([*range(TOTAL)] * 3)
    if not more:
        assert found[1] == [(1 + 3 * i) % TOTAL for i in range(TOTAL)]


def test_a_test_net_reads_all_whatever_the_rank(run, files):
    it = run(text(files), phase=TEST)
    it.layer.shard(1, 2)
    assert labels(it, 1) == [0, 1, 2]


def test_forward_after_close_goes_on(run, files):
    it = run(text(files))
    it.forward()
    it.layer.close()
    assert labels(it, 1) == [3, 4, 5]


def test_backward_does_nothing(run, files):
    it = run(text(files))
    it.forward()
    it.layer.run_backward(it.top, [], [])


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("", "hdf5_data_param has no source, expected the path of a list of HDF5 files"),
        (text("@", batch_size=0), "batch_size is 0 or not given, expected at least 1"),
        (text("@") + "transform_param {}", "transform_param is given, .* does not transform data"),
        (text("@") + "data_param { prefetch: 0 }", "prefetch is 0, expected at least 1"),
    ],
)
def test_refuses(run, files, definition, message):
    with pytest.raises(LayerConfigError, match=rf"^layer 'it' \(HDF5Data\): {message}"):
        run(definition.replace("@", files))


def test_refuses_a_top_without_a_dataset(run, files):
    with pytest.raises(
        DataError,
        match=rf"^{files} \(line 1\): .*0.h5 has no dataset 'lable', .*; did you mean 'label'\?",
    ):
        run(text(files), names=("data", "lable"))


def test_refuses_no_tops(run, files):
    with pytest.raises(BlobCountError, match=r"0 top blob\(s\), expected at least 1"):
        run(text(files), names=())


LABELS = {"label": np.zeros(3)}


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"data": np.zeros((2, 2, 3)), **LABELS}, "dataset 'label' has 3 rows, expected 2 as 'dat"),
        (
            {"data": np.zeros((3, 2, 4)), **LABELS},
            r"a row of dataset 'data' is \(2, 4\), expected \(2, 3\) as in the first file",
        ),
        ({"data": np.zeros((0, 2, 3)), **LABELS}, "'data' has shape .*, expected at least one row"),
        ({"data": np.float32(3), **LABELS}, r"'data' has shape \(\), expected at least one row"),
        ({"data": np.full((3, 2, 3), b"x"), **LABELS}, "'data' holds .*, expected float, double"),
        ({"data/inner": np.zeros((3, 2, 3)), **LABELS}, "has no dataset 'data', expected"),
        (LABELS, "has no dataset 'data', expected .*; known: label"),
    ],
)
def test_refuses_datasets_that_do_not_fit(run, tmp_path, second, message):
    paths = [make_hdf5(tmp_path / "1.h5", **numbered(0, 3))]
    paths.append(make_hdf5(tmp_path / "2.h5", **second))
    source = make_list(tmp_path / "l", paths)
    with pytest.raises(DataError, match=rf"^{source} \(line 2\): {tmp_path}/2.h5:? .*{message}"):
        run(text(source))


def test_refuses_files_that_are_none(run, files, tmp_path):
    (tmp_path / "text.h5").write_text("hello")
    (tmp_path / "folder.h5").mkdir()
    for name, message in [
        ("text.h5", "is no HDF5 file, or is damaged"),
        ("folder.h5", "is a folder, expected an HDF5 file"),
        ("nowhere.h5", "is missing: no such file"),
    ]:
        source = make_list(tmp_path / "l", [tmp_path / "0.h5", tmp_path / name])
        with pytest.raises(DataError, match=rf"^{source} \(line 2\): {tmp_path}/{name} {message}"):
            run(text(source))


def test_refuses_sources_that_are_no_lists(run, files, tmp_path):
    (tmp_path / "empty").write_text(" \n")
    for name, message in [
        ("lst.txt", f"no such file: did you mean '{files}'?"),
        ("0.h5", "is an HDF5 file, expected a text file that lists such files"),
        ("empty", "the file is empty, expected HDF5 files, one a line"),
    ]:
        with pytest.raises(DataError) as caught:
            run(text(tmp_path / name))
        assert str(caught.value).startswith(f"{tmp_path / name}: {message}")


def test_a_file_that_goes_away_is_named_when_its_turn_comes(run, files, tmp_path):
    it = run(text(files))
    (tmp_path / "2.h5").unlink()
    it.forward()
    for _ in range(2):
        with pytest.raises(DataError, match=r"list.txt \(line 3\): .*2.h5 is missing"):
            it.forward()


def test_a_dataset_that_goes_away_is_named_when_its_turn_comes(run, files, tmp_path):
    it = run(text(files))
    with h5py.File(tmp_path / "0.h5", "a") as file:
        del file["label"]
    with pytest.raises(DataError, match=r"\(line 1\): .*0.h5: dataset 'label' cannot be read"):
        it.forward()
