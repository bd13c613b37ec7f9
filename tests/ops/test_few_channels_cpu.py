"""Convolution of few channels, 16 outputs side by side, gives what the reference gives."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import convolution as ops
from minicaffe.ops import few_channels_cpu as few
from minicaffe.ops import scratch_cpu
from minicaffe.ops.convolution import Window

GEOMETRIES = {  # (N, C, H, W), (O, kernel), stride, pad, dilation
    "half a block": ((2, 1, 9, 7), (13, 3, 2), (1, 1), (0, 0), (1, 1)),
    "a block": ((2, 3, 10, 23), (32, 5, 5), (1, 1), (2, 2), (1, 1)),
    "blocks, the last not full": ((2, 3, 8, 19), (93, 3, 3), (1, 1), (1, 1), (1, 1)),
    "a block and a half": ((2, 2, 8, 9), (44, 3, 4), (1, 1), (1, 0), (1, 1)),
    "stride": ((3, 3, 23, 20), (16, 7, 5), (2, 3), (3, 2), (1, 1)),
    "stride that leaves rows": ((1, 4, 14, 15), (15, 3, 3), (4, 5), (0, 0), (1, 1)),
    "dilation": ((1, 3, 17, 21), (14, 3, 2), (1, 2), (2, 3), (4, 5)),
    "wide pad": ((1, 2, 3, 4), (16, 3, 3), (1, 1), (5, 6), (1, 1)),
    "bands": ((2, 3, 90, 131), (32, 3, 3), (1, 1), (1, 1), (1, 1)),
    "bands, stride": ((1, 4, 157, 111), (31, 7, 7), (2, 2), (3, 3), (1, 1)),
    "one row": ((2, 3, 1, 40), (16, 1, 3), (1, 1), (0, 1), (1, 1)),
    "one pixel": ((5, 3, 1, 1), (47, 1, 1), (1, 1), (0, 0), (1, 1)),
}


@pytest.fixture(params=[1, 2, 5])
def workers(request, monkeypatch):
    """The number of shares that the work is cut into; the work space holds what would be seen."""
    monkeypatch.setattr(few, "threads", lambda: request.param)
    scratch_cpu.scratch(1 << 21, np.dtype(np.float32))[:] = np.nan


def make(name, rng):
    shape, (outputs, *kernel), stride, pad, dilation = GEOMETRIES[name]
    window = Window(tuple(kernel), stride, pad, dilation)
    shapes = shape, (outputs, shape[1], *kernel), (outputs,), (shape[0], outputs)
    shapes = *shapes[:3], (*shapes[3], *window.out(shape[2:]))
    return window, *(rng.standard_normal(each).astype(np.float32) for each in shapes)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_outputs(workers, rng, name, biased, relu):
    window, x, w, bias, y = make(name, rng)
    assert few.suits(x.shape, w)
    bias = bias if biased else None
    found, expected = np.full_like(y, np.nan), np.empty_like(y)
    few.convolution(x, w, bias, found, window, relu)
    ops.convolution.reference(np, x, w, bias, expected, window, relu)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_one_thread_or_many_round_alike(rng, monkeypatch):
    window, x, w, bias, y = make("bands", rng)
    found = []
    for workers in (1, 3):
        monkeypatch.setattr(few, "threads", lambda count=workers: count)
        few.convolution(x, w, bias, y, window)
        found.append(y.copy())
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_where_it_meets(rng, bad):
    window, x, w, bias, y = make("a block", rng)
    x[1, 2, 5, 3] = bad
    found, expected = np.empty_like(y), np.empty_like(y)
    few.convolution(x, w, bias, found, window, True)
    ops.convolution.reference(np, x, w, bias, expected, window, True)
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
    assert not np.isfinite(found).all()


@pytest.mark.parametrize(
    ("x", "w", "dtype", "suits"),
    [
        ((2, 3, 9, 9), (32, 3, 3, 3), np.float32, True),
        ((2, 3, 9, 9), (32, 3, 3, 3), np.float64, False),
        ((2, 5, 9, 9), (32, 5, 3, 3), np.float32, False),
        ((2, 4, 9, 9), (32, 2, 3, 3), np.float32, False),
        ((2, 3, 9), (32, 3, 3), np.float32, False),
        ((2, 1, 9, 9), (20, 1, 3, 3), np.float32, False),  # 12 of 32 lanes would be idle
        ((2, 1, 9, 9), (24, 1, 3, 3), np.float32, True),
    ],
)
def test_what_it_suits(x, w, dtype, suits):
    assert few.suits(x, np.zeros(w, dtype)) is suits
