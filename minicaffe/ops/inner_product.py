"""The product of a batch of vectors with a matrix of weights, and its gradients."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.cublas import matmul
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.inner_product_cpu")
def inner_product(
    xp: ModuleType, x: Array, w: Array, bias: Array | None, y: Array, transpose: bool
) -> None:
    """``y = x w^T + bias``, or ``x w + bias`` where the weights are stored transposed.

    Args:
        xp: array module of the others.
        x: (M, K).
        w: (N, K), or (K, N) if ``transpose``.
        bias: (N,) or None.
        y: (M, N), overwritten.
        transpose: how ``w`` is stored.
    """
    matmul(xp, x, w if transpose else w.T, out=y)
    if bias is not None:
        y += bias


@compiled_in("minicaffe.ops.inner_product_cpu")
def inner_product_grad(
    xp: ModuleType,
    x: Array,
    w: Array,
    dy: Array,
    dx: Array | None,
    dw: Array | None,
    dbias: Array | None,
    transpose: bool,
) -> None:
    """The gradients of ``inner_product``, each where it is wanted.

    Args:
        xp: array module of the others.
        x: (M, K).
        w: (N, K), or (K, N) if ``transpose``.
        dy: (M, N).
        dx: (M, K), overwritten, or None.
        dw: as w, added to, or None.
        dbias: (N,), added to, or None.
        transpose: how ``w`` is stored.
    """
    if dx is not None:
        matmul(xp, dy, w.T if transpose else w, out=dx)
    if dw is not None:
        dw += matmul(xp, x.T, dy) if transpose else matmul(xp, dy.T, x)
    if dbias is not None:
        dbias += dy.sum(axis=0)
