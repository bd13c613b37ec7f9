"""Each body of ``ops.roi_pooling`` gives what its reference gives, and that what loops give."""

from __future__ import annotations

from math import ceil, floor

import numpy as np
import pytest

from minicaffe.ops import roi_pooling as ops
from tests.cuda_on_cpu import Case

SHAPES = {  # (N, C, H, W), regions, bins, scale
    "usual": ((2, 3, 9, 13), 7, (3, 2), 0.25),
    "more bins than elements": ((3, 2, 4, 5), 6, (7, 6), 0.5),
    "one bin": ((1, 4, 6, 7), 5, (1, 1), 1.0),
    "one element": ((2, 3, 1, 1), 4, (2, 3), 0.0625),
    "no region": ((2, 3, 5, 4), 0, (2, 3), 1.0),
    "no channel": ((2, 0, 5, 4), 3, (2, 3), 1.0),
    "long": ((1, 2, 3, 61), 9, (2, 11), 1.0),
}
DTYPES = [np.float32, np.float64]


def regions(rng, shape, count, scale, dtype):
    """Inside, over edges, outside, ends before starts, halves; of image -0.9 to N - 0.1."""
    n, _, height, width = shape
    rois = rng.uniform(-0.5, 1.5, (count, 5)) * [0, width, height, width, height] / scale
    rois[::2, 1:] = np.round(rois[::2, 1:] * scale * 2) / 2 / scale
    rois[:, 0] = rng.uniform(-0.9, n - 0.1, count)
    rois[3:4] = [0, 1e30, -1e30, 1e30, 3e38]
    return rois.astype(dtype)


@pytest.fixture(params=SHAPES)
def name(request):
    return request.param


@pytest.fixture(params=DTYPES)
def dtype(request):
    return request.param


def arrays(rng, name, dtype):
    """x, rois, y, index, dy, dx, scale."""
    shape, count, bins, scale = SHAPES[name]
    x = rng.integers(-3, 3, shape).astype(dtype)  # integers, so that maxima tie
    x[rng.random(shape) < 0.1] = np.nan
    x[rng.random(shape) < 0.1] = -np.inf
    y = np.full((count, shape[1], *bins), 7, dtype)
    dy = rng.integers(-9, 9, y.shape).astype(dtype)  # in any order the sums are the same
    rois = regions(rng, shape, count, scale, dtype)
    return x, rois, y, np.full(y.shape, 7, np.int32), dy, np.full(shape, 7, dtype), scale


@pytest.mark.parametrize("body", ["compiled", "reference"])
def test_bodies_give_what_loops_give(rng, name, dtype, body):
    x, rois, y, index, dy, dx, scale = arrays(rng, name, dtype)
    right = by_loops(x, rois, y.shape, dy, scale)
    if body == "compiled":
        bad = ops.roi_pool.compiled(x, rois, y, index, scale)
        ops.roi_pool_grad.compiled(rois, dy, index, dx, scale)
    else:
        bad = ops.roi_pool.reference(np, x, rois, y, index, scale)
        ops.roi_pool_grad.reference(np, rois, dy, index, dx, scale)
    assert bad == -1
    for found, expected in zip((y, index, dx), right, strict=True):
        np.testing.assert_array_equal(found, expected)


def by_loops(x, rois, y_shape, dy, scale):
    """y, index and dx; what is rounded is so in the dtype of ``x``, as the original does it."""
    y, index, dx = np.zeros(y_shape, x.dtype), np.full(y_shape, -1, np.int32), np.zeros_like(x)
    for r, c, i, j in np.ndindex(y_shape):
        image, plane = int(rois[r, 0]), x[int(rois[r, 0]), c]
        rows = elements(rois[r, 2], rois[r, 4], x.dtype.type(scale), i, y_shape[2], plane.shape[0])
        columns = elements(
            rois[r, 1], rois[r, 3], x.dtype.type(scale), j, y_shape[3], plane.shape[1]
        )
        if rows and columns:
            y[r, c, i, j] = np.finfo(np.float32).min
        for h in rows:
            for w in columns:
                if plane[h, w] > y[r, c, i, j]:
                    y[r, c, i, j], index[r, c, i, j] = plane[h, w], h * plane.shape[1] + w
        if index[r, c, i, j] >= 0:
            dx[image, c].reshape(-1)[index[r, c, i, j]] += dy[r, c, i, j]
    return y, index, dx


def elements(start, end, scale, i, count, size):
    start, end = (half_away(float(at * scale)) for at in (start, end))
    each = type(scale)(max(end - start + 1, 1)) / type(scale)(count)
    first, past = floor(type(scale)(i) * each) + start, ceil(type(scale)(i + 1) * each) + start
    return range(max(first, 0), min(past, size))


def half_away(at):
    rounded = floor(abs(at)) + (abs(at) % 1 >= 0.5)
    return max(-(2**22), min(2**22, int(np.copysign(rounded, at))))


@pytest.mark.parametrize(
    ("place", "value", "bad"),
    [
        ((1, 0), 2, 5),
        ((2, 0), -1, 10),
        ((0, 0), np.nan, 0),
        ((1, 3), np.nan, 8),
        ((2, 4), np.inf, 14),
        ((0, 1), -np.inf, 1),
        ((1, 0), 1.9, -1),
        ((1, 0), -0.9, -1),
    ],
)
@pytest.mark.parametrize("body", ["compiled", "reference"])
def test_the_first_bad_number_is_found(place, value, bad, body):
    x, rois = np.zeros((2, 1, 3, 4)), np.zeros((3, 5))
    rois[place] = value
    rest = np.zeros((3, 1, 1, 1)), np.zeros((3, 1, 1, 1), np.int32), 1.0
    if body == "compiled":
        assert ops.roi_pool.compiled(x, rois, *rest) == bad
    else:
        assert ops.roi_pool.reference(np, x, rois, *rest) == bad


@pytest.mark.parametrize("at", [0.49999997, 0.5, 1.5, 2.5, -0.5, 8388609])
def test_halves_go_away_from_zero(at):
    ends = np.array([[at, at]], np.float32)
    low, high = ops.edges(np, ends, 1.0, 1, 2**30)
    assert low[0, 0] == max(0, half_away(at))
    assert high[0, 0] == max(0, half_away(at) + 1)


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for name in SHAPES:
        x, rois, y, index, dy, dx, scale = arrays(rng, name, dtype)
        yield Case(ops.roi_pool, (x, rois, y, index, scale), name, rtol=0, atol=0)
        ops.roi_pool.reference(np, x, rois, y, index, scale)
        yield Case(ops.roi_pool_grad, (rois, dy, index, dx, scale), name, rtol=0, atol=0)
    for place, value in [((60, 0), 2), ((99, 0), np.nan), ((98, 3), np.nan), ((0, 1), -np.inf)]:
        rois = np.zeros((100, 5), dtype)
        rois[place] = value
        y, index = np.zeros((100, 1, 1, 1), dtype), np.zeros((100, 1, 1, 1), np.int32)
        args = np.zeros((2, 1, 3, 4), dtype), rois, y, index, 1.0
        yield Case(ops.roi_pool, args, str(place), refused=True)
