"""Rows of a table for the GPU, without a look from the host.

A gradient that rows get more than once is added up by one block, that of the first of them, in
their order: every run gives the same. It compares each index with all others, which for the
thousands that a batch has costs less than sorting them.
"""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.cuda import BLOCK_SUMS, Kernel

_SOURCE = (
    BLOCK_SUMS
    + r"""
// The row that an index names, -1 for none: NaN too.
__device__ long long row_of(T index, I rows) {
    T row = trunc(index);
    return row >= 0 && row < rows ? (long long)row : -1;
}

extern "C" __global__ void take_rows(I count, const T *table, const T *index, T *y, I rows,
    I width) {
    I i = (I)blockIdx.x * THREADS + threadIdx.x;
    if (i >= count) return;
    long long row = row_of(index[i / width], rows);
    if (row >= 0) y[i] = table[(I)row * width + i % width];
}

// One block.
extern "C" __global__ void first_bad(const T *index, long long *bad, I count, I rows) {
    long long before = 0;  // how far the first is from the end; 0 without any
    for (I m = threadIdx.x; m < count; m += THREADS)
        if (row_of(index[m], rows) < 0) before = max(before, (long long)(count - m));
    before = block_max(before);
    if (threadIdx.x == 0) *bad = before ? count - before : -1;
}

// A block an index.
extern "C" __global__ void add_rows(const T *index, const T *dy, T *dtable, I count, I rows,
    I width) {
    I m = blockIdx.x;
    long long row = row_of(index[m], rows);
    int earlier = 0;
    for (I j = threadIdx.x; j < m; j += THREADS) earlier |= row_of(index[j], rows) == row;
    if (block_max(earlier) || row < 0) return;
    for (I n = threadIdx.x; n < width; n += THREADS) {
        T sum = 0;
        for (I j = m; j < count; ++j)
            if (row_of(index[j], rows) == row) sum += dy[j * width + n];
        dtable[(I)row * width + n] += sum;
    }
}
"""
)
_TAKE_ROWS = Kernel("take_rows", _SOURCE)
_FIRST_BAD = Kernel("first_bad", _SOURCE)
_ADD_ROWS = Kernel("add_rows", _SOURCE)


def take_rows(table: Array, index: Array, y: Array) -> Array:
    """``rows.take_rows``; what is found stays on the device."""
    import cupy

    rows, width = table.shape
    bad = cupy.empty((), cupy.int64)
    _TAKE_ROWS(y.size, table, index, y, rows, width)
    _FIRST_BAD.blocks(1, index, bad, len(index), rows)
    return bad


def add_rows(index: Array, dy: Array, dtable: Array) -> None:
    """``rows.add_rows``."""
    _ADD_ROWS.blocks(len(index), index, dy, dtable, len(index), *dtable.shape)
