"""Columns of a matrix, as matrices of their own: how blobs are joined and cut along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.parts_cpu")
def join(
    xp: ModuleType, parts: Sequence[Array | None], lengths: Sequence[int], whole: Array
) -> None:
    """Write the parts to ``whole``, side by side.

    Args:
        xp: array module.
        parts: (rows, length) each; None for one that is left as it is.
        lengths: columns of each part.
        whole: (rows, sum of lengths).
    """
    start = 0
    for part, length in zip(parts, lengths, strict=True):
        if part is not None:
            whole[:, start : start + length] = part
        start += length


@compiled_in("minicaffe.ops.parts_cpu")
def cut(
    xp: ModuleType, whole: Array, lengths: Sequence[int], parts: Sequence[Array | None]
) -> None:
    """Write the columns of ``whole`` to the parts: ``join`` the other way round.

    Args:
        xp: array module.
        whole: (rows, sum of lengths).
        lengths: columns of each part.
        parts: (rows, length) each, written; None for one that is not wanted.
    """
    start = 0
    for part, length in zip(parts, lengths, strict=True):
        if part is not None:
            part[...] = whole[:, start : start + length]
        start += length
