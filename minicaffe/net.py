"""Net: layers joined by blobs, run forward and backward.

After: src/caffe/net.cpp. A layer works in place only on a blob that no other blob shares; where
the original would write into data that another layer still reads, it gets a top of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import DTypeLike

from minicaffe import debug, glog
from minicaffe.backward import Step, mark_backward
from minicaffe.blob import Blob
from minicaffe.device import Array, Device, cpu
from minicaffe.graph import prepare
from minicaffe.layers import create_layer
from minicaffe.param_list import ParamList, share_blobs
from minicaffe.proto.minicaffe_pb2 import LayerParameter, NetParameter, NetState
from minicaffe.proto.text import to_text


class Net:
    """A definition, built on a device for one state.

    Attributes:
        name: of the definition.
        definition: as it is run: filtered, with its splits.
        device: what it is built on.
        steps: its layers, each with its blobs, in order.
        blobs: name to blob, in order of making.
        params: its learned parameters, shared ones once.
        inputs: names of the blobs that the caller fills.
        outputs: names of the blobs that no layer reads, sorted.
        loss_weights: name to its factor in the loss, for the blobs that are losses.
        debug_info: log the mean magnitude of everything computed.
    """

    def __init__(
        self,
        definition: NetParameter,
        state: NetState | None = None,
        device: Device | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.device = device or cpu()
        self.definition = prepare(definition, state or definition.state)
        if glog.is_on():
            text = to_text(self.definition)
            glog.info("net.cpp:53", f"Initializing net from parameters: \n{text}")
        self.name = self.definition.name
        self.dtype = np.dtype(dtype)
        self.debug_info = bool(definition.debug_info)
        self.blobs: dict[str, Blob] = {}
        self.steps: list[Step] = []
        self.inputs: list[str] = []
        self.loss_weights: dict[str, float] = {}
        self._memory = 0
        params, unread = ParamList(), dict[str, None]()
        try:
            for param in self.definition.layer:
                self._append(param, params, unread)
        except BaseException:
            self.close()
            raise
        self.params = params.learned
        mark_backward(self.steps, force=self.definition.force_backward)
        self.outputs = sorted(unread)
        self._log_summary()

    def forward(self) -> Array | float:
        """Run every layer, first to last.

        Returns:
            The weighted sum of the losses, a scalar on the device.
        """
        total: Array | float = 0.0
        for step in self.steps:
            step.layer.run_forward(step.bottom, step.top)
            if any(step.layer.loss_weights):
                total = total + step.layer.loss(step.top)
            if self.debug_info:
                debug.forward(step)
        return total

    def backward(self) -> None:
        """Run every layer that a gradient is wanted of, last to first."""
        for step in reversed(self.steps):
            if step.needs_backward:
                step.layer.run_backward(step.top, step.propagate_down, step.bottom)
                if self.debug_info:
                    debug.backward(step)
        if self.debug_info:
            debug.totals(self.params)

    def reshape(self) -> None:
        """Give every blob the shape that follows from the inputs'; computes nothing."""
        for step in self.steps:
            step.layer.run_reshape(step.bottom, step.top)

    def clear_param_diffs(self) -> None:
        """Set the gradients of all parameters to zero, as before the passes of an iteration."""
        for param in self.params:
            param.blob.diff[...] = 0

    def share_weights(self, other: Net) -> None:
        """Use the parameters of ``other``, layer by layer of the same name, from now on.

        Raises:
            ParamSharingError: layers of one name have parameters of different shapes.
        """
        mine = {step.name: step.layer for step in reversed(self.steps)}
        for step in other.steps:
            if step.name in mine:
                share_blobs(mine[step.name].blobs, step.layer.blobs, step.name)
            elif step.layer.blobs:
                glog.info("net.cpp:677", f"Ignoring source layer {step.name}")

    def output_values(self) -> Iterator[tuple[str, float, float]]:
        """Name, value and loss weight of each element of each output, in the log's order."""
        for name in self.outputs:
            weight = self.loss_weights.get(name, 0.0)
            for value in self.device.to_numpy(self.blobs[name].data).reshape(-1):
                yield name, float(value), weight

    def close(self) -> None:
        """Stop the threads and release the files of every layer."""
        for step in self.steps:
            step.layer.close()

    def _append(self, param: LayerParameter, params: ParamList, unread: dict[str, None]) -> None:
        """Create the layer, join it to its blobs, and set it up: shapes are then known."""
        if not param.HasField("phase"):
            param.phase = self.definition.state.phase
        glog.info("layer_factory.hpp:77", f"Creating layer {param.name}")
        layer = create_layer(param, self.device, self.dtype)
        glog.info("net.cpp:86", f"Creating Layer {param.name}")
        bottom = [self.blobs[name] for name in param.bottom]
        for name in param.bottom:
            glog.info("net.cpp:408", f"{param.name} <- {name}")
            unread.pop(name, None)
        top = [self._top(param, index, bottom) for index in range(len(param.top))]
        unread.update(dict.fromkeys(param.top))
        missing = layer.num_top.least - len(top) if layer.auto_top else 0
        top += [Blob(self.device, (), self.dtype) for _ in range(missing)]
        layer.initialize(bottom, top)
        names = [*param.top, *["(automatic)"] * missing]
        step = Step(layer, bottom, top, list(param.bottom), names)
        self.steps.append(step)
        params.append(layer)
        if layer.is_input:
            self.inputs += list(param.top)
        for name, weight in zip(names, layer.loss_weights, strict=True):
            if weight:
                self.loss_weights[name] = weight
        self._log_step(step)

    def _top(self, param: LayerParameter, index: int, bottom: list[Blob]) -> Blob:
        name = param.top[index]
        in_place = index < len(bottom) and param.bottom[index] == name
        if in_place and not bottom[index].is_shared:
            glog.info("net.cpp:369", f"{param.name} -> {name} (in-place)")
            return bottom[index]
        glog.info("net.cpp:382", f"{param.name} -> {name}")
        self.blobs[name] = Blob(self.device, (), self.dtype)
        return self.blobs[name]

    def _log_step(self, step: Step) -> None:
        glog.info("net.cpp:124", f"Setting up {step.name}")
        for blob, weight in zip(step.top, step.layer.loss_weights, strict=True):
            dims = "".join(f"{dim} " for dim in blob.shape)
            glog.info("net.cpp:131", f"Top shape: {dims}({blob.count})")
            if weight:
                glog.info("net.cpp:134", f"    with loss weight {glog.number(weight)}")
            self._memory += blob.count * self.dtype.itemsize
        glog.info("net.cpp:139", f"Memory required for data: {self._memory}")

    def _log_summary(self) -> None:
        for step in reversed(self.steps):
            if step.needs_backward:
                glog.info("net.cpp:200", f"{step.name} needs backward computation.")
            else:
                glog.info("net.cpp:202", f"{step.name} does not need backward computation.")
        for name in self.outputs:
            glog.info("net.cpp:244", f"This network produces output {name}")
        glog.info("net.cpp:257", "Network initialization done.")


@contextmanager
def closing(*nets: Net) -> Iterator[None]:
    """Close ``nets`` at the end, also after an error."""
    try:
        yield
    finally:
        for net in nets:
            net.close()
