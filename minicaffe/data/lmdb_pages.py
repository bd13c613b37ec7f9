"""The pages of an LMDB: whether the library may be let near them, and where each record is.

The library trusts what it reads: a damaged page ends the process, or sends it astray. It knows
records by their keys alone, and touches all of a record on its way to its key. So the pages that
hold the keys are read here, a group at a time and before the library comes to them.

After: the file format of LMDB 0.9 (its source, mdb.c), with 64-bit numbers.
"""

from __future__ import annotations

import mmap
import os
import struct
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import NamedTuple, TypeVar

import numpy as np

from minicaffe.data.image import HostArray
from minicaffe.data.source import LMDB_FILE
from minicaffe.errors import DataError

T = TypeVar("T")
GROUP = 1024  # pages that are read and verified at once
AHEAD = 1 << 30  # bytes that the system reads ahead, at most
_HEADER = 16  # bytes of a page before the places of its nodes
_META = struct.Struct("<IIQQ" + "IHHQQQQQ" * 2 + "QQ")
_MAGIC, _VERSION = 0xBEEFC0DE, 1
_SIZES = {1 << power for power in range(9, 17)}  # bytes a page
_NODE = 8  # bytes of a node before its key
_BRANCH, _LEAF, _KINDS = 1, 2, 0x6F  # flags of a page; those that say its kind
_BIG = 1  # flag of a node: the record is on pages of its own


class _Meta(NamedTuple):
    """What the file says of itself: bytes a page, the last page, the tree, the version."""

    size: int
    last: int
    depth: int
    branches: int
    leaves: int
    entries: int
    root: int
    transaction: int


class _Nodes(NamedTuple):
    """The nodes of some pages, in order; n of them.

    Attributes:
        counts: (pages,): how many each page has.
        keys: (n, 2): offset in ``data`` and size of the key of each.
        values: (n, 2): of a leaf's, offset in the file and size of the record; of a branch's,
            the page that it leads to, and 0.
        data: (pages * size,): the pages' bytes.
    """

    counts: HostArray
    keys: HostArray
    values: HostArray
    data: HostArray


class LmdbPages:
    """The tree of the LMDB in the folder ``name``; pages are read as far as is asked for.

    Several threads may ask.

    Raises:
        DataError: the file is missing, no LMDB, cut short or damaged, as far as it is read.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        path = Path(name, LMDB_FILE)
        try:
            self._file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise DataError(f"no LMDB: {LMDB_FILE}: {error.strerror}", name) from error
        weakref.finalize(self, os.close, self._file)
        self._meta = self._read_meta()
        self._leaves = self._find_leaves()
        self._ends = np.zeros(len(self._leaves), np.int64)  # records up to each leaf's end
        self._verified = 0  # leaves
        self._lock = Lock()
        self.verify(1)

    def __len__(self) -> int:
        """Number of records."""
        return self._meta.entries

    def verify(self, records: int) -> int:
        """See that at least the first ``records`` records can be read; how many can be by now.

        Raises:
            DataError: one of their pages is damaged.
        """
        with self._lock:
            while (known := self._known()) < min(records, len(self)):
                first = self._verified
                leaves = self._leaves[first : first + GROUP]
                counts = self._nodes(leaves, _LEAF).counts
                self._ends[first : first + len(leaves)] = known + np.cumsum(counts)
                self._verified += len(leaves)
                if self._verified == len(self._leaves) and self._known() != len(self):
                    raise self._damaged(f"{self._known():,} records, expected {len(self):,}")
            return known

    def key(self, number: int) -> bytes:
        """The key of record ``number``, which is less than their number.

        Raises:
            DataError: a page up to that record is damaged.
        """
        self.verify(number + 1)
        leaf = int(np.searchsorted(self._ends[: self._verified], number, "right"))
        first = int(self._ends[leaf - 1]) if leaf else 0
        page = os.pread(self._file, self._meta.size, int(self._leaves[leaf]) * self._meta.size)
        (node,) = struct.unpack_from("<H", page, _HEADER + 2 * (number - first))
        (size,) = struct.unpack_from("<H", page, node + _NODE - 2)
        return page[node + _NODE : node + _NODE + size]

    def keys(self) -> Iterator[bytes]:
        """The key of each record, in order."""
        for nodes in self._groups():
            data = nodes.data.tobytes()
            for offset, size in nodes.keys.tolist():
                yield data[offset : offset + size]

    def scan(self, look: Callable[[bytes, memoryview], T]) -> Iterator[T]:
        """``look(key, record)`` of each record, in order; only what it looks at is read."""
        file = mmap.mmap(self._file, 0, access=mmap.ACCESS_READ)  # lives as long as its views
        if hasattr(mmap, "MADV_RANDOM"):
            file.madvise(mmap.MADV_RANDOM)
        view = memoryview(file)
        for nodes in self._groups():
            data = nodes.data.tobytes()
            places = zip(nodes.keys.tolist(), nodes.values.tolist(), strict=True)
            for (offset, size), (at, length) in places:
                yield look(data[offset : offset + size], view[at : at + length])

    def expect(self, first: int, last: int) -> None:
        """Have the system read records ``first`` to ``last`` ahead, about where they lie."""
        if hasattr(os, "posix_fadvise"):
            self.verify(last + 1)
            found = np.searchsorted(self._ends[: self._verified], [first, last], "right")
            begin, end = (self._leaves[found] * self._meta.size).tolist()
            if begin < end <= begin + AHEAD:
                os.posix_fadvise(self._file, begin, end - begin, os.POSIX_FADV_WILLNEED)

    def _known(self) -> int:
        return int(self._ends[self._verified - 1]) if self._verified else 0

    def _groups(self) -> Iterator[_Nodes]:
        """The nodes of all leaves, a group at a time."""
        for first in range(0, len(self._leaves), GROUP):
            yield self._nodes(self._leaves[first : first + GROUP], _LEAF)

    def _read_meta(self) -> _Meta:
        """The newer of the two pages that describe the file."""
        length = os.fstat(self._file).st_size
        head = os.pread(self._file, _HEADER + _META.size, 0)
        found = [self._parse_meta(head)]
        if found[0] is not None:
            head = os.pread(self._file, _HEADER + _META.size, found[0].size)
            found.append(self._parse_meta(head))
        metas = [meta for meta in found if meta is not None]
        if not metas:
            raise DataError(
                f"{LMDB_FILE} is no LMDB, or is cut short ({length:,} bytes)", self._name
            )
        meta = max(metas, key=lambda meta: meta.transaction)
        expected = (meta.last + 1) * meta.size
        if length < expected:
            raise DataError(
                f"{LMDB_FILE} is cut short: {length:,} bytes, expected at least {expected:,}; "
                "copy or make it again",
                self._name,
            )
        return meta

    def _parse_meta(self, head: bytes) -> _Meta | None:
        if len(head) < _HEADER + _META.size:
            return None
        fields = _META.unpack_from(head, _HEADER)
        size = fields[4]
        if fields[:2] != (_MAGIC, _VERSION) or size not in _SIZES:
            return None
        depth, branches, leaves, _, entries, root = fields[14:20]
        return _Meta(size, fields[20], depth, branches, leaves, entries, root, fields[21])

    def _find_leaves(self) -> HostArray:
        """The numbers of the pages that hold records, in order."""
        meta = self._meta
        if not meta.entries:
            return np.zeros(0, np.int64)
        if max(meta.root, meta.branches, meta.leaves, meta.entries // meta.size) > meta.last:
            raise self._damaged("it describes itself wrongly")
        pages: HostArray = np.array([meta.root], np.int64)
        seen = 0
        for _ in range(meta.depth - 1):
            seen += len(pages)
            if seen > meta.branches:
                break
            pages = np.concatenate(
                [
                    self._nodes(pages[first : first + GROUP], _BRANCH).values[:, 0]
                    for first in range(0, len(pages), GROUP)
                ]
            )
        if (seen, len(pages)) != (meta.branches, meta.leaves):
            raise self._damaged(f"{len(pages):,} pages of records, expected {meta.leaves:,}")
        return pages

    def _nodes(self, numbers: HostArray, kind: int) -> _Nodes:
        """The nodes of the pages ``numbers``, verified.

        Raises:
            DataError: a page is not of the ``kind``, or a node leads out of it or of the file.
        """
        size, last = self._meta.size, self._meta.last
        data: HostArray = np.empty((len(numbers), size), np.uint8)
        row = 0
        for end in [*(np.flatnonzero(np.diff(numbers) != 1) + 1).tolist(), len(numbers)]:
            rows = data[row:end]  # pages that lie together
            if os.preadv(self._file, [rows.data], int(numbers[row]) * size) != rows.nbytes:
                raise self._damaged(f"page {numbers[row]:,} cannot be read")
            row = end
        words: HostArray = data.view("<u2")
        lower, upper = words[:, 6].astype(np.int64), words[:, 7].astype(np.int64)
        counts = (lower - _HEADER) >> 1
        good = (data.view("<u8")[:, 0] == numbers) & (words[:, 5] & _KINDS == kind)
        good &= (counts > 0) & (lower <= upper) & (upper <= size)
        self._check(good, numbers)
        page, column = np.nonzero(np.arange(counts.max()) < counts[:, None])
        places = words[page, _HEADER // 2 + column].astype(np.int64)
        self._check(
            (places >= upper[page]) & (places + _NODE <= size) & (places % 2 == 0), numbers[page]
        )
        begin = page * size + places
        low, high, flags, key_size = (
            words.reshape(-1)[begin // 2 + field].astype(np.int64) for field in range(4)
        )
        keys = np.stack([begin + _NODE, key_size], 1)
        end = places + _NODE + key_size
        if kind == _BRANCH:
            values = np.stack([low | high << 16 | flags << 32, np.zeros_like(low)], 1)
            self._check((end <= size) & (values[:, 0] > 1) & (values[:, 0] <= last), numbers[page])
            return _Nodes(counts, keys, values, data.reshape(-1))
        length = low | high << 16
        big = flags == _BIG
        self._check(((flags == 0) | big) & (key_size > 0), numbers[page])
        self._check(end + np.where(big, 8, length) <= size, numbers[page])
        offset = numbers[page] * size + end
        places = (page * size + end)[big]
        first = data.reshape(-1)[places[:, None] + np.arange(8)].view("<u8")[:, 0]
        self._check((first > 1) & (first <= last), numbers[page][big])
        offset[big] = first.astype(np.int64) * size + _HEADER
        self._check(offset + length <= (last + 1) * size, numbers[page])
        return _Nodes(counts, keys, np.stack([offset, length], 1), data.reshape(-1))

    def _check(self, good: HostArray, numbers: HostArray) -> None:
        """Refuse the database where one of ``good`` is false; ``numbers`` says of which page."""
        if not good.all():
            raise self._damaged(f"page {numbers[int(good.argmin())]:,} is damaged")

    def _damaged(self, what: str) -> DataError:
        return DataError(f"{LMDB_FILE}: {what}: copy or make the database again", self._name)
