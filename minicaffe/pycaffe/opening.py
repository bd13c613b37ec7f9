"""What a net is made of: a file or a message, and the state it runs in."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from google.protobuf.message import Message

from minicaffe.errors import PrototxtError
from minicaffe.proto.files import StrPath, open_file
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN, NetParameter, NetState
from minicaffe.proto.program import file_of
from minicaffe.proto.text import read_net
from minicaffe.proto.upgrade import upgrade_net
from minicaffe.pycaffe.errors import ArgumentError, MissingFileError


def check_file(path: StrPath) -> None:
    """Refuse a path that cannot be opened.

    Raises:
        MissingFileError: says why, and what else is there.
    """
    try:
        open_file(path).close()
    except PrototxtError as error:
        why = error.args[0]
        raise MissingFileError(f"Could not open file {os.fspath(path)}: {why}") from None


def definition_of(source: Any, phase: Any = None) -> NetParameter:
    """The net that ``source`` defines, in today's format.

    Args:
        source: the path of a file, a ``NetParameter``, or what has a ``to_proto()``, a NetSpec
            say; it stays as it is.
        phase: all that a ``net.py`` is asked for.

    Raises:
        MissingFileError: no such file.
        PrototxtError: it is not a net's definition.
        ArgumentError: it is nothing of the kind.
    """
    if isinstance(source, str | os.PathLike):
        check_file(file_of(source))
        return read_net(source, phase=phase if phase in (TRAIN, TEST) else None)
    message = source.to_proto() if hasattr(source, "to_proto") else source
    if not isinstance(message, Message) or message.DESCRIPTOR.name != "NetParameter":
        raise ArgumentError(
            f"network_file is a {type(source).__name__}, expected a path, a NetParameter or a "
            "NetSpec"
        )
    if not isinstance(message, NetParameter):  # of another copy of the schema
        message = NetParameter.FromString(message.SerializeToString())
    return upgrade_net(message)


def state_of(
    net: NetParameter, phase: Any, level: int | None, stages: Iterable[str] | None
) -> NetState:
    """The state that ``net`` asks for, with what is given in its place.

    Raises:
        ArgumentError: ``phase`` is none.
    """
    if phase not in (TRAIN, TEST):
        raise ArgumentError(f"phase is {phase!r}, expected TRAIN (0) or TEST (1)")
    state = NetState()
    state.CopyFrom(net.state)
    state.phase = TEST if phase == TEST else TRAIN
    if level is not None:
        state.level = int(level)
    state.stage.extend([stages] if isinstance(stages, str) else stages or [])
    return state
