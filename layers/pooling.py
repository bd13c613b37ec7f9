"""Pooling: replace each window of a feature map by its largest or its mean element."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers._spatial import height_width
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import pooling as ops
from minicaffe.proto.minicaffe_pb2 import PoolingParameter


@register_layer("Pooling")
class Pooling(Layer):
    """The maximum or the mean over the windows of each channel.

    Padding is never a maximum; in a mean it counts as zeros, as far as ``pad`` goes. Of equal
    maxima the first in row order is taken. NaN is passed over, as by the original's comparison: a
    window of nothing but NaN and -infinity gives -FLT_MAX and a mask of -1.

    Shapes, with ``out = round_up((size + 2 pad - kernel) / stride) + 1`` along each axis:
        bottom[0]  x     (N, C, H, W)
        top[0]     y     (N, C, out_h, out_w); where there is pad, less a last window that starts
                         past the input
        top[1]     mask  as y: h * W + w of the element taken; MAX alone
    Definition: ``pooling_param``; rounds down with ``round_mode: FLOOR``; ``engine`` is a hint,
    and not needed. No STOCHASTIC: Caffe has none on the CPU.
    After: src/caffe/layers/pooling_layer.cpp, but for two cases that there reach out of bounds: a
    window outside the input is refused, and one of nothing but NaN has no gradient. A stride of 0
    is refused, by which the original divides. ``engine: CUDNN`` is accepted where there is none.
    """

    num_top = Arity(1, 2)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.pooling_param
        self._is_max = param.pool == PoolingParameter.MAX
        if not self._is_max and param.pool != PoolingParameter.AVE:
            raise LayerConfigError(
                "pool is STOCHASTIC, expected MAX or AVE: the original has no other on the CPU"
            )
        if len(top) == 2 and not self._is_max:
            raise LayerConfigError("pool is AVE with two tops, expected MAX: top[1] is its mask")
        self._kernel = height_width(param, "kernel", "kernel_size")
        self._stride = height_width(param, "stride", "stride")
        self._pad = height_width(param, "pad", "pad")
        if param.global_pooling:
            if (*self._kernel, *self._stride, *self._pad) != (0, 0, 1, 1, 0, 0):
                raise LayerConfigError(
                    f"global_pooling is given kernel {self._kernel}, stride {self._stride}, "
                    f"pad {self._pad}, expected none: its window is the whole plane"
                )
            return
        for name, kernel, stride, pad in zip(
            "hw", self._kernel, self._stride, self._pad, strict=True
        ):
            if kernel == 0:
                raise LayerConfigError(
                    f"kernel_{name} is 0, expected a positive number: give kernel_size, or "
                    "kernel_h and kernel_w, or global_pooling: true"
                )
            if stride == 0:
                raise LayerConfigError(f"stride_{name} is 0, expected a positive number")
            if pad >= kernel:
                raise LayerConfigError(
                    f"pad_{name} is {pad}, expected less than kernel_{name}, {kernel}: "
                    "the first window would lie outside the input"
                )

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if bottom[0].ndim != 4:
            raise ShapeError(f"bottom[0] has shape {bottom[0].shape}, expected (N, C, H, W)")
        n, c, *plane = bottom[0].shape
        param = self.param.pooling_param
        kernels = plane if param.global_pooling else self._kernel
        ceil, clip = param.round_mode == PoolingParameter.CEIL, any(self._pad)
        self._windows = tuple(
            ops.Window(*sizes, ceil=ceil, clip=clip)
            for sizes in zip(plane, kernels, self._stride, self._pad, strict=True)
        )
        for axis, window in zip("HW", self._windows, strict=True):
            _check_inside(axis, window)
        for blob in top:
            blob.reshape((n, c, *(window.out for window in self._windows)))
        if self._is_max:
            self._index = self.xp.zeros(top[0].shape, self.xp.int32)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if self._is_max:
            ops.max_pool(self.xp, bottom[0].data, top[0].data, self._index, self._windows)
            if len(top) == 2:
                top[1].data[...] = self._index
        else:
            ops.average_pool(self.xp, bottom[0].data, top[0].data, self._windows)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if not propagate_down[0]:
            return
        if self._is_max:
            ops.max_pool_grad(self.xp, top[0].diff, self._index, bottom[0].diff, self._windows)
        else:
            ops.average_pool_grad(self.xp, top[0].diff, bottom[0].diff, self._windows)


def _check_inside(axis: str, window: ops.Window) -> None:
    """Raise ``ShapeError`` unless there are windows, each with some element of the input."""
    if window.size == 0:
        raise ShapeError(f"bottom[0] has no element along {axis}, expected at least 1")
    if window.out < 1:
        raise ShapeError(
            f"kernel is {window.kernel} along {axis}, expected at most the input with its pad, "
            f"{window.size} + 2 * {window.pad}"
        )
    last = window.start(window.out - 1)
    if last >= window.size:
        raise ShapeError(
            f"the last of {window.out} windows along {axis} starts at {last}, expected inside "
            f"the input, of {window.size}: rounding up counts a window that holds nothing "
            f"(kernel {window.kernel}, stride {window.stride}); give round_mode: FLOOR"
        )
