"""SPP: pool over 1, 4, 16, ... parts of a feature map, so that any size gives as many numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers._pool import Pool
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import pooling as ops
from minicaffe.proto.minicaffe_pb2 import SPPParameter


@register_layer("SPP")
class SPP(Layer):
    """Spatial pyramid pooling: level l pools with 2^l by 2^l windows, flattened; the levels joined.

    Along an axis of ``size`` the windows of level l are ``kernel = round_up(size / 2^l)`` long and
    lie side by side; what they have too much is ``pad`` on both sides, half of it rounded up.

    Shapes:
        bottom[0]  x  (N, C, H, W)
        top[0]     y  (N, C (4^pyramid_height - 1) / 3)
    Definition: ``spp_param``; ``engine`` is a hint, and not needed. STOCHASTIC is as in Pooling,
    for maps whose sides 2^(pyramid_height - 1) divides.
    After: src/caffe/layers/spp_layer.cpp (K. He, X. Zhang, S. Ren, J. Sun, "Spatial pyramid
    pooling in deep convolutional networks for visual recognition", 2014). As there, a map is
    refused that is too small for the finest level: its pad would fill whole windows.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.spp_param
        if not param.pyramid_height:
            found = "0" if param.HasField("pyramid_height") else "missing"
            raise LayerConfigError(f"pyramid_height is {found}, expected at least 1")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if bottom[0].ndim != 4:
            raise ShapeError(f"bottom[0] has shape {bottom[0].shape}, expected (N, C, H, W)")
        n, c, *plane = bottom[0].shape
        height = self.param.spp_param.pyramid_height
        levels = [_windows(plane, level, height) for level in range(height)]
        if self.param.spp_param.pool == SPPParameter.STOCHASTIC:
            _check_no_pad(plane, levels)
        shapes = [(n, c, 2**level, 2**level) for level in range(height)]
        self._pools = [
            Pool(self, self.param.spp_param.pool, windows, shape)
            for windows, shape in zip(levels, shapes, strict=True)
        ]
        self._pooled = [self.device.zeros(shape, self.dtype) for shape in shapes]
        self._dx = self.device.zeros(bottom[0].shape if height > 1 else 0, self.dtype)
        ends = [c * (4**level - 1) // 3 for level in range(height + 1)]
        self._columns = [slice(*pair) for pair in pairwise(ends)]
        top[0].reshape((n, ends[-1]))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, y = bottom[0].data, top[0].data
        for pool, pooled, columns in zip(self._pools, self._pooled, self._columns, strict=True):
            pool.forward(x, pooled)
            y[:, columns] = pooled.reshape(len(y), columns.stop - columns.start)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if not propagate_down[0]:
            return
        for level, pool in enumerate(self._pools):
            dy, dx = self._pooled[level], self._dx if level else bottom[0].diff
            dy[...] = top[0].diff[:, self._columns[level]].reshape(dy.shape)
            pool.backward(bottom[0].data, dy, dx)
            if level:
                bottom[0].diff[...] += dx


def _check_no_pad(plane: Sequence[int], levels: Sequence[ops.Windows]) -> None:
    """Raise ``ShapeError`` where windows do not fill the plane exactly."""
    if any(window.pad for windows in levels for window in windows):
        raise ShapeError(
            f"bottom[0] is {' x '.join(map(str, plane))}, expected multiples of "
            f"{2 ** (len(levels) - 1)} with pool STOCHASTIC: it has no pad to fill windows with"
        )


def _windows(plane: Sequence[int], level: int, height: int) -> ops.Windows:
    """The windows of one level, of ``height``, along both axes.

    Raises:
        ShapeError: the first of them holds nothing of the plane.
    """
    sizes = []
    for axis, size in zip("HW", plane, strict=True):
        kernel = -(-size // 2**level)
        pad = (kernel * 2**level - size + 1) // 2
        if pad >= kernel:
            raise ShapeError(
                f"bottom[0] is {size} long along {axis}, expected a length that {2**level} windows "
                f"of {kernel} need a pad of less than {kernel} to fill, not {pad}: pyramid_height "
                f"{height} is too large for it"
            )
        sizes.append((size, kernel, kernel, pad))
    clip = any(pad for *_, pad in sizes)
    return tuple(ops.Window(*size, ceil=True, clip=clip) for size in sizes)
