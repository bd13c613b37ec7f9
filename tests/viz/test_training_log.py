from __future__ import annotations

import math
import sys

import pytest

from minicaffe import viz
from minicaffe.errors import MinicaffeError

LOG = """\
I0902 13:35:56.474978 16020 solver.cpp:239] Iteration 0, Testing net (#0)
I0902 13:35:56.474978 16020 solver.cpp:239]     Test net output #0: accuracy = 0.125
I0902 13:35:56.474978 16020 solver.cpp:239]     Test net output #1: loss = 2.5 (* 1 = 2.5 loss)
I0902 13:35:56.474978 16020 solver.cpp:239] Iteration 0 (3e+25 iter/s, 0s/2 iters), loss = 2.25
I0902 13:35:56.474978 16020 solver.cpp:239]     Train net output #0: loss = 2.25 (* 1 = 2.25 loss)
I0902 13:35:56.474978 16020 sgd_solver.cpp:106] Iteration 0, lr = 0.01
something else
I0902 13:35:56.474978 16020 solver.cpp:239] Iteration 20, loss = nan
I0902 13:35:56.474978 16020 sgd_solver.cpp:106] Iteration 20, lr = 1e-05
"""


@pytest.fixture
def log(tmp_path):
    (tmp_path / "train.log").write_text(LOG)
    return tmp_path / "train.log"


def test_curves(log):
    found = viz.curves(log)
    assert math.isnan(found["loss"].pop()[1])
    assert found == {
        "test accuracy": [(0, 0.125)],
        "test loss": [(0, 2.5)],
        "loss": [(0, 2.25)],
        "train loss": [(0, 2.25)],
        "lr": [(0, 0.01), (20, 1e-05)],
    }


def test_no_log(tmp_path):
    with pytest.raises(MinicaffeError, match=r"cannot read .*none\.log"):
        viz.curves(tmp_path / "none.log")


def test_plot_curves(log, tmp_path):
    pytest.importorskip("matplotlib")
    viz.plot_curves(log, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_plot_of_nothing(tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "empty.log").write_text("nothing\n")
    with pytest.raises(MinicaffeError, match="no line of a loss or an output"):
        viz.plot_curves(tmp_path / "empty.log", tmp_path / "plot.png")


def test_without_matplotlib(log, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MinicaffeError, match="matplotlib is not installed"):
        viz.plot_curves(log, tmp_path / "plot.png")
