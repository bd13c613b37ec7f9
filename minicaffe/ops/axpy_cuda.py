"""A factor for each row, times the row, plus another row, on the GPU; back as a scale of rows."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops import scale_cuda
from minicaffe.ops.elements_cuda import Elements, compile_together

_axpy = Elements("axpy", "x, y -> z; const T* a, size/", "z = a[OVER(i, size)] * x + y;")
compile_together(_axpy)


def axpy(a: Array, x: Array, y: Array, z: Array) -> None:
    """``axpy.axpy``."""
    _axpy(x, y, z, a, x.shape[1])


def axpy_grad(a: Array, x: Array, dz: Array, da: Array | None, dx: Array | None) -> None:
    """``axpy.axpy_grad``."""
    if da is not None:
        da.fill(0)  # the gradient of a scale is added
    rows = None if dx is None else dx[None]
    scale_cuda.scale_grad(x[None], a, dz[None], rows, da, None)
