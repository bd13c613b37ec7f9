"""PReLU: its formula, its slopes, its gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

SHAPES = [(2, 3, 5, 7), (5, 3), (2, 4, 3), (2, 3, 1, 5, 4), (1, 2, 4, 9)]
FILLER = "filler { type: 'gaussian' std: 0.5 }"


def definition(shared=False, more=FILLER):
    return f'type: "PReLU" prelu_param {{ channel_shared: {str(shared).lower()} {more} }}'


def reference(x, slopes):
    y = x.copy()
    for index, value in np.ndenumerate(x):
        if value < 0:
            y[index] = value * slopes.reshape(-1)[index[1] if slopes.ndim else 0]
    return y


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("in_place", [False, True])
def test_matches_reference(device, rng, shape, shared, in_place):
    x = rng.integers(-2, 3, shape).astype(float)
    layer, bottom, top = build(definition(shared), device, x, in_place=in_place)
    assert layer.blobs[0].shape == (() if shared else shape[1:2])
    layer.run_forward(bottom, top)
    expected = reference(x, device.to_numpy(layer.blobs[0].data))
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-13)
    assert in_place or (device.to_numpy(bottom[0].data) == x).all()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("in_place", [False, True])
def test_gradient(device, rng, shape, shared, in_place):
    x = rng.uniform(0.1, 1, shape) * rng.choice([-1, 1], shape)  # off the kink
    check_gradient(*build(definition(shared), device, x, in_place=in_place))


@pytest.mark.parametrize("shared", [False, True])
def test_slopes_start_at_a_quarter(device, shared):
    layer, _, _ = build(definition(shared, more=""), device, np.ones((2, 3)))
    assert (device.to_numpy(layer.blobs[0].data) == 0.25).all()


def test_negative_slope_in_place(device):
    text = definition(more="filler { type: 'constant' value: -2 }")
    layer, bottom, top = build(text, device, np.array([[-1.0, 1.0]]), in_place=True)
    layer.run_forward(bottom, top)
    top[0].diff[...] = 3
    layer.run_backward(top, [True], bottom)
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff), [[-6, 3]])
    np.testing.assert_array_equal(device.to_numpy(layer.blobs[0].diff), [-3, 0])


def test_slope_at_0_and_nan(device):
    layer, bottom, top = build(definition(more=""), device, np.array([[0.0], [np.nan]]))
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), [[0], [np.nan]])
    top[0].diff[...] = 4
    layer.run_backward(top, [True], bottom)
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff), [[1], [0]])


@pytest.mark.parametrize("in_place", [False, True])
def test_leaves_what_is_not_asked_for(device, rng, in_place):
    x = rng.standard_normal((2, 3, 5))
    layer, bottom, top = build(definition(), device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    top[0].diff[...] = 7
    bottom[0].diff[...] = 7
    layer.param_propagate_down[0] = False
    layer.blobs[0].diff[...] = 5
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()
    assert (device.to_numpy(layer.blobs[0].diff) == 5).all()
    layer.param_propagate_down[0] = True
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()
    assert (device.to_numpy(layer.blobs[0].diff) != 5).all()


def test_follows_its_bottom_to_other_shapes(device, rng):
    layer, bottom, top = build(definition(), device, rng.standard_normal((2, 3, 5, 7)))
    slopes = device.to_numpy(layer.blobs[0].data)
    for shape in [(4, 3, 6, 7), (5, 3)]:
        x = rng.standard_normal(shape)
        bottom[0].reshape(shape)
        bottom[0].data[...] = device.xp.asarray(x)
        layer.run_forward(bottom, top)
        np.testing.assert_allclose(device.to_numpy(top[0].data), reference(x, slopes), rtol=1e-13)


def test_refuses_other_channels_later(device):
    layer, bottom, top = build(definition(), device, np.ones((2, 3, 5)))
    bottom[0].reshape((2, 4, 5))
    with pytest.raises(ShapeError, match=r"bottom\[0\] has shape \(2, 4, 5\), expected 3 channel"):
        layer.run_forward(bottom, top)


def test_one_slope_takes_other_channels_later(device):
    layer, bottom, top = build(definition(shared=True, more=""), device, np.ones((2, 3, 5)))
    bottom[0].reshape((2, 4, 5))
    bottom[0].data[...] = -8
    layer.run_forward(bottom, top)
    assert (device.to_numpy(top[0].data) == -2).all()


def test_refuses_a_bottom_without_channels(device):
    message = r"^layer 'it' \(PReLU\): bottom\[0\] has shape \(4,\), expected \(N, C, ...\)"
    with pytest.raises(ShapeError, match=message):
        build(definition(), device, np.ones(4))


def test_refuses_slopes_of_another_number(device):
    text = definition() + "blobs { shape { dim: 2 } data: 1 data: 2 }"
    with pytest.raises(ShapeError, match=r"blobs\[0\] has shape \(2,\), expected \(3,\)"):
        build(text, device, np.ones((2, 3)))


def test_refuses_an_unknown_filler(device):
    with pytest.raises(LayerConfigError, match="filler type is 'gausian'"):
        build(definition(more="filler { type: 'gausian' }"), device, np.ones((2, 3)))
