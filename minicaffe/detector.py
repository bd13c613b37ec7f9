"""Detector: a net that classifies windows of images.

After: python/caffe/detector.py; paper: Girshick, Donahue, Darrell, Malik: "Rich feature hierarchies
for accurate object detection and semantic segmentation", 2014. Differences: windows and images may
be given by an iterator; nets that are not square pad as much of each side; a window that holds
nothing is refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from minicaffe.blob_proto import HostArray
from minicaffe.classifier import Mean, image_transformer
from minicaffe.errors import ArrayError, MinicaffeError
from minicaffe.io import load_image, resize_image
from minicaffe.proto.minicaffe_pb2 import TEST
from minicaffe.pycaffe.net import Net

Window = Sequence[float] | HostArray
Windows = tuple[str, Iterable[Window]]


class ProposalError(MinicaffeError, ImportError):
    """What proposes windows is not installed."""


class Detector(Net):
    """A net in the TEST phase, whose first input is windows and whose first output is scores.

    Args:
        model_file, pretrained_file, mean, input_scale, raw_scale, channel_swap: as for Classifier.
        context_pad: as for ``configure_crop``.

    Attributes:
        transformer: from windows to the input.
        crop_dims: height, width and channels of the input.
        context_pad, crop_mean: as ``configure_crop`` has set them.
    """

    def __init__(
        self,
        model_file: str | Path,
        pretrained_file: str | Path,
        mean: Mean | None = None,
        input_scale: float | None = None,
        raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
        context_pad: int | None = None,
    ) -> None:
        super().__init__(model_file, TEST, weights=pretrained_file)
        self.transformer = image_transformer(self, mean, input_scale, raw_scale, channel_swap)
        self.configure_crop(context_pad)

    def detect_windows(self, images_windows: Iterable[Windows]) -> list[dict[str, Any]]:
        """Classify windows of image files.

        Args:
            images_windows: files, each with its windows: (top, left, bottom, right) in pixels, the
                last two just outside.

        Returns:
            For each window ``{"window": as given, "prediction": scores, "filename": the file}``.

        Raises:
            ImageFileError: a file cannot be read.
            ArrayError: a window holds nothing of its image.
        """
        name, found = self.inputs[0], list[dict[str, Any]]()
        todo = self._prepared(images_windows)
        while batch := list(islice(todo, self.blobs[name].shape[0])):
            inputs: Any = {name: np.stack([image for image, _, _ in batch])}
            scores = self.forward_all(**inputs)[self.outputs[0]]
            found += [
                {"window": window, "prediction": prediction, "filename": filename}
                for (_, window, filename), prediction in zip(batch, scores, strict=True)
            ]
        return found

    def detect_selective_search(self, image_fnames: Iterable[str]) -> list[dict[str, Any]]:
        """``detect_windows`` where selective search, which runs in MATLAB, sees objects.

        Raises:
            ProposalError: the Python package that calls it is not installed.
        """
        try:
            selective_search = import_module("selective_search_ijcv_with_python")
        except ImportError as error:
            raise ProposalError(
                "selective_search_ijcv_with_python is not installed, expected it and MATLAB: "
                "other windows will do, those of OpenCV's ximgproc.segmentation (pip install "
                "opencv-contrib-python) say: detect_windows([(file, windows)])"
            ) from error
        files = [os.path.abspath(name) for name in image_fnames]
        windows = selective_search.get_windows(files, cmd="selective_search_rcnn")
        return self.detect_windows(zip(files, windows, strict=True))

    def crop(self, im: HostArray, window: Window) -> HostArray:
        """(h, w, K): what is in ``window`` of ``im`` (H, W, K), with context if it is configured.

        With context, it has the input's size, and the mean where the image does not reach.

        Raises:
            ArrayError: the window holds nothing of the image.
        """
        top, left, bottom, right = (float(edge) for edge in window)
        edges = [max(0, int(edge)) for edge in (top, left, bottom, right)]
        inside = im[edges[0] : edges[2], edges[1] : edges[3]]
        if not inside.size or not (self.context_pad or min(top, left) >= 0):
            raise ArrayError(
                f"window is {tuple(window)}, expected (top, left, bottom, right) "
                f"within the image, (0, 0, {im.shape[0]}, {im.shape[1]})"
            )
        if not self.context_pad:
            return inside
        vertical = _extent(top, bottom, im.shape[0], self.crop_dims[0], self.context_pad)
        horizontal = _extent(left, right, im.shape[1], self.crop_dims[1], self.context_pad)
        result = np.ones(self.crop_dims, np.float32) * self.crop_mean
        (rows, y), (columns, x) = vertical, horizontal
        size = y.stop - y.start, x.stop - x.start
        if min(size) > 0:
            result[y, x] = resize_image(im[rows, columns], size)
        return result

    def configure_crop(self, context_pad: int | None) -> None:
        """Say how many pixels of the net's input, on each side, show what is around a window.

        Raises:
            ArrayError: they leave no room for the window.
        """
        name = self.inputs[0]
        back = np.argsort(self.transformer.transpose[name])
        self.crop_dims = np.array(self.blobs[name].shape[1:])[back]
        if context_pad and not 0 < 2 * context_pad < min(self.crop_dims[:2]):
            raise ArrayError(
                f"context_pad is {context_pad}, expected 0 or more, and less than half of the "
                f"input's {self.crop_dims[0]} x {self.crop_dims[1]}"
            )
        self.context_pad = context_pad
        self.crop_mean = np.zeros(self.crop_dims, np.float32)
        if (mean := self.transformer.mean.get(name)) is not None:
            whole = np.broadcast_to(mean, self.blobs[name].shape[1:])
            if (order := self.transformer.channel_swap.get(name)) is not None:
                whole = whole[np.argsort(order)]
            scale = self.transformer.raw_scale.get(name, 1)
            self.crop_mean = (whole.transpose(back) / scale).astype(np.float32)

    def _prepared(
        self, images_windows: Iterable[Windows]
    ) -> Iterator[tuple[HostArray, Window, str]]:
        name = self.inputs[0]
        for filename, windows in images_windows:
            image = load_image(filename, color=self.crop_dims[2] != 1)
            for window in windows:
                crop = self.crop(image, window)
                yield self.transformer.preprocess(name, crop), window, filename


def _extent(first: float, last: float, image: int, crop: int, pad: int) -> tuple[slice, slice]:
    """One axis of a window with context: which part of the image, and where in the crop it goes.

    The window fills the crop but for ``pad`` pixels at each end.
    """
    scale = crop / (crop - 2.0 * pad)
    half = (last - first + 1) / 2
    begin, end = round(first + half - scale * half), round(first + half + scale * half)
    factor = crop / (end - begin + 1)
    before = round(max(0, -begin) * factor)
    begin, end = max(0, min(begin, image)), max(0, min(end, image))
    size = round((end - begin + 1) * factor)
    return slice(begin, end), slice(before, min(before + size, crop))
