"""``exp`` for kernels: in float32 without branches or calls, so that loops around it vectorize."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

_LOG2_E = np.float32(1 / math.log(2))
_LN2_HIGH = np.float32(0.693359375)  # nine bits: its product with an exponent is exact
_LN2_LOW = np.float32(math.log(2) - 0.693359375)
_ROUND = np.float32(1.5 * 2**23)  # added, it leaves no bits for a fraction
_ROUND_BITS = 0x4B400000
_LOWEST, _HIGHEST = np.float32(-104), np.float32(89)  # exp is 0 below, infinite above
# (exp(r) - 1 - r) / r ** 2 through its values at the Chebyshev nodes of |r| <= ln(2) / 2
_P0, _P1, _P2, _P3, _P4 = np.array(
    [0.5, 0.16666577025597645, 0.04166655466202688, 0.00836317307454639, 0.0013926176122555304],
    np.float32,
)


@intrinsic
def _times_power(typingctx, value, rounded):
    """``value * 2 ** n``, where ``rounded`` is n + _ROUND; in two steps, to reach subnormals."""

    def generate(context, builder, signature, args):
        int32, real = ir.IntType(32), ir.FloatType()
        value, rounded = args
        n = builder.sub(builder.bitcast(rounded, int32), int32(_ROUND_BITS))
        half = builder.ashr(n, int32(1))
        for part in (half, builder.sub(n, half)):
            bits = builder.shl(builder.add(part, int32(127)), int32(23))
            value = builder.fmul(value, builder.bitcast(bits, real))
        return value

    return types.float32(types.float32, types.float32), generate


def exp(x):
    """The exponential of a scalar; in float32 within 2 units in the last place."""
    return math.exp(x)


# Sums may not be reordered here, as they may in the kernels around: only fused.
@overload(exp, inline="never", jit_options={"fastmath": {"contract"}, "error_model": "numpy"})
def _exp(x):
    if x != types.float32:
        return lambda x: math.exp(x)

    def body(x):
        x = _LOWEST if x < _LOWEST else x
        x = _HIGHEST if x > _HIGHEST else x  # NaN passes both
        rounded = x * _LOG2_E + _ROUND
        n = rounded - _ROUND
        r = x - n * _LN2_HIGH - n * _LN2_LOW
        p = (((_P4 * r + _P3) * r + _P2) * r + _P1) * r + _P0
        return _times_power(p * r * r + r + np.float32(1), rounded)

    return body
