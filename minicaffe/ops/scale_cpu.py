"""Compiled bodies of ``ops.scale``.

Work is cut into tasks of about PIECE elements, small enough that what a task reads twice is
still in its core's first cache: pieces of one row where the inner axis is long, else blocks of
some rows and columns. A task leaves its sums apart, and they are added up in one order, so that
results are the same however many threads there are.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.numba_cpu import inner, kernel, prange
from minicaffe.ops.scratch_cpu import scratch

PIECE = 4096


def scale(x, s, b, y, kept):
    """See ``ops.scale.scale``."""
    flags = s is not None, b is not None, kept is not None
    none = np.empty(0, x.dtype)
    s, b, kept = (none if a is None else a for a in (s, b, kept))
    outer, dim, length = x.shape
    if length == 1:
        shape = outer, dim
        kept = kept.reshape(shape if flags[2] else (0, 0))
        _scale_rows(x.reshape(shape), s, b, y.reshape(shape), kept, *_blocks(outer, dim), flags)
    else:
        shape = outer * dim, length
        kept = kept.reshape(shape if flags[2] else (0, 0))
        _scale_planes(x.reshape(shape), s, b, y.reshape(shape), kept, dim, _pieces(length), flags)


def scale_grad(x, s, dy, dx, ds, db):
    """See ``ops.scale.scale_grad``."""
    flags = s is not None, dx is not None, ds is not None, db is not None
    none = np.empty(0, dy.dtype)
    outer, dim, length = dy.shape
    if length == 1:
        shape, (rows, columns) = (outer, dim), _blocks(outer, dim)
        grad, cut, parts_shape = _grad_rows, (rows, columns), (2, -(-outer // rows), dim, 1)
    else:
        pieces = _pieces(length)
        shape = outer * dim, length
        grad, cut, parts_shape = _grad_planes, (dim, pieces), (2, outer, dim, pieces)
    parts = scratch(int(np.prod(parts_shape)), dy.dtype).reshape(parts_shape)
    x = dy if x is None else x
    dx = none.reshape(0, 0) if dx is None else dx.reshape(shape)
    grad(x.reshape(shape), none if s is None else s, dy.reshape(shape), dx, parts, *cut, flags)
    for part, total in zip(parts, (ds, db), strict=True):
        if total is not None:
            _add_up(part, total)


def _pieces(length):
    return -(-length // PIECE)


def _blocks(rows, columns):
    """Rows and columns of a task."""
    wide = max(1, min(columns, PIECE))
    return max(1, min(rows, PIECE // wide)), wide


@inner
def _line(x, a, c, y):
    for j in range(x.size):
        y[j] = a * x[j] + c


@kernel
def _scale_planes(x, s, b, y, kept, dim, pieces, flags):
    has_s, has_b, keep = flags
    for task in prange(x.shape[0] * pieces):
        row, start = task // pieces, task % pieces * PIECE
        stop = min(start + PIECE, x.shape[1])
        part = x[row, start:stop]
        if keep:
            _line(part, x.dtype.type(1), x.dtype.type(0), kept[row, start:stop])
        a = s[row % dim] if has_s else x.dtype.type(1)
        c = b[row % dim] if has_b else x.dtype.type(0)
        _line(part, a, c, y[row, start:stop])


@inner
def _columns(x, s, b, y, has_s, has_b):
    one, zero = x.dtype.type(1), x.dtype.type(0)
    if has_s and has_b:
        for j in range(x.size):
            y[j] = s[j] * x[j] + b[j]
    elif has_s:
        for j in range(x.size):
            y[j] = s[j] * x[j]
    elif has_b:
        for j in range(x.size):
            y[j] = x[j] + b[j]
    else:
        _line(x, one, zero, y)


@kernel
def _scale_rows(x, s, b, y, kept, rows, columns, flags):
    has_s, has_b, keep = flags
    across = (x.shape[1] + columns - 1) // columns
    down = (x.shape[0] + rows - 1) // rows
    for task in prange(down * across):
        first, start = task // across * rows, task % across * columns
        stop = min(start + columns, x.shape[1])
        for n in range(first, min(first + rows, x.shape[0])):
            part = x[n, start:stop]
            if keep:
                _line(part, x.dtype.type(1), x.dtype.type(0), kept[n, start:stop])
            _columns(part, s[start:stop], b[start:stop], y[n, start:stop], has_s, has_b)


@inner
def _dot(x, y):
    total = x.dtype.type(0)
    for j in range(x.size):
        total += x[j] * y[j]
    return total


@inner
def _sum(x):
    total = x.dtype.type(0)
    for j in range(x.size):
        total += x[j]
    return total


@kernel
def _grad_planes(x, s, dy, dx, parts, dim, pieces, flags):
    has_s, want_dx, want_ds, want_db = flags
    for task in prange(dy.shape[0] * pieces):
        row, piece = task // pieces, task % pieces
        n, c = row // dim, row % dim
        start = piece * PIECE
        stop = min(start + PIECE, dy.shape[1])
        grad = dy[row, start:stop]
        if want_ds:
            parts[0, n, c, piece] = _dot(x[row, start:stop], grad)
        if want_db:
            parts[1, n, c, piece] = _sum(grad)
        if want_dx:  # last: it may overwrite dy
            a = s[c] if has_s else dy.dtype.type(1)
            _line(grad, a, dy.dtype.type(0), dx[row, start:stop])


@kernel
def _grad_rows(x, s, dy, dx, parts, rows, columns, flags):
    has_s, want_dx, want_ds, want_db = flags
    across = (dy.shape[1] + columns - 1) // columns
    for task in prange(parts.shape[1] * across):
        block, start = task // across, task % across * columns
        stop = min(start + columns, dy.shape[1])
        ds, db = parts[0, block, start:stop, 0], parts[1, block, start:stop, 0]
        ds[:] = 0
        db[:] = 0
        for n in range(block * rows, min((block + 1) * rows, dy.shape[0])):
            grad, value = dy[n, start:stop], x[n, start:stop]
            if want_ds:
                for j in range(grad.size):
                    ds[j] += value[j] * grad[j]
            if want_db:
                for j in range(grad.size):
                    db[j] += grad[j]
            if want_dx:  # last: it may overwrite dy
                _columns(grad, s[start:stop], s[:0], dx[n, start:stop], has_s, False)


@kernel
def _add_up(parts, total):
    """Add ``parts`` (blocks, dim, pieces) to ``total`` (dim)."""
    for c in prange(total.size):
        added = 0.0
        for n in range(parts.shape[0]):
            for piece in range(parts.shape[2]):
                added += parts[n, c, piece]
        total[c] += added
