"""``minicaffe detect``: what it prints, draws and refuses."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from minicaffe.cli.main import main
from minicaffe.data.image_mean import write_mean
from minicaffe.net import Net
from minicaffe.proto.text import read_net
from minicaffe.weights import save_weights
from tests import box_net, linear_net
from tests.cli import tiny

NET = ["net.prototxt", "net.caffemodel"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    box_net.make(tmp_path)
    cv2.imwrite("a.png", box_net.image())
    cv2.imwrite("dark.png", box_net.image() * 0)
    (tmp_path / "map.prototxt").write_text('item { name: "n1" label: 1 display_name: "a face" }')
    (tmp_path / "pictures").mkdir()
    return tmp_path


def run(*argv):
    return main(["detect", *map(str, argv)])


def test_a_table_for_each_image(folder, capsys):
    assert run(*NET, "a.png", "dark.png", "--threshold", 0.25, "--labels", "map.prototxt") == 0
    assert capsys.readouterr().out.splitlines() == [
        "a.png: 2 boxes",
        "  label    score  xmin  ymin  xmax  ymax",
        "  a face  1.0000  30.0   0.0  60.0  20.0",
        "  a face  0.5000   0.0  20.0  30.0  40.0",
        "dark.png: no boxes",
    ]


def test_a_label_without_a_name_is_told_by_its_number(folder, capsys):
    assert run(*NET, "a.png", "--threshold", 0.75) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "a.png: 1 box"
    assert out[2].startswith("  label 1  1.0000")


def test_the_picture(folder):
    assert run(*NET, "a.png", "--draw", "out.png", "--threshold", 0.75) == 0
    before, after = cv2.imread("a.png"), cv2.imread("out.png")
    changed = (before != after).any(axis=2)
    assert changed[0, 30:].any()  # its upper side
    assert changed[5:20, 30].all()  # its left side
    assert not changed[:, :29].any()
    assert not changed[24:].any()


def test_several_pictures_go_into_a_folder(folder):
    assert run(*NET, "a.png", "dark.png", "--draw", "pictures") == 0
    assert sorted(path.name for path in (folder / "pictures").iterdir()) == ["a.png", "dark.png"]
    np.testing.assert_array_equal(cv2.imread("pictures/dark.png"), cv2.imread("dark.png"))
    assert run(*NET, "a.png", "--draw", "pictures") == 0


def test_gray(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    box_net.make(tmp_path, channels=1)
    cv2.imwrite("a.png", box_net.image()[..., 0])
    assert run(*NET, "a.png", "--draw", "out.jpg") == 0
    assert capsys.readouterr().out.startswith("a.png: 2 boxes\n")
    assert cv2.imread("out.jpg").shape == (40, 60, 3)


@pytest.mark.parametrize(
    ("flags", "scores"),
    [
        ([], ["1.0000", "0.5000"]),
        (["--rgb"], ["1.0000", "0.2500"]),
        (["--mean", "51,0,0", "--threshold", "0.3"], ["0.9000", "0.4000"]),
        (["--mean", "51,0,0", "--scale", "0.5"], ["0.4500", "0.2000"]),
        (["--mean", "mean.binaryproto"], ["0.9000", "0.4000"]),
        (["--mean_file", "mean.npy"], ["0.9000", "0.4000"]),
        (["--scale=0.5"], ["0.5000", "0.2500"]),
    ],
)
def test_how_images_are_prepared(folder, capsys, flags, scores):
    mean = np.zeros((3, 4, 5), np.float32)
    mean[0] = 51
    write_mean("mean.binaryproto", mean)
    np.save("mean.npy", mean[:, 0, 0])
    assert run(*NET, "a.png", "--threshold", "0.125", *flags) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    assert [line.split()[2] for line in lines] == scores


def test_as_the_definition_says_unless_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    box_net.make(tmp_path, more="transform_param { mean_value: 51 mean_value: 0 mean_value: 0 }")
    cv2.imwrite("a.png", box_net.image())
    assert run(*NET, "a.png", "--threshold", "0.6") == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[2].split()[2] == "0.9000"
    assert "Images as the definition's layer 'found' says: mean 51, 0, 0, scale 1" in tiny.messages(
        err
    )
    assert run(*NET, "a.png", "--threshold", "0.6", "--mean", "0") == 0
    assert capsys.readouterr().out.splitlines()[2].split()[2] == "1.0000"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["lost.prototxt", "net.caffemodel", "a.png"], "lost.prototxt: no such file"),
        (["net.prototxt", "lost.caffemodel", "a.png"], "lost.caffemodel: no such file"),
        ([*NET, "lost.png"], "lost.png: image cannot be read: No such file"),
        ([*NET, "a.png", "lost.png"], "lost.png: image cannot be read"),
        ([*NET, "net.prototxt"], "are no image that OpenCV can decode"),
        ([*NET, "pictures"], "pictures: is a folder, expected an image file"),
        ([*NET, "a.png", "--labels", "lost.prototxt"], "lost.prototxt: no such file"),
        ([*NET, "a.png", "--mean", "lost.npy"], "lost.npy: mean cannot be read"),
        ([*NET, "a.png", "--mean", "1,2"], "mean has 2 numbers, expected 3"),
        ([*NET, "a.png", "--mean", "1,nan,2"], "1,nan,2: is no mean, expected finite numbers"),
        ([*NET, "a.png", "--draw", "a.png"], "--draw a.png would write over the image a.png"),
        ([*NET, "a.png", "dark.png", "--draw", "."], "--draw . would write over the image a.png"),
        ([*NET, "a.png", "--draw", "pictures/../a.png"], "would write over the image a.png"),
        ([*NET, "a.png", "--draw", "no/out.png"], "cannot write no/out.png: no is no folder"),
        ([*NET, "a.png", "--draw", "out.txt"], "cannot write out.txt: its ending is no kind of"),
        ([*NET, "a.png", "--draw", "out"], "cannot write out: its ending is no kind of image"),
        ([*NET, "a.png", "dark.png", "--draw", "o.png"], "is no folder to write to (several imag"),
        ([*NET, "a.png", "./a.png", "--draw", "pictures"], "write one picture over another"),
        (["net.caffemodel", "net.caffemodel", "a.png"], "is a binary file, expected a definition"),
    ],
)
def test_what_it_refuses(folder, capsys, argv, message):
    assert run(*argv) == 1
    out, err = capsys.readouterr()
    (line,) = (each for each in err.splitlines() if "error: " in each)
    assert message in line
    assert out == ""  # not the boxes of the images before
    assert list((folder / "pictures").iterdir()) == []


def test_a_net_that_finds_no_boxes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    linear_net.make(tmp_path, (2, 3, 4, 5))
    cv2.imwrite("a.png", box_net.image())
    assert run(*NET, "a.png") == 1
    assert "the net's outputs are scores (2, 4), expected one of shape" in capsys.readouterr().err


YOLO = """
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 2 dim: 2 } } }
layer { name: "told" type: "Convolution" bottom: "data" top: "told"
  convolution_param { num_output: 6 kernel_size: 1 bias_term: false } }
layer { name: "found" type: "YoloDetectionOutput" bottom: "told" top: "found"
  yolo_detection_output_param { num_classes: 1 num_box: 1 biases: 1 biases: 1 } }
"""


def test_the_rows_of_yolo(folder, capsys):
    """Weights of 0: in each cell a box as large as its anchor, the cell, of a score of a half."""
    (folder / "yolo.prototxt").write_text(YOLO)
    save_weights(Net(read_net("yolo.prototxt")), folder / "yolo.caffemodel")
    assert run("yolo.prototxt", "yolo.caffemodel", "a.png", "--threshold", "0.4") == 0
    head, _, *lines = capsys.readouterr().out.splitlines()
    assert head == "a.png: 4 boxes"
    corners = sorted(tuple(map(float, line.split()[3:])) for line in lines)
    assert corners == [(0, 0, 30, 20), (0, 20, 30, 40), (30, 0, 60, 20), (30, 20, 60, 40)]
    assert {line.split()[2] for line in lines} == {"0.5000"}


def test_weights_of_another_net(folder, capsys):
    text = (folder / "net.prototxt").read_text()
    (folder / "other.prototxt").write_text(text.replace('"score" type', '"renamed" type'))
    assert run("other.prototxt", "net.caffemodel", "a.png") == 1
    assert "net.caffemodel: has no weights for any of the net's 1 layers" in capsys.readouterr().err


def test_weights_that_lack_a_layer(folder, capsys):
    text = (folder / "net.prototxt").read_text()
    scale = 'layer { name: "scale" type: "Scale" bottom: "score" top: "score" }\n'
    before, name, after = text.partition('layer {\n  name: "order"')
    (folder / "other.prototxt").write_text(before + scale + name + after)
    assert run("other.prototxt", "net.caffemodel", "a.png", "--quiet") == 0
    out, err = capsys.readouterr()
    assert out.startswith("a.png: 2 boxes")
    assert "net.caffemodel has no weights for 'scale'" in err


@pytest.mark.parametrize("value", ["2", "-0.1", "much", "nan"])
def test_a_threshold_that_is_none(folder, capsys, value):
    with pytest.raises(SystemExit):
        run(*NET, "a.png", f"--threshold={value}")
    assert "expected a number from 0 to 1" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["0", "nan", "inf", "much"])
def test_a_scale_that_is_none(folder, capsys, value):
    with pytest.raises(SystemExit):
        run(*NET, "a.png", f"--scale={value}")
    assert "expected a finite number other than 0" in capsys.readouterr().err


def test_a_picture_of_before_is_written_over(folder):
    for _ in range(2):
        assert run(*NET, "a.png", "--draw", "out.png") == 0
