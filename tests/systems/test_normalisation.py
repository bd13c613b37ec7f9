"""Normalisation: by the neighbours, and by stored statistics that a convolution takes over."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import TEST, NetParameter, NetState
from minicaffe.proto.text import parse
from minicaffe.weights import copy_weights, net_to_proto
from tests.artefacts.lines import CARRIED, FOLDER, compute
from tests.artefacts.models import MODELS
from tests.systems.runs import input_of, layer

BY_NAME = {model.name: model for model in MODELS}
RESNETS = [BY_NAME[name] for name in ("res20", "res20aug", "res56", "plain20")]
CONVOLUTION_AND_NORM = """
layer {{ name: "{1}" type: "Convolution" bottom: "{0}" top: "{1}" convolution_param {{
  num_output: 5 kernel_size: 3 pad: 1 bias_term: {2} weight_filler {{ type: "msra" }} }} }}
layer {{ name: "{1} norm" type: "BatchNorm" bottom: "{1}" top: "{1}"
  batch_norm_param {{ eps: 1e-3 }} }}
layer {{ name: "{1} scale" type: "Scale" bottom: "{1}" top: "{1}"
  scale_param {{ bias_term: true }} }}
"""
RELU = 'layer {{ name: "{0} relu" type: "ReLU" bottom: "{0}" top: "{0}" }}'


@pytest.mark.parametrize("name", ["layer_lrn_channels", "layer_lrn_spatial"])
def test_lrn_is_within_1e_6_of_the_original(device, name):
    model = BY_NAME[f"{name}-{name}"]
    net, _ = model.build(CARRIED, device)
    inputs, expected = model.arrays(CARRIED)
    found = compute(net, inputs, expected)["output"]
    assert np.abs(found - expected["output"]).max() < 1e-6


def fold(definition):
    """Take each BatchNorm and Scale behind a Convolution, in place, into its weights and bias.

    Args:
        definition: of a net, with its parameters.

    Returns:
        How many there were.
    """
    kept, count = [], 0
    for each in definition.layer:
        conv = kept[-1] if kept else None
        if each.type == "BatchNorm" and conv.type == "Convolution":
            assert conv.top == each.bottom == each.top
            mean, variance, weight = (np.array(blob.data) for blob in each.blobs)
            deviation = np.sqrt(variance / weight + each.batch_norm_param.eps)
            change(conv, 1 / deviation, -mean / weight / deviation)
        elif each.type == "Scale" and conv.type == "Convolution":
            assert conv.top == each.bottom == each.top
            change(conv, *(np.array(blob.data) for blob in each.blobs))
            count += 1
        else:
            kept.append(each)
    layers = [type(each).FromString(each.SerializeToString()) for each in kept]
    del definition.layer[:]
    definition.layer.extend(layers)
    return count


def change(conv, slope, offset):
    """Have ``conv`` give ``slope`` times its result plus ``offset``, by output."""
    if not conv.convolution_param.bias_term:
        conv.convolution_param.bias_term = True
        conv.blobs.add(data=np.zeros(len(slope))).shape.dim.append(len(slope))
    weights, bias = conv.blobs
    weights.data[:] = (np.array(weights.data).reshape(len(slope), -1) * slope[:, None]).ravel()
    bias.data[:] = np.array(bias.data) * slope + offset


def without_norms(net):
    """A net of the convolutions that ``net`` has with norms behind them; how many it had."""
    definition = net_to_proto(net)
    count = fold(definition)
    kinds = {each.type for each in definition.layer}
    assert not kinds & {"BatchNorm", "Scale"}
    made = Net(definition, NetState(phase=TEST))
    assert copy_weights(made, definition).kept == []
    return made, count


def residual(rng):
    """Three convolutions with norms, the last two a block around which the first one's top goes."""
    net = input_of("x", 2, 3, 9, 7)
    for bottom, top, bias in (("x", "a", "false"), ("a", "b", "true"), ("b", "c", "false")):
        net += CONVOLUTION_AND_NORM.format(bottom, top, bias) + RELU.format(top) * (top != "c")
    made = Net(parse(net + layer("Eltwise", "a c", "y"), NetParameter), NetState(phase=TEST))
    for step in made.steps:
        for index, blob in enumerate(step.layer.blobs):
            if step.layer.type == "BatchNorm":  # sums, and the weight that they are divided by
                values = rng.uniform(0.5, 2, blob.shape) * 999.98
                blob.data[...] = 999.98 if index == 2 else values
            elif step.layer.type == "Scale" or index:
                blob.data[...] = rng.standard_normal(blob.shape)
    return made


def test_convolutions_take_norms_over(rng):
    net = residual(rng)
    folded, count = without_norms(net)
    assert count == 3
    inputs = {"x": rng.standard_normal((2, 3, 9, 7))}
    net.hooks.before_forward.append(lambda index: None)  # so that it runs layer by layer
    expected = compute(net, inputs, {"y": None})["y"]
    found = compute(folded, inputs, {"y": None})["y"]
    assert np.abs(expected).max() > 1
    assert np.abs(found - expected).max() < 1e-4


@pytest.mark.slow
@pytest.mark.skipif(FOLDER is None, reason="ARTEFACTS names no folder")
@pytest.mark.parametrize("model", RESNETS, ids=lambda model: model.name)
def test_the_convolutions_of_a_trained_resnet_take_norms_over(model):
    """The result is what the original computed; so are, to float32's digits, the scores of it."""
    if model.missing(FOLDER):
        pytest.skip(f"ARTEFACTS has no {model.net}")
    net, _ = model.build(FOLDER)
    folded, count = without_norms(net)
    assert count >= 19
    inputs, expected = model.arrays(FOLDER)
    net.hooks.before_forward.append(lambda index: None)
    (scores,) = net.steps[-1].bottom_names
    mine, theirs = (compute(each, inputs, {scores: None, "prob": None}) for each in (folded, net))
    assert np.abs(mine["prob"] - theirs["prob"]).max() < 1e-4
    assert np.abs(mine["prob"] - expected["prob"]).max() < 1e-4
    assert np.abs(mine[scores] - theirs[scores]).max() < 1e-4 * np.abs(theirs[scores]).max()
