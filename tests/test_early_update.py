"""Parameters updated in the midst of backward: less memory, and every bit as before."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe import early_update
from minicaffe.buffers import DIFF, Piece
from minicaffe.callbacks import Callback
from minicaffe.cli._gpu_job import share_memory
from minicaffe.early_update import EarlyStep
from minicaffe.errors import SolverConfigError
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.solver import Solver

NET = """
layer { name: "in" type: "DummyData" top: "in" top: "to" dummy_data_param {
  shape { dim: 6 dim: 3 dim: 9 dim: 8 } shape { dim: 6 dim: 5 }
  data_filler { type: "gaussian" std: 1 } data_filler { type: "gaussian" std: 1 } } }
layer { name: "conv" type: "Convolution" bottom: "in" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "norm" type: "BatchNorm" bottom: "conv" top: "conv" }
layer { name: "scale" type: "Scale" bottom: "conv" top: "conv" }
layer { name: "ip1" type: "InnerProduct" bottom: "conv" top: "ip1"
  param { lr_mult: 2 decay_mult: 3 }
  inner_product_param { num_output: 70 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "ip1" top: "ip1" }
layer { name: "one" type: "InnerProduct" bottom: "ip1" top: "one" param { name: "w" }
  inner_product_param { num_output: 70 weight_filler { type: "xavier" } } }
layer { name: "two" type: "InnerProduct" bottom: "one" top: "two" param { name: "w" }
  inner_product_param { num_output: 70 } }
layer { name: "still" type: "InnerProduct" bottom: "two" top: "still"
  param { lr_mult: 0 } param { lr_mult: 0 }
  inner_product_param { num_output: 70 weight_filler { type: "xavier" } } }
layer { name: "turned" type: "InnerProduct" bottom: "still" top: "turned"
  inner_product_param { num_output: 5 transpose: true weight_filler { type: "xavier" } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "turned" bottom: "to" top: "loss" }
"""


def solver(**fields):
    param = SolverParameter(
        base_lr=0.001, lr_policy="step", stepsize=2, gamma=0.5, weight_decay=0.01, random_seed=3
    )
    param.max_iter, param.snapshot_after_train = 9, False
    param.MergeFrom(SolverParameter(**fields))
    text_format.Parse(NET, param.net_param)
    return Solver(param)


def state(made):
    arrays = [param.blob.data for param in made.net.params]
    return [np.array(a) for a in (*arrays, *(h for slot in made.slots for h in slot.history))]


@pytest.mark.parametrize("rule", ["SGD", "Nesterov", "Adam", "AdamW", "AdaDelta", "LARS"])
@pytest.mark.parametrize("large", [1 << 10, 1 << 30])
def test_nothing_else_comes_out(monkeypatch, rule, large):
    monkeypatch.setattr(early_update, "LARGE", large)
    monkeypatch.setattr(early_update, "ROWS", 32)
    late, early = (solver(type=rule, momentum=0.9) for _ in range(2))
    early.update_early()
    for _ in range(2):  # the second from where the first has come
        late.step(2)
        early.step(2)
        assert early.losses == late.losses
    for found, expected in zip(state(early), state(late), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("rule", "parted"), [("SGD", True), ("LARS", False)])
def test_gradients_share_memory_and_large_ones_are_never_whole(monkeypatch, rule, parted):
    monkeypatch.setattr(early_update, "LARGE", 1 << 14)
    made = solver(type=rule, momentum=0.9)
    made.update_early()
    made.step(1)
    whole = {
        param.layer
        for param in made.net.params
        if isinstance(param.blob.memories[DIFF], Piece) and param.blob.has_diff
    }
    layers = {param.layer for param in made.net.params}
    assert whole == layers
    weights = next(param.blob for param in made.net.params if param.layer == "ip1")
    assert weights.has_diff != parted  # 168 by 70 numbers are more than 16 KiB


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"iter_size": 2}, "iter_size is 2"),
        ({"clip_gradients": 0.0}, "clip_gradients is given"),
        ({"gradient_noise": 0.1}, "gradient_noise is given"),
        ({"debug_info": True}, "debug_info is on"),
        ({"snapshot_diff": True}, "snapshot_diff is on"),
    ],
)
def test_refused_where_all_gradients_are_needed(fields, what):
    made = solver(**fields)
    with pytest.raises(SolverConfigError, match=f"{what}, expected not to"):
        made.update_early()
    share_memory(made, alone=True)
    made.step(1)
    assert not isinstance(made._step, EarlyStep)


class Reads(Callback):
    def on_gradients_ready(self, solver):
        raise AssertionError


def test_refused_at_the_next_pass_if_somebody_comes_to_need_them():
    made = solver()
    made.update_early()
    made.step(1)
    before = state(made)
    made.callbacks.append(Reads())
    with pytest.raises(SolverConfigError, match="a callback waits for the gradients"):
        made.step(1)
    made.callbacks.clear()
    made.net.hooks.after_backward.append(print)
    with pytest.raises(SolverConfigError, match="a hook is called between the layers"):
        made.step(1)
    for found, expected in zip(state(made), before, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_command_that_trains_alone_updates_early():
    alone, one_of_two = solver(), solver()
    share_memory(alone, alone=True)
    share_memory(one_of_two, alone=False)
    assert isinstance(alone._step, EarlyStep)
    assert not isinstance(one_of_two._step, EarlyStep)
    alone.step(1)
    one_of_two.step(1)
    assert alone.losses == one_of_two.losses
