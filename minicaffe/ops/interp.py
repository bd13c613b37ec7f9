"""Bilinear interpolation with the corners of both planes on each other."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.cublas import matmul
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.interp_cpu")
def interp(xp: ModuleType, x: Array, y: Array) -> None:
    """Values between those of ``x``, at even distances from corner to corner.

    Args:
        xp: array module.
        x: (N, C, h, w), any view.
        y: (N, C, H, W), written.
    """
    rows = _between(xp, x, y.shape[2], 2)
    y[...] = _between(xp, rows, y.shape[3], 3)


@compiled_in("minicaffe.ops.interp_cpu")
def interp_grad(xp: ModuleType, dy: Array, dx: Array) -> None:
    """The gradient of ``interp``.

    Args:
        xp: array module.
        dy: (N, C, H, W).
        dx: (N, C, h, w), any view, written.
    """
    down, right = (_matrix(xp, dx.shape[i], dy.shape[i], dx.dtype) for i in (2, 3))
    dx[...] = matmul(xp, matmul(xp, down.transpose(), dy), right)


def places(xp: ModuleType, size: int, out: int, dtype: Array) -> tuple[Array, Array]:
    """Where each of ``out`` values is among ``size``: int64 index before it, and the share behind.

    The index is at most ``size - 2``, or 0; with one value out it is the first.
    """
    steps = max(out - 1, 1)
    at = xp.arange(out, dtype=xp.int64) * (size - 1)
    before = xp.minimum(at // steps, max(size - 2, 0))
    return before, ((at - before * steps) / steps).astype(dtype)


def _between(xp: ModuleType, x: Array, out: int, axis: int) -> Array:
    size = x.shape[axis]
    before, share = places(xp, size, out, x.dtype)
    share = share.reshape(-1, 1) if axis == 2 else share
    near = xp.take(x, before, axis=axis)
    far = xp.take(x, xp.minimum(before + 1, size - 1), axis=axis)
    return near * (1 - share) + far * share


def _matrix(xp: ModuleType, size: int, out: int, dtype: Array) -> Array:
    """(out, size): the share of each value in each between."""
    before, share = (part.reshape(-1, 1) for part in places(xp, size, out, dtype))
    index = xp.arange(size)
    matrix = (index == before) * (1 - share)
    matrix += (index == xp.minimum(before + 1, size - 1)) * share
    return matrix
