"""What a layer written by a user subclasses, and the blobs it is given: as in pycaffe.

    import minicaffe

    class Double(minicaffe.Layer):
        def reshape(self, bottom, top):
            top[0].reshape(*bottom[0].shape)

        def forward(self, bottom, top):
            top[0].data[...] = 2 * bottom[0].data

        def backward(self, top, propagate_down, bottom):
            if propagate_down[0]:
                bottom[0].diff[...] = 2 * top[0].diff

A definition names it: ``type: "Python" python_param { module: "my_layers" layer: "Double" }``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from minicaffe.blob import Blob
from minicaffe.errors import ShapeError
from minicaffe.fillers import constant
from minicaffe.layers.base import Layer as EngineLayer
from minicaffe.proto.minicaffe_pb2 import LayerParameter

HostArray = np.ndarray[Any, np.dtype[Any]]


class BlobView:
    """A blob as a user's layer sees it: with NumPy arrays, on every device.

    On the CPU ``data`` and ``diff`` are the blob's own memory. Elsewhere they are copies, made
    when first asked for and written back when the layer's method returns. Either way assign into
    them (``top[0].data[...] = x``), and ask for them anew in each call.
    """

    def __init__(self, blob: Blob) -> None:
        self.blob = blob
        self._copies: dict[str, HostArray] = {}

    @property
    def data(self) -> HostArray:
        """The values, of the blob's shape."""
        return self._array("data")

    @property
    def diff(self) -> HostArray:
        """The gradient of the loss for ``data``, of the same shape."""
        return self._array("diff")

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
        self.write_back()
        self.blob.reshape(_sizes(shape))

    def write_back(self) -> None:
        """Move copies back to the device that they are of, and forget them."""
        for kind, copy in self._copies.items():
            getattr(self.blob, kind)[...] = self.blob.device.xp.asarray(copy)
        self._copies.clear()

    def _array(self, kind: str) -> HostArray:
        array = getattr(self.blob, kind)
        if self.blob.device.xp is np:
            return array  # type: ignore[no-any-return]
        if kind not in self._copies:
            self._copies[kind] = self.blob.device.to_numpy(array)
        return self._copies[kind]

    def _legacy_axis(self, axis: int) -> int:
        if self.blob.ndim > 4:
            raise ShapeError(
                f"shape is {self.shape}, expected at most 4 axes: num, channels, height and width "
                "name no more; use shape"
            )
        return self.shape[axis] if axis < self.blob.ndim else 1


class Blobs(Sequence[BlobView]):
    """The learned parameters of a user's layer: more come by ``add_blob`` in ``setup``."""

    def __init__(self, layer: EngineLayer) -> None:
        self._layer = layer
        self._views: dict[int, BlobView] = {}

    def __len__(self) -> int:
        return len(self._layer.blobs)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._view(blob) for blob in self._layer.blobs[index]]
        return self._view(self._layer.blobs[index])

    def __iter__(self) -> Iterator[BlobView]:
        return map(self._view, self._layer.blobs)

    def add_blob(self, *shape: int | Sequence[int]) -> BlobView:
        """Declare the next parameter, of zeros; one that the definition gives is kept.

        Raises:
            ShapeError: the definition gives one of another shape.
        """
        return self._view(self._layer.add_param(_sizes(shape), constant(0)))

    def append(self, blob: BlobView) -> None:
        """Declare ``blob`` as the next parameter; one that the definition gives is kept."""
        if len(self._layer.param_propagate_down) == len(self):
            self._layer.blobs.append(blob.blob)
        self._layer.add_param(blob.shape, constant(0))

    def extend(self, blobs: Iterable[BlobView]) -> None:
        """``append`` each of ``blobs``."""
        for blob in blobs:
            self.append(blob)

    def write_back(self) -> None:
        """``BlobView.write_back`` of each."""
        for view in self._views.values():
            view.write_back()

    def _view(self, blob: Blob) -> BlobView:
        return self._views.setdefault(id(blob), BlobView(blob))


def _sizes(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape, given as numbers or as one sequence of them."""
    only = shape[0] if len(shape) == 1 else shape
    return tuple(only) if isinstance(only, Iterable) else (only,)


class Layer:
    """Base of layers written by users, who override the four methods below.

    ``backward`` overwrites ``bottom[i].diff`` where ``propagate_down[i]``, and adds to
    ``blobs[i].diff``. As a loss a layer needs a ``loss_weight`` in its definition.

    Attributes:
        param_str: of the definition: whatever the layer is to be told; "" if unset. Set before
            ``setup``, as are the others; ``param_str_`` is its name in old forks of Caffe.
        phase: TRAIN (0) or TEST (1).
        blobs: its learned parameters.
    """

    type = "Python"
    param_str: str
    param_str_: str
    phase: int
    blobs: Blobs

    def __init__(self, param: LayerParameter) -> None:
        """Take the layer's definition; what a layer needs is set up in ``setup``."""

    def setup(self, bottom: Sequence[BlobView], top: Sequence[BlobView]) -> None:
        """Read ``param_str``, check the numbers of blobs, declare parameters; called once."""

    def reshape(self, bottom: Sequence[BlobView], top: Sequence[BlobView]) -> None:
        """Give the tops their shapes; called before every ``forward``."""
        raise NotImplementedError

    def forward(self, bottom: Sequence[BlobView], top: Sequence[BlobView]) -> None:
        """Compute ``top[i].data`` from ``bottom[i].data``."""
        raise NotImplementedError

    def backward(
        self, top: Sequence[BlobView], propagate_down: Sequence[bool], bottom: Sequence[BlobView]
    ) -> None:
        """Compute ``bottom[i].diff`` where asked, and add to the diffs of ``blobs``."""
        raise NotImplementedError
