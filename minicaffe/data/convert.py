"""From a list of image files to the records of a database.

After: tools/convert_imageset.cpp, src/caffe/util/io.cpp. Differences: what cannot be read is an
error and not left out without a word; a label that is no whole number is refused; sizes are
compared as sizes, of encoded images too, and not as numbers of bytes; and with ``gray``, a file
of colours is encoded anew instead of being kept.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minicaffe.data.image import HostArray, Layout, key_text
from minicaffe.data.image_file import ImageReader
from minicaffe.data.image_list import read_image_list
from minicaffe.data.listing import ENCODING
from minicaffe.data.thread_map import BadItems, thread_map
from minicaffe.errors import DataError
from minicaffe.proto.minicaffe_pb2 import Datum

MOST = 1 << 31  # beyond the label of a Datum
_DATA = Datum.DESCRIPTOR.fields_by_name["data"].number << 3 | 2  # 2: a length, then so many bytes


class Entry(NamedTuple):
    """What is to become of one line of a list.

    Attributes:
        number: of the record, from 0.
        line: number of the line, from 1.
        name: path of the image, as the list has it.
        labels: one whole number, or the numbers of a vector.
    """

    number: int
    line: int
    name: str
    labels: tuple[float, ...]


class Made(NamedTuple):
    """A record, and the size of its image."""

    key: bytes
    record: bytes
    layout: Layout


@dataclass(frozen=True)
class Conversion:
    """How images become records.

    Attributes:
        source: name of the list, for errors.
        root: put before each path as it is; joined to it where that alone names a file.
        gray: one channel, not three.
        size: (height, width) to scale each image to.
        encoded: records hold image files, the listed ones as they are where that will do.
        encode_type: their format, as the extension of a file name; "" for that of each file.
        label_dim: how many numbers a label is, in ``float_label``; 0 for one whole number.
    """

    source: str
    root: str = ""
    gray: bool = False
    size: tuple[int, int] | None = None
    encoded: bool = False
    encode_type: str = ""
    label_dim: int = 0

    def __call__(self, entry: Entry) -> Made:
        """The record of one line.

        Raises:
            DataError: its image cannot be read, decoded or encoded.
        """
        where = f"line {entry.line}, {entry.name}".encode(**ENCODING)
        key = f"{entry.number:08d}_{entry.name}".encode(**ENCODING)
        reader = ImageReader(self.source, color=not self.gray)
        file = reader.read(self.path(entry.name), where)
        pixels = reader.decode(file, where)
        if self.size is not None:
            import cv2  # loaded by the reader

            pixels = cv2.resize(pixels, self.size[::-1])
        height, width, channels = pixels.shape if pixels.ndim == 3 else (*pixels.shape, 1)
        layout = Layout(channels, height, width)
        size, rest = Datum(), Datum()  # the fields before data, and those after it
        data: bytes | memoryview
        if self.encoded:
            kept = self._can_keep(entry.name, file)
            data = file if kept else self._encode(pixels, entry)
        else:
            size.channels, size.height, size.width = layout[:3]
            data = _planes(pixels)
        self._put_label(rest, entry.labels)
        rest.encoded = self.encoded
        return Made(key, _record(size, data, rest), layout)

    def path(self, name: str) -> str:
        """Where the file is that the list calls ``name``."""
        path = self.root + name
        if self.root and not self.root.endswith(os.sep) and not os.path.exists(path):
            return os.path.join(self.root, name.lstrip(os.sep))
        return path

    def _can_keep(self, name: str, file: bytes) -> bool:
        """The listed file can be the record's as it is."""
        extension = _extension(name)
        wanted = self.encode_type.lower() or extension
        if self.size is not None or extension not in (wanted, wanted.replace("jpg", "jpeg")):
            return False
        if not self.gray:
            return True

        import cv2

        own = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_UNCHANGED)
        return own is not None and own.ndim == 2 and own.dtype == np.uint8

    def _encode(self, pixels: HostArray, entry: Entry) -> bytes:
        import cv2

        extension = self.encode_type.lower() or _extension(entry.name)
        if not extension or not cv2.haveImageWriter(f".{extension}"):
            found = f"is {extension!r}" if extension else "has none"
            raise self._error(
                entry,
                f"its extension {found}, expected a format that OpenCV can write: it says how "
                "the image is to be encoded; --encode_type png or jpg would say it for all",
            )
        try:
            done, data = cv2.imencode(f".{extension}", pixels)
        except cv2.error as error:  # uint8 pixels as exr, say
            message = f"its image cannot be encoded as {extension}: {error.err}"
            raise self._error(entry, message) from error
        if not done:
            raise self._error(entry, f"its image cannot be encoded as {extension}: too large?")
        return bytes(data)

    def _put_label(self, datum: Datum, labels: tuple[float, ...]) -> None:
        if self.label_dim:
            datum.float_label.extend(labels)
        if len(labels) == 1 and _is_label(labels[0]):
            datum.label = int(labels[0])

    def _error(self, entry: Entry, message: str) -> DataError:
        return DataError(message, self.source, f"line {entry.line}, {entry.name}")


def read_entries(name: str, label_dim: int, bad: BadItems) -> list[Entry]:
    """The lines ``path label`` of the text file ``name``.

    Args:
        name: the file.
        label_dim: how many numbers, whole or not, a label is; 0 for one whole number.
        bad: gets the error of each line that has no such label.

    Raises:
        DataError: it cannot be read or is empty, or ``bad`` raises.
    """
    entries: list[Entry] = []
    for line, path, label in read_image_list(name, "", label_dim, lambda _, error: bad(error)):
        labels = label if isinstance(label, tuple) else (label,)
        if label_dim or _is_label(labels[0]):
            entries.append(Entry(len(entries), line, path, labels))
        else:
            message = f"label is {labels[0]}, expected a whole number of 32 bits"
            bad(DataError(message, name, f"line {line}"))
    return entries


def shuffled(entries: Sequence[Entry], seed: int) -> list[Entry]:
    """``entries`` in a random order; the first has the number 0 again."""
    order = np.random.default_rng(seed).permutation(len(entries))
    return [entries[old]._replace(number=new) for new, old in enumerate(order)]


def convert(
    entries: Sequence[Entry],
    conversion: Conversion,
    bad: BadItems,
    *,
    threads: int = 1,
    check_size: bool = False,
) -> Generator[tuple[bytes, bytes]]:
    """(key, record) of each of ``entries``, in their order.

    Args:
        entries: the list.
        conversion: makes records.
        bad: gets the error of each image that cannot be read.
        threads: on which images are decoded and encoded.
        check_size: all images must have the size of the first.

    Raises:
        DataError: an image is bad, and ``bad`` raises; one has another size; or there is none.
    """
    first: Made | None = None
    for made in thread_map(conversion, entries, threads, bad, lambda made: len(made.record)):
        first = first or made
        if check_size and made.layout != first.layout:
            raise DataError(
                f"image is {made.layout}, expected {first.layout} as of {key_text(first.key)}, for "
                "check_size: resize_height and resize_width make all alike",
                conversion.source,
                key_text(made.key),
            )
        yield made.key, made.record
    if first is None:
        raise DataError("none of its images can be read", conversion.source)


def _record(size: Datum, data: bytes | memoryview, rest: Datum) -> bytes:
    """One Datum of all of that; protobuf would copy ``data`` twice."""
    head = bytearray(size.SerializeToString())
    head.append(_DATA)
    length = len(data)
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return b"".join((head, data, rest.SerializeToString()))


def _planes(pixels: HostArray) -> memoryview:
    """The bytes of (H, W, C) or (H, W) ``pixels``, channel by channel."""
    planes: Any = pixels
    if pixels.ndim == 3:
        import cv2

        planes = np.empty((pixels.shape[2], *pixels.shape[:2]), np.uint8)
        cv2.split(pixels, list(planes))
    return memoryview(planes).cast("B")


def _extension(name: str) -> str:
    return Path(name).suffix[1:].lower()


def _is_label(value: float) -> bool:
    """A Datum can have ``value`` as its label."""
    return float(value).is_integer() and -MOST <= value < MOST
