"""Places: the coordinate of each node along its row, so that edges are short and straight.

After: E. R. Gansner et al., "A technique for drawing directed graphs", 1993 (sweeps that move each
row to where its neighbours want it). Difference: a row is placed exactly, by the pool of adjacent
violators (R. E. Barlow et al., "Statistical inference under order restrictions", 1972), not by
medians and priorities.
"""

from __future__ import annotations

from collections.abc import Sequence

Link = tuple[int, float, float]  # the other node, the offset wished from it, the weight
Links = Sequence[Sequence[Link]]

_SWEEPS, _FINAL = 10, 6
_LIGHT = 1e-3  # of a node that nobody pulls: it stays where it is, or gives way


def place(rows: Sequence[Sequence[int]], room: Sequence[tuple[float, float]],
          above: Links, below: Links) -> list[float]:  # fmt: skip
    """The coordinate of each node; in each row, their rooms do not overlap.

    Args:
        rows: the nodes of each row, in order.
        room: how far each node reaches before and after its coordinate.
        above: for each node, what it is linked to in the row above: it would be at the other's
            coordinate plus the offset.
        below: likewise, in the row below.
    """
    x = [0.0] * len(room)
    for row in rows:
        _set(row, room, x, [0.0] * len(row), [1.0] * len(row))  # side by side, around 0
    both = [[*a, *b] for a, b in zip(above, below, strict=True)]
    for sweep in range(_SWEEPS + _FINAL):
        last = sweep >= _SWEEPS
        for links, order in ((above, rows), (below, rows[::-1])):
            for row in order:
                _pull(row, room, both if last else links, x)
    return x


def _pull(
    row: Sequence[int], room: Sequence[tuple[float, float]], links: Links, x: list[float]
) -> None:
    wanted, weights = [], []
    for node in row:
        weight = sum(w for _, _, w in links[node])
        wish = sum((x[other] + offset) * w for other, offset, w in links[node])
        wanted.append(wish / weight if weight else x[node])
        weights.append(weight or _LIGHT)
    _set(row, room, x, wanted, weights)


def _set(
    row: Sequence[int],
    room: Sequence[tuple[float, float]],
    x: list[float],
    wanted: Sequence[float],
    weights: Sequence[float],
) -> None:
    """Put ``row`` as near to ``wanted`` as its order and its rooms allow, by least squares."""
    shift, total = [], 0.0
    for i, node in enumerate(row):
        total += room[row[i - 1]][1] + room[node][0] if i else 0.0
        shift.append(total)
    pools: list[list[float]] = []  # mean, weight, count
    for wish, offset, weight in zip(wanted, shift, weights, strict=True):
        pools.append([wish - offset, weight, 1])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            mean, more, count = pools.pop()
            pool = pools[-1]
            pool[0] = (pool[0] * pool[1] + mean * more) / (pool[1] + more)
            pool[1] += more
            pool[2] += count
    i = 0
    for mean, _, count in pools:
        for _ in range(int(count)):
            x[row[i]] = mean + shift[i]
            i += 1
