"""A convolution with stored BatchNorm and Scale as one stage: the numbers of all by themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN
from tests.fusion.nets import kinds, make

STAGE = ["Convolution", "BatchNorm", "Scale", "ReLU"]
NET = """
layer { name: "in" type: "Input" top: "in" input_param { shape { %s } } }
layer { name: "conv" type: "Convolution" bottom: "in" top: "x" convolution_param { num_output: 6
  weight_filler { type: "gaussian" } %s } }
layer { name: "norm" type: "BatchNorm" bottom: "x" top: "x" batch_norm_param { eps: 0.3 } }
layer { name: "scale" type: "Scale" bottom: "x" top: "x" scale_param { bias_term: true } }
layer { name: "relu" type: "ReLU" bottom: "x" top: "x" }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y" inner_product_param {
  num_output: 2 weight_filler { type: "xavier" } } }
"""
LOSS = 'layer { name: "loss" type: "Reduction" bottom: "y" top: "loss" loss_weight: 1 }'
PLANE = (3, 4, 9, 10)


def net(shape=PLANE, conv="kernel_size: 3", *changes):
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


def filled(device_of, text, phase=TEST):
    """A net whose ReLU, if any, stops some of what it gets."""
    made = make(device_of(), text, phase)
    for step in made.steps:
        for blob in {"conv": step.layer.blobs, "scale": step.layer.blobs[1:]}.get(step.name, []):
            blob.data[...] -= 1.25
    return made


def check(device_of, text, stages):
    """However it is divided, the net gives the same; twice over, with new weights in between."""
    whole, parts = (filled(device_of, text) for _ in range(2))
    assert kinds(whole) == stages
    parts.hooks.before_forward.append(lambda index: None)
    for _ in range(2):
        for each in (whole, parts):
            each.forward()
        for name in parts.blobs:
            found, right = (each.device.to_numpy(each.blobs[name].data) for each in (whole, parts))
            np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-9, err_msg=name)
        for each in (whole, parts):
            for step in each.steps:
                for index, blob in enumerate(step.layer.blobs):
                    blob.data[...] *= 1.5 + index
    return whole.device.to_numpy(whole.blobs["x"].data)


@pytest.mark.parametrize(
    ("shape", "conv"),
    [
        (PLANE, "kernel_size: 3 pad: 1"),
        (PLANE, "kernel_size: 3 bias_term: false"),
        (PLANE, "kernel_size: 1 stride: 2"),
        (PLANE, "kernel_size: 2 group: 2"),
        ((3, 6, 9, 10), "kernel_size: 3 group: 6 pad: 1"),
        ((5, 4, 17), "kernel_size: 3"),
        ((3, 4, 5, 6, 7), "kernel_size: 2"),
    ],
)
def test_the_same_numbers(device_of, shape, conv):
    y = check(device_of, net(shape, conv), [STAGE])
    assert (y == 0).any()
    assert (y > 0).any()


@pytest.mark.parametrize(
    ("changes", "stages"),
    [
        ([('type: "ReLU"', 'type: "TanH"')], [STAGE[:3]]),
        ([('type: "ReLU"', 'type: "ReLU" relu_param { negative_slope: 0.2 }')], [STAGE[:3]]),
        ([("bias_term: true", "bias_term: false")], [STAGE]),
        ([('"x" batch', '"x" param { lr_mult: 0 } batch')], [STAGE]),
        ([("bias_term: true", "axis: 2")], []),
        ([('bottom: "in" top: "x"', 'bottom: "in" bottom: "in" top: "x" top: "z"')], None),
    ],
)
def test_what_is_part_of_it(device_of, changes, stages):
    text = net(PLANE, "kernel_size: 3", *changes)
    check(device_of, text, [STAGE[1:]] if stages is None else stages)


def test_a_kind_of_convolution(device_of):
    kind = ('name: "conv" type: "Convolution"', 'name: "conv" type: "DepthwiseConvolution"')
    text = net((3, 6, 9, 10), "kernel_size: 3", kind)
    check(device_of, text, [["DepthwiseConvolution", *STAGE[1:]]])


@pytest.mark.parametrize("stored", ["use_global_stats: true", "use_global_stats: false"])
def test_who_learns_runs_by_itself(device_of, stored):
    text = net(PLANE, "kernel_size: 3", ("eps: 0.3", "eps: 0.3 " + stored))
    made = filled(device_of, text + LOSS, TRAIN)
    assert STAGE not in kinds(made)
    assert all(step.needs_backward for step in made.steps[1:])


def test_a_batch_of_its_own_statistics_is_no_part(device_of):
    text = net(PLANE, "kernel_size: 3", ("eps: 0.3", "eps: 0.3 use_global_stats: false"))
    assert STAGE not in kinds(filled(device_of, text))


def test_frozen_layers_in_training(device_of):
    frozen = 'name: "%s" param { lr_mult: 0 } param { lr_mult: 0 }'
    changes = [(f'name: "{name}"', frozen % name) for name in ("conv", "scale")]
    changes.append(("eps: 0.3", "eps: 0.3 use_global_stats: true"))
    made = filled(device_of, net(PLANE, "kernel_size: 3", *changes), TRAIN)
    assert kinds(made) == [STAGE]


def test_many_weights_for_few_results(device_of):
    text = net((3, 40, 3, 3), "kernel_size: 3")
    assert kinds(filled(device_of, text)) == [STAGE[1:]]
