"""Straight lines: chains of layers and long threads get one coordinate from end to end.

After: U. Brandes, B. Koepf, "Fast and simple horizontal coordinate assignment", 2001 (nodes
aligned into blocks where no two alignments cross; blocks placed as far to one side as they go, and
placements averaged). Difference: the placements start from wishes, not from nothing.
"""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Room = Sequence[tuple[float, float]]
Rows = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Tie:
    """A wish that ``lower`` is at the coordinate of ``upper``, in the row before, plus ``offset``.

    Where ``strength`` is 0 it may bend; else, the strongest are granted first.
    """

    upper: int
    lower: int
    offset: float
    strength: int
    weight: float


_ROUNDS = 12


def straighten(rows: Rows, room: Room, ties: Sequence[Tie], x: Sequence[float]) -> list[float]:
    """Coordinates near ``x`` at which strong ties are kept exactly.

    The nodes keep their order, and their rooms do not overlap; ``x`` is to fulfil that already.
    """
    granted = _granted(rows, ties)
    block, shift = _blocks(len(x), granted)
    apart = _apart(rows, room, block, shift)
    order = _order(max(block, default=-1) + 1, apart)
    members: dict[int, list[int]] = defaultdict(list)
    for node, number in enumerate(block):
        members[number].append(node)
    wish = [0.0] * len(members)
    for number, nodes in members.items():
        wish[number] = sum(x[node] - shift[node] for node in nodes) / len(nodes)
    place = _nearest(wish, order, apart)
    loose = [tie for tie in ties if block[tie.upper] != block[tie.lower]]
    for _ in range(_ROUNDS):
        place = _nearest(_wishes(place, block, shift, loose), order, apart)
    return [place[number] + shift[node] for node, number in enumerate(block)]


def _granted(rows: Rows, ties: Sequence[Tie]) -> list[Tie]:
    """The strong ties that leave each node one neighbour up and one down, and do not cross."""
    spot = {node: (number, i) for number, row in enumerate(rows) for i, node in enumerate(row)}
    lines: dict[int, list[tuple[int, int]]] = defaultdict(list)
    result = []
    for tie in sorted((tie for tie in ties if tie.strength), key=lambda tie: -tie.strength):
        (row, upper), (_, lower) = spot[tie.upper], spot[tie.lower]
        at = bisect(lines[row], (upper, lower))
        left, right = lines[row][:at][-1:], lines[row][at : at + 1]
        if all(u < upper and v < lower for u, v in left) and all(
            u > upper and v > lower for u, v in right
        ):
            lines[row].insert(at, (upper, lower))
            result.append(tie)
    return result


def _blocks(count: int, granted: Sequence[Tie]) -> tuple[list[int], list[float]]:
    """The block of each node, and its coordinate in it."""
    up = {tie.lower: tie for tie in granted}
    down = {tie.upper: tie for tie in granted}
    block, shift = [-1] * count, [0.0] * count
    for number, head in enumerate(node for node in range(count) if node not in up):
        node, offset = head, 0.0
        while True:
            block[node], shift[node] = number, offset
            if node not in down:
                break
            offset += down[node].offset
            node = down[node].lower
    return block, shift


def _apart(
    rows: Rows, room: Room, block: Sequence[int], shift: Sequence[float]
) -> dict[tuple[int, int], float]:
    """How far the second of two blocks is behind the first at least, where they are neighbours."""
    apart: dict[tuple[int, int], float] = {}
    for row in rows:
        for one, two in pairwise(row):
            pair = block[one], block[two]
            least = room[one][1] + room[two][0] + shift[one] - shift[two]
            apart[pair] = max(least, apart.get(pair, least))
    return apart


def _order(count: int, apart: dict[tuple[int, int], float]) -> list[tuple[int, list[int]]]:
    """The blocks, each after those before it and with those; there is such an order, since blocks
    do not cross."""
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for one, two in apart:
        before[two].append(one)
        after[one].append(two)
    open_ = [len(each) for each in before]
    ready = [number for number in range(count) if not open_[number]]
    result = []
    while ready:
        number = ready.pop()
        result.append((number, before[number]))
        for other in after[number]:
            open_[other] -= 1
            if not open_[other]:
                ready.append(other)
    return result


def _nearest(
    wish: Sequence[float],
    order: Sequence[tuple[int, list[int]]],
    apart: dict[tuple[int, int], float],
) -> list[float]:
    """Places near ``wish`` that are apart: the mean of giving way to the right and to the left."""
    right, left = list(wish), list(wish)
    for number, before in order:
        for other in before:
            right[number] = max(right[number], right[other] + apart[other, number])
    for number, before in reversed(order):
        for other in before:
            left[other] = min(left[other], left[number] - apart[other, number])
    return [(a + b) / 2 for a, b in zip(right, left, strict=True)]


def _wishes(
    place: Sequence[float], block: Sequence[int], shift: Sequence[float], loose: Sequence[Tie]
) -> list[float]:
    """Half of the way from ``place`` to where the ties between blocks draw each."""
    total, weight = [0.0] * len(place), [0.0] * len(place)
    for tie in loose:
        one, two = block[tie.upper], block[tie.lower]
        gap = place[one] + shift[tie.upper] + tie.offset - place[two] - shift[tie.lower]
        for number, pull in ((one, -gap), (two, gap)):
            total[number] += pull * tie.weight
            weight[number] += tie.weight
    return [p + t / w / 2 if w else p for p, t, w in zip(place, total, weight, strict=True)]
