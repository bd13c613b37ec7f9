"""Plan: where boxes and threads stand, along a row and across the rows.

The direction of the picture is no concern here, but for whether rows are rows or columns: boxes
are as wide as they are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from minicaffe.drawing.graph import Box, Graph
from minicaffe.drawing.order import order
from minicaffe.drawing.picture import Point
from minicaffe.drawing.place import Link, place
from minicaffe.drawing.ranks import rank
from minicaffe.drawing.sections import sections_of, size_of
from minicaffe.drawing.straight import Tie, straighten
from minicaffe.drawing.text import shortened, width
from minicaffe.drawing.threads import Segment, Threads, thread

LABEL = 10.5  # size of the labels of blobs

_GAP = 13.0  # on each side of a box
_LANE = 7.0  # on each side of a thread
_ROWS = 26.0  # between rows
_SLOPE = 0.09  # more between them, where an edge goes far along
_PORTS = 22.0  # between edges that enter a box
_LONGEST = 48  # characters of a label
_WEIGHTS = (1.0, 12.0, 12.0, 12.0)  # of segments that may bend, to those that should not


class Plan:
    """A layout along and across, from 0; the boxes' own sizes are turned to fit.

    Attributes:
        along: the coordinate of each node's centre.
        across: where each box begins.
        low, high: where each row begins and ends, labels included.
    """

    def __init__(self, graph: Graph, *, upright: bool) -> None:
        self.graph, self.upright = graph, upright
        edges = [(edge.source, edge.target) for edge in graph.edges]
        self.threads = thread(graph.edges, rank(len(graph.boxes), edges))
        self.sections = [sections_of(box) for box in graph.boxes]
        self.labels = _labels(graph)
        self.ports: dict[tuple[int, str], float] = {}
        self.entries: dict[Segment, float] = {}
        self.sizes = [size_of(sections) for sections in self.sections]
        above, below = _neighbours(self.threads)
        self.rows = order(self.threads.rows, above, below)
        self._set_ports()
        self._set_entries()
        self._set_along()
        self._set_across()

    def _set_ports(self) -> None:
        """Where blobs leave each box: in the order of their readers, with room for labels."""
        spots = _spots(self.rows)
        readers: dict[tuple[int, str], list[int]] = defaultdict(list)
        for segment in self.threads.segments:
            readers[segment.upper, segment.blob].append(spots[segment.lower])
        for index, box in enumerate(self.graph.boxes):
            used = [name for name in box.ports if (index, name) in readers]
            used.sort(key=lambda name: sum(readers[index, name]) / len(readers[index, name]))
            steps = [self._label_room(index, name) for name in used]
            total = sum(steps[:-1])
            for number, name in enumerate(used):
                self.ports[index, name] = sum(steps[:number]) - total / 2
            wide, high = self.sizes[index]
            if self.upright:
                self.sizes[index] = max(wide, total + 30), high
            else:
                self.sizes[index] = wide, max(high, total + 24)

    def _label_room(self, index: int, name: str) -> float:
        text = self.labels.get((index, name), "")
        return max(24.0, width(text, LABEL) + 18) if self.upright else 18.0

    def _set_entries(self) -> None:
        """Where blobs enter each box: in the order in which they come."""
        spots = _spots(self.rows)
        comers: dict[int, list[Segment]] = defaultdict(list)
        for segment in self.threads.segments:
            comers[segment.lower].append(segment)
        boxes = len(self.graph.boxes)
        for node, segments in comers.items():
            port = self.ports
            segments.sort(key=lambda s: (spots[s.upper], port.get((s.upper, s.blob), 0.0)))
            count = len(segments)
            real = [i for i, segment in enumerate(segments) if segment.upper < boxes]
            middle = real[0] if len(real) == 1 and count == 2 else (count - 1) / 2
            reach = max(middle, count - 1 - middle)
            room = self.sizes[node][0 if self.upright else 1] / 2 - 8 if node < boxes else 0.0
            step = min(_PORTS, room / reach) if reach else 0.0
            for i, segment in enumerate(segments):
                self.entries[segment] = (i - middle) * step

    def _set_along(self) -> None:
        above: list[list[Link]] = [[] for _ in self.threads.ranks]
        below: list[list[Link]] = [[] for _ in self.threads.ranks]
        ties = []
        strengths = _strengths(self.threads, len(self.graph.boxes))
        for segment, strength in zip(self.threads.segments, strengths, strict=True):
            offset = self.ports.get((segment.upper, segment.blob), 0.0) - self.entries[segment]
            weight = _WEIGHTS[strength]
            ties.append(Tie(segment.upper, segment.lower, offset, strength, weight))
            above[segment.lower].append((segment.upper, offset, weight))
            below[segment.upper].append((segment.lower, -offset, weight))
        room = [self._room(node) for node in range(len(self.threads.ranks))]
        along = straighten(self.rows, room, ties, place(self.rows, room, above, below))
        start = min((x - before for x, (before, _) in zip(along, room, strict=True)), default=0.0)
        self.along = [x - start for x in along]
        self.length = max((x + r[1] for x, r in zip(self.along, room, strict=True)), default=0.0)

    def _room(self, node: int) -> tuple[float, float]:
        if node >= len(self.graph.boxes):
            return _LANE, _LANE
        half = self.sizes[node][0 if self.upright else 1] / 2
        labels = [
            self.ports[node, name] + 5 + width(self.labels[node, name], LABEL)
            for name in (self.graph.boxes[node].ports if self.upright else ())
            if (node, name) in self.labels
        ]
        return half + _GAP, max([half, *labels]) + _GAP

    def _set_across(self) -> None:
        self.low: list[float] = []
        self.high: list[float] = []
        self.across = [0.0] * len(self.graph.boxes)
        leaps = self._leaps()
        y = 0.0
        for number, row in enumerate(self.rows):
            boxes = [node for node in row if node < len(self.graph.boxes)]
            size = 1 if self.upright else 0
            thick = max((self.sizes[node][size] for node in boxes), default=0.0)
            for node in boxes:
                self.across[node] = y + (thick - self.sizes[node][size]) / 2
            labels = [
                self._label_length(node, name) + self.across[node] + self.sizes[node][size]
                for node in boxes
                for name in self.graph.boxes[node].ports
            ]
            self.low.append(y)
            self.high.append(max([y + thick, *labels]))
            y = self.high[-1] + _ROWS + min(120.0, _SLOPE * leaps[number])
        self.depth = self.high[-1] if self.high else 0.0

    def _label_length(self, node: int, name: str) -> float:
        text = self.labels.get((node, name), "")
        return (LABEL + 4 if self.upright else width(text, LABEL) + 10) if text else 0.0

    def _leaps(self) -> list[float]:
        """How far along an edge goes at most, below each row."""
        leaps = [0.0] * len(self.rows)
        for segment in self.threads.segments:
            ends = self.leaves(segment), self.enters(segment)
            number = self.threads.ranks[segment.upper]
            leaps[number] = max(leaps[number], abs(ends[0] - ends[1]))
        return leaps

    def leaves(self, segment: Segment) -> float:
        """Where ``segment`` begins, along."""
        return self.along[segment.upper] + self.ports.get((segment.upper, segment.blob), 0.0)

    def enters(self, segment: Segment) -> float:
        """Where ``segment`` ends, along."""
        return self.along[segment.lower] + self.entries[segment]

    def way(self, nodes: Sequence[int], blob: str, first: int) -> list[tuple[Point, ...]]:
        """The steps of a path from its node ``first`` on; the first of them is a point."""
        source, target = nodes[0], nodes[-1]
        size = 1 if self.upright else 0
        steps: list[tuple[Point, ...]] = []
        for number in range(first, len(nodes) - 1):
            segment = Segment(nodes[number], nodes[number + 1], blob)
            a, b = self.leaves(segment), self.enters(segment)
            row = self.threads.ranks[segment.upper]
            if not steps:
                steps.append(((a, self.high[row]),))
                if number == 0:
                    steps = [((a, self.across[source] + self.sizes[source][size]),)]
            if abs(a - b) > 0.5:
                top, bottom = self.high[row], self.low[row + 1]
                middle = (top + bottom) / 2
                _line(steps, (a, top))
                steps.append(((a, middle), (b, middle), (b, bottom)))
            if segment.lower != target:
                _line(steps, (b, self.high[row + 1]))
            else:
                _line(steps, (b, self.across[target]))
        return steps


def _line(steps: list[tuple[Point, ...]], end: Point) -> None:
    """Go on straight to ``end``; two lines in one direction are one."""
    start = steps[-1][-1]
    if abs(start[1] - end[1]) < 1e-6:
        return
    if len(steps) > 1 and len(steps[-1]) == 1 and abs(start[0] - end[0]) <= 0.5:
        steps[-1] = (end,)
    else:
        steps.append((end,))


def _labels(graph: Graph) -> dict[tuple[int, str], str]:
    """What is written at each port; at an output, the box of the output says it."""
    shown = {(e.source, e.blob) for e in graph.edges if not graph.boxes[e.target].is_output}
    labels = {}
    for index, box in enumerate(graph.boxes):
        for name, shape in box.ports.items():
            text = shape if _is_plain(box, name) else f"{shortened(name, _LONGEST)} {shape}".strip()
            if (index, name) in shown and text:
                labels[index, name] = text
    return labels


def _is_plain(box: Box, name: str) -> bool:
    """The blob has the name of its only layer, as most have: its shape says more."""
    return list(box.ports) == [name] and name == box.parts[0].name


def _neighbours(threads: Threads) -> tuple[list[list[int]], list[list[int]]]:
    above: list[list[int]] = [[] for _ in threads.ranks]
    below: list[list[int]] = [[] for _ in threads.ranks]
    for segment in threads.segments:
        above[segment.lower].append(segment.upper)
        below[segment.upper].append(segment.lower)
    return above, below


def _spots(rows: Sequence[Sequence[int]]) -> dict[int, int]:
    return {node: spot for row in rows for spot, node in enumerate(row)}


def _strengths(threads: Threads, boxes: int) -> list[int]:
    """How straight each segment should be: 0, that it may bend, to 3.

    Chains of layers first, past which others may branch off and come back; then long threads,
    up to where they end or fork.
    """
    direct = [(s.upper, s.lower) for s in threads.segments if max(s.upper, s.lower) < boxes]
    leaving, entering = Counter(s for s, _ in direct), Counter(t for _, t in direct)
    every = Counter(segment.upper for segment in threads.segments)
    merged = Counter(segment.lower for segment in threads.segments)
    result = []
    for segment in threads.segments:
        ends = (segment.upper < boxes) + (segment.lower < boxes)
        chain = ends == 2 and leaving[segment.upper] == 1 == entering[segment.lower]
        chain = chain and merged[segment.lower] <= 2  # of many that join, none is the first
        lane = segment.lower >= boxes and (ends == 0 or every[segment.upper] == 1)
        result.append(3 if chain else 2 - ends if lane else 0)
    return result
