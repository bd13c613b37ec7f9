"""The compiled body of ``ops.accuracy`` gives what its reference gives."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import accuracy as ops
from tests.cuda_on_cpu import Case

BODIES = (ops.top_k_hits.compiled, lambda *args: ops.top_k_hits.reference(np, *args))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("ignore", [np.nan, 1.0, 255.0])
@pytest.mark.parametrize("top_k", [1, 3])
@pytest.mark.parametrize("shape", [(9, 5, 1), (3, 5, 7), (2, 11, 4001), (0, 3, 4)], ids=str)
def test_top_k_hits(rng, shape, top_k, ignore, dtype):
    outer, classes, inner = shape
    x = rng.integers(0, 9, shape).astype(dtype)  # many tie
    x.reshape(-1)[::13] = np.nan
    label = (rng.integers(0, classes, (outer, inner)) + 0.5).astype(dtype)
    label.reshape(-1)[::5] = 0 if np.isnan(ignore) else ignore
    results = []
    for body in BODIES:
        hits, seen = np.full(classes, 7.0), np.full(classes, 7.0)
        assert body(x, label, ignore, top_k, hits, seen) == -1
        results.append([hits, seen])
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("bad", [-1, 3, np.nan, np.inf])
@pytest.mark.parametrize("shape", [(7, 3, 1), (3, 3, 9000)], ids=str)
def test_the_first_bad_label(shape, bad):
    outer, classes, inner = shape
    x, label = np.zeros(shape), np.zeros((outer, inner))
    for index in (outer * inner - 1, outer * inner // 2, 1, 0):
        label.reshape(-1)[index] = bad
        for body in BODIES:
            assert body(x, label, 255.0, 1, np.zeros(classes), np.zeros(classes)) == index


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for shape in [(1, 1, 1), (5, 10, 1), (3, 301, 1), (2, 37, 3), (3, 5, 301), (200, 12, 1)]:
        outer, classes, inner = shape
        x = rng.integers(0, 5, shape).astype(dtype)  # many tie
        x[rng.random(shape) < 0.05] = np.nan
        for ignore in (np.nan, 0.0, 255.0):
            label = (rng.integers(0, classes, (outer, inner)) + 0.75).astype(dtype)
            label.reshape(-1)[::3] = 0 if np.isnan(ignore) else ignore
            counts = np.full(classes, 7.0), np.full(classes, 7.0)
            for top_k in {1, min(5, classes)}:
                args = x, label, ignore, top_k, *counts
                yield Case(ops.top_k_hits, args, f"{shape} {ignore}")
        label.reshape(-1)[outer * inner // 2 :] = -1
        yield Case(ops.top_k_hits, (x, label, 255.0, 1, *counts), f"{shape} bad")
