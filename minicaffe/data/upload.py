"""Uploader: the next batch goes to the device while it computes with the one before.

After: src/caffe/layers/base_data_layer.cpp, which copies in the thread that reads; here the
copy is issued by the thread that computes, so that the device's streams alone decide when.
"""

from __future__ import annotations

import contextlib
import weakref
from collections import deque
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from minicaffe.data.image import HostArray
from minicaffe.device import Array

PINNED = 1 << 16  # bytes from which on an array is pinned: smaller ones the driver copies at once


class Uploader:
    """Copies batches in a stream of its own, to two places on the device that take turns.

        start(first); arrays = finish(); start(second); compute with arrays; arrays = finish(); ...

    What ``finish`` gave is valid up to the ``start`` after the next ``finish``.

    Args:
        xp: ``cupy``.
    """

    def __init__(self, xp: ModuleType) -> None:
        self._cuda = xp.cuda
        self._stream = xp.cuda.Stream(non_blocking=True)
        self._places = deque([_Place(xp), _Place(xp)])
        self._pins = _Pins(xp)
        self._pending: tuple[list[Array], Any] | None = None

    @property
    def pending(self) -> bool:
        """A batch has been started and not finished."""
        return self._pending is not None

    def start(self, arrays: Sequence[HostArray]) -> None:
        """Begin to copy ``arrays``; they must stay as they are until ``finish``."""
        self._places.rotate()
        copies = self._places[0].fit(arrays)
        # all that reads this place's last batch has been issued: the device waits for it
        self._stream.wait_event(self._event(self._cuda.get_current_stream()))
        for copy, array in zip(copies, arrays, strict=True):
            self._pins.pin(array)
            copy.set(array, self._stream)
        self._pending = copies, self._event(self._stream)

    def finish(self) -> list[Array]:
        """The batch that was started, on the device; its host arrays may be used again."""
        if self._pending is None:
            raise RuntimeError("no batch has been started")
        (copies, copied), self._pending = self._pending, None
        copied.synchronize()  # the host waits: what fills the arrays next knows no streams
        return copies

    def close(self) -> None:
        """Wait for a batch that was started, and forget it."""
        self._stream.synchronize()
        self._pending = None

    def _event(self, stream: Any) -> Any:
        return stream.record(self._cuda.Event(block=True, disable_timing=True))


class _Place:
    """Memory on the device for the arrays of one batch; it only grows."""

    def __init__(self, xp: ModuleType) -> None:
        self._xp = xp
        self._flat: list[Array] = []

    def fit(self, arrays: Sequence[HostArray]) -> list[Array]:
        """Arrays of the shapes and types of ``arrays``."""
        del self._flat[len(arrays) :]
        for index, array in enumerate(arrays):
            if index == len(self._flat):
                self._flat.append(self._xp.empty(array.size, array.dtype))
            elif self._flat[index].size < array.size or self._flat[index].dtype != array.dtype:
                self._flat[index] = self._xp.empty(array.size, array.dtype)
        return [
            flat[: array.size].reshape(array.shape)
            for flat, array in zip(self._flat, arrays, strict=True)
        ]


class _Pins:
    """Host memory that the device reads by itself: pinned when first seen, as long as it lives."""

    def __init__(self, xp: ModuleType) -> None:
        self._runtime = xp.cuda.runtime
        self._seen: weakref.WeakValueDictionary[int, HostArray] = weakref.WeakValueDictionary()

    def pin(self, array: HostArray) -> None:
        """Pin the memory of ``array``; where that cannot be done, copies of it are slower."""
        owner = array.base if isinstance(array.base, np.ndarray) else array
        if owner.nbytes < PINNED or self._seen.get(id(owner)) is owner:
            return
        self._seen[id(owner)] = owner
        with contextlib.suppress(self._runtime.CUDARuntimeError):
            self._runtime.hostRegister(owner.ctypes.data, owner.nbytes, 0)
            end = weakref.finalize(owner, _unpin, self._runtime, owner.ctypes.data)
            end.atexit = False  # the process takes its memory along


def _unpin(runtime: Any, address: int) -> None:
    with contextlib.suppress(runtime.CUDARuntimeError):
        runtime.hostUnregister(address)
