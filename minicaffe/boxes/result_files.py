"""Result files: what was found in a set of images, in the formats that contests are scored by.

``output_format`` is one of

    VOC     a text file for each class, PREFIX + NAME + .txt, with lines "image score xmin ymin
            xmax ymax"
    COCO    one JSON file, PREFIX + .json: a list of {image_id, category_id, bbox, score}, the
            bbox as x, y, width, height; names that are whole numbers are written as numbers
    ILSVRC  one text file, PREFIX + .txt, with lines "image label score xmin ymin xmax ymax"

all in pixels, with two digits behind the point. ``name_size_file`` has a line for each image, in
the order in which they come: name, height, width.

After: the layer DetectionOutput of SSD's fork of Caffe. Differs: VOC's coordinates keep their
digits behind the point; a file is complete or not there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minicaffe import glog
from minicaffe.boxes.codes import clip
from minicaffe.boxes.label_map import read_label_map
from minicaffe.data.listing import read_lines
from minicaffe.device import Array
from minicaffe.errors import DataError, LayerConfigError
from minicaffe.files import replacing
from minicaffe.proto.minicaffe_pb2 import ResizeParameter, SaveOutputParameter


class Row(NamedTuple):
    """A box in an image.

    Attributes:
        image: its name.
        label: of the class.
        score: how sure the net is.
        box: xmin, ymin, xmax, ymax in pixels.
    """

    image: str
    label: int
    score: float
    box: list[float]


class ResultFiles:
    """Collects the boxes of image after image, and writes them when all have been seen.

    What follows is a new round: it replaces the files when it is complete.

    Args:
        param: where and how.

    What ``param`` names is read, and the folder made, with the first image: a definition can be
    built, to be looked at, where these are not.

    Raises:
        LayerConfigError: ``param`` lacks something.
    """

    def __init__(self, param: SaveOutputParameter) -> None:
        for field in ("output_format", "label_map_file", "name_size_file"):
            if not getattr(param, field):
                raise LayerConfigError(
                    f"{field} is missing, expected with output_directory: results are written "
                    "with names and in pixels"
                )
        if param.output_format not in _WRITERS:
            raise LayerConfigError(
                f"output_format is {param.output_format!r}, expected {', '.join(_WRITERS)}"
            )
        self._param = param
        self._folder = Path(param.output_directory)
        self._names: dict[int, str] = {}
        self._images: list[tuple[str, int, int]] = []
        self._rows: list[Row] = []
        self._seen = 0

    def add(self, found: Array) -> None:
        """Take the boxes of the next image.

        Args:
            found: (K, 6): label, score, and xmin, ymin, xmax, ymax as shares of what the net saw.

        Raises:
            LayerConfigError: it is the first image, and there are not as many as there should be.
            MinicaffeError: it is the first image, and a file cannot be read or the folder not be
                made; a label has no name; it is the last one, and a file cannot be written.
        """
        if not self._images:
            self._open()
        name, height, width = self._images[self._seen]
        resize = self._param.resize_param if self._param.HasField("resize_param") else None
        pixels = to_pixels(found[:, 2:].astype(np.float64), height, width, resize)
        for row, box in zip(found, pixels, strict=True):
            label = int(row[0])
            if label not in self._names:
                raise DataError(
                    f"has no name for label {label}, expected one for each class that is found",
                    self._param.label_map_file,
                )
            self._rows.append(Row(name, label, float(row[1]), np.round(box, 2).tolist()))
        self._seen += 1
        if self._seen == len(self._images):
            self._write()
            self._rows, self._seen = [], 0

    def close(self) -> None:
        """Say so if the last round has ended early: nothing of it has been written."""
        if self._seen:
            glog.warning(
                "result_files.py:1",
                f"{self._folder}: the results of {self._seen} images are not written, expected "
                f"{len(self._images)}: do test_iter and batch_size cover all of them?",
            )

    def _open(self) -> None:
        param = self._param
        self._names = read_label_map(param.label_map_file)
        images = list(_names_and_sizes(param.name_size_file))
        count = param.num_test_image or len(images)
        if count > len(images):
            raise LayerConfigError(
                f"num_test_image is {count}, expected at most {len(images)}: "
                f"{param.name_size_file} names no more"
            )
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"cannot be made: {error.strerror}", str(self._folder)) from error
        self._images = images[:count]

    def _write(self) -> None:
        write = _WRITERS[self._param.output_format]
        for name, text in write(self._rows, self._names):
            path = self._folder / f"{self._param.output_name_prefix}{name}"
            with replacing(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
            glog.info("result_files.py:1", f"Wrote {path}")


def to_pixels(boxes: Array, height: int, width: int, resize: ResizeParameter | None) -> Array:
    """(K, 4): boxes of an image in its pixels, cut off at its border.

    Args:
        boxes: (K, 4) xmin, ymin, xmax, ymax, as shares of what the net saw.
        height: of the image.
        width: of the image.
        resize: how the image was brought to what the net saw; None: stretched.
    """
    size = np.array([width, height] * 2, boxes.dtype)
    if resize is None or resize.resize_mode == ResizeParameter.WARP:
        return clip(boxes) * size
    if resize.resize_mode == ResizeParameter.FIT_LARGE_SIZE_AND_PAD:
        ratio = width / height * resize.height / resize.width  # above 1: rows are padded
        inside = np.array([min(ratio, 1), min(1 / ratio, 1)] * 2)
        return clip((boxes - (1 - inside) / 2) / inside) * size
    if resize.height_scale and resize.width_scale:
        seen = np.array([resize.width_scale, resize.height_scale] * 2)
        return clip(boxes * seen, width, height)
    return clip(boxes) * size


def _names_and_sizes(path: str) -> Iterator[tuple[str, int, int]]:
    for number, line in read_lines(path, "the name, height and width of an image"):
        words = line.rsplit(maxsplit=2)
        if len(words) != 3 or not all(word.isdecimal() and int(word) for word in words[1:]):
            raise DataError(
                f"is {line!r}, expected the name, height and width of an image",
                path,
                f"line {number}",
            )
        yield words[0], int(words[1]), int(words[2])


def _voc(rows: Iterable[Row], names: dict[int, str]) -> Iterator[tuple[str, str]]:
    lines: dict[int, list[str]] = {label: [] for label in names}
    for row in rows:
        lines[row.label].append(f"{row.image} {row.score:.6g} {_numbers(row.box)}\n")
    for label, own in lines.items():
        if own or names[label] not in ("background", "none_of_the_above"):
            yield f"{names[label]}.txt", "".join(own)


def _coco(rows: Iterable[Row], names: dict[int, str]) -> Iterator[tuple[str, str]]:
    found = []
    for row in rows:
        left, top, right, bottom = row.box
        box = [left, top, round(right - left, 2), round(bottom - top, 2)]
        image, category = _number(row.image), _number(names[row.label])
        score = float(f"{row.score:.6g}")
        found.append({"image_id": image, "category_id": category, "bbox": box, "score": score})
    yield ".json", json.dumps(found, indent=0) + "\n"


def _ilsvrc(rows: Iterable[Row], names: dict[int, str]) -> Iterator[tuple[str, str]]:
    yield (
        ".txt",
        "".join(f"{row.image} {row.label} {row.score:.6g} {_numbers(row.box)}\n" for row in rows),
    )


_WRITERS: dict[str, Callable[[Iterable[Row], dict[int, str]], Iterator[tuple[str, str]]]] = {
    "VOC": _voc,
    "COCO": _coco,
    "ILSVRC": _ilsvrc,
}


def _number(name: str) -> int | str:
    return int(name) if name.isascii() and name.isdecimal() else name


def _numbers(box: Iterable[float]) -> str:
    return " ".join(f"{value:.2f}" for value in box)
