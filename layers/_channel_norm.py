"""What batch normalizations share that have a factor and an offset for each channel themselves.

Everything has shape (N, C, S), a channel being what is at one index of C.
"""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.layers._weights import wanted_diff
from minicaffe.layers.base import Layer
from minicaffe.ops import norm_scale as ops
from minicaffe.ops.batch_norm import normalize
from minicaffe.ops.scale import scale_grad


class ChannelNorm:
    """``y = factor (x - mean) / std + offset``, with mean and std of the batch or given ones.

    Attributes:
        mean, variance, std: (C,) of the last forward, to be set before ``stored``.
    """

    def __init__(
        self, layer: Layer, rows: tuple[int, int, int], factor: int, *, in_place: bool
    ) -> None:
        """Of ``layer`` take the device and two blobs.

        Args:
            layer: that normalizes.
            rows: (N, C, S) of what is normalized.
            factor: the index of the blob that holds the factor; the offset is in the next.
            in_place: y is x, so that a copy of it is kept for ``backward``.
        """
        self._layer, self._xp, self._rows = layer, layer.xp, rows
        self._blobs = factor, factor + 1
        self.mean, self.variance, self.std, self._zeros = (
            layer.device.zeros(rows[1], layer.dtype) for _ in range(4)
        )
        self._kept = layer.device.zeros(rows, layer.dtype) if in_place else None

    def batch(self, x: Array, y: Array, eps: float) -> None:
        """By the mean and the variance of ``x``, which are kept."""
        x, y = self._keep(x), y.reshape(self._rows)
        moments = self.mean, self.variance, self.std
        ops.norm_scale(self._xp, x, y, *self._factor_and_offset(), *moments, eps, False)

    def stored(self, x: Array, y: Array) -> None:
        """By ``mean`` and ``std`` as they are."""
        x, y = self._keep(x), y.reshape(self._rows)
        factor, offset = self._factor_and_offset()
        slope = factor / self.std
        ops.affine(self._xp, x, y, slope, offset - self.mean * slope, False)

    def batch_grad(self, x: Array, dy: Array, dx: Array | None) -> None:
        """After ``batch``: write ``dx``, where it is wanted, and add to the blobs' diffs."""
        x, dy, dx = self._arrays(x, dy, dx)
        moments = self.mean, self.std
        ops.norm_scale_grad(
            self._xp, x, dy, dx, *self._factor_and_offset(), *moments, *self._diffs(), False
        )

    def stored_grad(self, x: Array, dy: Array, dx: Array | None) -> None:
        """After ``stored``: the same with a mean and a deviation that do not depend on ``x``."""
        x, dy, dx = self._arrays(x, dy, dx)
        diffs = self._diffs()
        if any(diff is not None for diff in diffs):
            z = self._xp.empty_like(x)
            normalize(self._xp, x, z, self.mean, self.std)
            scale_grad(self._xp, z, None, dy, None, *diffs)
        if dx is not None:
            factor, _ = self._factor_and_offset()
            ops.affine(self._xp, dy, dx, factor / self.std, self._zeros, False)

    def _factor_and_offset(self) -> tuple[Array, Array]:
        factor, offset = (self._layer.blobs[i].data.reshape(-1) for i in self._blobs)
        return factor, offset

    def _diffs(self) -> list[Array | None]:
        diffs = (wanted_diff(self._layer, i) for i in self._blobs)
        return [None if diff is None else diff.reshape(-1) for diff in diffs]

    def _keep(self, x: Array) -> Array:
        rows = x.reshape(self._rows)
        if self._kept is None:
            return rows
        self._kept[...] = rows
        return self._kept

    def _arrays(self, x: Array, dy: Array, dx: Array | None) -> tuple[Array, Array, Array | None]:
        found = x.reshape(self._rows) if self._kept is None else self._kept
        return found, dy.reshape(self._rows), None if dx is None else dx.reshape(self._rows)
