from __future__ import annotations

import importlib.util
import logging
import re
import sys
import types
from pathlib import Path

import pytest

import minicaffe as caffe
from minicaffe import draw
from minicaffe.errors import LayerConfigError, MinicaffeError, PrototxtError
from minicaffe.proto import caffe_pb2
from minicaffe.proto.minicaffe_pb2 import LayerParameter, NetParameter
from minicaffe.proto.text import parse, read_net
from tests.drawing import nets

HERE = Path(__file__).parent
NETS = sorted(
    [*nets.DEFINITIONS.glob("*.prototxt"), *(HERE / "corpus" / "prototxts").rglob("*.prototxt")]
)


class Item:
    def __init__(self, *args, **attributes):
        self.args, self.attributes = args, attributes


class Dot(Item):
    def __init__(self, *args, **attributes):
        super().__init__(*args, **attributes)
        self.nodes, self.edges = [], []

    def add_node(self, node):
        self.nodes.append(node)

    def add_edge(self, edge):
        self.edges.append(edge)

    def create(self, format):
        return f"{format} of Graphviz".encode()


@pytest.fixture
def pydot(monkeypatch):
    """What pydot has, as far as it is used; Graphviz is not called."""
    module = types.ModuleType("pydot")
    module.Dot, module.Node, module.Edge = Dot, type("Node", (Item,), {}), type("Edge", (Item,), {})
    monkeypatch.setitem(sys.modules, "pydot", module)


@pytest.fixture
def no_pydot(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydot", None)


def layer(text):
    return parse(text, LayerParameter)


CONV = (
    'name: "c" type: "Convolution" '
    "convolution_param { num_output: 7 kernel_size: 3 pad: 1 } param { lr_mult: 2 }"
)


def test_every_net_is_drawn(no_pydot, tmp_path, caplog):
    """What pycaffe's own test does: each definition that there is, whole and in each phase."""
    caplog.set_level(logging.CRITICAL, "minicaffe")
    drawn = 0
    for path in NETS:
        try:
            net = read_net(path, lenient=True)
        except PrototxtError:
            continue  # a solver, or no definition at all
        ruled = any(layer.include or layer.exclude for layer in net.layer)
        for phase in (None, caffe_pb2.TRAIN, caffe_pb2.TEST) if ruled else (None,):
            file = tmp_path / f"{drawn}.svg"
            draw.draw_net_to_file(net, str(file), "LR", phase)
            assert file.read_bytes().endswith(b"</svg>\n")
        drawn += 1
    assert drawn >= 20


def test_formats_of_draw_net(no_pydot):
    net = nets.net(nets.CHAIN)
    assert draw.draw_net(net, "LR").startswith(b"\x89PNG")
    assert draw.draw_net(net, "TB", "svg").startswith(b"<?xml")
    text = draw.draw_net(net, "TB", "dot", display_lrm=True, phase=caffe.TEST).decode()
    assert "TEST phase" in text


def test_the_direction_is_from_left_to_right_by_default(tmp_path):
    draw.draw_net_to_file(nets.net(nets.CHAIN), str(tmp_path / "n.dot"))
    assert "rankdir=LR" in (tmp_path / "n.dot").read_text()


def test_a_path_and_what_is_no_net(tmp_path):
    (tmp_path / "n.prototxt").write_text(nets.CHAIN)
    assert b"conv" in draw.draw_net(str(tmp_path / "n.prototxt"), "LR", "svg")
    with pytest.raises(MinicaffeError, match="expected a path, a NetParameter or a NetSpec"):
        draw.draw_net(3, "LR", "svg")


def test_an_old_definition_is_drawn():
    net = parse('layers { name: "c" type: CONVOLUTION bottom: "x" top: "c" }', NetParameter)
    assert b"Convolution" in draw.draw_net(net, "LR", "svg")


def test_without_pydot_it_is_said_what_to_do(no_pydot):
    why = "pydot is not installed.*pip install pydot.*without it"
    with pytest.raises(MinicaffeError, match=why):
        draw.get_pydot_graph(nets.net(nets.CHAIN), "LR")
    with pytest.raises(MinicaffeError, match=why):
        draw.draw_net(nets.net(nets.CHAIN), "LR", "pdf")


def test_other_formats_are_graphvizs(pydot):
    assert draw.draw_net(nets.net(nets.CHAIN), "LR", "pdf") == b"pdf of Graphviz"


def test_the_file_cannot_be_written(tmp_path):
    with pytest.raises(MinicaffeError, match="cannot write"):
        draw.draw_net_to_file(nets.net(nets.CHAIN), str(tmp_path / "none" / "n.svg"))


def test_get_pydot_graph(pydot):
    graph = draw.get_pydot_graph(nets.net(nets.CHAIN), "LR")
    assert graph.args == ('"chain"',)
    assert graph.attributes == {"graph_type": "digraph", "rankdir": "LR"}
    nodes = {node.args[0]: node.attributes for node in graph.nodes}
    assert nodes['"conv_Convolution"']["fillcolor"] == "#FF5050"
    assert nodes['"bn_BatchNorm"']["fillcolor"] == "#90EE90"
    assert nodes['"data_Input"']["fillcolor"] == "#6495ED"
    assert nodes['"conv_blob"'] == {"label": '"conv"', "shape": "octagon", "style": "filled",
                                    "fillcolor": "#E0E0E0"}  # fmt: skip
    assert nodes['"conv_Convolution"']["label"].startswith(r'"conv\n(Convolution)\nkernel')
    edges = [
        (edge.args[0].args[0], edge.args[1].args[0], edge.attributes["label"])
        for edge in graph.edges
    ]
    assert edges[1:3] == [('"data_blob"', '"conv_Convolution"', '""'),
                          ('"conv_Convolution"', '"conv_blob"', "4")]  # fmt: skip
    graph = draw.get_pydot_graph(nets.net(nets.CHAIN), "LR", label_edges=False)
    assert {edge.attributes["label"] for edge in graph.edges} == {'""'}


def test_get_pydot_graph_of_a_phase(pydot):
    def names(phase):
        graph = draw.get_pydot_graph(nets.net(nets.PHASES), "TB", phase=phase)
        return [node.args[0] for node in graph.nodes if "_blob" not in node.args[0]]

    assert names(caffe.TRAIN) == ['"mnist_Input"', '"ip_InnerProduct"', '"drop_Dropout"']
    assert names(caffe.TEST) == ['"mnist_Input"', '"ip_InnerProduct"', '"best_ArgMax"']


def test_labels_are_no_records(pydot):
    graph = draw.get_pydot_graph(nets.evil(), "LR")
    label = graph.nodes[0].attributes["label"]
    assert label.startswith(r'"\<b\>&\"')
    assert not re.search(r'[^\\]["<>]', label[1:-1])


def test_both_kinds_of_rules(pydot):
    net = nets.net(
        'layer { name: "r" type: "ReLU" include { phase: TRAIN } exclude { phase: TEST } }'
    )
    for function in (draw.get_pydot_graph, draw.draw_net):
        with pytest.raises(LayerConfigError, match="both include and exclude rules"):
            function(net, "LR", phase=caffe.TRAIN)


@pytest.mark.skipif(importlib.util.find_spec("pydot") is None, reason="pydot is not installed")
def test_the_real_pydot_takes_evil_names():
    text = draw.get_pydot_graph(nets.evil(), "LR", display_lrm=True).to_string()
    rest = re.sub(r'"(\\.|[^"\\])*"', "", text)
    assert "]]" not in rest


def test_get_pooling_types_dict():
    found = draw.get_pooling_types_dict()
    assert {number: found[number] for number in range(3)} == {0: "MAX", 1: "AVE", 2: "STOCHASTIC"}


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('type: "Data" data_param { batch_size: 64 }', "Batch 64"),
        (CONV, "7"),
        ('type: "InnerProduct" inner_product_param { num_output: 10 }', "10"),
        ('type: "ReLU"', '""'),
    ],
)
def test_get_edge_label(text, label):
    assert draw.get_edge_label(layer(text)) == label


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        (CONV, (2.0, 1.0)),
        ('type: "InnerProduct"', (1.0, 1.0)),
        ('type: "InnerProduct" param { lr_mult: 0 } param { lr_mult: 0.5 }', (0.0, 0.5)),
    ],
)
def test_get_layer_lr_mult(text, rates):
    assert draw.get_layer_lr_mult(layer(text)) == rates


def test_get_layer_lr_mult_refuses():
    with pytest.raises(ValueError, match=r"the type is no Convolution, Deconvolution, .*InnerProd"):
        draw.get_layer_lr_mult(layer('name: "r" type: "ReLU"'))
    with pytest.raises(ValueError, match="3 param are given, expected 2 at most"):
        draw.get_layer_lr_mult(layer('type: "Convolution"' + "param { lr_mult: 1 }" * 3))


@pytest.mark.parametrize(
    ("text", "rankdir", "lrm", "label"),
    [
        (CONV, "TB", False, '"c (Convolution) kernel size: 3 stride: 1 pad: 1"'),
        (CONV, "LR", False, r'"c\n(Convolution)\nkernel size: 3\nstride: 1\npad: 1"'),
        (CONV, "BT", True,
         '"c (Convolution) kernel size: 3 stride: 1 pad: 1 lr mult: 2.0, 1.0"'),
        ('name: "p" type: "Pooling" pooling_param { pool: AVE kernel_size: 2 stride: 4 }', "TB",
         True, '"p (Pooling AVE) kernel size: 2 stride: 4 pad: 0"'),
        ('name: "p" type: "Deconvolution" convolution_param { kernel_h: 5 kernel_w: 2 }', "TB",
         False, '"p (Deconvolution) kernel size: 5 stride: 1 pad: 0"'),
        ('name: "r" type: "ReLU"', "LR", True, r'"r\n(ReLU)"'),
    ],
)  # fmt: skip
def test_get_layer_label(text, rankdir, lrm, label):
    assert draw.get_layer_label(layer(text), rankdir, display_lrm=lrm) == label


def test_choose_color_by_layertype():
    colours = [
        draw.choose_color_by_layertype(type_)
        for type_ in ("Convolution", "Deconvolution", "Pooling", "InnerProduct", "ReLU")
    ]
    assert colours == ["#FF5050", "#FF5050", "#FF9900", "#CC33FF", "#6495ED"]


def test_it_is_where_pycaffe_has_it():
    assert caffe.draw is draw
