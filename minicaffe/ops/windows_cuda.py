"""The windows of a pooling on the GPU: a thread's own, and those that an element lies in.

For up to three spatial axes; of fewer the first have length 1.
"""

from __future__ import annotations

from functools import lru_cache

from minicaffe.ops.cuda import PHILOX
from minicaffe.ops.pooling import LOWEST, Window, Windows

MOST_AXES = 3
_ALONG = "int {0}, int {0}out, int {0}kernel, int {0}stride, int {0}pad"
_AXES = ", ".join(_ALONG.format(axis) for axis in "dhw")
_WINDOWS = (
    PHILOX
    + r"""
struct Range { int first, end; };

// What of the axis window o covers.
__device__ Range covered(int o, int size, int kernel, int stride, int pad) {
    int start = o * stride - pad;
    Range range = {max(start, 0), min(start + kernel, size)};
    return range;
}

// The windows that have element i of the axis.
__device__ Range holders(int i, int out, int kernel, int stride, int pad) {
    int past = i + pad - kernel;  // the start of the last window that ends before i
    Range range = {past < 0 ? 0 : past / stride + 1, min((i + pad) / stride + 1, out)};
    return range;
}

// Length of window o, clipped to the pad but not to the input.
__device__ int length(int o, int size, int kernel, int stride, int pad) {
    int start = o * stride - pad;
    return min(start + kernel, size + pad) - start;
}

#define LENGTH(axis, o) length(o, axis, axis##kernel, axis##stride, axis##pad)
#define AREA(a, b, c) ((T)LENGTH(d, a) * LENGTH(h, b) * LENGTH(w, c))

// This thread's window: what it covers of each axis, and of which plane; i is its number.
#define WINDOW \
    I i = (I)blockIdx.x * THREADS + threadIdx.x; \
    if (i >= count) return; \
    int ow = i % wout, oh = i / wout % hout, od = i / wout / hout % dout; \
    I plane = i / wout / hout / dout * d * h * w; \
    COVERED(od, oh, ow)

#define COVERED(a, b, c) \
    Range ds = covered(a, d, dkernel, dstride, dpad), hs = covered(b, h, hkernel, hstride, hpad), \
          ws = covered(c, w, wkernel, wstride, wpad);

// Each element of it, row by row; at is its place in the plane.
#define EACH_ELEMENT \
    for (int a = ds.first; a < ds.end; ++a) \
        for (int b = hs.first; b < hs.end; ++b) \
            for (int c = ws.first, at = (a * h + b) * w + c; c < ws.end; ++c, ++at)

// This thread's element, number i, at a place of its plane, and the windows that have it.
#define ELEMENT \
    I i = (I)blockIdx.x * THREADS + threadIdx.x; \
    if (i >= count) return; \
    int iw = i % w, ih = i / w % h, id = i / w / h % d, place = (id * h + ih) * w + iw; \
    I plane = i - place, outs = plane / ((I)d * h * w) * dout * hout * wout; \
    Range dh = holders(id, dout, dkernel, dstride, dpad), \
          hh = holders(ih, hout, hkernel, hstride, hpad), \
          wh = holders(iw, wout, wkernel, wstride, wpad);

// Each such window, od, oh, ow; o is its number.
#define EACH_HOLDER \
    for (int od = dh.first; od < dh.end; ++od) \
        for (int oh = hh.first; oh < hh.end; ++oh) \
            for (int ow = wh.first; ow < wh.end; ++ow) \
                for (I o = outs + (od * hout + oh) * wout + ow, one = 1; one; one = 0)
"""
)
_WHOLE = Window(1, 1, 1, 0, True, False)  # an axis of length 1


def source_of(kernels: str) -> str:
    """``kernels``, in which AXES are the last parameters, with what they use."""
    return (_WINDOWS + kernels).replace("AXES)", f"{_AXES})").replace("LOWEST", repr(LOWEST))


@lru_cache(maxsize=1024)
def numbers(windows: Windows) -> tuple[int, ...]:
    """What kernels take for AXES."""
    axes = (*[_WHOLE] * (MOST_AXES - len(windows)), *windows)
    return tuple(n for axis in axes for n in _along(axis))


def _along(axis: Window) -> tuple[int, ...]:
    return axis.size, axis.out, axis.kernel, axis.stride, axis.pad
