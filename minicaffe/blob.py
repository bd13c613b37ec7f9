"""Blob: the array and its gradient that pass between layers."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minicaffe.device import Array, Device
from minicaffe.errors import ShapeError

MAX_AXES = 32
MAX_COUNT = 2**48  # elements: a petabyte; a shape of more is a mistake


class Memory:
    """A flat array that several blobs may look at; made when first asked for.

    Attributes:
        array: None until then.
        sharers: how many blobs look at it.
        mirror: what the host sees of it, where that is another place (``user_blob.Mirror``).
    """

    __slots__ = ("array", "mirror", "sharers")

    def __init__(self) -> None:
        self.array: Array = None
        self.mirror: Any = None
        self.sharers = 1

    def fit(self, blob: Blob) -> Array:
        """At least ``blob.count`` elements, zero where they are new."""
        if self.array is None or self.array.size < blob.count:
            self.array = blob.device.zeros(blob.count, blob.dtype)
        return self.array


class Blob:
    """A shape, ``data`` of that shape, and ``diff``: the loss's gradient for it.

    Neither array exists before it is first asked for. Their memory only grows: a blob that is
    reshaped to fewer elements and back allocates nothing, and keeps what it held.

    Attributes:
        device: where the arrays live.
        dtype: of both arrays.
        shape: of both arrays; at most 32 axes. Changed by ``reshape`` alone.
        count: number of elements.
    """

    __slots__ = ("_data", "_data_view", "_diff", "_diff_view", "count", "device", "dtype", "shape")

    def __init__(self, device: Device, shape: Sequence[int] = (), dtype: DTypeLike = np.float32):
        self.device = device
        self.dtype = np.dtype(dtype)
        self.shape: tuple[int, ...] = ()
        self.count = 1
        self._data, self._diff = Memory(), Memory()
        self._data_view: tuple[Array, Array] = (None, None)  # a memory's array, its view in shape
        self._diff_view: tuple[Array, Array] = (None, None)
        self.reshape(shape)

    def reshape(self, shape: Sequence[int]) -> None:
        """Take ``shape``. Contents stay where the elements fit; new memory is zero.

        Raises:
            ShapeError: over 32 axes, a negative one, or more elements than any memory holds.
        """
        if shape == self.shape:  # the usual case, before any work
            return
        shape = tuple(map(int, shape))
        if shape == self.shape:
            return
        if len(shape) > MAX_AXES:
            raise ShapeError(f"shape {shape} has {len(shape)} axes, expected at most {MAX_AXES}")
        if any(dim < 0 for dim in shape):
            raise ShapeError(f"shape is {shape}, expected no negative axis")
        count = prod(shape)
        if count > MAX_COUNT:
            raise ShapeError(f"shape {shape} has {count} elements, expected at most {MAX_COUNT}")
        self.shape, self.count = shape, count
        self._data_view = self._diff_view = (None, None)

    @property
    def data(self) -> Array:
        """The values; assign into it (``data[...] = x``)."""
        flat, view = self._data_view
        if flat is None or flat is not self._data.array:
            flat = self._data.fit(self)
            view = flat[: self.count].reshape(self.shape)
            self._data_view = flat, view
        return view

    @property
    def diff(self) -> Array:
        """The gradient of the loss for ``data``; assign into it."""
        flat, view = self._diff_view
        if flat is None or flat is not self._diff.array:
            flat = self._diff.fit(self)
            view = flat[: self.count].reshape(self.shape)
            self._diff_view = flat, view
        return view

    @property
    def has_diff(self) -> bool:
        """Someone has asked for ``diff``; while not, it is zero and takes no memory."""
        return self._diff.array is not None

    def set_data(self, array: Array) -> None:
        """Let ``array`` itself be the data, without a copy; blobs that share it see it too.

        Args:
            array: of this blob's dtype, contiguous, on its device.
        """
        self.reshape(array.shape)
        self._data.array = array.reshape(-1)

    def share_data(self, other: Blob) -> None:
        """Look at the data of ``other`` from now on; the shape stays one's own."""
        if self._data is not other._data:
            other._data.sharers += 1
            self._data.sharers -= 1
            self._data = other._data

    def share_diff(self, other: Blob) -> None:
        """Look at the diff of ``other`` from now on; the shape stays one's own."""
        if self._diff is not other._diff:
            self._diff = other._diff

    def move(self, which: int, memory: Memory) -> None:
        """Put the data (0) or the diff (1) into ``memory``; what it held stays behind."""
        if which:
            self._diff = memory
        else:
            self._data = memory

    @property
    def memories(self) -> tuple[Memory, Memory]:
        """What the data and the diff lie in: the same object for blobs that share it."""
        return self._data, self._diff

    @property
    def is_shared(self) -> bool:
        """Another blob looks at the same data, so that writing here is seen there."""
        return self._data.sharers > 1

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def canonical_axis(self, axis: int) -> int:
        """``axis`` in ``[0, ndim)``; negative counts from the end.

        Raises:
            ShapeError: there is no such axis.
        """
        if not -self.ndim <= axis < self.ndim:
            raise ShapeError(f"axis is {axis}, expected one of the {self.ndim} of {self.shape}")
        return axis % self.ndim
