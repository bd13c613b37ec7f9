"""What can be inspected: LMDB, LevelDB, lists; and what is none of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from minicaffe.data.entries import open_records
from minicaffe.data.inspection import inspect
from minicaffe.errors import DataError
from tests.data.databases import datum, make_lmdb, numbered


def look(name, **options):
    records = open_records(str(name))
    try:
        return inspect(records, **options)
    finally:
        records.close()


def jpeg(height=8, width=9):
    return cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8))[1].tobytes()


def test_a_list(tmp_path):
    (tmp_path / "0.jpg").write_bytes(jpeg())
    (tmp_path / "1.jpg").write_bytes(b"no image")
    lines = ["0.jpg 4", "1.jpg 2", "2.jpg 2", "0.jpg"]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    records = open_records(str(tmp_path / "list.txt"), f"{tmp_path}/")
    found = inspect(records)
    assert (found.kind, found.count, found.read) == ("list", 4, 4)
    assert found.forms == {"JPEG": 1, "encoded": 1}
    assert found.labels == {4: 1, 2: 1}
    keys, whys = zip(*found.broken, strict=True)
    assert keys == (f"line 2, {tmp_path}/1.jpg", f"line 3, {tmp_path}/2.jpg", "line 4")
    assert "no image that OpenCV can decode" in whys[0]
    assert whys[1] == "image cannot be read: No such file or directory"
    assert "expected an image's path" in whys[2]


def test_a_list_of_vectors(tmp_path):
    (tmp_path / "0.jpg").write_bytes(jpeg())
    (tmp_path / "list.txt").write_text("0.jpg 0.5 1\n0.jpg 3 4\n")
    found = inspect(open_records(str(tmp_path / "list.txt"), f"{tmp_path}/", 2))
    assert found.vectors == {2: 2}
    assert [each.mean for each in found.columns] == [1.75, 2.5]


def test_leveldb(tmp_path):
    plyvel = pytest.importorskip("plyvel")
    with plyvel.DB(str(tmp_path / "db"), create_if_missing=True) as database:
        database.put(b"k", datum(np.zeros((1, 2, 3), np.uint8), 5).SerializeToString())
    found = look(tmp_path / "db")
    assert (found.kind, found.shapes, found.labels) == ("LevelDB", {(1, 2, 3): 1}, {5: 1})


def test_refuses(tmp_path):
    make_lmdb(tmp_path / "some" / "train_lmdb", numbered(1))
    with pytest.raises(DataError, match=r"some: is a folder without .*mean '.*/some/train_lmdb'"):
        look(tmp_path / "some")
    with pytest.raises(DataError, match="no such database"):
        look(tmp_path / "none")
    with pytest.raises(DataError, match="is a file, expected the folder"):
        look(tmp_path / "some" / "train_lmdb" / "data.mdb")
