"""Files that say what is in an image: Pascal VOC's XML, JSON as of COCO, plain text.

xml   <annotation><size><width/><height/></size><object><name/><difficult/><bndbox><xmin/>
      <ymin/><xmax/><ymax/></bndbox></object>...</annotation>, in pixels
json  {"image": {"width", "height"}, "annotation": [{"category_id", "bbox": [x, y, width,
      height], "iscrowd"}, ...]}, in pixels; one that is a crowd is difficult
txt   lines "label xmin ymin xmax ymax", in pixels, the label a number
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET
from xml.parsers import expat

from minicaffe.data.geometry import Size
from minicaffe.errors import DataError


class Marked(NamedTuple):
    """An object of an image.

    Attributes:
        label: its class.
        box: xmin, ymin, xmax, ymax, in pixels.
        difficult: it is hard to see.
    """

    label: int
    box: tuple[float, float, float, float]
    difficult: bool


class Marks(NamedTuple):
    """All objects of an image, and its size if the file says so."""

    size: Size | None
    objects: list[Marked]


def read_marks(path: str, kind: str, labels: Mapping[str, int]) -> Marks:
    """What the file ``path`` says.

    Args:
        path: the file.
        kind: one of ``READERS``.
        labels: name of a class to its label; not asked for "txt".

    Raises:
        DataError: it cannot be read, is no such file, or names a class that has no label.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"annotation cannot be read: {error.strerror or error}", path) from error
    try:
        marks = READERS[kind](data, labels)
    except DataError as error:
        raise DataError(str(error), path) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"is no {kind} annotation: {error}", path) from error
    for each in marks.objects:
        if not all(map(isfinite, each.box)):
            raise DataError(f"a box is {each.box}, expected finite numbers", path)
    return marks


def _xml(data: bytes, labels: Mapping[str, int]) -> Marks:
    root = _parsed(data)
    size = root.find("size")
    found = None
    if size is not None:
        found = Size(_number(size, "height", 0), _number(size, "width", 0))
    objects = []
    for each in root.iter("object"):
        box = each.find("bndbox")
        if box is None:
            raise DataError("an object has no bndbox, expected one")
        left, top, right, bottom = (float(_text(box, s)) for s in ("xmin", "ymin", "xmax", "ymax"))
        difficult = bool(_number(each, "difficult", 0))
        label = _label(_text(each, "name"), labels)
        objects.append(Marked(label, (left, top, right, bottom), difficult))
    return Marks(found if found and all(found) else None, objects)


def _parsed(data: bytes) -> ET.Element:
    """The root element; a file that declares entities is refused: they can be made to explode."""

    def refuse(*_: object) -> None:
        raise DataError("has a document type, expected none: its entities are not read")

    checker = expat.ParserCreate()
    checker.StartDoctypeDeclHandler = refuse
    try:
        checker.Parse(data, True)
    except expat.ExpatError as error:
        raise DataError(f"is no XML: {error}") from error
    return ET.fromstring(data)  # it has no entities


def _text(element: ET.Element, name: str) -> str:
    found = element.findtext(name)
    if found is None or not found.strip():
        raise DataError(f"{element.tag} has no {name}, expected one")
    return found.strip()


def _number(element: ET.Element, name: str, default: int) -> int:
    return int(float((element.findtext(name) or "").strip() or default))


def _json(data: bytes, labels: Mapping[str, int]) -> Marks:
    whole: Any = json.loads(data)
    image = whole.get("image") or {}
    size = Size(int(image.get("height", 0)), int(image.get("width", 0)))
    objects = []
    for each in whole["annotation"]:
        left, top, width, height = map(float, each["bbox"])
        label = _label(str(each["category_id"]), labels)
        box = left, top, left + width, top + height
        objects.append(Marked(label, box, bool(each.get("iscrowd", 0))))
    return Marks(size if all(size) else None, objects)


def _txt(data: bytes, _: Mapping[str, int]) -> Marks:
    objects = []
    for number, line in enumerate(data.decode().splitlines(), 1):
        words = line.split()
        if not words:
            continue
        if len(words) != 5:
            raise DataError(f"line {number} is {line!r}, expected label xmin ymin xmax ymax")
        left, top, right, bottom = map(float, words[1:])
        objects.append(Marked(int(words[0]), (left, top, right, bottom), False))
    return Marks(None, objects)


READERS: dict[str, Callable[[bytes, Mapping[str, int]], Marks]] = {
    "xml": _xml,
    "json": _json,
    "txt": _txt,
}


def _label(name: str, labels: Mapping[str, int]) -> int:
    if name not in labels:
        raise DataError(f"class {name!r} is not in the label map, expected one of {list(labels)}")
    return labels[name]
