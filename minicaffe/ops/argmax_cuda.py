"""The highest values on the GPU: a block looks for one after the other."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops import argmax as ops
from minicaffe.ops.cuda import Kernel

_MOST = 32  # values, above which sorting takes less time
_SOURCE = """
struct Found {
    T value;
    I index;  // -1 where there is none
};
// whether a comes before b: NaN before the highest value, of equals the one further along
__device__ bool precedes(Found a, Found b) {
    if (a.index < 0 || b.index < 0) return b.index < 0 && a.index >= 0;
    const bool strange = a.value != a.value;
    if (strange || b.value != b.value) {
        if (strange != (b.value != b.value)) return strange;
        return a.index > b.index;
    }
    return a.value > b.value || (a.value == b.value && a.index > b.index);
}
extern "C" __global__ void top_k(I size, I inner, int k, const T* x, T* index, T* value) {
    __shared__ Found held[THREADS];
    const I outer = blockIdx.x / inner, s = blockIdx.x % inner;
    const T* row = x + outer * size * inner + s;
    Found last = {0, -1};
    for (int rank = 0; rank < k; ++rank) {
        Found best = {0, -1};
        for (I c = threadIdx.x; c < size; c += THREADS) {
            const Found here = {row[c * inner], c};
            if ((!rank || precedes(last, here)) && precedes(here, best)) best = here;
        }
        __syncthreads();
        held[threadIdx.x] = best;
        for (int half = THREADS / 2; half; half /= 2) {
            __syncthreads();
            if (threadIdx.x < half && precedes(held[threadIdx.x + half], held[threadIdx.x]))
                held[threadIdx.x] = held[threadIdx.x + half];
        }
        __syncthreads();
        last = held[0];
        if (!threadIdx.x) {
            const I at = (outer * k + rank) * inner + s;
            index[at] = (T)last.index;
            value[at] = last.value;
        }
    }
}
"""
_top_k = Kernel("top_k", _SOURCE)


def top_k(x: Array, index: Array, value: Array) -> None:
    """``argmax.top_k``."""
    import cupy

    (outer, size, inner), k = x.shape, index.shape[1]
    if k > _MOST:
        ops.top_k.reference(cupy, x, index, value)
    else:
        _top_k.blocks(outer * inner, size, inner, k, x, index, value)
