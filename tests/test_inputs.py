from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from minicaffe.data.hdf5_writer import Hdf5Writer
from minicaffe.device import cpu
from minicaffe.errors import NetError, ShapeError, UnknownLayerTypeError
from minicaffe.inputs import replace_data
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.proto.text import parse

DEVICE = replace(cpu(0), shapes_only=True)


def replaced(text, **inputs):
    return replace_data(parse(text, NetParameter), inputs, DEVICE)


def shapes(text, **inputs):
    """Shape of each top of the inputs, and the layers that were guessed."""
    net, guessed = replaced(text, **inputs)
    found = {}
    for layer in net.layer:
        assert layer.type == "Input"
        given = [tuple(shape.dim) for shape in layer.input_param.shape]
        found.update(zip(layer.top, given, strict=True))
    return found, list(guessed)


def source(kind, fields, tops="data label"):
    names = " ".join(f'top: "{top}"' for top in tops.split())
    return f'layer {{ name: "d" type: "{kind}" {names} {fields} }}'


DATA = 'data_param {{ source: "none" backend: LMDB batch_size: 5 }} transform_param {{ {} }}'
CROP = DATA.format("crop_size: 8")


@pytest.mark.parametrize(
    ("kind", "fields", "shape"),
    [
        ("Data", CROP, (5, 3, 8, 8)),
        ("Data", DATA.format("crop_size: 8 force_gray: true"), (5, 1, 8, 8)),
        ("Data", DATA.format("crop_size: 8 mean_value: 1 mean_value: 2"), (5, 2, 8, 8)),
        ("Data", DATA.format("crop_size: 8 mean_value: 1"), (5, 3, 8, 8)),
        (
            "ImageData",
            'image_data_param { source: "none" batch_size: 4 new_height: 6 new_width: 7 }',
            (4, 3, 6, 7),
        ),
        (
            "ImageData",
            'image_data_param { source: "none" batch_size: 4 new_height: 6 new_width: 7 '
            "is_color: false } transform_param { crop_size: 5 }",
            (4, 1, 5, 5),
        ),
        (
            "WindowData",
            'window_data_param { source: "none" batch_size: 6 } transform_param { crop_size: 9 }',
            (6, 3, 9, 9),
        ),
    ],
)
def test_the_definition_implies_a_shape(kind, fields, shape):
    assert shapes(source(kind, fields)) == ({"data": shape, "label": shape[:1]}, ["d"])


def test_why_the_data_was_not_read():
    _, guessed = replaced(source("Data", CROP))
    assert guessed["d"].startswith("none: no such database")


def test_data_that_is_there(tmp_path):
    with_rows = Hdf5Writer(str(tmp_path / "a.h5"), append=False)
    with_rows.append({"data": np.zeros((7, 2, 3), "f4"), "label": np.zeros((7, 4), "f4")})
    with_rows.close()
    (tmp_path / "list").write_text(str(tmp_path / "a.h5"))
    text = source("HDF5Data", f'hdf5_data_param {{ source: "{tmp_path}/list" batch_size: 5 }}')
    assert shapes(text) == ({"data": (5, 2, 3), "label": (5, 4)}, [])


HDF5 = source("HDF5Data", 'hdf5_data_param { source: "none" batch_size: 5 }')


@pytest.mark.parametrize(
    ("text", "inputs", "flags"),
    [
        (source("Data", DATA.format("")), {}, "--input data:N,C,H,W:"),
        (HDF5, {}, "--input data:N,C,H,W --input label:N,C,H,W:"),
        (HDF5, {"data": (5, 2)}, "--input label:N,C,H,W$"),
        (HDF5, {"label": (5,)}, "--input data:N,C,H,W$"),
    ],
)
def test_a_shape_that_nobody_knows_names_the_flags(text, inputs, flags):
    with pytest.raises(NetError, match=flags) as caught:
        replaced(text, **inputs)
    assert "layer 'd'" in str(caught.value)


def test_given_shapes_come_first_and_the_data_is_not_looked_at():
    given = {"data": (2, 1, 4, 4)}
    assert shapes(source("Data", CROP), **given) == ({**given, "label": (2,)}, [])
    given["label"] = (2, 9)
    assert shapes(source("Data", CROP), **given) == (given, [])


def test_given_shapes_for_a_type_that_is_not_known():
    text = source("VideoData", "")
    given = {"data": (2, 3, 4, 4), "label": (1, 1, 8, 8)}
    assert shapes(text, **given) == (given, [])
    with pytest.raises(UnknownLayerTypeError):
        replaced(text, data=(2, 3, 4, 4))


def test_given_shapes_for_an_input():
    fields = "input_param { shape { dim: 2 dim: 3 } shape { dim: 2 } }"
    assert shapes(source("Input", fields), data=(7, 3)) == ({"data": (7, 3), "label": (2,)}, [])


def test_other_layers_stay():
    text = source("DummyData", "dummy_data_param { shape { dim: 2 } }")
    text += 'layer { name: "r" type: "ReLU" bottom: "data" top: "r" }'
    net, _ = replaced(text)
    assert net == parse(text, NetParameter)


def test_a_name_that_is_no_source():
    text = source("Data", CROP) + 'layer { name: "r" type: "ReLU" bottom: "data" top: "relu" }'
    with pytest.raises(NetError, match=r"input is 'dta', .*: did you mean 'data'\?"):
        replaced(text, dta=(1,))
    with pytest.raises(NetError, match="input is 'relu', expected a top of a layer without"):
        replaced(text, relu=(1,))


def test_a_definition_that_is_wrong_is_refused_where_nothing_is_implied():
    with pytest.raises(NetError, match="source, expected the path of a database"):
        replaced(source("Data", "data_param { batch_size: 5 }"))


def test_the_wrong_number_of_tops():
    fields = "input_param { shape { dim: 2 } shape { dim: 2 } shape { dim: 2 } }"
    with pytest.raises(NetError, match="shape is given 3 time"):
        replaced(source("Input", fields), data=(1,))


def test_the_definition_stays():
    definition = parse(source("Data", CROP), NetParameter)
    before = definition.SerializeToString()
    replace_data(definition, {}, DEVICE)
    assert definition.SerializeToString() == before


def test_where_a_layer_stands_is_kept():
    net, _ = replaced(
        "\n\n"
        + source("Data", CROP)
        + """
        layer { name: "c" type: "Convolution" bottom: "data" top: "c"
                convolution_param { num_output: 1 kernel_size: 9 } }"""
    )
    assert net.layer[0].origin.endswith(":3")
    with pytest.raises(ShapeError, match="layer 'c'"):
        Net(net)
