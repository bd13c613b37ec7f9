"""The gradients of an inner product on the GPU, added to what is there without a copy between.

Forward is one product and one kernel for the bias, which CuPy has of its own.
"""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.blas_cuda import add_product
from minicaffe.ops.cublas import matmul
from minicaffe.ops.cuda import Kernel
from minicaffe.ops.scale_cuda import scale_grad

_COLUMNS = 32  # of a block: threads that read side by side
_TALL = 4096  # rows above which more than one block takes those of a column
_SOURCE = f"""
#define COLUMNS {_COLUMNS}
extern "C" __global__ void column_sums(I rows, I columns, const T* x, T* sums) {{
    __shared__ double held[THREADS];
    const I column = (I)blockIdx.x * COLUMNS + threadIdx.x % COLUMNS;
    double sum = 0;
    if (column < columns) {{
        #pragma unroll 4
        for (I row = threadIdx.x / COLUMNS; row < rows; row += THREADS / COLUMNS)
            sum += (double)x[row * columns + column];
    }}
    held[threadIdx.x] = sum;
    for (int half = THREADS / 2; half >= COLUMNS; half /= 2) {{
        __syncthreads();
        if (threadIdx.x < half) held[threadIdx.x] += held[threadIdx.x + half];
    }}
    if (threadIdx.x < COLUMNS && column < columns) sums[column] += (T)held[threadIdx.x];
}}
"""
_column_sums = Kernel("column_sums", _SOURCE)


def inner_product_grad(
    x: Array,
    w: Array,
    dy: Array,
    dx: Array | None,
    dw: Array | None,
    dbias: Array | None,
    transpose: bool,
) -> None:
    """``inner_product.inner_product_grad``."""
    import cupy

    if dx is not None:
        matmul(cupy, dy, w.T if transpose else w, out=dx)
    if dw is not None:
        first, second = (x, dy) if transpose else (dy, x)
        add_product(first, second, dw, turn_a=True)
    if dbias is None:
        return
    rows, columns = dy.shape
    if rows > _TALL:
        scale_grad(None, None, dy.reshape(rows, columns, 1), None, None, dbias)
    else:
        _column_sums.blocks(-(-columns // _COLUMNS), rows, columns, dy, dbias)
