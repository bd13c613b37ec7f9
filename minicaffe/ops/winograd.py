"""3x3 convolution of stride 1 by Winograd's minimal filtering F(4x4, 3x3).

A tile of 6x6 inputs gives 4x4 outputs. All tiles and all weights are transformed, which takes
additions for the most part; there the convolution is 36 products of (outputs, channels) by
(channels, tiles), a quarter of the multiplications of the sum as it is written. The price is
rounding, since the transforms weigh up to 8: about 1e-5 of the largest result in float32, and a
number that is not finite makes its whole tile NaN.

``TILES``, ``WEIGHTS`` and ``OUTPUTS`` are the transforms of one axis; of two it is the Kronecker
product with itself. Here they are matrices, in the compiled body sums written out.

After: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in

TILES = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
WEIGHTS = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
OUTPUTS = np.array(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
)


@compiled_in("minicaffe.ops.winograd_cpu")
def winograd(
    xp: ModuleType,
    x: Array,
    w: Array,
    bias: Array | None,
    y: Array,
    pad: tuple[int, ...],
    relu: bool = False,
) -> None:
    """``convolution.convolution`` of 3x3 weights, and ReLU of what it gives if wanted.

    Args:
        xp: array module of the others, which are float32 for the compiled body.
        x: (N, C, H, W).
        w: (O, C / groups, 3, 3).
        bias: (O,) or None.
        y: (N, O, H + 2 pad - 2, W + 2 pad - 2), overwritten.
        pad: down and along.
        relu: negative outputs become 0.
    """
    tiles, groups = _inputs(xp, x, y.shape[2:], pad), x.shape[1] // w.shape[1]
    weights = _both(xp, WEIGHTS, _taps(w, groups))
    products = xp.matmul(weights, tiles.reshape(36, groups, w.shape[1], -1))
    down, along = tiles.shape[3:]
    parts = _both(xp, OUTPUTS, products).reshape(4, 4, y.shape[1], len(x), down, along)
    whole = parts.transpose(3, 2, 4, 0, 5, 1).reshape(*y.shape[:2], 4 * down, 4 * along)
    y[...] = whole[:, :, : y.shape[2], : y.shape[3]]
    if bias is not None:
        y += bias.reshape(-1, 1, 1)
    if relu:
        xp.maximum(y, 0, out=y)


@compiled_in("minicaffe.ops.winograd_cpu")
def winograd_grad_data(
    xp: ModuleType, w: Array, dy: Array, dx: Array, pad: tuple[int, ...]
) -> None:
    """The gradient of ``winograd`` with respect to x: another one, of dy.

    Args:
        xp: array module of the others.
        w: (O, C / groups, 3, 3).
        dy: (N, O, H + 2 pad - 2, W + 2 pad - 2).
        dx: (N, C, H, W), overwritten.
        pad: down and along, 2 at most.
    """
    groups = dx.shape[1] // w.shape[1]
    turned = w.reshape(groups, -1, *w.shape[1:]).transpose(0, 2, 1, 3, 4)[..., ::-1, ::-1]
    turned = xp.ascontiguousarray(turned).reshape(dx.shape[1], -1, 3, 3)
    winograd.reference(xp, dy, turned, None, dx, (2 - pad[0], 2 - pad[1]))


@compiled_in("minicaffe.ops.winograd_cpu")
def winograd_grad_weights(
    xp: ModuleType, x: Array, dy: Array, dw: Array, dbias: Array | None, pad: tuple[int, ...]
) -> None:
    """The gradients of ``winograd`` with respect to weights and bias.

    Args:
        xp: array module of the others.
        x: (N, C, H, W).
        dy: (N, O, H + 2 pad - 2, W + 2 pad - 2).
        dw: (O, C / groups, 3, 3), added to.
        dbias: (O,), added to, or None.
        pad: down and along.
    """
    groups, channels = x.shape[1] // dw.shape[1], dw.shape[1]
    tiles = _inputs(xp, x, dy.shape[2:], pad).reshape(36, groups, channels, -1)
    grads = _both(xp, OUTPUTS.T, _tiles(xp, dy, dy.shape[2:], 4, (0, 0)))
    grads = grads.reshape(36, groups, dy.shape[1] // groups, -1)
    sums = _both(xp, WEIGHTS.T, xp.matmul(grads, tiles.transpose(0, 1, 3, 2)))
    dw += sums.reshape(9, -1).T.reshape(dw.shape)
    if dbias is not None:
        dbias += dy.sum(axis=(0, 2, 3))


def _both(xp: ModuleType, transform: Array, x: Array) -> Array:
    """Both axes of square matrices transformed; their elements are the first axis of ``x``."""
    matrix = xp.asarray(np.kron(transform, transform).astype(x.dtype))
    return xp.matmul(matrix, x.reshape(len(x), -1)).reshape(len(matrix), *x.shape[1:])


def _tiles(
    xp: ModuleType, x: Array, out: tuple[int, ...], size: int, pad: tuple[int, ...]
) -> Array:
    """(N, C, H, W) to (size * size, C, N, down, along): a tile every 4 rows and columns."""
    count = [-(-length // 4) for length in out]
    ends = (4 * n + size - 4 - p - h for n, p, h in zip(count, pad, x.shape[2:], strict=True))
    spare = [(p, max(0, end)) for p, end in zip(pad, ends, strict=True)]
    padded = xp.pad(x, [(0, 0), (0, 0), *spare]).transpose(1, 0, 2, 3)
    down, along = (4 * n - 3 for n in count)
    corners = [(i, j) for i in range(size) for j in range(size)]
    return xp.stack(tuple(padded[:, :, i : i + down : 4, j : j + along : 4] for i, j in corners))


def _inputs(xp: ModuleType, x: Array, out: tuple[int, ...], pad: tuple[int, ...]) -> Array:
    return _both(xp, TILES, _tiles(xp, x, out, 6, pad))


def _taps(w: Array, groups: int) -> Array:
    """(O, C, 3, 3) to (9, groups, O / groups, C)."""
    return w.reshape(groups, -1, w.shape[1], 9).transpose(3, 0, 1, 2)
