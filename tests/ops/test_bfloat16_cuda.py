"""Rounding to bfloat16, against arithmetic that says what it means."""

from __future__ import annotations

from shutil import which

import numpy as np
import pytest

from minicaffe.ops import bfloat16_cuda as ops
from tests.cuda_on_cpu import cupy_on_cpu, host

pytestmark = pytest.mark.skipif(which("g++") is None, reason="g++ compiles the kernels here")


@pytest.fixture(params=[False, True], ids=["forwards", "backwards"])
def cupy(tmp_path_factory, request):
    folder = tmp_path_factory.getbasetemp() / "bfloat16"
    folder.mkdir(exist_ok=True)
    with cupy_on_cpu(folder, request.param) as module:
        yield module


def rounded(x):
    """To 8 binary digits, to nearest, ties to even; what is beyond the largest is infinite."""
    fraction, exponent = np.frexp(x.astype(np.float64))
    with np.errstate(over="ignore"):
        return np.ldexp(np.round(fraction * 2**8) / 2**8, exponent).astype(np.float32)


def there_and_back(cupy, x):
    y = cupy.asarray(np.full(x.shape, 5, np.float32))
    ops.widen(ops.narrow(cupy.asarray(x)), y)
    return host(y).copy()


@pytest.mark.parametrize("count", [1, 3, 511])
def test_nothing_past_the_end_is_read(cupy, count):
    pairs = ops.narrow(cupy.asarray(np.ones(count, np.float32)))
    assert host(pairs)[-1] == 0x3F80


@pytest.mark.parametrize("count", [1, 2, 255, 256, 513, 1025])
def test_rounding(rng, cupy, count):
    x = (rng.standard_normal((count, 1)) * 10.0 ** rng.integers(-20, 20, (count, 1))).astype("f")
    np.testing.assert_array_equal(there_and_back(cupy, x), rounded(x))


def test_ties_and_ends(cupy):
    one, step = 1.0, 2.0**-7
    ties = [one + step / 2, one + 3 * step / 2, -(one + step / 2), one + step / 2 + 2**-20]
    x = np.array([[*ties, 0.0, -0.0, np.inf, -np.inf, 3.4e38, 1.0]], np.float32)
    found = there_and_back(cupy, x)[0]
    up = [one, one + 2 * step, -one, one + step]
    np.testing.assert_array_equal(found, [*up, 0, 0, np.inf, -np.inf, np.inf, 1])
    assert np.signbit(found[5])


def test_nan_stays_nan(cupy):
    low = np.array([0x7F800001, 0xFF800001, 0x7FFFFFFF, 0x7FC00000], np.uint32).view(np.float32)
    assert np.isnan(there_and_back(cupy, low.reshape(1, 4))).all()


def test_bias_and_relu_come_after(rng, cupy):
    x, bias = rng.standard_normal((2, 3, 5)).astype("f"), rng.standard_normal(3).astype("f")
    x[0, 0, 0] = np.nan
    pairs, y = ops.narrow(cupy.asarray(x)), cupy.asarray(np.zeros_like(x))
    ops.widen(pairs, y, cupy.asarray(bias))
    plain = rounded(x) + bias[:, None]
    np.testing.assert_array_equal(host(y), plain)
    ops.widen(pairs, y, cupy.asarray(bias), True)
    np.testing.assert_array_equal(host(y), np.maximum(plain, 0))


def test_adding(rng, cupy):
    x, start = rng.standard_normal((7, 3)).astype("f"), rng.standard_normal((7, 3)).astype("f")
    y = cupy.asarray(start)
    ops.add_widened(ops.narrow(cupy.asarray(x)), y)
    np.testing.assert_array_equal(host(y), start + rounded(x))
