"""Fillers: how a parameter gets its first values.

All randomness is drawn on the host, in float32 whatever the blob's dtype: one seed gives the
same values on every device, and in the float64 nets of the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, prod, sqrt
from pathlib import Path
from typing import Any

import numpy as np

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError, did_you_mean
from minicaffe.proto.minicaffe_pb2 import FillerParameter

HostArray = np.ndarray[Any, np.dtype[Any]]
Filler = Callable[[Sequence[int], FillerParameter, np.random.Generator], HostArray]


def constant(value: float) -> FillerParameter:
    """The definition of a constant filler."""
    return FillerParameter(type="constant", value=value)


def fill(blob: Blob, param: FillerParameter) -> None:
    """Fill ``blob.data`` as ``param`` says, drawing from ``blob.device.rng``.

    Where its device is for shapes only, the blob stays without memory.

    Raises:
        LayerConfigError, ShapeError: as ``check``.
    """
    check(blob.shape, param)
    if blob.count and not blob.device.shapes_only:
        values = FILLERS[param.type](blob.shape, param, blob.device.rng)
        blob.data[...] = blob.device.xp.asarray(values)


def check(shape: Sequence[int], param: FillerParameter) -> None:
    """Refuse what ``fill`` could not do for a blob of ``shape``.

    Raises:
        LayerConfigError: there is no such type, or a field has a value it may not have.
        ShapeError: the type is not for blobs of this shape.
    """
    kind = param.type
    if kind not in FILLERS:
        raise LayerConfigError(
            f"filler type is {kind!r}, expected one of {', '.join(FILLERS)}: "
            f"{did_you_mean(kind, FILLERS)}"
        )
    if param.sparse != -1:
        _check_sparse(shape, param)
    if kind == "uniform" and not param.min <= param.max:
        raise LayerConfigError(
            f"filler min is {param.min:g} and max is {param.max:g}, expected min <= max"
        )
    if kind == "gaussian" and not param.std >= 0:
        raise LayerConfigError(f"filler std is {param.std:g}, expected at least 0")
    if kind == "file" and not param.file:
        raise LayerConfigError("filler file is missing, expected a text file of numbers")
    if kind in ("positive_unitball", "xavier", "msra") and not shape:
        raise ShapeError(f"a {kind} filler is given a blob of shape (), expected an axis or more")
    if kind == "bilinear" and (len(shape) != 4 or shape[2] != shape[3]):
        raise ShapeError(
            f"a bilinear filler is given a blob of shape {tuple(shape)}, expected (N, C, K, K): "
            "it makes square kernels"
        )


def _check_sparse(shape: Sequence[int], param: FillerParameter) -> None:
    if param.type != "gaussian":
        raise LayerConfigError(
            f"filler sparse is {param.sparse} with type {param.type!r}, expected it unset: "
            "only gaussian fillers are sparse"
        )
    most = shape[0] if shape else 0
    if not 0 <= param.sparse <= most:
        raise LayerConfigError(
            f"filler sparse is {param.sparse}, expected 0..{most}: each value of a blob of "
            f"shape {tuple(shape)} is kept with probability sparse / {most}"
        )


def fan(shape: Sequence[int], param: FillerParameter) -> float:
    """The number of terms whose variance ``variance_norm`` keeps.

    FAN_IN is what the blob holds for one index of its first axis, FAN_OUT for one of its second
    (all of it where there is none), AVERAGE the mean of both.
    """
    fan_in = prod(shape) / shape[0]
    fan_out = prod(shape) / (shape[1] if len(shape) > 1 else 1)
    if param.variance_norm == FillerParameter.FAN_OUT:
        return fan_out
    if param.variance_norm == FillerParameter.AVERAGE:
        return (fan_in + fan_out) / 2
    return fan_in


def _constant(shape: Sequence[int], param: FillerParameter, rng: np.random.Generator) -> HostArray:
    return np.full(shape, param.value, np.float32)


def _uniform(shape: Sequence[int], param: FillerParameter, rng: np.random.Generator) -> HostArray:
    return _between(param.min, param.max, shape, rng)


def _file(shape: Sequence[int], param: FillerParameter, rng: np.random.Generator) -> HostArray:
    """The numbers of a text file in their order, whatever separates them.

    Raises:
        LayerConfigError: it cannot be read, or holds something else, or another number of them.
    """
    try:
        words = Path(param.file).read_text(encoding="utf-8").replace(",", " ").split()
        values = np.array(words, np.float32)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise LayerConfigError(
            f"filler file is {param.file!r}, expected a text file of numbers: {reason}"
        ) from error
    if values.size != prod(shape):
        raise LayerConfigError(
            f"filler file {param.file!r} has {values.size} number(s), expected {prod(shape)} for "
            f"a blob of shape {tuple(shape)}"
        )
    return values.reshape(shape)


def _gaussian(shape: Sequence[int], param: FillerParameter, rng: np.random.Generator) -> HostArray:
    values = _normal(param.mean, param.std, shape, rng)
    if param.sparse >= 0:
        values *= rng.random(shape, np.float32) < param.sparse / shape[0]
    return values


def _positive_unitball(
    shape: Sequence[int], param: FillerParameter, rng: np.random.Generator
) -> HostArray:
    values = 1 - rng.random(shape, np.float32)  # in (0, 1], so that no row sums to 0
    rows = values.reshape(shape[0], -1)
    rows /= rows.sum(axis=1, keepdims=True)
    return values


def _xavier(shape: Sequence[int], param: FillerParameter, rng: np.random.Generator) -> HostArray:
    bound = sqrt(3 / fan(shape, param))
    return _between(-bound, bound, shape, rng)


def _msra(shape: Sequence[int], param: FillerParameter, rng: np.random.Generator) -> HostArray:
    return _normal(0, sqrt(2 / fan(shape, param)), shape, rng)


def _bilinear(shape: Sequence[int], param: FillerParameter, rng: np.random.Generator) -> HostArray:
    size = shape[-1]
    factor = ceil(size / 2)
    centre = (size - 1) / (2 * factor)
    line = 1 - np.abs(np.arange(size) / factor - centre)
    return np.broadcast_to(np.outer(line, line), shape)


def _between(low: float, high: float, shape: Sequence[int], rng: np.random.Generator) -> HostArray:
    values = rng.random(shape, np.float32)
    values *= high - low
    values += low
    return values


def _normal(mean: float, std: float, shape: Sequence[int], rng: np.random.Generator) -> HostArray:
    values = rng.standard_normal(shape, np.float32)
    values *= std
    values += mean
    return values


FILLERS: dict[str, Filler] = {
    "bilinear": _bilinear,
    "constant": _constant,
    "file": _file,  # of a fork: Spatial Transformer Networks' first grid
    "gaussian": _gaussian,
    "msra": _msra,  # He, Zhang, Ren, Sun, 2015
    "positive_unitball": _positive_unitball,
    "uniform": _uniform,
    "xavier": _xavier,  # Glorot, Bengio, 2010
}
