"""The compiled body of ``ops.nms`` leaves the boxes that its reference leaves."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.boxes.iou import areas
from minicaffe.ops.nms import suppress


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 130])
@pytest.mark.parametrize(("threshold", "eta", "most"), [(0.3, 1.0, 999), (0.8, 0.9, 20), (0, 1, 3)])
def test_as_the_reference(rng, dtype, whole, count, threshold, eta, most):
    corner, side = rng.integers(0, 20, (count, 2)), rng.integers(-1, 9, (count, 2))
    boxes = np.concatenate([corner, corner + side], axis=1).astype(dtype)  # ties, and empty ones
    if count > 100:
        boxes[9], boxes[50, 2:], boxes[70, :2] = np.nan, np.inf, -np.inf
    sizes = areas(boxes, whole_pixels=whole)
    args = boxes, sizes, threshold, eta, most, whole
    found, expected = suppress.compiled(*args), suppress.reference(np, *args)
    assert found.tolist() == expected.tolist()
    assert found.dtype == expected.dtype
