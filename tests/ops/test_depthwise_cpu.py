"""Depthwise convolution for the CPU gives what the reference of all convolutions gives."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import convolution as ops
from minicaffe.ops.convolution import Window
from minicaffe.ops.depthwise_cpu import depthwise, depthwise_grad, is_depthwise

GEOMETRIES = {  # N, C, outputs a channel, size, window
    "3 by 3": (2, 3, 1, (7, 5), Window((3, 3), (1, 1), (1, 1), (1, 1))),
    "two outputs": (2, 3, 2, (9, 11), Window((3, 2), (2, 1), (1, 0), (1, 2))),
    "odd stride": (1, 2, 1, (8, 5), Window((2, 3), (3, 2), (1, 2), (2, 1))),
    "stride beyond the kernel": (2, 2, 1, (40, 44), Window((4, 4), (7, 9), (0, 0), (1, 1))),
    "dilation and stride share a factor": (
        1,
        3,
        1,
        (12, 9),
        Window((2, 3), (4, 2), (3, 1), (2, 2)),
    ),
    "one axis": (2, 5, 3, (13,), Window((4,), (3,), (2,), (2,))),
    "1 by 1": (2, 3, 1, (5, 4), Window((1, 1), (2, 3), (0, 0), (1, 1))),
    "several blocks": (1, 2, 2, (70, 60), Window((5, 4), (1, 1), (2, 2), (1, 1))),
    "windows of pad alone": (1, 2, 2, (7, 6), Window((3, 3), (1, 1), (5, 7), (1, 1))),
}


@pytest.fixture(params=GEOMETRIES)
def geometry(request):
    n, c, outputs, size, window = GEOMETRIES[request.param]
    shapes = (n, c, *size), (c * outputs, 1, *window.kernel), (n, c * outputs, *window.out(size))
    assert is_depthwise(*shapes[:2])
    return *shapes, window


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_depthwise(rng, geometry, dtype, biased, relu):
    *shapes, y_shape, window = geometry
    x, w = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    bias = rng.standard_normal(len(w)).astype(dtype) if biased else None
    found, expected = np.full(y_shape, 7, dtype), np.full(y_shape, 7, dtype)
    depthwise(x, w, bias, found, window, relu)
    ops.convolution.reference(np, x, w, bias, expected, window, relu)
    np.testing.assert_allclose(found, expected, **_tolerance(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("wanted", ["dx", "dw", "dbias", "dw dbias", "dx dw dbias"])
def test_depthwise_grad(rng, geometry, dtype, wanted):
    *shapes, window = geometry
    x, w, dy = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    given = x if "dw" in wanted or wanted == "dbias" else None
    results = []
    for body in (depthwise_grad, lambda *args: ops.convolution_grad.reference(np, *args)):
        grads = {"dx": np.full_like(x, 7), "dw": np.ones_like(w), "dbias": np.ones(len(w), dtype)}
        chosen = (grad if name in wanted.split() else None for name, grad in grads.items())
        body(given, w, dy, *chosen, window)
        results.append(grads)
    for name in wanted.split():
        np.testing.assert_allclose(results[0][name], results[1][name], **_tolerance(dtype))


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "expected"),
    [
        ((2, 3, 7, 5), (6, 1, 3, 3), True),
        ((2, 1, 7, 5), (6, 1, 3, 3), False),  # one group: a product of matrices serves better
        ((2, 4, 7, 5), (6, 2, 3, 3), False),
        ((2, 4, 7, 5), (64, 1, 3, 3), False),
        ((2, 3, 7, 5, 4), (3, 1, 3, 3, 2), False),
    ],
)
def test_is_depthwise(x_shape, w_shape, expected):
    assert is_depthwise(x_shape, w_shape) is expected


def _tolerance(dtype):
    return {"rtol": 1e-4, "atol": 1e-4} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-12}
