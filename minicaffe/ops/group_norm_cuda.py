"""Standardizing rows on the GPU: a block a row or, of long rows, a block a share of one.

How a row is shared out follows from its length alone, and so does the order of its sums: whatever
other rows there are, a row gives the same to the bit. Sums are in float64, of deviations from the
row's first element.
"""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.channels_cuda import CHANNELS, row_plan
from minicaffe.ops.cuda import Kernel

_SOURCE = (
    CHANNELS
    + """
__device__ T inverse(T std) { return std == 0 ? (T)0 : 1 / std; }
__device__ double first_of(const T* x, const Walk& walk) {
    const T first = x[walk.channel * walk.plane];
    return isfinite(first) ? (double)first : 0.0;
}
__device__ Pair deviations(Walk walk, const T* x, double shift) {
    Pair sum = {0, 0};
    #pragma unroll 4
    for (I j = walk.first; j < walk.last; j += THREADS) {
        const double d = (double)x[walk.next()] - shift;
        sum += Pair{d, d * d};
    }
    return block_sum(sum);
}
__device__ Pair gradients(Walk walk, const T* x, const T* dy, T mean, T over) {
    Pair sum = {0, 0};
    #pragma unroll 4
    for (I j = walk.first; j < walk.last; j += THREADS) {
        const I at = walk.next();
        const double g = (double)dy[at];
        sum += Pair{g, g * (double)((x[at] - mean) * over)};
    }
    return block_sum(sum);
}
extern "C" __global__ void row_sums(
    I items, I rows, I size, int shares, I length, const T* x, double* parts, double* shifts
) {
    const Walk walk(items, rows, size, shares, length);
    const double shift = first_of(x, walk);
    keep(deviations(walk, x, shift), parts);
    if (!walk.share && !threadIdx.x) shifts[walk.channel] = shift;
}
// parts and shifts are absent where a row is one block's work
extern "C" __global__ void group_norm(
    I items, I rows, I size, int shares, I length, const T* x, T* y, T* mean, T* std, double eps,
    const double* parts, const double* shifts
) {
    Walk walk(items, rows, size, shares, length);
    const I r = walk.channel;
    const double shift = parts ? shifts[r] : first_of(x, walk);
    const Pair sum = parts ? fold(parts, shares, r) : deviations(walk, x, shift);
    const double less = sum.a / (double)size, square = sum.b / (double)size - less * less;
    const T middle = (T)(shift + less), deviation = (T)sqrt((square < 0 ? 0.0 : square) + eps);
    const T over = inverse(deviation);
    if (!walk.share && !threadIdx.x) {
        mean[r] = middle;
        std[r] = deviation;
    }
    for (I j = walk.first; j < walk.last; j += AT_ONCE * THREADS) {
        I at[AT_ONCE];
        T value[AT_ONCE];
        #pragma unroll
        for (int k = 0; k < AT_ONCE; ++k)
            if (j + k * THREADS < walk.last) value[k] = x[at[k] = walk.next()];
        #pragma unroll
        for (int k = 0; k < AT_ONCE; ++k)
            if (j + k * THREADS < walk.last) y[at[k]] = (value[k] - middle) * over;
    }
}
extern "C" __global__ void row_gradient_sums(
    I items, I rows, I size, int shares, I length, const T* x, const T* dy, const T* mean,
    const T* std, double* parts
) {
    const Walk walk(items, rows, size, shares, length);
    const I r = walk.channel;
    keep(gradients(walk, x, dy, mean[r], inverse(std[r])), parts);
}
extern "C" __global__ void group_norm_grad(
    I items, I rows, I size, int shares, I length, const T* x, const T* dy, T* dx, const T* mean,
    const T* std, const double* parts
) {
    Walk walk(items, rows, size, shares, length);
    const I r = walk.channel;
    const T middle = mean[r], over = inverse(std[r]);
    const Pair sum = parts ? fold(parts, shares, r) : gradients(walk, x, dy, middle, over);
    const T common = (T)(sum.a / (double)size), along = (T)(sum.b / (double)size);
    for (I j = walk.first; j < walk.last; j += AT_ONCE * THREADS) {
        I at[AT_ONCE];
        T value[AT_ONCE], grad[AT_ONCE];
        #pragma unroll
        for (int k = 0; k < AT_ONCE; ++k) {
            if (j + k * THREADS >= walk.last) break;
            at[k] = walk.next();
            value[k] = (x[at[k]] - middle) * over;
            grad[k] = dy[at[k]];
        }
        #pragma unroll
        for (int k = 0; k < AT_ONCE; ++k)
            if (j + k * THREADS < walk.last)
                dx[at[k]] = (grad[k] - common - value[k] * along) * over;
    }
}
"""
)
_sums, _group_norm = Kernel("row_sums", _SOURCE), Kernel("group_norm", _SOURCE)
_gradient_sums = Kernel("row_gradient_sums", _SOURCE)
_group_norm_grad = Kernel("group_norm_grad", _SOURCE)


def group_norm(x: Array, y: Array, mean: Array, std: Array, eps: float) -> None:
    """``group_norm.group_norm``."""
    import cupy

    share = row_plan(*x.shape)
    parts = shifts = None
    if share.shares > 1:
        parts, shifts = share.parts(), cupy.empty(len(x), cupy.float64)
        _sums.blocks(share.blocks, *share.args, x, parts, shifts)
    _group_norm.blocks(share.blocks, *share.args, x, y, mean, std, eps, parts, shifts)


def group_norm_grad(x: Array, dy: Array, dx: Array, mean: Array, std: Array) -> None:
    """``group_norm.group_norm_grad``."""
    share, parts = row_plan(*x.shape), None
    if share.shares > 1:
        parts = share.parts()
        _gradient_sums.blocks(share.blocks, *share.args, x, dy, mean, std, parts)
    _group_norm_grad.blocks(share.blocks, *share.args, x, dy, dx, mean, std, parts)
