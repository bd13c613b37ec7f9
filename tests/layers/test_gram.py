"""Gram: by hand, its gradient, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import ShapeError
from minicaffe.testing import check_gradient
from tests.build import build


def text(fields=""):
    return f'type: "Gram" gram_param {{ {fields} }}'


@pytest.mark.parametrize(("fields", "divisor"), [("", 6), ("normalize: false", 1)])
def test_by_hand(device, fields, divisor):
    x = np.array([[[[1.0, 2, 3]], [[4, 5, 6]]]])
    layer, bottom, top = build(text(fields), device, x)
    layer.run_forward(bottom, top)
    expected = np.array([[[14, 32], [32, 77]]]) / divisor
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected)


@pytest.mark.parametrize("fields", ["", "normalize: false"])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (3, 5), (2, 4, 3), (2, 3, 0)])
def test_gradient(device, rng, shape, fields):
    check_gradient(*build(text(fields), device, rng.standard_normal(shape)))


def test_does_not_see_where_things_are(device, rng):
    x = rng.standard_normal((2, 3, 20))
    grams = []
    for given in (x, x[:, :, rng.permutation(20)]):
        layer, bottom, top = build(text(), device, given)
        layer.run_forward(bottom, top)
        grams.append(device.to_numpy(top[0].data))
    np.testing.assert_allclose(*grams)


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(), device, rng.standard_normal((2, 3, 4)))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


def test_refuses_what_has_no_channels(device):
    with pytest.raises(ShapeError, match=r"\(3,\), expected \(N, C, ...\)"):
        build(text(), device, np.zeros(3))
