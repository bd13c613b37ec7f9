"""DummyData: shapes, what is filled when, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from tests.build import build

ONE = "shape { dim: 2 dim: 3 }"
TWO = f"{ONE} shape {{ dim: 5 }}"
OLD = "num: 2 num: 3 channels: 4 height: 1 width: 6 width: 5"
NORMAL = 'data_filler { type: "gaussian" }'
SEVEN = "data_filler { value: 7 }"


def text(fields):
    return f'type: "DummyData" dummy_data_param {{ {fields} }}'


def run(device, fields, tops=2, forwards=1):
    layer, bottom, top = build(text(fields), device, tops=tops)
    seen = []
    for _ in range(forwards):
        layer.run_forward(bottom, top)
        layer.run_backward(top, [], bottom)
        seen.append([device.to_numpy(blob.data).copy() for blob in top])
    return seen


@pytest.mark.parametrize(
    ("fields", "shapes"),
    [
        (ONE, [(2, 3), (2, 3)]),
        (TWO, [(2, 3), (5,)]),
        ("shape { }", [(), ()]),
        (OLD, [(2, 4, 1, 6), (3, 4, 1, 5)]),
        ("num: 2 channels: 3 height: 4 width: 5", [(2, 3, 4, 5)] * 2),
    ],
)
def test_shapes(device, fields, shapes):
    assert [array.shape for array in run(device, fields)[0]] == shapes


def test_zeros_without_a_filler(device):
    assert all((array == 0).all() for array in run(device, TWO)[0])


def test_one_filler_is_for_all_tops(device):
    assert all((array == 7).all() for array in run(device, TWO + SEVEN)[0])


def test_others_than_constants_are_filled_anew(device):
    first, second = run(device, TWO + SEVEN + NORMAL, forwards=2)
    assert (first[0] == 7).all()
    assert (second[0] == 7).all()
    assert (first[1] != second[1]).all()
    assert (first[1] != 0).all()


def test_constants_are_filled_once(device):
    layer, bottom, top = build(text(ONE + SEVEN), device)
    assert (device.to_numpy(top[0].data) == 7).all()
    top[0].data[0, 1] = 8
    layer.run_forward(bottom, top)
    assert float(top[0].data[0, 1]) == 8


@pytest.mark.parametrize(
    ("fields", "tops", "error", "message"),
    [
        (TWO, 3, LayerConfigError, r"shape is given 2 time\(s\), expected one .* \(3\)"),
        ("", 1, LayerConfigError, r"shape is given 0 time\(s\)"),
        (ONE + SEVEN * 2, 3, LayerConfigError, r"data_filler is given 2 time\(s\), .* \(3\)"),
        (ONE + "num: 2", 1, LayerConfigError, "shape and num are given, expected one"),
        (ONE + "width: 2", 1, LayerConfigError, "shape and width are given, expected one"),
        (OLD, 3, LayerConfigError, r"num is given 2 time\(s\), .* \(3\)"),
        ("num: 2 channels: 3 width: 1", 1, LayerConfigError, r"height is given 0 time\(s\)"),
        (ONE + 'data_filler { type: "uniforn" }', 1, LayerConfigError, "mean 'uniform'"),
        (ONE + 'data_filler { type: "bilinear" }', 1, ShapeError, r"\(2, 3\), expected \(N, C, K"),
    ],
)
def test_refuses(device, fields, tops, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(DummyData\): .*{message}"):
        build(text(fields), device, tops=tops)


def test_same_seed_same_values(rng):
    from minicaffe.device import cpu

    first, second = (run(cpu(seed=3), ONE + NORMAL, forwards=2) for _ in range(2))
    np.testing.assert_array_equal(first[1][1], second[1][1])
