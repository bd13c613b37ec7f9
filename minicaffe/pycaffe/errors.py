"""Errors of the pycaffe API, each also of the class that scripts catch there."""

from __future__ import annotations

from minicaffe.errors import NetError, PrototxtError


class MissingFileError(PrototxtError, RuntimeError):
    """A file that a net is to be made of cannot be opened."""


class ArgumentError(NetError, ValueError):
    """What a method was given does not fit the net."""


class UnknownNameError(NetError, KeyError):
    """The net has no blob or layer of that name."""

    __str__ = Exception.__str__  # KeyError's is the message in quotes
