"""Local response normalization for the GPU: a thread an element.

Each adds up its own window, as on the CPU: a running sum would carry an infinity, or the digits
that a large element costs, on to all that follow.
"""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.cuda import Kernel

_SOURCE = r"""
// Each element e of the window around this thread's, which is number i of count in (c, h, w).
#define WINDOW \
    I i = (I)blockIdx.x * THREADS + threadIdx.x; \
    if (i >= count) return; \
    int ix = i % w, iy = i / w % h, ic = i / w / h % c; \
    int left = max(ix - across_plane, 0), right = min(ix + across_plane, w - 1); \
    int top = max(iy - across_plane, 0), bottom = min(iy + across_plane, h - 1); \
    int first = max(ic - across_channels, 0), last = min(ic + across_channels, c - 1);
#define EACH \
    for (int ec = first; ec <= last; ++ec) \
        for (int ey = top; ey <= bottom; ++ey) \
            for (I e = i + ((I)(ec - ic) * h + ey - iy) * w + left - ix, end = e + right - left; \
                 e <= end; ++e)

// a scale^-beta; two square roots are faster than a power, and as exact.
__device__ T times_power(T a, T scale, T beta) {
    if (beta != (T)0.75) return a * pow(scale, -beta);
    T root = sqrt(scale);
    return a / (root * sqrt(root));
}

extern "C" __global__ void lrn(I count, const T *x, T *y, T *scale, int c, int h, int w,
    int across_channels, int across_plane, T alpha, T beta, T k) {
    WINDOW
    T sum = 0;
    EACH sum += x[e] * x[e];
    sum = k + alpha * sum;
    scale[i] = sum;
    y[i] = times_power(x[i], sum, beta);
}

extern "C" __global__ void lrn_grad(I count, const T *x, const T *y, const T *scale, const T *dy,
    T *dx, int c, int h, int w, int across_channels, int across_plane, T factor, T beta) {
    WINDOW
    T sum = 0;
    EACH sum += dy[e] * y[e] / scale[e];
    dx[i] = times_power(dy[i], scale[i], beta) - factor * x[i] * sum;
}
"""
_LRN = Kernel("lrn", _SOURCE)
_LRN_GRAD = Kernel("lrn_grad", _SOURCE)


def lrn(
    x: Array,
    y: Array,
    scale: Array,
    axes: tuple[int, ...],
    size: int,
    alpha: float,
    beta: float,
    k: float,
) -> None:
    """``lrn.lrn``."""
    sizes = *x.shape[1:], *_reach(axes, size)
    _LRN(x.size, x, y, scale, *sizes, alpha / size ** len(axes), beta, k)


def lrn_grad(
    x: Array,
    y: Array,
    scale: Array,
    dy: Array,
    dx: Array,
    axes: tuple[int, ...],
    size: int,
    alpha: float,
    beta: float,
) -> None:
    """``lrn.lrn_grad``."""
    sizes = *x.shape[1:], *_reach(axes, size)
    factor = 2 * alpha * beta / size ** len(axes)
    _LRN_GRAD(x.size, x, y, scale, dy, dx, *sizes, factor, beta)


def _reach(axes: tuple[int, ...], size: int) -> tuple[int, int]:
    """How far a window reaches to each side: in channels, and in the plane."""
    return (size // 2, 0) if axes == (1,) else (0, size // 2)
