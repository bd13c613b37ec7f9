"""Classifier: a net that takes images as they are and says what is on them.

After: python/caffe/classifier.py. Differences: images are prepared and run batch after batch, so
that any number fit into memory; ``mean`` may be a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np

from minicaffe.blob_proto import HostArray
from minicaffe.data.transformer import read_mean
from minicaffe.errors import ArrayError, DataError
from minicaffe.io import Transformer, resize_image
from minicaffe.io import oversample as crops_of
from minicaffe.proto.minicaffe_pb2 import TEST
from minicaffe.pycaffe.net import Net

Mean = HostArray | Sequence[float] | str | Path
CROPS = 10


class Classifier(Net):
    """A net in the TEST phase, whose first input is images and whose first output is scores.

    Args:
        model_file: the definition.
        pretrained_file: the weights.
        image_dims: height and width that each image is resized to before the net's window is cut
            out of it; None: those of the window.
        mean: a value a channel, or an image as large as the input, in the net's range and order
            of channels; or a file, as ``read_mean_file`` takes it.
        input_scale: factor for what the net gets, after the mean is subtracted.
        raw_scale: factor for the image, before; 255 for nets that expect 0..255.
        channel_swap: order of the channels; (2, 1, 0) for nets that expect blue, green, red.

    Attributes:
        transformer: does the last four.
        image_dims: height and width.
        crop_dims: height and width of the net's window.

    Raises:
        MinicaffeError: the net or its weights are no good, or the rest does not fit it.
    """

    def __init__(
        self,
        model_file: str | Path,
        pretrained_file: str | Path,
        image_dims: Sequence[int] | None = None,
        mean: Mean | None = None,
        input_scale: float | None = None,
        raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
    ) -> None:
        super().__init__(model_file, TEST, weights=pretrained_file)
        self.transformer = image_transformer(self, mean, input_scale, raw_scale, channel_swap)
        self.crop_dims = np.array(self.blobs[self.inputs[0]].shape[2:])
        given = () if image_dims is None else tuple(image_dims)
        self.image_dims = np.array(given) if given else self.crop_dims

    def predict(self, inputs: Iterable[HostArray], oversample: bool = True) -> HostArray:
        """(N, classes): the net's first output for each of N images.

        Args:
            inputs: images as ``load_image`` gives them, each (H, W, K) of any size.
            oversample: the mean over ten crops, of the corners and the middle, and mirrored; else
                the middle alone.

        Raises:
            ArrayError: there are no images, or one does not fit the net.
        """
        name = self.inputs[0]
        batch = self.blobs[name].shape[0]
        images = batch // gcd(batch, CROPS) if oversample else batch  # so that no item is empty
        rest, found = iter(inputs), []
        while chunk := list(islice(rest, images)):
            ready: Any = {name: np.stack(list(self._prepared(chunk, oversample)))}
            found.append(self.forward_all(**ready)[self.outputs[0]])
        if not found:
            raise ArrayError("there are no images, expected at least one")
        scores = np.concatenate(found)
        if oversample:
            mean: HostArray = scores.reshape(len(scores) // CROPS, CROPS, -1).mean(1)
            return mean
        is_map = scores.ndim > 2 and scores[0].size > scores.shape[1]
        return scores if is_map else scores.reshape(len(scores), -1)

    def _prepared(self, images: Iterable[HostArray], oversample: bool) -> Iterator[HostArray]:
        """What the net gets for ``images``: each crop of each."""
        size, window = self.image_dims.tolist(), self.crop_dims.tolist()
        for image in images:
            crops = crops_of([resize_image(image, size)], window)
            for crop in crops if oversample else crops[4:5]:
                yield self.transformer.preprocess(self.inputs[0], crop)


def image_transformer(
    net: Net,
    mean: Mean | None,
    input_scale: float | None,
    raw_scale: float | None,
    channel_swap: Sequence[int] | None,
) -> Transformer:
    """From images of ``load_image`` to the first input of ``net``.

    Raises:
        ArrayError: something does not fit the input, or it takes no images.
    """
    if not net.inputs:
        raise ArrayError("the net has no input, expected one for images: is it for training?")
    name = net.inputs[0]
    shape = net.blobs[name].shape
    if len(shape) != 4:
        raise ArrayError(f"input {name!r} has shape {shape}, expected (N, C, H, W): images")
    transformer = Transformer({name: shape})
    transformer.set_transpose(name, (2, 0, 1))
    if mean is not None:
        array = _mean(mean, shape) if isinstance(mean, str | Path) else np.asarray(mean)
        transformer.set_mean(name, array)
    if input_scale is not None:
        transformer.set_input_scale(name, input_scale)
    if raw_scale is not None:
        transformer.set_raw_scale(name, raw_scale)
    if channel_swap is not None:
        transformer.set_channel_swap(name, channel_swap)
    return transformer


def read_mean_file(path: str | Path) -> HostArray:
    """The mean in a ``.npy`` file, (C,) or (C, H, W), or in a ``.binaryproto``, (C, H, W).

    Raises:
        DataError: it is missing, or holds none.
    """
    if Path(path).suffix != ".npy":
        return read_mean(str(path))
    try:
        mean: HostArray = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"mean cannot be read: {error}", str(path)) from error
    if mean.ndim == 4 and len(mean) == 1:
        mean = mean[0]
    if mean.ndim not in (1, 3):
        raise DataError(f"mean has shape {mean.shape}, expected (C,) or (C, H, W)", str(path))
    return mean


def _mean(path: str | Path, shape: Sequence[int]) -> HostArray:
    """The mean of a file: whole where it is as large as the input, else of each channel."""
    mean = read_mean_file(path)
    return mean if mean.ndim == 1 or mean.shape == tuple(shape[1:]) else mean.mean((1, 2))
