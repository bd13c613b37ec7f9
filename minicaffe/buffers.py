"""Blobs that lie in the same memory, since one is not needed while the other is.

For nets whose blobs nobody looks into between the layers: a command's, not a notebook's. After a
pass only outputs, inputs and what is kept by name still hold what they held.

A net becomes one arena: each array has a time from which and up to which it is needed, and a
place in it that no other has at that time, found greedily, the largest first (Y. Pisarchyk,
J. Lee, "Efficient memory management for deep neural net inference", 2020). Gradients then lie
where the data of later layers was, which backward has done with.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from minicaffe.backward import Step
from minicaffe.blob import Blob, Memory
from minicaffe.device import Array, Device
from minicaffe.net import Net

APART = 1024  # bytes between two arrays: see Device.zeros

DATA, DIFF = 0, 1


@dataclass
class Life:
    """An array's time: from the first to the last stage at work with it, as they run.

    Attributes:
        which: DATA or DIFF.
        memory: that of the blobs that lie there.
        size: elements.
        birth, death: both included.
        offset: elements from the arena's start, once it has a place.
    """

    which: int
    memory: Memory
    size: int
    birth: int
    death: int
    offset: int = 0


@dataclass
class Arena:
    """One array for many blobs; it takes memory when the first of them does.

    Attributes:
        size: elements.
        saved: bytes that would be needed besides if each array had its own.
    """

    device: Device
    dtype: object
    size: int = 0
    saved: int = 0
    array: Array = field(default=None, repr=False)

    def part(self, offset: int, size: int) -> Array:
        """``size`` elements from ``offset`` on."""
        if self.array is None:
            self.array = self.device.zeros(self.size, self.dtype)  # type: ignore[arg-type]
        return self.array[offset : offset + size]


class Piece(Memory):
    """A part of an arena; a blob that outgrows it gets memory of its own.

    Attributes:
        offset: elements from the arena's start.
    """

    __slots__ = ("_arena", "_size", "offset")

    def __init__(self, arena: Arena, life: Life) -> None:
        super().__init__()
        self.sharers = life.memory.sharers
        self._arena, self.offset, self._size = arena, life.offset, life.size

    def fit(self, blob: Blob) -> Array:
        """At least ``blob.count`` elements: the place in the arena, as long as they fit."""
        if self.array is None:
            self.array = self._arena.part(self.offset, self._size)
        return super().fit(blob)


def share_diffs(net: Net) -> Arena:
    """Let gradients of blobs share memory; those of parameters, inputs and losses stay apart."""
    return _share(net, _diffs(net))


def share_data(net: Net, keep: Collection[str] = ()) -> Arena:
    """Let blobs share memory in a net that never runs backward.

    Args:
        net: any; what has no bottoms, and what no layer reads, stays apart.
        keep: names of blobs that are read after a pass.
    """
    return _share(net, _data(net, keep, backward=False))


def gather(net: Net, which: int, blobs: Iterable[Blob]) -> tuple[Arena, list[int]]:
    """Put the data or the gradients of ``blobs`` side by side, in their order.

    What they held stays behind.

    Returns:
        Where they are, and at which element of it each starts.
    """
    arena, lives = Arena(net.device, net.dtype), []
    apart = APART // net.dtype.itemsize
    for blob in blobs:
        lives.append(Life(which, blob.memories[which], blob.count, 0, 0, arena.size))
        arena.size += -(-blob.count // apart) * apart
    _move(net, lives, arena)
    return arena, [life.offset for life in lives]


class Span(NamedTuple):
    """When the gradient of a parameter is needed.

    Attributes:
        blob: the parameter, or a part of it that is a blob of its own.
        first: of the stages that have use for the gradient; backward leaves it last.
        last: likewise.
    """

    blob: Blob
    first: int
    last: int


def share_all(net: Net, params: Iterable[Span] = ()) -> Arena:
    """Let data and gradients share memory, in a net whose whole passes alone are run.

    Not for one whose layers are run one by one: they may read what stages do not.

    Args:
        net: any.
        params: parameters whose gradients are not needed but then; those of others stay apart.
    """
    net.is_lean = True
    params = list(params)
    lives = [*_data(net, (), backward=True), *_diffs(net)]
    for blob, first, last in params:
        born, dies = _when_back(net, last), _when_back(net, first)
        lives.append(Life(DIFF, blob.memories[DIFF], blob.count, born, dies))
    return _share(net, lives, [span.blob for span in params])


class _Lives:
    """Lives by memory; one that is read before it is written is somebody else's."""

    def __init__(self, which: int, kept: Iterable[Blob]) -> None:
        self._which = which
        self._kept = {id(blob.memories[which]) for blob in kept}
        self._lives: dict[int, Life] = {}

    def use(self, blob: Blob, now: int, *, writes: bool) -> None:
        memory = blob.memories[self._which]
        key = id(memory)
        if key in self._kept:
            return
        if key not in self._lives:
            if not writes:
                self._kept.add(key)
                return
            self._lives[key] = Life(self._which, memory, 0, now, now)
        life = self._lives[key]
        life.size, life.death = max(life.size, blob.count), now

    def __iter__(self) -> Iterator[Life]:
        return (life for life in self._lives.values() if life.size)


def _diffs(net: Net) -> Iterable[Life]:
    lives = _Lives(DIFF, [net.blobs[name] for name in net.inputs])
    for index, stage in reversed(list(enumerate(net.stages))):
        now = _when_back(net, index)
        for step in reversed(stage.steps):
            if not step.needs_backward:
                continue
            for blob in step.top:  # what nobody has written is the caller's, or a loss's
                lives.use(blob, now, writes=False)
            for blob, wanted in zip(step.bottom, step.propagate_down, strict=True):
                if wanted:
                    lives.use(blob, now, writes=True)
    return lives


def _data(net: Net, keep: Collection[str], *, backward: bool) -> Iterable[Life]:
    kept = [net.blobs[name] for name in [*net.outputs, *keep]]
    kept += [blob for step in net.steps if not step.bottom for blob in step.top]
    kept += [blob for step in net.steps for blob in step.layer.blobs]
    lives = _Lives(DATA, kept)
    for now, stage in enumerate(net.stages):
        for step in stage.steps:
            for blob in step.bottom:
                lives.use(blob, now, writes=False)
            for blob in step.top:
                lives.use(blob, now, writes=True)
    for index, stage in reversed(list(enumerate(net.stages if backward else ()))):
        if stage.needs_backward:
            for blob in stage.read_backward():
                lives.use(blob, _when_back(net, index), writes=False)
    return lives


def _when_back(net: Net, index: int) -> int:
    """When stage ``index`` runs backward, where it runs forward at ``index``."""
    return 2 * len(net.stages) - 1 - index


def _share(net: Net, lives: Iterable[Life], others: Iterable[Blob] = ()) -> Arena:
    """Give ``lives`` places in an arena; ``others`` are blobs that are in no layer."""
    arena = Arena(net.device, net.dtype)
    lives = list(lives)
    arena.size = _place(lives, APART // net.dtype.itemsize)
    arena.saved = (sum(life.size for life in lives) - arena.size) * net.dtype.itemsize
    if arena.saved <= 0:
        return Arena(net.device, net.dtype)
    _move(net, lives, arena, others)
    return arena


def _move(net: Net, lives: Iterable[Life], arena: Arena, others: Iterable[Blob] = ()) -> None:
    blobs = _blobs_by_memory(net.steps, others)
    for life in lives:
        piece = Piece(arena, life)
        for blob in blobs[life.which, id(life.memory)]:
            blob.move(life.which, piece)


def _place(lives: list[Life], apart: int) -> int:
    """Give each life its offset.

    Returns:
        Elements of all.
    """
    placed: list[Life] = []  # by offset
    for life in sorted(lives, key=lambda life: -life.size):
        start = 0
        for other in placed:
            if other.death < life.birth or life.death < other.birth:
                continue
            if start + life.size + apart <= other.offset:
                break
            start = max(start, other.offset + other.size + apart)
        life.offset = -(-start // apart) * apart
        insort(placed, life, key=lambda life: life.offset)
    return max((life.offset + life.size for life in lives), default=0)


def _blobs_by_memory(
    steps: Iterable[Step], others: Iterable[Blob]
) -> dict[tuple[int, int], list[Blob]]:
    found: dict[tuple[int, int], dict[int, Blob]] = defaultdict(dict)
    blobs = [blob for step in steps for blob in (*step.bottom, *step.top, *step.layer.blobs)]
    for blob in [*blobs, *others]:
        for which in (DATA, DIFF):
            found[which, id(blob.memories[which])][id(blob)] = blob
    return {key: list(blobs.values()) for key, blobs in found.items()}
