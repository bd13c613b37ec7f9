"""Counting right answers over the middle axis of (outer, classes, inner)."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.bad import first_bad
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.accuracy_cpu")
def top_k_hits(
    xp: ModuleType, x: Array, label: Array, ignore: float, top_k: int, hits: Array, seen: Array
) -> Array | int:
    """Count, for each class, the positions labelled with it, and those of them answered right.

    Right is where fewer than ``top_k`` other scores are not lower than the label's, and the
    label's is not NaN.

    Args:
        xp: array module of ``x``.
        x: (outer, classes, inner), the scores.
        label: (outer, inner), truncated toward zero.
        ignore: the label whose positions do not count; NaN where there is none.
        top_k: how many answers may be given.
        hits: (classes,) float64; gets the number of right answers.
        seen: as ``hits``; gets the number of positions.

    Returns:
        The flat index of the first label that is no class and not ``ignore``, -1 without any:
        a number, or an array of one element on the device; where there is one, ``hits`` and
        ``seen`` are not to be used.
    """
    index = xp.trunc(label)
    kept = index != ignore
    bad = kept & ~((index >= 0) & (index < x.shape[1]))
    taken = xp.where(kept & ~bad, index, 0).astype(xp.int32)[:, None, :]
    not_lower = (~(x < xp.take_along_axis(x, taken, axis=1))).sum(axis=1)  # itself too
    mine = (index[:, None, :] == xp.arange(x.shape[1])[None, :, None]) & kept[:, None, :]
    seen[...] = mine.sum(axis=2).sum(axis=0)
    hits[...] = (mine & (not_lower <= top_k)[:, None, :]).sum(axis=2).sum(axis=0)
    return first_bad(xp, bad)
