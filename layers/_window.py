"""What convolution, deconvolution and im2col share: their window, and what they demand of it."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers._spatial import axis_values
from minicaffe.ops.convolution import Window
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
    """Raise ``LayerConfigError`` unless ``group`` divides both."""
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
