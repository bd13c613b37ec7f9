"""Vectors of length 1 on the GPU: positions are shared out as softmax's are, items as rows are."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.channels_cuda import CHANNELS, plan, row_plan
from minicaffe.ops.cuda import Kernel
from minicaffe.ops.positions_cuda import POSITIONS
from minicaffe.ops.positions_cuda import plan as position_plan

_SOURCE = (
    CHANNELS
    + POSITIONS
    + """
__device__ T inverse(T norm) { return norm == 0 ? (T)0 : 1 / norm; }

// The channels at a position. Of factors there is one where shared.
extern "C" __global__ void normalize_positions(
    I positions, I channels, I plane, int lanes, const T* x, const T* factor, bool shared,
    double eps, T* y, T* norm
) {
    const Place place(blockIdx.x, positions, channels, plane, lanes);
    double sum = 0;
    for (I c = place.lane; place.is_there && c < channels; c += place.lanes) {
        const T value = x[place.at(c)];
        sum += (double)value * (double)value;
    }
    const T length = (T)sqrt(lanes_sum(sum, place) + eps), over = inverse(length);
    if (place.is_there && place.lane == 0) norm[place.position] = length;
    for (I c = place.lane; place.is_there && c < channels; c += place.lanes)
        y[place.at(c)] = x[place.at(c)] * factor[shared ? 0 : c] * over;
}
extern "C" __global__ void normalize_positions_grad(
    I positions, I channels, I plane, int lanes, const T* x, const T* factor, bool shared,
    const T* dy, const T* norm, T* dx
) {
    const Place place(blockIdx.x, positions, channels, plane, lanes);
    double sum = 0;
    for (I c = place.lane; place.is_there && c < channels; c += place.lanes)
        sum += (double)(dy[place.at(c)] * factor[shared ? 0 : c] * x[place.at(c)]);
    const T over = place.is_there ? inverse(norm[place.position]) : (T)0;
    const T along = (T)(lanes_sum(sum, place) * (double)over * (double)over);
    for (I c = place.lane; place.is_there && c < channels; c += place.lanes) {
        const I at = place.at(c);
        dx[at] = (dy[at] * factor[shared ? 0 : c] - x[at] * along) * over;
    }
}

// Whole items: g is x itself, or the gradient times the factor. All parts, then what comes of them.
extern "C" __global__ void item_sums(
    I one, I items, I size, int shares, I length, const T* x, const T* factor, bool shared,
    I plane, const T* dy, double* parts
) {
    Walk walk(one, items, size, shares, length);
    const I start = walk.channel * size;
    Pair sum = {0, 0};
    for (I j = walk.first; j < walk.last; j += THREADS) {
        const I at = walk.next();
        const T g = dy ? dy[at] * factor[shared ? 0 : (at - start) / plane] : x[at];
        sum.a += (double)g * (double)x[at];
    }
    keep(block_sum(sum), parts);
}
extern "C" __global__ void normalize_items(
    I one, I items, I size, int shares, I length, const T* x, const T* factor, bool shared,
    I plane, double eps, T* y, T* norm, const double* parts
) {
    Walk walk(one, items, size, shares, length);
    const I start = walk.channel * size;
    const T total = (T)sqrt(fold(parts, shares, walk.channel).a + eps), over = inverse(total);
    if (!walk.share && !threadIdx.x) norm[walk.channel] = total;
    for (I j = walk.first; j < walk.last; j += THREADS) {
        const I at = walk.next();
        y[at] = x[at] * factor[shared ? 0 : (at - start) / plane] * over;
    }
}
extern "C" __global__ void normalize_items_grad(
    I one, I items, I size, int shares, I length, const T* x, const T* factor, bool shared,
    I plane, const T* dy, const T* norm, T* dx, const double* parts
) {
    Walk walk(one, items, size, shares, length);
    const I start = walk.channel * size;
    const T over = inverse(norm[walk.channel]);
    const double sum = fold(parts, shares, walk.channel).a;
    const T along = (T)(sum * (double)over * (double)over);
    for (I j = walk.first; j < walk.last; j += THREADS) {
        const I at = walk.next();
        dx[at] = (dy[at] * factor[shared ? 0 : (at - start) / plane] - x[at] * along) * over;
    }
}

// The factors' gradient, of which each channel has a share; each_position: norms are of positions.
extern "C" __global__ void factor_sums(
    I items, I channels, I plane, int shares, I length, const T* x, const T* dy, const T* norm,
    bool each_position, double* parts
) {
    Walk walk(items, channels, plane, shares, length);
    Pair sum = {0, 0};
    for (I j = walk.first; j < walk.last; j += THREADS) {
        const T over = inverse(norm[each_position ? walk.n * plane + walk.s : walk.n]);
        const I at = walk.next();
        sum.a += (double)(dy[at] * (x[at] * over));
    }
    keep(block_sum(sum), parts);
}
extern "C" __global__ void factor_fold(int shares, const double* parts, T* dfactor) {
    const double sum = fold(parts, shares, blockIdx.x).a;
    if (!threadIdx.x) dfactor[blockIdx.x] += (T)sum;
}
"""
)
_positions = Kernel("normalize_positions", _SOURCE)
_positions_grad = Kernel("normalize_positions_grad", _SOURCE)
_item_sums, _items = Kernel("item_sums", _SOURCE), Kernel("normalize_items", _SOURCE)
_items_grad = Kernel("normalize_items_grad", _SOURCE)
_factor_sums, _factor_fold = Kernel("factor_sums", _SOURCE), Kernel("factor_fold", _SOURCE)


def normalize(x: Array, factor: Array, y: Array, norm: Array, eps: float) -> None:
    """``normalize.normalize``."""
    shared = len(factor) == 1
    if _is_each_position(x, norm):
        places = position_plan(x.shape)
        _positions.blocks(places.rounds, *places.args, x, factor, shared, eps, y, norm)
    elif x.size:
        share = row_plan(len(x), x.shape[1] * x.shape[2])
        given, parts = (*share.args, x, factor, shared, x.shape[2]), share.parts()
        _item_sums.blocks(share.blocks, *given, None, parts)
        _items.blocks(share.blocks, *given, eps, y, norm, parts)
    else:
        norm.fill(eps**0.5)


def normalize_grad(
    x: Array,
    factor: Array,
    dy: Array,
    norm: Array,
    dx: Array | None,
    dfactor: Array | None,
) -> None:
    """``normalize.normalize_grad``."""
    shared, each_position = len(factor) == 1, _is_each_position(x, norm)
    if not x.size:
        return
    if dx is not None and each_position:
        places = position_plan(x.shape)
        _positions_grad.blocks(places.rounds, *places.args, x, factor, shared, dy, norm, dx)
    elif dx is not None:
        share = row_plan(len(x), x.shape[1] * x.shape[2])
        given, parts = (*share.args, x, factor, shared, x.shape[2]), share.parts()
        _item_sums.blocks(share.blocks, *given, dy, parts)
        _items_grad.blocks(share.blocks, *given, dy, norm, dx, parts)
    if dfactor is not None:
        whole = plan(x.shape)
        parts = whole.parts()
        _factor_sums.blocks(whole.blocks, *whole.args, x, dy, norm, each_position, parts)
        folded = whole.blocks if len(dfactor) == 1 else whole.shares
        _factor_fold.blocks(len(dfactor), folded, parts, dfactor)


def _is_each_position(x: Array, norm: Array) -> bool:
    return bool(norm.shape[1] == x.shape[2])
