"""AnnotatedFiller: what fills batches with images, and with the objects in them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import DTypeLike

from minicaffe.boxes.ground_truth import COLUMNS
from minicaffe.data.annotated.record import Annotated, AnnotatedDecoder
from minicaffe.data.annotated.transformer import AnnotatedTransformer
from minicaffe.data.batch import Batch, Shape
from minicaffe.data.image import HostArray, Layout, key_text
from minicaffe.data.source import Source
from minicaffe.errors import DataError, LayerConfigError

LEAST = 300  # places for objects of an image, as MobileNet-YOLO has them
PART = 4  # records that a thread does before it looks for others to do

Record = tuple[bytes, bytes]


class AnnotatedBatch:
    """Images, and the rows of all their objects, or a label for each image.

    Attributes:
        images: their pixels; its labels are not used.
        labels: (1, 1, M, 8), (N, 1, M, 5), or (N,).
    """

    def __init__(self, size: int, dtype: DTypeLike = np.float32) -> None:
        self.images = Batch(size, dtype)
        self.labels: HostArray = np.empty(size, dtype)

    @property
    def arrays(self) -> tuple[HostArray, HostArray]:
        """Pixels and labels, in the order of a layer's tops."""
        return self.images.data, self.labels

    def put_rows(self, rows: list[HostArray]) -> None:
        """Take the rows of each image; where there is none at all, one of -1."""
        found = np.concatenate(rows)
        if not len(found):
            found = np.full((1, COLUMNS), -1.0)
        dtype = self.images.data.dtype
        self.labels = np.ascontiguousarray(found[None, None], dtype)

    def put_shares(self, shares: list[HostArray]) -> None:
        """Take (K, 5) of each image; zeros are where it has less than another, or than LEAST."""
        most = max([LEAST, *map(len, shares)])
        self.labels = np.zeros((len(shares), 1, most, 5), self.images.data.dtype)
        for own, found in zip(self.labels, shares, strict=True):
            own[0, : len(found)] = found


class _Job:
    """A batch that is being filled, in parts."""

    def __init__(self, size: int) -> None:
        self.rows: list[HostArray] = [np.empty((0, COLUMNS))] * size
        self.labels = np.zeros(size)
        self._left, self._lock = size, threading.Lock()

    def count(self, done: int) -> bool:
        """Take note of ``done`` records; were they the last?"""
        with self._lock:
            self._left -= done
            return self._left == 0


class AnnotatedFiller:
    """Fills batches from a source; which records and what chances depends on their number alone.

    With ``ranks`` processes, records are dealt out in turn.

    Args:
        source: where records come from.
        decode: what makes images and objects of them; called from several threads.
        transform: what is done to them; likewise.
        shape: of every image, once it is transformed; None where a batch is one image.
        boxes: rows of objects are wanted; else a label for each image.
        shares: and these for each image by itself, as YOLO's losses take them.
        seed: of the random numbers.
        skip: records to leave out at the very start.
        rank: which of the processes this is.
        ranks: how many there are.
    """

    def __init__(
        self,
        source: Source[bytes],
        decode: AnnotatedDecoder,
        transform: AnnotatedTransformer,
        *,
        shape: Shape | None,
        boxes: bool,
        shares: bool = False,
        seed: int = 0,
        skip: int = 0,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self._source, self._decode, self._transform = source, decode, transform
        self._shape, self._boxes, self._shares = shape, boxes, shares
        self._seed, self._skip, self._rank, self._ranks = seed, skip, rank, ranks
        self._records: Iterator[Record] = iter(())
        self._next: int | None = None  # number of the record that comes next, of this rank

    def __call__(
        self, batch: AnnotatedBatch, number: int, stopped: Callable[[], bool]
    ) -> Iterator[Callable[[], None]]:
        """Parts that fill ``batch`` as the ``number``-th, from 0; half done when ``stopped``.

        Raises:
            DataError: a record cannot be read; from a part, one is damaged or does not fit.
        """
        size = len(batch.images.labels)
        if self._next != number * size:
            start = self._skip + self._rank + number * size * self._ranks
            self._records = self._source.records(start, self._ranks)
        self._next = None  # until all went well
        if self._shape is not None:
            batch.images.fit(self._shape)
        job, begin = _Job(size), 0
        while begin < size and not stopped():
            records = list(islice(self._records, min(PART, size - begin)))
            if not records:
                raise DataError("there are no more records, expected more", self._source.name)
            yield partial(self._fill, batch, job, number, begin, records, stopped)
            begin += len(records)
        if begin == size:
            self._next = (number + 1) * size

    def close(self) -> None:
        """Close the source."""
        self._records = iter(())
        self._source.close()

    def _fill(
        self,
        batch: AnnotatedBatch,
        job: _Job,
        number: int,
        begin: int,
        records: list[Record],
        stopped: Callable[[], bool],
    ) -> None:
        for index, (key, raw) in enumerate(records, begin):
            if stopped():
                return
            record = self._decode(key, raw)
            self._check(key, record)
            rng = np.random.default_rng([self._seed, number * self._ranks + self._rank, index])
            pixels, place, objects = self._transform(record, rng)
            if self._shape is None:
                height, width, channels = pixels.shape
                batch.images.fit((channels, height, width))
            self._transform.finish(pixels, place, batch.images.data[index])
            job.rows[index] = objects.shares() if self._shares else objects.rows(index)
            job.labels[index] = record.label
        if job.count(len(records)):
            if self._boxes and self._shares:
                batch.put_shares(job.rows)
            elif self._boxes:
                batch.put_rows(job.rows)
            else:
                batch.labels[:] = job.labels

    def _check(self, key: bytes, record: Annotated) -> None:
        try:
            shape = self._transform.shape(record.layout)
        except LayerConfigError as error:
            raise DataError(str(error), self._source.name, key_text(key)) from error
        if self._shape is not None and shape != self._shape:
            raise DataError(
                f"image is {Layout(*shape)}, expected {Layout(*self._shape)} as the first: images "
                "of several sizes need a resize_param, or a batch_size of 1",
                self._source.name,
                key_text(key),
            )
