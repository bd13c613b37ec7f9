"""MVN: against loops over rows, its gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

FORMS = {
    "channel": "",
    "channel, mean": "normalize_variance: false",
    "image": "across_channels: true",
    "image, mean": "across_channels: true normalize_variance: false",
    "eps": "eps: 0.5",
}
SHAPES = [(2, 3, 5, 4), (3, 2, 70), (2, 3, 4, 5, 2), (2, 5), (6,)]


def text(fields):
    return f'type: "MVN" mvn_param {{ {fields} }}'


def reference(x, param):
    """One row of the matrix after the other; missing axes count as 1."""
    rows = x.shape[0] if param.across_channels else int(np.prod(x.shape[:2]))
    y = []
    for row in x.reshape(rows, -1):
        scale = np.sqrt(np.mean((row - row.mean()) ** 2)) + param.eps
        y.append((row - row.mean()) / (scale if param.normalize_variance else 1))
    return np.reshape(y, x.shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("in_place", [False, True])
def test_matches_reference(device, rng, shape, form, in_place):
    x = rng.standard_normal(shape) * 3 + 2
    layer, bottom, top = build(text(FORMS[form]), device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    expected = reference(x, layer.param.mvn_param)
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (3, 2, 60)])
@pytest.mark.parametrize("form", list(FORMS)[:4])
@pytest.mark.parametrize("in_place", [False, True])
def test_gradient(device, rng, shape, form, in_place):
    check_gradient(*build(text(FORMS[form]), device, rng.standard_normal(shape), in_place=in_place))


@pytest.mark.parametrize("in_place", [False, True])
def test_gradient_takes_the_deviation_with_eps(device, rng, in_place):
    """The original's formula, which is exact for eps 0 alone: y is taken for the derivative."""
    x, dy = rng.standard_normal((2, 2, 3, 5))
    layer, bottom, top = build(text("eps: 0.5"), device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    top[0].diff[...] = device.xp.asarray(dy)
    layer.run_backward(top, [True], bottom)
    found = device.to_numpy(bottom[0].diff)
    for index in np.ndindex(2, 3):
        scale = x[index].std() + 0.5
        y = (x[index] - x[index].mean()) / scale
        expected = (dy[index] - dy[index].mean() - y * (dy[index] * y).mean()) / scale
        np.testing.assert_allclose(found[index], expected, rtol=1e-9)


def test_reference_numbers_of_the_original(device):
    layer, bottom, top = build(text(""), device, np.array([[[0.0, 2]]]))
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), [[[-1, 1]]], rtol=1e-8)


@pytest.mark.parametrize("fields", FORMS.values())
@pytest.mark.parametrize("in_place", [False, True])
def test_leaves_what_is_not_asked_for(device, rng, fields, in_place):
    layer, bottom, top = build(
        text(fields), device, rng.standard_normal((2, 3, 4)), in_place=in_place
    )
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


@pytest.mark.parametrize("fields", FORMS.values())
def test_follows_its_bottom_to_other_shapes(device, rng, fields):
    layer, bottom, top = build(text(fields), device, rng.standard_normal((2, 3, 4)), in_place=True)
    for shape in [(5, 2, 3, 4), (3, 7)]:
        x = rng.standard_normal(shape)
        bottom[0].reshape(shape)
        bottom[0].data[...] = device.xp.asarray(x)
        layer.run_forward(bottom, top)
        expected = reference(x, layer.param.mvn_param)
        np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 3, 0)])
def test_refuses_what_has_no_mean(device, shape):
    with pytest.raises(
        ShapeError, match=r"^layer 'it' \(MVN\): bottom.0. has shape .*no empty axis"
    ):
        build(text(""), device, np.ones(shape))
