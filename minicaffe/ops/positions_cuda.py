"""How threads share out the positions of (outer, classes, inner) arrays and their classes."""

from __future__ import annotations

from typing import NamedTuple

from minicaffe.ops.cuda import THREADS

_FEW = 8  # rounds that one block does in less time than a second kernel takes to start
_MOST = 2048  # blocks of a grid that adds up
_NEIGHBOURS = 32  # threads that should read side by side
_BUSY = 65536  # threads that keep any card busy

POSITIONS = """
// one position, and the lane of it that this thread is
struct Place {
    I position, start, inner, lane;
    int lanes, stride;
    bool is_there;
    __device__ Place(I round, I positions, I classes, I inner, int lanes)
        : inner(inner), lanes(lanes) {
        const int together = THREADS / lanes;
        const bool side_by_side = inner == 1;  // the classes are
        lane = side_by_side ? threadIdx.x % lanes : threadIdx.x / together;
        stride = side_by_side ? 1 : together;
        position = round * together
            + (side_by_side ? threadIdx.x / lanes : threadIdx.x % together);
        is_there = position < positions;
        start = position / inner * classes * inner + position % inner;
    }
    __device__ I at(I c) const { return start + c * inner; }
};
// over the lanes of each position, in one order; all threads of a block come here
template <typename V> __device__ V lanes_sum(V value, const Place& place) {
    __shared__ V held[THREADS];
    __syncthreads();
    held[threadIdx.x] = value;
    for (int half = place.lanes / 2; half; half /= 2) {
        __syncthreads();
        if (place.lane < half)
            held[threadIdx.x] += held[threadIdx.x + half * place.stride];
    }
    __syncthreads();
    return held[threadIdx.x - place.lane * place.stride];
}
template <typename V> __device__ V lanes_max(V value, const Place& place) {
    __shared__ V held[THREADS];
    __syncthreads();
    held[threadIdx.x] = value;
    for (int half = place.lanes / 2; half; half /= 2) {
        __syncthreads();
        const V other = place.lane < half ? held[threadIdx.x + half * place.stride] : value;
        if (place.lane < half && other > held[threadIdx.x]) held[threadIdx.x] = other;
    }
    __syncthreads();
    return held[threadIdx.x - place.lane * place.stride];
}
"""


class Plan(NamedTuple):
    """How the positions of an array are shared out.

    Attributes:
        positions, classes, inner: of the array.
        lanes: threads of a position; a power of two.
    """

    positions: int
    classes: int
    inner: int
    lanes: int

    @property
    def rounds(self) -> int:
        """Blocks that take all positions at once."""
        return -(-self.positions // (THREADS // self.lanes))

    @property
    def blocks(self) -> int:
        """Blocks of a grid that adds up something, each with several rounds."""
        return 1 if self.rounds <= _FEW else min(self.rounds, _MOST)

    @property
    def args(self) -> tuple[int, ...]:
        """What ``Place`` takes after the round."""
        return self.positions, self.classes, self.inner, self.lanes


def plan(shape: tuple[int, ...]) -> Plan:
    """For arrays of ``shape``, (outer, classes, inner)."""
    outer, classes, inner = shape
    most = THREADS if inner <= 1 else THREADS // min(_NEIGHBOURS, _power_of_two(inner))
    enough = classes if inner <= 1 else min(classes, -(-_BUSY // max(1, outer * inner)))
    return Plan(outer * inner, classes, inner, min(most, _power_of_two(enough)))


def _power_of_two(least: int) -> int:
    return 1 << max(0, least - 1).bit_length()
