"""The classes that scripts for pycaffe know, around those of the engine."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MORE = {
    "Blob": "minicaffe.user_blob",
    "BlobVec": "minicaffe.user_blob",
    "Solver": "minicaffe.pycaffe.solver",
}


def __getattr__(name: str) -> Any:
    """What ``minicaffe`` has: ``from caffe.pycaffe import Net`` is usual in scripts."""
    import minicaffe

    if name in _MORE:
        return getattr(import_module(_MORE[name]), name)
    if not name.startswith("_") and name in dir(minicaffe):
        return getattr(minicaffe, name)
    raise AttributeError(f"module 'minicaffe.pycaffe' has no attribute {name!r}")
