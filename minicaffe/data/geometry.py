"""Windows of images: where chance puts them, and how they are scaled and turned."""

from __future__ import annotations

from math import hypot
from typing import NamedTuple

import numpy as np

from minicaffe.data.image import HostArray


class Size(NamedTuple):
    """Of an image, in pixels."""

    height: int
    width: int


class Window(NamedTuple):
    """Part of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int


def windows_of(image: Size, sides: HostArray, places: HostArray) -> HostArray:
    """(N, 4) int64, each a ``Window``: windows anywhere in the image.

    Args:
        image: the size of all images.
        sides: (N, 2), heights and widths, no larger than the image's.
        places: (N, 2), chances from 0 to 1: how far down, how far to the right.
    """
    corners = (places * (np.array(image) - sides + 1)).astype(np.int64)
    return np.concatenate([corners, sides], axis=1)


def random_sides(
    image: Size, areas: HostArray, aspects: HostArray, min_area: float, max_aspect: float
) -> HostArray:
    """(N, 2) int64: heights and widths of windows of any area and aspect.

    The area is uniform from ``min_area`` to the largest that a window of such aspects can have;
    the logarithm of the aspect is uniform where a window of this area fits into the image. So
    every draw is of use, where others draw again and at last give up.

    After: Szegedy et al.: "Going deeper with convolutions", 2015, section 6.

    Args:
        image: the size of all images.
        areas: (N,), chances from 0 to 1.
        aspects: (N,), likewise.
        min_area: share of the image's area, above 0.
        max_aspect: largest ratio of width to height; the smallest is 1 / this.
    """
    own = image.width / image.height
    most = min(1.0, max_aspect / own, max_aspect * own)
    least = min(min_area, most)
    area = least + (most - least) * areas
    narrowest = np.maximum(1 / max_aspect, area * own)
    widest = np.maximum(np.minimum(max_aspect, own / area), narrowest)
    aspect = narrowest * (widest / narrowest) ** aspects
    pixels = area * image.height * image.width
    sides = np.stack([np.sqrt(pixels / aspect), np.sqrt(pixels * aspect)], axis=1)
    whole: HostArray = np.clip(np.rint(sides), 1, image).astype(np.int64)
    return whole


def resize(image: HostArray, window: Window, y: HostArray) -> None:
    """Scale a window of ``image`` (H, W) or (H, W, C) to ``y`` (h, w) or (h, w, C).

    Bilinear; where it shrinks to half or less, each pixel is the mean of those it covers.
    """
    import cv2  # takes 0.1 s to load: most nets need none of it

    top, left, height, width = window
    half = height >= 2 * y.shape[0] and width >= 2 * y.shape[1]
    part = image[top : top + height, left : left + width]
    way = cv2.INTER_AREA if half else cv2.INTER_LINEAR
    y[...] = cv2.resize(part, (y.shape[1], y.shape[0]), interpolation=way)


def turned(windows: HostArray, degrees: HostArray, size: Size) -> HostArray:
    """(N, 2, 3): where in the image the pixels of ``size`` come from, as ``warp`` takes it.

    Args:
        windows: (N, 4), what there is to see at 0 degrees.
        degrees: (N,), by how much the result is turned about its middle, counter-clockwise.
        size: of the result.
    """
    corners, sides = windows[:, 1::-1], windows[:, :1:-1]  # x before y, as OpenCV has it
    angle, small = np.radians(degrees), np.array(size[::-1])
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = rotation.transpose(2, 0, 1) * (sides / small)[:, None]
    origin = corners + sides / 2 + linear @ (0.5 - small / 2) - 0.5
    return np.concatenate([linear, origin[..., None]], axis=2)


def warp(image: HostArray, source: HostArray, y: HostArray) -> None:
    """Fill ``y`` (h, w) or (h, w, C) with pixels of ``image`` (H, W) or (H, W, C), C up to 4.

    Bilinear, as ``resize``; outside of the image there is its nearest pixel.

    Args:
        image: what there is.
        source: (2, 3): times (x, y, 1) of a pixel of ``y``, its x and y in the image.
        y: what is filled.
    """
    import cv2  # takes 0.1 s to load: most nets need none of it

    shrink = int(min(hypot(*source[:, 0].tolist()), hypot(*source[:, 1].tolist())))
    if shrink > 1:  # bilinear alone would miss pixels
        whole, half = np.array(image.shape[1::-1]), np.array([0, 0, 0.5])  # a pixel's middle
        small = -(-whole // shrink)
        image = cv2.resize(image, small.tolist(), interpolation=cv2.INTER_AREA)
        source = (source + half) * (small / whole)[:, None] - half
    y[...] = cv2.warpAffine(
        image,
        source,
        (y.shape[1], y.shape[0]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
