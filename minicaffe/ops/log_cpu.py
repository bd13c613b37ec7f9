"""``log`` for kernels: in float32 without branches or calls, so that loops around it vectorize.

x is 2^n (1 + f), 1 + f within a factor sqrt(2) of 1; and with s = f / (2 + f), log(1 + f) is
2 atanh(s) = 2 s (1 + s^2 / 3 + s^4 / 5 + ...), a series of few terms.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

_OPTIONS = {"fastmath": {"contract"}, "error_model": "numpy"}  # sums stay in order: see exp_cpu
_LN2_HIGH = np.float32(0.693359375)  # nine bits: its product with an exponent is exact
_LN2_LOW = np.float32(math.log(2) - 0.693359375)
_ZERO, _ONE, _TWO = np.float32(0), np.float32(1), np.float32(2)
_NAN, _INF = np.float32(np.nan), np.float32(np.inf)
_NORMAL = np.float32(2.0**-126)  # the smallest number with all its bits
_UP, _UP_BITS = np.float32(2.0**24), np.float32(24)
_ONE_BITS = 0x3F800000
_ROOT_BITS = 0x3F3504F3  # sqrt(1 / 2): where mantissas start
_C3, _C5, _C7, _C9 = np.array([1 / 3, 1 / 5, 1 / 7, 1 / 9], np.float32)
_C11, _C13, _C15, _C17 = np.array([1 / 11, 1 / 13, 1 / 15, 1 / 17], np.float32)


@intrinsic
def _mantissa(typingctx, x):
    """``x / 2 ** n``, in [sqrt(1/2), sqrt(2))."""

    def generate(context, builder, signature, args):
        int32 = ir.IntType(32)
        bits = builder.add(builder.bitcast(args[0], int32), int32(_ONE_BITS - _ROOT_BITS))
        bits = builder.add(builder.and_(bits, int32(0x7FFFFF)), int32(_ROOT_BITS))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(types.float32), generate


@intrinsic
def _exponent(typingctx, x):
    """n of ``_mantissa``, as float32."""

    def generate(context, builder, signature, args):
        int32 = ir.IntType(32)
        bits = builder.add(builder.bitcast(args[0], int32), int32(_ONE_BITS - _ROOT_BITS))
        n = builder.sub(builder.ashr(bits, int32(23)), int32(127))
        return builder.sitofp(n, ir.FloatType())

    return types.float32(types.float32), generate


def log(x):
    """The logarithm of a scalar; in float32 within 1 unit in the last place."""
    return math.log(x)


@overload(log, inline="never", jit_options=_OPTIONS)
def _log(x):
    if x != types.float32:
        return lambda x: math.log(x)

    def body(x):
        small = x < _NORMAL
        normal = x * _UP if small else x
        n = _exponent(normal) - (_UP_BITS if small else _ZERO)
        f = _mantissa(normal) - _ONE
        s = f / (_TWO + f)
        z = s * s
        tail = _TWO * z * (_C3 + z * (_C5 + z * (_C7 + z * _C9)))
        y = n * _LN2_HIGH + (n * _LN2_LOW + (f - s * (f - tail)))  # 2 s is f - s f
        y = y if x < _INF else x  # infinity, and NaN
        y = y if x != _ZERO else -_INF
        return _NAN if x < _ZERO else y

    return body


def log1p(t):
    """log(1 + t) of a scalar in [0, 1]; in float32 within 2 units in the last place."""
    return math.log1p(t)


@overload(log1p, inline="never", jit_options=_OPTIONS)
def _log1p(t):
    if t != types.float32:
        return lambda t: math.log1p(t)

    def body(t):
        s = t / (_TWO + t)
        z = s * s
        high = _C11 + z * (_C13 + z * (_C15 + z * _C17))
        tail = _TWO * z * (_C3 + z * (_C5 + z * (_C7 + z * (_C9 + z * high))))
        return t - s * (t - tail)

    return body
