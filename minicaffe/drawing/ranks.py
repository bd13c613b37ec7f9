"""Ranks: which boxes stand in one row, so that every edge goes on to a later row.

After: E. R. Gansner, E. Koutsofios, S. C. North, K.-P. Vo, "A technique for drawing directed
graphs", 1993 (the aim: short edges); longest paths, then one pass that pulls boxes to their
readers in place of the paper's network simplex.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def rank(count: int, edges: Iterable[tuple[int, int]]) -> list[int]:
    """The row of each of ``count`` nodes, from 0 without gaps.

    Args:
        count: how many nodes there are.
        edges: from a node to one of a larger number.
    """
    before: list[set[int]] = [set() for _ in range(count)]
    after: list[set[int]] = [set() for _ in range(count)]
    for source, target in edges:
        before[target].add(source)
        after[source].add(target)
    ranks = [0] * count
    for node in range(count):
        ranks[node] = max((ranks[other] + 1 for other in before[node]), default=0)
    for node in reversed(range(count)):
        if len(after[node]) > len(before[node]):  # nearer to its readers is shorter in all
            ranks[node] = min(ranks[other] for other in after[node]) - 1
    return _without_gaps(ranks)


def _without_gaps(ranks: Sequence[int]) -> list[int]:
    new = {old: number for number, old in enumerate(sorted(set(ranks)))}
    return [new[old] for old in ranks]
