"""What the layers share that propose regions: the shapes they read, image after image."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from minicaffe.boxes.proposals import Rules, propose
from minicaffe.device import Array
from minicaffe.errors import ShapeError


def check_shapes(
    scores: Sequence[int], offsets: Sequence[int], images: Sequence[int], anchors: int
) -> None:
    """Refuse what does not fit together.

    Raises:
        ShapeError: it is not (N, 2 A, H, W), (N, 4 A, H, W) and (N, 3) or more.
    """
    for index, (shape, each) in enumerate(((scores, 2), (offsets, 4))):
        if len(shape) != 4 or shape[1] != each * anchors:
            raise ShapeError(
                f"bottom[{index}] has shape {tuple(shape)}, expected (N, {each * anchors}, H, W): "
                f"{each} numbers for each of {anchors} anchors"
            )
    if (scores[0], *scores[2:]) != (offsets[0], *offsets[2:]):
        raise ShapeError(
            f"bottom[1] has shape {tuple(offsets)}, expected the images and the size of bottom[0], "
            f"{tuple(scores)}"
        )
    if len(images) < 2 or images[0] != scores[0] or prod(images[1:]) < 3:
        raise ShapeError(
            f"bottom[2] has shape {tuple(images)}, expected ({scores[0]}, 3): height, width and "
            "scale of each image"
        )


def propose_all(
    scores: Array, offsets: Array, images: Array, anchors: Array, rules: Rules
) -> tuple[Array, Array]:
    """(R, 5) regions with the number of their image, and (R,) scores, image after image.

    Args:
        scores: (N, 2 A, H, W): those of the background first.
        offsets: (N, 4 A, H, W).
        images: (N, 3) or more.
        anchors: (A, 4).
        rules: what is proposed.
    """
    rows, found = [np.empty((0, 5), scores.dtype)], [np.empty(0, scores.dtype)]
    for number, image in enumerate(images.reshape(len(scores), -1)):
        objects = scores[number, len(anchors) :]
        boxes, score = propose(objects, offsets[number], anchors, image, rules)
        rows.append(np.insert(boxes, 0, number, axis=1))
        found.append(score)
    return np.concatenate(rows), np.concatenate(found)
