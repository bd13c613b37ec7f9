"""Pooling for the GPU: a thread a window, and backward a thread an element of the input.

Backward an element looks which windows it lies in, and adds up what they have for it in their
order: no two threads write to one place, so that every run gives the same. These are for up to
three spatial axes; more run the reference.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from minicaffe.device import Array
from minicaffe.ops import pooling as ops
from minicaffe.ops.cuda import PHILOX, Kernel
from minicaffe.ops.pooling import Window, Windows

_ALONG = "int {0}, int {0}out, int {0}kernel, int {0}stride, int {0}pad"
_AXES = ", ".join(_ALONG.format(axis) for axis in "dhw")
_SOURCE = (
    PHILOX
    + r"""
struct Range { int first, end; };

// What of the axis window o covers.
__device__ Range covered(int o, int size, int kernel, int stride, int pad) {
    int start = o * stride - pad;
    Range range = {max(start, 0), min(start + kernel, size)};
    return range;
}

// The windows that have element i of the axis.
__device__ Range holders(int i, int out, int kernel, int stride, int pad) {
    int past = i + pad - kernel;  // the start of the last window that ends before i
    Range range = {past < 0 ? 0 : past / stride + 1, min((i + pad) / stride + 1, out)};
    return range;
}

// Length of window o, clipped to the pad but not to the input.
__device__ int length(int o, int size, int kernel, int stride, int pad) {
    int start = o * stride - pad;
    return min(start + kernel, size + pad) - start;
}

#define LENGTH(axis, o) length(o, axis, axis##kernel, axis##stride, axis##pad)
#define AREA(a, b, c) ((T)LENGTH(d, a) * LENGTH(h, b) * LENGTH(w, c))

// This thread's window: what it covers of each axis, and of which plane; i is its number.
#define WINDOW \
    I i = (I)blockIdx.x * THREADS + threadIdx.x; \
    if (i >= count) return; \
    int ow = i % wout, oh = i / wout % hout, od = i / wout / hout % dout; \
    I plane = i / wout / hout / dout * d * h * w; \
    COVERED(od, oh, ow)

#define COVERED(a, b, c) \
    Range ds = covered(a, d, dkernel, dstride, dpad), hs = covered(b, h, hkernel, hstride, hpad), \
          ws = covered(c, w, wkernel, wstride, wpad);

// Each element of it, row by row; at is its place in the plane.
#define EACH_ELEMENT \
    for (int a = ds.first; a < ds.end; ++a) \
        for (int b = hs.first; b < hs.end; ++b) \
            for (int c = ws.first, at = (a * h + b) * w + c; c < ws.end; ++c, ++at)

// This thread's element, number i, at a place of its plane, and the windows that have it.
#define ELEMENT \
    I i = (I)blockIdx.x * THREADS + threadIdx.x; \
    if (i >= count) return; \
    int iw = i % w, ih = i / w % h, id = i / w / h % d, place = (id * h + ih) * w + iw; \
    I plane = i - place, outs = plane / ((I)d * h * w) * dout * hout * wout; \
    Range dh = holders(id, dout, dkernel, dstride, dpad), \
          hh = holders(ih, hout, hkernel, hstride, hpad), \
          wh = holders(iw, wout, wkernel, wstride, wpad);

// Each such window, od, oh, ow; o is its number.
#define EACH_HOLDER \
    for (int od = dh.first; od < dh.end; ++od) \
        for (int oh = hh.first; oh < hh.end; ++oh) \
            for (int ow = wh.first; ow < wh.end; ++ow) \
                for (I o = outs + (od * hout + oh) * wout + ow, one = 1; one; one = 0)

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
"""
)
_SOURCE = _SOURCE.replace("AXES)", f"{_AXES})").replace("LOWEST", repr(ops.LOWEST))
_MAX_POOL = Kernel("max_pool", _SOURCE)
_MAX_POOL_GRAD = Kernel("max_pool_grad", _SOURCE)
_AVERAGE_POOL = Kernel("average_pool", _SOURCE)
_AVERAGE_POOL_GRAD = Kernel("average_pool_grad", _SOURCE)
_STOCHASTIC_POOL = Kernel("stochastic_pool", _SOURCE)
_WEIGHTED_POOL = Kernel("weighted_pool", _SOURCE)
_WEIGHTED_POOL_GRAD = Kernel("weighted_pool_grad", _SOURCE)
_WHOLE = Window(1, 1, 1, 0, True, False)  # an axis of length 1


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
    if len(windows) > 3:
        _reference(ops.stochastic_pool, (x, y, index, windows, key))
        return
    keys = (None, key) if isinstance(key, int) else (key, 0)
    _STOCHASTIC_POOL(y.size, x, y, index, *keys, *_numbers(windows))


def weighted_pool(x: Array, y: Array, windows: Windows) -> None:
    """``pooling.weighted_pool``."""
    _launch(ops.weighted_pool, _WEIGHTED_POOL, y.size, (x, y), windows)


def weighted_pool_grad(x: Array, dy: Array, dx: Array, windows: Windows) -> None:
    """``pooling.weighted_pool_grad``."""
    _launch(ops.weighted_pool_grad, _WEIGHTED_POOL_GRAD, dx.size, (x, dy, dx), windows)


def _launch(
    op: Any, kernel: Kernel, count: int, arrays: tuple[Array | None, ...], windows: Windows
) -> None:
    if len(windows) > 3:
        _reference(op, (*arrays, windows))
    else:
        kernel(count, *arrays, *_numbers(windows))


def _reference(op: Any, args: tuple[Any, ...]) -> None:
    import cupy

    op.reference(cupy, *args)


@lru_cache(maxsize=1024)
def _numbers(windows: Windows) -> tuple[int, ...]:
    """What the kernels take for three axes; of fewer the first have length 1."""
    axes = (*[_WHOLE] * (3 - len(windows)), *windows)
    return tuple(n for axis in axes for n in _along(axis))


def _along(axis: Window) -> tuple[int, ...]:
    return axis.size, axis.out, axis.kernel, axis.stride, axis.pad
