"""Layers as functions: their fields, their names, and the definition that they make."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, NetError
from minicaffe.net_functions import Function, Top, assign_proto, params_of, to_proto
from minicaffe.net_spec import layers as L  # noqa: N812  # its name in every script
from minicaffe.proto.assign import FieldValueError, UnknownFieldError
from minicaffe.proto.minicaffe_pb2 import TEST, LayerParameter
from minicaffe.proto.origin import keeping_origins


def here():
    return inspect.stack()[1].lineno


def layer(top):
    return to_proto(top).layer[-1]


def test_a_function_and_its_tops():
    data, label = L.Data(batch_size=3, ntop=2)
    assert (data.n, label.n) == (0, 1)
    assert data.fn is label.fn
    assert data.fn.tops == (data, label)
    loss = L.SoftmaxWithLoss(data, label, loss_weight=2)
    assert (loss.fn.type_name, loss.fn.inputs) == ("SoftmaxWithLoss", (data, label))
    assert loss.fn.params == {"loss_weight": 2}
    assert (loss.fn.ntop, loss.fn.in_place) == (1, False)


def test_fields_of_the_types_own_message():
    found = layer(L.HDF5Data(source="x", batch_size=2, loss_weight=[1, 2], include={}))
    assert (found.hdf5_data_param.source, found.hdf5_data_param.batch_size) == ("x", 2)
    assert [*found.loss_weight] == [1, 2]
    assert len(found.include) == 1


@pytest.mark.parametrize(
    ("made", "message", "field"),
    [
        (lambda: L.Deconvolution(num_output=2), "convolution_param", "num_output"),
        (lambda: L.Im2col(kernel_size=2), "convolution_param", "kernel_size"),
        (lambda: L.LSTM(num_output=2), "recurrent_param", "num_output"),
        (lambda: L.RNN(debug_info=True), "recurrent_param", "debug_info"),
        (lambda: L.SoftmaxWithLoss(axis=2), "softmax_param", "axis"),
        (lambda: L.SoftmaxWithLoss(ignore_label=2), "loss_param", "ignore_label"),
        (lambda: L.SigmoidCrossEntropyLoss(normalization="NONE"), "loss_param", "normalization"),
        (lambda: L.InfogainLoss(source="x"), "infogain_loss_param", "source"),
        (lambda: L.InfogainLoss(ignore_label=1), "loss_param", "ignore_label"),
        (lambda: L.Python(layer="Mine"), "python_param", "layer"),
        (lambda: L.MVN(across_channels=True), "mvn_param", "across_channels"),
        (lambda: L.ELU(alpha=2), "elu_param", "alpha"),
    ],
)
def test_where_flattened_fields_go(made, message, field):
    found = layer(made())
    assert [f.name for f, _ in found.ListFields()][-1] == message
    assert [f.name for f, _ in getattr(found, message).ListFields()] == [field]
    assert message in params_of(found.type)


def test_a_message_and_its_fields_together():
    found = layer(L.Convolution(num_output=2, convolution_param={"group": 4, "bias_term": False}))
    conv = found.convolution_param
    assert (conv.num_output, conv.group, conv.bias_term) == (2, 4, False)


def test_a_type_that_the_schema_does_not_know():
    found = layer(L.RegionProposal(L.Input(), name="x", python_param={"layer": "x"}))
    assert (found.type, found.name, found.python_param.layer) == ("RegionProposal", "x", "x")
    with pytest.raises(
        UnknownFieldError, match=r"layer \(RegionProposal\): there is no field 'scale'"
    ):
        L.RegionProposal(scale=2)


def test_automatic_names_count_by_type():
    a = L.Input()
    left, right = L.Slice(L.ReLU(a, in_place=True), ntop=2)
    net = to_proto(L.Eltwise(left, right), L.ReLU(a))
    assert [(each.name, [*each.bottom], [*each.top]) for each in net.layer] == [
        ("Input1", [], ["Input1"]),
        ("ReLU1", ["Input1"], ["Input1"]),
        ("Slice1", ["Input1"], ["Slice1", "Slice2"]),
        ("Eltwise1", ["Slice1", "Slice2"], ["Eltwise1"]),
        ("ReLU2", ["Input1"], ["ReLU2"]),
    ]


def test_each_layer_comes_once_and_after_what_it_reads():
    a = L.Input()
    b = L.Exp(a)
    net = to_proto(L.Concat(L.Log(b), b), a, b)
    assert [each.type for each in net.layer] == ["Input", "Exp", "Log", "Concat"]
    assert L.Concat(b, a).to_proto(b) == to_proto(L.Concat(b, a))


def test_in_place_takes_all_bottoms():
    net = to_proto(L.Custom(L.Input(), L.Input(), in_place=True))
    assert [*net.layer[-1].top] == [*net.layer[-1].bottom] == ["Input1", "Input2"]


def test_given_names_and_tops():
    a = L.Input(name="in")
    found = to_proto(L.Silence(a, ntop=0, name="quiet"), L.Data(ntop=0, top=["x", "y"]))
    assert [(each.name, [*each.top]) for each in found.layer] == [
        ("in", ["Input1"]),
        ("quiet", []),
        ("Data1", ["x", "y"]),
    ]


def test_a_chain_of_any_length():
    top = L.Input()
    for _ in range(5000):
        top = L.ReLU(top)
    assert len(to_proto(top).layer) == 5001


@pytest.mark.parametrize("found", [3, None, "x", L.Silence(ntop=0), (L.Input(),), [L.Input()]])
def test_an_input_that_is_no_top(found):
    with pytest.raises(TypeError) as caught:
        L.Concat(L.Input(), found)
    assert str(caught.value) == f"Concat input 1 is not a Top (type is {type(found)})"


def test_a_tuple_as_input_says_how():
    with pytest.raises(TypeError) as caught:
        L.Silence(L.DummyData(ntop=2), ntop=0)
    assert caught.value.__notes__ == ["several inputs are given one by one: L.Silence(*tops)"]


def test_an_unknown_field_is_refused_at_the_call():
    with pytest.raises(AttributeError, match="did you mean 'num_output'") as caught:
        L.Convolution(L.Input(), num_ouput=20, name="conv1")
    line = here() - 1
    assert str(caught.value).startswith(
        f"{__file__}:{line}: layer 'conv1' (Convolution): there is no field 'num_ouput' in "
        "LayerParameter or convolution_param: "
    )
    with pytest.raises(UnknownFieldError, match="did you mean 'in_place'"):
        L.ReLU(L.Input(), inplace=True)


def test_a_wrong_value_is_refused_at_the_call():
    with pytest.raises(FieldValueError, match=r"\(Pooling\): pool is 'MXA', expected one of MAX"):
        L.Pooling(L.Input(), pool="MXA")


@pytest.mark.parametrize("ntop", [-1, 1.5, None, "2"])
def test_ntop(ntop):
    with pytest.raises(LayerConfigError, match=r"ntop is .*, expected a whole number from 0 up"):
        L.Data(ntop=ntop)
    assert len(L.Data(ntop=np.int64(2))) == 2


def test_in_place_needs_an_input():
    with pytest.raises(LayerConfigError, match="in_place is given without an input"):
        L.ReLU(in_place=True)


def test_a_circle():
    top = L.Exp(L.Input())
    top.fn.inputs = (L.Log(top),)
    with pytest.raises(NetError, match="a Log reads what is made from it"):
        to_proto(top)


def test_update():
    top = L.Convolution(L.Input(), num_output=2, param=[{"lr_mult": 1}])
    top.fn.update({"num_output": 3, "param": [{"lr_mult": 0}]})
    assert layer(top).convolution_param.num_output == 3
    assert [each.lr_mult for each in layer(top).param] == [0]
    with pytest.raises(UnknownFieldError):
        top.fn.update({"num_outputs": 3, "kernel_size": 1})
    assert set(top.fn.params) == {"num_output", "param"}


def test_the_callers_dict_stays_as_it_is():
    params = {"ntop": 2, "in_place": False}
    Function("Data", (), params)
    assert params == {"ntop": 2, "in_place": False}


def test_origins_only_where_they_are_wanted():
    top = L.Input(), here()
    assert not layer(top[0]).HasField("origin")
    with keeping_origins():
        assert layer(top[0]).origin == f"{__file__}:{top[1]}"


def test_assign_proto():
    message = LayerParameter()
    assign_proto(message, "param", [{"name": "a"}, {}])
    assign_proto(message, "phase", TEST)
    assign_proto(message, "loss_weight", 2)
    assert (message.param[0].name, len(message.param), message.phase) == ("a", 2, TEST)
    with pytest.raises(AttributeError, match="no field 'nam' in LayerParameter"):
        assign_proto(message, "nam", 1)


def test_tops_are_told_apart_by_themselves():
    assert Top(None, 0) != Top(None, 0)
