"""Sampling along an affine map on the GPU: a thread a place of the result, for all channels.

The gradient of the plane is gathered: a thread looks in each row of the result for the places next
to its pixel, which lie side by side. That of the map is added up by blocks, in one order. So no two
threads write to one place, and every run gives the same.
"""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.cuda import BLOCK_SUMS, Kernel

_AT_ONCE = 4  # channels for which a thread looks for its places
_SHARE = 1024  # places of a result that one block adds up
_SOURCE = (
    BLOCK_SUMS
    + f"#define AT_ONCE {_AT_ONCE}\n#define SHARE {_SHARE}\n"
    + r"""
// A position along an axis: the pixel before it, and how far behind that it is. -2: none is near.
struct Along {
    int first;
    T share;
    __device__ Along(const double *p, int i, int j, int size) {
        const double at = p[0] * i + p[1] * j + p[2], before = floor(at);
        const bool near = at >= -1 && at < size;
        first = near ? (int)before : -2;
        share = near ? (T)(at - before) : at == at ? (T)0 : (T)at;  // NaN makes the result NaN
    }
    __device__ T weight(int after) const { return after ? share : 1 - share; }
};

// 0 around the plane
__device__ T pixel(const T *plane, int h, int w, int height, int width) {
    return h >= 0 && h < height && w >= 0 && w < width ? plane[(I)h * width + w] : (T)0;
}

extern "C" __global__ void affine_sample(I count, const T *u, const double *p, T *v, int channels,
    int height, int width, int out_height, int out_width) {
    const I e = (I)blockIdx.x * THREADS + threadIdx.x;
    if (e >= count) return;
    const I outs = (I)out_height * out_width, n = e / outs, place = e % outs;
    const int i = place / out_width, j = place % out_width;
    const Along r(p + n * 6, i, j, height), s(p + n * 6 + 3, i, j, width);
    for (int c = 0; c < channels; ++c) {
        const T *plane = u + (n * channels + c) * height * width;
        T sum = 0;
        for (int a = 0; a < 2; ++a)
            for (int b = 0; b < 2; ++b)
                sum += r.weight(a) * s.weight(b)
                    * pixel(plane, r.first + a, s.first + b, height, width);
        v[(n * channels + c) * outs + place] = sum;
    }
}

// Of the j from low to high those with slope j + base between -1 and 1, and no others but by
// rounding.
__device__ void narrow(double slope, double base, double *low, double *high) {
    if (slope == 0) {
        if (fabs(base) >= 1) *high = *low - 2;
        return;
    }
    const double one = (-1 - base) / slope, other = (1 - base) / slope;
    const double least = one < other ? one : other, most = one < other ? other : one;
    if (least > *low) *low = least;
    if (most < *high) *high = most;
}

// A thread a pixel of some channels; groups are what the channels make.
extern "C" __global__ void affine_sample_grad(I count, const double *maps, const T *dv, T *du,
    int channels, int groups, int height, int width, int out_height, int out_width) {
    const I e = (I)blockIdx.x * THREADS + threadIdx.x;
    if (e >= count) return;
    const int w = e % width, h = e / width % height;
    const I g = e / width / height % groups, n = e / width / height / groups;
    const int first = g * AT_ONCE, held = min(channels - first, AT_ONCE);
    const double *p = maps + n * 6;
    const I outs = (I)out_height * out_width, start = n * channels + first;
    double sum[AT_ONCE] = {};
    for (int i = 0; i < out_height; ++i) {
        double low = 0, high = out_width - 1;
        narrow(p[1], p[0] * i + p[2] - h, &low, &high);
        narrow(p[4], p[3] * i + p[5] - w, &low, &high);
        if (low > high + 1) continue;
        const int end = min((int)ceil(high), out_width - 1);
        for (int j = max((int)floor(low), 0); j <= end; ++j) {
            const Along r(p, i, j, height), s(p + 3, i, j, width);
            const int a = h - r.first, b = w - s.first;
            if (a < 0 || a > 1 || b < 0 || b > 1) continue;
            const T weight = r.weight(a) * s.weight(b);
            #pragma unroll
            for (int c = 0; c < AT_ONCE; ++c)
                if (c < held)
                    sum[c] += (double)(weight * dv[(start + c) * outs + (I)i * out_width + j]);
        }
    }
    #pragma unroll
    for (int c = 0; c < AT_ONCE; ++c)
        if (c < held) du[((start + c) * height + h) * width + w] = (T)sum[c];
}

struct Six {
    double of[6];
    __device__ void operator+=(const Six& other) {
        for (int k = 0; k < 6; ++k) of[k] += other.of[k];
    }
};

// A block a share of an item's places: six sums.
extern "C" __global__ void affine_map_sums(const T *u, const double *p, const T *dv, double *parts,
    int shares, int channels, int height, int width, int out_height, int out_width) {
    const I n = blockIdx.x / shares, outs = (I)out_height * out_width;
    const I from = (I)(blockIdx.x % shares) * SHARE, end = min(from + SHARE, outs);
    Six sum = {};
    for (I place = from + threadIdx.x; place < end; place += THREADS) {
        const int i = place / out_width, j = place % out_width;
        const Along r(p + n * 6, i, j, height), s(p + n * 6 + 3, i, j, width);
        double down = 0, right = 0;
        for (int c = 0; c < channels; ++c) {
            const T *plane = u + (n * channels + c) * height * width;
            const T grad = dv[(n * channels + c) * outs + place];
            T near[2][2];
            for (int a = 0; a < 2; ++a)
                for (int b = 0; b < 2; ++b)
                    near[a][b] = pixel(plane, r.first + a, s.first + b, height, width);
            down += (double)(grad * (s.weight(0) * (near[1][0] - near[0][0])
                + s.weight(1) * (near[1][1] - near[0][1])));
            right += (double)(grad * (r.weight(0) * (near[0][1] - near[0][0])
                + r.weight(1) * (near[1][1] - near[1][0])));
        }
        sum += Six{{down * i, down * j, down, right * i, right * j, right}};
    }
    sum = block_sum(sum);
    for (int k = threadIdx.x; k < 6; k += THREADS) parts[(I)blockIdx.x * 6 + k] = sum.of[k];
}
// A thread a number of a map.
extern "C" __global__ void affine_map_fold(I count, const double *parts, double *dp, int shares) {
    const I e = (I)blockIdx.x * THREADS + threadIdx.x;
    if (e >= count) return;
    double sum = 0;
    for (int share = 0; share < shares; ++share) sum += parts[(e / 6 * shares + share) * 6 + e % 6];
    dp[e] = sum;
}
"""
)
_SAMPLE = Kernel("affine_sample", _SOURCE)
_GRAD = Kernel("affine_sample_grad", _SOURCE)
_MAP_SUMS = Kernel("affine_map_sums", _SOURCE)
_MAP_FOLD = Kernel("affine_map_fold", _SOURCE)


def affine_sample(u: Array, p: Array, v: Array) -> None:
    """``affine_sample.affine_sample``."""
    outs = v.shape[2] * v.shape[3]
    _SAMPLE(len(v) * outs, u, p, v, *u.shape[1:], *v.shape[2:])


def affine_sample_grad(u: Array, p: Array, dv: Array, du: Array | None, dp: Array | None) -> None:
    """``affine_sample.affine_sample_grad``."""
    import cupy

    (items, channels, *sizes), outs = u.shape, dv.shape[2:]
    if du is not None:
        groups = -(-channels // _AT_ONCE)
        count = items * groups * sizes[0] * sizes[1]
        _GRAD(count, p, dv, du, channels, groups, *sizes, *outs)
    if dp is not None:
        shares = max(1, -(-outs[0] * outs[1] // _SHARE))
        parts = cupy.empty(items * shares * 6, cupy.float64)
        _MAP_SUMS.blocks(items * shares, u, p, dv, parts, shares, channels, *sizes, *outs)
        _MAP_FOLD(dp.size, parts, dp, shares)
