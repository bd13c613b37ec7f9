"""Looking for what went wrong: the magnitudes that ``debug_info`` logs, and the first NaN.

After: src/caffe/net.cpp (ForwardDebugInfo, BackwardDebugInfo).
"""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe import glog
from minicaffe.backward import Step
from minicaffe.device import Array, Device
from minicaffe.errors import NotANumberError, layer_context
from minicaffe.param_list import Param


def forward(step: Step) -> None:
    """After a layer's forward: its tops and its parameters."""
    for name, blob in zip(step.top_names, step.top, strict=True):
        _line("[Forward]", step, f"top blob {name} data", _mean(blob.device, blob.data))
    for label, blob in zip(_labels(step), step.layer.blobs, strict=True):
        _line("[Forward]", step, f"param blob {label} data", _mean(blob.device, blob.data))


def backward(step: Step) -> None:
    """After a layer's backward: the gradients it wrote."""
    for name, blob, wanted in zip(step.bottom_names, step.bottom, step.propagate_down, strict=True):
        if wanted:
            _line("[Backward]", step, f"bottom blob {name} diff", _mean(blob.device, blob.diff))
    for label, blob, wanted in zip(
        _labels(step), step.layer.blobs, step.layer.param_propagate_down, strict=True
    ):
        if wanted:
            _line("[Backward]", step, f"param blob {label} diff", _mean(blob.device, blob.diff))


def totals(params: Sequence[Param]) -> None:
    """After the whole backward pass: the norms of all parameters and all gradients."""
    sums = [0.0] * 4
    for param in params:
        to_numpy = param.blob.device.to_numpy
        for index, array in enumerate((param.blob.data, param.blob.diff)):
            sums[index] += float(to_numpy(abs(array).sum()))
            sums[2 + index] += float(to_numpy((array * array).sum()))
    l1 = f"({glog.number(sums[0])}, {glog.number(sums[1])})"
    l2 = f"({glog.number(sums[2] ** 0.5)}, {glog.number(sums[3] ** 0.5)})"
    glog.info(
        "net.cpp:657",
        f"    [Backward] All net params (data, diff): L1 norm = {l1}; L2 norm = {l2}",
    )


def refuse_nan(steps: Sequence[Step]) -> None:
    """Name the first layer whose tops hold a NaN.

    Raises:
        NotANumberError: there is one; says whether its parameters, its bottoms or neither had it.
    """
    for step in steps:
        named = zip(step.top_names, step.top, strict=True)
        found = [name for name, blob in named if bool((blob.data != blob.data).any())]
        if not found:
            continue
        with layer_context(step.layer.param, "forward"):
            for index, blob in enumerate(step.layer.blobs):
                if not bool(blob.device.xp.isfinite(blob.data).all()):
                    raise NotANumberError(
                        f"blobs[{index}] holds NaN or infinity, expected numbers: an earlier "
                        "update went too far; lower base_lr, or set clip_gradients"
                    )
            outside = not step.bottom
            raise NotANumberError(
                f"top {found[0]!r} holds NaN, expected numbers: "
                + ("the data has it" if outside else "the first layer of the net to make one")
            )


def _labels(step: Step) -> list[str]:
    given = [spec.name for spec in step.layer.param.param]
    return [(given[i] if i < len(given) else "") or str(i) for i, _ in enumerate(step.layer.blobs)]


def _mean(device: Device, array: Array) -> float:
    return float(device.to_numpy(abs(array).sum())) / max(1, int(array.size))


def _line(direction: str, step: Step, what: str, value: float) -> None:
    where = "net.cpp:603" if direction == "[Forward]" else "net.cpp:620"
    glog.info(where, f"    {direction} Layer {step.name}, {what}: {glog.number(value)}")
