"""The graph of a definition: which boxes a picture has, and which blobs join them.

After: python/caffe/draw.py. Differences: blobs are edges, not nodes; a layer that works in place
is a part of the box of the layer it follows, so that no edge goes round in a circle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from minicaffe.drawing.fields import key_fields, multipliers
from minicaffe.drawing.kinds import kind_of
from minicaffe.proto.fields import set_field
from minicaffe.proto.minicaffe_pb2 import LayerParameter, NetParameter, Phase
from minicaffe.proto.text import to_text

Labels = Callable[[int, str], str]  # index of a layer and one of its tops: the top's shape, as text


@dataclass(frozen=True)
class Part:
    """A layer in a box.

    Attributes:
        name, type: as the definition has them.
        kind: what it is coloured by.
        fields: what is said of it, in short.
        phases: those that it is limited to; empty where it is in all.
        text: its whole definition.
    """

    name: str
    type: str
    kind: str
    fields: tuple[str, ...] = ()
    phases: str = ""
    text: str = ""


@dataclass
class Box:
    """A layer, and those that work in place on what it makes; or a blob that leaves the net.

    Attributes:
        parts: the layers, first that which makes the blobs.
        ports: the names of the blobs it makes, each with its shape as text ("" if unknown).
    """

    parts: list[Part]
    ports: dict[str, str] = field(default_factory=dict)

    @property
    def is_output(self) -> bool:
        """It is no layer, but a blob that no layer reads."""
        return self.parts[0].kind == "output"


@dataclass(frozen=True)
class Edge:
    """A blob from the box that makes it to one that reads it: indices into ``Graph.boxes``."""

    source: int
    blob: str
    target: int


@dataclass
class Graph:
    """What is drawn.

    Attributes:
        title, subtitle: of the picture.
        boxes: in the definition's order, the outputs last; no edge goes back.
        edges: the blobs.
        notes: what the picture does not show, and why.
    """

    title: str
    boxes: list[Box]
    edges: list[Edge]
    subtitle: str = ""
    notes: list[str] = field(default_factory=list)


def build(
    net: NetParameter,
    shape_of: Labels = lambda layer, top: "",
    *,
    lr_mult: bool = False,
    one_phase: bool = False,
) -> Graph:
    """The graph of ``net``, a definition of today's format.

    Where layers of different phases make blobs of one name, its readers are joined to each. A
    bottom that nothing makes gets a box of its own, of type "?".

    Args:
        net: filtered for a phase, or not.
        shape_of: the shape of the top of a layer, by its index in ``net``.
        lr_mult: show how fast parameters learn.
        one_phase: ``net`` is filtered, and there is no need to say what is in one phase alone.
    """
    graph = _Builder(shape_of, lr_mult, one_phase)
    for index, layer in enumerate(net.layer):
        graph.add(index, layer)
    graph.add_outputs()
    return Graph(net.name, graph.boxes, list(dict.fromkeys(graph.edges)))


class _Builder:
    """Boxes and edges so far, and who made the newest blob of each name."""

    def __init__(self, shape_of: Labels, lr_mult: bool, one_phase: bool) -> None:
        self.shape_of, self.lr_mult, self.one_phase = shape_of, lr_mult, one_phase
        self.boxes: list[Box] = []
        self.edges: list[Edge] = []
        self.makers: dict[str, list[int]] = {}
        self.fed: set[int] = set()  # the boxes that read something
        self.read: set[tuple[int, str]] = set()

    def add(self, index: int, layer: LayerParameter) -> None:
        """A box for ``layer``, or a part of the box that it works in place on."""
        phases = "" if self.one_phase else _phases(layer)
        part = _part(layer, phases, lr_mult=self.lr_mult)
        host = self._host(layer)
        if host is not None:
            self.boxes[host].parts.append(part)
            return
        for name in dict.fromkeys(layer.bottom):
            if name not in self.makers:
                self.makers[name] = [len(self.boxes)]
                self.boxes.append(Box([Part(name, "?", "other")], {name: ""}))
        number = len(self.boxes)
        if layer.bottom:
            self.fed.add(number)
        for name in dict.fromkeys(layer.bottom):
            for maker in self._makers(name, part.phases):
                self.edges.append(Edge(maker, name, number))
                self.read.add((maker, name))
        self.boxes.append(Box([part], {top: self.shape_of(index, top) for top in layer.top}))
        for name in layer.top:
            others = [
                maker
                for maker in self.makers.get(name, [])
                if name not in layer.bottom
                and _apart(self.boxes[maker].parts[0].phases, part.phases)
            ]
            self.makers[name] = [*others, number]

    def add_outputs(self) -> None:
        """A box for each blob that no layer reads; it has no part of a layer."""
        for index, box in enumerate(list(self.boxes)):
            for name, shape in box.ports.items():
                if index in self.makers[name] and (index, name) not in self.read:
                    self.edges.append(Edge(index, name, len(self.boxes)))
                    self.boxes.append(Box([Part(name, shape, "output")]))

    def _host(self, layer: LayerParameter) -> int | None:
        """The box that ``layer`` belongs to, if it works in place on all that this one makes.

        Where another layer reads the blob as it was before, it does not: the two are different
        data, and the picture has to show which of them is read.
        """
        if len(layer.bottom) != 1 or list(layer.bottom) != list(layer.top):
            return None
        name = layer.bottom[0]
        makers = self.makers.get(name, [])
        if len(makers) != 1 or (makers[0], name) in self.read:
            return None
        is_single = len(self.boxes[makers[0]].ports) == 1
        return makers[0] if is_single and makers[0] in self.fed else None

    def _makers(self, name: str, phases: str) -> list[int]:
        """Who makes what a layer of ``phases`` reads."""
        makers = self.makers[name]
        near = [m for m in makers if not _apart(self.boxes[m].parts[0].phases, phases)]
        return near or makers


def _part(layer: LayerParameter, phases: str, *, lr_mult: bool) -> Part:
    fields = key_fields(layer)
    if lr_mult and (rates := multipliers(layer)):
        fields.append(rates)
    kind = kind_of(layer.type)
    return Part(layer.name, layer.type, kind, tuple(fields), phases, _text(layer))


def _text(layer: LayerParameter) -> str:
    """The definition without weights, which a caffemodel has in it."""
    if layer.blobs:
        copy = LayerParameter()
        for field, value in layer.ListFields():
            if field.name != "blobs":
                set_field(copy, field.name, value)
        layer = copy
    return to_text(layer)


def _phases(layer: LayerParameter) -> str:
    """The one phase that the rules of ``layer`` leave, or nothing."""
    if layer.include:
        names = {Phase.Name(r.phase) if r.HasField("phase") else "" for r in layer.include}
        return names.pop() if len(names) == 1 else ""
    out = {Phase.Name(rule.phase) for rule in layer.exclude if _only_phase(rule)}
    return {frozenset({"TRAIN"}): "TEST", frozenset({"TEST"}): "TRAIN"}.get(frozenset(out), "")


def _only_phase(rule: object) -> bool:
    fields = [each.name for each, _ in rule.ListFields()]  # type: ignore[attr-defined]
    return fields == ["phase"]


def _apart(one: str, other: str) -> bool:
    """Layers limited so are never in one net."""
    return bool(one and other and one != other)
