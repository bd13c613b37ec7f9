"""What normalizations of single items share: rows with mean 0 and variance 1, each by itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from math import isfinite

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers.base import Layer
from minicaffe.ops import group_norm as ops


class RowNorm(Layer):
    """``y = (x - mean) / sqrt(variance + eps)`` over each row; a kind says what its rows are.

    Whatever else is in the batch, a row gives the same to the bit.
    """

    origin = "paper"
    works_in_place = True
    backward_reads: Collection[str] = ("bottom",)

    @property
    @abstractmethod
    def eps(self) -> float:
        """As the definition has it."""

    @abstractmethod
    def rows(self, shape: tuple[int, ...]) -> int:
        """How many rows a bottom of ``shape`` has, 0 in an empty batch; refuse what has none."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if not (self.eps >= 0 and isfinite(self.eps)):
            raise LayerConfigError(f"eps is {self.eps:g}, expected a number from 0 up")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape = bottom[0].shape
        rows = self.rows(shape)
        if rows and bottom[0].count == 0:
            raise ShapeError(f"bottom[0] has shape {shape}, expected no empty axis: no mean exists")
        self._rows = rows, bottom[0].count // rows if rows else 1
        self._mean, self._std = (self.device.zeros(rows, self.dtype) for _ in range(2))
        # backward reads x, which is gone from the bottom where the top is written over it
        in_place = top[0] is bottom[0]
        self._kept = self.device.zeros(self._rows, self.dtype) if in_place else None
        top[0].reshape(shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, y = bottom[0].data.reshape(self._rows), top[0].data.reshape(self._rows)
        if self._kept is not None:
            self._kept[...] = x
        ops.group_norm(self.xp, x, y, self._mean, self._std, self.eps)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if not propagate_down[0]:
            return
        x = bottom[0].data.reshape(self._rows) if self._kept is None else self._kept
        dy, dx = top[0].diff.reshape(self._rows), bottom[0].diff.reshape(self._rows)
        ops.group_norm_grad(self.xp, x, dy, dx, self._mean, self._std)
