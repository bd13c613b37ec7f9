"""ROI pooling for the GPU: a thread a bin, and backward a thread an element of the input.

Backward an element looks through the regions of its image, and in those that hold it at the bins
that may: no two threads write to one place, so that every run gives the same.
"""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.cuda import BLOCK_SUMS, Kernel
from minicaffe.ops.pooling import LOWEST
from minicaffe.ops.roi_pooling import FARTHEST

_SOURCE = (
    BLOCK_SUMS
    + r"""
// The image of a region, -1 for none.
__device__ int image_of(const T *roi, int images) {
    T number = trunc(roi[0]);
    return number >= 0 && number < images ? (int)number : -1;
}

__device__ T whole(T end, T scale) {
    if (!isfinite(end)) end = 0;
    return min(max(round(end * scale), (T)-FARTHEST), (T)FARTHEST);
}

struct Range { int first, end; };

__device__ int inside(T place, int size) { return (int)min(max(place, (T)0), (T)size); }

// Bin i of count between two ends.
__device__ Range bin(T from, T to, T scale, int i, int count, int size) {
    T first = whole(from, scale), each = max(whole(to, scale) - first + 1, (T)1) / (T)count;
    T start = floor(i * each) + first, end = ceil((i + 1) * each) + first;
    Range range = {inside(start, size), inside(end, size)};
    return range;
}

extern "C" __global__ void roi_pool(I count, const T *x, const T *rois, T *y, int *index, T scale,
    int images, int channels, int height, int width, int pooled_h, int pooled_w) {
    I o = (I)blockIdx.x * THREADS + threadIdx.x;
    if (o >= count) return;
    int j = o % pooled_w, i = o / pooled_w % pooled_h;
    I c = o / pooled_w / pooled_h % channels;
    const T *roi = rois + o / pooled_w / pooled_h / channels * 5;
    int image = image_of(roi, images), at = -1;
    if (image < 0) return;
    Range hs = bin(roi[2], roi[4], scale, i, pooled_h, height);
    Range ws = bin(roi[1], roi[3], scale, j, pooled_w, width);
    const T *plane = x + (image * channels + c) * height * width;
    T best = (T)LOWEST;
    for (int h = hs.first; h < hs.end; ++h)
        for (int w = ws.first; w < ws.end; ++w)
            if (plane[h * width + w] > best) best = plane[h * width + w], at = h * width + w;
    y[o] = hs.first < hs.end && ws.first < ws.end ? best : (T)0;
    index[o] = at;
}

// The bins of a region that may have element at of an axis, and perhaps one more on each side.
__device__ Range holders(T from, T to, T scale, int at, int count) {
    T first = whole(from, scale), length = max(whole(to, scale) - first + 1, (T)1);
    Range none = {0, 0};
    if (at < first || at > first + length) return none;
    T bin = (at - first) / length * count;
    Range range = {max((int)bin - 1, 0), min((int)(bin + count / length) + 2, count)};
    return range;
}

// A thread an element of dx.
extern "C" __global__ void roi_pool_grad(I count, const T *rois, const T *dy, const int *index,
    T *dx, T scale, int regions, int images, int channels, int height, int width, int pooled_h,
    int pooled_w) {
    I e = (I)blockIdx.x * THREADS + threadIdx.x;
    if (e >= count) return;
    int w = e % width, h = e / width % height, place = h * width + w;
    I c = e / width / height % channels, image = e / width / height / channels;
    T sum = 0;
    for (int r = 0; r < regions; ++r) {
        const T *roi = rois + r * 5;
        if (image_of(roi, images) != image) continue;
        Range rows = holders(roi[2], roi[4], scale, h, pooled_h);
        Range columns = holders(roi[1], roi[3], scale, w, pooled_w);
        for (int i = rows.first; i < rows.end; ++i)
            for (int j = columns.first; j < columns.end; ++j) {
                I o = ((r * channels + c) * pooled_h + i) * pooled_w + j;
                if (index[o] == place) sum += dy[o];
            }
    }
    dx[e] = sum;
}

// One block: the first of what is no image, or not finite.
extern "C" __global__ void first_bad(const T *rois, long long *bad, I count, int images) {
    long long before = 0;  // how far it is from the end; 0 without any
    for (I i = threadIdx.x; i < count; i += THREADS)
        if (i % 5 ? !isfinite(rois[i]) : image_of(rois + i, images) < 0)
            before = max(before, (long long)(count - i));
    before = block_max(before);
    if (threadIdx.x == 0) *bad = before ? count - before : -1;
}
"""
)
_SOURCE = _SOURCE.replace("LOWEST", repr(LOWEST)).replace("FARTHEST", repr(FARTHEST))
_ROI_POOL = Kernel("roi_pool", _SOURCE)
_ROI_POOL_GRAD = Kernel("roi_pool_grad", _SOURCE)
_FIRST_BAD = Kernel("first_bad", _SOURCE)


def roi_pool(x: Array, rois: Array, y: Array, index: Array, scale: float) -> Array:
    """``roi_pooling.roi_pool``; what is found stays on the device."""
    import cupy

    bad = cupy.empty((), cupy.int64)
    _ROI_POOL(y.size, x, rois, y, index, scale, *x.shape, *y.shape[2:])
    _FIRST_BAD.blocks(1, rois, bad, rois.size, len(x))
    return bad


def roi_pool_grad(rois: Array, dy: Array, index: Array, dx: Array, scale: float) -> None:
    """``roi_pooling.roi_pool_grad``."""
    sizes = len(rois), *dx.shape, *dy.shape[2:]
    _ROI_POOL_GRAD(dx.size, rois, dy, index, dx, scale, *sizes)
