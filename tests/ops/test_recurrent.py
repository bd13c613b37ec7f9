"""Each compiled body of ``ops.recurrent`` gives what its reference gives."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import recurrent as ops
from minicaffe.ops import recurrent_cpu
from minicaffe.ops.numba_cpu import threads
from tests.cuda_on_cpu import Case

# one worker; one step; shares of sequences; shares of units, more than divide them evenly
LSTM_SHAPES = [(3, 2, 5), (1, 3, 4), (5, 3, 70), (3, 9, 131)]
RNN_SHAPES = [(3, 2, 5), (1, 3, 4), (9, 5, 90), (3, 33, 131)]


@pytest.fixture(params=[np.float32, np.float64])
def dtype(request):
    return request.param


def pair(op, arguments, written):
    """The arrays at the places ``written`` after the compiled body, and after the reference."""
    results = []
    for body in (op.compiled, lambda *given: op.reference(np, *given)):
        given = [array.copy() for array in arguments]
        for index in written:
            if index not in READ_TOO[op]:
                given[index][...] = np.nan
        body(*given)
        for index, (before, after) in enumerate(zip(arguments, given, strict=True)):
            if index not in written:
                np.testing.assert_array_equal(after, before)
        results.append([given[index] for index in written])
    return zip(*results, strict=True)


READ_TOO = {  # of what is written
    ops.lstm_unit: (),
    ops.lstm_unit_grad: (),
    ops.lstm: (2, 3, 4),
    ops.lstm_grad: (),
    ops.rnn: (2, 3),
    ops.rnn_grad: (3,),
}


def check(op, arguments, written):
    dtype = arguments[0].dtype
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    for found, expected in pair(op, arguments, written):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.fixture
def make(rng, dtype):
    def arrays(*shapes):
        return [(2 * rng.standard_normal(shape)).astype(dtype) for shape in shapes]

    return arrays


def indicators(rng, shape, dtype):
    return rng.choice([0, 0.5, 1, 1], shape).astype(dtype)


def weights(rng, gates, units, dtype):
    return (rng.standard_normal((gates * units, units)) / units**0.5).astype(dtype)


def test_shapes_cover_each_way_to_share():
    many = threads()
    for gates, shapes in ((4, LSTM_SHAPES), (1, RNN_SHAPES)):
        for index, (steps, count, units) in enumerate(shapes):
            w = np.empty((gates * units, units))
            shares = (1, 1, min(many, count), many)[index]
            assert recurrent_cpu._shares(steps, w, count) == (shares, index == 3)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (7, 130), (0, 4)], ids=str)
def test_lstm_unit(rng, make, dtype, shape):
    count, units = shape
    x, c_prev, room, c, h = make((count, 4 * units), shape, (count, 4 * units), shape, shape)
    cont = indicators(rng, count, dtype)
    check(ops.lstm_unit, [x, cont, c_prev, room, c, h], [3, 4, 5])
    ops.lstm_unit.compiled(x, cont, c_prev, room, c, h)
    dc, dh, dc_prev = make(shape, shape, shape)
    check(ops.lstm_unit_grad, [cont, c_prev, room, c, dc, dh, x, dc_prev], [6, 7])
    expected = dc_prev.copy()
    ops.lstm_unit_grad.compiled(cont, c_prev, room, c, dc, dh, x, expected)
    ops.lstm_unit_grad.compiled(cont, c_prev, room, c, dc, dh, x, dc)
    np.testing.assert_array_equal(dc, expected)
    before = make((count, 4 * units))[0]
    in_place, apart = before.copy(), before.copy()
    ops.lstm_unit.compiled(in_place, cont, c_prev, in_place, c, h)
    ops.lstm_unit.compiled(before, cont, c_prev, apart, c, h)
    np.testing.assert_array_equal(in_place, apart)


@pytest.mark.parametrize("shape", LSTM_SHAPES, ids=str)
def test_lstm(rng, make, dtype, shape):
    steps, count, units = shape
    cont, w = indicators(rng, shape[:2], dtype), weights(rng, 4, units, dtype)
    h, c = make((count, units), (count, units))
    gates, inputs, cells, y = make(
        (steps, count, 4 * units), shape, (steps + 1, count, units), shape
    )
    arguments = [cont, w, h, c, gates, inputs, cells, y]
    check(ops.lstm, arguments, [2, 3, 4, 5, 6, 7])
    ops.lstm.compiled(*arguments)
    dy, dgates = make(shape, gates.shape)
    check(ops.lstm_grad, [cont, w, gates, cells, dy, dgates], [5])


@pytest.mark.parametrize("shape", RNN_SHAPES, ids=str)
def test_rnn(rng, make, dtype, shape):
    cont, w = indicators(rng, shape[:2], dtype), weights(rng, 1, shape[2], dtype)
    h, states, inputs, dstates = make(shape[1:], shape, shape, shape)
    check(ops.rnn, [cont, w, h, states, inputs], [2, 3, 4])
    ops.rnn.compiled(cont, w, h, states, inputs)
    check(ops.rnn_grad, [cont, w, states, dstates], [3])


def test_nan_spreads_along_its_sequence_until_a_reset_cannot_stop_it(dtype):
    """0 * NaN is NaN, so that cont alone does not end it; other sequences are clean."""
    cont = np.array([[1, 1], [1, 1], [0, 1]], dtype)
    w = np.full((12, 3), 0.1, dtype)
    for body in (ops.lstm.compiled, lambda *given: ops.lstm.reference(np, *given)):
        h, c, gates = np.zeros((2, 3), dtype), np.zeros((2, 3), dtype), np.ones((3, 2, 12), dtype)
        gates[1, 0, 0] = np.nan
        y = np.zeros((3, 2, 3), dtype)
        body(cont, w, h, c, gates, y.copy(), np.zeros((4, 2, 3), dtype), y)
        assert np.isfinite(y[0]).all()
        assert np.isfinite(y[:, 1]).all()
        assert np.isnan(y[1, 0, 0])
        assert np.isnan(y[2, 0]).all()


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""

    def make(*shapes):
        return [(2 * rng.standard_normal(shape)).astype(dtype) for shape in shapes]

    close = {"rtol": 1e-5, "atol": 1e-5} if dtype == np.float32 else {}
    for count, units in [(1, 1), (3, 5), (7, 130), (0, 4)]:
        cell, wide = (count, units), (count, 4 * units)
        x, c_prev, gates, c, h, dc, dh = make(wide, cell, wide, cell, cell, cell, cell)
        cont = indicators(rng, count, dtype)
        yield Case(ops.lstm_unit, (x, cont, c_prev, gates, c, h), f"{cell}", **close)
        yield Case(ops.lstm_unit, (x, cont, c_prev, x, c, h), f"{cell} in place", **close)
        for dc_prev in (dc, h):
            args = cont, c_prev, gates, c, dc, dh, x, dc_prev
            yield Case(ops.lstm_unit_grad, args, f"{cell}", **close)
    for shape in LSTM_SHAPES[:3]:
        steps, count, units = shape
        cont, w = indicators(rng, shape[:2], dtype), weights(rng, 4, units, dtype)
        h, c, gates, inputs, cells, y, dy, dgates = make(
            *(shape[1:], shape[1:], (steps, count, 4 * units), shape, (steps + 1, *shape[1:])),
            *(shape, shape, (steps, count, 4 * units)),
        )
        yield Case(ops.lstm, (cont, w, h, c, gates, inputs, cells, y), f"{shape}", **close)
        gates = rng.random(gates.shape).astype(dtype)  # gradients stay in bounds
        yield Case(ops.lstm_grad, (cont, w, gates, cells, dy, dgates), f"{shape}", **close)
    for shape in RNN_SHAPES[:3]:
        cont, w = indicators(rng, shape[:2], dtype), weights(rng, 1, shape[2], dtype)
        h, states, inputs, dstates = make(shape[1:], shape, shape, shape)
        yield Case(ops.rnn, (cont, w, h, states, inputs), f"{shape}", **close)
        yield Case(ops.rnn_grad, (cont, w, states / 4, dstates), f"{shape}", **close)
