"""What layers share that pool regions of a plane: what they read, and what they refuse."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, prod

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError, ValueRangeError
from minicaffe.layers._index import refuse_index


def check_scale(scale: float) -> float:
    """``scale``, known to be one.

    Raises:
        LayerConfigError: it is not positive.
    """
    if not (scale > 0 and isfinite(scale)):
        raise LayerConfigError(f"spatial_scale is {scale:g}, expected a positive number")
    return scale


def check_shapes(bottom: Sequence[Blob]) -> None:
    """Refuse bottoms that are no planes and no regions.

    Raises:
        ShapeError: bottom[0] is not (N, C, H, W), or bottom[1] not (R, 5) but for axes of 1.
    """
    x, rois = bottom
    if x.ndim != 4:
        raise ShapeError(f"bottom[0] has shape {x.shape}, expected (N, C, H, W)")
    if rois.ndim < 2 or prod(rois.shape[1:]) != 5:
        raise ShapeError(
            f"bottom[1] has shape {rois.shape}, expected (R, 5): image, x1, y1, x2, y2"
        )


def refuse_region(rois: tuple[int, ...], x: tuple[int, ...], position: int, value: float) -> None:
    """Raise for ``value`` at flat ``position`` of the regions.

    Args:
        rois: shape of the regions.
        x: shape of the planes.
        position: of the bad number.
        value: the bad number.

    Raises:
        ValueRangeError: always.
    """
    row, column = divmod(position, 5)
    if not column:
        refuse_index(rois, "bottom[1]", x[0], f"bottom[0] has shape {x}", position, value)
    name = ("x1", "y1", "x2", "y2")[column - 1]
    raise ValueRangeError(
        f"{name} of region {row} is {value:g}, expected a finite number: bottom[1] holds "
        "coordinates"
    )
