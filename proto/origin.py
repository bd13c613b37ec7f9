"""Where each layer was read: ``origin``, the field of a layer that holds FILE:LINE."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from google.protobuf.message import Message

from minicaffe.proto.minicaffe_pb2 import (
    LayerParameter,
    NetParameter,
    SolverParameter,
    V1LayerParameter,
)

NETS_OF_SOLVER = ("net_param", "train_net_param", "test_net_param")
_KEEPING = ContextVar("keeping_origins", default=False)


def nets_of(message: Message) -> Iterator[tuple[str, NetParameter]]:
    """The nets in ``message``, itself included, each led by its path: "test_net_param[0]."."""
    if isinstance(message, NetParameter):
        yield "", message
    elif isinstance(message, SolverParameter):
        for field in ("net_param", "train_net_param"):
            if message.HasField(field):
                yield f"{field}.", getattr(message, field)
        for i, net in enumerate(message.test_net_param):
            yield f"test_net_param[{i}].", net


def layers_of(message: Message) -> Iterator[tuple[str, Any]]:
    """The layers in ``message``, old ones and itself included, with their paths: "layer[3]"."""
    if isinstance(message, LayerParameter | V1LayerParameter):
        yield "", message
    for path, net in nets_of(message):
        for field in ("layer", "layers"):
            for i, layer in enumerate(getattr(net, field)):
                yield f"{path}{field}[{i}]", layer


def place(origin: str) -> tuple[str, int | None]:
    """The file and the line that ``origin`` names."""
    path, _, line = origin.rpartition(":")
    return (path, int(line)) if line.isdigit() else (origin, None)


@contextmanager
def origins_hidden(message: Message) -> Iterator[None]:
    """Take the origins out of ``message``, and put them back: what is written has none.

    A copy without them would double the memory of a net of 500 MB.
    """
    hidden = [(layer, layer.origin) for _, layer in layers_of(message) if layer.HasField("origin")]
    for layer, _ in hidden:
        layer.ClearField("origin")
    try:
        yield
    finally:
        for layer, origin in hidden:
            layer.origin = origin


def keeps_origins() -> bool:
    """Whether layers that Python code makes are to remember its lines (``keeping_origins``)."""
    return _KEEPING.get()


@contextmanager
def keeping_origins() -> Iterator[None]:
    """Have layers that Python code makes inside remember the lines that made them."""
    token = _KEEPING.set(True)
    try:
        yield
    finally:
        _KEEPING.reset(token)
