"""How a net is run: which layers as one, by which bodies, and which blobs in one memory.

The decisions are made elsewhere, each by itself: ``fusion`` divides the layers, ``buffers`` the
memory, and ops choose bodies by size. Here they are brought together to be seen.
"""

from __future__ import annotations

from dataclasses import dataclass

from minicaffe.blob import Blob
from minicaffe.buffers import DATA, DIFF, Piece, share_all, share_data
from minicaffe.net import Net


@dataclass(frozen=True)
class PlannedTop:
    """A blob that a stage makes.

    Attributes:
        name: of the blob.
        shape: of the blob.
        data: where in the arena its data lies, in bytes; None where it has memory of its own.
        diff: likewise; None also where there is no gradient for it.
    """

    name: str
    shape: tuple[int, ...]
    data: int | None
    diff: int | None


@dataclass(frozen=True)
class PlannedStage:
    """Layers that run together.

    Attributes:
        layers: their names, in order.
        types: theirs.
        bodies: what is chosen by size, "forward" to "winograd" say.
        tops: what is left of them for others.
    """

    layers: list[str]
    types: list[str]
    bodies: dict[str, str]
    tops: list[PlannedTop]


@dataclass(frozen=True)
class Plan:
    """How a net is run.

    Attributes:
        stages: in order.
        arena: bytes of the memory that blobs share.
        saved: bytes that they would need besides if each had its own.
    """

    stages: list[PlannedStage]
    arena: int
    saved: int


def plan(net: Net) -> Plan:
    """How ``net`` is run by a command: for training where something learns, else forward alone.

    From then on its blobs share memory.
    """
    trains = any(step.needs_backward for step in net.steps)
    arena = share_all(net) if trains else share_data(net)
    stages = []
    for stage in net.stages:
        last = stage.steps[-1]
        tops = [
            PlannedTop(name, blob.shape, _place(blob, DATA), _place(blob, DIFF))
            for name, blob in zip(last.top_names, last.top, strict=True)
        ]
        bodies: dict[str, str] = {}
        for step in stage.steps:
            bodies.update(step.layer.bodies(step.bottom, step.top))
        names = [step.name for step in stage.steps]
        types = [step.layer.type for step in stage.steps]
        stages.append(PlannedStage(names, types, bodies, tops))
    return Plan(stages, arena.size * net.dtype.itemsize, arena.saved)


def _place(blob: Blob, which: int) -> int | None:
    memory = blob.memories[which]
    return memory.offset * blob.dtype.itemsize if isinstance(memory, Piece) else None


def bodies_text(bodies: dict[str, str]) -> str:
    """``winograd``, or ``forward winograd, weight gradient columns`` where they differ."""
    names = set(bodies.values())
    if len(names) == 1:
        return names.pop()
    return ", ".join(f"{what} {name}" for what, name in bodies.items())
