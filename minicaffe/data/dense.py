"""Images, and a class for each of their pixels, from two files for each line of a list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import cast

import numpy as np
from numpy.typing import DTypeLike

from minicaffe.data.augment import refuse
from minicaffe.data.batch import Batch, Shape
from minicaffe.data.geometry import Size
from minicaffe.data.image import HostArray, Layout, key_text
from minicaffe.data.image_file import ImageReader
from minicaffe.data.image_list import Entry, ImageList, Label, Line
from minicaffe.data.listing import read_lines
from minicaffe.data.transformer import read_mean
from minicaffe.errors import DataError, LayerConfigError
from minicaffe.ops.transform import crop_mirror_scale
from minicaffe.proto.minicaffe_pb2 import TransformationParameter

PART = 2  # records that a thread does before it looks for others to do

Record = tuple[bytes, Entry]


def read_pairs(name: str, root_image: str = "", root_labels: str = "") -> list[Line]:
    """The lines ``image labels`` of the text file ``name``; the second path is the line's label.

    Raises:
        DataError: it cannot be read or is empty, or a line is not two paths.
    """
    lines = []
    for number, text in read_lines(name, "the paths of an image and of its labels"):
        words = text.split()
        if len(words) != 2:
            what = f"{text!r}, expected the path of an image, a space, and that of its labels"
            raise DataError(what, name, f"line {number}")
        lines.append(Line(number, root_image + words[0], cast(Label, root_labels + words[1])))
    return lines


class PairReader:
    """Reads the image and the labels of a record.

    Args:
        source: name of the list, for errors.
        color: three channels (blue, green, red) of an image; else one.
        size: both are brought to; None leaves them.
        shrink: how many times less high and wide labels are; above 1 with a ``size`` alone.
    """

    def __init__(
        self, source: str, *, color: bool, size: Size | None = None, shrink: int = 1
    ) -> None:
        self._source, self._size, self._shrink = source, size, shrink
        self._image = ImageReader(source, color=color)
        self._labels = ImageReader(source, color=False)

    def __call__(self, key: bytes, record: Entry) -> tuple[HostArray, HostArray]:
        """(H, W, C) and (H / shrink, W / shrink, 1) uint8; labels are resized to the nearest.

        Raises:
            DataError: one is not there or damaged, or they differ in size.
        """
        import cv2  # takes 0.1 s to load: most nets read databases

        image = self._image(record[0], key)
        labels = self._labels(str(record[1]), key)
        if self._size is not None:
            image = cv2.resize(image, self._size[::-1])
            width, height = self._size.width // self._shrink, self._size.height // self._shrink
            labels = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
        elif image.shape[:2] != labels.shape:
            raise DataError(
                f"labels are {labels.shape[0]} x {labels.shape[1]}, expected {image.shape[0]} x "
                f"{image.shape[1]}, as the image is",
                self._source,
                key_text(key),
            )
        return image.reshape(*image.shape[:2], -1), labels[:, :, None]


class DenseFiller:
    """Fills batches with images and labels; which and what chances depends on their number alone.

    Args:
        source: where records come from.
        read: makes arrays of them; called from several threads.
        param: what is done to both alike (crop, mirror), and to images (mean, scale).
        train: crops are anywhere.
        dtype: of the batches.
        seed: of the random numbers.
        skip: records to leave out at the very start.
        rank: which of the processes this is.
        ranks: how many there are.

    Raises:
        LayerConfigError: the definition cannot be followed.
        DataError: the mean file is missing or holds no mean.
    """

    def __init__(
        self,
        source: ImageList,
        read: PairReader,
        param: TransformationParameter,
        *,
        train: bool,
        dtype: DTypeLike = np.float32,
        seed: int = 0,
        skip: int = 0,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        refuse(param, "labels would have to move with the pixels")
        if param.HasField("mean_file") and param.mean_value:
            raise LayerConfigError("mean_file and mean_value are both given, expected one")
        self._source, self._read, self._param, self._train = source, read, param, train
        self._seed, self._skip, self._rank, self._ranks = seed, skip, rank, ranks
        self._mean: HostArray = np.array(param.mean_value or [0], dtype).reshape(-1, 1, 1)
        if param.HasField("mean_file"):
            self._mean = read_mean(param.mean_file).astype(dtype)
        self._records: Iterator[Record] = iter(())
        self._next: int | None = None  # number of the record that comes next, of this rank

    def first(self) -> Shape:
        """(C, h, w) of the first image, once it is transformed."""
        key, record = next(iter(self._source.records(self._skip)))
        return self._shape(self._read(key, record)[0], key)

    def __call__(
        self, batch: Batch, number: int, stopped: Callable[[], bool]
    ) -> Iterator[Callable[[], None]]:
        """Parts that fill ``batch`` as the ``number``-th, from 0; half done when ``stopped``.

        Raises:
            DataError: from a part, a file is not there, damaged, or of another size than the first.
        """
        size = len(batch.labels)
        if self._next != number * size:
            start = self._skip + self._rank + number * size * self._ranks
            self._records = self._source.records(start, self._ranks)
        self._next = None  # until all went well
        for begin in range(0, size, PART):
            if stopped():
                return
            records = list(islice(self._records, min(PART, size - begin)))
            yield partial(self._fill, batch, number, begin, records, stopped)
        self._next = (number + 1) * size

    def close(self) -> None:
        """Nothing is open."""
        self._records = iter(())

    def _fill(
        self,
        batch: Batch,
        number: int,
        begin: int,
        records: list[Record],
        stopped: Callable[[], bool],
    ) -> None:
        for index, (key, record) in enumerate(records, begin):
            if stopped():
                return
            pixels, labels = self._read(key, record)
            shape = self._shape(pixels, key)
            if len(batch.labels) == 1:
                batch.fit(shape, (1, *(shape[1:] if self._param.crop_size else labels.shape[:2])))
            elif batch.data.shape[1:] != shape:
                found, wanted = Layout(*shape), Layout(*batch.data.shape[1:])
                raise DataError(
                    f"image is {found}, expected {wanted} as the first: give new_height and "
                    "new_width, or a batch_size of 1",
                    self._source.name,
                    key_text(key),
                )
            rng = np.random.default_rng([self._seed, number * self._ranks + self._rank, index])
            window = self._window(pixels, shape, rng)[None]
            channels, mean = shape[0], self._mean
            mean = np.ascontiguousarray(np.broadcast_to(mean, (channels, *mean.shape[1:])))
            y, scale = batch.data[index : index + 1], self._param.scale
            crop_mirror_scale(np, pixels[None], mean, window, y, scale, True)
            y = batch.labels[index : index + 1]
            none = np.zeros((1, 1, 1), y.dtype)
            crop_mirror_scale(np, labels[None], none, window, y, 1.0, True)

    def _window(self, pixels: HostArray, shape: Shape, rng: np.random.Generator) -> HostArray:
        """(5,) as ``crop_mirror_scale`` has them: in TRAIN anywhere, in TEST in the middle."""
        room = np.array(pixels.shape[:2]) - shape[1:]
        chances = rng.random(3)
        corner = (room + 1) * chances[:2] if self._train else room // 2
        top, left = corner.astype(np.int64)
        return np.array([top, left, self._param.mirror and chances[2] < 0.5, top, left], np.int64)

    def _shape(self, pixels: HostArray, key: bytes) -> Shape:
        """(C, h, w) of what becomes of ``pixels``.

        Raises:
            DataError: they are smaller than the crop, or the mean does not fit.
        """
        height, width, channels = pixels.shape
        crop = self._param.crop_size
        wrong = ""
        if crop > min(height, width):
            wrong = f"expected at least {crop} x {crop}, as crop_size says"
        elif len(self._mean) not in (1, channels):
            wrong = f"expected {len(self._mean)} channel(s), as the mean has"
        elif self._mean[0].size > 1 and self._mean.shape[1:] != (height, width):
            wrong = f"expected {Layout(*self._mean.shape)}, as the mean is"
        if wrong:
            found = Layout(channels, height, width)
            raise DataError(f"image is {found}, {wrong}", self._source.name, key_text(key))
        return channels, crop or height, crop or width
