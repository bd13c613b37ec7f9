"""Memory that blobs share: less of it, and every number as before."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format

import minicaffe.models
from minicaffe import buffers
from minicaffe.buffers import share_all, share_data, share_diffs
from minicaffe.device import cpu
from minicaffe.errors import NetError
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN, NetParameter, NetState

MODELS = Path(minicaffe.models.__path__[0])


def classic(folder, **options):
    return runpy.run_path(str(MODELS / folder / "net.py"))["net"](batch=2, **options).to_proto()


NETS = {
    "googlenet": lambda: classic("googlenet", size=64, classes=7),
    "resnet": lambda: classic("resnet", size=64, classes=7),
    "squeezenet": lambda: classic("squeezenet", size=67, classes=7),
    "lenet": lambda: classic("lenet"),
}
ODD = """
layer { name: "in" type: "Input" top: "in" input_param { shape { dim: 8 dim: 3 dim: 16 dim: 20 } } }
layer { name: "a" type: "Convolution" bottom: "in" top: "a"
  convolution_param { num_output: 4 kernel_size: 1 weight_filler { type: "xavier" } } }
layer { name: "flat" type: "Flatten" bottom: "a" top: "flat" }
layer { name: "back" type: "Reshape" bottom: "flat" top: "back"
  reshape_param { shape { dim: 0 dim: 4 dim: 320 } } }
layer { name: "slice" type: "Slice" bottom: "back" top: "one" top: "two" slice_param { axis: 2 } }
layer { name: "tanh" type: "TanH" bottom: "one" top: "one" }
layer { name: "sum" type: "Eltwise" bottom: "one" bottom: "two" top: "sum" }
layer { name: "ip" type: "InnerProduct" bottom: "sum" top: "ip"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "ip" bottom: "to" top: "loss" loss_weight: 2 }
layer { name: "again" type: "Reduction" bottom: "two" top: "again" loss_weight: 0.5
  reduction_param { operation: SUMSQ } }
layer { name: "seen" type: "Power" bottom: "sum" top: "seen" power_param { power: 2 } }
""".replace(
    'layer { name: "a"',
    """layer { name: "to" type: "Input" top: "to"
  input_param { shape { dim: 8 dim: 3 } } }
layer { name: "a\"""",
    1,
)


def definition(name):
    return text_format.Parse(ODD, NetParameter()) if name == "odd" else NETS[name]()


def make(device, name, phase):
    net = Net(
        definition(name), NetState(phase=phase), replace(device, rng=np.random.default_rng(5))
    )
    rng = np.random.default_rng(6)
    for top in net.inputs:
        shape = net.blobs[top].shape
        values = rng.integers(0, 7, shape) if top == "label" else rng.standard_normal(shape)
        net.blobs[top].data[...] = device.xp.asarray(values.astype(np.float32))
    return net


def outcome(net, *, backward):
    """Outputs, gradients and parameters after two passes."""
    numpy, found = net.device.to_numpy, []
    for _ in range(2):
        net.clear_param_diffs()
        net.forward()
        found += [numpy(net.blobs[name].data).copy() for name in net.outputs]
        if backward:
            net.backward()
            found += [numpy(param.blob.diff).copy() for param in net.params]
    return found


WAYS = [(TRAIN, share_diffs), (TRAIN, share_all), (TEST, share_data)]


@pytest.mark.parametrize("name", ["odd", *NETS])
@pytest.mark.parametrize(("phase", "share"), WAYS)
def test_the_numbers_are_those_without(name, phase, share):
    plain, lean = (make(cpu(), name, phase) for _ in range(2))
    assert share(lean).saved > 0
    for found, expected in zip(
        outcome(lean, backward=phase == TRAIN), outcome(plain, backward=phase == TRAIN), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_on_every_device(device):
    plain, lean = (make(device, "odd", TRAIN) for _ in range(2))
    share_all(lean)
    for found, expected in zip(
        outcome(lean, backward=True), outcome(plain, backward=True), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def memory(net):
    """Bytes in all that hold data or gradients of a net's blobs."""
    found = {}
    for step in net.steps:
        for blob in [*step.bottom, *step.top]:
            for memory in blob.memories:
                array = memory.array
                while getattr(array, "base", None) is not None:
                    array = array.base
                if array is not None:
                    found[id(array)] = array.nbytes
    return sum(found.values())


@pytest.mark.parametrize(
    ("name", "phase", "share", "most"),
    [
        ("googlenet", TRAIN, share_diffs, 0.7),
        ("googlenet", TRAIN, share_all, 0.45),
        ("googlenet", TEST, share_data, 0.35),
        ("resnet", TRAIN, share_all, 0.42),
        ("resnet", TEST, share_data, 0.25),
    ],
)
def test_less_memory(name, phase, share, most):
    plain, lean = (make(cpu(), name, phase) for _ in range(2))
    saved = share(lean).saved
    for net in (plain, lean):
        outcome(net, backward=phase == TRAIN)
    assert memory(lean) <= most * memory(plain)
    assert saved == pytest.approx(memory(plain) - memory(lean), rel=0.15)  # gaps, small ones


def test_arrays_that_live_at_the_same_time_lie_apart():
    net = make(cpu(), "googlenet", TRAIN)
    lives = [*buffers._data(net, (), backward=True), *buffers._diffs(net)]
    size = buffers._place(lives, 256)
    for index, one in enumerate(lives):
        assert 0 <= one.offset <= one.offset + one.size <= size
        assert one.offset % 256 == 0
        for other in lives[:index]:
            if one.birth <= other.death and other.birth <= one.death:
                first, second = sorted([one, other], key=lambda life: life.offset)
                assert first.offset + first.size + 256 <= second.offset


def test_layers_of_a_lean_net_are_not_run_one_by_one():
    net = make(cpu(), "resnet", TRAIN)
    share_all(net)
    net.forward()
    net.backward()
    with pytest.raises(NetError, match="share memory, expected whole passes"):
        net.forward(last=3)
    net.hooks.before_backward.append(print)
    with pytest.raises(NetError, match="share memory, expected whole passes"):
        net.backward()


def test_what_is_kept_is_there():
    plain, lean = (make(cpu(), "googlenet", TEST) for _ in range(2))
    share_data(lean, ["inception_3a/output"])
    for net in (plain, lean):
        net.forward()
    for name in ("inception_3a/output", "data", "prob"):
        np.testing.assert_array_equal(lean.blobs[name].data, plain.blobs[name].data)


def test_larger_inputs_find_room():
    plain, lean = (make(cpu(), "odd", TRAIN) for _ in range(2))
    share_all(lean)
    for net in (plain, lean):
        net.forward()
        net.backward()
        net.blobs["in"].reshape((11, 3, 16, 20))
        net.blobs["to"].reshape((11, 3))
        values = np.random.default_rng(1).standard_normal((11, 3, 16, 20))
        net.blobs["in"].data[...] = values
        net.blobs["to"].data[...] = 0.5
    results = [outcome(net, backward=True) for net in (plain, lean)]
    for found, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(found, expected)
