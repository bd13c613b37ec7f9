"""What losses share: their divisor, and the labels they take."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import nan, prod
from types import ModuleType
from typing import NoReturn

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError, ShapeError, ValueRangeError
from minicaffe.layers.base import Layer
from minicaffe.ops.bad import first_bad
from minicaffe.proto.minicaffe_pb2 import AccuracyParameter, LayerParameter, LossParameter


def read_normalization(param: LayerParameter, default: int = LossParameter.VALID) -> int:
    """The mode in ``loss_param``; ``normalization`` goes before the old ``normalize``.

    Raises:
        LayerConfigError: it is PRE_FIXED.
    """
    given = param.loss_param
    if given.HasField("normalize") and not given.HasField("normalization"):
        return LossParameter.VALID if given.normalize else LossParameter.BATCH_SIZE
    if given.normalization == LossParameter.PRE_FIXED:
        raise LayerConfigError(
            "normalization is PRE_FIXED, expected VALID, FULL, BATCH_SIZE or NONE: "
            "SmoothL1LossOHEM alone has it; NONE and a loss_weight of one over the number do it"
        )
    return given.normalization if given.HasField("normalization") else default


def divisor(mode: int, outer: int, inner: int, valid: Array, xp: ModuleType) -> Array | int:
    """What the sum over all positions is divided by; at least 1.

    Args:
        mode: a ``LossParameter.NormalizationMode``.
        outer: number of items.
        inner: positions in an item.
        valid: number of positions that are not ignored, an array of no axes.
        xp: array module of ``valid``.
    """
    if mode == LossParameter.VALID:
        return xp.maximum(valid, 1)  # on its device: nothing waits for it
    if mode == LossParameter.NONE:
        return 1
    return max(1, outer * inner if mode == LossParameter.FULL else outer)


def read_ignore(param: LossParameter | AccuracyParameter) -> float:
    """``ignore_label``, or NaN, which no label equals."""
    return float(param.ignore_label) if param.HasField("ignore_label") else nan


def positions(scores: Blob, labels: Blob, axis: int, bottom: int = 1) -> tuple[int, int, int]:
    """(outer, classes, inner) of ``scores`` around ``axis``, once ``labels`` are known to fit.

    ``bottom`` is the index of the labels.

    Raises:
        ShapeError: there is no such axis, no class, or not one label a position.
    """
    axis = scores.canonical_axis(axis)
    around = scores.shape[:axis] + scores.shape[axis + 1 :]
    if not scores.shape[axis]:
        raise ShapeError(f"bottom[0] has shape {scores.shape}, expected a class along axis {axis}")
    if labels.count != prod(around):
        hint = ""
        if labels.shape == scores.shape:
            hint = "; a label is the number of a class, not a vector with a 1 in its place"
        elif scores.count == prod(labels.shape[:1]):
            hint = "; are the bottoms in the wrong order?"
        raise ShapeError(
            f"bottom[{bottom}] has shape {labels.shape}, {labels.count} label(s), expected "
            f"{prod(around)}, as in {around}: bottom[0] has shape {scores.shape}, and every "
            f"position outside its axis {axis} takes a label{hint}"
        )
    return prod(scores.shape[:axis]), scores.shape[axis], prod(scores.shape[axis + 1 :])


def refuse_label(
    shape: tuple[int, int, int], ignore: float, index: int, value: float, bottom: int = 1
) -> NoReturn:
    """Raise for the label ``value`` at flat ``index``: it is no class of (outer, classes, inner).

    ``bottom`` is the index of the labels.

    Raises:
        ValueRangeError: always.
    """
    _, classes, inner = shape
    row, position = divmod(index, inner)
    where = f"row {row}, position {position}" if inner > 1 else f"row {row}"
    also = "" if ignore != ignore else f", or ignore_label ({ignore:.0f})"
    raise ValueRangeError(
        f"bottom[{bottom}] holds the label {value:g} at {where}, expected 0..{classes - 1}{also}: "
        f"bottom[0] has {classes} class(es)"
    )


def refuse_label_gradient(
    propagate_down: Sequence[bool], index: int = 1, what: str = "labels"
) -> None:
    """Refuse ``propagate_down`` where it asks for a gradient for bottom ``index``.

    Raises:
        LayerConfigError: it does.
    """
    if len(propagate_down) > index and propagate_down[index]:
        raise LayerConfigError(
            f"propagate_down[{index}] is true, expected false: bottom[{index}] holds {what}, "
            "which have no gradient"
        )


def rows(scores: Blob, labels: Blob) -> tuple[int, int, int]:
    """(items, classes, 1) of ``scores``, whose axes after the first are all classes.

    Raises:
        ShapeError: there is no first axis, no class, or not one label an item.
    """
    if not scores.ndim:
        raise ShapeError("bottom[0] has shape (), expected (N, classes): no axis of items")
    items, classes = scores.shape[0], prod(scores.shape[1:])
    if not classes:
        raise ShapeError(f"bottom[0] has shape {scores.shape}, expected a class for each item")
    if labels.count != items or labels.shape[:1] != (items,):
        raise ShapeError(
            f"bottom[1] has shape {labels.shape}, expected ({items},): bottom[0] has shape "
            f"{scores.shape}, {items} item(s), and each takes one label"
        )
    return items, classes, 1


def class_indices(layer: Layer, labels: Blob, shape: tuple[int, int, int]) -> Array:
    """The labels as whole numbers; ``layer`` refuses those that are no classes.

    Args:
        layer: that reads them.
        labels: as many as outer * inner.
        shape: (outer, classes, inner).

    Returns:
        (outer * inner,) int32, truncated toward zero; 0 for a label that is no class.

    Raises:
        ValueRangeError: a label is no class.
    """
    xp = layer.xp
    index = xp.trunc(labels.data.reshape(-1))
    bad = ~((index >= 0) & (index < shape[1]))
    layer.check(first_bad(xp, bad), labels.data, partial(refuse_label, shape, nan))
    return xp.where(bad, 0, index).astype(xp.int32)


def paired(bottom: Sequence[Blob]) -> int:
    """The number of items, once the first two blobs are known to match element by element.

    Raises:
        ShapeError: they have no items, or not the same number of them or of elements.
    """
    first, second = bottom[:2]
    if not first.ndim or first.shape[:1] != second.shape[:1] or first.count != second.count:
        raise ShapeError(
            f"bottom[1] has shape {second.shape}, expected {first.shape} as bottom[0]: elements "
            "are compared one by one, and the first axis is that of the items"
        )
    return first.shape[0]


def refuse_value(shape: tuple[int, ...], which: int, index: int, value: float) -> NoReturn:
    """Raise for ``value`` at flat ``index`` of bottom ``which``, of ``shape``: it is no number.

    Raises:
        ValueRangeError: always.
    """
    row, position = divmod(index, prod(shape[1:]))
    where = f"row {row}, position {position}" if prod(shape[1:]) > 1 else f"row {row}"
    raise ValueRangeError(
        f"bottom[{which}] holds {value:g} at {where}, expected a finite number: it says what "
        "is right, and cannot be unknown"
    )
