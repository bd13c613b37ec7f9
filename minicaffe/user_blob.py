"""Blobs as a user of Python sees them: NumPy arrays on every device, as in pycaffe.

One class serves ``net.blobs``, ``net.params`` and the layers that users write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from minicaffe.blob import Blob as EngineBlob
from minicaffe.blob import Memory
from minicaffe.device import Array
from minicaffe.errors import DeviceError, NetError, ShapeError
from minicaffe.fillers import constant
from minicaffe.layers.base import Layer as EngineLayer

HostArray = np.ndarray[Any, np.dtype[Any]]


class AssignmentError(NetError, AttributeError):
    """An array of a blob was to be replaced; what it holds is what can be set."""


class Mirror:
    """A device's memory as the host sees it: the same array as long as the memory is the same.

    Attributes:
        of: the memory's array.
        host: as large, on the host.
        newest: the host has looked at it, and may have written; the device's is older.
    """

    __slots__ = ("host", "newest", "of")

    def __init__(self, of: Array) -> None:
        self.of = of
        self.host: HostArray = np.empty(of.shape, of.dtype)
        self.newest = False


class Blob:
    """A blob of a net or a layer, with NumPy arrays.

    On the CPU ``data`` and ``diff`` are the blob's own memory. On another device they are host
    arrays that are kept in step: asking for one brings the device's values, and what is
    written into it reaches the device before the net, or the layer, goes on. Assign into them
    (``blob.data[...] = x``), and ask for them anew after a ``reshape`` or a forward.

    Attributes:
        blob: the engine's.

    After: python/caffe/_caffe.cpp, src/caffe/syncedmem.cpp.
    """

    __slots__ = ("_before_reshape", "blob")

    def __init__(
        self, blob: EngineBlob, before_reshape: Callable[[EngineBlob], object] | None = None
    ) -> None:
        """Show ``blob``; ``before_reshape`` is told, or refuses, that it gets another shape."""
        self.blob = blob
        self._before_reshape = before_reshape

    def __repr__(self) -> str:
        return f"<Blob {self.shape}>"

    @property
    def data(self) -> HostArray:
        """The values, of the blob's shape."""
        blob = self.blob
        array = blob.data
        if blob.device.xp is np:
            return array  # type: ignore[no-any-return]
        return _host(blob, blob.memories[0])

    @data.setter
    def data(self, value: Any) -> None:
        self._keep(value, "data")

    @property
    def diff(self) -> HostArray:
        """The gradient of the loss for ``data``, of the same shape."""
        blob = self.blob
        array = blob.diff
        if blob.device.xp is np:
            return array  # type: ignore[no-any-return]
        return _host(blob, blob.memories[1])

    @diff.setter
    def diff(self, value: Any) -> None:
        self._keep(value, "diff")

    @property
    def shape(self) -> tuple[int, ...]:
        """Of both arrays; changed by ``reshape`` alone."""
        return self.blob.shape

    @property
    def count(self) -> int:
        """Number of elements."""
        return self.blob.count

    @property
    def num(self) -> int:
        """Size of axis 0; 1 where there is no such axis, as for the three that follow."""
        return self._legacy_axis(0)

    @property
    def channels(self) -> int:
        """Size of axis 1."""
        return self._legacy_axis(1)

    @property
    def height(self) -> int:
        """Size of axis 2."""
        return self._legacy_axis(2)

    @property
    def width(self) -> int:
        """Size of axis 3."""
        return self._legacy_axis(3)

    def reshape(self, *shape: int | Sequence[int]) -> None:
        """Take a shape, given as numbers or as one sequence of them; none for a single value.

        Raises:
            ShapeError: over 32 axes, or a negative one.
        """
        sizes = _sizes(shape)
        if self._before_reshape is not None and sizes != self.shape:
            self._before_reshape(self.blob)
        self.write_back()
        self.blob.reshape(sizes)

    def put(self, kind: str, values: HostArray) -> None:
        """Overwrite all of ``data`` or ``diff``, as ``kind`` says, by values of its shape."""
        self.write_back()
        getattr(self.blob, kind)[...] = self.blob.device.xp.asarray(values)

    def write_back(self) -> None:
        """Take to the device what the host may have written."""
        for memory in self.blob.memories:
            mirror = memory.mirror
            if mirror is not None and mirror.newest:
                mirror.newest = False
                if mirror.of is memory.array:
                    memory.array[...] = self.blob.device.xp.asarray(mirror.host)

    @property
    def _gpu_data_ptr(self) -> int:
        """Address of the values on the GPU, for libraries that compute there."""
        return self._pointer("data")

    @property
    def _gpu_diff_ptr(self) -> int:
        """Address of the gradient on the GPU."""
        return self._pointer("diff")

    def _pointer(self, kind: str) -> int:
        if self.blob.device.xp is np:
            raise DeviceError(
                f"_gpu_{kind}_ptr is asked of a blob on the CPU, expected one on a GPU: build the "
                "net after set_mode_gpu()"
            )
        self.write_back()
        return int(getattr(self.blob, kind).data.ptr)

    def _keep(self, value: Any, kind: str) -> None:
        """Let ``blob.data += x`` pass, which ends with an assignment of what is there."""
        array = getattr(self, kind)
        if (
            isinstance(value, np.ndarray)
            and value.shape == array.shape
            and np.shares_memory(value, array)
        ):
            return
        _refuse_assignment(kind)

    def _legacy_axis(self, axis: int) -> int:
        if self.blob.ndim > 4:
            raise ShapeError(
                f"shape is {self.shape}, expected at most 4 axes: num, channels, height and width "
                "name no more; use shape"
            )
        return self.shape[axis] if axis < self.blob.ndim else 1


class BlobVec(Sequence[Blob]):
    """The learned parameters of a layer: a user's layer adds more in its ``setup``."""

    def __init__(
        self, layer: EngineLayer, before_reshape: Callable[[EngineBlob], object] | None = None
    ) -> None:
        """Show those of ``layer``; ``before_reshape`` is for each ``Blob``."""
        self._layer = layer
        self._before_reshape = before_reshape

    def __repr__(self) -> str:
        return f"<BlobVec {[blob.shape for blob in self]}>"

    def __len__(self) -> int:
        return len(self._layer.blobs)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._shown(blob) for blob in self._layer.blobs[index]]
        return self._shown(self._layer.blobs[index])

    def __iter__(self) -> Iterator[Blob]:
        return map(self._shown, self._layer.blobs)

    def add_blob(self, *shape: int | Sequence[int]) -> Blob:
        """Declare the next parameter, of zeros; one that the definition gives is kept.

        Raises:
            ShapeError: the definition gives one of another shape.
        """
        return self._shown(self._layer.add_param(_sizes(shape), constant(0)))

    def append(self, blob: Blob) -> None:
        """Declare ``blob`` as the next parameter; one that the definition gives is kept."""
        if len(self._layer.param_propagate_down) == len(self):
            self._layer.blobs.append(blob.blob)
        self._layer.add_param(blob.shape, constant(0))

    def extend(self, blobs: Iterable[Blob]) -> None:
        """``append`` each of ``blobs``."""
        for blob in blobs:
            self.append(blob)

    def write_back(self) -> None:
        """``Blob.write_back`` of each."""
        for blob in self:
            blob.write_back()

    def _shown(self, blob: EngineBlob) -> Blob:
        return Blob(blob, self._before_reshape)


def _host(blob: EngineBlob, memory: Memory) -> HostArray:
    """What ``blob`` has in ``memory``, as the host's array, which counts as written from now on."""
    mirror = memory.mirror
    if mirror is None or mirror.of is not memory.array:
        mirror = memory.mirror = Mirror(memory.array)
    if not mirror.newest:
        mirror.host[...] = blob.device.to_numpy(memory.array)
        mirror.newest = True
    host: HostArray = mirror.host[: blob.count].reshape(blob.shape)
    return host


def _refuse_assignment(kind: str) -> NoReturn:
    raise AssignmentError(
        f"{kind} is to be replaced, expected to be assigned into: blob.{kind}[...] = x copies x, "
        "blob.reshape(...) before it changes the shape"
    )


def _sizes(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape, given as numbers or as one sequence of them."""
    only = shape[0] if len(shape) == 1 else shape
    return tuple(only) if isinstance(only, Iterable) else (only,)
