"""``log`` and ``log1p`` of kernels: to the last places everywhere, and their special values."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops.log_cpu import log, log1p
from minicaffe.ops.numba_cpu import FAST, numba


@numba.njit(fastmath=FAST)
def fill_log(x, y):
    for i in range(x.size):
        y[i] = log(x[i])


@numba.njit(fastmath=FAST)
def fill_log1p(t, y):
    for i in range(t.size):
        y[i] = log1p(t[i])


def places(found, exact):
    """The largest error, in units in the last place."""
    return (abs(found - exact) / np.spacing(abs(exact).astype(np.float32))).max()


def test_log_to_float32_everywhere():
    x = np.concatenate([np.geomspace(1e-45, 3.4e38, 200_003), np.linspace(0.3, 3, 200_003)])
    x = x.astype(np.float32)
    y = np.full_like(x, 7)
    fill_log(x, y)
    assert places(y, np.log(x.astype(np.float64))) < 1


def test_log1p_to_float32():
    t = np.concatenate([np.geomspace(1e-45, 1, 200_003), np.linspace(0, 1, 100_003)])
    t = t.astype(np.float32)
    y = np.full_like(t, 7)
    fill_log1p(t, y)
    assert places(y, np.log1p(t.astype(np.float64))) < 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values(dtype):
    x = np.array([0, -0.0, -1, -np.inf, np.nan, np.inf, 1], dtype)
    y = np.full_like(x, 7)
    fill_log(x, y)
    np.testing.assert_array_equal(y, [-np.inf, -np.inf, np.nan, np.nan, np.nan, np.inf, 0])
    t = np.array([np.nan, 0, 1], dtype)
    fill_log1p(t, y[:3])
    np.testing.assert_allclose(y[:3], [np.nan, 0, np.log(2)], rtol=1e-7)


def test_float64(rng):
    x = rng.random(1001)
    y = np.full_like(x, 7)
    fill_log(x, y)
    np.testing.assert_allclose(y, np.log(x), rtol=1e-14)
    fill_log1p(x, y)
    np.testing.assert_allclose(y, np.log1p(x), rtol=1e-14)
