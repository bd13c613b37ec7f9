"""Other colours by chance: brightness, contrast, saturation, hue, the order of the channels."""

from __future__ import annotations

import numpy as np

from minicaffe.data.image import HostArray
from minicaffe.errors import LayerConfigError
from minicaffe.proto.minicaffe_pb2 import DistortionParameter

HUES = 180  # of a circle, as OpenCV has them in 8 bits


def check_distortion(param: DistortionParameter) -> None:
    """Refuse amounts that make no sense.

    Raises:
        LayerConfigError: says which.
    """
    for name in ("brightness_delta", "hue_delta"):
        if not 0 <= getattr(param, name) < np.inf:
            raise LayerConfigError(
                f"{name} is {getattr(param, name):g}, expected a finite number of 0 or more"
            )
    for name in ("contrast", "saturation"):
        least, most = getattr(param, f"{name}_lower"), getattr(param, f"{name}_upper")
        if getattr(param, f"{name}_prob") > 0 and not 0 <= least <= most < np.inf:
            raise LayerConfigError(
                f"{name} is {least:g} to {most:g}, expected finite numbers of 0 or more, and the "
                "least first"
            )


def distort(pixels: HostArray, param: DistortionParameter, rng: np.random.Generator) -> HostArray:
    """``pixels`` (H, W, 3) uint8 in other colours.

    Contrast comes before saturation and hue, or after them, by chance.
    """
    chances, amounts = rng.random(5), rng.random(4)
    first = rng.random() > 0.5
    contrast = _between(param.contrast_lower, param.contrast_upper, amounts[1])
    if chances[0] < param.brightness_prob:
        pixels = _linear(pixels, 1, param.brightness_delta * (2 * amounts[0] - 1))
    has_contrast = chances[1] < param.contrast_prob
    if has_contrast and first:
        pixels = _linear(pixels, contrast, 0)
    saturates, turns = chances[2] < param.saturation_prob, chances[3] < param.hue_prob
    if saturates or turns:
        factor = _between(param.saturation_lower, param.saturation_upper, amounts[2])
        turn = param.hue_delta * (2 * amounts[3] - 1)
        pixels = _turn(pixels, factor if saturates else 1, turn if turns else 0)
    if has_contrast and not first:
        pixels = _linear(pixels, contrast, 0)
    if chances[4] < param.random_order_prob:
        pixels = np.ascontiguousarray(pixels[..., rng.permutation(pixels.shape[2])])
    return pixels


def _between(least: float, most: float, chance: float) -> float:
    return least + (most - least) * chance


def _linear(pixels: HostArray, factor: float, offset: float) -> HostArray:
    """``pixels * factor + offset``, rounded and from 0 to 255."""
    import cv2  # takes 0.1 s to load

    table = np.clip(np.rint(np.arange(256) * factor + offset), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(np.ascontiguousarray(pixels), table)).reshape(pixels.shape)


def _turn(pixels: HostArray, factor: float, turn: float) -> HostArray:
    """Saturations times ``factor``, hues turned by ``turn``."""
    import cv2  # takes 0.1 s to load

    hsv = cv2.cvtColor(pixels, cv2.COLOR_BGR2HSV)
    hues = (np.rint(np.arange(256) + turn) % HUES).astype(np.uint8)
    saturations = np.clip(np.rint(np.arange(256) * factor), 0, 255).astype(np.uint8)
    hsv = cv2.LUT(hsv, np.stack([hues, saturations, np.arange(256, dtype=np.uint8)], 1)[None])
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR))
