"""Each compiled body of ``ops.deconvolution`` gives what its reference gives."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import deconvolution as ops
from minicaffe.ops.convolution import Window
from tests.cuda_on_cpu import Case

GEOMETRIES = {  # N, C, O, groups, size, window
    "one group": (2, 3, 5, 1, (4, 6), Window((3, 2), (2, 1), (1, 0), (1, 2))),
    "two groups": (2, 4, 6, 2, (5, 3), Window((2, 2), (2, 2), (0, 0), (1, 1))),
    "depthwise": (3, 5, 5, 5, (4, 7), Window((4, 4), (2, 2), (1, 1), (1, 1))),
    "depthwise, several inputs": (2, 6, 3, 3, (4, 3), Window((3, 5), (2, 3), (1, 2), (1, 1))),
    "one axis": (2, 3, 4, 1, (7,), Window((3,), (2,), (1,), (2,))),
    "one axis, depthwise": (2, 3, 3, 3, (7,), Window((3,), (2,), (1,), (2,))),
    "three axes": (1, 2, 4, 2, (3, 2, 4), Window((2, 1, 3), (1, 2, 2), (0, 0, 1), (1, 1, 1))),
}
DTYPES = [np.float32, np.float64]


@pytest.fixture(params=GEOMETRIES)
def geometry(request):
    n, c, o, groups, size, window = GEOMETRIES[request.param]
    return (
        (n, c, *size),
        (c, o // groups, *window.kernel),
        (n, o, *ops.enlarged(size, window)),
        window,
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("biased", [False, True])
def test_deconvolution(rng, geometry, dtype, biased):
    *shapes, y_shape, window = geometry
    x, w = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    bias = rng.standard_normal(y_shape[1]).astype(dtype) if biased else None
    found, expected = np.full(y_shape, 7, dtype), np.full(y_shape, 7, dtype)
    ops.deconvolution.compiled(x, w, bias, found, window)
    ops.deconvolution.reference(np, x, w, bias, expected, window)
    np.testing.assert_allclose(found, expected, **_tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("wanted", ["dx", "dw", "dbias", "dx dw dbias"])
def test_deconvolution_grad(rng, geometry, dtype, wanted):
    *shapes, window = geometry
    x, w, dy = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    results = []
    for body in (
        ops.deconvolution_grad.compiled,
        lambda *args: ops.deconvolution_grad.reference(np, *args),
    ):
        grads = {
            "dx": np.full_like(x, 7),
            "dw": np.ones_like(w),
            "dbias": np.ones(dy.shape[1], dtype),
        }
        body(x, w, dy, *(grad if name in wanted else None for name, grad in grads.items()), window)
        results.append(grads)
    for name in wanted.split():
        np.testing.assert_allclose(results[0][name], results[1][name], **_tolerance(dtype))


def _tolerance(dtype):
    return {"rtol": 2e-5, "atol": 2e-5} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-12}


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for name, (n, c, o, groups, size, window) in GEOMETRIES.items():
        x, w = rng.standard_normal((n, c, *size)), rng.standard_normal((c, o // groups, *window[0]))
        dy, bias = rng.standard_normal((n, o, *ops.enlarged(size, window))), rng.standard_normal(o)
        x, w, dy, bias = (array.astype(dtype) for array in (x, w, dy, bias))
        dx, dw, dbias = np.full_like(x, 7), np.ones_like(w), np.ones_like(bias)
        for given in (bias, None):
            args = x, w, given, np.full_like(dy, 7), window
            yield Case(ops.deconvolution, args, name, **_tolerance(dtype))
        for wanted in ((dx, None, None), (None, dw, None), (None, None, dbias), (dx, dw, dbias)):
            args = x, w, dy, *wanted, window
            yield Case(ops.deconvolution_grad, args, name, **_tolerance(dtype))
