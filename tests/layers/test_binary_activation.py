"""BinaryActivation: its formulas, its schedule, a resume, a recording, what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.cuda_graph import Recorded
from minicaffe.device import Device
from minicaffe.errors import LayerConfigError
from minicaffe.testing import check_gradient
from tests import fake_cupy
from tests.build import build

ENDS = np.array([-np.inf, -2, -1, -1e-30, -0.0, 0, 1e-30, 1, 1.5, np.inf, np.nan])
SIGNS = [-1, -1, -1, -1, 1, 1, 1, 1, 1, 1, np.nan]


def text(fields="", phase="TRAIN"):
    return f'type: "BinaryActivation" phase: {phase} binary_activation_param {{ {fields} }}'


def alphas(built, device, count):
    """alpha of each forward, from what 1e-3 becomes."""
    layer, bottom, top = built
    found = []
    for _ in range(count):
        bottom[0].data[...] = 1e-3
        layer.run_forward(bottom, top)
        found.append(np.arctanh(device.to_numpy(top[0].data)[0]) * 1e3)
    return found


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize(("fields", "phase"), [("", "TEST"), ("method: SIGN", "TRAIN")])
def test_the_sign(device, fields, phase, in_place):
    layer, bottom, top = build(text(fields, phase), device, ENDS, in_place=in_place)
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), SIGNS)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize(
    ("fields", "phase", "passes"),
    [
        ("method: SIGN", "TRAIN", [2, 3, 4, 5, 6, 7]),
        ("method: SIGN", "TEST", [2, 3, 4, 5, 6, 7]),
        ("", "TEST", []),
    ],
)
def test_the_gradient_of_the_sign(device, fields, phase, passes, in_place):
    layer, bottom, top = build(text(fields, phase), device, ENDS, in_place=in_place)
    layer.run_forward(bottom, top)
    top[0].diff[...] = 3
    layer.run_backward(top, [True], bottom)
    dx = np.zeros(11)
    dx[passes] = 3
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff), dx)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("forwards", [0, 3])
def test_gradient_of_tanh(device, rng, in_place, forwards):
    x = 0.3 * rng.standard_normal((2, 3, 5))
    built = build(text("alpha: 2 growth: 1.5"), device, x, in_place=in_place)
    built[0].set_position({"forwards": forwards})
    check_gradient(*built)


def test_alpha_grows(device):
    fields = "alpha: 0.5 growth: 2 step_size: 3 max_alpha: 3"
    built = build(text(fields), device, np.zeros(1))
    expected = [0.5] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    np.testing.assert_allclose(alphas(built, device, 12), expected, rtol=1e-9)


def test_alpha_ends_however_long_it_goes_on(device):
    built = build(text("growth: 10"), device, np.zeros(1))
    built[0].set_position({"forwards": 10**9})
    np.testing.assert_allclose(alphas(built, device, 1), 1000, rtol=1e-3)


def test_alpha_may_stay(device):
    built = build(text("alpha: 2"), device, np.zeros(1))
    np.testing.assert_allclose(alphas(built, device, 3), 2, rtol=1e-9)
    built = build(text("alpha: 2 growth: 1.5 max_alpha: 2"), device, np.zeros(1))
    np.testing.assert_allclose(alphas(built, device, 3), 2, rtol=1e-9)


def test_a_resume_goes_on(device):
    whole, first, second = (build(text("growth: 1.25"), device, np.zeros(1)) for _ in range(3))
    expected = alphas(whole, device, 7)
    found = alphas(first, device, 4)
    position = first[0].position()
    assert position == {"forwards": 4}
    second[0].set_position(position)
    assert found + alphas(second, device, 3) == expected


def test_a_test_net_has_no_position(device):
    assert build(text(phase="TEST"), device, np.zeros(1))[0].position() == {}


def test_a_recording_moves_on():
    """What a GPU does again from a graph gets the next alpha each time."""
    fake = Device(fake_cupy, 0, np.random.default_rng(1))
    with fake_cupy.cuda.Stream():
        layer, bottom, top = build(text("growth: 2"), fake, np.full(1, 0.25))
        layer.run_forward(bottom, top)
        found = [fake.to_numpy(top[0].data)[0]]
        recorded = Recorded(fake, lambda: layer.run_forward(bottom, top))
        for _ in range(3):
            recorded.run()
            found.append(fake.to_numpy(top[0].data)[0])
    np.testing.assert_allclose(found, np.tanh([0.25, 0.5, 1, 2]))
    assert layer.position() == {"forwards": 4}


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(), device, rng.standard_normal((2, 3)))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("alpha: 0", "alpha is 0, expected a finite number above 0"),
        ("alpha: inf max_alpha: inf", "alpha is inf, expected"),
        ("growth: 0.5", "growth is 0.5, expected a finite number of at least 1"),
        ("growth: nan", "growth is nan, expected"),
        ("step_size: 0", "step_size is 0, expected a number of forwards"),
        ("alpha: 3 max_alpha: 2", r"max_alpha is 2, expected at least alpha \(3\)"),
    ],
)
def test_refuses(device, fields, message):
    with pytest.raises(LayerConfigError, match=message):
        build(text(fields), device, np.zeros(3))
