"""Transformer: what ``transform_param`` does to every image.

After: src/caffe/data_transformer.cpp.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import DTypeLike

from minicaffe.blob_proto import proto_array
from minicaffe.data.augment import Augmentation, Draw
from minicaffe.data.geometry import Size
from minicaffe.data.image import HostArray, Layout
from minicaffe.errors import DataError, LayerConfigError, WeightsError
from minicaffe.ops.transform import crop_mirror_scale, recolour
from minicaffe.proto.minicaffe_pb2 import BlobProto, TransformationParameter

CAFFE_DRAWS = 3  # mirror, top, left: a run of the original's fields alone takes no more


class Transformer:
    """``(x - mean) * scale`` of a window of each image, perhaps mirrored, turned, recoloured.

    The window is the whole image, or ``crop_size`` x ``crop_size``: at a random place in TRAIN,
    in the middle in TEST. ``mirror`` turns one image in two, in TEST as well, as in the original.
    In TRAIN there may be more: see ``Augmentation``. Then the order is: a window of the image
    is scaled and turned; its colours change; mirror, mean and scale; cutout.

    Nothing is kept from call to call: any number of threads may call at once.

    Args:
        param: the definition.
        train: random windows, and augmentation.
        dtype: of the output.

    Attributes:
        draws: how many random numbers an image takes: 0 where nothing is left to chance.

    Raises:
        LayerConfigError: ``mean_file`` and ``mean_value`` are both given, or augmentation that
            makes no sense.
        DataError: the mean file is missing or holds no mean.
    """

    def __init__(
        self, param: TransformationParameter, *, train: bool, dtype: DTypeLike = np.float32
    ) -> None:
        if param.HasField("mean_file") and param.mean_value:
            raise LayerConfigError("mean_file and mean_value are both given, expected one")
        self._augmentation = Augmentation(param)
        self._augments = train and self._augmentation.any
        self._resizes = train and self._augmentation.resizes
        self._scale, self._crop = param.scale, param.crop_size
        self._mirror, self._random_crop = param.mirror, train and param.crop_size > 0
        self.draws = CAFFE_DRAWS if self._mirror or self._random_crop else 0
        if self._augments:
            self.draws = len(Draw)
        self._dtype = np.dtype(dtype)
        self._mean_values = np.array(param.mean_value or [0], self._dtype)
        self._mean_file = param.mean_file
        self._mean_image: HostArray | None = None
        if param.HasField("mean_file"):
            self._mean_image = read_mean(param.mean_file).astype(self._dtype)

    def shape(self, layout: Layout) -> tuple[int, int, int]:
        """(C, h, w) of what becomes of images of ``layout``.

        Raises:
            LayerConfigError: they are smaller than the crop, do not fit the mean, or cannot be
                augmented.
        """
        channels, height, width = layout[:3]
        if min(channels, height, width) < 1:
            raise LayerConfigError(f"an image is {layout}, expected at least one pixel")
        crop = self._crop
        if crop > min(height, width) and not self._resizes:
            raise LayerConfigError(
                f"crop_size is {crop}, expected at most {min(height, width)}: an image is {layout}"
            )
        if self._mean_image is not None and self._mean_image.shape != layout[:3]:
            raise LayerConfigError(
                f"mean_file {self._mean_file} is {Layout(*self._mean_image.shape)}, expected "
                f"{layout}, as the image before it is cropped"
            )
        if len(self._mean_values) not in (1, channels):
            raise LayerConfigError(
                f"mean_value is given {len(self._mean_values)} times, expected once, or once "
                f"for each of {channels} channel(s)"
            )
        self._augmentation.check(channels, Size(crop or height, crop or width))
        return channels, crop or height, crop or width

    def __call__(
        self, layout: Layout, x: HostArray, chances: HostArray | None, y: HostArray
    ) -> None:
        """Transform ``x`` into ``y``; ``shape`` has accepted ``layout``.

        Args:
            layout: of each image.
            x: (N, *layout.shape).
            chances: (N, draws), each in [0, 1); None where ``draws`` is 0.
            y: (N, *shape(layout)), contiguous.
        """
        if self._augments and chances is not None:
            self._augment(layout, x, chances, y)
            return
        windows = self._windows(Size(layout.height, layout.width), chances, y)
        crop_mirror_scale(np, x, self._mean(y), windows, y, self._scale, layout.interleaved)

    def _augment(self, layout: Layout, x: HostArray, chances: HostArray, y: HostArray) -> None:
        """As ``__call__``, with all that the definition asks for in TRAIN."""
        image, interleaved = Size(layout.height, layout.width), layout.interleaved
        if self._augmentation.moves:
            image = Size(*y.shape[2:])
            x = self._augmentation.move(layout, x, chances, image)
        windows = self._windows(image, chances, y)
        if self._augmentation.recolours:
            nothing = np.zeros((y.shape[1], 1, 1), y.dtype)
            crop_mirror_scale(np, x, nothing, windows * (1, 1, 0, 0, 0), y, 1, interleaved)
            largest = 255.0 if x.dtype == np.uint8 else abs(y).max(axis=(1, 2, 3))
            recolour(np, y, *self._augmentation.colours(chances, largest))
            x, interleaved, windows = y, False, windows * (0, 0, 1, 1, 1)
        crop_mirror_scale(np, x, self._mean(y), windows, y, self._scale, interleaved)
        self._augmentation.cut_out(chances, y)

    def _windows(self, image: Size, chances: HostArray | None, y: HostArray) -> HostArray:
        """Of images of the size ``image``, as ``ops.transform`` takes them."""
        windows = np.zeros((len(y), 5), np.int64)
        room = image.height - y.shape[2], image.width - y.shape[3]
        if chances is not None and self._random_crop:
            windows[:, :2] = chances[:, [Draw.TOP, Draw.LEFT]] * (room[0] + 1, room[1] + 1)
        else:
            windows[:, :2] = room[0] // 2, room[1] // 2
        if chances is not None and self._mirror:
            windows[:, 2] = chances[:, Draw.MIRROR] < 0.5
        windows[:, 3:] = windows[:, :2]
        return windows

    def _mean(self, y: HostArray) -> HostArray:
        """(C, H, W), or (C, 1, 1) where it is one value a channel."""
        if self._mean_image is not None:
            return self._mean_image
        mean = np.empty((y.shape[1], 1, 1), self._dtype)
        mean[:, 0, 0] = self._mean_values
        return mean


def read_mean(path: str) -> HostArray:
    """(C, H, W), the mean image in the file ``path``, as ``compute_image_mean`` writes it.

    Raises:
        DataError: it is missing, or holds no mean image.
    """
    try:
        array = proto_array(BlobProto.FromString(Path(path).read_bytes()))
    except OSError as error:
        where = "" if Path(path).is_absolute() else f", looked for in {Path.cwd()}"
        raise DataError(f"mean_file cannot be read: {error.strerror}{where}", path) from error
    except (DecodeError, WeightsError) as error:
        raise DataError(f"mean_file is no BlobProto: {error}", path) from error
    if array is not None and array.ndim == 4 and len(array) == 1:
        array = array[0]
    if array is None or array.ndim != 3:
        found = "none" if array is None else f"an array of shape {array.shape}"
        raise DataError(f"mean_file holds {found}, expected one image (1, C, H, W)", path)
    return array
