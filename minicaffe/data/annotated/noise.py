"""Damage by chance: grey, blur, JPEG, fewer colours, black and white pixels, and the like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minicaffe.data.image import HostArray
from minicaffe.errors import LayerConfigError
from minicaffe.proto.minicaffe_pb2 import NoiseParameter

LEVELS = 64  # colours that posterize makes one
CLIP_LIMIT = 4.0  # of clahe


def check_noise(param: NoiseParameter) -> None:
    """Refuse what cannot be followed.

    Raises:
        LayerConfigError: says what.
    """
    if param.convert_to_hsv and param.convert_to_lab:
        raise LayerConfigError("convert_to_hsv and convert_to_lab are both set, expected one")
    if not 0 <= param.saltpepper_param.fraction <= 1:
        found = param.saltpepper_param.fraction
        raise LayerConfigError(f"fraction of saltpepper is {found:g}, expected 0 to 1: a share")
    if param.jpeg > 100:
        raise LayerConfigError(f"jpeg is {param.jpeg:g}, expected at most 100: a quality")


def damage(pixels: HostArray, param: NoiseParameter, rng: np.random.Generator) -> HostArray:
    """``pixels`` (H, W, C) uint8 after all that is asked for, in the order of ``_STEPS``.

    ``prob`` is how often, where it is given; else it is done always.
    """
    import cv2  # takes 0.1 s to load

    if param.HasField("prob") and rng.random() >= param.prob:
        return pixels
    shape = pixels.shape
    for name, step in _STEPS.items():
        value = getattr(param, name)
        if value > 0:
            pixels = step(cv2, np.ascontiguousarray(pixels), param, rng).reshape(shape)
    return pixels


Step = Callable[[Any, HostArray, NoiseParameter, np.random.Generator], HostArray]


def _decolorize(cv2: Any, x: HostArray, *_: Any) -> HostArray:
    if x.shape[2] != 3:
        return x
    return np.asarray(cv2.cvtColor(cv2.cvtColor(x, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR))


def _blur(cv2: Any, x: HostArray, *_: Any) -> HostArray:
    return np.asarray(cv2.GaussianBlur(x, (7, 7), 1.5))


def _on_lightness(cv2: Any, x: HostArray, change: Callable[[HostArray], HostArray]) -> HostArray:
    if x.shape[2] != 3:
        return np.stack([change(np.ascontiguousarray(c)) for c in np.moveaxis(x, 2, 0)], axis=2)
    lab = cv2.cvtColor(x, cv2.COLOR_BGR2LAB)
    lab[..., 0] = change(np.ascontiguousarray(lab[..., 0]))
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR))


def _equalize(cv2: Any, x: HostArray, *_: Any) -> HostArray:
    return _on_lightness(cv2, x, cv2.equalizeHist)


def _clahe(cv2: Any, x: HostArray, *_: Any) -> HostArray:
    return _on_lightness(cv2, x, cv2.createCLAHE(clipLimit=CLIP_LIMIT).apply)


def _jpeg(cv2: Any, x: HostArray, param: NoiseParameter, *_: Any) -> HostArray:
    file = cv2.imencode(".jpg", x, [cv2.IMWRITE_JPEG_QUALITY, int(param.jpeg)])[1]
    return np.asarray(cv2.imdecode(file, cv2.IMREAD_UNCHANGED))


def _erode(cv2: Any, x: HostArray, *_: Any) -> HostArray:
    return np.asarray(cv2.erode(x, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))))


def _posterize(_: Any, x: HostArray, *__: Any) -> HostArray:
    return x // LEVELS * LEVELS + LEVELS // 2


def _inverse(_: Any, x: HostArray, *__: Any) -> HostArray:
    return 255 - x


def _saltpepper(_: Any, x: HostArray, param: NoiseParameter, rng: np.random.Generator) -> HostArray:
    values = np.array(list(param.saltpepper_param.value) or [0, 255])
    height, width, _channels = x.shape
    count = int(param.saltpepper_param.fraction * height * width)
    places = rng.choice(height * width, count, replace=False)
    y = x.copy().reshape(height * width, -1)
    y[places] = np.clip(values[rng.integers(len(values), size=count)], 0, 255)[:, None]
    return y


def _hsv(cv2: Any, x: HostArray, *_: Any) -> HostArray:
    return np.asarray(cv2.cvtColor(x, cv2.COLOR_BGR2HSV))


def _lab(cv2: Any, x: HostArray, *_: Any) -> HostArray:
    return np.asarray(cv2.cvtColor(x.astype(np.float32) / 255, cv2.COLOR_BGR2LAB))


_STEPS: dict[str, Step] = {
    "decolorize": _decolorize,
    "gauss_blur": _blur,
    "hist_eq": _equalize,
    "clahe": _clahe,
    "jpeg": _jpeg,
    "erode": _erode,
    "posterize": _posterize,
    "inverse": _inverse,
    "saltpepper": _saltpepper,
    "convert_to_hsv": _hsv,
    "convert_to_lab": _lab,
}
