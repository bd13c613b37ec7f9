"""What the layers of py-faster-rcnn ask of the true boxes of an image."""

from __future__ import annotations

import numpy as np

from minicaffe.device import Array
from minicaffe.errors import ValueRangeError


def check_boxes(true: Array) -> None:
    """Refuse boxes that are none.

    Args:
        true: (G, 4) x1, y1, x2, y2.

    Raises:
        ValueRangeError: a number is not finite.
    """
    bad = ~np.isfinite(true).all(1)
    if bad.any():
        row = int(bad.argmax())
        found = ", ".join(f"{value:g}" for value in true[row])
        raise ValueRangeError(f"true box {row} is [{found}], expected finite numbers of pixels")
