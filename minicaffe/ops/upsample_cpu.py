"""Larger planes, on the CPU: threads share out the planes."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.numba_cpu import kernel, prange
from minicaffe.ops.upsample import blocks


def unpool(x: Array, mask: Array, y: Array, source: Array) -> int:
    """``upsample.unpool``."""
    bad = np.full(len(x), -1, np.int64)
    _unpool(x, mask, y, source, bad)
    planes = np.flatnonzero(bad >= 0)
    return int(planes[0] * x.shape[1] + bad[planes[0]]) if len(planes) else -1


def unpool_grad(dy: Array, mask: Array, source: Array, dx: Array) -> None:
    """``upsample.unpool_grad``."""
    _unpool_grad(dy, mask, source, dx)


def repeat(x: Array, y: Array) -> None:
    """``upsample.repeat``."""
    _repeat(x, blocks(y, x))


def repeat_grad(dy: Array, dx: Array) -> None:
    """``upsample.repeat_grad``."""
    _repeat_grad(blocks(dy, dx), dx)


@kernel
def _unpool(x, mask, y, source, bad):
    for p in prange(len(x)):
        for o in range(y.shape[1]):
            y[p, o] = 0
            source[p, o] = -1
        for i in range(x.shape[1]):
            at = mask[p, i]
            if at > -1 and at < y.shape[1]:
                y[p, np.int32(at)] = x[p, i]
                source[p, np.int32(at)] = i
            elif bad[p] < 0:
                bad[p] = i


@kernel
def _unpool_grad(dy, mask, source, dx):
    zero = dx.dtype.type(0)
    for p in prange(len(dx)):
        for i in range(dx.shape[1]):
            at = np.int32(mask[p, i])
            dx[p, i] = dy[p, at] if source[p, at] == i else zero


@kernel
def _repeat(x, y):
    for p in prange(len(x)):
        for h in range(x.shape[1]):
            for down in range(y.shape[2]):
                for w in range(x.shape[2]):
                    for right in range(y.shape[4]):
                        y[p, h, down, w, right] = x[p, h, w]


@kernel
def _repeat_grad(dy, dx):
    for p in prange(len(dx)):
        for h in range(dx.shape[1]):
            for w in range(dx.shape[2]):
                total = dx.dtype.type(0)
                for down in range(dy.shape[2]):
                    for right in range(dy.shape[4]):
                        total += dy[p, h, down, w, right]
                dx[p, h, w] = total
