"""Dropout for the CPU: threads share out blocks of the generator's counter."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.dropout import KEY_STEPS, MULTIPLIERS, ROUNDS, WORD, factor, threshold
from minicaffe.ops.numba_cpu import inner, kernel, prange, threads

_BLOCK = 256  # counts at a time: their words, 4 KB, stay in a core's nearest cache
_LEFT, _RIGHT = map(np.uint64, MULTIPLIERS)
_STEP_LOW, _STEP_HIGH = map(np.uint32, KEY_STEPS)
_SHIFT = np.uint64(32)


def dropout(
    x: Array, y: Array, mask: Array, ratio: float, key: int, scale: float | None = None
) -> None:
    """``dropout.dropout``."""
    limit, low, high = map(np.uint32, (threshold(ratio), key & WORD, key >> 32))
    by = x.dtype.type(factor(ratio, scale))
    _dropout(x.reshape(-1), y.reshape(-1), mask.reshape(-1), limit, low, high, by, threads())


def dropout_grad(
    dy: Array, mask: Array, dx: Array, ratio: float, scale: float | None = None
) -> None:
    """``dropout.dropout_grad``."""
    by = dy.dtype.type(factor(ratio, scale))
    _scale_kept(dy.reshape(-1), mask.reshape(-1), dx.reshape(-1), by)


def keep_or_drop(x: Array, y: Array, kept: Array) -> None:
    """``dropout.keep_or_drop``."""
    if not kept[0]:
        y[...] = 0
    elif y is not x:
        _copy(x.reshape(-1), y.reshape(-1))


@kernel
def _copy(x, y):
    for i in prange(x.size):
        y[i] = x[i]


@inner
def _philox_block(words, first, low, high):
    """Fill words (4, counts) from count ``first`` on; rounds outside, so that counts vectorise."""
    counts = words.shape[1]
    for i in range(counts):
        words[0, i] = np.uint32(first + i)
        words[1, i] = np.uint32((first + i) >> 32)
        words[2, i] = words[3, i] = 0
    for _ in range(ROUNDS):
        for i in range(counts):
            left, right = np.uint64(words[0, i]) * _LEFT, np.uint64(words[2, i]) * _RIGHT
            words[0, i] = np.uint32(right >> _SHIFT) ^ words[1, i] ^ low
            words[1, i] = np.uint32(right)
            words[2, i] = np.uint32(left >> _SHIFT) ^ words[3, i] ^ high
            words[3, i] = np.uint32(left)
        low, high = np.uint32(low + _STEP_LOW), np.uint32(high + _STEP_HIGH)


@inner
def _apply(x, y, mask, words, limit, scale):
    quads = x.size // 4
    for i in range(quads):
        mask[4 * i] = words[0, i] >= limit
        mask[4 * i + 1] = words[1, i] >= limit
        mask[4 * i + 2] = words[2, i] >= limit
        mask[4 * i + 3] = words[3, i] >= limit
    for i in range(4 * quads, x.size):
        mask[i] = words[i % 4, i // 4] >= limit
    for i in range(x.size):
        y[i] = x[i] * (scale if mask[i] else x.dtype.type(0))


@kernel
def _dropout(x, y, mask, limit, low, high, scale, shares):
    blocks = (x.size + 4 * _BLOCK - 1) // (4 * _BLOCK)
    for t in prange(shares):
        words = np.empty((4, _BLOCK), np.uint32)
        for block in range(blocks * t // shares, blocks * (t + 1) // shares):
            _philox_block(words, block * _BLOCK, low, high)
            first, last = block * 4 * _BLOCK, min(x.size, (block + 1) * 4 * _BLOCK)
            _apply(x[first:last], y[first:last], mask[first:last], words, limit, scale)


@kernel
def _scale_kept(dy, mask, dx, scale):
    zero = dy.dtype.type(0)
    for i in prange(dy.size):
        dx[i] = dy[i] * (scale if mask[i] else zero)
