"""Stubs: what an editor completes of ``L.Convolution(`` and ``P.Pooling.``, made from the schema.

``make proto`` runs this as a program; the files it writes are committed.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import minicaffe
import minicaffe.layers
from minicaffe.layers import layer_classes
from minicaffe.net_functions import params_of
from minicaffe.proto.help import message_help
from minicaffe.proto.minicaffe_pb2 import DESCRIPTOR, LayerParameter

_HEAD = "# Written by `make proto` (minicaffe/stubs.py).\n"
_LAYERS = f'''\
{_HEAD}# ruff: noqa: E501, N802
"""Layers: one module for each type, and ``L``: what writes definitions of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from os import PathLike
from typing import Any, Literal, TypedDict, Unpack

from google.protobuf.message import Message

from minicaffe.layers.base import Arity as Arity
from minicaffe.layers.base import Layer as Layer
from minicaffe.layers.registry import create_layer as create_layer
from minicaffe.layers.registry import layer_classes as layer_classes
from minicaffe.layers.registry import register_layer as register_layer
from minicaffe.net_functions import Top

__all__ = ["Arity", "Layer", "create_layer", "layer_classes", "register_layer"]

_Message = Mapping[str, Any] | Message
_String = str | PathLike[str]

class Tops(Top):
    """A top; with ``ntop`` a tuple of tops, or the layer itself where that is 0."""

    def __iter__(self) -> Iterator[Top]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Top: ...
'''
_PARAMS = f'''\
{_HEAD}"""``P``: the values of enums, as ``P.Pooling.MAX``."""

from minicaffe.proto import minicaffe_pb2 as pb
'''
_TYPES = {
    "float": "float",
    "double": "float",
    "bool": "bool",
    "string": "_String",
    "bytes": "bytes | str",
    "int32": "int",
    "int64": "int",
    "uint32": "int",
}
_COMMON = ("name", "top", "loss_weight", "param", "propagate_down", "include", "exclude", "blobs")
_WIDTH = 96


def layers_stub() -> str:
    """``layers/__init__.pyi``: a function for each type, with the fields that it takes."""
    fields = {field.name: field for field in LayerParameter.DESCRIPTOR.fields}
    common = [fields[name] for name in (*_COMMON, "phase")]
    lines = ["class _Layer(TypedDict, total=False):"]
    lines += ['    """What every layer may be given."""', ""]
    lines += ["    ntop: int", "    in_place: bool"]
    lines += [f"    {field.name}: {_type(field)}" for field in common]
    parts = [_LAYERS, "\n".join([*lines, ""])]
    classes = {
        name: cls
        for name, cls in layer_classes().items()
        if cls.__module__.startswith("minicaffe.layers.")  # not a user's
    }
    parts += [_function(name, cls, fields) for name, cls in classes.items()]
    parts.append("def __getattr__(name: str) -> Callable[..., Any]: ...\n")
    return "\n".join(parts)


def params_stub() -> str:
    """``params.pyi``: a class for each message that has enums, with their values."""
    parts = [_PARAMS]
    for name, message in sorted(DESCRIPTOR.message_types_by_name.items()):
        if message.enum_types and name.endswith("Parameter"):
            lines = [f"class {name.removesuffix('Parameter')}:"]
            lines += [
                f"    {value.name}: pb.{name}.{enum.name}"
                for enum in message.enum_types
                for value in enum.values
            ]
            parts.append("\n".join([*lines, ""]))
    return "\n".join(parts)


def files() -> dict[Path, str]:
    """Each file that is made here, and what it has to hold."""
    layers = Path(minicaffe.layers.__file__).parent / "__init__.pyi"
    params = Path(minicaffe.__file__).parent / "params.pyi"
    return {layers: layers_stub(), params: params_stub()}


def main() -> None:
    """Write them."""
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")


def _function(name: str, cls: type, fields: dict[str, Any]) -> str:
    own = params_of(name)
    named = [each for each in re.findall(r"\b\w+_param\b", cls.__doc__ or "") if each in fields]
    messages = {param: fields[param].message_type for param in own}
    flat = {field.name: field for message in messages.values() for field in message.fields}
    given = [*flat.values(), *(fields[param] for param in dict.fromkeys([*own, *named]))]
    lines = [f"def {name}(", "    *inputs: Top,"]
    lines += [f"    {field.name}: {_type(field)} | None = {_default(field)}," for field in given]
    lines += ["    **common: Unpack[_Layer],", ") -> Tops:", *_doc(cls, messages.values()), ""]
    return "\n".join(lines)


def _doc(cls: type, messages: Any) -> Iterator[str]:
    """The first paragraph of the layer's own docstring, and its fields."""
    first = " ".join(inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].split())
    entries = [field for message in messages for field in message_help(message.name).fields]
    quote = 'r"""' if "\\" in first else '"""'
    paragraph = textwrap.wrap(quote + first, _WIDTH)
    yield from (f"    {line}" for line in paragraph[:-1])
    if not entries:
        yield f'    {paragraph[-1]}"""'
        return
    yield f"    {paragraph[-1]}"
    yield ""
    yield "    Args:"
    for entry in entries:
        default = f" Default: {entry.default}." if entry.default else ""
        text = f"{entry.name}: {entry.comment}{default}"
        lines = textwrap.wrap(text, _WIDTH - 8, subsequent_indent="    ", break_long_words=False)
        yield from (f"        {line}" for line in lines)
    yield '    """'


def _type(field: Any) -> str:
    if field.message_type:
        single = "_Message"
    elif field.enum_type:
        names = ", ".join(f'"{value.name}"' for value in field.enum_type.values)
        single = f"int | Literal[{names}]"
    else:
        single = _TYPES[_name_of(field)]
    return f"{single} | Iterable[{single}]" if field.is_repeated else single


def _name_of(field: Any) -> str:
    """Of a scalar type, as the schema writes it."""
    names = [name for name in dir(field) if name.startswith("TYPE_")]
    return next(name[5:].lower() for name in names if getattr(field, name) == field.type)


def _default(field: Any) -> str:
    """What the schema has, where Python writes it the same way."""
    if field.is_repeated or not field.has_default_value or field.enum_type:
        return "..."
    value = field.default_value
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, float):
        help_of = {each.name: each for each in message_help(field.containing_type.name).fields}
        return str(float(help_of[field.name].default))
    return repr(value)


if __name__ == "__main__":
    main()
