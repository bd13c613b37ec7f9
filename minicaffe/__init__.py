"""minicaffe: declarative training from prototxt files, on numpy or CuPy.

``minicaffe.Layer`` is what a layer written in Python subclasses.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Names that would make importing the package heavy, when they are first asked for."""
    if name == "Layer":
        from minicaffe.python_layer import Layer

        return Layer
    raise AttributeError(f"module 'minicaffe' has no attribute {name!r}")
