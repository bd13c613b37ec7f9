"""``minicaffe layers``: which layer types there are, and what each one takes."""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from typing import TYPE_CHECKING, Any

from minicaffe.errors import MinicaffeError, did_you_mean

if TYPE_CHECKING:
    from rich.table import Table


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "layers",
        help="list the layer types, or explain one",
        description="List the layer types; with a TYPE, its formula, shapes and parameters.",
    )
    parser.add_argument("type", nargs="?", metavar="TYPE", help='as in a prototxt: "Pooling"')


def run(args: argparse.Namespace) -> int:
    """Print the list, or the one."""
    from rich.console import Console
    from rich.table import Table

    from minicaffe.layers import layer_classes

    console, classes = Console(), layer_classes()
    if args.type is None:
        if not console.is_terminal:  # whole lines, for grep
            width = max(map(len, classes))
            origin = max(len(cls.origin) for cls in classes.values())
            for name, cls in classes.items():
                line = f"{name:{width}}  {cls.origin:{origin}}  {_first_sentence(cls)}"
                sys.stdout.write(f"{line}\n")
            return 0
        table = Table("type", "who has it", "what it computes", box=None, pad_edge=False)
        for name, cls in classes.items():
            table.add_row(name, cls.origin, _first_sentence(cls))
        console.print(table)
        return 0
    if args.type not in classes:
        hint = did_you_mean(args.type, classes, most=3)
        raise MinicaffeError(f"layer type is {args.type!r}, expected a known one: {hint}")
    cls = classes[args.type]
    doc = inspect.cleandoc(cls.__doc__ or "").replace("``", "").replace("\\*", "*")
    doc = doc.partition("\n\nAttributes:")[0]  # for who reads the code
    text = f"{args.type} ({cls.origin})\n\n{doc}"
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    for message in dict.fromkeys(re.findall(r"\b\w+_param\b", cls.__doc__ or "")):
        if (parameters := _parameters(message)) is not None:
            console.print()
            console.print(parameters)
    return 0


def _first_sentence(cls: type) -> str:
    paragraph = inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0]
    return " ".join(paragraph.replace("``", "").split())


def _parameters(field: str) -> Table | None:
    """A table of the fields of the message that a layer's ``field`` holds."""
    from rich.table import Table

    from minicaffe.proto.help import message_help
    from minicaffe.proto.minicaffe_pb2 import LayerParameter

    known = LayerParameter.DESCRIPTOR.fields_by_name.get(field)
    if known is None or known.message_type is None:
        return None
    name = known.message_type.name
    table = Table("field", "type", "default", "meaning", title=field, title_justify="left")
    for entry in message_help(name).fields:
        kind = f"{entry.type} ..." if entry.label == "repeated" else entry.type
        meaning = entry.comment
        if known.message_type.enum_types_by_name.get(entry.type):
            values = message_help(f"{name}.{entry.type}").fields
            meaning += "".join(f"\n{value.name}: {value.comment}" for value in values)
        table.add_row(entry.name, kind, entry.default, meaning)
    return table
