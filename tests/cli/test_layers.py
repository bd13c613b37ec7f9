"""``minicaffe layers``: the list, one type, a misspelt one."""

from __future__ import annotations

import pytest

from minicaffe.cli.main import main
from minicaffe.layers import layer_classes


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def test_lists_every_type_on_one_line(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")  # what reads the list may be grep
    assert main(["layers"]) == 0
    listed = [line.split(" ")[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == list(layer_classes())


def test_explains_one(capsys):
    assert main(["layers", "Pooling"]) == 0
    out = capsys.readouterr().out
    assert "Shapes, with out = " in out
    row = next(line for line in out.splitlines() if "│ stride " in line)
    assert [cell.strip() for cell in row.strip("│ ").split("│")][:3] == ["stride", "uint32", "1"]
    assert "CEIL: " in out


@pytest.mark.parametrize("layer_type", layer_classes())
def test_every_type_has_an_explanation(capsys, layer_type):
    assert main(["layers", layer_type]) == 0
    out = capsys.readouterr().out
    origin = layer_classes()[layer_type].origin
    assert out.startswith(f"{layer_type} ({origin})\n")
    assert ("After: src/caffe/" if origin == "Caffe 1.0" else "After: ") in out
    assert "Attributes:" not in out


def test_shows_which_toolchain_reads_it(capsys):
    assert main(["layers"]) == 0
    rows = {line.split("  ")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "  Caffe 1.0  " in rows["Pooling"]
    assert "  Fast R-CNN  " in rows["ROIPooling"]


def test_a_misspelt_type(capsys):
    assert main(["layers", "convolution"]) == 1
    assert "did you mean 'Convolution'?" in capsys.readouterr().err
    assert main(["layers", "Poling"]) == 1
    assert "layer type is 'Poling', expected a known one: did you mean 'Pooling'" in (
        capsys.readouterr().err
    )
