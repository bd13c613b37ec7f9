"""What MultiBoxLoss compares: which boxes are matched to which objects, and which are background.

All of it is computed on the host.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicaffe.boxes.codes import decode, encode
from minicaffe.boxes.ground_truth import Objects
from minicaffe.boxes.matching import UNMATCHED, match
from minicaffe.boxes.mining import Choose, hard_examples, hardest, negatives
from minicaffe.boxes.nms import nms
from minicaffe.device import Array
from minicaffe.proto.minicaffe_pb2 import MultiBoxLossParameter

NO_CLASS = -1  # the target of a box that does not count


class Matches(NamedTuple):
    """What is matched in a batch of N images, P prior boxes, L locations of each.

    Attributes:
        found: (N, L, P) the object of each location, or a negative number.
        overlaps: (N, P) the largest overlap with any object.
    """

    found: Array
    overlaps: Array

    @property
    def positive(self) -> Array:
        """(3, M): image, location and prior box of each that is matched, in this order."""
        return np.stack(np.nonzero(self.found >= 0))


class Matcher:
    """The rules of a definition.

    Args:
        param: the definition.
        mining: a ``MultiBoxLossParameter.MiningType``.
    """

    def __init__(self, param: MultiBoxLossParameter, mining: int) -> None:
        self._param, self._mining = param, mining
        self._locations = 1 if param.share_location else param.num_classes
        each = param.match_type == MultiBoxLossParameter.PER_PREDICTION
        self._threshold = param.overlap_threshold if each else None

    def boxes(self, offsets: Array, priors: Array) -> Array:
        """(N, P, L, 4): what the net says.

        Args:
            offsets: (N, P, L, 4).
            priors: (2, P, 4), boxes and variances.
        """
        variances = None if self._param.encode_variance_in_target else priors[1]
        told = [
            decode(offsets[:, :, c], priors[0], self._param.code_type, variances)
            for c in range(offsets.shape[2])
        ]
        return np.stack(told, axis=2)

    def match(self, objects: list[Objects], priors: Array, predicted: Array | None) -> Matches:
        """Match the prior boxes, or what is ``predicted`` from them: (N, P, L, 4)."""
        count, locations = len(priors), self._locations
        found = np.full((len(objects), locations, count), UNMATCHED)
        overlaps = np.zeros((len(objects), count), priors.dtype)
        for n, here in enumerate(objects):
            if not len(here):
                continue
            if predicted is None:
                matched, overlaps[n] = self._match(priors, here.boxes)
                for c in range(locations):
                    others = (here.labels[np.maximum(matched, 0)] != c) & (locations > 1)
                    found[n, c] = np.where((matched >= 0) & others, UNMATCHED, matched)
                continue
            for c in range(locations):
                own = np.flatnonzero((here.labels == c) | (locations == 1))
                matched, most = self._match(predicted[n, :, c], here.boxes[own])
                taken = matched >= 0
                found[n, c] = matched
                found[n, c, taken] = own[matched[taken]]
                overlaps[n] = np.maximum(overlaps[n], most)
        return Matches(found, overlaps)

    def _match(self, candidates: Array, boxes: Array) -> tuple[Array, Array]:
        inside = self._param.ignore_cross_boundary_bbox
        return match(candidates, boxes, self._threshold, inside=inside)

    def targets(self, objects: list[Objects], matches: Matches) -> Array:
        """(N, P) int64: the class of each prior box; that of the background where unmatched."""
        background = self._param.background_label_id
        result = np.full(matches.overlaps.shape, background)
        for n, here in enumerate(objects):
            for matched in matches.found[n]:
                taken = matched >= 0
                result[n, taken] = (
                    background + 1
                    if self._param.map_object_to_agnostic
                    else here.labels[matched[taken]]
                )
        return result

    def mine(
        self, objects: list[Objects], matches: Matches, losses: Array, boxes: Array | None
    ) -> tuple[Matches, Array]:
        """Choose the boxes that count.

        Args:
            objects: of each image.
            matches: of all boxes.
            losses: (N, P), by which they are chosen.
            boxes: (P, 4) or (N, P, 4), for non-maximum suppression; None: there is none.

        Returns:
            The matches that are left, and (N, P) bool: what counts as background.
        """
        param = self._param
        found, background = matches.found.copy(), np.zeros(losses.shape, bool)
        for n, here in enumerate(objects):
            if not len(here):
                continue
            own = boxes[n] if boxes is not None and boxes.ndim == 3 else boxes
            choose = self._chooser(losses[n], own)
            if self._mining == MultiBoxLossParameter.MAX_NEGATIVE:
                chosen = negatives(
                    found[n, 0], matches.overlaps[n], param.neg_overlap, param.neg_pos_ratio, choose
                )
            else:
                found[n, 0], chosen = hard_examples(found[n, 0], param.sample_size, choose)
            background[n, chosen] = True
        return Matches(found, matches.overlaps), background

    def _chooser(self, losses: Array, boxes: Array | None) -> Choose:
        if boxes is None:
            return lambda able, count: hardest(losses, able, count)
        param = self._param.nms_param
        top_k = param.top_k if param.HasField("top_k") else None

        def choose(able: Array, count: int) -> Array:
            left = nms(boxes[able], losses[able], param.nms_threshold, top_k=top_k, eta=param.eta)
            chosen: Array = able[left[:count]]
            return chosen

        return choose


def located(
    param: MultiBoxLossParameter,
    objects: list[Objects],
    matches: Matches,
    priors: Array,
    predicted: Array | None,
) -> tuple[Array, Array]:
    """(M, 4) the offsets that ``matches.positive`` should have, and (M, 4) their factors.

    Args:
        param: the definition.
        objects: of each image.
        matches: of all boxes.
        priors: (2, P, 4), boxes and variances.
        predicted: (N, P, L, 4), where offsets outside of the image do not learn; None: the
            prior boxes decide.
    """
    images, locations, which = matches.positive
    boxes = np.empty((len(which), 4), priors.dtype)
    for row, (n, c, p) in enumerate(zip(images, locations, which, strict=True)):
        boxes[row] = objects[n].boxes[matches.found[n, c, p]]
    prior, variance = priors[:, which]
    told = encode(
        boxes, prior, param.code_type, None if param.encode_variance_in_target else variance
    )
    factors = 1 / variance if param.encode_variance_in_target else np.ones_like(told)
    if param.bp_inside:
        near = prior if predicted is None else predicted[images, which, locations]
        factors = np.where((near < 0) | (near > 1), 0, factors)
    return told, factors
