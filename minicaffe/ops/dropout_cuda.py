"""Dropout on the GPU: a thread takes the four elements of one block of the generator."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.cuda import Kernel
from minicaffe.ops.dropout import KEY_STEPS, MULTIPLIERS, ROUNDS, factor, threshold
from minicaffe.ops.elements_cuda import Elements, compile_together

_SOURCE = f"""
__device__ void philox(unsigned long long index, unsigned long long key, unsigned* words) {{
    unsigned low = (unsigned)key, high = (unsigned)(key >> 32);
    unsigned a = (unsigned)index, b = (unsigned)(index >> 32), c = 0, d = 0;
    #pragma unroll
    for (int round = 0; round < {ROUNDS}; ++round) {{
        const unsigned long long left = {MULTIPLIERS[0]}ull * a, right = {MULTIPLIERS[1]}ull * c;
        a = (unsigned)(right >> 32) ^ b ^ low;
        b = (unsigned)right;
        c = (unsigned)(left >> 32) ^ d ^ high;
        d = (unsigned)left;
        low += {KEY_STEPS[0]}u;
        high += {KEY_STEPS[1]}u;
    }}
    words[0] = a; words[1] = b; words[2] = c; words[3] = d;
}}
struct alignas(4 * sizeof(T)) Four {{ T at[4]; }};
struct alignas(4) Marks {{ unsigned char at[4]; }};
extern "C" __global__ void dropout(
    I fours, I count, const T* x, T* y, unsigned char* mask, double scale_given,
    unsigned limit, const unsigned long long* key_at, unsigned long long key
) {{
    const I four = (I)blockIdx.x * THREADS + threadIdx.x;
    if (four >= fours) return;
    const T scale = (T)scale_given;
    unsigned words[4];
    philox((unsigned long long)four, key_at ? *key_at : key, words);
    const I first = four * 4;
    const size_t where = (size_t)x | (size_t)y, step = sizeof(Four);
    if (first + 4 <= count && where % step == 0 && (size_t)mask % 4 == 0) {{
        Four values = *(const Four*)(x + first);
        Marks marks;
        #pragma unroll
        for (int k = 0; k < 4; ++k) {{
            marks.at[k] = words[k] >= limit;
            values.at[k] *= marks.at[k] ? scale : (T)0;
        }}
        *(Four*)(y + first) = values;
        *(Marks*)(mask + first) = marks;
        return;
    }}
    for (int k = 0; k < 4 && first + k < count; ++k) {{
        mask[first + k] = words[k] >= limit;
        y[first + k] = x[first + k] * (words[k] >= limit ? scale : (T)0);
    }}
}}
"""
_dropout = Kernel("dropout", _SOURCE)
_dropout_grad = Elements(
    "dropout_grad",
    "dy, unsigned char mask -> dx; scale",
    "dx = dy * (mask ? scale : (T)0);",
)
compile_together(_dropout_grad)


def dropout(
    x: Array,
    y: Array,
    mask: Array,
    ratio: float,
    key: int | Array,
    scale: float | None = None,
) -> None:
    """``dropout.dropout``."""
    there, here = (None, key) if isinstance(key, int) else (key, 0)
    by = factor(ratio, scale)
    _dropout(-(-x.size // 4), x.size, x, y, mask, by, threshold(ratio), there, here)


def dropout_grad(
    dy: Array, mask: Array, dx: Array, ratio: float, scale: float | None = None
) -> None:
    """``dropout.dropout_grad``."""
    _dropout_grad(dy, mask, dx, factor(ratio, scale))
