"""What convolution, deconvolution and im2col share: their window, what they demand of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers._spatial import axis_values
from minicaffe.layers._weights import wanted_diff
from minicaffe.layers.base import Arity, Layer
from minicaffe.ops import Op
from minicaffe.ops.convolution import Window
from minicaffe.ops.products import Asking
from minicaffe.proto.minicaffe_pb2 import ConvolutionParameter


def read_window(param: ConvolutionParameter, axes: int) -> Window:
    """Kernel, stride, pad and dilation for each of ``axes`` spatial axes.

    Raises:
        LayerConfigError: given the wrong number of times, in two ways, or too small.
    """
    return Window(
        axis_values(param, "kernel_size", axes, default=None, least=1, pair="kernel"),
        axis_values(param, "stride", axes, default=1, least=1, pair="stride"),
        axis_values(param, "pad", axes, default=0, least=0, pair="pad"),
        axis_values(param, "dilation", axes, default=1, least=1),
    )


def check_group(group: int, channels: int, outputs: int) -> None:
    """Refuse what ``group`` does not divide: ``LayerConfigError``; no channels: ``ShapeError``."""
    if not channels:
        raise ShapeError("bottom[0] has no channels, expected at least 1")
    if group < 1:
        raise LayerConfigError("group is 0, expected at least 1")
    for name, count in (("channels", channels), ("num_output", outputs)):
        if count % group:
            raise LayerConfigError(f"group is {group}, expected a divisor of {name}: {count}")


def check_bottoms(bottom: Sequence[Blob], axis: int, axes: int, channels: int) -> None:
    """Raise ``ShapeError`` unless all are alike and fit what the layer was set up for."""
    shape = bottom[0].shape
    if len(shape) != axis + 1 + axes or shape[axis] != channels:
        raise ShapeError(
            f"bottom[0] has shape {shape}, expected {axis + 1 + axes} axes with {channels} "
            f"channels at axis {axis}, as at setup"
        )
    for index, blob in enumerate(bottom):
        if blob.shape != shape:
            raise ShapeError(
                f"bottom[{index}] has shape {blob.shape}, expected {shape} as bottom[0]: "
                "they share the weights"
            )


def window_positions(window: Window, shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """Number of positions along each axis behind ``axis`` of a bottom of ``shape``.

    Raises:
        ShapeError: the window is larger than the bottom with its pad.
    """
    size = shape[axis + 1 :]
    out = window.out(size)
    for i, extent in enumerate(window.extent):
        if out[i] < 1:
            raise ShapeError(
                f"the kernel spans {extent} along axis {axis + 1 + i} (kernel_size "
                f"{window.kernel[i]}, dilation {window.dilation[i]}), expected at most "
                f"{size[i] + 2 * window.pad[i]}: the size {size[i]} of bottom[0] {shape} and pad "
                f"{window.pad[i]} on both sides"
            )
    return out


class Filters(Layer):
    """A bank of filters, with a bias, that every bottom meets: ``setup`` and ``reshape`` are left.

    Class attributes:
        apply: the op ``(xp, x, w, bias, y, window)``.
        apply_grad: the op ``(xp, x, w, dy, dx, dw, dbias, window)``.

    Attributes:
        window: kernel, stride, pad and dilation, set by ``setup``.
        products: what the ops run in, set by ``setup``.
        x_shape: of a bottom to the ops, (N, C, *size), set by ``reshape``; likewise y_shape.
    """

    num_bottom = Arity(1, None)
    num_top = Arity(1, None)
    equal_tops = True
    backward_reads = ("bottom",)
    apply: ClassVar[Op]
    apply_grad: ClassVar[Op]
    window: Window
    products: Asking
    x_shape: tuple[int, ...]
    y_shape: tuple[int, ...]

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        w = self.blobs[0].data
        bias = self.blobs[1].data if len(self.blobs) > 1 else None
        with self.products:
            for below, above in zip(bottom, top, strict=True):
                x, y = below.data.reshape(self.x_shape), above.data.reshape(self.y_shape)
                self.apply(self.xp, x, w, bias, y, self.window)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        dw, dbias = wanted_diff(self, 0), wanted_diff(self, 1)
        with self.products:
            for below, above, down in zip(bottom, top, propagate_down, strict=True):
                x, dy = below.data.reshape(self.x_shape), above.diff.reshape(self.y_shape)
                dx = below.diff.reshape(self.x_shape) if down else None
                self.apply_grad(self.xp, x, self.blobs[0].data, dy, dx, dw, dbias, self.window)
