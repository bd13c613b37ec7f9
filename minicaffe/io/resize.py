"""Images of another size.

After: python/caffe/io.py; scikit-image 0.9 to 0.14, src/_shared/interpolation.pxd and
transform/_warps.py (resize). The scikit-image of today smooths before it makes an image smaller,
and repeats its border, not black, outside of it: nets were not trained on such images, and are not
given them here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe.blob_proto import HostArray
from minicaffe.errors import ArrayError

ORDERS = range(6)


def resize_image(im: HostArray, new_dims: Sequence[int], interp_order: int = 1) -> HostArray:
    """(h, w, K) float32: ``im`` with another height and width.

    Images of 1 or 3 channels are interpolated between the middles of their pixels; outside of the
    image is its smallest value. Others are interpolated by splines whose corners are the middles of
    the corner pixels. Nothing is smoothed before.

    Args:
        im: (H, W, K).
        new_dims: h and w.
        interp_order: 0 nearest pixel, 1 linear, 3 cubic convolution (for 1 or 3 channels), and
            2, 4, 5 splines.

    Raises:
        ArrayError: ``im`` has not three axes, or a size or the order cannot be.
    """
    im = np.asarray(im)
    height, width = (int(size) for size in new_dims)
    if im.ndim != 3 or not im.size:
        raise ArrayError(f"image has shape {im.shape}, expected rows, columns and channels")
    if min(height, width) < 1:
        raise ArrayError(f"new_dims is {(height, width)}, expected at least (1, 1)")
    if interp_order not in ORDERS:
        raise ArrayError(
            f"interp_order is {interp_order}, expected one of {', '.join(map(str, ORDERS))}"
        )
    if im.dtype.kind != "f":
        im = im.astype(np.float64)
    if im.shape[2] not in (1, 3):
        from scipy import ndimage  # takes 0.1 s to load

        factors = height / im.shape[0], width / im.shape[1], 1
        return np.asarray(ndimage.zoom(im, factors, order=interp_order), np.float32)
    least, most = im.min(), im.max()
    if not most > least:
        return np.full((height, width, im.shape[2]), least, np.float32)
    unit = _resized((im - least) / (most - least), (height, width), interp_order)
    return np.asarray(unit * (most - least) + least, np.float32)


def _resized(image: HostArray, size: tuple[int, int], order: int) -> HostArray:
    """``image``, of values from 0 to 1, as float64 of the height and width ``size``."""
    scales = [old / new for old, new in zip(image.shape, size, strict=False)]
    if order in _TAPS:
        for axis, (new, scale) in enumerate(zip(size, scales, strict=True)):
            image = _along(image, axis, scale * (np.arange(new) + 0.5) - 0.5, order)
    else:
        from scipy import ndimage

        image = np.stack(
            [
                ndimage.affine_transform(
                    np.asarray(channel, np.float64),
                    np.array(scales),
                    [scale * 0.5 - 0.5 for scale in scales],
                    size,
                    order=order,
                )
                for channel in np.moveaxis(image, 2, 0)
            ],
            axis=2,
        )
    return image if order == 0 else image.clip(0, 1)


def _along(image: HostArray, axis: int, places: HostArray, order: int) -> HostArray:
    """``image``, its values along ``axis`` taken at ``places``; what lies outside is 0."""
    size = image.shape[axis]
    first, weights = _TAPS[order](places)
    shape = [1] * image.ndim
    shape[axis] = len(places)
    result = np.zeros([*image.shape[:axis], len(places), *image.shape[axis + 1 :]])
    for step, weight in enumerate(weights):
        index = first + step
        inside = np.where((index >= 0) & (index < size), weight, 0.0).reshape(shape)
        result += image.take(index.clip(0, size - 1), axis) * inside
    return result


Taps = tuple[HostArray, list[HostArray]]


def _nearest(x: HostArray) -> Taps:
    return np.floor(x + 0.5).astype(np.intp), [np.ones_like(x)]


def _linear(x: HostArray) -> Taps:
    first = np.floor(x)
    t = x - first
    return first.astype(np.intp), [1 - t, t]


def _cubic(x: HostArray) -> Taps:
    first = np.floor(x)
    t = x - first
    weights = [
        t * (-0.5 + t * (1 - 0.5 * t)),
        1 + t * t * (-2.5 + 1.5 * t),
        t * (0.5 + t * (2 - 1.5 * t)),
        t * t * (-0.5 + 0.5 * t),
    ]
    return first.astype(np.intp) - 1, weights


# order to (first pixel, weight of it and of those that follow), for each place
_TAPS = {0: _nearest, 1: _linear, 3: _cubic}
