"""What LSTM, RNN, GRU and MGU share: the carried state, what gets a gradient, refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

STATES = {"LSTM": 2, "RNN": 1, "GRU": 1, "MGU": 1}
STEPS, COUNT, INPUTS, UNITS = 6, 2, 5, 3
FILLERS = """weight_filler { type: "uniform" min: -1 max: 1 }
    bias_filler { type: "uniform" min: -1 max: 1 }"""


@pytest.fixture(params=list(STATES))
def kind(request):
    return request.param


def text(kind, fields="", outside=""):
    param = f"recurrent_param {{ num_output: {UNITS} {FILLERS} {fields} }}"
    return f'type: "{kind}" {param} {outside}'


@pytest.fixture
def x(rng):
    return rng.standard_normal((STEPS, COUNT, INPUTS))


def ones(x, *resets):
    """A cont that goes on everywhere but at the steps ``resets``."""
    cont = np.ones(x.shape[:2])
    cont[list(resets)] = 0
    return cont


class Runner:
    """A layer whose weights are those of others of its kind."""

    def __init__(self, kind, device, dtype=np.float64, outside=""):
        start = np.ones((1, COUNT, INPUTS)), np.ones((1, COUNT))
        definition = text(kind, outside=outside)
        self.layer, self.bottom, self.top = build(definition, device, *start, dtype=dtype)
        rng = np.random.default_rng(1)
        for blob in self.layer.blobs:
            blob.data[...] = device.xp.asarray(rng.standard_normal(blob.shape))
        self.device = device

    def __call__(self, *arrays):
        for blob, array in zip(self.bottom, arrays, strict=True):
            blob.reshape(array.shape)
            blob.data[...] = self.device.xp.asarray(array)
        self.layer.run_forward(self.bottom, self.top)
        return self.device.to_numpy(self.top[0].data).copy()

    def back(self, dy):
        """The gradients of x and of the parameters."""
        self.top[0].diff[...] = self.device.xp.asarray(dy)
        for blob in self.layer.blobs:
            blob.diff[...] = 0
        self.layer.run_backward(self.top, [True, False], self.bottom)
        blobs = self.bottom[0], *self.layer.blobs
        return [self.device.to_numpy(blob.diff).copy() for blob in blobs]


def same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("first", [1, 3, 4])
def test_state_is_carried_over_forwards_of_any_length(device, kind, x, first):
    cont = ones(x)
    whole = Runner(kind, device)(x, cont)
    run = Runner(kind, device)
    same(run(x[:first], cont[:first]), whole[:first])
    same(run(x[first:], cont[first:]), whole[first:])
    assert not np.allclose(Runner(kind, device)(x[first:], cont[first:]), whole[first:])


def test_in_test_too(device, kind, x):
    run = Runner(kind, device, outside="phase: TEST")
    assert not np.allclose(run(x, ones(x)), run(x, ones(x)))


def test_cont_0_makes_sequences_of_their_own(device, rng, kind, x):
    cut = 4
    dy = rng.standard_normal((STEPS, COUNT, UNITS))
    run = Runner(kind, device)
    run(x, ones(x))  # what it leaves must not be seen
    whole = run(x, ones(x, 0, cut))
    dx, *dparams = run.back(dy)
    total = [0] * len(dparams)
    for part in (slice(None, cut), slice(cut, None)):
        single = Runner(kind, device)
        same(single(x[part], ones(x[part])), whole[part])
        dx_part, *more = single.back(dy[part])
        same(dx_part, dx[part])
        total = [a + b for a, b in zip(total, more, strict=True)]
    for found, expected in zip(dparams, total, strict=True):
        same(found, expected)


def test_cont_is_of_one_sequence(device, kind, x):
    cont = ones(x)
    cont[3, 0] = 0
    plain, cut = Runner(kind, device)(x, ones(x)), Runner(kind, device)(x, cont)
    same(cut[:, 1], plain[:, 1])
    same(cut[:3, 0], plain[:3, 0])
    assert not np.allclose(cut[3, 0], plain[3, 0])


def test_another_number_of_sequences_begins_from_zeros(device, rng, kind, x):
    run = Runner(kind, device)
    run(x, ones(x))
    for count in (4, 1):
        other = rng.standard_normal((3, count, INPUTS))
        same(run(other, ones(other)), Runner(kind, device)(other, ones(other)))


def test_no_gradient_goes_before_the_first_step(device, rng, kind, x):
    """The gradient of a forward that goes on from another is that for a state that is given."""
    first, second = x[:2], x[2:]
    dy = rng.standard_normal((4, COUNT, UNITS))
    run = Runner(kind, device)
    run(first, ones(first))
    states = [device.to_numpy(blob.data).copy()[None] for blob in run.layer._states]
    run(second, ones(second))
    layer, bottom, top = build(
        text(kind, "expose_hidden: true"),
        device,
        second,
        ones(second),
        *states,
        tops=1 + STATES[kind],
    )
    for mine, other in zip(layer.blobs, run.layer.blobs, strict=True):
        mine.data[...] = other.data
    layer.run_forward(bottom, top)
    top[0].diff[...] = device.xp.asarray(dy)
    for blob in top[1:]:
        blob.diff[...] = 9  # not read
    for blob in (*bottom[2:], *layer.blobs):
        blob.diff[...] = 0 if blob in layer.blobs else 7
    layer.run_backward(top, [True, False, *[True] * STATES[kind]], bottom)
    expected = run.back(dy)
    for blob, other in zip((bottom[0], *layer.blobs), expected, strict=True):
        same(device.to_numpy(blob.diff), other)
    for blob in bottom[2:]:
        np.testing.assert_array_equal(device.to_numpy(blob.diff), 0)


def test_gradient_for_a_given_state(device, rng, kind, x):
    states = [rng.standard_normal((1, COUNT, UNITS)) for _ in range(STATES[kind])]
    tops = 1 + len(states)
    field = "expose_hidden: true"
    layer, bottom, top = build(text(kind, field), device, x, ones(x, 2), *states, tops=tops)
    layer.loss_weights = layer.loss_weights[:1]  # the other tops' gradients are not read
    check_gradient(layer, bottom, top[:1], checked=[0])


def test_gradient_after_changes_of_length(device, rng, kind, x):
    run = Runner(kind, device)
    run(x, ones(x, 0))
    for steps, count in ((1, COUNT), (4, 3)):
        other = rng.standard_normal((steps, count, INPUTS))
        run(other, ones(other, 0))
        check_gradient(run.layer, run.bottom, run.top, checked=[0])


def test_later_layers_may_overwrite_the_top(device, rng, kind, x):
    dy = rng.standard_normal((STEPS, COUNT, UNITS))
    clean, dirty = Runner(kind, device), Runner(kind, device)
    clean(x, ones(x))
    dirty(x, ones(x))
    dirty.top[0].data[...] = np.nan
    for found, expected in zip(dirty.back(dy), clean.back(dy), strict=True):
        same(found, expected)
    same(dirty(x, ones(x)), clean(x, ones(x)))


def test_backward_twice(device, rng, kind, x):
    dy = rng.standard_normal((STEPS, COUNT, UNITS))
    run = Runner(kind, device)
    run(x, ones(x))
    for found, expected in zip(run.back(dy), run.back(dy), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_resumed_run_goes_on_bit_for_bit(device, kind, x, dtype):
    run, resumed = Runner(kind, device, dtype), Runner(kind, device, dtype)
    assert run.layer.position() == {}
    run(x, ones(x))
    position = json.loads(json.dumps(run.layer.position()))
    assert len(position) == STATES[kind]
    resumed.layer.set_position(position)
    assert resumed.layer.position() == position
    np.testing.assert_array_equal(resumed(x, ones(x)), run(x, ones(x)))
    other = Runner(kind, device, dtype)
    other.layer.set_position({})
    assert not np.allclose(other(x, ones(x)), run(x, ones(x)))


def test_a_position_for_another_number_of_sequences_is_zeros(device, rng, kind, x):
    run, resumed = Runner(kind, device), Runner(kind, device)
    run(x, ones(x))
    resumed.layer.set_position(run.layer.position())
    other = rng.standard_normal((2, 4, INPUTS))
    same(resumed(other, ones(other)), Runner(kind, device)(other, ones(other)))


def test_what_is_given_has_no_position(device, rng, kind, x):
    states = [rng.standard_normal((1, COUNT, UNITS)) for _ in range(STATES[kind])]
    tops, field = 1 + len(states), "expose_hidden: true"
    layer, bottom, top = build(text(kind, field), device, x, ones(x), *states, tops=tops)
    layer.run_forward(bottom, top)
    assert layer.position() == {}


def test_propagate_down(device, rng, kind, x):
    static = rng.standard_normal((COUNT, 7))
    layer, bottom, top = build(text(kind), device, x, ones(x), static)
    layer.run_forward(bottom, top)
    top[0].diff[...] = 1
    blobs = *bottom, *layer.blobs
    for bottoms in ([False] * 3, [True, False, False], [False, False, True]):
        for index in range(len(layer.blobs) + 1):
            layer.param_propagate_down = [i == index for i in range(len(layer.blobs))]
            for blob in blobs:
                blob.diff[...] = 7
            layer.run_backward(top, bottoms, bottom)
            wanted = bottoms + layer.param_propagate_down
            changed = [bool((device.to_numpy(blob.diff) != 7).all()) for blob in blobs]
            assert changed == wanted
            assert [bool((device.to_numpy(b.diff) != 7).any()) for b in blobs] == wanted


def test_no_sequences(device, kind):
    layer, bottom, top = build(text(kind), device, np.ones((4, 0, 5)), np.ones((4, 0)))
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False], bottom)
    assert top[0].shape == (4, 0, UNITS)
    assert not any(device.to_numpy(blob.diff).any() for blob in layer.blobs)


@pytest.mark.parametrize(("phase", "warned"), [("TRAIN", True), ("TEST", False)])
def test_warns_of_weights_that_start_at_zero(device, x, kind, caplog, phase, warned):
    short = f'type: "{kind}" phase: {phase} recurrent_param {{ num_output: 3 debug_info: true }}'
    layer, _, _ = build(short, device, x, ones(x))
    assert not any(device.to_numpy(blob.data).any() for blob in layer.blobs)
    assert ("has no weight_filler" in caplog.text) == warned


def test_cont_gets_no_gradient(device, kind, x):
    flags = "propagate_down: true propagate_down: true"
    with pytest.raises(LayerConfigError, match=r"propagate_down is true for bottom\[1\]"):
        build(text(kind, outside=flags), device, x, ones(x))
    layer, bottom, top = build(text(kind), device, x, ones(x))
    assert [layer.allow_force_backward(index) for index in range(3)] == [True, False, True]
    layer.run_forward(bottom, top)
    with pytest.raises(LayerConfigError, match=r"propagate_down is true for bottom\[1\]"):
        layer.run_backward(top, [True, True], bottom)


@pytest.mark.parametrize("field", ["", "num_output: 0"])
def test_refuses_no_output(device, kind, x, field):
    with pytest.raises(LayerConfigError, match=r"num_output is .*, expected at least 1"):
        build(f'type: "{kind}" recurrent_param {{ {field} }}', device, x, ones(x))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((6, 2), (6, 2)), r"bottom\[0\] has shape \(6, 2\), expected \(T, N, ...\)"),
        (((0, 2, 5), (0, 2)), r"bottom\[0\] has shape \(0, 2, 5\), expected \(T, N, ...\)"),
        (((6, 2, 5), (6, 2, 1)), r"bottom\[1\] has shape \(6, 2, 1\), expected \(6, 2\)"),
        (((6, 2, 5), (2, 6)), r"bottom\[1\] has shape \(2, 6\), expected \(6, 2\)"),
        (((6, 2, 5), (12,)), r"bottom\[1\] has shape \(12,\), expected \(6, 2\)"),
        (((6, 2, 5), (6, 2), (3, 7)), r"bottom\[2\] has shape \(3, 7\), expected \(2, ...\)"),
        (((6, 2, 5), (6, 2), (2,)), r"bottom\[2\] has shape \(2,\), expected \(2, ...\)"),
    ],
)
def test_refuses_shapes(device, kind, shapes, message):
    with pytest.raises(ShapeError, match=message):
        build(text(kind), device, *map(np.ones, shapes))


@pytest.mark.parametrize("shape", [(COUNT, UNITS), (1, COUNT, 4), (1, 4, UNITS), (2, 1, UNITS)])
@pytest.mark.parametrize("static", [False, True])
def test_refuses_a_state_of_another_shape(device, kind, x, shape, static):
    states = [np.ones((1, COUNT, UNITS)) for _ in range(STATES[kind])]
    states[-1] = np.ones(shape)
    bottoms = [x, ones(x), *[np.ones((COUNT, 7))] * static, *states]
    message = rf"bottom\[{len(bottoms) - 1}\] has shape .*, expected \(1, 2, 3\)"
    with pytest.raises(ShapeError, match=message):
        build(text(kind, "expose_hidden: true"), device, *bottoms, tops=1 + len(states))


@pytest.mark.parametrize(("index", "shape"), [(0, (6, 2, 4)), (2, (2, 6))])
def test_refuses_other_inputs_later(device, kind, x, index, shape):
    layer, bottom, top = build(text(kind), device, x, ones(x), np.ones((2, 7)))
    bottom[index].reshape(shape)
    expected = (5, None, 7)[index]
    with pytest.raises(ShapeError, match=rf"bottom\[{index}\] has .*, expected {expected}: the w"):
        layer.run_forward(bottom, top)


@pytest.mark.parametrize(
    ("exposed", "bottoms", "tops", "message"),
    [
        (False, 4, 1, r"4 bottom blob\(s\), expected 2..3 \(x, cont, x_static or none\)"),
        (False, 2, 2, r"2 top blob\(s\), expected 1 \(y\): expose_hidden is false"),
        (True, 2, 3, r"2 bottom blob\(s\), expected .*h_0.*: expose_hidden is true"),
        (True, 4, 1, r"1 top blob\(s\), expected .*y, h_T.*: expose_hidden is true"),
    ],
)
def test_refuses_counts(device, kind, x, exposed, bottoms, tops, message):
    if exposed and STATES[kind] == 1:
        tops, bottoms = min(tops, 2), min(bottoms, 3)
    arrays = [x, ones(x), np.ones((2, 7)), np.ones((1, 2, 3))][:bottoms]
    field = "expose_hidden: true" if exposed else ""
    with pytest.raises(BlobCountError, match=message):
        build(text(kind, field), device, *arrays, tops=tops)


def test_refuses_in_place(device, kind, x):
    layer, bottom, _ = build(text(kind), device, x, ones(x))
    again = type(layer)(layer.param, device, np.float64)
    with pytest.raises(LayerConfigError, match="does not work in place"):
        again.initialize(bottom, bottom[:1])
