"""Layers written in Python, in the nets and solvers of pycaffe.

The definitions name this module, which holds the classes.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest

import minicaffe as caffe
from minicaffe.errors import LayerConfigError
from minicaffe.pycaffe import mode


class MineError(Exception):
    """No class that the package knows."""


class Tenfold(caffe.Layer):
    def setup(self, bottom, top):
        pass

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        top[0].data[...] = 10 * bottom[0].data

    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[...] = 10 * top[0].diff


class Failing(Tenfold):
    """Raises where ``param_str`` says."""

    def setup(self, bottom, top):
        self.fail("setup")

    def reshape(self, bottom, top):
        self.fail("reshape")
        super().reshape(bottom, top)

    def forward(self, bottom, top):
        self.fail("forward")
        super().forward(bottom, top)

    def backward(self, top, propagate_down, bottom):
        self.fail("backward")
        super().backward(top, propagate_down, bottom)

    def fail(self, where):
        if self.param_str == where:
            raise MineError(f"in {where}")


class Learning(caffe.Layer):
    def setup(self, bottom, top):
        self.blobs.add_blob(1)
        self.blobs[0].data[0] = 0

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        pass

    def backward(self, top, propagate_down, bottom):
        self.blobs[0].diff[0] = 1


class Phase(caffe.Layer):
    def setup(self, bottom, top):
        pass

    def reshape(self, bottom, top):
        top[0].reshape()

    def forward(self, bottom, top):
        top[0].data[()] = self.phase

    def backward(self, top, propagate_down, bottom):
        pass


class Times(Tenfold):
    """Takes the factor from ``param_str``."""

    def setup(self, bottom, top):
        self.value = float(self.param_str)

    def forward(self, bottom, top):
        top[0].data[...] = self.value * bottom[0].data

    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[...] = self.value * top[0].diff


class Counting(Tenfold):
    """Counts its calls."""

    def setup(self, bottom, top):
        self.calls = {"setup": 1, "reshape": 0, "forward": 0}

    def reshape(self, bottom, top):
        self.calls["reshape"] += 1
        super().reshape(bottom, top)

    def forward(self, bottom, top):
        self.calls["forward"] += 1
        super().forward(bottom, top)


class Loss(caffe.Layer):
    """Half the mean square of a difference, with options as JSON."""

    def setup(self, bottom, top):
        if len(bottom) != 2:
            raise Exception("need two bottoms")
        self.scale = json.loads(self.param_str)["scale"]

    def reshape(self, bottom, top):
        self.diff = np.zeros_like(bottom[0].data, dtype=np.float32)
        top[0].reshape(1)

    def forward(self, bottom, top):
        self.diff[...] = bottom[0].data - bottom[1].data
        top[0].data[...] = self.scale * np.sum(self.diff**2) / bottom[0].num / 2.0

    def backward(self, top, propagate_down, bottom):
        for i, sign in enumerate((1, -1)):
            if propagate_down[i]:
                bottom[i].diff[...] = sign * self.scale * self.diff / bottom[i].num


class Inner(Tenfold):
    """Runs a net of its own."""

    def setup(self, bottom, top):
        self.net = caffe.Net(chain("Tenfold"), caffe.TEST)

    def forward(self, bottom, top):
        self.net.blobs["data"].reshape(*bottom[0].shape)
        self.net.blobs["data"].data[...] = bottom[0].data
        top[0].data[...] = self.net.forward()["last"]


@pytest.fixture(autouse=True)
def _on_every_device(device, monkeypatch, tmp_path):
    monkeypatch.setattr(mode._mode, "device", device)
    monkeypatch.chdir(tmp_path)


def layer(kind, name, bottom="data", param_str=""):
    below = f'bottom: "{bottom}"' if bottom else ""
    return (
        f'layer {{ type: "Python" name: "{name}" {below} top: "{name}" python_param {{ '
        f'module: "{__name__}" layer: "{kind}" param_str: \'{param_str}\' }} }}\n'
    )


def chain(*kinds, param_str=""):
    """The file of a net whose input goes through ``kinds``; the last top is ``last``."""
    names = ["data", *(f"top{i}" for i in range(1, len(kinds))), "last"]
    text = "force_backward: true input: 'data' input_shape { dim: 2 dim: 3 dim: 4 }\n"
    for kind, bottom, top in zip(kinds, names, names[1:], strict=False):
        text += layer(kind, top, bottom, param_str)
    path = Path(f"{'_'.join(kinds)}{param_str}.prototxt")
    path.write_text(text)
    return str(path)


def test_forward_and_backward():
    net = caffe.Net(chain("Tenfold", "Tenfold", "Tenfold"), caffe.TRAIN)
    net.blobs["data"].data[...] = 8
    net.forward()
    assert (net.blobs["last"].data == 8000).all()
    net.blobs["last"].diff[...] = 7
    net.backward()
    assert (net.blobs["data"].diff == 7000).all()


def test_a_new_shape():
    net = caffe.Net(chain("Tenfold", "Tenfold"), caffe.TRAIN)
    net.blobs["data"].reshape(4, 4, 4, 4)
    net.forward()
    for blob in net.blobs.values():
        assert blob.data.shape == (4, 4, 4, 4)


@pytest.mark.parametrize("where", ["setup", "reshape"])
def test_an_exception_while_it_is_built(where):
    with pytest.raises(MineError, match=f"in {where}"):
        caffe.Net(chain("Failing", param_str=where), caffe.TEST)


def test_an_exception_in_forward():
    net = caffe.Net(chain("Failing", param_str="forward"), caffe.TRAIN)
    for _ in range(2):
        with pytest.raises(MineError, match="in forward"):
            net.forward()


def test_an_exception_in_backward():
    net = caffe.Net(chain("Failing", param_str="backward"), caffe.TRAIN)
    assert (net.forward()["last"] == 0).all()
    with pytest.raises(MineError, match="in backward"):
        net.backward()
    net.layer_dict["last"].param_str = ""
    net.backward()


@pytest.mark.parametrize(("module", "kind"), [("no_such_module", "X"), (__name__, "NoSuchLayer")])
def test_a_layer_that_is_not_there(module, kind):
    Path("net.prototxt").write_text(
        'layer { type: "Python" name: "x" top: "x" python_param { '
        f'module: "{module}" layer: "{kind}" }} }}'
    )
    with pytest.raises(LayerConfigError, match=kind if module == __name__ else module):
        caffe.Net("net.prototxt", caffe.TEST)


@pytest.mark.parametrize("save", ["save", "save_hdf5"])
def test_a_parameter(save):
    net = caffe.Net(chain("Learning"), caffe.TRAIN)
    net.forward()
    net.backward()
    learning = net.layers[list(net._layer_names).index("last")]
    assert (learning.blobs[0].data[0], learning.blobs[0].diff[0]) == (0, 1)
    learning.blobs[0].data[0] += learning.blobs[0].diff[0]
    assert learning.blobs[0].data[0] == 1
    assert net.params["last"][0].data[0] == 1
    getattr(net, save)("weights")
    learning.blobs[0].data[0] = -1
    assert learning.blobs[0].data[0] == -1
    net.copy_from("weights")
    assert learning.blobs[0].data[0] == 1


def test_a_parameter_is_learned():
    Path("net.prototxt").write_text(
        "input: 'data' input_shape { dim: 2 }\n"
        + layer("Learning", "last")
        + 'layer { name: "loss" type: "Reduction" bottom: "last" top: "loss" loss_weight: 1 }'
    )
    Path("solver.prototxt").write_text(
        'net: "net.prototxt" base_lr: 0.25 lr_policy: "fixed" snapshot_after_train: false'
    )
    solver = caffe.SGDSolver("solver.prototxt")
    solver.step(3)
    assert solver.net.params["last"][0].data[0] == -0.75


@pytest.mark.parametrize("phase", [caffe.TRAIN, caffe.TEST])
def test_the_phase(phase):
    Path("net.prototxt").write_text(layer("Phase", "phase", bottom=""))
    assert caffe.Net("net.prototxt", phase).forward()["phase"] == phase


def test_param_str():
    Path("net.prototxt").write_text(
        "force_backward: true input: 'data' input_shape { dim: 10 dim: 9 }\n"
        + layer("Times", "mul10", param_str="10")
        + layer("Times", "mul2", bottom="mul10", param_str="2")
    )
    net = caffe.Net("net.prototxt", caffe.TRAIN)
    net.blobs["data"].data[...] = 8
    net.forward()
    assert (net.blobs["mul2"].data == 160).all()
    net.blobs["mul2"].diff[...] = 7
    net.backward()
    assert (net.blobs["data"].diff == 140).all()
    assert net.layer_dict["mul10"].value == 10


def test_how_often_it_is_called():
    net = caffe.Net(chain("Counting"), caffe.TEST)
    calls = net.layer_dict["last"].calls
    assert calls == {"setup": 1, "reshape": 1, "forward": 0}
    net.forward()
    net.forward()
    assert calls == {"setup": 1, "reshape": 3, "forward": 2}
    net.reshape()
    assert calls == {"setup": 1, "reshape": 4, "forward": 2}


def test_its_object_is_the_layer():
    net = caffe.Net(chain("Counting"), caffe.TEST)
    assert type(net.layers[-1]) is Counting
    assert net.layers[-1] is net.layer_dict["last"]


def test_a_loss_trains(rng):
    Path("net.prototxt").write_text(
        'layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param {'
        " shape { dim: 4 dim: 3 } shape { dim: 4 dim: 2 }"
        ' data_filler { type: "gaussian" } data_filler { value: 3 } } }'
        'layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"'
        " inner_product_param { num_output: 2 } }"
        'layer { name: "loss" type: "Python" bottom: "ip" bottom: "label" top: "loss"'
        f' loss_weight: 1 python_param {{ module: "{__name__}" layer: "Loss"'
        " param_str: '{\"scale\": 0.5}' } }"
    )
    Path("solver.prototxt").write_text(
        'net: "net.prototxt" base_lr: 0.5 lr_policy: "fixed" snapshot_after_train: false'
    )
    solver = caffe.SGDSolver("solver.prototxt")
    solver.step(1)
    first = float(solver.net.blobs["loss"].data[0])
    assert first == pytest.approx(0.5 * 2 * 9 / 2)
    solver.step(60)
    assert solver.net.blobs["loss"].data[0] < first / 20


def test_a_net_in_a_layer():
    net = caffe.Net(chain("Inner", "Tenfold"), caffe.TEST)
    net.blobs["data"].data[...] = 3
    assert (net.forward()["last"] == 300).all()


def test_in_threads():
    nets = [caffe.Net(chain("Tenfold", "Tenfold"), caffe.TEST) for _ in range(4)]
    wrong = []

    def work(number):
        for turn in range(20):
            nets[number].blobs["data"].data[...] = number + turn
            if not (nets[number].forward()["last"] == 100 * (number + turn)).all():
                wrong.append((number, turn))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
