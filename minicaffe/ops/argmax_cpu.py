"""Compiled body of ``ops.argmax``."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

from minicaffe.ops.numba_cpu import inner, kernel, prange

STRETCH = 256  # positions that are searched together: what they have so far stays in cache
PARALLEL = 65536  # elements from which a parallel region pays


def top_k(x, index, value):
    """See ``ops.argmax.top_k``."""
    tasks = x.shape[0] * -(-x.shape[2] // STRETCH)
    if x.size < PARALLEL:
        _search(x, index, value, STRETCH, 0, tasks)
    else:
        _search_parallel(x, index, value, STRETCH, tasks)


@inner
def _search(x, index, value, size, first, last):
    """Tasks from ``first`` to ``last``, each ``size`` positions of one outer index."""
    many = (x.shape[2] + size - 1) // size
    for task in range(first, last):
        n, start = task // many, task % many * size
        stop = min(start + size, x.shape[2])
        if index.shape[1] == 1:
            _highest(x[n], index[n, 0, start:stop], value[n, 0, start:stop], start)
        else:
            for j in range(start, stop):
                _insert_all(x[n], index[n], value[n], j)


@inner
def _highest(x, index, value, start):
    """One index a position: without branches, so that it vectorizes."""
    index[:] = 0
    value[:] = x[0, start : start + value.size]
    for c in range(1, x.shape[0]):
        part, here = x[c, start : start + value.size], x.dtype.type(c)
        for j in range(value.size):
            v = part[j]
            higher = (v >= value[j]) | (v != v)
            index[j] = here if higher else index[j]
            value[j] = v if higher else value[j]


@inner
def _insert_all(x, index, value, j):
    """Each value of position ``j`` to its place among the highest so far."""
    k = index.shape[0]
    for c in range(x.shape[0]):
        v, r = x[c, j], min(c, k)
        while r > 0 and (v >= value[r - 1, j] or v != v):
            r -= 1
            if r + 1 < k:
                index[r + 1, j], value[r + 1, j] = index[r, j], value[r, j]
        if r < k:
            index[r, j], value[r, j] = c, v


@kernel
def _search_parallel(x, index, value, size, tasks):
    for task in prange(tasks):
        _search(x, index, value, size, task, task + 1)
