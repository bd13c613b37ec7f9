"""Pooling with the two largest elements of each window on the GPU: a thread a window.

For up to three spatial axes; more run the reference.
"""

from __future__ import annotations

from typing import Any

from minicaffe.device import Array
from minicaffe.ops import ensemble_pool as ops
from minicaffe.ops.cuda import Kernel
from minicaffe.ops.pooling import Windows
from minicaffe.ops.windows_cuda import MOST_AXES, numbers, source_of

_SOURCE = source_of(r"""
struct Two {
    T first, second;
    int at_first, at_second;
    __device__ void see(T value, int at) {
        if (value > first) {
            second = first, at_second = at_first;
            first = value, at_first = at;
        } else if (value > second) {
            second = value, at_second = at;
        }
    }
    // where there is one element alone, it is both
    __device__ void end() { if (at_second < 0) second = first, at_second = at_first; }
};

extern "C" __global__ void two_largest(I count, const T *x, T *y, int *index, T *z, int *second,
    AXES) {
    WINDOW
    Two two = {(T)LOWEST, (T)LOWEST, -1, -1};
    EACH_ELEMENT two.see(x[plane + at], at);
    two.end();
    y[i] = two.first, index[i] = two.at_first;
    z[i] = two.second, second[i] = two.at_second;
}

extern "C" __global__ void ensemble_pool(I count, const T *x, T *y, int *index,
    double probability, const unsigned long long *key_at, unsigned long long key, AXES) {
    WINDOW
    Two two = {(T)LOWEST, (T)LOWEST, -1, -1};
    EACH_ELEMENT two.see(x[plane + at], at);
    two.end();
    const double drawn = (philox(i, key_at ? *key_at : key) + 1.0) / 4294967296.0;
    y[i] = drawn > probability ? two.second : two.first;
    index[i] = drawn > probability ? two.at_second : two.at_first;
}
""")
_TWO_LARGEST = Kernel("two_largest", _SOURCE)
_ENSEMBLE_POOL = Kernel("ensemble_pool", _SOURCE)


def two_largest(
    x: Array, y: Array, index: Array, z: Array, second: Array, windows: Windows
) -> None:
    """``ensemble_pool.two_largest``."""
    args = x, y, index, z, second
    if len(windows) > MOST_AXES:
        _reference(ops.two_largest, (*args, windows))
    else:
        _TWO_LARGEST(y.size, *args, *numbers(windows))


def ensemble_pool(
    x: Array, y: Array, index: Array, windows: Windows, probability: float, key: int | Array
) -> None:
    """``ensemble_pool.ensemble_pool``; the key may be in the device's memory, as uint64."""
    if len(windows) > MOST_AXES:
        _reference(ops.ensemble_pool, (x, y, index, windows, probability, key))
        return
    keys = (None, key) if isinstance(key, int) else (key, 0)
    _ENSEMBLE_POOL(y.size, x, y, index, probability, *keys, *numbers(windows))


def _reference(op: Any, args: tuple[Any, ...]) -> None:
    import cupy

    op.reference(cupy, *args)
