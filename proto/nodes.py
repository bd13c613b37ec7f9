"""Nodes: what YAML and JSON texts are made of, each with its place.

The libraries' own readers keep no places (json), or end the process at a text nested deeply enough
(yaml's C composer): here are lists of nodes, made from yaml's events and from JSON's tokens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from minicaffe.errors import PrototxtError
from minicaffe.proto.scan import START, Place, place_of

_DEEPEST = 100  # of lists in lists; the schema has no need of ten
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}:,]|[^][{}:,\s"]+')
_CORE = ("bool", "float", "int", "map", "merge", "null", "seq", "str")
_TAGS = {"!", *(f"tag:yaml.org,2002:{name}" for name in _CORE)}


class Node(NamedTuple):
    """A value in a text.

    Attributes:
        kind: what it is.
        value: its text, its items, or its keys and their values.
        place: where it starts.
        plain: of a scalar: not in quotes, so that its text says what type it is.
    """

    kind: Literal["scalar", "list", "mapping"]
    value: Any
    place: Place
    plain: bool = False

    @property
    def is_null(self) -> bool:
        """It says that there is nothing."""
        return self.plain and self.value in ("", "~", "null", "Null", "NULL")


def yaml_nodes(text: str, path: str) -> Node:
    """The document that ``text`` is; a text without one is a null.

    Raises:
        PrototxtError: it is no YAML, or several documents, or nested too deeply.
    """
    import yaml

    root: list[Node] = []
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = text.encode(errors="replace").decode()  # other bytes, which comments may have
    try:
        for node in _composed(yaml.parse(text, Loader=loader)):
            if root:
                raise PrototxtError("a second document is found, expected one", path, *node.place)
            root.append(node)
    except yaml.reader.ReaderError as error:
        why = f"a character is found that no YAML may have: U+{error.character:04X}"
        raise PrototxtError(why, path, *place_of(text, _position(text, error))) from None
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        where = _place(mark) if mark else START
        context = f" {error.context}" if error.context else ""
        why = f"is no YAML: {error.problem}{context}"
        raise PrototxtError(why, path, *where) from None
    except PrototxtError as error:
        error.path = path
        raise
    return root[0] if root else Node("scalar", "", START, plain=True)


def json_nodes(text: str, path: str) -> Node:
    """The value that ``text`` is.

    Raises:
        PrototxtError: it is no JSON, or nested too deeply.
    """
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        raise PrototxtError(f"is no JSON: {error.msg}", path, error.lineno, error.colno) from None
    except RecursionError:
        raise PrototxtError(f"is nested over {_DEEPEST} deep, expected less", path) from None
    builder = _Builder()
    line, start, last = 1, 0, 0
    for match in _TOKEN.finditer(text):
        token, offset = match[0], match.start()
        if lines := text.count("\n", last, offset):
            line, start = line + lines, text.rfind("\n", last, offset) + 1
        last = offset
        place = Place(line, offset - start + 1)
        if token in "{[":
            builder.open("mapping" if token == "{" else "list", place)
        elif token in "}]":
            builder.close()
        elif token not in ",:":
            quoted = token[0] == '"'
            value = json.loads(token) if quoted else token
            builder.add(Node("scalar", value, place, plain=not quoted))
        if builder.depth > _DEEPEST:
            raise PrototxtError(f"is nested over {_DEEPEST} deep, expected less", path, *place)
    root: Node = builder.done[0]
    return root


class _Builder:
    """Nodes from what opens, fills and closes them."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self._open: list[tuple[Node, str]] = []

    @property
    def depth(self) -> int:
        return len(self._open)

    def open(self, kind: Literal["list", "mapping"], place: Place, anchor: str = "") -> Node:
        node = Node(kind, [], place)
        self._open.append((node, anchor))
        return node

    def close(self) -> tuple[Node, str]:
        node, anchor = self._open.pop()
        if node.kind == "mapping":
            node.value[:] = zip(node.value[::2], node.value[1::2], strict=True)
        self.add(node)
        return node, anchor

    def add(self, node: Node) -> None:
        (self._open[-1][0].value if self._open else self.done).append(node)


def _composed(events: Any) -> Iterator[Node]:
    """The documents that yaml's events make; an alias is the node itself that it names."""
    import yaml

    builder, anchors = _Builder(), dict[str, Node]()
    for event in events:
        where = _place(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in anchors:
                raise PrototxtError(f"there is no anchor &{event.anchor} before", "", *where)
            builder.add(anchors[event.anchor])
        elif isinstance(event, yaml.ScalarEvent):
            _check_tag(event, where)
            node = Node("scalar", event.value, where, plain=event.implicit[0])
            builder.add(node)
            if event.anchor:
                anchors[event.anchor] = node
        elif isinstance(event, yaml.CollectionStartEvent):
            _check_tag(event, where)
            kind: Any = "list" if isinstance(event, yaml.SequenceStartEvent) else "mapping"
            builder.open(kind, where, event.anchor or "")
            if builder.depth > _DEEPEST:
                raise PrototxtError(f"is nested over {_DEEPEST} deep, expected less", "", *where)
        elif isinstance(event, yaml.CollectionEndEvent):
            node, anchor = builder.close()
            if anchor:
                anchors[anchor] = node
        if builder.done:
            yield builder.done.pop()


def _check_tag(event: Any, where: Place) -> None:
    if event.tag and event.tag not in _TAGS:
        raise PrototxtError(f"the tag {event.tag} is found, expected a value without", "", *where)


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _position(text: str, error: Any) -> int:
    """In characters; yaml's C reader counts bytes of UTF-8."""
    if error.encoding == "unicode":
        return int(error.position)
    return len(text.encode()[: error.position].decode(errors="replace"))
