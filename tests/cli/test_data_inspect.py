"""``minicaffe data inspect``: its screen, its JSON, its picture, its exit code."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from minicaffe.cli.main import main
from minicaffe.data.lmdb_writer import write_lmdb
from tests.data.databases import datum, make_lmdb, numbered


def inspect(*argv):
    return main(["data", "inspect", *map(str, argv)])


def flat(*labels, shape=(1, 4, 5)):
    """A Datum for each label, all pixels 10 times that."""
    return [datum(np.full(shape, 10 * label % 256, np.uint8), label) for label in labels]


def test_the_screen(tmp_path, capsys):
    name = make_lmdb(tmp_path / "db", flat(0, 1, 1, 1, 1, 3))
    assert inspect(name) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        f"{name}: LMDB, 6 records",
        "read      6 records, 180 B",
        "keys      00000000 to 00000005",
        "images    raw",
        "shape     1 x 4 x 5",
        "broken    none",
        "",
        "channel  min  max     mean      std",
        "      0    0   30  11.6667  8.97527",
        "",
        "labels    3 different, 0 to 3; none has 2",
        "label    records   share",
        "    0          1   16.7%  ██████████",
        "    1          4   66.7%  ████████████████████████████████████████",
        "    3          1   16.7%  ██████████",
    ]
    assert err == ""


def test_many_labels_and_shapes(tmp_path, capsys):
    made = flat(*reversed(range(100, 130)), *[105] * 3)
    made += [each for i in range(12) for each in flat(7, shape=(1, 4, 6 + i))]
    assert inspect(make_lmdb(tmp_path / "db", made)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "shapes    13 different: 1 x 4 x 5 to 17" in lines
    assert "                 33  1 x 4 x 5" in lines
    assert "          ... 3 more" in lines
    assert "labels    31 different, 7 to 129" in lines
    start = lines.index("the most frequent:")
    assert [line.split()[:2] for line in lines[start + 2 : start + 5]] == [
        ["7", "12"],
        ["105", "4"],
        ["100", "1"],
    ]
    assert lines[-1] == "... 11 more labels, of 1 to 1 records"
    assert len(lines[start:]) == 23


def test_vectors_and_odd_numbers(tmp_path, capsys):
    made = [datum(np.full((2, 1, 2), value, np.float32)) for value in (0.5, 1.5, np.nan)]
    for index, each in enumerate(made):
        each.float_label.extend([index, 0.25])
    assert inspect(make_lmdb(tmp_path / "db", made)) == 0
    out = capsys.readouterr().out
    assert "images    raw float\n" in out
    assert "      0  0.5  1.5     1  0.5  2 NaN or infinite\n" in out
    assert "labels    vectors: 3 of 2 values\n" in out
    assert "    1  0.25  0.25  0.25         0\n" in out


def test_what_is_broken(tmp_path, capsys):
    made = [*numbered(3), *[b"\xff"] * 25]
    assert inspect(make_lmdb(tmp_path / "db", made), "--json", tmp_path / "out.json") == 1
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("BROKEN    25 of 28 records:")
    assert lines[start + 1] == "          00000003: 1 bytes that are no Datum: damaged?"
    assert lines[start + 21] == "          ... 5 more"
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["broken"] == 25
    assert report["broken_records"][24]["key"] == "00000027"


def test_json_alone(tmp_path, capsys):
    name = make_lmdb(tmp_path / "db", flat(2, 3))
    assert inspect(name, "--json", "-", "--limit", 1) == 0
    report = json.loads(capsys.readouterr().out)
    channel = {"count": 20, "min": 20.0, "max": 20.0, "mean": 20.0, "std": 0.0, "not_finite": 0}
    assert report == {
        "source": name,
        "kind": "LMDB",
        "records": 2,
        "read": 1,
        "bytes": 30,
        "keys": ["00000000", "00000000"],
        "formats": {"raw": 1},
        "shapes": [{"shape": [1, 4, 5], "count": 1}],
        "decoded": 1,
        "pixels_of": 1,
        "channels": [channel],
        "labels": {"2": 1},
        "label_vectors": {},
        "label_columns": [],
        "broken": 0,
        "broken_records": [],
        "stopped": None,
    }


@pytest.mark.parametrize(
    ("key", "flags", "first"),
    [("%05d", [], "red"), ("%08d_a.png", [], "blue"), ("%08d", ["--order", "rgb"], "red")],
)
def test_a_picture(tmp_path, capsys, key, flags, first):
    """The first channel is red where convert_cifar_data has written it, or a flag says so."""
    pixels = np.zeros((3, 32, 32), np.uint8)
    pixels[0] = 200
    records = [((key % i).encode(), datum(pixels, i).SerializeToString()) for i in range(3)]
    write_lmdb(tmp_path / "db", records)
    sheet = tmp_path / "sheet.png"
    assert inspect(tmp_path / "db", "--sheet", sheet, "--rows", 2, *flags) == 0
    assert f"sheet     {sheet}, raw channels {first}, green" in capsys.readouterr().out
    picture = cv2.imread(str(sheet))
    assert (picture == [0, 0, 200][:: 1 if first == "red" else -1]).all(-1).sum() == 2 * 96 * 96


def test_refuses(tmp_path, capsys):
    name = make_lmdb(tmp_path / "db", flat(1))
    assert inspect(tmp_path / "no") == 1
    assert "no such database" in capsys.readouterr().err
    assert inspect(name, "--sheet", tmp_path / "no" / "sheet.png") == 1
    assert "no folder" in capsys.readouterr().err
    assert inspect(name, "--json", tmp_path / "no" / "out.json") == 1
    assert "cannot write" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        inspect(name, "--limit", "0")


def test_a_list(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("0.png", np.zeros((6, 7, 3), np.uint8))
    (tmp_path / "list.txt").write_text("0.png 0.5 1\n1.png 0 0\n")
    assert inspect("list.txt", "--label-dim", 2) == 1
    out = capsys.readouterr().out
    assert "list.txt: list, 2 records" in out
    assert "line 2, 1.png: image cannot be read: No such file or directory" in out
    assert "labels    vectors: 1 of 2 values" in out
