"""An image as a decoder hands it on: its bytes, and how they are laid out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

HostArray = np.ndarray[Any, np.dtype[Any]]
R = TypeVar("R", contravariant=True)


class Layout(NamedTuple):
    """How the bytes of an image make pixels.

    Attributes:
        channels, height, width: its size.
        dtype: of an element, uint8 or float32.
        interleaved: (H, W, C) in memory, as image files are; else (C, H, W).
    """

    channels: int
    height: int
    width: int
    dtype: type = np.uint8
    interleaved: bool = False

    def __str__(self) -> str:
        """``C x H x W``."""
        return f"{self.channels} x {self.height} x {self.width}"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the array in memory."""
        channels, height, width = self[:3]
        return (height, width, channels) if self.interleaved else (channels, height, width)

    @property
    def nbytes(self) -> int:
        """How many bytes the image takes."""
        return self.channels * self.height * self.width * np.dtype(self.dtype).itemsize


class Image(NamedTuple):
    """One decoded record: ``layout.nbytes`` contiguous bytes, and the label, or (K,) labels."""

    layout: Layout
    data: bytes | memoryview
    label: float | HostArray


def key_text(key: bytes) -> str:
    """``key`` as a person reads it."""
    return key.decode("utf-8", "backslashreplace")


Decode = Callable[[bytes, Any], Image]  # (key, record) to image; raises DataError
