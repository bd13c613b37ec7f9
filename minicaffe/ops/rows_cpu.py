"""Compiled bodies of ``ops.rows``."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

from minicaffe.ops.numba_cpu import inner, kernel, prange, threads

COLUMNS = 16  # of a worker, at least: a cache line, so that no two write to the same


def take_rows(table, index, y):
    """See ``ops.rows.take_rows``."""
    bad = int(_first_bad(index, table.shape[0]))
    if bad < 0:
        _take(table, index, y)
    return bad


@inner
def _first_bad(index, rows):
    for m in range(index.size):
        if not (index[m] > -1 and index[m] < rows):
            return m
    return -1


@kernel
def _take(table, index, y):
    for m in prange(index.size):
        row, out = table[int(index[m])], y[m]
        for j in range(out.size):
            out[j] = row[j]


def add_rows(index, dy, dtable):
    """See ``ops.rows.add_rows``; workers divide the columns, so that none waits for another."""
    shares = max(1, min(threads(), dy.shape[1] // COLUMNS))
    _add(index, dy, dtable, shares)


@kernel
def _add(index, dy, dtable, shares):
    for share in prange(shares):
        start, stop = dy.shape[1] * share // shares, dy.shape[1] * (share + 1) // shares
        for m in range(index.size):
            grad, out = dy[m, start:stop], dtable[int(index[m]), start:stop]
            for j in range(out.size):
                out[j] += grad[j]
