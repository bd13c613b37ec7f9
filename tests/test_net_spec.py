"""NetSpec: the definitions that the original writes for the same scripts."""

from __future__ import annotations

import copy
import pickle

import pytest

import minicaffe.layers
from minicaffe import net_spec
from minicaffe.net_spec import Layers, NetSpec, UnknownTopError, to_proto
from minicaffe.net_spec import layers as L  # noqa: N812  # its name in every script
from minicaffe.net_spec import params as P  # noqa: N812
from minicaffe.proto import caffe_pb2

# What the original prints for ``lenet(50).to_proto()``, layer by layer.
LENET = """\
layer {
  name: "data"
  type: "DummyData"
  top: "data"
  top: "label"
  transform_param {
    scale: 0.00392156886
  }
  dummy_data_param {
    shape {
      dim: 50
      dim: 1
      dim: 28
      dim: 28
    }
    shape {
      dim: 50
      dim: 1
      dim: 1
      dim: 1
    }
  }
}
layer {
  name: "conv1"
  type: "Convolution"
  bottom: "data"
  top: "conv1"
  convolution_param {
    num_output: 20
    kernel_size: 5
    weight_filler {
      type: "xavier"
    }
  }
}
layer {
  name: "pool1"
  type: "Pooling"
  bottom: "conv1"
  top: "pool1"
  pooling_param {
    pool: MAX
    kernel_size: 2
    stride: 2
  }
}
layer {
  name: "ip1"
  type: "InnerProduct"
  bottom: "pool1"
  top: "ip1"
  inner_product_param {
    num_output: 500
    weight_filler {
      type: "xavier"
    }
  }
}
layer {
  name: "relu1"
  type: "ReLU"
  bottom: "ip1"
  top: "ip1"
}
layer {
  name: "ip2"
  type: "InnerProduct"
  bottom: "ip1"
  top: "ip2"
  inner_product_param {
    num_output: 10
    weight_filler {
      type: "xavier"
    }
  }
}
layer {
  name: "loss"
  type: "SoftmaxWithLoss"
  bottom: "ip2"
  bottom: "label"
  top: "loss"
}
"""
NAMES = {
    "data": "DummyData1",
    "label": "DummyData2",
    "conv1": "Convolution1",
    "pool1": "Pooling1",
    "ip1": "InnerProduct1",
    "relu1": "ReLU1",
    "ip2": "InnerProduct2",
    "loss": "SoftmaxWithLoss1",
}


def lenet_tops(batch, n):
    """A small LeNet; its tops are put into ``n``."""
    xavier = dict(type="xavier")  # noqa: C408  # as scripts write it
    n["data"], n["label"] = L.DummyData(
        shape=[{"dim": [batch, 1, 28, 28]}, {"dim": [batch, 1, 1, 1]}],
        transform_param={"scale": 1.0 / 255},
        ntop=2,
    )
    n["conv1"] = L.Convolution(n["data"], kernel_size=5, num_output=20, weight_filler=xavier)
    n["pool1"] = L.Pooling(n["conv1"], kernel_size=2, stride=2, pool=P.Pooling.MAX)
    n["ip1"] = L.InnerProduct(n["pool1"], num_output=500, weight_filler=xavier)
    n["relu1"] = L.ReLU(n["ip1"], in_place=True)
    n["ip2"] = L.InnerProduct(n["relu1"], num_output=10, weight_filler=xavier)
    n["loss"] = L.SoftmaxWithLoss(n["ip2"], n["label"])
    return n


def text_of(net):
    return str(net).rstrip("\n") + "\n"


def test_lenet():
    assert text_of(lenet_tops(50, NetSpec()).to_proto()) == LENET


def test_lenet_without_names():
    expected = LENET
    for name, automatic in NAMES.items():
        expected = expected.replace(f'"{name}"', f'"{automatic}"')
    assert text_of(to_proto(lenet_tops(50, {})["loss"])) == expected


def test_a_silent_net():
    n = NetSpec()
    n.data, n.data2 = L.DummyData(shape={"dim": 3}, ntop=2)
    n.silence_data = L.Silence(n.data, ntop=0)
    n.silence_data2 = L.Silence(n.data2, ntop=0)
    net = n.to_proto()
    assert [(layer.name, [*layer.bottom], [*layer.top]) for layer in net.layer] == [
        ("data", [], ["data", "data2"]),
        ("silence_data", ["data"], []),
        ("silence_data2", ["data2"], []),
    ]


def test_layers_that_have_no_name_get_one():
    n = NetSpec()
    n.data = L.Input()
    n.pool = L.Pooling(L.ReLU(L.Convolution(n.data, num_output=1), in_place=True))
    n.also = L.Pooling(L.Convolution(n.data, num_output=1))
    assert [(layer.name, [*layer.top]) for layer in n.to_proto().layer] == [
        ("data", ["data"]),
        ("Convolution1", ["Convolution1"]),
        ("ReLU1", ["Convolution1"]),
        ("pool", ["pool"]),
        ("Convolution2", ["Convolution2"]),
        ("also", ["also"]),
    ]


def test_a_second_top_without_a_name():
    n = NetSpec()
    n.left, right = L.Slice(L.Input(), ntop=2)
    n.sum = L.Eltwise(n.left, right)
    assert [[*layer.top] for layer in n.to_proto().layer] == [
        *(["Input1"], ["left", "Slice1"], ["sum"]),
    ]


def test_an_automatic_name_is_none_that_is_given():
    n = NetSpec()
    n.Exp1 = L.Input()
    n.out = L.Log(L.Exp(n.Exp1))
    assert [layer.name for layer in n.to_proto().layer] == ["Exp1", "Exp2", "out"]


def test_a_name_used_again_belongs_to_the_last():
    n = NetSpec()
    n.x = L.Input()
    for _ in range(2):
        n.x = L.Exp(n.x)
    assert [layer.name for layer in n.to_proto().layer] == ["Input1", "Exp1", "x"]


def test_the_order_is_that_of_the_tops_and_of_what_they_need():
    n = NetSpec()
    late = L.Input(name="in")
    n.b = L.Exp(late)
    n.late = late
    n.a = L.Log(n.late)
    assert [layer.name for layer in n.to_proto().layer] == ["in", "b", "a"]


def test_attributes_and_items():
    n = NetSpec()
    n["a/b"] = n.x = L.Input()
    assert n.x is n["x"] is n["a/b"]
    assert (n.keys(), n.vals()) == (["a/b", "x"], [n.x, n.x])
    assert list(n.tops) == n.keys()
    assert "x" in n
    assert "y" not in n
    assert {"x", "to_proto"} <= set(dir(n))
    del n.x
    del n["a/b"]
    assert n.tops == {}
    n.to_prot = L.Input()
    n["to_proto"] = L.Input()
    assert n["to_proto"] is n.tops["to_proto"]
    assert len(n.to_proto().layer) == 2


@pytest.mark.parametrize("error", [AttributeError, KeyError, UnknownTopError])
def test_a_top_that_is_not_there(error):
    n = NetSpec()
    n.conv1 = L.Input()
    with pytest.raises(error) as caught:
        n.conv  # noqa: B018
    assert str(caught.value) == "there is no top 'conv': did you mean 'conv1'?"
    with pytest.raises(error):
        n["conv"]
    with pytest.raises(error):
        del n.conv
    assert not hasattr(n, "conv")


def test_only_tops_are_tops():
    n = NetSpec()
    with pytest.raises(TypeError, match=r"x is int, expected a top of a layer$"):
        n.x = 3
    with pytest.raises(TypeError, match=r"x is tuple, expected a top .*: n.a, n.b = L.Data"):
        n.x = L.Data(ntop=2)


def test_update():
    n = lenet_tops(5, NetSpec())
    n.update("conv1", {"num_output": 7})
    assert n.to_proto().layer[1].convolution_param.num_output == 7


def test_it_can_be_copied():
    n = lenet_tops(50, NetSpec())
    assert copy.deepcopy(n).to_proto() == n.to_proto()
    assert pickle.loads(pickle.dumps(n)).to_proto() == n.to_proto()
    other = copy.copy(n)
    assert other.to_proto() == n.to_proto()


def test_params():
    assert P.Pooling.AVE == caffe_pb2.PoolingParameter.AVE == 1
    assert P.Data.LMDB == caffe_pb2.DataParameter.LMDB
    assert P.Loss.NONE == caffe_pb2.LossParameter.NONE
    assert P.Pooling.PoolMethod.Value("MAX") == 0
    assert {"MAX", "CEIL"} <= set(dir(P.Pooling))
    assert "Pooling" in dir(P)
    with pytest.raises(AttributeError, match="there is no PolingParameter: did you mean 'Pooling'"):
        P.Poling  # noqa: B018
    with pytest.raises(
        AttributeError, match="PoolingParameter has no value MXA: did you mean 'MAX'"
    ):
        P.Pooling.MXA  # noqa: B018


def test_layers_explain_themselves():
    text = L.Convolution.__doc__
    assert "num_output: Number of filters" in text
    assert "Default: 1." in text
    assert "in_place" in text
    assert "recurrent" not in text
    assert "num_output" in L.LSTM.__doc__
    assert L.OfAFork.__doc__.startswith("A layer of the type OfAFork.")
    assert repr(L.Convolution) == "L.Convolution"
    assert {"Convolution", "Deconvolution"} <= set(dir(L))
    with pytest.raises(AttributeError):
        L._repr_html_  # noqa: B018


def test_the_package_of_layers_is_l_as_well():
    found = minicaffe.layers.Convolution(minicaffe.layers.Input(), num_output=1)
    assert found.fn.type_name == "Convolution"
    assert {"Convolution", "Layer"} <= set(dir(minicaffe.layers))
    assert minicaffe.layers.Layer.__module__ == "minicaffe.layers.base"
    with pytest.raises(AttributeError, match="has no attribute 'convolutoin'"):
        minicaffe.layers.convolutoin  # noqa: B018


def test_the_names_of_the_original():
    assert net_spec.param_name_dict()["HDF5Data"] == "hdf5_data"
    assert net_spec.param_name_dict()["Transformation"] == "transform"
    for name in ("Top", "Function", "NetSpec", "Layers", "Parameters", "assign_proto"):
        assert callable(getattr(net_spec, name))
    assert isinstance(net_spec.layers, Layers)
