"""The inner product on the CPU: each worker makes its own rows or columns of each result."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.blas_cpu import gemm
from minicaffe.ops.numba_cpu import inner, kernel, prange, threads

_LEAST = 8  # rows or columns that are worth a worker's while
_NONE = {np.dtype(kind): np.empty(0, kind) for kind in (np.float32, np.float64)}


def inner_product(x: Array, w: Array, bias: Array | None, y: Array, transpose: bool) -> None:
    """``inner_product.inner_product``, for C-contiguous arrays."""
    bias = _NONE[x.dtype] if bias is None else bias
    _forward(x, w, bias, y, transpose, threads())


def inner_product_grad(
    x: Array,
    w: Array,
    dy: Array,
    dx: Array | None,
    dw: Array | None,
    dbias: Array | None,
    transpose: bool,
) -> None:
    """``inner_product.inner_product_grad``, for C-contiguous arrays."""
    none = _NONE[x.dtype]
    dx, dw, dbias = (none if a is None else a.reshape(-1) for a in (dx, dw, dbias))
    _backward(x, w, dy, dx, dw, dbias, transpose, threads())


@inner
def _share(rows, columns, share, shares):
    """The part of a matrix that is a worker's: (row, rows, column, columns)."""
    if columns >= rows:
        parts = min(shares, (columns + _LEAST - 1) // _LEAST)
        first, stop = columns * share // parts, columns * (share + 1) // parts
        return 0, rows, first, stop - first if share < parts else 0
    parts = min(shares, (rows + _LEAST - 1) // _LEAST)
    first, stop = rows * share // parts, rows * (share + 1) // parts
    return first, stop - first if share < parts else 0, 0, columns


@kernel
def _forward(x, w, bias, y, transpose, shares):
    for share in prange(shares):
        _forward_share(x, w, bias, y, transpose, share, shares)


@inner
def _forward_share(x, w, bias, y, transpose, share, shares):
    (m, n), k = y.shape, x.shape[1]
    i, rows, j, columns = _share(m, n, share, shares)
    for r in range(i, i + rows):
        for c in range(j, j + columns):
            y[r, c] = bias[c] if bias.size else 0
    if transpose:
        w_at, across = j, n
    else:
        w_at, across = j * k, k
    gemm(
        *(False, not transpose, rows, columns, k, 1.0, x, i * k, k, w, w_at, across),
        *(1.0, y, i * n + j, n),
    )


@kernel
def _backward(x, w, dy, dx, dw, dbias, transpose, shares):
    for share in prange(shares):
        _backward_share(x, w, dy, dx, dw, dbias, transpose, share, shares)


@inner
def _backward_share(x, w, dy, dx, dw, dbias, transpose, share, shares):
    (m, n), k = dy.shape, x.shape[1]
    if dx.size:
        i, rows, j, columns = _share(m, k, share, shares)
        if transpose:
            w_at, across = j * n, n
        else:
            w_at, across = j, k
        gemm(
            *(False, transpose, rows, columns, n, 1.0, dy, i * n, n, w, w_at, across),
            *(0.0, dx, i * k + j, k),
        )
    if dw.size:
        if transpose:
            i, rows, j, columns = _share(k, n, share, shares)
            gemm(
                *(True, False, rows, columns, m, 1.0, x, i, k, dy, j, n),
                *(1.0, dw, i * n + j, n),
            )
        else:
            i, rows, j, columns = _share(n, k, share, shares)
            gemm(
                *(True, False, rows, columns, m, 1.0, dy, i, n, x, j, k),
                *(1.0, dw, i * k + j, k),
            )
    if dbias.size:
        _, _, j, columns = _share(1, n, share, shares)
        for r in range(m):
            for c in range(j, j + columns):
                dbias[c] += dy[r, c]
