"""ROI pooling: the largest element of each bin of regions, which lie anywhere in a batch.

The reference bodies take one region after the other, rows and columns apart.
"""

from __future__ import annotations

from itertools import product
from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.bad import first_bad
from minicaffe.ops.dispatch import compiled_in
from minicaffe.ops.pooling import LOWEST

FARTHEST = 2**22  # where coordinates end: float32 has all whole numbers up to four times this


@compiled_in("minicaffe.ops.roi_pooling_cpu")
def roi_pool(
    xp: ModuleType, x: Array, rois: Array, y: Array, index: Array, scale: float
) -> Array | int:
    """The largest element of each bin of each region, and where it is.

    A region covers whole elements, its ends included: from round(x1 * scale) to round(x2 * scale),
    halves away from zero; where it has no extent, one element. Bins share it out evenly, and an
    element that two bins touch is in both. What lies outside the plane counts for nothing; a bin
    without an element gives 0 at index -1. As in ``max_pool``, only what compares greater than
    -FLT_MAX is taken.

    Args:
        xp: array module.
        x: (N, C, H, W).
        rois: (R, 5) of the dtype of ``x``: number of the image, truncated toward 0, x1, y1, x2, y2.
        y: (R, C, pooled_h, pooled_w), written.
        index: int32, as ``y``, written: h * W + w of the first largest.
        scale: from the unit of the coordinates to elements.

    Returns:
        The flat place in ``rois`` of the first that is no image, or not finite, -1 without any: a
        number, or an array of one element on the device; where there is one, the rest is not to
        be used.
    """
    image, bad = images(xp, rois, len(x))
    if not len(x):
        return first_bad(xp, bad)
    height, width = x.shape[2:]
    if not height or not width:
        y[...], index[...] = 0, -1
        return first_bad(xp, bad)
    tops, bottoms = edges(xp, rois[:, 2::2], scale, y.shape[2], height)
    lefts, rights = edges(xp, rois[:, 1::2], scale, y.shape[3], width)
    rows, columns = (xp.arange(size, dtype=xp.int32) for size in (height, width))
    for r, j in product(range(len(rois)), range(y.shape[3])):
        plane = xp.take(x, image[r], axis=0)
        taken = (columns >= lefts[r, j]) & (columns < rights[r, j]) & (plane > LOWEST)
        plane = xp.where(taken, plane, LOWEST)
        largest, at = plane.max(axis=2), plane.argmax(axis=2)  # of each row
        for i in range(y.shape[2]):
            taken = (rows >= tops[r, i]) & (rows < bottoms[r, i])
            line = xp.where(taken, largest, LOWEST)
            row = line.argmax(axis=1)[:, None]
            place = (row * width + xp.take_along_axis(at, row, 1))[:, 0]
            y[r, :, i, j] = line.max(axis=1)
            index[r, :, i, j] = xp.where(y[r, :, i, j] > LOWEST, place, -1)
            is_empty = (tops[r, i] >= bottoms[r, i]) | (lefts[r, j] >= rights[r, j])
            y[r, :, i, j] = xp.where(is_empty, 0, y[r, :, i, j])
    return first_bad(xp, bad)


@compiled_in("minicaffe.ops.roi_pooling_cpu")
def roi_pool_grad(
    xp: ModuleType, rois: Array, dy: Array, index: Array, dx: Array, scale: float
) -> None:
    """The gradient of ``roi_pool``: each dy is added where its maximum came from, if anywhere.

    Args:
        xp: array module.
        rois: (R, 5), as in ``roi_pool``.
        dy: (R, C, pooled_h, pooled_w).
        index: as ``roi_pool`` wrote it.
        dx: (N, C, H, W), written.
        scale: as in ``roi_pool``; for bodies that look where a region is.
    """
    dx[...] = 0
    if not dx.size:
        return
    channels, plane = dx.shape[1], dx[0, 0].size
    image, _ = images(xp, rois, len(dx))
    flat, channel = dx.reshape(-1), xp.arange(channels)
    for r, i, j in product(range(len(rois)), range(dy.shape[2]), range(dy.shape[3])):
        place = index[r, :, i, j]
        at = (image[r] * channels + channel) * plane + xp.maximum(place, 0)
        flat[at] += dy[r, :, i, j] * (place >= 0)


def images(xp: ModuleType, rois: Array, count: int) -> tuple[Array, Array]:
    """int32 (R,) image of each region, 0 where it names none, and bool (R, 5): what is wrong."""
    number = xp.trunc(rois[:, :1])
    is_wrong = ~((number >= 0) & (number < count))  # NaN too
    bad = xp.concatenate([is_wrong, ~xp.isfinite(rois[:, 1:])], axis=1)
    return xp.where(is_wrong, 0, number)[:, 0].astype(xp.int32), bad


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
    scaled = xp.where(xp.isfinite(ends), ends, 0) * scale
    whole = xp.trunc(scaled)  # adding a half and cutting off would round 0.49999997 to 1
    whole = whole + xp.sign(scaled) * (abs(scaled - whole) >= 0.5)
    whole = xp.clip(whole, -FARTHEST, FARTHEST)
    first = whole[:, :1]
    length = xp.maximum(whole[:, 1:] - first + 1, 1)
    steps = xp.arange(count + 1, dtype=ends.dtype) * (length / count)
    start, end = xp.trunc(steps[:, :-1]), -(-steps[:, 1:] // 1)
    low, high = (xp.clip(part + first, 0, size).astype(xp.int32) for part in (start, end))
    return low, high
