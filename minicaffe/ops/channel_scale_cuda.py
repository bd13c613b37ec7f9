"""A factor for each position, times all channels there, on the GPU."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.cuda import Kernel
from minicaffe.ops.elements_cuda import Elements, compile_together
from minicaffe.ops.positions_cuda import POSITIONS, plan

_channel_scale = Elements(
    "channel_scale",
    "x -> y; const T* a, plane/, channels/",
    "const I row = OVER(i, plane), n = OVER(row, channels);"
    " y = x * a[n * plane + i - row * plane];",
)
compile_together(_channel_scale)
_grad = Kernel(
    "channel_scale_grad",
    POSITIONS
    + """
// dx in the same pass, where it is wanted
extern "C" __global__ void channel_scale_grad(
    I positions, I channels, I plane, int lanes, const T* x, const T* a, const T* dy, T* dx, T* da
) {
    const Place place(blockIdx.x, positions, channels, plane, lanes);
    const T factor = place.is_there ? a[place.position] : (T)0;
    double sum = 0;
    for (I c = place.lane; place.is_there && c < channels; c += place.lanes) {
        const T grad = dy[place.at(c)];
        sum += (double)(grad * x[place.at(c)]);
        if (dx) dx[place.at(c)] = grad * factor;
    }
    sum = lanes_sum(sum, place);
    if (place.is_there && place.lane == 0) da[place.position] = (T)sum;
}
""",
)


def channel_scale(x: Array, a: Array, y: Array) -> None:
    """``channel_scale.channel_scale``."""
    _channel_scale(x, y, a, x.shape[2], x.shape[1])


def channel_scale_grad(x: Array, a: Array, dy: Array, dx: Array | None, da: Array | None) -> None:
    """``channel_scale.channel_scale_grad``."""
    if da is not None:
        share = plan(x.shape)
        _grad.blocks(share.rounds, *share.args, x, a, dy, dx, da)
    elif dx is not None:
        channel_scale(dy, a, dx)
