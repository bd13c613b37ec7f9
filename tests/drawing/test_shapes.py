from __future__ import annotations

from minicaffe.drawing.shapes import shapes_of
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN, NetState
from tests.drawing import nets

BOTH = [NetState(phase=TRAIN), NetState(phase=TEST)]


def test_shapes_of_a_phase():
    shapes = shapes_of(nets.net(nets.CHAIN), BOTH[1:])
    assert shapes.text(1, "conv") == "2x4x6x7"
    assert shapes.text(5, "ip") == "2x5"
    assert shapes.text(5, "other") == ""
    assert shapes.notes == []
    assert shapes.parameters == 4 * 27 + 4 + 9 + 4 + 5 * 168 + 5


def test_phases_that_differ():
    shapes = shapes_of(nets.net(nets.PHASES), BOTH)
    assert shapes.text(0, "data") == "64x7"
    assert shapes.text(1, "data") == "10x7"
    assert shapes.text(2, "ip") == "64|10x5"
    assert shapes.text(4, "best") == "10x1x1"


def test_after_a_layer_of_unknown_type_there_are_none():
    text = nets.CHAIN + 'layer { name: "p" type: "Unheard" bottom: "conv" top: "p" }'
    text += 'layer { name: "r" type: "ReLU" bottom: "p" top: "r" }'
    shapes = shapes_of(nets.net(text), BOTH[1:])
    assert shapes.notes == ["no shapes after layers of unknown type: Unheard"]
    assert shapes.text(5, "ip") == "2x5"
    assert shapes.text(7, "r") == ""
    assert shapes.parameters is None


def test_after_a_layer_that_cannot_be_built_there_are_none():
    text = nets.CHAIN + 'layer { name: "bad" type: "Convolution" bottom: "conv" top: "b" }'
    shapes = shapes_of(nets.net(text), BOTH)
    assert len(shapes.notes) == 1
    assert shapes.notes[0].startswith("TRAIN and TEST: no shapes after 'bad': layer 'bad' (Con")
    assert shapes.text(5, "ip") == "2x5"


def test_data_that_is_missing():
    text = """
    layer { name: "d" type: "Data" top: "d" data_param { source: "none" batch_size: 3 }
            transform_param { crop_size: 5 } }
    layer { name: "ip" type: "InnerProduct" bottom: "d" top: "ip"
            inner_product_param { num_output: 2 } }
    """
    shapes = shapes_of(nets.net(text), BOTH[1:])
    assert shapes.notes == ["shapes of d are guessed: the data is missing"]
    assert shapes.text(1, "ip") == "3x2"
    text = text.replace("crop_size: 5", "")
    shapes = shapes_of(nets.net(text), BOTH[1:])
    assert shapes.notes[0].startswith("no shapes: layer 'd' (Data): no shape is found for 'd'")
    assert shapes_of(nets.net(text), BOTH[1:], {"d": (7, 3, 4, 5)}).text(1, "ip") == "7x2"


def test_a_layer_in_python_that_fails(tmp_path, monkeypatch):
    (tmp_path / "failing_layer.py").write_text(
        "import minicaffe\nclass L(minicaffe.Layer):\n"
        "    def setup(self, bottom, top): raise OddError('odd')\n"
        "    def reshape(self, bottom, top): pass\n"
        "    def forward(self, bottom, top): pass\n"
        "class OddError(Exception): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    text = nets.CHAIN + (
        'layer { name: "py" type: "Python" bottom: "ip" top: "py" '
        'python_param { module: "failing_layer" layer: "L" } }'
    )
    shapes = shapes_of(nets.net(text), BOTH[1:])
    assert shapes.notes == ["no shapes: odd"]
