"""What of a definition Caffe 1.0 does not know."""

from __future__ import annotations

import pytest

from minicaffe.proto.beyond import beyond_caffe
from minicaffe.proto.minicaffe_pb2 import NetParameter, SolverParameter
from minicaffe.proto.text import parse


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ('layer { type: "ReLU" relu_param { negative_slope: 0.1 } }', []),
        ("layer { } layer { permute_param { order: [0, 2] } }", ["layer[1].permute_param"]),
        (
            "layer { permute_param { } norm_param { } }",
            ["layer[0].permute_param", "layer[0].norm_param"],
        ),
        (
            "layer { loss_param { class_weighting: [1, 2] } }",
            ["layer[0].loss_param.class_weighting"],
        ),
        ("layer { pooling_param { pool: ENSEMBLE_MAX } }", ["layer[0].pooling_param.pool"]),
        ("layer { pooling_param { pool: STOCHASTIC } }", []),
        (
            "layers { type: POOLING pooling_param { max_probability: 1 } }",
            ["layers[0].pooling_param.max_probability"],
        ),
    ],
)
def test_paths(text, paths):
    assert sorted(beyond_caffe(parse(text, NetParameter))) == sorted(paths)


def test_a_solver():
    solver = parse("net_param { layer { } layer { bn_param { } } } warmup_iter: 3", SolverParameter)
    assert set(beyond_caffe(solver)) == {"net_param.layer[1].bn_param", "warmup_iter"}


def test_where_a_layer_was_read_is_not_part_of_it():
    net = NetParameter()
    net.layer.add().origin = "a.prototxt:1"
    assert not list(beyond_caffe(net))
