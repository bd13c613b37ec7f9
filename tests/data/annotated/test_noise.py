from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.data.annotated.noise import check_noise, damage
from minicaffe.errors import LayerConfigError
from minicaffe.proto.minicaffe_pb2 import NoiseParameter

PIXELS = np.random.default_rng(7).integers(0, 256, (9, 13, 3)).astype(np.uint8)


def damaged(text, pixels=PIXELS):
    return damage(pixels, text_format.Parse(text, NoiseParameter()), np.random.default_rng(0))


def test_by_hand():
    assert (damaged("") == PIXELS).all()
    assert (damaged("inverse: true") == 255 - PIXELS).all()
    assert set(np.unique(damaged("posterize: true"))) == {32, 96, 160, 224}
    grey = damaged("decolorize: true")
    assert (grey[..., 0] == grey[..., 2]).all()
    assert damaged("erode: true")[4, 4, 0] == min(PIXELS[4, 3:6, 0].min(), PIXELS[3:6, 4, 0].min())
    assert damaged("gauss_blur: true").std() < PIXELS.std() / 2
    assert damaged("convert_to_hsv: true")[..., 0].max() < 180
    assert damaged("convert_to_lab: true").dtype == np.float32


@pytest.mark.parametrize("what", ["hist_eq: true", "clahe: true", "jpeg: 30"])
@pytest.mark.parametrize("channels", [1, 3])
def test_keeps_the_size(what, channels):
    pixels = PIXELS[..., :channels]
    found = damaged(what, pixels)
    assert found.shape == pixels.shape
    assert (found != pixels).any()


def test_salt_and_pepper():
    found = damaged("saltpepper: true saltpepper_param { fraction: 0.25 value: 3 }")
    assert (found == 3).all(2).sum() == 29  # a quarter of 117
    assert ((found == 3).all(2) | (found == PIXELS).all(2)).all()


def test_prob_is_followed_where_it_is_given():
    param = NoiseParameter(inverse=True, prob=0.3)
    rng = np.random.default_rng(0)
    times = sum(bool((damage(PIXELS, param, rng) != PIXELS).any()) for _ in range(300))
    assert 60 < times < 120


@pytest.mark.parametrize(
    "text",
    ["convert_to_hsv: true convert_to_lab: true", "saltpepper_param { fraction: 2 }", "jpeg: 101"],
)
def test_refuses(text):
    with pytest.raises(LayerConfigError):
        check_noise(text_format.Parse(text, NoiseParameter()))
