"""Bilinear interpolation on the GPU: a thread a value of some planes.

The gradient is gathered, along the rows and then along the columns, by what is between two places:
no two threads write to one place, and no index is kept in memory.
"""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.cuda import Kernel

_BUSY = 2**18  # threads of a grid; of more, each takes several planes
_SOURCE = r"""
struct Between { I before, after; T share; };

// Where value o of out is among size, and what of it is of the one after.
__device__ Between between(I o, I size, I out) {
    const long long at = (long long)o * (size - 1);
    const I steps = max(out - 1, (I)1), before = min((I)(at / steps), max(size - 2, (I)0));
    const T share = (T)((double)(at - (long long)before * steps) / (double)steps);
    return Between{before, min(before + 1, size - 1), share};
}

// Threads a plane's positions, and of them every group-th plane.
extern "C" __global__ void interp(I count, const T *x, T *y, I planes, I groups, I height, I width,
    I out_height, I out_width) {
    const I i = (I)blockIdx.x * THREADS + threadIdx.x;
    if (i >= count) return;
    const I outs = out_height * out_width, place = i % outs, plane = height * width;
    const Between row = between(place / out_width, height, out_height);
    const Between column = between(place % out_width, width, out_width);
    for (I p = i / outs; p < planes; p += groups) {
        const T *above = x + p * plane + row.before * width;
        const T *below = x + p * plane + row.after * width;
        const T left = above[column.before] * (1 - row.share) + below[column.before] * row.share;
        const T right = above[column.after] * (1 - row.share) + below[column.after] * row.share;
        y[p * outs + place] = left * (1 - column.share) + right * column.share;
    }
}

// What (outer, size, inner) gets of (outer, out, inner): from all that lie next to it.
extern "C" __global__ void interp_grad(I count, const T *dy, T *dx, I size, I out, I inner) {
    const I i = (I)blockIdx.x * THREADS + threadIdx.x;
    if (i >= count) return;
    const I outer = i / inner / size;
    const long long at = i / inner % size, steps = max(out - 1, (I)1), apart = size - 1;
    I first = 0, end = out;
    if (apart) {
        if (at) first = (I)((at - 1) * steps / apart + 1);
        end = min((I)(((at + 1) * steps + apart - 1) / apart), out);
    }
    const T *values = dy + outer * out * inner + i % inner;
    T sum = 0;
    for (I o = first; o < end; ++o) {
        const long long off = o * apart - at * steps;
        const T share = (T)((double)(off < 0 ? off + steps : off) / (double)steps);
        sum += (off < 0 ? share : 1 - share) * values[o * inner];
    }
    dx[i] = sum;
}
"""
_INTERP = Kernel("interp", _SOURCE)
_INTERP_GRAD = Kernel("interp_grad", _SOURCE)


def interp(x: Array, y: Array) -> None:
    """``interp.interp``."""
    if not y.size:
        return
    planes, outs = y.shape[0] * y.shape[1], y.shape[2] * y.shape[3]
    groups = min(planes, -(-_BUSY // outs))
    _INTERP(outs * groups, x, y, planes, groups, *x.shape[2:], *y.shape[2:])


def interp_grad(dy: Array, dx: Array) -> None:
    """``interp.interp_grad``."""
    import cupy

    rows = cupy.empty((*dy.shape[:3], dx.shape[3]), dy.dtype)
    _INTERP_GRAD(rows.size, dy, rows, dx.shape[3], dy.shape[3], 1)
    _INTERP_GRAD(dx.size, rows, dx, dx.shape[2], dy.shape[2], dx.shape[3])
