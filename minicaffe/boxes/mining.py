"""Mining: of the many boxes with nothing in them, those that a net learns most from.

After: Liu et al., "SSD: Single Shot MultiBox Detector", 2016, section 2.2 (the negatives of the
highest loss, as many for each matched box); Shrivastava, Gupta, Girshick, "Training region-based
object detectors with online hard example mining", 2016 (of all boxes those of the highest loss).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minicaffe.boxes.matching import UNMATCHED
from minicaffe.device import Array

Choose = Callable[[Array, int], Array]  # (candidates, how many) to those chosen


def hardest(losses: Array, candidates: Array, count: int) -> Array:
    """The ``count`` of ``candidates`` that lose most; of equal ones the first.

    Args:
        losses: (P,).
        candidates: indexes.
        count: at most.
    """
    order = np.argsort(-losses[candidates], kind="stable")
    chosen: Array = candidates[order[:count]]
    return chosen


def negatives(
    matches: Array, overlaps: Array, most_overlap: float, ratio: float, choose: Choose
) -> Array:
    """(K,), sorted: which unmatched boxes count as background.

    Args:
        matches: (P,), of each box its object, as ``matching.match`` gives it.
        overlaps: (P,), with the nearest object.
        most_overlap: boxes that overlap an object this much are neither.
        ratio: negatives for each matched box, at most.
        choose: which of them.
    """
    able = np.flatnonzero((matches == UNMATCHED) & (overlaps < most_overlap))
    count = int((matches >= 0).sum() * ratio)
    return np.sort(choose(able, min(count, len(able))))


def hard_examples(matches: Array, count: int, choose: Choose) -> tuple[Array, Array]:
    """Of all boxes ``count``: (P,) the matches that are left, (K,) sorted, the background.

    Args:
        matches: (P,), of each box its object, as ``matching.match`` gives it.
        count: of boxes, at most.
        choose: which of them.
    """
    able = np.flatnonzero(matches >= UNMATCHED)
    chosen = np.zeros(len(matches), bool)
    chosen[choose(able, min(count, len(able)))] = True
    left = np.where((matches >= 0) & ~chosen, UNMATCHED, matches)
    return left, np.flatnonzero((matches == UNMATCHED) & chosen)
