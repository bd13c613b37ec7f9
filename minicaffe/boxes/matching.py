"""Matching: which of many candidate boxes has to find which object of an image.

After: Liu, Anguelov, Erhan, Szegedy, Reed, Fu, Berg, "SSD: Single Shot MultiBox Detector", 2016,
section 2.2; Erhan, Szegedy, Toshev, Anguelov, "Scalable object detection using deep neural
networks", 2014, for the bipartite part.
"""

from __future__ import annotations

import numpy as np

from minicaffe.boxes.iou import iou
from minicaffe.device import Array

UNMATCHED = -1
LEFT_OUT = -2  # a candidate that takes no part
LEAST = 1e-6  # overlap, as intersection over union: less is none


def match(
    candidates: Array, objects: Array, threshold: float | None, *, inside: bool = False
) -> tuple[Array, Array]:
    """Match candidates to objects: pair after pair, the one of the largest overlap first.

    Each object gets one candidate, as long as one is left that overlaps it. Of equal overlaps
    the first candidate's counts, then the first object's.

    Args:
        candidates: (P, 4) xmin, ymin, xmax, ymax.
        objects: (M, 4), the same.
        threshold: a candidate that is left is matched to the object that it overlaps most, if by
            at least this; None: it is not.
        inside: leave out candidates that reach out of the image, whose sides go from 0 to 1.

    Returns:
        (P,) int64, for each candidate its object, UNMATCHED, or LEFT_OUT; (P,) for each candidate
        the largest overlap with any object.
    """
    found = np.full(len(candidates), UNMATCHED)
    if inside:
        found[((candidates < 0) | (candidates > 1)).any(1)] = LEFT_OUT
    if not len(objects) or not len(candidates):
        return found, np.zeros(len(candidates), candidates.dtype)
    overlaps = iou(candidates, objects)
    overlaps[(overlaps <= LEAST) | (found == LEFT_OUT)[:, None]] = 0
    most = overlaps.max(1)
    _pair(overlaps, found)
    if threshold is not None:
        rest = (found == UNMATCHED) & (most >= threshold) & (most > 0)
        found[rest] = overlaps[rest].argmax(1)
    return found, most


def _pair(overlaps: Array, found: Array) -> None:
    """Set in ``found`` the best candidate's object, of all that are left, one after the other."""
    free = overlaps.T.copy()
    objects = np.arange(len(free))
    best = free.argmax(1)  # of each object
    for _ in objects:
        index = free[objects, best].argmax()
        candidate = best[index]
        if not free[index, candidate]:
            break
        found[candidate] = index
        free[index] = free[:, candidate] = 0
        stale = best == candidate
        best[stale] = free[stale].argmax(1)
