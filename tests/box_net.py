"""A net that finds bright quarters of an image: anyone can say which boxes it has to find."""

from __future__ import annotations

import numpy as np
from google.protobuf import text_format

from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import TEST, NetParameter, NetState
from minicaffe.weights import save_weights

TEXT = """
name: "quarters"
layer {{
  name: "data" type: "Input" top: "data"
  input_param {{ shape {{ dim: {batch} dim: {channels} dim: 2 dim: 2 }} }}
}}
layer {{
  name: "score" type: "Convolution" bottom: "data" top: "score"
  convolution_param {{ num_output: 2 kernel_size: 1 }}
}}
layer {{
  name: "order" type: "Permute" bottom: "score" top: "order"
  permute_param {{ order: 0 order: 2 order: 3 order: 1 }}
}}
layer {{ name: "flat" type: "Flatten" bottom: "order" top: "flat" }}
layer {{
  name: "stay" type: "DummyData" top: "stay"
  dummy_data_param {{ shape {{ dim: {batch} dim: 16 }} }}
}}
layer {{
  name: "prior" type: "PriorBox" bottom: "score" bottom: "data" top: "prior"
  prior_box_param {{ min_size: 1 }}
}}
layer {{
  name: "found" type: "DetectionOutput" bottom: "stay" bottom: "flat" bottom: "prior" top: "found"
  detection_output_param {{ num_classes: 2 confidence_threshold: 0.01 }}
  {more}
}}
"""


def make(folder, channels=3, more="", batch=1):
    """``net.prototxt`` and ``net.caffemodel`` in ``folder``.

    The score of a quarter is the mean of its channels, with those of the first counted twice, and
    255 as 1.
    """
    text = TEXT.format(channels=channels, more=more, batch=batch)
    (folder / "net.prototxt").write_text(text)
    net = Net(text_format.Parse(text, NetParameter()), NetState(phase=TEST))
    weight = next(step for step in net.steps if step.name == "score").layer.blobs[0]
    weight.data[0] = 0
    weight.data[1] = 1 / 255 / (channels + 1)
    weight.data[1, 0] *= 2
    save_weights(net, folder / "net.caffemodel")
    return net


def image(height=40, width=60):
    """(H, W, 3) uint8: the right upper quarter is white, the left lower one blue."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, width // 2 :] = 255
    picture[height // 2 :, : width // 2, 0] = 255
    return picture
