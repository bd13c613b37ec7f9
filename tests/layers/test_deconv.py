"""Deconvolution: against loops over positions, its gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

RANDOM = "weight_filler { type: 'gaussian' std: 0.5 } bias_filler { type: 'gaussian' }"
GEOMETRIES = {  # shape of x, definition; then stride, pad and dilation as it means them
    "one value for both": (
        (2, 3, 4, 5),
        "num_output: 4 kernel_size: 3 stride: 2 pad: 1",
        ((2, 2), (1, 1), (1, 1)),
    ),
    "one value an axis": (
        (2, 3, 4, 3),
        "num_output: 2 kernel_size: 3 kernel_size: 2 stride: 1 stride: 2 pad: 2 pad: 1",
        ((1, 2), (2, 1), (1, 1)),
    ),
    "height and width": (
        (2, 3, 4, 3),
        "num_output: 2 kernel_h: 3 kernel_w: 2 stride_h: 2 stride_w: 1 pad_h: 2 pad_w: 1",
        ((2, 1), (2, 1), (1, 1)),
    ),
    "dilation": (
        (2, 3, 4, 3),
        "num_output: 2 kernel_size: 3 dilation: 3 dilation: 2 pad: 1",
        ((1, 1), (1, 1), (3, 2)),
    ),
    "groups": (
        (2, 6, 3, 4),
        "num_output: 4 group: 2 kernel_size: 3 pad: 1",
        ((1, 1), (1, 1), (1, 1)),
    ),
    "a group a channel": (
        (3, 4, 3, 5),
        "num_output: 4 group: 4 kernel_size: 4 stride: 2 pad: 1",
        ((2, 2), (1, 1), (1, 1)),
    ),
    "a group an output": (
        (2, 6, 3, 4),
        "num_output: 3 group: 3 kernel_size: 2 stride: 3",
        ((3, 3), (0, 0), (1, 1)),
    ),
    "1x1, gaps": ((2, 3, 4, 5), "num_output: 5 kernel_size: 1 stride: 2", ((2, 2), (0, 0), (1, 1))),
    "no bias": (
        (2, 3, 4, 5),
        "num_output: 2 kernel_size: 2 bias_term: false",
        ((1, 1), (0, 0), (1, 1)),
    ),
    "one axis": ((2, 3, 5), "num_output: 2 kernel_size: 4 stride: 2 pad: 1", ((2,), (1,), (1,))),
    "channels from the end": (
        (2, 3, 4, 6),
        "num_output: 2 axis: -2 kernel_size: 3",
        ((1,), (0,), (1,)),
    ),
    "three axes": (
        (2, 2, 3, 2, 4),
        "num_output: 3 kernel_size: 2 stride: 1 stride: 2 stride: 3 pad: 1 pad: 0 pad: 0",
        ((1, 2, 3), (1, 0, 0), (1, 1, 1)),
    ),
    "no axis": ((4, 3), "num_output: 2 kernel_size: 1", ((), (), ())),
    "other engine": (
        (1, 2, 4, 5),
        "num_output: 3 kernel_size: 2 engine: CUDNN force_nd_im2col: true",
        ((1, 1), (0, 0), (1, 1)),
    ),
}


def text(fields, filler=RANDOM):
    return f'type: "Deconvolution" convolution_param {{ {fields} {filler} }}'


def reference(x, w, bias, group, stride, pad, dilation):
    """x (N, C, *size); every input element adds its copy of the kernel."""
    out = [
        s * (n - 1) + d * (k - 1) + 1 - 2 * p
        for n, k, s, p, d in zip(x.shape[2:], w.shape[2:], stride, pad, dilation, strict=True)
    ]
    per_group = w.shape[1]
    y = np.zeros((len(x), per_group * group, *out))
    for o in range(y.shape[1]):
        y[:, o] = bias[o]
    for n, c, *position in np.ndindex(x.shape):
        first = c // (len(w) // group) * per_group
        for o, *tap in np.ndindex(w.shape[1:]):
            at = [
                q * s - p + t * d
                for q, s, p, t, d in zip(position, stride, pad, tap, dilation, strict=True)
            ]
            if all(0 <= i < length for i, length in zip(at, out, strict=True)):
                y[(n, first + o, *at)] += w[(c, o, *tap)] * x[(n, c, *position)]
    return y


def expected_top(device, layer, x, window):
    param = layer.param.convolution_param
    w, *bias = (device.to_numpy(blob.data) for blob in layer.blobs)
    assert len(bias) == param.bias_term
    axis = param.axis % x.ndim
    bias = bias[0] if bias else [0] * param.num_output
    y = reference(x.reshape(-1, *x.shape[axis:]), w, bias, param.group, *window)
    return y.reshape(*x.shape[:axis], *y.shape[1:])


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_matches_reference(device, rng, geometry):
    shape, fields, window = GEOMETRIES[geometry]
    x = rng.standard_normal(shape)
    layer, bottom, top = build(text(fields), device, x)
    layer.run_forward(bottom, top)
    expected = expected_top(device, layer, x, window)
    assert top[0].shape == expected.shape
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_gradient(device, rng, geometry):
    shape, fields, _ = GEOMETRIES[geometry]
    check_gradient(*build(text(fields), device, rng.standard_normal(shape)))


def test_bottoms_share_the_weights(device, rng):
    arrays = rng.standard_normal((2, 2, 3, 5, 4))
    layer, bottom, top = build(text("num_output: 2 kernel_size: 3"), device, *arrays, tops=2)
    assert [blob.shape for blob in layer.blobs] == [(3, 2, 3, 3), (2,)]
    layer.run_forward(bottom, top)
    for blob, x in zip(top, arrays, strict=True):
        expected = expected_top(device, layer, x, ((1, 1), (0, 0), (1, 1)))
        np.testing.assert_allclose(device.to_numpy(blob.data), expected, rtol=1e-9)
    check_gradient(layer, bottom, top)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_bilinear_upsampling(device, factor):
    """The idiom of the docstring: a ramp stays one, between the outermost input elements."""
    kernel, pad = 2 * factor - factor % 2, factor // 2
    fields = (
        f"num_output: 3 group: 3 kernel_size: {kernel} stride: {factor} pad: {pad} "
        "bias_term: false weight_filler { type: 'bilinear' }"
    )
    down, along = np.mgrid[0:4.0, 0:5.0]
    x = np.stack([down, along, 2 * down - along])[None]
    layer, bottom, top = build(text(fields, ""), device, x)
    layer.run_forward(bottom, top)
    assert top[0].shape == (1, 3, 4 * factor, 5 * factor)
    y = device.to_numpy(top[0].data)[0, :, factor:-factor, factor:-factor]
    steps = (np.arange(factor, 4 * factor - factor) + 0.5) / factor - 0.5
    np.testing.assert_allclose(y[0], np.broadcast_to(steps[:, None], y[0].shape), rtol=1e-9)
    steps = (np.arange(factor, 5 * factor - factor) + 0.5) / factor - 0.5
    np.testing.assert_allclose(y[1], np.broadcast_to(steps, y[1].shape), rtol=1e-9)
    np.testing.assert_allclose(y[2], 2 * y[0] - y[1], rtol=1e-9, atol=1e-12)


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


def test_follows_its_bottom_to_other_shapes(device, rng):
    layer, bottom, top = build(
        text("num_output: 2 kernel_size: 3 stride: 2"), device, rng.standard_normal((2, 3, 4, 5))
    )
    x = rng.standard_normal((5, 3, 7, 6))
    bottom[0].reshape(x.shape)
    bottom[0].data[...] = device.xp.asarray(x)
    layer.run_forward(bottom, top)
    expected = expected_top(device, layer, x, ((2, 2), (0, 0), (1, 1)))
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-9)


@pytest.mark.parametrize(("phase", "warned"), [("TRAIN", True), ("TEST", False)])
def test_warns_of_weights_that_start_at_zero(device, caplog, phase, warned):
    build(
        text("num_output: 2 kernel_size: 1", "") + f" phase: {phase}", device, np.ones((1, 3, 2, 2))
    )
    assert [bool("'it' (Deconvolution) has no weight_filler" in m) for m in caplog.messages] == (
        [True] if warned else []
    )


@pytest.mark.parametrize(
    ("fields", "shape", "error", "message"),
    [
        ("kernel_size: 3", (1, 3, 5, 4), LayerConfigError, "num_output is missing"),
        ("num_output: 0 kernel_size: 3", (1, 3, 5, 4), LayerConfigError, "num_output is 0"),
        ("num_output: 2", (1, 3, 5, 4), LayerConfigError, "kernel_size is missing"),
        ("num_output: 2 kernel_size: 0", (1, 3, 5, 4), LayerConfigError, "kernel_size is 0"),
        ("num_output: 2 kernel_h: 3", (1, 3, 5, 4), LayerConfigError, "expected kernel_w"),
        (
            "num_output: 2 kernel_size: 3 kernel_h: 3 kernel_w: 3",
            (1, 3, 5, 4),
            LayerConfigError,
            "kernel_size and kernel_h are given, .*not a mixture",
        ),
        ("num_output: 2 kernel_size: 3 stride: 0", (1, 3, 5, 4), LayerConfigError, "stride is 0"),
        ("num_output: 2 kernel_size: 3 dilation: 0", (1, 3, 5, 4), LayerConfigError, "dilation is"),
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
            "num_output: 4 kernel_size: 3 pad: 1 pad: 3",
            (1, 3, 5, 4),
            ShapeError,
            "pad is 3 along axis 3, expected it to leave something of the 6",
        ),
        ("num_output: 2 kernel_size: 3", (1, 3, 0, 4), ShapeError, "no empty spatial axis"),
        ("num_output: 2 kernel_size: 3 axis: 4", (1, 3, 5, 4), ShapeError, "axis is 4"),
    ],
)
def test_refuses(device, fields, shape, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Deconvolution\): .*{message}"):
        build(text(fields), device, np.ones(shape))


def test_refuses_bottoms_of_different_shapes(device):
    arrays = np.ones((1, 3, 5, 4)), np.ones((1, 3, 5, 5))
    with pytest.raises(ShapeError, match=r"bottom\[1\] has shape \(1, 3, 5, 5\), expected \(1, 3"):
        build(text("num_output: 2 kernel_size: 3"), device, *arrays, tops=2)


@pytest.mark.parametrize("shape", [(1, 4, 5, 4), (1, 3, 5), (1, 3, 5, 4, 4)])
def test_refuses_what_its_weights_do_not_fit(device, shape):
    layer, bottom, top = build(text("num_output: 2 kernel_size: 3"), device, np.ones((1, 3, 5, 4)))
    bottom[0].reshape(shape)
    with pytest.raises(ShapeError, match="expected 4 axes with 3 channels at axis 1"):
        layer.run_forward(bottom, top)


def test_refuses_to_work_in_place(device):
    with pytest.raises(LayerConfigError, match="does not work in place"):
        build(text("num_output: 3 kernel_size: 1"), device, np.ones((1, 3, 5, 4)), in_place=True)
