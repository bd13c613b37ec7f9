"""``minicaffe compute_image_mean``: its file, its lines, and what it refuses."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from minicaffe.cli.main import main
from minicaffe.data.transformer import read_mean
from tests.cli import tiny
from tests.data.databases import datum, encoded, make_lmdb, numbered

GOLDEN = Path(__file__).parents[1] / "golden" / "data"
MEANS = ["133.814", "119", "123.914"]


def run(*argv):
    return main(["compute_image_mean", *map(str, argv)])


@pytest.mark.parametrize("argv", [[], ["-backend", "lmdb"], ["--threads=2"]])
@pytest.mark.parametrize("database", ["db.lmdb", "db_encoded.lmdb"])
def test_file_and_log_are_those_of_the_original(tmp_path, database, argv, capsys):
    assert run(*argv, GOLDEN / database, tmp_path / "mean") == 0
    assert (tmp_path / "mean").read_bytes() == (GOLDEN / "mean.binaryproto").read_bytes()
    out, err = capsys.readouterr()
    assert out == ""
    assert [tiny.LINE.fullmatch(line).groups() for line in err.splitlines()] == [
        ("compute_image_mean.cpp:70", "Starting iteration"),
        ("compute_image_mean.cpp:101", "Processed 7 files."),
        ("compute_image_mean.cpp:108", f"Write to {tmp_path}/mean"),
        ("compute_image_mean.cpp:114", "Number of channels: 3"),
        *(
            ("compute_image_mean.cpp:119", f"mean_value channel [{i}]: {mean}")
            for i, mean in enumerate(MEANS)
        ),
    ]


def test_without_a_file_the_means_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(GOLDEN / "db.lmdb") == 0
    assert f"mean_value channel [1]: {MEANS[1]}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_leveldb_need_not_be_named(tmp_path, rng):
    plyvel = pytest.importorskip("plyvel")
    images = rng.integers(0, 256, (5, 2, 3, 4)).astype(np.uint8)
    with plyvel.DB(str(tmp_path / "db"), create_if_missing=True) as database:
        for index, image in enumerate(images):
            database.put(b"%08d" % index, datum(image).SerializeToString())
    for argv in ([], ["--backend=leveldb"]):
        assert run(tmp_path / "db", tmp_path / "mean", *argv) == 0
        expected = images.mean(axis=0).astype(np.float32)
        np.testing.assert_array_equal(read_mean(str(tmp_path / "mean")), expected)


@pytest.fixture
def bad(tmp_path):
    """Three good records, and between them two that are none."""
    good = numbered(3)
    records = [good[0], b"\xff", good[1], encoded(b"\x89PNG, but no more"), good[2]]
    return make_lmdb(tmp_path / "db", records)


def test_a_bad_record(tmp_path, bad, capsys):
    assert run(bad, tmp_path / "mean") == 1
    assert f"error: {bad} (00000001): 1 bytes that are no Datum" in capsys.readouterr().err
    assert not (tmp_path / "mean").exists()


def test_skip_bad(tmp_path, bad, capsys):
    assert run(bad, tmp_path / "mean", "--skip_bad") == 0
    found = tiny.messages(capsys.readouterr().err)
    assert f"skipped {bad} (00000001): " in found[1]
    assert f"skipped {bad} (00000003): " in found[2]
    assert found[3:5] == ["Processed 3 files.", "Skipped 2 of 5 images, see above"]
    pixels = [np.frombuffer(each.data, np.uint8).reshape(2, 3, 4) for each in numbered(3)]
    np.testing.assert_array_equal(
        read_mean(str(tmp_path / "mean")), np.mean(pixels, axis=0).astype(np.float32)
    )


@pytest.mark.parametrize("argv", [[], ["--skip_bad"]])
def test_another_size_is_never_skipped(tmp_path, argv, capsys):
    name = make_lmdb(tmp_path / "db", [*numbered(2, (2, 3, 4)), *numbered(1, (2, 3, 5))])
    assert run(name, tmp_path / "mean", *argv) == 1
    expected = f"{name} (00000002): image is 2 x 3 x 5, expected 2 x 3 x 4 as of 00000000"
    assert expected in capsys.readouterr().err


def test_a_truncated_database(tmp_path, capsys):
    shutil.copytree(GOLDEN / "db.lmdb", tmp_path / "db")
    (tmp_path / "db" / "data.mdb").write_bytes((tmp_path / "db" / "data.mdb").read_bytes()[:9000])
    assert run(tmp_path / "db") == 1
    assert "cut short" in capsys.readouterr().err


def test_a_missing_database(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("lost_db") == 1
    assert "lost_db: no such database, looked for in" in capsys.readouterr().err


def test_needs_a_database(capsys):
    with pytest.raises(SystemExit) as caught:
        run()
    assert caught.value.code == 2
    assert "INPUT_DB" in capsys.readouterr().err
