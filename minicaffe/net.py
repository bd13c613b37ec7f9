"""Net: layers joined by blobs, run forward and backward.

After: src/caffe/net.cpp. A layer works in place only on a blob that no other blob shares; where
the original would write into data that another layer still reads, it gets a top of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import DTypeLike

from minicaffe import debug, glog
from minicaffe.backward import Step, mark_backward
from minicaffe.blob import Blob
from minicaffe.device import Array, Device, cpu
from minicaffe.errors import NetError
from minicaffe.fusion import Stage, stages
from minicaffe.graph import prepare
from minicaffe.layers import Layer, create_layer
from minicaffe.param_list import ParamList, check_same, share_blobs
from minicaffe.proto.minicaffe_pb2 import LayerParameter, NetParameter, NetState
from minicaffe.proto.text import to_text

Hook = Callable[[int], object]


@dataclass
class Hooks:
    """What is called with the index of each layer that a net runs.

    Those around backward are called for layers without a gradient too.
    """

    before_forward: list[Hook] = field(default_factory=list)
    after_forward: list[Hook] = field(default_factory=list)
    before_backward: list[Hook] = field(default_factory=list)
    after_backward: list[Hook] = field(default_factory=list)


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
        hooks: called before and after each layer.
        is_lean: blobs are overwritten as soon as whole passes need them no more.
        memory: bytes of all tops, as the original counts them.
        stages: ``steps``, divided into those that run as one.
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
        self.hooks = Hooks()
        self.is_lean = False
        self.memory = 0
        params, unread = ParamList(), dict[str, None]()
        try:
            for param in self.definition.layer:
                self._append(param, params, unread)
        except BaseException:
            self.close()
            raise
        self.params = params.learned
        mark_backward(self.steps, force=self.definition.force_backward)
        self.stages = stages(self.steps)
        self._runs = _runs(self.stages)
        self.outputs = sorted(unread)
        self._log_summary()

    def forward(self, first: int = 0, last: int | None = None) -> Array | float:
        """Run layers ``first`` to ``last``, that one too; None: to the end.

        Returns:
            The weighted sum of their losses, a scalar on the device.
        """
        total: Array | float = 0.0
        stop = len(self.steps) if last is None else last + 1
        before, after = self.hooks.before_forward, self.hooks.after_forward
        watched = bool(before or after or self.debug_info)
        if not watched and stop - first == len(self.steps):
            return self._forward_stages()
        self._unfold()
        for index, step in enumerate(self.steps[first:stop], first):
            if watched:
                _call(before, index)
            step.layer.run_forward(step.bottom, step.top)
            if step.is_loss:
                total = total + step.layer.loss(step.top)
            if watched:
                if self.debug_info:
                    debug.forward(step)
                _call(after, index)
        return total

    def backward(self, first: int | None = None, last: int = 0) -> None:
        """Run those layers that a gradient is wanted of, ``first`` down to ``last``, that one too.

        Args:
            first: None: from the end.
            last: the lowest.
        """
        start = len(self.steps) - 1 if first is None else first
        before, after = self.hooks.before_backward, self.hooks.after_backward
        if not (before or after or self.debug_info) and start - last + 1 == len(self.steps):
            for stage in reversed(self.stages):
                stage.backward()
            return
        self._unfold()
        for index in range(start, last - 1, -1):
            step = self.steps[index]
            _call(before, index)
            if step.needs_backward:
                step.layer.run_backward(step.top, step.propagate_down, step.bottom)
                if self.debug_info:
                    debug.backward(step)
            _call(after, index)
        if self.debug_info:
            debug.totals(self.params)

    def _forward_stages(self) -> Array | float:
        total: Array | float = 0.0
        for runs, losses in self._runs:
            for run in runs:
                run()
            for step in losses:
                total = total + step.layer.loss(step.top)
        return total

    def _unfold(self) -> None:
        """From now on the layers run one by one."""
        if self.is_lean:
            raise NetError(
                "layers are run one by one in a net whose blobs share memory, expected whole "
                "passes: build it without share_all"
            )
        for stage in self.stages:
            stage.unfold()

    def reshape(self) -> None:
        """Give every blob the shape that follows from the inputs'; computes nothing."""
        for step in self.steps:
            step.layer.run_reshape(step.bottom, step.top)

    def forget_shapes(self) -> None:
        """Let each layer reshape when it runs next: the caller has changed a blob's shape."""
        for step in self.steps:
            step.layer.forget_shapes()

    def clear_param_diffs(self) -> None:
        """Set the gradients of all parameters to zero, as before the passes of an iteration."""
        for param in self.params:
            param.blob.diff[...] = 0

    def share_weights(self, other: Net) -> None:
        """Use the parameters of ``other``, layer by layer of the same name, from now on.

        Where no layer that has parameters has a name of the other net, nothing is shared, and the
        log warns.

        Raises:
            ParamSharingError: layers of one name have parameters of different shapes.
        """
        mine = {step.name: step.layer for step in reversed(self.steps)}
        known = [step for step in other.steps if step.name in mine]
        for step in known:
            check_same(mine[step.name].blobs, step.layer.blobs, step.name)
        for step in known:
            share_blobs(mine[step.name].blobs, step.layer.blobs)
        for step in other.steps:
            if step.name not in mine and step.layer.blobs:
                glog.info("net.cpp:677", f"Ignoring source layer {step.name}")
        if self.params and other.params and not any(step.layer.blobs for step in known):
            glog.warning(
                "net.cpp:677",
                "no parameters are shared: no layer of the net has the name of one of the other "
                f"net's: {', '.join(step.name for step in other.steps if step.layer.blobs)}",
            )

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
        top = [self._top(layer, index, bottom) for index in range(len(param.top))]
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

    def _top(self, layer: Layer, index: int, bottom: list[Blob]) -> Blob:
        param = layer.param
        name = param.top[index]
        in_place = index < len(bottom) and param.bottom[index] == name
        if in_place:
            glog.info("net.cpp:369", f"{param.name} -> {name} (in-place)")
            if not bottom[index].is_shared and not layer.wants_own_top:
                return bottom[index]
        else:
            glog.info("net.cpp:382", f"{param.name} -> {name}")
        blob = self.blobs[name] = Blob(self.device, (), self.dtype)
        if in_place and not bottom[index].is_shared:
            blob.share_diff(bottom[index])  # as in place: backward writes over it
        return blob

    def _log_step(self, step: Step) -> None:
        glog.info("net.cpp:124", f"Setting up {step.name}")
        for blob, weight in zip(step.top, step.layer.loss_weights, strict=True):
            dims = "".join(f"{dim} " for dim in blob.shape)
            glog.info("net.cpp:131", f"Top shape: {dims}({blob.count})")
            if weight:
                glog.info("net.cpp:134", f"    with loss weight {glog.number(weight)}")
            self.memory += blob.count * self.dtype.itemsize
        glog.info("net.cpp:139", f"Memory required for data: {self.memory}")

    def _log_summary(self) -> None:
        for step in reversed(self.steps):
            if step.needs_backward:
                glog.info("net.cpp:200", f"{step.name} needs backward computation.")
            else:
                glog.info("net.cpp:202", f"{step.name} does not need backward computation.")
        for name in self.outputs:
            glog.info("net.cpp:244", f"This network produces output {name}")
        glog.info("net.cpp:257", "Network initialization done.")


def _runs(stages: Iterable[Stage]) -> list[tuple[list[Callable[[], None]], list[Step]]]:
    """What runs the stages forward, up to each that makes a loss, and the steps that make it."""
    found: list[tuple[list[Callable[[], None]], list[Step]]] = [([], [])]
    for stage in stages:
        found[-1][0].append(_run_of(stage))
        if stage.is_loss:
            found[-1][1].extend(step for step in stage.steps if step.is_loss)
            found.append(([], []))
    return found


def _run_of(stage: Stage) -> Callable[[], None]:
    """What runs ``stage`` forward, on the shortest way: nets have hundreds."""
    if type(stage) is Stage and len(stage.steps) == 1:
        step = stage.steps[0]
        return partial(step.layer.run_forward, step.bottom, step.top)
    return stage.forward


def _call(hooks: Iterable[Hook], index: int) -> None:
    for hook in hooks:
        hook(index)


@contextmanager
def closing(*nets: Net) -> Iterator[None]:
    """Close ``nets`` at the end, also after an error."""
    try:
        yield
    finally:
        for net in nets:
            net.close()
