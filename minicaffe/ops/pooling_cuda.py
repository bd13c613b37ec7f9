"""Pooling for the GPU: a thread a window, and backward a thread an element of the input.

Backward an element looks which windows it lies in, and adds up what they have for it in their
order: no two threads write to one place, so that every run gives the same. These are for up to
three spatial axes; more run the reference.
"""

from __future__ import annotations

from typing import Any

from minicaffe.device import Array
from minicaffe.ops import pooling as ops
from minicaffe.ops.cuda import Kernel
from minicaffe.ops.pooling import Windows
from minicaffe.ops.windows_cuda import MOST_AXES, numbers, source_of

_SOURCE = source_of(r"""
extern "C" __global__ void max_pool(I count, const T *x, T *y, int *index, AXES) {
    WINDOW
    T best = (T)LOWEST;
    int from = -1;
    EACH_ELEMENT {
        T value = x[plane + at];
        if (value > best) best = value, from = at;
    }
    y[i] = best;
    if (index) index[i] = from;
}

extern "C" __global__ void max_pool_grad(I count, const T *dy, const int *index, T *dx, AXES) {
    ELEMENT
    T sum = 0;
    EACH_HOLDER if (index[o] == place) sum += dy[o];
    dx[i] = sum;
}

extern "C" __global__ void average_pool(I count, const T *x, T *y, AXES) {
    WINDOW
    T sum = 0;
    EACH_ELEMENT sum += x[plane + at];
    y[i] = sum / AREA(od, oh, ow);
}

extern "C" __global__ void average_pool_grad(I count, const T *dy, T *dx, AXES) {
    ELEMENT
    T sum = 0;
    EACH_HOLDER sum += dy[o] / AREA(od, oh, ow);
    dx[i] = sum;
}

extern "C" __global__ void stochastic_pool(I count, const T *x, T *y, int *index,
    const unsigned long long *key_at, unsigned long long key, AXES) {
    WINDOW
    double total = 0, before = 0;
    EACH_ELEMENT if (x[plane + at] > 0) total += x[plane + at];
    double limit = (philox(i, key_at ? *key_at : key) + 1.0) / 4294967296.0 * total;
    int drawn = (ds.first * h + hs.first) * w + ws.first;
    EACH_ELEMENT {
        T value = x[plane + at];
        if (value > 0) {
            if (before < limit) drawn = at;  // the last that is reached
            before += value;
        }
    }
    y[i] = x[plane + drawn];
    index[i] = drawn;
}

extern "C" __global__ void weighted_pool(I count, const T *x, T *y, AXES) {
    WINDOW
    double total = 0, squares = 0;
    EACH_ELEMENT {
        T value = x[plane + at];
        if (value > 0) total += value, squares += value * value;
    }
    y[i] = (T)(total > 0 ? squares / total : 0);
}

extern "C" __global__ void weighted_pool_grad(I count, const T *x, const T *dy, T *dx, AXES) {
    ELEMENT
    T mine = x[i];
    double sum = 0;
    EACH_HOLDER {
        COVERED(od, oh, ow)
        double total = 0, squares = 0;
        EACH_ELEMENT {
            T value = x[plane + at];
            if (value > 0) total += value, squares += value * value;
        }
        if (mine >= 0 && total > 0) sum += dy[o] / total * (2 * mine - squares / total);
    }
    dx[i] = (T)sum;
}
""")
_MAX_POOL = Kernel("max_pool", _SOURCE)
_MAX_POOL_GRAD = Kernel("max_pool_grad", _SOURCE)
_AVERAGE_POOL = Kernel("average_pool", _SOURCE)
_AVERAGE_POOL_GRAD = Kernel("average_pool_grad", _SOURCE)
_STOCHASTIC_POOL = Kernel("stochastic_pool", _SOURCE)
_WEIGHTED_POOL = Kernel("weighted_pool", _SOURCE)
_WEIGHTED_POOL_GRAD = Kernel("weighted_pool_grad", _SOURCE)


def max_pool(x: Array, y: Array, index: Array | None, windows: Windows) -> None:
    """``pooling.max_pool``."""
    _launch(ops.max_pool, _MAX_POOL, y.size, (x, y, index), windows)


def max_pool_grad(dy: Array, index: Array, dx: Array, windows: Windows) -> None:
    """``pooling.max_pool_grad``."""
    _launch(ops.max_pool_grad, _MAX_POOL_GRAD, dx.size, (dy, index, dx), windows)


def average_pool(x: Array, y: Array, windows: Windows) -> None:
    """``pooling.average_pool``."""
    _launch(ops.average_pool, _AVERAGE_POOL, y.size, (x, y), windows)


def average_pool_grad(dy: Array, dx: Array, windows: Windows) -> None:
    """``pooling.average_pool_grad``."""
    _launch(ops.average_pool_grad, _AVERAGE_POOL_GRAD, dx.size, (dy, dx), windows)


def stochastic_pool(x: Array, y: Array, index: Array, windows: Windows, key: int | Array) -> None:
    """``pooling.stochastic_pool``; the key may be in the device's memory, as uint64."""
    if len(windows) > MOST_AXES:
        _reference(ops.stochastic_pool, (x, y, index, windows, key))
        return
    keys = (None, key) if isinstance(key, int) else (key, 0)
    _STOCHASTIC_POOL(y.size, x, y, index, *keys, *numbers(windows))


def weighted_pool(x: Array, y: Array, windows: Windows) -> None:
    """``pooling.weighted_pool``."""
    _launch(ops.weighted_pool, _WEIGHTED_POOL, y.size, (x, y), windows)


def weighted_pool_grad(x: Array, dy: Array, dx: Array, windows: Windows) -> None:
    """``pooling.weighted_pool_grad``."""
    _launch(ops.weighted_pool_grad, _WEIGHTED_POOL_GRAD, dx.size, (x, dy, dx), windows)


def _launch(
    op: Any, kernel: Kernel, count: int, arrays: tuple[Array | None, ...], windows: Windows
) -> None:
    if len(windows) > MOST_AXES:
        _reference(op, (*arrays, windows))
    else:
        kernel(count, *arrays, *numbers(windows))


def _reference(op: Any, args: tuple[Any, ...]) -> None:
    import cupy

    op.reference(cupy, *args)
