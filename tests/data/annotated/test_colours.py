from __future__ import annotations

import cv2
import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.data.annotated.colours import check_distortion, distort
from minicaffe.errors import LayerConfigError
from minicaffe.proto.minicaffe_pb2 import DistortionParameter

PIXELS = np.random.default_rng(7).integers(0, 256, (9, 13, 3)).astype(np.uint8)
PIXELS[0, 0] = 20, 90, 128


def outcomes(text, count=300):
    param = text_format.Parse(text, DistortionParameter())
    rng = np.random.default_rng(0)
    return [distort(PIXELS, param, rng).astype(int) for _ in range(count)]


def test_nothing_asked_for():
    assert all((each == PIXELS).all() for each in outcomes("", 5))


def test_brightness():
    shifts = [(each - PIXELS)[PIXELS == 128][0] for each in outcomes(
        "brightness_prob: 0.5 brightness_delta: 32")]  # fmt: skip
    assert min(shifts) in (-32, -31)
    assert max(shifts) in (31, 32)
    assert 120 < np.sum(np.array(shifts) == 0) < 190  # a half, and a few by chance


def test_contrast():
    found = outcomes("contrast_prob: 1 contrast_lower: 0.5 contrast_upper: 1.5")
    factors = [each[PIXELS == 128][0] / 128 for each in found]
    assert 0.5 <= min(factors) < 0.55
    assert 1.45 < max(factors) <= 1.5
    assert max(each.max() for each in found) == 255


def test_hue_and_saturation():
    fields = "saturation_prob: 1 saturation_lower: 0 saturation_upper: 0 "
    grey = outcomes(fields, 3)[0]
    assert (grey == PIXELS.max(2, keepdims=True)).all()
    turned = outcomes("hue_prob: 1 hue_delta: 90", 5)
    hsv = cv2.cvtColor(PIXELS, cv2.COLOR_BGR2HSV)
    for each in turned:
        assert (each.max(2) == hsv[..., 2]).all()  # the value stays
    assert (turned[0] != turned[1]).any()


def test_hues_go_round_the_circle():
    red = np.full((1, 1, 3), (0, 0, 255), np.uint8)
    param = DistortionParameter(hue_prob=1, hue_delta=60)
    rng = np.random.default_rng(0)
    found = {tuple(distort(red, param, rng)[0, 0] > 127) for _ in range(100)}
    assert (True, False, True) in found  # towards purple, which clipped hues never reach
    assert (False, True, True) in found


def test_order():
    found = {tuple(each[0, 0]) for each in outcomes("random_order_prob: 1", 100)}
    assert len(found) == 6
    assert {tuple(sorted(each)) for each in found} == {tuple(sorted(PIXELS[0, 0]))}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hue_delta: -1", "hue_delta is -1"),
        ("brightness_delta: inf", "brightness_delta is inf, expected a finite number of 0 or more"),
        ("contrast_prob: 1 contrast_upper: inf", "contrast is 0 to inf, expected finite numbers"),
        ("contrast_prob: 0.1 contrast_lower: 2 contrast_upper: 1", "contrast is 2 to 1"),
    ],
)
def test_refuses(text, says):
    with pytest.raises(LayerConfigError, match=says):
        check_distortion(text_format.Parse(text, DistortionParameter()))
