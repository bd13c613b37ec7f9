"""Transformer: from an image as people keep it to what a net was trained on, and back.

After: python/caffe/io.py (Transformer).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from minicaffe.blob_proto import HostArray
from minicaffe.errors import ArrayError, did_you_mean
from minicaffe.io.resize import resize_image

Scale = float


class Transformer:
    """Steps for each input of a net, of which each is taken where it has been set.

    ``preprocess`` resizes to the input's height and width, transposes, reorders the channels,
    multiplies by ``raw_scale``, subtracts the mean, and multiplies by ``input_scale``. So images of
    ``load_image`` (rows, columns, channels; red, green, blue; 0 to 1) become what most nets expect
    by ``set_transpose(in_, (2, 0, 1))``, ``set_channel_swap(in_, (2, 1, 0))``,
    ``set_raw_scale(in_, 255)`` and ``set_mean`` with the mean of 0..255 and of blue, green, red.

    Differences: the image that is given stays as it is, where the original writes into it if it
    has nothing to resize; ``deprocess`` keeps the axis of a single channel if there is a transpose,
    where the original fails.

    Args:
        inputs: name to shape, as in ``{"data": net.blobs["data"].data.shape}``.

    Attributes:
        inputs: as given.
        transpose, channel_swap, raw_scale, mean, input_scale: name to what has been set.
    """

    def __init__(self, inputs: Mapping[str, Sequence[int]]) -> None:
        self.inputs = inputs
        self.transpose: dict[str, Sequence[int]] = {}
        self.channel_swap: dict[str, Sequence[int]] = {}
        self.raw_scale: dict[str, Scale] = {}
        self.mean: dict[str, HostArray] = {}
        self.input_scale: dict[str, Scale] = {}

    def preprocess(self, in_: str, data: HostArray) -> HostArray:
        """(K, H, W) float32 for the input ``in_``, from ``data`` (H', W', K).

        Raises:
            ArrayError: ``in_`` is no input, or ``data`` cannot be put in its shape.
        """
        size = self._shape(in_)[2:]
        image = np.array(data, np.float32)
        if image.shape[:2] != size:
            image = resize_image(image, size)
        if (order := self.transpose.get(in_)) is not None:
            if image.ndim != len(order):
                raise ArrayError(
                    f"image for {in_!r} has shape {image.shape}, expected {len(order)} axes, as "
                    f"the transpose {tuple(order)} has: load_image gives a gray image a third one"
                )
            image = image.transpose(order)
        if (order := self.channel_swap.get(in_)) is not None:
            if len(image) != len(order):
                raise ArrayError(
                    f"image for {in_!r} has {len(image)} channel(s), expected {len(order)}, as the "
                    f"channel swap {tuple(order)} has"
                )
            image = image[list(order)]
        if (scale := self.raw_scale.get(in_)) is not None:
            image *= scale
        if (mean := self.mean.get(in_)) is not None:
            _check_mean(in_, image, mean)
            image -= mean
        if (scale := self.input_scale.get(in_)) is not None:
            image *= scale
        return image

    def deprocess(self, in_: str, data: HostArray) -> HostArray:
        """What ``preprocess`` made ``data`` from, less its resizing: (H, W, K), to look at.

        Args:
            in_: name of an input.
            data: (K, H, W) or (1, K, H, W).

        Raises:
            ArrayError: ``in_`` is no input.
        """
        axes = len(self._shape(in_)) - 1
        image = np.array(data, np.result_type(data, np.float32))
        while image.ndim > axes and len(image) == 1:
            image = image[0]
        if (scale := self.input_scale.get(in_)) is not None:
            image /= scale
        if (mean := self.mean.get(in_)) is not None:
            _check_mean(in_, image, mean)
            image += mean
        if (scale := self.raw_scale.get(in_)) is not None:
            image /= scale
        if (order := self.channel_swap.get(in_)) is not None:
            image = image[np.argsort(order)]
        if (order := self.transpose.get(in_)) is not None:
            return image.transpose(np.argsort(order))
        return image.squeeze()

    def set_transpose(self, in_: str, order: Sequence[int]) -> None:
        """Take the axes in this order; (2, 0, 1) puts the channels of an image first.

        Raises:
            ArrayError: ``order`` does not name each axis but that of the batch once.
        """
        axes = len(self._shape(in_)) - 1
        if len(order) != axes:
            raise ArrayError(
                "Transpose order needs to have the same number of dimensions as the input. "
                f"It is {tuple(order)}, expected {axes} axes"
            )
        if sorted(order) != list(range(axes)):
            raise ArrayError(f"order is {tuple(order)}, expected each of 0..{axes - 1} once")
        self.transpose[in_] = order

    def set_channel_swap(self, in_: str, order: Sequence[int]) -> None:
        """Take the channels, then the first axis, in this order; (2, 1, 0) makes RGB into BGR.

        Raises:
            ArrayError: ``order`` has another number of channels than the input, or names others.
        """
        channels = self._shape(in_)[1]
        if len(order) != channels:
            raise ArrayError(
                "Channel swap needs to have the same number of dimensions as the input channels. "
                f"It is {tuple(order)}, expected {channels}"
            )
        if not set(order) <= set(range(channels)):
            raise ArrayError(f"order is {tuple(order)}, expected channels of 0..{channels - 1}")
        self.channel_swap[in_] = order

    def set_raw_scale(self, in_: str, scale: Scale) -> None:
        """Multiply by ``scale`` before the mean is subtracted; 255 makes 0..1 into 0..255."""
        self._shape(in_)
        self.raw_scale[in_] = scale

    def set_mean(self, in_: str, mean: HostArray) -> None:
        """Subtract ``mean``: a value a channel (K,), or an image (K, H, W) or (H, W).

        Raises:
            ArrayError: it does not have the input's shape.
        """
        shape = self._shape(in_)
        mean = np.asarray(mean)
        if mean.ndim == 1:
            if len(mean) != shape[1]:
                raise ArrayError(
                    "Mean channels incompatible with input. "
                    f"They are {len(mean)}, expected {shape[1]}"
                )
            mean = mean[:, np.newaxis, np.newaxis]
        else:
            full = (1, *mean.shape) if mean.ndim == 2 else mean.shape
            if len(full) != 3:
                raise ArrayError(
                    f"Mean shape invalid. It is {mean.shape}, expected (K,), (H, W) or (K, H, W)"
                )
            if full != shape[1:]:
                raise ArrayError(
                    "Mean shape incompatible with input shape. "
                    f"It is {mean.shape}, expected {shape[1:]}: give the mean of each channel, "
                    "mean.mean(1).mean(1), or the part of it that is as large as the input"
                )
        self.mean[in_] = mean

    def set_input_scale(self, in_: str, scale: Scale) -> None:
        """Multiply by ``scale`` after all else."""
        self._shape(in_)
        self.input_scale[in_] = scale

    def _shape(self, in_: str) -> tuple[int, ...]:
        if in_ not in self.inputs:
            raise ArrayError(
                f"{in_} is not one of the net inputs: {self.inputs}; "
                f"{did_you_mean(str(in_), map(str, self.inputs))}"
            )
        return tuple(self.inputs[in_])


def _check_mean(in_: str, image: HostArray, mean: HostArray) -> None:
    if len(mean) not in (1, len(image)) and mean.ndim == image.ndim:
        raise ArrayError(
            f"image for {in_!r} has {len(image)} channel(s), expected {len(mean)}, as the mean has"
        )
