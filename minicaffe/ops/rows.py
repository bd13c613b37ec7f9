"""Rows of a table, taken and added to by their index."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.bad import first_bad
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.rows_cpu")
def take_rows(xp: ModuleType, table: Array, index: Array, y: Array) -> Array | int:
    """Write ``table[index[m]]`` to ``y[m]``.

    Args:
        xp: array module of ``table``.
        table: (K, N).
        index: (M,), of the dtype of ``table``; truncated toward 0.
        y: (M, N).

    Returns:
        The first m whose index is no row, -1 without any: a number, or an array of one element on
        the device; where there is one, ``y`` is not to be used.
    """
    row = xp.trunc(index)
    bad = ~((row >= 0) & (row < table.shape[0]))  # NaN too
    if table.shape[0]:
        y[...] = table[xp.where(bad, 0, row).astype(xp.int32)]
    return first_bad(xp, bad)


@compiled_in("minicaffe.ops.rows_cpu")
def add_rows(xp: ModuleType, index: Array, dy: Array, dtable: Array) -> None:
    """Add ``dy[m]`` to ``dtable[index[m]]``, for every m in the same order in every run.

    Args:
        xp: array module of ``dy``.
        index: (M,), all rows of ``dtable`` when truncated; where one is not, ``dtable`` is not to
            be used.
        dy: (M, N).
        dtable: (K, N).
    """
    if not len(index):
        return
    row = xp.trunc(index)
    row = xp.where((row >= 0) & (row < dtable.shape[0]), row, 0).astype(xp.int32)
    order = row.argsort()
    row, total = row[order], dy[order]
    step = 1
    while step < len(row):  # running sums over equal rows, twice as far each time
        same = row[step:] == row[:-step]
        total[step:] += xp.where(same[:, None], total[:-step], 0)
        step *= 2
    last = xp.full(len(row), True)
    last[:-1] = row[1:] != row[:-1]
    dtable[row[last]] += total[last]
