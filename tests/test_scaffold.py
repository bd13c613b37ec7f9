"""Building the nets of a solver: the weights they start from, and what an error leaves."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe import scaffold
from minicaffe.device import cpu
from minicaffe.errors import MinicaffeError, ParamSharingError, SolverConfigError
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.weights import save_weights

NET = """
layer { name: "data" type: "DummyData" top: "x" dummy_data_param { shape { dim: 2 dim: 3 } } }
layer { name: "one" type: "InnerProduct" bottom: "x" top: "y"
  inner_product_param { num_output: 4 weight_filler { type: "gaussian" } } }
layer { name: "two" type: "InnerProduct" bottom: "y" top: "z" include { phase: TRAIN }
  inner_product_param { num_output: 5 weight_filler { type: "gaussian" } } }
layer { name: "extra" type: "InnerProduct" bottom: "y" top: "e" include { phase: TEST }
  inner_product_param { num_output: 6 weight_filler { type: "gaussian" } } }
"""
BASE = 'base_lr: 1 lr_policy: "fixed" test_iter: 1 test_iter: 1 test_interval: 1 '


def parse(text="", net=NET):
    param = text_format.Parse(BASE + text, SolverParameter())
    text_format.Parse(net, param.net_param)
    return param


def by_name(net):
    return {s.name: [b.data.copy() for b in s.layer.blobs] for s in net.steps if s.layer.blobs}


@pytest.fixture
def file(tmp_path):
    """Makes files of weights: all are ``value``, of the layers that ``names`` has."""

    def write(value, *names):
        param = parse().net_param
        for layer in param.layer:
            del layer.include[:]
        net = Net(param)
        for step in net.steps:
            for blob in step.layer.blobs:
                blob.data[...] = value
            step.layer.param.name = step.name if step.name in names else "other"
        path = tmp_path / f"{value}.caffemodel"
        save_weights(net, path)
        return path

    return write


def test_weights_go_into_all_nets_in_order(file, caplog):
    caplog.set_level("INFO", "minicaffe")
    first, second = file(1, "one", "two"), file(2, "two", "extra")
    built = scaffold.build(parse(f'weights: "{first}, {second}"'), cpu())
    train = by_name(built.net)
    assert {name: set(np.unique(blobs[0])) for name, blobs in train.items()} == {
        "one": {1},
        "two": {2},
    }
    for net in built.test_nets:
        own = by_name(net)
        assert np.unique(own["one"][0]) == 1
        assert np.unique(own["extra"][0]) == 2
    assert list(built.copied) == [str(first), str(second)]
    assert built.copied[str(first)].copied == ["one", "two"]
    assert built.copied[str(second)].kept == ["one"]
    assert [m for m in caplog.messages if m.startswith("Finetuning")] == [
        f"Finetuning from {path}" for path in (first, second)
    ]


def test_test_nets_use_the_parameters_in_training():
    built = scaffold.build(parse(), cpu())
    built.net.steps[1].layer.blobs[0].data[...] = 7
    for net in built.test_nets:
        assert np.unique(by_name(net)["one"][0]) == 7
    extras = [by_name(net)["extra"][0] for net in built.test_nets]
    assert not np.array_equal(*extras)


def test_weights_of_later(file):
    built = scaffold.build(parse(), cpu())
    copied = built.start_from(file(3, "one", "extra"))
    assert copied.copied == ["one"]
    assert np.unique(by_name(built.net)["one"][0]) == 3
    assert np.unique(by_name(built.test_nets[1])["extra"][0]) == 3


def test_shapes_that_do_not_fit_are_refused():
    other = NET.replace('"extra"', '"two"')
    with pytest.raises(ParamSharingError, match="'two'"):
        scaffold.build(parse(net=other), cpu())


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('weights: "nowhere.caffemodel"', MinicaffeError),
        ('test_net: "nowhere.prototxt"', MinicaffeError),
        ('early_stop: "nothing"', SolverConfigError),
    ],
)
def test_an_error_leaves_no_net_open(monkeypatch, text, error):
    opened, closed = [], []

    class Watched(Net):
        def __init__(self, *args):
            super().__init__(*args)
            opened.append(self)

        def close(self):
            super().close()
            closed.append(self)

    monkeypatch.setattr(scaffold, "Net", Watched)
    with pytest.raises(error):
        scaffold.build(parse(text), cpu())
    assert opened == closed != []
