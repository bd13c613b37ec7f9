"""Rows of a table, taken and added to by their index."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.rows_cpu")
def take_rows(xp: ModuleType, table: Array, index: Array, y: Array) -> int:
    """Write ``table[index[m]]`` to ``y[m]``.

    Args:
        xp: array module of ``table``.
        table: (K, N).
        index: (M,), of the dtype of ``table``; truncated toward 0.
        y: (M, N).

    Returns:
        The first m whose index is no row, -1 without any; where there is one, ``y`` is as it was.
    """
    row = xp.trunc(index)
    bad = ~((row >= 0) & (row < table.shape[0]))  # NaN too
    if bad.any():
        return int(bad.argmax())
    y[...] = table[row.astype(xp.int32)]
    return -1


@compiled_in("minicaffe.ops.rows_cpu")
def add_rows(xp: ModuleType, index: Array, dy: Array, dtable: Array) -> None:
    """Add ``dy[m]`` to ``dtable[index[m]]``, for every m in the same order in every run.

    Args:
        xp: array module of ``dy``.
        index: (M,), all rows of ``dtable`` when truncated.
        dy: (M, N).
        dtable: (K, N).
    """
    if not len(index):
        return
    row = xp.trunc(index).astype(xp.int32)
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
