"""SpatialTransformer: a map as seen through a grid that an affine transform turns and moves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe.blob import Blob
from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import affine_sample as ops
from minicaffe.ops.cublas import matmul

_NAMES = [f"theta_{row}_{column}" for row in (1, 2) for column in (1, 2, 3)]


@register_layer("SpatialTransformer")
class SpatialTransformer(Layer):
    """``V[i, j] = U[r, s]``, bilinear between pixels, 0 around U, for each channel of an item, with

    ``r = H / 2 (theta_1_1 g + theta_1_2 k + theta_1_3 + 1)``,
    ``s = W / 2 (theta_2_1 g + theta_2_2 k + theta_2_3 + 1)``, ``g = 2 i / H' - 1`` and
    ``k = 2 j / W' - 1``. So theta ``1 0 0 0 1 0`` gives U itself, to the bit where V is as large;
    the first row of theta is for rows, downwards, the second for columns.

    Shapes:
        bottom[0]  U      (N, C, H, W)
        bottom[1]  theta  (N, K), or with any number of axes of 1 behind: what is not fixed of
                          theta_1_1, theta_1_2, theta_1_3, theta_2_1, theta_2_2, theta_2_3, in this
                          order; leave it out where all six are
        top[0]     V      (N, C, H', W')
    Definition: ``st_param``; H' and W' are ``output_H`` and ``output_W``, by default H and W. What
    is given as ``theta_i_j`` is fixed. With ``to_compute_dU: false`` U gets zeros as gradient.
    After: M. Jaderberg, K. Simonyan, A. Zisserman, K. Kavukcuoglu, "Spatial transformer networks",
    2015, and the layer that was written for Caffe after it, whose coordinates these are: the
    paper's first coordinate is the horizontal one, and its grid ends on the last pixel, not one
    behind. Differs: has a gradient for theta where ``to_compute_dU`` is false and on the CPU; on
    a pixel the slope for theta is that towards the next one.
    """

    origin = "STN"
    num_bottom = Arity(1, 2)
    backward_reads = ("bottom",)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.st_param
        for field, only in (("transform_type", "affine"), ("sampler_type", "bilinear")):
            if getattr(param, field) != only:
                raise LayerConfigError(
                    f"{field} is {getattr(param, field)!r}, expected {only!r}, the only one"
                )
        for field in ("output_H", "output_W"):
            if param.HasField(field) and getattr(param, field) < 1:
                raise LayerConfigError(
                    f"{field} is {getattr(param, field)}, expected at least 1, or nothing for the "
                    "size of bottom[0]"
                )
        self._free = [i for i, name in enumerate(_NAMES) if not param.HasField(name)]
        if len(bottom) != 1 + bool(self._free):
            names = ", ".join(_NAMES[i] for i in self._free) or "nothing"
            raise BlobCountError(
                f"{len(bottom)} bottom blob(s), expected {1 + bool(self._free)}: {names} is not "
                "fixed in st_param, and has to be in bottom[1]"
            )

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape, param = bottom[0].shape, self.param.st_param
        if len(shape) != 4:
            raise ShapeError(f"bottom[0] has shape {shape}, expected (N, C, H, W)")
        n, c, height, width = shape
        if not height or not width:
            raise ShapeError(f"bottom[0] has shape {shape}, expected no side 0: no pixel is there")
        self._thetas = n, len(self._free)
        if self._free:
            found = bottom[1].shape
            if found[:2] != self._thetas or set(found[2:]) - {1}:
                names = ", ".join(_NAMES[i] for i in self._free)
                raise ShapeError(
                    f"bottom[1] has shape {found}, expected {self._thetas}, or that and axes of "
                    f"1: {names} of each item"
                )
        out = param.output_H or height, param.output_W or width
        top[0].reshape((n, c, *out))
        matrix, offset = _to_pixels((height, width), out)
        fixed = np.array([getattr(param, name) for name in _NAMES])  # 0 where it is not
        self._matrix = self.xp.asarray(matrix[self._free])
        self._offset = self.xp.asarray(fixed @ matrix + offset)
        self._maps = self.xp.zeros((n, 6), "float64")

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._maps[...] = self._offset
        if self._free:
            thetas = bottom[1].data.reshape(self._thetas).astype("float64")
            self._maps += matmul(self.xp, thetas, self._matrix)
        ops.affine_sample(self.xp, bottom[0].data, self._maps, top[0].data)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        wants_u = propagate_down[0] and self.param.st_param.to_compute_dU
        wants_theta = len(bottom) == 2 and propagate_down[1]
        if propagate_down[0] and not wants_u:
            bottom[0].diff[...] = 0
        du = bottom[0].diff if wants_u else None
        dmaps = self.xp.zeros_like(self._maps) if wants_theta else None
        ops.affine_sample_grad(self.xp, bottom[0].data, self._maps, top[0].diff, du, dmaps)
        if wants_theta:
            dtheta = matmul(self.xp, dmaps, self._matrix.transpose())
            bottom[1].diff.reshape(self._thetas)[...] = dtheta


def _to_pixels(
    sizes: tuple[int, int], out: tuple[int, int]
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float64]], ...]:
    """What makes of theta the map from pixels of V to those of U: ``theta @ matrix + offset``.

    Pixels, not coordinates from -1 to 1, since what is the identity is it then without rounding.
    """
    matrix, offset = np.zeros((6, 6)), np.zeros(6)
    for axis, size in enumerate(sizes):
        at = 3 * axis
        for k in range(2):
            matrix[at + k, at + k] = size / out[k]
            matrix[at + k, at + 2] = -size / 2
        matrix[at + 2, at + 2] = offset[at + 2] = size / 2
    return matrix, offset
