"""What a loss adds up over all positions, and the first value that it cannot take.

Both stay on the card: nothing waits for it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.cuda import BLOCK_SUMS, THREADS, Kernel

_AT_ONCE = 8  # elements of a thread
_MOST = 1024  # blocks of a grid that adds up
SUMS = (
    BLOCK_SUMS
    + """
#define NONE 1e300  // an index past all others
struct Sums {
    double value, count, bad;
    __device__ void operator+=(const Sums& other) {
        value += other.value;
        count += other.count;
        if (other.bad < bad) bad = other.bad;
    }
};
// The sums of a block to their place in parts; of a grid that is one block, where they belong:
// total has one number, the sum, or two, the sum and the count.
__device__ void give(Sums mine, double* parts, int numbers, double* total, long long* bad) {
    const Sums sum = block_sum(mine);
    if (threadIdx.x) return;
    if (gridDim.x > 1) {
        double* part = parts + (I)blockIdx.x * 3;
        part[0] = sum.value;
        part[1] = sum.count;
        part[2] = sum.bad;
        return;
    }
    total[0] = sum.value;
    if (numbers > 1) total[1] = sum.count;
    *bad = sum.bad == NONE ? -1 : (long long)sum.bad;
}
"""
)
_FOLD = (
    SUMS
    + """
extern "C" __global__ void fold_sums(
    int blocks, const double* all, double* parts, int numbers, double* total, long long* bad
) {
    Sums mine = {0, 0, NONE};
    for (int block = threadIdx.x; block < blocks; block += THREADS) {
        const double* part = all + (I)block * 3;
        mine += Sums{part[0], part[1], part[2]};
    }
    give(mine, parts, numbers, total, bad);
}
"""
)
_fold = Kernel("fold_sums", _FOLD)


class Totals(NamedTuple):
    """Where the blocks of a grid put their sums.

    Attributes:
        blocks: of the grid.
        parts: three numbers of each: sum, count, index of the first bad value; None of one alone.
        total: (1,) float64, for the sum, or (2,), for the sum and the count.
        bad: int64 of no axes, for the index of the first bad value.
    """

    blocks: int
    parts: Array | None
    total: Array
    bad: Array

    @property
    def args(self) -> tuple[object, ...]:
        """What ``give`` takes after a thread's own sums."""
        return self.parts, self.total.size, self.total, self.bad

    def finish(self, values: Array) -> Array | int:
        """Add up what the blocks have put there.

        Returns:
            The index of the first bad one of ``values``, -1 without any, as an array on the card.
        """
        if self.blocks > 1:
            _fold.blocks(1, self.blocks, self.parts, None, *self.args[1:])
        return self.bad if values.size else -1


def totals(blocks: int, total: Array) -> Totals:
    """For a grid of ``blocks``."""
    import cupy

    parts = cupy.empty(3 * blocks, np.float64) if blocks > 1 else None
    return Totals(blocks, parts, total, cupy.empty((), np.int64))


def grid(count: int) -> int:
    """Blocks that add up something of ``count`` elements, each thread several."""
    return max(1, min(_MOST, -(-count // (THREADS * _AT_ONCE))))
