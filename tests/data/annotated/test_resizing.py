from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.data.annotated.resizing import Resizing
from minicaffe.data.geometry import Size
from minicaffe.errors import LayerConfigError
from minicaffe.proto.minicaffe_pb2 import ResizeParameter


def resizing(text):
    return Resizing(text_format.Parse(f"height: 20 width: 30 {text}", ResizeParameter()))


def box_of(pixels):
    """Where an image is bright: shares."""
    rows, columns = np.nonzero(pixels[..., 0] > 128)
    height, width = pixels.shape[:2]
    return [
        columns.min() / width,
        rows.min() / height,
        (columns.max() + 1) / width,
        (rows.max() + 1) / height,
    ]


@pytest.mark.parametrize("size", [(40, 40), (40, 120), (10, 10), (30, 45)])
@pytest.mark.parametrize("mode", ["WARP", "FIT_SMALL_SIZE", "FIT_LARGE_SIZE_AND_PAD"])
def test_boxes_stay_on_their_pixels(mode, size):
    it = resizing(f"resize_mode: {mode}")
    pixels = np.zeros((*size, 3), np.uint8)
    pixels[size[0] // 5 : size[0] // 2, size[1] // 5 : size[1] // 2] = 255
    box = np.array([box_of(pixels)])
    small = it.apply(pixels, np.random.default_rng(0))
    assert small.shape[:2] == it.fit(Size(*size)).size
    found = it.move(box, Size(*size))
    np.testing.assert_allclose(found[0], box_of(small), atol=1.01 / min(small.shape[:2]))


def test_sizes_by_hand():
    image = Size(40, 120)
    assert resizing("").fit(image).size == (20, 30)
    assert resizing("resize_mode: FIT_SMALL_SIZE").fit(image).size == (20, 60)
    fit = resizing("resize_mode: FIT_LARGE_SIZE_AND_PAD").fit(image)
    assert (fit.inner, fit.top, fit.left, fit.size) == ((10, 30), 5, 0, (20, 30))
    assert resizing("resize_mode: FIT_LARGE_SIZE_AND_PAD").fit(Size(20, 30)).inner == (20, 30)


def test_padding():
    pixels = np.full((40, 120, 3), 200, np.uint8)
    rng = np.random.default_rng(0)
    text = "resize_mode: FIT_LARGE_SIZE_AND_PAD "
    padded = resizing(text + "pad_value: 1 pad_value: 2 pad_value: 3").apply(pixels, rng)
    assert padded[0, 0].tolist() == [1, 2, 3]
    assert padded[10, 0].tolist() == [200] * 3
    assert resizing(text + "pad_value: 7").apply(pixels, rng)[-1, 0].tolist() == [7] * 3
    assert (resizing(text + "pad_mode: REPEAT_NEAREST").apply(pixels, rng) == 200).all()
    assert (resizing(text + "pad_mode: MIRRORED").apply(pixels, rng) == 200).all()
    gray = resizing(text + "pad_value: 9").apply(pixels[..., :1].copy(), rng)
    assert gray.shape == (20, 30, 1)
    with pytest.raises(LayerConfigError, match="pad_value is given 2 times"):
        resizing(text + "pad_value: [1, 2]").apply(pixels, rng)


def test_one_of_the_ways_by_chance():
    it = resizing("interp_mode: [NEAREST, AREA, CUBIC, LANCZOS4, LINEAR]")
    pixels = np.random.default_rng(1).integers(0, 256, (41, 67, 3)).astype(np.uint8)
    rng = np.random.default_rng(0)
    assert len({it.apply(pixels, rng).tobytes() for _ in range(60)}) == 5


def test_scale_of_boxes():
    it = resizing("resize_mode: FIT_SMALL_SIZE height_scale: 10 width_scale: 10")
    box = np.array([[0.5, 0, 1, 1]])
    np.testing.assert_allclose(it.in_scale(box, Size(20, 60)), [[3, 0, 6, 2]])
    assert resizing("height_scale: 10 width_scale: 10").in_scale(box, Size(9, 9)) is box


@pytest.mark.parametrize(
    ("text", "says"), [("prob: 0.5", "prob of resize"), ("width: 0", "width 0")]
)
def test_refuses(text, says):
    param = ResizeParameter(height=20, width=30)
    with pytest.raises(LayerConfigError, match=says):
        Resizing(text_format.Merge(text, param))
