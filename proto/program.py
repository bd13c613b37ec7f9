"""Programs: a ``net.py`` that stands where a definition does.

    def net(phase, depth=18, width=1.0):
        n = NetSpec()
        ...
        return n  # a NetSpec, a NetParameter, or the tops that are wanted

``net.py`` is named as a prototxt is; options follow a colon: ``net.py:depth=50,width=1.5``. A value
is a Python literal, or true, false or none, else a string. ``phase`` is TRAIN (0) or TEST (1).
The folder of the file is where it imports from first; what it prints goes to stderr, since stdout
is for what the command writes. To read such a definition is to run it; a prototxt runs nothing.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple, TypeVar, cast

from google.protobuf.message import Message

from minicaffe.errors import PrototxtError, did_you_mean
from minicaffe.proto import files
from minicaffe.proto.files import StrPath
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN, NetParameter, Phase
from minicaffe.proto.origin import keeping_origins, layers_of
from minicaffe.proto.phases import merge

M = TypeVar("M", bound=Message)

_EXPECTED = "expected def net(phase, **options)"
_WORDS = {"true": True, "false": False, "none": None}
_OPTION = re.compile(r"\s*([A-Za-z_]\w*)\s*=(.*)", re.DOTALL)
_RUNNING = threading.RLock()  # sys.path and sys.modules are everybody's


class Program(NamedTuple):
    """A file to run, and what its ``net`` is told beside the phase."""

    file: str
    options: dict[str, Any]


def is_program(path: StrPath) -> bool:
    """``path`` names a Python file, with or without options."""
    text = os.fspath(path)
    return text.endswith(".py") or (".py:" in text and not os.path.exists(text))


def program_of(path: StrPath) -> Program:
    """The file and the options that ``path`` names.

    Raises:
        PrototxtError: an option is no NAME=VALUE, or is given twice.
    """
    text = os.fspath(path)
    if text.endswith(".py") and (":" not in text or os.path.exists(text)):
        return Program(text, {})
    ends = [found.end() - 1 for found in re.finditer(r"\.py:", text)]
    end = next((end for end in ends if os.path.exists(text[:end])), ends[0] if ends else len(text))
    file, given = text[:end], text[end + 1 :]
    options: dict[str, Any] = {}
    for option in _split(given):
        found = _OPTION.fullmatch(option)
        if not found:
            why = "NAME=VALUE, with commas between options"
            raise PrototxtError(f"option is {option!r}, expected {why}", file)
        if found[1] in options:
            raise PrototxtError(f"option {found[1]} is given twice, expected once", file)
        options[found[1]] = _value(found[2].strip())
    return Program(file, options)


def file_of(path: StrPath) -> str:
    """The file that ``path`` names, less the options of a program.

    Raises:
        PrototxtError: as ``program_of``.
    """
    return program_of(path).file if is_program(path) else os.fspath(path)


def run(path: StrPath, message_type: type[M]) -> M:
    """The net that the program ``path`` makes, for both phases in one definition.

    Raises:
        PrototxtError: as ``run_net``; or something else than a net is wanted.
    """
    if message_type is not NetParameter:
        why = f"is a program, which makes nets, expected a {message_type.__name__}"
        raise PrototxtError(f"{why}: write it as .prototxt, .yaml or .json", os.fspath(path))
    try:
        merged = merge(run_net(path, TRAIN), run_net(path, TEST))
    except PrototxtError as error:
        error.path = error.path or os.fspath(path)
        raise
    return cast(M, merged)


def run_net(path: StrPath, phase: int) -> NetParameter:
    """The net that the program ``path`` makes for ``phase``; layers remember the lines of it.

    Raises:
        PrototxtError: there is no such file, it has no ``net`` that takes the options, or this
            makes no net; an error inside it, with the line where it happened.
    """
    program = program_of(path)
    with files.open_file(program.file) as file:
        source = file.read()
    with _RUNNING, _folder_first(program.file), contextlib.redirect_stdout(sys.stderr):
        with _errors_of(program.file, "when it is loaded"), keeping_origins():
            function = _loaded(compile(source, program.file, "exec", dont_inherit=True), program)
        name = Phase.Name(phase)
        call = f"net({', '.join([name, *(f'{k}={v!r}' for k, v in program.options.items())])})"
        with _errors_of(program.file, f"in {call}"), keeping_origins():
            made = function(phase, **program.options)
            net = _definition(made)
    if net is None:
        hint = ": is a return missing?" if made is None else ""
        found = "None" if made is None else f"a {type(made).__name__}"
        expected = "a NetSpec, a NetParameter or tops"
        raise PrototxtError(f"{call} returns {found}, expected {expected}{hint}", program.file)
    for _, layer in layers_of(net):
        layer.origin = layer.origin or program.file
    return net


def _loaded(code: CodeType, program: Program) -> Any:
    """The function ``net`` of the module, which takes the options."""
    module = ModuleType(f"_net_{abs(hash(program.file))}")
    module.__file__ = program.file
    sys.modules[module.__name__] = module  # where dataclasses, say, look for it
    try:
        exec(code, module.__dict__)
    finally:
        del sys.modules[module.__name__]
    function: Any = getattr(module, "net", None)
    if not callable(function):
        found = "has no function net" if function is None else "has a net that is no function"
        raise PrototxtError(f"{found}, {_EXPECTED}", program.file)
    try:
        signature = inspect.signature(function)
    except ValueError:  # of a builtin
        return function
    takes = [name for name, p in signature.parameters.items() if p.kind is not p.VAR_KEYWORD]
    takes_any = len(takes) < len(signature.parameters)
    for option in program.options:
        if option not in takes[1:] and not takes_any:
            hint = did_you_mean(option, takes[1:])
            raise PrototxtError(f"net has no option {option!r}: {hint}", program.file)
    try:
        signature.bind(TRAIN, **program.options)
    except TypeError as error:
        found = f"net{signature} cannot be called: {error}"
        why = f"options are given as {os.path.basename(program.file)}:name=value"
        raise PrototxtError(f"{found}, {_EXPECTED}; {why}", program.file) from None
    return function


def _definition(made: Any) -> NetParameter | None:
    """What a ``net`` has made, as a definition of our own; None where it is no net."""
    tops = list(made) if isinstance(made, tuple | list) else []
    if tops and all(hasattr(top, "fn") for top in tops):
        made = tops[0].to_proto(*tops[1:])
    elif hasattr(made, "to_proto"):
        made = made.to_proto()
    if not isinstance(made, NetParameter):
        return None
    net = NetParameter()
    net.CopyFrom(made)
    return net


@contextlib.contextmanager
def _errors_of(file: str, when: str) -> Iterator[None]:
    """Make every error inside, ``sys.exit`` too, one that says where in ``file`` it happened."""
    try:
        yield
    except SyntaxError as error:
        own = error.filename == file
        where = (error.lineno, error.offset) if own else _place(error, file)[1:]
        inside = "" if own else f" of {error.filename}:{error.lineno}"
        raise PrototxtError(f"is no Python{inside}: {error.msg}", file, *where) from error
    except (Exception, SystemExit) as error:
        if isinstance(error, PrototxtError) and error.path:
            raise
        path, line, _ = _place(error, file)
        if isinstance(error, SystemExit):
            why = f"calls sys.exit({error.code!r}) {when}, expected it to go on"
        else:
            said = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
            why = f"{type(error).__name__} {when}: {said}"
        raise PrototxtError(why, path, line) from error


def _place(error: BaseException, file: str) -> tuple[str, int | None, None]:
    """The last line of the program, or of a file beside it, that ``error`` came through."""
    folder = os.path.dirname(os.path.abspath(file))
    place: tuple[str, int | None, None] = (file, None, None)
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == file or os.path.dirname(os.path.abspath(frame.filename)) == folder:
            place = (frame.filename, frame.lineno, None)
    return place


@contextlib.contextmanager
def _folder_first(file: str) -> Iterator[None]:
    """Import from the folder of ``file`` first; the modules in it are forgotten in the end.

    Another folder may have others of the same names, and a notebook's user edits them.
    """
    folder = str(Path(file).resolve().parent)
    before = set(sys.modules)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)
        for name in set(sys.modules) - before:
            origin = getattr(sys.modules[name], "__file__", None)
            if origin and str(Path(origin).resolve().parent) == folder:
                del sys.modules[name]


def _split(text: str) -> list[str]:
    """``text`` at its commas, but for those in brackets or in quotes."""
    parts, depth, quote = [""], 0, ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth <= 0:
            parts.append("")
            continue
        parts[-1] += char
    return [part for part in parts if part.strip()]


def _value(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
