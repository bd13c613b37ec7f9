"""The spatial dropout that definitions of ENet name: found without a module, and what it does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

X = (40, 30, 3, 2)


def text(param_str="{'phase': 'TRAIN', 'p': '0.25'}", phase="TRAIN"):
    return (
        f'type: "Python" phase: {phase} python_param {{ module: "spatial_dropout" '
        f'layer: "SpatialDropoutLayer" param_str: "{param_str}" }}'
    )


@pytest.mark.parametrize("in_place", [False, True])
def test_drops_whole_channels(device, rng, in_place):
    x = rng.uniform(1, 2, X)
    layer, bottom, top = build(text(), device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    y = device.to_numpy(top[0].data).copy()
    kept = (y != 0).all(axis=(2, 3))
    assert abs(kept.mean() - 0.75) < 5 * np.sqrt(0.25 * 0.75 / kept.size)
    np.testing.assert_allclose(y, x * kept[:, :, None, None] / 0.75, rtol=1e-6)


@pytest.mark.parametrize(
    "definition", [text(phase="TEST"), text("{'phase': 'TEST', 'p': 0.5}"), text("p: 0")]
)
@pytest.mark.parametrize("in_place", [False, True])
def test_drops_nothing(device, rng, definition, in_place):
    x = rng.standard_normal((2, 3, 5))
    layer, bottom, top = build(definition, device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), x)
    top[0].diff[...] = 3
    layer.run_backward(top, [True], bottom)
    assert (device.to_numpy(bottom[0].diff) == 3).all()


def test_a_seed_repeats_what_is_drawn(device, rng):
    x = rng.uniform(1, 2, X)
    found = []
    for _ in range(2):
        layer, bottom, top = build(text(), replace(device, rng=np.random.default_rng(5)), x)
        for _ in range(2):
            layer.run_forward(bottom, top)
            found.append(device.to_numpy(top[0].data).copy())
    np.testing.assert_array_equal(found[0], found[2])
    assert (found[0] != found[1]).any()


@pytest.mark.parametrize("in_place", [False, True])
def test_gradient(device, rng, in_place):
    check_gradient(*build(text(), device, rng.standard_normal((2, 3, 5)), in_place=in_place))


@pytest.mark.parametrize(
    ("param_str", "message"),
    [
        ("{'p': 1}", "param_str has 1 for 'p', expected 0 <= p < 1"),
        ("{'p': 'x'}", "param_str has 'x' for 'p', expected a number"),
        ("{'phase': 'VAL'}", "param_str has 'VAL' for 'phase', expected 'TRAIN' or 'TEST'"),
        ("[1]", r"param_str is '\[1\]', expected names and values"),
    ],
)
def test_refuses(device, param_str, message):
    with pytest.raises(LayerConfigError, match=message):
        build(text(param_str), device, np.ones(X))


def test_refuses_what_has_no_channels(device):
    with pytest.raises(ShapeError, match=r"bottom\[0\] has shape \(4,\), expected \(N, C, ...\)"):
        build(text(), device, np.ones(4))
