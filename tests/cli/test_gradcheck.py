"""``minicaffe gradcheck``: the table and the exit code."""

from __future__ import annotations

import pytest

from minicaffe.cli.main import main
from minicaffe.layers.tanh import TanH

NET = """
name: "small"
layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "act" type: "TanH" bottom: "x" top: "y" }
"""


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    (tmp_path / "net.prototxt").write_text(NET)
    return str(tmp_path / "net.prototxt")


def test_prints_a_table(path, capsys):
    assert main(["gradcheck", path]) == 0
    out = capsys.readouterr().out
    assert "small, TRAIN" in out
    row = next(line for line in out.splitlines() if "TanH" in line)
    assert [cell.strip() for cell in row.strip("│ ").split("│")][:4] == [
        "act",
        "TanH",
        "bottom[0]",
        "6",
    ]
    assert "ok" in row


def test_a_wrong_gradient_is_exit_code_1(path, capsys, monkeypatch):
    def wrong(self, top, propagate_down, bottom):
        bottom[0].diff[...] = top[0].diff

    monkeypatch.setattr(TanH, "backward", wrong)
    assert main(["gradcheck", path, "--layer", "act", "--samples", "3"]) == 1
    out = capsys.readouterr().out
    assert "WRONG" in out
    assert "Input" not in out


def test_unknown_layer(path, capsys):
    assert main(["gradcheck", path, "--layer", "axt"]) == 1
    assert "layer 'axt' is not in the net: did you mean 'act'?" in capsys.readouterr().err
