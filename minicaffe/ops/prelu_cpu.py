"""PReLU for the CPU: one pass, vectorised, cut into rows that threads share."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.numba_cpu import inner, kernel, prange, threads

_FEW = 32  # elements of a channel that fill vectors badly, so that loops run over channels too


def prelu(x: Array, slopes: Array, y: Array) -> None:
    """``prelu.prelu``."""
    table = _table(x, slopes)
    _prelu(_rows(x), table, _rows(y))


def prelu_grad(x: Array, slopes: Array, dy: Array, dx: Array) -> None:
    """``prelu.prelu_grad``."""
    table = _table(x, slopes)
    _prelu_grad(_rows(x), table, _rows(dy), _rows(dx))


def prelu_slopes_grad(x: Array, dy: Array, dslopes: Array) -> None:
    """``prelu.prelu_slopes_grad``."""
    images, channels, count = x.shape
    if count < _FEW:
        sums = np.zeros((min(threads(), max(images, 1)), channels * count))
        _add_rows(_rows(x), _rows(dy), sums)
        each = sums.sum(0).reshape(channels, count).sum(1)
    else:
        sums = np.empty(images * channels)
        _sum_rows(_rows(x), _rows(dy), sums)
        each = sums.reshape(images, channels).sum(0)
    dslopes += each if dslopes.size == channels else each.sum()


def _rows(x: Array) -> Array:
    """An image and channel a row; where that is too few elements, an image a row."""
    images, channels, count = x.shape
    return x.reshape(images, channels * count) if count < _FEW else x.reshape(-1, count)


def _table(x: Array, slopes: Array) -> Array:
    """The slope of each column of ``_rows(x)`` (one row), or of each row in turn (one column)."""
    _, channels, count = x.shape
    if count < _FEW:
        return np.broadcast_to(slopes[:, None], (channels, count)).reshape(1, -1)
    return slopes.reshape(-1, 1)


@kernel
def _prelu(x, table, y):
    for r in prange(x.shape[0]):
        if table.shape[0] == 1 and table.shape[1] == x.shape[1]:
            for j in range(x.shape[1]):
                y[r, j] = x[r, j] if x[r, j] > 0 else table[0, j] * x[r, j]
        else:
            slope = table[r % table.shape[0], 0]
            for j in range(x.shape[1]):
                y[r, j] = x[r, j] if x[r, j] > 0 else slope * x[r, j]


@inner
def _factor(x, slope):
    """What ``prelu`` passes on of a gradient; NaN is neither positive nor not."""
    not_positive = slope if x <= 0 else type(x)(0)
    return type(x)(1) if x > 0 else not_positive


@kernel
def _prelu_grad(x, table, dy, dx):
    for r in prange(x.shape[0]):
        if table.shape[0] == 1 and table.shape[1] == x.shape[1]:
            for j in range(x.shape[1]):
                dx[r, j] = dy[r, j] * _factor(x[r, j], table[0, j])
        else:
            slope = table[r % table.shape[0], 0]
            for j in range(x.shape[1]):
                dx[r, j] = dy[r, j] * _factor(x[r, j], slope)


@kernel
def _sum_rows(x, dy, sums):
    """``sums[r]`` is set to the gradient for the slope of row r."""
    for r in prange(x.shape[0]):
        zero, one = x.dtype.type(0), x.dtype.type(1)
        total = zero
        for j in range(x.shape[1]):
            total += dy[r, j] * x[r, j] * (one if x[r, j] <= 0 else zero)
        sums[r] = total


@kernel
def _add_rows(x, dy, sums):
    """The gradient for the slope of column j is the sum of ``sums[:, j]``, added to."""
    zero, one = x.dtype.type(0), x.dtype.type(1)
    shares = sums.shape[0]
    for share in prange(shares):
        first, end = share * x.shape[0] // shares, (share + 1) * x.shape[0] // shares
        for r in range(first, end):
            for j in range(x.shape[1]):
                sums[share, j] += dy[r, j] * x[r, j] * (one if x[r, j] <= 0 else zero)
