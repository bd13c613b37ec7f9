"""Parameters side by side in a GPU's memory, so that one launch does for many of them.

To launch a kernel takes longer than what it does to a bias. So all gradients are cleared together,
and a rule that treats each element by itself takes parameters with the same factors as one.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from minicaffe.blob import Blob, Memory
from minicaffe.buffers import DATA, DIFF, Arena, gather
from minicaffe.device import Array
from minicaffe.solvers import Slot

if TYPE_CHECKING:
    from minicaffe.solver import Solver


class Gathered:
    """The parameters of a solver's net that learn, with gradients and what the rule remembers.

    Where one has been given other memory since, it is seen to by itself.
    """

    def __init__(self, solver: Solver) -> None:
        self._net = solver.net
        groups: dict[tuple[float, float], list[Slot]] = defaultdict(list)
        for slot in solver.slots:
            if slot.lr_mult:
                groups[slot.lr_mult, slot.decay_mult].append(slot)
        learned = [slot for group in groups.values() for slot in group]
        self._diffs, starts = gather(solver.net, DIFF, [slot.blob for slot in learned])
        self._places = {slot.blob: (slot.blob.memories[DIFF], slot.blob.count) for slot in learned}
        self._groups: list[_Group] = []
        if learned and solver.rule.elementwise:
            data = _gather_data(solver, learned)
            histories = _gather_histories(solver, learned, starts, data.size)
            places = dict(zip(map(id, learned), starts, strict=True))  # of data as of gradients
            for group in groups.values():
                part = slice(places[id(group[0])], places[id(group[-1])] + group[-1].blob.count)
                self._groups.append(_Group(group, part, data, self._diffs, histories))

    def clear(self) -> None:
        """Set all gradients to zero; one that nobody has asked for is that already."""
        if self._diffs.array is not None:
            self._diffs.array.fill(0)
        for param in self._net.params:
            blob = param.blob
            if self._places.get(blob) != (blob.memories[DIFF], blob.count) and blob.has_diff:
                blob.diff[...] = 0

    def slots(self, solver: Solver) -> list[Slot]:
        """Those of ``solver``, and in place of many one that spans them all."""
        if not solver.rule.elementwise:
            return solver.slots
        whole = [group for group in self._groups if group.is_whole()]
        for group in whole:
            group.see(self._diffs)
        spanned = {id(slot) for group in whole for slot in group.slots}
        single = [slot for slot in solver.slots if id(slot) not in spanned]
        return [*(group.slot for group in whole), *single]


class _Group:
    """Slots with the same factors, one behind the other.

    Attributes:
        slots: they.
        slot: all of them as one.
    """

    def __init__(
        self, slots: list[Slot], part: slice, data: Arena, diffs: Arena, histories: list[Array]
    ) -> None:
        self.slots = slots
        self._key = slots[0].lr_mult, slots[0].decay_mult
        self._known = [_parts(slot) for slot in slots]
        blob = Blob(data.device, (part.stop - part.start,), slots[0].blob.dtype)
        blob.set_data(data.array[part])
        blob.move(DIFF, _Late(diffs, part.start))
        self.slot = Slot(blob, [array[part] for array in histories], *self._key)

    def see(self, diffs: Arena) -> None:
        """Someone may have asked for a gradient: then there is one of all."""
        if diffs.array is not None:
            _ = self.slot.blob.diff

    def is_whole(self) -> bool:
        """All are where they were put, and have the same factors still."""
        return all(
            (slot.lr_mult, slot.decay_mult) == self._key
            and all(a is b for a, b in zip(_parts(slot), known, strict=True))
            for slot, known in zip(self.slots, self._known, strict=True)
        )


class _Late(Memory):
    """A part of an arena that gets its memory with the first of those who share it."""

    __slots__ = ("_arena", "_start")

    def __init__(self, arena: Arena, start: int) -> None:
        super().__init__()
        self._arena, self._start = arena, start

    def fit(self, blob: Blob) -> Array:
        """The place in the arena."""
        if self.array is None:
            self.array = self._arena.part(self._start, blob.count)
        return self.array


def _parts(slot: Slot) -> tuple[object, ...]:
    """What would be other objects if its arrays were elsewhere."""
    data, diff = slot.blob.memories
    return data, data.array, diff, slot.blob.shape, *slot.history


def _gather_data(solver: Solver, slots: list[Slot]) -> Arena:
    before = [slot.blob.data for slot in slots]
    arena, _ = gather(solver.net, DATA, [slot.blob for slot in slots])
    for slot, values in zip(slots, before, strict=True):
        slot.blob.data[...] = values
    return arena


def _gather_histories(
    solver: Solver, slots: list[Slot], starts: list[int], size: int
) -> list[Array]:
    """Arrays of ``size`` elements, in which those of ``slots`` lie as their data does."""
    wholes = [solver.device.zeros(size, solver.net.dtype) for _ in range(solver.rule.num_history)]
    for slot, start in zip(slots, starts, strict=True):
        for index, whole in enumerate(wholes):
            part = whole[start : start + slot.blob.count].reshape(slot.blob.shape)
            part[...] = slot.history[index]
            slot.history[index] = part
    return wholes
