"""A sum and its ReLU as one stage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.fusion.nets import check_same

HEAD = """
layer { name: "in" type: "Input" top: "in" input_param { shape { dim: 3 dim: 4 } } }
layer { name: "to" type: "Input" top: "to" input_param { shape { dim: 3 dim: 2 } } }
"""
BRANCH = """
layer { name: "%s" type: "InnerProduct" bottom: "in" top: "%s" inner_product_param {
  num_output: 5 weight_filler { type: "xavier" } } }
"""
SUM = """
layer { name: "sum" type: "Eltwise" bottom: "a" bottom: "b" top: "x" eltwise_param { %s } %s }
layer { name: "relu" type: "ReLU" bottom: "x" top: "x" relu_param { %s } }
"""
TAIL = """
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y" inner_product_param {
  num_output: 2 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "to" top: "loss" }
"""
STAGE = [["Eltwise", "ReLU"]]


@pytest.mark.parametrize(
    ("fields", "extra", "relu", "types"),
    [
        ("", "", "", STAGE),
        ("coeff: 1 coeff: -1.5", "", "", STAGE),
        ("", "propagate_down: true propagate_down: false", "", STAGE),
        ("", "propagate_down: false propagate_down: true", "", STAGE),
        ("operation: MAX", "", "", []),
        ("operation: PROD", "", "", []),
        ("", "", "negative_slope: 0.2", []),
    ],
)
def test_training(device, fields, extra, relu, types):
    text = HEAD + BRANCH % ("first", "a") + BRANCH % ("b", "b") + SUM % (fields, extra, relu) + TAIL
    check_same(lambda: replace(device, rng=np.random.default_rng(3)), text, types)


def test_three(device):
    text = HEAD + "".join(BRANCH % (name, name) for name in "abc") + SUM % ("", "", "") + TAIL
    text = text.replace('bottom: "b" top: "x"', 'bottom: "b" bottom: "c" top: "x"')
    check_same(lambda: replace(device, rng=np.random.default_rng(3)), text, [])
