"""BatchFiller: what fills batches with the images of a source."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

import numpy as np

from minicaffe.data.bad_records import Bad, BadRecords
from minicaffe.data.batch import Batch, Job, Shape
from minicaffe.data.first import labels_shape
from minicaffe.data.image import Decode, HostArray, Image, Layout, key_text
from minicaffe.data.source import Source
from minicaffe.data.transformer import Transformer
from minicaffe.errors import DataError, LayerConfigError

STAGE = 1 << 20  # bytes of decoded images that are transformed at once: about a core's cache
FIRST_PART = 16  # records of a part while the size of an image is not known

Record = tuple[bytes, object]


class BatchFiller:
    """Fills batches from a source; which records and what chances depends on their number alone.

    Records are read in turn; they are decoded and transformed in parts, which may be done at
    once. With ``ranks`` processes, records are dealt out in turn, so that together they read
    each once; the order goes on where the source starts again.

    Args:
        source: where records come from.
        decode: what makes images of them; called from several threads.
        transform: what is done to the images; likewise.
        seed: of the random numbers for the transformer.
        skip: records to leave out at the very start.
        rank: which of the processes this is.
        ranks: how many there are.
        labels: shape of a record's labels.
        bad: where to list records that cannot be read, or do not fit; None raises the first.
            One is replaced by the next good one of its batch, the first following the last,
            and where a batch has none by the next good one of the source: so a batch is full,
            and the same whenever it is filled.
        shape: of every image, once it is transformed; None where those of a batch must agree
            among themselves alone. Expected where there is ``bad``.
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
        labels: tuple[int, ...] = (),
        bad: BadRecords | None = None,
        shape: Shape | None = None,
    ) -> None:
        self._source, self._decode, self._transform = source, decode, transform
        self._seed, self._skip, self._rank, self._ranks = seed, skip, rank, ranks
        self._labels, self._bad, self._shape = labels, bad, shape
        self._records: Iterator[Record] = iter(())
        self._next: int | None = None  # number of the record that comes next, of this rank
        self._part = FIRST_PART
        self._own = threading.local()  # a stage for each thread

    def __call__(
        self, batch: Batch, number: int, stopped: Callable[[], bool]
    ) -> Iterator[Callable[[], None]]:
        """Parts that fill ``batch`` as the ``number``-th, from 0; half done when ``stopped``.

        Records are read between the parts. Those may be done by several threads at once, each
        only after the one before it has been begun.

        Raises:
            DataError: a record cannot be read; from a part, one is damaged, or of another size
                than the first.
        """
        size, name = len(batch.labels), self._source.name
        jump = self._next != number * size
        if jump:
            self._records = self._read_from(number * size)
        if self._bad is not None:
            passed = self._passes(number * size) > self._passes((number - 1) * size)
            self._bad.begin(number, anew=jump, report=passed)
        self._next = None  # until all went well
        job = Job(batch, number, self._chances(number, size), stopped)
        if self._bad is not None and self._shape is not None and size > 1:
            job.accept(self._shape, self._labels, None)
        begin = 0
        while begin < size and not stopped():
            records: list[Record] = []
            failure: Exception | None = None
            try:
                records.extend(islice(self._records, min(self._part, size - begin)))
            except Exception as error:  # noqa: BLE001  # raised when the records before it are done
                failure = error
            if records:
                yield partial(self._fill, job, begin, records)
            if failure is not None:
                raise failure
            if not records:
                raise DataError("there are no more records, expected them to go round", name)
            begin += len(records)
        if begin == size:
            self._next = (number + 1) * size

    def close(self) -> None:
        """Close the source."""
        self._records = iter(())
        self._source.close()
        if self._bad is not None:
            self._bad.report()

    def _read_from(self, record: int) -> Iterator[Record]:
        """From this rank's number ``record`` on."""
        start = self._skip + self._rank + record * self._ranks
        return self._source.records(start, self._ranks)

    def _passes(self, record: int) -> int:
        """How often the source has been read when this rank's ``record`` has come."""
        return (self._skip + self._rank + max(0, record) * self._ranks) // len(self._source)

    def _chances(self, number: int, size: int) -> HostArray | None:
        if not self._transform.draws:
            return None
        rng = np.random.default_rng([self._seed, number * self._ranks + self._rank])
        return rng.random((size, self._transform.draws))

    def _fill(self, job: Job, begin: int, records: list[Record]) -> None:
        """Decode and transform ``records``, the batch's from ``begin`` on."""
        try:
            done = self._fill_part(job, begin, records)
        except BaseException:
            job.known.set()  # whoever waits for the shape need not go on
            raise
        if done and job.count(len(records)) and self._bad is not None:
            self._mend(job, self._bad)

    def _fill_part(self, job: Job, begin: int, records: list[Record]) -> bool:
        """Images of one layout are gathered, as many as the stage holds, and go on together.

        Returns:
            All are done: nobody has stopped it.
        """
        stage = self._stage()
        layout: Layout | None = None
        first = end = begin  # of those on the stage
        nbytes = room = 0
        labels: list[float | HostArray] = []
        for index, (key, record) in enumerate(records, begin):
            if job.stopped():
                return False
            try:
                found, data, label = self._image(key, record)
                if found != layout and not self._agree(job, found, key, begin):
                    return False
            except DataError as error:
                if self._bad is None:
                    raise
                job.bad.append((index, key, error))
                self._transform_staged(job, layout, labels, first, end)
                layout = None
                continue
            if found != layout or index - first == room:
                self._transform_staged(job, layout, labels, first, end)
                if found != layout:
                    layout, nbytes, room = found, found.nbytes, max(1, STAGE // found.nbytes)
                    self._part = room
                    stage = self._stage(min(room, len(records)) * nbytes)
                first = index
            offset = (index - first) * nbytes
            stage[offset : offset + nbytes] = data
            labels.append(label)
            end = index + 1
        self._transform_staged(job, layout, labels, first, end)
        return True

    def _stage(self, nbytes: int = 0) -> memoryview:
        """Room for decoded images, this thread's own."""
        found: memoryview | None = getattr(self._own, "stage", None)
        if found is None or len(found) < nbytes:
            found = self._own.stage = memoryview(bytearray(nbytes))
        return found

    def _image(self, key: bytes, record: object) -> Image:
        image = self._decode(key, record)
        label = image.label
        if not isinstance(label, np.ndarray):  # nearly always
            shape: tuple[int, ...] = ()
        elif not (shape := labels_shape(image)):
            image = image._replace(label=label.item())
        if shape != self._labels:
            found, expected = (each[0] if each else 1 for each in (shape, self._labels))
            raise DataError(
                f"record has {found} label(s), expected {expected} as the first record",
                self._source.name,
                key_text(key),
            )
        return image

    def _agree(self, job: Job, layout: Layout, key: bytes, begin: int) -> bool:
        """See that an image of ``layout`` fits the others of the batch, or make room for them.

        Returns:
            It does; False where it need not be known any more.
        """
        try:
            shape = self._transform.shape(layout)
        except LayerConfigError as error:
            raise DataError(str(error), self._source.name, key_text(key)) from error
        if job.shape is None and begin == 0:
            job.accept(shape, self._labels, key)
        if not job.wait():
            return False
        if shape != job.shape:
            raise DataError(job.misfit(shape), self._source.name, key_text(key))
        return True

    def _transform_staged(
        self,
        job: Job,
        layout: Layout | None,
        labels: list[float | HostArray],
        begin: int,
        end: int,
    ) -> None:
        """Images ``begin`` to ``end`` of the batch, from the stage, and ``labels``: all of them."""
        if layout is None or begin == end:
            return
        part = slice(begin, end)
        staged: HostArray = np.frombuffer(
            self._stage()[: (end - begin) * layout.nbytes], layout.dtype
        )
        self._transform(
            layout,
            staged.reshape(-1, *layout.shape),
            None if job.chances is None else job.chances[part],
            job.batch.data[part],
        )
        job.batch.labels[part] = labels
        labels.clear()

    def _mend(self, job: Job, bad: BadRecords) -> None:
        """Put a good record of the batch in the place of each bad one."""
        job.bad.sort(key=lambda each: each[0])
        found: list[Bad] = [(key, error) for _, key, error in job.bad]
        batch, places = job.batch, [index for index, _, _ in job.bad]
        good = np.setdiff1d(np.arange(len(batch.labels)), places)
        if not good.size:
            if not self._read_on(job, found):
                return
            good = np.zeros(1, np.int64)
        for index in places:
            after = good[np.searchsorted(good, index) % len(good)]
            batch.data[index], batch.labels[index] = batch.data[after], batch.labels[after]
        bad.done(job.number, found)

    def _read_on(self, job: Job, found: list[Bad]) -> bool:
        """Fill the batch's first place with the next good record after the batch.

        Returns:
            It is filled: nobody has stopped it.

        Raises:
            DataError: there is none.
        """
        follow = (job.number + 1) * len(job.batch.labels)
        for record in islice(self._read_from(follow), len(self._source)):
            del job.bad[:]
            if not self._fill_part(job, 0, [record]):
                return False
            if not job.bad:
                return True
            found.extend((key, error) for _, key, error in job.bad)
        raise DataError(
            f"all records are bad, {len({key for key, _ in found}):,} of them: not one is left to "
            f"fill a batch with; the first: {found[0][1]}",
            self._source.name,
        ) from found[0][1]
