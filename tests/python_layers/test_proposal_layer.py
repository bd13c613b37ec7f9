"""rpn.proposal_layer: what it finds, by phase, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.device import cpu
from minicaffe.errors import BlobCountError, ShapeError
from tests.build import build
from tests.layers.test_proposal import arrays
from tests.python_layers.rpn import text

TOLD = "{'ratios': [1], 'scales': [1]"


FIRST, SECOND = [[0, 1, 0, 17, 16], [0, 0, 0, 16, 16]], [[1, x, 0, x + 16, 8] for x in (0, 16, 32)]


@pytest.mark.parametrize(
    ("told", "rows"),
    [
        ("}", FIRST[:1] + SECOND),
        (", 'rpn_nms_thresh': 0.9}", FIRST + SECOND),
        (", 'rpn_post_nms_top_n': 1}", FIRST[:1] + SECOND[:1]),
        (", 'rpn_pre_nms_top_n': 2}", FIRST[:1] + SECOND[:2]),
        (", 'rpn_min_size': 18}", SECOND),  # resized to half its size: 9
        (", 'feat_stride': 32, 'rpn_nms_thresh': 0.9}", [[0, 17, 0, 33, 16], FIRST[1]]),
    ],
)
def test_by_hand(device, told, rows):
    """See ``tests.layers.test_proposal``."""
    layer, bottom, top = build(text("ProposalLayer", TOLD + told), device, *arrays(), tops=2)
    layer.run_forward(bottom, top)
    found = device.to_numpy(top[0].data).tolist()
    assert found[: len(rows)] == rows
    assert len(found) == len(rows) or "feat_stride" in told
    assert top[1].shape == (len(found), 1)


@pytest.mark.parametrize(("phase", "count"), [("TRAIN", 2000), ("TEST", 300)])
def test_the_phase_says_how_many(phase, count, rng):
    scores = rng.random((1, 2, 60, 50))
    offsets = np.zeros((1, 4, 60, 50))
    told = "{'ratios': [1], 'scales': [1], 'feat_stride': 16}"
    layer, bottom, top = build(
        text("ProposalLayer", told, f"phase: {phase}"),
        cpu(),
        scores,
        offsets,
        np.array([[2000, 2000, 1]]),
    )
    layer.run_forward(bottom, top)
    assert top[0].shape == (count, 5)


def test_has_no_gradient(device):
    layer, bottom, top = build(text("ProposalLayer", TOLD + "}"), device, *arrays())
    layer.run_forward(bottom, top)
    for blob in bottom:
        blob.diff[...] = 7
    layer.run_backward(top, [True, False, True], bottom)
    assert [device.to_numpy(blob.diff).all() for blob in bottom] == [False, True, False]


def test_refuses(device):
    given = arrays()
    with pytest.raises(ShapeError, match=r"bottom\[0\] has .*expected \(N, 18, H, W\)"):
        build(text("ProposalLayer", "'feat_stride': 16"), device, *given)
    with pytest.raises(BlobCountError, match=r"2 bottom blob\(s\), expected 3"):
        build(text("ProposalLayer"), device, *given[:2])
