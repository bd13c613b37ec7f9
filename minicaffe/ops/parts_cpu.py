"""Compiled bodies of ``ops.parts``: all threads copy, since one alone does not fill the memory."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops import parts as ops
from minicaffe.ops.numba_cpu import kernel, prange

PARALLEL = 16384  # elements from which a parallel region pays
PIECE = 8192  # elements of a task


def join(parts, lengths, whole):
    """See ``ops.parts.join``."""
    if whole.size < PARALLEL:
        ops.join.reference(np, parts, lengths, whole)
        return
    start = 0
    for part, length in zip(parts, lengths, strict=True):
        if part is not None and length:
            _join(part, whole, start, -(-length // PIECE))
        start += length


def cut(whole, lengths, parts):
    """See ``ops.parts.cut``."""
    if whole.size < PARALLEL:
        ops.cut.reference(np, whole, lengths, parts)
        return
    start = 0
    for part, length in zip(parts, lengths, strict=True):
        if part is not None and length:
            _cut(whole, start, part, -(-length // PIECE))
        start += length


@kernel
def _join(part, whole, start, pieces):
    rows, length = part.shape
    for task in prange(rows * pieces):
        row, first = task // pieces, task % pieces * PIECE
        last = min(first + PIECE, length)
        source, target = part[row, first:last], whole[row, start + first : start + last]
        for i in range(source.size):
            target[i] = source[i]


@kernel
def _cut(whole, start, part, pieces):
    rows, length = part.shape
    for task in prange(rows * pieces):
        row, first = task // pieces, task % pieces * PIECE
        last = min(first + PIECE, length)
        source, target = whole[row, start + first : start + last], part[row, first:last]
        for i in range(source.size):
            target[i] = source[i]
