"""Each compiled body of ``ops.convolution`` gives what its reference gives."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from minicaffe.ops import blocks_cpu, convolution_cpu
from minicaffe.ops import convolution as ops
from minicaffe.ops.convolution import Window

GEOMETRIES = {  # (N, C, *size), outputs, groups, kernel, stride, pad, dilation
    "plain": ((2, 3, 6, 5), 4, 1, (3, 3), (1, 1), (0, 0), (1, 1)),
    "same size": ((3, 20, 7, 9), 5, 1, (3, 3), (1, 1), (1, 1), (1, 1)),
    "all unlike": ((5, 4, 9, 8), 6, 2, (3, 2), (2, 1), (1, 2), (1, 3)),
    "tall stride alone": ((2, 3, 11, 6), 2, 1, (2, 3), (3, 1), (0, 1), (1, 1)),
    "wide stride alone": ((2, 3, 6, 11), 2, 1, (3, 2), (1, 3), (2, 0), (2, 1)),
    "many small images": ((37, 3, 4, 3), 5, 1, (2, 2), (1, 1), (1, 0), (1, 1)),
    "many small groups": ((9, 6, 5, 4), 12, 3, (3, 3), (1, 1), (1, 1), (1, 1)),
    "depthwise": ((2, 5, 6, 7), 5, 5, (3, 3), (1, 1), (1, 1), (1, 1)),
    "one image": ((1, 17, 23, 19), 6, 1, (3, 5), (1, 1), (1, 2), (1, 1)),
    "one image, one channel": ((1, 1, 8, 9), 3, 1, (3, 3), (1, 1), (0, 0), (1, 1)),
    "one position": ((1, 6, 4, 5), 19, 1, (4, 5), (1, 1), (0, 0), (1, 1)),
    "blocks of rows": ((2, 33, 40, 70), 3, 1, (3, 3), (1, 1), (1, 1), (1, 1)),
    "slices of channels": ((2, 301, 9, 31), 3, 1, (3, 3), (1, 1), (1, 1), (1, 1)),
    "kernel in the pad": ((2, 3, 2, 3), 4, 1, (2, 2), (1, 1), (4, 5), (1, 1)),
    "1x1": ((3, 6, 8, 9), 4, 2, (1, 1), (1, 1), (0, 0), (1, 1)),
    "1x1 by rows": ((2, 5, 70, 41), 4, 1, (1, 1), (1, 1), (0, 0), (1, 1)),
    "1x1, many small images": ((29, 70, 5, 3), 7, 1, (1, 1), (1, 1), (0, 0), (1, 1)),
    "1x1, many small groups": ((7, 66, 5, 6), 9, 3, (1, 1), (1, 1), (0, 0), (1, 1)),
    "1x1, many positions": ((2, 67, 61, 40), 9, 1, (1, 1), (1, 1), (0, 0), (1, 1)),
    "1x1, tall stride": ((3, 65, 9, 7), 4, 1, (1, 1), (3, 1), (0, 0), (1, 1)),
    "1x1, stride, blocks": ((2, 65, 113, 64), 3, 1, (1, 1), (2, 2), (0, 0), (1, 1)),
    "1x1, one axis": ((3, 4, 19), 6, 2, (1,), (2,), (0,), (1,)),
    "1x1, stride": ((3, 6, 8, 9), 4, 1, (1, 1), (2, 3), (0, 0), (1, 1)),
    "1x1, pad": ((3, 6, 8, 9), 4, 1, (1, 1), (1, 1), (1, 2), (1, 1)),
    "one axis": ((3, 4, 19), 6, 2, (3,), (2,), (1,), (1,)),
    "one axis, dilated": ((2, 5, 19), 3, 1, (4,), (1,), (2,), (3,)),
    "three axes": ((2, 3, 4, 5, 6), 2, 1, (2, 3, 2), (1, 2, 1), (0, 1, 1), (1, 1, 2)),
    "no axis": ((4, 3), 2, 1, (), (), (), ()),
    "no image": ((0, 3, 6, 5), 4, 1, (3, 3), (1, 1), (0, 0), (1, 1)),
}
TOLERANCE = {np.float32: {"rtol": 1e-3, "atol": 1e-3}, np.float64: {"rtol": 1e-9, "atol": 1e-9}}


class Case:
    """The arrays of a geometry, one kind of float."""

    def __init__(self, rng, name, dtype):
        shape, outputs, groups, *window = GEOMETRIES[name]
        self.window = Window(*window)
        self.x = rng.standard_normal(shape).astype(dtype)
        kernel = (outputs, shape[1] // groups, *self.window.kernel)
        self.w = rng.standard_normal(kernel).astype(dtype)
        self.bias = rng.standard_normal(outputs).astype(dtype)
        self.y = np.full((shape[0], outputs, *self.window.out(shape[2:])), np.nan, dtype)
        self.dy = rng.standard_normal(self.y.shape).astype(dtype)
        self.tolerance = TOLERANCE[dtype]

    def forward(self, body, bias, relu=False):
        """y."""
        y = self.y.copy()
        body(self.x, self.w, bias, y, self.window, relu)
        return y

    def backward(self, body, wanted=(True, True, True)):
        """dx, dw and dbias, None where not wanted."""
        starts = (np.full_like(self.x, np.nan), np.ones_like(self.w), np.ones_like(self.bias))
        grads = [grad if want else None for grad, want in zip(starts, wanted, strict=True)]
        x = self.x if wanted[1] else None
        body(x, self.w, self.dy, *grads, self.window)
        return grads


def reference(op):
    return lambda *args: op.reference(np, *args)


@pytest.fixture(params=[1, 2, 5])
def workers(request, monkeypatch):
    """The number of shares that the work is cut into, whatever the number of threads."""
    monkeypatch.setattr(convolution_cpu, "threads", lambda: request.param)
    return request.param


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_convolution(rng, workers, name, dtype):
    case = Case(rng, name, dtype)
    for given in product((case.bias, None), (False, True)):
        found = case.forward(ops.convolution.compiled, *given)
        np.testing.assert_allclose(
            found, case.forward(reference(ops.convolution), *given), **case.tolerance
        )


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_convolution_grad(rng, workers, name, dtype):
    case = Case(rng, name, dtype)
    found = case.backward(ops.convolution_grad.compiled)
    expected = case.backward(reference(ops.convolution_grad))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, **case.tolerance)


@pytest.mark.parametrize("name", ["all unlike", "many small groups", "1x1", "three axes"])
@pytest.mark.parametrize("wanted", list(product([False, True], repeat=3)))
def test_only_what_is_wanted(rng, name, wanted):
    case = Case(rng, name, np.float64)
    found = case.backward(ops.convolution_grad.compiled, wanted)
    expected = case.backward(reference(ops.convolution_grad), wanted)
    for a, b in zip(found, expected, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, **case.tolerance)


@pytest.mark.parametrize(
    ("limit", "value", "name"),
    [
        ("_PARTIAL_SUMS", 0, "same size"),
        ("_PARTIAL_SUMS", 0, "all unlike"),
        ("_PARTIAL_SUMS", 0, "slices of channels"),
        ("_LEAST_CHANNELS", 1, "1x1"),
        ("_LEAST_CHANNELS", 1, "1x1 by rows"),
        ("_LEAST_CHANNELS", 32, "1x1, many small images"),
        ("_LEAST_CHANNELS", 2, "1x1, many small groups"),
        ("_LEAST_CHANNELS", 2, "1x1, stride"),
        ("_LEAST_CHANNELS", 1, "1x1, one axis"),
    ],
)
def test_workers_that_divide_the_channels(rng, monkeypatch, workers, limit, value, name):
    monkeypatch.setattr(blocks_cpu, limit, value)
    blocks_cpu.blocks.cache_clear()
    try:
        case = Case(rng, name, np.float64)
        found = case.backward(ops.convolution_grad.compiled)
    finally:
        blocks_cpu.blocks.cache_clear()
    expected = case.backward(reference(ops.convolution_grad))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, **case.tolerance)


@pytest.mark.parametrize("name", ["same size", "many small images"])
def test_gradients_are_the_same_every_time(rng, name):
    case = Case(rng, name, np.float32)
    first = case.backward(ops.convolution_grad.compiled)
    for _ in range(5):
        for a, b in zip(first, case.backward(ops.convolution_grad.compiled), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("weight", "where"), [(np.nan, "w"), (np.inf, "w"), (np.nan, "x")])
def test_what_is_not_finite_spreads_as_the_formula_says(weight, where):
    """Also from the pad, which is zero: 0 * inf is NaN."""
    x, w = np.ones((1, 2, 4, 5)), np.ones((3, 2, 3, 3))
    (w if where == "w" else x)[0, 1, 0, 0] = weight
    window = Window((3, 3), (1, 1), (1, 1), (1, 1))
    found, expected = (np.zeros((1, 3, 4, 5)) for _ in range(2))
    ops.convolution.compiled(x, w, None, found, window)
    with np.errstate(invalid="ignore"):
        ops.convolution.reference(np, x, w, None, expected, window)
    np.testing.assert_array_equal(found, expected)
    assert np.isnan(found).any()


@pytest.mark.parametrize(
    ("dtype", "channels", "kernel"),
    [
        (np.float64, 1, (1, 1)),
        (np.float64, 1, (2, 2)),
        (np.float64, 4, (2, 2)),  # depthwise
        (np.float32, 4, (3, 3)),  # the same, 16 channels side by side
        (np.float64, 1, (1, 2, 2)),
    ],
)
def test_nan_passes_the_relu(dtype, channels, kernel):
    x = np.full((1, channels, *[5] * len(kernel)), -1, dtype)
    x[0, 0].flat[0], x[0, 0].flat[-1] = np.nan, 2e3
    w, ones = np.ones((channels, 1, *kernel), dtype), (1,) * len(kernel)
    window = Window(kernel, ones, (0,) * len(kernel), ones)
    found = np.ones((1, channels, *window.out(x.shape[2:])), dtype)
    ops.convolution.compiled(x, w, None, found, window, True)
    assert np.isnan(found.flat[0])
    assert found[0, 0].flat[-1] > 0
    assert (found == 0).sum() == found.size - 2


@pytest.mark.parametrize("backward", [False, True])
def test_work_space_is_a_fraction_of_the_columns(backward):
    """VGG's largest: all columns of one image alone are 29 million numbers."""
    window = Window((3, 3), (1, 1), (1, 1), (1, 1))
    p = blocks_cpu.blocks((8, 64, 224, 224), (64, 64, 3, 3), window, 2, backward)
    assert p.space <= 2 * blocks_cpu._COLUMNS


@pytest.mark.parametrize("workers", [2, 7])
@pytest.mark.parametrize("name", ["one image", "one position"])
def test_one_image_is_work_for_all(name, workers):
    shape, outputs, groups, *window = GEOMETRIES[name]
    kernel = (outputs, shape[1] // groups, *window[0])
    forward = blocks_cpu.blocks(shape, kernel, Window(*window), workers, False)
    assert forward.units >= workers
    backward = blocks_cpu.blocks(shape, kernel, Window(*window), workers, True)
    assert backward.shares_n * backward.shares_c == min(workers, shape[1])
