"""Eltwise: against loops over elements, its gradients, and what it refuses."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

SHAPE = (2, 3, 5)
CASES = [
    ("", 2),
    ("", 3),
    ("operation: SUM coeff: 1 coeff: -0.5", 2),
    ("operation: SUM coeff: 2 coeff: 0 coeff: -3 coeff: 1 coeff: 0.25", 5),
    ("operation: PROD", 2),
    ("operation: PROD", 4),
    ("operation: PROD stable_prod_grad: false", 2),
    ("operation: PROD stable_prod_grad: false", 3),
    ("operation: MAX", 2),
    ("operation: MAX coeff: 2 coeff: -3", 2),
    ("operation: MAX", 4),
]


def text(field):
    return f'type: "Eltwise" eltwise_param {{ {field} }}'


def distinct(rng, count):
    """Arrays whose elements all differ, and are not 0."""
    values = rng.permutation(np.arange(1, count * 30 + 1) - 15.5) / 10
    return values.reshape(count, *SHAPE)


@pytest.mark.parametrize(("field", "count"), CASES)
def test_matches_reference(device, rng, field, count):
    xs = distinct(rng, count)
    layer, bottom, top = build(text(field), device, *xs)
    layer.run_forward(bottom, top)
    param = layer.param.eltwise_param
    y = device.to_numpy(top[0].data)
    for index in np.ndindex(SHAPE):
        values = [float(x[index]) for x in xs]
        if param.operation == param.SUM:
            coeff = param.coeff or [1] * count
            expected = sum(c * value for c, value in zip(coeff, values, strict=True))
        else:
            expected = prod(values) if param.operation == param.PROD else max(values)
        np.testing.assert_allclose(y[index], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("field", "count"), CASES)
def test_gradient(device, rng, field, count):
    check_gradient(*build(text(field), device, *distinct(rng, count)))


@pytest.mark.parametrize(
    ("values", "taken"),
    [
        ([1, 1], 1),
        ([1, 1, 1], 1),
        ([0, 1, 1], 1),
        ([1, 0, 1], 0),
        ([0, 1, 2, 2], 2),
        ([np.nan, 1], 1),
        ([np.nan, 1, 0], 1),
        ([5, np.nan, 9], 1),
        ([5, 1, np.nan], 0),
        ([-np.inf, -np.inf, -np.inf], 1),
    ],
)
def test_the_gradient_of_a_tied_maximum(device, values, taken):
    arrays = [np.array([value], float) for value in values]
    layer, bottom, top = build(text("operation: MAX"), device, *arrays)
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), arrays[taken])
    top[0].diff[...] = 3
    layer.run_backward(top, [True] * len(values), bottom)
    assert [float(blob.diff[0]) for blob in bottom] == [
        3.0 * (i == taken) for i in range(len(values))
    ]


def test_a_product_with_zeros(device):
    arrays = [np.array([0.0, 2, 0]), np.array([3.0, 0, 0]), np.array([5.0, 7, 4])]
    layer, bottom, top = build(text("operation: PROD"), device, *arrays)
    layer.run_forward(bottom, top)
    top[0].diff[...] = 10
    layer.run_backward(top, [True] * 3, bottom)
    found = [device.to_numpy(blob.diff).tolist() for blob in bottom]
    assert found == [[150, 0, 0], [0, 140, 0], [0, 0, 0]]


def test_the_unstable_gradient_of_a_product_with_zeros_is_nan(device):
    field = "operation: PROD stable_prod_grad: false"
    layer, bottom, top = build(text(field), device, np.array([0.0]), np.array([3.0]))
    layer.run_forward(bottom, top)
    top[0].diff[...] = 10
    with np.errstate(invalid="ignore"):
        layer.run_backward(top, [True] * 2, bottom)
    assert np.isnan(device.to_numpy(bottom[0].diff))
    assert float(bottom[1].diff[0]) == 0


@pytest.mark.parametrize("operation", ["SUM", "PROD", "MAX"])
def test_leaves_what_is_not_asked_for(device, rng, operation):
    layer, bottom, top = build(text(f"operation: {operation}"), device, *distinct(rng, 3))
    layer.run_forward(bottom, top)
    for blob in bottom:
        blob.diff[...] = 777
    top[0].diff[...] = 1
    layer.run_backward(top, [True, False, True], bottom)
    touched = [bool((device.to_numpy(blob.diff) != 777).any()) for blob in bottom]
    assert touched == [True, False, True]


@pytest.mark.parametrize("operation", ["SUM", "PROD", "MAX"])
def test_follows_its_bottoms_to_a_larger_shape(device, rng, operation):
    layer, bottom, top = build(text(f"operation: {operation}"), device, *distinct(rng, 2))
    for blob, value in zip(bottom, (2, 3), strict=True):
        blob.reshape((4, 5, 6))
        blob.data[...] = value
    layer.run_forward(bottom, top)
    assert (device.to_numpy(top[0].data) == {"SUM": 5, "PROD": 6, "MAX": 3}[operation]).all()


@pytest.mark.parametrize(
    ("field", "shapes", "error", "message"),
    [
        ("", [(2, 3), (3, 2)], ShapeError, r"bottom\[1\] has shape \(3, 2\), expected \(2, 3\) as"),
        ("", [(2, 3), (2, 3), (2, 1)], ShapeError, r"bottom\[2\] has shape \(2, 1\), .*broadcast"),
        ("", [(2, 3)], BlobCountError, r"1 bottom blob\(s\), expected at least 2"),
        ("coeff: 1", [(2,), (2,)], LayerConfigError, r"coeff is given 1 time\(s\), .* \(2\)"),
        ("operation: PROD coeff: 1 coeff: 1", [(2,)] * 2, LayerConfigError, "operation PROD"),
    ],
)
def test_refuses(device, field, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Eltwise\): .*{message}"):
        build(text(field), device, *map(np.ones, shapes))


@pytest.mark.parametrize("operation", ["SUM", "PROD", "MAX"])
def test_refuses_to_work_in_place(device, operation):
    xs = np.ones(3), np.ones(3)
    with pytest.raises(LayerConfigError, match="Eltwise does not work in place"):
        build(text(f"operation: {operation}"), device, *xs, in_place=True)
