"""Which gradients are sent when; every process must make the same calls."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.device import cpu
from minicaffe.net import Net
from minicaffe.parallel import overlap
from minicaffe.parallel.communicator import Communicator
from minicaffe.parallel.overlap import Overlap
from minicaffe.proto.minicaffe_pb2 import NetParameter

NET = """
layer { name: "data" type: "DummyData" top: "x" top: "t" dummy_data_param {
  shape { dim: 3 dim: 4 } shape { dim: 3 }
  data_filler { type: "gaussian" } data_filler { type: "constant" value: 1 } } }
layer { name: "a" type: "InnerProduct" bottom: "x" top: "a" param { name: "w" }
  inner_product_param { num_output: 4 bias_term: false weight_filler { type: "xavier" } } }
layer { name: "b" type: "InnerProduct" bottom: "a" top: "b" param {} param { lr_mult: 0 }
  inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }
layer { name: "c" type: "InnerProduct" bottom: "b" top: "c" param { name: "w" }
  inner_product_param { num_output: 4 bias_term: false weight_filler { type: "xavier" } } }
layer { name: "d" type: "InnerProduct" bottom: "c" top: "d"
  inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "d" bottom: "t" top: "loss" }
"""


class Noting(Communicator):
    """Notes what it is given, as it is at that time."""

    rank, size = 0, 1
    is_live = True

    def __init__(self):
        self.calls = []

    def average(self, arrays):
        self.calls.append([array.copy() for array in arrays])

    share = broadcast = sum = barrier = check = None


Noting.__abstractmethods__ = frozenset()


def made(monkeypatch, bucket, *, early=True):
    monkeypatch.setattr(overlap, "BUCKET", bucket)
    net = Net(text_format.Parse(NET, NetParameter()), device=cpu(4))
    tie = Noting()
    learned = [param.blob for param in net.params if param.lr_mult]
    return net, tie, Overlap(tie, net, learned, early=early), learned


@pytest.fixture
def whole(monkeypatch):
    """The gradients, as a pass without any of this leaves them behind: w, b, d's two."""
    net, _, _, learned = made(monkeypatch, 1 << 30, early=False)
    net.forward()
    net.backward()
    return [blob.diff.copy() for blob in learned]


def test_each_is_sent_when_its_last_user_has_added_to_it(monkeypatch, whole):
    net, tie, gradients, _ = made(monkeypatch, 1)
    gradients.start(1)
    net.forward()
    net.backward()
    assert [len(call) for call in tie.calls] == [2, 1, 1]  # d, b without its bias, w of a and c
    for found, expected in zip(chain(*tie.calls), [*whole[2:], whole[1], whole[0]], strict=True):
        np.testing.assert_array_equal(found, expected)
    gradients.send_rest()
    assert len(tie.calls) == 3


def test_small_ones_wait_for_each_other(monkeypatch):
    net, tie, gradients, _ = made(monkeypatch, 60)  # bytes: d has 40, b 64, w 64
    gradients.start(1)
    net.forward()
    net.backward()
    assert [len(call) for call in tie.calls] == [3, 1]


@pytest.mark.parametrize("way", ["late", "recorded", "by layers", "passes"])
def test_however_it_runs_the_calls_are_the_same(way, monkeypatch):
    net, tie, gradients, _ = made(monkeypatch, 1, early=way != "late")
    gradients.start(2 if way == "passes" else 1)
    tie.is_live = way != "recorded"
    net.debug_info = way == "by layers"
    net.forward()
    net.backward()
    assert not tie.calls
    if way == "passes":
        net.forward()
        net.backward()
        assert len(tie.calls) == 3
    gradients.send_rest()
    assert [[array.shape for array in call] for call in tie.calls] == [
        [(2, 4), (2,)],
        [(4, 4)],
        [(4, 4)],
    ]
    gradients.start(1)
    gradients.send_rest()
    assert len(tie.calls) == 6


def test_a_rehearsal_sends_nothing(monkeypatch):
    net, tie, gradients, _ = made(monkeypatch, 1)
    gradients.start(1)
    net.forward()
    for stage in reversed(net.stages):
        stage.rehearse()
    assert not tie.calls
