from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from minicaffe.errors import PrototxtError
from minicaffe.net import Net
from minicaffe.proto.binary import to_bytes
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN, NetParameter, NetState
from minicaffe.proto.text import parse, read_net
from minicaffe.summary import Match, check_weights, shape_text, summarize
from minicaffe.weights import save_weights

DEFINITIONS = Path(__file__).parent / "definitions"


def summary_of(text, phase=TEST, **options):
    return summarize(parse(text, NetParameter), NetState(phase=phase), **options)


def published(name):
    return summarize(read_net(DEFINITIONS / f"{name}.prototxt"), NetState(phase=TEST))


def work(summary):
    """Multiply-adds of one item, by layer."""
    rows = [(row.name, row.multiply_adds) for row in summary.rows if row.multiply_adds]
    assert all(count % summary.batch == 0 for _, count in rows)
    return {name: count // summary.batch for name, count in rows}


def layer(kind, fields="", tops="y", bottoms="x", name="l"):
    blobs = "".join(f' bottom: "{b}"' for b in bottoms.split())
    blobs += "".join(f' top: "{t}"' for t in tops.split())
    return f'layer {{ name: "{name}" type: "{kind}"{blobs} {fields} }}\n'


def source(*shapes, names="x"):
    dims = [" ".join(f"dim: {d}" for d in shape) for shape in shapes]
    fields = " ".join(f"shape {{ {each} }}" for each in dims)
    return layer("Input", f"input_param {{ {fields} }}", tops=names, bottoms="", name="in")


# ---- published counts --------------------------------------------------------------------------


def test_lenet():
    """Caffe's tutorial: 431,080 parameters; 2.293 M multiply-adds for an image of 28 x 28."""
    found = published("lenet")
    assert (found.name, found.phase, found.batch) == ("LeNet", "TEST", 64)
    assert found.total("parameters") == 431_080
    counts = {"conv1": 288_000, "conv2": 1_600_000, "ip1": 400_000, "ip2": 5_000}
    assert work(found) == counts
    assert found.total("multiply_adds") == 64 * 2_293_000


def test_alexnet():
    """The original's grouped convolutions, at 227: 61 M parameters, 724 M multiply-adds."""
    found = published("alexnet")
    assert found.total("parameters") == 60_965_224
    assert work(found) == {
        "conv1": 55 * 55 * 96 * 3 * 11 * 11,
        "conv2": 27 * 27 * 256 * 48 * 5 * 5,
        "conv3": 13 * 13 * 384 * 256 * 3 * 3,
        "conv4": 13 * 13 * 384 * 192 * 3 * 3,
        "conv5": 13 * 13 * 256 * 192 * 3 * 3,
        "fc6": 4096 * 256 * 6 * 6,
        "fc7": 4096 * 4096,
        "fc8": 1000 * 4096,
    }
    assert found.total("multiply_adds") == 10 * 724_406_816


def test_vgg_16():
    """K. Simonyan, A. Zisserman, 2014, table 2: 138 M parameters; 15.5 G multiply-adds."""
    found = published("vgg16")
    assert found.total("parameters") == 138_357_544
    assert found.total("multiply_adds") == 10 * 15_470_264_320


INCEPTIONS = {  # C. Szegedy et al., "Going deeper with convolutions", 2014, table 1: size, inputs,
    "3a": (28, 192, 64, 96, 128, 16, 32, 32),  # 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool proj
    "3b": (28, 256, 128, 128, 192, 32, 96, 64),
    "4a": (14, 480, 192, 96, 208, 16, 48, 64),
    "4b": (14, 512, 160, 112, 224, 24, 64, 64),
    "4c": (14, 512, 128, 128, 256, 24, 64, 64),
    "4d": (14, 512, 112, 144, 288, 32, 64, 64),
    "4e": (14, 528, 256, 160, 320, 32, 128, 128),
    "5a": (7, 832, 256, 160, 320, 32, 128, 128),
    "5b": (7, 832, 384, 192, 384, 48, 128, 128),
}


def test_googlenet():
    """Parameters and multiply-adds as the paper's table of layers gives them; 1.58 G in all."""
    weights = {"conv1/7x7_s2": (112, 3 * 49, 64), "conv2/3x3_reduce": (56, 64, 64)}
    weights["conv2/3x3"] = 56, 64 * 9, 192
    for name, (size, inputs, one, to3, three, to5, five, pool) in INCEPTIONS.items():
        convolutions = {
            "1x1": (inputs, one),
            "3x3_reduce": (inputs, to3),
            "3x3": (to3 * 9, three),
            "5x5_reduce": (inputs, to5),
            "5x5": (to5 * 25, five),
            "pool_proj": (inputs, pool),
        }
        for part, each in convolutions.items():
            weights[f"inception_{name}/{part}"] = (size, *each)
    weights["loss3/classifier"] = 1, 1024, 1000
    found = published("googlenet")
    assert work(found) == {name: s * s * i * o for name, (s, i, o) in weights.items()}
    assert found.total("parameters") == sum((i + 1) * o for _, i, o in weights.values())
    assert found.total("parameters") == 6_998_552
    assert found.total("multiply_adds") == 10 * 1_582_671_872


def test_no_parameter_gets_memory():
    found = published("vgg16")
    blobs = [blob for step in found.net.steps for blob in step.layer.blobs]
    assert len(blobs) == 32
    assert all(blob.memories[0].array is None for blob in blobs)


# ---- multiply-adds by type ---------------------------------------------------------------------

CONVOLUTION = "convolution_param {{ num_output: {} {} }}"
RECURRENT = "recurrent_param { num_output: 5 }"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (  # in groups, with holes, another kernel along each axis
            source((2, 6, 9, 8))
            + layer("Convolution", CONVOLUTION.format(4, "group: 2 kernel_h: 3 kernel_w: 2 "
                                                         "dilation: 2 stride: 2")),
            2 * (3 * 3) * 4 * 3 * (3 * 2),
        ),
        (  # along one axis, and along three
            source((2, 3, 9)) + layer("Convolution", CONVOLUTION.format(4, "kernel_size: 2")),
            2 * 8 * 4 * 3 * 2,
        ),
        (
            source((2, 3, 5, 6, 7)) + layer("Convolution", CONVOLUTION.format(4, "kernel_size: 3")),
            2 * (3 * 4 * 5) * 4 * 3 * 27,
        ),
        (  # every bottom meets the weights
            source((2, 3, 9), (2, 3, 9), names="x z")
            + layer("Convolution", CONVOLUTION.format(4, "kernel_size: 2"), "y w", "x z"),
            2 * (2 * 8 * 4 * 3 * 2),
        ),
        (  # each element of the bottom puts its copies
            source((2, 6, 5, 4))
            + layer("Deconvolution", CONVOLUTION.format(4, "group: 2 kernel_size: 3 stride: 2")),
            2 * (5 * 4) * 6 * 2 * 9,
        ),
        (
            source((2, 3, 4, 5))
            + layer("InnerProduct", "inner_product_param { num_output: 7 axis: 2 }"),
            (2 * 3) * 7 * 20,
        ),
        (  # what does not change from step to step is multiplied once
            source((3, 2, 4), (3, 2), (2, 6), names="x c s")
            + layer("LSTM", RECURRENT, bottoms="x c s"),
            2 * (3 * (20 * 4 + 20 * 5) + 20 * 6),
        ),
        (
            source((3, 2, 4), (3, 2), names="x c") + layer("RNN", RECURRENT, bottoms="x c"),
            2 * 3 * (5 * 4 + 5 * 5 + 5 * 5),
        ),
        (source((2, 3)) + layer("Embed", "embed_param { num_output: 4 input_dim: 9 }"), 0),
        (source((2, 3, 4, 5)) + layer("Scale", "scale_param { bias_term: true }"), 0),
    ],
)  # fmt: skip
def test_multiply_adds(text, count):
    assert summary_of(text).rows[-1].multiply_adds == count


# ---- rows --------------------------------------------------------------------------------------

BRANCHES = (
    source((6, 2, 4, 5), (6,), names="x label")
    + layer("Convolution", CONVOLUTION.format(3, "kernel_size: 3"), "c", "x", "conv")
    + layer("ReLU", "", "c", "c", "relu")
    + layer("Flatten", "", "f", "c", "flat")
    + layer("InnerProduct", "inner_product_param { num_output: 7 }", "s", "f", "ip")
    + layer("Pooling", "pooling_param { global_pooling: true }", "p", "c", "pool")
    + layer("SoftmaxWithLoss", "", "loss", "s label", "loss")
    + layer("Accuracy", "", "acc", "s label", "accuracy")
    + layer("Silence", "", "", "p", "silence")
)


def rows_of(summary):
    return {row.name: row for row in summary.without_splits()}


def test_a_row_for_each_layer_of_the_definition():
    rows = summary_of(BRANCHES).without_splits()
    assert [(row.name, row.type) for row in rows] == [
        ("in", "Input"), ("conv", "Convolution"), ("relu", "ReLU"), ("flat", "Flatten"),
        ("ip", "InnerProduct"), ("pool", "Pooling"), ("loss", "SoftmaxWithLoss"),
        ("accuracy", "Accuracy"), ("silence", "Silence"),
    ]  # fmt: skip
    assert rows[0].tops == [("x", (6, 2, 4, 5)), ("label", (6,))]
    assert rows[1].blobs == [(3, 2, 3, 3), (3,)]
    assert rows[-1].tops == []


def test_memory_is_counted_once():
    rows = rows_of(summary_of(BRANCHES))
    assert rows["in"].data == 4 * (6 * 2 * 4 * 5 + 6)
    assert rows["conv"].data == 4 * 6 * 3 * 2 * 3
    assert (rows["relu"].data, rows["relu"].in_place) == (0, True)
    assert (rows["flat"].data, rows["flat"].in_place) == (0, False)
    assert rows["conv"].parameters == 3 * 2 * 9 + 3
    assert rows["conv"].parameter_data == rows["conv"].parameter_diffs == 4 * 57


def test_splits():
    found = summary_of(BRANCHES)
    splits = [row for row in found.rows if row.inserted]
    assert [row.tops[0][0] for row in splits] == [
        "label_in_1_split_0", "c_relu_0_split_0", "s_ip_0_split_0",
    ]  # fmt: skip
    assert all(row.type == "Split" and row.data == 0 for row in splits)
    assert len(found.without_splits()) == len(found.rows) - 3
    for what in ("data", "diffs"):
        rows = found.without_splits()
        assert sum(getattr(row, what) for row in rows) == found.total(what)
    assert rows_of(found)["relu"].diffs == splits[1].diffs > 0


def test_a_written_split_is_a_layer_like_others():
    text = source((2, 3)) + layer("Split", "", "a b") + layer("Silence", "", "", "a b", "s")
    assert [row.inserted for row in summary_of(text).rows] == [False, False, False]


@pytest.mark.parametrize(
    "text",
    [
        BRANCHES,
        BRANCHES.replace('type: "Silence" bottom: "p"', 'type: "Reduction" bottom: "p" top: "r" '
                         "loss_weight: 2"),
        BRANCHES.replace('name: "conv"', 'name: "conv" param { lr_mult: 0 } param { lr_mult: 0 }'),
        "force_backward: true " + BRANCHES.partition('layer { name: "accuracy"')[0],
    ],
    ids=["one loss", "two losses", "frozen", "force_backward"],
)  # fmt: skip
def test_diffs_are_those_that_training_makes(text):
    text = text.replace("kernel_size: 3", 'kernel_size: 3 weight_filler { type: "xavier" }')
    text = text.replace("num_output: 7", 'num_output: 7 weight_filler { type: "xavier" }')
    found = summary_of(text, TRAIN)
    net = Net(parse(text, NetParameter), NetState(phase=TRAIN))
    net.clear_param_diffs()
    net.forward()
    net.backward()
    made = {}
    for step in net.steps:
        for blob in [*step.bottom, *step.top]:
            if blob.has_diff:
                made[id(blob.memories[1])] = blob.count * 4
    assert found.trains
    assert found.total("diffs") == sum(made.values())
    params = sum(param.blob.count * 4 for param in net.params if param.blob.has_diff)
    assert found.total("parameter_diffs") == params


def test_without_a_loss_there_are_no_diffs():
    found = published("lenet")
    assert not found.trains
    assert found.total("diffs") == found.total("parameter_diffs") == 0


def test_shared_parameters_count_once():
    named = 'param { name: "w" } param { name: "b" } inner_product_param { num_output: 3 }'
    text = source((2, 3)) + layer("InnerProduct", named, "y", "x", "a")
    text += layer("InnerProduct", named, "z", "y", "b")
    found = summary_of(text)
    assert [(row.parameters, row.shared) for row in found.rows] == [(0, 0), (12, 0), (0, 12)]
    assert found.total("parameter_data") == 48
    assert found.rows[1].multiply_adds == found.rows[2].multiply_adds == 2 * 3 * 3


def test_a_net_without_items():
    found = summary_of('layer { name: "p" type: "Parameter" top: "w" '
                       "parameter_param { shape { dim: 3 } } }")  # fmt: skip
    assert (found.batch, found.sources, found.total("parameters")) == (0, [], 3)
    assert summary_of(source(())).batch == 0


def test_nothing_is_written(tmp_path):
    path = tmp_path / "out.h5"
    path.write_text("results")
    text = source((2, 3), (2,), names="x y")
    text += layer("HDF5Output", f'hdf5_output_param {{ file_name: "{path}" }}', "", "x y")
    assert summary_of(text).rows[-1].type == "HDF5Output"
    assert path.read_text() == "results"


def test_data_that_is_not_there():
    fields = (
        'data_param { source: "none" backend: LMDB batch_size: 5 } transform_param { crop_size: 8 }'
    )
    text = layer("Data", fields, "x label", "", "d") + layer("ReLU", "", "x", "x")
    found = summary_of(text)
    assert [row.type for row in found.rows] == ["Data", "ReLU"]
    assert found.sources == [("x", (5, 3, 8, 8)), ("label", (5,))]
    assert list(found.guessed) == ["d"]
    assert summary_of(text, inputs={"x": (2, 1, 4, 4)}).batch == 2


# ---- weights -----------------------------------------------------------------------------------

SMALL = source((2, 3)) + layer("InnerProduct", "inner_product_param { num_output: 2 }", name="ip")


def weights(tmp_path, text, change=lambda net: None, **options):
    net = Net(parse(text, NetParameter), NetState(phase=TEST))
    for param in net.params:
        param.blob.data[...] = 1
    change(net)
    save_weights(net, tmp_path / "w", **options)
    return tmp_path / "w"


@pytest.mark.parametrize("as_hdf5", [False, True])
def test_weights_that_fit(tmp_path, as_hdf5):
    def zero_some(net):
        net.params[0].blob.data[0] = 0

    found = summary_of(SMALL)
    check = check_weights(found, weights(tmp_path, SMALL, zero_some, as_hdf5=as_hdf5))
    assert [row.weights for row in found.rows] == [None, Match(8, 3)]
    assert found.misfits == []
    assert (check.kind, check.unused) == (f"{'HDF5' if as_hdf5 else 'binary'}, float32", [])


def test_weights_that_do_not_fit(tmp_path):
    found = summary_of(SMALL)
    other = SMALL.replace("num_output: 2", "num_output: 4")
    check_weights(found, weights(tmp_path, other))
    assert found.misfits == [
        "ip: blobs[0] is 4x3 in the file, 2x3 in the net; blobs[1] is 4 in the file, 2 in the net"
    ]
    check_weights(
        found, weights(tmp_path, SMALL.replace("num_output: 2", "num_output: 2 bias_term: false"))
    )
    assert found.misfits == ["ip: blobs[1] is not in the file"]
    bare = summary_of(SMALL.replace("num_output: 2", "num_output: 2 bias_term: false"))
    check_weights(bare, weights(tmp_path, SMALL))
    assert bare.misfits == ["ip: blobs[1] is not in the net"]


def test_names_that_do_not_meet(tmp_path):
    found = summary_of(SMALL)
    path = weights(tmp_path, SMALL.replace('name: "ip"', 'name: "fc"'))
    assert check_weights(found, path).unused == ["fc"]
    assert found.rows[1].weights == Match()


def test_a_name_twice_in_the_net_gets_weights_once(tmp_path):
    twice = SMALL + layer(
        "InnerProduct", "inner_product_param { num_output: 2 }", "z", "x", "ip"
    )  # a form of its own: the second layer of a name is left as it is
    found = summary_of(twice)
    check_weights(found, weights(tmp_path, SMALL))
    assert [row.weights for row in found.rows if row.blobs] == [Match(8), Match()]


def test_a_file_of_old(tmp_path):
    """Four axes for every blob."""
    net = NetParameter()
    ip = net.layer.add(name="ip", type="InnerProduct")
    for shape in ((1, 1, 2, 3), (1, 1, 1, 2)):
        fields = dict(zip(("num", "channels", "height", "width"), shape, strict=True))
        ip.blobs.add(data=[1.0] * int(np.prod(shape)), **fields)
    (tmp_path / "old").write_bytes(to_bytes(net))
    found = summary_of(SMALL)
    check_weights(found, tmp_path / "old")
    assert found.rows[1].weights == Match(8, 0)


def test_no_weights_at_all(tmp_path):
    with pytest.raises(PrototxtError, match="no such file"):
        check_weights(summary_of(SMALL), tmp_path / "none")


def test_shape_text():
    assert shape_text((64, 3, 5)) == "64x3x5"
    assert shape_text(()) == "scalar"
