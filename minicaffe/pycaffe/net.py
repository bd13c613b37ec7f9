"""Net: the class that scripts know from pycaffe, around a net of the engine.

After: python/caffe/pycaffe.py, python/caffe/_caffe.cpp. Differences: names and shapes are checked
before anything runs, and mistakes are exceptions that say what would do; a definition may be a
message or a NetSpec; ``level`` and stages of the definition's own ``state`` count.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from google.protobuf.message import Message

from minicaffe import glog
from minicaffe.layers import Layer as EngineLayer
from minicaffe.layers.memory_data import MemoryData
from minicaffe.net import Net as EngineNet
from minicaffe.proto.files import StrPath
from minicaffe.pycaffe import batches, inputs, mode
from minicaffe.pycaffe.errors import ArgumentError
from minicaffe.pycaffe.log import log_from_environment
from minicaffe.pycaffe.opening import check_file, definition_of, state_of
from minicaffe.pycaffe.structure import Structure
from minicaffe.user_blob import Blob, HostArray
from minicaffe.weights import copy_weights, load_weights, net_to_proto, save_weights

__all__ = ["Net"]

Outputs = dict[str, HostArray]
Hook = Callable[[int], object]


class Net(Structure):
    """A net that can be run, looked into and changed.

    Attributes:
        engine: the net that does the work.
    """

    def __init__(
        self,
        network_file: Any,
        phase: Any,
        level: int | None = None,
        stages: Iterable[str] | None = None,
        weights: Any = None,
    ) -> None:
        """Build a net on the device of the mode, CPU or GPU, that is set now.

        Also ``Net(network_file, weights, phase)``, as old scripts have it.

        Args:
            network_file: path of the definition; or a ``NetParameter``, or a ``NetSpec``.
            phase: TRAIN or TEST.
            level: of the state; None: as the definition says, else 0.
            stages: of the state, besides those that the definition says.
            weights: path of a ``.caffemodel``, or one in HDF5, to copy from.

        Raises:
            MissingFileError: no such file; a RuntimeError.
            MinicaffeError: the definition or the weights are no good; says where and why.
        """
        log_from_environment()
        if isinstance(phase, str | os.PathLike):
            weights, phase, level = phase, level, None
            glog.warning(
                "_caffe.cpp:142",
                "DEPRECATION WARNING - Net(file, weights, phase): write "
                f"Net({os.fspath(network_file)!r}, {phase}, weights={os.fspath(weights)!r})",
            )
        if isinstance(weights, str | os.PathLike):
            check_file(weights)
        definition = definition_of(network_file, phase)
        state = state_of(definition, phase, level, stages)
        self.engine = EngineNet(definition, state, mode.device())
        weakref.finalize(self, _close, [step.layer for step in self.engine.steps])
        if weights is not None:
            self.copy_from(weights)

    @classmethod
    def wrap(cls, engine: EngineNet) -> Net:
        """The Net around ``engine``, whose owner closes it."""
        net = cls.__new__(cls)
        net.engine = engine
        return net

    def __repr__(self) -> str:
        return f"<Net {self.engine.name!r}: {len(self.engine.steps)} layers>"

    def forward(
        self,
        blobs: Sequence[str] | None = None,
        start: str | None = None,
        end: str | None = None,
        **kwargs: Any,
    ) -> Outputs:
        """Run the net, or the layers from ``start`` to ``end``.

        Args:
            blobs: names of blobs to return besides.
            start: name of the layer to begin with.
            end: name of the layer to end with.
            **kwargs: an array for each input, by its name; without any they stay as they are.

        Returns:
            The outputs, or the tops of ``end``: their arrays themselves, not copies.

        Raises:
            UnknownNameError: no layer or blob of such a name; nothing has run.
            ArgumentError: the arrays do not fit the inputs; nothing has run.
        """
        first, last = self._index(start, 0), self._index(end, len(self.engine.steps) - 1)
        _check_order(first <= last, start, end)
        wanted = self._wanted(self._outputs if end is None else self._table.tops[last], blobs)
        if kwargs:
            inputs.check_names(
                kwargs, self.engine.inputs, "Input blob arguments do not match net inputs."
            )
            inputs.fill(self.blobs, "data", kwargs, "Input is not batch sized")
        self.write_back()
        self.engine.forward(first, last)
        return {name: blob.data for name, blob in wanted.items()}

    def backward(
        self,
        diffs: Sequence[str] | None = None,
        start: str | None = None,
        end: str | None = None,
        **kwargs: Any,
    ) -> Outputs:
        """Take gradients down the net, or from layer ``start`` down to ``end``.

        Args:
            diffs: names of blobs whose gradients to return besides.
            start: name of the layer to begin with, the upper one.
            end: name of the layer to end with.
            **kwargs: the gradient of each output, by its name; without any they stay as they
                are: a loss has its weight there.

        Returns:
            The gradients of the inputs, or of the bottoms of ``end``: their arrays themselves.

        Raises:
            UnknownNameError: no layer or blob of such a name; nothing has run.
            ArgumentError: the arrays do not fit the outputs; nothing has run.
        """
        first, last = self._index(start, len(self.engine.steps) - 1), self._index(end, 0)
        _check_order(first >= last, start, end)
        wanted = self._wanted(self._inputs if end is None else self._table.bottoms[last], diffs)
        if kwargs:
            inputs.check_names(
                kwargs, self.engine.outputs, "Top diff arguments do not match net outputs."
            )
            inputs.fill(self.blobs, "diff", kwargs, "Diff is not batch sized")
        self.write_back()
        self.engine.backward(first, last)
        return {name: blob.diff for name, blob in wanted.items()}

    def forward_all(self, blobs: Sequence[str] | None = None, **kwargs: Any) -> Outputs:
        """``forward`` for any number of items, batch after batch; returns copies.

        Args:
            blobs: names of blobs to return besides the outputs.
            **kwargs: an array for each input, by its name.
        """
        return batches.forward_all(self, blobs, kwargs)

    def forward_backward_all(
        self,
        blobs: Sequence[str] | None = None,
        diffs: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> tuple[Outputs, Outputs]:
        """``forward`` and ``backward`` for any number of items, batch after batch.

        Args:
            blobs: names of blobs to return besides the outputs.
            diffs: names of blobs whose gradients to return besides those of the inputs.
            **kwargs: arrays for inputs, and gradients for outputs, by their names.

        Returns:
            Copies of the blobs, and of the gradients.
        """
        return batches.forward_backward_all(self, blobs, diffs, kwargs)

    def reshape(self) -> None:
        """Give every blob the shape that follows from the inputs'; computes nothing."""
        self.write_back()
        self.engine.reshape()

    def clear_param_diffs(self) -> None:
        """Set the gradients of all parameters to zero: backward adds to them."""
        self.write_back()
        self.engine.clear_param_diffs()

    def set_input_arrays(self, data: Any, labels: Any) -> None:
        """Let the net's MemoryData layer take its batches from these arrays, round and round.

        Float32 arrays in C order are used as they are; others are converted.

        Args:
            data: (M, C, H, W), M a multiple of batch_size.
            labels: (M,) or (M, 1, 1, 1).

        Raises:
            ArgumentError: the net has no such layer.
            ShapeError: the arrays have other shapes.
        """
        for step in self.engine.steps:
            if isinstance(step.layer, MemoryData):
                dtype = step.layer.dtype
                arrays = (np.ascontiguousarray(array, dtype) for array in (data, labels))
                step.layer.set_input_arrays(*arrays)
                return
        raise ArgumentError("the net has no MemoryData layer, expected one: it takes the arrays")

    def copy_from(self, weights: Any) -> None:
        """Copy parameters by the names of layers; other layers keep theirs.

        Args:
            weights: path of a ``.caffemodel``, or one in HDF5; or a ``NetParameter``, or a ``Net``.

        Raises:
            MissingFileError: no such file.
            WeightsError: a layer's parameters do not fit; nothing has been copied then.
        """
        self.write_back()
        if isinstance(weights, Net):
            weights.write_back()
            copy_weights(self.engine, net_to_proto(weights.engine))
            return
        if isinstance(weights, Message):
            copy_weights(self.engine, definition_of(weights))
            return
        check_file(weights)
        load_weights(self.engine, weights)

    load_hdf5 = copy_from

    def share_with(self, other: Net) -> None:
        """Use the parameters of ``other``, layer by layer of the same name, from now on.

        Raises:
            ParamSharingError: layers of one name have parameters of different shapes.
        """
        if not isinstance(other, Net):
            raise ArgumentError(f"other is a {type(other).__name__}, expected a Net")
        self.write_back()
        other.write_back()
        self.engine.share_weights(other.engine)

    def save(self, filename: StrPath) -> None:
        """Write the definition and the parameters as a ``.caffemodel``, whole or not at all."""
        self.write_back()
        save_weights(self.engine, os.fspath(filename))

    def save_hdf5(self, filename: StrPath) -> None:
        """Write the parameters in HDF5, whole or not at all."""
        self.write_back()
        save_weights(self.engine, os.fspath(filename), as_hdf5=True)

    def before_forward(self, hook: Hook) -> None:
        """Call ``hook`` with the index of each layer before it runs forward."""
        self.engine.hooks.before_forward.append(self._hook(hook))

    def after_forward(self, hook: Hook) -> None:
        """Call ``hook`` with the index of each layer that has run forward."""
        self.engine.hooks.after_forward.append(self._hook(hook))

    def before_backward(self, hook: Hook) -> None:
        """Call ``hook`` with the index of each layer before it runs backward."""
        self.engine.hooks.before_backward.append(self._hook(hook))

    def after_backward(self, hook: Hook) -> None:
        """Call ``hook`` with the index of each layer that has run backward."""
        self.engine.hooks.after_backward.append(self._hook(hook))

    def write_back(self) -> None:
        """Tell the engine what has been done to blobs: shapes changed, arrays of the host written.

        Every method here does it first; whoever runs ``engine`` does it before.
        """
        if self._reshaped:
            self._reshaped.clear()
            self.engine.forget_shapes()
        if self.engine.device.xp is not np:
            _write_back(self._all_blobs)

    def _forward(self, start: int, end: int) -> float:
        """Run layers ``start`` to ``end``, by index; returns the sum of their losses, weighted."""
        self._check_indexes(start, end)
        self.write_back()
        return float(self.engine.forward(start, end))

    def _backward(self, start: int, end: int) -> None:
        """Run layers ``start`` down to ``end`` backward, by index."""
        self._check_indexes(start, end)
        self.write_back()
        self.engine.backward(start, end)

    def _wanted(self, numbers: Iterable[int], names: Iterable[str] | None) -> dict[str, Blob]:
        """The blobs of these numbers, and those of these names, by name."""
        wanted = {self._blob_names[number]: self._blobs[number] for number in numbers}
        if names:
            wanted.update((name, self.blobs[name]) for name in names)
        return wanted

    def _hook(self, hook: Hook) -> Hook:
        """``hook``, after which the device gets what it may have written."""
        if self.engine.device.xp is np:
            return hook
        blobs = self._all_blobs

        def run(index: int) -> None:
            hook(index)
            _write_back(blobs)

        return run

    def _check_indexes(self, *indexes: int) -> None:
        count = len(self.engine.steps)
        for index in indexes:
            if not 0 <= index < count:
                raise ArgumentError(f"layer {index} is asked for, expected one of 0..{count - 1}")


def _check_order(right: bool, start: str | None, end: str | None) -> None:
    if not right:
        raise ArgumentError(f"start is {start!r} and end {end!r}, expected them the other way")


def _write_back(blobs: Iterable[Blob]) -> None:
    for blob in blobs:
        blob.write_back()


def _close(layers: Iterable[EngineLayer]) -> None:
    for layer in layers:
        layer.close()
