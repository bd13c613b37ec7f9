"""Each compiled body of ``ops.loss`` gives what its reference gives."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import loss as ops
from tests.cuda_on_cpu import Case

COUNTS = [0, 1, 511, 513, 8193, 50001]  # around a block, a task, and what runs in parallel
SHAPES = [(3, 1, 1), (7, 37, 1), (2600, 10, 1), (2, 3, 5), (3, 21, 300), (2, 3, 9001), (0, 3, 4)]


@pytest.fixture(params=[np.float32, np.float64])
def dtype(request):
    return request.param


def tolerance(dtype):
    return {"rtol": 2e-5, "atol": 2e-6} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-13}


def check(op, inputs, output, dtype):
    """Both bodies on ``inputs``, which write what is shaped as ``output``."""
    found, expected = np.full_like(output, 7), np.full_like(output, 7)
    assert op.compiled(*inputs, found) == op.reference(np, *inputs, expected)
    np.testing.assert_allclose(found, expected, **tolerance(dtype))


@pytest.mark.parametrize("count", COUNTS)
def test_squared_distance(rng, count, dtype):
    x, y = rng.standard_normal((2, count)).astype(dtype)
    check(ops.squared_distance, [x, y], np.zeros(1), dtype)
    check(ops.scaled_difference, [x, y, 0.7], x, dtype)


@pytest.mark.parametrize("ignore", [np.nan, 0.0, -1.0])
@pytest.mark.parametrize("count", COUNTS)
def test_sigmoid_cross_entropy(rng, count, dtype, ignore):
    x = (rng.standard_normal(count) * 20).astype(dtype)
    target = rng.choice([0, 1, 0.4, -1.5], count).astype(dtype)
    check(ops.sigmoid_cross_entropy, [x, target, ignore], np.zeros(2), dtype)
    check(ops.sigmoid_cross_entropy_grad, [x, target, ignore, 0.7], x, dtype)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("count", [7, 50001])
def test_the_first_bad_target(dtype, count, bad):
    x, target = np.zeros(count, dtype), np.ones(count, dtype)
    for index in (count - 1, count // 2, count // 3, 0):
        target[index] = bad
        for body in (
            ops.sigmoid_cross_entropy.compiled,
            lambda *a: ops.sigmoid_cross_entropy.reference(np, *a),
        ):
            assert body(x, target, np.nan, np.zeros(2)) == index


@pytest.mark.parametrize("ignore", [np.nan, 0.0, 255.0])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_infogain_loss(rng, shape, dtype, ignore):
    outer, classes, inner = shape
    prob = rng.random(shape).astype(dtype) + dtype(0.01)
    prob[rng.random(shape) < 0.1] = 0  # and what is raised to LEAST
    label = (rng.integers(0, classes, (outer, inner)) + 0.75).astype(dtype)
    label.reshape(-1)[::3] = 0 if np.isnan(ignore) else ignore
    weight = rng.standard_normal((classes, classes)).astype(dtype)
    weight[rng.random(weight.shape) < 0.5] = 0
    check(ops.infogain_loss, [prob, label, ignore, weight], np.zeros(2), dtype)
    inputs = [prob, label, ignore, weight, weight.sum(axis=1), 0.7]
    check(ops.infogain_loss_grad, inputs, prob, dtype)


@pytest.mark.parametrize("bad", [-1, 3, np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("shape", [(5, 3, 1), (20000, 3, 1), (3, 3, 7), (3, 3, 9000)], ids=str)
def test_the_first_bad_label(shape, dtype, bad):
    outer, _, inner = shape
    prob, label, weight = np.ones(shape, dtype), np.zeros((outer, inner), dtype), np.eye(3)
    label.reshape(-1)[: outer * inner // 2] = 255
    for index in (outer * inner - 1, outer * inner // 2, outer * inner // 3, 0):
        label.reshape(-1)[index] = bad
        for body in (ops.infogain_loss.compiled, lambda *a: ops.infogain_loss.reference(np, *a)):
            assert body(prob, label, 255.0, weight.astype(dtype), np.zeros(2)) == index


def test_sums_do_not_depend_on_the_number_of_threads(rng):
    import numba

    x = rng.standard_normal(50001).astype(np.float32)
    totals, before = [], numba.get_num_threads()
    for count in (1, before):
        numba.set_num_threads(count)
        totals.append(np.zeros(3))
        ops.sigmoid_cross_entropy.compiled(x, x[::-1].copy(), np.nan, totals[-1][:2])
        ops.squared_distance.compiled(x, x[::-1].copy(), totals[-1][2:])
    np.testing.assert_array_equal(*totals)


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    close = {"rtol": 3e-5, "atol": 3e-6} if dtype == np.float32 else {"rtol": 1e-10}
    for count in (0, 1, 511, 6151):
        x, y = rng.standard_normal((2, count)).astype(dtype) * 20
        dx = np.full_like(x, 7)
        yield Case(ops.squared_distance, (x, y, np.full(1, 7.0)), f"{count}", **close)
        for factor in (0.7, np.array(0.7)):
            yield Case(ops.scaled_difference, (x, y, factor, dx), f"{count}", **close)
        for ignore in (np.nan, 0.0, -1.0):
            target = rng.choice([0, 1, 0.4, -1.5], count).astype(dtype)
            args = x, target, ignore, np.full(2, 7.0)
            yield Case(ops.sigmoid_cross_entropy, args, f"{count} {ignore}", **close)
            args = x, target, ignore, 0.7, dx
            yield Case(ops.sigmoid_cross_entropy_grad, args, f"{count} {ignore}", **close)
        if count:
            target[count // 2 :] = np.inf
            target[count // 2 + 1 :] = np.nan
            args = x, target, np.nan, np.full(2, 7.0)
            yield Case(ops.sigmoid_cross_entropy, args, "bad", refused=True)
    for shape in [(1, 1, 1), (5, 10, 1), (3, 301, 1), (2, 37, 3), (3, 5, 301), (200, 12, 1)]:
        outer, classes, inner = shape
        prob = rng.random(shape).astype(dtype) + dtype(0.01)
        prob[rng.random(shape) < 0.1] = 0
        weight, dx = rng.standard_normal((classes, classes)).astype(dtype), np.full_like(prob, 7)
        for ignore in (np.nan, 0.0, 255.0):
            label = (rng.integers(0, classes, (outer, inner)) + 0.75).astype(dtype)
            label.reshape(-1)[::3] = 0 if np.isnan(ignore) else ignore
            args = prob, label, ignore, weight, np.full(2, 7.0)
            yield Case(ops.infogain_loss, args, f"{shape} {ignore}", **close)
            args = prob, label, ignore, weight, weight.sum(axis=1), 0.7, dx
            yield Case(ops.infogain_loss_grad, args, f"{shape} {ignore}", **close)
        label.reshape(-1)[outer * inner // 2 :] = classes
        args = prob, label, np.nan, weight, np.full(2, 7.0)
        yield Case(ops.infogain_loss, args, f"{shape} bad", **close)
