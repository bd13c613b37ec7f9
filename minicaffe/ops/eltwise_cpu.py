"""Compiled bodies of ``ops.eltwise``."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops import eltwise
from minicaffe.ops.numba_cpu import kernel, prange

PARALLEL = 16384  # elements from which a parallel region pays


def weighted_sum(xs, weights, y):
    """See ``ops.eltwise.weighted_sum``; three arrays go through a pass at most."""
    if y.size < PARALLEL:
        return eltwise.weighted_sum.reference(np, xs, weights, y)
    kind, out = y.dtype.type, y.reshape(-1)
    terms = [(x.reshape(-1), kind(w)) for x, w in zip(xs, weights, strict=True)]
    if len(terms) == 1:
        return _sum1(*terms[0], out)
    if len(terms) % 2:
        _sum3(*terms[0], *terms[1], *terms[2], out)
    else:
        _sum2(*terms[0], *terms[1], out)
    for i in range(2 + len(terms) % 2, len(terms), 2):
        _sum3(out, kind(1), *terms[i], *terms[i + 1], out)
    return None


@kernel
def _sum1(a, u, y):
    for i in prange(y.size):
        y[i] = u * a[i]


@kernel
def _sum2(a, u, b, v, y):
    for i in prange(y.size):
        y[i] = u * a[i] + v * b[i]


@kernel
def _sum3(a, u, b, v, c, w, y):
    for i in prange(y.size):
        y[i] = u * a[i] + v * b[i] + w * c[i]


def product(xs, y):
    """See ``ops.eltwise.product``."""
    if y.size < PARALLEL or len(xs) == 1:
        eltwise.product.reference(np, xs, y)
        return
    out = y.reshape(-1)
    _product2(xs[0].reshape(-1), xs[1].reshape(-1), out)
    for x in xs[2:]:
        _product2(out, x.reshape(-1), out)


@kernel
def _product2(a, b, y):
    for i in prange(y.size):
        y[i] = a[i] * b[i]


def ratio_product(y, x, dy, dx):
    """See ``ops.eltwise.ratio_product``."""
    _ratio_product(y.reshape(-1), x.reshape(-1), dy.reshape(-1), dx.reshape(-1))


@kernel
def _ratio_product(y, x, dy, dx):
    for i in prange(y.size):
        dx[i] = y[i] / x[i] * dy[i]


def maximum(xs, y, index):
    """See ``ops.eltwise.maximum``."""
    out, which = y.reshape(-1), index.reshape(-1)
    _maximum2(xs[0].reshape(-1), xs[1].reshape(-1), out, which)
    for i, x in enumerate(xs[2:], 2):
        _maximum_with(x.reshape(-1), i, out, which)


@kernel
def _maximum2(a, b, y, index):
    for i in prange(y.size):
        first = a[i] > b[i]
        y[i] = a[i] if first else b[i]
        index[i] = 0 if first else 1


@kernel
def _maximum_with(x, number, y, index):
    for i in prange(y.size):
        larger = x[i] > y[i]
        y[i] = x[i] if larger else y[i]
        index[i] = number if larger else index[i]


def maximum_grad(index, i, dy, dx):
    """See ``ops.eltwise.maximum_grad``."""
    _maximum_grad(index.reshape(-1), i, dy.reshape(-1), dx.reshape(-1))


@kernel
def _maximum_grad(index, number, dy, dx):
    for i in prange(dx.size):
        dx[i] = dy[i] if index[i] == number else 0


def sum_relu(a, b, u, v, y):
    """See ``ops.eltwise.sum_relu``."""
    kind = y.dtype.type
    _sum_relu(a.reshape(-1), b.reshape(-1), kind(u), kind(v), y.reshape(-1))


@kernel
def _sum_relu(a, b, u, v, y):
    zero = y.dtype.type(0)
    for i in prange(y.size):
        value = u * a[i] + v * b[i]
        y[i] = zero if value < zero else value


def sum_relu_grad(y, dy, u, v, da, db):
    """See ``ops.eltwise.sum_relu_grad``."""
    kind, y, dy = y.dtype.type, y.reshape(-1), dy.reshape(-1)
    wanted = [(kind(w), dx.reshape(-1)) for w, dx in ((u, da), (v, db)) if dx is not None]
    if len(wanted) == 2:
        _passed2(y, dy, *wanted[0], *wanted[1])
    for weight, dx in wanted if len(wanted) == 1 else ():
        _passed(y, dy, weight, dx)


@kernel
def _passed(y, dy, u, da):
    for i in prange(y.size):
        da[i] = u * dy[i] if y[i] > 0 else y.dtype.type(0)


@kernel
def _passed2(y, dy, u, da, v, db):
    for i in prange(y.size):
        grad = dy[i] if y[i] > 0 else y.dtype.type(0)
        da[i] = u * grad
        db[i] = v * grad
