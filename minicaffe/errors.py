"""The errors of this package; each says what was found, what is allowed, and where.

A layer raises ``ShapeError("x is found, expected allowed: why")`` alone: ``layer_context`` and
the net add which layer, and the line of the definition it was read from.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import ClassVar, Protocol


class MinicaffeError(Exception):
    """Base of every error raised on purpose; the CLI prints it without a traceback."""

    exit_code: ClassVar[int] = 1


class PrototxtError(MinicaffeError, ValueError):
    """A definition, or a file in one of the formats, cannot be read.

    Attributes:
        path: the file, as it was named.
        line: line in it, from 1; None where the file is binary or the whole is meant.
        column: column in that line, from 1; None likewise.
    """

    def __init__(
        self, message: str, path: str = "", line: int | None = None, column: int | None = None
    ) -> None:
        super().__init__(message)
        self.path, self.line, self.column = path, line, column

    def __str__(self) -> str:
        """``path:line:column: message``, as compilers write it."""
        where = [str(part) for part in (self.path, self.line, self.column) if part]
        return ": ".join([":".join(where), super().__str__()] if where else [super().__str__()])


class NetError(MinicaffeError):
    """The layers of a definition do not fit together."""


class UnknownBlobError(NetError, LookupError):
    """A layer's bottom is no earlier layer's top."""


class DuplicateBlobError(NetError):
    """Two layers make a top of one name, and the second does not work in place."""


class ParamSharingError(NetError):
    """Parameters of one name do not agree in shape, lr_mult or decay_mult."""


class LayerError(MinicaffeError):
    """A layer cannot do what its definition or its bottoms ask.

    Attributes:
        layer: name of the layer, once known.
        layer_type: type of the layer, once known.
        origin: FILE:LINE of its definition, where it was read from a file.
    """

    layer: str | None = None
    layer_type: str | None = None
    origin: str = ""

    def __str__(self) -> str:
        """The message, led by the layer it belongs to."""
        message = super().__str__()
        if self.layer is None:
            return message
        return f"{at(self.origin)}layer {self.layer!r} ({self.layer_type}): {message}"


class UnknownLayerTypeError(LayerError, LookupError):
    """No layer is registered under the type that a definition names."""


class LayerConfigError(LayerError, ValueError):
    """A field of the layer's definition has a value it may not have."""


class BlobCountError(LayerError, ValueError):
    """The layer was given too few or too many bottoms or tops."""


class ShapeError(LayerError, ValueError):
    """A bottom, a top or a parameter has a shape that does not fit."""


class ValueRangeError(LayerError, ValueError):
    """A bottom holds a value that its layer cannot take: a label out of range, say."""


class NotANumberError(LayerError, ArithmeticError):
    """A layer made NaN out of numbers; every parameter would be NaN after the next update."""


class SolverError(MinicaffeError):
    """The solver cannot go on."""


class SolverConfigError(SolverError, ValueError):
    """A field of the solver's definition has a value it may not have."""


class WeightsError(MinicaffeError):
    """Weights or a solver's state do not fit the net, or cannot be read or written."""


class DataError(MinicaffeError):
    """A source of data is missing, damaged, or not what its layer expects.

    Attributes:
        source: the database, file or list.
        key: the record or line in it, where one is to blame.
    """

    def __init__(self, message: str, source: str = "", key: str = "") -> None:
        super().__init__(message)
        self.source, self.key = source, key

    def __str__(self) -> str:
        """``source (key): message``."""
        key = f" ({self.key})" if self.key else ""
        return f"{self.source}{key}: {super().__str__()}" if self.source else super().__str__()


class ArrayError(MinicaffeError, ValueError):
    """An array, or a message that holds one, does not have the shape or the values it needs."""


class DeviceError(MinicaffeError):
    """The device asked for is not there, or lacks something; says what to install.

    Attributes:
        where: the layer that asked, with file and line, if it was one.
    """

    where = ""

    def __str__(self) -> str:
        """The message, after the layer."""
        return f"{self.where}: {super().__str__()}" if self.where else super().__str__()


class WorkerError(MinicaffeError):
    """A process of data-parallel training failed; ``rank`` says which."""

    rank: int | None = None


class HasOrigin(Protocol):
    """A layer's definition, as far as an error needs it."""

    name: str
    type: str
    origin: str


def at(origin: str) -> str:
    """``origin: `` to lead a message with, or nothing where there is none."""
    return f"{origin}: " if origin else ""


def did_you_mean(found: str, known: Iterable[str], *, most: int = 1) -> str:
    """The names of ``known`` closest to ``found`` as a question, or all of them, or nothing."""
    names = sorted(set(known))
    close = [name for name in names if name.lower() == found.lower()]
    close = close or difflib.get_close_matches(found, names, n=most)
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    return f"known: {', '.join(names)}" if names else "there is none"


def locate(error: Exception, param: HasOrigin, doing: str, room: Callable[[], str] = str) -> None:
    """Tell ``error`` which layer it came from.

    A ``LayerError`` gets its ``layer``, ``layer_type`` and ``origin``, a ``DeviceError`` its
    ``where``; any other exception that is not ours a note (PEP 678) that names the layer.

    Args:
        error: raised by a layer.
        param: the layer's definition.
        doing: what it did.
        room: says what memory it needs and what there is.

    Raises:
        DeviceError: in place of ``error``, where that is for want of memory.
    """
    if isinstance(error, MemoryError):
        said = str(error).removesuffix(".") or "no memory is left"
        short = DeviceError(f"{said}{room()}: is a size or a batch too large?")
        locate(short, param, doing)
        raise short from error
    where = f"{at(param.origin)}layer {param.name!r} ({param.type})"
    if isinstance(error, LayerError):
        if error.layer is None:
            error.layer, error.layer_type, error.origin = param.name, param.type, param.origin
    elif isinstance(error, DeviceError):
        error.where = error.where or where
    elif not isinstance(error, MinicaffeError):
        error.add_note(f"during {doing} of {where}")


@contextmanager
def layer_context(param: HasOrigin, doing: str, room: Callable[[], str] = str) -> Iterator[None]:
    """``locate`` every error raised inside; no memory is a ``DeviceError``."""
    try:
        yield
    except Exception as error:
        locate(error, param, doing, room)
        raise
