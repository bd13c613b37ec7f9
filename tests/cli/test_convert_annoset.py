"""``minicaffe convert_annoset``: what it makes, and refuses."""

from __future__ import annotations

from itertools import islice

import cv2
import numpy as np
import pytest

from minicaffe.cli.main import main
from minicaffe.data.lmdb_source import LmdbSource
from minicaffe.proto.minicaffe_pb2 import AnnotatedDatum

MAP = """item { name: "none_of_the_above" label: 0 display_name: "background" }
item { name: "cat" label: 8 } item { name: "dog" label: 12 display_name: "Dog" }"""
OBJECT = """<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax>
<ymax>{}</ymax></bndbox></object>"""


@pytest.fixture
def folder(tmp_path, rng):
    """Two images of 30 x 40 with annotations of all kinds, and lists of them."""
    boxes = [[("cat", 10, 3, 20, 15), ("dog", -5, 0, 20, 60), ("cat", 0, 0, 40, 30)], []]
    labels = {"cat": 8, "dog": 12}
    for n, own in enumerate(boxes):
        cv2.imwrite(str(tmp_path / f"{n}.png"), rng.integers(0, 256, (30, 40, 3)).astype(np.uint8))
        xml = "".join(OBJECT.format(*each) for each in own)
        size = "<size><width>40</width><height>30</height></size>"
        (tmp_path / f"{n}.xml").write_text(f"<annotation>{size}{xml}</annotation>")
        lines = (" ".join(map(str, (labels[name], *box))) for name, *box in own)
        (tmp_path / f"{n}.txt").write_text("\n".join(lines))
    for kind in ("xml", "txt"):
        (tmp_path / f"list_{kind}").write_text(f"0.png 0.{kind}\n1.png\t1.{kind}\n")
    (tmp_path / "map").write_text(MAP)
    return tmp_path


def run(folder, *flags, kind="xml"):
    argv = [f"--label_type={kind}", "--label_map_file", folder / "map", *flags]
    argv += [f"{folder}/", folder / f"list_{kind}", folder / "db"]
    return main(["convert_annoset", *map(str, argv)])


def read(folder):
    source = LmdbSource(str(folder / "db"))
    found = list(islice(source.records(0), len(source)))
    return [key for key, _ in found], [AnnotatedDatum.FromString(bytes(r)) for _, r in found]


def boxes(record):
    return [
        (group.group_label, each.instance_id, [round(v, 4) for v in (
            each.bbox.xmin, each.bbox.ymin, each.bbox.xmax, each.bbox.ymax)])
        for group in record.annotation_group
        for each in group.annotation
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["xml", "txt"])
@pytest.mark.parametrize("flags", [[], ["--resize_height=15", "--resize_width=50"]])
def test_by_hand(folder, kind, flags):
    assert run(folder, *flags, kind=kind) == 0
    keys, (first, second) = read(folder)
    assert keys == [b"00000000_0.png", b"00000001_1.png"]
    assert boxes(first) == [
        (8, 0, [0.25, 0.1, 0.5, 0.5]),
        (8, 1, [0, 0, 1, 1]),
        (12, 0, [0, 0, 0.5, 1]),
    ]
    assert boxes(second) == []
    assert (first.type, second.HasField("type")) == (AnnotatedDatum.BBOX, True)
    assert (first.datum.height, first.datum.width) == ((15, 50) if flags else (30, 40))
    assert first.datum.label == -1
    if not flags:
        pixels = cv2.imread(str(folder / "0.png")).transpose(2, 0, 1)
        assert first.datum.data == pixels.tobytes()


def test_boxes_are_shares_of_the_size_that_their_file_tells(folder, capsys):
    path = folder / "0.xml"
    path.write_text(path.read_text().replace("<width>40<", "<width>80<"))
    assert run(folder) == 0
    assert boxes(read(folder)[1][0])[0] == (8, 0, [0.125, 0.1, 0.25, 0.5])
    assert "is of an image 30 x 80, and 0.png is 30 x 40" in capsys.readouterr().err


def test_encoded_and_scaled(folder):
    assert run(folder, "--encoded", "--min_dim=15") == 0
    _, (first, _) = read(folder)
    assert cv2.imdecode(np.frombuffer(first.datum.data, np.uint8), 1).shape == (15, 20, 3)
    assert boxes(first)[0] == (8, 0, [0.25, 0.1, 0.5, 0.5])
    assert run(folder, "--encoded", "--min_dim=15", "--max_dim=10", "--force") == 0
    _, (first, _) = read(folder)
    assert cv2.imdecode(np.frombuffer(first.datum.data, np.uint8), 1).shape[1] == 10


def test_classification(folder):
    (folder / "list_xml").write_text("0.png 7\n1.png 3\n")
    assert run(folder, "--anno_type=classification", "--shuffle", "--seed=0") == 0
    _, records = read(folder)
    assert sorted(each.datum.label for each in records) == [3, 7]
    assert not records[0].HasField("type")


def test_what_is_bad_is_left_out_if_asked_for(folder, capsys):
    (folder / "0.xml").write_text("<annotation>")
    assert run(folder) == 1
    assert "0.xml: is no XML" in capsys.readouterr().err
    assert not (folder / "db").exists()
    assert run(folder, "--skip-bad") == 0
    assert len(read(folder)[0]) == 1


def test_a_box_that_is_none_is_left_out(folder, capsys):
    (folder / "0.txt").write_text("8 50 0 60 10\n8 0 0 10 10\n8 9 9 9 12\n")
    assert run(folder, kind="txt") == 0
    assert len(boxes(read(folder)[1][0])) == 1
    assert capsys.readouterr().err.count("is left out: nothing of it is seen") == 2


def test_refuses(folder, capsys):
    list_ = folder / "list_xml"
    argv = ["convert_annoset", f"{folder}/", str(list_), str(folder / "db")]
    assert main(argv) == 1
    assert "--label_map_file is not given" in capsys.readouterr().err
    (folder / "map").write_text(MAP + 'item { name: "cat" label: 9 }')
    assert run(folder, "--check_label") == 1
    assert "'cat' is found twice" in capsys.readouterr().err
    assert run(folder, "--resize_height=3") == 1
    assert "expected both or neither" in capsys.readouterr().err
    list_.write_text("0.png\n")
    assert run(folder) == 1
    assert "expected an image and its annotation" in capsys.readouterr().err
    cv2.imwrite(str(folder / "1.png"), np.zeros((5, 6, 3), np.uint8))
    list_.write_text("0.png 0.xml\n1.png 1.xml\n")
    assert run(folder, "--check_size") == 1
    assert "image is 3 x 5 x 6, expected 3 x 30 x 40" in capsys.readouterr().err
