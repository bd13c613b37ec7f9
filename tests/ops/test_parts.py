"""Each body of ``ops.parts`` gives what NumPy's concatenate and split give."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import parts as ops

# rows, columns of each part: small, long rows, many rows, empty parts
CASES = [(3, (2, 5, 1)), (2, (9000, 20000, 3)), (5000, (1, 4, 2)), (7, (0, 3000, 0, 1))]


@pytest.mark.parametrize(("rows", "lengths"), CASES)
@pytest.mark.parametrize("compiled", [True, False])
def test_join_and_cut(rng, rows, lengths, compiled):
    parts = [rng.standard_normal((rows, length)).astype(np.float32) for length in lengths]
    expected = np.concatenate(parts, axis=1)
    join = ops.join.compiled if compiled else lambda *args: ops.join.reference(np, *args)
    cut = ops.cut.compiled if compiled else lambda *args: ops.cut.reference(np, *args)
    whole = np.full_like(expected, 7)
    join(parts, lengths, whole)
    np.testing.assert_array_equal(whole, expected)
    found = [np.full_like(part, 7) for part in parts]
    cut(whole, lengths, found)
    for part, right in zip(found, parts, strict=True):
        np.testing.assert_array_equal(part, right)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("rows", [2, 9000])
def test_parts_that_are_left_out(rng, rows, compiled):
    whole = rng.standard_normal((rows, 6))
    before = whole.copy()
    part = rng.standard_normal((rows, 3))
    join = ops.join.compiled if compiled else lambda *args: ops.join.reference(np, *args)
    cut = ops.cut.compiled if compiled else lambda *args: ops.cut.reference(np, *args)
    join([None, part, None], (2, 3, 1), whole)
    np.testing.assert_array_equal(whole[:, [0, 1, 5]], before[:, [0, 1, 5]])
    np.testing.assert_array_equal(whole[:, 2:5], part)
    found = np.full_like(part, 7)
    cut(whole, (2, 3, 1), [None, found, None])
    np.testing.assert_array_equal(found, part)
