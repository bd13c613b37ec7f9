"""The blobs and layers of a net by name and by number, as pycaffe counts them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

from minicaffe.blob import Blob
from minicaffe.errors import did_you_mean
from minicaffe.net import Net
from minicaffe.pycaffe.errors import UnknownNameError

T = TypeVar("T")
AUTOMATIC = "(automatic)"


class Named(OrderedDict[str, T]):
    """What belongs to a net, in its order; a name that is not there is asked back.

    Attributes:
        what: the values are, for errors.
    """

    what = "name"

    def __missing__(self, name: str) -> NoReturn:
        raise UnknownNameError(
            f"{self.what} is {name!r}, expected one of the net's: {did_you_mean(str(name), self)}"
        )


class Blobs(Named[T]):
    """Values by the name of a blob."""

    what = "blob"


class Layers(Named[T]):
    """Values by the name of a layer."""

    what = "layer"


@dataclass
class Table:
    """The blobs of a net, numbered in order of making.

    A top that a layer makes of its own, because the definition has none, is called
    ``(automatic)``; there may be several.

    Attributes:
        names: of each blob.
        blobs: each, as the last layer that writes to it sees it.
        loss_weights: of each.
        bottoms: for each layer, the numbers of the blobs that it reads.
        tops: for each layer, the numbers of the blobs that it writes.
    """

    names: list[str] = field(default_factory=list)
    blobs: list[Blob] = field(default_factory=list)
    loss_weights: list[float] = field(default_factory=list)
    bottoms: list[list[int]] = field(default_factory=list)
    tops: list[list[int]] = field(default_factory=list)


def table_of(net: Net) -> Table:
    """The blobs of ``net``."""
    table, number = Table(), dict[str, int]()
    for step in net.steps:
        table.bottoms.append([number[name] for name in step.bottom_names])
        tops = []
        for name, blob, weight in zip(
            step.top_names, step.top, step.layer.loss_weights, strict=True
        ):
            if name == AUTOMATIC or name not in number:
                number[name] = len(table.names)
                table.names.append(name)
                table.blobs.append(blob)
                table.loss_weights.append(weight)
            index = number[name]
            table.blobs[index], table.loss_weights[index] = blob, weight
            tops.append(index)
        table.tops.append(tops)
    return table
