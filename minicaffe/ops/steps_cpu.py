"""What kernels over time have in common: how the work of a step is shared, and their tanh."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import math

from numba import types
from numba.extending import overload

from minicaffe.ops.elementwise_cpu import rational_tanh
from minicaffe.ops.numba_cpu import threads

MEET_FROM = 1 << 19  # multiplications in a step that outweigh a meeting of the workers
SPLIT_FROM = 1 << 18  # multiplications in all steps that are worth a second worker


def shares(steps, w, sequences, meetings=1):
    """How many workers, and whether they own units, and so meet in each step, so many times."""
    work = w.size * sequences
    if work >= MEET_FROM * meetings:
        return threads(), True
    return min(threads(), sequences) if steps * work >= SPLIT_FROM else 1, False


def tanh(x):
    """In kernels of float32 a quotient of polynomials, which is vectorized."""
    return math.tanh(x)


@overload(tanh)
def _typed_tanh(x):
    return _rational_tanh_of if x == types.float32 else lambda x: math.tanh(x)


def _rational_tanh_of(x):
    return rational_tanh(x)
