"""A factor and an offset a channel on the GPU."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.channels_cuda import CHANNELS, plan
from minicaffe.ops.cuda import Kernel
from minicaffe.ops.elements_cuda import Elements, compile_together

_CHANNEL = "const I row = OVER(i, plane), c = row - OVER(row, channels) * channels;"
_scale = Elements(
    "scale",
    "x -> y, kept?; const T* s, const T* b, plane/, channels/",
    f"{_CHANNEL} kept = x; y = x; if (s) y = x * s[c]; if (b) y += b[c];",
)
_scale_x_grad = Elements(
    "scale_x_grad", "dy -> dx; const T* s, plane/, channels/", f"{_CHANNEL} dx = dy * s[c];"
)
compile_together(_scale, _scale_x_grad)

_SOURCE = (
    CHANNELS
    + """
// dx in the same pass; the sums to parts, or where a channel is one block's work to ds and db
extern "C" __global__ void scale_grad(
    I items, I channels, I plane, int shares, I length, const T* x, const T* s, const T* dy, T* dx,
    T* ds, T* db, double* parts
) {
    Walk walk(items, channels, plane, shares, length);
    const I c = walk.channel;
    const T factor = s ? s[c] : (T)1;
    Pair sum = {0, 0};
    for (I j = walk.first; j < walk.last; j += AT_ONCE * THREADS) {
        I at[AT_ONCE];
        T value[AT_ONCE], grad[AT_ONCE];
        #pragma unroll
        for (int k = 0; k < AT_ONCE; ++k) {
            if (j + k * THREADS >= walk.last) break;
            at[k] = walk.next();
            value[k] = ds ? x[at[k]] : (T)0;
            grad[k] = dy[at[k]];
        }
        #pragma unroll
        for (int k = 0; k < AT_ONCE; ++k) {
            if (j + k * THREADS >= walk.last) break;
            sum += Pair{(double)grad[k] * (double)value[k], (double)grad[k]};
            if (dx) dx[at[k]] = grad[k] * factor;
        }
    }
    sum = block_sum(sum);
    if (parts) keep(sum, parts);
    else if (!threadIdx.x) {
        if (ds) ds[c] += (T)sum.a;
        if (db) db[c] += (T)sum.b;
    }
}
extern "C" __global__ void scale_fold(int shares, const double* parts, T* ds, T* db) {
    const I c = blockIdx.x;
    const Pair sum = fold(parts, shares, c);
    if (threadIdx.x) return;
    if (ds) ds[c] += (T)sum.a;
    if (db) db[c] += (T)sum.b;
}
"""
)
_scale_grad, _scale_fold = Kernel("scale_grad", _SOURCE), Kernel("scale_fold", _SOURCE)


def scale(x: Array, s: Array | None, b: Array | None, y: Array, kept: Array | None) -> None:
    """``scale.scale``."""
    _scale(x, y, kept, s, b, x.shape[2], x.shape[1])


def scale_grad(
    x: Array | None,
    s: Array | None,
    dy: Array,
    dx: Array | None,
    ds: Array | None,
    db: Array | None,
) -> None:
    """``scale.scale_grad``."""
    if ds is None and db is None:
        if s is not None and dx is not None:
            _scale_x_grad(dy, dx, s, dy.shape[2], dy.shape[1])
        elif dx is not None and dx is not dy:
            dx[...] = dy
        return
    share = plan(dy.shape)
    parts = share.parts() if share.shares > 1 else None
    _scale_grad.blocks(share.blocks, *share.args, x, s, dy, dx, ds, db, parts)
    if parts is not None:
        _scale_fold.blocks(dy.shape[1], share.shares, parts, ds, db)
