"""Detections: rows of image, class, score and box, from offsets and scores of many prior boxes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from minicaffe.boxes.nms import nms
from minicaffe.device import Array


class Rules(NamedTuple):
    """Which boxes are left.

    Attributes:
        threshold: of two of a class that overlap more, one is dropped.
        score_above: what a score has to exceed.
        top_k: how many of a class are compared; None: all.
        eta: below 1, what ``threshold`` is multiplied by after each that is left.
        keep_top_k: how many of an image are left, of all classes; None: all.
    """

    threshold: float = 0.3
    score_above: float = -np.inf
    top_k: int | None = None
    eta: float = 1.0
    keep_top_k: int | None = None


def best_of_image(boxes: Mapping[int, Array], scores: Mapping[int, Array], rules: Rules) -> Array:
    """(K, 6): class, score, xmin, ymin, xmax, ymax; by class, and in one from the best down.

    Where more are left than ``keep_top_k``, those of the best scores are; equal ones by their
    class, then by their place.

    Args:
        boxes: for each class (P, 4).
        scores: for each class (P,).
        rules: which are left.
    """
    rows = []
    for label in sorted(scores):
        own, score = boxes[label], scores[label]
        left = nms(
            own,
            score,
            rules.threshold,
            score_above=rules.score_above,
            top_k=rules.top_k,
            eta=rules.eta,
        )
        row = np.empty((len(left), 6), score.dtype)
        row[:, 0], row[:, 1], row[:, 2:] = label, score[left], own[left]
        rows.append(row)
    found = np.concatenate(rows) if rows else np.empty((0, 6), np.float32)
    most = rules.keep_top_k
    if most is not None and 0 <= most < len(found):
        best = np.argsort(-found[:, 1], kind="stable")[:most]
        found = found[np.sort(best)]
    return found
