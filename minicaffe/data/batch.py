"""Batches: room for one, and what its parts share while it is filled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import prod

import numpy as np
from numpy.typing import DTypeLike

from minicaffe.data.image import HostArray, Layout, key_text
from minicaffe.errors import DataError

PATIENCE = 0.1  # seconds between two looks whether the batch is still wanted

Shape = tuple[int, int, int]


class Batch:
    """Images and labels, in memory that is used again and again.

    Attributes:
        data: (N, C, h, w).
        labels: (N,), or (N, K) where a record has K of them.
    """

    def __init__(self, size: int, dtype: DTypeLike = np.float32) -> None:
        self.labels: HostArray = np.empty(size, dtype)
        self.data: HostArray = np.empty((size, 0, 0, 0), dtype)

    @property
    def arrays(self) -> tuple[HostArray, HostArray]:
        """``data`` and ``labels``, in the order of a layer's tops."""
        return self.data, self.labels

    def fit(self, shape: Shape, labels: tuple[int, ...] = ()) -> None:
        """Make it hold images of ``shape`` and labels of the shape ``labels``.

        What it held is lost where that is another one.
        """
        self.data = _fitted(self.data, shape)
        self.labels = _fitted(self.labels, labels)


def _fitted(array: HostArray, shape: tuple[int, ...]) -> HostArray:
    """(N, *shape) in the memory of ``array``, if it is large enough."""
    if array.shape[1:] == shape:
        return array
    size = len(array) * prod(shape)
    flat = array.base if array.base is not None else array.reshape(-1)
    if flat.size < size:
        flat = np.empty(size, array.dtype)
    return flat[:size].reshape(-1, *shape)


class Job:
    """A batch that is being filled, in parts.

    Attributes:
        shape: of its images; None until the first is known.
        known: that is so, or will never be.
        bad: index, key and error of each record that was left out.
    """

    def __init__(
        self, batch: Batch, number: int, chances: HostArray | None, stopped: Callable[[], bool]
    ) -> None:
        self.batch, self.number, self.chances, self.stopped = batch, number, chances, stopped
        self.shape: Shape | None = None
        self.known = threading.Event()
        self.bad: list[tuple[int, bytes, DataError]] = []
        self._first: bytes | None = None
        self._left = len(batch.labels)
        self._lock = threading.Lock()

    def accept(self, shape: Shape, labels: tuple[int, ...], first: bytes | None) -> None:
        """The images are of ``shape``, as that of the record ``first`` is."""
        self.batch.fit(shape, labels)
        self.shape, self._first = shape, first
        self.known.set()

    def wait(self) -> bool:
        """Until the shape is known; False where it will not be."""
        while not self.known.wait(PATIENCE):
            if self.stopped():
                return False
        return self.shape is not None

    def misfit(self, shape: Shape) -> str:
        """What to say of an image of ``shape``."""
        expected = Layout(*(self.shape or shape))
        first = "record" if self._first is None else f"of its batch ({key_text(self._first)})"
        return (
            f"image is {Layout(*shape)}, expected {expected} as the first {first}: images of "
            "several sizes need a crop_size, or a batch_size of 1"
        )

    def count(self, done: int) -> bool:
        """Take note of ``done`` records; were they the last?"""
        with self._lock:
            self._left -= done
            return self._left == 0
