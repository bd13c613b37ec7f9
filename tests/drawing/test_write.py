from __future__ import annotations

import re

import pytest

from minicaffe.drawing.graph import build
from minicaffe.drawing.write import encode, save
from minicaffe.errors import MinicaffeError
from tests.drawing import nets

STARTS = {
    "svg": b"<?xml",
    "png": b"\x89PNG",
    "dot": b"digraph",
    "html": b"<!DOCTYPE html>",
    "HTML": b"<!DOCTYPE html>",
    "gv": b"digraph",
}


@pytest.mark.parametrize("extension", STARTS)
@pytest.mark.parametrize("direction", ["TB", "RL"])
def test_each_format(tmp_path, extension, direction):
    path = tmp_path / f"net.{extension}"
    save(build(nets.evil()), path, direction)
    assert path.read_bytes().startswith(STARTS[extension])


def test_refusals(tmp_path):
    graph = build(nets.net(nets.CHAIN))
    why = "format of the picture is 'pnk', expected svg, png, dot, html: did you mean 'png'?"
    with pytest.raises(MinicaffeError, match=re.escape(why)):
        encode(graph, "pnk")
    with pytest.raises(MinicaffeError, match="direction is 'up', expected one of TB, BT, LR, RL"):
        encode(graph, "svg", "up")
    with pytest.raises(MinicaffeError, match=r"cannot write .*No such file or directory"):
        save(graph, tmp_path / "none" / "net.svg")
