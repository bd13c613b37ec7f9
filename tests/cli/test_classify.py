"""``minicaffe classify``: what it prints, writes and refuses."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from minicaffe.cli.main import main
from minicaffe.data.image_mean import write_mean
from minicaffe.io import load_image, oversample, resize_image
from minicaffe.pycaffe import mode
from tests import linear_net
from tests.cli import tiny

NET = ["--model_def", "net.prototxt", "--pretrained_model", "net.caffemodel"]
SMALL = ["--images_dim", "6,7"]


@pytest.fixture
def scores(tmp_path, monkeypatch, rng):
    """A net, and four images in ``photos``; what the net makes of an array (N, H, W, 3)."""
    monkeypatch.chdir(tmp_path)
    _, _, linear = linear_net.make(tmp_path, (2, 3, 4, 5))
    (tmp_path / "photos").mkdir()
    for name in ("b.png", "a.png", "c.PNG", "d.jpg"):
        cv2.imwrite(str(tmp_path / "photos" / name), rng.integers(0, 256, (9, 8, 3), np.uint8))
    return lambda x: linear((x[..., ::-1] * 255.0).transpose(0, 3, 1, 2))


def run(*argv):
    return main(["classify", *map(str, argv)])


def crops(name):
    return oversample([resize_image(load_image(f"photos/{name}"), (6, 7))], (4, 5))


def test_the_best_classes_of_an_image(scores, capsys):
    assert run("photos/a.png", *NET, *SMALL) == 0
    expected = scores(crops("a.png")).mean(0)
    head, *lines = capsys.readouterr().out.splitlines()
    assert head == "---------- Prediction for photos/a.png ----------"
    order = np.argsort(-expected)
    assert [line.split(" - ")[1] for line in lines] == [f'"class {index}"' for index in order]
    np.testing.assert_allclose(
        [float(line.split(" - ")[0]) for line in lines], expected[order], rtol=1e-4
    )


def test_names_of_the_classes(scores, tmp_path, capsys):
    (tmp_path / "names.txt").write_text("n01 tench, fish\nn02 shark\nn03 ray\nn04 cock\n")
    assert run("photos/a.png", *NET, *SMALL, "--labels", "names.txt") == 0
    best = scores(crops("a.png")).mean(0).argmax()
    line = capsys.readouterr().out.splitlines()[1]
    assert line.endswith(["n01 tench, fish", "n02 shark", "n03 ray", "n04 cock"][best] + '"')


def test_the_images_of_a_folder(scores, capsys):
    assert run("photos", "out", *NET, *SMALL, "--ext", "png") == 0
    result = np.load("out.npy")
    names = ["a.png", "b.png", "c.PNG"]
    np.testing.assert_allclose(result, [scores(crops(name)).mean(0) for name in names], rtol=1e-3)
    out, err = capsys.readouterr()
    assert out == ""
    said = tiny.messages(err)
    assert said[0] == "Loading folder: photos"
    assert "Classifying 3 inputs." in said
    assert said[-1] == "Saving results into out.npy"


@pytest.mark.parametrize("name", ["out", "out.npy"])
def test_a_file_of_arrays(scores, rng, name):
    images = rng.random((3, 6, 7, 3)).astype(np.float32)
    np.save("in.npy", images)
    assert run("in.npy", name, *NET, *SMALL, "--center_only") == 0
    np.testing.assert_allclose(np.load("out.npy"), scores(images[:, 1:5, 1:6]), rtol=1e-3)


def test_a_file_of_one_array(scores, rng, capsys):
    np.save("in.npy", rng.random((6, 7, 3)))
    assert run("in.npy", *NET, *SMALL) == 0
    assert "Prediction for in.npy [0] " in capsys.readouterr().out


@pytest.mark.parametrize("name", ["mean.npy", "mean.binaryproto"])
def test_a_mean_and_scales(scores, tmp_path, rng, name):
    """The mean of each channel, also of an image as large as the input."""
    mean = rng.random((3, 4, 5)).astype(np.float32)
    np.save(name, mean) if name.endswith("npy") else write_mean(name, mean)
    np.save("in.npy", images := rng.random((2, 4, 5, 3)).astype(np.float32))
    flags = ["--raw_scale", 2, "--input_scale", 3, "--mean_file", name, "--channel_swap", "1,2,0"]
    assert run("in.npy", "out", *NET, "--images_dim", "4,5", *flags, "--center_only") == 0
    x = (images[..., [1, 2, 0]] * 2 - mean.mean((1, 2))) * 3
    np.testing.assert_allclose(np.load("out.npy"), scores(x[..., ::-1] / 255), rtol=1e-3)


def test_as_in_training(scores, tmp_path, rng):
    (tmp_path / "train.prototxt").write_text(
        'layer { name: "d" type: "Data" top: "d" transform_param { scale: 0.5 mean_value: 9 } }'
    )
    np.save("in.npy", images := rng.random((2, 4, 5, 3)))
    flags = ["--images_dim", "4,5", "--train_def", "train.prototxt", "--center_only"]
    assert run("in.npy", "out", *NET, *flags) == 0
    expected = scores((images - 9 / 255) * 0.5)
    np.testing.assert_allclose(np.load("out.npy"), expected, rtol=1e-3)


def test_channels_as_they_are(scores, rng):
    np.save("in.npy", images := rng.random((2, 4, 5, 3)))
    for given, order in [("", [0, 1, 2]), ("2,1,0", [2, 1, 0])]:
        flags = ["--images_dim", "4,5", "--channel_swap", given, "--center_only"]
        assert run("in.npy", "out", *NET, *flags) == 0
        expected = scores(images[..., order][..., ::-1])
        np.testing.assert_allclose(np.load("out.npy"), expected, rtol=1e-3)


def test_a_gray_net(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    _, _, scores = linear_net.make(tmp_path, (2, 1, 4, 5))
    cv2.imwrite("a.png", rng.integers(0, 256, (4, 5, 3), np.uint8))
    assert run("a.png", "out", *NET, "--images_dim", "4,5", "--center_only") == 0
    gray = load_image("a.png", color=False).transpose(2, 0, 1)[np.newaxis] * 255.0
    np.testing.assert_allclose(np.load("out.npy"), scores(gray), rtol=1e-4)


def test_flags_with_one_dash_and_short_names(scores):
    flags = ["-model", "net.prototxt", "-weights=net.caffemodel", "-images_dim=6,7"]
    assert run("photos/a.png", "out", *flags) == 0
    np.testing.assert_allclose(np.load("out.npy")[0], scores(crops("a.png")).mean(0), rtol=1e-3)


def test_the_mode_stays(scores):
    before = mode.device()
    assert run("photos/a.png", *NET, *SMALL) == 0
    assert mode.device() is before


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["lost.png"], "lost.png: image cannot be read: No such file"),
        (["net.prototxt"], "are no image that OpenCV can decode"),
        (["lost.npy"], "lost.npy: cannot be read"),
        (["flat.npy"], "flat.npy: holds an array of shape (3,), expected (N, H, W, K)"),
        (["photos", "--ext", "gif"], "photos: has no file *.gif: --ext says which"),
        (["photos/a.png", "no/where.npy"], "cannot write no/where.npy: no is no folder"),
        (["photos/a.png", "--labels", "two.txt"], "two.txt: names 2 classes, expected 4, as the"),
        (["photos/a.png", "--labels", "lost.txt"], "lost.txt: no such file"),
        (["photos/a.png", "--mean_file", "lost.npy"], "lost.npy: mean cannot be read"),
        (["photos/a.png", "--channel_swap", "1,0"], "Channel swap needs to have the same number"),
        (["photos/a.png", "--train_def", "x", "--raw_scale", "2"], "--train_def and --raw_scale"),
        (["photos/a.png", "--train_def", "net.prototxt"], "has no layer with a transform_param"),
        (["photos/a.png", "--images_dim", "3,9"], "crops are 4 x 5, expected at most 3 x 9"),
        (["--gpu", "1", "photos/a.png"], "--gpu takes no number, as in classify.py"),
        (["photos/a.png", "--gpu", "--device_id", "99"], "-gpu 99: "),
        (["photos/a.png", "--model_def", "lost.prototxt"], "lost.prototxt"),
    ],
)
def test_refuses(scores, tmp_path, argv, message, capsys):
    np.save("flat.npy", np.zeros(3))
    (tmp_path / "two.txt").write_text("one\ntwo\n")
    before = sorted(tmp_path.rglob("*"))
    assert run(*NET, *argv) == 1
    out, err = capsys.readouterr()
    assert message in err.splitlines()[-1]
    assert out == ""
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["photos/a.png", "--images_dim", "6"],
        ["photos/a.png", "--images_dim", "6,x"],
        ["photos/a.png", "--images_dim", "0,6"],
        ["photos/a.png", "--channel_swap", "rgb"],
        ["photos/a.png", "--device_id", "-1"],
    ],
)
def test_refuses_the_command_line(scores, argv, capsys):
    with pytest.raises(SystemExit) as caught:
        run(*NET, *argv)
    assert caught.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("missing", ["--model_def", "--pretrained_model"])
def test_the_net_has_to_be_named(scores, missing, capsys):
    at = NET.index(missing)
    with pytest.raises(SystemExit):
        run("photos/a.png", *NET[:at], *NET[at + 2 :])
    assert missing in capsys.readouterr().err
