"""More items than a batch holds."""

from __future__ import annotations

import numpy as np
import pytest

import minicaffe as caffe
from minicaffe.pycaffe.batches import cut
from minicaffe.pycaffe.errors import ArgumentError
from tests.pycaffe.nets import DEPLOY


def one_by_one(net, x, **backward):
    """Outputs and gradients of each item, alone in a batch of zeros."""
    outs, diffs = [], []
    for i in range(len(x)):
        batch = np.zeros(net.blobs["data"].shape)
        batch[0] = x[i]
        outs.append(net.forward(data=batch)["prob"][0].copy())
        dy = np.zeros(net.blobs["prob"].shape)
        if backward:
            dy[0] = backward["prob"][i]
        diffs.append(net.backward(prob=dy)["data"][0].copy())
    return np.array(outs), np.array(diffs)


@pytest.mark.parametrize("count", [1, 4, 8, 11])
def test_forward_all_is_forward_of_each(deploy, rng, count):
    x = rng.standard_normal((count, 3, 6, 5))
    expected, _ = one_by_one(deploy, x)
    outs = deploy.forward_all(data=x, blobs=["conv"])
    assert set(outs) == {"prob", "conv"}
    assert outs["conv"].shape == (count, 2, 4, 3)
    np.testing.assert_allclose(outs["prob"], expected, rtol=1e-4)
    assert not np.shares_memory(outs["prob"], deploy.blobs["prob"].data)


def test_the_rest_of_the_last_batch_is_zero(deploy, rng):
    deploy.forward_all(data=rng.standard_normal((7, 3, 6, 5)))
    assert deploy.blobs["data"].data[:3].any(axis=(1, 2, 3)).all()
    assert not deploy.blobs["data"].data[3:].any()


def test_no_item_at_all(deploy):
    outs = deploy.forward_all(data=np.zeros((0, 3, 6, 5)))
    assert outs["prob"].shape == (0, 7)


@pytest.mark.parametrize("count", [4, 6])
def test_forward_backward_all(deploy, rng, count):
    x, dy = rng.standard_normal((count, 3, 6, 5)), rng.standard_normal((count, 7))
    expected = one_by_one(deploy, x, prob=dy)
    outs, diffs = deploy.forward_backward_all(data=x, prob=dy, blobs=["ip"], diffs=["conv"])
    assert (set(outs), set(diffs)) == ({"prob", "ip"}, {"data", "conv"})
    np.testing.assert_allclose(outs["prob"], expected[0], rtol=1e-4)
    np.testing.assert_allclose(diffs["data"], expected[1], rtol=1e-3, atol=1e-6)
    assert diffs["conv"].shape == (count, 2, 4, 3)


def test_without_gradients_they_stay_as_they_are(deploy, rng):
    deploy.blobs["prob"].diff[...] = dy = rng.standard_normal((4, 7)).astype(np.float32)
    x = rng.standard_normal((4, 3, 6, 5))
    _, diffs = deploy.forward_backward_all(data=x)
    expected = one_by_one(deploy, x, prob=dy)[1]
    np.testing.assert_allclose(diffs["data"], expected, rtol=1e-3, atol=1e-6)


def test_a_single_value_comes_once_a_batch(written, built_on, rng):
    text = DEPLOY + 'layer { name: "sum" type: "Reduction" bottom: "prob" top: "sum" }'
    net = caffe.Net(written(text), caffe.TEST)
    outs = net.forward_all(data=rng.standard_normal((10, 3, 6, 5)))
    np.testing.assert_allclose(outs["sum"], [4, 4, 4], rtol=1e-5)


def test_refusals(deploy):
    with pytest.raises(ArgumentError, match="no array is given"):
        deploy.forward_all()
    with pytest.raises(KeyError, match="did you mean 'data'"):
        deploy.forward_all(dat=np.zeros((4, 3, 6, 5)))
    with pytest.raises(ArgumentError, match="match net inputs"):
        deploy.forward_all(prob=np.zeros((4, 7)))
    with pytest.raises(
        ArgumentError, match=r"neither net inputs nor net outputs\. 'conv', 'data' given"
    ):
        deploy.forward_backward_all(data=np.zeros((4, 3, 6, 5)), conv=np.zeros((4, 1)))
    with pytest.raises(ArgumentError, match="'data' has 4, 'prob' has 5 items"):
        deploy.forward_backward_all(data=np.zeros((4, 3, 6, 5)), prob=np.zeros((5, 7)))


def test_cut_keeps_types():
    batches = list(cut({"a": np.arange(5, dtype=np.uint8), "b": [[1.5]] * 5}, 3))
    assert [batch["a"].tolist() for batch in batches] == [[0, 1, 2], [3, 4, 0]]
    assert batches[1]["a"].dtype == np.uint8
    assert batches[1]["b"].tolist() == [[1.5], [1.5], [0]]
