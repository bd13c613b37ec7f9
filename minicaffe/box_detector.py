"""BoxDetector: a net that finds boxes in images, such as SSD's and YOLO's deploy nets.

(``detector.Detector`` is another thing: R-CNN's classifier of windows that are given to it.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minicaffe import glog
from minicaffe.blob_proto import HostArray
from minicaffe.boxes.codes import clip
from minicaffe.data.transformer import read_mean
from minicaffe.errors import ArrayError
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter, TransformationParameter

_ROW = 7  # image, label, score, xmin, ymin, xmax, ymax


class BoxDetector:
    """Gives a net images, and reads boxes from its output.

    Args:
        net: with one input, images, and an output of rows of seven, as DetectionOutput's top.
        mean: what is subtracted, for each channel of the net's input, or for all.
        scale: factor, after that.
        rgb: the net was trained on red, green, blue; else on blue, green, red, as OpenCV reads.

    Raises:
        ArrayError: the net has no such input or output, or the mean does not fit it.
    """

    def __init__(
        self, net: Net, mean: Sequence[float] = (), scale: float = 1, *, rgb: bool = False
    ) -> None:
        self._net, self._scale, self._rgb = net, scale, rgb
        self._input = _image_input(net)
        self._output = _box_output(net)
        channels = net.blobs[self._input].shape[1]
        if len(mean) not in (0, 1, channels):
            raise ArrayError(
                f"mean has {len(mean)} numbers, expected {channels}: input {self._input!r} has "
                f"shape {net.blobs[self._input].shape}"
            )
        self._mean = np.array(mean or [0], np.float32)[:, None, None]

    @property
    def is_gray(self) -> bool:
        """The net takes images of one channel."""
        return self._net.blobs[self._input].shape[1] == 1

    def detect(self, image: HostArray, threshold: float = 0.5) -> HostArray:
        """(K, 6) float64: label, score, xmin, ymin, xmax, ymax, from the best score down.

        Coordinates are in pixels of the image, and end at its border. A box that has NaN among
        its numbers, as a net that has gone astray may tell it, is left out, with a warning.

        Args:
            image: (H, W, 3) uint8 in blue, green, red, or (H, W) where the net takes gray; of any
                size, it is stretched to the net's.
            threshold: boxes of lower scores are left out.
        """
        net, blob = self._net, self._net.blobs[self._input]
        blob.reshape((1, *blob.shape[1:]))
        blob.data[...] = net.device.xp.asarray(self._prepared(image, blob.shape[2:])[np.newaxis])
        net.forward()
        rows = net.device.to_numpy(net.blobs[self._output].data).reshape(-1, _ROW)
        rows = rows.astype(np.float64)
        rows = rows[(rows[:, 1] >= 0) & (rows[:, 2] >= threshold)]  # nothing found is label -1
        unknown = np.isnan(rows[:, 3:]).any(1)
        if unknown.any():
            glog.warning(
                "box_detector.py:1",
                f"{unknown.sum()} box(es) have NaN for a coordinate, and are left out",
            )
        rows = rows[~unknown]
        rows = rows[np.argsort(-rows[:, 2], kind="stable")]
        height, width = image.shape[:2]
        boxes = clip(rows[:, 3:] * [width, height, width, height], width, height)
        return np.concatenate([rows[:, 1:3], boxes], axis=1)

    def _prepared(self, image: HostArray, size: Sequence[int]) -> Any:
        """(C, h, w) float32."""
        import cv2  # takes 0.1 s to load

        resized = cv2.resize(image, tuple(size[::-1]), interpolation=cv2.INTER_LINEAR)
        channels = np.atleast_3d(resized).transpose(2, 0, 1)
        channels = channels[::-1] if self._rgb else channels
        return (channels.astype(np.float32) - self._mean) * np.float32(self._scale)


def trained_transform(definition: NetParameter) -> tuple[list[float], float]:
    """Mean and scale that a definition has in its first ``transform_param``: those of training.

    Raises:
        DataError: its ``mean_file`` cannot be read.
    """
    for layer in definition.layer:
        if layer.HasField("transform_param"):
            param: TransformationParameter = layer.transform_param
            mean = list(param.mean_value)
            if param.mean_file:
                mean = [float(value) for value in read_mean(param.mean_file).mean((1, 2))]
            told = ", ".join(f"{value:g}" for value in mean) or "none"
            glog.info(
                "box_detector.py:1",
                f"Images as the definition's layer {layer.name!r} says: mean {told}, scale "
                f"{param.scale:g}",
            )
            return mean, param.scale
    return [], 1.0


def _image_input(net: Net) -> str:
    found = {name: net.blobs[name].shape for name in net.inputs}
    if len(found) != 1:
        told = ", ".join(found) or "none"
        raise ArrayError(
            f"the net's inputs are {told}, expected one, for images: is it a deploy net?"
        )
    ((name, shape),) = found.items()
    if len(shape) != 4 or shape[1] not in (1, 3) or not all(shape):
        raise ArrayError(
            f"input {name!r} has shape {shape}, expected (N, C, H, W) with 1 or 3 channels: images"
        )
    return name


def _box_output(net: Net) -> str:
    found = {name: net.blobs[name].shape for name in net.outputs}
    for name, shape in found.items():
        if len(shape) == 4 and shape[:2] == (1, 1) and shape[3] == _ROW:
            return name
    told = ", ".join(f"{name} {shape}" for name, shape in found.items()) or "none"
    raise ArrayError(
        f"the net's outputs are {told}, expected one of shape (1, 1, N, {_ROW}), as "
        "DetectionOutput makes: it does not find boxes"
    )
