"""Each body of ``ops.rows`` against loops over rows."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import rows as ops
from tests import fake_cupy
from tests.cuda_on_cpu import Case

SHAPES = [(7, 5, 4), (3, 1, 64), (1, 9, 33), (50, 300, 70), (4, 0, 3), (5, 6, 0)]  # K, M, N
ROUNDING = {np.float32: {"rtol": 1e-5, "atol": 3e-5}, np.float64: {"rtol": 1e-12, "atol": 1e-13}}


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


@pytest.fixture(params=[np.float32, np.float64])
def dtype(request):
    return request.param


@pytest.fixture(params=["compiled", "numpy", "fake"])
def body(request):
    """(a function from an op to its body, a function from a numpy array to one for the body)"""
    if request.param == "compiled":
        return lambda op: op.compiled, np.copy
    xp = np if request.param == "numpy" else fake_cupy
    return lambda op: lambda *args: op.reference(xp, *args), xp.asarray


def got(array):
    return array.get() if isinstance(array, fake_cupy.ndarray) else array


def indices(rng, rows, count, dtype):
    return (rng.integers(0, rows, count) + rng.random(count) * 0.9).astype(dtype)


def test_take_rows(rng, shape, dtype, body):
    rows, count, width = shape
    run, put = body
    table, index = rng.standard_normal((rows, width)).astype(dtype), indices(rng, *shape[:2], dtype)
    y = put(np.full((count, width), 7, dtype))
    assert run(ops.take_rows)(put(table), put(index), y) == -1
    for m in range(count):
        np.testing.assert_array_equal(got(y[m]), table[int(index[m])])


@pytest.mark.parametrize(
    ("values", "bad"),
    [
        ([0, 1, 3, 4], 2),
        ([-1, 0], 0),
        ([-0.9, 2.9], -1),
        ([1, np.nan, 7], 1),
        ([1, 2, np.inf], 2),
        ([-np.inf], 0),
        ([2, 1e30], 1),
    ],
)
def test_the_first_bad_index_is_found(body, values, bad):
    run, put = body
    y = put(np.full((len(values), 2), 7.0))
    assert run(ops.take_rows)(put(np.ones((3, 2))), put(np.array(values, float)), y) == bad
    if put is not np.copy and bad >= 0:
        return  # nothing waits to see whether there is one
    assert (got(y) == (1 if bad < 0 else 7)).all()


def test_add_rows(rng, shape, dtype, body):
    rows, count, width = shape
    run, put = body
    index, dy = indices(rng, rows, count, dtype), rng.standard_normal((count, width)).astype(dtype)
    expected = np.full((rows, width), 3.0)
    for m in range(count):
        expected[int(index[m])] += dy[m]
    dtable = put(np.full((rows, width), 3, dtype))
    run(ops.add_rows)(put(index), put(dy), dtable)
    tolerance = 50 * np.finfo(dtype).eps
    np.testing.assert_allclose(got(dtable), expected, rtol=tolerance, atol=tolerance)


def test_nan_stays_in_its_row(body):
    run, put = body
    index, dy = np.array([0.0, 2, 0, 2, 1]), np.ones((5, 3))
    dy[1, 0] = np.nan
    dtable = put(np.zeros((4, 3)))
    run(ops.add_rows)(put(index), put(dy), dtable)
    expected = [[2, 2, 2], [1, 1, 1], [np.nan, 2, 2], [0, 0, 0]]
    np.testing.assert_array_equal(got(dtable), expected)


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for rows, count, width in [*SHAPES, (300, 400, 3), (3, 300, 2)]:
        index, table = indices(rng, rows, count, dtype), rng.standard_normal((rows, width))
        y, dy = np.full((count, width), 7, dtype), rng.standard_normal((count, width))
        table, dy = table.astype(dtype), dy.astype(dtype)
        name = str((rows, count, width))
        yield Case(ops.take_rows, (table, index, y), name)
        yield Case(ops.add_rows, (index, dy, table), name, **ROUNDING[dtype])
    for bad in ([0, 1, 3, 4], [-1, 0], [-0.9, 2.9], [1, np.nan, 7], [1, 2, np.inf], [2, 1e30]):
        some = [*bad, *[0] * (256 - len(bad))]
        index = np.array([*some, *some], dtype)  # a thread meets two that are bad
        args = np.ones((3, 2), dtype), index, np.ones((len(index), 2), dtype)
        yield Case(ops.take_rows, args, str(bad), refused=True)
