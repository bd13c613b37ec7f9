"""Python: layers that a user writes, found, run, and checked."""

from __future__ import annotations

import sys
from textwrap import dedent

import numpy as np
import pytest

from minicaffe.device import cpu
from minicaffe.errors import LayerConfigError, ShapeError, ValueRangeError
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.proto.text import parse, read_net
from minicaffe.testing import check_gradient
from tests.build import build

MODULE = '''
from __future__ import annotations

import json

import numpy as np

from minicaffe.errors import ValueRangeError
from minicaffe.python_layer import Layer


class SquaredDistance(Layer):
    """Half the squared distance of two batches, an item."""

    def setup(self, bottom, top):
        if len(bottom) != 2:
            raise Exception("two bottoms are needed to take a distance")

    def reshape(self, bottom, top):
        if bottom[0].count != bottom[1].count:
            raise Exception("the bottoms must have the same number of elements")
        self.difference = np.zeros_like(bottom[0].data)
        top[0].reshape(1)

    def forward(self, bottom, top):
        self.difference[...] = bottom[0].data - bottom[1].data
        top[0].data[...] = np.sum(self.difference**2) / bottom[0].num / 2

    def backward(self, top, propagate_down, bottom):
        for i, sign in enumerate((1, -1)):
            if propagate_down[i]:
                bottom[i].diff[...] = sign * top[0].diff[0] * self.difference / bottom[i].num


class Affine(Layer):
    def setup(self, bottom, top):
        told = json.loads(self.param_str)
        assert self.param_str_ == self.param_str
        self.blobs.add_blob(bottom[0].shape[-1])
        self.blobs.add_blob()
        if told.get("fill", True):
            self.blobs[0].data[...] = told["start"]
            self.blobs[-1].data[...] = 2 * told["start"]

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        w, b = self.blobs
        self.x = bottom[0].data.copy()
        top[0].data[...] = w.data * self.x + b.data

    def backward(self, top, propagate_down, bottom):
        dy = top[0].diff.copy()
        if propagate_down[0]:
            bottom[0].diff[...] = dy * self.blobs[0].data
        self.blobs[0].diff[...] += (dy * self.x).reshape(-1, self.x.shape[-1]).sum(axis=0)
        self.blobs[1].diff[...] += dy.sum()


class Counter(Layer):
    def setup(self, bottom, top):
        self.count = 0

    def reshape(self, bottom, top):
        self.count += 1
        top[0].reshape(self.count, 2)

    def forward(self, bottom, top):
        top[0].data[...] = self.count
        top[1].reshape([self.count + 1])
        top[1].data[...] = self.phase


class Fails(Layer):
    def reshape(self, bottom, top):
        top[0].reshape(1)

    def forward(self, bottom, top):
        if self.param_str == "ours":
            raise ValueRangeError("bottom[0] holds nonsense")
        raise RuntimeError("out of order")


class NoForward(Layer):
    def reshape(self, bottom, top):
        pass


class Borrows(Layer):
    def setup(self, bottom, top):
        if self.param_str == "guarded" and len(self.blobs):
            return
        other = type(top[0])(type(top[0].blob)(top[0].blob.device, (2,), top[0].blob.dtype))
        other.data[...] = 5
        other.write_back()
        self.blobs.extend([other])

    def reshape(self, bottom, top):
        top[0].reshape(self.blobs[0].shape)

    def forward(self, bottom, top):
        (blob,) = self.blobs[:]
        top[0].data[...] = blob.data


NUMBER = 7
'''
TEXT = 'type: "Python" python_param { module: "a_users_layers" layer: "%s" %s }'
X = (4, 3, 2)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working directory with a user's module in it, out of sight afterwards."""
    (tmp_path / "a_users_layers.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith(("a_users_", "beside_")):
            del sys.modules[name]


def text(layer, param_str="", rest=""):
    told = f"param_str: '{param_str}'" if param_str else ""
    return f"{TEXT % (layer, told)} {rest}"


@pytest.mark.parametrize("weight", [1, -2.5])
def test_a_users_loss(device, rng, weight):
    a, b = rng.standard_normal((2, *X))
    definition = text("SquaredDistance", rest=f"loss_weight: {weight}")
    layer, bottom, top = build(definition, device, a, b)
    layer.run_forward(bottom, top)
    assert top[0].shape == (1,)
    expected = ((a - b) ** 2).sum() / 4 / 2
    np.testing.assert_allclose(float(layer.loss(top)), weight * expected, rtol=1e-12)
    check_gradient(layer, bottom, top)


def test_is_no_loss_unless_told(device):
    layer, _, _ = build(text("SquaredDistance"), device, np.ones(X), np.ones(X))
    assert layer.loss_weights == [0]


@pytest.mark.parametrize("in_place", [False, True])
def test_a_users_parameters(device, rng, in_place):
    x = rng.standard_normal(X)
    layer, bottom, top = build(text("Affine", '{"start": 3}'), device, x, in_place=in_place)
    assert [blob.shape for blob in layer.blobs] == [(2,), ()]
    assert layer.param_propagate_down == [True, True]
    assert device.to_numpy(layer.blobs[0].data).tolist() == [3, 3]
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), 3 * x + 6, rtol=1e-12)
    bottom[0].data[...] = device.xp.asarray(x)
    check_gradient(layer, bottom, top)


def test_parameters_that_the_definition_gives_are_kept(device):
    given = "blobs { shape { dim: 2 } data: 8 data: 9 } blobs { shape { } data: 1 }"
    told = '{"fill": false}'
    layer, bottom, top = build(text("Affine", told, given), device, np.ones((1, 2)))
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data).tolist() == [[9, 10]]
    with pytest.raises(ShapeError, match=r"blobs\[0\] has shape \(2,\), expected \(3,\)"):
        build(text("Affine", told, given), device, np.ones((1, 3)))


@pytest.mark.parametrize(
    ("told", "given", "value"),
    [
        ("", "", 5),
        ("", "blobs { shape { dim: 2 } data: 8 data: 8 }", 8),
        ("guarded", "blobs { shape { dim: 2 } data: 8 data: 8 }", 8),
    ],
)
def test_parameters_may_be_blobs_that_are_there(device, told, given, value):
    layer, bottom, top = build(text("Borrows", told, given), device)
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data).tolist() == [value, value]
    assert layer.param_propagate_down == [True]


def test_a_source_of_data_reshapes_in_every_forward(device):
    """In setting up ``reshape`` runs once; a top may also get its shape in ``forward``."""
    layer, bottom, top = build(text("Counter", rest="phase: TEST"), device, tops=2)
    for count in (2, 3):
        layer.run_forward(bottom, top)
        assert device.to_numpy(top[0].data).tolist() == [[count, count]] * count
        assert device.to_numpy(top[1].data).tolist() == [1] * (count + 1)


def test_learns_in_a_net(device):
    net = Net(
        parse(
            """
            layer { name: "x" type: "Input" top: "a" top: "b" input_param {
                shape { dim: 4 dim: 2 } } }
            layer { name: "f" type: "Python" bottom: "a" top: "f" python_param {
                module: "a_users_layers" layer: "Affine" param_str: '{"start": 1}' } }
            layer { name: "l" type: "Python" bottom: "f" bottom: "b" top: "l" loss_weight: 1
                python_param { module: "a_users_layers" layer: "SquaredDistance" } }
            """,
            NetParameter,
        ),
        None,
        device,
    )
    assert net.steps[-1].propagate_down == [True, False]
    losses = []
    for _ in range(5):
        net.blobs["a"].data[...] = 1
        net.clear_param_diffs()
        losses.append(float(net.forward()))
        net.backward()
        for param in net.params:
            param.blob.data[...] -= 0.1 * param.blob.diff
    assert losses[0] == 9  # (1 * 1 + 2) ** 2 * 2 / 2
    assert losses[-1] < 1


def test_a_module_beside_the_definition(folder):
    nested = folder / "net"
    nested.mkdir()
    (nested / "beside_it.py").write_text(MODULE)
    (nested / "net.prototxt").write_text(
        dedent(
            """
            layer { name: "c" type: "Python" top: "a" top: "b"
                    python_param { module: "beside_it" layer: "Counter" } }
            """
        )
    )
    net = Net(read_net(nested / "net.prototxt"), None, cpu())
    net.forward()
    assert net.blobs["a"].shape == (2, 2)


def test_a_layer_without_backward_may_only_end_a_gradient(device):
    layer, bottom, top = build(text("Counter"), device, tops=2)
    layer.run_backward(top, [], bottom)  # as force_backward asks of all
    layer, bottom, top = build(text("Counter"), device, np.ones(2), tops=2)
    with pytest.raises(LayerConfigError, match=r"class Counter has no backward, expected one"):
        layer.run_backward(top, [True], bottom)


@pytest.mark.parametrize(
    ("param", "message"),
    [
        ('layer: "Affine"', "module is missing, expected the name of a Python module"),
        ('module: "a_users_layers"', "layer is missing, expected the name of a Python layer"),
        (
            'module: "a_users_layer" layer: "Affine"',
            r"module is 'a_users_layer', expected .* no 'a_users_layer' in .*, or on PYTHONPATH",
        ),
        (
            'module: "a_users_layers.deeper" layer: "Affine"',
            r"no 'a_users_layers.deeper' in ",
        ),
        (
            'module: "a_users_layers" layer: "Afine"',
            r"'Afine', expected a class in module 'a_users_layers' \(.*py\): did .* 'Affine'\?",
        ),
        (
            'module: "a_users_layers" layer: "NUMBER"',
            r"layer is 'NUMBER', in module .*, expected a subclass of minicaffe.Layer",
        ),
        (
            'module: "a_users_layers" layer: "NoForward"',
            r"'NoForward', in module .*, with a forward and a reshape",
        ),
    ],
)
def test_refuses(device, param, message):
    with pytest.raises(LayerConfigError, match=rf"^layer 'it' \(Python\): .*{message}"):
        build(f'type: "Python" python_param {{ {param} }}', device, np.ones(2))


def test_what_a_users_module_lacks_is_not_the_module(device, folder):
    (folder / "a_users_other.py").write_text("import nowhere_to_be_found")
    with pytest.raises(ModuleNotFoundError, match="nowhere_to_be_found") as caught:
        build('type: "Python" python_param { module: "a_users_other" layer: "L" }', device)
    assert caught.value.__notes__ == ["during setup of layer 'it' (Python)"]


def test_a_users_exceptions_pass_and_name_the_layer(device):
    with pytest.raises(Exception, match="two bottoms are needed") as caught:
        build(text("SquaredDistance"), device, np.ones(2))
    assert caught.value.__notes__ == ["during setup of layer 'it' (Python)"]
    layer, bottom, top = build(text("Fails"), device, np.ones(2))
    with pytest.raises(RuntimeError, match="out of order") as caught:
        layer.run_forward(bottom, top)
    assert caught.value.__notes__ == ["during forward of layer 'it' (Python)"]
    layer, bottom, top = build(text("Fails", "ours"), device, np.ones(2))
    with pytest.raises(ValueRangeError, match=r"^layer 'it' \(Python\): bottom\[0\] holds nons"):
        layer.run_forward(bottom, top)
