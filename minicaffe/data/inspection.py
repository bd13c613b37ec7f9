"""What is in a database or a list of images: sizes, labels, pixels, and what is broken.

A pass over the records in memory that does not grow with their number. Records are read and
parsed, raw ones checked as the Data layer would; encoded images, and pixels, are looked at in a
sample, or everywhere if asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from math import ceil

import numpy as np

from minicaffe.data.contact_sheet import ContactSheet, Label
from minicaffe.data.entries import Entry, Records
from minicaffe.data.image import HostArray, key_text
from minicaffe.errors import DataError

SAMPLE = 1000  # images whose pixels are looked at
MOST = 100_000  # different labels, or shapes, that are counted
KEPT = 1000  # broken records whose reasons are kept


@dataclass
class Spread:
    """Least, greatest, mean and deviation of numbers that are added in blocks.

    Attributes:
        odd: how many were NaN or infinite, and left out.
    """

    count: int = 0
    low: float = np.inf
    high: float = -np.inf
    odd: int = 0
    _mean: float = 0.0
    _squares: float = 0.0

    def add(self, values: HostArray) -> None:
        """Add ``values``, of any shape."""
        values = np.asarray(values, np.float64).reshape(-1)
        finite = np.isfinite(values)
        if not finite.all():
            self.odd += int(values.size - finite.sum())
            values = values[finite]
        if not values.size:
            return
        self.low, self.high = min(self.low, values.min()), max(self.high, values.max())
        mean = values.mean()
        shift, total = mean - self._mean, self.count + values.size
        self._squares += ((values - mean) ** 2).sum()
        self._squares += shift * shift * self.count * values.size / total
        self._mean += shift * values.size / total
        self.count = total

    @property
    def mean(self) -> float:
        """Of all that were added."""
        return float(self._mean)

    @property
    def std(self) -> float:
        """Standard deviation of all that were added."""
        return float((self._squares / self.count) ** 0.5) if self.count else 0.0


@dataclass
class Findings:
    """What a pass has found.

    Attributes:
        name, kind: as in ``Records``.
        count: records there are.
        read: records looked at.
        nbytes: of those.
        first, last: their first and last key.
        forms: how many are raw, JPEG, ...
        shapes: (C, H, W) to how many have it.
        labels: whole-numbered labels to how many have it.
        lowest, highest: of those labels, also of those that are too many to count.
        vectors: number of values in a label, where it is a vector, to how many have so many.
        columns: of each value in such labels.
        decoded: images decoded.
        looked: images whose pixels are in ``channels``.
        channels: of each channel's pixels.
        broken: (key, why) of the first broken records.
        broken_count: how many there are.
        stopped: why the reading ended before all was read.
    """

    name: str
    kind: str
    count: int
    read: int = 0
    nbytes: int = 0
    first: str = ""
    last: str = ""
    forms: Counter[str] = field(default_factory=Counter)
    shapes: Counter[tuple[int, int, int]] = field(default_factory=Counter)
    labels: Counter[int] = field(default_factory=Counter)
    lowest: int = 0
    highest: int = 0
    vectors: Counter[int] = field(default_factory=Counter)
    columns: list[Spread] = field(default_factory=list)
    decoded: int = 0
    looked: int = 0
    channels: list[Spread] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    broken_count: int = 0
    stopped: str = ""

    @property
    def is_sound(self) -> bool:
        """Nothing is broken, as far as it was looked at."""
        return not self.broken_count and not self.stopped


def inspect(
    records: Records,
    *,
    limit: int | None = None,
    every: bool = False,
    sheet: ContactSheet | None = None,
    on_read: Callable[[int], None] = lambda done: None,
) -> Findings:
    """Look at ``records``.

    Args:
        records: what to look at.
        limit: how many of them, from the first; None: all.
        every: decode each image and look at its pixels, not at a sample of about a thousand.
        sheet: gets samples.
        on_read: called with how many have been read, now and then.
    """
    found = Findings(records.name, records.kind, len(records))
    total = len(records) if limit is None else min(limit, len(records))
    step = 1 if every else max(1, ceil(total / SAMPLE))
    try:
        for index, (key, record) in enumerate(islice(records.records(), total)):
            found.read += 1
            found.last = key_text(key)
            found.first = found.first or found.last
            try:
                _look(records.entry(key, record), found, sheet, look=index % step == 0)
            except DataError as error:
                found.broken_count += 1
                if len(found.broken) < KEPT:
                    found.broken.append((error.key or found.last, str(error.args[0])))
            if not found.read & 127:
                on_read(found.read)
    except DataError as error:  # of the database, not of a record
        found.stopped = str(error.args[0])
    on_read(found.read)
    return found


def _look(entry: Entry, found: Findings, sheet: ContactSheet | None, *, look: bool) -> None:
    found.nbytes += entry.nbytes
    found.forms[entry.form] += 1
    _count_label(entry.label, found)
    wanted = sheet is not None and sheet.wants(entry.label)
    if not (look or wanted or entry.is_raw):
        return
    image = entry.decode()
    found.decoded += 1
    shape = image.layout[:3]
    if shape in found.shapes or len(found.shapes) < MOST:
        found.shapes[shape] += 1
    if sheet is not None and wanted:
        sheet.add(entry.label, image, encoded=not entry.is_raw)
    if look:
        found.looked += 1
        pixels: HostArray = np.frombuffer(image.data, image.layout.dtype).reshape(
            image.layout.shape
        )
        planes = np.moveaxis(pixels, -1, 0) if image.layout.interleaved else pixels
        _add(found.channels, planes)


def _count_label(label: Label, found: Findings) -> None:
    if isinstance(label, tuple):
        found.vectors[len(label)] += 1
        _add(found.columns, np.array(label))
        return
    found.lowest = min(found.lowest, label) if found.labels else label
    found.highest = max(found.highest, label) if found.labels else label
    if label in found.labels or len(found.labels) < MOST:
        found.labels[label] += 1


def _add(spreads: list[Spread], values: HostArray) -> None:
    """Add each of ``values`` to its own spread."""
    while len(spreads) < len(values):
        spreads.append(Spread())
    for spread, part in zip(spreads, values, strict=False):
        spread.add(part)
