"""What the blobs of a net hold, batch after batch, as databases.

After: tools/extract_features.cpp. Differences: the databases are all there, whole, or none is,
but for an error while the last of them take their names; and a blob of more than four axes has
its last ones joined, where the original aborts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from math import prod
from queue import SimpleQueue
from typing import Any

import numpy as np

from minicaffe import glog
from minicaffe.blob_proto import HostArray
from minicaffe.data.database_writer import write_database
from minicaffe.errors import NetError, UnknownBlobError, did_you_mean
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import Datum

REPORT = 1000  # records between lines of the log
AHEAD = 4  # batches that wait to be written
_TAG = Datum.DESCRIPTOR.fields_by_name["float_data"].number << 3 | 5  # 5: four bytes follow


class _AbandonedError(Exception):
    """Nothing is to become of the database."""


class _Sink(threading.Thread):
    """A thread that writes a database of the records it is given.

    A writer takes records when it wants them; here several get them when they are made.
    """

    def __init__(self, path: str, backend: str) -> None:
        super().__init__(name="minicaffe-sink", daemon=True)
        self.count = 0
        self._error: BaseException | None = None
        self._room = threading.Semaphore(AHEAD)
        self._given: SimpleQueue[list[bytes] | None] = SimpleQueue()
        self._whole = False
        self._path, self._backend = path, backend

    def run(self) -> None:
        try:
            write_database(self._path, self._records(), self._backend)
        except BaseException as error:  # noqa: BLE001  # raised again by put and finish
            self._error = error
            self._room.release(1 << 20)  # nobody shall wait for room any more

    def put(self, records: list[bytes]) -> None:
        """Write ``records`` after those before; raises what went wrong with those."""
        self._room.acquire()
        if self._error is not None:
            raise self._error
        self._given.put(records)
        self.count += len(records)

    def flush(self) -> None:
        """Wait until all records have been taken; raises what went wrong with them."""
        for _ in range(AHEAD):
            self._room.acquire()
        if self._error is not None:
            raise self._error

    def finish(self) -> None:
        """After a flush: give the database its name; raises what went wrong."""
        self._whole = True
        self.end()
        if self._error is not None:
            raise self._error

    def end(self) -> None:
        """Wait for the thread; without ``finish`` before, the database is given up."""
        self._given.put(None)
        self.join()

    def _records(self) -> Iterator[tuple[bytes, bytes]]:
        index = 0
        while (batch := self._given.get()) is not None:
            for record in batch:
                yield b"%010d" % index, record
                index += 1
            self._room.release()
        if not self._whole:
            raise _AbandonedError


def check_blobs(net: Net, names: Sequence[str]) -> None:
    """Refuse names that no blob of ``net`` has.

    Raises:
        UnknownBlobError: one of ``names`` is such.
    """
    for name in names:
        if name not in net.blobs:
            raise UnknownBlobError(
                f"feature blob is {name!r}, expected a blob of the net: "
                f"{did_you_mean(name, net.blobs)}"
            )


def extract_features(
    net: Net,
    names: Sequence[str],
    paths: Sequence[str],
    batches: int,
    *,
    backend: str = "lmdb",
    on_batch: Callable[[], object] = lambda: None,
) -> int:
    """Write what the blobs ``names`` hold after each of ``batches`` forward passes.

    Args:
        net: what is run.
        names: of blobs.
        paths: the database of each of them; what may be there is replaced.
        batches: how many times.
        backend: kind of the databases.
        on_batch: called after each batch.

    Returns:
        How many records the first database has.

    Raises:
        UnknownBlobError: the net has no such blob.
        DataError: a database cannot be written.
    """
    check_blobs(net, names)
    sinks = [_Sink(path, backend) for path in paths]
    try:
        for sink in sinks:
            sink.start()
        for _ in range(batches):
            net.forward()
            for sink, name in zip(sinks, names, strict=True):
                before = sink.count
                sink.put(feature_records(net.device.to_numpy(net.blobs[name].data)))
                for part in range(before // REPORT, sink.count // REPORT):
                    _report((part + 1) * REPORT, name)
            on_batch()
        for sink in sinks:  # all of them, before the first takes its name
            sink.flush()
        for sink, name in zip(sinks, names, strict=True):
            sink.finish()
            if sink.count % REPORT:
                _report(sink.count, name)
    finally:
        for sink in sinks:
            if sink.is_alive():
                sink.end()
    glog.info("extract_features.cpp:180", "Successfully extracted the features!")
    return sinks[0].count


def feature_records(array: HostArray) -> list[bytes]:
    """A Datum for each item along the first axis of ``array``, with its values as float_data.

    (N, C, H, W) gives C x H x W; fewer axes are filled up with ones at the end.

    Raises:
        NetError: there are no values.
    """
    array = np.asarray(array, np.float32)
    count, *axes = array.shape or (1,)
    if not array.size:
        raise NetError(f"a feature blob is {array.shape}, expected at least one value")
    channels, height, *widths = (*axes, 1, 1)
    head = Datum(channels=channels, height=height, width=prod(widths)).SerializeToString()
    packed: Any = np.empty((count, array.size // count, 5), np.uint8)
    packed[..., 0] = _TAG  # the field is not packed: each value has its own tag
    packed[..., 1:] = array.astype("<f4").reshape(count, -1, 1).view(np.uint8)
    return [head + row.tobytes() for row in packed]


def _report(count: int, name: str) -> None:
    glog.info(
        "extract_features.cpp:165",
        f"Extracted features of {count} query images for feature blob {name}",
    )
