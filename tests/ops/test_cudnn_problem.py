"""What is said of a convolution on a GPU before it runs, and after; see ``tests.cudnn_on_cpu``."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.blob import Blob
from minicaffe.device import Device
from minicaffe.layers import create_layer, layer_classes
from minicaffe.ops import cudnn_plans, cudnn_problem
from minicaffe.proto.minicaffe_pb2 import LayerParameter
from tests import fake_cudnn
from tests.cudnn_on_cpu import cudnn_on_cpu, forget
from tests.fake_cudnn import FakePlan
from tests.ops.test_convolution_cuda import asking


@pytest.fixture
def cupy(tmp_path):
    layer_classes()  # what is first imported inside is forgotten afterwards
    with cudnn_on_cpu(tmp_path, tmp_path) as module:
        fake_cudnn.state.plans = [FakePlan("eng1", milliseconds=2), FakePlan("eng2")]
        fake_cudnn.state.fused_plans = [FakePlan("eng9", milliseconds=0.5)]
        yield module


def convolution(cupy, engine=0):
    device = Device(cupy, 0, np.random.default_rng(1))
    param = LayerParameter(type="Convolution")
    param.convolution_param.num_output = 4
    param.convolution_param.kernel_size.append(3)
    param.convolution_param.engine = engine
    layer = create_layer(param, device)
    bottom, top = Blob(device, (2, 3, 5, 6)), Blob(device)
    layer.initialize([bottom], [top])
    return layer, [bottom], [top]


@pytest.mark.parametrize("relu", [False, True])
def test_a_plan_has_a_name_once_it_is_chosen(cupy, relu):
    layer, bottom, top = convolution(cupy)
    whole = {"forward": "cuDNN", "data gradient": "cuDNN", "weight gradient": "cuDNN"}
    assert layer.bodies(bottom, top) == whole
    assert not fake_cudnn.state.runs
    w, bias = (blob.data for blob in layer.blobs)
    layer.forward_as(bottom[0], top[0], w, bias, relu)
    more = ", bias, ReLU" if relu else ", bias"
    assert layer.bodies(bottom, top) == whole | {"forward": f"cuDNN eng9{more}"}
    layer.run_backward(top, [True], bottom)
    found = {
        "forward": f"cuDNN eng9{more}",
        "data gradient": "cuDNN eng2",
        "weight gradient": "cuDNN eng2",
    }
    assert layer.bodies(bottom, top) == found
    forget()  # as in a new process
    assert layer.bodies(bottom, top) == found
    assert not cudnn_plans._chosen


def test_bf16_adds_the_bias_itself(cupy):
    layer, bottom, top = convolution(cupy)
    args = layer.x_shape, layer.blobs[0].shape, layer.dtype, layer.y_shape, layer.window, True
    with asking(precision="bf16"):
        layer.run_forward(bottom, top)
        assert cudnn_problem.planned(*args)["forward"] == "cuDNN eng2"
    assert cudnn_problem.planned(*args)["forward"] == "cuDNN"  # of fp32, which has not run


def test_what_cudnn_does_not_do(cupy):
    by_columns = dict.fromkeys(("forward", "data gradient", "weight gradient"), "columns")
    layer, *blobs = convolution(cupy, engine=1)
    assert layer.bodies(*blobs) == by_columns
    fake_cudnn.state.plans = fake_cudnn.state.fused_plans = []
    layer, *blobs = convolution(cupy)
    assert layer.bodies(*blobs) == by_columns
