"""Larger planes: values put back to where a pooling took them from, or repeated."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.bad import first_bad
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.upsample_cpu")
def unpool(xp: ModuleType, x: Array, mask: Array, y: Array, source: Array) -> Array | int:
    """Each value at the place that ``mask`` names; 0 where none is.

    Of several for one place the last one stays, whatever the number of threads.

    Args:
        xp: array module.
        x: (P, S): planes.
        mask: (P, S) of the dtype of ``x``: places in the plane of ``y``, truncated toward 0.
        y: (P, L), written.
        source: int32 (P, L), written: the place in ``x`` of what is there; -1: nothing.

    Returns:
        The flat index in ``mask`` of the first that is no place, -1 without any: a number, or an
        array of one element on the device; where there is one, the rest is not to be used.
    """
    bad = ~((mask > -1) & (mask < y.shape[1]))  # NaN too
    source[...] = -1
    if x.size and y.size:
        at = xp.where(bad, 0, mask).astype(xp.int32)
        rows = xp.arange(len(x))
        for place in range(x.shape[1]):  # one after the other: the last one stays
            source[rows, at[:, place]] = place
        y[...] = xp.where(source >= 0, xp.take_along_axis(x, xp.maximum(source, 0), 1), 0)
    else:
        y[...] = 0
    return first_bad(xp, bad)


@compiled_in("minicaffe.ops.upsample_cpu")
def unpool_grad(xp: ModuleType, dy: Array, mask: Array, source: Array, dx: Array) -> None:
    """The gradient of ``unpool``: that of the place, 0 for what did not stay.

    Args:
        xp: array module.
        dy: (P, L).
        mask: as ``unpool`` was given it.
        source: as ``unpool`` wrote it.
        dx: (P, S), written.
    """
    if dx.size:
        at = mask.astype(xp.int32)
        stayed = xp.take_along_axis(source, at, 1) == xp.arange(dx.shape[1])
        dx[...] = xp.where(stayed, xp.take_along_axis(dy, at, 1), 0)


@compiled_in("minicaffe.ops.upsample_cpu")
def repeat(xp: ModuleType, x: Array, y: Array) -> None:
    """Each value as a block: ``y[p, h, w] = x[p, h // down, w // right]``.

    Args:
        xp: array module.
        x: (P, H, W): planes.
        y: (P, H * down, W * right), written.
    """
    blocks(y, x)[...] = x[:, :, None, :, None]


@compiled_in("minicaffe.ops.upsample_cpu")
def repeat_grad(xp: ModuleType, dy: Array, dx: Array) -> None:
    """The gradient of ``repeat``: the sum of each block.

    Args:
        xp: array module.
        dy: (P, H * down, W * right).
        dx: (P, H, W), written.
    """
    dx[...] = blocks(dy, dx).sum(axis=(2, 4))


def blocks(large: Array, small: Array) -> Array:
    """A view of ``large`` as (P, H, down, W, right)."""
    planes, height, width = small.shape
    down, right = (large.shape[i] // max(small.shape[i], 1) for i in (1, 2))
    return large.reshape(planes, height, down, width, right)
