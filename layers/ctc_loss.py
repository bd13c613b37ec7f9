"""CTCLoss: a sequence of labels against scores over time, when nobody knows which label is when."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NoReturn

import numpy as np

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError, ShapeError, ValueRangeError
from minicaffe.layers import _loss
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops.bad import first_bad
from minicaffe.ops.ctc import ctc


@register_layer("CTCLoss")
class CTCLoss(Layer):
    """``loss = -sum(log(P[n])) / N``: P[n] is the chance that sequence n reads as its labels.

    Each step has a softmax over the classes, of which one is the blank, for no label. A path takes
    a class at each step; it reads as what is left when equal neighbours are merged and blanks left
    out. P is the sum of the chances of all paths that read as the labels. It is computed in
    logarithms, in float64. A sequence with fewer steps than its labels need (one each, and a blank
    between equal neighbours) has no path: it loses 0, has no gradient, and N counts it.

    Shapes:
        bottom[0]  x       (T, N, C), or with axes of size 1 behind: scores before any softmax
        bottom[1]  label   (N, L), or N L in another shape; truncated toward 0. Negative numbers
                           and the blank are left out, wherever they are: they fill short rows
        bottom[2]  length  (N,), the steps of each sequence, from 0 to T; may be left out
        top[0]     loss    ()
    or, as ChWick's fork has it, told by three bottoms of which the last two have T steps:
        bottom[1]  mark    (T, N), 0 where a sequence starts: it ends before the second 0
        bottom[2]  label   (T, N), which end before the first negative number
    Definition: ``ctc_loss_param``: ``blank_label`` may be negative, from the end;
    ``alphabet_size``, where it is given, is C; ``time_step`` and ``loss_param`` are not read. With
    marks the blank is ``blank_index``, by default the last class; ``preprocess_collapse_repeated``
    makes one label of equal neighbours.
    After: A. Graves, S. Fernández, F. Gomez, J. Schmidhuber, "Connectionist temporal
    classification: labelling unsegmented sequence data with recurrent neural networks", 2006, and
    the fork warpctc-caffe, where the type is CtcLoss, and ChWick's. Differs: a label that is no
    class is refused; lengths may be given; the gradient is that of the loss, where warpctc-caffe's
    is N times that; ``output_delay``, and ``ctc_merge_repeated: false``, are refused.
    """

    origin = "paper"
    num_bottom = Arity(2, 3)
    auto_top = True
    is_loss = True
    backward_reads = ()

    def allow_force_backward(self, index: int) -> bool:
        return index == 0

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._refuse_gradients(self.param.propagate_down)
        param = self.param.ctc_loss_param
        if param.output_delay:
            raise LayerConfigError(
                f"output_delay is {param.output_delay}, expected 0, the only one"
            )
        if not param.ctc_merge_repeated:
            raise LayerConfigError(
                "ctc_merge_repeated is false, expected true: equal neighbours are merged"
            )
        if param.HasField("blank_label") and param.HasField("blank_index"):
            raise LayerConfigError("blank_label and blank_index are given, expected one")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape, param = bottom[0].shape, self.param.ctc_loss_param
        if len(shape) < 3 or shape[3:] != (1,) * len(shape[3:]) or 0 in (shape[0], shape[2]):
            raise ShapeError(f"bottom[0] has shape {shape}, expected (T, N, C): steps first")
        self._shape = steps, items, classes = shape[:3]
        if param.alphabet_size and param.alphabet_size != classes:
            raise LayerConfigError(
                f"alphabet_size is {param.alphabet_size}, expected {classes}, the classes of "
                f"bottom[0], which has shape {shape}"
            )
        self._has_marks = _has_marks(bottom)
        by_index = param.HasField("blank_index") or self._has_marks
        field = "blank_index" if by_index and not param.HasField("blank_label") else "blank_label"
        blank = getattr(param, field)
        self._blank = blank + (classes if blank < 0 else 0)
        if not 0 <= self._blank < classes:
            raise LayerConfigError(
                f"{field} is {blank}, expected {-classes}..{classes - 1}: "
                f"bottom[0] has {classes} class(es)"
            )
        self._labels = items, steps if self._has_marks else bottom[1].count // max(1, items)
        self._cost = self.xp.zeros(items, np.float64)
        self._grad = self.device.zeros(self._shape, self.dtype)
        top[0].reshape(())
        if self._has_marks:
            return
        if bottom[1].shape[:1] != (items,):
            raise ShapeError(
                f"bottom[1] has shape {bottom[1].shape}, expected ({items}, L), labels for each "
                f"sequence: bottom[0] has shape {shape}, {steps} step(s) of {items} sequence(s)"
            )
        if len(bottom) == 3 and bottom[2].count != items:
            raise ShapeError(
                f"bottom[2] has shape {bottom[2].shape}, expected ({items},): the number of steps "
                "of each sequence"
            )

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        xp, (steps, items, classes) = self.xp, self._shape
        label, length = self._told(bottom)
        index = xp.trunc(label)
        bad = first_bad(xp, ~((index < classes) & (index > -xp.inf)))
        self.check(bad, label, partial(_refuse_label, self._labels, classes))
        if length is not None:
            whole = xp.trunc(length)
            bad = first_bad(xp, ~((whole >= 0) & (whole <= steps)))
            self.check(bad, length, partial(_refuse_length, steps))
        x = bottom[0].data.reshape(self._shape)
        ctc(xp, x, label, length, self._blank, self._cost, self._grad)
        top[0].data[...] = self._cost.sum() / max(1, items)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        self._refuse_gradients(propagate_down)
        if propagate_down[0]:
            factor, dx = top[0].diff / max(1, self._shape[1]), bottom[0].diff
            self.xp.multiply(self._grad, factor, out=dx.reshape(self._shape))

    def _told(self, bottom: Sequence[Blob]) -> tuple[Array, Array | None]:
        """(N, L) labels, and (N,) steps of each sequence, if they are told."""
        if not self._has_marks:
            length = bottom[2].data.reshape(-1) if len(bottom) == 3 else None
            return bottom[1].data.reshape(self._labels), length
        xp, shape = self.xp, self._labels[::-1]
        mark, label = (blob.data.reshape(shape) for blob in bottom[1:])
        starts = mark[1:] < 0.5  # the fork rounds
        length = xp.where(starts.any(axis=0), starts.argmax(axis=0) + 1, shape[0])
        ends = label < 0
        count = xp.where(ends.any(axis=0), ends.argmax(axis=0), shape[0])
        kept = xp.arange(shape[0])[:, None] < count
        if self.param.ctc_loss_param.preprocess_collapse_repeated:
            kept[1:] &= label[1:] != label[:-1]
        length = xp.where((count > 0) | (length > 1), length, 0)  # an item that is not there
        rows = xp.ascontiguousarray(xp.where(kept, label, -1).transpose())
        return rows, length.astype(label.dtype)

    @staticmethod
    def _refuse_gradients(propagate_down: Sequence[bool]) -> None:
        _loss.refuse_label_gradient(propagate_down)
        _loss.refuse_label_gradient(propagate_down, 2, "lengths")


def _has_marks(bottom: Sequence[Blob]) -> bool:
    """Whether they are as in ChWick's fork: both others have T steps, so no lengths are there."""
    steps = bottom[0].shape[:2]
    return len(bottom) == 3 and steps[0] > 1 and {b.shape[:2] for b in bottom[1:]} == {steps}


def _refuse_label(shape: tuple[int, int], classes: int, index: int, value: float) -> NoReturn:
    row, position = divmod(index, shape[1])
    raise ValueRangeError(
        f"bottom[1] holds the label {value:g} at row {row}, position {position}, expected "
        f"0..{classes - 1}, or a negative number where there is none: bottom[0] has {classes} "
        "class(es)"
    )


def _refuse_length(steps: int, index: int, value: float) -> NoReturn:
    raise ValueRangeError(
        f"bottom[2] holds {value:g} for sequence {index}, expected 0..{steps}: bottom[0] has "
        f"{steps} step(s)"
    )
