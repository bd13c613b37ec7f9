"""AnnotatedDatum, the message that databases of images with objects hold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from minicaffe.data.annotated.objects import Objects, objects_of
from minicaffe.data.datum import DatumDecoder
from minicaffe.data.image import HostArray, Layout, key_text
from minicaffe.errors import DataError
from minicaffe.proto.minicaffe_pb2 import AnnotatedDatum, TransformationParameter


class Annotated(NamedTuple):
    """An image and its objects.

    Attributes:
        pixels: (H, W, C) uint8 or float32.
        objects: what is in it.
        label: of the image as a whole.
        has_boxes: the record says that its objects have boxes.
    """

    pixels: HostArray
    objects: Objects
    label: float
    has_boxes: bool

    @property
    def layout(self) -> Layout:
        """Of the pixels."""
        height, width, channels = self.pixels.shape
        return Layout(channels, height, width, self.pixels.dtype.type, interleaved=True)


class AnnotatedDecoder:
    """Makes an image and its objects of each record.

    Args:
        source: name of the database, for errors.
        param: ``force_color`` and ``force_gray`` are read.
    """

    def __init__(self, source: str, param: TransformationParameter) -> None:
        self._source = source
        self._decoder = DatumDecoder(source, param)

    def __call__(self, key: bytes, record: bytes | memoryview) -> Annotated:
        """What ``record`` holds.

        Raises:
            DataError: it is no AnnotatedDatum, its image cannot be read, or a box is no box.
        """
        try:
            datum = AnnotatedDatum.FromString(bytes(record))
        except DecodeError as error:
            raise self._error(key, f"{len(record)} bytes that are no AnnotatedDatum") from error
        if not datum.HasField("datum"):
            raise self._error(
                key, "record has no datum, expected an AnnotatedDatum: is it a Datum, for Data?"
            )
        image = self._decoder(key, datum.datum.SerializeToString())
        pixels: HostArray = np.frombuffer(image.data, image.layout.dtype).reshape(
            image.layout.shape
        )
        if not image.layout.interleaved:
            pixels = np.ascontiguousarray(pixels.transpose(1, 2, 0))
        objects = objects_of(datum)
        wrong = ~np.isfinite(objects.boxes).all(1)
        if wrong.any():
            raise self._error(key, f"box {int(wrong.argmax())} is not of finite numbers")
        has_boxes = datum.HasField("type") and datum.type == AnnotatedDatum.BBOX
        return Annotated(pixels, objects, datum.datum.label, has_boxes)

    def _error(self, key: bytes, message: str) -> DataError:
        return DataError(message, self._source, key_text(key))
