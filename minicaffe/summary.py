"""Summary: what a net is made of, layer by layer, without running it or filling its parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from minicaffe.blob import Blob
from minicaffe.device import Device, cpu
from minicaffe.errors import WeightsError
from minicaffe.graph import filter_layers
from minicaffe.inputs import Shape, replace_data
from minicaffe.layers import Layer
from minicaffe.net import Net, closing
from minicaffe.proto import files
from minicaffe.proto.files import open_file
from minicaffe.proto.minicaffe_pb2 import NetParameter, NetState, Phase
from minicaffe.stored import StoredLayer
from minicaffe.weights_file import open_weights


@dataclass(frozen=True)
class Match:
    """What a file of weights has for a layer.

    Attributes:
        count: how many numbers; 0 where the file does not have the layer.
        zeros: how many of them are 0.
        problems: what does not fit; weights of which that is said cannot be loaded.
    """

    count: int = 0
    zeros: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """A file of weights that a net was compared with.

    Attributes:
        path: the file.
        kind: its format, and the types of its numbers.
        unused: its layers that have parameters, and no counterpart in the net.
    """

    path: str
    kind: str
    unused: list[str]


@dataclass
class Row:
    """One layer of a net.

    Attributes:
        name, type: as the definition has them.
        tops: name and shape of each.
        blobs: the shapes of its parameters.
        parameters: how many numbers are in those that it owns.
        shared: how many are in those that it takes from a layer before it.
        multiply_adds: of one forward of the whole batch, in products with weights.
        data, diffs: bytes for its tops and for their gradients, less what a bottom shares.
        parameter_data, parameter_diffs: bytes for its own parameters and their gradients.
        in_place: it writes its tops over its bottoms.
        inserted: no layer of the definition, but a Split that the net put in.
        weights: what a file has for it; None where neither has any, or no file was asked.
    """

    name: str
    type: str
    tops: list[tuple[str, Shape]]
    blobs: list[Shape]
    parameters: int = 0
    shared: int = 0
    multiply_adds: int = 0
    data: int = 0
    diffs: int = 0
    parameter_data: int = 0
    parameter_diffs: int = 0
    in_place: bool = False
    inserted: bool = False
    weights: Match | None = None


@dataclass
class Summary:
    """A net's layers, and what they add up to.

    Attributes:
        name: of the net.
        phase: "TRAIN" or "TEST".
        dtype: of the blobs.
        rows: its layers in order.
        sources: name and shape of each blob that comes from outside.
        batch: how many items a forward takes: the first axis of the first source; 0 where
            that has none.
        trains: it has a loss that something learns from; where not, there are no diffs.
        guessed: layers whose shapes are their definition's alone, and why: no data, say.
        net: the net itself, to compare weights with; its parameters are not filled.
    """

    name: str
    phase: str
    dtype: str
    rows: list[Row]
    sources: list[tuple[str, Shape]]
    batch: int
    trains: bool
    guessed: dict[str, str]
    net: Net = field(repr=False)

    def total(self, what: str) -> int:
        """The sum of ``what``, a count or a number of bytes of ``Row``, over all layers."""
        return sum(getattr(row, what) for row in self.rows)

    @property
    def misfits(self) -> list[str]:
        """What of the weights that it was compared with does not fit, a line for each layer."""
        problems = [(row.name, row.weights.problems) for row in self.rows if row.weights]
        return [f"{name}: {'; '.join(found)}" for name, found in problems if found]

    def without_splits(self) -> list[Row]:
        """The rows without those inserted; their bytes go to the layer that they split."""
        result: list[Row] = []
        for row in self.rows:
            if row.inserted and result:
                maker = result[-1]
                diffs, data = maker.diffs + row.diffs, maker.data + row.data
                result[-1] = replace(maker, diffs=diffs, data=data)
            else:
                result.append(row)
        return result


def summarize(
    definition: NetParameter,
    state: NetState,
    inputs: Mapping[str, Shape] | None = None,
    device: Device | None = None,
) -> Summary:
    """What ``definition`` is made of in ``state``.

    Nothing is run, no parameter gets memory, no file is written. A layer whose data is missing
    has the shapes that its definition implies.

    Args:
        definition: of today's format.
        state: phase, level and stages.
        inputs: shapes for the tops of layers that have no bottoms, whose data is not looked at.
        device: that it is for; None for the CPU.

    Raises:
        NetError: a shape is neither given, nor in the definition, nor in the data; or one of
            ``inputs`` is no blob that a layer without bottoms makes.
        MinicaffeError: the net cannot be built.
    """
    device = replace(device or cpu(0), shapes_only=True)
    written = filter_layers(definition, state)
    runnable, guessed = replace_data(written, inputs or {}, device)
    net = Net(runnable, state, device)
    with closing(net):
        types = {(layer.name, *layer.top): layer.type for layer in written.layer}
        rows = list(_rows(net, types))
    sources = [
        (name, blob.shape)
        for step in net.steps
        for name, blob in zip(step.top_names, step.top, strict=True)
        if not (step.bottom or step.layer.blobs)
    ]
    batch = sources[0][1][0] if sources and sources[0][1] else 0
    phase = Phase.Name(state.phase)
    trains = any(step.needs_backward for step in net.steps)
    return Summary(net.name, phase, str(net.dtype), rows, sources, batch, trains, guessed, net)


def check_weights(summary: Summary, path: str | Path) -> Check:
    """Compare ``summary`` with the weights in ``path``: sets ``weights`` of its rows.

    Nothing is loaded into the net. Where a name stands twice in it, the first layer is that which
    would get the weights.

    Raises:
        PrototxtError: no such file, or not one of weights.
        WeightsError: an array in it cannot be read.
    """
    types: dict[str, None] = {}
    with open_weights(path) as layers:
        unused = {layer.name: layer for layer in layers}
        for row, step in zip(summary.rows, summary.net.steps, strict=True):
            stored = unused.pop(row.name, None)
            if step.layer.blobs or (stored is not None and stored.blobs):
                row.weights = _match(summary.net, step.layer, stored, types)
    with open_file(path) as file:
        kind = ", ".join([files.kind(file.read(files.HEAD)), *types])
    return Check(str(path), kind, [name for name, layer in unused.items() if layer.blobs])


def _match(net: Net, layer: Layer, stored: StoredLayer | None, types: dict[str, None]) -> Match:
    """What is ``stored`` for ``layer``; adds the types of its numbers to ``types``."""
    if stored is None:
        return Match()
    owned = {id(param.blob) for param in net.params}
    count = zeros = 0
    problems = []
    for index, blob in enumerate(layer.blobs):
        found = stored.blobs.get(index)
        if found is None and (stored.keeps_shared or id(blob) in owned):
            problems.append(f"blobs[{index}] is not in the file")
        elif found is not None and not found.fits(blob.shape):
            shapes = shape_text(found.shape), shape_text(blob.shape)
            problems.append(f"blobs[{index}] is {shapes[0]} in the file, {shapes[1]} in the net")
    for index, found in sorted(stored.blobs.items()):
        try:
            found.check()
        except WeightsError as error:
            problems.append(f"blobs[{index}] {error}")
        else:
            array = found.array()
            types[str(array.dtype)] = None
            count += array.size
            zeros += array.size - int(np.count_nonzero(array))
        if index >= len(layer.blobs):
            problems.append(f"blobs[{index}] is not in the net")
    return Match(count, zeros, tuple(problems))


def shape_text(shape: Shape) -> str:
    """``64x3x5x5``; a blob without axes, which holds one number, is ``scalar``."""
    return "x".join(map(str, shape)) or "scalar"


def _rows(net: Net, types: Mapping[tuple[str, ...], str]) -> Iterator[Row]:
    """A row for each layer of ``net``; ``types`` has those of the definition, by name and tops."""
    counted: set[int] = set()  # memories, by their identity: the net keeps them alive
    wanted = _wanted_diffs(net)
    owned = {id(param.blob) for param in net.params}
    trains = any(step.needs_backward for step in net.steps)
    size = net.dtype.itemsize

    def new(memory: object, count: int) -> int:
        """Bytes of ``memory``, unless they have been counted."""
        if id(memory) in counted:
            return 0
        counted.add(id(memory))
        return count * size

    for step in net.steps:
        layer, names = step.layer, list(step.layer.param.top)
        key = (step.name, *names)
        own = sum(blob.count for blob in layer.blobs if id(blob) in owned)
        yield Row(
            name=step.name,
            type=types.get(key, layer.type),
            tops=[(name, blob.shape) for name, blob in zip(names, step.top, strict=False)],
            blobs=[blob.shape for blob in layer.blobs],
            parameters=own,
            shared=sum(blob.count for blob in layer.blobs) - own,
            multiply_adds=layer.multiply_adds(step.bottom, step.top),
            data=sum(new(blob.memories[0], blob.count) for blob in step.top),
            diffs=sum(
                new(blob.memories[1], blob.count)
                for blob in step.top
                if id(blob.memories[1]) in wanted
            ),
            parameter_data=own * size,
            parameter_diffs=own * size if trains else 0,
            in_place=bool(step.top) and all(any(t is b for b in step.bottom) for t in step.top),
            inserted=key not in types,
        )


def _wanted_diffs(net: Net) -> set[int]:
    """The memories of the gradients that a backward pass reads or writes, by their identity."""
    blobs: list[Blob] = []
    for step in net.steps:
        works = step.needs_backward and (step.bottom or step.layer.blobs)
        blobs += step.top if works else []
        blobs += [b for b, down in zip(step.bottom, step.propagate_down, strict=True) if down]
        blobs += [b for b, w in zip(step.top, step.layer.loss_weights, strict=True) if w]
    return {id(blob.memories[1]) for blob in blobs}
