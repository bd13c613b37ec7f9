"""Convolution: against loops over positions, its gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

RANDOM = "weight_filler { type: 'gaussian' std: 0.5 } bias_filler { type: 'gaussian' }"
GEOMETRIES = {  # shape of x, definition; then kernel, stride, pad and dilation as it means them
    "one value for both": (
        (2, 3, 6, 5),
        "num_output: 4 kernel_size: 3 stride: 2 pad: 1",
        ((3, 3), (2, 2), (1, 1), (1, 1)),
    ),
    "one value an axis": (
        (2, 3, 7, 6),
        "num_output: 2 kernel_size: 3 kernel_size: 2 stride: 1 stride: 2 pad: 0 pad: 2",
        ((3, 2), (1, 2), (0, 2), (1, 1)),
    ),
    "height and width": (
        (2, 3, 7, 6),
        "num_output: 2 kernel_h: 3 kernel_w: 2 stride_h: 2 stride_w: 1 pad_h: 2 pad_w: 1",
        ((3, 2), (2, 1), (2, 1), (1, 1)),
    ),
    "half a pad": (
        (2, 3, 4, 6),
        "num_output: 2 kernel_size: 3 pad_h: 1",
        ((3, 3), (1, 1), (1, 0), (1, 1)),
    ),
    "dilation": (
        (2, 3, 8, 6),
        "num_output: 2 kernel_size: 3 dilation: 3 dilation: 2 pad: 1",
        ((3, 3), (1, 1), (1, 1), (3, 2)),
    ),
    "groups": (
        (2, 6, 5, 4),
        "num_output: 4 group: 2 kernel_size: 3 pad: 1",
        ((3, 3), (1, 1), (1, 1), (1, 1)),
    ),
    "a group a channel": (
        (3, 4, 5, 6),
        "num_output: 4 group: 4 kernel_size: 2",
        ((2, 2), (1, 1), (0, 0), (1, 1)),
    ),
    "1x1": ((2, 3, 4, 5), "num_output: 5 kernel_size: 1", ((1, 1), (1, 1), (0, 0), (1, 1))),
    "no bias": (
        (2, 3, 4, 5),
        "num_output: 2 kernel_size: 2 bias_term: false",
        ((2, 2), (1, 1), (0, 0), (1, 1)),
    ),
    "one axis": (
        (2, 3, 9),
        "num_output: 2 kernel_size: 4 stride: 2 pad: 1",
        ((4,), (2,), (1,), (1,)),
    ),
    "one axis, in front two": (
        (2, 3, 4, 9),
        "num_output: 2 axis: 2 kernel_size: 2 dilation: 3",
        ((2,), (1,), (0,), (3,)),
    ),
    "channels from the end": (
        (2, 3, 4, 6),
        "num_output: 2 axis: -2 kernel_size: 3",
        ((3,), (1,), (0,), (1,)),
    ),
    "three axes": (
        (2, 2, 3, 4, 5),
        "num_output: 3 kernel_size: 2 stride: 1 stride: 2 stride: 3 pad: 1",
        ((2, 2, 2), (1, 2, 3), (1, 1, 1), (1, 1, 1)),
    ),
    "no axis": ((4, 3), "num_output: 2 kernel_size: 1", ((), (), (), ())),
    "other engine": (
        (1, 2, 4, 5),
        "num_output: 3 kernel_size: 2 engine: CUDNN force_nd_im2col: true",
        ((2, 2), (1, 1), (0, 0), (1, 1)),
    ),
}


def text(fields, filler=RANDOM):
    return f'type: "Convolution" convolution_param {{ {fields} {filler} }}'


def reference(x, w, bias, group, kernel, stride, pad, dilation):
    """x (N, C, *size); one output element after the other."""
    size = x.shape[2:]
    out = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(size, kernel, stride, pad, dilation, strict=True)
    ]
    y = np.zeros((len(x), len(w), *out))
    for n, o, *position in np.ndindex(y.shape):
        first = o // (len(w) // group) * w.shape[1]
        total = bias[o]
        for c, *tap in np.ndindex(w.shape[1:]):
            at = [
                q * s - p + t * d
                for q, s, p, t, d in zip(position, stride, pad, tap, dilation, strict=True)
            ]
            if all(0 <= i < length for i, length in zip(at, size, strict=True)):
                total += w[(o, c, *tap)] * x[(n, first + c, *at)]
        y[(n, o, *position)] = total
    return y


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_matches_reference(device, rng, geometry):
    shape, fields, window = GEOMETRIES[geometry]
    x = rng.standard_normal(shape)
    layer, bottom, top = build(text(fields), device, x)
    layer.run_forward(bottom, top)
    param = layer.param.convolution_param
    w, *bias = (device.to_numpy(blob.data) for blob in layer.blobs)
    assert len(bias) == param.bias_term
    axis = param.axis % len(shape)
    y = reference(
        x.reshape(-1, *shape[axis:]), w, bias[0] if bias else [0] * len(w), param.group, *window
    )
    assert top[0].shape == (*shape[:axis], param.num_output, *y.shape[2:])
    np.testing.assert_allclose(device.to_numpy(top[0].data), y.reshape(top[0].shape), rtol=1e-9)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_gradient(device, rng, geometry):
    shape, fields, _ = GEOMETRIES[geometry]
    check_gradient(*build(text(fields), device, rng.standard_normal(shape)))


def test_bottoms_share_the_weights(device, rng):
    arrays = rng.standard_normal((2, 2, 3, 5, 4))
    fields = text("num_output: 2 kernel_size: 3 pad: 1")
    layer, bottom, top = build(fields, device, *arrays, tops=2)
    assert [blob.shape for blob in layer.blobs] == [(2, 3, 3, 3), (2,)]
    layer.run_forward(bottom, top)
    for blob, x in zip(top, arrays, strict=True):
        w, bias = (device.to_numpy(each.data) for each in layer.blobs)
        y = reference(x, w, bias, 1, (3, 3), (1, 1), (1, 1), (1, 1))
        np.testing.assert_allclose(device.to_numpy(blob.data), y, rtol=1e-9)
    check_gradient(layer, bottom, top)


def test_leaves_what_is_not_asked_for(device, rng):
    arrays = rng.standard_normal((2, 2, 3, 5, 4))
    layer, bottom, top = build(text("num_output: 2 kernel_size: 3"), device, *arrays, tops=2)
    layer.run_forward(bottom, top)
    for blob in (*bottom, *layer.blobs):
        blob.diff[...] = 7
    for blob in top:
        blob.diff[...] = 1
    layer.param_propagate_down = [False, True]
    layer.run_backward(top, [False, True], bottom)
    untouched = [(device.to_numpy(b.diff) == 7).all() for b in (*bottom, *layer.blobs)]
    assert untouched == [True, False, True, False]


def test_reshapes_to_another_batch_and_size(device, rng):
    layer, bottom, top = build(
        text("num_output: 2 kernel_size: 3"), device, rng.standard_normal((2, 3, 4, 5))
    )
    x = rng.standard_normal((5, 3, 7, 6))
    bottom[0].reshape(x.shape)
    bottom[0].data[...] = device.xp.asarray(x)
    layer.run_forward(bottom, top)
    w, bias = (device.to_numpy(blob.data) for blob in layer.blobs)
    y = reference(x, w, bias, 1, (3, 3), (1, 1), (0, 0), (1, 1))
    np.testing.assert_allclose(device.to_numpy(top[0].data), y, rtol=1e-9)


@pytest.mark.parametrize(
    ("fields", "phase", "warned"),
    [
        ("", "TRAIN", True),
        ("", "TEST", False),
        ("weight_filler { type: 'constant' }", "TRAIN", False),
    ],
)
def test_warns_of_weights_that_start_at_zero(device, caplog, fields, phase, warned):
    definition = text(f"num_output: 2 kernel_size: 1 {fields}", "") + f" phase: {phase}"
    layer, *_ = build(definition, device, np.ones((1, 3, 2, 2)))
    assert (device.to_numpy(layer.blobs[0].data) == 0).all()
    assert [bool("'it' (Convolution) has no weight_filler" in m) for m in caplog.messages] == (
        [True] if warned else []
    )


@pytest.mark.parametrize(
    ("fields", "shape", "error", "message"),
    [
        ("kernel_size: 3", (1, 3, 5, 4), LayerConfigError, "num_output is missing"),
        ("num_output: 0 kernel_size: 3", (1, 3, 5, 4), LayerConfigError, "num_output is 0"),
        ("num_output: 2", (1, 3, 5, 4), LayerConfigError, "kernel_size is missing"),
        ("num_output: 2 kernel_size: 0", (1, 3, 5, 4), LayerConfigError, "kernel_size is 0"),
        (
            "num_output: 2 kernel_h: 0 kernel_w: 3",
            (1, 3, 5, 4),
            LayerConfigError,
            "kernel_h and kernel_w is 0, expected at least 1",
        ),
        ("num_output: 2 kernel_h: 3", (1, 3, 5, 4), LayerConfigError, "expected kernel_w"),
        (
            "num_output: 2 kernel_size: 3 kernel_h: 3 kernel_w: 3",
            (1, 3, 5, 4),
            LayerConfigError,
            "kernel_size and kernel_h are given, .*not a mixture",
        ),
        (
            "num_output: 2 kernel_size: 3 stride: 1 stride_h: 2 stride_w: 2",
            (1, 3, 5, 4),
            LayerConfigError,
            "stride and stride_h are given, .*not a mixture",
        ),
        (
            "num_output: 2 kernel_h: 3 kernel_w: 3",
            (1, 3, 5),
            LayerConfigError,
            "kernel_h is given for 1 spatial axes, .*for exactly 2",
        ),
        (
            "num_output: 2 kernel_size: 3 pad: 1 pad: 1 pad: 1",
            (1, 3, 5, 4),
            LayerConfigError,
            "pad is given 3 times, expected once, or once for each of 2",
        ),
        (
            "num_output: 2 kernel_size: 3 stride: 0",
            (1, 3, 5, 4),
            LayerConfigError,
            "stride is 0, expected at least 1",
        ),
        (
            "num_output: 2 kernel_size: 3 stride_h: 2",
            (1, 3, 5, 4),
            LayerConfigError,
            "stride_h is given alone, expected stride_w",
        ),
        (
            "num_output: 2 kernel_size: 3 dilation: 1 dilation: 0",
            (1, 3, 5, 4),
            LayerConfigError,
            "dilation is 0, expected at least 1",
        ),
        ("num_output: 2 kernel_size: 3 group: 0", (1, 3, 5, 4), LayerConfigError, "group is 0"),
        (
            "num_output: 4 kernel_size: 3 group: 2",
            (1, 3, 5, 4),
            LayerConfigError,
            "group is 2, expected a divisor of channels: 3",
        ),
        (
            "num_output: 4 kernel_size: 3 group: 3",
            (1, 3, 5, 4),
            LayerConfigError,
            "group is 3, expected a divisor of num_output: 4",
        ),
        (
            "num_output: 4 kernel_size: 3 pad: 0 pad: 1 dilation: 1 dilation: 3",
            (1, 3, 5, 4),
            ShapeError,
            r"spans 7 along axis 3 \(kernel_size 3, dilation 3\), expected at most 6: .*size 4",
        ),
        ("num_output: 2 kernel_size: 3 axis: 4", (1, 3, 5, 4), ShapeError, "axis is 4"),
        ("num_output: 2 kernel_size: 3", (3,), ShapeError, "axis is 1"),
    ],
)
def test_refuses(device, fields, shape, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Convolution\): .*{message}"):
        build(text(fields), device, np.ones(shape))


def test_refuses_bottoms_of_different_shapes(device):
    with pytest.raises(ShapeError, match=r"bottom\[1\] has shape \(1, 3, 5, 5\), expected \(1, 3"):
        build(
            text("num_output: 2 kernel_size: 3"),
            device,
            np.ones((1, 3, 5, 4)),
            np.ones((1, 3, 5, 5)),
            tops=2,
        )


@pytest.mark.parametrize("shape", [(1, 4, 5, 4), (1, 3, 5), (1, 3, 5, 4, 4)])
def test_refuses_what_its_weights_do_not_fit(device, shape):
    layer, bottom, top = build(text("num_output: 2 kernel_size: 3"), device, np.ones((1, 3, 5, 4)))
    bottom[0].reshape(shape)
    with pytest.raises(ShapeError, match="expected 4 axes with 3 channels at axis 1"):
        layer.run_forward(bottom, top)


def test_refuses_to_work_in_place(device):
    with pytest.raises(LayerConfigError, match="does not work in place"):
        build(text("num_output: 3 kernel_size: 1"), device, np.ones((1, 3, 5, 4)), in_place=True)
