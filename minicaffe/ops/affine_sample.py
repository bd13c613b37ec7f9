"""Values of a plane between its pixels, at positions that an affine map of the result's gives."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.cublas import matmul
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.affine_sample_cpu")
def affine_sample(xp: ModuleType, u: Array, p: Array, v: Array) -> None:
    """Bilinear: ``v[i, j] = sum over h, w of u[h, w] tent(r - h) tent(s - w)``,

    with ``tent(d) = max(0, 1 - |d|)``, ``r = p0 i + p1 j + p2`` and ``s = p3 i + p4 j + p5``.
    Around u are zeros.

    Args:
        xp: array module.
        u: (N, C, H, W).
        p: (N, 6), float64.
        v: (N, C, H', W'), written.
    """
    for n in range(len(u)):
        (rows, _), (columns, _) = (_tents(xp, p[n], v.shape, u.shape, axis) for axis in range(2))
        v[n] = (matmul(xp, rows, u[n]) * columns).sum(axis=2).reshape(v.shape[1:])


@compiled_in("minicaffe.ops.affine_sample_cpu")
def affine_sample_grad(
    xp: ModuleType, u: Array, p: Array, dv: Array, du: Array | None, dp: Array | None
) -> None:
    """The gradient of ``affine_sample``.

    Where a position is on a pixel, the slope for p is that towards the next pixel.

    Args:
        xp: array module.
        u: (N, C, H, W).
        p: (N, 6), float64.
        dv: (N, C, H', W').
        du: as ``u``, written; None where not wanted.
        dp: as ``p``, written; or None.
    """
    places = dv.shape[2] * dv.shape[3]
    i, j = (index.astype("float64") for index in _indices(xp, dv.shape))
    for n in range(len(u)):
        (rows, down), (columns, right) = (
            _tents(xp, p[n], dv.shape, u.shape, axis) for axis in range(2)
        )
        grad = dv[n].reshape(dv.shape[1], places)
        if du is not None:
            du[n] = matmul(xp, rows.transpose(), grad[:, :, None] * columns)
        if dp is not None:
            slopes = (
                (matmul(xp, down, u[n]) * columns).sum(axis=2),
                (matmul(xp, rows, u[n]) * right).sum(axis=2),
            )
            for axis, slope in enumerate(slopes):
                along = (grad * slope).sum(axis=0)
                for k, times in enumerate((i, j, 1)):
                    dp[n, 3 * axis + k] = (along * times).sum()


def _indices(xp: ModuleType, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Row and column of each pixel of the result, one after the other."""
    place = xp.arange(shape[2] * shape[3])
    return place // max(shape[3], 1), place % max(shape[3], 1)


def _tents(
    xp: ModuleType, p: Array, out: tuple[int, ...], shape: tuple[int, ...], axis: int
) -> tuple[Array, Array]:
    """(places, size) what each row, or column, of u counts at each place; and the slope of that."""
    i, j = _indices(xp, out)
    at = p[3 * axis] * i + p[3 * axis + 1] * j + p[3 * axis + 2]
    d = xp.arange(shape[2 + axis]) - at[:, None]
    slope = ((d > 0) & (d <= 1)) * 1.0 - ((d <= 0) & (d > -1))
    return xp.maximum(1 - xp.abs(d), 0), slope
