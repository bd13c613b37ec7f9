"""rpn.proposal_target_layer: an example worked by hand, what is drawn, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError, ValueRangeError
from tests.build import build
from tests.python_layers.rpn import text

ROIS = np.array([[0.0, 0, 0, 31, 15], [0, 100, 100, 120, 120], [0, 0, 0, 15, 15]])
TRUE = np.array([[0.0, 0, 15, 15, 3]])  # overlaps them by 1/2, 0 and 1


def run(device, told="", rois=ROIS, true=TRUE):
    definition = text("ProposalTargetLayer", f"{{'num_classes': 5, {told}}}")
    layer, bottom, top = build(definition, device, rois, np.asarray(true), tops=5)
    layer.run_forward(bottom, top)
    return [device.to_numpy(blob.data) for blob in top]


def test_by_hand(device):
    """A quarter of 12 may be objects, and there are 3: two regions and the true box itself."""
    rois, labels, targets, inside, outside = run(device, "'batch_size': 12")
    np.testing.assert_array_equal(rois, [ROIS[0], ROIS[2], [0, 0, 0, 15, 15], ROIS[1]])
    assert labels.tolist() == [[3], [3], [3], [0]]
    right = np.zeros((4, 20))
    right[0, 12:16] = [-0.25 / 0.1, 0, np.log(0.5) / 0.2, 0]
    np.testing.assert_allclose(targets, right)
    right = np.zeros((4, 20))
    right[:3, 12:16] = 1
    np.testing.assert_array_equal(inside, right)
    np.testing.assert_array_equal(outside, right)


def test_what_is_told(device):
    told = (
        "'bbox_normalize_means': [1, 0, 0, 0], 'bbox_normalize_stds': [2, 1, 1, 1], "
        "'bbox_inside_weights': [0.5, 1, 1, 0]"
    )
    _, _, targets, inside, outside = run(device, told)
    np.testing.assert_allclose(targets[0, 12:16], [-1.25 / 2, 0, np.log(0.5), 0])
    assert inside[0, 12:16].tolist() == [0.5, 1, 1, 0]
    assert outside[0, 12:16].tolist() == [1, 1, 1, 0]
    plain = run(device, "'bbox_normalize_targets_precomputed': False")[2]
    np.testing.assert_allclose(plain[0, 12:16], [-0.25, 0, np.log(0.5), 0])


def test_one_box_for_all_classes(device):
    """As R-FCN has it."""
    _, labels, targets, inside, _ = run(device, "'agnostic': True")
    assert labels[0] == 3
    assert targets.shape == (4, 8)
    np.testing.assert_allclose(targets[0, 4:], [-2.5, 0, np.log(0.5) / 0.2, 0])
    assert inside[0].tolist() == [0] * 4 + [1] * 4


@pytest.mark.parametrize(
    ("told", "labels"),
    [
        ("'fg_thresh': 0.6, 'bg_thresh_hi': 0.6", [3, 3, 0, 0]),
        ("'fg_thresh': 0.6", [3, 3, 0]),  # from 0.5 to 0.6 it is nothing
        ("'bg_thresh_lo': 0.1", [3, 3, 3]),
        ("'batch_size': 0, 'fg_fraction': 0", [3, 3, 3, 0]),  # all
        ("'batch_size': 4, 'fg_fraction': 0.25", [3, 0]),
        ("'batch_size': 2, 'fg_fraction': 1", [3, 3]),
    ],
)
def test_thresholds_and_shares(device, told, labels):
    assert run(device, told)[1][:, 0].tolist() == labels


def test_a_seed_repeats_what_is_drawn(device, rng):
    corner = rng.uniform(50, 90, (40, 2))
    rois = np.hstack([np.zeros((40, 1)), corner, corner + 10])
    found = [
        run(replace(device, rng=np.random.default_rng(seed)), "'batch_size': 8", rois)[0]
        for seed in (3, 3, 4)
    ]
    assert found[0].shape == (8, 5)
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()
    assert len(np.unique(found[0], axis=0)) == 8  # none twice


def test_an_image_may_have_no_true_box(device):
    rois, labels, targets, inside, _ = run(device, true=np.zeros((0, 5)))
    np.testing.assert_array_equal(rois, ROIS)
    assert not labels.any()
    assert not targets.any()
    assert not inside.any()


def test_has_no_gradient(device):
    definition = text("ProposalTargetLayer", "'num_classes': 5")
    layer, bottom, top = build(definition, device, ROIS, TRUE, tops=5)
    layer.run_forward(bottom, top)
    for blob in bottom:
        blob.diff[...] = 7
    layer.run_backward(top, [True, False], bottom)
    assert [device.to_numpy(blob.diff).all() for blob in bottom] == [False, True]


@pytest.mark.parametrize(
    ("rois", "true", "message"),
    [
        (ROIS + np.eye(5)[0], TRUE, "region 0 is of image 1, expected 0"),
        (ROIS - np.array([[0], [1], [1]]) * np.eye(5)[0], TRUE, "region 1 is of image -1, expec"),
        (ROIS, [[0, 0, np.nan, 15, 3]], r"true box 0 is \[0, 0, nan, 15\], expected finite"),
        (ROIS, TRUE + 2 * np.eye(5)[4], "true box 0 is of class 5, expected 1..4"),
        (ROIS, TRUE * [1, 1, 1, 1, 0], "true box 0 is of class 0, expected 1..4"),
    ],
)
def test_refuses_values(device, rois, true, message):
    with pytest.raises(ValueRangeError, match=message):
        run(device, rois=rois, true=true)


def test_refuses(device):
    definition = text("ProposalTargetLayer", "'num_classes': 5")
    with pytest.raises(ShapeError, match=r"bottom\[0\] has .*\(3, 4\), expected \(R, 5\)"):
        build(definition, device, ROIS[:, :4], TRUE, tops=5)
    with pytest.raises(ShapeError, match=r"bottom\[1\] has .*\(1, 4\), expected \(G, 5\)"):
        build(definition, device, ROIS, TRUE[:, :4], tops=5)
    with pytest.raises(BlobCountError, match=r"4 top blob\(s\), expected 5"):
        build(definition, device, ROIS, TRUE, tops=4)
    with pytest.raises(LayerConfigError, match="has 0 for 'num_classes', expected at least 2"):
        build(text("ProposalTargetLayer"), device, ROIS, TRUE, tops=5)
