"""Products of matrices that are added to what is there: cuBLAS does both in one pass."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops import cublas
from minicaffe.ops.products import current


def add_product(a: Array, b: Array, y: Array, turn_a: bool = False, turn_b: bool = False) -> None:
    """``y += a b``, a or b transposed where it is turned.

    Args:
        a: (M, K), or (K, M) turned.
        b: (K, N), or (N, K) turned.
        y: (M, N), contiguous.
        turn_a: take the transpose of ``a``.
        turn_b: take the transpose of ``b``.
    """
    if not a.size or not b.size:
        return
    import cupy

    if cublas.add_product(a.T if turn_a else a, b.T if turn_b else b, y):
        return
    if current().precision != "fp32":  # gemm does not ask how exact a product has to be
        y += cupy.matmul(a.T if turn_a else a, b.T if turn_b else b)
        return
    from cupy import cublas as of_cupy

    of_cupy.gemm("T" if turn_a else "N", "T" if turn_b else "N", a, b, y, 1.0, 1.0)
