"""DetectionOutput: boxes, their classes and scores, from what a net says of its prior boxes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from math import prod

import numpy as np

from minicaffe.blob import Blob
from minicaffe.boxes.codes import decode
from minicaffe.boxes.detections import Rules, best_of_image
from minicaffe.boxes.result_files import ResultFiles
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers._index import refuse_index_gradient
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.proto.minicaffe_pb2 import DetectionOutputParameter

_WHAT = "what detections are made of"


@register_layer("DetectionOutput")
class DetectionOutput(Layer):
    """The boxes of each image that are left by non-maximum suppression, class by class.

    Each prior box, moved by its offsets as ``code_type`` says, is a candidate for each class but
    ``background_label_id``, if its score is above ``confidence_threshold``. Of the ``top_k`` best
    of a class those are left that overlap no better one by more than ``nms_threshold``; of an image
    the ``keep_top_k`` best. Boxes may reach out of the image, whose sides go from 0 to 1.

    It computes on the host: on a GPU, the bottoms are copied there.

    Shapes, for P prior boxes, K classes, and L boxes each: 1, or K where not ``share_location``:
        bottom[0]  offsets  (N, P L 4)
        bottom[1]  scores   (N, P K); probabilities, say
        bottom[2]  priors   (1, 2, P 4): boxes and their variances, as PriorBox makes them
        bottom[3]  image    not read
        top[0]     y        (1, 1, D, 7), a row a box: number of the image, class, score, xmin,
                            ymin, xmax, ymax; by image, by class, from the best down. Where no
                            image has any, a row an image: its number and six times -1
    Definition: ``detection_output_param``. With ``save_output_param``, what is found in each
    ``num_test_image`` images is written to files, which are complete or are not there:
    ``boxes.result_files``. What that names is read at the first forward.
    After: Liu, Anguelov, Erhan, Szegedy, Reed, Fu, Berg, "SSD: Single Shot MultiBox Detector",
    2016, and the layer of its fork of Caffe. Differs: of equal scores the first is better, also
    for ``keep_top_k``; NaN is no score; ``visualize`` is not followed, ``minicaffe detect`` draws;
    ``force_backward`` goes past this layer.
    """

    origin = "SSD"
    num_bottom = Arity(3, 4)
    backward_reads: Collection[str] = ()
    waits = True

    def allow_force_backward(self, index: int) -> bool:
        return False

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.detection_output_param
        _check(param)
        nms = param.nms_param
        self._rules = Rules(
            threshold=nms.nms_threshold,
            score_above=_given(param.confidence_threshold, param.HasField("confidence_threshold")),
            top_k=nms.top_k if nms.HasField("top_k") else None,
            eta=nms.eta,
            keep_top_k=param.keep_top_k,
        )
        self._locations = 1 if param.share_location else param.num_classes
        for index in range(len(bottom)):
            refuse_index_gradient(self.param.propagate_down, index, _WHAT)
        save = param.save_output_param
        self._files = ResultFiles(save) if save.output_directory else None

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        offsets, scores, priors = (blob.shape for blob in bottom[:3])
        classes = self.param.detection_output_param.num_classes
        if len(priors) < 3 or priors[:2] != (1, 2) or prod(priors[2:]) % 4:
            raise ShapeError(
                f"bottom[2] has shape {priors}, expected (1, 2, P * 4): boxes and their variances"
            )
        self._count = count = prod(priors[2:]) // 4
        for index, shape, numbers, of in (
            (0, offsets, 4 * self._locations, "4 numbers"),
            (1, scores, classes, "a score"),
        ):
            if len(shape) < 2 or shape[0] != offsets[0] or prod(shape[1:]) != count * numbers:
                each = " of each class" if numbers > 4 or index else ""
                hint = ""
                if len(shape) > 1 and prod(shape[1:]) > count * numbers:
                    hint = "; is a density, an aspect_ratio or a size missing in a PriorBox?"
                raise ShapeError(
                    f"bottom[{index}] has shape {shape}, expected ({(offsets or ('N',))[0]}, "
                    f"{count * numbers}): {of}{each} for each of {count} boxes in bottom[2]{hint}"
                )
        top[0].reshape((1, 1, 1, 7))  # until a forward knows how many there are

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        offsets, scores, priors = (self.device.to_numpy(blob.data) for blob in bottom[:3])
        found = list(self._images(offsets, scores, priors.reshape(2, -1, 4)))
        if self._files is not None:
            for rows in found:
                self._files.add(rows)
        numbers = np.repeat(np.arange(len(found)), [len(rows) for rows in found])
        result = np.concatenate([numbers[:, None], np.concatenate([*found, np.empty((0, 6))])], 1)
        if not len(result):
            result = np.full((len(found), 7), -1.0)
            result[:, 0] = np.arange(len(found))
        top[0].reshape((1, 1, *result.shape))
        top[0].data[...] = self.xp.asarray(result.astype(self.dtype))

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        for index in range(len(bottom)):
            refuse_index_gradient(propagate_down, index, _WHAT)

    def close(self) -> None:
        if self._files is not None:
            self._files.close()

    def _images(self, offsets: Array, scores: Array, priors: Array) -> Iterator[Array]:
        """Of each image (K, 6): class, score, xmin, ymin, xmax, ymax."""
        param = self.param.detection_output_param
        labels = [c for c in range(param.num_classes) if c != param.background_label_id]
        variances = None if param.variance_encoded_in_target else priors[1]
        offsets = offsets.reshape(-1, self._count, self._locations, 4)
        scores = scores.reshape(-1, self._count, param.num_classes)
        for own, score in zip(offsets, scores, strict=True):
            boxes = {
                label: decode(own[:, label], priors[0], param.code_type, variances)
                for label in (labels if self._locations > 1 else [0])
            }
            if self._locations == 1:
                boxes = dict.fromkeys(labels, boxes[0])
            yield best_of_image(boxes, {label: score[:, label] for label in labels}, self._rules)


def _given(value: float, is_given: bool) -> float:
    """``value``, or what every number exceeds."""
    return value if is_given else -np.inf


def _check(param: DetectionOutputParameter) -> None:
    """Refuse what cannot be followed.

    Raises:
        LayerConfigError: says what.
    """
    classes, background, nms = param.num_classes, param.background_label_id, param.nms_param
    if not classes:
        found = "0" if param.HasField("num_classes") else "missing"
        raise LayerConfigError(f"num_classes is {found}, expected at least 1, with the background")
    if not -1 <= background < classes:
        raise LayerConfigError(
            f"background_label_id is {background}, expected 0..{classes - 1}, or -1 for none"
        )
    if not nms.nms_threshold >= 0:
        raise LayerConfigError(f"nms_threshold is {nms.nms_threshold:g}, expected 0 or more")
    if not 0 < nms.eta <= 1:
        raise LayerConfigError(f"eta is {nms.eta:g}, expected above 0, and at most 1")
