"""LRN: against loops over windows, numbers of the original, its gradients, what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

DEFINITIONS = {
    "default": "",
    "wider than the input": "local_size: 9 alpha: 2",
    "power": "local_size: 3 alpha: 0.5 beta: 0.6 k: 2",
    "alone": "local_size: 1 engine: CUDNN",
    "within": "norm_region: WITHIN_CHANNEL local_size: 3 alpha: 0.5",
    "within, power": "norm_region: WITHIN_CHANNEL local_size: 5 alpha: 2 beta: 0.5",
    "within, k ignored": "norm_region: WITHIN_CHANNEL local_size: 3 k: 3",
    "within, wider than the input": "norm_region: WITHIN_CHANNEL local_size: 11",
}


def reference(x, param):
    y = np.empty_like(x)
    half = param.local_size // 2
    within = param.norm_region == param.WITHIN_CHANNEL
    reach, k = ((0, half, half), 1.0) if within else ((half, 0, 0), param.k)
    for n, *place in np.ndindex(x.shape):
        around = tuple(slice(max(0, i - r), i + r + 1) for i, r in zip(place, reach, strict=True))
        mean = (x[n][around] ** 2).sum() / param.local_size ** (2 if within else 1)
        y[n, *place] = x[n, *place] / (k + param.alpha * mean) ** param.beta
    return y


@pytest.mark.parametrize("definition", DEFINITIONS)
@pytest.mark.parametrize("shape", [(2, 7, 4, 5), (1, 3, 6, 2)])
def test_matches_reference(device, rng, definition, shape):
    x = rng.standard_normal(shape)
    text = f'type: "LRN" lrn_param {{ {DEFINITIONS[definition]} }}'
    layer, bottom, top = build(text, device, x)
    layer.run_forward(bottom, top)
    expected = reference(x, layer.param.lrn_param)
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-12)


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_gradient(device, rng, definition):
    text = f'type: "LRN" lrn_param {{ {DEFINITIONS[definition]} }}'
    check_gradient(*build(text, device, rng.standard_normal((2, 7, 4, 3))))


@pytest.mark.parametrize(
    ("text", "shape", "expected"),
    [  # what the original gave
        ("k: 2", (1, 1, 1, 1), 0.5535833),
        ("k: 2 norm_region: WITHIN_CHANNEL", (1, 1, 5, 5), 0.5946036),
    ],
)
def test_numbers_of_the_original(device, text, shape, expected):
    layer, bottom, top = build(f'type: "LRN" lrn_param {{ {text} }}', device, np.ones(shape))
    layer.run_forward(bottom, top)
    y = device.to_numpy(top[0].data)
    np.testing.assert_allclose(y[0, 0, shape[2] // 2, shape[3] // 2], expected, rtol=1e-6)


@pytest.mark.parametrize("region", ["ACROSS_CHANNELS", "WITHIN_CHANNEL"])
def test_follows_its_bottom_to_other_shapes(device, rng, region):
    text = f'type: "LRN" lrn_param {{ norm_region: {region} local_size: 3 }}'
    layer, bottom, top = build(text, device, rng.standard_normal((2, 3, 4, 5)))
    for shape in [(3, 5, 6, 4), (1, 2, 3, 5)]:
        x = rng.standard_normal(shape)
        bottom[0].reshape(shape)
        bottom[0].data[...] = device.xp.asarray(x)
        layer.run_forward(bottom, top)
        expected = reference(x, layer.param.lrn_param)
        np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-12)


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build('type: "LRN"', device, rng.standard_normal((2, 3, 4, 5)))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


@pytest.mark.parametrize(
    ("text", "shape", "error", "message"),
    [
        ("local_size: 4", (1, 2, 3, 4), LayerConfigError, "local_size is 4, expected an odd"),
        ("local_size: 0", (1, 2, 3, 4), LayerConfigError, "local_size is 0, expected an odd"),
        ("", (2, 3), ShapeError, r"shape \(2, 3\), expected \(N, C, H, W\)"),
    ],
)
def test_refuses(device, text, shape, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(LRN\): .*{message}"):
        build(f'type: "LRN" lrn_param {{ {text} }}', device, np.ones(shape))


def test_refuses_to_work_in_place(device):
    with pytest.raises(LayerConfigError, match="LRN does not work in place"):
        build('type: "LRN"', device, np.ones((1, 2, 3, 4)), in_place=True)
