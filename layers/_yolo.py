"""What YOLO's layers share: how predictions and labels are laid out, and boxes in them.

Predictions of A anchors and K classes are (N, A * (5 + K), H, W): for each anchor the numbers
x, y, w, h, the score of an object, and one for each class. The box that they tell, in shares of
the image: centre ((column + sigmoid(x)) / W, (row + sigmoid(y)) / H), sides
(anchor width * exp(w), anchor height * exp(h)).

All of this is done on the host, with NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np

from minicaffe.device import Array
from minicaffe.errors import LayerConfigError, ShapeError, ValueRangeError

_COLUMNS = 8  # of a label as AnnotatedData gives it
_NUMBERS = 5  # of one as darknet gives it


def anchors_of(biases: Sequence[float], count: int, field: str) -> Array:
    """(count, 2): widths and heights of the anchors.

    Args:
        biases: of the definition.
        count: how many anchors the definition says there are.
        field: the name of the field that says it.

    Raises:
        LayerConfigError: there are more or fewer, or one is not positive.
    """
    if len(biases) != 2 * count:
        raise LayerConfigError(
            f"biases is given {len(biases)} times, expected {2 * count}: a width and a height "
            f"for each anchor, of which {field} tells {count}"
        )
    for bias in biases:
        if not (bias > 0 and isfinite(bias)):
            raise LayerConfigError(f"a bias is {bias:g}, expected a positive number: it is a side")
    return np.array(biases).reshape(count, 2)


def check_mask(mask: Sequence[int], anchors: int, count: int, why: str) -> None:
    """Refuse a ``mask`` that is not ``count`` numbers of anchors.

    Raises:
        LayerConfigError: it is not.
    """
    if len(mask) != count:
        raise LayerConfigError(f"mask is given {len(mask)} times, expected {count}: {why}")
    for index in mask:
        if index >= anchors:
            raise LayerConfigError(
                f"mask is {index}, expected 0..{anchors - 1}: it is the number of an anchor"
            )


def check_predictions(shape: tuple[int, ...], name: str, anchors: int, classes: int) -> None:
    """Refuse a bottom that cannot be predictions.

    Raises:
        ShapeError: it has another number of axes, or of channels.
    """
    channels = anchors * (5 + classes)
    if len(shape) != 4 or shape[1] != channels:
        raise ShapeError(
            f"{name} has shape {shape}, expected (N, {channels}, H, W): 5 numbers and {classes} "
            f"classes for each of {anchors} anchors"
        )


def check_images(shape: tuple[int, ...], name: str, first: tuple[int, ...]) -> None:
    """Refuse a bottom of other images than the first.

    Raises:
        ShapeError: there are more or fewer.
    """
    if shape[0] != first[0]:
        raise ShapeError(
            f"{name} has shape {shape}, expected {first[0]} image(s), as bottom[0] has"
        )


def split(x: Array, anchors: int) -> Array:
    """A view of predictions as (N, A, 5 + K, H, W)."""
    n, channels, height, width = x.shape
    return x.reshape(n, anchors, channels // anchors, height, width)


def boxes(x: Array, anchors: Array) -> Array:
    """(N, A, H, W, 4): xmin, ymin, xmax, ymax in shares of the image.

    Args:
        x: (N, A, 5 + K, H, W).
        anchors: (A, 2), in shares of the image.
    """
    height, width = x.shape[3:]
    sides = anchors.astype(x.dtype)[..., None, None]
    left = (sigmoid(x[:, :, 0]) + np.arange(width, dtype=x.dtype)) / width
    top = (sigmoid(x[:, :, 1]) + np.arange(height, dtype=x.dtype)[:, None]) / height
    with np.errstate(over="ignore"):  # an untrained net may well tell an infinite box
        across, down = (np.exp(x[:, :, 2 + i]) * sides[:, i] / 2 for i in (0, 1))
    return np.stack([left - across, top - down, left + across, top + down], axis=-1)


def sigmoid(x: Array) -> Array:
    """``1 / (1 + exp(-x))``, which does not overflow."""
    small = np.exp(-np.abs(x))
    result: Array = np.where(x >= 0, 1, small) / (1 + small)
    return result


def softmax(x: Array, axis: int) -> Array:
    """``exp(x)``, divided by its sum along ``axis``."""
    with np.errstate(invalid="ignore"):  # infinity becomes NaN, which is no score
        powers = np.exp(x - x.max(axis=axis, keepdims=True))
        result: Array = powers / powers.sum(axis=axis, keepdims=True)
    return result


def check_labels(shape: tuple[int, ...], images: int) -> None:
    """Refuse a bottom that cannot hold boxes of ``images`` images.

    Raises:
        ShapeError: it is neither of the two forms.
    """
    if _is_annotated(shape):
        return
    count = int(np.prod(shape[1:])) if shape else 1
    if not shape or shape[0] != images or count % _NUMBERS:
        raise ShapeError(
            f"bottom[1] has shape {shape}, expected (1, 1, M, 8), as AnnotatedData gives it, or "
            f"({images}, ...) with class, x, y, w, h for each box"
        )


def truths(labels: Array, images: int, classes: int) -> list[Array]:
    """For each image (T, 5): class from 0, and centre, width and height in shares of the image.

    Args:
        labels: (1, 1, M, 8): image, class from 1, number, xmin, ymin, xmax, ymax, difficult; or
            (N, ...): class from 0, x, y, w, h of each box. Boxes without a side are padding.
        images: how many there are.
        classes: likewise.

    Raises:
        ValueRangeError: a class, or an image, is out of range, or a side is no number.
    """
    if _is_annotated(labels.shape):
        rows = labels.reshape(-1, _COLUMNS)
        low, high = rows[:, 3:5], rows[:, 5:7]
        found = np.concatenate([rows[:, 1:2] - 1, (low + high) / 2, high - low], axis=1)
        image = rows[:, 0]
    else:
        found = labels.reshape(-1, _NUMBERS)
        image = np.repeat(np.arange(images), len(found) // max(images, 1))
    sides_exist = ~(found[:, 3:] <= 0).any(axis=1)  # NaN is none to pass over
    found, image = found[sides_exist], image[sides_exist]
    for row, number in zip(found, image, strict=True):
        _check_truth(row, number, images, classes)
    return [found[image.astype(int) == number] for number in range(images)]


def _is_annotated(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[:2] == (1, 1) and shape[3] == _COLUMNS


def _check_truth(row: Array, image: float, images: int, classes: int) -> None:
    if not np.isfinite(row).all():
        raise ValueRangeError(
            f"bottom[1] holds a box {row[1:].tolist()}, expected numbers: centre and sides"
        )
    if not -1 < row[0] < classes:
        raise ValueRangeError(
            f"bottom[1] holds a box of class {row[0]:g}, expected 0..{classes - 1}, counted "
            "without the background"
        )
    if not 0 <= image < images:
        raise ValueRangeError(f"bottom[1] holds a box of image {image:g}, expected 0..{images - 1}")
