"""Definitions that the tests of pycaffe's Net start from."""

from __future__ import annotations

TESTNET = """
name: "testnet" force_backward: true
layer {
  name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param {
    num: 5 channels: 2 height: 3 width: 4
    num: 5 channels: 1 height: 1 width: 1
    data_filler { type: "gaussian" std: 1 } data_filler { type: "constant" }
  }
}
layer {
  name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param {
    num_output: 11 kernel_size: 2 pad: 3
    weight_filler { type: "gaussian" std: 1 } bias_filler { type: "constant" value: 2 }
  }
  param { decay_mult: 1 } param { decay_mult: 0 }
}
layer {
  name: "ip" type: "InnerProduct" bottom: "conv" top: "ip_blob"
  inner_product_param {
    num_output: 13
    weight_filler { type: "gaussian" std: 2.5 } bias_filler { type: "constant" value: -3 }
  }
}
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip_blob" bottom: "label" top: "loss" }
"""

DEPLOY = """
name: "deploy" force_backward: true
input: "data" input_shape { dim: 4 dim: 3 dim: 6 dim: 5 }
layer {
  name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 2 kernel_size: 3 weight_filler { type: "xavier" } }
}
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer {
  name: "pool" type: "Pooling" bottom: "conv" top: "pool"
  pooling_param { pool: AVE global_pooling: true }
}
layer {
  name: "ip" type: "InnerProduct" bottom: "pool" top: "ip"
  inner_product_param { num_output: 7 weight_filler { type: "gaussian" } }
}
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
"""
