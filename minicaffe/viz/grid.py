"""Grids: filters and activations as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, isqrt, sqrt
from os import PathLike
from typing import Any

import numpy as np

from minicaffe.device import Array
from minicaffe.errors import MinicaffeError, did_you_mean
from minicaffe.weights_file import open_weights

_MOST = 48  # outputs of a layer whose filters are shown, as in the notebook


def normalized(data: Any) -> Array:
    """``data`` as float32, its least value 0 and its greatest 1; 0 where all are one.

    Raises:
        MinicaffeError: there are no values, or some are not finite.
    """
    array = np.asarray(data, np.float32)
    if not array.size or not np.isfinite(array).all():
        what = "values that are not finite" if array.size else "none"
        raise MinicaffeError(f"values to show are {what}, expected finite numbers")
    least, greatest = float(array.min()), float(array.max())
    return (array - least) / ((greatest - least) or 1.0)


def vis_square(data: Any, padding: int = 1, value: float = 1.0) -> Array:
    """Images in a grid that is about as wide as high, on one scale of brightness.

    Args:
        data: (N, H, W), or (N, H, W, 3) in RGB.
        padding: pixels right of and below each image.
        value: of these pixels.

    Returns:
        (n (H + padding), n (W + padding)), with 3 at the end for colour; n n >= N.

    Raises:
        MinicaffeError: the shape is another, or values are not finite.
    """
    images = normalized(data)
    if images.ndim != 3 and (images.ndim != 4 or images.shape[3] != 3):
        raise MinicaffeError(
            f"data to show is of shape {images.shape}, expected (N, H, W) or (N, H, W, 3)"
        )
    side = ceil(sqrt(len(images)))
    room = [(0, side * side - len(images)), (0, padding), (0, padding)]
    tiles = np.pad(images, [*room, *[(0, 0)] * (images.ndim - 3)], constant_values=value)
    height, width, *rest = tiles.shape[1:]
    grid = tiles.reshape(side, side, height, width, *rest).swapaxes(1, 2)
    return np.ascontiguousarray(grid.reshape(side * height, side * width, *rest))


def filters(
    source: Any,
    layer: str,
    *,
    most: int = _MOST,
    shape: Sequence[int] | None = None,
    padding: int = 1,
) -> Array:
    """The weights of a layer as a grid of images.

    Those on three planes are in colour; of others, each plane is an image.

    Args:
        source: a net with ``params``; the path of a file of weights; or a mapping from names of
            layers to their parameters, arrays or blobs.
        layer: its name.
        most: outputs to show.
        shape: (H, W) or (C, H, W) of what an InnerProduct reads; None: a square, where the number
            of its inputs is one, else each output's weights are a row.
        padding: pixels between images.

    Raises:
        MinicaffeError: there is no such layer, it has no weights, or ``shape`` does not fit.
    """
    weights = np.asarray(_weights(source, layer), np.float32)[:most]
    if weights.ndim == 2:
        weights = _as_images(weights, shape)
    if weights.ndim < 4:
        raise MinicaffeError(
            f"weights of {layer!r} are of shape {weights.shape}, expected 4 axes, or 2: there is "
            "nothing to look at"
        )
    height, width = weights.shape[-2:]
    if weights.shape[1] == 3 and weights.ndim == 4:
        return vis_square(weights[:, ::-1].transpose(0, 2, 3, 1), padding)
    return vis_square(weights.reshape(-1, height, width), padding)


def activations(
    net: Any, blob: str, image: int = 0, *, most: int | None = None, padding: int = 1
) -> Array:
    """What a blob holds for one item of the batch, as a grid with an image for each channel.

    Of a blob without planes, each number is a pixel.

    Args:
        net: has run forward; its ``blobs`` has ``blob``.
        blob: its name.
        image: which item.
        most: channels to show; None: all.
        padding: pixels between images.

    Raises:
        MinicaffeError: there is no such blob or item.
    """
    data = np.asarray(found(net.blobs, blob, "blob").data)
    if data.ndim < 2 or not -len(data) <= image < len(data):
        raise MinicaffeError(
            f"item {image} of {blob!r} is asked for, whose shape is {data.shape}: expected a "
            "batch with such an item"
        )
    values = data[image][:most]
    if values.ndim == 1:
        return vis_square(values.reshape(-1, 1, 1), 0, 0.0)
    height = values.shape[-2] if values.ndim > 2 else 1
    return vis_square(values.reshape(-1, height, values.shape[-1]), padding)


def save(path: str | PathLike[str], picture: Any) -> None:
    """Write a picture, (H, W) or (H, W, 3) in RGB, of values from 0 to 1; ``path`` ends in .png.

    Raises:
        MinicaffeError: it has another shape, or the file cannot be written.
    """
    import cv2

    array = np.asarray(picture)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3):
        raise MinicaffeError(f"picture is of shape {array.shape}, expected (H, W) or (H, W, 3)")
    pixels = np.clip(np.rint(array * 255.0), 0, 255).astype(np.uint8)
    extension = "." + str(path).rpartition(".")[2]
    try:
        encoded = cv2.imencode(extension, pixels if array.ndim == 2 else pixels[..., ::-1])[1]
        with open(path, "wb") as file:
            file.write(bytes(encoded))
    except cv2.error as error:
        raise MinicaffeError(f"{path} ends in {extension!r}, expected .png, say") from error
    except OSError as error:
        raise MinicaffeError(f"cannot write {path}: {error.strerror}") from error


def found(table: Any, name: str, what: str) -> Any:
    """``table[name]``.

    Raises:
        MinicaffeError: it is not there; says what is.
    """
    if name not in table:
        raise MinicaffeError(f"{what} is {name!r}, expected another: {did_you_mean(name, table)}")
    return table[name]


def _weights(source: Any, layer: str) -> Any:
    """The first parameter of ``layer``."""
    if isinstance(source, str | PathLike):
        with open_weights(source) as layers:  # type: ignore[arg-type]  # any path
            stored = {each.name: each for each in layers if each.blobs}
            return found(stored, layer, "layer with weights").blobs[0].array()
    params = source if isinstance(source, Mapping) else source.params
    layer_params = found(params, layer, "layer with weights")
    first = layer_params if isinstance(layer_params, np.ndarray) else layer_params[0]
    return first if isinstance(first, np.ndarray) else first.data


def _as_images(weights: Array, shape: Sequence[int] | None) -> Array:
    """(N, D) as (N, C, H, W)."""
    size = weights.shape[1]
    side = isqrt(size)
    shape = tuple(shape or ((side, side) if side * side == size else (1, size)))
    if len(shape) not in (2, 3) or int(np.prod(shape)) != size:
        raise MinicaffeError(f"shape is {shape}, expected (H, W) or (C, H, W) of {size} inputs")
    return weights.reshape(len(weights), *(1,) * (3 - len(shape)), *shape)
