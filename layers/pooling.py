"""Pooling: replace each window of a map by its largest element, its mean, or one drawn of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers._ensemble_pool import EnsemblePool
from minicaffe.layers._pool import Pool
from minicaffe.layers._spatial import height_width
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import pooling as ops
from minicaffe.proto.minicaffe_pb2 import TRAIN, PoolingParameter


@register_layer("Pooling")
class Pooling(Layer):
    """The maximum, the mean, or in STOCHASTIC a random element of each window of each channel.

    Padding is never a maximum; in a mean it counts as zeros, as far as ``pad`` goes. Of equal
    maxima the first in row order is taken. NaN is passed over, as by the original's comparison: a
    window of nothing but NaN and -infinity gives -FLT_MAX and a mask of -1.

    STOCHASTIC draws in TRAIN with a probability in proportion to the element, and gives in TEST
    what that is on average, ``sum x^2 / sum x``. Elements that are not positive have no part in
    it; a window of them gives its first in TRAIN and 0 in TEST. A forward in TRAIN takes 64 bits
    from the device's generator, whatever the shape.

    ENSEMBLE_MAX takes in TRAIN the largest of a window with probability p, else the second largest,
    each window for itself, and gives in TEST ``p largest + (1 - p) second``: many nets in one. In
    a window of one element that is the second too. p is ``max_probability``; with 1 it is MAX.

    Shapes, with ``out = round_up((size + 2 pad - kernel) / stride) + 1`` along each axis:
        bottom[0]  x     (N, C, H, W), or any other number of axes behind C
        top[0]     y     (N, C, out_h, out_w); where there is pad, less a last window that starts
                         past the input
        top[1]     mask  as y: h * W + w of the element taken; MAX alone
    Definition: ``pooling_param``; rounds down with ``round_mode: FLOOR``, or, as some forks say it,
    ``ceil_mode: false``; ``engine`` is a hint, and not needed. The forms with _h and _w are for two
    spatial axes; ``kernel_size``, ``stride`` and ``pad`` hold for every axis.
    After: src/caffe/layers/pooling_layer.cpp (STOCHASTIC: M. Zeiler, R. Fergus, "Stochastic
    pooling for regularization of deep convolutional neural networks", 2013), but for two cases
    that there reach out of bounds: a window outside the input is refused, and one of nothing but
    NaN has no gradient. A stride of 0 is refused, by which the original divides. ``engine: CUDNN``
    is accepted where there is none. Differs too: takes one, three or more spatial axes, where the
    original aborts; has STOCHASTIC on the CPU, where it aborts, and its gradient in TEST, which
    there goes to the elements drawn last; in TEST gives the gradient of MAX, without a mask, for
    what x is by the time of backward, where there forward keeps the places; takes negative
    elements for 0 in STOCHASTIC, which there spoil the sums; and has ENSEMBLE_MAX.
    """

    num_top = Arity(1, 2)

    @property
    def backward_reads(self) -> Collection[str]:  # type: ignore[override]  # depends on the phase
        """In training positions are kept; in TEST they are looked for when they are wanted."""
        return () if self.param.phase == TRAIN else ("bottom",)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.pooling_param
        if param.HasField("ceil_mode") and param.HasField("round_mode"):
            raise LayerConfigError("ceil_mode and round_mode are given, expected one")
        if len(top) == 2 and param.pool != PoolingParameter.MAX:
            name = PoolingParameter.PoolMethod.Name(param.pool)
            raise LayerConfigError(
                f"pool is {name} with two tops, expected MAX: top[1] is its mask"
            )
        if not 0 <= param.max_probability <= 1:
            raise LayerConfigError(
                f"max_probability is {param.max_probability:g}, expected 0 <= max_probability <= 1"
            )
        self._axes = bottom[0].ndim - 2
        _check_axes(bottom[0].shape)
        self._kernel = _lengths(param, "kernel", "kernel_size", self._axes)
        self._stride = _lengths(param, "stride", "stride", self._axes)
        self._pad = _lengths(param, "pad", "pad", self._axes)
        if any(self._pad) and param.pool == PoolingParameter.STOCHASTIC:
            raise LayerConfigError(
                f"pad is {self._pad} with pool STOCHASTIC, expected none: pad would never be drawn"
            )
        if param.global_pooling:
            given = {*self._kernel}, {*self._stride}, {*self._pad}
            if given != ({0}, {1}, {0}):
                raise LayerConfigError(
                    f"global_pooling is given kernel {self._kernel}, stride {self._stride}, "
                    f"pad {self._pad}, expected none: its window is the whole plane"
                )
            return
        names = ["_h", "_w"] if self._axes == 2 else [""] * self._axes
        for name, kernel, stride, pad in zip(
            names, self._kernel, self._stride, self._pad, strict=True
        ):
            size = f"kernel{name}" if name else "kernel_size"
            if kernel == 0:
                raise LayerConfigError(
                    f"{size} is 0, expected a positive number: give kernel_size, or "
                    "kernel_h and kernel_w, or global_pooling: true"
                )
            if stride == 0:
                raise LayerConfigError(f"stride{name} is 0, expected a positive number")
            if pad >= kernel:
                raise LayerConfigError(
                    f"pad{name} is {pad}, expected less than {size}, {kernel}: "
                    "the first window would lie outside the input"
                )

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        _check_axes(bottom[0].shape)
        n, c, *plane = bottom[0].shape
        if len(plane) != self._axes:
            raise ShapeError(
                f"bottom[0] has shape {bottom[0].shape}, expected {self._axes + 2} axes, as at "
                "setup"
            )
        param = self.param.pooling_param
        kernels = plane if param.global_pooling else self._kernel
        ceil = param.ceil_mode and param.round_mode == PoolingParameter.CEIL
        clip = any(self._pad)
        windows = tuple(
            ops.Window(*sizes, ceil=ceil, clip=clip)
            for sizes in zip(plane, kernels, self._stride, self._pad, strict=True)
        )
        for index, window in enumerate(windows):
            _check_inside("HW"[index] if self._axes == 2 else f"axis {index + 2}", window)
        for blob in top:
            blob.reshape((n, c, *(window.out for window in windows)))
        self._pool = self._method(windows, top)

    def _method(self, windows: ops.Windows, top: Sequence[Blob]) -> Pool | EnsemblePool:
        param, shape = self.param.pooling_param, top[0].shape
        if param.pool != PoolingParameter.ENSEMBLE_MAX:
            return Pool(self, param.pool, windows, shape, wants_index=len(top) == 2)
        if param.max_probability == 1:
            return Pool(self, PoolingParameter.MAX, windows, shape)
        return EnsemblePool(self, param.max_probability, windows, shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._pool.forward(bottom[0].data, top[0].data)
        if len(top) == 2:
            top[1].data[...] = self._pool.index

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            self._pool.backward(bottom[0].data, top[0].diff, bottom[0].diff)


def _check_axes(shape: tuple[int, ...]) -> None:
    if len(shape) < 3:
        raise ShapeError(
            f"bottom[0] has shape {shape}, expected (N, C, H, W), or other axes behind C"
        )


def _lengths(param: PoolingParameter, name: str, same: str, axes: int) -> tuple[int, ...]:
    """One length an axis: ``name``_h and ``name``_w, for two axes, or ``same`` for each.

    Raises:
        LayerConfigError: a mixture is given, or the first for another number of axes.
    """
    if axes == 2:
        return height_width(param, name, same)
    for field in (f"{name}_h", f"{name}_w"):
        if param.HasField(field):
            raise LayerConfigError(
                f"{field} is given for {axes} spatial axes, expected {same}: the forms with _h "
                "and _w are for exactly 2"
            )
    return (getattr(param, same),) * axes


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
