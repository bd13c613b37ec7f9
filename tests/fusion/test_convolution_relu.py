"""A convolution and its ReLU as one stage: what they leave behind is what each by itself leaves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from minicaffe.ops import choice
from minicaffe.ops import convolution_choice_cpu as chooser
from minicaffe.proto.minicaffe_pb2 import TEST
from tests.fusion.nets import check_same, kinds, make

STAGE = ["Convolution", "ReLU"]
NET = """
layer { name: "in" type: "Input" top: "in" input_param { shape { %s } } }
layer { name: "to" type: "Input" top: "to" input_param { shape { dim: 3 dim: 2 } } }
layer { name: "first" type: "Convolution" bottom: "in" top: "a" propagate_down: true
  convolution_param { num_output: 4 kernel_size: 1 weight_filler { type: "xavier" } } }
layer { name: "conv" type: "Convolution" bottom: "a" top: "x" convolution_param { num_output: 8
  weight_filler { type: "gaussian" } %s } }
layer { name: "relu" type: "ReLU" bottom: "x" top: "x" }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y" inner_product_param {
  num_output: 2 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "to" top: "loss" }
"""
CONV, RELU = 'top: "x" convolution_param', 'type: "ReLU" bottom: "x" top: "x"'
PLANE = (3, 3, 6, 5)


def net(shape=PLANE, conv="kernel_size: 3 pad: 1", *changes):
    """A net; each of ``changes`` is (old, new) text."""
    text = NET % (" ".join(f"dim: {length}" for length in shape), conv)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.fixture
def device_of(device):
    """The device, with the same chance each time."""
    return lambda: replace(device, rng=np.random.default_rng(3))


def mixed(device_of, text, **kwargs):
    """Whether the ReLU passes some of what it gets and stops some."""
    made = make(device_of(), text, **kwargs)
    made.blobs["in"].data[...] -= 0.5
    made.forward()
    y = made.device.to_numpy(made.blobs["x"].data)
    return (y == 0).any() and (y > 0).any() and not (y < 0).any()


@pytest.mark.parametrize(
    ("shape", "conv"),
    [
        (PLANE, "kernel_size: 3 pad: 1"),
        (PLANE, "kernel_size: 3 bias_term: false"),
        (PLANE, "kernel_size: 1"),
        (PLANE, "kernel_size: 1 stride: 2"),
        (PLANE, "kernel_size: 3 group: 2"),
        (PLANE, "kernel_size: 3 group: 4 pad: 1"),
        ((3, 3, 7), "kernel_size: 3"),
        ((3, 3, 4, 3, 5), "kernel_size: 2"),
    ],
)
def test_training(device_of, shape, conv):
    text = net(shape, conv)
    check_same(device_of, text, [STAGE])
    assert mixed(device_of, text)


@pytest.mark.parametrize(
    "changes",
    [
        (CONV, "propagate_down: false " + CONV),
        (CONV, "param { lr_mult: 0 } param { lr_mult: 0 } " + CONV),
        (CONV, "param { lr_mult: 0 } " + CONV),
        (CONV, "param { lr_mult: 1 } param { lr_mult: 0 } " + CONV),
    ],
)
def test_parts_that_do_not_learn(device_of, changes):
    check_same(device_of, net(PLANE, "kernel_size: 3", changes), [STAGE])


def test_nothing_below_learns(device_of):
    frozen = "param { lr_mult: 0 } param { lr_mult: 0 } "
    changes = [
        (CONV, frozen + CONV),
        ('top: "a" propagate_down: true', 'top: "a" ' + frozen),
    ]
    check_same(device_of, net(PLANE, "kernel_size: 3", *changes), [STAGE])


@pytest.mark.parametrize(
    "changes",
    [
        [(RELU, RELU + " relu_param { negative_slope: 0.1 }")],
        [(RELU, RELU.replace('top: "x"', 'top: "r"')), ('"x" top: "y"', '"r" top: "y"')],
        [
            ('bottom: "a" top: "x"', 'bottom: "a" bottom: "a" top: "x" top: "z"'),
            ('name: "ip"', 'name: "silence" type: "Silence" bottom: "z" } layer { name: "ip"'),
        ],
    ],
)
def test_what_is_not_one(device_of, changes):
    check_same(device_of, net(PLANE, "kernel_size: 3", *changes), [])


@pytest.mark.parametrize(
    "conv", ["kernel_size: 3 pad: 1", "kernel_size: 1", "kernel_size: 3 group: 4"]
)
@pytest.mark.parametrize("winograd", [True, False])
def test_single_precision(device_of, monkeypatch, conv, winograd):
    """Where Winograd's method, and the depthwise one by 16 channels, are candidates."""
    monkeypatch.setattr(choice, "fastest", lambda bodies: list(bodies)[-1 if winograd else 0])
    monkeypatch.setattr(chooser, "_choices", lambda: choice.Choices(None))
    monkeypatch.setattr(chooser, "_LEAST_WORK", 0)
    text, found = net((3, 3, 9, 10), conv), []
    for watched in (False, True):
        made = make(device_of(), text, dtype=np.float32)
        made.blobs["in"].data[...] -= 0.5
        if watched:
            made.hooks.before_forward.append(lambda index: None)
        made.forward()
        made.backward()
        grad = next(step.layer.blobs[0].diff for step in made.steps if step.name == "conv")
        found.append([made.device.to_numpy(a) for a in (made.blobs["x"].data, grad)])
    assert (found[0][0] == 0).any()
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_deployed(device_of):
    nets = [make(device_of(), net(), TEST) for _ in range(2)]
    assert kinds(nets[0]) == [STAGE]
    nets[1].hooks.before_forward.append(lambda index: None)
    for each in nets:
        each.forward()
    found, expected = (each.device.to_numpy(each.blobs["x"].data) for each in nets)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
