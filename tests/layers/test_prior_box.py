"""PriorBox: boxes by hand, the order of them, and what it refuses."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from tests.build import build

MAP, IMAGE = np.zeros((2, 5, 2, 3)), np.zeros((2, 3, 40, 90))  # a step is 30 across, 20 down


def text(fields):
    return f'type: "PriorBox" prior_box_param {{ {fields} }}'


def boxes(device, fields, map_=MAP, image=IMAGE):
    """(2, H, W, P, 4): boxes and variances."""
    layer, bottom, top = build(text(fields), device, map_, image)
    layer.run_forward(bottom, top)
    shape = (2, *map_.shape[2:], -1, 4)
    assert top[0].shape[:2] == (1, 2)
    return device.to_numpy(top[0].data).reshape(shape)


def sides(found):
    """Width and height of each box at the first position, in pixels."""
    return (found[0, 0, 0, :, 2:] - found[0, 0, 0, :, :2]) * [90, 40]


def test_by_hand(device):
    found = boxes(device, "min_size: 18 variance: 0.1 variance: 0.2 variance: 0.3 variance: 0.4")
    assert found.shape == (2, 2, 3, 1, 4)
    # the middle of row 1, column 2: 75 across, 30 down; 18 by 18 around it
    np.testing.assert_allclose(found[0, 1, 2, 0], [66 / 90, 21 / 40, 84 / 90, 39 / 40])
    np.testing.assert_allclose(found[0, 0, 0, 0], [6 / 90, 1 / 40, 24 / 90, 19 / 40])
    np.testing.assert_allclose(found[1].reshape(-1, 4), [[0.1, 0.2, 0.3, 0.4]] * 6)


def test_the_order_at_a_position(device):
    fields = "min_size: 9 max_size: 16 aspect_ratio: 4 min_size: 25 max_size: 36"
    expected = [(9, 9), (12, 12), (18, 4.5), (4.5, 18), (25, 25), (30, 30), (50, 12.5), (12.5, 50)]
    np.testing.assert_allclose(sides(boxes(device, fields)), expected)


def centers(found):
    """Of the boxes at the first position, across and down, in pixels."""
    return (found[0, 0, 0, :, 2:] + found[0, 0, 0, :, :2]) / 2 * [90, 40]


def test_density(device):
    # a step is 30 across and 20 down; the first position is at 15, 10
    found = boxes(
        device, "min_size: 9 min_size: 6 density: 2 density: 1 aspect_ratio: 4 flip: false"
    )
    middle = [[15, 10]]
    expected = [[0, 0], [15, 0], [0, 10], [15, 10], *middle * 3]
    np.testing.assert_allclose(centers(found), expected, atol=1e-6)
    np.testing.assert_allclose(sides(found), [*[(8, 8)] * 4, (18, 4.5), (5, 5), (12, 3)])
    odd = centers(boxes(device, "min_size: 9 density: 3"))
    np.testing.assert_allclose(odd[:, 0], [5, 15, 25] * 3, atol=1e-6)  # (0 - 1) * 30 / 3 from 15
    np.testing.assert_allclose(odd[::3, 1], [10 - 20 / 3, 10, 10 + 20 / 3])


def test_what_counts_as_face_boxes(device, caplog):
    map_, image = np.zeros((1, 1, 1, 2)), np.zeros((1, 3, 64, 96))
    caplog.set_level(logging.INFO)
    sizes = "min_size: 32 min_size: 64 min_size: 128"
    found = boxes(device, f"{sizes} step: 32", map_, image)
    assert "density 4, 2 and 1" in caplog.text
    assert found.shape == (2, 1, 2, 21, 4)
    corners = found[0, 0, 1] * [96, 64, 96, 64]
    # the second position is at 48, 16; the third row of squares of 31 at 16 - 16 + 2 * 8
    np.testing.assert_allclose(corners[9], [40 - 15.5, 16 - 15.5, 40 + 15.5, 16 + 15.5], rtol=1e-6)
    np.testing.assert_allclose(corners[16], [32 - 31.5, -31.5, 32 + 31.5, 31.5], rtol=1e-6)
    np.testing.assert_allclose(corners[20], [48 - 63.5, 16 - 63.5, 48 + 63.5, 16 + 63.5], rtol=1e-6)
    for fields in (
        "density: 1 density: 1 density: 1 step: 32",
        "step: 16",
        "aspect_ratio: 1 step: 32",
        "step_h: 32 step_w: 32",
    ):
        assert boxes(device, f"{sizes} {fields}", map_, image).shape[3] == 3


def test_ratios_come_once_and_their_inverses_where_asked(device):
    ratios = "min_size: 6 aspect_ratio: 4 aspect_ratio: 1 aspect_ratio: 0.25"
    ratios += " aspect_ratio: 4.0000001"
    flipped = [(6, 6), (12, 3), (3, 12)]
    np.testing.assert_allclose(sides(boxes(device, ratios)), flipped)
    np.testing.assert_allclose(sides(boxes(device, f"{ratios} flip: false")), flipped)
    one = sides(boxes(device, "min_size: 6 aspect_ratio: 4 flip: false"))
    np.testing.assert_allclose(one, flipped[:2])


def test_a_variance_is_for_all_four(device):
    assert np.unique(boxes(device, "min_size: 6 variance: 0.25")[1]).tolist() == [0.25]
    assert np.unique(boxes(device, "min_size: 6")[1]).tolist() == [np.float64(np.float32(0.1))]


def test_clip(device):
    found = boxes(device, "min_size: 30 clip: true")
    np.testing.assert_allclose(found[0, 0, 0, 0], [0, 0, 30 / 90, 25 / 40])
    np.testing.assert_allclose(found[0, 1, 2, 0], [60 / 90, 15 / 40, 1, 1])
    assert boxes(device, "min_size: 30")[0].min() < 0
    assert (boxes(device, "min_size: 30 clip: true variance: 2")[1] == 2).all()


@pytest.mark.parametrize(
    ("fields", "center"),
    [
        ("step: 8", (20, 12)),
        ("step_h: 8 step_w: 16", (40, 12)),
        ("step: 8 offset: 0", (16, 8)),
        ("offset: 0.25", (67.5, 25)),
    ],
)
def test_steps_and_offset(device, fields, center):
    found = boxes(device, f"min_size: 6 {fields}")[0, 1, 2, 0]
    np.testing.assert_allclose((found[:2] + found[2:]) / 2 * [90, 40], center)


def test_the_size_of_the_image_may_be_given(device):
    for fields, (width, height) in (("img_size: 60", (60, 60)), ("img_h: 20 img_w: 60", (60, 20))):
        found = boxes(device, f"min_size: 6 {fields}")[0, 0, 0, 0]
        np.testing.assert_allclose(found[2:] - found[:2], [6 / width, 6 / height])
        np.testing.assert_allclose((found[:2] + found[2:]) / 2, [1 / 6, 1 / 4])


def test_sizes_lose_what_is_behind_the_point(device, caplog):
    found = sides(boxes(device, "min_size: 9.9 max_size: 16.5 aspect_ratio: 4"))
    np.testing.assert_allclose(found, [(9, 9), (12, 12), (18, 4.5), (4.5, 18)])
    said = [message.split(",")[0] for message in caplog.messages]
    assert said == ["min_size 9.9 counts as 9", "max_size 16.5 counts as 16"]


def test_other_shapes_and_an_overwritten_top(device):
    layer, bottom, top = build(text("min_size: 6"), device, MAP, IMAGE)
    layer.run_forward(bottom, top)
    first = device.to_numpy(top[0].data).copy()
    top[0].data[...] = 7
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), first)
    bottom[1].reshape((2, 3, 80, 90))
    layer.run_forward(bottom, top)
    second = device.to_numpy(top[0].data)
    assert abs(second[0, 0, 1] - (20 - 3) / 80) < 1e-12
    bottom[0].reshape((1, 5, 3, 3))
    layer.run_forward(bottom, top)
    assert top[0].shape == (1, 2, 36)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("min_size: 8 density: 1 density: 2", "density is .1, 2., expected 1 number"),
        ("min_size: 8 density: 0", "density is .0., expected 1 number"),
        ("", "min_size is missing, expected at least one"),
        ("min_size: 0", "min_size is 0, expected a number from 1 up"),
        ("min_size: 0.5", "min_size is 0.5, expected a number from 1 up"),
        ("min_size: nan", "min_size is nan, expected"),
        ("min_size: 9 max_size: 9", "max_size is 9, expected above its min_size: 9"),
        (
            "min_size: 9 max_size: 20 max_size: 30",
            r"max_size is given 2 time\(s\), expected none",
        ),
        ("min_size: 9 aspect_ratio: 0", "aspect_ratio is 0, expected a number above 0"),
        ("min_size: 9 aspect_ratio: inf", "aspect_ratio is inf"),
        ("min_size: 9 variance: 0", "variance is 0, expected one or four numbers above 0"),
        ("min_size: 9 variance: 1 variance: 2", "variance is 1, 2, expected one or four"),
        ("min_size: 9 img_size: 9 img_h: 9 img_w: 9", "img_size and img_h are given"),
        ("min_size: 9 img_w: 9", "img_w is given alone, expected img_h and img_w"),
        ("min_size: 9 img_size: 0", "img_size is 0, expected a number above 0"),
        ("min_size: 9 step: -1", "step is -1, expected a number above 0"),
        ("min_size: 9 step_h: 8", "step_h is given alone, expected step_h and step_w"),
        ("min_size: 9 step: 8 step_w: 8", "step and step_w are given"),
    ],
)
def test_what_it_refuses(device, fields, message):
    with pytest.raises(LayerConfigError, match=message):
        build(text(fields), device, MAP, IMAGE)


@pytest.mark.parametrize("offset", ["nan", "inf", "-inf"])
def test_refuses_an_offset_that_is_no_number(device, offset):
    with pytest.raises(LayerConfigError, match=f"offset is {offset}, expected a finite number"):
        build(text(f"min_size: 6 offset: {offset}"), device, MAP, IMAGE)


def test_shapes_it_refuses(device):
    with pytest.raises(ShapeError, match=r"bottom\[0\] has shape \(2, 5\), expected \(N, C, H"):
        build(text("min_size: 6"), device, MAP[:, :, 0, 0], IMAGE)
    with pytest.raises(ShapeError, match=r"bottom\[1\] has shape \(2, 3, 0, 90\), expected"):
        build(text("min_size: 6"), device, MAP, IMAGE[:, :, :0])


def test_it_has_no_gradient(device):
    layer, bottom, top = build(text("min_size: 6"), device, MAP, IMAGE)
    assert not layer.allow_force_backward(0)
    layer.run_forward(bottom, top)
    layer.run_backward(top, [False, False], bottom)
    with pytest.raises(LayerConfigError, match=r"propagate_down\[1\] is true, expected false"):
        layer.run_backward(top, [False, True], bottom)
    with pytest.raises(LayerConfigError, match=r"propagate_down\[0\] is true"):
        build(text("min_size: 6") + " propagate_down: true", device, MAP, IMAGE)
