"""The registry of layer types: a name in a prototxt to a class."""

from __future__ import annotations

import difflib
import pkgutil
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from typing import TypeVar

import numpy as np
from numpy.typing import DTypeLike

import minicaffe.layers
from minicaffe.device import Device
from minicaffe.errors import UnknownLayerTypeError, did_you_mean, locate
from minicaffe.layers.base import Layer
from minicaffe.proto.minicaffe_pb2 import LayerParameter

_CLASSES: dict[str, type[Layer]] = {}
L = TypeVar("L", bound=type[Layer])


def register_layer(layer_type: str) -> Callable[[L], L]:
    """Class decorator: make the class the one that ``type: "layer_type"`` names."""

    def register(cls: L) -> L:
        if layer_type in _CLASSES:
            raise ValueError(f"two layers of type {layer_type!r}: {_CLASSES[layer_type]} and {cls}")
        cls.type = layer_type
        _CLASSES[layer_type] = cls
        return cls

    return register


@cache
def _import_layer_modules() -> None:
    """Import every module of this package once, so that each registers its type."""
    for module in pkgutil.iter_modules(minicaffe.layers.__path__, "minicaffe.layers."):
        import_module(module.name)


def layer_classes() -> dict[str, type[Layer]]:
    """Type to class, for every registered type, sorted by type."""
    _import_layer_modules()
    return dict(sorted(_CLASSES.items()))


def create_layer(param: LayerParameter, device: Device, dtype: DTypeLike = np.float32) -> Layer:
    """The layer that ``param`` defines, not yet set up.

    Raises:
        UnknownLayerTypeError: there is no such type; the message names the closest.
    """
    classes = layer_classes()
    if param.type not in classes:
        error = UnknownLayerTypeError(f"unknown type{_hint(param.type, classes)}")
        locate(error, param, "creation")
        raise error
    return classes[param.type](param, device, dtype)


def _hint(found: str, known: Iterable[str]) -> str:
    """A type that is nearly the same is a misspelt one, any other probably a fork's."""
    close = difflib.get_close_matches(found.lower(), {name.lower() for name in known}, 1, 0.8)
    if close:
        return f"; {did_you_mean(found, known, most=3)}"
    return ": none of Caffe 1.0's; a fork of Caffe may have it (`minicaffe layers` lists all here)"
