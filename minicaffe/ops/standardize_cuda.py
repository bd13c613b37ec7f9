"""The kernels of ``batch_norm_cuda`` and ``norm_scale_cuda``.

A channel that is one block's work is read once from memory, and the second time from the cache;
else one kernel adds up shares of the channels, and a second takes those sums together and writes.
Sums are in float64, of deviations from the channel's first element, as on the CPU.
"""

from __future__ import annotations

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.channels_cuda import CHANNELS, plan
from minicaffe.ops.cuda import Kernel

_SOURCE = (
    CHANNELS
    + """
__device__ double shift_of(const T* x, I at) { return isfinite(x[at]) ? (double)x[at] : 0.0; }

__device__ Pair moments_of(Walk walk, const T* x, double shift) {
    Pair sum = {0, 0};
    #pragma unroll 4
    for (I j = walk.first; j < walk.last; j += THREADS) {
        const double d = (double)x[walk.next()] - shift;
        sum += Pair{d, d * d};
    }
    return block_sum(sum);
}
extern "C" __global__ void moments(
    I items, I channels, I plane, int shares, I length, const T* x, double* parts, double* shifts
) {
    const Walk walk(items, channels, plane, shares, length);
    const double shift = shift_of(x, walk.channel * plane);
    const Pair sum = moments_of(walk, x, shift);
    keep(sum, parts);
    if (!walk.share && !threadIdx.x) shifts[walk.channel] = shift;
}
// parts and shifts are absent where a channel is one block's work. Without std the mean is taken
// off, and that is all.
extern "C" __global__ void standardize(
    I items, I channels, I plane, int shares, I length, const T* x, T* y, T* kept,
    const T* factor, const T* offset, T* mean, T* variance, T* std, double inside, double outside,
    bool relu, const double* parts, const double* shifts
) {
    Walk walk(items, channels, plane, shares, length);
    const I c = walk.channel;
    const double shift = parts ? shifts[c] : shift_of(x, c * plane);
    const Pair sum = parts ? fold(parts, shares, c) : moments_of(walk, x, shift);
    const double count = (double)items * (double)plane, less = sum.a / count;
    const double exact = shift + less, square = sum.b / count - less * less;
    const T middle = (T)exact, spread = (T)(square < 0 ? 0.0 : square);
    T slope = 1, above = 0, rest = 0;
    if (std) {
        const T deviation = sqrt(spread + (T)inside) + (T)outside;
        slope = (factor ? factor[c] : (T)1) / deviation;
        above = offset ? offset[c] : (T)0;
        if (!walk.share && !threadIdx.x) {
            mean[c] = middle;
            variance[c] = spread;
            std[c] = deviation;
        }
    } else {
        rest = (T)(exact - (double)middle);
    }
    for (I j = walk.first; j < walk.last; j += AT_ONCE * THREADS) {
        I at[AT_ONCE];
        T value[AT_ONCE];
        #pragma unroll
        for (int k = 0; k < AT_ONCE; ++k)
            if (j + k * THREADS < walk.last) value[k] = x[at[k] = walk.next()];
        #pragma unroll
        for (int k = 0; k < AT_ONCE; ++k) {
            if (j + k * THREADS >= walk.last) break;
            if (kept) kept[at[k]] = value[k];
            const T result = (value[k] - middle - rest) * slope + above;
            y[at[k]] = relu && result < 0 ? (T)0 : result;
        }
    }
}
// what ReLU lets through of a gradient, and the deviation it belongs to
struct Passed {
    T middle, slope, above;
    bool relu;
    __device__ T operator()(T grad, T x) const {
        return !relu || (x - middle) * slope + above > 0 ? grad : (T)0;
    }
};
__device__ Pair gradients_of(Walk walk, const T* x, const T* dy, Passed passed) {
    Pair sum = {0, 0};
    #pragma unroll 4
    for (I j = walk.first; j < walk.last; j += THREADS) {
        const I at = walk.next();
        const double g = (double)passed(dy[at], x[at]);
        sum += Pair{g, g * (double)(x[at] - passed.middle)};
    }
    return block_sum(sum);
}
__device__ Passed passed_of(
    I c, const T* factor, const T* offset, const T* mean, const T* std, bool relu
) {
    const T slope = (factor ? factor[c] : (T)1) / std[c];
    return Passed{mean[c], slope, offset ? offset[c] : (T)0, relu};
}
extern "C" __global__ void gradient_sums(
    I items, I channels, I plane, int shares, I length, const T* x, const T* dy,
    const T* factor, const T* offset, const T* mean, const T* std, bool relu, double* parts
) {
    const Walk walk(items, channels, plane, shares, length);
    const Passed passed = passed_of(walk.channel, factor, offset, mean, std, relu);
    keep(gradients_of(walk, x, dy, passed), parts);
}
extern "C" __global__ void standardize_grad(
    I items, I channels, I plane, int shares, I length, const T* x, const T* dy, T* dx,
    const T* factor, const T* offset, const T* mean, const T* std, T* dfactor, T* doffset,
    bool relu, const double* parts
) {
    Walk walk(items, channels, plane, shares, length);
    const I c = walk.channel;
    const Passed passed = passed_of(c, factor, offset, mean, std, relu);
    const Pair sum = parts ? fold(parts, shares, c) : gradients_of(walk, x, dy, passed);
    const double count = (double)items * (double)plane, along = sum.b / (double)std[c];
    if (!walk.share && !threadIdx.x) {
        if (dfactor) dfactor[c] += (T)along;
        if (doffset) doffset[c] += (T)sum.a;
    }
    if (!dx) return;
    const T common = (T)(sum.a / count), turn = (T)(along / count / (double)std[c]);
    for (I j = walk.first; j < walk.last; j += AT_ONCE * THREADS) {
        I at[AT_ONCE];
        T value[AT_ONCE], grad[AT_ONCE];
        #pragma unroll
        for (int k = 0; k < AT_ONCE; ++k) {
            if (j + k * THREADS >= walk.last) break;
            at[k] = walk.next();
            value[k] = x[at[k]];
            grad[k] = dy[at[k]];
        }
        #pragma unroll
        for (int k = 0; k < AT_ONCE; ++k) {
            if (j + k * THREADS >= walk.last) break;
            const T g = passed(grad[k], value[k]);
            dx[at[k]] = (g - common - (value[k] - passed.middle) * turn) * passed.slope;
        }
    }
}
"""
)
_moments, _standardize = Kernel("moments", _SOURCE), Kernel("standardize", _SOURCE)
_sums, _grad = Kernel("gradient_sums", _SOURCE), Kernel("standardize_grad", _SOURCE)


def standardize(
    x: Array,
    y: Array,
    kept: Array | None,
    factor: Array | None,
    offset: Array | None,
    mean: Array | None,
    variance: Array | None,
    std: Array | None,
    inside: float,
    outside: float,
    relu: bool,
) -> None:
    """``factor (x - mean) / std + offset``, or its maximum with 0; see ``norm_scale.norm_scale``.

    None for the factor is 1, for the offset 0, for the three that are written 0 and 1.
    """
    import cupy

    share = plan(x.shape)
    parts = shifts = None
    if share.shares > 1:
        parts, shifts = share.parts(), cupy.empty(x.shape[1], np.float64)
        _moments.blocks(share.blocks, *share.args, x, parts, shifts)
    arrays = x, y, kept, factor, offset, mean, variance, std
    _standardize.blocks(share.blocks, *share.args, *arrays, inside, outside, relu, parts, shifts)


def standardize_grad(
    x: Array,
    dy: Array,
    dx: Array | None,
    factor: Array | None,
    offset: Array | None,
    mean: Array,
    std: Array,
    dfactor: Array | None,
    doffset: Array | None,
    relu: bool,
) -> None:
    """The gradient of ``standardize``; see ``norm_scale.norm_scale_grad``."""
    share = plan(x.shape)
    scales, parts = (factor, offset, mean, std), None
    if share.shares > 1:
        parts = share.parts()
        _sums.blocks(share.blocks, *share.args, x, dy, *scales, relu, parts)
    _grad.blocks(share.blocks, *share.args, x, dy, dx, *scales, dfactor, doffset, relu, parts)
