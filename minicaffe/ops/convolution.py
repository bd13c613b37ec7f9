"""Convolution over any number of spatial axes, as a product of two matrices.

``columns`` lays the window under each output position out as a column (im2col), so that the
convolution is ``weights @ columns`` for each group of channels. One image at a time: the
columns of a whole batch would be the largest array of the net by far.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.cublas import matmul
from minicaffe.ops.dispatch import compiled_in


class Window(NamedTuple):
    """The window that moves over the input; each field has one length a spatial axis."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[int, ...]
    dilation: tuple[int, ...]

    @property
    def extent(self) -> tuple[int, ...]:
        """What it spans, with the gaps of its dilation."""
        return tuple(d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True))

    def out(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """Number of positions along each axis of an input of ``size``; below 1 if it is larger."""
        return tuple(
            (length + 2 * pad - extent) // stride + 1
            for length, pad, extent, stride in zip(
                size, self.pad, self.extent, self.stride, strict=True
            )
        )

    def taps(self, out: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
        """For each element of the kernel, what it meets of a padded (C, \\*size) input."""
        for tap in product(*map(range, self.kernel)):
            starts = (i * d for i, d in zip(tap, self.dilation, strict=True))
            yield (
                slice(None),
                *(
                    slice(start, start + (length - 1) * stride + 1, stride)
                    for start, length, stride in zip(starts, out, self.stride, strict=True)
                ),
            )


def columns(xp: ModuleType, x: Array, window: Window) -> Array:
    """(C, \\*size) image to (C, taps, \\*out): for each kernel element, what it meets where."""
    out = window.out(x.shape[1:])
    padded = xp.pad(x, [(0, 0), *((pad, pad) for pad in window.pad)])
    found = xp.empty((len(x), prod(window.kernel), *out), x.dtype)
    for index, tap in enumerate(window.taps(out)):  # CuPy cannot stack more than 8 in a recording
        found[:, index] = padded[tap]
    return found


def add_columns(xp: ModuleType, dcolumns: Array, dx: Array, window: Window) -> None:
    """The reverse of ``columns``: dx (C, \\*size) gets what its copies in the columns add up to."""
    size = dx.shape[1:]
    padded = xp.zeros(
        (len(dx), *(n + 2 * pad for n, pad in zip(size, window.pad, strict=True))), dx.dtype
    )
    for index, tap in enumerate(window.taps(dcolumns.shape[2:])):
        padded[tap] += dcolumns[:, index]
    inside = (slice(pad, pad + n) for n, pad in zip(size, window.pad, strict=True))
    dx[...] = padded[(slice(None), *inside)]


@compiled_in("minicaffe.ops.convolution_choice_cpu")
def convolution(
    xp: ModuleType,
    x: Array,
    w: Array,
    bias: Array | None,
    y: Array,
    window: Window,
    relu: bool = False,
) -> None:
    """``y[n, o, p] = bias[o] + sum over c, t of w[o, c, t] x[n, c, p * stride + t * dilation]``.

    Args:
        xp: array module of the others.
        x: (N, C, \\*size).
        w: (O, C / groups, \\*kernel); the number of groups follows from its second axis.
        bias: (O,) or None.
        y: (N, O, \\*out), overwritten.
        window: how ``w`` moves over ``x``.
        relu: cut off what is below 0; NaN stays.
    """
    groups = _groups(x, w)
    matrices = w.reshape(groups, len(w) // groups, prod(w.shape[1:]))
    for image, out in zip(x, y, strict=True):
        cols = columns(xp, image, window).reshape(groups, matrices.shape[2], -1)
        out[...] = matmul(xp, matrices, cols).reshape(out.shape)
        if bias is not None:
            out += bias.reshape(-1, *[1] * len(window.kernel))
        if relu:
            out[...] = xp.maximum(out, 0)


@compiled_in("minicaffe.ops.convolution_choice_cpu")
def convolution_grad(
    xp: ModuleType,
    x: Array | None,
    w: Array,
    dy: Array,
    dx: Array | None,
    dw: Array | None,
    dbias: Array | None,
    window: Window,
) -> None:
    """The gradients of ``convolution``, each where it is wanted.

    Args:
        xp: array module of the others.
        x: (N, C, \\*size); read for ``dw`` alone.
        w: (O, C / groups, \\*kernel).
        dy: (N, O, \\*out).
        dx: as x, overwritten, or None.
        dw: as w, added to, or None.
        dbias: (O,), added to, or None.
        window: as in ``convolution``.
    """
    image = dx if x is None else x
    if dbias is not None:
        dbias += dy.sum(axis=(0, *range(2, dy.ndim)))
    if image is None:
        return
    groups = _groups(image, w)
    matrices = w.reshape(groups, len(w) // groups, prod(w.shape[1:]))
    for n, out in enumerate(dy):
        grads = out.reshape(groups, matrices.shape[1], -1)
        if dw is not None and x is not None:
            cols = columns(xp, x[n], window).reshape(groups, matrices.shape[2], -1)
            dw += matmul(xp, grads, cols.transpose(0, 2, 1)).reshape(dw.shape)
        if dx is not None:
            dcols = matmul(xp, matrices.transpose(0, 2, 1), grads)
            dcols = dcols.reshape(dx.shape[1], prod(window.kernel), *dy.shape[2:])
            add_columns(xp, dcols, dx[n], window)


def _groups(x: Array, w: Array) -> int:
    return int(x.shape[1] // w.shape[1])


def planned(
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    dtype: np.dtype[Any],
    y_shape: tuple[int, ...],
    window: Window,
) -> dict[str, str]:
    """Which body does a convolution of these shapes on the CPU; nothing without Numba.

    Returns:
        "forward", and where they are chosen apart "data gradient" and "weight gradient", to the
        body's name.
    """
    try:
        from minicaffe.ops import convolution_choice_cpu
    except ImportError:
        return {}
    return convolution_choice_cpu.planned(x_shape, w_shape, dtype, y_shape, window)
