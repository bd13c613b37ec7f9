"""Blobs that lie in the same memory, since none is needed while another is.

For nets whose blobs nobody looks into between the layers: a command's, not a notebook's. After a
pass only the outputs, the inputs and what is kept by name still hold what they held.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from minicaffe.blob import Blob, Memory
from minicaffe.net import Net


@dataclass
class Life:
    """When a memory holds something.

    Attributes:
        memory: where it is.
        size: elements.
        birth, death: the first and the last stage at work with it, in the order in which they run.
    """

    memory: Memory
    size: int
    birth: int
    death: int


def share_diffs(net: Net) -> int:
    """Let gradients of blobs share memory; those of parameters, inputs and losses stay apart.

    Returns:
        Bytes saved.
    """
    kept = {id(net.blobs[name].memories[1]) for name in net.inputs}
    lives: dict[int, Life] = {}
    order = list(reversed(net.stages))
    for now, stage in enumerate(order):
        for step in reversed(stage.steps):
            if not step.needs_backward:
                continue
            for blob in step.top:  # read: what nobody has written is the caller's, or a loss's
                _use(lives, kept, blob, 1, now, writes=False)
            for blob, wanted in zip(step.bottom, step.propagate_down, strict=True):
                if wanted:
                    _use(lives, kept, blob, 1, now, writes=True)
    return _share(net, lives.values(), 1)


def share_data(net: Net, keep: Collection[str] = ()) -> int:
    """Let blobs share memory in a net that never runs backward.

    Args:
        net: any; what has no bottoms, and what no layer reads, stays apart.
        keep: names of blobs that are read after a pass.

    Returns:
        Bytes saved.
    """
    kept = {id(net.blobs[name].memories[0]) for name in [*net.outputs, *keep]}
    kept |= {id(blob.memories[0]) for step in net.steps if not step.bottom for blob in step.top}
    kept |= {id(blob.memories[0]) for step in net.steps for blob in step.layer.blobs}
    lives: dict[int, Life] = {}
    for now, stage in enumerate(net.stages):
        for step in stage.steps:
            for blob in step.bottom:
                _use(lives, kept, blob, 0, now, writes=False)
            for blob in step.top:
                _use(lives, kept, blob, 0, now, writes=True)
    return _share(net, lives.values(), 0)


def _use(
    lives: dict[int, Life], kept: set[int], blob: Blob, which: int, now: int, *, writes: bool
) -> None:
    memory = blob.memories[which]
    key = id(memory)
    if key in kept:
        return
    if key not in lives:
        if not writes:
            kept.add(key)
            return
        lives[key] = Life(memory, 0, now, now)
    life = lives[key]
    life.size, life.death = max(life.size, blob.count), now


def _share(net: Net, lives: Iterable[Life], which: int) -> int:
    """Give each life one of as few memories as the greedy way needs: the best fit that is free."""
    blobs = defaultdict(list)
    for step in net.steps:
        for blob in [*step.bottom, *step.top]:
            blobs[id(blob.memories[which])].append(blob)
    before = after = 0
    busy: list[tuple[int, list[Life]]] = []  # size, and who has it, the present one last
    for life in sorted(lives, key=lambda life: life.birth):
        free = [place for place in busy if place[1][-1].death < life.birth]
        fits = [place for place in free if place[0] >= life.size]
        place = (
            min(fits, key=lambda p: p[0]) if fits else max(free, key=lambda p: p[0], default=None)
        )
        if place is None:
            busy.append((life.size, [life]))
        else:
            busy.remove(place)
            busy.append((max(place[0], life.size), [*place[1], life]))
        before += life.size
    for size, owners in busy:
        after += size
        for life in owners[1:]:
            for blob in blobs[id(life.memory)]:
                blob.move(which, owners[0].memory)
    return (before - after) * net.dtype.itemsize
