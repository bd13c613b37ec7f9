"""The update of a parameter on the GPU, each rule one kernel.

``scale``, ``rate``, ``delta`` and the decay that is not part of the gradient may also be arrays of
one float64, which the kernel reads: what changes with the iteration can stay in the card's memory.
"""

from __future__ import annotations

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.cuda import BLOCK_SUMS, Kernel
from minicaffe.ops.elements_cuda import Elements, compile_together, number
from minicaffe.ops.update import Number

_SHARE = 16384  # elements of which a block adds up the squares
_DECAY = """
__device__ T decay(T w, T l2, T l1) {
    T pull = 0;
    if (l2 != 0) pull = l2 * w;
    if (l1 != 0) pull += l1 * ((T)(w > 0) - (T)(w < 0));
    return pull;
}
"""
_GRADIENT = "const T grad = scale * g + decay(w, l2, l1);"
_sgd = Elements(
    "sgd",
    "w, g, v -> w, g, v; scale@, l2, l1, rate@, momentum",
    f"{_GRADIENT} v = momentum * v + rate * grad; g = v; w -= v;",
)
_nesterov = Elements(
    "nesterov",
    "w, g, v -> w, g, v; scale@, l2, l1, rate@, momentum",
    f"{_GRADIENT} const T before = momentum * v; v = before + rate * grad;"
    " g = v + (momentum * v - before); w -= g;",
)
_rmsprop = Elements(
    "rmsprop",
    "w, g, h -> w, g, h; scale@, l2, l1, rate@, keep, take, delta@",
    f"{_GRADIENT} h = keep * h + take * (grad * grad);"
    " g = rate * grad / (sqrt(h) + delta); w -= g;",
)
_adadelta = Elements(
    "adadelta",
    "w, g, h, u -> w, g, h, u; scale@, l2, l1, rate@, keep, take, delta@",
    f"{_GRADIENT} h = keep * h + take * (grad * grad);"
    " const T step = grad * sqrt((u + delta) / (h + delta));"
    " u = keep * u + take * (step * step); g = rate * step; w -= g;",
)
_adam = Elements(
    "adam",
    "w, g, m, v -> w, g, m, v; scale@, l2, l1, rate@, beta1, take1, beta2, take2, delta@, "
    "shrink_l2@, shrink_l1@",
    f"{_GRADIENT} m = beta1 * m + take1 * grad; v = beta2 * v + take2 * (grad * grad);"
    " g = rate * m / (sqrt(v) + delta) + decay(w, shrink_l2, shrink_l1); w -= g;",
)
compile_together(_sgd, _nesterov, _rmsprop, _adadelta, _adam, before=_DECAY)

_SQUARES = (
    BLOCK_SUMS
    + """
extern "C" __global__ void squares(I count, int share, const T* x, double* parts) {
    const I first = (I)blockIdx.x * share, last = first + share < count ? first + share : count;
    double sum = 0;
    #pragma unroll 4
    for (I i = first + threadIdx.x; i < last; i += THREADS) sum += (double)x[i] * x[i];
    sum = block_sum(sum);
    if (!threadIdx.x) parts[blockIdx.x] = sum;
}
extern "C" __global__ void total(int count, const double* parts, double* sum_all) {
    double sum = 0;
    for (int i = threadIdx.x; i < count; i += THREADS) sum += parts[i];
    sum = block_sum(sum);
    if (!threadIdx.x) *sum_all = sum;
}
// of w, and of g after it; with l1 how many of w are not 0 too
extern "C" __global__ void squares_of_both(
    I count, int share, int shares, const T* w, const T* g, bool l1, double* parts
) {
    const bool second = blockIdx.x >= shares;
    const T* x = second ? g : w;
    const I first = (I)(blockIdx.x - second * shares) * share;
    const I last = first + share < count ? first + share : count;
    double sum = 0, some = 0;
    #pragma unroll 4
    for (I i = first + threadIdx.x; i < last; i += THREADS) {
        sum += (double)x[i] * x[i];
        some += x[i] != 0;
    }
    sum = block_sum(sum);
    if (l1) some = block_sum(some);
    if (threadIdx.x) return;
    parts[blockIdx.x] = sum;
    if (!second) parts[2 * shares + blockIdx.x] = some;
}
extern "C" __global__ void ratio_of_norms(
    int shares, const double* parts, const double* scale_at, double scale_given, double l2,
    double l1, double trust, double* ratio
) {
    double w = 0, g = 0, some = 0;
    for (int i = threadIdx.x; i < shares; i += THREADS) {
        w += parts[i];
        g += parts[shares + i];
        some += parts[2 * shares + i];
    }
    w = sqrt(block_sum(w));
    g = sqrt(block_sum(g)) * (scale_at ? *scale_at : scale_given);
    some = block_sum(some);
    if (threadIdx.x) return;
    const double pull = l2 * w + (l1 != 0 ? l1 * sqrt(some) : 0.0);
    *ratio = w > 0 && g > 0 ? trust * w / (g + pull) : 1.0;
}
"""
)
_squares, _total = Kernel("squares", _SQUARES), Kernel("total", _SQUARES)
_both, _ratio = Kernel("squares_of_both", _SQUARES), Kernel("ratio_of_norms", _SQUARES)


def sgd(
    w: Array,
    g: Array,
    v: Array,
    scale: Number,
    l2: float,
    l1: float,
    rate: Number,
    momentum: float,
) -> None:
    """``update.sgd``."""
    _sgd(w, g, v, scale, l2, l1, rate, momentum)


def nesterov(
    w: Array,
    g: Array,
    v: Array,
    scale: Number,
    l2: float,
    l1: float,
    rate: Number,
    momentum: float,
) -> None:
    """``update.nesterov``."""
    _nesterov(w, g, v, scale, l2, l1, rate, momentum)


def rmsprop(
    w: Array,
    g: Array,
    h: Array,
    scale: Number,
    l2: float,
    l1: float,
    rate: Number,
    keep: float,
    take: float,
    delta: Number,
) -> None:
    """``update.rmsprop``."""
    _rmsprop(w, g, h, scale, l2, l1, rate, keep, take, delta)


def adadelta(
    w: Array,
    g: Array,
    h: Array,
    u: Array,
    scale: Number,
    l2: float,
    l1: float,
    rate: Number,
    keep: float,
    delta: Number,
) -> None:
    """``update.adadelta``."""
    _adadelta(w, g, h, u, scale, l2, l1, rate, keep, 1 - keep, delta)


def adam(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    scale: Number,
    l2: float,
    l1: float,
    rate: Number,
    beta1: float,
    beta2: float,
    delta: Number,
    shrink_l2: Number,
    shrink_l1: Number,
) -> None:
    """``update.adam``."""
    averages = beta1, 1 - beta1, beta2, 1 - beta2
    _adam(w, g, m, v, scale, l2, l1, rate, *averages, delta, shrink_l2, shrink_l1)


def trust_ratio(w: Array, g: Array, scale: Number, l2: float, l1: float, trust: float) -> Array:
    """``update.trust_ratio``, in two launches."""
    import cupy

    shares = max(1, -(-w.size // _SHARE))
    parts, ratio = cupy.empty(3 * shares, np.float64), cupy.empty((), np.float64)
    _both.blocks(2 * shares, w.size, _SHARE, shares, w, g, l1 != 0, parts)
    _ratio.blocks(1, shares, parts, *number(scale), l2, l1, trust, ratio)
    return ratio


def sum_of_squares(x: Array) -> Array:
    """``update.sum_of_squares``: a float64 without axes, on the card; nothing waits for it."""
    import cupy

    blocks = max(1, -(-x.size // _SHARE))
    parts, total = cupy.empty(blocks, np.float64), cupy.empty((), np.float64)
    _squares.blocks(blocks, x.size, _SHARE, x, parts)
    if blocks == 1:
        return parts.reshape(())
    _total.blocks(1, blocks, parts, total)
    return total
