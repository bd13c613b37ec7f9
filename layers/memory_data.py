"""MemoryData: batches of arrays that the program hands over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minicaffe import glog
from minicaffe.blob import Blob
from minicaffe.errors import DataError, LayerConfigError, ShapeError, layer_context
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer

HostArray = np.ndarray[Any, np.dtype[Any]]
SIZES = ("batch_size", "channels", "height", "width")


@register_layer("MemoryData")
class MemoryData(Layer):
    """The next N images of the arrays given to ``set_input_arrays``, round and round.

    Shapes:
        top[0]  data   (N, C, H, W)
        top[1]  label  (N,)
    Definition: ``memory_data_param`` (batch_size, channels, height, width: all of them).
    ``transform_param`` does nothing to arrays.
    After: src/caffe/layers/memory_data_layer.cpp, but for: a batch is copied, so that a layer
    in place does not change the caller's array; and what C++ programs alone could do, to hand
    over images that are transformed, is left out.
    """

    num_bottom = Arity(0, 0)
    num_top = Arity(2, 2)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.memory_data_param
        sizes = {name: int(getattr(param, name)) for name in SIZES}
        for name, size in sizes.items():
            if size < 1:
                raise LayerConfigError(
                    f"{name} is {size or '0 or not given'}, expected at least 1: all of "
                    f"{', '.join(SIZES)} are needed"
                )
        self._shape = tuple(sizes.values())
        self._arrays: tuple[HostArray, HostArray] | None = None
        self._next = 0
        top[0].reshape(self._shape)
        top[1].reshape(self._shape[:1])

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def set_input_arrays(self, data: HostArray, labels: HostArray) -> None:
        """Take batches from these arrays from now on, from their start; they are not copied.

        Args:
            data: (M, C, H, W) of the net's dtype (float32), C-contiguous, M a multiple of
                batch_size.
            labels: (M,) or (M, 1, 1, 1), likewise.

        Raises:
            ShapeError: they have other shapes.
            LayerConfigError: they have another dtype, or are not contiguous.
        """
        with layer_context(self.param, "set_input_arrays"):
            for array, name in (data, "data"), (labels, "labels"):
                self._check_memory(array, name)
            size = self._shape[0]
            if data.ndim != 4 or data.shape[1:] != self._shape[1:]:
                expected = ", ".join(map(str, self._shape[1:]))
                raise ShapeError(f"data has shape {data.shape}, expected (M, {expected})")
            count = len(data)
            if count == 0 or count % size:
                raise ShapeError(
                    f"data has {count} images, expected a multiple of batch_size, {size}"
                )
            if labels.shape not in ((count,), (count, 1, 1, 1)):
                raise ShapeError(
                    f"labels have shape {labels.shape}, expected ({count},) or "
                    f"({count}, 1, 1, 1): one for each image of data"
                )
            if self.param.HasField("transform_param"):
                glog.warning(
                    "memory_data_layer.cpp:77",
                    "MemoryData does not transform array data: transform_param does nothing",
                )
            self._arrays = data, labels.reshape(count)
            self._next = 0

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if self._arrays is None:
            raise DataError(
                "there is no data yet, expected a call of set_input_arrays before forward",
                f"layer {self.param.name!r} (MemoryData)",
            )
        begin = self._next % len(self._arrays[0])
        self._next = begin + self._shape[0]
        for blob, array in zip(top, self._arrays, strict=True):
            blob.data[...] = self.xp.asarray(array[begin : self._next])

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        return

    def position(self) -> dict[str, Any]:
        """Which image comes next; to be restored once the arrays are set again."""
        return {"next": self._next}

    def set_position(self, position: dict[str, Any]) -> None:
        """Go on at the image that ``position`` names."""
        self._next = int(position["next"])

    def _check_memory(self, array: HostArray, name: str) -> None:
        dtype = getattr(array, "dtype", None)
        if not isinstance(array, np.ndarray) or dtype != self.dtype:
            found = dtype if isinstance(array, np.ndarray) else f"a {type(array).__name__}"
            raise LayerConfigError(
                f"{name} is {found}, expected a numpy array of {self.dtype}: "
                f"numpy.ascontiguousarray(x, {str(self.dtype)!r}) makes it"
            )
        if not array.flags.c_contiguous:
            raise LayerConfigError(
                f"{name} is not contiguous in memory, expected a C-contiguous array: "
                "numpy.ascontiguousarray makes it"
            )
