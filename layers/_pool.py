"""What pooling and spatial pyramid pooling share: a method at work on given windows."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.layers.base import Layer
from minicaffe.ops import pooling as ops
from minicaffe.proto.minicaffe_pb2 import TRAIN, PoolingParameter, SPPParameter


class Pool:
    """Pools blobs of one shape; in TRAIN remembers from forward to backward what was taken.

    In TEST, where backward is rare, maxima are looked for again in the x that backward is given:
    a forward that need not say where they are is faster, and keeps no memory.

    Attributes:
        index: int32, as y: position in its plane of each element taken; STOCHASTIC in TRAIN, and
            MAX there or where positions are wanted.
    """

    def __init__(
        self,
        layer: Layer,
        method: PoolingParameter.PoolMethod | SPPParameter.PoolMethod,
        windows: ops.Windows,
        shape: tuple[int, ...],
        *,
        wants_index: bool = False,
    ) -> None:
        """Of ``layer`` take the device and the phase; ``shape`` is that of the result."""
        self._xp, self._device, self._windows = layer.xp, layer.device, windows
        self._name = PoolingParameter.PoolMethod.Name(int(method))
        keeps = self._name != "AVE" and layer.param.phase == TRAIN
        keeps = keeps or (self._name == "MAX" and wants_index)
        self.index = self._xp.zeros(shape, self._xp.int32) if keeps else None

    def forward(self, x: Array, y: Array) -> None:
        """x (N, C, *sizes) to y (N, C, *outs)."""
        if self._name == "AVE":
            ops.average_pool(self._xp, x, y, self._windows)
        elif self._name == "MAX":
            ops.max_pool(self._xp, x, y, self.index, self._windows)
        elif self.index is None:
            ops.weighted_pool(self._xp, x, y, self._windows)
        else:
            key = self._device.random_key()
            ops.stochastic_pool(self._xp, x, y, self.index, self._windows, key)

    def backward(self, x: Array, dy: Array, dx: Array) -> None:
        """The gradient; ``dx`` is written."""
        if self.index is not None:
            ops.max_pool_grad(self._xp, dy, self.index, dx, self._windows)
        elif self._name == "MAX":
            y, index = (self._xp.empty(dy.shape, kind) for kind in (dy.dtype, self._xp.int32))
            ops.max_pool(self._xp, x, y, index, self._windows)
            ops.max_pool_grad(self._xp, dy, index, dx, self._windows)
        elif self._name == "AVE":
            ops.average_pool_grad(self._xp, dy, dx, self._windows)
        else:
            ops.weighted_pool_grad(self._xp, x, dy, dx, self._windows)
