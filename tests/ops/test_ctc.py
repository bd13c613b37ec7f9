"""Connectionist temporal classification: the compiled body and the reference, odd shapes."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import ctc as ops
from tests.cuda_on_cpu import Case

# steps, items, classes, labels of an item
SHAPES = [(1, 1, 1, 1), (1, 3, 2, 0), (5, 2, 3, 4), (40, 7, 11, 9), (3, 0, 4, 2), (70, 3, 30, 20)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("steps", "items", "classes", "width"),
    SHAPES,
)
def test_bodies_agree(rng, steps, items, classes, width, dtype):
    x = (3 * rng.standard_normal((steps, items, classes))).astype(dtype)
    label = rng.integers(-2, classes, (items, width)).astype(dtype)
    blank = classes // 2
    lengths = rng.integers(0, steps + 1, items).astype(dtype)
    for length in (None, lengths):
        found = np.full(items, 7.0), np.full_like(x, 7)
        expected = np.full(items, 7.0), np.full_like(x, 7)
        ops.ctc.compiled(x, label, length, blank, *found)
        ops.ctc.reference(np, x, label, length, blank, *expected)
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-5, atol=1e-6)


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    close = {"rtol": 1e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-9, "atol": 1e-12}
    for steps, items, classes, width in [*SHAPES, (150, 2, 300, 140), (9, 3, 3, 4)]:
        x = (3 * rng.standard_normal((steps, items, classes))).astype(dtype)
        label = rng.integers(-2, classes, (items, width)).astype(dtype)
        lengths = rng.integers(0, steps + 1, items).astype(dtype)
        for length in (None, lengths):
            cost, dx, name = np.full(items, 7.0), np.full_like(x, 7), f"{x.shape} {width}"
            yield Case(ops.ctc, (x, label, length, classes // 2, cost, dx), name, **close)
