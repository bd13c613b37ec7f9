from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from minicaffe import viz
from minicaffe.errors import MinicaffeError
from minicaffe.net import Net
from minicaffe.weights import save_weights
from tests.drawing import nets


def net_of(**params):
    return SimpleNamespace(
        params={k: [SimpleNamespace(data=v)] for k, v in params.items()}, blobs={}
    )


def test_normalized():
    np.testing.assert_allclose(viz.normalized([[-1, 0], [1, 3]]), [[0, 0.25], [0.5, 1]])
    assert viz.normalized([5, 5]).tolist() == [0, 0]
    assert viz.normalized([1, 2]).dtype == np.float32


def test_vis_square():
    images = np.arange(5 * 2 * 3).reshape(5, 2, 3)
    grid = viz.vis_square(images)
    assert grid.shape == (3 * 3, 3 * 4)
    scaled = images / 29
    np.testing.assert_allclose(grid[0:2, 0:3], scaled[0], rtol=1e-6)
    np.testing.assert_allclose(grid[0:2, 4:7], scaled[1], rtol=1e-6)
    np.testing.assert_allclose(grid[3:5, 0:3], scaled[3], rtol=1e-6)
    assert (grid[2] == 1).all()
    assert (grid[:, 3] == 1).all()
    assert (grid[3:5, 8:] == 1).all()  # the place of the sixth
    assert viz.vis_square(images, padding=2, value=0.5)[2, 0] == 0.5


def test_vis_square_in_colour():
    images = np.random.default_rng(0).random((4, 2, 5, 3), np.float32)
    grid = viz.vis_square(images, 0)
    assert grid.shape == (4, 10, 3)
    np.testing.assert_allclose(grid[2:, 5:], viz.normalized(images)[3])


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4, 5), (1, 1, 1, 1, 3)])
def test_vis_square_of_another_shape(shape):
    with pytest.raises(MinicaffeError, match=r"expected \(N, H, W\) or \(N, H, W, 3\)"):
        viz.vis_square(np.zeros(shape))


@pytest.mark.parametrize(("values", "what"), [([np.nan, 1], "not finite"), ([], "are none")])
def test_what_cannot_be_shown(values, what):
    with pytest.raises(MinicaffeError, match=what):
        viz.normalized(values)


def test_filters_on_three_planes_are_in_colour():
    weights = np.random.default_rng(0).random((5, 3, 2, 4), np.float32)
    picture = viz.filters(net_of(conv=weights), "conv", padding=0)
    assert picture.shape == (6, 12, 3)
    first = viz.normalized(weights)[0]
    np.testing.assert_allclose(picture[0, 0], first[::-1, 0, 0])  # BGR to RGB


def test_filters_on_other_planes_are_an_image_each():
    weights = np.random.default_rng(0).random((5, 2, 3, 4), np.float32)
    picture = viz.filters({"conv": [weights]}, "conv", padding=0)
    assert picture.shape == (4 * 3, 4 * 4)
    np.testing.assert_allclose(picture[:3, 4:8], viz.normalized(weights)[0, 1])
    assert viz.filters({"conv": weights}, "conv", most=2, padding=0).shape == (6, 8)


def test_filters_of_an_inner_product():
    weights = np.random.default_rng(0).random((4, 12), np.float32)
    assert viz.filters({"ip": [weights]}, "ip", padding=0).shape == (2, 24)
    assert viz.filters({"ip": [weights]}, "ip", shape=(3, 4), padding=0).shape == (6, 8)
    assert viz.filters({"ip": [weights]}, "ip", shape=(3, 2, 2), padding=0).shape == (4, 4, 3)
    assert viz.filters({"ip": [weights[:, :9]]}, "ip", padding=0).shape == (6, 6)
    with pytest.raises(MinicaffeError, match=r"shape is \(5, 2\), expected .* of 12 inputs"):
        viz.filters({"ip": [weights]}, "ip", shape=(5, 2))


def test_filters_of_a_file(tmp_path):
    net = Net(nets.net(nets.CHAIN))
    weights = net.params[0].blob.data
    weights[...] = np.random.default_rng(0).random(weights.shape)
    for name in ("w.caffemodel", "w.caffemodel.h5"):
        save_weights(net, tmp_path / name, as_hdf5=name.endswith("h5"))
        picture = viz.filters(tmp_path / name, "conv", padding=0)
        np.testing.assert_allclose(picture[0, 0], viz.normalized(weights)[0, ::-1, 0, 0])


def test_no_such_layer():
    with pytest.raises(MinicaffeError, match=r"layer with weights is 'cov'.*did you mean 'conv'"):
        viz.filters(net_of(conv=np.zeros((1, 1, 2, 2))), "cov")
    with pytest.raises(MinicaffeError, match=r"weights of 'bn' are of shape \(4,\)"):
        viz.filters(net_of(bn=np.zeros(4)), "bn")


def test_activations():
    data = np.random.default_rng(0).random((3, 5, 2, 4), np.float32)
    net = SimpleNamespace(blobs={"conv": SimpleNamespace(data=data)})
    picture = viz.activations(net, "conv", 2, padding=0)
    np.testing.assert_allclose(picture, viz.vis_square(data[2], 0))
    assert viz.activations(net, "conv", most=4, padding=0).shape == (4, 8)
    with pytest.raises(MinicaffeError, match=r"item 3 of 'conv' is asked for"):
        viz.activations(net, "conv", 3)
    with pytest.raises(MinicaffeError, match=r"blob is 'con', .*did you mean 'conv'"):
        viz.activations(net, "con")


def test_activations_without_planes():
    net = SimpleNamespace(blobs={"ip": SimpleNamespace(data=np.arange(20.0).reshape(2, 10))})
    picture = viz.activations(net, "ip", 1)
    assert picture.shape == (4, 4)
    np.testing.assert_allclose(picture.ravel()[:10], np.arange(10) / 9, rtol=1e-6)


def test_save(tmp_path):
    picture = np.random.default_rng(0).random((4, 6, 3))
    picture[0, 0] = (1, 0, 2)
    viz.save(tmp_path / "a.png", picture)
    read = cv2.imread(str(tmp_path / "a.png"))
    assert read[0, 0].tolist() == [255, 0, 255]
    np.testing.assert_allclose(read[1:, :, ::-1] / 255, picture[1:], atol=0.002)
    viz.save(tmp_path / "g.png", picture[..., 0])
    assert cv2.imread(str(tmp_path / "g.png"), cv2.IMREAD_UNCHANGED).shape == (4, 6)


def test_save_refuses(tmp_path):
    with pytest.raises(MinicaffeError, match=r"picture is of shape \(2, 2, 4\)"):
        viz.save(tmp_path / "a.png", np.zeros((2, 2, 4)))
    with pytest.raises(MinicaffeError, match=r"ends in '.pnk', expected .png"):
        viz.save(tmp_path / "a.pnk", np.zeros((2, 2)))
    with pytest.raises(MinicaffeError, match="cannot write"):
        viz.save(tmp_path / "none" / "a.png", np.zeros((2, 2)))
