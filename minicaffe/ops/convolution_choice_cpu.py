"""Convolution on the CPU: which of the bodies does it.

The product with columns does every convolution; forward, that of few channels has a body of its
own. Winograd's method does those of 3x3 weights, stride 1 and dilation 1 in float32, and is taken
where a measurement of that very size on this machine found it faster (``choice``), which it mostly
is.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import minicaffe.ops.convolution_cpu as by_columns
from minicaffe.device import Array
from minicaffe.ops import few_channels_cpu
from minicaffe.ops.choice import Bodies, Choices
from minicaffe.ops.convolution import Window
from minicaffe.ops.depthwise_cpu import is_depthwise
from minicaffe.ops.numba_cpu import kernel_folder, threads
from minicaffe.ops.winograd_cpu import winograd, winograd_grad_data, winograd_grad_weights

_PLAIN = {"columns": by_columns.convolution, "few channels": few_channels_cpu.convolution}
_LEAST_WORK = 10_000_000  # multiplications; of less, less than a tenth of a millisecond is lost


def convolution(
    x: Array, w: Array, bias: Array | None, y: Array, window: Window, relu: bool = False
) -> None:
    """``convolution.convolution``, for C-contiguous arrays."""
    name = _plain(x.shape, w)
    bodies = {
        name: lambda: _PLAIN[name](x, w, bias, y, window, relu),
        "winograd": lambda: winograd(x, w, bias, y, window.pad, relu),
    }
    if _fits(x.shape, w, y.shape, window):
        bodies[_choose("forward", x.shape, w.shape, window, bodies)]()
    else:
        bodies[name]()


def convolution_grad(
    x: Array | None,
    w: Array,
    dy: Array,
    dx: Array | None,
    dw: Array | None,
    dbias: Array | None,
    window: Window,
) -> None:
    """``convolution.convolution_grad``, for C-contiguous arrays."""
    image = dx if x is None else x
    if image is not None and _fits(image.shape, w, dy.shape, window):
        if dx is not None and max(window.pad) <= 2 and _data(w, dy, dx, window):
            dx = None
        if dw is not None and x is not None and _weights(x, dy, dw, dbias, window):
            dw = dbias = None
    if any(wanted is not None for wanted in (dx, dw, dbias)):
        by_columns.convolution_grad(x, w, dy, dx, dw, dbias, window)


def planned(
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    dtype: np.dtype[Any],
    y_shape: tuple[int, ...],
    window: Window,
) -> dict[str, str]:
    """``convolution.planned``."""
    if is_depthwise(x_shape, w_shape):
        return {"forward": "depthwise"}
    w = np.broadcast_to(np.zeros((), dtype), w_shape)  # a shape and a type, without memory
    plain = {"forward": _plain(x_shape, w)}
    if not _fits(x_shape, w, y_shape, window):
        return plain
    plain.update({"data gradient": "columns", "weight gradient": "columns"})
    return {
        what: _choices().known(_work(what, x_shape, w_shape, window), first)
        or "measured when first run"
        for what, first in plain.items()
    }


def _data(w: Array, dy: Array, dx: Array, window: Window) -> bool:
    """Compute ``dx`` if Winograd's method is faster."""
    bodies = {
        "columns": lambda: by_columns.convolution_grad(None, w, dy, dx, None, None, window),
        "winograd": lambda: winograd_grad_data(w, dy, dx, window.pad),
    }
    name = _choose("data gradient", dx.shape, w.shape, window, bodies)
    if name == "winograd":
        bodies[name]()
    return name == "winograd"


def _weights(x: Array, dy: Array, dw: Array, dbias: Array | None, window: Window) -> bool:
    """Add to ``dw`` and ``dbias`` if Winograd's method is faster."""

    def try_columns() -> None:
        by_columns.convolution_grad(x, dw, dy, None, np.zeros_like(dw), None, window)

    def try_winograd() -> None:
        winograd_grad_weights(x, dy, np.zeros_like(dw), None, window.pad)

    bodies = {"columns": try_columns, "winograd": try_winograd}
    name = _choose("weight gradient", x.shape, dw.shape, window, bodies)
    if name == "winograd":
        winograd_grad_weights(x, dy, dw, dbias, window.pad)
    return name == "winograd"


def _plain(x_shape, w):
    """The body that needs no measurement."""
    return "few channels" if few_channels_cpu.suits(x_shape, w) else "columns"


def _fits(x_shape, w, y_shape, window):
    """Whether Winograd's method is a candidate."""
    if window[:2] != ((3, 3), (1, 1)) or window.dilation != (1, 1) or w.dtype != np.float32:
        return False
    work = w.size * y_shape[0] * y_shape[2] * y_shape[3]
    return work >= _LEAST_WORK and not is_depthwise(x_shape, w.shape)


@cache
def _choices() -> Choices:
    """The table lies with the kernels that it compares, and goes when they change."""
    folder = kernel_folder(__name__)
    return Choices(Path(folder, "choices.json") if folder else None)


def _choose(
    what: str,
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    window: Window,
    bodies: Bodies,
) -> str:
    return _choices().choose(_work(what, x_shape, w_shape, window), bodies)


def _work(what: str, x_shape: tuple[int, ...], w_shape: tuple[int, ...], window: Window) -> str:
    return f"{what} of {x_shape} by {w_shape}, pad {window.pad}, {threads()} threads"
