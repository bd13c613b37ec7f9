"""Dropout: the generator behind its mask, and the mask at work.

The mask is a pure function of a 64-bit key: element i looks at word i % 4 of the Philox block
that counts i // 4. So every body, on every device and any number of threads, drops the same.

J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in

ROUNDS = 10
MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
KEY_STEPS = 0x9E3779B9, 0xBB67AE85  # the golden ratio and the square root of 3, less 1
WORD = 0xFFFFFFFF


def philox(counter: tuple[Array, Array, Array, Array], key: tuple[Any, Any]) -> tuple[Array, ...]:
    """Philox 4x32-10: four 32-bit words from four of counter and two of key.

    Args:
        counter: uint64 arrays of one shape, each element under 2**32.
        key: two integers under 2**32, or uint64 arrays of no axes.

    Returns:
        Four uint64 arrays of that shape, each element under 2**32.
    """
    a, b, c, d = counter
    low, high = key
    for _ in range(ROUNDS):
        left, right = a * MULTIPLIERS[0], c * MULTIPLIERS[1]
        a, b = (right >> 32) ^ b ^ low, right & WORD
        c, d = (left >> 32) ^ d ^ high, left & WORD
        low, high = low + KEY_STEPS[0] & WORD, high + KEY_STEPS[1] & WORD
    return a, b, c, d


def threshold(ratio: float) -> int:
    """Words below this are dropped: the share ``ratio`` of all 2**32, and never all of them."""
    return min(round(ratio * 2**32), WORD)


def factor(ratio: float, scale: float | None) -> float:
    """What is kept is multiplied by it: ``scale``, or what makes up for what is dropped."""
    return 1 / (1 - ratio) if scale is None else scale


@compiled_in("minicaffe.ops.dropout_cpu")
def dropout(
    xp: ModuleType,
    x: Array,
    y: Array,
    mask: Array,
    ratio: float,
    key: int | Array,
    scale: float | None = None,
) -> None:
    """Drop elements at random: ``scale * x`` where kept, else ``0 * x``.

    Args:
        xp: array module.
        x: any shape.
        y: as ``x``, written; may be ``x``.
        mask: uint8, as ``x``, written: 1 where kept.
        ratio: probability that an element is dropped, in [0, 1).
        key: 64 random bits; the same give the same mask. A number, or uint64 on the device.
        scale: None for ``1 / (1 - ratio)``.
    """
    index = xp.arange(-(-x.size // 4), dtype="uint64")
    zero = xp.zeros_like(index)
    words = xp.stack(philox((index & WORD, index >> 32, zero, zero), (key & WORD, key >> 32)))
    kept = words.transpose().reshape(-1)[: x.size] >= threshold(ratio)
    mask[...] = kept.reshape(x.shape)
    y[...] = x * (mask * factor(ratio, scale))


@compiled_in("minicaffe.ops.dropout_cpu")
def dropout_grad(
    xp: ModuleType, dy: Array, mask: Array, dx: Array, ratio: float, scale: float | None = None
) -> None:
    """The gradient of ``dropout``: ``scale * dy`` where kept, else ``0 * dy``.

    Args:
        xp: array module.
        dy: any shape.
        mask: as ``dropout`` wrote it.
        dx: as ``dy``, written; may be ``dy``.
        ratio: as for ``dropout``; likewise ``scale``.
        scale: see ratio.
    """
    dx[...] = dy * (mask * factor(ratio, scale))


@compiled_in("minicaffe.ops.dropout_cpu")
def keep_or_drop(xp: ModuleType, x: Array, y: Array, kept: Array) -> None:
    """All of ``x``, or zeros, whatever x is: no product, which of infinity would leave NaN.

    Args:
        xp: array module.
        x: any shape.
        y: as ``x``, written; may be ``x``.
        kept: uint8 (1,): 0 for zeros.
    """
    if y is not x:
        y[...] = x
    xp.copyto(y, xp.zeros((), y.dtype), where=(kept == 0).reshape(()))
