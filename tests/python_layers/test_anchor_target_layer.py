"""rpn.anchor_target_layer: an example worked by hand, what is drawn, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from minicaffe.errors import ArrayError, BlobCountError, ShapeError, ValueRangeError
from tests.build import build
from tests.python_layers.rpn import text

TRUE = np.array([[0.0, 0, 15, 15, 1], [16, 16, 39, 31, 2]])


def run(device, told="", true=TRUE, image=(32, 48, 1), size=(2, 3), anchors="[1]"):
    """One anchor of 16 x 16 at each position, unless ``anchors`` has other scales."""
    definition = text("AnchorTargetLayer", f"{{'ratios': [1], 'scales': {anchors}, {told}}}")
    arrays = np.zeros((1, 2, *size)), np.asarray(true), np.array([image])
    layer, bottom, top = build(definition, device, *arrays, tops=4)
    layer.run_forward(bottom, top)
    return [device.to_numpy(blob.data) for blob in top]


def test_by_hand(device):
    """The second true box overlaps the anchor at (1, 1) by 2/3, that at (1, 2) by 1/4."""
    labels, targets, inside, outside = run(device)
    assert labels.tolist() == [[[[1, 0, 0], [0, 1, 0]]]]
    np.testing.assert_allclose(targets[0, :, 0, 0], 0)
    np.testing.assert_allclose(targets[0, :, 1, 1], [0.25, 0, np.log(1.5), 0])
    np.testing.assert_allclose(targets[0, :, 1, 2], [-0.75, 0, np.log(1.5), 0])
    np.testing.assert_array_equal(inside, np.repeat(labels, 4, axis=1))
    np.testing.assert_allclose(outside, np.full((1, 4, 2, 3), 1 / 6))


def test_what_reaches_out_of_the_image_does_not_count(device):
    labels, targets, inside, outside = run(device, image=(32, 40, 1))
    assert labels.tolist() == [[[[1, 0, -1], [0, 1, -1]]]]
    for values in (targets, inside, outside):
        assert not values[..., 2].any()
    np.testing.assert_allclose(outside[..., :2], 1 / 4)
    assert run(device, "'allowed_border': 8", image=(32, 40, 1))[0].min() == 0
    assert run(device, "'allowed_border': 7", image=(32, 40, 1))[0].min() == -1


@pytest.mark.parametrize(
    ("told", "labels"),
    [
        ("'rpn_negative_overlap': 0.2", [[1, 0, 0], [0, 1, -1]]),
        ("'rpn_negative_overlap': 0.25", [[1, 0, 0], [0, 1, -1]]),  # 0.25 is not below it
        ("'rpn_positive_overlap': 0.25", [[1, 0, 0], [0, 1, 1]]),
        ("'rpn_negative_overlap': 0.7, 'rpn_clobber_positives': True", [[1, 0, 0], [0, 0, 0]]),
    ],
)
def test_thresholds(device, told, labels):
    assert run(device, told)[0][0, 0].tolist() == labels


def test_several_anchors_at_a_position(device):
    """The second, of 32 x 32, is in the image at no place; labels have all of the first first."""
    labels, targets, *_ = run(device, anchors="[1, 2]")
    assert labels.shape == (1, 1, 4, 3)
    assert labels[0, 0].tolist() == [[1, 0, 0], [0, 1, 0], [-1] * 3, [-1] * 3]
    assert targets.shape == (1, 8, 2, 3)
    np.testing.assert_allclose(targets[0, :, 1, 1], [0.25, 0, np.log(1.5), 0, 0, 0, 0, 0])


def test_weights(device):
    told = "'rpn_positive_weight': 0.3, 'rpn_bbox_inside_weights': [1, 2, 3, 4]"
    labels, _, inside, outside = run(device, told)
    assert inside[0, :, 1, 1].tolist() == [1, 2, 3, 4]
    assert not inside[0, :, 0, 1].any()
    np.testing.assert_allclose(outside[0, 2], np.where(labels[0, 0] == 1, 0.15, 0.7 / 4))


def test_a_share_of_the_objects_is_drawn(device):
    """4 x 6 anchors, 8 of them objects: 3 of 10 are, or as many as there are of a kind."""
    true = [[0.0, 16 * y, 31, 16 * y + 15, 1] for y in range(4)]  # two anchors each, by half
    told = "'rpn_batchsize': 10, 'rpn_fg_fraction': 0.3"
    args = {"true": true, "image": (64, 96, 1), "size": (4, 6)}
    draws = [
        run(replace(device, rng=np.random.default_rng(seed)), told, **args) for seed in (1, 1, 2)
    ]
    for labels, _, inside, outside in draws:
        assert [(labels == label).sum() for label in (1, 0)] == [3, 7]
        assert (labels[..., 2:] < 1).all()
        assert inside.sum() == 12
        np.testing.assert_allclose(outside.sum(), 4)
    np.testing.assert_array_equal(draws[0][0], draws[1][0])
    assert (draws[0][0] != draws[2][0]).any()
    labels = run(device, "'rpn_batchsize': 10, 'rpn_fg_fraction': 1", **args)[0]
    assert [(labels == label).sum() for label in (1, 0)] == [8, 2]


@pytest.mark.parametrize("true", [np.zeros((0, 5)), [[200.0, 200, 220, 220, 3]]])
def test_a_box_that_is_not_there_makes_no_object(device, true):
    labels, _, inside, outside = run(device, true=true)
    assert not labels.any()
    assert not inside.any()
    np.testing.assert_allclose(outside, 1 / 6)


def test_an_image_smaller_than_an_anchor_counts_for_nothing(device):
    labels, _, _, outside = run(device, image=(12, 12, 1))
    assert (labels == -1).all()
    assert not outside.any()


def test_refuses(device):
    definition = text("AnchorTargetLayer")
    good = [np.zeros((1, 18, 2, 3)), TRUE, np.ones((1, 3))]
    for index, bad, message in (
        (0, np.zeros((2, 18, 2, 3)), r"bottom\[0\] has .*expected \(1, C, H, W\): one image"),
        (1, TRUE[:, :4], r"bottom\[1\] has .*\(2, 4\), expected \(G, 5\)"),
        (2, np.ones((1, 2)), r"bottom\[2\] has shape \(1, 2\), expected \(1, 3\)"),
    ):
        with pytest.raises(ShapeError, match=message):
            build(definition, device, *good[:index], bad, *good[index + 1 :], tops=4)
    with pytest.raises(BlobCountError, match=r"3 top blob\(s\), expected 4"):
        build(definition, device, *good, tops=3)
    for value in (np.nan, np.inf, -np.inf):
        with pytest.raises(ValueRangeError, match=rf"true box 0 is \[0, {value:g}, 15, 15\], exp"):
            run(device, true=[[0.0, value, 15, 15, 1]])
    with pytest.raises(ArrayError, match=r"box . is \[20, 0, 15, 15\], expected x1 <= x2"):
        run(device, true=[[20.0, 0, 15, 15, 1]])
