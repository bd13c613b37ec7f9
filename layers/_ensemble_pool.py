"""Ensemble max pooling at work on given windows: what ``_pool`` is for the other methods."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.layers.base import Layer
from minicaffe.ops import ensemble_pool as ops
from minicaffe.ops.pooling import Windows, max_pool_grad
from minicaffe.proto.minicaffe_pb2 import TRAIN


class EnsemblePool:
    """Pools blobs of one shape: in TRAIN by chance, in TEST what that gives on average.

    Attributes:
        index: int32, as y: position in its plane of each element taken; of the largest in TEST.
    """

    def __init__(
        self, layer: Layer, probability: float, windows: Windows, shape: tuple[int, ...]
    ) -> None:
        """Of ``layer`` take the device and the phase; ``shape`` is that of the result."""
        self._xp, self._device, self._windows = layer.xp, layer.device, windows
        self._probability = probability
        self._draws = layer.param.phase == TRAIN
        self.index = self._xp.zeros(shape, self._xp.int32)
        if not self._draws:
            self._second = self._xp.zeros(shape, self._xp.int32)
            self._y, self._z = (layer.device.zeros(shape, layer.dtype) for _ in range(2))

    def forward(self, x: Array, y: Array) -> None:
        """x (N, C, *sizes) to y (N, C, *outs)."""
        if self._draws:
            args = self._windows, self._probability, self._device.random_key()
            ops.ensemble_pool(self._xp, x, y, self.index, *args)
            return
        self._find(x)
        self._xp.multiply(self._y, self._probability, out=y)
        self._z *= 1 - self._probability
        y += self._z

    def backward(self, x: Array, dy: Array, dx: Array) -> None:
        """The gradient; ``dx`` is written."""
        if self._draws:
            max_pool_grad(self._xp, dy, self.index, dx, self._windows)
            return
        self._find(x)
        max_pool_grad(self._xp, dy * self._probability, self.index, dx, self._windows)
        more = self._xp.empty_like(dx)
        max_pool_grad(self._xp, dy * (1 - self._probability), self._second, more, self._windows)
        dx += more

    def _find(self, x: Array) -> None:
        found = self._y, self.index, self._z, self._second
        ops.two_largest(self._xp, x, *found, self._windows)
