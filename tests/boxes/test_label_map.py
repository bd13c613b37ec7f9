"""Label maps: names by label, and what is none."""

from __future__ import annotations

import pytest

from minicaffe.boxes.label_map import read_label_map
from minicaffe.errors import PrototxtError

TEXT = """
item { name: "n01" label: 2 display_name: "cat" }
item { name: "n00" label: 0 }
"""


def test_names(tmp_path):
    path = tmp_path / "map.prototxt"
    path.write_text(TEXT)
    assert read_label_map(path) == {2: "n01", 0: "n00"}
    assert read_label_map(path, display=True) == {2: "cat", 0: "n00"}


def test_what_is_none(tmp_path):
    path = tmp_path / "map.prototxt"
    path.write_text(TEXT + 'item { name: "dog" label: 2 }')
    with pytest.raises(PrototxtError, match=r"map.prototxt: label 2 is found twice, expected once"):
        read_label_map(path)
    path.write_text('layer { name: "it" }')
    with pytest.raises(PrototxtError, match=r"map.prototxt:1:1: .*'layer'"):
        read_label_map(path)
    with pytest.raises(PrototxtError, match=r"lost.prototxt: no such file"):
        read_label_map(tmp_path / "lost.prototxt")
