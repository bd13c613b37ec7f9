"""Label maps: what the classes of a detector are called."""

from __future__ import annotations

from pathlib import Path

from minicaffe.errors import PrototxtError
from minicaffe.proto import text
from minicaffe.proto.minicaffe_pb2 import LabelMap


def read_label_map(path: str | Path, *, display: bool = False) -> dict[int, str]:
    """Label to name, of the prototxt ``path`` (a ``LabelMap``).

    Args:
        path: the file.
        display: the name to show people, where an item has one.

    Raises:
        PrototxtError: it is none, or has a label twice.
    """
    names: dict[int, str] = {}
    for item in text.read(path, LabelMap).item:
        if item.label in names:
            raise PrototxtError(f"label {item.label} is found twice, expected once", str(path))
        names[item.label] = (display and item.display_name) or item.name
    return names
