"""Datum, the message that Caffe's databases hold: from its bytes to an image.

After: src/caffe/util/io.cpp, data_transformer.cpp.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from minicaffe import log
from minicaffe.data.image import Image, Layout, key_text
from minicaffe.errors import DataError, LayerConfigError
from minicaffe.proto.minicaffe_pb2 import Datum, TransformationParameter

_FILES = {b"\xff\xd8": "JPEG", b"\x89PNG": "PNG"}
_layout = lru_cache(maxsize=64)(Layout)  # most databases have one, and making it takes longer


class DatumDecoder:
    """Makes an image of each record.

    ``data`` (uint8) goes before ``float_data``. An encoded image is decoded by OpenCV, so it
    has BGR channels: as many as the file has, 3 with ``force_color``, 1 with ``force_gray``.

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

    def __call__(self, key: bytes, record: bytes) -> Image:
        """The image that ``record`` holds.

        Raises:
            DataError: it is no Datum, is empty, or its size and its bytes do not agree.
        """
        try:
            datum = Datum.FromString(record)
        except DecodeError as error:
            raise self._error(key, f"{len(record)} bytes that are no Datum: damaged?") from error
        data = datum.data
        if datum.encoded:
            return self._decoded(key, data, datum.label)
        if self._forced and not self._warned:
            self._warned = True
            log.warning(
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
        return Image(layout, data, datum.label)

    def _decoded(self, key: bytes, data: bytes, label: int) -> Image:
        import cv2  # takes 0.1 s to load: most databases are not encoded

        pixels: Any = None
        if data:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), self._flag)
        if pixels is None:
            kind = next((name for head, name in _FILES.items() if data.startswith(head)), None)
            what = f"a damaged {kind}" if kind else "no image that OpenCV knows"
            raise self._error(key, f"encoded image of {len(data)} bytes is {what}")
        if pixels.dtype != np.uint8:
            raise self._error(key, f"encoded image has {pixels.dtype} pixels, expected uint8")
        height, width, channels = pixels.shape if pixels.ndim == 3 else (*pixels.shape, 1)
        layout = _layout(channels, height, width, np.uint8, channels > 1)
        return Image(layout, memoryview(pixels).cast("B"), label)

    def _error(self, key: bytes, message: str) -> DataError:
        return DataError(message, self._source, key_text(key))


def _mismatch(layout: Layout, found: int, data: bytes) -> str:
    if not data:
        return "Datum has neither data nor float_data, expected one of them"
    kind = next((name for head, name in _FILES.items() if data.startswith(head)), None)
    hint = f": they look like a {kind} file, but encoded is not set" if kind else ""
    elements = "values" if layout.dtype is np.float32 else "bytes"
    return f"Datum holds {found} {elements}, expected {layout}{hint}"
