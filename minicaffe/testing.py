"""Checks for layers, minicaffe's own and yours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe.blob import Blob
from minicaffe.layers.base import Layer


def check_gradient(
    layer: Layer,
    bottom: Sequence[Blob],
    top: Sequence[Blob],
    *,
    checked: Sequence[int] | None = None,
    step: float = 1e-4,
    tolerance: float = 1e-6,
) -> None:
    """Compare ``backward`` with central differences of ``forward``, in float64.

    The loss is the tops' dot product with fixed random weights, so one backward pass
    gives every gradient. Bottom diffs start as NaN and the layer's own as 1, so that a
    backward which adds where it must overwrite, or the reverse, fails too.

    A top that is a loss gets its loss_weight as gradient, since that is what a net would give it.

    Keep the bottoms further than ``step`` from any kink: ties for a maximum, zero for ReLU.

    Args:
        layer: initialized, on blobs of dtype float64.
        bottom: its bottoms, filled.
        top: its tops.
        checked: the bottoms to check, all if None; the layer's own blobs always are.
        step: change of an element on each side.
        tolerance: largest difference allowed, relative to max(1, both gradients).

    Raises:
        AssertionError: names the blob, the element, and both gradients.
    """
    if any(blob.dtype != np.float64 for blob in (*bottom, *top, *layer.blobs)):
        raise TypeError("check_gradient needs float64 blobs: float32 hides wrong gradients")
    checked = range(len(bottom)) if checked is None else checked
    to_numpy = layer.device.to_numpy
    rng = np.random.default_rng(1701)
    weights = [
        layer.xp.asarray(np.full(blob.shape, factor) if factor else rng.standard_normal(blob.shape))
        for blob, factor in zip(top, layer.loss_weights, strict=True)
    ]
    inputs = [blob.data.copy() for blob in bottom]

    def loss() -> float:
        for blob, data in zip(bottom, inputs, strict=True):
            blob.data[...] = data  # a top may share the blob
        layer.run_forward(bottom, top)
        return sum(float((b.data * w).sum()) for b, w in zip(top, weights, strict=True))

    loss()
    for blob in layer.blobs:
        blob.diff[...] = 1  # backward must add to these
    for blob in bottom:
        blob.diff[...] = np.nan  # and overwrite these
    for blob, weight in zip(top, weights, strict=True):
        blob.diff[...] = weight
    layer.run_backward(top, [i in checked for i in range(len(bottom))], bottom)

    suspects = [(f"bottom[{i}]", inputs[i], to_numpy(bottom[i].diff).copy()) for i in checked]
    suspects += [(f"blobs[{i}]", b.data, to_numpy(b.diff) - 1) for i, b in enumerate(layer.blobs)]
    for name, data, analytic in suspects:
        for index in np.ndindex(data.shape):
            value = float(data[index])
            data[index] = value + step
            above = loss()
            data[index] = value - step
            below = loss()
            data[index] = value
            numeric = (above - below) / (2 * step)
            scale = max(1.0, abs(numeric), abs(float(analytic[index])))
            if not abs(numeric - analytic[index]) <= tolerance * scale:  # so that NaN fails
                raise AssertionError(
                    f"{layer.param.name}: the gradient for {name}{list(index)} is "
                    f"{analytic[index]:.9g} by backward, {numeric:.9g} by differences "
                    f"(loss {below:.9g} .. {above:.9g} over {value:.6g} -+ {step:g})"
                )
