"""What element-wise layers share whose gradient is a function of their input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minicaffe.blob import Blob
from minicaffe.device import Array, Device
from minicaffe.layers._neuron import Neuron
from minicaffe.proto.minicaffe_pb2 import LayerParameter


class InputKeeper(Neuron):
    """A neuron that finds its input again in ``backward``, also where it worked in place.

    The original computes some of these gradients from the output, and in place others from what
    is no longer the input. Neither is safe: a later layer may work in place on the output too.
    """

    def __init__(self, param: LayerParameter, device: Device, dtype: Any = np.float32) -> None:
        super().__init__(param, device, dtype)
        self._copy = Blob(device, (), self.dtype)  # takes no memory before it is written

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        super().reshape(bottom, top)
        self._copy.reshape(bottom[0].shape)
        self._input = self._copy if top[0] is bottom[0] else bottom[0]

    def keep(self, bottom: Sequence[Blob]) -> None:
        """To be called by ``forward``, before the top is written."""
        if self._input is not bottom[0]:
            self._input.data[...] = bottom[0].data

    @property
    def input(self) -> Array:
        """The data of ``bottom[0]`` as ``forward`` found it."""
        return self._input.data
