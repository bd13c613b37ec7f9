"""HingeLoss: what scores lack to a margin, each class against all others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.layers import _loss
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.proto.minicaffe_pb2 import HingeLossParameter


@register_layer("HingeLoss")
class HingeLoss(Layer):
    """``loss = sum(max(0, 1 - s x) ** p) / N``; s is 1 for the class of the label, -1 for others.

    p is 1 for ``norm: L1`` and 2 for L2. All axes of x after the first count as classes. After
    a forward the diff of bottom[0] holds what is summed: it is the work space, as in Caffe.

    Shapes:
        bottom[0]  x      (N, classes...), scores
        bottom[1]  label  (N,), or N in another shape; truncated toward 0
        top[0]     loss   ()
    Definition: ``hinge_loss_param``; ``loss_param`` is ignored.
    After: src/caffe/layers/hinge_loss_layer.cpp, but for three cases: a label that is no class is
    refused, where Caffe writes past the array; NaN in the scores is NaN in the loss, where Caffe
    takes it for 0; no items lose 0, where Caffe's loss is NaN.
    """

    num_bottom = Arity(2, 2)
    auto_top = True
    is_loss = True

    def allow_force_backward(self, index: int) -> bool:
        return index == 0

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._squared = self.param.hinge_loss_param.norm == HingeLossParameter.L2
        _loss.refuse_label_gradient(self.param.propagate_down)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._shape = _loss.rows(bottom[0], bottom[1])
        self._rows = self.xp.arange(self._shape[0])
        top[0].reshape(())

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._index = _loss.class_indices(self, bottom[1], self._shape)
        room = bottom[0] if self._owns_diff() else Blob(self.device, bottom[0].shape, self.dtype)
        lack = self._write_lack(bottom[0], room).reshape(-1)
        total = (lack * lack if self._squared else lack).sum(dtype=np.float64)
        top[0].data[...] = total / max(1, self._shape[0])

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        _loss.refuse_label_gradient(propagate_down)
        if not propagate_down[0]:
            return
        dx = self._write_lack(bottom[0], bottom[0])
        if not self._squared:
            dx[...] = self.xp.sign(dx)
        dx *= top[0].diff * ((2 if self._squared else 1) / max(1, self._shape[0]))
        dx[self._rows, self._index] = -dx[self._rows, self._index]

    def _owns_diff(self) -> bool:
        """Nobody reads the diff of bottom[0] before ``backward`` has written it."""
        return bool(self.loss_weights[0]) and False not in self.param.propagate_down[:1]

    def _write_lack(self, scores: Blob, room: Blob) -> Array:
        """``max(0, 1 - s x)``, in the diff of ``room``."""
        x, lack = (a.reshape(self._shape[:2]) for a in (scores.data, room.diff))
        self.xp.add(x, 1, out=lack)
        lack[self._rows, self._index] = 1 - x[self._rows, self._index]
        self.xp.maximum(lack, 0, out=lack)
        return lack
