"""How blocks share out the channels of (N, C, S) arrays, and what a channel adds up to.

A channel is one block's work or, where it is large, that of several, each with a share of its
``N S`` elements: they put what they added up side by side, and a second kernel adds that in the
order of the shares. There is no other order on any card.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.cuda import BLOCK_SUMS

SHARE = 4096  # elements of a channel below which it is not cut up
ROW_SHARE = 16384  # of a row, which may not be cut up otherwise among other rows
_BLOCKS = 2048  # that keep any card busy
_AT_ONCE = 4

CHANNELS = (
    BLOCK_SUMS
    + f"""
#define AT_ONCE {_AT_ONCE}
struct Pair {{
    double a, b;
    __device__ void operator+=(const Pair& other) {{ a += other.a; b += other.b; }}
}};
"""
    + """
// the elements of one channel that one thread of one block takes: THREADS apart
struct Walk {
    I channel, share, first, last, channels, plane, n, s, far_n, far_s;
    __device__ Walk(I items, I channels, I plane, int shares, I length)
        : channels(channels), plane(plane) {
        channel = blockIdx.x / shares;
        share = blockIdx.x % shares;
        const I from = share * length;
        last = from + length < items * plane ? from + length : items * plane;
        first = from + threadIdx.x;
        n = first / plane;
        s = first % plane;
        far_n = THREADS / plane;
        far_s = THREADS % plane;
    }
    // where in the array it stands; and on to the next
    __device__ I next() {
        const I at = (n * channels + channel) * plane + s;
        n += far_n;
        s += far_s;
        if (s >= plane) { s -= plane; ++n; }
        return at;
    }
};
// what the shares of a channel have added up, added up
__device__ Pair fold(const double* parts, int shares, I channel) {
    Pair sum = {0, 0};
    for (int share = threadIdx.x; share < shares; share += THREADS) {
        const double* part = parts + (channel * shares + share) * 2;
        sum += Pair{part[0], part[1]};
    }
    return block_sum(sum);
}
__device__ void keep(Pair sum, double* parts) {
    if (threadIdx.x) return;
    parts[(I)blockIdx.x * 2] = sum.a;
    parts[(I)blockIdx.x * 2 + 1] = sum.b;
}
"""
)


class Plan(NamedTuple):
    """How the channels of an array are shared out.

    Attributes:
        shape: (N, C, S).
        shares: blocks of a channel.
        length: elements of a share.
    """

    shape: tuple[int, ...]
    shares: int
    length: int

    @property
    def blocks(self) -> int:
        """All together."""
        return self.shape[1] * self.shares

    @property
    def args(self) -> tuple[int, ...]:
        """What ``Walk`` is made from."""
        return (*self.shape, self.shares, self.length)

    def parts(self) -> Array:
        """Room for two numbers of each block."""
        import cupy

        return cupy.empty(2 * self.blocks, np.float64)


def plan(shape: tuple[int, ...]) -> Plan:
    """For arrays of ``shape``, (N, C, S)."""
    items, channels, plane = shape
    size = items * plane
    if not size:
        shape = 0, channels, 1  # nothing to divide by, either
    shares = max(1, min(-(-size // SHARE), -(-_BLOCKS // max(1, channels))))
    return Plan(shape, shares, max(1, -(-size // shares)))


def row_plan(rows: int, size: int) -> Plan:
    """For (rows, size), size not 0: each row is shared out by its size alone."""
    shares = -(-size // ROW_SHARE)
    return Plan((1, rows, size), shares, -(-size // shares))
