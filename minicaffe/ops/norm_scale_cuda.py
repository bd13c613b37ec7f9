"""Standardizing, factor, offset and ReLU as one, on the GPU: by ``standardize_cuda``."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.elements_cuda import Elements, compile_together
from minicaffe.ops.standardize_cuda import standardize, standardize_grad

_affine = Elements(
    "affine",
    "x -> y; const T* factor, const T* offset, plane/, channels/, bool relu",
    "const I row = OVER(i, plane), c = row - OVER(row, channels) * channels;"
    " const T result = x * factor[c] + offset[c]; y = relu && result < 0 ? (T)0 : result;",
)
compile_together(_affine)


def norm_scale(
    x: Array,
    y: Array,
    factor: Array,
    offset: Array,
    mean: Array,
    variance: Array,
    std: Array,
    eps: float,
    relu: bool,
) -> None:
    """``norm_scale.norm_scale``."""
    standardize(x, y, None, factor, offset, mean, variance, std, eps, 0.0, relu)


def norm_scale_grad(
    x: Array,
    dy: Array,
    dx: Array | None,
    factor: Array,
    offset: Array,
    mean: Array,
    std: Array,
    dfactor: Array | None,
    doffset: Array | None,
    relu: bool,
) -> None:
    """``norm_scale.norm_scale_grad``."""
    standardize_grad(x, dy, dx, factor, offset, mean, std, dfactor, doffset, relu)


def affine(x: Array, y: Array, factor: Array, offset: Array, relu: bool) -> None:
    """``norm_scale.affine``."""
    _affine(x, y, factor, offset, x.shape[2], x.shape[1], relu)
