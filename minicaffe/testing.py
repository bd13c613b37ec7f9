"""Checks for layers, minicaffe's own and yours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from minicaffe.blob import Blob
from minicaffe.layers.base import Layer


@dataclass(frozen=True)
class Comparison:
    """One element of one gradient, by ``backward`` and by differences of ``forward``.

    Attributes:
        name: which blob: "bottom[0]" or "blobs[1]".
        index: which element of it.
        value: of the element.
        analytic: what ``backward`` says.
        numeric: what differences say.
        losses: at ``value - step`` and ``value + step``.
        step: change of the element on each side.
    """

    name: str
    index: tuple[int, ...]
    value: float
    analytic: float
    numeric: float
    losses: tuple[float, float]
    step: float

    @property
    def error(self) -> float:
        """The difference of the two gradients, relative to max(1, both)."""
        scale = max(1.0, abs(self.numeric), abs(self.analytic))
        return abs(self.numeric - self.analytic) / scale


def check_gradient(
    layer: Layer,
    bottom: Sequence[Blob],
    top: Sequence[Blob],
    *,
    checked: Sequence[int] | None = None,
    step: float = 1e-4,
    tolerance: float = 1e-6,
    samples: int | None = None,
) -> None:
    """Compare ``backward`` with central differences of ``forward``, in float64.

    The loss is the tops' dot product with fixed random weights, so one backward pass
    gives every gradient. Bottom diffs start as NaN and the layer's own as 1, so that a
    backward which adds where it must overwrite, or the reverse, fails too.

    A top that is a loss gets its loss_weight as gradient, since that is what a net would give it.
    Random numbers and carried states are the same in every forward.

    Keep the bottoms further than ``step`` from any kink: ties for a maximum, zero for ReLU.

    Args:
        layer: initialized, on blobs of dtype float64.
        bottom: its bottoms, filled.
        top: its tops.
        checked: the bottoms to check, all if None; the layer's own blobs always are.
        step: change of an element on each side.
        tolerance: largest difference allowed, relative to max(1, both gradients).
        samples: how many elements of each blob to check; None for all.

    Raises:
        AssertionError: names the blob, the element, and both gradients.
    """
    for one in compare_gradients(layer, bottom, top, checked=checked, step=step, samples=samples):
        if not one.error <= tolerance:  # so that NaN fails
            raise AssertionError(
                f"{layer.param.name}: the gradient for {one.name}{list(one.index)} is "
                f"{one.analytic:.9g} by backward, {one.numeric:.9g} by differences "
                f"(loss {one.losses[0]:.9g} .. {one.losses[1]:.9g} over "
                f"{one.value:.6g} -+ {step:g})"
            )


def compare_gradients(
    layer: Layer,
    bottom: Sequence[Blob],
    top: Sequence[Blob],
    *,
    checked: Sequence[int] | None = None,
    step: float = 1e-4,
    samples: int | None = None,
) -> Iterator[Comparison]:
    """What ``check_gradient`` compares, element by element; arguments are the same.

    Parameters whose gradient is not wanted (``param_propagate_down``) are left out. Afterwards
    bottoms and parameters hold what they held before.
    """
    if any(blob.dtype != np.float64 for blob in (*bottom, *top, *layer.blobs)):
        raise TypeError("check_gradient needs float64 blobs: float32 hides wrong gradients")
    checked = range(len(bottom)) if checked is None else checked
    device, to_numpy = layer.device, layer.device.to_numpy
    rng = np.random.default_rng(1701)
    inputs = [blob.data.copy() for blob in bottom]
    before = [blob.data.copy() for blob in layer.blobs]
    random_state, position = device.rng.bit_generator.state, layer.position()
    weights: list[object] = []

    def loss() -> float:
        for blob, data in zip(bottom, inputs, strict=True):
            blob.data[...] = data  # a top may share the blob
        device.rng.bit_generator.state = random_state
        if position:
            layer.set_position(position)
        layer.run_forward(bottom, top)
        if not weights:  # shapes of tops may depend on the data
            for blob, factor in zip(top, layer.loss_weights, strict=True):
                values = np.full(blob.shape, factor) if factor else rng.standard_normal(blob.shape)
                weights.append(layer.xp.asarray(values))
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
    suspects += [
        (f"blobs[{i}]", blob.data, to_numpy(blob.diff) - 1)
        for i, blob in enumerate(layer.blobs)
        if layer.param_propagate_down[i]
    ]
    for name, data, analytic in suspects:
        for index in _chosen(data.shape, samples, rng):
            value = float(data[index])
            data[index] = value + step
            above = loss()
            data[index] = value - step
            below = loss()
            data[index] = value
            numeric = (above - below) / (2 * step)
            yield Comparison(
                name, index, value, float(analytic[index]), numeric, (below, above), step
            )
    loss()
    for blob, values in zip(layer.blobs, before, strict=True):
        blob.data[...] = values  # BatchNorm's sums move with every forward


def _chosen(
    shape: tuple[int, ...], samples: int | None, rng: np.random.Generator
) -> Iterator[tuple[int, ...]]:
    """All indices of ``shape``, or a random choice of ``samples`` of them."""
    count = int(np.prod(shape))
    if samples is None or samples >= count:
        yield from np.ndindex(shape)
        return
    for flat in sorted(rng.choice(count, samples, replace=False)):
        yield tuple(int(i) for i in np.unravel_index(flat, shape))
