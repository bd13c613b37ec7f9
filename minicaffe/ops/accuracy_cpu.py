"""Compiled bodies of ``ops.accuracy``."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.numba_cpu import inner, kernel, prange, threads

PARALLEL = 65536  # scores from which a parallel region pays


def top_k_hits(x, label, ignore, top_k, hits, seen):
    """See ``ops.accuracy.top_k_hits``."""
    positions = label.size
    if x.size < PARALLEL:
        hits[:] = seen[:] = 0
        return int(_count(x, label.reshape(-1), ignore, top_k, 0, positions, hits, seen))
    return int(_count_parallel(x, label.reshape(-1), ignore, top_k, threads(), hits, seen))


@inner
def _count(x, label, ignore, top_k, start, stop, hits, seen):
    """Of the positions from ``start`` to ``stop``; -1, or the first whose label is bad."""
    for position in range(start, stop):
        index = np.trunc(label[position])
        if index == ignore:
            continue
        if not (index >= 0 and index < x.shape[1]):
            return position
        n, j = position // x.shape[2], position % x.shape[2]
        c = int(index)
        mine = x[n, c, j]
        not_lower = 0
        for k in range(x.shape[1]):
            not_lower += not x[n, k, j] < mine
        seen[c] += 1
        hits[c] += not_lower <= top_k
    return -1


@kernel
def _count_parallel(x, label, ignore, top_k, shares, hits, seen):
    parts = np.zeros((shares, 2, x.shape[1]))
    bad = np.empty(shares, np.int64)
    for share in prange(shares):
        start, stop = label.size * share // shares, label.size * (share + 1) // shares
        bad[share] = _count(x, label, ignore, top_k, start, stop, parts[share, 0], parts[share, 1])
    hits[:] = seen[:] = 0
    for share in range(shares):
        if bad[share] >= 0:
            return bad[share]
        for c in range(hits.size):
            hits[c] += parts[share, 0, c]
            seen[c] += parts[share, 1, c]
    return -1
