"""What the sources take from the module ``cupy`` by name, where CuPy is installed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import minicaffe
import minicaffe.layers
import minicaffe.solvers

FOLDERS = {Path(part.__file__).parent for part in (minicaffe, minicaffe.layers, minicaffe.solvers)}


def names(tree):
    """``a.b`` of each ``cupy.a.b``."""
    for node in ast.walk(tree):
        words = []
        while isinstance(node, ast.Attribute):
            words.append(node.attr)
            node = node.value
        if words and isinstance(node, ast.Name) and node.id == "cupy":
            yield ".".join(reversed(words))


def test_an_installed_cupy_has_every_name():
    """Among them what only runs on a GPU, where no stand-in comes."""
    cupy = pytest.importorskip("cupy")
    files = {path for folder in FOLDERS for path in folder.rglob("*.py")}
    used = {name for path in files for name in names(ast.parse(path.read_text("utf-8")))}
    assert {"RawModule", "cuda.get_elapsed_time", "cuda.runtime.getDevice"} <= used
    for name in sorted(used):
        owner = cupy
        for word in name.split("."):
            assert hasattr(owner, word), f"cupy.{name}"
            owner = getattr(owner, word)
