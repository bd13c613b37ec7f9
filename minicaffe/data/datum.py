"""Datum, the message that Caffe's databases hold: from its bytes to an image.

After: src/caffe/util/io.cpp, data_transformer.cpp.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from minicaffe import glog
from minicaffe.data.image import HostArray, Image, Layout, key_text
from minicaffe.errors import DataError, LayerConfigError
from minicaffe.proto.minicaffe_pb2 import Datum, TransformationParameter

Data = bytes | memoryview
LARGE = 1 << 14  # bytes of a record: smaller ones are parsed faster as a whole
_NUMBERS, _DATA = frozenset([0x08, 0x10, 0x18, 0x28, 0x38]), 0x22  # tags: numbers, and data
_FILES = {b"\xff\xd8": "JPEG", b"\x89PNG": "PNG"}
_layout = lru_cache(maxsize=64)(Layout)  # most databases have one, and making it takes longer


class DatumDecoder:
    """Makes an image of each record.

    ``data`` (uint8) goes before ``float_data``, ``float_label`` before ``label``: where it is
    given, the label is an array, (1,) too. An encoded image is decoded by OpenCV, so it has BGR
    channels: as many as the file has, 3 with ``force_color``, 1 with ``force_gray``.

    Args:
        source: name of the database, for errors.
        param: ``force_color`` and ``force_gray`` are read.

    Raises:
        LayerConfigError: both are asked for.
    """

    def __init__(self, source: str, param: TransformationParameter) -> None:
        if param.force_color and param.force_gray:
            raise LayerConfigError("force_color and force_gray are both set, expected one")
        self._source = source
        self._forced = param.force_color or param.force_gray
        self._flag = 1 if param.force_color else 0 if param.force_gray else -1  # cv2.IMREAD_*
        self._warned = False

    def __call__(self, key: bytes, record: bytes | memoryview) -> Image:
        """The image that ``record`` holds.

        Raises:
            DataError: it is no Datum, is empty, or its size and its bytes do not agree.
        """
        datum, data = self._parsed(key, record)
        label = _label(datum)
        if datum.encoded:
            return self._decoded(key, data, label)
        if self._forced and not self._warned:
            self._warned = True
            glog.warning(
                "data_transformer.cpp:147", "force_color and force_gray only for encoded datum"
            )
        channels, height, width = datum.channels, datum.height, datum.width
        if data:
            layout, found = _layout(channels, height, width), len(data)
        else:
            layout, found = _layout(channels, height, width, np.float32), len(datum.float_data)
            data = np.array(datum.float_data, np.float32).tobytes()
        if found != channels * height * width or not data:
            raise self._error(key, _mismatch(layout, found, data))
        return Image(layout, data, label)

    def label(self, key: bytes, record: bytes | memoryview) -> float | HostArray:
        """The label of ``record``; of a large one neither all is read nor anything decoded.

        Raises:
            DataError: it is no Datum.
        """
        return _label(self._parsed(key, record)[0])

    def _parsed(self, key: bytes, record: bytes | memoryview) -> tuple[Datum, Data]:
        """The Datum, of which ``data`` may be missing, and its ``data``."""
        try:
            if len(record) >= LARGE and (place := _find_data(record)):
                tag, begin, end = place
                datum = Datum.FromString(bytes(record[:tag]) + bytes(record[end:]))
                if not datum.data:  # it has been given once, as usual
                    return datum, memoryview(record)[begin:end]
            datum = Datum.FromString(bytes(record))
        except DecodeError as error:
            raise self._error(key, f"{len(record)} bytes that are no Datum: damaged?") from error
        return datum, datum.data

    def _decoded(self, key: bytes, data: Data, label: float | HostArray) -> Image:
        import cv2  # takes 0.1 s to load: most databases are not encoded

        pixels: Any = None
        if data:
            with suppress(cv2.error):  # a size that it refuses to make room for, say
                pixels = cv2.imdecode(np.frombuffer(data, np.uint8), self._flag)
        if pixels is None:
            kind = _kind(data)
            what = f"a damaged {kind}" if kind else "no image that OpenCV knows"
            raise self._error(key, f"encoded image of {len(data)} bytes is {what}")
        if pixels.dtype != np.uint8:
            raise self._error(key, f"encoded image has {pixels.dtype} pixels, expected uint8")
        height, width, channels = pixels.shape if pixels.ndim == 3 else (*pixels.shape, 1)
        layout = _layout(channels, height, width, np.uint8, channels > 1)
        return Image(layout, memoryview(pixels).cast("B"), label)

    def _error(self, key: bytes, message: str) -> DataError:
        return DataError(message, self._source, key_text(key))


def _label(datum: Datum) -> float | HostArray:
    """The number, or the (K,) numbers, that are to be learnt."""
    if datum.float_label:
        return np.array(datum.float_label, np.float32)
    return datum.label


def _find_data(record: bytes | memoryview) -> tuple[int, int, int] | None:
    """Where ``data`` is in a Datum: its tag, its first byte, its end; None where it is unusual.

    Protobuf copies it twice, which takes longer than all else that is done to a large image.
    """
    at, size = 0, len(record)
    try:
        while record[at] in _NUMBERS:
            at = _varint(record, at + 1)[1]
        if record[at] != _DATA:
            return None
        length, begin = _varint(record, at + 1)
    except IndexError:
        return None
    return (at, begin, begin + length) if begin + length <= size else None


def _varint(record: bytes | memoryview, at: int) -> tuple[int, int]:
    """The number at ``at``, and where it ends."""
    number = shift = 0
    while True:
        byte = record[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7


def _kind(data: Data) -> str | None:
    head = bytes(data[:8])
    return next((name for start, name in _FILES.items() if head.startswith(start)), None)


def _mismatch(layout: Layout, found: int, data: Data) -> str:
    if not data:
        return "Datum has neither data nor float_data, expected one of them"
    kind = _kind(data)
    hint = f": they look like a {kind} file, but encoded is not set" if kind else ""
    elements = "values" if layout.dtype is np.float32 else "bytes"
    return f"Datum holds {found} {elements}, expected {layout}{hint}"
