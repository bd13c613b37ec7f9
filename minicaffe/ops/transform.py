"""What is done to every image of a batch on its way in: crop, mirror, mean, scale; colours."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.cublas import matmul
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.transform_cpu")
def crop_mirror_scale(
    xp: ModuleType, x: Array, mean: Array, windows: Array, y: Array, scale: float, interleaved: bool
) -> None:
    """Write ``(x - mean) * scale`` of one window of each image to ``y``.

    The mean belongs to a place in the whole image, not in the window, and is not mirrored.

    Args:
        xp: array module of ``x``.
        x: (N, C, H, W) uint8 or float; (N, H, W, C) if ``interleaved``. May be ``y`` itself
            where the windows are whole images.
        mean: (C, H, W), or (C, 1, 1) for one value a channel; of the dtype of ``y``.
        windows: (N, 5) int64: first row and first column of each window, 1 to mirror it, and
            its first row and first column in the mean.
        y: (N, C, h, w), h <= H and w <= W.
        scale: a factor.
        interleaved: the channels of a pixel lie side by side, as image files have them.
    """
    if interleaved:
        x = xp.transpose(x, (0, 3, 1, 2))
    height, width = y.shape[2:]
    for n, (top, left, mirror, mean_top, mean_left) in enumerate(windows.tolist()):
        pixels = x[n, :, top : top + height, left : left + width]
        m = mean
        if mean[0].size > 1:
            m = mean[:, mean_top : mean_top + height, mean_left : mean_left + width]
        pixels = (pixels - m) * y.dtype.type(scale)
        y[n] = pixels[..., ::-1] if mirror else pixels


@compiled_in("minicaffe.ops.transform_cpu")
def recolour(xp: ModuleType, y: Array, offset: Array, contrast: Array, mix: Array) -> None:
    """``y = contrast * (mix @ (y - m)) + m + offset`` in place; m is the mean of the image.

    Args:
        xp: array module of ``y``.
        y: (N, C, h, w), contiguous; the mean is over all channels.
        offset: (N,), added to all values.
        contrast: (N,), factors.
        mix: (N, 3, 3), each new channel as a mixture of the old ones, of three channels alone;
            grey stays grey: every row adds up to 1.
    """
    mean = y.mean(axis=(1, 2, 3), dtype=xp.float64)
    if y.shape[1] == 3:
        y[...] = matmul(xp, mix.astype(y.dtype), y.reshape(len(y), 3, -1)).reshape(y.shape)
    y *= contrast[:, None, None, None].astype(y.dtype)
    y += ((1 - contrast) * mean + offset)[:, None, None, None].astype(y.dtype)
