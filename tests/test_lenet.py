"""The main job, whole: MNIST in, a trained LeNet out; and the README that says how."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import minicaffe
from minicaffe.cli.main import main
from minicaffe.net import Net
from minicaffe.proto.text import read_net, read_solver
from minicaffe.weights import load_weights

ROOT = Path(minicaffe.__file__).resolve().parent.parent
LENET = ROOT / "models" / "lenet"
README = ROOT / "README.md"

in_checkout = pytest.mark.skipif(not README.exists(), reason="needs a checkout, not a wheel")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with LeNet's definitions, as the repository's root has them."""
    there = tmp_path / "models" / "lenet"
    there.mkdir(parents=True)
    for path in LENET.glob("*.prototxt"):
        (there / path.name).write_text(path.read_text())
    monkeypatch.chdir(tmp_path)
    return there


@in_checkout
@pytest.mark.slow
def test_the_readmes_training_reaches_98_9_per_cent(folder, capsys):
    assert main(["data", "mnist", "--from", str(LENET / "data")]) == 0
    assert main(["train", "models/lenet/solver.prototxt"]) == 0
    log = capsys.readouterr().err
    accuracies = re.findall(r"Test net output #0: accuracy = (\S+)", log)
    assert len(accuracies) == 21
    assert float(accuracies[-1]) >= 0.989
    assert (folder / "lenet_iter_10000.solverstate").exists()
    net = Net(read_net("models/lenet/lenet_deploy.prototxt"))
    copied = load_weights(net, "models/lenet/lenet_iter_10000.caffemodel")
    assert copied.kept == []


@in_checkout
def test_a_short_run_learns(folder, capsys):
    assert main(["data", "mnist", "--from", str(LENET / "data")]) == 0
    solver = folder / "solver.prototxt"
    text = solver.read_text().replace("max_iter: 10000", "max_iter: 60")
    solver.write_text(text.replace("test_interval: 500", "test_interval: 60"))
    assert main(["train", "models/lenet/solver.prototxt"]) == 0
    accuracies = re.findall(r"Test net output #0: accuracy = (\S+)", capsys.readouterr().err)
    assert float(accuracies[0]) < 0.3
    assert float(accuracies[-1]) > 0.8


@in_checkout
def test_the_solver_is_the_classical_one():
    param = read_solver(LENET / "solver.prototxt")
    assert (param.lr_policy, param.max_iter, param.type) == ("inv", 10000, "SGD")
    values = [param.base_lr, param.momentum, param.weight_decay, param.gamma, param.power]
    assert values == pytest.approx([0.01, 0.9, 0.0005, 0.0001, 0.75])


@in_checkout
def test_readme_has_the_two_lines_that_the_gate_runs():
    lines = re.findall(r"^    (python3 -m venv .*)$", README.read_text(), re.MULTILINE)
    assert [line.split(" && ")[-1] for line in lines] == [
        "minicaffe train models/lenet/solver.prototxt",
        "make test",
    ]
