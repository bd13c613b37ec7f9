"""Pooling: against loops over windows, its gradients, and what it refuses."""

from __future__ import annotations

from math import ceil, floor

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.device import Device
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN, NetParameter, NetState
from minicaffe.testing import check_gradient
from tests import fake_cupy
from tests.build import build

SHAPES = [(2, 3, 7, 5), (1, 2, 2, 9)]
GEOMETRIES = {
    "lenet": "kernel_size: 2 stride: 2",
    "alexnet": "kernel_size: 3 stride: 2",
    "padded": "kernel_size: 3 stride: 2 pad: 1",
    "floor": "kernel_size: 3 stride: 2 pad: 1 round_mode: FLOOR",
    "inception": "kernel_size: 3 stride: 1 pad: 1 engine: CUDNN",
    "oblong": "kernel_h: 2 kernel_w: 3 stride_h: 1 stride_w: 2 pad_h: 1 pad_w: 2",
    "gaps": "kernel_size: 1 stride: 3 round_mode: FLOOR",
    "clipped by the other axis's pad": "kernel_h: 1 kernel_w: 3 stride: 4 pad_h: 0 pad_w: 1",
    "global": "global_pooling: true",
}
LOWEST = -3.4028234663852886e38


def windows(size, kernel, stride, pad, rounded, clip):
    """(start, stop) of each window along an axis, pad included, as Caffe's Reshape has it."""
    out = rounded((size + 2 * pad - kernel) / stride) + 1
    if clip and (out - 1) * stride >= size + pad:
        out -= 1
    starts = [i * stride - pad for i in range(out)]
    return [(start, min(start + kernel, size + pad)) for start in starts]


def reference(x, param):
    """Caffe's loops: the pooled map, and h * W + w of each maximum."""
    n, c, height, width = x.shape
    sizes = {"h": height, "w": width}
    cut = {}
    for axis, size in sizes.items():
        kernel = getattr(param, f"kernel_{axis}") or param.kernel_size
        stride = getattr(param, f"stride_{axis}") or param.stride
        pad = getattr(param, f"pad_{axis}") or param.pad
        kernel = size if param.global_pooling else kernel
        clip = any(getattr(param, field) for field in ("pad", "pad_h", "pad_w"))
        cut[axis] = windows(size, kernel, stride, pad, (ceil, floor)[param.round_mode], clip)
    y = np.empty((n, c, len(cut["h"]), len(cut["w"])))
    mask = np.empty_like(y)
    for i, j, k, m in np.ndindex(y.shape):
        (h0, h1), (w0, w1) = cut["h"][k], cut["w"][m]
        inside = [
            (x[i, j, h, w], h * width + w)
            for h in range(max(h0, 0), min(h1, height))
            for w in range(max(w0, 0), min(w1, width))
        ]
        if param.pool == param.MAX:
            y[i, j, k, m], mask[i, j, k, m] = max(inside, key=lambda pair: (pair[0], -pair[1]))
        else:
            y[i, j, k, m] = sum(value for value, _ in inside) / ((h1 - h0) * (w1 - w0))
    return y, mask


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("pool", ["MAX", "AVE"])
def test_matches_reference(device, rng, shape, geometry, pool):
    x = rng.integers(-4, 4, shape).astype(float)  # integers, so that maxima tie
    text = f'type: "Pooling" pooling_param {{ pool: {pool} {GEOMETRIES[geometry]} }}'
    layer, bottom, top = build(text, device, x, tops=2 if pool == "MAX" else 1)
    layer.run_forward(bottom, top)
    y, mask = reference(x, layer.param.pooling_param)
    np.testing.assert_allclose(device.to_numpy(top[0].data), y, rtol=1e-12)
    if pool == "MAX":
        np.testing.assert_array_equal(device.to_numpy(top[1].data), mask)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("pool", ["MAX", "AVE"])
def test_gradient(device, rng, geometry, pool):
    x = rng.permutation(np.arange(2.0 * 3 * 7 * 5)).reshape(2, 3, 7, 5)  # no ties
    text = f'type: "Pooling" pooling_param {{ pool: {pool} {GEOMETRIES[geometry]} }}'
    check_gradient(*build(text, device, x))


@pytest.mark.parametrize("pool", ["MAX", "AVE"])
def test_leaves_what_is_not_asked_for(device, rng, pool):
    text = f'type: "Pooling" pooling_param {{ pool: {pool} kernel_size: 2 }}'
    layer, bottom, top = build(text, device, rng.standard_normal((2, 3, 4, 5)))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


@pytest.mark.parametrize("pool", ["MAX", "AVE"])
def test_follows_its_bottom_to_other_shapes(device, rng, pool):
    text = f'type: "Pooling" pooling_param {{ pool: {pool} kernel_size: 3 stride: 2 pad: 1 }}'
    layer, bottom, top = build(text, device, rng.standard_normal((2, 3, 7, 5)))
    for shape in [(3, 2, 9, 11), (1, 3, 4, 6), (2, 3, 7, 5)]:
        x = rng.standard_normal(shape)
        bottom[0].reshape(shape)
        bottom[0].data[...] = device.xp.asarray(x)
        layer.run_forward(bottom, top)
        y, _ = reference(x, layer.param.pooling_param)
        np.testing.assert_allclose(device.to_numpy(top[0].data), y, rtol=1e-12)
        weights = rng.standard_normal(y.shape)
        top[0].diff[...] = device.xp.asarray(weights)
        layer.run_backward(top, [True], bottom)
        dx = device.to_numpy(bottom[0].diff)
        # both are linear where no maximum changes place
        np.testing.assert_allclose((dx * x).sum(), (weights * y).sum(), rtol=1e-10)


def test_nan_is_passed_over(device):
    """As by the original's ``x > maximum``, which starts at -FLT_MAX."""
    x = np.array([[np.nan, 3, np.nan, -np.inf], [1, 3, np.nan, np.nan]])[None, None]
    text = 'type: "Pooling" pooling_param { kernel_size: 2 stride: 2 }'
    layer, bottom, top = build(text, device, x, tops=2)
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data).tolist() == [[[[3, LOWEST]]]]
    assert device.to_numpy(top[1].data).tolist() == [[[[1, -1]]]]
    top[0].diff[...] = 5
    layer.run_backward(top, [True], bottom)
    expected = [[[[0, 5, 0, 0], [0, 0, 0, 0]]]]  # where the original writes before the array
    assert device.to_numpy(bottom[0].diff).tolist() == expected


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_gradient_of_maxima_in_test(device, rng, geometry):
    """Forward does not say where they are there; backward looks, whatever became of the top."""
    x = rng.integers(-2, 3, (2, 3, 7, 5)).astype(float)  # integers, so that maxima tie
    x[rng.random(x.shape) < 0.2] = np.nan
    found = {}
    for phase in ("TRAIN", "TEST"):
        text = f'type: "Pooling" phase: {phase} pooling_param {{ {GEOMETRIES[geometry]} }}'
        layer, bottom, top = build(text, device, x)
        layer.run_forward(bottom, top)
        y = device.to_numpy(top[0].data).copy()
        top[0].diff[...] = device.xp.asarray(np.arange(1.0, y.size + 1).reshape(y.shape))
        top[0].data[...] = 0  # by a layer that works in place
        layer.run_backward(top, [True], bottom)
        found[phase] = y, device.to_numpy(bottom[0].diff).copy()
    np.testing.assert_array_equal(found["TEST"][0], found["TRAIN"][0])
    np.testing.assert_array_equal(found["TEST"][1], found["TRAIN"][1])


@pytest.mark.parametrize("geometry", ["alexnet", "oblong"])
def test_mask_in_test(device, rng, geometry):
    x = rng.integers(-4, 4, (2, 3, 7, 5)).astype(float)
    text = f'type: "Pooling" phase: TEST pooling_param {{ {GEOMETRIES[geometry]} }}'
    layer, bottom, top = build(text, device, x, tops=2)
    layer.run_forward(bottom, top)
    _, mask = reference(x, layer.param.pooling_param)
    np.testing.assert_array_equal(device.to_numpy(top[1].data), mask)


BESIDE_IN_PLACE = """
    force_backward: true
    layer { name: "in" type: "Input" top: "x"
            input_param { shape { dim: 2 dim: 3 dim: 6 dim: 6 } } }
    layer { name: "power" type: "Power" bottom: "x" top: "a" }
    layer { name: "pool" type: "Pooling" bottom: "a" top: "p"
            pooling_param { kernel_size: 3 stride: 2 } }
    layer { name: "beside" type: "ReLU" bottom: "a" top: "a" }
    layer { name: "behind" type: "ReLU" bottom: "p" top: "p" relu_param { negative_slope: 0.5 } }
    layer { name: "sum" type: "Reduction" bottom: "p" top: "s" loss_weight: 1 }
    layer { name: "rest" type: "Reduction" bottom: "a" top: "r" loss_weight: 1 }
"""


def test_gradient_of_maxima_in_test_beside_layers_in_place(device, rng):
    """What another layer does in place to the bottom's name does not move the maxima."""
    x, found = -rng.uniform(0, 1, (2, 3, 6, 6)), []
    x[0] += 0.8  # in the other image ReLU makes all of them equal
    for phase in (TRAIN, TEST):
        net = Net(text_format.Parse(BESIDE_IN_PLACE, NetParameter()), NetState(phase=phase),
                  device, np.float64)  # fmt: skip
        net.blobs["x"].data[...] = device.xp.asarray(x)
        net.forward()
        net.backward()
        found.append(device.to_numpy(net.blobs["x"].diff).copy())
    np.testing.assert_array_equal(found[0], found[1])
    assert found[0].any()


def test_average_divides_by_what_the_pad_holds(device):
    text = 'type: "Pooling" pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }'
    layer, bottom, top = build(text, device, np.ones((1, 1, 4, 4)))
    layer.run_forward(bottom, top)
    # the last window starts at 3 and ends with the pad, at 5: two wide, one of them input
    expected = np.outer([2 / 3, 1, 1 / 2], [2 / 3, 1, 1 / 2])
    np.testing.assert_allclose(device.to_numpy(top[0].data)[0, 0], expected, rtol=1e-12)


def test_round_mode_floor_takes_what_ceil_refuses(device, rng):
    text = 'type: "Pooling" pooling_param { kernel_size: 1 stride: 3 %s }'
    x = rng.standard_normal((1, 2, 5, 4))
    with pytest.raises(ShapeError, match=r"along H starts at 6, .*round_mode: FLOOR"):
        build(text % "", device, x)
    for down in ("round_mode: FLOOR", "ceil_mode: false"):
        layer, bottom, top = build(text % down, device, x)
        layer.run_forward(bottom, top)
        np.testing.assert_array_equal(device.to_numpy(top[0].data), x[:, :, ::3, ::3])


def test_refuses_a_later_shape(device, rng):
    text = 'type: "Pooling" pooling_param { kernel_size: 5 round_mode: FLOOR }'
    layer, bottom, top = build(text, device, rng.standard_normal((1, 2, 5, 6)))
    bottom[0].reshape((1, 2, 6, 4))
    with pytest.raises(ShapeError, match=r"^layer 'it' \(Pooling\): kernel is 5 along W"):
        layer.run_forward(bottom, top)


def test_refuses_to_work_in_place(device):
    with pytest.raises(LayerConfigError, match="Pooling does not work in place"):
        build('type: "Pooling" pooling_param { kernel_size: 3 pad: 1 }', device,
              np.ones((1, 2, 3, 4)), in_place=True)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shape", "error", "message"),
    [
        ("kernel_size: 2", (2, 3), ShapeError, r"shape \(2, 3\), expected \(N, C, H, W\)"),
        ("kernel_size: 2", (2, 3, 4, 0), ShapeError, "no element along W"),
        ("global_pooling: true", (2, 3, 0, 4), ShapeError, "no element along H"),
        ("kernel_size: 5 pad: 1 round_mode: FLOOR", (1, 1, 2, 9), ShapeError,
         r"kernel is 5 along H, expected at most the input with its pad, 2 \+ 2 \* 1"),
        ("kernel_size: 5", (1, 1, 3, 4), ShapeError, "kernel is 5 along H"),
        ("kernel_size: 1 stride: 2", (1, 1, 3, 4), ShapeError,
         "windows along W starts at 4, expected inside the input, of 4: .*round_mode: FLOOR"),
        ("kernel_size: 2 pad: 1 pool: STOCHASTIC", (1, 1, 3, 3), LayerConfigError,
         r"pad is \(1, 1\) with pool STOCHASTIC, expected none"),
        ("kernel_size: 2 kernel_h: 2 kernel_w: 2", (1, 1, 3), LayerConfigError,
         "kernel_h is given for 1 spatial axes, expected kernel_size"),
        ("kernel_size: 2 stride_w: 2", (1, 1, 3, 4, 5), LayerConfigError,
         "stride_w is given for 3 spatial axes, expected stride"),
        ("", (1, 1, 3), LayerConfigError, "kernel_size is 0, expected a positive number"),
        ("kernel_size: 2 ceil_mode: true round_mode: FLOOR", (1, 1, 3), LayerConfigError,
         "ceil_mode and round_mode are given, expected one"),
        ("kernel_size: 2 stride: 0", (1, 1, 3), LayerConfigError, "stride is 0"),
        ("kernel_size: 2 pad: 2", (1, 1, 3), LayerConfigError, "pad is 2, expected less"),
        ("kernel_size: 4", (1, 1, 5, 3, 4), ShapeError, "kernel is 4 along axis 3"),
        ("kernel_size: 2 kernel_h: 2", (1, 1, 3, 3), LayerConfigError,
         "kernel_size and kernel_h are given, expected kernel_size, or both"),
        ("kernel_h: 2", (1, 1, 3, 3), LayerConfigError,
         "kernel_h is given alone, .* both kernel_h and kernel_w, not a mixture"),
        ("", (1, 1, 3, 3), LayerConfigError,
         "kernel_h is 0, expected a positive number: give kernel_size, .*global_pooling"),
        ("kernel_h: 3 kernel_w: 0", (1, 1, 3, 3), LayerConfigError, "kernel_w is 0"),
        ("kernel_h: 3 kernel_w: 2 pad: 2", (1, 1, 9, 9), LayerConfigError,
         "pad_w is 2, expected less than kernel_w, 2"),
        ("kernel_size: 2 stride: 0", (1, 1, 3, 3), LayerConfigError, "stride_h is 0"),
        ("kernel_size: 2 global_pooling: true", (1, 1, 3, 3), LayerConfigError,
         r"global_pooling is given kernel \(2, 2\)"),
        ("pad: 1 global_pooling: true", (1, 1, 3, 3), LayerConfigError, "pad .1, 1.*expected none"),
        ("stride: 2 global_pooling: true", (1, 1, 3, 3), LayerConfigError, "stride .2, 2."),
    ],
)  # fmt: skip
def test_refuses(device, text, shape, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Pooling\): .*{message}"):
        build(f'type: "Pooling" pooling_param {{ {text} }}', device, np.ones(shape))


@pytest.mark.parametrize("pool", ["AVE", "STOCHASTIC"])
def test_refuses_a_mask_of_what_is_no_maximum(device, pool):
    with pytest.raises(LayerConfigError, match=f"pool is {pool} with two tops, expected MAX"):
        build(f'type: "Pooling" pooling_param {{ pool: {pool} kernel_size: 2 }}', device,
              np.ones((1, 2, 3, 4)), tops=2)  # fmt: skip


def test_refuses_another_number_of_axes_later(device):
    layer, bottom, top = build('type: "Pooling" pooling_param { kernel_size: 2 }', device,
                               np.ones((1, 2, 3, 4)))  # fmt: skip
    bottom[0].reshape((1, 2, 3))
    with pytest.raises(ShapeError, match=r"shape \(1, 2, 3\), expected 4 axes, as at setup"):
        layer.run_forward(bottom, top)


OTHER_AXES = {
    "one": ((2, 3, 9), "kernel_size: 3 stride: 2 pad: 1"),
    "one, global": ((2, 3, 9), "global_pooling: true"),
    "three": ((2, 2, 5, 3, 4), "kernel_size: 2 stride: 1"),
    "three, padded": ((1, 2, 4, 7, 6), "kernel_size: 3 stride: 2 pad: 1"),
    "three, global": ((1, 2, 3, 2, 4), "global_pooling: true"),
    "four": ((1, 2, 3, 4, 2, 5), "kernel_size: 2 stride: 2 round_mode: FLOOR"),
}


def reference_of_any_axes(x, param):
    """The pooled map, and the position in its plane of each maximum."""
    sizes = x.shape[2:]
    cut = [
        windows(size, size if param.global_pooling else param.kernel_size, param.stride,
                param.pad, (ceil, floor)[param.round_mode], param.pad > 0)
        for size in sizes
    ]  # fmt: skip
    y = np.empty((*x.shape[:2], *map(len, cut)))
    mask = np.empty_like(y)
    for n, c, *place in np.ndindex(y.shape):
        spans = [axis[i] for axis, i in zip(cut, place, strict=True)]
        ranges = [
            range(max(start, 0), min(stop, size))
            for (start, stop), size in zip(spans, sizes, strict=True)
        ]
        at = [tuple(int(i) for i in point) for point in np.stack(
            np.meshgrid(*ranges, indexing="ij"), -1).reshape(-1, len(sizes))]  # fmt: skip
        inside = [x[(n, c, *point)] for point in at]
        if param.pool == param.MAX:
            best = int(np.argmax(inside))
            y[(n, c, *place)] = inside[best]
            mask[(n, c, *place)] = np.ravel_multi_index(at[best], sizes)
        elif param.pool == param.AVE:
            y[(n, c, *place)] = sum(inside) / np.prod([stop - start for start, stop in spans])
        else:
            y[(n, c, *place)] = sum(v * v for v in inside) / sum(inside)
    return y, mask


@pytest.mark.parametrize("axes", OTHER_AXES)
@pytest.mark.parametrize("pool", ["MAX", "AVE"])
def test_other_numbers_of_axes(device, rng, axes, pool):
    shape, fields = OTHER_AXES[axes]
    x = rng.integers(-4, 4, shape).astype(float)  # integers, so that maxima tie
    text = f'type: "Pooling" pooling_param {{ pool: {pool} {fields} }}'
    layer, bottom, top = build(text, device, x, tops=2 if pool == "MAX" else 1)
    layer.run_forward(bottom, top)
    y, mask = reference_of_any_axes(x, layer.param.pooling_param)
    np.testing.assert_allclose(device.to_numpy(top[0].data), y, rtol=1e-12)
    if pool == "MAX":
        np.testing.assert_array_equal(device.to_numpy(top[1].data), mask)


@pytest.mark.parametrize("axes", OTHER_AXES)
@pytest.mark.parametrize("pool", ["MAX", "AVE"])
def test_gradient_of_other_numbers_of_axes(device, rng, axes, pool):
    shape, fields = OTHER_AXES[axes]
    x = rng.permutation(np.arange(float(np.prod(shape)))).reshape(shape)  # no ties
    check_gradient(*build(f'type: "Pooling" pooling_param {{ pool: {pool} {fields} }}', device, x))


STOCHASTIC = 'type: "Pooling" phase: %s pooling_param { pool: STOCHASTIC %s }'
RANDOM_SHAPES = [
    ((2, 3, 7, 5), "kernel_size: 3 stride: 2"),
    ((2, 3, 6, 5), "kernel_h: 2 kernel_w: 3 stride_h: 2 stride_w: 1"),
    ((2, 3, 9), "kernel_size: 3 stride: 2"),
    ((1, 2, 4, 5, 3), "kernel_size: 2 stride: 1"),
]


@pytest.mark.parametrize(("shape", "fields"), RANDOM_SHAPES)
def test_stochastic_in_training_takes_elements_of_the_windows(device, rng, shape, fields):
    x = rng.permutation(np.arange(1.0, np.prod(shape) + 1)).reshape(shape)
    layer, bottom, top = build(STOCHASTIC % ("TRAIN", fields), device, x)
    layer.run_forward(bottom, top)
    y = device.to_numpy(top[0].data).copy()
    top[0].diff[...] = 1
    layer.run_backward(top, [True], bottom)
    dx = device.to_numpy(bottom[0].diff)
    assert dx.sum() == y.size
    np.testing.assert_allclose((dx * x).sum(), y.sum())  # elements all differ
    assert set(y.reshape(-1)) == set(x[dx > 0])
    text = f'type: "Pooling" pooling_param {{ pool: MAX {fields} }}'
    other, _, most = build(text, device, x)
    other.run_forward(bottom, most)
    assert (y <= device.to_numpy(most[0].data)).all()
    assert (y < device.to_numpy(most[0].data)).any()
    layer.run_forward(bottom, top)
    assert (device.to_numpy(top[0].data) != y).any()  # each forward draws anew


def test_stochastic_draws_the_same_on_every_device(rng):
    x = rng.standard_normal((2, 3, 7, 5))
    results = []
    for xp in (np, fake_cupy):
        device = Device(xp, None, np.random.default_rng(5))
        layer, bottom, top = build(STOCHASTIC % ("TRAIN", "kernel_size: 3"), device, x)
        layer.run_forward(bottom, top)
        results.append(device.to_numpy(top[0].data))
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize(("shape", "fields"), RANDOM_SHAPES)
def test_stochastic_in_training_draws_in_proportion(device, rng, shape, fields):
    x = rng.uniform(0, 1, shape)
    layer, bottom, top = build(STOCHASTIC % ("TRAIN", fields), device, x)
    test, _, mean = build(STOCHASTIC % ("TEST", fields), device, x)
    test.run_forward(bottom, mean)
    total, times = 0, 400
    for _ in range(times):
        layer.run_forward(bottom, top)
        total = total + device.to_numpy(top[0].data)
    error = np.abs(total / times - device.to_numpy(mean[0].data)).max()
    assert error < 5 * 0.5 / np.sqrt(times)  # no element deviates by more than 0.5


@pytest.mark.parametrize("axes", [axes for axes in OTHER_AXES if "padded" not in axes][1:])
def test_stochastic_in_test_is_the_weighted_mean(device, rng, axes):
    shape, fields = OTHER_AXES[axes]
    x = rng.uniform(0, 1, shape)
    layer, bottom, top = build(STOCHASTIC % ("TEST", fields), device, x)
    before = device.rng.bit_generator.state
    layer.run_forward(bottom, top)
    y, _ = reference_of_any_axes(x, layer.param.pooling_param)
    np.testing.assert_allclose(device.to_numpy(top[0].data), y, rtol=1e-12)
    assert device.rng.bit_generator.state == before


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
@pytest.mark.parametrize(("shape", "fields"), RANDOM_SHAPES)
def test_gradient_of_stochastic(device, rng, phase, shape, fields):
    """In TRAIN, steps are too small to change what is drawn, but for 1 in some 10^5."""
    x = rng.uniform(0.5, 1, shape)
    check_gradient(*build(STOCHASTIC % (phase, fields), device, x), step=1e-6, tolerance=1e-5)


@pytest.mark.parametrize(("phase", "expected"), [("TRAIN", [0, -2, 4]), ("TEST", [0, 0, 4])])
def test_stochastic_of_what_is_not_positive(device, phase, expected):
    x = np.array([[[0.0, 0, -2, -1, -3, 4]]])
    layer, bottom, top = build(STOCHASTIC % (phase, "kernel_size: 2 stride: 2"), device, x)
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data).tolist() == [[expected]]


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_stochastic_leaves_what_is_not_asked_for(device, rng, phase):
    text = STOCHASTIC % (phase, "kernel_size: 2")
    layer, bottom, top = build(text, device, rng.uniform(0, 1, (2, 3, 4, 5)))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()
