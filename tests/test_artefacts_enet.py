"""ENet, a net of SegNet's fork: its segmentation of a street is its author's picture.

``make slow ARTEFACTS=FOLDER``: the weights and the image are not ours to carry. What the suite runs
always is the published definition, with weights of chance.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from minicaffe.device import Device, cpu
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN, NetState
from minicaffe.proto.text import read_net
from minicaffe.weights import load_weights
from tests import fake_cupy
from tests.artefacts.lines import CARRIED, FOLDER

DEFINITION = (
    CARRIED.parent / "corpus/prototxts/TimoSaemann+ENet/prototxts/enet_deploy_final.prototxt"
)
CLASSES = 19

in_folder = pytest.mark.skipif(FOLDER is None, reason="ARTEFACTS names no folder")


def definition(height, width):
    net = read_net(DEFINITION)
    del net.layer[0].input_param.shape[0].dim[2:]
    net.layer[0].input_param.shape[0].dim.extend([height, width])
    return net


def test_each_pixel_gets_a_class():
    net = Net(definition(512, 1024), NetState(phase=TEST), cpu(1))
    assert net.blobs["deconv6_0_0"].shape == (1, CLASSES, 512, 1024)
    types = {step.layer.type for step in net.steps}
    assert {"BN", "Upsample", "PReLU", "Deconvolution"} <= types


def test_bodies_agree_through_all_of_it(rng):
    """Compiled ones and those a GPU may run, forward and back: masks reach over half of the net."""
    x = rng.uniform(0, 255, (1, 3, 64, 96))
    outputs, gradients = [], []
    for device in (cpu(7), Device(fake_cupy, 0, np.random.default_rng(7))):
        text = definition(64, 96)
        text.force_backward = True
        net = Net(text, NetState(phase=TRAIN), device, np.float64)
        chance = np.random.default_rng(3)
        for blob in (blob for step in net.steps for blob in step.layer.blobs):
            fan = np.prod(blob.shape[1:]) if len(blob.shape) == 4 else 4
            values = chance.standard_normal(blob.shape) * np.sqrt(2 / fan)
            blob.data[...] = device.xp.asarray(abs(values) if len(blob.shape) == 1 else values)
        net.blobs["data"].data[...] = device.xp.asarray(x)
        net.forward()
        net.clear_param_diffs()
        top = net.blobs["deconv6_0_0"]
        top.diff[...] = device.xp.asarray(chance.standard_normal(top.shape))
        net.backward()
        outputs.append(device.to_numpy(top.data).copy())
        first = next(step.layer.blobs[0] for step in net.steps if step.name == "conv0_1")
        gradients.append(device.to_numpy(first.diff).copy())
    for found, expected in (outputs, gradients):
        assert np.isfinite(expected).all()
        assert (expected != 0).mean() > 0.9
        np.testing.assert_allclose(found, expected, atol=1e-8 * abs(expected).max())


@pytest.mark.slow
@in_folder
def test_the_picture_is_its_authors():
    folder = FOLDER / "enet_cityscapes"
    net = Net(read_net(folder / "TimoSaemann_enet_deploy_final.prototxt"), NetState(phase=TEST))
    copied = load_weights(net, folder / "caffe-enet/model/cityscapes_weights.caffemodel")
    assert copied.kept == []
    image = cv2.imread(str(folder / "caffe-enet/data/munich_000000_000019_leftImg8bit.png"))
    small = cv2.resize(image, (1024, 512)).astype(np.float32)
    net.blobs["data"].data[...] = small.transpose(2, 0, 1)
    net.forward()
    found = net.blobs["deconv6_0_0"].data[0].argmax(axis=0)
    author = np.load(folder / "refs/enet_classes_author.npy")
    assert (found == author).mean() >= 0.985
    other = np.load(folder / "refs/enet_classes_torch.npy")  # another program's, same weights
    assert (found == other).mean() >= 0.9999
    assert len(np.unique(found)) > 10
