"""Scan: where the messages of a prototxt start, and what is wrong at a place in it.

``text_format`` reads the text; it keeps no positions, and says what it expects, not what was
meant. A walk over the same tokens adds both, in a time that grows as the text does.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any, NamedTuple

_TOKEN = re.compile(
    r"""\s+|\#[^\n]*
    |(?P<token>[a-zA-Z_][0-9a-zA-Z_+-]*             # a name
      |(?:[0-9+-]|\.[0-9])[0-9a-zA-Z_.+-]*          # a number
      |"[^"\n\\]*+(?:\\.[^"\n\\]*+)*+(?:"|\\?$)   # a string; it may lack its end
      |'[^'\n\\]*+(?:\\.[^'\n\\]*+)*+(?:'|\\?$)
      |.)""",
    re.VERBOSE | re.MULTILINE,
)
OPENERS = {"{": "}", "<": ">"}


class Place(NamedTuple):
    """A place in a text; ``line`` and ``column`` count from 1."""

    line: int
    column: int


START = Place(1, 1)


@dataclasses.dataclass
class Frame:
    """A message that the walk is in.

    Attributes:
        path: from the outermost message, "layer[2].pooling_param"; "" for that one. It ends
            at a field that does not exist.
        descriptor: its type; None inside a field that does not exist.
        opened: where it starts.
        closer: the token that ends it.
        field: the field the walk is at, or was last.
        at: where that field is named.
        state: what comes next: a "name", what follows one ("colon"), or a "value".
        in_list: between the brackets of that field.
        seen: how often, and first where, each field was given.
    """

    path: str
    descriptor: Any
    opened: Place
    closer: str = ""
    field: str = ""
    at: Place = START
    state: str = "name"
    in_list: bool = False
    seen: dict[str, tuple[int, Place]] = dataclasses.field(default_factory=dict)

    @property
    def known(self) -> Any:
        """The descriptor of ``field``; None where it does not exist."""
        if self.descriptor is None or not self.field.isidentifier():
            return None
        return self.descriptor.fields_by_name.get(self.field)


class Walk:
    """A walk over the tokens of ``text``, a message of the type that ``descriptor`` describes.

    Attributes:
        token: the token it is at; "" at the end.
        offset: where that starts in the text.
        frames: the messages it is in, innermost last.
        places: where each message that it met starts, by path.
    """

    def __init__(self, text: str, descriptor: Any) -> None:
        self._text = text
        self._matches = _TOKEN.finditer(text)
        self._line, self._line_start = 1, 0
        self.token, self.offset = "", 0
        self.frames = [Frame("", descriptor, START)]
        self.places: dict[str, Place] = {}
        self.skip()

    @property
    def place(self) -> Place:
        """Where the token is."""
        return Place(self._line, self.offset - self._line_start + 1)

    def to(self, stop: Place) -> None:
        """Walk on until ``stop``, whose token is not stepped over."""
        while self.token and self.place < stop:
            self.step()

    def to_end(self) -> None:
        """Walk on until the end."""
        while self.token:
            self.step()

    def step(self) -> None:
        """Step over one token."""
        frame, token = self.frames[-1], self.token
        if frame.state == "name":
            self._name(frame, token)
        elif token in OPENERS:
            self._open(frame, token)
        elif frame.state == "colon":
            frame.state = "value"
        elif token == "[":
            frame.in_list = True
        elif token == "]":
            frame.in_list, frame.state = False, "name"
        elif token != ",":
            self._count(frame)
            frame.state = "value" if frame.in_list else "name"
        self.skip()

    def skip(self) -> None:
        """Step over one token as if it were not there."""
        before = self.offset
        for match in self._matches:
            if match.lastgroup:
                self.token, self.offset = match[0], match.start()
                break
        else:
            self.token, self.offset = "", len(self._text)
        if lines := self._text.count("\n", before, self.offset):
            self._line += lines
            self._line_start = self._text.rfind("\n", before, self.offset) + 1

    def _name(self, frame: Frame, token: str) -> None:
        if token == frame.closer:
            self.frames.pop()
            above = self.frames[-1]
            above.state = "value" if above.in_list else "name"
        elif token[0] not in ",;\"'":  # a further literal of the string before
            frame.field, frame.at, frame.state = token, self.place, "colon"

    def _open(self, frame: Frame, token: str) -> None:
        start = self.place if frame.in_list else frame.at
        index = self._count(frame)
        known = frame.known
        if frame.descriptor is None:  # nobody asks for more, and paths of any depth take any time
            path = frame.path
        else:
            path = ".".join(filter(None, (frame.path, frame.field)))
        if known and known.is_repeated:
            path += f"[{index}]"
        self.places[path] = start
        self.frames.append(Frame(path, known and known.message_type, start, OPENERS[token]))

    def _count(self, frame: Frame) -> int:
        count, first = frame.seen.get(frame.field, (0, frame.at))
        frame.seen[frame.field] = count + 1, first
        return count


def places(text: str, descriptor: Any) -> dict[str, Place]:
    """Where each message in ``text`` starts, by its path: ``{"layer[2].pooling_param": ...}``."""
    walk = Walk(text, descriptor)
    walk.to_end()
    return walk.places


def place_of(text: str, offset: int) -> Place:
    """The place of the character at ``offset`` in ``text``."""
    return Place(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))
