"""Each compiled body of ``ops.softmax`` gives what its reference gives."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import softmax as ops
from tests.cuda_on_cpu import Case

SHAPES = [  # around the lanes of a row, the positions of a stretch, and what runs in parallel
    (3, 1, 1),
    (5, 16, 1),
    (7, 37, 1),
    (1, 17000, 1),
    (2600, 10, 1),
    (2, 3, 5),
    (3, 4, 256),
    (2, 3, 257),
    (3, 21, 300),
    (1, 2, 20000),
    (0, 3, 4),
]
DTYPES = [np.float32, np.float64]


def tolerance(dtype):
    return {"rtol": 4e-6, "atol": 1e-7} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-15}


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


@pytest.fixture(params=DTYPES)
def dtype(request):
    return request.param


def pair(op, inputs, outputs):
    """The outputs of the compiled body, and those of the reference."""
    compiled, reference = ([np.full_like(out, 7) for out in outputs] for _ in range(2))
    results = op.compiled(*inputs, *compiled), op.reference(np, *inputs, *reference)
    assert results[0] == results[1]
    return zip(compiled, reference, strict=True)


@pytest.mark.parametrize("scale", [1, 60])
def test_softmax(rng, shape, dtype, scale):
    x = (rng.standard_normal(shape) * scale).astype(dtype)
    for found, expected in pair(ops.softmax, [x], [x]):
        np.testing.assert_allclose(found, expected, **tolerance(dtype))
    y = x.copy()
    ops.softmax.compiled(y, y)
    for _, expected in pair(ops.softmax, [x], [x]):
        np.testing.assert_allclose(y, expected, **tolerance(dtype))


def test_softmax_grad(rng, shape, dtype):
    y, dy = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    scale = 1e-5 * shape[1] if dtype == np.float32 else 1e-12
    for found, expected in pair(ops.softmax_grad, [y, dy], [y]):
        np.testing.assert_allclose(
            found, expected, rtol=1e-4 if scale > 1e-9 else 1e-10, atol=scale
        )
    dx = dy.copy()
    ops.softmax_grad.compiled(y, dx, dx)
    for found, _ in pair(ops.softmax_grad, [y, dy], [y]):
        np.testing.assert_array_equal(dx, found)


@pytest.mark.parametrize("ignore", [np.nan, 0.0, 255.0])
def test_softmax_loss(rng, shape, dtype, ignore):
    outer, classes, inner = shape
    x = rng.standard_normal(shape).astype(dtype)
    label = (rng.integers(0, classes, (outer, inner)) + 0.75).astype(dtype)
    label.reshape(-1)[::3] = 0 if np.isnan(ignore) else ignore
    outputs = [x, np.zeros(2)]
    results = list(pair(ops.softmax_loss, [x, label, ignore], outputs))
    for found, expected in results:
        np.testing.assert_allclose(found, expected, rtol=2e-6 if dtype == np.float32 else 1e-12)
    prob = results[0][0]
    for found, expected in pair(ops.softmax_loss_grad, [prob, label, ignore, 0.7], [x]):
        np.testing.assert_allclose(found, expected, **tolerance(dtype))


@pytest.mark.parametrize("bad", [-1, 3, np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("shape", [(5, 3, 1), (20000, 3, 1), (3, 3, 7), (3, 3, 9000)], ids=str)
def test_the_first_bad_label(shape, dtype, bad):
    outer, _, inner = shape
    x, label, ignore = np.zeros(shape, dtype), np.zeros((outer, inner), dtype), 255.0
    label.reshape(-1)[: outer * inner // 2] = 255
    for index in (outer * inner - 1, outer * inner // 2, outer * inner // 3, 0):
        label.reshape(-1)[index] = bad
        for body in (ops.softmax_loss.compiled, lambda *a: ops.softmax_loss.reference(np, *a)):
            assert body(x, label, ignore, x.copy(), np.zeros(2)) == index


def test_sums_do_not_depend_on_the_number_of_threads(rng):
    import numba

    x = rng.standard_normal((3, 5, 9000)).astype(np.float32)
    label = rng.integers(0, 5, (3, 9000)).astype(np.float32)
    totals, before = [], numba.get_num_threads()
    for count in (1, before):
        numba.set_num_threads(count)
        totals.append(np.zeros(2))
        ops.softmax_loss.compiled(x, label, np.nan, x.copy(), totals[-1])
    np.testing.assert_array_equal(*totals)


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    close, one = tolerance(dtype), {"rtol": 1e-4, "atol": 1e-6}
    # lanes: 1, 16 and 256 side by side; few positions of many classes; neighbours; rounds
    for shape in [(1, 1, 1), (5, 10, 1), (3, 701, 1), (2, 37, 3), (3, 5, 301), (200, 12, 1)]:
        outer, classes, inner = shape
        x, dy = (rng.standard_normal(shape) * 3).astype(dtype), rng.standard_normal(shape)
        y, dy = np.full_like(x, 7), dy.astype(dtype)
        yield Case(ops.softmax, (x, y), f"{shape}", **close)
        yield Case(ops.softmax, (x, x), f"{shape} in place", **close)
        yield Case(ops.softmax, (x * 40, y), f"{shape} far apart", **close)
        prob = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
        yield Case(ops.softmax_grad, (prob, dy, y), f"{shape}", **one)
        yield Case(ops.softmax_grad, (prob, dy, dy), f"{shape} in place", **one)
        for ignore in (np.nan, 0.0, 255.0):
            label = (rng.integers(0, classes, (outer, inner)) + 0.75).astype(dtype)
            label.reshape(-1)[::3] = 0 if np.isnan(ignore) else ignore
            args = x, label, ignore, y, np.full(2, 7.0)
            yield Case(ops.softmax_loss, args, f"{shape} {ignore}", **close)
            for factor in (0.7, np.array(0.7), np.array(0.7, np.float32)):
                args = prob, label, ignore, factor, y
                yield Case(ops.softmax_loss_grad, args, f"{shape} {ignore}", **close)
            for bad in (-1, classes, np.nan, np.inf, 1e30):
                wrong = label.copy()
                wrong.reshape(-1)[outer * inner // 2 :] = bad
                args = x, wrong, ignore, y, np.full(2, 7.0)
                yield Case(ops.softmax_loss, args, f"{shape} {ignore} {bad}", **close)
    empty = np.empty((0, 3, 4), dtype), np.empty((0, 4), dtype)
    args = *empty, np.nan, np.empty((0, 3, 4), dtype), np.full(2, 7.0)
    yield Case(ops.softmax_loss, args, "none")
