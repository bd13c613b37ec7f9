"""Proposals: the regions where a region proposal network expects an object."""

from __future__ import annotations

from typing import NamedTuple

from minicaffe.boxes.anchors import grid
from minicaffe.boxes.nms import nms
from minicaffe.boxes.pixels import clip, decode
from minicaffe.device import Array


class Rules(NamedTuple):
    """What is proposed.

    Attributes:
        stride: pixels from one position to the next.
        min_size: pixels of the image as it was before it was resized; smaller boxes are dropped.
        before_nms: only so many of the best are compared; below 1: all.
        threshold: of two that overlap by more, the worse is dropped.
        after_nms: only so many are left; below 1: all.
    """

    stride: float
    min_size: float
    before_nms: int
    threshold: float
    after_nms: int


def propose(
    scores: Array, offsets: Array, anchors: Array, image: Array, rules: Rules
) -> tuple[Array, Array]:
    """(K, 4) boxes of an image and their scores (K,), from the best down; equal ones in order.

    Args:
        scores: (A, H, W).
        offsets: (4 A, H, W), four for each anchor.
        anchors: (A, 4), those of the first position.
        image: (3,) or more: its height and width as the net sees it, by how much it was resized,
            and, where a fourth is given, that of its width.
        rules: what is proposed.
    """
    height, width = scores.shape[1:]
    near = grid(anchors, height, width, rules.stride).astype(offsets.dtype)
    told = offsets.reshape(-1, 4, height, width).transpose(2, 3, 0, 1).reshape(-1, 4)
    boxes = clip(decode(told, near), image[0], image[1])
    scale = image[[3, 2]] if len(image) > 3 else image[2]
    is_large = (boxes[:, 2:] - boxes[:, :2] + 1 >= rules.min_size * scale).all(1)
    boxes, score = boxes[is_large], scores.transpose(1, 2, 0).reshape(-1)[is_large]
    top_k = rules.before_nms if rules.before_nms > 0 else None
    most = rules.after_nms if rules.after_nms > 0 else None
    left = nms(boxes, score, rules.threshold, top_k=top_k, most=most, whole_pixels=True)
    return boxes[left], score[left]
