"""Position-sensitive ROI pooling: each bin of a region has channels of its own to average.

The reference bodies take one region after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.bad import first_bad
from minicaffe.ops.dispatch import compiled_in
from minicaffe.ops.roi_pooling import FARTHEST, images

LEAST_SIDE = 0.1  # elements


@compiled_in("minicaffe.ops.psroi_pooling_cpu")
def psroi_pool(xp: ModuleType, x: Array, rois: Array, y: Array, scale: float) -> Array | int:
    """The mean of each bin of each region, of the channels that are the bin's own.

    A region goes from round(x1) * scale to (round(x2) + 1) * scale, halves away from zero, and is
    at least LEAST_SIDE long; bins share it out evenly, and have all elements that they touch. What
    lies outside the plane counts for nothing; a bin without an element gives 0.

    Args:
        xp: array module.
        x: (N, D * G * G, H, W); channel (d * G + i) * G + j is for bin (i, j) of output d.
        rois: (R, 5) of the dtype of ``x``: number of the image, truncated toward 0, x1, y1, x2, y2.
        y: (R, D, G, G), written.
        scale: from the unit of the coordinates to elements.

    Returns:
        The flat place in ``rois`` of the first that is no image, or not finite, -1 without any: a
        number, or an array of one element on the device; where there is one, the rest is not to
        be used.
    """
    image, bad = images(xp, rois, len(x))
    if not len(x):
        return first_bad(xp, bad)
    inside = _inside(xp, rois, scale, y.shape[2], x.shape[2:])
    for r in range(len(rois)):
        own = xp.take(x, image[r], axis=0).reshape(*y.shape[1:], *x.shape[2:])
        mask = inside(r)
        count = xp.maximum(mask.sum(axis=(2, 3)), 1).astype(x.dtype)
        y[r] = xp.where(mask, own, 0).sum(axis=(3, 4)) / count
    return first_bad(xp, bad)


@compiled_in("minicaffe.ops.psroi_pooling_cpu")
def psroi_pool_grad(xp: ModuleType, rois: Array, dy: Array, dx: Array, scale: float) -> None:
    """The gradient of ``psroi_pool``: each dy is shared out among the elements of its bin.

    Args:
        xp: array module.
        rois: (R, 5), as in ``psroi_pool``.
        dy: (R, D, G, G).
        dx: (N, D * G * G, H, W), written.
        scale: as in ``psroi_pool``.
    """
    dx[...] = 0
    if not dx.size:
        return
    image, _ = images(xp, rois, len(dx))
    inside = _inside(xp, rois, scale, dy.shape[2], dx.shape[2:])
    for r in range(len(rois)):
        mask = inside(r)
        count = xp.maximum(mask.sum(axis=(2, 3)), 1).astype(dx.dtype)
        each = xp.where(mask, (dy[r] / count)[..., None, None], 0)
        dx[image[r : r + 1]] += each.reshape(1, *dx.shape[1:])


def edges(xp: ModuleType, ends: Array, scale: float, count: int, size: int) -> tuple[Array, Array]:
    """Where bins start and end along an axis, cut off at its ends; in the dtype of ``ends``.

    Args:
        xp: array module.
        ends: (R, 2), of the regions.
        scale: of them.
        count: of bins in a region.
        size: of the axis.

    Returns:
        int32 (R, count) twice: the first element, and the one behind the last.
    """
    known = xp.where(xp.isfinite(ends), ends, 0)
    whole = xp.trunc(known)  # adding a half and cutting off would round 0.49999997 to 1
    whole = whole + xp.sign(known) * (abs(known - whole) >= 0.5)
    whole = whole + xp.arange(2, dtype=ends.dtype)  # the end is a pixel that is inside
    whole = xp.clip(whole * scale, -FARTHEST, FARTHEST)
    first = whole[:, :1]
    each = xp.maximum(whole[:, 1:] - first, LEAST_SIDE) / count
    steps = xp.arange(count + 1, dtype=ends.dtype) * each
    start, end = (steps[:, :-1] + first) // 1, -(-(steps[:, 1:] + first) // 1)
    low, high = (xp.clip(part, 0, size).astype(xp.int32) for part in (start, end))
    return low, high


def _inside(
    xp: ModuleType, rois: Array, scale: float, bins: int, plane: tuple[int, ...]
) -> Callable[[int], Array]:
    """A function of a region's number: bool (G, G, H, W), the elements of each of its bins."""

    def along(axis: int) -> Array:
        low, high = edges(xp, rois[:, 2 - axis :: 2], scale, bins, plane[axis])
        at = xp.arange(plane[axis], dtype=xp.int32)
        return (at >= low[..., None]) & (at < high[..., None])

    rows, columns = along(0), along(1)
    return lambda r: rows[r, :, None, :, None] & columns[r, None, :, None, :]
