"""Parameters in and out: by layer name, by the original's rules for shapes, all or nothing."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.errors import PrototxtError, WeightsError
from minicaffe.net import Net
from minicaffe.proto import binary
from minicaffe.proto.minicaffe_pb2 import BlobProto, NetParameter
from minicaffe.weights import copy_weights, load_weights, net_to_proto, save_weights

TEXT = """
layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "a" type: "InnerProduct" bottom: "x" top: "y"
  inner_product_param { num_output: 4 weight_filler { type: "gaussian" } } }
layer { name: "b" type: "InnerProduct" bottom: "y" top: "z"
  inner_product_param { num_output: 5 weight_filler { type: "gaussian" } bias_term: false } }
"""


def make(device, text=TEXT):
    return Net(text_format.Parse(text, NetParameter()), None, device)


def values(net, layer, index=0):
    blobs = next(step.layer.blobs for step in net.steps if step.name == layer)
    return net.device.to_numpy(blobs[index].data)


def test_saved_weights_load_bit_for_bit(device, tmp_path):
    one, other = make(device), make(device)
    save_weights(one, tmp_path / "w.caffemodel")
    copied = load_weights(other, tmp_path / "w.caffemodel")
    assert (copied.copied, copied.ignored, copied.kept) == (["a", "b"], [], [])
    for layer in "ab":
        np.testing.assert_array_equal(values(one, layer), values(other, layer))


def test_layers_are_found_by_name(device):
    source = net_to_proto(make(device))
    source.layer[1].name = "other"
    net = make(device)
    before = values(net, "a").copy()
    copied = copy_weights(net, source)
    assert (copied.copied, copied.ignored, copied.kept) == (["b"], ["other"], ["a"])
    np.testing.assert_array_equal(values(net, "a"), before)


def test_unused_source_layers_are_said(device, caplog):
    caplog.set_level("INFO", "minicaffe")
    source = NetParameter()
    source.layer.add(name="gone")
    copy_weights(make(device), source)
    assert caplog.messages[-1] == "Ignoring source layer gone"


def test_the_first_of_two_layers_of_a_name_gets_them(device):
    text = TEXT + TEXT[TEXT.index('layer { name: "b"') :].replace('top: "z"', 'top: "w"')
    net = make(device, text)
    before = net.device.to_numpy(net.steps[4].layer.blobs[0].data).copy()
    source = net_to_proto(make(device))
    copy_weights(net, source)
    np.testing.assert_array_equal(
        net.device.to_numpy(net.steps[3].layer.blobs[0].data),
        np.array(source.layer[2].blobs[0].data, np.float32).reshape(5, 4),
    )
    np.testing.assert_array_equal(net.device.to_numpy(net.steps[4].layer.blobs[0].data), before)


@pytest.mark.parametrize(
    ("dims", "fits"),
    [
        ((1, 1, 4, 3), True),
        ((1, 1, 3, 4), False),
        ((4, 3, 1, 1), False),
        ((1, 1, 1, 12), False),
    ],
)
def test_the_old_form_of_a_shape_is_padded_in_front(device, dims, fits):
    source = net_to_proto(make(device))
    blob = source.layer[1].blobs[0]
    blob.ClearField("shape")
    blob.num, blob.channels, blob.height, blob.width = dims
    bias = source.layer[1].blobs[1]
    bias.ClearField("shape")
    bias.num, bias.channels, bias.height, bias.width = 1, 1, 1, 4
    net = make(device)
    if fits:
        copy_weights(net, source)
        np.testing.assert_array_equal(values(net, "a").reshape(-1), np.array(blob.data, np.float32))
    else:
        with pytest.raises(WeightsError, match=r"blobs\[0\] has shape .* expected \(4, 3\)"):
            copy_weights(net, source)


def test_double_values_load(device):
    source = net_to_proto(make(device))
    blob = source.layer[1].blobs[0]
    blob.double_data.extend(range(12))
    blob.ClearField("data")
    net = make(device)
    copy_weights(net, source)
    np.testing.assert_array_equal(values(net, "a"), np.arange(12).reshape(4, 3))


def test_a_misfit_copies_nothing_and_says_what_to_do(device):
    wide = TEXT.replace("num_output: 5", "num_output: 6")
    source, net = net_to_proto(make(device, wide)), make(device)
    before = values(net, "a").copy()
    with pytest.raises(
        WeightsError,
        match=r"layer 'b' \(InnerProduct\): blobs\[0\] has shape \(6, 4\) in the file, expected "
        r"\(5, 4\), .* rename it",
    ):
        copy_weights(net, source)
    np.testing.assert_array_equal(values(net, "a"), before)


def test_a_missing_bias_is_refused(device):
    source = net_to_proto(make(device))
    del source.layer[1].blobs[1]
    with pytest.raises(WeightsError, match=r"has 1 parameter blob\(s\), expected 2"):
        copy_weights(make(device), source)


def test_blobs_without_values_are_refused(device):
    source = net_to_proto(make(device))
    source.layer[1].blobs[0].ClearField("data")
    with pytest.raises(WeightsError, match=r"blobs\[0\] has no values in the file"):
        copy_weights(make(device), source)


def test_files_that_are_no_weights(device, tmp_path):
    net = make(device)
    with pytest.raises(PrototxtError, match=r"no_such.caffemodel"):
        load_weights(net, tmp_path / "no_such.caffemodel")
    empty = tmp_path / "empty.caffemodel"
    empty.write_bytes(binary.to_bytes(NetParameter(name="n")))
    with pytest.raises(PrototxtError, match=r"holds no layers, expected a .caffemodel"):
        load_weights(net, empty)
    save_weights(net, tmp_path / "w.caffemodel")
    whole = (tmp_path / "w.caffemodel").read_bytes()
    (tmp_path / "w.caffemodel").write_bytes(whole[: len(whole) // 2])
    with pytest.raises((PrototxtError, WeightsError)):
        load_weights(net, tmp_path / "w.caffemodel")


def test_origin_is_not_written(device):
    net = make(device)
    net.steps[1].layer.param.origin = "here:3"
    assert not NetParameter.FromString(binary.to_bytes(net_to_proto(net))).layer[1].origin


def source(*layers):
    """A file's content: names, each with the shapes of its parameters."""
    net = NetParameter()
    for name, *shapes in layers:
        layer = net.layer.add(name=name, type="OfAFork")
        for shape in shapes:
            blob = layer.blobs.add(data=[1.0] * int(np.prod(shape)))
            blob.shape.dim.extend(shape)
    return net


def test_layers_of_unknown_types_are_copied_by_name(device):
    net = make(device)
    assert copy_weights(net, source(("b", (5, 4)))).copied == ["b"]
    assert (values(net, "b") == 1).all()


def test_the_last_of_two_layers_of_a_name_in_the_file_stays(device):
    net, twice = make(device), source(("b", (5, 4)), ("b", (5, 4)))
    twice.layer[1].blobs[0].data[:] = [2.0] * 20
    assert copy_weights(net, twice).copied == ["b"]
    assert (values(net, "b") == 2).all()


def test_more_blobs_than_the_net_has_are_refused(device):
    with pytest.raises(WeightsError, match=r"has 2 parameter blob\(s\), expected 1"):
        copy_weights(make(device), source(("b", (5, 4), (5,))))


def test_a_name_that_is_nearly_right_is_suggested(device):
    copied = copy_weights(
        make(device), source(("bb", (5, 4)), ("aa", (7, 3), (7,)), ("zz", (5, 4)))
    )
    assert (copied.ignored, copied.kept) == (["bb", "aa", "zz"], ["a", "b"])
    assert copied.hints == {"bb": "b"}  # the shapes of aa are others: it was renamed on purpose


def test_the_old_form_is_suggested_too(device):
    old = source(("bb", (1, 1, 5, 4)))
    assert copy_weights(make(device), old).hints == {"bb": "b"}


def test_the_table_says_what_became_of_each_layer(device, caplog, tmp_path):
    caplog.set_level("INFO", "minicaffe")
    net = source(("aa", (4, 3), (4,)), ("b", (5, 4)), ("relu",))
    (tmp_path / "w").write_bytes(binary.to_bytes(net))
    target = make(device)
    caplog.clear()
    load_weights(target, tmp_path / "w")
    assert caplog.messages == [
        "Ignoring source layer aa",
        "Ignoring source layer relu",
        f"{tmp_path}/w: 1 layer(s) copied, 1 left at initial values, 1 of the file not in the net",
        "    b   copied                      (5, 4)",
        "    a   left at its initial values  (4, 3), (4,)",
        "    aa  not in the net              (4, 3), (4,)  did you mean 'a'?",
        f"{tmp_path}/w: layer 'aa' is not in the net, and its layer 'a' is left at its initial "
        "values: did you mean that one?",
    ]
    assert [r.levelname for r in caplog.records if r.levelname != "INFO"] == ["WARNING"]
    caplog.clear()
    load_weights(target, tmp_path / "w", tell=False)
    assert caplog.messages == ["Ignoring source layer aa", "Ignoring source layer relu"]


def test_a_file_that_has_nothing_for_the_net_warns(device, caplog, tmp_path):
    (tmp_path / "w").write_bytes(binary.to_bytes(source(("other", (9, 9)))))
    load_weights(make(device), tmp_path / "w")
    assert caplog.messages == [
        f"{tmp_path}/w: nothing was copied, no layer of the net has the name of one in the file"
    ]


def test_weights_of_half_precision_load(device):
    half = source(("b", (5, 4)))
    blob = half.layer[0].blobs[0]
    numbers = np.arange(20, dtype="<f2") / 8
    blob.ClearField("data")
    blob.raw_data, blob.raw_data_type = numbers.tobytes(), BlobProto.FLOAT16
    net = make(device)
    copy_weights(net, half)
    np.testing.assert_array_equal(values(net, "b"), numbers.astype(np.float32).reshape(5, 4))


@pytest.mark.parametrize("dim", [2**62, 2**40, -5])
def test_impossible_shapes_are_refused_at_once(device, dim):
    bad = source(("b", (5, 4)))
    bad.layer[0].blobs[0].shape.dim[0] = dim
    net = make(device)
    with pytest.raises(
        WeightsError, match=rf"has shape \({dim}, 4\) in the file, expected \(5, 4\)"
    ):
        copy_weights(net, bad)
