"""Layout: a graph as a picture. A plan's ``along`` and ``across`` become x and y."""

from __future__ import annotations

from minicaffe.drawing.graph import Graph
from minicaffe.drawing.heading import heading
from minicaffe.drawing.picture import Curve, Line, Picture, PlacedBox, PlacedText, Point
from minicaffe.drawing.plan import LABEL, Plan

DIRECTIONS = ("TB", "BT", "LR", "RL")
MARGIN = 20.0


def lay_out(graph: Graph, direction: str = "TB") -> Picture:
    """``graph`` as a picture whose edges go in ``direction``, one of ``DIRECTIONS``."""
    plan = Plan(graph, upright=direction in ("TB", "BT"))
    return _turned(plan, direction)


def _turned(plan: Plan, direction: str) -> Picture:
    """The picture of ``plan``: along and across become x and y."""
    graph = plan.graph
    inner = (plan.length, plan.depth) if plan.upright else (plan.depth, plan.length)
    head = heading(graph, inner[0], MARGIN)
    left = MARGIN + max(0.0, head.width - inner[0]) / 2
    flip = direction in ("BT", "RL")

    def point(along: float, across: float) -> Point:
        across = plan.depth - across if flip else across
        x, y = (along, across) if plan.upright else (across, along)
        return x + left, y + head.height

    boxes = []
    for index in range(len(graph.boxes)):
        wide, high = plan.sizes[index]
        half, thick = (wide / 2, high) if plan.upright else (high / 2, wide)
        one = point(plan.along[index] - half, plan.across[index])
        two = point(plan.along[index] + half, plan.across[index] + thick)
        x, y = min(one[0], two[0]), min(one[1], two[1])
        boxes.append(PlacedBox(index, x, y, wide, high, plan.sections[index]))
    curves = []
    for edge, nodes, own in plan.threads.paths:
        first, *steps = plan.way(nodes, edge.blob, own)
        turned = tuple(tuple(point(*each) for each in step) for step in steps)
        curves.append(Curve(edge.source, edge.target, edge.blob, point(*first[0]), turned))
    labels = []
    for (index, name), text in plan.labels.items():
        size = plan.sizes[index][1 if plan.upright else 0]
        x, y = point(plan.along[index] + plan.ports[index, name], plan.across[index] + size)
        dx = -5 if direction == "RL" else 5
        dy = {"TB": LABEL + 1, "BT": -5}.get(direction, -4)
        anchor = "end" if direction == "RL" else "start"
        labels.append(PlacedText(x + dx, y + dy, Line(text, LABEL, faint=True), anchor))
    return Picture(
        name=graph.title,
        width=max(inner[0], head.width) + 2 * MARGIN,
        height=inner[1] + head.height + MARGIN,
        boxes=tuple(boxes),
        curves=tuple(curves),
        texts=head.texts,
        labels=tuple(labels),
        swatches=head.swatches,
    )
