"""Origin: the layers of a message, and what their origin says."""

from __future__ import annotations

import pytest

from minicaffe.proto.minicaffe_pb2 import LayerParameter, NetParameter, SolverParameter
from minicaffe.proto.origin import layers_of, origins_hidden, place


def solver():
    made = SolverParameter()
    made.net_param.layer.add(name="a")
    made.train_net_param.layers.add(name="b")
    made.test_net_param.add()
    made.test_net_param.add().layer.add(name="c", origin="f:1")
    return made


def test_layers_of_a_solver_with_their_paths():
    assert [(path, layer.name) for path, layer in layers_of(solver())] == [
        ("net_param.layer[0]", "a"),
        ("train_net_param.layers[0]", "b"),
        ("test_net_param[1].layer[0]", "c"),
    ]


def test_looking_sets_nothing():
    empty = SolverParameter()
    assert list(layers_of(empty)) == []
    assert empty == SolverParameter()


def test_a_layer_is_its_own():
    assert list(layers_of(LayerParameter(name="a"))) == [("", LayerParameter(name="a"))]


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("a/net.prototxt:12", ("a/net.prototxt", 12)),
        ("C:/net:3", ("C:/net", 3)),
        ("net.prototxt", ("net.prototxt", None)),
        ("C:/net", ("C:/net", None)),
        ("", ("", None)),
    ],
)
def test_place(origin, expected):
    assert place(origin) == expected


def test_origins_are_hidden_only_inside():
    net = NetParameter()
    net.layer.add(origin="f:1")
    net.layer.add()
    before = NetParameter()
    before.CopyFrom(net)

    def fail_inside():
        with origins_hidden(net):
            assert not any(layer.HasField("origin") for layer in net.layer)
            raise KeyError

    with pytest.raises(KeyError):
        fail_inside()
    assert net == before
