"""The place of what an op refuses, without waiting for a device to find it."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array


def first_bad(xp: ModuleType, bad: Array) -> Array | int:
    """The flat index of the first that is true, -1 without any; on a device it stays there."""
    flat = bad.reshape(-1)
    return xp.where(flat.any(), flat.argmax(), -1) if flat.size else -1
