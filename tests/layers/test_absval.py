"""AbsVal: its formula, its gradient, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError
from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 5, 7)
TEXT = 'type: "AbsVal"'


def test_matches_reference(device, rng):
    x = rng.integers(-2, 3, X).astype(float)
    layer, bottom, top = build(TEXT, device, x)
    layer.run_forward(bottom, top)
    expected = [-v if v < 0 else v for v in x.reshape(-1)]
    np.testing.assert_array_equal(device.to_numpy(top[0].data).reshape(-1), expected)


def test_gradient(device, rng):
    x = rng.uniform(0.1, 1, X) * rng.choice([-1, 1], X)  # off the kink
    check_gradient(*build(TEXT, device, x))


def test_ends(device):
    x = np.array([0, np.inf, -np.inf, np.nan])
    layer, bottom, top = build(TEXT, device, x)
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), [0, np.inf, np.inf, np.nan])
    top[0].diff[...] = 3
    layer.run_backward(top, [True], bottom)
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff)[:3], [0, 3, -3])


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(TEXT, device, rng.standard_normal(X))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


def test_follows_its_bottom_to_other_shapes(device, rng):
    layer, bottom, top = build(TEXT, device, rng.standard_normal(X))
    for shape in [(4, 3, 5, 7), (3, 2)]:
        x = rng.standard_normal(shape)
        bottom[0].reshape(shape)
        bottom[0].data[...] = device.xp.asarray(x)
        layer.run_forward(bottom, top)
        np.testing.assert_array_equal(device.to_numpy(top[0].data), abs(x))


def test_refuses_to_work_in_place(device):
    with pytest.raises(LayerConfigError, match=r"^layer 'it' \(AbsVal\): top\[0\] is a bottom"):
        build(TEXT, device, np.ones(X), in_place=True)
