from __future__ import annotations

import xml.etree.ElementTree as ET

from minicaffe.drawing.graph import build
from minicaffe.drawing.layout import lay_out
from minicaffe.drawing.svg import svg
from tests.drawing import nets

SPACE = "{http://www.w3.org/2000/svg}"


def drawn(definition, direction="TB"):
    picture = lay_out(build(definition, lambda layer, top: "1x2"), direction)
    return picture, ET.fromstring(svg(picture))


def texts(root):
    return [text.text for text in root.iter(f"{SPACE}text")]


def test_it_is_svg_of_the_size_of_the_picture():
    picture, root = drawn(nets.net(nets.CHAIN))
    assert root.tag == f"{SPACE}svg"
    assert float(root.get("width")) == round(picture.width, 1)
    assert root.get("viewBox").split()[2:] == [root.get("width"), root.get("height")]


def test_every_layer_is_there_once():
    _, root = drawn(nets.net(nets.CHAIN))
    found = texts(root)
    for text in ("data", "conv", "bn (BatchNorm)", "scale (Scale)", "relu (ReLU)", "1x2"):
        assert text in found
    assert found.count("conv") == 1
    boxes = [group for group in root.iter(f"{SPACE}g") if group.get("class") == "n"]
    assert [group.get("data-i") for group in boxes] == ["0", "1", "2", "3"]
    paths = [path.get("data-s") for path in root.iter(f"{SPACE}path") if path.get("data-s")]
    assert paths == ["0", "1", "2"]


def test_evil_names_are_text():
    _, root = drawn(nets.evil())
    assert nets.EVIL in texts(root)
    assert not list(root.iter(f"{SPACE}script"))
    assert not list(root.iter(f"{SPACE}b"))


def test_control_characters_are_left_out():
    definition = nets.net(nets.CHAIN)
    definition.layer[0].name = "a\x01b\x7f\n"
    assert "a b  " in texts(drawn(definition)[1])
