"""Standardizing on the GPU; the kernels with sums in them are ``standardize_cuda``."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.elements_cuda import Elements, compile_together
from minicaffe.ops.standardize_cuda import standardize, standardize_grad

_normalize = Elements(
    "normalize",
    "x -> y; const T* mean, const T* std, plane/, channels/",
    "const I row = OVER(i, plane), c = row - OVER(row, channels) * channels;"
    " y = (x - mean[c]) * ((T)1 / std[c]);",
)
compile_together(_normalize)


def batch_norm(
    x: Array,
    y: Array,
    kept: Array | None,
    mean: Array,
    variance: Array,
    std: Array,
    inside: float,
    outside: float,
) -> None:
    """``batch_norm.batch_norm``."""
    standardize(x, y, kept, None, None, mean, variance, std, inside, outside, False)


def batch_norm_grad(x: Array, dy: Array, dx: Array, mean: Array, std: Array) -> None:
    """``batch_norm.batch_norm_grad``."""
    standardize_grad(x, dy, dx, None, None, mean, std, None, None, False)


def normalize(x: Array, y: Array, mean: Array, std: Array) -> None:
    """``batch_norm.normalize``."""
    _normalize(x, y, mean, std, x.shape[2], x.shape[1])


def center(x: Array, y: Array) -> None:
    """``batch_norm.center``."""
    standardize(x, y, None, None, None, None, None, None, 0.0, 0.0, False)
