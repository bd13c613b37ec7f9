"""Values put back where a pooling took them from, or as blocks, on the GPU.

Which one stays is settled first: each value leaves its place at the place it is for, where the
largest number stays: the last value, in whatever order the threads come.
"""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.cuda import BLOCK_SUMS, Kernel
from minicaffe.ops.elements_cuda import Elements, compile_together

_SOURCE = (
    BLOCK_SUMS
    + r"""
__device__ bool is_place(T at, int large) { return at > -1 && at < large; }  // NaN is none

// A thread a value.
extern "C" __global__ void unpool_source(I count, const T *mask, int *source, int small,
    int large) {
    I i = (I)blockIdx.x * THREADS + threadIdx.x;
    if (i >= count || !is_place(mask[i], large)) return;
    atomicMax(source + i / small * large + (int)mask[i], (int)(i % small));
}

// A thread a place.
extern "C" __global__ void unpool(I count, const T *x, const int *source, T *y, int small,
    int large) {
    I o = (I)blockIdx.x * THREADS + threadIdx.x;
    if (o < count) y[o] = source[o] < 0 ? (T)0 : x[o / large * small + source[o]];
}

// A thread a value.
extern "C" __global__ void unpool_grad(I count, const T *dy, const T *mask, const int *source,
    T *dx, int small, int large) {
    I i = (I)blockIdx.x * THREADS + threadIdx.x;
    if (i >= count) return;
    dx[i] = 0;
    if (!is_place(mask[i], large)) return;
    I o = i / small * large + (int)mask[i];
    if (source[o] == i % small) dx[i] = dy[o];
}

// One block: the first that is no place.
extern "C" __global__ void first_bad(const T *mask, long long *bad, I count, int large) {
    long long before = 0;  // how far it is from the end; 0 without any
    for (I i = threadIdx.x; i < count; i += THREADS)
        if (!is_place(mask[i], large)) before = max(before, (long long)(count - i));
    before = block_max(before);
    if (threadIdx.x == 0) *bad = before ? count - before : -1;
}
"""
)
_UNPOOL_SOURCE = Kernel("unpool_source", _SOURCE)
_UNPOOL = Kernel("unpool", _SOURCE)
_UNPOOL_GRAD = Kernel("unpool_grad", _SOURCE)
_FIRST_BAD = Kernel("first_bad", _SOURCE)
_REPEAT = Elements(
    "repeat",
    "-> y; const T* x, wide/, down/, right/, I narrow",
    "const I row = OVER(i, wide), column = i - row * wide;"
    " y = x[OVER(row, down) * narrow + OVER(column, right)];",
)
_REPEAT_GRAD = Elements(
    "repeat_grad",
    "-> dx; const T* dy, narrow/, int down, int right",
    "const I row = OVER(i, narrow), wide = narrow * right;"
    " const T* corner = dy + row * down * wide + (i - row * narrow) * right; dx = 0;"
    " for (int a = 0; a < down; ++a)"
    " for (int b = 0; b < right; ++b) dx += corner[a * wide + b];",
)
compile_together(_REPEAT, _REPEAT_GRAD)


def unpool(x: Array, mask: Array, y: Array, source: Array) -> Array:
    """``upsample.unpool``; what is found stays on the device."""
    import cupy

    bad = cupy.empty((), cupy.int64)
    sizes = x.shape[1], y.shape[1]
    source.fill(-1)
    _UNPOOL_SOURCE(x.size, mask, source, *sizes)
    _UNPOOL(y.size, x, source, y, *sizes)
    _FIRST_BAD.blocks(1, mask, bad, x.size, y.shape[1])
    return bad


def unpool_grad(dy: Array, mask: Array, source: Array, dx: Array) -> None:
    """``upsample.unpool_grad``."""
    _UNPOOL_GRAD(dx.size, dy, mask, source, dx, dx.shape[1], dy.shape[1])


def repeat(x: Array, y: Array) -> None:
    """``upsample.repeat``."""
    _REPEAT(y, x, y.shape[2], *_sides(y, x), x.shape[2])


def repeat_grad(dy: Array, dx: Array) -> None:
    """``upsample.repeat_grad``."""
    _REPEAT_GRAD(dx, dy, dx.shape[2], *_sides(dy, dx))


def _sides(large: Array, small: Array) -> tuple[int, ...]:
    """Rows and columns that each value becomes."""
    return tuple(large.shape[i] // max(small.shape[i], 1) for i in (1, 2))
