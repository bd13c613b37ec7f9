"""Batches: room for one, and what fills it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from math import prod

import numpy as np
from numpy.typing import DTypeLike

from minicaffe.data.image import Decode, HostArray, Layout, key_text
from minicaffe.data.source import Source
from minicaffe.data.transformer import Transformer
from minicaffe.errors import DataError, LayerConfigError

STAGE = 1 << 20  # bytes of decoded images that are transformed at once: about a core's cache


class Batch:
    """Images and labels, in memory that is used again and again.

    Attributes:
        data: (N, C, h, w).
        labels: (N,).
    """

    def __init__(self, size: int, dtype: DTypeLike = np.float32) -> None:
        self.labels: HostArray = np.empty(size, dtype)
        self.data: HostArray = np.empty((size, 0, 0, 0), dtype)

    @property
    def arrays(self) -> tuple[HostArray, HostArray]:
        """``data`` and ``labels``, in the order of a layer's tops."""
        return self.data, self.labels

    def fit(self, shape: tuple[int, int, int]) -> None:
        """Make ``data`` hold images of ``shape``; what it held is lost if that is a new one."""
        if self.data.shape[1:] != shape:
            size = len(self.labels) * prod(shape)
            flat = self.data.base if self.data.base is not None else self.data.reshape(-1)
            if flat.size < size:
                flat = np.empty(size, self.labels.dtype)
            self.data = flat[:size].reshape(-1, *shape)


class BatchFiller:
    """Fills batches from a source; which records and what chances depends on their number alone.

    With ``ranks`` processes, records are dealt out in turn, so that together they read each
    once; the order goes on where the source starts again.

    Args:
        source: where records come from.
        decode: what makes images of them.
        transform: what is done to the images.
        seed: of the random numbers for the transformer.
        skip: records to leave out at the very start.
        rank: which of the processes this is.
        ranks: how many there are.
    """

    def __init__(
        self,
        source: Source[object],
        decode: Decode,
        transform: Transformer,
        *,
        seed: int = 0,
        skip: int = 0,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self._source, self._decode, self._transform = source, decode, transform
        self._seed, self._first, self._step = seed, skip + rank, ranks
        self._records: Iterator[tuple[bytes, object]] = iter(())
        self._next: int | None = None  # number of the record that comes next, of this rank
        self._stage = memoryview(bytearray())

    def __call__(self, batch: Batch, number: int, stopped: Callable[[], bool]) -> None:
        """Fill ``batch`` as the ``number``-th, from 0; leave it half done when ``stopped``.

        Raises:
            DataError: a record is damaged, or of another size than the first.
        """
        size = len(batch.labels)
        if self._next != number * size:
            start = self._first + number * size * self._step
            self._records = self._source.records(start, self._step)
        self._next = None  # until all went well
        chances = None
        if self._transform.draws:
            rng = np.random.default_rng([self._seed, number])
            chances = rng.random((size, self._transform.draws))
        if self._fill(batch, chances, stopped):
            self._next = (number + 1) * size

    def close(self) -> None:
        """Close the source."""
        self._records = iter(())
        self._source.close()

    def _fill(self, batch: Batch, chances: HostArray | None, stopped: Callable[[], bool]) -> bool:
        """Images of one layout are gathered, as many as the stage holds, and go on together.

        Returns:
            The batch is full: nobody has stopped it.
        """
        layout: Layout | None = None
        first: bytes | None = None
        begin = nbytes = room = 0
        labels: list[float] = []
        decode = self._decode
        for index, (key, record) in enumerate(islice(self._records, len(batch.labels))):
            if stopped():
                return False
            found, data, label = decode(key, record)
            if found != layout or index - begin == room:
                self._transform_staged(layout, batch, chances, begin, index)
                if found != layout:
                    self._check(found, key, first, batch)
                    first = first or key
                    layout, nbytes, room = found, found.nbytes, max(1, STAGE // found.nbytes)
                    if len(self._stage) < min(room, len(batch.labels)) * nbytes:
                        self._stage = memoryview(bytearray(min(room, len(batch.labels)) * nbytes))
                begin = index
            offset = (index - begin) * nbytes
            self._stage[offset : offset + nbytes] = data
            labels.append(label)
        self._transform_staged(layout, batch, chances, begin, len(labels))
        batch.labels[:] = labels
        return True

    def _transform_staged(
        self, layout: Layout | None, batch: Batch, chances: HostArray | None, begin: int, end: int
    ) -> None:
        """Images ``begin`` to ``end`` of the batch, from the stage."""
        if layout is None:
            return
        part = slice(begin, end)
        staged: HostArray = np.frombuffer(
            self._stage[: (end - begin) * layout.nbytes], layout.dtype
        )
        self._transform(
            layout,
            staged.reshape(-1, *layout.shape),
            None if chances is None else chances[part],
            batch.data[part],
        )

    def _check(self, layout: Layout, key: bytes, first: bytes | None, batch: Batch) -> None:
        """Make room for images of ``layout``, or see that they fit those from ``first`` on."""
        try:
            shape = self._transform.shape(layout)
        except LayerConfigError as error:
            raise DataError(str(error), self._source.name, key_text(key)) from error
        if first is None:
            batch.fit(shape)
        elif shape != batch.data.shape[1:]:
            raise DataError(
                f"image is {Layout(*shape)}, expected {Layout(*batch.data.shape[1:])} as the "
                f"first of its batch ({key_text(first)}): images of several sizes need a "
                "crop_size, or a batch_size of 1",
                self._source.name,
                key_text(key),
            )
