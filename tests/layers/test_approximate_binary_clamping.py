"""ApproximateBinaryClamping: its formulas, its schedule, a resume, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError
from minicaffe.testing import check_gradient
from tests.build import build


def text(fields="", phase="TRAIN"):
    name = "approximate_binary_clamping_param"
    return f'type: "ApproximateBinaryClamping" phase: {phase} {name} {{ {fields} }}'


@pytest.mark.parametrize("in_place", [False, True])
def test_by_hand(device, in_place):
    x = np.array([-np.inf, -1, -0.0, 0, 0.5, 1.5, 2, 3, np.inf, np.nan])
    layer, bottom, top = build(text("width: 2"), device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    y = [0, 0, 0, 0, 0.25, 0.75, 1, 1, 1, np.nan]
    np.testing.assert_array_equal(device.to_numpy(top[0].data), y)
    top[0].diff[...] = 3
    layer.run_backward(top, [True], bottom)
    dx = [0, 0, 0, 0, 1.5, 1.5, 0, 0, 0, 0]
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff), dx)


@pytest.mark.parametrize("in_place", [False, True])
def test_bits_in_test(device, in_place):
    x = np.array([-np.inf, -1, 0, 1e-30, 0.5, np.inf, np.nan])
    layer, bottom, top = build(text(phase="TEST"), device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), [0, 0, 0, 1, 1, 1, np.nan])
    top[0].diff[...] = 3
    layer.run_backward(top, [True], bottom)
    assert (device.to_numpy(bottom[0].diff) == 0).all()


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("forwards", [0, 2])
def test_gradient(device, rng, in_place, forwards):
    x = rng.uniform(-1, 2, (2, 3, 5))
    built = build(text("decay: 0.5"), device, x, in_place=in_place)
    built[0].set_position({"forwards": forwards})
    check_gradient(*built)


def test_the_width_shrinks_and_a_resume_goes_on(device):
    definition = text("width: 8 decay: 0.5 step_size: 2 min_width: 1.5")
    x, found = np.array([1.0]), []
    layer, bottom, top = build(definition, device, x)
    for number in range(8):
        if number == 5:
            position = layer.position()
            layer, bottom, top = build(definition, device, x)
            layer.set_position(position)
        layer.run_forward(bottom, top)
        found.append(1 / device.to_numpy(top[0].data)[0])
    np.testing.assert_allclose(found, [8, 8, 4, 4, 2, 2, 1.5, 1.5])


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(), device, rng.standard_normal((2, 3)))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("width: 0", "width is 0, expected a finite number above 0"),
        ("decay: 2", "decay is 2, expected 0 < decay <= 1"),
        ("decay: 0", "decay is 0, expected"),
        ("step_size: 0", "step_size is 0, expected"),
        ("width: 1 min_width: 2", r"min_width is 2, expected above 0 and at most width \(1\)"),
        ("min_width: 0", "min_width is 0, expected above 0"),
    ],
)
def test_refuses(device, fields, message):
    with pytest.raises(LayerConfigError, match=message):
        build(text(fields), device, np.zeros(3))
