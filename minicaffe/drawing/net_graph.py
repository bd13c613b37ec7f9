"""From a definition as read to the graph that is drawn: its phase, its shapes, its titles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from minicaffe.drawing.graph import Graph, build
from minicaffe.drawing.shapes import Shapes, shapes_of
from minicaffe.graph import filter_layers
from minicaffe.inputs import Shape
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN, NetParameter, NetState, Phase


def graph_of(
    net: NetParameter,
    phase: int | None = None,
    *,
    shapes: bool = True,
    lr_mult: bool = False,
    level: int = 0,
    stages: Sequence[str] = (),
    inputs: Mapping[str, Shape] | None = None,
) -> Graph:
    """The graph of ``net``, a definition of today's format.

    Args:
        net: not filtered.
        phase: draw what is in this phase; None: draw all, and say what is in one alone.
        shapes: build the net, without data and memory, to see shapes.
        lr_mult: show how fast parameters learn.
        level, stages: of the net's state; without a phase, for the shapes alone.
        inputs: shapes for the tops of layers that have no bottoms.

    Raises:
        LayerConfigError: a layer has both include and exclude rules.
    """
    phases = [phase] if phase is not None else [TRAIN, TEST]
    states = [NetState(phase=Phase.Name(each), level=level, stage=stages) for each in phases]
    if phase is not None:
        net = filter_layers(net, states[0])
    elif not any(layer.include or layer.exclude for layer in net.layer):
        states = states[1:]  # they are alike
    found = shapes_of(net, states, inputs) if shapes else Shapes()
    graph = build(net, found.text, lr_mult=lr_mult, one_phase=phase is not None)
    graph.notes = found.notes
    count = len(net.layer)
    facts = [f"{Phase.Name(phase)} phase"] if phase is not None else []
    facts.append(f"{count} layer{'s' if count != 1 else ''}")
    if found.parameters is not None:
        facts.append(f"{found.parameters:,} parameters")
    graph.subtitle = ", ".join(facts)
    return graph
