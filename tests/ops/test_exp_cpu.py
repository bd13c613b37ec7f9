"""``exp`` of kernels: within two units of the last place, everywhere, and NaN stays."""

from __future__ import annotations

import numpy as np

from minicaffe.ops.exp_cpu import exp
from minicaffe.ops.numba_cpu import inner


@inner
def fill(x, y):
    for i in range(x.size):
        y[i] = exp(x[i])


def test_float32():
    x = np.concatenate([np.linspace(-106, 90, 200_003), np.geomspace(1e-40, 1, 999)])
    x = np.concatenate([x, -x]).astype(np.float32)
    y = np.full_like(x, 7)
    fill(x, y)
    exact = np.exp(x.astype(np.float64))
    with np.errstate(over="ignore"):
        rounded = exact.astype(np.float32)
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(np.isfinite(y), finite)
    error = abs(y - exact)[finite] / np.spacing(rounded[finite])
    assert error.max() < 2


def test_special_values():
    x = np.array([np.nan, np.inf, -np.inf, 0, -0.0], np.float32)
    y = np.full_like(x, 7)
    fill(x, y)
    np.testing.assert_array_equal(y, [np.nan, np.inf, 0, 1, 1])


def test_float64(rng):
    x = rng.standard_normal(1001) * 20
    y = np.full_like(x, 7)
    fill(x, y)
    np.testing.assert_allclose(y, np.exp(x), rtol=1e-14)
