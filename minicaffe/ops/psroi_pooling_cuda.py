"""Position-sensitive ROI pooling for the GPU: a thread a bin, and backward an element of the input.

Backward an element looks through the regions, so that no two threads write to one place, and every
run gives the same. Where bins are is computed as by the reference.
"""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.bad import first_bad
from minicaffe.ops.cuda import Kernel
from minicaffe.ops.psroi_pooling import edges
from minicaffe.ops.roi_pooling import images

_SOURCE = r"""
// A thread a bin of a region.
extern "C" __global__ void psroi_pool(I count, const T *x, const int *image, const int *tops,
    const int *bottoms, const int *lefts, const int *rights, T *y, int outputs, int bins,
    int height, int width) {
    I o = (I)blockIdx.x * THREADS + threadIdx.x;
    if (o >= count) return;
    int j = o % bins, i = o / bins % bins;
    I d = o / bins / bins % outputs, r = o / bins / bins / outputs;
    int top = tops[r * bins + i], bottom = bottoms[r * bins + i];
    int left = lefts[r * bins + j], right = rights[r * bins + j];
    const T *plane = x + (((image[r] * outputs + d) * bins + i) * bins + j) * height * width;
    T sum = 0;
    for (int h = top; h < bottom; ++h)
        for (int w = left; w < right; ++w) sum += plane[h * width + w];
    y[o] = sum / (T)max((bottom - top) * (right - left), 1);
}

// A thread an element of dx.
extern "C" __global__ void psroi_pool_grad(I count, const T *dy, const int *image,
    const int *tops, const int *bottoms, const int *lefts, const int *rights, T *dx, int regions,
    int outputs, int bins, int height, int width) {
    I e = (I)blockIdx.x * THREADS + threadIdx.x;
    if (e >= count) return;
    int w = e % width, h = e / width % height;
    int channels = outputs * bins * bins;
    I c = e / width / height % channels, n = e / width / height / channels;
    int j = c % bins, i = c / bins % bins;
    I d = c / bins / bins;
    T sum = 0;
    for (I r = 0; r < regions; ++r) {
        if (image[r] != n) continue;
        int top = tops[r * bins + i], bottom = bottoms[r * bins + i];
        int left = lefts[r * bins + j], right = rights[r * bins + j];
        if (h >= top && h < bottom && w >= left && w < right)
            sum += dy[((r * outputs + d) * bins + i) * bins + j]
                / (T)((bottom - top) * (right - left));
    }
    dx[e] = sum;
}
"""
_POOL = Kernel("psroi_pool", _SOURCE)
_GRAD = Kernel("psroi_pool_grad", _SOURCE)


def psroi_pool(x: Array, rois: Array, y: Array, scale: float) -> Array | int:
    """``psroi_pooling.psroi_pool``; what is found stays on the device."""
    import cupy

    image, bad = images(cupy, rois, len(x))
    if len(x):
        _POOL(y.size, x, image, *_bins(rois, scale, y, x), y, *y.shape[1:3], *x.shape[2:])
    return first_bad(cupy, bad)


def psroi_pool_grad(rois: Array, dy: Array, dx: Array, scale: float) -> None:
    """``psroi_pooling.psroi_pool_grad``."""
    import cupy

    image, _ = images(cupy, rois, len(dx))
    sizes = len(rois), *dy.shape[1:3], *dx.shape[2:]
    _GRAD(dx.size, dy, image, *_bins(rois, scale, dy, dx), dx, *sizes)


def _bins(rois: Array, scale: float, y: Array, x: Array) -> list[Array]:
    """First and past-the-last row of each bin, then columns."""
    import cupy

    rows = edges(cupy, rois[:, 2::2], scale, y.shape[2], x.shape[2])
    columns = edges(cupy, rois[:, 1::2], scale, y.shape[3], x.shape[3])
    return [cupy.ascontiguousarray(part) for part in (*rows, *columns)]
