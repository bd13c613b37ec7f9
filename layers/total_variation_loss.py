"""TotalVariationLoss: how much neighbours in an image differ."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer


@register_layer("TotalVariationLoss")
class TotalVariationLoss(Layer):
    """``loss = sum((a ** 2 + d ** 2) ** (beta / 2)) / N``, over all pixels of all channels.

    N is the number of items, a is ``x[i, j + 1] - x[i, j]``, d is ``x[i + 1, j] - x[i, j]``, and
    across an edge both are 0. Where a and d are 0 there is no gradient.

    Shapes:
        bottom[0]  x     (N, ..., H, W)
        top[0]     loss  ()
    Definition: ``total_variation_loss_param``.
    After: A. Mahendran, A. Vedaldi, "Understanding deep image representations by inverting them",
    2015. A ``beta`` below 1 is refused: its gradient has no bound.
    """

    origin = "paper"
    auto_top = True
    is_loss = True
    backward_reads = ("bottom",)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._beta = self.param.total_variation_loss_param.beta
        if not 1 <= self._beta < np.inf:
            raise LayerConfigError(
                f"beta is {self._beta:g}, expected a number of at least 1: below that, the "
                "gradient has no bound where neighbours are nearly equal"
            )

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape = bottom[0].shape
        if len(shape) < 3:
            raise ShapeError(f"bottom[0] has shape {shape}, expected (N, ..., H, W)")
        self._maps = prod(shape[:-2]), shape[-2], shape[-1]
        self._items = max(1, shape[0])
        self._across, self._down = (self.device.zeros(self._maps, self.dtype) for _ in range(2))
        top[0].reshape(())

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x = bottom[0].data.reshape(self._maps)
        across, down = self._across, self._down  # zeros stay in the last column, the last row
        self.xp.subtract(x[:, :, 1:], x[:, :, :-1], out=across[:, :, :-1])
        self.xp.subtract(x[:, 1:], x[:, :-1], out=down[:, :-1])
        self._squares = across**2 + down**2
        lengths = self._squares if self._beta == 2 else self._squares ** (self._beta / 2)
        top[0].data[...] = lengths.sum(dtype=np.float64) / self._items

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if not propagate_down[0]:
            return
        xp, dx, factor = self.xp, bottom[0].diff.reshape(self._maps), top[0].diff / self._items
        across, down = self._across, self._down
        if self._beta == 2:
            factor = 2 * factor
        else:
            squares = xp.where(self._squares > 0, self._squares, 1)
            factor = squares ** (self._beta / 2 - 1) * (self._beta * factor)
        across, down = across * factor, down * factor
        dx[...] = -across - down
        dx[:, :, 1:] += across[:, :, :-1]
        dx[:, 1:] += down[:, :-1]
