"""Pooling with the largest or, by chance, the second largest element of each window.

For the same windows as ``pooling``, whose gradient by positions is this one's too.
"""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in
from minicaffe.ops.pooling import LOWEST, Windows, _offsets, _pads, _position, _uniform


@compiled_in("minicaffe.ops.ensemble_pool_cpu")
def two_largest(
    xp: ModuleType, x: Array, y: Array, index: Array, z: Array, second: Array, windows: Windows
) -> None:
    """The largest element of each window, the second largest, and where they are.

    The largest as in ``max_pool``. The second may be equal to it; where there is none, in a window
    of one element, it is the largest itself.

    Args:
        xp: array module.
        x: (N, C, *sizes).
        y: (N, C, *outs), written: the largest.
        index: int32, as ``y``, written: position in the plane of the largest, -1 without one.
        z: as ``y``, written: the second largest.
        second: int32, as ``y``, written: its position.
        windows: how each spatial axis is cut.
    """
    padded = xp.pad(x, _pads(windows), constant_values=LOWEST)
    for values, places in ((y, index), (z, second)):
        values[...] = LOWEST
        places[...] = -1
    for offsets, taken in _offsets(windows):
        value = padded[taken]
        position = _position(xp, offsets, windows)
        larger, between = value > y, value > z
        z[...] = xp.where(larger, y, xp.where(between, value, z))
        second[...] = xp.where(larger, index, xp.where(between, position, second))
        xp.copyto(y, value, where=larger)
        xp.copyto(index, position, where=larger)
    alone = second < 0
    xp.copyto(z, y, where=alone)
    xp.copyto(second, index, where=alone)


@compiled_in("minicaffe.ops.ensemble_pool_cpu")
def ensemble_pool(
    xp: ModuleType,
    x: Array,
    y: Array,
    index: Array,
    windows: Windows,
    probability: float,
    key: int | Array,
) -> None:
    """The largest element of each window with a probability, else the second largest.

    Its gradient is ``max_pool_grad``.

    Args:
        xp: array module.
        x: (N, C, *sizes).
        y: (N, C, *outs), written.
        index: int32, as ``y``, written: position in the plane of the element taken.
        windows: how each spatial axis is cut.
        probability: of the largest, 0 to 1.
        key: 64 random bits; the same draw the same, on every device. A number, or uint64 on the
            device.
    """
    z, second = xp.empty_like(y), xp.empty_like(index)
    two_largest.reference(xp, x, y, index, z, second, windows)
    other = _uniform(xp, y.shape, key) > probability
    xp.copyto(y, z, where=other)
    xp.copyto(index, second, where=other)
