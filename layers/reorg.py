"""Reorg: squares of pixels as channels, in YOLO's order."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer


@register_layer("Reorg")
class Reorg(Layer):
    """The same values in another shape: s = ``stride`` times less high and wide, or more.

    The order is that of the program that YOLO's weights are trained with, which counts as if the
    bottom had ``C / s^2`` channels of ``s H`` rows and ``s W`` columns: with ``k = C / s^2`` and
    X the bottom read so, y read as (N, C, H, W) has ``X[n, c % k, h s + c // k // s,
    w s + c // k % s]`` at [n, c, h, w]. Only the squares of that X are side by side in y; it is
    no rearrangement of the bottom's own squares.

    ``reverse`` is one: ``y[n, c % k, h s + c // k // s, w s + c // k % s] = x[n, c, h, w]``. It
    does not undo the first.

    Shapes:
        bottom[0]  x  (N, C, H, W), C a multiple of s^2
        top[0]     y  (N, C s^2, H / s, W / s), or with ``reverse`` (N, C / s^2, H s, W s)
    Definition: ``reorg_param``.
    After: J. Redmon, A. Farhadi, "YOLO9000: better, faster, stronger", 2017, and the fork
    MobileNet-YOLO. Differs: sizes that do not divide are refused, where there values are lost.
    """

    origin = "MobileNet-YOLO"
    backward_reads = ()

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.reorg_param
        if not param.stride:
            found = "0" if param.HasField("stride") else "missing"
            raise LayerConfigError(f"stride is {found}, expected at least 1")
        self._stride = param.stride

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape, s = bottom[0].shape, self._stride
        if len(shape) != 4:
            raise ShapeError(f"bottom[0] has shape {shape}, expected (N, C, H, W)")
        n, c, h, w = shape
        if c % s**2:
            raise ShapeError(
                f"bottom[0] has {c} channels, expected a multiple of {s**2}, the square of stride"
            )
        if self.param.reorg_param.reverse:
            top[0].reshape((n, c // s**2, h * s, w * s))
            return
        if h % s or w % s:
            raise ShapeError(
                f"bottom[0] has shape {shape}, expected height and width to be multiples of "
                f"stride, {s}"
            )
        top[0].reshape((n, c * s**2, h // s, w // s))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        squares, stacks = self._views(bottom[0].shape, top[0].data, bottom[0].data)
        if self.param.reorg_param.reverse:
            squares[...] = stacks
        else:
            stacks[...] = squares

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if not propagate_down[0]:
            return
        squares, stacks = self._views(bottom[0].shape, top[0].diff, bottom[0].diff)
        if self.param.reorg_param.reverse:
            stacks[...] = squares
        else:
            squares[...] = stacks

    def _views(self, shape: tuple[int, ...], y: Array, x: Array) -> tuple[Array, Array]:
        """Of the large and the stacked side, as (N, k, H, s, W, s); ``shape`` is the bottom's."""
        n, c, h, w = shape
        s = self._stride
        large, stacked = (y, x) if self.param.reorg_param.reverse else (x, y)
        squares = large.reshape(n, c // s**2, h, s, w, s)
        return squares, stacked.reshape(n, s, s, c // s**2, h, w).transpose(0, 3, 4, 1, 5, 2)
