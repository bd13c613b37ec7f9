from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.errors import NetError
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.score import Score

NET = """
layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "half" type: "Power" bottom: "x" top: "half" power_param { scale: 0.5 } }
layer { name: "a" type: "Reduction" bottom: "x" top: "a" loss_weight: 2 }
layer { name: "b" type: "EuclideanLoss" bottom: "half" bottom: "x" loss_weight: 3 }
layer { name: "c" type: "Reduction" bottom: "half" top: "z" }
layer { name: "row" type: "Reduction" bottom: "x" top: "row" reduction_param { axis: 1 } }
"""


@pytest.fixture
def score(device):
    return Score(Net(text_format.Parse(NET, NetParameter()), device=device))


def run(score, *batches):
    for x in batches:
        blob = score.net.blobs["x"]
        blob.reshape(x.shape)
        blob.data[...] = score.net.device.xp.asarray(x)
        score.net.reshape()
        score.run_batch()


def test_means_over_batches(score, rng):
    batches = rng.standard_normal((5, 2, 3)).astype(np.float32)
    run(score, *batches)
    mean = batches.mean(0, dtype=np.float64)
    assert score.batches == 5
    squares = (batches.astype(np.float64) ** 2).sum(axis=(1, 2)).mean()
    hidden = squares / 4 / (2 * 2)  # a loss that is no output
    assert score.loss == pytest.approx(2 * mean.sum() + 3 * hidden, rel=1e-5)
    rows = mean.sum(1)
    expected = [("a", mean.sum(), 2), ("row", rows[0], 0), ("row", rows[1], 0)]
    expected.append(("z", mean.sum() / 2, 0))
    found = list(score.elements())
    assert [(name, weight) for name, _, weight in found] == [(n, w) for n, _, w in expected]
    values = [value for _, value, _ in found]
    assert values == pytest.approx([value for _, value, _ in expected], rel=1e-5)
    assert score.first() == {"a": values[0], "row": values[1], "z": values[3]}


def test_the_sum_is_kept_in_float64(score):
    big = np.full((2, 3), 2**23, np.float32)
    run(score, big, *[np.full((2, 3), 0.25, np.float32)] * 3)
    assert score.first()["row"] == 3 * (2**23 + 0.75) / 4


def test_an_output_that_changes_its_size_has_no_mean(score):
    run(score, np.ones((2, 3)))
    with pytest.raises(NetError, match=r"'row' has 4 element\(s\) in batch 1, expected 2"):
        run(score, np.ones((4, 3)))


def test_an_output_without_elements_has_no_first(score):
    run(score, np.ones((0, 3)))
    assert list(score.first()) == ["a", "z"]
