"""How a net is run: which layers as one, by which bodies, and which blobs in one memory.

The decisions are made elsewhere, each by itself: ``fusion`` divides the layers, ``buffers`` the
memory, and ops choose bodies by size. Here they are brought together to be seen.
"""

from __future__ import annotations

from dataclasses import dataclass

from minicaffe.blob import Blob
from minicaffe.buffers import share_data, share_diffs
from minicaffe.net import Net


@dataclass(frozen=True)
class PlannedTop:
    """A blob that a stage makes.

    Attributes:
        name: of the blob.
        shape: of the blob.
        data: number of the memory that its data lies in, from 1.
        diff: likewise; 0 where there is no gradient for it.
    """

    name: str
    shape: tuple[int, ...]
    data: int
    diff: int


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
        data: bytes of the blobs' data.
        diffs: bytes of their gradients.
        data_saved, diffs_saved: bytes that shared memory saves, no longer in those two.
    """

    stages: list[PlannedStage]
    data: int
    diffs: int
    data_saved: int
    diffs_saved: int


def plan(net: Net) -> Plan:
    """How ``net`` is run by a command: for training where something learns, else forward alone.

    From then on its blobs share memory.
    """
    trains = any(step.needs_backward for step in net.steps)
    diffs_saved = share_diffs(net) if trains else 0
    data_saved = 0 if trains else share_data(net)
    wanted = {
        id(blob)
        for step in net.steps
        for blob, down in zip(step.bottom, step.propagate_down, strict=True)
        if down
    }
    data, diffs = _Numbers(0), _Numbers(1)
    stages = []
    for stage in net.stages:
        last = stage.steps[-1]
        tops = [
            PlannedTop(
                name,
                blob.shape,
                data.number(blob),
                diffs.number(blob) if id(blob) in wanted else 0,
            )
            for name, blob in zip(last.top_names, last.top, strict=True)
        ]
        for step in stage.steps[:-1]:  # what a layer that works in place has a top of its own for
            for blob in step.top:
                data.number(blob)
        bodies: dict[str, str] = {}
        for step in stage.steps:
            bodies.update(step.layer.bodies(step.bottom, step.top))
        names = [step.name for step in stage.steps]
        types = [step.layer.type for step in stage.steps]
        stages.append(PlannedStage(names, types, bodies, tops))
    size = net.dtype.itemsize
    return Plan(stages, data.total * size, diffs.total * size, data_saved, diffs_saved)


class _Numbers:
    """Memories, numbered as they are met; the data's (0) or the gradients' (1)."""

    def __init__(self, which: int) -> None:
        self._which = which
        self._sizes: dict[int, int] = {}

    def number(self, blob: Blob) -> int:
        key = id(blob.memories[self._which])
        self._sizes[key] = max(self._sizes.get(key, 0), blob.count)
        return list(self._sizes).index(key) + 1

    @property
    def total(self) -> int:
        """Elements of all."""
        return sum(self._sizes.values())


def bodies_text(bodies: dict[str, str]) -> str:
    """``winograd``, or ``forward winograd, weight gradient columns`` where they differ."""
    names = set(bodies.values())
    if len(names) == 1:
        return names.pop()
    return ", ".join(f"{what} {name}" for what, name in bodies.items())
