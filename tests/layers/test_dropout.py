"""Dropout: what it keeps, in which phase, from which random numbers, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError
from minicaffe.testing import check_gradient
from tests.build import build

X = (4, 3, 7, 11)
TRAIN = 'type: "Dropout" dropout_param { dropout_ratio: 0.25 }'
TEST = TRAIN + "phase: TEST"


@pytest.mark.parametrize("in_place", [False, True])
def test_training_drops_and_scales(device, rng, in_place):
    x = rng.uniform(1, 2, X)
    layer, bottom, top = build(TRAIN, device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    y = device.to_numpy(top[0].data).copy()
    kept = y != 0
    np.testing.assert_allclose(y, kept * x / 0.75, rtol=1e-12)
    assert abs(kept.mean() - 0.75) < 5 * np.sqrt(0.25 * 0.75 / kept.size)
    dy = rng.uniform(1, 2, X)
    top[0].diff[...] = device.xp.asarray(dy)
    layer.run_backward(top, [True], bottom)
    np.testing.assert_allclose(device.to_numpy(bottom[0].diff), kept * dy / 0.75, rtol=1e-12)


def test_each_forward_draws_anew_and_a_seed_repeats_them(device, rng):
    x = rng.uniform(1, 2, X)

    def masks():
        seeded = replace(device, rng=np.random.default_rng(5))
        layer, bottom, top = build(TRAIN, seeded, x)
        for _ in range(2):
            layer.run_forward(bottom, top)
            yield device.to_numpy(top[0].data) != 0

    (first, second), (again, _) = list(masks()), list(masks())
    assert (first != second).any()
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("in_place", [False, True])
def test_testing_changes_nothing(device, rng, in_place):
    x, dy = rng.standard_normal(X), rng.standard_normal(X)
    before = device.rng.bit_generator.state
    layer, bottom, top = build(TEST, device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), x)
    top[0].diff[...] = device.xp.asarray(dy)
    layer.run_backward(top, [True], bottom)
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff), dy)
    assert device.rng.bit_generator.state == before


def test_testing_copies(device, rng):
    """What a later layer does to the top in place must not reach the bottom."""
    x = rng.standard_normal(X)
    layer, bottom, top = build(TEST, device, x)
    layer.run_forward(bottom, top)
    top[0].data[...] = 7
    np.testing.assert_array_equal(device.to_numpy(bottom[0].data), x)


FORKS = [  # fields, phase, whether it drops, factor to what is left
    ("scale_train: false", "TRAIN", True, 1),
    ("scale_train: false", "TEST", False, 0.75),
    ("sample_weights_test: true", "TEST", True, 1 / 0.75),
    ("sample_weights_test: true scale_train: false", "TEST", True, 1),
]


@pytest.mark.parametrize(("fields", "phase", "drops", "factor"), FORKS)
@pytest.mark.parametrize("in_place", [False, True])
def test_fields_of_forks(device, rng, fields, phase, drops, factor, in_place):
    x, dy = rng.uniform(1, 2, (2, *X))
    definition = f'type: "Dropout" phase: {phase} dropout_param {{ dropout_ratio: 0.25 {fields} }}'
    layer, bottom, top = build(definition, device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    y = device.to_numpy(top[0].data).copy()
    kept = y != 0
    assert drops == (not kept.all())
    np.testing.assert_allclose(y, kept * x * factor, rtol=1e-14)
    top[0].diff[...] = device.xp.asarray(dy)
    layer.run_backward(top, [True], bottom)
    np.testing.assert_allclose(device.to_numpy(bottom[0].diff), kept * dy * factor, rtol=1e-14)


def test_samples_in_test_differ(device, rng):
    definition = TEST.replace("0.25", "0.25 sample_weights_test: true")
    layer, bottom, top = build(definition, device, rng.uniform(1, 2, X))
    found = []
    for _ in range(2):
        layer.run_forward(bottom, top)
        found.append(device.to_numpy(top[0].data).copy())
    assert (found[0] != found[1]).any()


@pytest.mark.parametrize("text", [TRAIN, TEST])
@pytest.mark.parametrize("in_place", [False, True])
def test_gradient(device, rng, text, in_place):
    check_gradient(*build(text, device, rng.standard_normal((2, 3, 5)), in_place=in_place))


def test_ratio_zero_keeps_all(device, rng):
    x = rng.standard_normal(X)
    text = 'type: "Dropout" dropout_param { dropout_ratio: 0 }'
    layer, bottom, top = build(text, device, x)
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), x)


def test_follows_its_bottom_to_other_shapes(device, rng):
    layer, bottom, top = build(TRAIN, device, rng.standard_normal((2, 3)))
    for shape in [(5, 7), (3, 2, 5)]:
        bottom[0].reshape(shape)
        bottom[0].data[...] = 3
        layer.run_forward(bottom, top)
        top[0].diff[...] = 3
        layer.run_backward(top, [True], bottom)
        y = device.to_numpy(top[0].data)
        assert y.shape == shape
        np.testing.assert_array_equal(device.to_numpy(bottom[0].diff), y)
        assert set(y.reshape(-1)) == {0, 4}


@pytest.mark.parametrize("text", [TRAIN, TEST])
@pytest.mark.parametrize("in_place", [False, True])
def test_leaves_what_is_not_asked_for(device, rng, text, in_place):
    layer, bottom, top = build(text, device, rng.standard_normal(X), in_place=in_place)
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


@pytest.mark.parametrize("ratio", ["1", "1.5", "-0.1", "nan"])
@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_refuses(device, ratio, phase):
    message = r"^layer 'it' \(Dropout\): dropout_ratio is .*, expected 0 <= dropout_ratio < 1"
    text = f'type: "Dropout" phase: {phase} dropout_param {{ dropout_ratio: {ratio} }}'
    with pytest.raises(LayerConfigError, match=message):
        build(text, device, np.ones(X))
