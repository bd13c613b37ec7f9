"""FixedPoint: printed examples, halves, ends, its gradient, and what it refuses."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError
from tests.build import build


def text(bits, integer_bits):
    return f'type: "FixedPoint" fixed_point_param {{ bits: {bits} integer_bits: {integer_bits} }}'


def fixed(x, bits, integer_bits):
    """In fractions, which round nothing by themselves."""
    step, most = Fraction(2) ** (integer_bits - bits), 2**bits - 1
    size = min(floor(abs(Fraction(float(x))) / step + Fraction(1, 2)), most)
    return float(size * step) * (-1 if x < 0 else 1)


@pytest.mark.parametrize(
    ("bits", "integer_bits", "y"),
    [(3, 1, 1.25), (3, 0, 0.875), (3, 2, 1.5), (1, 1, 1), (2, 0, 0.75)],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_examples(device, bits, integer_bits, y, sign):
    layer, bottom, top = build(text(bits, integer_bits), device, np.array([sign * 1.25]))
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data) == sign * y


def test_bits_with_a_point(device):
    """110101 with 5 bits before the point is 26.5: it is a number that <6, 5> holds."""
    layer, bottom, top = build(text(6, 5), device, np.array([26.5, 26.7, 26.75, 31.5, 31.9]))
    layer.run_forward(bottom, top)
    expected = [26.5, 26.5, 27, 31.5, 31.5]
    np.testing.assert_array_equal(device.to_numpy(top[0].data), expected)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("bits", "integer_bits"), [(8, 2), (2, 0), (4, 4), (16, 7), (24, 3)])
def test_rounds_halves_away_from_0(device, rng, bits, integer_bits, dtype, in_place):
    step = 2.0 ** (integer_bits - bits)
    halves = (np.arange(-9, 9) + 0.5) * step
    near = [np.nextafter(h.astype(dtype), dtype(side)) for h in halves for side in (-99, 99)]
    wide = rng.standard_normal(200) * 2.0**integer_bits
    x = np.concatenate([halves, near, wide, [0.0, -0.0, 1e30, -1e30]]).astype(dtype)
    built = build(text(bits, integer_bits), device, x, dtype=dtype, in_place=in_place)
    built[0].run_forward(*built[1:])
    expected = [fixed(value, bits, integer_bits) for value in x]
    np.testing.assert_array_equal(device.to_numpy(built[2][0].data), expected)


@pytest.mark.parametrize("in_place", [False, True])
def test_the_gradient_passes_inside(device, in_place):
    """The ends are -7 and 7 eighths."""
    x = np.array([-np.inf, -0.876, -0.875, -0.3, 0, 0.874, 0.875, 0.8751, np.inf, np.nan])
    layer, bottom, top = build(text(3, 0), device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    y = [-0.875, -0.875, -0.875, -0.25, 0, 0.875, 0.875, 0.875, 0.875, np.nan]
    np.testing.assert_array_equal(device.to_numpy(top[0].data), y)
    top[0].diff[...] = device.xp.asarray(np.arange(1.0, 11))
    layer.run_backward(top, [True], bottom)
    dx = [0, 0, 3, 4, 5, 6, 7, 0, 0, 0]
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff), dx)


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(8, 2), device, rng.standard_normal((2, 3)))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


@pytest.mark.parametrize(
    ("bits", "integer_bits", "dtype", "message"),
    [
        (0, 0, np.float64, "bits is 0, expected 1..53: float64"),
        (25, 2, np.float32, "bits is 25, expected 1..24: float32"),
        (4, 5, np.float64, "integer_bits is 5, expected 0..4"),
    ],
)
def test_refuses(device, bits, integer_bits, dtype, message):
    with pytest.raises(LayerConfigError, match=message):
        build(text(bits, integer_bits), device, np.zeros(3), dtype=dtype)
