"""One number from each row, on the GPU: a block a row, or several and a second kernel."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.channels_cuda import CHANNELS, plan
from minicaffe.ops.cuda import Kernel
from minicaffe.ops.elements_cuda import Elements, compile_together
from minicaffe.ops.reduction import ASUM, SUM

_SOURCE = (
    CHANNELS
    + f"""
extern "C" __global__ void reduce_rows(
    I items, I rows, I size, int shares, I length, const T* x, int kind, double coeff, T* y,
    double* parts
) {{
    Walk walk(items, rows, size, shares, length);
    Pair sum = {{0, 0}};
    #pragma unroll 4
    for (I j = walk.first; j < walk.last; j += THREADS) {{
        const T value = x[walk.next()];
        sum.a += (double)(kind == {SUM} ? value : kind == {ASUM} ? fabs(value) : value * value);
    }}
    sum = block_sum(sum);
    if (parts) keep(sum, parts);
    else if (!threadIdx.x) y[walk.channel] = (T)(sum.a * coeff);
}}
extern "C" __global__ void rows_fold(int shares, const double* parts, double coeff, T* y) {{
    const Pair sum = fold(parts, shares, blockIdx.x);
    if (!threadIdx.x) y[blockIdx.x] = (T)(sum.a * coeff);
}}
"""
)
_reduce, _rows_fold = Kernel("reduce_rows", _SOURCE), Kernel("rows_fold", _SOURCE)
_grad = Elements(
    "reduce_rows_grad",
    "x -> dx; const T* dy, size/, int kind, coeff",
    "const T factor = dy[OVER(i, size)] * coeff;"
    f" dx = kind == {SUM} ? factor : kind == {ASUM} ? ((T)(x > 0) - (T)(x < 0)) * factor"
    " : x * (2 * factor);",
)
compile_together(_grad)


def reduce_rows(x: Array, kind: int, coeff: float, y: Array) -> None:
    """``reduction.reduce_rows``."""
    share = plan((1, *x.shape))
    parts = share.parts() if share.shares > 1 else None
    _reduce.blocks(share.blocks, *share.args, x, kind, coeff, y, parts)
    if parts is not None:
        _rows_fold.blocks(len(x), share.shares, parts, coeff, y)


def reduce_rows_grad(x: Array, kind: int, coeff: float, dy: Array, dx: Array) -> None:
    """``reduction.reduce_rows_grad``."""
    _grad(x, dx, dy, x.shape[1], kind, coeff)
