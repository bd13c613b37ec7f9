from __future__ import annotations

import numpy as np
import pytest

from minicaffe.boxes.ground_truth import objects_of
from minicaffe.errors import ValueRangeError

ROWS = np.array(
    [
        [2, 3, 0, 0.1, 0.2, 0.3, 0.4, 1],
        [-1, -1, -1, -1, -1, -1, -1, -1],
        [0, 1, 0, 0.5, 0.6, 0.7, 0.8, 0],
        [2, 1, 0, 0, 0, 1, 1, 0],
    ]
)


def test_each_image_has_its_own():
    first, second, third = objects_of(ROWS, 3, 4, 0)
    assert [len(first), len(second), len(third)] == [1, 0, 2]
    np.testing.assert_array_equal(first.boxes, [[0.5, 0.6, 0.7, 0.8]])
    np.testing.assert_array_equal(third.labels, [3, 1])
    np.testing.assert_array_equal(third.difficult, [True, False])


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        (0, 3, "the image 3, expected 0..2, or -1"),
        (1, 4, "the label 4, expected 0..3, and not 0, the background"),
        (1, 0, "the label 0"),
        (3, np.nan, "the first number nan, expected finite"),
    ],
)
def test_refuses(column, value, says):
    rows = ROWS.copy()
    rows[2, column] = value
    with pytest.raises(ValueRangeError, match=says):
        objects_of(rows, 3, 4, 0)
