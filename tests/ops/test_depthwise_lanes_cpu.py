"""Depthwise 3x3 convolution, 16 channels side by side, gives what the reference gives."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from minicaffe.ops import convolution as ops
from minicaffe.ops import depthwise_lanes_cpu as lanes
from minicaffe.ops import scratch_cpu
from minicaffe.ops.convolution import Window

GEOMETRIES = {  # (N, C, H, W), stride, pad
    "few channels": ((2, 5, 9, 7), 1, (1, 1)),
    "more channels than lanes": ((2, 37, 10, 23), 1, (1, 1)),
    "stride": ((3, 18, 9, 34), 2, (1, 1)),
    "stride, even": ((2, 16, 8, 18), 2, (0, 1)),
    "no pad": ((2, 3, 3, 4), 1, (0, 0)),
    "wide pad": ((1, 17, 5, 6), 1, (2, 1)),
    "wide pad, stride": ((3, 4, 5, 6), 2, (0, 2)),
    "bands": ((1, 19, 70, 83), 1, (1, 1)),
    "bands, stride": ((2, 3, 95, 61), 2, (1, 1)),
    "rows left over by the stride": ((1, 3, 8, 10), 2, (0, 0)),
    "one row": ((2, 3, 1, 5), 1, (1, 1)),
    "one pixel": ((4, 3, 1, 1), 2, (1, 1)),
    "wider than all results": ((1, 2, 3, 41), 2, (0, 0)),
}
TOLERANCE = {"rtol": 1e-4, "atol": 2e-4}


@pytest.fixture(params=[1, 2, 5])
def workers(request, monkeypatch):
    """The number of shares that the work is cut into; the work space holds what would be seen."""
    monkeypatch.setattr(lanes, "threads", lambda: request.param)
    scratch_cpu.scratch(1 << 21, np.dtype(np.float32))[:] = np.nan


@pytest.fixture(params=GEOMETRIES)
def case(request, rng):
    shape, stride, pad = GEOMETRIES[request.param]
    window = Window((3, 3), (stride, stride), pad, (1, 1))
    shapes = shape, (shape[1], 1, 3, 3), (shape[1],), (*shape[:2], *window.out(shape[2:]))
    arrays = [rng.standard_normal(each).astype(np.float32) for each in shapes]
    assert lanes.can(shape, arrays[1], window)
    return window, *arrays


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_outputs(workers, case, biased, relu):
    window, x, w, bias, y = case
    bias = bias if biased else None
    found, expected = np.full_like(y, np.nan), np.empty_like(y)
    lanes.depthwise(x, w, bias, found, window, relu)
    ops.convolution.reference(np, x, w, bias, expected, window, relu)
    np.testing.assert_allclose(found, expected, **TOLERANCE)


@pytest.mark.parametrize("wanted", list(product([False, True], repeat=3)))
def test_gradients_that_are_wanted(workers, case, wanted):
    window, x, w, bias, dy = case
    results = []
    for body in (lanes.depthwise_grad, lambda *args: ops.convolution_grad.reference(np, *args)):
        starts = np.full_like(x, np.nan), np.ones_like(w), np.ones_like(bias)
        grads = [start if want else None for start, want in zip(starts, wanted, strict=True)]
        body(x if wanted != (True, False, False) else None, w, dy, *grads, window)
        results.append(grads)
    for found, expected in zip(*results, strict=True):
        if expected is not None:
            np.testing.assert_allclose(found, expected, **TOLERANCE)


def test_the_same_bits_every_time(case):
    window, x, w, bias, dy = case
    results = []
    for _ in range(3):
        grads = np.empty_like(x), np.ones_like(w), np.ones_like(bias)
        lanes.depthwise_grad(x, w, dy, *grads, window)
        results.append(grads)
    for first, *others in zip(*results, strict=True):
        for other in others:
            np.testing.assert_array_equal(first, other)


@pytest.mark.parametrize(
    ("shape", "outputs", "dtype", "window"),
    [
        ((2, 4, 7, 5), 4, np.float64, Window((3, 3), (1, 1), (1, 1), (1, 1))),
        ((2, 4, 7, 5), 8, np.float32, Window((3, 3), (1, 1), (1, 1), (1, 1))),
        ((2, 4, 7, 5), 4, np.float32, Window((3, 2), (1, 1), (1, 1), (1, 1))),
        ((2, 4, 7, 5), 4, np.float32, Window((3, 3), (1, 2), (1, 1), (1, 1))),
        ((2, 4, 7, 5), 4, np.float32, Window((3, 3), (3, 3), (1, 1), (1, 1))),
        ((2, 4, 7, 5), 4, np.float32, Window((3, 3), (1, 1), (3, 1), (1, 1))),
        ((2, 4, 7, 5), 4, np.float32, Window((3, 3), (1, 1), (1, 1), (1, 2))),
        ((0, 4, 7, 5), 4, np.float32, Window((3, 3), (1, 1), (1, 1), (1, 1))),
    ],
)
def test_what_it_cannot(shape, outputs, dtype, window):
    assert not lanes.can(shape, np.zeros((outputs, 1, *window.kernel), dtype), window)
