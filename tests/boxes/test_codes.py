"""Codes: by hand, there and back, and what has no code."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.boxes.codes import CENTER_SIZE, CORNER, CORNER_SIZE, clip, decode, encode
from minicaffe.errors import ArrayError

PRIOR = np.array([[0.2, 0.4, 0.6, 0.6]])  # 0.4 by 0.2 around (0.4, 0.5)
BOX = np.array([[0.1, 0.45, 0.9, 0.65]])  # 0.8 by 0.2 around (0.5, 0.55)
VARIANCE = np.array([[0.1, 0.25, 0.2, 0.5]])
TOLD = {
    CORNER: [-0.1, 0.05, 0.3, 0.05],
    CENTER_SIZE: [0.1 / 0.4, 0.05 / 0.2, np.log(2), 0],
    CORNER_SIZE: [-0.1 / 0.4, 0.05 / 0.2, 0.3 / 0.4, 0.05 / 0.2],
}


@pytest.mark.parametrize("code", TOLD)
def test_by_hand(code):
    np.testing.assert_allclose(encode(BOX, PRIOR, code), [TOLD[code]], atol=1e-12)
    told = encode(BOX, PRIOR, code, VARIANCE)
    np.testing.assert_allclose(told, [TOLD[code]] / VARIANCE, atol=1e-12)
    np.testing.assert_allclose(decode(np.array([TOLD[code]]), PRIOR, code), BOX)
    np.testing.assert_allclose(decode(told, PRIOR, code, VARIANCE), BOX)


@pytest.mark.parametrize("code", TOLD)
def test_there_and_back(rng, code):
    priors, boxes = (np.cumsum(rng.random((2, 7, 2)) + 0.1, axis=0) for _ in range(2))
    priors, boxes = (np.concatenate(list(each), axis=1) for each in (priors, boxes))
    variances = rng.random((7, 4)) + 0.1
    told = encode(boxes, priors, code, variances)
    np.testing.assert_allclose(decode(told, priors, code, variances), boxes)
    both = decode(np.stack([told, 2 * told]), priors, code, variances)  # of several images
    np.testing.assert_allclose(both[1], decode(2 * told, priors, code, variances))
    one = encode(boxes, priors[0], code, variances[0])  # one prior box for all
    np.testing.assert_allclose(one[3:4], encode(boxes[3:4], priors[:1], code, variances[:1]))


def test_the_dtype_stays():
    arrays = [each.astype(np.float32) for each in (BOX, PRIOR, VARIANCE)]
    for code in TOLD:
        assert encode(arrays[0], arrays[1], code, arrays[2]).dtype == np.float32
        assert decode(arrays[0], arrays[1], code, arrays[2]).dtype == np.float32
    assert clip(arrays[0]).dtype == np.float32


def test_clip():
    boxes = np.array([[-0.5, 0.25, 0.5, 1.5], [2, -3, 2, 7]])
    assert clip(boxes).tolist() == [[0, 0.25, 0.5, 1], [1, 0, 1, 1]]
    assert clip(boxes, 3, 0.5).tolist() == [[0, 0.25, 0.5, 0.5], [2, 0, 2, 0.5]]
    assert boxes[0, 0] == -0.5


def test_what_has_no_code():
    flat = np.array([[0.1, 0.2, 0.5, 0.2]])
    for code in (CENTER_SIZE, CORNER_SIZE):
        with pytest.raises(ArrayError, match=r"prior box 1 is \[0.1, 0.2, 0.5, 0.2\], expected"):
            encode(np.repeat(BOX, 2, 0), np.concatenate([PRIOR, flat]), code)
    with pytest.raises(ArrayError, match=r"^box 0 is \[0.1, 0.2, 0.5, 0.2\], expected xmin < xmax"):
        encode(flat, PRIOR, CENTER_SIZE)
    assert np.isfinite(encode(flat, PRIOR, CORNER_SIZE)).all()
    assert np.isfinite(encode(flat, flat, CORNER)).all()


def test_an_untrained_nets_sizes_may_have_no_end():
    found = decode(np.array([[0, 0, 1e3, 0]], np.float32), PRIOR.astype(np.float32), CENTER_SIZE)
    assert found[0, 2] == np.inf
    assert clip(found)[0].tolist() == pytest.approx([0, 0.4, 1, 0.6])
