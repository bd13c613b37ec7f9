"""Order: who stands left of whom in a row, so that few edges cross.

After: K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system
structures", 1981 (barycentres, sweeps down and up); W. Barth, M. Juenger, P. Mutzel, "Simple and
efficient bilayer cross counting", 2002 (crossings are inversions).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from itertools import pairwise

Rows = list[list[int]]
Neighbours = Sequence[Sequence[int]]

_SWEEPS = 24
_PATIENCE = 4  # sweeps without a better order


def order(rows: Rows, above: Neighbours, below: Neighbours) -> Rows:
    """``rows`` in an order with few crossings: never more than in the order given.

    Args:
        rows: the nodes of each row.
        above: for each node, its neighbours in the row above, one for each edge.
        below: likewise, in the row below.
    """
    best, least, since = [list(row) for row in rows], crossings(rows, below), 0
    current = [list(row) for row in rows]
    for sweep in range(_SWEEPS):
        if least == 0 or since == _PATIENCE:
            break
        down = sweep % 2 == 0
        _sweep(current, above if down else below, down=down, swap_ties=sweep % 4 >= 2)
        count = crossings(current, below)
        since += 1
        if count < least:
            best, least, since = [list(row) for row in current], count, 0
    return _transposed(best, above, below)


def crossings(rows: Rows, below: Neighbours) -> int:
    """How many pairs of edges between neighbouring rows cross."""
    return sum(
        _inversions(upper, {node: i for i, node in enumerate(lower)}, below)
        for upper, lower in pairwise(rows)
    )


def _inversions(upper: Sequence[int], place: dict[int, int], below: Neighbours) -> int:
    seen: list[int] = []
    count = 0
    for node in upper:
        ends = sorted(place[other] for other in below[node])
        count += sum(len(seen) - bisect_right(seen, end) for end in ends)
        for end in ends:
            insort(seen, end)
    return count


def _sweep(rows: Rows, fixed: Neighbours, *, down: bool, swap_ties: bool) -> None:
    """Sort each row by the mean place of its neighbours in the row before; those without stay."""
    numbers = range(1, len(rows)) if down else range(len(rows) - 2, -1, -1)
    for number in numbers:
        before = rows[number - 1 if down else number + 1]
        place = {node: i for i, node in enumerate(before)}
        row = rows[number][::-1] if swap_ties else rows[number]
        mean = {
            node: sum(place[other] for other in fixed[node]) / len(fixed[node])
            for node in row
            if fixed[node]
        }
        moving = iter(sorted(mean, key=mean.__getitem__))
        rows[number] = [next(moving) if node in mean else node for node in row]


def _transposed(rows: Rows, above: Neighbours, below: Neighbours) -> Rows:
    """``rows`` with neighbours swapped as long as that saves crossings."""
    rows = [list(row) for row in rows]
    for _ in range(_SWEEPS):
        if not sum(_swap_neighbours(rows, number, above, below) for number in range(len(rows))):
            break
    return rows


def _swap_neighbours(rows: Rows, number: int, above: Neighbours, below: Neighbours) -> int:
    """Crossings saved by swaps in one row."""
    row, saved = rows[number], 0
    sides = [(above, rows[number - 1])] if number else []
    sides += [(below, rows[number + 1])] if number + 1 < len(rows) else []
    places = [(near, {node: i for i, node in enumerate(other)}) for near, other in sides]
    for i in range(len(row) - 1):
        one, two = row[i], row[i + 1]
        gain = 0
        for near, place in places:
            ends = [[place[other] for other in near[node]] for node in (one, two)]
            gain += sum((a > b) - (a < b) for a in ends[0] for b in ends[1])
        if gain > 0:
            row[i], row[i + 1] = two, one
            saved += gain
    return saved
