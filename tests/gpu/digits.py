"""A LeNet, and images to train it on that need no file."""

from __future__ import annotations

import os

import numpy as np
from google.protobuf import text_format

from minicaffe.callbacks import Callback
from minicaffe.device import Device
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.solver import Solver

BATCH = 4 if os.environ.get("MINICAFFE_GPU_TESTS") == "fake" else 32
NET = """
name: "lenet"
layer { name: "data" type: "Input" top: "data" top: "label"
  input_param { shape { dim: BATCH dim: 1 dim: 28 dim: 28 } shape { dim: BATCH } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  param { lr_mult: 1 } param { lr_mult: 2 }
  convolution_param { num_output: 20 kernel_size: 5 weight_filler { type: "xavier" } } }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2"
  param { lr_mult: 1 } param { lr_mult: 2 }
  convolution_param { num_output: 50 kernel_size: 5 weight_filler { type: "xavier" } } }
layer { name: "pool2" type: "Pooling" bottom: "conv2" top: "pool2"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "ip1" type: "InnerProduct" bottom: "pool2" top: "ip1"
  inner_product_param { num_output: 500 weight_filler { type: "xavier" } } }
layer { name: "relu1" type: "ReLU" bottom: "ip1" top: "ip1" }
DROPOUT
layer { name: "ip2" type: "InnerProduct" bottom: "ip1" top: "ip2"
  inner_product_param { num_output: 10 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip2" bottom: "label" top: "loss" }
"""
DROPOUT = 'layer { name: "drop" type: "Dropout" bottom: "ip1" top: "ip1" }'
SOLVER = (
    'base_lr: 0.01 lr_policy: "inv" gamma: 0.0001 power: 0.75 momentum: 0.9 weight_decay: 0.0005 '
    "max_iter: 1000 random_seed: 3 snapshot_after_train: false "
)


class Feed(Callback):
    """Ten strokes as classes, each image shifted and with noise: a batch for each iteration."""

    def __init__(self) -> None:
        rng = np.random.default_rng(11)
        self._strokes = rng.random((10, 1, 28, 28)) > 0.85

    def on_start(self, solver: Solver) -> None:
        rng = np.random.default_rng([12, solver.iteration])
        labels = rng.integers(0, 10, BATCH)
        images = self._strokes[labels] + 0.1 * rng.standard_normal((BATCH, 1, 28, 28))
        images = np.roll(images, rng.integers(-1, 2), 3)
        for name, array in (("data", images), ("label", labels)):
            blob = solver.net.blobs[name]
            blob.data[...] = solver.device.xp.asarray(array.astype(np.float32))


def make(device: Device, text: str = "", *, dropout: bool = False) -> Solver:
    """A solver that is fed."""
    param = text_format.Parse(SOLVER, SolverParameter())
    text_format.Merge(text, param)
    net = NET.replace("BATCH", str(BATCH)).replace("DROPOUT", DROPOUT if dropout else "")
    text_format.Parse(net, param.net_param)
    solver = Solver(param, device)
    solver.callbacks.append(Feed())
    return solver


def train(solver: Solver, iterations: int) -> list[float]:
    """The loss of each iteration."""
    losses = []
    for _ in range(iterations):
        solver.step(1)
        losses.append(float(solver.losses[-1]))
    return losses


def parameters(solver: Solver) -> list[np.ndarray]:
    to_numpy = solver.device.to_numpy
    return [to_numpy(param.blob.data).copy() for param in solver.net.params]
