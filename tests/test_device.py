"""Devices: where arrays lie."""

from __future__ import annotations

import re

import numpy as np
import pytest

from minicaffe.device import cpu
from minicaffe.errors import DeviceError


@pytest.mark.parametrize("shape", [0, 3, (), (2, 5), (0, 4)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_zeros(device, shape, dtype):
    array = device.zeros(shape, dtype)
    assert array.shape == (shape if isinstance(shape, tuple) else (shape,))
    assert array.dtype == dtype
    assert not device.to_numpy(array).any()


def test_small_arrays_lie_far_apart_on_lines_of_their_own():
    """Nearer ones make a compiled loop add in another order: the last bits depend on chance."""
    arrays = [cpu().zeros(count, np.float32) for count in [1, 3, 11, 2, 16] * 9]
    starts = sorted(array.ctypes.data for array in arrays)
    assert all(start % 64 == 0 for start in starts)
    assert min(np.diff(starts)) >= 1024
    assert all(array.flags.c_contiguous for array in arrays)


def test_one_seed_gives_the_same_numbers():
    one, other, third = (cpu(seed).rng.standard_normal(3) for seed in (5, 5, 6))
    assert (one == other).all()
    assert (one != third).all()


@pytest.mark.parametrize(
    ("count", "size"), [(2**48, "1.05e+06 GiB"), (10**19, "3.73e"), (10**30, "3.73e+21 GiB")]
)
def test_memory_that_is_not_there(device, count, size):
    with pytest.raises(
        DeviceError, match=f"shape .{count}, 1. needs {re.escape(size)}.*a batch too large"
    ):
        device.zeros((count, 1), np.float32)
