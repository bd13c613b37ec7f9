"""What losses share: the modes a definition can ask for, and their divisors."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.blob import Blob
from minicaffe.errors import ShapeError
from minicaffe.layers import _loss
from minicaffe.proto.minicaffe_pb2 import LayerParameter, LossParameter

FULL, VALID, BATCH_SIZE, NONE = (
    LossParameter.FULL,
    LossParameter.VALID,
    LossParameter.BATCH_SIZE,
    LossParameter.NONE,
)


@pytest.mark.parametrize(
    ("text", "default", "mode"),
    [
        ("", VALID, VALID),
        ("", BATCH_SIZE, BATCH_SIZE),
        ("normalize: true", BATCH_SIZE, VALID),
        ("normalize: false", VALID, BATCH_SIZE),
        ("normalization: FULL", BATCH_SIZE, FULL),
        ("normalization: VALID", BATCH_SIZE, VALID),
        ("normalization: NONE normalize: true", VALID, NONE),
    ],
)
def test_normalization(text, default, mode):
    param = text_format.Parse(f"loss_param {{ {text} }}", LayerParameter())
    assert _loss.read_normalization(param, default) == mode


@pytest.mark.parametrize(
    ("mode", "outer", "valid", "expected"),
    [(FULL, 3, 4, 21), (VALID, 3, 4, 4), (BATCH_SIZE, 3, 4, 3), (NONE, 3, 4, 1)]
    + [(mode, 0, 0, 1) for mode in (FULL, VALID, BATCH_SIZE, NONE)],
)
def test_divisor(device, mode, outer, valid, expected):
    found = _loss.divisor(mode, outer, 7, device.xp.asarray([valid])[0], device.xp)
    assert found == expected


def test_ignore_label_is_nan_where_there_is_none():
    assert np.isnan(_loss.read_ignore(LossParameter()))
    assert _loss.read_ignore(LossParameter(ignore_label=-1)) == -1
    assert _loss.read_ignore(LossParameter(ignore_label=0)) == 0


def test_positions(device):
    scores, labels = Blob(device, (2, 5, 3, 4)), Blob(device, (2, 1, 12))
    assert _loss.positions(scores, labels, -3) == (2, 5, 12)
    with pytest.raises(ShapeError, match=r"24 label\(s\), expected 30, as in \(2, 5, 3\)"):
        _loss.positions(scores, labels, 3)
