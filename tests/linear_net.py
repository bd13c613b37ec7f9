"""A net whose scores anyone can compute: a matrix times its input."""

from __future__ import annotations

import numpy as np
from google.protobuf import text_format

from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.weights import save_weights

CLASSES = 4
TEXT = """
name: "linear"
layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ {dims} }} }} }}
layer {{
  name: "scores" type: "InnerProduct" bottom: "data" top: "scores"
  inner_product_param {{ num_output: {classes} }}
}}
"""


def make(folder, shape, seed=0):
    """``net.prototxt`` and ``net.caffemodel`` in ``folder``, for inputs of ``shape``.

    Returns:
        Their paths, and the scores of an array (N, C, H, W) as a function.
    """
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(CLASSES, int(np.prod(shape[1:])))).astype(np.float32)
    text = TEXT.format(dims=" ".join(f"dim: {dim}" for dim in shape), classes=CLASSES)
    model, trained = folder / "net.prototxt", folder / "net.caffemodel"
    model.write_text(text)
    net = Net(text_format.Parse(text, NetParameter()))
    layer = net.steps[-1].layer
    layer.blobs[0].data[...] = weights
    layer.blobs[1].data[...] = range(CLASSES)
    save_weights(net, trained)

    def scores(x):
        return x.reshape(len(x), -1).astype(np.float64) @ weights.T + np.arange(CLASSES)

    return str(model), str(trained), scores
