"""From a list of images and their annotations to the records of a database for AnnotatedData.

After: tools/convert_annoset.cpp of SSD's fork of Caffe. Differences: as in
``minicaffe.data.convert``; a box that is none, or is outside of its image, is left out with a
warning; an annotation may lack the image's size.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from minicaffe import glog
from minicaffe.data.annotated.annotation_files import Marked, read_marks
from minicaffe.data.convert import Conversion, Entry
from minicaffe.data.geometry import Size
from minicaffe.data.image import Layout, key_text
from minicaffe.data.image_file import ImageReader
from minicaffe.data.listing import ENCODING, read_lines
from minicaffe.data.thread_map import BadItems, thread_map
from minicaffe.errors import DataError
from minicaffe.proto.minicaffe_pb2 import AnnotatedDatum

_DATUM = AnnotatedDatum.DESCRIPTOR.fields_by_name["datum"].number << 3 | 2
NO_LABEL = (-1.0,)  # of an image that has boxes


@dataclass(frozen=True)
class AnnotatedEntry:
    """What is to become of one line of a list: the image, and the file that says what is in it."""

    image: Entry
    annotation: str


@dataclass(frozen=True)
class AnnotatedConversion:
    """How images and annotations become records.

    Attributes:
        images: how the images do.
        kind: of the annotations, "xml", "json" or "txt"; "" where the list has labels instead.
        labels: name of a class to its label.
        least: pixels that the shorter side is scaled to; 0: it is not.
        most: pixels that the longer side has at most after that.
    """

    images: Conversion
    kind: str = "xml"
    labels: Mapping[str, int] = field(default_factory=dict)
    least: int = 0
    most: int = 0

    def __call__(self, entry: AnnotatedEntry) -> tuple[bytes, bytes, Layout]:
        """Key and record of one line, and what its pixels are.

        Raises:
            DataError: its image or its annotation cannot be read.
        """
        images, size = self.images, None
        if images.size or self.least or self.most:
            size = self._size(entry.image)
            if not images.size:
                images = replace(images, size=self._scaled(size))
        made = images(entry.image)
        datum = AnnotatedDatum()
        if self.kind:
            own = size or Size(made.layout.height, made.layout.width)
            self._mark(datum, entry, own)
        return made.key, _with_datum(made.record, datum), made.layout

    def _mark(self, datum: AnnotatedDatum, entry: AnnotatedEntry, size: Size) -> None:
        where = f"line {entry.image.line}"
        path = self.images.path(entry.annotation)  # as images are found
        try:
            marks = read_marks(path, self.kind, self.labels)
        except DataError as error:
            raise DataError(str(error), self.images.source, where) from error
        datum.type = AnnotatedDatum.BBOX
        told = marks.size or size
        if told != size:
            glog.warning(
                "io.cpp:1",
                f"{path} is of an image {told.height} x {told.width}, and {entry.image.name} is "
                f"{size.height} x {size.width}: boxes are taken as shares of the former",
            )
        for each in marks.objects:
            self._add(datum, each, told, path)

    def _add(self, datum: AnnotatedDatum, each: Marked, size: Size, path: str) -> None:
        box = np.array(each.box) / np.array([size.width, size.height] * 2)
        inside = np.clip(box, 0, 1)
        if not (inside[2:] > inside[:2]).all():
            glog.warning("io.cpp:1", f"{path}: box {each.box} is left out: nothing of it is seen")
            return
        for group in datum.annotation_group:
            if group.group_label == each.label:
                break
        else:
            group = datum.annotation_group.add(group_label=each.label)
        made = group.annotation.add(instance_id=len(group.annotation))
        made.bbox.xmin, made.bbox.ymin, made.bbox.xmax, made.bbox.ymax = inside.tolist()
        made.bbox.difficult = each.difficult

    def _size(self, entry: Entry) -> Size:
        """Of the image as its file has it."""
        where = f"line {entry.line}, {entry.name}".encode(**ENCODING)
        reader = ImageReader(self.images.source)
        pixels = reader(self.images.path(entry.name), where)
        return Size(*pixels.shape[:2])

    def _scaled(self, size: Size) -> tuple[int, int]:
        ratio = self.least / min(size) if self.least else 1.0
        if self.most and ratio * max(size) > self.most:
            ratio = self.most / max(size)
        height, width = (max(1, round(side * ratio)) for side in size)
        return height, width


def read_annotated_entries(name: str, kind: str, bad: BadItems) -> list[AnnotatedEntry]:
    """The lines ``image annotation`` of the text file ``name``; ``image label`` without ``kind``.

    Raises:
        DataError: it cannot be read, or ``bad`` raises for a line.
    """
    entries: list[AnnotatedEntry] = []
    for line, text in read_lines(name, "an image and its annotation"):
        image, rest = (*text.rsplit(maxsplit=1), "")[:2]
        if not rest or not (kind or rest.lstrip("-").isdecimal()):
            wanted = "an image and its annotation" if kind else "an image and a whole number"
            bad(DataError(f"is {text!r}, expected {wanted}", name, f"line {line}"))
            continue
        labels = NO_LABEL if kind else (float(rest),)
        entries.append(AnnotatedEntry(Entry(len(entries), line, image, labels), rest))
    return entries


def shuffled(entries: Sequence[AnnotatedEntry], seed: int) -> list[AnnotatedEntry]:
    """``entries`` in a random order; the first has the number 0 again."""
    order = np.random.default_rng(seed).permutation(len(entries))
    return [
        replace(entries[old], image=entries[old].image._replace(number=new))
        for new, old in enumerate(order)
    ]


def convert_annotated(
    entries: Sequence[AnnotatedEntry],
    conversion: AnnotatedConversion,
    bad: BadItems,
    *,
    threads: int = 1,
    check_size: bool = False,
) -> Generator[tuple[bytes, bytes]]:
    """(key, record) of each of ``entries``, in their order.

    Raises:
        DataError: one is bad, and ``bad`` raises; with ``check_size``, one is of another size than
            the first; or there is none.
    """
    first: tuple[bytes, Layout] | None = None
    for key, record, layout in thread_map(conversion, entries, threads, bad, lambda m: len(m[1])):
        first = first or (key, layout)
        if check_size and layout != first[1]:
            raise DataError(
                f"image is {layout}, expected {first[1]} as of {key_text(first[0])}",
                conversion.images.source,
                key_text(key),
            )
        yield key, record
    if first is None:
        raise DataError("none of its images can be read", conversion.images.source)


def _with_datum(datum: bytes, rest: AnnotatedDatum) -> bytes:
    """One AnnotatedDatum of both; protobuf would parse ``datum`` and write it again."""
    head, length = bytearray([_DATUM]), len(datum)
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return b"".join((head, datum, rest.SerializeToString()))
