"""SpatialDropout: whole channels, in which phase, from which random numbers, what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

X = (40, 30, 3, 2)


def text(fields="", phase="TRAIN"):
    more = f"dropout_param {{ dropout_ratio: 0.25 {fields} }}"
    return f'type: "SpatialDropout" phase: {phase} {more}'


OWN = 'type: "SpatialDropout" phase: TRAIN spatial_dropout_param { dropout_ratio: 0.25 }'


def test_refuses_two_ratios(device):
    both = text() + " spatial_dropout_param { dropout_ratio: 0.5 }"
    with pytest.raises(LayerConfigError, match="dropout_ratio is given in dropout_param and in"):
        build(both, device, np.ones(X))


def channels_kept(y):
    """(N, C) whether a channel is kept; each is so whole."""
    kept = (y != 0).all(axis=(2, 3))
    assert (kept | (y == 0).all(axis=(2, 3))).all()
    return kept


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize(
    ("definition", "factor"),
    [
        (text(), 1 / 0.75),
        (text("scale_train: false"), 1),
        (OWN, 1 / 0.75),
        (text("sample_weights_test: true", "TEST"), 1 / 0.75),
        (text("sample_weights_test: true scale_train: false", "TEST"), 1),
    ],
)
def test_drops_whole_channels(device, rng, definition, factor, in_place):
    x, dy = rng.uniform(1, 2, (2, *X))
    layer, bottom, top = build(definition, device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    y = device.to_numpy(top[0].data).copy()
    kept = channels_kept(y)
    assert abs(kept.mean() - 0.75) < 5 * np.sqrt(0.25 * 0.75 / kept.size)
    assert (kept != kept[0]).any()  # each item by itself
    np.testing.assert_allclose(y, x * kept[:, :, None, None] * factor, rtol=1e-12)
    top[0].diff[...] = device.xp.asarray(dy)
    layer.run_backward(top, [True], bottom)
    expected = dy * kept[:, :, None, None] * factor
    np.testing.assert_allclose(device.to_numpy(bottom[0].diff), expected, rtol=1e-12)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize(("fields", "factor"), [("", 1), ("scale_train: false", 0.75)])
def test_testing_drops_nothing(device, rng, fields, factor, in_place):
    x = rng.standard_normal((2, 3, 5))
    before = device.rng.bit_generator.state
    layer, bottom, top = build(text(fields, "TEST"), device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), x * factor)
    top[0].diff[...] = device.xp.asarray(x)
    layer.run_backward(top, [True], bottom)
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff), x * factor)
    assert device.rng.bit_generator.state == before


def test_each_forward_draws_anew_and_a_seed_repeats_them(device, rng):
    x = rng.uniform(1, 2, X)

    def runs():
        layer, bottom, top = build(text(), replace(device, rng=np.random.default_rng(5)), x)
        for _ in range(2):
            layer.run_forward(bottom, top)
            yield channels_kept(device.to_numpy(top[0].data))

    (first, second), (again, _) = list(runs()), list(runs())
    assert (first != second).any()
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("shape", [(2, 3, 5, 2), (3, 4)])
def test_gradient(device, rng, in_place, shape):
    check_gradient(*build(text(), device, rng.standard_normal(shape), in_place=in_place))


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(), device, rng.standard_normal((2, 3, 5)))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


def test_takes_nothing(device):
    layer, bottom, top = build(text(), device, np.zeros((0, 3, 2)))
    layer.run_forward(bottom, top)
    assert top[0].shape == (0, 3, 2)


@pytest.mark.parametrize("ratio", ["1", "-0.1", "nan"])
def test_refuses_a_ratio(device, ratio):
    definition = f'type: "SpatialDropout" dropout_param {{ dropout_ratio: {ratio} }}'
    message = (
        r"^layer 'it' \(SpatialDropout\): dropout_ratio is .*, expected 0 <= dropout_ratio < 1"
    )
    with pytest.raises(LayerConfigError, match=message):
        build(definition, device, np.ones(X))


def test_refuses_what_has_no_channels(device):
    with pytest.raises(ShapeError, match=r"bottom\[0\] has shape \(4,\), expected \(N, C, ...\)"):
        build(text(), device, np.ones(4))
