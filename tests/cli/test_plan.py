"""``minicaffe plan``."""

from __future__ import annotations

import json
import sys

import pytest

from minicaffe.cli.main import main
from minicaffe.errors import DeviceError

NET = """
layer { name: "in" type: "Input" top: "in" input_param { shape { dim: 2 dim: 3 dim: 30 dim: 30 } } }
layer { name: "conv" type: "Convolution" bottom: "in" top: "conv"
  convolution_param { num_output: 5 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "more" type: "Convolution" bottom: "conv" top: "more"
  convolution_param { num_output: 5 kernel_size: 1 weight_filler { type: "xavier" } } }
layer { name: "last" type: "Convolution" bottom: "more" top: "last"
  convolution_param { num_output: 5 kernel_size: 1 weight_filler { type: "xavier" } } }
layer { name: "pool" type: "Pooling" bottom: "last" top: "pool"
  pooling_param { global_pooling: true } }
layer { name: "sum" type: "Reduction" bottom: "pool" top: "sum" loss_weight: 1 }
"""


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(NET)
    return str(path)


def test_the_table(net, capsys):
    assert main(["plan", net]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == ["layers", "types", "output", "data", "gradient", "body"]
    assert lines[2].startswith("conv + relu  Convolution + ReLU  2x5x28x28")
    assert "7 layers in 6 stages, 1 of several that run as one" in lines
    assert lines[-1].startswith("memory of blobs: ")
    assert err == ""


def test_json(net, capsys):
    assert main(["plan", net, "--phase", "TEST", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [stage["layers"] for stage in found["stages"]] == [
        ["in"],
        ["conv", "relu"],
        ["more"],
        ["last"],
        ["pool"],
        ["sum"],
    ]


def test_other_inputs(net, capsys):
    assert main(["plan", net, "--input", "in:4,3,5,5"]) == 0
    assert "4x5x3x3" in capsys.readouterr().out


def test_an_input_twice(net, capsys):
    assert main(["plan", net, "--input", "in:4,3,5,5", "--input", "in:2,3,5,5"]) == 1
    assert "--input names a blob twice, expected one shape for each" in capsys.readouterr().err


def test_a_missing_file(capsys):
    assert main(["plan", "nope.prototxt"]) == 1
    assert "nope.prototxt: no such file" in capsys.readouterr().err


def test_a_gpu_that_is_not_there(net, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert main(["plan", net, "-gpu", "0"]) == DeviceError.exit_code
    out, err = capsys.readouterr()
    assert "CuPy is not installed" in err
    assert not out
