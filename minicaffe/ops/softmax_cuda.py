"""Softmax and its loss on the GPU.

A position, one index of all axes but that of the classes, is the work of some threads of a block,
its lanes: as many as there are classes where these lie side by side, else few, and the lanes of
neighbouring positions read neighbouring elements.
"""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.cuda import Kernel
from minicaffe.ops.elements_cuda import Elements, compile_together
from minicaffe.ops.positions_cuda import POSITIONS, plan
from minicaffe.ops.softmax import LEAST
from minicaffe.ops.sums_cuda import SUMS, totals

_SOURCE = (
    SUMS
    + POSITIONS
    + f"#define LEAST ((T){LEAST!r})\n"
    + """
// the largest score and the sum of exponentials; all threads of a block come here
__device__ void scores_of(const Place& place, const T* x, I classes, T* most, T* sum) {
    T m = place.is_there ? x[place.at(0)] : (T)0;
    for (I c = place.lane; place.is_there && c < classes; c += place.lanes) {
        const T value = x[place.at(c)];
        m = value > m ? value : m;
    }
    m = lanes_max(m, place);
    T total = 0;
    for (I c = place.lane; place.is_there && c < classes; c += place.lanes)
        total += exp(x[place.at(c)] - m);
    *most = m;
    *sum = lanes_sum(total, place);
}
__device__ void write_softmax(const Place& place, const T* x, I classes, T m, T sum, T* y) {
    for (I c = place.lane; place.is_there && c < classes; c += place.lanes)
        y[place.at(c)] = exp(x[place.at(c)] - m) / sum;
}
extern "C" __global__ void softmax(
    I positions, I classes, I inner, int lanes, const T* x, T* y
) {
    const Place place(blockIdx.x, positions, classes, inner, lanes);
    T m, sum;
    scores_of(place, x, classes, &m, &sum);
    write_softmax(place, x, classes, m, sum, y);
}
extern "C" __global__ void softmax_grad(
    I positions, I classes, I inner, int lanes, const T* y, const T* dy, T* dx
) {
    const Place place(blockIdx.x, positions, classes, inner, lanes);
    T along = 0;
    for (I c = place.lane; place.is_there && c < classes; c += place.lanes)
        along += dy[place.at(c)] * y[place.at(c)];
    along = lanes_sum(along, place);
    for (I c = place.lane; place.is_there && c < classes; c += place.lanes)
        dx[place.at(c)] = (dy[place.at(c)] - along) * y[place.at(c)];
}
extern "C" __global__ void softmax_loss(
    I rounds, I positions, I classes, I inner, int lanes, const T* x, const T* label,
    double ignore, T* prob, double* parts, int numbers, double* total, long long* bad
) {
    Sums mine = {0, 0, NONE};
    for (I round = blockIdx.x; round < rounds; round += gridDim.x) {
        const Place place(round, positions, classes, inner, lanes);
        T m, sum;
        scores_of(place, x, classes, &m, &sum);
        if (place.is_there && place.lane == 0) {
            const T index = trunc(label[place.position]);
            const bool kept = (double)index != ignore;
            const bool known = index >= 0 && index < (T)classes;
            const T p = exp(x[place.at(kept && known ? (I)index : 0)] - m) / sum;
            if (kept) {
                const double lost = -log(p < LEAST ? LEAST : p);
                mine += Sums{lost, 1, known ? NONE : (double)place.position};
            }
        }
        write_softmax(place, x, classes, m, sum, prob);
    }
    give(mine, parts, numbers, total, bad);
}
"""
)
_softmax, _softmax_grad = Kernel("softmax", _SOURCE), Kernel("softmax_grad", _SOURCE)
_softmax_loss = Kernel("softmax_loss", _SOURCE)
_loss_grad = Elements(
    "softmax_loss_grad",
    "prob -> dx; const T* label, double ignore, factor@, inner/, classes/",
    "const I row = OVER(i, inner), outer = OVER(row, classes);"
    " const T index = trunc(label[outer * inner + i - row * inner]);"
    " const T one_hot = index == (T)(row - outer * classes);"
    " dx = ((double)index != ignore ? prob - one_hot : (T)0) * factor;",
)
compile_together(_loss_grad)


def softmax(x: Array, y: Array) -> None:
    """``softmax.softmax``."""
    share = plan(x.shape)
    _softmax.blocks(share.rounds, *share.args, x, y)


def softmax_grad(y: Array, dy: Array, dx: Array) -> None:
    """``softmax.softmax_grad``."""
    share = plan(y.shape)
    _softmax_grad.blocks(share.rounds, *share.args, y, dy, dx)


def softmax_loss(x: Array, label: Array, ignore: float, prob: Array, total: Array) -> Array | int:
    """``softmax.softmax_loss``."""
    share = plan(x.shape)
    sums = totals(share.blocks, total)
    args = x, label, ignore, prob, *sums.args
    _softmax_loss.blocks(share.blocks, share.rounds, *share.args, *args)
    return sums.finish(label)


def softmax_loss_grad(
    prob: Array, label: Array, ignore: float, factor: float | Array, dx: Array
) -> None:
    """``softmax.softmax_loss_grad``."""
    _loss_grad(prob, dx, label, ignore, factor, prob.shape[2], prob.shape[1])
