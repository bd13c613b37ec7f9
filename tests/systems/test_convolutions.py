"""Layers that multiply by weights: what an impulse tells of them, and how they enlarge."""

from __future__ import annotations

import numpy as np
import pytest

from tests.build import build
from tests.systems.runs import fill, input_of, layer, solver_of

KERNEL = np.arange(1.0, 13).reshape(1, 1, 3, 4)
FIELDS = "num_output: 1 kernel_h: 3 kernel_w: 4 bias_term: false weight_filler { type: 'xavier' }"


def impulse(shape, place):
    x = np.zeros(shape)
    x[place] = 1
    return x


def made(device, kind, x, w, fields=FIELDS):
    """A layer of the weights ``w`` that has run once on ``x``, its bottom and top."""
    it, bottom, top = build(f'type: "{kind}" convolution_param {{ {fields} }}', device, x)
    it.blobs[0].data[...] = device.xp.asarray(w)
    it.run_forward(bottom, top)
    return it, bottom, top


def test_a_convolution_does_not_turn_its_kernel(device):
    """It is a correlation: its gradient, and a deconvolution, put the kernel down as it is.

    Forward reads the kernel as it is, so that it puts it down turned by 180 degrees.
    """
    x = impulse((1, 1, 9, 11), (0, 0, 4, 5))
    it, bottom, top = made(device, "Convolution", x, KERNEL)
    y = device.to_numpy(top[0].data)[0, 0]
    turned = np.zeros((7, 8))
    turned[2:5, 2:6] = KERNEL[0, 0, ::-1, ::-1]
    np.testing.assert_array_equal(y, turned)
    top[0].diff[...] = device.xp.asarray(impulse((1, 1, 7, 8), (0, 0, 2, 3)))
    it.run_backward(top, [True], bottom)
    upright = np.zeros((9, 11))
    upright[2:5, 3:7] = KERNEL[0, 0]
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff)[0, 0], upright)
    _, _, top = made(device, "Deconvolution", impulse((1, 1, 7, 8), (0, 0, 2, 3)), KERNEL)
    np.testing.assert_array_equal(device.to_numpy(top[0].data)[0, 0], upright)


def test_a_convolution_answers_most_to_what_its_kernel_shows(device, rng):
    x = 0.1 * rng.standard_normal((1, 1, 9, 11))
    x[0, 0, 1:4, 6:10] += KERNEL[0, 0] - KERNEL.mean()
    _, _, top = made(device, "Convolution", x, KERNEL - KERNEL.mean())
    y = device.to_numpy(top[0].data)[0, 0]
    assert np.unravel_index(y.argmax(), y.shape) == (1, 6)
    turned = (KERNEL - KERNEL.mean())[..., ::-1, ::-1]
    _, _, top = made(device, "Convolution", x, turned)
    assert device.to_numpy(top[0].data)[0, 0, 1, 6] < 0


BILINEAR = "num_output: 3 group: 3 kernel_size: 4 stride: 2 bias_term: false"


@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (1, 3, 4, 3)])
def test_twice_as_large_by_a_deconvolution_and_a_crop(shape):
    """As fully convolutional nets do it: filters that do not learn, then the size of the image."""
    n, c, h, w = shape
    net = input_of("image", n, 1, 2 * h, 2 * w) + input_of("x", *shape)
    fields = f"convolution_param {{ {BILINEAR} weight_filler {{ type: 'bilinear' }} }}"
    net += layer("Deconvolution", "x", "large", f"param {{ lr_mult: 0 }} {fields}")
    net += layer("Crop", "large image", "y", "crop_param { axis: 2 offset: 1 }")
    net = solver_of(net).net
    down, along = np.mgrid[0:h, 0:w]
    ramp = (3 * down - 2 * along).astype(np.float32)
    factors = np.arange(1, n * c + 1).reshape(n, c, 1, 1)
    fill(net, x=factors * ramp)
    net.forward()
    y = net.blobs["y"].data
    assert y.shape == (n, c, 2 * h, 2 * w)
    down, along = np.mgrid[0 : 2 * h, 0 : 2 * w] / 2 - 0.25
    expected = factors * (3 * down - 2 * along)
    inside = (..., slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(y[inside], expected[inside], rtol=1e-5, atol=1e-5)
    assert np.abs(y - expected)[..., 0, :].min() > 0.1  # the border sees zeros around
