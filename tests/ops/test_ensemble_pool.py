"""``ops.ensemble_pool``: loops, and the compiled bodies against the references."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import ensemble_pool as ops
from minicaffe.ops.pooling import LOWEST, Window
from tests.cuda_on_cpu import Case

GEOMETRIES = {  # (N, C, *sizes), kernels, strides, pads
    "halving": ((2, 3, 6, 8), (2, 2), (2, 2), (0, 0)),
    "over the edge": ((2, 1, 7, 6), (3, 3), (2, 2), (0, 0)),
    "padded": ((1, 2, 5, 9), (3, 2), (2, 1), (1, 1)),
    "one element each": ((2, 3, 4, 5), (1, 1), (1, 1), (0, 0)),
    "one axis": ((2, 3, 9), (4,), (3,), (1,)),
    "three axes": ((1, 2, 3, 5, 4), (2, 3, 2), (1, 2, 2), (0, 1, 0)),
    "four axes": ((1, 2, 3, 4, 2, 5), (2, 2, 2, 3), (1, 2, 2, 2), (0, 0, 0, 0)),
    "no image": ((0, 3, 7, 6), (3, 3), (2, 2), (0, 0)),
}


@pytest.fixture(params=GEOMETRIES)
def geometry(request):
    shape, *sizes = GEOMETRIES[request.param]
    windows = tuple(
        Window(*axis, ceil=True, clip=any(sizes[2])) for axis in zip(shape[2:], *sizes, strict=True)
    )
    return shape, (*shape[:2], *(window.out for window in windows)), windows


def two(body, x, outs, windows):
    y, z = (np.full(outs, 7, x.dtype) for _ in range(2))
    index, second = (np.full(outs, 7, np.int32) for _ in range(2))
    body(x, y, index, z, second, windows)
    return y, index, z, second


def bodies(op):
    return [op.compiled, lambda *args: op.reference(np, *args)]


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_two_largest(rng, geometry, dtype, which):
    shape, outs, windows = geometry
    x = rng.integers(-3, 3, shape).astype(dtype)  # ties are many
    y, index, z, second = two(bodies(ops.two_largest)[which], x, outs, windows)
    for place in np.ndindex(outs):
        starts = [w.start(i) for w, i in zip(windows, place[2:], strict=True)]
        of = tuple(slice(max(s, 0), s + w.kernel) for s, w in zip(starts, windows, strict=True))
        values = np.sort(x[place[:2]][of].reshape(-1))
        plane = x[place[:2]].reshape(-1)
        assert y[place] == plane[index[place]] == values[-1]
        assert z[place] == plane[second[place]] == values[-2 if len(values) > 1 else -1]
        assert (index[place] == second[place]) == (len(values) == 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_compiled_and_reference_agree(rng, geometry, dtype):
    shape, outs, windows = geometry
    x = rng.integers(-3, 3, shape).astype(dtype)
    for value in (np.nan, -np.inf, np.inf):
        x[rng.random(shape) < 0.1] = value
    for found, right in zip(
        *(two(body, x, outs, windows) for body in bodies(ops.two_largest)), strict=True
    ):
        np.testing.assert_array_equal(found, right)
    for probability in (0, 0.3, 1):
        results = []
        for body in bodies(ops.ensemble_pool):
            y, index = np.full(outs, 7, dtype), np.full(outs, 7, np.int32)
            body(x, y, index, windows, probability, 0x0123456789ABCDEF)
            results.append((y, index))
        for found, right in zip(*results, strict=True):
            np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize("which", [0, 1])
def test_nothing_but_what_is_no_number(which):
    x = np.full((1, 2, 3, 4), np.nan, np.float32)
    window = Window(4, 4, 1, 0, ceil=True, clip=False)
    high = Window(3, 3, 1, 0, ceil=True, clip=False)
    y, index, z, second = two(bodies(ops.two_largest)[which], x, (1, 2, 1, 1), (high, window))
    assert (y == LOWEST).all()
    assert (z == LOWEST).all()
    assert (index == -1).all()
    assert (second == -1).all()


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for name, (shape, *sizes) in GEOMETRIES.items():
        windows = tuple(
            Window(*axis, ceil=True, clip=any(sizes[2]))
            for axis in zip(shape[2:], *sizes, strict=True)
        )
        outs = *shape[:2], *(window.out for window in windows)
        for values in (rng.integers(-3, 3, shape), rng.choice([np.nan, 1, -np.inf, np.inf], shape)):
            x = values.astype(dtype)
            y, z = np.full((2, *outs), 7, dtype)
            index, second = np.full((2, *outs), 7, np.int32)
            yield Case(ops.two_largest, (x, y, index, z, second, windows), name)
            for key in (0x0123456789ABCDEF, np.array([0x0123456789ABCDEF], np.uint64)):
                yield Case(ops.ensemble_pool, (x, y, index, windows, 0.3, key), name)
