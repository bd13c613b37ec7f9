"""Deconvolution: a convolution with the roles of its arrays swapped.

Forward is what a convolution does for its input's gradient, and backward is its forward pass.
"""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops import convolution as ops
from minicaffe.ops.convolution import Window
from minicaffe.ops.dispatch import compiled_in


def enlarged(size: tuple[int, ...], window: Window) -> tuple[int, ...]:
    """Length of each axis of the output for an input of ``size``; below 1 if pad cuts off all."""
    return tuple(
        stride * (length - 1) + extent - 2 * pad
        for length, stride, extent, pad in zip(
            size, window.stride, window.extent, window.pad, strict=True
        )
    )


@compiled_in("minicaffe.ops.deconvolution_cpu")
def deconvolution(
    xp: ModuleType, x: Array, w: Array, bias: Array | None, y: Array, window: Window
) -> None:
    """``y[n, o, p * stride - pad + t * dilation] = bias[o] + sum over c of w[c, o, t] x[n, c, p]``.

    Args:
        xp: array module of the others.
        x: (N, C, *size).
        w: (C, O / groups, *kernel); the number of groups follows from its second axis.
        bias: (O,) or None.
        y: (N, O, *enlarged(size, window)), overwritten.
        window: how ``w`` moves over ``y``.
    """
    ops.convolution_grad.reference(xp, None, w, x, y, None, None, window)
    if bias is not None:
        y += bias.reshape(-1, *[1] * len(window.kernel))


@compiled_in("minicaffe.ops.deconvolution_cpu")
def deconvolution_grad(
    xp: ModuleType,
    x: Array,
    w: Array,
    dy: Array,
    dx: Array | None,
    dw: Array | None,
    dbias: Array | None,
    window: Window,
) -> None:
    """The gradients of ``deconvolution``, each where it is wanted.

    Args:
        xp: array module of the others.
        x: (N, C, *size).
        w: (C, O / groups, *kernel).
        dy: (N, O, *enlarged(size, window)).
        dx: as x, overwritten, or None.
        dw: as w, added to, or None.
        dbias: (O,), added to, or None.
        window: as in ``deconvolution``.
    """
    if dx is not None:
        ops.convolution.reference(xp, dy, w, None, dx, window)
    if dw is not None:
        ops.convolution_grad.reference(xp, dy, w, x, None, dw, None, window)
    if dbias is not None:
        dbias += dy.reshape(*dy.shape[:2], -1).sum(axis=(0, 2))
