"""Gradients as pictures: what a class depends on, and what a net takes for it most of all.

After: K. Simonyan, A. Vedaldi, A. Zisserman, "Deep inside convolutional networks: visualising image
classification models and saliency maps", 2013.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minicaffe.device import Array
from minicaffe.errors import MinicaffeError
from minicaffe.viz.grid import found, normalized


def saliency(
    net: Any, label: int, *, scores: str | None = None, image: int = 0, data: str | None = None
) -> Array:
    """Which pixels of an image the score of a class depends on: (H, W), 1 where it does most.

    The net has to be able to go back to its input: ``force_backward: true``, or a learning layer
    before it. Its parameters' gradients are as they were afterwards.

    Args:
        net: a pycaffe ``Net`` that has run forward on the image.
        label: the class.
        scores: the blob with a score for each class, not a probability; None: what goes into the
            Softmax at the end, or the first output.
        image: which item of the batch.
        data: the input; None: the net's first.

    Raises:
        MinicaffeError: there is no such blob, class or item, or no gradient comes to the input.

    After: Simonyan et al., 2013, section 3.
    """
    with _gradients_kept(net):
        gradient = np.abs(_score_gradient(net, label, scores, image, data))
    return normalized(gradient.max(axis=0) if gradient.ndim == 3 else gradient)


def class_model(
    net: Any,
    label: int,
    *,
    scores: str | None = None,
    data: str | None = None,
    steps: int = 200,
    rate: float = 1.0,
    decay: float = 0.01,
    start: Any = None,
) -> Array:
    """The image that a net takes for its class most of all: (H, W), or (H, W, 3) in RGB.

    Found by going up the score less ``decay`` times half the square of the image, from ``start``;
    each step is ``rate`` times the gradient over its root mean square. Every item of the input
    holds the image, not normalized, afterwards; a batch of one is fastest.

    Args:
        net: a pycaffe ``Net``, as for ``saliency``.
        label: the class.
        scores, data: as for ``saliency``.
        steps: how many.
        rate: their size, in the input's own unit.
        decay: how much of the image goes at each step, in shares of ``rate``.
        start: (C, H, W) to begin with, in the input's own unit; None: zeros.

    Raises:
        MinicaffeError: as for ``saliency``.

    After: Simonyan et al., 2013, section 2. Difference: steps have one size, so that ``rate``
    means the same for every net.
    """
    name = _input(net, data)
    blob = net.blobs[name]
    x = np.zeros(blob.data.shape[1:], np.float32)
    if start is not None:
        x[...] = start
    with _gradients_kept(net):
        for _ in range(steps):
            blob.data[...] = x
            net.forward()
            gradient = _score_gradient(net, label, scores, 0, name)
            x += rate * gradient / float(np.sqrt(np.mean(gradient**2)))
            x *= 1.0 - decay * rate
    blob.data[...] = x
    return _as_picture(x)


@contextmanager
def _gradients_kept(net: Any) -> Iterator[None]:
    """Put the gradients of the parameters back at the end: backward adds to them."""
    kept = [(blob, np.array(blob.diff)) for blobs in net.params.values() for blob in blobs]
    try:
        yield
    finally:
        for blob, diff in kept:
            blob.diff[...] = diff


def _as_picture(x: Array) -> Array:
    if x.ndim == 3 and x.shape[0] == 3:
        return normalized(x[::-1].transpose(1, 2, 0))
    return normalized(x[0] if x.ndim == 3 else np.atleast_2d(x))


def _input(net: Any, data: str | None) -> str:
    names = [data] if data else [*net.inputs, *net.blobs]
    found(net.blobs, names[0], "input")
    return str(names[0])


def _score_gradient(
    net: Any, label: int, scores: str | None, image: int, data: str | None
) -> Array:
    """The gradient of the score of class ``label`` by the pixels of an item."""
    name, layer = _scores(net, scores)
    target, source = net.blobs[name], net.blobs[_input(net, data)]
    batch, count = target.data.shape[0], int(np.prod(target.data.shape[1:]))
    if not (0 <= image < batch and 0 <= label < count):
        raise MinicaffeError(
            f"label is {label} and image {image}, expected 0..{count - 1} and 0..{batch - 1}, as "
            f"{name!r} has them"
        )
    source.diff[...] = 0
    target.diff[...] = 0
    target.diff.reshape(batch, count)[image, label] = 1
    net.backward(start=layer)
    gradient = np.array(source.diff[image], np.float32)
    if not gradient.any():
        raise MinicaffeError(
            "no gradient comes to the input, expected one: the definition needs "
            "'force_backward: true'"
        )
    return gradient


def _scores(net: Any, scores: str | None) -> tuple[str, str]:
    """The blob of scores, and the layer that writes it last."""
    name = scores or net.outputs[0]
    if scores is None:
        maker = _maker(net, name)
        if net.layer_dict[maker].type == "Softmax":
            name = net.bottom_names[maker][0]
    found(net.blobs, name, "blob")
    return name, _maker(net, name)


def _maker(net: Any, blob: str) -> str:
    makers: list[str] = [layer for layer, tops in net.top_names.items() if blob in tops]
    if not makers:
        raise MinicaffeError(f"blob is {blob!r}, which no layer makes: expected a top")
    return makers[-1]
