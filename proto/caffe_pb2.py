"""The schema under its name in Caffe: ``from minicaffe.proto import caffe_pb2``."""

from typing import Any

from minicaffe.proto import minicaffe_pb2
from minicaffe.proto.minicaffe_pb2 import *


def __getattr__(name: str) -> Any:
    """The descriptors that protoc makes, which scripts ask for types: ``_LAYERPARAMETER`` ..."""
    if name.startswith("_") and not name.startswith("__"):
        return getattr(minicaffe_pb2, name)
    raise AttributeError(f"module 'caffe_pb2' has no attribute {name!r}")
