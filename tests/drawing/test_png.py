from __future__ import annotations

import cv2
import numpy as np
import pytest

from minicaffe.drawing import png as module
from minicaffe.drawing.graph import build
from minicaffe.drawing.layout import lay_out
from minicaffe.drawing.png import png
from tests.drawing import nets


def image(definition, scale=1.0):
    picture = lay_out(build(definition, lambda layer, top: "1x2"))
    data = np.frombuffer(png(picture, scale), np.uint8)
    return picture, cv2.imdecode(data, cv2.IMREAD_COLOR)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_it_has_the_size_of_the_picture(scale):
    picture, pixels = image(nets.net(nets.CHAIN), scale)
    expected = (np.ceil(picture.height * scale), np.ceil(picture.width * scale), 3)
    assert pixels.shape == expected


def test_boxes_have_their_colours_and_edges_are_drawn():
    picture, pixels = image(nets.net(nets.CHAIN))
    box = picture.boxes[1]
    y = box.y
    for section in box.sections:
        colour = pixels[int(y + 3), int(box.x + 5)]
        assert "#" + bytes(colour[::-1]).hex() == section.fill
        y += section.height
    curve = picture.curves[0]
    x, y = curve.start
    assert pixels[int(y + 8), int(x)].max() < 160
    assert (pixels[:, 0] == 255).all()


def test_text_is_drawn_inside_its_box():
    picture, pixels = image(nets.net(nets.CHAIN), 2.0)
    box = picture.boxes[0]
    left, top, right, bottom = (
        round(2 * v) for v in (box.x, box.y, box.x + box.width, box.y + box.height)
    )
    dark = (pixels.max(axis=2) < 90)[top + 4 : bottom - 4, left + 4 : right - 4]
    assert dark.sum() > 40
    assert not (pixels.max(axis=2) < 90)[top:bottom, right + 4 : right + 40].any()


def test_without_the_fonts_of_opencv_5(monkeypatch):
    monkeypatch.delattr(cv2, "FontFace", raising=False)
    _, pixels = image(nets.evil(), 2.0)
    assert (pixels.max(axis=2) < 90).sum() > 200


def test_a_large_picture_is_scaled_down(monkeypatch):
    monkeypatch.setattr(module, "MOST_PIXELS", 40_000)
    picture, pixels = image(nets.net(nets.CHAIN))
    assert 20_000 < pixels.shape[0] * pixels.shape[1] < 45_000
    ratio = pixels.shape[0] / pixels.shape[1]
    assert ratio == pytest.approx(picture.height / picture.width, rel=0.02)
