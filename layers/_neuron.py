"""What activations share: one bottom, one top of its shape, which may be the bottom itself."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.layers.base import Layer


class Neuron(Layer):
    """A layer that treats each element by itself; ``forward`` and ``backward`` are left to do."""

    works_in_place = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        top[0].reshape(bottom[0].shape)
