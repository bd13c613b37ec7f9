"""Which records of a source are given out, and in which order: what a loader_param asks for.

Caffe has none of this. The record that comes as number i depends on the seed and on i alone, so
that a run goes on anywhere, in any number of threads and processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from hashlib import blake2b
from itertools import count, islice
from math import isfinite
from threading import Lock
from typing import Any, Generic, TypeVar, cast

import numpy as np

from minicaffe import glog
from minicaffe.data.bad_records import BadRecords
from minicaffe.data.image import HostArray, key_text
from minicaffe.data.orders import Blocks, Order, balanced
from minicaffe.data.source import IndexedSource, Source
from minicaffe.errors import DataError, LayerConfigError
from minicaffe.proto.minicaffe_pb2 import LoaderParameter

Record = TypeVar("Record")
T = TypeVar("T")
HASH = 1 << 64  # all hashes are below
KEPT = 8  # shares and classes of databases, at most


def sampled(
    source: Source[Record],
    loader: LoaderParameter,
    seed: int,
    label_of: Callable[[bytes, Any], float | HostArray],
) -> Source[Record]:
    """``source``, as ``loader`` asks: a share of it, then balanced, then shuffled.

    Args:
        source: where records come from; it is closed with what is returned.
        loader: ``share_from``, ``share_to``, ``balanced``, ``shuffle_buffer`` and ``skip_bad``
            are read.
        seed: of the order.
        label_of: the label of (key, record), asked for every record of the share where it is to
            be balanced.

    Returns:
        The records wanted; ``source`` itself where nothing is asked for. A pass over them that
        are balanced has as many as there are records, up to a multiple of the classes.

    Raises:
        DataError: no record is in the share, or a record has no label.
        LayerConfigError: the share is none, or records have several labels.
    """
    indexed = source if isinstance(source, IndexedSource) else _Indexed(source)
    numbers = _kept(source, [loader.share_from, loader.share_to], lambda: _share(indexed, loader))
    size = len(source) if numbers is None else len(numbers)
    order: Order | None = None
    if loader.balanced:
        classes = _kept(
            source,
            [loader.share_from, loader.share_to, loader.skip_bad],
            lambda: _classes(indexed, numbers, label_of, skip_bad=loader.skip_bad),
        )
        size = -(-sum(map(len, classes)) // len(classes)) * len(classes)
        order = balanced(classes, seed)
    elif numbers is not None:
        order = partial(_shared, numbers)
    blocks = Blocks(size, loader.shuffle_buffer, seed) if loader.shuffle_buffer > 1 else None
    if order is None and blocks is None:
        return source
    return _Sampled(indexed, size, order, blocks)


def _kept(source: Source[Record], fields: list[object], find: Callable[[], T]) -> T:
    """What ``find`` returns, or has returned for the same database and ``fields`` before.

    To see all keys or labels of a large database takes minutes, and a layer opens it twice.
    """
    identity = getattr(source, "identity", None)
    if identity is None:
        return find()
    key = (identity, *fields)
    with _lock:
        if key not in _found:
            while len(_found) >= KEPT:
                _found.pop(next(iter(_found)))
            _found[key] = find()
        return cast(T, _found[key])


_found: dict[tuple[object, ...], object] = {}
_lock = Lock()


class _Sampled(Generic[Record]):
    """The records of ``source`` that ``order`` names, shuffled in ``blocks``; see ``Source``."""

    def __init__(
        self,
        source: IndexedSource[Record],
        size: int,
        order: Order | None,
        blocks: Blocks | None,
    ) -> None:
        self.name = source.name
        self._source, self._len, self._order, self._blocks = source, size, order, blocks

    def __len__(self) -> int:
        return self._len

    def records(self, start: int, step: int = 1) -> Iterator[tuple[bytes, Record]]:
        return self._source.select(self._numbers(start, step))

    def close(self) -> None:
        self._source.close()

    def _numbers(self, start: int, step: int) -> Iterator[int]:
        """Numbers of the source's records."""
        size, last = self._len, start // self._len
        order, blocks = self._order, self._blocks
        block = None
        for number in count(start, step):
            if number // size != last:
                last = number // size
                glog.info("data_layer.cpp:73", "Restarting data prefetching from start.")
            if blocks is not None:
                found = blocks.find(number)
                if order is None and found.first != block:
                    block = found.first
                    self._source.expect(found.first, found.last)
                number = found.number
            yield number % size if order is None else order(number)


class _Indexed(Generic[Record]):
    """Any source as an ``IndexedSource``."""

    def __init__(self, source: Source[Record]) -> None:
        self.name, self._source = source.name, source
        self.records, self.close = source.records, source.close

    def __len__(self) -> int:
        return len(self._source)

    def select(self, numbers: Iterable[int]) -> Iterator[tuple[bytes, Record]]:
        following, records = -1, self._source.records(0)
        for number in numbers:
            if number != following:
                records = self._source.records(number)
            following = number + 1
            yield next(records)

    def keys(self) -> Iterator[bytes]:
        return self.scan(lambda key, record: key)

    def scan(self, look: Callable[[bytes, Record], T]) -> Iterator[T]:
        return (look(*item) for item in islice(self._source.records(0), len(self)))

    def expect(self, first: int, last: int) -> None:
        """Nothing is read ahead."""


def share_of(key: bytes) -> int:
    """The hash of ``key`` that says which share it is in, from 0 to below ``HASH``.

    It is BLAKE2b with 8 bytes, the most significant first.
    """
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "big")


def _share(source: IndexedSource[Record], loader: LoaderParameter) -> HostArray | None:
    """The numbers of the records in the share; None for all."""
    begin, end = loader.share_from, loader.share_to
    if not 0 <= begin < end <= 1:
        raise LayerConfigError(
            f"share_from is {begin:g} and share_to {end:g}, expected 0 <= share_from < share_to "
            "<= 1"
        )
    if (begin, end) == (0, 1):
        return None
    low, high = int(begin * HASH), int(end * HASH)  # exact: HASH is a power of two
    inside = (number for number, key in enumerate(source.keys()) if low <= share_of(key) < high)
    numbers: HostArray = np.fromiter(inside, np.int64)
    if not len(numbers):
        raise DataError(
            f"no record is in the share from {begin:g} to {end:g}, expected at least one: "
            f"there are {len(source):,} records",
            source.name,
        )
    return numbers


def _classes(
    source: IndexedSource[Record],
    numbers: HostArray | None,
    label_of: Callable[[bytes, Any], float | HostArray],
    *,
    skip_bad: bool,
) -> list[HostArray]:
    """The numbers of each class's records, by the classes' labels."""

    inside = None
    if numbers is not None:
        inside = np.zeros(len(source), bool)
        inside[numbers] = True
    at, bad = count(), BadRecords()

    def look(key: bytes, record: Any) -> float | None:
        number = next(at)
        if inside is not None and not inside[number]:
            return None
        try:
            label = np.asarray(label_of(key, record), np.float64)
        except DataError as error:
            if not skip_bad:
                raise
            bad.add(key, error)
            return None
        if label.size != 1:
            raise LayerConfigError(
                f"balanced is set, but the label of {key_text(key)} has {label.size} numbers, "
                "expected 1: a class"
            )
        if not isfinite(label.item()):
            raise DataError(
                f"label is {label.item()}, expected a class", source.name, key_text(key)
            )
        return label.item()

    classes: dict[float, list[int]] = {}
    for number, label in enumerate(source.scan(look)):
        if label is not None:
            classes.setdefault(label, []).append(number)
    bad.report()
    if not classes:
        raise DataError("no record has a label, expected at least one", source.name)
    return [np.array(classes[label]) for label in sorted(classes)]


def _shared(numbers: HostArray, number: int) -> int:
    return int(numbers[number % len(numbers)])
