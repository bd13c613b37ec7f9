"""BN: SegNet's and PSPNet's, against loops over channels, gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.proto.text import parse
from minicaffe.testing import check_gradient
from tests.build import build

X = (4, 3, 5, 2)
SEGNET = "scale_filler { value: 1.5 } shift_filler { value: -0.25 }"
PSPNET = "slope_filler { value: 1.5 } bias_filler { value: -0.25 } momentum: 0.75 eps: 0.01"


def text(fields="", phase="TRAIN", more=""):
    return f'type: "BN" phase: {phase} bn_param {{ {fields} }} {more}'


def batch(x, eps):
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        y[:, c] = (x[:, c] - x[:, c].mean()) / np.sqrt(x[:, c].var() + eps)
    return 1.5 * y - 0.25


def blobs(device, layer):
    return [device.to_numpy(blob.data).copy() for blob in layer.blobs]


def test_an_example_worked_by_hand(device):
    fields = "scale_filler { value: 2 } shift_filler { value: 5 } eps: 0"
    layer, bottom, top = build(text(fields), device, np.array([[1.0], [1], [3], [3]]))
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data).ravel().tolist() == [3, 3, 7, 7]
    top[0].diff[...] = device.xp.asarray(np.array([[4.0], [0], [0], [0]]))
    layer.run_backward(top, [True], bottom)
    assert device.to_numpy(bottom[0].diff).ravel().tolist() == [4, -4, 0, 0]
    assert [float(device.to_numpy(blob.diff).sum()) for blob in layer.blobs] == [-4, 4]


@pytest.mark.parametrize(
    ("definition", "eps"),
    [
        (text(SEGNET), 0),
        (text(SEGNET, "TEST"), 0),
        (text(SEGNET + " bn_mode: LEARN eps: 0.5"), 0.5),
        (text(PSPNET), 0.01),
    ],
)
@pytest.mark.parametrize("in_place", [False, True])
def test_normalizes_by_the_batch(device, rng, definition, eps, in_place):
    x = rng.standard_normal(X) * 2 + 3
    layer, bottom, top = build(definition, device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), batch(x, eps), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("shape", [X, (7, 3), (2, 3, 70), (2, 3, 2, 3, 2)])
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize(
    "definition",
    [
        text(SEGNET),
        text("bn_mode: INFERENCE"),
        text(PSPNET),
        text(PSPNET, "TEST"),
        text(PSPNET + " frozen: true"),
    ],
)
def test_gradient(device, rng, definition, in_place, shape):
    layer, bottom, top = build(definition, device, rng.standard_normal(shape), in_place=in_place)
    for blob in layer.blobs:
        blob.data[...] = device.xp.asarray(rng.uniform(0.5, 2, blob.shape))
    check_gradient(layer, bottom, top, samples=40)


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
@pytest.mark.parametrize("in_place", [False, True])
def test_inference_is_a_factor_and_an_offset(device, rng, phase, in_place):
    x = rng.standard_normal(X)
    layer, bottom, top = build(text("bn_mode: INFERENCE", phase), device, x, in_place=in_place)
    factor, offset = np.array([2.0, -1, 0]), np.array([0.5, 1, 3])
    layer.blobs[0].data[...] = device.xp.asarray(factor.reshape(1, 3, 1, 1))
    layer.blobs[1].data[...] = device.xp.asarray(offset.reshape(1, 3, 1, 1))
    layer.run_forward(bottom, top)
    expected = x * factor[:, None, None] + offset[:, None, None]
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-12)


def test_stored_moments_follow_the_batches(device, rng):
    layer, bottom, top = build(text(PSPNET), device, np.zeros(X))
    assert [blob.tolist() for blob in blobs(device, layer)] == [
        [[[[value]]] * 3] for value in (1.5, -0.25, 0, 1)
    ]
    mean, variance = np.zeros(3), np.ones(3)
    for _ in range(3):
        x = rng.standard_normal(X) + 2
        bottom[0].data[...] = device.xp.asarray(x)
        layer.run_forward(bottom, top)
        mean = 0.75 * mean + 0.25 * x.mean(axis=(0, 2, 3))
        variance = 0.75 * variance + 0.25 * x.var(axis=(0, 2, 3))
    found = [blob.reshape(-1) for blob in blobs(device, layer)]
    np.testing.assert_allclose(found[2], mean, rtol=1e-6)
    np.testing.assert_allclose(found[3], variance, rtol=1e-6)


@pytest.mark.parametrize(
    "definition", [text(PSPNET, "TEST"), text(PSPNET + " frozen: true"), text("eps: 0.01", "TEST")]
)
def test_stored_moments_are_used(device, rng, definition):
    x = rng.standard_normal(X)
    layer, bottom, top = build(definition, device, x)
    stored = [np.array(row) for row in ([2.0, 1, 3], [0.5, 1, 2], [1.0, -2, 3], [4.0, 2, 1])]
    for blob, value in zip(layer.blobs, stored, strict=True):
        blob.data[...] = device.xp.asarray(value.reshape(1, 3, 1, 1))
    layer.run_forward(bottom, top)
    slope, bias, mean, variance = (value[:, None, None] for value in stored)
    expected = slope * (x - mean) / np.sqrt(variance + 0.01) + bias
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-6)
    for found, value in zip(blobs(device, layer), stored, strict=True):
        np.testing.assert_array_equal(found.reshape(-1), value)


BLOB = "blobs { shape { dim: 1 dim: 3 dim: 1 dim: 1 } data: [1, 2, 3] }"


@pytest.mark.parametrize(
    ("definition", "count"),
    [
        (text(SEGNET), 2),
        (text("bn_mode: LEARN"), 2),
        (text(""), 4),
        (text(PSPNET), 4),
        (text("", more=BLOB * 2), 2),
        (text("", more=BLOB * 4), 4),
        (text(SEGNET, more=BLOB * 2), 2),
    ],
)
def test_whose_it_is(device, definition, count):
    layer, _, _ = build(definition, device, np.ones(X))
    assert len(layer.blobs) == count


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        (SEGNET, [True] * 2),
        (PSPNET, [True, True, False, False]),
        (PSPNET + " frozen: true", [False] * 4),
    ],
)
def test_what_a_solver_may_change(device, fields, wanted):
    more = "param { lr_mult: 3 } param { lr_mult: 2 } param { lr_mult: 1 }"
    layer, _, _ = build(text(fields, more=more), device, np.ones(X))
    assert layer.param_propagate_down == wanted
    rates = [param.lr_mult for param in layer.param.param][: len(wanted)]
    assert [rate > 0 for rate in rates] == wanted


def test_in_a_net_it_has_a_top_of_its_own(device, rng):
    """Backward reads the bottom, which a copy would cost more to keep."""
    definition = """
        layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 4 dim: 3 dim: 5 } } }
        layer { name: "p" type: "Power" bottom: "x" top: "p" power_param { scale: 2 } }
        layer { name: "n" type: "BN" bottom: "p" top: "p" bn_param { bn_mode: LEARN } }"""
    net = Net(parse(definition, NetParameter), device=device)
    step = net.steps[-1]
    assert step.top[0] is not step.bottom[0]
    net.blobs["x"].data[...] = device.xp.asarray(rng.standard_normal((4, 3, 5)))
    net.forward()
    assert abs(device.to_numpy(net.blobs["p"].data).mean()) < 1e-6


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(SEGNET), device, rng.standard_normal(X))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    top[0].diff[...] = 1
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()
    np.testing.assert_allclose(device.to_numpy(layer.blobs[1].diff).reshape(-1), 40)


@pytest.mark.parametrize(
    ("definition", "shape", "error", "message"),
    [
        (text("bn_mode: LEARN frozen: true"), X, LayerConfigError, "bn_mode and frozen are given"),
        (text(SEGNET + " momentum: 0.5"), X, LayerConfigError, "scale_filler and momentum .*Seg"),
        (text("momentum: 1.5"), X, LayerConfigError, "momentum is 1.5, expected 0..1"),
        (text("momentum: nan"), X, LayerConfigError, "momentum is nan"),
        (text("eps: -1"), X, LayerConfigError, "eps is -1, expected at least 0"),
        (text(SEGNET, more=BLOB * 4), X, LayerConfigError, r"with 4 blob\(s\), expected 2"),
        (text(PSPNET, more=BLOB * 2), X, LayerConfigError, r"with 2 blob\(s\), expected 4"),
        (text("", more=BLOB * 3), X, LayerConfigError, r"3 blob\(s\) are given, expected 2 .*or 4"),
        (text(more=BLOB * 4), (4, 2), ShapeError, r"\(1, 3, 1, 1\), expected \(1, 2, 1, 1\)"),
        (text(), (4,), ShapeError, r"has shape \(4,\), expected \(N, C, ...\)"),
        (text(), (0, 3), ShapeError, r"has shape \(0, 3\), expected no empty axis"),
    ],
)
def test_refuses(device, definition, shape, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(BN\): .*{message}"):
        build(definition, device, np.ones(shape))


@pytest.mark.parametrize(
    "definition", [text(PSPNET, "TEST"), text("frozen: true"), text("bn_mode: INFERENCE")]
)
@pytest.mark.parametrize("in_place", [False, True])
def test_with_given_moments_a_batch_may_be_empty(device, definition, in_place):
    layer, bottom, top = build(definition, device, np.ones((0, *X[1:])), in_place=in_place)
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True], bottom)
    assert top[0].shape == (0, *X[1:])
    assert not any(device.to_numpy(blob.diff).any() for blob in layer.blobs)


def test_refuses_other_channels(device):
    layer, bottom, top = build(text(), device, np.ones(X))
    bottom[0].reshape((4, 2, 5, 2))
    with pytest.raises(ShapeError, match="expected 3 channels at axis 1"):
        layer.run_forward(bottom, top)
