"""NetSpec, further: definitions read back, changed, summed up, and programs in their place."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

import minicaffe
from minicaffe import netspec
from minicaffe.errors import NetError, PrototxtError
from minicaffe.net import Net
from minicaffe.net_spec import layers as L  # noqa: N812  # its name in every script
from minicaffe.net_spec import to_proto
from minicaffe.netspec import NetSpec, from_proto, load
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN, NetParameter, NetState, SolverParameter
from minicaffe.proto.text import parse, read, read_net, to_text, write

FOLDER = Path(__file__).parent
DEFINITIONS = sorted(
    [*FOLDER.glob("definitions/*.prototxt"), *FOLDER.glob("corpus/prototxts/**/*.prototxt")]
)
TRAIN_TEST = """
name: "net" force_backward: true state { level: 2 }
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  data_param { source: "a" batch_size: 2 backend: LMDB } transform_param { scale: 0.1 } }
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST }
  data_param { source: "b" batch_size: 3 } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  param { name: "w" lr_mult: 0.1 } param { }
  convolution_param { num_output: 2 kernel_size: 3 kernel_size: 1 weight_filler { } }
  blobs { shape { dim: 2 } data: 0.1 data: 3 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" relu_param { } }
layer { name: "conv/drop" type: "Dropout" bottom: "conv" top: "conv" exclude { phase: TEST } }
layer { name: "split" type: "Slice" bottom: "conv" top: "a" top: "b" slice_param { axis: 1 } }
layer { type: "Eltwise" bottom: "a" bottom: "b" top: "sum" eltwise_param { coeff: [1, -1] } }
layer { name: "quiet" type: "Silence" bottom: "nowhere" bottom: "sum" }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "conv" bottom: "label" top: "loss"
  loss_weight: 0.3 propagate_down: [true, false] softmax_param { axis: 2 }
  loss_param { ignore_label: 255 normalization: NONE } }
layer { name: "py" type: "Python" bottom: "conv" python_param { module: "m" layer: "L" } }
layer { }
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def spec(text):
    return from_proto(parse(text, NetParameter, "p"))


def test_a_definition_of_everything():
    n = spec(TRAIN_TEST)
    assert to_text(n.to_proto()) == to_text(parse(TRAIN_TEST, NetParameter))
    assert "origin" not in str(n.to_proto())


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: "/".join(path.parts[-2:]))
def test_definitions_of_others(path, caplog, here):
    """Through a NetSpec, and as YAML and JSON, they stay what they are."""
    caplog.set_level(logging.CRITICAL, "minicaffe")
    for message_type in (NetParameter, SolverParameter):
        try:
            message = read(path, message_type)
        except PrototxtError:
            continue
        written = to_text(message)
        for name in ("a.yaml", "a.json", "a.prototxt"):
            write(message, name)
            message = read(name, message_type)
            assert to_text(message) == written, name
    try:
        net = read_net(path)
    except PrototxtError:
        return
    assert to_text(load(path).to_proto()) == to_text(net)


def test_old_definitions_are_brought_up_to_date(here):
    (here / "v1").write_text("input: 'x' input_dim: [1, 2, 3, 4] layers { type: TANH top: 'y' }")
    n = load("v1")
    assert [layer.type for layer in n.to_proto().layer] == ["Input", "TanH"]
    assert list(n.tops) == ["x", "y"]


def test_the_names_of_tops():
    n = spec(TRAIN_TEST)
    assert list(n.tops) == [
        *("data", "label", "data_test", "label_test", "conv", "relu", "conv/drop"),
        *("a", "b", "sum", "quiet", "loss", "py", "layer"),
    ]
    assert n["conv/drop"].fn.inputs == (n.relu,)
    assert n.a.fn is n.b.fn
    n = spec(
        "layer { name: 'x' top: 'x' } layer { name: 'x' top: 'x' } layer { name: 'y' top: 'x' }"
    )
    assert list(n.tops) == ["x", "x_2", "y"]


def test_a_layer_has_the_fields_that_one_would_write():
    n = spec(TRAIN_TEST)
    data, conv, loss = n.data.fn, n.conv.fn, n.loss.fn
    assert data.params == {
        "name": "data",
        "include": [{"phase": "TRAIN"}],
        "transform_param": {"scale": 0.1},
        "source": "a",
        "batch_size": 2,
        "backend": "LMDB",
    }
    assert conv.params["kernel_size"] == [3, 1]
    assert conv.params["param"][0] == {"name": "w", "lr_mult": 0.1}
    assert (loss.params["axis"], loss.params["ignore_label"]) == (2, 255)
    assert (data.ntop, n.relu.fn.in_place, conv.origin) == (2, True, "p:7")


def test_what_a_top_needs():
    n = spec(TRAIN_TEST)
    found = to_proto(n["conv/drop"])
    assert [layer.name for layer in found.layer] == ["data", "data", "conv", "relu", "conv/drop"]
    assert [rule.phase for layer in found.layer[:2] for rule in layer.include] == [TRAIN, TEST]
    assert found.layer[3].relu_param == n.to_proto().layer[3].relu_param


def test_a_layer_reads_what_is_made_in_its_phase():
    n = spec(
        "layer { name: 'a' top: 'x' }"
        "layer { name: 'b' top: 'x' include { phase: TRAIN } }"
        "layer { name: 'c' bottom: 'x' top: 'y' include { phase: TEST } }"
        "layer { name: 'd' bottom: 'x' top: 'z' include { stage: 's' } }"
        "layer { name: 'e' bottom: 'x' top: 'w' exclude { phase: TRAIN } }"
    )
    read = {name: n[name].fn.inputs[0].fn.params["name"] for name in "yzw"}
    assert read == {"y": "a", "z": "b", "w": "a"}
    assert n.z.fn.also == (n.x.fn,)


def test_change_fields():
    n = spec(TRAIN_TEST)
    n.update("data", {"batch_size": 32, "transform_param": {"mirror": True}})
    n.update("conv", {"kernel_size": 5, "name": "other"})
    data, _, conv, *_ = n.to_proto().layer
    assert (data.data_param.batch_size, data.transform_param.HasField("scale")) == (32, False)
    assert ([*conv.convolution_param.kernel_size], conv.name, [*conv.top]) == (
        [5],
        "other",
        ["conv"],
    )


FINE_TUNE = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: [2, 8] } } }
layer { name: "ip1" type: "InnerProduct" bottom: "data" top: "ip1"
  inner_product_param { num_output: 4 } }
layer { name: "relu1" type: "ReLU" bottom: "ip1" top: "ip1" }
layer { name: "ip2" type: "InnerProduct" bottom: "ip1" top: "ip2"
  inner_product_param { num_output: 3 } }
layer { name: "prob" type: "Softmax" bottom: "ip2" top: "prob" }
"""


def test_another_last_layer():
    n = spec(FINE_TUNE)
    old, n.ip2 = n.ip2, L.InnerProduct(n.relu1, num_output=20)
    n.rewire(old, n.ip2)
    net = Net(n.to_proto())
    assert [step.name for step in net.steps] == ["data", "ip1", "relu1", "ip2", "prob"]
    assert net.blobs["prob"].shape == (2, 20)


def test_a_layer_between_others():
    n = spec(FINE_TUNE)
    n.bn1 = L.BatchNorm(n.ip1)
    n.rewire(n.ip1, n.bn1)
    assert [(each.name, [*each.bottom], [*each.top]) for each in n.to_proto().layer] == [
        ("data", [], ["data"]),
        ("ip1", ["data"], ["ip1"]),
        ("bn1", ["ip1"], ["bn1"]),
        ("relu1", ["bn1"], ["bn1"]),
        ("ip2", ["bn1"], ["ip2"]),
        ("prob", ["ip2"], ["prob"]),
    ]


def test_take_layers_away():
    n = spec(FINE_TUNE)
    del n.prob
    n.loss = L.SoftmaxWithLoss(n.ip2, L.Input(name="label", shape={"dim": [2]}), name="loss")
    assert [each.name for each in n.to_proto().layer] == [
        *("data", "ip1", "relu1", "ip2", "label", "loss"),
    ]


def test_what_is_the_nets_own(here):
    n = NetSpec()
    n.header.name = "mine"
    n.data = L.Input(shape={"dim": [1]})
    n.save("net.yaml")
    assert (here / "net.yaml").read_text().startswith("name: mine\nlayer:\n- name: data\n")
    assert load("net.yaml").header.name == "mine"
    assert spec(TRAIN_TEST).header == NetParameter(
        name="net", force_backward=True, state=NetState(level=2)
    )


def test_summary(capsys):
    n = spec(FINE_TUNE)
    n.top2 = L.Power(n.ip2, include={"phase": TRAIN})
    n.summary()
    assert capsys.readouterr().out.splitlines() == [
        "layer  type          shapes    parameters",
        "data   Input         data 2x8           0",
        "ip1    InnerProduct  ip1 2x4           36",
        "relu1  ReLU          ip1 2x4            0",
        "ip2    InnerProduct  ip2 2x3           15",
        "prob   Softmax       prob 2x3           0",
        "total                                  51",
    ]
    n.summary("train", inputs={"data": (7, 8)})
    assert "top2   Power         top2 7x3" in capsys.readouterr().out


def test_summary_of_data_that_is_not_there(capsys):
    n = NetSpec()
    n.data, n.label = L.ImageData(
        source="none", batch_size=4, transform_param={"crop_size": 9}, ntop=2
    )
    n.summary(TRAIN)
    out = capsys.readouterr().out
    assert "data 4x3x9x9, label 4" in out
    assert "\ndata: " in out
    n.bad = L.Convolution(n.data, num_output=1, kernel_size=11)
    with pytest.raises(Exception, match="'bad'"):
        n.summary()


def test_summary_of_a_shape_that_nobody_knows():
    n = NetSpec()
    n.data = L.Data(source="none", batch_size=4)
    with pytest.raises(NetError):
        n.summary()


def test_a_program(here):
    (here / "net.py").write_text(
        "from minicaffe import NetSpec, layers as L\n"
        "def net(phase, width=2):\n"
        "    n = NetSpec()\n"
        "    n.header.name = 'made'\n"
        "    n.data = L.Input(shape=dict(dim=[1 + phase, width]))\n"
        "    return n\n"
    )
    n = load("net.py:width=3", phase=TEST)
    assert n.header.name == "made"
    assert n.data.fn.params["shape"] == [{"dim": [2, 3]}]
    assert list(load("net.py").tops) == ["data", "data_test"]


def test_the_package_has_it():
    assert minicaffe.NetSpec is NetSpec
    assert minicaffe.netspec is netspec
    assert issubclass(NetSpec, minicaffe.net_spec.NetSpec)
