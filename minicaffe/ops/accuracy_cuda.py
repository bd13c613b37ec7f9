"""Counting right answers on the GPU."""

from __future__ import annotations

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.cuda import Kernel
from minicaffe.ops.positions_cuda import POSITIONS, plan
from minicaffe.ops.sums_cuda import SUMS, totals

_SOURCE = (
    SUMS
    + POSITIONS
    + """
// how many positions are labelled with a class, and right: whole numbers, so that it does not
// matter in which order they are counted
extern "C" __global__ void top_k_hits(
    I rounds, I positions, I classes, I inner, int lanes, const T* x, const T* label,
    double ignore, int top_k, double* hits, double* seen, double* parts, int numbers,
    double* total, long long* bad
) {
    Sums mine = {0, 0, NONE};
    for (I round = blockIdx.x; round < rounds; round += gridDim.x) {
        const Place place(round, positions, classes, inner, lanes);
        const T index = place.is_there ? trunc(label[place.position]) : (T)0;
        const bool kept = place.is_there && (double)index != ignore;
        const bool known = kept && index >= 0 && index < (T)classes;
        const T score = known ? x[place.at((I)index)] : (T)0;
        T not_lower = 0;  // the label's own too
        for (I c = place.lane; known && c < classes; c += place.lanes)
            not_lower += !(x[place.at(c)] < score);
        not_lower = lanes_sum(not_lower, place);
        if (!kept || place.lane) continue;
        if (!known) {
            mine += Sums{0, 0, (double)place.position};
            continue;
        }
        atomicAdd(seen + (I)index, 1.0);
        if (not_lower <= top_k) atomicAdd(hits + (I)index, 1.0);
    }
    give(mine, parts, numbers, total, bad);
}
"""
)
_top_k_hits = Kernel("top_k_hits", _SOURCE)


def top_k_hits(
    x: Array, label: Array, ignore: float, top_k: int, hits: Array, seen: Array
) -> Array | int:
    """``accuracy.top_k_hits``."""
    import cupy

    share = plan(x.shape)
    hits[...] = 0
    seen[...] = 0
    sums = totals(share.blocks, cupy.empty(1, np.float64))
    args = x, label, ignore, top_k, hits, seen, *sums.args
    _top_k_hits.blocks(share.blocks, share.rounds, *share.args, *args)
    return sums.finish(label)
