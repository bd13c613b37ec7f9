"""Stages: how a net is divided, and how it is rehearsed."""

from __future__ import annotations

import minicaffe
from minicaffe.device import cpu
from tests.fusion.nets import kinds, make

CALLS = []


class Noisy(minicaffe.Layer):
    """Notes each call."""

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        CALLS.append("forward")
        top[0].data[...] = bottom[0].data

    def backward(self, top, propagate_down, bottom):
        CALLS.append("backward")
        bottom[0].diff[...] = top[0].diff


TEXT = f"""
layer {{ name: "in" type: "Input" top: "in" input_param {{ shape {{ dim: 3 dim: 4 }} }} }}
layer {{ name: "to" type: "Input" top: "to" input_param {{ shape {{ dim: 3 dim: 5 }} }} }}
layer {{ name: "ip" type: "InnerProduct" bottom: "in" top: "x" inner_product_param {{
  num_output: 5 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "norm" type: "BatchNorm" bottom: "x" top: "x" }}
layer {{ name: "scale" type: "Scale" bottom: "x" top: "x" }}
layer {{ name: "own" type: "Python" bottom: "x" top: "y"
  python_param {{ module: "{__name__}" layer: "Noisy" }} }}
layer {{ name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "to" top: "loss" }}
"""


def test_each_layer_is_in_one_stage():
    net = make(cpu(), TEXT)
    assert [step.name for stage in net.stages for step in stage.steps] == [
        step.name for step in net.steps
    ]
    assert kinds(net) == [["BatchNorm", "Scale"]]


def test_a_rehearsal_runs_backward_but_nothing_of_the_users():
    net = make(cpu(), TEXT)
    CALLS.clear()
    for stage in reversed(net.stages):
        stage.rehearse()
    assert CALLS == []
    weights = next(step.layer.blobs[0] for step in net.steps if step.name == "ip")
    assert weights.has_diff  # backward has come down to it
