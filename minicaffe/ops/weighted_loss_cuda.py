"""Cross-entropies in which positions count unequally, on the GPU."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.cuda import Kernel
from minicaffe.ops.elements_cuda import Elements, compile_together
from minicaffe.ops.positions_cuda import POSITIONS, Plan, plan
from minicaffe.ops.softmax import LEAST
from minicaffe.ops.sums_cuda import SUMS, totals

_SOURCE = (
    SUMS
    + POSITIONS
    + f"#define LEAST ((T){LEAST!r})\n"
    + """
__device__ T at_least(T p) { return p < LEAST ? LEAST : p; }

// The class of a position, 0 where it has none; whether it counts; whether it is one.
struct Label {
    I taken;
    bool kept, known;
    __device__ Label(const Place& place, const T* label, I classes, double ignore) {
        const T index = place.is_there ? trunc(label[place.position]) : (T)0;
        kept = place.is_there && (double)index != ignore;
        known = index >= 0 && index < (T)classes;
        taken = kept && known ? (I)index : 0;
    }
};
extern "C" __global__ void weighted_loss(
    I rounds, I positions, I classes, I inner, int lanes, const T* prob, const T* label,
    double ignore, const T* weight, double smoothing, T* scale, double* parts, int numbers,
    double* total, long long* bad
) {
    Sums mine = {0, 0, NONE};
    for (I round = blockIdx.x; round < rounds; round += gridDim.x) {
        const Place place(round, positions, classes, inner, lanes);
        const Label at(place, label, classes, ignore);
        T spread = 0;
        if (smoothing) {
            for (I c = place.lane; at.kept && c < classes; c += place.lanes)
                spread -= log(at_least(prob[place.at(c)]));
            spread = lanes_sum(spread, place);
        }
        if (!place.is_there || place.lane) continue;
        const T counts = at.kept ? weight[at.taken] : (T)0;
        scale[place.position] = counts;
        if (!at.kept) continue;
        T lost = -log(at_least(prob[place.at(at.taken)]));
        if (smoothing) lost = (T)(1 - smoothing) * lost + (T)smoothing * (spread / (T)classes);
        mine += Sums{(double)(counts * lost), 1, at.known ? NONE : (double)place.position};
    }
    give(mine, parts, numbers, total, bad);
}
extern "C" __global__ void focal_loss(
    I rounds, I positions, I classes, I inner, int lanes, const T* prob, const T* label,
    double ignore, double gamma, T* scale, double* parts, int numbers, double* total,
    long long* bad
) {
    Sums mine = {0, 0, NONE};
    for (I round = blockIdx.x; round < rounds; round += gridDim.x) {
        const Place place(round, positions, classes, inner, lanes);
        if (!place.is_there) continue;
        const Label at(place, label, classes, ignore);
        const T p = at_least(prob[place.at(at.taken)]), missing = p < 1 ? 1 - p : p == p ? (T)0 : p;
        const T information = log(p), power = pow(missing, (T)gamma);
        const T ratio = missing > 0 ? information / missing : (T)-1;
        scale[place.position] = at.kept ? power * (1 - (T)gamma * p * ratio) : (T)0;
        if (at.kept)
            mine += Sums{
                (double)(-power * information), 1, at.known ? NONE : (double)place.position};
    }
    give(mine, parts, numbers, total, bad);
}
"""
)
_weighted_loss = Kernel("weighted_loss", _SOURCE)
_focal_loss = Kernel("focal_loss", _SOURCE)
_grad = Elements(
    "weighted_loss_grad",
    "prob -> dx; const T* label, double ignore, const T* scale, smoothing, factor@, inner/, "
    "classes/",
    "const I row = OVER(i, inner), outer = OVER(row, classes);"
    " const I at = outer * inner + i - row * inner;"
    " const T index = trunc(label[at]), one_hot = index == (T)(row - outer * classes);"
    " const T wanted = (1 - smoothing) * one_hot + smoothing / (T)classes;"
    " dx = ((double)index != ignore ? (prob - wanted) * scale[at] : (T)0) * factor;",
)
compile_together(_grad)


def weighted_loss(
    prob: Array,
    label: Array,
    ignore: float,
    weight: Array,
    smoothing: float,
    scale: Array,
    total: Array,
) -> Array | int:
    """``weighted_loss.weighted_loss``."""
    share = plan(prob.shape)
    if not smoothing:
        share = _one_lane(share)
    sums = totals(share.blocks, total)
    args = prob, label, ignore, weight, smoothing, scale, *sums.args
    _weighted_loss.blocks(share.blocks, share.rounds, *share.args, *args)
    return sums.finish(label)


def focal_loss(
    prob: Array, label: Array, ignore: float, gamma: float, scale: Array, total: Array
) -> Array | int:
    """``weighted_loss.focal_loss``."""
    share = _one_lane(plan(prob.shape))
    sums = totals(share.blocks, total)
    args = prob, label, ignore, gamma, scale, *sums.args
    _focal_loss.blocks(share.blocks, share.rounds, *share.args, *args)
    return sums.finish(label)


def weighted_loss_grad(
    prob: Array,
    label: Array,
    ignore: float,
    scale: Array,
    smoothing: float,
    factor: float | Array,
    dx: Array,
) -> None:
    """``weighted_loss.weighted_loss_grad``."""
    _grad(prob, dx, label, ignore, scale, smoothing, factor, prob.shape[2], prob.shape[1])


def _one_lane(share: Plan) -> Plan:
    """For what looks at one class of a position alone."""
    return share._replace(lanes=1)
