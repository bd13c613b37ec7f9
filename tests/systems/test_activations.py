"""Activations and dropout: values and slopes at the places where they differ."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.testing import check_gradient
from tests.artefacts.lines import CARRIED
from tests.build import build
from tests.systems.runs import (
    fill,
    in_test,
    inner_product,
    input_of,
    layer,
    optdigits,
    solver_of,
    train_on,
)

DRAWS = 20000


def values_and_slopes(device, text, x, dtype=np.float64):
    """What a layer makes of ``x``, and the gradient where that of every element of its top is 1."""
    made, bottom, top = build(text, device, x, dtype=dtype)
    made.run_forward(bottom, top)
    top[0].diff[...] = 1
    made.run_backward(top, [True], bottom)
    return device.to_numpy(top[0].data), device.to_numpy(bottom[0].diff)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("kind", "steepest", "low"), [("Sigmoid", 0.25, 0), ("TanH", 1, -1)])
def test_squashers_are_steepest_at_0_and_do_not_overflow(device, kind, steepest, low, dtype):
    x = np.concatenate([[-1000, -88.8], np.linspace(-20, 20, 4001), [88.8, 1000]])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y, slope = values_and_slopes(device, f'type: "{kind}"', x, dtype)
    assert slope.max() == slope[2002] == steepest  # x is 0 there
    assert (slope[[2001, 2003]] < steepest).all() or dtype == np.float32
    assert (y[[0, -1]] == [low, 1]).all()
    assert (slope[[0, -1]] == 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_elu_at_four_places(device, dtype):
    """Of the smallest one float32 keeps four digits: as in the original, exp comes first."""
    y, slope = values_and_slopes(device, 'type: "ELU"', np.array([-2, -1e-3, 0, 1]), dtype)
    rtol = 1e-4 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(y, [-0.8646647167633873, -9.995001666250084e-4, 0, 1], rtol)
    np.testing.assert_allclose(slope, [0.1353352832366127, 0.9990004998333750, 1, 1], rtol)


def digits(kind, seed=1, fields=""):
    """A solver of a net of one hidden layer, and the digits that it has learned from."""
    net = input_of("x", 64, 64) + input_of("t", 64) + inner_product("x", "h", 32)
    net += layer(kind, "h", "a", fields) + inner_product("a", "y", 10)
    solver = solver_of(net + layer("SoftmaxWithLoss", "y t", "loss"), seed, momentum=0.9)
    return solver, optdigits()[0]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("shared", ["false", "true"])
def test_prelus_slopes_are_learned(shared, seed):
    solver, (x, t) = digits("PReLU", seed, f"prelu_param {{ channel_shared: {shared} }}")
    slopes = next(s.layer for s in solver.net.steps if s.layer.type == "PReLU").blobs[0].data
    assert (slopes == 0.25).all()
    train_on(solver, x, t, 100, seed)
    moved = np.abs(slopes - 0.25)
    assert np.isfinite(slopes).all()
    assert (moved > 1e-3).mean() > 0.9
    assert moved.max() > 0.05


SLICE_AND_MAX = """
layer { name: "cut" type: "Reshape" bottom: "x" top: "c" reshape_param {
  shape { dim: 0 dim: 4 dim: 3 } } }
layer { name: "slice" type: "Slice" bottom: "c" top: "c0" top: "c1" top: "c2"
  slice_param { axis: 2 } }
layer { name: "max" type: "Eltwise" bottom: "c0" bottom: "c1" bottom: "c2" top: "m"
  eltwise_param { operation: MAX } }
layer { name: "m" type: "Reshape" bottom: "m" top: "by_hand" reshape_param {
  shape { dim: 0 dim: 4 } } }
"""


def test_maxout_is_slice_and_maximum(rng):
    net = f"force_backward: true {input_of('x', 5, 12)} {input_of('t', 5, 4)}"
    net += layer("Maxout", "x", "y", "maxout_param { pieces: 3 }") + SLICE_AND_MAX
    x, t = rng.standard_normal((5, 12)), rng.standard_normal((5, 4))
    found = []
    for bottom in ("y", "by_hand"):
        made = solver_of(net + layer("EuclideanLoss", f"{bottom} t", "loss")).net
        fill(made, x=x, t=t)
        made.forward()
        made.backward()
        found.append((made.blobs[bottom].data.copy(), made.blobs["x"].diff.copy()))
    for mine, by_hand in zip(*found, strict=True):
        np.testing.assert_array_equal(mine, by_hand)
    assert (found[0][1] != 0).sum() == 20  # one of three


def test_maxout_of_two_pieces_has_the_gradient_of_the_absolute_value(device, rng):
    x = rng.uniform(0.1, 2, (6, 5, 1)) * rng.choice([-1, 1], (6, 5, 1))  # off the kink
    pieces = np.concatenate([x, -x], axis=2)
    text = 'type: "Maxout" maxout_param { axis: 2 }'
    y, slope = values_and_slopes(device, text, pieces)
    np.testing.assert_array_equal(y, np.abs(x))
    np.testing.assert_array_equal(slope[..., :1] - slope[..., 1:], np.sign(x))
    check_gradient(*build(text, device, pieces))


@pytest.mark.parametrize("ratio", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_dropout_keeps_the_mean(device, ratio, seed):
    device.rng.bit_generator.state = np.random.default_rng(seed).bit_generator.state
    x = np.array([-3, -0.1, 0.5, 1, 7])
    text = f'type: "Dropout" dropout_param {{ dropout_ratio: {ratio} }}'
    y, _ = values_and_slopes(device, text, np.tile(x, (DRAWS, 1)))
    error = np.abs(y.mean(axis=0) - x) / (np.abs(x) * np.sqrt(ratio / (1 - ratio) / DRAWS))
    assert error.max() < 3
    np.testing.assert_allclose(y[:, 4][y[:, 4] != 0], 7 / (1 - ratio), rtol=1e-6)


def test_dropout_does_nothing_in_test(device):
    """What the original gave for this definition is its input, bit for bit."""
    x = np.load(CARRIED / "opencv_dnn_caffe_refs/layers/blob.npy")
    text = 'type: "Dropout" phase: TEST dropout_param { dropout_ratio: 0.12345 }'
    y, _ = values_and_slopes(device, text, x, np.float32)
    assert y.tobytes() == x.tobytes()


def test_dropout_in_a_net_is_off_in_test():
    solver, (x, t) = digits("Dropout")
    for net, is_same in ((solver.net, False), (in_test(solver), True)):
        fill(net, x=x[:64], t=t[:64])
        losses = []
        for _ in range(3):
            net.forward()
            losses.append(net.blobs["loss"].data.item())
        assert len(set(losses)) == (1 if is_same else 3)
