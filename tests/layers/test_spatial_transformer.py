"""SpatialTransformer: the identity, moves and turns by hand, loops, gradients, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build
from tests.layers.spoiling import check_backward_reads

X = (2, 3, 5, 4)
IDENTITY = [1.0, 0, 0, 0, 1, 0]


def text(fields=""):
    return f'type: "SpatialTransformer" st_param {{ {fields} }}'


def run(device, u, theta, fields="", dtype=np.float64):
    arrays = (u,) if theta is None else (u, np.array([theta] * len(u)))
    layer, bottom, top = build(text(fields), device, *arrays, dtype=dtype)
    layer.run_forward(bottom, top)
    return device.to_numpy(top[0].data)


def loops(u, theta, out_h, out_w):
    """From the formula, one pixel after the other."""
    count, channels, height, width = u.shape
    v = np.zeros((count, channels, out_h, out_w))
    for n, (a, b, c, d, e, f) in enumerate(theta):
        for i in range(out_h):
            for j in range(out_w):
                g, k = 2 * i / out_h - 1, 2 * j / out_w - 1
                r, s = height / 2 * (a * g + b * k + c + 1), width / 2 * (d * g + e * k + f + 1)
                for h in range(height):
                    for w in range(width):
                        share = max(0, 1 - abs(r - h)) * max(0, 1 - abs(s - w))
                        v[n, :, i, j] += share * u[n, :, h, w]
    return v


@pytest.mark.parametrize("shape", [X, (1, 2, 7, 49), (2, 1, 1, 3), (1, 1, 28, 28)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_identity(device, rng, shape, dtype):
    u = rng.standard_normal(shape).astype(dtype)
    np.testing.assert_array_equal(run(device, u, IDENTITY, dtype=dtype), u)
    fixed = " ".join(f"theta_{1 + i // 3}_{1 + i % 3}: {v}" for i, v in enumerate(IDENTITY))
    np.testing.assert_array_equal(run(device, u, None, fixed, dtype=dtype), u)


def test_moves_and_turns_by_hand(device):
    u = np.arange(1.0, 17).reshape(1, 1, 4, 4)
    down = run(device, u, [1, 0, 0.5, 0, 1, 0])[0, 0]  # half of H / 2 rows
    np.testing.assert_array_equal(down, np.vstack([u[0, 0, 1:], np.zeros((1, 4))]))
    right = run(device, u, [1, 0, 0, 0, 1, 0.25])[0, 0]  # half a column
    np.testing.assert_array_equal(right[0], [1.5, 2.5, 3.5, 2])
    np.testing.assert_array_equal(run(device, u, [0, 1, 0, 1, 0, 0])[0, 0], u[0, 0].T)
    smaller = run(device, u, IDENTITY, "output_H: 2 output_W: 2")[0, 0]
    np.testing.assert_array_equal(smaller, [[1, 3], [9, 11]])


@pytest.mark.parametrize(
    ("fields", "out"), [("", (5, 4)), ("output_H: 3 output_W: 7", (3, 7)), ("output_W: 6", (5, 6))]
)
def test_matches_the_formula_and_gradient(device, rng, fields, out):
    u, theta = rng.standard_normal(X), IDENTITY + 0.4 * rng.standard_normal((2, 6))
    layer, bottom, top = build(text(fields), device, u, theta)
    layer.run_forward(bottom, top)
    found = device.to_numpy(top[0].data)
    np.testing.assert_allclose(found, loops(u, theta, *out), rtol=1e-10, atol=1e-12)
    check_gradient(layer, bottom, top, step=1e-6, tolerance=1e-6)


def test_fixed_elements_and_the_order_of_the_others(device, rng):
    u, theta = rng.standard_normal(X), rng.standard_normal((2, 4, 1, 1))
    fields = "theta_1_2: 0.25 theta_2_1: -0.5 output_H: 6"
    layer, bottom, top = build(text(fields), device, u, theta)
    layer.run_forward(bottom, top)
    whole = np.insert(theta.reshape(2, 4), [1, 2], [0.25, -0.5], axis=1)
    assert whole[0, 1] == 0.25
    assert whole[0, 3] == -0.5
    found = device.to_numpy(top[0].data)
    np.testing.assert_allclose(found, loops(u, whole, 6, 4), rtol=1e-10, atol=1e-12)
    check_gradient(layer, bottom, top, step=1e-6, tolerance=1e-6)


def test_without_a_gradient_for_u(device, rng):
    u, theta = rng.standard_normal(X), IDENTITY + 0.3 * rng.standard_normal((2, 6))
    layer, bottom, top = build(text("to_compute_dU: false"), device, u, theta)
    check_gradient(layer, bottom, top, checked=[1], step=1e-6, tolerance=1e-6)
    bottom[0].diff[...] = np.nan
    layer.run_backward(top, [True, True], bottom)
    assert not device.to_numpy(bottom[0].diff).any()


@pytest.mark.parametrize("wanted", [0, 1])
def test_leaves_what_is_not_asked_for(device, rng, wanted):
    layer, bottom, top = build(text(), device, rng.standard_normal(X), rng.standard_normal((2, 6)))
    layer.run_forward(bottom, top)
    for blob in bottom:
        blob.diff[...] = 7
    layer.run_backward(top, [i == wanted for i in range(2)], bottom)
    assert (device.to_numpy(bottom[1 - wanted].diff) == 7).all()


def test_follows_its_bottoms_to_other_shapes(device, rng):
    layer, bottom, top = build(text(), device, np.ones(X), np.ones((2, 6)))
    u = rng.standard_normal((3, 2, 4, 7))
    for blob, values in zip(bottom, (u, np.array([IDENTITY] * 3)), strict=True):
        blob.reshape(values.shape)
        blob.data[...] = device.xp.asarray(values)
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), u)


ALL = "theta_1_1: 1 theta_1_2: 0 theta_1_3: 0 theta_2_1: 0 theta_2_2: 1 theta_2_3: 0"


@pytest.mark.parametrize(
    ("fields", "shapes", "error", "message"),
    [
        ('transform_type: "thin"', [X, (2, 6)], LayerConfigError,
         "transform_type is 'thin', expected 'affine', the only one"),
        ('sampler_type: "nearest"', [X, (2, 6)], LayerConfigError, "sampler_type is 'nearest'"),
        ("output_H: 0", [X, (2, 6)], LayerConfigError, "output_H is 0, expected at least 1"),
        ("output_W: -3", [X, (2, 6)], LayerConfigError, "output_W is -3"),
        ("", [X], BlobCountError, r"1 bottom blob\(s\), expected 2: theta_1_1, .* is not fixed"),
        (ALL, [X, (2, 6)], BlobCountError, r"2 bottom blob\(s\), expected 1: nothing"),
        ("", [X, (2, 5)], ShapeError, r"bottom\[1\] has shape \(2, 5\), expected \(2, 6\)"),
        ("", [X, (3, 6)], ShapeError, r"bottom\[1\] has shape \(3, 6\), expected \(2, 6\)"),
        ("", [X, (2, 6, 2)], ShapeError, r"bottom\[1\] has shape \(2, 6, 2\)"),
        ("theta_1_2: 0 theta_2_1: 0", [X, (2, 6)], ShapeError,
         r"expected \(2, 4\), .*: theta_1_1, theta_1_3, theta_2_2, theta_2_3 of each item"),
        ("", [(2, 3, 5), (2, 6)], ShapeError, r"shape \(2, 3, 5\), expected \(N, C, H, W\)"),
        ("", [(2, 3, 0, 5), (2, 6)], ShapeError, r"shape \(2, 3, 0, 5\), expected no side 0"),
    ],
)  # fmt: skip
def test_refuses(device, fields, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(SpatialTransformer\): .*{message}"):
        build(text(fields), device, *map(np.ones, shapes))


def test_backward_reads_no_top(device, rng):
    arrays = rng.standard_normal(X), rng.standard_normal((2, 6))
    check_backward_reads(*build(text(), device, *arrays), rng)
