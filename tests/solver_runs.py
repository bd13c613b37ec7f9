"""A small net in training, and what to compare of two runs."""

from __future__ import annotations

import re

import numpy as np
from google.protobuf import text_format

from minicaffe.device import cpu
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.solver import Solver

NET = """
name: "tiny"
layer { name: "data" type: "DummyData" top: "x" top: "t" dummy_data_param {
  shape { dim: 3 dim: 4 } shape { dim: 3 }
  data_filler { type: "gaussian" } data_filler { type: "constant" value: 1 } } }
layer { name: "drop" type: "Dropout" bottom: "x" top: "x" include { phase: TRAIN } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y"
  inner_product_param { num_output: 2 weight_filler { type: "gaussian" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "y" bottom: "t" top: "loss" loss_weight: 2 }
layer { name: "acc" type: "Accuracy" bottom: "y" bottom: "t" top: "acc" include { phase: TEST } }
"""
BASE = 'base_lr: 0.1 momentum: 0.5 lr_policy: "fixed" max_iter: 8 random_seed: 7 '
SNAPSHOT = [
    "Snapshotting to binary proto file ..",
    "Snapshotting solver state to binary proto file ..",
]


def make(tmp_path, text="", net=NET, base=BASE, device=None):
    param = text_format.Merge(text, text_format.Parse(base, SolverParameter()))
    if net:
        text_format.Parse(net, param.net_param)
    if not param.HasField("snapshot_prefix"):
        param.snapshot_prefix = str(tmp_path / "tiny")
    return Solver(param, device or cpu())


def weights(solver):
    to_numpy = solver.device.to_numpy
    return [to_numpy(param.blob.data).copy() for param in solver.net.params]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def logged(caplog):
    """The log without what the nets say of themselves, timings and paths."""
    kept = [m for m in caplog.messages if re.match(r"    |Iteration|Snapshotting|Optim|Solving", m)]
    kept = [re.sub(r" \(.*iters\)", "", m) for m in kept if "loss weight" not in m]
    return [re.sub(r"(= |file )\S+.*", r"\1..", m) for m in kept]
