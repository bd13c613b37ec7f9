"""PReLU on the GPU."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.channels_cuda import CHANNELS, plan
from minicaffe.ops.cuda import Kernel
from minicaffe.ops.elements_cuda import Elements, compile_together

_SLOPE = (
    "const I row = OVER(i, plane), c = row - OVER(row, channels) * channels;"
    " const T slope = slopes[shared ? 0 : c];"
)
_MORE = "const T* slopes, plane/, channels/, bool shared"
_prelu = Elements("prelu", f"x -> y; {_MORE}", f"{_SLOPE} y = x > 0 ? x : slope * x;")
_prelu_grad = Elements(
    "prelu_grad",
    f"x, dy -> dx; {_MORE}",
    f"{_SLOPE} dx = dy * ((T)(x > 0) + slope * (T)(x <= 0));",
)
compile_together(_prelu, _prelu_grad)

_SOURCE = (
    CHANNELS
    + """
extern "C" __global__ void slopes_grad(
    I items, I channels, I plane, int shares, I length, const T* x, const T* dy, T* dslopes,
    double* parts
) {
    Walk walk(items, channels, plane, shares, length);
    Pair sum = {0, 0};
    #pragma unroll 4
    for (I j = walk.first; j < walk.last; j += THREADS) {
        const I at = walk.next();
        sum.a += (double)(dy[at] * x[at] * (T)(x[at] <= 0));
    }
    sum = block_sum(sum);
    if (parts) keep(sum, parts);
    else if (!threadIdx.x) dslopes[walk.channel] += (T)sum.a;
}
extern "C" __global__ void slopes_fold(int shares, const double* parts, T* dslopes) {
    const Pair sum = fold(parts, shares, blockIdx.x);
    if (!threadIdx.x) dslopes[blockIdx.x] += (T)sum.a;
}
"""
)
_slopes_grad, _slopes_fold = Kernel("slopes_grad", _SOURCE), Kernel("slopes_fold", _SOURCE)


def prelu(x: Array, slopes: Array, y: Array) -> None:
    """``prelu.prelu``."""
    _prelu(x, y, slopes, x.shape[2], x.shape[1], slopes.size == 1)


def prelu_grad(x: Array, slopes: Array, dy: Array, dx: Array) -> None:
    """``prelu.prelu_grad``."""
    _prelu_grad(x, dy, dx, slopes, x.shape[2], x.shape[1], slopes.size == 1)


def prelu_slopes_grad(x: Array, dy: Array, dslopes: Array) -> None:
    """``prelu.prelu_slopes_grad``."""
    share = plan((1, 1, x.size) if dslopes.size == 1 else x.shape)
    parts = share.parts() if share.shares > 1 else None
    _slopes_grad.blocks(share.blocks, *share.args, x, dy, dslopes, parts)
    if parts is not None:
        _slopes_fold.blocks(dslopes.size, share.shares, parts, dslopes)
