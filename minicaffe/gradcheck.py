"""Gradient checks of whole nets: every layer by itself, on the data that reaches it there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from minicaffe.backward import Step
from minicaffe.errors import LayerConfigError, NetError, did_you_mean
from minicaffe.net import Net
from minicaffe.testing import Comparison, compare_gradients


@dataclass
class Result:
    """The gradient for one bottom or parameter of one layer.

    Attributes:
        layer: name of the layer.
        layer_type: its type.
        blob: "bottom[0]", "blobs[1]"; empty where the layer has no gradient to check.
        checked: number of elements compared.
        worst: the comparison with the largest error.
        note: why nothing was compared.
    """

    layer: str
    layer_type: str
    blob: str = ""
    checked: int = 0
    worst: Comparison | None = None
    note: str = ""

    def passes(self, tolerance: float) -> bool:
        """Whether all that was compared agrees; a NaN does not."""
        return self.worst is None or self.worst.error <= tolerance


def check_net(
    net: Net, *, only: str | None = None, samples: int = 20, tolerance: float = 1e-5
) -> Iterator[Result]:
    """Check the layers of ``net`` in order, each with what the ones before it compute.

    A difference across a kink (a ReLU near zero, a tie for a maximum) is taken again with a
    step a hundredth as large; a wrong gradient is as wrong then.

    Args:
        net: built in float64; its inputs are filled here.
        only: name of the one layer to check.
        samples: elements of each blob to compare.
        tolerance: error from which the smaller step is tried.

    Raises:
        NetError: there is no layer ``only``, or the net is not of float64.
    """
    names = [step.name for step in net.steps]
    if only is not None and only not in names:
        raise NetError(f"layer {only!r} is not in the net: {did_you_mean(only, names)}")
    if net.dtype != np.float64:
        raise NetError(f"the net is of {net.dtype}, expected float64: float32 hides errors")
    fill_inputs(net)
    fill_zeros(net)
    for step in net.steps:
        if only in (None, step.name):
            yield from _check(step, samples, tolerance)
        step.layer.run_forward(step.bottom, step.top)


def fill_inputs(net: Net) -> None:
    """Random values for the inputs of ``net``: 0 and 1 where a layer takes no gradient for them.

    Those are labels, indices and switches; everything else is normally distributed.
    """
    rng = np.random.default_rng(1701)
    discrete: set[str] = set()
    for step in reversed(net.steps):
        for index, name in enumerate(step.bottom_names):
            behind = step.layer.type == "Split" and not discrete.isdisjoint(step.top_names)
            if behind or not step.layer.allow_force_backward(index):
                discrete.add(name)
    for name in net.inputs:
        blob = net.blobs[name]
        values = rng.standard_normal(blob.shape)
        if name in discrete:
            values = rng.integers(0, 2, blob.shape).astype(float)
        blob.data[...] = net.device.xp.asarray(values)


def fill_zeros(net: Net) -> None:
    """Random values for parameters that start as zeros, which would hide most of a gradient."""
    rng = np.random.default_rng(1702)
    for param in net.params:
        if param.lr_mult and not net.device.to_numpy(param.blob.data).any():
            values = 0.1 * rng.standard_normal(param.blob.shape)
            param.blob.data[...] = net.device.xp.asarray(values)


def _check(step: Step, samples: int, tolerance: float) -> list[Result]:
    layer = step.layer
    checked = [i for i, _ in enumerate(step.bottom) if layer.allow_force_backward(i)]
    if not checked and not any(layer.param_propagate_down):
        return [Result(step.name, layer.type, note="no gradient")]
    results: dict[str, Result] = {}
    try:
        for one in _compare(step, checked, samples, tolerance):
            result = results.setdefault(one.name, Result(step.name, layer.type, one.name))
            result.checked += 1
            if result.worst is None or not one.error <= result.worst.error:
                result.worst = one
    except LayerConfigError as error:
        return [Result(step.name, layer.type, note=str(error.args[0]))]
    return list(results.values())


def _compare(
    step: Step, checked: Sequence[int], samples: int, tolerance: float
) -> Iterator[Comparison]:
    ends = step.layer, step.bottom, step.top
    first = compare_gradients(*ends, checked=checked, samples=samples)
    second: Iterator[Comparison] | None = None
    suspects = list(first)
    if any(not one.error <= tolerance for one in suspects):
        second = compare_gradients(*ends, checked=checked, samples=samples, step=1e-6)
    for one, again in zip(suspects, second or suspects, strict=True):
        yield again if again.error <= one.error else one
