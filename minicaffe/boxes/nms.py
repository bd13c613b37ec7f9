"""Non-maximum suppression: of boxes that overlap, the best."""

from __future__ import annotations

import numpy as np

from minicaffe.boxes.iou import areas
from minicaffe.device import Array
from minicaffe.ops.nms import suppress


def nms(
    boxes: Array,
    scores: Array,
    threshold: float,
    *,
    score_above: float = -np.inf,
    top_k: int | None = None,
    eta: float = 1.0,
    most: int | None = None,
    whole_pixels: bool = False,
) -> Array:
    """(K,): which of the boxes are left, indexes from the best score down.

    From the best score down, a box is left unless it overlaps one that is left already by more
    than ``threshold``, intersection over union. Equal scores keep their order; NaN has no score.

    Args:
        boxes: (N, 4) xmin, ymin, xmax, ymax.
        scores: (N,).
        threshold: of the overlap.
        score_above: only boxes with a higher score take part.
        top_k: only so many of the best take part; None, or below 0: all.
        eta: below 1, the threshold is multiplied by it after each box that is left, as long as it
            is above 0.5.
        most: stop when so many are left; None: never.
        whole_pixels: as in ``areas``.
    """
    order = by_score(scores, score_above, top_k)
    ranked = boxes[order]
    area = areas(ranked, whole_pixels=whole_pixels)
    limit = len(order) if most is None else most
    left = suppress(np, ranked, area, float(threshold), float(eta), limit, whole_pixels)
    return order[left]


def by_score(scores: Array, above: float = -np.inf, top_k: int | None = None) -> Array:
    """Indexes of the scores over ``above``, from the best down; equal ones in their order.

    Args:
        scores: (N,).
        above: what they have to exceed; NaN never does.
        top_k: only so many of the best; None, or below 0: all.
    """
    found = np.flatnonzero(scores > above)
    order = found[np.argsort(-scores[found], kind="stable")]
    return order if top_k is None or top_k < 0 else order[:top_k]
