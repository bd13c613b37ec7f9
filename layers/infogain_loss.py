"""InfogainLoss: the cross-entropy in which a matrix says what each answer is worth."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from minicaffe.blob import Blob
from minicaffe.blob_proto import blob_from_proto
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError, PrototxtError, ShapeError, WeightsError
from minicaffe.layers import _loss
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops.loss import infogain_loss, infogain_loss_grad
from minicaffe.ops.softmax import softmax, softmax_grad
from minicaffe.proto import binary
from minicaffe.proto.minicaffe_pb2 import BlobProto


@register_layer("InfogainLoss")
class InfogainLoss(Layer):
    """``loss = -sum(H[label] . log(max(softmax(x), 1e-20))) / divisor``, over all positions.

    With the identity for H it is SoftmaxWithLoss; a row with several numbers gives part of the
    credit for answers that are nearly right, a larger number counts a rare class for more.
    Positions whose label is ``ignore_label`` do not count. The divisor is SoftmaxWithLoss's.

    Shapes, around the axis of the classes:
        bottom[0]  x      (outer..., classes, inner...), scores before any softmax
        bottom[1]  label  (outer..., inner...), or as many in another shape; truncated toward 0
        bottom[2]  H      classes ** 2 elements, by rows; may be left out, and goes before
                          ``source`` where it is not
        top[0]     loss   ()
        top[1]     prob   as x: the softmax; may be left out
    Definition: ``infogain_loss_param``, ``loss_param``. ``axis`` may be negative; ``source`` is a
    file that holds H as a BlobProto, and is read once.
    After: src/caffe/layers/infogain_loss_layer.cpp, since 2017: what it took before were
    probabilities. But for three cases: a label that is no class is refused, where Caffe reads
    past the array; ``force_backward`` goes past H, where Caffe aborts; a gradient for the second
    top reaches x, where Caffe drops it.
    """

    num_bottom = Arity(2, 3)
    num_top = Arity(1, 2)
    auto_top = True
    is_loss = True

    def allow_force_backward(self, index: int) -> bool:
        return index == 0

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if self.param.loss_param.HasField("normalize"):
            raise LayerConfigError(
                "loss_param.normalize is given, expected normalization: this type never took the "
                "old field; true is normalization: VALID, false BATCH_SIZE"
            )
        self._mode = _loss.read_normalization(self.param)
        self._ignore = _loss.read_ignore(self.param.loss_param)
        self._refuse_gradients(self.param.propagate_down)
        self._matrix = bottom[2] if len(bottom) == 3 else self._read_matrix()
        self._own_prob = Blob(self.device, dtype=self.dtype)
        self._total = self.xp.zeros(2, np.float64)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._shape = _loss.positions(bottom[0], bottom[1], self.param.infogain_loss_param.axis)
        classes = self._shape[1]
        if self._matrix.count != classes**2:
            where = "bottom[2]" if len(bottom) == 3 else self.param.infogain_loss_param.source
            raise ShapeError(
                f"{where} has shape {self._matrix.shape}, {self._matrix.count} element(s), "
                f"expected {classes} x {classes}: bottom[0] has {classes} class(es)"
            )
        top[0].reshape(())
        self._prob(top).reshape(bottom[0].shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        outer, _, inner = shape = self._shape
        prob, labels = self._prob(top).data.reshape(shape), bottom[1].data.reshape(outer, inner)
        softmax(self.xp, bottom[0].data.reshape(shape), prob)
        bad = infogain_loss(self.xp, prob, labels, self._ignore, self._rows(), self._total)
        self.check(bad, labels, partial(_loss.refuse_label, shape, self._ignore))
        self._divisor = _loss.divisor(self._mode, outer, inner, self._total[1], self.xp)
        top[0].data[...] = self._total[0] / self._divisor

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        self._refuse_gradients(propagate_down)
        if not propagate_down[0]:
            return
        outer, _, inner = shape = self._shape
        prob, labels = self._prob(top).data.reshape(shape), bottom[1].data.reshape(outer, inner)
        dx, factor, rows = bottom[0].diff.reshape(shape), top[0].diff / self._divisor, self._rows()
        infogain_loss_grad(self.xp, prob, labels, self._ignore, rows, rows.sum(axis=1), factor, dx)
        if len(top) == 2 and top[1].has_diff:
            self._own_prob.reshape(shape)  # not in use for prob: room for the second gradient
            through_prob = self._own_prob.data
            softmax_grad(self.xp, prob, top[1].diff.reshape(shape), through_prob)
            dx += through_prob

    def _prob(self, top: Sequence[Blob]) -> Blob:
        return top[1] if len(top) == 2 else self._own_prob

    def _rows(self) -> Array:
        return self._matrix.data.reshape(self._shape[1], self._shape[1])

    def _read_matrix(self) -> Blob:
        path = self.param.infogain_loss_param.source
        if not path:
            raise LayerConfigError(
                "infogain_loss_param.source is not given, expected a file, or a third bottom: "
                "without a matrix nothing says what an answer is worth"
            )
        try:
            return blob_from_proto(binary.read(path, BlobProto), self.device, self.dtype)
        except PrototxtError as error:
            raise LayerConfigError(f"source cannot be read: {error}") from error
        except WeightsError as error:
            raise LayerConfigError(f"source cannot be read: {path}: {error}") from error

    @staticmethod
    def _refuse_gradients(propagate_down: Sequence[bool]) -> None:
        _loss.refuse_label_gradient(propagate_down)
        _loss.refuse_label_gradient(propagate_down, 2, "weights of the loss")
