"""What there is in a net: blobs, parameters, layers, and how they hang together."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from minicaffe.blob import Blob as EngineBlob
from minicaffe.net import Net
from minicaffe.pycaffe.layer import params_of, view_of
from minicaffe.pycaffe.names import Blobs, Layers, Table, table_of
from minicaffe.user_blob import Blob, BlobVec


class Structure:
    """The attributes of a Net that say what it is made of; none of them changes.

    Attributes:
        engine: the net of the engine.
    """

    engine: Net

    @cached_property
    def blobs(self) -> Blobs[Blob]:
        """Name to blob, in order of making; those of splits too."""
        return Blobs(zip(self._blob_names, self._blobs, strict=True))

    @cached_property
    def params(self) -> Layers[BlobVec]:
        """Name of a layer to its learned parameters, for those that have any."""
        steps = self.engine.steps
        return Layers((step.name, params_of(step.layer)) for step in steps if step.layer.blobs)

    @cached_property
    def layers(self) -> list[Any]:
        """The layers in order, with their type and blobs; of Python layers the user's objects."""
        return [view_of(step.layer) for step in self.engine.steps]

    @cached_property
    def layer_dict(self) -> Layers[Any]:
        """Name to layer, as in ``layers``."""
        return Layers(zip(self._layer_names, self.layers, strict=True))

    @cached_property
    def top_names(self) -> Layers[list[str]]:
        """Name of a layer to the names of the blobs it writes."""
        return self._names_of(self._table.tops)

    @cached_property
    def bottom_names(self) -> Layers[list[str]]:
        """Name of a layer to the names of the blobs it reads."""
        return self._names_of(self._table.bottoms)

    @cached_property
    def blob_loss_weights(self) -> Blobs[float]:
        """Name of a blob to its factor in the loss; 0 for what is no loss."""
        return Blobs(zip(self._blob_names, self._blob_loss_weights, strict=True))

    @property
    def inputs(self) -> list[str]:
        """Names of the blobs that the caller fills."""
        return list(self.engine.inputs)

    @property
    def outputs(self) -> list[str]:
        """Names of the blobs that no layer reads, sorted."""
        return list(self.engine.outputs)

    def _bottom_ids(self, layer: int) -> list[int]:
        """The numbers of the blobs that the layer of that index reads."""
        return list(self._table.bottoms[layer])

    def _top_ids(self, layer: int) -> list[int]:
        """The numbers of the blobs that the layer of that index writes."""
        return list(self._table.tops[layer])

    @cached_property
    def _inputs(self) -> list[int]:
        return [self._blob_names.index(name) for name in self.engine.inputs]

    @cached_property
    def _outputs(self) -> list[int]:
        return [self._blob_names.index(name) for name in self.engine.outputs]

    @cached_property
    def _blob_names(self) -> list[str]:
        return list(self._table.names)

    @cached_property
    def _blob_loss_weights(self) -> list[float]:
        return list(self._table.loss_weights)

    @cached_property
    def _layer_names(self) -> list[str]:
        return [step.name for step in self.engine.steps]

    @cached_property
    def _blobs(self) -> list[Blob]:
        return [Blob(blob, self._reshaped.append) for blob in self._table.blobs]

    @cached_property
    def _reshaped(self) -> list[EngineBlob]:
        """The blobs that the user has reshaped since the net has last been told."""
        return []

    @cached_property
    def _all_blobs(self) -> list[Blob]:
        """Every blob and parameter that a user can reach."""
        return [*self._blobs, *(blob for blobs in self.params.values() for blob in blobs)]

    @cached_property
    def _table(self) -> Table:
        return table_of(self.engine)

    @cached_property
    def _layer_indexes(self) -> Layers[int]:
        """Name of a layer to the index of the first of that name."""
        names = self._layer_names
        return Layers((name, names.index(name)) for name in names)

    def _index(self, layer: str | None, default: int) -> int:
        return default if layer is None else self._layer_indexes[layer]

    def _names_of(self, numbers: list[list[int]]) -> Layers[list[str]]:
        names = ([self._blob_names[each] for each in row] for row in numbers)
        return Layers(zip(self._layer_names, names, strict=True))
