"""Both bodies of ``ops.psroi_pooling`` give what loops give."""

from __future__ import annotations

from math import ceil, floor

import numpy as np
import pytest

from minicaffe.ops import psroi_pooling as ops
from tests.cuda_on_cpu import Case

SHAPES = {  # N, outputs, bins, (H, W), regions, scale
    "usual": (2, 3, 2, (9, 13), 7, 0.25),
    "more bins than elements": (3, 2, 5, (3, 4), 6, 0.5),
    "one bin": (1, 4, 1, (6, 7), 5, 1.0),
    "one element": (2, 3, 2, (1, 1), 4, 0.0625),
    "no region": (2, 1, 3, (5, 4), 0, 1.0),
    "long": (1, 2, 3, (2, 61), 9, 1.0),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("body", ["compiled", "reference"])
def test_bodies_give_what_loops_give(rng, name, dtype, body):
    x, rois, dy, scale = arrays(rng, name, dtype)
    y, dx = np.full_like(dy, 7), np.full_like(x, 7)
    y_right, dx_right = by_loops(x, rois, dy, scale)
    xp = () if body == "compiled" else (np,)
    assert getattr(ops.psroi_pool, body)(*xp, x, rois, y, scale) == -1
    getattr(ops.psroi_pool_grad, body)(*xp, rois, dy, dx, scale)
    np.testing.assert_allclose(y, y_right, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(dx, dx_right, rtol=1e-5, atol=1e-5)


def arrays(rng, name, dtype):
    """x, rois, dy, scale."""
    n, outputs, bins, (height, width), count, scale = SHAPES[name]
    x = rng.integers(-9, 9, (n, outputs * bins * bins, height, width)).astype(dtype)
    rois = rng.uniform(-0.5, 1.5, (count, 5)) * [0, width, height, width, height] / scale
    rois[::2, 1:] = np.round(rois[::2, 1:] * 2) / 2  # halves
    rois[:, 0] = rng.uniform(-0.9, n - 0.1, count)
    rois[3:4] = [0, 1e30, -1e30, 1e30, 3e38]
    rois = rois.astype(dtype)
    dy = rng.integers(-9, 9, (count, outputs, bins, bins)).astype(dtype)
    return x, rois, dy, scale


def by_loops(x, rois, dy, scale):
    y, dx = np.zeros_like(dy), np.zeros(x.shape)
    bins = dy.shape[2]
    for r, d, i, j in np.ndindex(dy.shape):
        c, number = (d * bins + i) * bins + j, int(rois[r, 0])
        rows = elements(rois[r, 2], rois[r, 4], scale, i, bins, x.shape[2])
        columns = elements(rois[r, 1], rois[r, 3], scale, j, bins, x.shape[3])
        places = [(h, w) for h in rows for w in columns]
        for h, w in places:
            y[r, d, i, j] += x[number, c, h, w] / len(places)
            dx[number, c, h, w] += dy[r, d, i, j] / len(places)
    return y, dx


def elements(start, end, scale, i, bins, size):
    kind = type(start)
    first = kind(half_away(float(start))) * kind(scale)
    past = kind(half_away(float(end)) + 1) * kind(scale)
    first, past = (kind(max(-(2**22), min(2**22, at))) for at in (first, past))
    each = max(kind(past - first), kind(0.1)) / kind(bins)
    low, high = floor(kind(i) * each + first), ceil(kind(i + 1) * each + first)
    return range(min(max(low, 0), size), min(max(high, 0), size))


def half_away(at):
    return float(np.copysign(floor(abs(at)) + (abs(at) % 1 >= 0.5), at))


@pytest.mark.parametrize("body", ["compiled", "reference"])
def test_what_is_outside_a_bin_cannot_spoil_it(body):
    x = np.full((1, 4, 3, 5), np.nan)
    x[:, :, 1, 2] = 6
    y = np.zeros((1, 1, 2, 2))
    xp = () if body == "compiled" else (np,)
    getattr(ops.psroi_pool, body)(*xp, x, np.array([[0.0, 2, 1, 2, 1]]), y, 1.0)
    np.testing.assert_array_equal(y, np.full((1, 1, 2, 2), 6))


@pytest.mark.parametrize(
    ("place", "value", "bad"),
    [((1, 0), 2, 5), ((2, 0), -1, 10), ((1, 3), np.nan, 8), ((0, 1), -np.inf, 1)],
)
@pytest.mark.parametrize("body", ["compiled", "reference"])
def test_the_first_bad_number_is_found(place, value, bad, body):
    rois = np.zeros((3, 5))
    rois[place] = value
    xp = () if body == "compiled" else (np,)
    args = np.zeros((2, 1, 3, 4)), rois, np.zeros((3, 1, 1, 1)), 1.0
    assert getattr(ops.psroi_pool, body)(*xp, *args) == bad


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for name in SHAPES:
        x, rois, dy, scale = arrays(rng, name, dtype)
        args = x, rois, np.full_like(dy, 7), scale
        yield Case(ops.psroi_pool, args, name, rtol=1e-5, atol=1e-5)
        args = rois, dy, np.full_like(x, 7), scale
        yield Case(ops.psroi_pool_grad, args, name, rtol=1e-5, atol=1e-5)
    for place, value in [((60, 0), 2), ((98, 3), np.nan), ((0, 1), -np.inf)]:
        rois = np.zeros((100, 5), dtype)
        rois[place] = value
        args = np.zeros((2, 1, 3, 4), dtype), rois, np.zeros((100, 1, 1, 1), dtype), 1.0
        yield Case(ops.psroi_pool, args, str(place), refused=True)
