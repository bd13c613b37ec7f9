"""One net run as it is divided into stages, and run layer by layer."""

from __future__ import annotations

import numpy as np
from google.protobuf import text_format

from minicaffe.device import Device
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import TRAIN, NetParameter, NetState


def make(device: Device, text: str, phase: int = TRAIN, dtype: type = np.float64) -> Net:
    """A net with random values in every input and parameter."""
    net = Net(text_format.Parse(text, NetParameter()), NetState(phase=phase), device, dtype)
    rng = np.random.default_rng(7)
    for name in net.inputs:
        fill(net.blobs[name], rng.standard_normal(net.blobs[name].shape))
    for step in net.steps:
        for blob in step.layer.blobs:
            fill(blob, rng.uniform(0.5, 2, blob.shape))
    return net


def fill(blob, values):
    blob.data[...] = blob.device.xp.asarray(values.astype(blob.dtype))


def kinds(net: Net) -> list[list[str]]:
    """Types of the layers of each stage that has several."""
    found = [[step.layer.type for step in stage.steps] for stage in net.stages]
    return [types for types in found if len(types) > 1]


def watch(net: Net, *, forward: bool, backward: bool) -> None:
    """Let the layers run one by one, as they do when someone looks on."""
    hooks = net.hooks
    hooks.before_forward[:] = [lambda index: None] * forward
    hooks.before_backward[:] = [lambda index: None] * backward


def run(net: Net, *, forward: bool = False, backward: bool = False) -> dict[str, np.ndarray]:
    """Everything that a pass leaves behind.

    Args:
        net: of ``make``.
        forward: layer by layer.
        backward: likewise.
    """
    watch(net, forward=forward, backward=backward)
    net.clear_param_diffs()
    found = {"loss": np.asarray(net.device.to_numpy(net.device.xp.asarray(net.forward())))}
    net.backward()
    numpy = net.device.to_numpy
    for name, blob in net.blobs.items():
        found[f"data of {name}"] = numpy(blob.data).copy()
    for step in net.steps:
        for index, blob in enumerate(step.layer.blobs):
            found[f"{step.name} {index}"] = numpy(blob.data).copy()
            found[f"gradient of {step.name} {index}"] = numpy(blob.diff).copy()
        if step.name == "first":
            found["gradient of the first"] = numpy(step.bottom[0].diff).copy()
    return found


def check_same(device_of, text: str, types: list[list[str]], **kwargs) -> None:
    """However it is divided, what a net of ``text`` leaves behind is the same, twice over."""
    expected = [
        run(net, forward=True, backward=True) for net in [make(device_of(), text, **kwargs)] * 2
    ]
    ways = [{}, {"backward": True}, {"forward": True}]
    for way in ways:
        net = make(device_of(), text, **kwargs)
        assert kinds(net) == types
        for right in expected:
            found = run(net, **way)
            assert found.keys() == right.keys()
            for name, value in right.items():
                np.testing.assert_allclose(
                    found[name], value, rtol=1e-9, atol=1e-9, err_msg=f"{way} {name}"
                )
