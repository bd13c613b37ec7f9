"""Every script of examples/, run as its README says, with fewer iterations; at length when slow."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

pytestmark = pytest.mark.skipif(
    not (EXAMPLES / "common.py").exists(), reason="needs a checkout, not a wheel"
)


@pytest.fixture
def run(tmp_path):
    """Runs a script in an empty folder; returns what it prints, and the folder it writes to."""

    def run(name, **options):
        flags = [f"--{flag}={value}" for flag, value in options.items()]
        before = tree()
        result = subprocess.run(
            [sys.executable, "-m", "minicaffe.run", str(EXAMPLES / f"{name}.py"), *flags],
            cwd=tmp_path,
            env={key: value for key, value in os.environ.items() if key != "GLOG_minloglevel"},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert result.returncode == 0, result.stderr
        assert os.listdir(tmp_path) == ["out"]
        assert tree() == before
        return result.stdout, tmp_path / "out" / Path(name).parent

    return run


def tree():
    """Every file of examples/ that is not a compiled module, and its size."""
    files = [path for path in EXAMPLES.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {path: path.stat().st_size for path in files}


def number(text, before):
    """The number that follows the pattern ``before`` in ``text`` for the last time."""
    return float(re.findall(rf"{before}\s*([\d.e+-]+\d)", text)[-1])


def shape(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED).shape


def test_classification(run):
    text, out = run("classification/classify", repeat=3)
    lines = re.findall(r"^  (\S+) (\w+)$", text, re.MULTILINE)
    assert [name for _, name in lines] == ["cat", "dog", "frog", "automobile", "bird"]
    assert [float(p) for p, _ in lines[:2]] == pytest.approx([0.632, 0.362], abs=2e-3)
    assert "airplane is taken for ship\n9 of 10 right" in text
    assert number(text, r"(?m)^(?=\d.* ms for one)") > 0
    assert shape(out / "filters.png") == (36, 36, 3)  # 32 filters of 5 x 5, in colour
    assert shape(out / "conv1.png") == (198, 198)
    assert shape(out / "pool3.png") == (40, 40)


def test_classification_of_a_picture_of_ones_own(run):
    frog = EXAMPLES / "classification" / "images" / "frog.png"
    text, _ = run("classification/classify", repeat=1, image=frog)
    assert re.search(r"frog.png:\n  0.9\d+ frog", text)


def test_learning_lenet(run):
    text, out = run("learning_lenet/learn", iterations=100, every=50, images=6400)
    assert "first labels: [5 0 4 1 9 2 1 3]" in text
    assert number(text, "\ntest accuracy") > 0.85
    with open(out / "curves.csv") as file:
        rows = [[float(value) for value in row] for row in list(csv.reader(file))[1:]]
    assert [row[0] for row in rows] == list(range(2, 101))  # one step comes before
    assert rows[0][1] == pytest.approx(2.303, abs=0.3)  # ln 10: nothing learned yet
    assert sum(row[1] for row in rows[-10:]) < 6
    assert [row[0] for row in rows if row[2] == row[2]] == [50, 100]
    assert shape(out / "first.png") == (87, 87)
    assert shape(out / "gradients.png") == (30, 30)


def test_logistic_regression(run):
    text, _ = run("logistic_regression/compare", iterations=1000)
    plane = number(text, "regression: accuracy")
    assert 0.88 < plane < 0.93  # least squares get no further either
    assert number(text, "two_layers: accuracy") > plane + 0.04


def test_net_surgery(run):
    text, out = run("net_surgery/surgery", rows=2, columns=3)
    assert number(text, "as it is:") == 0
    assert "ip1: (500, 800) -> (500, 50, 4, 4)" in text
    assert "page (80, 120), read at 14 x 24 places" in text
    assert number(text, "336 windows one by one:") < 1e-5
    assert "6 of 6 digits right" in text
    assert shape(out / "filtered.png") == (80, 360)
    assert shape(out / "heat.png") == (80, 120, 3)


def test_siamese(run):
    text, out = run("siamese/siamese", iterations=150, pairs=6400)
    assert "one set of parameters: True" in text
    assert "the same weights in both branches: True" in text
    assert number(text, "plane: accuracy") > 0.4  # 0.15 with the first weights
    assert number(text, "100: loss") < 0.12
    assert shape(out / "embedding.png") == (512, 512, 3)


def test_binary_codes(run):
    text, _ = run("binary_codes/codes", iterations=150, images=9600)
    for name in ("ramp", "tanh", "sign"):
        assert number(text, f"{name}: accuracy") > 0.7  # of real bits; 0.1 by chance


def test_multilabel(run):
    text, _ = run("multilabel/multilabel", iterations=100)
    no = number(text, "no always")
    assert no == pytest.approx(0.81, abs=0.01)  # two of ten are there, one where they are equal
    assert number(text, "\naccuracy") > no + 0.06


def test_multilabel_data_are_the_same_without_a_thread(run):
    ahead, _ = run("multilabel/multilabel", iterations=10, prefetch=2)
    assert run("multilabel/multilabel", iterations=10, prefetch=0)[0] == ahead


def test_fine_tuning(run):
    text, _ = run("fine_tuning/finetune", iterations=60)
    scratch = number(text, "scratch: accuracy")
    assert 0.6 < scratch < 0.85
    assert number(text, "finetuned: accuracy") > scratch + 0.05
    assert number(text, "last_layer: accuracy") > scratch + 0.05


def test_face_detection(run):
    """Boxes within 3 pixels of those that the pictures' faces were seen in."""
    text, out = run("face_detection/mtcnn")
    faces = re.findall(r"^  (\S+) x (\d+)\.\.(\d+) y (\d+)\.\.(\d+)$", text, re.MULTILINE)
    assert "test1.jpg: 2 face(s)" in text
    assert "test2.jpg: 1 face(s)" in text
    assert min(float(score) for score, *_ in faces) > 0.999
    right = [[88, 149, 19, 101], [193, 341, 77, 270], [297, 359, 90, 168]]
    found = sorted([int(side) for side in box] for _, *box in faces)
    assert np.abs(np.array(found) - right).max() <= 3
    assert shape(out / "test1.png") == (344, 450, 3)


def test_faster_rcnn(run):
    text, out = run("faster_rcnn/shapes", iterations=250, pictures=20)
    assert number(text, "250: rpn_loss") < 0.25  # 0.69 with the first weights
    assert number(text, "proposals:") < 0.75
    assert number(text, "untrained,") > 0.9
    assert number(text, "mean average precision:") > 0.2
    assert shape(out / "found.png") == (576, 768, 3)


def test_no_face(run, tmp_path_factory):
    plain = tmp_path_factory.mktemp("plain") / "grey.png"
    cv2.imwrite(str(plain), np.full((90, 120, 3), 128, np.uint8))
    text, out = run("face_detection/mtcnn", image=plain)
    assert "grey.png: 0 face(s)" in text
    assert shape(out / "grey.png") == (90, 120, 3)


def test_pictures(run):
    text, out = run("pictures/pictures", steps=40, digits=3)
    for digit in range(10):
        assert number(text, f"{digit}: probability") > 0.99
    assert "64x1x28x28" in (out / "lenet.svg").read_text()
    assert "ip2" in (out / "lenet.html").read_text()
    assert shape(out / "filters.png") == (30, 30)
    assert shape(out / "saliency.png") == (224, 336)
    assert shape(out / "classes.png") == (464, 464)


FULL = [
    ("learning_lenet/learn", "\ntest accuracy", 0.97),
    ("logistic_regression/compare", "two_layers: accuracy", 0.97),
    ("net_surgery/surgery", r"\d places\n(?=3996)", 3996),
    ("siamese/siamese", "plane: accuracy", 0.9),
    ("multilabel/multilabel", "\naccuracy", 0.975),
    ("faster_rcnn/shapes", "mean average precision:", 0.9),
    ("fine_tuning/finetune", "finetuned: accuracy", 0.88),
]


@pytest.mark.slow
def test_binary_codes_at_full_length(run):
    text, _ = run("binary_codes/codes")
    for name, accuracy, bits in [("ramp", 0.94, 0.95), ("tanh", 0.95, 0.9), ("sign", 0.95, 1)]:
        assert number(text, f"{name}: accuracy") >= accuracy
        assert number(text, rf"{name}: accuracy [\d.]+ by bits,") >= bits


@pytest.mark.slow
@pytest.mark.parametrize(("name", "figure", "least"), FULL)
def test_at_full_length(run, name, figure, least):
    assert number(run(name)[0], figure) >= least


def test_spatial_transformer(run):
    """After 400 of 1500 iterations it has learned to look where the digit is."""
    text, out = run("spatial_transformer/digits", iterations=400, tests=1000)
    assert number(text, "transformer: accuracy") > number(text, "plain: accuracy") + 0.15
    for what in ("down", "right"):
        assert number(text, f"{what}: correlation") > 0.85
    assert shape(out / "digits.png") == (672, 840)


@pytest.mark.slow
def test_spatial_transformer_at_full_length(run):
    text, _ = run("spatial_transformer/digits")
    assert number(text, "transformer: accuracy") >= 0.88
    assert number(text, "plain: accuracy") <= 0.85
    for what, least in (("down", 0.97), ("right", 0.97), ("scale", 0.5)):
        assert number(text, f"{what}: correlation") > least


def test_lecun_1989(run):
    text, _ = run("lecun1989/zipcodes", passes=1)
    assert "\n9760 weights\n" in f"\n{text}"  # as the paper counts them
    assert number(text, "test errors") < 0.16  # of 0.9


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_lecun_1989_at_full_length(run, seed):
    assert number(run("lecun1989/zipcodes", seed=seed)[0], "test errors") <= 0.08


def steps_off(text):
    """By what the labels were: of the likeliest class, and of the mean."""
    lines = re.findall(r"^(\w+): likeliest ([\d.]+), mean ([\d.]+)", text, re.MULTILINE)
    return {name: (float(likeliest), float(mean)) for name, likeliest, mean in lines}


def test_label_distribution(run):
    text, out = run("label_distribution/angles", iterations=350, pictures=500)
    found = steps_off(text)
    assert found["distribution"][1] < 3  # 15 for whoever always says 30
    assert found["distribution"][0] < found["class"][0] - 0.3
    assert shape(out / "bars.png") == (145, 145)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_label_distribution_at_full_length(run, seed):
    found = steps_off(run("label_distribution/angles", seed=seed)[0])
    assert found["distribution"][1] <= found["class"][0] - 0.3
    assert found["distribution"][0] <= found["class"][0] - 0.3  # for the same reading, too


def test_distillation(run):
    """With a tenth of the iterations and of the digits, by one seed: the teacher helps already."""
    text, _ = run("distillation/distill", iterations=300, images=6000, seeds=1)
    assert number(text, "teacher: accuracy") > 0.99
    labels = number(text, "\nlabels: accuracy")
    assert labels > 0.85
    assert number(text, "\ndistilled: accuracy") > labels + 0.01
    assert number(text, "\nscores: accuracy") > labels
    assert number(text, "no label: accuracy") > number(text, "few labels: accuracy") + 0.03


def test_hints(run):
    """As short as this, stage 2 alone is not enough, and what stage 1 has learned helps."""
    options = {"stage1": 40, "stage2": 30, "images": 4000, "tests": 1000, "seeds": 1}
    text, _ = run("distillation/hints", **options)
    assert number(text, "at least") > 0.4  # 0.36 with another digit's hints
    assert number(text, "\ndistilled: accuracy") > 0.8
    both = number(text, "\nboth stages: accuracy")
    assert both > number(text, "\nstage 2 alone: accuracy") + 0.03


@pytest.mark.slow
def test_distillation_at_full_length(run):
    """Distilled: half of a percent more than by labels; the scores alone: a percent less at most.

    Without a label: all digits that the teacher has looked at against 1000 that someone has.
    """
    text, _ = run("distillation/distill")
    labels = number(text, "\nlabels: accuracy")
    assert number(text, "\ndistilled: accuracy") >= labels + 0.005
    assert number(text, "\nscores: accuracy") >= labels - 0.01
    assert number(text, "few labels: accuracy") < 0.9
    assert number(text, "no label: accuracy") > 0.96


@pytest.mark.slow
def test_hints_at_full_length(run):
    text, _ = run("distillation/hints")
    assert number(text, "at least") > 0.8
    for way in ("labels", "stage 2 alone"):
        assert number(text, "both stages: accuracy") >= number(text, rf"\n{way}: accuracy")
