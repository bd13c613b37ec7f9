"""Pooling: the largest, the mean or a random element of each window of each channel's plane.

The reference bodies take any number of spatial axes and walk the offsets inside a window, never
the windows: only slices, no scatter. The compiled ones are for up to three spatial axes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from types import ModuleType

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in
from minicaffe.ops.dropout import WORD, philox

LOWEST = float(np.finfo(np.float32).min)  # a maximum starts here, in float64 too, as Caffe's does


@dataclass(frozen=True)
class Window:
    """How one spatial axis is cut into windows; all lengths are in elements.

    Attributes:
        size: length of the axis.
        kernel: length of a window.
        stride: from one window's start to the next's.
        pad: added before the axis, and again after it.
        ceil: count a last window that only partly fits.
        clip: but not one that starts past the axis; Caffe clips where any axis is padded.
    """

    size: int
    kernel: int
    stride: int
    pad: int
    ceil: bool
    clip: bool

    @property
    def out(self) -> int:
        """Number of windows; not positive where none fits."""
        room = self.size + 2 * self.pad - self.kernel
        out = (-(-room // self.stride) if self.ceil else room // self.stride) + 1
        return out - 1 if self.clip and self.start(out - 1) >= self.size else out

    @property
    def pads(self) -> tuple[int, int]:
        """Elements to add before and after, so that every window is whole."""
        return self.pad, max(0, self.start(self.out - 1) + self.kernel - self.size)

    def start(self, index: int) -> int:
        """Where window ``index`` starts on the axis; in the pad where negative."""
        return index * self.stride - self.pad

    def taken(self, offset: int) -> slice:
        """Of the padded axis, the elements at ``offset`` inside each window."""
        return slice(offset, offset + (self.out - 1) * self.stride + 1, self.stride)

    def lengths(self, xp: ModuleType) -> Array:
        """(out,) length of each window, clipped to the pad but not to the input."""
        start = xp.arange(self.out) * self.stride - self.pad
        return xp.minimum(start + self.kernel, self.size + self.pad) - start


Windows = tuple[Window, ...]  # one for each spatial axis


@compiled_in("minicaffe.ops.pooling_cpu")
def max_pool(xp: ModuleType, x: Array, y: Array, index: Array | None, windows: Windows) -> None:
    """The largest element of each window, and where it is, if asked for.

    Only what compares greater than -FLT_MAX is taken, as in Caffe: NaN is passed over, and a
    window of nothing but NaN and -infinity gives -FLT_MAX at index -1.

    Args:
        xp: array module.
        x: (N, C, *sizes).
        y: (N, C, *outs), written.
        index: int32, as ``y``, written: position in the plane, h * W + w, of the first largest.
        windows: how each spatial axis is cut.
    """
    padded = xp.pad(x, _pads(windows), constant_values=LOWEST)
    index = xp.empty(y.shape, xp.int32) if index is None else index
    y[...] = LOWEST
    index[...] = -1
    for offsets, taken in _offsets(windows):
        larger = padded[taken] > y
        xp.copyto(y, padded[taken], where=larger)
        xp.copyto(index, _position(xp, offsets, windows), where=larger)


@compiled_in("minicaffe.ops.pooling_cpu")
def max_pool_grad(xp: ModuleType, dy: Array, index: Array, dx: Array, windows: Windows) -> None:
    """The gradient of ``max_pool``: each dy is added where its maximum came from, if anywhere.

    Args:
        xp: array module.
        dy: (N, C, *outs).
        index: as ``max_pool`` wrote it.
        dx: (N, C, *sizes), written.
        windows: how each spatial axis is cut.
    """
    padded = _padded_zeros(xp, dy, windows)
    for offsets, taken in _offsets(windows):
        padded[taken] += dy * (index == _position(xp, offsets, windows))
    dx[...] = _unpadded(padded, windows)


@compiled_in("minicaffe.ops.pooling_cpu")
def average_pool(xp: ModuleType, x: Array, y: Array, windows: Windows) -> None:
    """The mean of each window; pad counts as zeros, and counts in the divisor.

    Args:
        xp: array module.
        x: (N, C, *sizes).
        y: (N, C, *outs), written.
        windows: how each spatial axis is cut.
    """
    padded = xp.pad(x, _pads(windows))
    y[...] = sum(padded[taken] for _, taken in _offsets(windows)) / _areas(xp, windows)


@compiled_in("minicaffe.ops.pooling_cpu")
def average_pool_grad(xp: ModuleType, dy: Array, dx: Array, windows: Windows) -> None:
    """The gradient of ``average_pool``: each dy is shared out evenly over its window.

    Args:
        xp: array module.
        dy: (N, C, *outs).
        dx: (N, C, *sizes), written.
        windows: how each spatial axis is cut.
    """
    padded = _padded_zeros(xp, dy, windows)
    share = dy / _areas(xp, windows)
    for _, taken in _offsets(windows):
        padded[taken] += share
    dx[...] = _unpadded(padded, windows)


@compiled_in("minicaffe.ops.pooling_cpu")
def stochastic_pool(
    xp: ModuleType, x: Array, y: Array, index: Array, windows: Windows, key: int | Array
) -> None:
    """An element of each window, drawn with a probability proportional to its value.

    What is not positive is never drawn, unless nothing else is there: then the first element is.
    Its gradient is ``max_pool_grad``.

    Args:
        xp: array module.
        x: (N, C, *sizes).
        y: (N, C, *outs), written.
        index: int32, as ``y``, written: position in the plane of the element drawn.
        windows: how each spatial axis is cut; without pad.
        key: 64 random bits; the same draw the same, on every device. A number, or uint64 on the
            device.
    """
    padded = xp.pad(x, _pads(windows))
    (first, begin), *_ = _offsets(windows)
    y[...] = padded[begin]
    index[...] = _position(xp, first, windows)
    limit = _uniform(xp, y.shape, key) * _sums(xp, padded, windows)
    before = xp.zeros(y.shape)
    for offsets, taken in _offsets(windows):
        value = padded[taken]
        reached = (value > 0) & (before < limit)  # the last that is reached is drawn
        xp.copyto(y, value, where=reached)
        xp.copyto(index, _position(xp, offsets, windows), where=reached)
        before += xp.where(value > 0, value, 0)


@compiled_in("minicaffe.ops.pooling_cpu")
def weighted_pool(xp: ModuleType, x: Array, y: Array, windows: Windows) -> None:
    """What ``stochastic_pool`` gives on average: sum of squares over sum, of what is positive.

    0 where nothing is.

    Args:
        xp: array module.
        x: (N, C, *sizes).
        y: (N, C, *outs), written.
        windows: how each spatial axis is cut; without pad.
    """
    padded = xp.pad(x, _pads(windows))
    total = _sums(xp, padded, windows)
    y[...] = _sums(xp, padded * padded * (padded > 0), windows) / xp.where(total > 0, total, 1)


@compiled_in("minicaffe.ops.pooling_cpu")
def weighted_pool_grad(xp: ModuleType, x: Array, dy: Array, dx: Array, windows: Windows) -> None:
    """The gradient of ``weighted_pool``: ``dy (2 x - y) / sum``; 0 for x below 0.

    Args:
        xp: array module.
        x: (N, C, *sizes).
        dy: (N, C, *outs).
        dx: as ``x``, written.
        windows: how each spatial axis is cut; without pad.
    """
    padded, dpadded = xp.pad(x, _pads(windows)), _padded_zeros(xp, dy, windows)
    y = xp.zeros(dy.shape)
    weighted_pool.reference(xp, x, y, windows)
    total = _sums(xp, padded, windows)
    share = dy * (total > 0) / xp.where(total > 0, total, 1)
    for _, taken in _offsets(windows):
        slope = xp.where(padded[taken] >= 0, 2 * padded[taken] - y, 0)
        dpadded[taken] += share * slope
    dx[...] = _unpadded(dpadded, windows)


def _offsets(windows: Windows) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Each place inside a window, row by row, and what of the padded input lies there."""
    for offsets in product(*(range(window.kernel) for window in windows)):
        slices = (window.taken(i) for window, i in zip(windows, offsets, strict=True))
        yield offsets, (slice(None), slice(None), *slices)


def _position(xp: ModuleType, offsets: tuple[int, ...], windows: Windows) -> Array:
    """int32 (*outs): where in the unpadded plane the element at ``offsets`` of each window is.

    An element of the pad gets a number that means nothing; none of them is ever taken.
    """
    position = xp.zeros((), xp.int32)
    for window, offset in zip(windows, offsets, strict=True):
        along = xp.arange(window.out, dtype=xp.int32) * window.stride - window.pad + offset
        position = position[..., None] * window.size + along
    return position


def _areas(xp: ModuleType, windows: Windows) -> Array:
    """(*outs) how many elements each window has, pad included."""
    area = xp.zeros(()) + 1
    for window in windows:
        area = area[..., None] * window.lengths(xp)
    return area


def _pads(windows: Windows) -> tuple[tuple[int, int], ...]:
    return ((0, 0), (0, 0), *(window.pads for window in windows))


def _padded_zeros(xp: ModuleType, dy: Array, windows: Windows) -> Array:
    sizes = (sum(window.pads) + window.size for window in windows)
    return xp.zeros((*dy.shape[:2], *sizes), dy.dtype)


def _unpadded(padded: Array, windows: Windows) -> Array:
    inside = (slice(window.pad, window.pad + window.size) for window in windows)
    return padded[(slice(None), slice(None), *inside)]


def _sums(xp: ModuleType, padded: Array, windows: Windows) -> Array:
    """(N, C, *outs) float64: what is positive in each window, added up."""
    total = xp.zeros(())
    for _, taken in _offsets(windows):
        total = total + xp.where(padded[taken] > 0, padded[taken], 0)
    return total


def _uniform(xp: ModuleType, shape: tuple[int, ...], key: int | Array) -> Array:
    """float64 of ``shape``, evenly in (0, 1]: element i is from word i % 4 of block i // 4."""
    size = prod(shape)
    block = xp.arange(-(-size // 4), dtype="uint64")
    zero = xp.zeros_like(block)
    words = xp.stack(philox((block & WORD, block >> 32, zero, zero), (key & WORD, key >> 32)))
    flat = words.transpose().reshape(-1)[:size].astype("float64")
    return ((flat + 1) / 2**32).reshape(shape)
