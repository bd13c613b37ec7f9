"""Threads: edges over several rows, cut into segments from row to row.

A blob that several layers read is one thread that each of them branches off from, so that a blob
read in ten rows takes one lane of the picture, not ten.

After: K. Sugiyama et al., 1981 (dummy nodes); the joint thread is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minicaffe.drawing.graph import Edge


@dataclass(frozen=True)
class Segment:
    """A step of a thread, from a node to one in the next row; ``blob`` is what runs in it."""

    upper: int
    lower: int
    blob: str


@dataclass
class Threads:
    """Nodes in rows, joined from row to row.

    Attributes:
        ranks: the row of each node: first the boxes, then the bends of the threads.
        segments: what joins them, each once.
        paths: for each edge, the nodes that it passes, and its own first segment: those before
            belong to an edge drawn earlier.
    """

    ranks: list[int]
    segments: list[Segment]
    paths: list[tuple[Edge, list[int], int]]

    @property
    def rows(self) -> list[list[int]]:
        """The nodes of each row, as they were made."""
        rows: list[list[int]] = [[] for _ in range(max(self.ranks, default=-1) + 1)]
        for node, rank in enumerate(self.ranks):
            rows[rank].append(node)
        return rows


def thread(edges: Sequence[Edge], ranks: Sequence[int]) -> Threads:
    """The threads of ``edges`` between boxes in rows ``ranks``."""
    result = Threads(list(ranks), [], [])
    blobs: dict[tuple[int, str], list[Edge]] = {}
    for edge in edges:
        blobs.setdefault((edge.source, edge.blob), []).append(edge)
    for (source, blob), readers in blobs.items():
        lane = [source]
        for edge in sorted(readers, key=lambda edge: ranks[edge.target]):
            own = len(lane) - 1
            while ranks[source] + len(lane) < ranks[edge.target]:
                node = len(result.ranks)
                result.ranks.append(ranks[source] + len(lane))
                result.segments.append(Segment(lane[-1], node, blob))
                lane.append(node)
            result.segments.append(Segment(lane[-1], edge.target, blob))
            result.paths.append((edge, [*lane, edge.target], own))
    return result
