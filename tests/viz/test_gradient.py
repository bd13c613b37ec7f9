from __future__ import annotations

import numpy as np
import pytest

import minicaffe as caffe
from minicaffe import viz
from minicaffe.errors import MinicaffeError
from tests.drawing import nets

LINEAR = """
force_backward: true
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 2 dim: 3 dim: 4 dim: 5 } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
        inner_product_param { num_output: 6 weight_filler { type: "gaussian" std: 1 } } }
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
"""


@pytest.fixture
def net():
    net = caffe.Net(nets.net(LINEAR), caffe.TEST)
    net.params["ip"][0].data[...] = np.random.default_rng(0).normal(size=(6, 60))
    net.blobs["data"].data[...] = np.random.default_rng(1).normal(size=(2, 3, 4, 5))
    net.forward()
    return net


def test_saliency_of_a_linear_net_is_its_weights(net):
    for label, image in ((3, 0), (4, 0), (4, 1)):
        weights = net.params["ip"][0].data[label].reshape(3, 4, 5)
        expected = viz.normalized(np.abs(weights).max(axis=0))
        np.testing.assert_allclose(viz.saliency(net, label, image=image), expected, rtol=1e-5)
    assert not np.allclose(viz.saliency(net, 4, scores="prob"), expected)


def test_gradients_of_the_parameters_stay_as_they_are(net):
    net.params["ip"][0].diff[...] = 7
    viz.saliency(net, 1)
    viz.class_model(net, 1, steps=2)
    assert (net.params["ip"][0].diff == 7).all()


def test_class_model_of_a_linear_net_looks_like_its_weights(net):
    weights = net.params["ip"][0].data[2].reshape(3, 4, 5)
    picture = viz.class_model(net, 2, steps=30, rate=0.5)
    assert picture.shape == (4, 5, 3)
    np.testing.assert_allclose(picture, viz.normalized(weights[::-1].transpose(1, 2, 0)), atol=1e-4)
    assert net.forward()["prob"][0].argmax() == 2


def test_class_model_loses_a_share_of_the_image_at_each_step(net):
    weights = net.params["ip"][0].data[2].reshape(3, 4, 5)
    step = 0.5 * weights / np.sqrt(np.mean(weights**2))
    viz.class_model(net, 2, steps=2, rate=0.5, decay=0.2)
    expected = (step * 0.9 + step) * 0.9
    np.testing.assert_allclose(net.blobs["data"].data[1], expected, rtol=1e-5)


def test_class_model_starts_where_it_is_told(net):
    start = np.random.default_rng(2).normal(size=(3, 4, 5)).astype(np.float32)
    picture = viz.class_model(net, 2, steps=0, start=start)
    np.testing.assert_allclose(picture, viz.normalized(start[::-1].transpose(1, 2, 0)), rtol=1e-6)


def test_refusals(net):
    with pytest.raises(MinicaffeError, match=r"label is 6 and image 0, expected 0\.\.5 and 0\.\.1"):
        viz.saliency(net, 6)
    with pytest.raises(
        MinicaffeError, match="blob is 'pi', expected another: known: data, ip, prob"
    ):
        viz.saliency(net, 0, scores="pi")
    with pytest.raises(MinicaffeError, match="input is 'dat', expected another"):
        viz.class_model(net, 0, data="dat")


def test_a_net_that_does_not_go_back_to_its_input():
    net = caffe.Net(nets.net(LINEAR.replace("force_backward: true", "")), caffe.TEST)
    net.params["ip"][0].data[...] = 1
    net.forward()
    with pytest.raises(MinicaffeError, match="the definition needs 'force_backward: true'"):
        viz.saliency(net, 0)
