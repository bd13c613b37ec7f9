"""Net, as a user of pycaffe has it: run, looked into, changed, saved."""

from __future__ import annotations

import gc
import threading
import weakref
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

import minicaffe as caffe
from minicaffe.errors import (
    MinicaffeError,
    NetError,
    ParamSharingError,
    ShapeError,
    UnknownLayerTypeError,
    WeightsError,
)
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.pycaffe.errors import ArgumentError, MissingFileError, UnknownNameError
from tests.pycaffe.nets import DEPLOY, TESTNET


def values(net):
    return {name: [blob.data.copy() for blob in blobs] for name, blobs in net.params.items()}


def assert_same(one, other):
    assert list(one) == list(other)
    for name in one:
        for a, b in zip(one[name], other[name], strict=True):
            np.testing.assert_array_equal(a, b)


class TestConstructors:
    def test_phase_and_weights_by_name_or_in_the_old_order(self, testnet, written, tmp_path):
        testnet.save(str(tmp_path / "w.caffemodel"))
        file, weights = written(TESTNET), str(tmp_path / "w.caffemodel")
        for net in (
            caffe.Net(file, caffe.TRAIN, weights=weights),
            caffe.Net(network_file=file, phase=caffe.TRAIN, weights=Path(weights)),
            caffe.Net(file, weights, caffe.TRAIN),
            caffe.Net(Path(file), Path(weights), caffe.TRAIN),
            caffe.Net(file, 0, 0, None, weights),
        ):
            assert_same(values(net), values(testnet))

    def test_the_old_order_warns(self, testnet, written, tmp_path, caplog):
        testnet.save(str(tmp_path / "w.caffemodel"))
        caffe.Net(written(TESTNET), str(tmp_path / "w.caffemodel"), caffe.TEST)
        assert "DEPRECATION" in caplog.text
        assert "weights=" in caplog.text

    def test_phase_reaches_the_layers(self, written):
        text = DEPLOY + 'layer { name: "drop" type: "Dropout" bottom: "prob" top: "drop" }'
        x = np.ones((4, 3, 6, 5))
        train, test = caffe.Net(written(text), caffe.TRAIN), caffe.Net(written(text), caffe.TEST)
        outs = train.forward(blobs=["prob"], data=x)
        assert (outs["drop"] == 0).any()
        outs = test.forward(blobs=["prob"], data=x)
        np.testing.assert_array_equal(outs["drop"], outs["prob"])

    def test_a_message_or_what_makes_one(self, written):
        message = caffe.proto.caffe_pb2.NetParameter()
        from google.protobuf import text_format

        text_format.Parse(DEPLOY, message)

        class Spec:
            def to_proto(self):
                return message

        for source in (message, Spec()):
            net = caffe.Net(source, caffe.TEST)
            assert net.inputs == ["data"]
        assert not message.layer[0].HasField("phase")

    @pytest.mark.parametrize("args", [(1,), (0, 0, None, "nope.caffemodel")])
    def test_a_missing_file(self, args, written):
        file = "nope.prototxt" if len(args) == 1 else written(DEPLOY)
        with pytest.raises(RuntimeError, match=r"Could not open file nope\.") as caught:
            caffe.Net(file, *args)
        assert isinstance(caught.value, MissingFileError)
        assert isinstance(caught.value, MinicaffeError)

    @pytest.mark.parametrize("phase", [2, -1, None, [0]])
    def test_another_phase_is_refused(self, phase, written):
        with pytest.raises(ArgumentError, match="expected TRAIN"):
            caffe.Net(written(DEPLOY), phase)

    def test_something_else_is_refused(self):
        with pytest.raises(ArgumentError, match="network_file is a int, expected a path"):
            caffe.Net(3, caffe.TEST)

    def test_weights_that_do_not_fit(self, deploy, written, tmp_path):
        deploy.save(tmp_path / "w.caffemodel")
        other = DEPLOY.replace("num_output: 7", "num_output: 8")
        with pytest.raises(WeightsError, match=r"blobs\[0\] has shape \(7, 2\) in the file"):
            caffe.Net(written(other), caffe.TEST, weights=tmp_path / "w.caffemodel")


class TestState:
    LAYERS = """
    layer { name: "data" type: "DummyData" top: "data"
            dummy_data_param { shape { dim: 1 dim: 1 dim: 10 dim: 10 } } }
    """

    def net(self, written, rules, **state):
        text = self.LAYERS + "".join(
            f'layer {{ name: "{name}" type: "InnerProduct" bottom: "data" top: "{name}" '
            f"{rule} inner_product_param {{ num_output: 1 }} }}"
            for name, rule in rules.items()
        )
        net = caffe.Net(written(text), caffe.TEST, **state)
        return [name for name in net.blobs if "data" not in name]

    LEVELS = {  # noqa: RUF012  # a table
        "NoLevel": "",
        "Level0Only": "include { min_level: 0 max_level: 0 }",
        "Level1Only": "include { min_level: 1 max_level: 1 }",
        "Level>=0": "include { min_level: 0 }",
        "Level>=1": "include { min_level: 1 }",
    }

    @pytest.mark.parametrize(
        ("state", "kept"),
        [
            ({}, ["NoLevel", "Level0Only", "Level>=0"]),
            ({"level": 0}, ["NoLevel", "Level0Only", "Level>=0"]),
            ({"level": 1}, ["NoLevel", "Level1Only", "Level>=0", "Level>=1"]),
        ],
    )
    def test_levels(self, written, state, kept):
        assert self.net(written, self.LEVELS, **state) == kept

    STAGES = {  # noqa: RUF012
        "A": 'include { stage: "A" }',
        "B": 'include { stage: "B" }',
        "AorB": 'include { stage: "A" } include { stage: "B" }',
        "AandB": 'include { stage: "A" stage: "B" }',
        "NotA": 'include { not_stage: "A" }',
    }

    @pytest.mark.parametrize(
        ("stages", "kept"),
        [
            (None, ["NotA"]),
            (["A"], ["A", "AorB"]),
            (("A", "B"), ["A", "B", "AorB", "AandB"]),
            ("B", ["B", "AorB", "NotA"]),
        ],
    )
    def test_stages(self, written, stages, kept):
        assert self.net(written, self.STAGES, stages=stages) == kept

    ALL_IN_ONE = """
    layer { name: "train_data" type: "DummyData" top: "data" top: "label"
            dummy_data_param { shape { dim: 1 dim: 1 dim: 10 dim: 10 }
                               shape { dim: 1 dim: 1 dim: 1 dim: 1 } }
            include { phase: TRAIN stage: "train" } }
    layer { name: "val_data" type: "DummyData" top: "data" top: "label"
            dummy_data_param { shape { dim: 1 dim: 1 dim: 10 dim: 10 }
                               shape { dim: 1 dim: 1 dim: 1 dim: 1 } }
            include { phase: TEST stage: "val" } }
    layer { name: "deploy_data" type: "Input" top: "data"
            input_param { shape { dim: 1 dim: 1 dim: 10 dim: 10 } }
            include { phase: TEST stage: "deploy" } }
    layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
            inner_product_param { num_output: 2 } }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss"
            include: { phase: TRAIN stage: "train" } include: { phase: TEST stage: "val" } }
    layer { name: "pred" type: "Softmax" bottom: "ip" top: "pred"
            include: { phase: TEST stage: "deploy" } }
    """

    @pytest.mark.parametrize(
        ("phase", "stage", "outputs"),
        [
            (caffe.TRAIN, "train", ["loss"]),
            (caffe.TEST, "val", ["loss"]),
            (caffe.TEST, "deploy", ["pred"]),
        ],
    )
    def test_all_in_one(self, written, phase, stage, outputs):
        net = caffe.Net(written(self.ALL_IN_ONE), phase, stages=[stage])
        assert net.outputs == outputs
        assert list(net.forward()) == outputs

    def test_the_definitions_own_state_counts(self, written):
        text = 'state { level: 1 stage: "A" }' + self.LAYERS
        text += (
            'layer { name: "s" type: "Silence" bottom: "data" include { min_level: 1 stage: "A" } }'
        )
        assert "s" in caffe.Net(written(text), caffe.TEST).layer_dict
        assert "s" not in caffe.Net(written(text), caffe.TEST, level=0).layer_dict


class TestForward:
    def test_with_arrays_by_name(self, deploy, rng):
        x = rng.standard_normal((4, 3, 6, 5))
        outs = deploy.forward(data=x)
        assert list(outs) == ["prob"]
        assert outs["prob"].shape == (4, 7)
        np.testing.assert_array_equal(deploy.blobs["data"].data, x.astype(np.float32))
        deploy.blobs["data"].data[...] = x
        np.testing.assert_array_equal(deploy.forward()["prob"], outs["prob"])

    @pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float64", "bool"])
    def test_takes_any_numbers(self, deploy, rng, dtype):
        x = rng.integers(0, 2, (4, 3, 6, 5)).astype(dtype)
        deploy.forward(data=x)
        assert deploy.blobs["data"].data.dtype == np.float32
        np.testing.assert_array_equal(deploy.blobs["data"].data, x)

    def test_takes_lists_and_what_numpy_stretches(self, deploy):
        deploy.forward(data=np.ones((4, 1, 1, 1)).tolist())
        assert (deploy.blobs["data"].data == 1).all()

    def test_returns_what_is_asked_besides(self, deploy, rng):
        outs = deploy.forward(blobs=["conv", "data"], data=rng.standard_normal((4, 3, 6, 5)))
        assert set(outs) == {"prob", "conv", "data"}
        assert outs["conv"].shape == (4, 2, 4, 3)

    def test_returns_views(self, deploy):
        out = deploy.forward()["prob"]
        assert np.shares_memory(out, deploy.blobs["prob"].data)

    def test_from_start_to_end(self, testnet, rng):
        conv = rng.uniform(size=testnet.blobs["conv"].shape).astype(np.float32)
        testnet.blobs["conv"].data[...] = conv
        outs = testnet.forward(start="ip", end="ip")
        assert list(outs) == ["ip_blob"]
        w, b = (blob.data for blob in testnet.params["ip"])
        np.testing.assert_allclose(outs["ip_blob"], conv.reshape(5, -1) @ w.T + b, rtol=1e-3)

    def test_up_to_an_end_leaves_the_rest(self, deploy, rng):
        deploy.forward(data=rng.standard_normal((4, 3, 6, 5)))
        before = deploy.blobs["prob"].data.copy()
        outs = deploy.forward(end="relu", data=rng.standard_normal((4, 3, 6, 5)))
        assert list(outs) == ["conv"]
        assert (outs["conv"] >= 0).all()
        np.testing.assert_array_equal(deploy.blobs["prob"].data, before)

    def test_by_index_it_gives_the_loss(self, testnet):
        loss = testnet._forward(0, 3)
        assert type(loss) is float
        assert loss == pytest.approx(float(testnet.blobs["loss"].data))
        assert testnet._forward(0, 2) == 0

    def test_a_weighted_loss(self, written):
        text = TESTNET.replace('top: "loss"', 'top: "loss" loss_weight: 3')
        net = caffe.Net(written(text), caffe.TRAIN)
        raw = float(net.forward()["loss"])
        assert net._forward(3, 3) == pytest.approx(3 * raw)
        assert net.blobs["loss"].diff == 3
        assert net.blob_loss_weights["loss"] == 3

    @pytest.mark.parametrize("given", [{"dat": 1}, {"data": 1, "x": 1}, {"prob": 1}])
    def test_refuses_other_names(self, deploy, given):
        text = r"Input blob arguments do not match net inputs\..*expected 'data'"
        with pytest.raises(ArgumentError, match=text):
            deploy.forward(**given)

    @pytest.mark.parametrize("shape", [(3, 3, 6, 5), (1, 4, 3, 6, 5), ()])
    def test_refuses_another_batch(self, deploy, shape):
        with pytest.raises(Exception, match="Input is not batch sized: 'data' has shape"):
            deploy.forward(data=np.zeros(shape))

    def test_refuses_another_shape(self, deploy):
        text = r"'data' has shape \(4, 3, 6, 6\), expected \(4, 3, 6, 5\)"
        with pytest.raises(ValueError, match=text):
            deploy.forward(data=np.zeros((4, 3, 6, 6)))

    @pytest.mark.parametrize("value", [["a"] * 4, [[1], [1, 2]], np.zeros(4, complex), None])
    def test_refuses_what_is_no_array_of_numbers(self, deploy, value):
        with pytest.raises(ArgumentError, match=r"expected (an array|one) of numbers"):
            deploy.forward(data=value)

    def test_refuses_without_touching_anything(self, written):
        text = DEPLOY.replace("dim: 5 }", 'dim: 5 } input: "b" input_shape { dim: 2 }', 1)
        net = caffe.Net(written(text), caffe.TEST)
        net.inputs.clear()
        assert net.inputs == ["data", "b"]
        x = np.ones((4, 3, 6, 5))
        with pytest.raises(ArgumentError):
            net.forward(data=x, b=np.ones(4))
        with pytest.raises(UnknownNameError):
            net.forward(blobs=["nope"], data=x, b=np.ones(2))
        assert not net.blobs["data"].data.any()

    @pytest.mark.parametrize("method", ["forward", "backward"])
    def test_unknown_names(self, deploy, method):
        for given in ({"start": "con"}, {"end": "con"}, {"blobs": ["con"]}, {"diffs": ["con"]}):
            if {"forward": "diffs", "backward": "blobs"}[method] not in given:
                with pytest.raises(UnknownNameError, match="did you mean 'conv'"):
                    getattr(deploy, method)(**given)

    def test_start_behind_end(self, deploy):
        with pytest.raises(ArgumentError, match="expected them the other way"):
            deploy.forward(start="prob", end="ip")
        with pytest.raises(ArgumentError, match="expected them the other way"):
            deploy.backward(start="ip", end="prob")

    @pytest.mark.parametrize(("start", "end"), [(-1, 2), (0, 6), (9, 9)])
    def test_indexes_outside(self, deploy, start, end):
        for method in (deploy._forward, deploy._backward):
            with pytest.raises(ArgumentError, match=r"expected one of 0\.\.5"):
                method(start, end)


class TestBackward:
    def test_gradients_of_inputs(self, deploy, rng):
        deploy.forward(data=rng.standard_normal((4, 3, 6, 5)))
        dy = rng.standard_normal((4, 7))
        diffs = deploy.backward(prob=dy)
        assert list(diffs) == ["data"]
        assert diffs["data"].any()
        np.testing.assert_array_equal(deploy.blobs["prob"].diff, dy.astype(np.float32))
        first = diffs["data"].copy()
        np.testing.assert_array_equal(deploy.backward()["data"], first)
        assert set(deploy.backward(diffs=["conv"])) == {"data", "conv"}

    def test_from_start_to_end(self, testnet, rng):
        dy = rng.uniform(size=testnet.blobs["ip_blob"].shape).astype(np.float32)
        testnet.blobs["ip_blob"].diff[...] = dy
        diffs = testnet.backward(start="ip", end="ip")
        assert list(diffs) == ["conv"]
        expected = (dy @ testnet.params["ip"][0].data).reshape(testnet.blobs["conv"].shape)
        np.testing.assert_allclose(diffs["conv"], expected, rtol=1e-3, atol=1e-5)
        assert not testnet.blobs["data"].diff.any()

    def test_refuses_other_names_and_shapes(self, deploy):
        with pytest.raises(ArgumentError, match=r"Top diff arguments do not match net outputs\."):
            deploy.backward(data=1)
        with pytest.raises(ArgumentError, match="Diff is not batch sized: 'prob'"):
            deploy.backward(prob=np.zeros((3, 7)))

    def test_parameters_gather_gradients_until_cleared(self, testnet):
        testnet.forward()
        testnet.backward()
        diff = testnet.params["conv"][0].diff
        once = diff.copy()
        assert once.any()
        testnet.backward()
        np.testing.assert_allclose(testnet.params["conv"][0].diff, 2 * once, rtol=1e-4)
        testnet.clear_param_diffs()
        assert not testnet.params["conv"][0].diff.any()

    def test_a_loss_starts_from_its_weight(self, testnet):
        testnet.forward()
        assert testnet.blobs["loss"].diff == 1
        testnet.backward()
        once = testnet.blobs["ip_blob"].diff.copy()
        testnet.blobs["loss"].diff[...] = 2
        testnet.backward()
        np.testing.assert_allclose(testnet.blobs["ip_blob"].diff, 2 * once, rtol=1e-5)

    def test_a_gradient_put_into_a_blob_is_followed_down(self, deploy, rng):
        deploy.forward(data=rng.standard_normal((4, 3, 6, 5)), end="relu")
        blob = deploy.blobs["conv"]
        blob.diff[...] = blob.data
        deploy.backward(start="relu")
        assert deploy.blobs["data"].diff.any()


class TestReshape:
    def test_another_batch_and_image(self, deploy, rng):
        for shape in ((4, 3, 6, 5), (1, 3, 9, 4), (7, 3, 3, 3), (2, 3, 6, 5)):
            x = rng.standard_normal(shape)
            deploy.blobs["data"].reshape(*shape)
            deploy.blobs["data"].data[...] = x
            out = deploy.forward()["prob"].copy()
            assert out.shape == (shape[0], 7)
            np.testing.assert_allclose(out.sum(axis=1), 1, rtol=1e-5)
            deploy.blobs["data"].reshape(1, *shape[1:])
            deploy.reshape()
            assert deploy.blobs["prob"].shape == (1, 7)
            np.testing.assert_allclose(deploy.forward(data=x[:1])["prob"], out[:1], rtol=1e-4)

    def test_goes_on_after_an_impossible_one(self, deploy, rng):
        x = rng.standard_normal((4, 3, 6, 5))
        before = deploy.forward(data=x)["prob"].copy()
        for run in (deploy.forward, deploy.reshape):
            deploy.blobs["data"].reshape(4, 3, 2, 2)
            with pytest.raises(ShapeError, match="layer 'conv'"):
                run()
            deploy.blobs["data"].reshape(4, 2, 6, 5)
            with pytest.raises(ShapeError):
                run()
            deploy.blobs["data"].reshape(4, 3, 6, 5)
            np.testing.assert_array_equal(deploy.forward(data=x)["prob"], before)

    def test_of_what_a_layer_makes_is_undone_when_it_runs(self, deploy, rng):
        x = rng.standard_normal((4, 3, 6, 5))
        before = deploy.forward(data=x)["prob"].copy()
        for name in ("conv", "pool", "prob"):
            deploy.blobs[name].reshape(1, 1)
            np.testing.assert_array_equal(deploy.forward()["prob"], before)
            assert deploy.blobs[name].shape[0] == 4

    def test_in_the_middle_counts_from_there_on(self, deploy, rng):
        x = rng.standard_normal((4, 3, 6, 5))
        expected = deploy.forward(data=x, blobs=["conv"])
        prob, conv = expected["prob"].copy(), expected["conv"][:2].copy()
        deploy.blobs["conv"].reshape(2, 2, 4, 3)
        deploy.blobs["conv"].data[...] = conv
        np.testing.assert_allclose(deploy.forward(start="pool")["prob"], prob[:2], rtol=1e-4)
        assert deploy.blobs["data"].shape[0] == 4

    def test_backward_wants_a_forward_after_it(self, deploy):
        deploy.forward(data=np.ones((4, 3, 6, 5)))
        for shape in ((1, 3, 6, 5), (4, 3, 2, 2)):
            deploy.blobs["data"].reshape(*shape)
            with pytest.raises(ShapeError, match="expected a forward"):
                deploy.backward()
        deploy.blobs["data"].reshape(4, 3, 6, 5)
        deploy.reshape()
        assert deploy.backward()["data"].shape == (4, 3, 6, 5)

    def test_backward_of_layers_that_run_as_one_wants_a_forward_too(self, written, built_on):
        text = DEPLOY.replace(
            'layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }',
            """layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "bn" }
               layer { name: "scale" type: "Scale" bottom: "bn" top: "bn" }
               layer { name: "relu" type: "ReLU" bottom: "bn" top: "bn" }""",
        ).replace('bottom: "conv" top: "pool"', 'bottom: "bn" top: "pool"')
        net = caffe.Net(written(text), caffe.TRAIN)
        net.forward(data=np.ones((4, 3, 6, 5)))
        net.backward()
        net.blobs["bn"].reshape(1, 2, 4, 3)
        with pytest.raises(ShapeError, match="expected a forward"):
            net.backward()
        net.forward()
        net.backward()


class TestWeights:
    def test_saved_and_read(self, testnet, written, tmp_path, built_on):
        testnet.save(str(tmp_path / "w"))
        testnet.save_hdf5(str(tmp_path / "w.h5"))
        for load in (
            lambda net: net.copy_from(str(tmp_path / "w")),
            lambda net: net.copy_from(tmp_path / "w.h5"),
            lambda net: net.load_hdf5(str(tmp_path / "w.h5")),
        ):
            net = caffe.Net(written(TESTNET), caffe.TRAIN)
            load(net)
            assert_same(values(net), values(testnet))

    def test_what_was_changed_is_saved(self, deploy, written, tmp_path):
        deploy.params["ip"][0].data[...] = 5
        deploy.save(tmp_path / "w")
        deploy.params["ip"][0].data[...] = 0
        deploy.copy_from(tmp_path / "w")
        assert (deploy.params["ip"][0].data == 5).all()

    def test_from_a_message(self, deploy, tmp_path):
        deploy.save(tmp_path / "w")
        message = NetParameter.FromString((tmp_path / "w").read_bytes())
        kept = values(deploy)
        deploy.params["ip"][0].data[...] = 0
        deploy.copy_from(message)
        assert_same(values(deploy), kept)

    def test_from_a_net(self, deploy, written):
        other = caffe.Net(written(DEPLOY), caffe.TRAIN)
        other.params["ip"][0].data[...] = 3  # not yet in the engine
        deploy.copy_from(other)
        assert_same(values(deploy), values(other))
        other.params["ip"][0].data[...] = 4
        assert (deploy.params["ip"][0].data == 3).all()

    def test_a_missing_or_wrong_file_changes_nothing(self, deploy, written):
        kept = values(deploy)
        with pytest.raises(RuntimeError, match="Could not open file nope"):
            deploy.copy_from("nope")
        with pytest.raises(MinicaffeError):
            deploy.copy_from(written("text", "w.caffemodel"))
        assert_same(values(deploy), kept)

    def test_shared_with_another_net(self, deploy, written):
        other = caffe.Net(written(DEPLOY), caffe.TRAIN)
        assert other.params["ip"][0].data.any()
        other.share_with(deploy)
        deploy.params["ip"][0].data[0] = 7
        assert (other.params["ip"][0].data[0] == 7).all()
        x = np.ones((4, 3, 6, 5))
        np.testing.assert_array_equal(other.forward(data=x)["prob"], deploy.forward(data=x)["prob"])

    def test_sharing_nothing_warns(self, deploy, written, caplog):
        text = DEPLOY.replace('name: "conv"', 'name: "c"').replace('name: "ip"', 'name: "i"')
        caffe.Net(written(text), caffe.TEST).share_with(deploy)
        assert "no parameters are shared" in caplog.text

    def test_sharing_what_does_not_fit(self, deploy, written):
        other = caffe.Net(written(DEPLOY.replace("num_output: 7", "num_output: 8")), caffe.TEST)
        with pytest.raises(ParamSharingError, match="layer 'ip'"):
            other.share_with(deploy)
        deploy.params["conv"][1].data[...] = 9  # fits, and is not shared either
        assert not other.params["conv"][1].data.any()
        with pytest.raises(ArgumentError, match="other is a str, expected a Net"):
            other.share_with("deploy")
        assert other.forward()["prob"].shape == (4, 8)

    def test_surgery_from_inner_product_to_convolution(self, deploy, written, rng):
        text = DEPLOY.replace('type: "InnerProduct"', 'type: "Convolution"').replace(
            "inner_product_param {", "convolution_param { kernel_size: 1"
        )
        full = caffe.Net(written(text), caffe.TEST)
        for name in deploy.params:
            for mine, theirs in zip(full.params[name], deploy.params[name], strict=True):
                mine.data.flat = theirs.data.flat
        x = rng.standard_normal((4, 3, 6, 5))
        one, other = deploy.forward(data=x)["prob"], full.forward(data=x)["prob"]
        np.testing.assert_allclose(other[..., 0, 0], one, rtol=1e-4)


class TestMemoryData:
    TEXT = """
    layer { name: "m" type: "MemoryData" top: "data" top: "label"
            memory_data_param { batch_size: 2 channels: 3 height: 4 width: 5 } }
    layer { name: "r" type: "ReLU" bottom: "data" top: "r" }
    """

    @pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
    def test_round_and_round(self, written, built_on, rng, dtype):
        net = caffe.Net(written(self.TEXT), caffe.TRAIN)
        data = rng.integers(0, 9, (6, 3, 4, 5)).astype(dtype)
        net.set_input_arrays(data, np.arange(6).astype(dtype))
        for begin in (0, 2, 4, 0):
            outs = net.forward()
            np.testing.assert_array_equal(outs["r"], data[begin : begin + 2])
            assert outs["label"].tolist() == [begin, begin + 1]

    def test_refusals(self, written, deploy):
        net = caffe.Net(written(self.TEXT), caffe.TRAIN)
        with pytest.raises(ShapeError, match="expected a multiple of batch_size"):
            net.set_input_arrays(np.zeros((3, 3, 4, 5)), np.zeros(3))
        with pytest.raises(NetError, match="no MemoryData layer"):
            deploy.set_input_arrays(np.zeros((2, 3, 4, 5)), np.zeros(2))


class TestHooks:
    def test_see_every_layer(self, deploy):
        seen = []
        deploy.before_forward(lambda i: seen.append(("before", i)))
        deploy.after_forward(lambda i: seen.append(("after", i)))
        deploy.before_backward(lambda i: seen.append(("down", i)))
        deploy.after_backward(lambda i: seen.append(("downed", i)))
        deploy.forward(start="pool", end="ip")
        deploy.backward(start="ip", end="pool")
        assert seen == [
            *[("before", 3), ("after", 3), ("before", 4), ("after", 4)],
            *[("down", 4), ("downed", 4), ("down", 3), ("downed", 3)],
        ]

    def test_may_change_what_flows(self, deploy):
        names = list(deploy.layer_dict)

        def double(index):
            if names[index] == "ip":
                deploy.blobs["ip"].data[...] = np.arange(7)

        deploy.after_forward(double)
        expected = np.exp(np.arange(7)) / np.exp(np.arange(7)).sum()
        np.testing.assert_allclose(deploy.forward()["prob"][0], expected, rtol=1e-5)

    def test_may_stop_a_run(self, deploy):
        def stop(index):
            raise KeyError(index)

        deploy.before_forward(stop)
        with pytest.raises(KeyError):
            deploy.forward()


class TestLifetimes:
    def test_arrays_outlive_the_net(self, testnet):
        testnet.forward()
        params = [blob for blobs in testnet.params.values() for blob in blobs]
        blobs = list(testnet.blobs.values())
        arrays = [blob.data for blob in blobs]
        del testnet
        gc.collect()
        total = sum(float(blob.data.sum() + blob.diff.sum()) for blob in params + blobs)
        assert np.isfinite(total + sum(float(array.sum()) for array in arrays))

    @pytest.mark.parametrize("text", [TESTNET, DEPLOY])
    def test_a_net_goes_with_its_last_name(self, written, built_on, text):
        net = caffe.Net(written(text), caffe.TEST)
        net.forward(), net.backward(), net.layers, net.params, net.top_names
        net.after_forward(lambda index: None)
        engine, layers = weakref.ref(net.engine), [weakref.ref(s.layer) for s in net.engine.steps]
        gc.disable()
        try:
            del net
            assert engine() is None
            assert [layer() for layer in layers] == [None] * len(layers)
        finally:
            gc.enable()

    def test_its_threads_too(self, written, tmp_path):
        import h5py

        with h5py.File(tmp_path / "d.h5", "w") as file:
            file["data"] = np.arange(24, dtype=np.float32).reshape(8, 3)
        written(str(tmp_path / "d.h5"), "list.txt")
        text = f"""layer {{ name: "d" type: "HDF5Data" top: "data"
                   hdf5_data_param {{ source: "{tmp_path}/list.txt" batch_size: 2 }} }}"""
        before = set(threading.enumerate())
        net = caffe.Net(written(text), caffe.TRAIN)
        kept = net.forward()["data"].tolist()
        assert kept == [[0, 1, 2], [3, 4, 5]]
        assert set(threading.enumerate()) > before
        gc.disable()
        try:
            net = None
            assert set(threading.enumerate()) == before
        finally:
            gc.enable()

    def test_hooks_that_know_the_net_do_not_keep_it(self, written, built_on):
        net = caffe.Net(written(TESTNET), caffe.TRAIN)
        net.after_forward(lambda index: net.blobs["data"])
        engine = weakref.ref(net.engine)
        net = None
        gc.collect()
        assert engine() is None

    def test_its_layers_are_closed_and_those_of_a_wrapped_one_not(self, deploy, written):
        closed = []
        for net, name in ((caffe.Net(written(DEPLOY), 1), "own"), (deploy, "wrapped")):
            net.engine.steps[0].layer.close = lambda name=name: closed.append(name)
        wrapped = caffe.Net.wrap(deploy.engine)
        net = wrapped = None  # noqa: F841  # deploy itself is still there
        gc.collect()
        assert closed == ["own"]


class TestErrors:
    def test_a_definition_that_is_wrong(self, written):
        with pytest.raises(UnknownLayerTypeError):
            caffe.Net(written('layer { name: "a" type: "Nope" top: "x" }'), caffe.TEST)
        with pytest.raises(ValueError, match=r"net\.prototxt:1"):
            caffe.Net(written("layr { }"), caffe.TEST)

    def test_labels_out_of_range_and_on_it_goes(self, testnet):
        before = testnet.params["ip"][0].data.copy()
        testnet.blobs["label"].data[...] = 99
        with pytest.raises(ValueError, match="99"):
            testnet.forward()
        testnet.blobs["label"].data[...] = 12
        assert np.isfinite(testnet.forward()["loss"])
        np.testing.assert_array_equal(testnet.params["ip"][0].data, before)


def test_wrap_leaves_the_engine_to_its_owner(deploy):
    net = caffe.Net.wrap(deploy.engine)
    assert list(net.blobs) == list(deploy.blobs)
    x = np.ones((4, 3, 6, 5))
    np.testing.assert_array_equal(net.forward(data=x)["prob"], deploy.forward(data=x)["prob"])


def test_names_in_and_out(testnet):
    assert testnet.inputs == []
    assert testnet.outputs == ["loss"]
    assert testnet.top_names == OrderedDict(
        [("data", ["data", "label"]), ("conv", ["conv"]), ("ip", ["ip_blob"]), ("loss", ["loss"])]
    )
    assert testnet.bottom_names == OrderedDict(
        [("data", []), ("conv", ["data"]), ("ip", ["conv"]), ("loss", ["ip_blob", "label"])]
    )
