"""Nets: how definitions become layers and blobs, and that gradients meet again."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.errors import DeviceError, LayerConfigError, ParamSharingError
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN, NetParameter, NetState


def parse(text):
    return text_format.Parse(text, NetParameter())


def build(text, device, phase=TRAIN):
    return Net(parse(text), NetState(phase=phase), device, np.float64)


def fill(net, rng):
    for name in net.inputs:
        blob = net.blobs[name]
        blob.data[...] = net.device.xp.asarray(rng.standard_normal(blob.shape))


def data(net, name):
    return net.device.to_numpy(net.blobs[name].data)


def diff(net, name):
    return net.device.to_numpy(net.blobs[name].diff)


X = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 5 } } }'
IP = 'inner_product_param { num_output: 4 weight_filler { type: "gaussian" } }'


def ip(name, bottom, top, rest=""):
    ends = f'bottom: "{bottom}" top: "{top}"'
    return f'layer {{ name: "{name}" type: "InnerProduct" {ends} {IP} {rest} }}'


def neuron(kind, bottom, top):
    return f'layer {{ name: "{kind}{top}" type: "{kind}" bottom: "{bottom}" top: "{top}" }}'


def test_runs_forward_and_backward(device, rng):
    net = build(X + ip("a", "x", "y", "loss_weight: 2") + " force_backward: true", device)
    fill(net, rng)
    loss = float(net.forward())
    assert loss == pytest.approx(2 * data(net, "y").sum())
    net.backward()
    layer = net.steps[1].layer
    weights = net.device.to_numpy(layer.blobs[0].data)
    expected = np.broadcast_to(2 * weights.sum(0), (2, 15)).reshape(2, 3, 5)
    np.testing.assert_allclose(diff(net, "x"), expected)
    np.testing.assert_allclose(net.device.to_numpy(layer.blobs[1].diff), [4, 4, 4, 4])


def test_gradients_of_both_readers_add_up(device, rng):
    text = X + neuron("TanH", "x", "t") + ip("a", "t", "y", "loss_weight: 1")
    both = build(text + ip("b", "t", "z", "loss_weight: 3") + " force_backward: true", device)
    fill(both, rng)
    both.forward()
    both.backward()
    a, b = (
        net.device.to_numpy(step.layer.blobs[0].data).sum(0)
        for net in [both]
        for step in net.steps
        if step.name in "ab"
    )
    expected = (a + 3 * b).reshape(3, 5) * (1 - data(both, "t") ** 2)
    np.testing.assert_allclose(diff(both, "x"), expected)


def test_outputs_are_sorted_and_inputs_known(device):
    text = X + neuron("ReLU", "x", "b") + neuron("TanH", "x", "a")
    net = build(text, device)
    assert net.outputs == ["a", "b"]
    assert net.inputs == ["x"]
    assert list(net.blobs) == ["x", "x_in_0_split_0", "x_in_0_split_1", "b", "a"]


def test_phase_is_told_to_layers_that_do_not_say(device):
    text = X + 'layer { name: "d" type: "Dropout" bottom: "x" top: "x" }'
    assert [step.layer.param.phase for step in build(text, device, TEST).steps] == [TEST, TEST]


def test_a_reader_in_place_does_not_change_what_another_reads(device, rng):
    text = X + neuron("TanH", "x", "y") + neuron("ReLU", "x", "x") + neuron("Sigmoid", "x", "z")
    net = build(text, device)
    x = rng.standard_normal((2, 3, 5))
    net.steps[0].top[0].data[...] = device.xp.asarray(x)
    net.forward()
    np.testing.assert_allclose(data(net, "y"), np.tanh(x))
    np.testing.assert_allclose(data(net, "x"), np.maximum(x, 0))
    np.testing.assert_allclose(data(net, "z"), 1 / (1 + np.exp(-np.maximum(x, 0))))


def test_in_place_behind_a_view_does_not_change_what_it_views(device, rng):
    text = X + neuron("TanH", "x", "t") + neuron("Flatten", "t", "f") + neuron("ReLU", "f", "f")
    net = build(text, device)
    fill(net, rng)
    net.forward()
    np.testing.assert_allclose(data(net, "t"), np.tanh(data(net, "x")))
    np.testing.assert_allclose(data(net, "f"), np.maximum(data(net, "t"), 0).reshape(2, 15))


def test_in_place_alone_shares_its_blob(device):
    net = build(X + neuron("TanH", "x", "t") + neuron("ReLU", "t", "t"), device)
    assert net.steps[2].top[0] is net.steps[1].top[0]


def test_batch_size_may_change_between_forwards(device, rng):
    net = build(X + ip("a", "x", "y") + neuron("ReLU", "y", "y"), device)
    for batch in (2, 7, 1):
        net.blobs["x"].reshape((batch, 3, 5))
        fill(net, rng)
        net.forward()
        assert data(net, "y").shape == (batch, 4)
    net.blobs["x"].reshape((6, 3, 5))
    net.reshape()
    assert net.blobs["y"].shape == (6, 4)


class TestBackwardAnalysis:
    def flags(self, net):
        return {step.name: (step.needs_backward, step.propagate_down) for step in net.steps}

    def test_stops_where_nothing_learns(self, device):
        text = (
            X + neuron("ReLU", "x", "r") + ip("a", "r", "y") + ip("b", "y", "z", "loss_weight: 1")
        )
        assert self.flags(build(text, device)) == {
            "in": (False, []),
            "ReLUr": (False, [False]),
            "a": (True, [False]),
            "b": (True, [True]),
        }

    def test_without_a_loss_there_is_none(self, device):
        assert not any(s.needs_backward for s in build(X + ip("a", "x", "y"), device).steps)

    def test_what_does_not_reach_the_loss_is_left_out(self, device):
        text = X + ip("a", "x", "y") + ip("b", "x", "z", "loss_weight: 1")
        flags = self.flags(build(text, device))
        assert flags["a"] == (False, [False])
        assert flags["b"] == (True, [False])

    def test_lr_mult_0_is_not_learning(self, device):
        frozen = "param { lr_mult: 0 } param { lr_mult: 0 }"
        text = (
            X
            + ip("a", "x", "y", frozen)
            + ip("b", "y", "z", "loss_weight: 1 " + "param { lr_mult: 0 }")
        )
        net = build(text, device)
        assert self.flags(net)["a"] == (False, [False])
        assert self.flags(net)["b"] == (True, [False])
        assert net.steps[2].layer.param_propagate_down == [False, True]

    def test_propagate_down_cuts_a_path(self, device):
        text = X + ip("a", "x", "y") + ip("b", "y", "z", "loss_weight: 1 propagate_down: false")
        flags = self.flags(build(text, device))
        assert flags["a"] == (False, [False])
        assert flags["b"] == (True, [False])

    def test_force_backward_reaches_the_input(self, device):
        text = X + ip("a", "x", "y", "param { lr_mult: 0 }") + " force_backward: true"
        net = build(text, device)
        assert self.flags(net)["a"] == (True, [True])
        assert net.steps[1].layer.param_propagate_down == [True, True]

    def test_force_backward_spares_labels(self, device):
        text = (
            'layer { name: "in" type: "Input" top: "x" top: "t" '
            "input_param { shape { dim: 2 dim: 3 } shape { dim: 2 } } }"
            'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "x" bottom: "t" } '
            "force_backward: true"
        )
        assert self.flags(build(text, device))["loss"] == (True, [True, False])


class TestSharedParameters:
    W = 'param { name: "w" %s }'

    def test_gradients_add_up_in_the_owner(self, device, rng):
        text = (
            X
            + ip("a", "x", "y", self.W % "" + " loss_weight: 1")
            + ip("b", "x", "z", self.W % "" + " loss_weight: 3")
        )
        net = build(text, device)
        fill(net, rng)
        net.clear_param_diffs()
        net.forward()
        net.backward()
        a, b = (net.steps[i].layer.blobs[0] for i in (2, 3))
        np.testing.assert_array_equal(device.to_numpy(a.data), device.to_numpy(b.data))
        x = data(net, "x").reshape(2, 15).sum(0)
        expected = np.broadcast_to(4 * x, (4, 15))
        np.testing.assert_allclose(device.to_numpy(a.diff), expected)
        assert [(p.layer, p.index) for p in net.params] == [("a", 0), ("a", 1), ("b", 1)]

    def test_permissive_takes_another_shape_of_the_same_count(self, device):
        wide = (
            'layer { name: "in2" type: "Input" top: "u" input_param { shape { dim: 2 dim: 4 } } }'
        )
        other = "inner_product_param { num_output: 15 }"
        text = (
            X
            + wide
            + ip("a", "x", "y", self.W % "")
            + f'layer {{ name: "b" type: "InnerProduct" bottom: "u" top: "z" {other} '
            + self.W % "share_mode: PERMISSIVE"
            + "}"
        )
        net = build(text, device)
        assert net.steps[-1].layer.blobs[0].shape == (15, 4)
        net.steps[-1].layer.blobs[0].data[...] = 7
        assert (device.to_numpy(net.params[0].blob.data) == 7).all()
        with pytest.raises(
            ParamSharingError, match=r"shape \(15, 4\), expected the shape .*\(4, 15\)"
        ):
            build(text.replace("share_mode: PERMISSIVE", ""), device)

    def test_multipliers_must_agree_where_both_give_them(self, device):
        def text(first, second):
            return X + ip("a", "x", "y", self.W % first) + ip("b", "x", "z", self.W % second)

        assert build(text("", "lr_mult: 5"), device).params[0].lr_mult == 5
        assert build(text("decay_mult: 5", ""), device).params[0].decay_mult == 5
        with pytest.raises(
            ParamSharingError, match=r"lr_mult of the shared param 'w' is 5, expected 2"
        ):
            build(text("lr_mult: 2", "lr_mult: 5"), device)
        with pytest.raises(ParamSharingError, match="decay_mult"):
            build(text("decay_mult: 2", "decay_mult: 5"), device)

    def test_too_many_param_entries(self, device):
        with pytest.raises(LayerConfigError, match="3 param entries, expected at most 2"):
            build(X + ip("a", "x", "y", "param {} param {} param {}"), device)


def test_weights_in_the_definition_replace_the_filler(device):
    text = X + ip("a", "x", "y", "blobs { shape { dim: 4 dim: 15 } %s }" % ("data: 0.5 " * 60))
    weights = build(text, device).steps[1].layer.blobs[0]
    assert (device.to_numpy(weights.data) == 0.5).all()


def test_a_test_net_uses_the_weights_of_the_train_net(device):
    train = build(X + ip("a", "x", "y") + ip("b", "x", "z"), device)
    test = build(X + ip("b", "x", "z"), device, TEST)
    test.share_weights(train)
    train.steps[3].layer.blobs[0].data[...] = 3
    assert (device.to_numpy(test.steps[1].layer.blobs[0].data) == 3).all()
    other = build(X + ip("b", "x", "z").replace("num_output: 4", "num_output: 5"), device)
    with pytest.raises(ParamSharingError, match="layer 'b': its parameters have shapes"):
        other.share_weights(train)


def test_missing_loss_top_is_made(device):
    text = (
        'layer { name: "in" type: "Input" top: "x" top: "t" '
        "input_param { shape { dim: 2 dim: 3 } shape { dim: 2 } } }"
        'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "x" bottom: "t" }'
    )
    net = build(text, device)
    assert net.outputs == []
    assert float(net.forward()) == pytest.approx(np.log(3))


def test_debug_info_says_how_large_everything_is(device, rng, caplog):
    caplog.set_level("INFO", "minicaffe")
    net = build(X + ip("a", "x", "y", "loss_weight: 1") + " debug_info: true", device)
    fill(net, rng)
    net.forward()
    net.backward()
    mean = f"{np.abs(data(net, 'y')).mean():g}"
    assert f"    [Forward] Layer a, top blob y data: {mean}" in caplog.messages
    assert any(m.startswith("    [Backward] Layer a, param blob 1 diff: ") for m in caplog.messages)
    assert not any("bottom blob x diff" in m for m in caplog.messages)
    assert "[Backward] All net params (data, diff): L1 norm = (" in caplog.messages[-1]


def test_errors_of_a_layer_name_it(device):
    text = X + 'layer { name: "p" type: "Poling" bottom: "x" top: "y" }'
    with pytest.raises(
        LookupError, match=r"layer 'p' \(Poling\): unknown type; did you mean 'Pool"
    ):
        build(text, device)


def test_no_memory_is_an_error_that_names_the_layer(device):
    wide = IP.replace("num_output: 4", "num_output: 2000000000")
    text = X.replace("dim: 5", "dim: 2500") + ip("a", "x", "y").replace(IP, wide)
    with pytest.raises(DeviceError, match=r"layer 'a' \(InnerProduct\): .*TiB.* too large"):
        build(text, device)  # the filler's array
    net = build(X.replace("dim: 3", "dim: 3000000000000") + neuron("ReLU", "x", "y"), device)
    with pytest.raises(DeviceError, match=r"layer 'ReLUy' \(ReLU\): .*GiB.* too large"):
        net.forward()  # the blob's own
