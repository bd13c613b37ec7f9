"""Fork wire: binary files of forks, made byte by byte, are read by the types of their layers."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.errors import PrototxtError
from minicaffe.net import Net
from minicaffe.proto import binary
from minicaffe.proto.definition import read_definition
from minicaffe.proto.fork_wire import FORKS, OWNERS, with_our_numbers
from minicaffe.proto.minicaffe_pb2 import BlobProto, LayerParameter, NetParameter
from minicaffe.proto.text import read_net
from minicaffe.proto.wire import tagged, varint
from minicaffe.weights import load_weights

NAME, TYPE, BOTTOM, TOP, BLOBS, LAYER = 1, 2, 3, 4, 7, 100
BLOB = BlobProto(data=[1, 2, 3])
BLOB.shape.dim.append(3)


def number(field, value):
    """A field that holds a whole number."""
    return varint(field << 3) + varint(value)


def layer(kind, *fields, name="it", blobs=(BLOB,)):
    """The bytes of a layer, its weights in the middle, as forks write them."""
    head = tagged(NAME, name.encode()) + tagged(TYPE, kind.encode())
    head += tagged(BOTTOM, b"data") + tagged(TOP, b"out")
    return head + b"".join(tagged(BLOBS, b.SerializeToString()) for b in blobs) + b"".join(fields)


def net(*layers):
    return tagged(1, b"forked") + b"".join(tagged(LAYER, each) for each in layers)


@pytest.fixture
def read(tmp_path):
    def _read(*layers):
        path = tmp_path / "net.caffemodel"
        path.write_bytes(net(*layers))
        return binary.read(path, NetParameter)

    return _read


def test_a_forks_numbers_become_ours(read):
    """SSD's: 202 and 203, which Caffe does not know; the weights stay."""
    order = number(1, 0) + number(1, 2) + number(1, 1)
    found = read(
        layer("Permute", tagged(202, order)),
        layer("PriorBox", tagged(203, number(7, 300))),
        layer("Normalize", tagged(206, number(1, 0))),
    )
    permute, prior_box, normalize = found.layer
    assert list(permute.permute_param.order) == [0, 2, 1]
    assert prior_box.prior_box_param.img_size == 300
    assert not normalize.norm_param.across_spatial
    for each in found.layer:
        assert [list(blob.data) for blob in each.blobs] == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("kind", "field", "payload", "ours", "expected"),
    [
        # three forks' meanings of one number that is Caffe's clip_param
        ("SmoothL1Loss", 148, text_format.Parse("sigma: 3", LayerParameter().smooth_l1_loss_param),
         "smooth_l1_loss_param", {"sigma": 3}),
        ("SpatialTransformer", 148, number(3, 7), "st_param", {"output_H": 7}),
        ("ROIPooling", 147, number(1, 6), "roi_pooling_param", {"pooled_h": 6}),
        ("ROIPooling", 150, number(1, 6), "roi_pooling_param", {"pooled_h": 6}),
        ("ROIPooling", 8266711, number(2, 5), "roi_pooling_param", {"pooled_w": 5}),
        ("Interp", 143, number(1, 33), "interp_param", {"height": 33}),
        ("Upsample", 137, number(1, 2), "upsample_param", {"scale": 2}),
        ("Upsample", 150, number(1, 2), "upsample_param", {"scale": 2}),
        ("ShuffleChannel", 164, number(1, 3), "shuffle_channel_param", {"group": 3}),
        ("LSTM", 151, number(1, 9), "recurrent_param", {"num_output": 9}),
        ("Scale", 160, number(1, 2), "scale_param", {"axis": 2}),
        ("BN", 45, number(3, 1), "bn_param", {"bn_mode": 1}),  # SegNet's: INFERENCE
        ("BN", 152, number(5, 1), "bn_param", {"frozen": True}),  # PSPNet's
        ("AnnotatedData", 100, number(2, 1) + number(11, 64), "transform_param",
         {"crop_h": 64, "mirror": True}),
    ],
)  # fmt: skip
def test_by_type(read, kind, field, payload, ours, expected):
    payload = payload if isinstance(payload, bytes) else payload.SerializeToString()
    (found,) = read(layer(kind, tagged(field, payload))).layer
    set_ = {each.name for each, _ in found.ListFields()}
    assert set_ == {"name", "type", "bottom", "top", "blobs", ours}
    message = getattr(found, ours)
    assert {name: getattr(message, name) for name in expected} == expected
    assert {each.name for each, _ in message.ListFields()} == set(expected)


def test_numbers_inside_that_differ(read):
    """MobileNet-YOLO's, which has class_scale before noobject_scale, and anchors behind 10."""

    def scale(field, value):
        return varint(field << 3 | 5) + np.float32(value).tobytes()

    yolo = scale(4, 2) + scale(5, 3) + scale(6, 5) + number(10, 16) + scale(11, 7) + number(12, 1)
    found = read(
        layer("Yolov3", tagged(603, yolo + number(13, 1))),
        layer("RegionLoss", tagged(600, scale(10, 3) + scale(11, 5))),
        layer("Yolov3DetectionOutput", tagged(602, number(7, 3) + number(8, 6) + number(8, 0))),
        layer("AnnotatedData", tagged(200, number(4, 1) + scale(5, 0.5))),
    )
    yolov3, region, output, data = found.layer
    param = yolov3.yolov3_param
    assert (param.object_scale, param.class_scale, param.noobject_scale) == (2, 3, 5)
    assert (param.anchors_scale, list(param.biases), list(param.mask)) == (16, [7], [1])
    assert param.use_logic_gradient
    assert (region.region_loss_param.class_scale, region.region_loss_param.noobject_scale) == (3, 5)
    mask = output.yolov3_detection_output_param
    assert (mask.mask_group_num, list(mask.mask)) == (3, [6, 0])
    assert data.annotated_data_param.yolo_data_type == 1
    assert data.annotated_data_param.yolo_data_jitter == 0.5


@pytest.mark.parametrize("field", OWNERS)
def test_a_number_of_another_type_is_left_out(read, field):
    """Garbage under Caffe's number: of a type that nobody here knows."""
    garbage = b"\x0a\x7f\x01"  # a string that is cut short
    (found,) = read(layer("Unheard", tagged(field, garbage), number(field, 3))).layer
    assert {each.name for each, _ in found.ListFields()} == {
        "name", "type", "bottom", "top", "blobs",
    }  # fmt: skip
    assert list(found.blobs[0].data) == [1, 2, 3]


def test_what_a_fork_has_under_a_number_of_caffe_is_never_read_as_that(read):
    """Of a type that is known as a fork's, even where the bytes would do for Caffe's message."""
    (found,) = read(layer("Interp", tagged(142, number(1, 2)))).layer
    assert not found.HasField("scale_param")
    (found,) = read(layer("Unheard", tagged(142, number(1, 2)))).layer
    assert found.scale_param.axis == 2  # nobody can tell, and nothing reads it
    (found,) = read(layer("Unheard", tagged(148, b""))).layer  # without what Caffe's has to have
    assert not found.HasField("clip_param")
    (found,) = read(layer("Unheard", tagged(142, number(9, 2)))).layer
    assert not found.HasField("scale_param")


@pytest.mark.parametrize("field", OWNERS)
def test_the_owners_keep_theirs(field):
    ours = LayerParameter.DESCRIPTOR.fields_by_number[field]
    for kind in OWNERS[field]:
        body = {"clip_param": b"\x0d\0\0\0\0\x15\0\0\x80\x3f"}.get(ours.name, b"")
        data = net(layer(kind, tagged(field, body)))
        assert with_our_numbers(data) is data
        assert NetParameter.FromString(data).layer[0].HasField(ours.name)


def test_every_name_of_the_tables_is_in_the_schema():
    fields = LayerParameter.DESCRIPTOR.fields_by_name
    for numbers in FORKS.values():
        for field, ours in numbers.items():
            inner = fields[ours.field].message_type.fields_by_number
            assert field == 100 or field not in {f.number for f in fields.values()} - set(OWNERS)
            assert set((ours.inner or {}).values()) <= set(inner)


def test_a_field_that_is_no_such_message_is_left_out_with_a_warning(read, caplog):
    (found,) = read(layer("Normalize", tagged(206, b"\x0a\x7f\x01"), name="norm")).layer
    assert not found.HasField("norm_param")
    assert list(found.blobs[0].data) == [1, 2, 3]
    (message,) = caplog.messages
    assert "layer 'norm' (Normalize): norm_param is left out" in message


def test_numbers_that_are_no_messages_stay_unknown(read):
    """NVIDIA's forward_type, 145, is a number where Caffe has parameter_param."""
    (found,) = read(layer("Convolution", number(145, 2), number(149, 1))).layer
    assert not found.HasField("parameter_param")
    assert list(found.blobs[0].data) == [1, 2, 3]


def test_without_a_forks_layer_nothing_is_copied():
    data = net(layer("Convolution", tagged(106, b"")), layer("Clip", tagged(148, b"")))
    assert with_our_numbers(data) is data
    ours = NetParameter()
    ours.layer.add(type="Permute").permute_param.order.append(1)
    data = ours.SerializeToString()
    assert with_our_numbers(data) is data


def test_one_layer_of_many(read):
    order = tagged(202, number(1, 1))
    kinds = ["Convolution", "Permute", "ReLU", "Permute", "InnerProduct"]
    layers = [
        layer(k, *([order] if k == "Permute" else []), name=f"l{i}") for i, k in enumerate(kinds)
    ]
    found = read(*layers)
    assert [(each.name, each.type) for each in found.layer] == [
        (f"l{i}", kind) for i, kind in enumerate(kinds)
    ]
    assert [list(each.permute_param.order) for each in found.layer] == [[], [1], [], [1], []]
    assert found.name == "forked"


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_file_cut_short_is_refused_as_before(tmp_path, cut):
    path = tmp_path / "net.caffemodel"
    path.write_bytes(net(layer("Permute", tagged(202, number(1, 1))))[:-cut])
    with pytest.raises(PrototxtError, match=r"net.caffemodel: is cut short"):
        binary.read(path, NetParameter)


def test_a_damaged_layer_is_refused(tmp_path):
    path = tmp_path / "net.caffemodel"
    path.write_bytes(net(layer("Permute", b"\x0a\x7f\x01")))
    with pytest.raises(PrototxtError, match=r"net.caffemodel: is damaged"):
        binary.read(path, NetParameter)


def test_weights_of_a_fork_load(tmp_path):
    (tmp_path / "net.prototxt").write_text(
        'input: "data" input_shape { dim: 2 dim: 3 dim: 4 dim: 5 }\n'
        'layer { name: "it" type: "Normalize" bottom: "data" top: "out"'
        " norm_param { across_spatial: false channel_shared: false } }"
    )
    (tmp_path / "net.caffemodel").write_bytes(
        net(layer("Normalize", tagged(206, b"\xff")), layer("Lost", tagged(148, b"\xff"), name="x"))
    )
    built = Net(read_net(tmp_path / "net.prototxt"))
    copied = load_weights(built, tmp_path / "net.caffemodel")
    assert (copied.copied, copied.ignored) == (["it"], ["x"])
    np.testing.assert_array_equal(built.steps[-1].layer.blobs[0].data, [1, 2, 3])


def test_the_definition_in_a_caffemodel(tmp_path):
    path = tmp_path / "net.caffemodel"
    path.write_bytes(net(layer("Permute", tagged(202, number(1, 1)))))
    found = read_definition(path)
    assert (found.name, list(found.layer[0].permute_param.order)) == ("forked", [1])
    assert not found.layer[0].blobs
    (tmp_path / "net.prototxt").write_text('name: "as text"')
    assert read_definition(tmp_path / "net.prototxt").name == "as text"
    with pytest.raises(PrototxtError, match=r"lost.prototxt: no such file"):
        read_definition(tmp_path / "lost.prototxt")
