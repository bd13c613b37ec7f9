"""What is done to every image of a batch on its way in: crop, mirror, mean, scale."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.transform_cpu")
def crop_mirror_scale(
    xp: ModuleType, x: Array, mean: Array, windows: Array, y: Array, scale: float, interleaved: bool
) -> None:
    """Write ``(x - mean) * scale`` of one window of each image to ``y``.

    The mean belongs to the position in the whole image, not in the window, and is not mirrored.

    Args:
        xp: array module of ``x``.
        x: (N, C, H, W) uint8 or float32; (N, H, W, C) if ``interleaved``.
        mean: (C, H, W), or (C, 1, 1) for one value a channel; of the dtype of ``y``.
        windows: (N, 3) int64: first row and first column of each window, and 1 to mirror it.
        y: (N, C, h, w), h <= H and w <= W.
        scale: a factor.
        interleaved: the channels of a pixel lie side by side, as image files have them.
    """
    if interleaved:
        x = xp.transpose(x, (0, 3, 1, 2))
    height, width = y.shape[2:]
    for n, (top, left, mirror) in enumerate(windows.tolist()):
        window = slice(None), slice(top, top + height), slice(left, left + width)
        pixels = (x[n][window] - (mean[window] if mean[0].size > 1 else mean)) * y.dtype.type(scale)
        y[n] = pixels[..., ::-1] if mirror else pixels
