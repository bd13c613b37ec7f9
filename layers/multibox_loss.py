"""MultiBoxLoss: where boxes are, and what is in them, against the objects of the images."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import prod

import numpy as np

from minicaffe.blob import Blob
from minicaffe.boxes.ground_truth import COLUMNS, Objects, objects_of
from minicaffe.boxes.matching import LEFT_OUT
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers import _loss
from minicaffe.layers._index import refuse_index_gradient
from minicaffe.layers._multibox import NO_CLASS, Matcher, Matches, located
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops.loss import scaled_difference, sigmoid_cross_entropy_grad, squared_distance
from minicaffe.ops.smooth_l1 import smooth_l1, smooth_l1_grad
from minicaffe.ops.softmax import LEAST, softmax, softmax_loss_grad
from minicaffe.proto.minicaffe_pb2 import MultiBoxLossParameter

_WHAT = {2: "prior boxes", 3: "objects"}


@register_layer("MultiBoxLoss")
class MultiBoxLoss(Layer):
    """``loss = (sum of class losses + loc_weight * sum of location losses) / divisor``.

    Each object of an image is matched to the box that overlaps it most, pair after pair
    (BIPARTITE), and each box left to the object that it overlaps by ``overlap_threshold``
    (PER_PREDICTION). Matched boxes have a location loss, of their four offsets from those that
    would tell the object: ``d ** 2 / 2`` where ``abs(d) < 1``, ``abs(d) - 0.5`` beyond
    (SMOOTH_L1), or ``d ** 2 / 2`` (L2). Matched boxes, and those that count as background, have a
    class loss: ``-log(softmax(x)[class])`` (SOFTMAX), or the cross-entropies of the sigmoids of
    all classes with 1 for the right one and 0 for the others (LOGISTIC). Background is: of the
    boxes that overlap no object by ``neg_overlap``, those of the highest class loss, in each image
    ``neg_pos_ratio`` for each matched one (MAX_NEGATIVE); of the ``sample_size`` boxes with the
    highest sum of both losses the unmatched, where other matches do not count (HARD_EXAMPLE); or
    all unmatched boxes (NONE). With mining, an image without objects has no background.

    The divisor is at least 1: the number of matches (VALID, the default), of boxes in all images
    (FULL), of images (BATCH_SIZE), or 1 (NONE). What ``propagate_down`` switches off is no part
    of the loss.

    Boxes are matched on the host: on a GPU the objects and prior boxes, one loss a box where
    there is mining, and the offsets where they are asked for are copied there.

    Shapes, for P prior boxes, K classes, and L locations each: 1, or K where not
    ``share_location``:
        bottom[0]  offsets  (N, P L 4)
        bottom[1]  scores   (N, P K), before any softmax or sigmoid
        bottom[2]  priors   (1, 2, P 4): boxes and their variances, as PriorBox makes them
        bottom[3]  objects  (1, 1, M, 8), a row an object: number of the image, class, instance,
                            xmin, ymin, xmax, ymax, difficult; an image of -1: no row
        top[0]     loss     ()
    Definition: ``multibox_loss_param``; ``loss_param``, for the normalization.
    After: Liu, Anguelov, Erhan, Szegedy, Reed, Fu, Berg, "SSD: Single Shot MultiBox Detector",
    2016, and the layer of its fork of Caffe. Differs: with ``encode_variance_in_target`` the
    gradient is that of the loss, where the fork's lacks the division by the variance; LOGISTIC has
    1 for the background without mining too; a box left out at the border takes no place among hard
    examples, and does not count without mining; rows of no image or class are refused; of equal
    losses the first box's is taken.
    """

    origin = "SSD"
    num_bottom = Arity(4, 4)
    auto_top = True
    is_loss = True
    backward_reads: Collection[str] = ("bottom",)
    waits = True

    def allow_force_backward(self, index: int) -> bool:
        return index < 2

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.multibox_loss_param
        self._mining = _mining(param)
        _check(param, mines=self._mining != MultiBoxLossParameter.NONE)
        self._matcher = Matcher(param, self._mining)
        self._mode = _loss.read_normalization(self.param)
        wanted = list(self.param.propagate_down) or [True, True]
        self._has_locations, self._has_classes = (*wanted, True)[:2]
        self._locations = 1 if param.share_location else param.num_classes
        for index, what in _WHAT.items():
            refuse_index_gradient(self.param.propagate_down, index, what)
        self._prob = Blob(self.device, dtype=self.dtype)
        self._total = self.xp.zeros(1, np.float64)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        offsets, scores, priors, rows = (blob.shape for blob in bottom)
        classes = self.param.multibox_loss_param.num_classes
        if len(priors) < 3 or priors[:2] != (1, 2) or prod(priors[2:]) % 4:
            raise ShapeError(
                f"bottom[2] has shape {priors}, expected (1, 2, P * 4): boxes and their variances"
            )
        self._count = count = prod(priors[2:]) // 4
        for index, shape, numbers, of in (
            (0, offsets, 4 * self._locations, "offsets"),
            (1, scores, classes, "scores"),
        ):
            if len(shape) < 2 or shape[0] != offsets[0] or prod(shape[1:]) != count * numbers:
                raise ShapeError(
                    f"bottom[{index}] has shape {shape}, expected ({(offsets or ('N',))[0]}, "
                    f"{count * numbers}): {numbers} {of} for each of {count} boxes in bottom[2]"
                )
        if prod(rows) % COLUMNS or (rows and rows[-1] != COLUMNS):
            raise ShapeError(
                f"bottom[3] has shape {rows}, expected (1, 1, M, {COLUMNS}): a row an object, "
                "as AnnotatedData makes them"
            )
        self._prob.reshape((offsets[0] * count, classes, 1))
        top[0].reshape(())

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param, xp = self.param.multibox_loss_param, self.xp
        to_numpy = self.device.to_numpy
        priors = to_numpy(bottom[2].data).reshape(2, -1, 4)
        rows = to_numpy(bottom[3].data).reshape(-1, COLUMNS)
        objects = objects_of(
            rows, len(bottom[0].data), param.num_classes, param.background_label_id
        )
        if not param.use_difficult_gt:
            objects = [Objects(*(each[~here.difficult] for each in here)) for here in objects]
        predicted = self._predicted(bottom[0], priors) if self._asks_for_predicted else None
        nearest = None if param.use_prior_for_matching else predicted
        matches = self._matcher.match(objects, priors[0], nearest)
        targets = self._matcher.targets(objects, matches)
        self._find_locations(objects, matches, priors, nearest)
        losses = self._class_losses(bottom[1], xp.asarray(targets))
        if self._mining == MultiBoxLossParameter.NONE:
            targets[(matches.found <= LEFT_OUT).all(1)] = NO_CLASS
        else:
            by = to_numpy(losses).reshape(targets.shape).astype(np.float64)
            targets = self._mine(bottom[0], objects, matches, targets, by, predicted, priors[0])
        valid = np.int64(self._matched.size)
        outer, inner = targets.shape
        self._divisor = int(_loss.divisor(self._mode, outer, inner, valid, np))
        self._targets = xp.asarray(targets.reshape(-1))
        top[0].data[...] = 0
        if self._has_locations and self._matched.size:
            top[0].data[...] += self._location_loss(bottom[0]) * (param.loc_weight / self._divisor)
        if self._has_classes:
            lost = xp.where(self._targets == NO_CLASS, 0, losses).sum(dtype=np.float64)
            top[0].data[...] += lost / self._divisor

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        for index, what in _WHAT.items():
            refuse_index_gradient(propagate_down, index, what)
        factor = top[0].diff / self._divisor
        if propagate_down[0]:
            bottom[0].diff[...] = 0
            if self._has_locations and self._matched.size:
                weight = self.param.multibox_loss_param.loc_weight
                self._write_location_diff(bottom[0], factor * weight)
        if propagate_down[1]:
            if self._has_classes:
                self._write_class_diff(bottom[1], factor)
            else:
                bottom[1].diff[...] = 0

    @property
    def _asks_for_predicted(self) -> bool:
        param = self.param.multibox_loss_param
        return not param.use_prior_for_matching or (
            self._suppresses and not param.use_prior_for_nms
        )

    @property
    def _suppresses(self) -> bool:
        param = self.param.multibox_loss_param
        mines = self._mining != MultiBoxLossParameter.NONE
        return bool(mines and param.HasField("nms_param") and param.nms_param.nms_threshold > 0)

    def _predicted(self, offsets: Blob, priors: Array) -> Array:
        found = self.device.to_numpy(offsets.data)
        return self._matcher.boxes(found.reshape(-1, self._count, self._locations, 4), priors)

    def _find_locations(
        self, objects: list[Objects], matches: Matches, priors: Array, nearest: Array | None
    ) -> None:
        """Set what each matched location should tell, and its place among all."""
        param = self.param.multibox_loss_param
        told, factors = located(param, objects, matches, priors, nearest)
        images, locations, which = matches.positive
        self._matched = (images * self._count + which) * self._locations + locations
        self._told, self._factors = told.astype(self.dtype), factors.astype(self.dtype)

    def _mine(
        self,
        offsets: Blob,
        objects: list[Objects],
        matches: Matches,
        targets: Array,
        by: Array,
        predicted: Array | None,
        priors: Array,
    ) -> Array:
        """The targets of the boxes that count; matches that do not are forgotten."""
        param, positive = self.param.multibox_loss_param, matches.positive
        if self._mining == MultiBoxLossParameter.HARD_EXAMPLE and self._matched.size:
            found = self.device.to_numpy(self._at_matched(offsets)).reshape(-1, 4)
            apart = abs((found - self._told) * self._factors)
            linear = param.loc_loss_type == MultiBoxLossParameter.SMOOTH_L1
            lost = np.where(linear & (apart >= 1), apart - 0.5, apart * apart / 2).sum(1)
            by[positive[0], positive[2]] += lost
        boxes = None
        if self._suppresses:
            boxes = priors if predicted is None or param.use_prior_for_nms else predicted[:, :, 0]
        left, background = self._matcher.mine(objects, matches, by, boxes)
        kept = left.found[tuple(positive)] >= 0
        self._matched = self._matched[kept]
        self._told, self._factors = self._told[kept], self._factors[kept]
        counts = (left.found >= 0).any(1) | background
        return np.where(counts, targets, NO_CLASS)

    def _at_matched(self, offsets: Blob) -> Array:
        """(M * 4,): the offsets that are compared."""
        index = self.xp.asarray(self._matched)
        return offsets.data.reshape(-1, 4)[index].reshape(-1)

    def _location_loss(self, offsets: Blob) -> Array:
        xp = self.xp
        x, y, factors = self._compared(offsets)
        if self.param.multibox_loss_param.loc_loss_type == MultiBoxLossParameter.SMOOTH_L1:
            smooth_l1(xp, x, y, factors, None, 1.0, self._total)
            return self._total[0]
        squared_distance(xp, x * factors, y * factors, self._total)
        return self._total[0] / 2

    def _write_location_diff(self, offsets: Blob, factor: Array) -> None:
        xp = self.xp
        x, y, factors = self._compared(offsets)
        dx = xp.empty_like(x)
        if self.param.multibox_loss_param.loc_loss_type == MultiBoxLossParameter.SMOOTH_L1:
            smooth_l1_grad(xp, x, y, factors, None, 1.0, factor, dx)
        else:
            scaled_difference(xp, x, y, factor, dx)
            dx *= factors * factors
        offsets.diff.reshape(-1, 4)[xp.asarray(self._matched)] = dx.reshape(-1, 4)

    def _compared(self, offsets: Blob) -> tuple[Array, Array, Array]:
        told, factors = (self.xp.asarray(each.reshape(-1)) for each in (self._told, self._factors))
        return self._at_matched(offsets), told, factors

    def _class_losses(self, scores: Blob, targets: Array) -> Array:
        """(N * P,): what each box loses, were it to count."""
        xp, x = self.xp, scores.data.reshape(self._prob.shape)
        if self.param.multibox_loss_param.conf_loss_type == MultiBoxLossParameter.LOGISTIC:
            x = x[:, :, 0]
            right = targets.reshape(-1, 1) == xp.arange(x.shape[1])
            lost: Array = (x * ((x > 0) ^ right) * xp.where(right, -1, 1)).sum(axis=1)
            return lost + xp.log(1 + xp.exp(-abs(x))).sum(axis=1)
        softmax(xp, x, self._prob.data)
        taken = xp.take_along_axis(self._prob.data[:, :, 0], targets.reshape(-1, 1), axis=1)[:, 0]
        return -xp.log(xp.maximum(taken, LEAST))

    def _write_class_diff(self, scores: Blob, factor: Array) -> None:
        xp, shape = self.xp, self._prob.shape
        targets = self._targets.reshape(-1, 1)
        if self.param.multibox_loss_param.conf_loss_type == MultiBoxLossParameter.LOGISTIC:
            right = xp.where(targets == NO_CLASS, NO_CLASS, targets == xp.arange(shape[1]))
            x, dx = scores.data.reshape(-1), scores.diff.reshape(-1)
            aims = right.astype(self.dtype).reshape(-1)
            sigmoid_cross_entropy_grad(xp, x, aims, float(NO_CLASS), factor, dx)
            return
        dx = scores.diff.reshape(shape)
        labels = targets.astype(self.dtype)
        softmax_loss_grad(xp, self._prob.data, labels, float(NO_CLASS), factor, dx)


def _mining(param: MultiBoxLossParameter) -> int:
    """``mining_type``, or what the old ``do_neg_mining`` says."""
    if param.HasField("do_neg_mining") and not param.HasField("mining_type"):
        return (
            MultiBoxLossParameter.MAX_NEGATIVE
            if param.do_neg_mining
            else MultiBoxLossParameter.NONE
        )
    return param.mining_type


def _check(param: MultiBoxLossParameter, *, mines: bool) -> None:
    """Refuse what cannot be followed.

    Raises:
        LayerConfigError: says what.
    """
    classes, background = param.num_classes, param.background_label_id
    if not classes:
        found = "0" if param.HasField("num_classes") else "missing"
        raise LayerConfigError(f"num_classes is {found}, expected at least 2, with the background")
    if background >= classes:
        raise LayerConfigError(
            f"background_label_id is {background}, expected 0..{classes - 1}: a class"
        )
    if param.map_object_to_agnostic and background + 1 >= classes:
        raise LayerConfigError(
            f"num_classes is {classes} with map_object_to_agnostic, expected at least "
            f"{background + 2}: objects have the class after the background, {background}"
        )
    if mines and not param.share_location:
        raise LayerConfigError(
            "share_location is false with mining, expected true, or mining_type: NONE: a box is "
            "chosen with its one location"
        )
    for name in ("loc_weight", "overlap_threshold", "neg_pos_ratio", "neg_overlap"):
        if not 0 <= getattr(param, name) < np.inf:
            raise LayerConfigError(
                f"{name} is {getattr(param, name):g}, expected a finite number of 0 or more"
            )
    if param.sample_size < 1:
        raise LayerConfigError(f"sample_size is {param.sample_size}, expected at least 1")
    if not 0 < param.nms_param.eta <= 1:
        raise LayerConfigError(f"eta is {param.nms_param.eta:g}, expected above 0, and at most 1")
