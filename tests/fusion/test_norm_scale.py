"""BatchNorm, Scale and ReLU as one stage: what they leave behind is what each by itself leaves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN
from tests.fusion.nets import check_same, kinds, make

HEAD = """
layer { name: "in" type: "Input" top: "in" input_param { shape { dim: 3 dim: 4 dim: 5 dim: 6 } } }
layer { name: "to" type: "Input" top: "to" input_param { shape { dim: 3 dim: 2 } } }
layer { name: "first" type: "Convolution" bottom: "in" top: "x" propagate_down: true
  convolution_param { num_output: 7 kernel_size: %d weight_filler { type: "xavier" } } }
"""
NORM = 'layer { name: "norm" type: "BatchNorm" bottom: "x" top: "x" batch_norm_param { %s } }'
SCALE = 'layer { name: "scale" type: "Scale" bottom: "x" top: "x" scale_param { %s } }'
RELU = 'layer { name: "relu" type: "ReLU" bottom: "x" top: "x" relu_param { %s } }'
TAIL = """
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y" inner_product_param {
  num_output: 2 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "to" top: "loss" }
"""
BOTH = ["BatchNorm", "Scale"]
ALL = [*BOTH, "ReLU"]


def net(norm=NORM % "", scale=SCALE % "bias_term: true", relu=RELU % "", kernel=2):
    return HEAD % kernel + norm + scale + relu + TAIL


@pytest.fixture
def device_of(device):
    """The device, with the same chance each time."""
    return lambda: replace(device, rng=np.random.default_rng(3))


@pytest.mark.parametrize("kernel", [1, 2, 5])
@pytest.mark.parametrize(
    ("text", "types"),
    [
        ({}, [ALL]),
        ({"relu": ""}, [BOTH]),
        ({"scale": SCALE % ""}, [ALL]),
        ({"norm": NORM % "eps: 0.3 moving_average_fraction: 0.7"}, [ALL]),
        ({"scale": SCALE % "bias_term: true axis: -3"}, [ALL]),
        ({"relu": RELU % "negative_slope: 0.1"}, [BOTH]),
        ({"norm": NORM % "use_global_stats: true"}, []),
        ({"scale": SCALE % "axis: 2 num_axes: 2"}, []),
        ({"scale": SCALE % "num_axes: 0"}, []),
        ({"norm": "", "relu": RELU % ""}, []),
    ],
)
def test_training(device_of, kernel, text, types):
    check_same(device_of, net(**text, kernel=kernel), types)


@pytest.mark.parametrize(
    "frozen",
    [
        (
            NORM % "",
            'layer { name: "norm" type: "BatchNorm" bottom: "x" top: "x" propagate_down: false }',
        ),
        ("bias_term: true }", "bias_term: true } param { lr_mult: 0 } param { lr_mult: 1 }"),
        ("bias_term: true }", "bias_term: true } param { lr_mult: 1 } param { lr_mult: 0 }"),
    ],
)
def test_parts_that_do_not_learn(device_of, frozen):
    text = net().replace(*frozen)
    assert text != net()
    check_same(device_of, text, [ALL])


def test_a_name_between_is_kept(device_of):
    """BatchNorm's top has a name that the caller may look at."""
    norm = 'layer { name: "norm" type: "BatchNorm" bottom: "x" top: "z" }'
    text = (HEAD % 2) + norm + (SCALE % "").replace('"x"', '"z"') + TAIL.replace('"x"', '"z"')
    check_same(device_of, text, [BOTH])
    text = (
        (HEAD % 2)
        + norm
        + (SCALE % "").replace('bottom: "x"', 'bottom: "z"').replace('top: "x"', 'top: "s"')
        + TAIL.replace('"x"', '"s"')
    )
    check_same(device_of, text, [])


def test_a_reader_between_is_served(device_of):
    other = 'layer { name: "other" type: "Silence" bottom: "x" }'
    check_same(device_of, (HEAD % 2) + NORM % "" + other + SCALE % "" + TAIL, [])


DEPLOY = (HEAD % 2) + NORM % "" + SCALE % "bias_term: true" + RELU % ""


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_a_norm_with_a_factor_of_its_own(device_of, phase):
    """NVIDIA's; nobody puts a Scale behind it, but it has to be right."""
    text = (HEAD % 2) + NORM % "scale_bias: true" + SCALE % "bias_term: true" + RELU % ""
    norm = make(device_of(), text, TEST if phase == "TEST" else TRAIN)
    assert kinds(norm) == []
    check_same(device_of, text + TAIL, [])


@pytest.mark.parametrize("relu", [True, False])
def test_deployed(device_of, relu):
    """With stored statistics, and no gradient wanted, forward alone is one."""
    text = DEPLOY if relu else DEPLOY.replace(RELU % "", "")
    tanh = 'layer { name: "tanh" type: "TanH" bottom: "x" top: "x" } '
    text = text.replace('layer { name: "norm"', tanh + 'layer { name: "norm"')
    nets = [make(device_of(), text, TEST) for _ in range(2)]
    assert kinds(nets[0]) == [ALL if relu else BOTH]
    nets[1].hooks.before_forward.append(lambda index: None)
    for each in nets:
        each.forward()
        each.forward()
    found, expected = (each.device.to_numpy(each.blobs["x"].data) for each in nets)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert (found > 0).any()


def test_a_gradient_in_test_is_layer_by_layer(device_of):
    check_same(device_of, "force_backward: true " + DEPLOY, [], phase=TEST)


def test_another_batch(device_of):
    """The stage takes new shapes as its layers do."""
    nets = [make(device_of(), net().replace("dim: 5 dim: 6", "dim: 3 dim: 3")) for _ in range(2)]
    nets[1].hooks.before_forward.append(lambda index: None)
    values = np.random.default_rng(1).standard_normal((5, 4, 3, 3))
    for each in nets:
        each.forward()
        for name, shape in (("in", (5, 4, 3, 3)), ("to", (5, 2))):
            each.blobs[name].reshape(shape)
        each.blobs["in"].data[...] = each.device.xp.asarray(values)
        each.blobs["to"].data[...] = 0
        each.forward()
    found, expected = (each.device.to_numpy(each.blobs["x"].data) for each in nets)
    assert found.shape == (5, 7, 2, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
