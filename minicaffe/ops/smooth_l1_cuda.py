"""Smooth L1 distance on the GPU."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.cuda import Kernel
from minicaffe.ops.elements_cuda import Elements, compile_together
from minicaffe.ops.sums_cuda import SUMS, grid, totals

_smooth_l1 = Kernel(
    "smooth_l1",
    SUMS
    + """
extern "C" __global__ void smooth_l1(
    I count, const T* x, const T* y, const T* inside, const T* outside, double square,
    double limit, double* parts, int numbers, double* total, long long* bad
) {
    Sums mine = {0, 0, NONE};
    #pragma unroll 4
    for (I i = (I)blockIdx.x * THREADS + threadIdx.x; i < count; i += (I)gridDim.x * THREADS) {
        T d = x[i] - y[i];
        if (inside) d *= inside[i];
        const T size = fabs(d);
        T lost = size < (T)limit ? (T)(0.5 * square) * d * d : size - (T)(0.5 * limit);
        if (outside) lost *= outside[i];
        mine.value += (double)lost;
    }
    give(mine, parts, numbers, total, bad);
}
""",
)
_smooth_l1_grad = Elements(
    "smooth_l1_grad",
    "x, y, inside?1, outside?1 -> dx; square, limit, factor@",
    "const T d = (x - y) * inside;"
    " const T slope = fabs(d) < limit ? square * d : d > 0 ? (T)1 : d < 0 ? (T)-1 : d;"
    " dx = slope * factor * inside * outside;",
)
compile_together(_smooth_l1_grad)


def smooth_l1(
    x: Array,
    y: Array,
    inside: Array | None,
    outside: Array | None,
    sigma: float,
    total: Array,
) -> None:
    """``smooth_l1.smooth_l1``."""
    square = sigma * sigma
    sums = totals(grid(x.size), total)
    args = x, y, inside, outside, square, 1 / square
    _smooth_l1.blocks(sums.blocks, x.size, *args, *sums.args)
    sums.finish(x)


def smooth_l1_grad(
    x: Array,
    y: Array,
    inside: Array | None,
    outside: Array | None,
    sigma: float,
    factor: float | Array,
    dx: Array,
) -> None:
    """``smooth_l1.smooth_l1_grad``."""
    square = sigma * sigma
    _smooth_l1_grad(x, y, inside, outside, dx, square, 1 / square, factor)
