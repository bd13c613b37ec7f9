"""What differs between two files, whatever their formats."""

from __future__ import annotations

from math import inf, isnan, nan

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe import weights_diff
from minicaffe.device import cpu
from minicaffe.errors import PrototxtError, WeightsError
from minicaffe.net import Net
from minicaffe.proto import binary
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.weights import save_weights
from minicaffe.weights_diff import diff_weights


def layer(net, name, *arrays, kind="InnerProduct", old=False):
    param = net.layer.add(name=name, type=kind)
    for array in arrays:
        blob = param.blobs.add(data=np.asarray(array, float).reshape(-1).tolist())
        shape = np.shape(array)
        if old:
            blob.num, blob.channels, blob.height, blob.width = (1,) * (4 - len(shape)) + shape
        else:
            blob.shape.dim.extend(shape)
    return net


def diff(tmp_path, one, other, **options):
    for name, net in (("one", one), ("other", other)):
        (tmp_path / name).write_bytes(binary.to_bytes(net))
    return list(diff_weights(tmp_path / "one", tmp_path / "other", **options))


def test_numbers(tmp_path):
    one = layer(NetParameter(), "a", [[3.0, 0.0], [0.0, 4.0]], [1.0])
    other = layer(NetParameter(), "a", [[3.0, 0.0], [3.0, 0.0]], [1.0])
    [found] = diff(tmp_path, one, other)
    assert not found.is_equal
    first, second = found.blobs
    assert (first.index, first.shape, first.changed) == (0, (2, 2), 2)
    assert (first.max_abs, first.relative, first.zeros) == (4.0, 1.0, (0.5, 0.5))
    assert (second.index, second.changed, second.max_abs, second.relative) == (1, 0, 0.0, 0.0)


def test_in_parts_as_at_once(tmp_path, monkeypatch, rng):
    nets = [layer(NetParameter(), "a", rng.standard_normal((3, 7))) for _ in range(2)]
    whole = diff(tmp_path, *nets)[0].blobs[0]
    monkeypatch.setattr(weights_diff, "_PART", 4)
    parts = diff(tmp_path, *nets)[0].blobs[0]
    assert (parts.changed, parts.max_abs) == (whole.changed, whole.max_abs)
    assert parts.relative == pytest.approx(whole.relative)


@pytest.mark.parametrize(("tolerance", "changed"), [(0, 2), (0.25, 1), (0.5, 0)])
def test_tolerance(tmp_path, tolerance, changed):
    one = layer(NetParameter(), "a", [0.0, 1.0, 2.0])
    other = layer(NetParameter(), "a", [0.0, 1.25, 1.5])
    [found] = diff(tmp_path, one, other, tolerance=tolerance)
    assert found.blobs[0].changed == changed
    assert found.is_equal == (not changed)


def test_what_is_no_number(tmp_path):
    one = layer(NetParameter(), "a", [nan, inf, 1.0])
    [found] = diff(tmp_path, one, one)
    assert found.is_equal
    [found] = diff(tmp_path, one, layer(NetParameter(), "a", [nan, inf, nan]), tolerance=9)
    assert found.blobs[0].changed == 1
    assert isnan(found.blobs[0].max_abs)
    [found] = diff(tmp_path, one, layer(NetParameter(), "a", [nan, 3.0, 1.0]))
    assert (found.blobs[0].changed, found.blobs[0].max_abs) == (1, inf)


def test_from_zeros_the_relative_change_is_infinite(tmp_path):
    found = diff(tmp_path, *(layer(NetParameter(), "a", [v]) for v in (0.0, 2.0)))
    assert found[0].blobs[0].relative == inf


def test_layers_that_came_and_went(tmp_path):
    one = layer(layer(NetParameter(), "a", [1.0]), "old", [[1.0, 2.0]])
    other = layer(layer(NetParameter(), "new", kind="ReLU"), "a", [1.0])
    found = {each.name: each.notes for each in diff(tmp_path, one, other)}
    assert found == {"a": [], "old": ["removed: (1, 2)"], "new": ["added, without parameters"]}


def test_types_counts_and_shapes(tmp_path):
    one = layer(NetParameter(), "a", [[1.0, 2.0]], [1.0])
    other = layer(NetParameter(), "a", [[1.0], [2.0]], kind="Convolution")
    [found] = diff(tmp_path, one, other)
    assert found.notes == [
        "type InnerProduct -> Convolution",
        "2 -> 1 parameter blobs",
        "blobs[0] (1, 2) -> (2, 1)",
    ]
    assert not found.blobs


def test_names_that_stand_twice_are_compared_in_their_order(tmp_path):
    one = layer(layer(NetParameter(), "a", [1.0]), "a", [2.0])
    other = layer(layer(NetParameter(), "a", [1.0]), "a", [3.0])
    found = diff(tmp_path, one, other)
    assert [(each.name, each.is_equal) for each in found] == [("a", True), ("a#2", False)]


def test_the_old_form_of_a_shape_is_the_same_shape(tmp_path):
    new = layer(NetParameter(), "a", [[1.0, 2.0]], [3.0])
    old = layer(NetParameter(), "a", [[1.0, 2.0]], [3.0], old=True)
    for pair in ((new, old), (old, new), (old, old)):
        assert diff(tmp_path, *pair)[0].is_equal
    assert not diff(tmp_path, new, layer(NetParameter(), "a", [1.0, 2.0], [3.0]))[0].is_equal


SHARED = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "a" type: "InnerProduct" bottom: "x" top: "y" param { name: "w" }
  inner_product_param { num_output: 4 weight_filler { type: "gaussian" } } }
layer { name: "b/c" type: "InnerProduct" bottom: "x" top: "z" param { name: "w" }
  inner_product_param { num_output: 4 } }
"""


def test_both_formats_of_one_net_are_equal(tmp_path):
    net = Net(text_format.Parse(SHARED, NetParameter()), None, cpu(1))
    save_weights(net, tmp_path / "one")
    save_weights(net, tmp_path / "other", as_hdf5=True)
    for pair in (("one", "other"), ("other", "one"), ("other", "other")):
        found = list(diff_weights(*(tmp_path / name for name in pair)))
        assert all(each.is_equal for each in found)
        assert {each.name for each in found} >= {"x", "a", "b/c"}


def test_damage_says_where(tmp_path):
    damaged = layer(NetParameter(), "a", [1.0, 2.0])
    damaged.layer[0].blobs[0].data.append(3)
    with pytest.raises(WeightsError, match=r"layer 'a': blobs\[0\] .* holds 3 values"):
        diff(tmp_path, damaged, damaged)
    with pytest.raises(PrototxtError, match="no such file"):
        list(diff_weights(tmp_path / "one", tmp_path / "none"))
