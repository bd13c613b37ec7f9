"""What ``net.layers`` holds, and the names of all types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from minicaffe.blob import Blob as EngineBlob
from minicaffe.errors import ShapeError
from minicaffe.layers import Layer, layer_classes
from minicaffe.layers.python import Python
from minicaffe.user_blob import Blob, BlobVec


class LayerView:
    """A layer of a net, of any type but Python: there it is the user's own object.

    Attributes:
        blobs: its learned parameters.
    """

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self.blobs = params_of(layer)

    def __repr__(self) -> str:
        return f"<{self.type} layer {self._layer.param.name!r}>"

    @property
    def type(self) -> str:
        """As a definition names it."""
        return self._layer.type

    def setup(self, bottom: Iterable[Blob], top: Iterable[Blob]) -> None:
        """Read the definition anew, and declare the parameters anew; those there are kept."""
        layer = self._layer
        wanted, layer.param_propagate_down = layer.param_propagate_down, []
        try:
            layer.setup(_engines(bottom), _engines(top))
        finally:
            layer.param_propagate_down = wanted

    def reshape(self, bottom: Iterable[Blob], top: Iterable[Blob]) -> None:
        """Give ``top`` the shapes that follow from those of ``bottom``."""
        self._layer.run_reshape(_engines(bottom), _engines(top))


def params_of(layer: Layer) -> BlobVec:
    """The learned parameters of ``layer``, whose shapes stay."""
    return BlobVec(layer, _refuse_reshape)


def view_of(layer: Layer) -> object:
    """What ``net.layers`` has for ``layer``."""
    return layer.user if isinstance(layer, Python) else LayerView(layer)


def layer_type_list() -> list[str]:
    """The types that a definition may name, sorted."""
    return sorted(layer_classes())


def _engines(blobs: Iterable[Blob]) -> list[EngineBlob]:
    return [blob.blob for blob in blobs]


def _refuse_reshape(blob: EngineBlob) -> NoReturn:
    raise ShapeError(
        f"a parameter of shape {blob.shape} is to be reshaped, expected to stay: its layer goes by "
        "that shape; build a net from another definition, and copy the values"
    )
