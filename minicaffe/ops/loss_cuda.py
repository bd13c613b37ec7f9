"""Losses that pass over large blobs on the GPU."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.cuda import Kernel
from minicaffe.ops.elements_cuda import Elements, compile_together
from minicaffe.ops.loss import LEAST
from minicaffe.ops.positions_cuda import POSITIONS, plan
from minicaffe.ops.sums_cuda import SUMS, grid, totals

_SOURCE = (
    SUMS
    + POSITIONS
    + f"#define LEAST ((T){LEAST!r})\n"
    + """
extern "C" __global__ void squared_distance(
    I count, const T* x, const T* y, double* parts, int numbers, double* total, long long* bad
) {
    Sums mine = {0, 0, NONE};
    #pragma unroll 4
    for (I i = (I)blockIdx.x * THREADS + threadIdx.x; i < count; i += (I)gridDim.x * THREADS) {
        const T d = x[i] - y[i];
        mine.value += (double)(d * d);
    }
    give(mine, parts, numbers, total, bad);
}
extern "C" __global__ void sigmoid_cross_entropy(
    I count, const T* x, const T* target, double ignore, double* parts, int numbers,
    double* total, long long* bad
) {
    Sums mine = {0, 0, NONE};
    #pragma unroll 4
    for (I i = (I)blockIdx.x * THREADS + threadIdx.x; i < count; i += (I)gridDim.x * THREADS) {
        const T logit = x[i], wanted = target[i];
        if ((double)trunc(wanted) == ignore) continue;
        const T lost = logit * ((T)(logit > 0) - wanted) + log(1 + exp(-fabs(logit)));
        mine += Sums{(double)lost, 1, isfinite(wanted) ? NONE : (double)i};
    }
    give(mine, parts, numbers, total, bad);
}
extern "C" __global__ void infogain_loss(
    I rounds, I positions, I classes, I inner, int lanes, const T* prob, const T* label,
    double ignore, const T* weight, double* parts, int numbers, double* total, long long* bad
) {
    Sums mine = {0, 0, NONE};
    for (I round = blockIdx.x; round < rounds; round += gridDim.x) {
        const Place place(round, positions, classes, inner, lanes);
        const T index = place.is_there ? trunc(label[place.position]) : (T)0;
        const bool kept = place.is_there && (double)index != ignore;
        const bool known = index >= 0 && index < (T)classes;
        const T* row = weight + (known ? (I)index : 0) * classes;
        T lost = 0;
        for (I c = place.lane; kept && c < classes; c += place.lanes) {
            const T p = prob[place.at(c)];
            lost -= row[c] * log(p < LEAST ? LEAST : p);
        }
        lost = lanes_sum(lost, place);
        if (kept && place.lane == 0)
            mine += Sums{(double)lost, 1, known ? NONE : (double)place.position};
    }
    give(mine, parts, numbers, total, bad);
}
"""
)
_squared_distance = Kernel("squared_distance", _SOURCE)
_sigmoid_cross_entropy = Kernel("sigmoid_cross_entropy", _SOURCE)
_infogain_loss = Kernel("infogain_loss", _SOURCE)
_scaled_difference = Elements("scaled_difference", "x, y -> dx; factor@", "dx = (x - y) * factor;")
_sigmoid_grad = Elements(
    "sigmoid_cross_entropy_grad",
    "x, target -> dx; double ignore, factor@",
    "const T probability = (T)0.5 * tanh((T)0.5 * x) + (T)0.5;"
    " dx = ((double)trunc(target) != ignore ? probability - target : (T)0) * factor;",
)
_infogain_grad = Elements(
    "infogain_loss_grad",
    "prob -> dx; const T* label, double ignore, const T* weight, const T* row_sum, factor@, "
    "inner/, classes/",
    "const I row = OVER(i, inner), outer = OVER(row, classes);"
    " const T index = trunc(label[outer * inner + i - row * inner]);"
    " const bool kept = (double)index != ignore;"
    " const I here = kept && index >= 0 && index < (T)classes ? (I)index : 0;"
    " const T raw = prob * row_sum[here] - weight[here * classes + row - outer * classes];"
    " dx = (kept ? raw : (T)0) * factor;",
)
compile_together(_scaled_difference, _sigmoid_grad, _infogain_grad)


def squared_distance(x: Array, y: Array, total: Array) -> None:
    """``loss.squared_distance``."""
    sums = totals(grid(x.size), total)
    _squared_distance.blocks(sums.blocks, x.size, x, y, *sums.args)
    sums.finish(x)


def scaled_difference(x: Array, y: Array, factor: float | Array, dx: Array) -> None:
    """``loss.scaled_difference``."""
    _scaled_difference(x, y, dx, factor)


def sigmoid_cross_entropy(x: Array, target: Array, ignore: float, total: Array) -> Array | int:
    """``loss.sigmoid_cross_entropy``."""
    sums = totals(grid(x.size), total)
    _sigmoid_cross_entropy.blocks(sums.blocks, x.size, x, target, ignore, *sums.args)
    return sums.finish(target)


def sigmoid_cross_entropy_grad(
    x: Array, target: Array, ignore: float, factor: float | Array, dx: Array
) -> None:
    """``loss.sigmoid_cross_entropy_grad``."""
    _sigmoid_grad(x, target, dx, ignore, factor)


def infogain_loss(
    prob: Array, label: Array, ignore: float, weight: Array, total: Array
) -> Array | int:
    """``loss.infogain_loss``."""
    share = plan(prob.shape)
    sums = totals(share.blocks, total)
    args = prob, label, ignore, weight, *sums.args
    _infogain_loss.blocks(share.blocks, share.rounds, *share.args, *args)
    return sums.finish(label)


def infogain_loss_grad(
    prob: Array,
    label: Array,
    ignore: float,
    weight: Array,
    row_sum: Array,
    factor: float | Array,
    dx: Array,
) -> None:
    """``loss.infogain_loss_grad``."""
    shape = prob.shape
    _infogain_grad(prob, dx, label, ignore, weight, row_sum, factor, shape[2], shape[1])
