"""What layers ask of a GPU's products: their engine, and the device's precision."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.blob import Blob
from minicaffe.device import Device
from minicaffe.layers import create_layer
from minicaffe.ops.cublas import BODIES
from minicaffe.ops.products import Products, current
from minicaffe.proto.minicaffe_pb2 import LayerParameter
from tests import fake_cupy

WINDOW = "convolution_param { num_output: 2 kernel_size: 2 "
DEFINITIONS = {
    "Convolution": WINDOW + "%s weight_filler { type: 'xavier' } }",
    "Deconvolution": WINDOW + "%s weight_filler { type: 'xavier' } }",
    "InnerProduct": "inner_product_param { num_output: 2 weight_filler { type: 'xavier' } }",
}


RECURRENT = "recurrent_param { num_output: 4 weight_filler { type: 'xavier' } }"


@pytest.fixture
def asked(monkeypatch):
    """What was in force, at each matrix product."""
    seen = []
    matmul = BODIES[fake_cupy.__name__]

    def watch(*args, **kwargs):
        seen.append(current())
        return matmul(*args, **kwargs)

    monkeypatch.setitem(BODIES, fake_cupy.__name__, watch)
    return seen


@pytest.mark.parametrize("engine", ["DEFAULT", "CAFFE", "CUDNN"])
@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
@pytest.mark.parametrize("kind", DEFINITIONS)
def test_engine_and_precision(asked, kind, precision, engine):
    text = DEFINITIONS[kind]
    text = text % f"engine: {engine}" if "%s" in text else text
    device = Device(fake_cupy, 0, np.random.default_rng(1), precision=precision)
    layer = create_layer(text_format.Parse(f"type: '{kind}' {text}", LayerParameter()), device)
    bottom, top = Blob(device, (2, 3, 4, 5)), Blob(device)
    layer.initialize([bottom], [top])
    layer.run_forward([bottom], [top])
    count = len(asked)
    layer.run_backward([top], [True], [bottom])
    expected = Products("DEFAULT" if kind == "InnerProduct" else engine, precision)
    assert 0 < count < len(asked)
    assert set(asked) == {expected}
    assert current() == Products()


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
@pytest.mark.parametrize(("kind", "each_step"), [("LSTM", 1), ("RNN", 1), ("GRU", 2), ("MGU", 2)])
def test_recurrent_layers(asked, kind, each_step, precision):
    """The products of all steps' inputs, of the static input and of each step's hidden state."""
    device = Device(fake_cupy, 0, np.random.default_rng(1), precision=precision)
    layer = create_layer(text_format.Parse(f"type: '{kind}' {RECURRENT}", LayerParameter()), device)
    steps, count = 3, 2
    shapes = (steps, count, 5), (steps, count), (count, 6)
    bottoms, top = [Blob(device, shape) for shape in shapes], Blob(device)
    layer.initialize(bottoms, [top])
    layer.run_forward(bottoms, [top])
    forward = len(asked)
    layer.run_backward([top], [True, False, True], bottoms)
    assert forward == 2 + each_step * steps + (kind == "RNN")
    assert len(asked) > forward + steps
    assert set(asked) == {Products(precision=precision)}
    assert current() == Products()


def test_with_other_weights_too(asked):
    """As a fusion runs it."""
    device = Device(fake_cupy, 0, np.random.default_rng(1), precision="tf32")
    text = "type: 'Convolution'" + DEFINITIONS["Convolution"] % ""
    layer = create_layer(text_format.Parse(text, LayerParameter()), device)
    bottom, top = Blob(device, (2, 3, 4, 5)), Blob(device)
    layer.initialize([bottom], [top])
    layer.forward_as(bottom, top, layer.blobs[0].data, None, False)
    assert {each.precision for each in asked} == {"tf32"}
