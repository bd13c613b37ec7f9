"""Silence: zeros where a gradient is asked for, nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError
from minicaffe.testing import check_gradient
from tests.build import build

TEXT = 'type: "Silence"'


def test_gradient(device, rng):
    arrays = rng.standard_normal((2, 3)), rng.standard_normal(5)
    check_gradient(*build(TEXT, device, *arrays, tops=0))


def test_leaves_what_is_not_asked_for(device):
    layer, bottom, top = build(TEXT, device, np.ones((2, 3)), np.ones(5), tops=0)
    layer.run_forward(bottom, top)
    for blob in bottom:
        blob.diff[...] = 7
    layer.run_backward(top, [False, True], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()
    assert (device.to_numpy(bottom[1].diff) == 0).all()


@pytest.mark.parametrize(
    ("bottoms", "tops", "message"),
    [(0, 0, r"0 bottom blob\(s\), expected at least 1"), (1, 1, r"1 top blob\(s\), expected 0")],
)
def test_refuses(device, bottoms, tops, message):
    with pytest.raises(BlobCountError, match=rf"^layer 'it' \(Silence\): {message}"):
        build(TEXT, device, *[np.ones(3)] * bottoms, tops=tops)
