"""What is in a batch of images: the rows of numbers that AnnotatedData puts out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicaffe.device import Array
from minicaffe.errors import ValueRangeError

COLUMNS = 8  # image, label, instance, xmin, ymin, xmax, ymax, difficult


class Objects(NamedTuple):
    """The M objects of one image.

    Attributes:
        labels: (M,) int64.
        boxes: (M, 4) xmin, ymin, xmax, ymax, as shares of the image.
        difficult: (M,) bool.
    """

    labels: Array
    boxes: Array
    difficult: Array

    def __len__(self) -> int:
        return len(self.labels)


def objects_of(rows: Array, images: int, classes: int, background: int) -> list[Objects]:
    """The objects of each image; a row whose image is -1 is none.

    Args:
        rows: (N, 8) numbers, as ``COLUMNS`` says.
        images: how many there are.
        classes: labels are below.
        background: the label that no object has.

    Raises:
        ValueRangeError: a row is of no image, or of no class.
    """
    rows = rows[rows[:, 0] != -1]
    numbers, labels = rows[:, 0], rows[:, 1]
    _refuse(rows, ~((numbers >= 0) & (numbers < images)), "image", f"0..{images - 1}, or -1")
    known = (labels >= 0) & (labels < classes) & (labels != background)
    _refuse(rows, ~known, "label", f"0..{classes - 1}, and not {background}, the background")
    finite = np.isfinite(rows[:, 3:7]).all(1)
    _refuse(rows, ~finite, "box with the first number", "finite numbers", 3)
    image, label = numbers.astype(np.int64), labels.astype(np.int64)
    return [
        Objects(label[own], rows[own, 3:7], rows[own, 7] > 0)
        for own in (np.flatnonzero(image == n) for n in range(images))
    ]


def _refuse(rows: Array, bad: Array, what: str, allowed: str, column: int | None = None) -> None:
    if bad.any():
        index = int(bad.argmax())
        column = {"image": 0, "label": 1}[what] if column is None else column
        raise ValueRangeError(
            f"an object has the {what} {rows[index, column]:g}, expected {allowed}: a row is "
            "image, label, instance, xmin, ymin, xmax, ymax, difficult"
        )
