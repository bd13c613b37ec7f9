"""LCCL: by hand, against two convolutions, a ReLU and a product, its counts, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build
from tests.layers.spoiling import check_backward_reads

X = (2, 4, 7, 5)
GAUSS = '{ type: "gaussian" std: 0.5 }'
FILLED = f"weight_filler {GAUSS} bias_filler {GAUSS}"


def text(fields, cheap=""):
    return f'type: "LCCL" convolution_param {{ {fields} }} lccl_param {{ {cheap} }}'


def test_an_example_worked_by_hand(device):
    layer, bottom, top = build(
        text("num_output: 2 kernel_size: 3 pad: 1"), device, np.array([[[1.0, 2, -3, 4]]])
    )
    values = [[[1.0, 1, 0]], [[0, 2, 0]]], [0.0, 1], [[[1.0]], [[-1.0]]], [0.0, 2]
    for blob, value in zip(layer.blobs, values, strict=True):
        blob.data[...] = device.xp.asarray(np.array(value))
    layer.run_forward(bottom, top)
    # main: 1 3 -1 1 and 3 5 -5 9; through the gates: 1 2 0 4 and 1 0 5 0
    assert device.to_numpy(top[0].data).tolist() == [[[1, 6, 0, 4], [3, 0, -25, 0]]]
    assert layer.skipped_multiply_adds() == 3 * 3
    assert layer.multiply_adds(bottom, top) == 4 * (6 + 2)


@pytest.mark.parametrize(
    ("shape", "fields", "cheap", "pad"),
    [
        (X, "num_output: 6 kernel_size: 3 pad: 1 stride: 2", "", 0),
        (X, "num_output: 6 kernel_size: 5 pad: 2 group: 2", "kernel_size: 3", 1),
        (X, "num_output: 3 kernel_size: 2 pad: 1 dilation: 2", "", 0),
        (X, "num_output: 3 kernel_size: 1", "kernel_size: 3", 1),
        ((3, 4, 9), "num_output: 3 kernel_size: 3 pad: 1", "", 0),
        (X, "num_output: 3 kernel_size: 3 pad: 1 bias_term: false", "", 0),
    ],
)
def test_is_a_convolution_times_another(device, rng, shape, fields, cheap, pad):
    x = rng.standard_normal(shape)
    biased = "bias_term" not in fields
    layer, bottom, top = build(text(f"{FILLED} {fields}", f"{FILLED} {cheap}"), device, x)
    assert len(layer.blobs) == (4 if biased else 2)
    layer.run_forward(bottom, top)
    size = 3 if cheap else 1
    other = " ".join(
        field
        for field in (fields.replace(": ", ":")).split()
        if field.split(":")[0] not in ("kernel_size", "pad", "dilation")
    )
    results = []
    texts = fields, f"{other} kernel_size: {size} pad: {pad}"
    half = len(layer.blobs) // 2
    for blobs, conv in zip((layer.blobs[:half], layer.blobs[half:]), texts, strict=True):
        alone, below, above = build(
            f'type: "Convolution" convolution_param {{ {FILLED} {conv} }}', device, x
        )
        for mine, blob in zip(alone.blobs, blobs, strict=True):
            assert mine.shape == blob.shape
            mine.data[...] = blob.data
        alone.run_forward(below, above)
        results.append(device.to_numpy(above[0].data))
    expected = results[0] * np.maximum(results[1], 0)
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-11, atol=1e-12)
    each = layer.blobs[0].count // layer.blobs[0].shape[0]
    assert layer.skipped_multiply_adds() == (results[1] <= 0).sum() * each > 0
    check_gradient(layer, bottom, top, step=1e-5, samples=60)


def test_a_parameter_that_learns_nothing(device, rng):
    fields = f"{FILLED} num_output: 3 kernel_size: 3 pad: 1"
    layer, bottom, top = build(text(fields, FILLED), device, rng.standard_normal(X))
    layer.param_propagate_down[:] = [False, True, True, False]
    check_gradient(layer, bottom, top, step=1e-5, samples=30)
    assert (device.to_numpy(layer.blobs[0].diff) == 1).all()
    assert (device.to_numpy(layer.blobs[3].diff) == 1).all()


def test_leaves_what_is_not_asked_for(device):
    layer, bottom, top = build(text("num_output: 3 kernel_size: 1"), device, np.ones(X))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


def test_without_a_filler_the_cheap_one_starts_as_the_other(device):
    fields = "num_output: 3 kernel_size: 3 pad: 1 weight_filler { type: 'constant' value: 2 }"
    layer, _, _ = build(text(fields), device, np.ones(X))
    assert (device.to_numpy(layer.blobs[2].data) == 2).all()
    layer, _, _ = build(text(fields, "weight_filler { value: 5 }"), device, np.ones(X))
    assert (device.to_numpy(layer.blobs[2].data) == 5).all()


@pytest.mark.parametrize(
    ("fields", "cheap", "error", "message"),
    [
        ("num_output: 3 kernel_size: 3 pad: 1", "kernel_size: 2", LayerConfigError,
         "kernel_size of lccl_param is 2, expected 3 less an even number .* twice the pad, 1"),
        ("num_output: 3 kernel_size: 3", "", LayerConfigError,
         "kernel_size of lccl_param is 1, expected 3 less an even number .* twice the pad, 0"),
        ("num_output: 3 kernel_size: 3", "kernel_size: 0", LayerConfigError,
         "kernel_size of lccl_param is 0, expected at least 1"),
        ("kernel_size: 3 pad: 1", "", LayerConfigError, "num_output is missing"),
        ("num_output: 3 kernel_size: 3 pad: 1 group: 2", "", LayerConfigError,
         "group is 2, expected a divisor of num_output: 3"),
        ("num_output: 3 kernel_size: 11 pad: 1", "kernel_size: 9", ShapeError,
         "the kernel spans 11"),
    ],
)  # fmt: skip
def test_refuses(device, fields, cheap, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(LCCL\): {message}"):
        build(text(fields, cheap), device, np.ones(X))


def test_refuses_no_channels(device):
    with pytest.raises(ShapeError, match=r"bottom\[0\] has no channels, expected at least 1"):
        build(text("num_output: 3 kernel_size: 1"), device, np.ones((2, 0, 4, 5)))


def test_backward_reads_no_top(device, rng):
    fields = f"{FILLED} num_output: 3 kernel_size: 3 pad: 1"
    check_backward_reads(*build(text(fields, FILLED), device, rng.standard_normal(X)), rng)
