"""RowFiller: any batch by its number, and when it stops."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.data.hdf5_source import Hdf5Files, RowFiller, Rows
from tests.data.hdf5_files import make_hdf5, make_list, numbered

SIZES = (3, 5, 1)


@pytest.fixture
def files(tmp_path):
    paths = []
    for index, (first, size) in enumerate(zip(np.cumsum((0, *SIZES)), SIZES, strict=False)):
        paths.append(make_hdf5(tmp_path / f"{index}.h5", **numbered(int(first), size)))
    return Hdf5Files(make_list(tmp_path / "list", paths), ["label", "data"])


def never():
    return False


def fill(filler, number, size=4):
    batch = Rows(size, [(), (2, 3)], np.float64)
    filler(batch, number, never)
    return batch.arrays[0].tolist()


def test_what_is_known_of_the_files(files):
    assert len(files) == 3
    assert files.rows.tolist() == [3, 5, 1]
    assert files.shapes == [(), (2, 3)]


@pytest.mark.parametrize("seed", [None, 8])
def test_any_batch_can_come_next(files, seed):
    straight = RowFiller(files, np.float64, seed=seed)
    expected = [fill(straight, number) for number in range(9)]
    assert sorted(sum(expected, [])) == sorted([*range(9)] * 4)  # noqa: RUF017  # 36 numbers
    jumping = RowFiller(files, np.float64, seed=seed)
    for number in (7, 0, 0, 8, 3, 2):
        assert fill(jumping, number) == expected[number]


def test_goes_on_after_close(files):
    filler = RowFiller(files, np.float64)
    fill(filler, 0)
    filler.close()
    assert fill(filler, 1) == [4, 5, 6, 7]


def test_stops_between_files(files):
    asked = iter([False, True])
    batch = Rows(4, [(), (2, 3)], np.float64)
    batch.arrays[0][:] = -1
    RowFiller(files, np.float64)(batch, 0, lambda: next(asked))
    assert batch.arrays[0].tolist() == [0, 1, 2, -1]


def test_a_file_is_read_once_a_round(files, monkeypatch):
    read = []
    original = Hdf5Files.read
    monkeypatch.setattr(
        Hdf5Files, "read", lambda self, *args: (read.append(args[0]), original(self, *args))[1]
    )
    filler = RowFiller(files, np.float64)
    for number in range(9):
        fill(filler, number, size=2)
    assert read == [0, 1, 2, 0, 1, 2]
