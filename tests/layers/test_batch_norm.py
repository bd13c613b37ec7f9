"""BatchNorm: against loops over channels, what it stores, its gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.net import Net
from minicaffe.proto import minicaffe_pb2 as pb
from minicaffe.proto.text import parse
from minicaffe.proto.upgrade import upgrade_net
from minicaffe.testing import check_gradient
from tests.build import build

SHAPES = [(4, 3, 5, 2), (7, 5), (3, 2, 4), (2, 3, 4, 5, 3), (1, 2, 3), (2, 3, 7, 9)]
FIELDS = "eps: 0.01 moving_average_fraction: 0.75"


def text(fields="", phase="TRAIN"):
    return f'type: "BatchNorm" phase: {phase} batch_norm_param {{ {fields} }}'


def channels(x):
    return [x[:, c].reshape(-1) for c in range(x.shape[1])]


def normalized(x, mean, variance, eps):
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        y[:, c] = (x[:, c] - mean[c]) / np.sqrt(variance[c] + eps)
    return y


def values(device, layer):
    return [device.to_numpy(blob.data).copy() for blob in layer.blobs]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("in_place", [False, True])
def test_training_normalizes_by_the_batch(device, rng, shape, in_place):
    x = rng.standard_normal(shape) * 2 + 3
    layer, bottom, top = build(text(FIELDS), device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    moments = zip(*((part.mean(), part.var()) for part in channels(x)), strict=True)
    expected = normalized(x, *moments, 0.01)
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-6, atol=1e-8)


def test_stores_sums_that_fade(device, rng):
    layer, bottom, top = build(text(FIELDS), device, np.zeros((4, 3, 5)))
    assert [blob.shape for blob in layer.blobs] == [(3,), (3,), (1,)]
    mean, variance, weight = np.zeros(3), np.zeros(3), 0.0
    for _ in range(3):
        x = rng.standard_normal((4, 3, 5)) + 2
        bottom[0].data[...] = device.xp.asarray(x)
        layer.run_forward(bottom, top)
        mean = 0.75 * mean + [part.mean() for part in channels(x)]
        variance = 0.75 * variance + [part.var(ddof=1) for part in channels(x)]
        weight = 0.75 * weight + 1
    for found, expected in zip(values(device, layer), (mean, variance, [weight]), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_reference_numbers_of_the_original(device):
    """[0, 2, 4, 6] twice, by Caffe 1.0 with default fields."""
    layer, bottom, top = build(text(), device, np.array([0.0, 2, 4, 6]).reshape(4, 1))
    for _ in range(2):
        layer.run_forward(bottom, top)
    found = np.concatenate(values(device, layer))
    np.testing.assert_allclose(found, [5.997, 13.326667, 1.999], rtol=1e-6)
    expected = [-1.34164, -0.447213, 0.447213, 1.34164]
    np.testing.assert_allclose(device.to_numpy(top[0].data)[:, 0], expected, rtol=1e-5)


def test_one_element_has_no_unbiased_variance(device):
    layer, bottom, top = build(text(), device, np.full((1, 2), 5.0))
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data).tolist() == [[0, 0]]
    assert [blob.tolist() for blob in values(device, layer)] == [[5, 5], [0, 0], [1]]


@pytest.mark.parametrize(
    "definition", [text(FIELDS, "TEST"), text(FIELDS + " use_global_stats: true")]
)
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("shape", [(4, 3, 5, 2), (4, 3)])
def test_stored_statistics(device, rng, definition, in_place, shape):
    x, dy = rng.standard_normal((2, *shape))
    layer, bottom, top = build(definition, device, x, in_place=in_place)
    stored = [np.array([1.0, -2, 3]), np.array([4.0, 2, 1]), np.array([1.7])]
    for blob, value in zip(layer.blobs, stored, strict=True):
        blob.data[...] = device.xp.asarray(value)
    layer.run_forward(bottom, top)
    mean, variance = stored[0] / 1.7, stored[1] / 1.7
    expected = normalized(x, mean, variance, 0.01)
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-6, atol=1e-8)
    for found, value in zip(values(device, layer), stored, strict=True):
        np.testing.assert_array_equal(found, value)
    top[0].diff[...] = device.xp.asarray(dy)
    layer.run_backward(top, [True], bottom)
    expected = normalized(dy, np.zeros(3), variance, 0.01)
    np.testing.assert_allclose(device.to_numpy(bottom[0].diff), expected, rtol=1e-6, atol=1e-8)


def test_a_net_that_never_trained(device):
    """As in the original: the sums over a weight of 0 are taken for 0."""
    layer, bottom, top = build(text(phase="TEST"), device, np.full((2, 3), 2.0))
    layer.blobs[0].data[...] = 5
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), 2 / np.sqrt(1e-5), rtol=1e-6)


def test_use_global_stats_false_in_test(device, rng):
    layer, bottom, top = build(
        text("use_global_stats: false", "TEST"), device, rng.standard_normal((4, 3, 5)) + 9
    )
    layer.run_forward(bottom, top)
    assert abs(device.to_numpy(top[0].data).mean(axis=(0, 2))).max() < 1e-9
    assert values(device, layer)[2] == 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("in_place", [False, True])
def test_gradient(device, rng, shape, in_place):
    check_gradient(*build(text(), device, rng.standard_normal(shape) + 1, in_place=in_place))


@pytest.mark.parametrize("in_place", [False, True])
def test_gradient_under_stored_statistics(device, rng, in_place):
    definition = text("use_global_stats: true")
    layer, bottom, top = build(
        definition, device, rng.standard_normal((2, 3, 4)), in_place=in_place
    )
    for blob in layer.blobs:
        blob.data[...] = 1.5
    check_gradient(layer, bottom, top)


def test_gradient_when_the_top_is_written_over(device, rng):
    """As a Scale layer does that works in place behind it."""
    x, dy = rng.standard_normal((2, 3, 2, 4))
    diffs = []
    for spoilt in [False, True]:
        layer, bottom, top = build(text(), device, x)
        layer.run_forward(bottom, top)
        if spoilt:
            top[0].data[...] = 7
        top[0].diff[...] = device.xp.asarray(dy)
        layer.run_backward(top, [True], bottom)
        diffs.append(device.to_numpy(bottom[0].diff).copy())
    np.testing.assert_array_equal(*diffs)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_leaves_what_is_not_asked_for(device, rng, in_place, phase):
    x = rng.standard_normal((2, 3, 4))
    layer, bottom, top = build(text(phase=phase), device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    for blob in (*bottom, *layer.blobs):
        blob.diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert all((device.to_numpy(blob.diff) == 7).all() for blob in (*bottom, *layer.blobs))


@pytest.mark.parametrize("in_place", [False, True])
def test_follows_its_bottom_to_other_shapes(device, rng, in_place):
    layer, bottom, top = build(text(), device, rng.standard_normal((2, 3, 4)), in_place=in_place)
    for shape in [(5, 3, 2, 7), (4, 3)]:
        x = rng.standard_normal(shape)
        bottom[0].reshape(shape)
        bottom[0].data[...] = device.xp.asarray(x)
        layer.run_forward(bottom, top)
        moments = zip(*((part.mean(), part.var()) for part in channels(x)), strict=True)
        expected = normalized(x, *moments, 1e-5)
        np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-6, atol=1e-8)
        check_gradient(layer, bottom, top)


NET = """
layer {{ name: "x" type: "Input" top: "x" input_param {{ shape {{ dim: 4 dim: 3 dim: 2 }} }} }}
layer {{ name: "bn" type: "BatchNorm" bottom: "x" top: "y" {} }}
"""


@pytest.mark.parametrize("param", ["", "param { lr_mult: 0 }", "param { lr_mult: 1 }" * 3])
def test_no_solver_changes_what_is_stored(device, param):
    """Three entries are the form that old definitions have: all their factors become 0."""
    net = Net(upgrade_net(parse(NET.format(param), pb.NetParameter)), None, device)
    assert [p.lr_mult for p in net.params] == [0, 0, 0]
    assert net.steps[-1].layer.param_propagate_down == [False, False, False]


@pytest.mark.parametrize("given", ["param { }", "param { lr_mult: 0 } param { lr_mult: 2 }"])
def test_refuses_a_learning_rate(device, given):
    index = given.count("param") - 1
    with pytest.raises(
        LayerConfigError, match=rf"^layer 'it' \(BatchNorm\): lr_mult of param {index} .*expected 0"
    ):
        build(text() + given, device, np.ones((2, 3)))


@pytest.mark.parametrize(
    ("shape", "message"),
    [((6,), r"shape \(6,\), expected \(N, C, ...\)"), ((), "expected .N, C"),
     ((0, 3), "no empty axis"), ((2, 3, 0), "no empty axis")],
)  # fmt: skip
def test_refuses_shapes(device, shape, message):
    with pytest.raises(ShapeError, match=message):
        build(text(), device, np.ones(shape))


@pytest.mark.parametrize("fields", ["", "scale_bias: true"])
@pytest.mark.parametrize("in_place", [False, True])
def test_with_stored_moments_a_batch_may_be_empty(device, fields, in_place):
    """A detector that finds no region has nothing for the layers behind."""
    arrays = np.ones((0, 3, 4))
    layer, bottom, top = build(text(fields, "TEST"), device, arrays, in_place=in_place)
    before = values(device, layer)
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True], bottom)
    assert top[0].shape == (0, 3, 4)
    for found, value in zip(values(device, layer), before, strict=True):
        np.testing.assert_array_equal(found, value)


def test_refuses_other_channels_later(device):
    layer, bottom, top = build(text(), device, np.ones((2, 3, 4)))
    bottom[0].reshape((2, 4, 4))
    with pytest.raises(ShapeError, match="expected 3 channels at axis 1"):
        layer.run_forward(bottom, top)


LEARNS = FIELDS + " scale_bias: true scale_filler { value: 1.5 } bias_filler { value: -0.25 }"


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_with_a_factor_and_an_offset_of_its_own(device, rng, in_place, shape):
    x = rng.standard_normal(shape) * 2 + 3
    layer, bottom, top = build(text(LEARNS), device, x, in_place=in_place)
    plain, *io = build(text(FIELDS), device, x)
    for each in ((layer, bottom, top), (plain, *io)):
        each[0].run_forward(*each[1:])
    expected = 1.5 * device.to_numpy(io[1][0].data) - 0.25
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-6, atol=1e-8)
    for own, other in zip(layer.blobs[:3], plain.blobs, strict=True):
        np.testing.assert_allclose(*(device.to_numpy(b.data) for b in (own, other)), rtol=1e-9)
    c = shape[1]
    assert [b.shape for b in layer.blobs] == [(c,), (c,), (1,), (c,), (c,)]


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("more", ["", " use_global_stats: true"])
@pytest.mark.parametrize("shape", [(4, 3, 5, 2), (5, 2), (2, 3, 70)])
def test_gradient_with_a_factor_and_an_offset(device, rng, in_place, more, shape):
    definition = text(LEARNS + more)
    layer, bottom, top = build(definition, device, rng.standard_normal(shape), in_place=in_place)
    for blob in layer.blobs:
        blob.data[...] = device.xp.asarray(rng.uniform(0.5, 2, blob.shape))
    check_gradient(layer, bottom, top, samples=40)


def test_a_solver_changes_the_factor_and_the_offset(device):
    layer, _, _ = build(text(LEARNS), device, np.ones((2, 3)))
    assert layer.param_propagate_down == [False, False, False, True, True]
    assert [param.lr_mult for param in layer.param.param] == [0, 0, 0]
    plain, _, _ = build(text("scale_bias: true"), device, np.ones((2, 3)))
    found = [device.to_numpy(blob.data).tolist() for blob in plain.blobs[3:]]
    assert found == [[1, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_with_a_factor_of_its_own_it_wants_its_own_top(device, phase):
    """Backward reads the bottom under stored statistics too: the factor's gradient does."""
    layer, _, _ = build(text("scale_bias: true", phase), device, np.ones((2, 3)))
    assert layer.wants_own_top
    plain, _, _ = build(text("", phase), device, np.ones((2, 3)))
    assert plain.wants_own_top == (phase == "TRAIN")
