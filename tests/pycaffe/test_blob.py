"""Blob, as a user of pycaffe has it in a net."""

from __future__ import annotations

import numpy as np
import pytest

import minicaffe as caffe
from minicaffe.pycaffe.blob import Blob, BlobVec
from tests.pycaffe.nets import DEPLOY


def test_is_what_nets_are_made_of(deploy):
    assert type(deploy.blobs["data"]) is Blob
    assert type(deploy.params["ip"]) is BlobVec
    assert type(deploy.params["ip"][0]) is Blob


def test_looks_as_in_pycaffe(deploy):
    blob = deploy.blobs["data"]
    assert (blob.num, blob.channels, blob.height, blob.width) == blob.shape == (4, 3, 6, 5)
    assert blob.count == blob.data.size == 360
    assert list(blob.shape) == [4, 3, 6, 5]
    assert blob.data.dtype == blob.diff.dtype == np.float32
    assert blob.data.flags.c_contiguous
    assert blob.data.flags.writeable


def test_views_of_a_split_are_one_memory(written, built_on):
    text = (
        DEPLOY
        + """layer { name: "a" type: "ReLU" bottom: "prob" top: "a" }
                       layer { name: "b" type: "ReLU" bottom: "prob" top: "b" }"""
    )
    net = caffe.Net(written(text), caffe.TEST)
    net.forward()
    assert [name for name in net.blobs if "split" in name] == [
        "prob_prob_0_split_0",
        "prob_prob_0_split_1",
    ]
    net.blobs["prob"].data[...] = 3
    outs = net.forward(start="prob_prob_0_split")
    assert (outs["a"] == 3).all()
    net.blobs["prob_prob_0_split_1"].data[...] = 4
    assert (net.forward(start="a")["a"] == 4).all()


def test_parameters_of_one_name_are_one_memory(written, built_on):
    layer = DEPLOY[DEPLOY.index('layer {\n  name: "ip"') : DEPLOY.index('layer { name: "prob"')]
    shared = layer.replace('top: "ip"', 'top: "ip" param { name: "w" } param { name: "b" }')
    twin = shared.replace('"ip"', '"twin"')
    net = caffe.Net(written(DEPLOY.replace(layer, shared + twin)), caffe.TEST)
    net.params["twin"][0].data[...] = 2
    net.params["ip"][0].data[0] = 3
    assert (net.params["twin"][0].data[0] == 3).all()
    outs = net.forward(blobs=["ip"], data=np.ones((4, 3, 6, 5)))
    np.testing.assert_array_equal(outs["twin"], outs["ip"])


@pytest.mark.parametrize("kind", ["data", "diff"])
def test_assigning_the_array_says_what_would_do(deploy, kind):
    with pytest.raises(AttributeError, match="expected to be assigned into"):
        setattr(deploy.blobs["data"], kind, np.zeros((4, 3, 6, 5)))


def test_numpy_says_what_does_not_fit(deploy):
    with pytest.raises(ValueError, match="could not broadcast"):
        deploy.blobs["data"].data[...] = np.zeros((4, 3, 6, 6))
