"""Convolution on the GPU without cuDNN: columns, and products of matrices by cuBLAS.

The columns of several images stand side by side, so that a group's product is one large matrix
product and the weights' gradient one long sum. How many images is bounded by what the columns may
take. Where a group has one channel only, as in depthwise convolutions, a product would be a
single row: there a thread adds up an element by itself. These are for up to three spatial axes;
more run the reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from minicaffe.device import Array
from minicaffe.ops import convolution as ops
from minicaffe.ops.convolution import Window
from minicaffe.ops.cublas import matmul
from minicaffe.ops.cuda import BLOCK_SUMS, THREADS, Kernel

_WORKSPACE = 1 << 28  # bytes that the columns of the images in work may take
_BLOCKS = 1024  # that the sums of a bias's gradient should be shared between
_ALONG = "int {0}, int {0}out, int {0}kernel, int {0}stride, int {0}pad, int {0}dilation"
_AXES = ", ".join(_ALONG.format(axis) for axis in "dhw")
_SOURCE = (
    BLOCK_SUMS
    + r"""
#define NUMBER \
    I i = (I)blockIdx.x * THREADS + threadIdx.x; \
    if (i >= count) return;
#define OUTS ((I)dout * hout * wout)
#define POSITION(i) int ow = i % wout, oh = i / wout % hout, od = i / wout / hout % dout;
#define PLACE(i) int iw = i % w, ih = i / w % h, id = i / w / h % d;

// Each tap of the kernel, and where it lies for an output position; it may be in the pad.
#define EACH_TAP \
    for (int a = 0, t = 0; a < dkernel; ++a) \
        for (int b = 0; b < hkernel; ++b) \
            for (int c = 0; c < wkernel; ++c, ++t)
#define TAPPED \
    int id = od * dstride - dpad + a * ddilation, ih = oh * hstride - hpad + b * hdilation, \
        iw = ow * wstride - wpad + c * wdilation; \
    bool inside = id >= 0 && id < d && ih >= 0 && ih < h && iw >= 0 && iw < w; \
    I at = ((I)id * h + ih) * w + iw;

// The output position from which a tap meets an input place, -1 for none.
__device__ int meets(int i, int tap, int out, int stride, int pad, int dilation) {
    int start = i + pad - tap * dilation;
    return start >= 0 && start % stride == 0 && start / stride < out ? start / stride : -1;
}
#define MET \
    int od = meets(id, a, dout, dstride, dpad, ddilation), \
        oh = meets(ih, b, hout, hstride, hpad, hdilation), \
        ow = meets(iw, c, wout, wstride, wpad, wdilation); \
    bool met = od >= 0 && oh >= 0 && ow >= 0; \
    I o = ((I)od * hout + oh) * wout + ow;

// (images, channels, *size) to (channels, taps, images, *out): a thread a channel and position.
extern "C" __global__ void columns(I count, const T *x, T *cols, int images, int channels, AXES) {
    NUMBER
    POSITION(i)
    I across = images * OUTS, image = i / OUTS % images, channel = i / across;
    const T *plane = x + (image * channels + channel) * d * h * w;
    I column = i - channel * across;
    T *to = cols + channel * (dkernel * hkernel * wkernel) * across + column;
    EACH_TAP {
        TAPPED
        to[t * across] = inside ? plane[at] : (T)0;
    }
}

// The other way round: a thread an element of dx, which adds up its copies.
extern "C" __global__ void columns_grad(I count, const T *dcols, T *dx, int images, int channels,
    AXES) {
    NUMBER
    PLACE(i)
    I across = images * OUTS, plane = i / w / h / d, channel = plane % channels;
    const T *from = dcols + channel * (dkernel * hkernel * wkernel) * across
        + plane / channels * OUTS;
    T sum = 0;
    EACH_TAP {
        MET
        if (met) sum += from[t * across + o];
    }
    dx[i] = sum;
}

// (rows, images, outs) to (images, rows, outs), with bias and ReLU on the way; NaN stays.
extern "C" __global__ void finish(I count, const T *product, const T *bias, T *y, bool relu,
    int images, int rows, I outs) {
    NUMBER
    I row = i / outs % rows, image = i / outs / rows;
    T value = product[(row * images + image) * outs + i % outs] + (bias ? bias[row] : (T)0);
    y[i] = relu && value < 0 ? (T)0 : value;
}

// And back.
extern "C" __global__ void aside(I count, const T *dy, T *rows_of, int images, int rows, I outs) {
    NUMBER
    I image = i / outs % images, row = i / outs / images;
    rows_of[i] = dy[(image * rows + row) * outs + i % outs];
}

// Sums of a channel of dy: block b adds up share b % shares of channel b / shares.
extern "C" __global__ void bias_shares(const T *dy, double *sums, int images, int channels, I outs,
    int shares) {
    I channel = blockIdx.x / shares, all = images * outs;
    I step = (all - 1) / shares + 1, first = blockIdx.x % shares * step;
    I end = min(first + step, all);
    double sum = 0;
    for (I j = first + threadIdx.x; j < end; j += THREADS)
        sum += dy[(j / outs * channels + channel) * outs + j % outs];
    sum = block_sum(sum);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}
extern "C" __global__ void bias_grad(I count, const double *sums, T *dbias, int shares) {
    NUMBER
    double sum = 0;
    for (int s = 0; s < shares; ++s) sum += sums[i * shares + s];
    dbias[i] += (T)sum;
}

// One channel a group, and each of it goes to some outputs.
extern "C" __global__ void depthwise(I count, const T *x, const T *weights, const T *bias, T *y,
    bool relu, int outputs, int each, AXES) {
    NUMBER
    POSITION(i)
    I output = i / OUTS % outputs, image = i / OUTS / outputs;
    const T *plane = x + (image * (outputs / each) + output / each) * d * h * w;
    const T *mine = weights + output * (dkernel * hkernel * wkernel);
    T sum = 0;
    EACH_TAP {
        TAPPED
        sum += mine[t] * (inside ? plane[at] : (T)0);
    }
    if (bias) sum += bias[output];
    y[i] = relu && sum < 0 ? (T)0 : sum;
}
extern "C" __global__ void depthwise_grad(I count, const T *weights, const T *dy, T *dx,
    int channels, int each, AXES) {
    NUMBER
    PLACE(i)
    I plane = i / w / h / d, taps = dkernel * hkernel * wkernel;
    T sum = 0;
    EACH_TAP {
        MET
        if (met)
            for (int k = 0; k < each; ++k)
                sum += weights[(plane % channels * each + k) * taps + t]
                    * dy[(plane * each + k) * OUTS + o];
    }
    dx[i] = sum;
}
// A block an element of the weights, of one output and tap.
extern "C" __global__ void depthwise_weights(const T *x, const T *dy, T *dw, int images,
    int outputs, int each, AXES) {
    int taps = dkernel * hkernel * wkernel, t = blockIdx.x % taps, output = blockIdx.x / taps;
    int a = t / wkernel / hkernel, b = t / wkernel % hkernel, c = t % wkernel;
    double sum = 0;
    for (I j = threadIdx.x; j < images * OUTS; j += THREADS) {
        POSITION(j)
        TAPPED
        I image = j / OUTS;
        I plane = image * (outputs / each) + output / each;
        sum += dy[(image * outputs + output) * OUTS + j % OUTS]
            * (inside ? x[plane * d * h * w + at] : (T)0);
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) dw[blockIdx.x] += (T)sum;
}
"""
).replace("AXES)", f"{_AXES})")
_COLUMNS = Kernel("columns", _SOURCE)
_COLUMNS_GRAD = Kernel("columns_grad", _SOURCE)
_FINISH = Kernel("finish", _SOURCE)
_ASIDE = Kernel("aside", _SOURCE)
_BIAS_SHARES = Kernel("bias_shares", _SOURCE)
_BIAS_GRAD = Kernel("bias_grad", _SOURCE)
_DEPTHWISE = Kernel("depthwise", _SOURCE)
_DEPTHWISE_GRAD = Kernel("depthwise_grad", _SOURCE)
_DEPTHWISE_WEIGHTS = Kernel("depthwise_weights", _SOURCE)


class _Shape(NamedTuple):
    """What the arrays of a convolution have in common; all counts."""

    images: int
    channels: int
    outputs: int
    groups: int
    taps: int
    outs: int  # positions in an image
    axes: tuple[int, ...]  # what the kernels take for three axes

    @property
    def depthwise(self) -> bool:
        return self.channels == self.groups and self.groups > 1

    @property
    def each(self) -> int:
        return self.outputs // self.groups

    def batches(self, itemsize: int) -> Iterator[slice]:
        """Images whose columns fit the work space; at least one."""
        one = self.channels * self.taps * self.outs * itemsize
        step = max(1, min(self.images, _WORKSPACE // max(1, one)))
        for first in range(0, self.images, step):
            yield slice(first, min(first + step, self.images))


def convolution(
    x: Array, w: Array, bias: Array | None, y: Array, window: Window, relu: bool = False
) -> None:
    """``convolution.convolution``."""
    import cupy

    if len(window.kernel) > 3:
        ops.convolution.reference(cupy, x, w, bias, y, window, relu)
        return
    s = _shape(x.shape, w.shape, y.shape, window)
    if s.depthwise:
        _DEPTHWISE(y.size, x, w, bias, y, relu, s.outputs, s.each, *s.axes)
        return
    matrices = w.reshape(s.groups, s.each, -1)
    for batch in s.batches(x.itemsize):
        product = matmul(cupy, matrices, _columns(x[batch], s))
        out = y[batch]
        _FINISH(out.size, product, bias, out, relu, len(out), s.outputs, s.outs)


def convolution_grad(
    x: Array | None,
    w: Array,
    dy: Array,
    dx: Array | None,
    dw: Array | None,
    dbias: Array | None,
    window: Window,
) -> None:
    """``convolution.convolution_grad``."""
    import cupy

    if len(window.kernel) > 3:
        ops.convolution_grad.reference(cupy, x, w, dy, dx, dw, dbias, window)
        return
    if dbias is not None:
        bias_grad(dy, dbias)
    image = dx if x is None else x
    if image is None:
        return
    s = _shape(image.shape, w.shape, dy.shape, window)
    if s.depthwise:
        if dx is not None:
            _DEPTHWISE_GRAD(dx.size, w, dy, dx, s.channels, s.each, *s.axes)
        if dw is not None and s.images:
            sizes = s.images, s.outputs, s.each, *s.axes
            _DEPTHWISE_WEIGHTS.blocks(dw.size, x, dy, dw, *sizes)
        return
    matrices = w.reshape(s.groups, s.each, -1)
    for batch in s.batches(dy.itemsize):
        grads = _aside(dy[batch], s)
        if dw is not None and x is not None:
            cols = _columns(x[batch], s)
            dw += matmul(cupy, grads, cols.transpose(0, 2, 1)).reshape(dw.shape)
        if dx is not None:
            dcols = matmul(cupy, matrices.transpose(0, 2, 1), grads)
            part = dx[batch]
            _COLUMNS_GRAD(part.size, dcols, part, len(part), s.channels, *s.axes)


def bias_grad(dy: Array, dbias: Array) -> None:
    """Add the sums of each channel of dy (N, O, \\*out) to dbias (O,)."""
    import cupy

    images, channels, *out = dy.shape
    if not dy.size:
        return
    shares = max(1, min(_BLOCKS // channels, dy.size // channels // (4 * THREADS)))
    sums = cupy.empty((channels, shares), cupy.float64)
    _BIAS_SHARES.blocks(channels * shares, dy, sums, images, channels, prod(out), shares)
    _BIAS_GRAD(channels, sums, dbias, shares)


def _shape(x: tuple[int, ...], w: tuple[int, ...], y: tuple[int, ...], window: Window) -> _Shape:
    axes = zip(x[2:], y[2:], *window, strict=True)
    missing = (1, 1, 1, 1, 0, 1) * (3 - len(window.kernel))
    numbers = (*missing, *(number for axis in axes for number in axis))
    groups = x[1] // w[1]
    return _Shape(x[0], x[1], y[1], groups, prod(window.kernel), prod(y[2:]), numbers)


def _columns(x: Array, s: _Shape) -> Array:
    """(groups, channels in a group * taps, images * outs)."""
    import cupy

    cols = cupy.empty((s.groups, s.channels // s.groups * s.taps, len(x) * s.outs), x.dtype)
    _COLUMNS(s.channels * len(x) * s.outs, x, cols, len(x), s.channels, *s.axes)
    return cols


def _aside(dy: Array, s: _Shape) -> Array:
    """(groups, outputs in a group, images * outs)."""
    import cupy

    rows = cupy.empty((s.groups, s.each, len(dy) * s.outs), dy.dtype)
    _ASIDE(dy.size, dy, rows, len(dy), s.outputs, s.outs)
    return rows
