"""More items than a batch of the net holds: cut into batches, run, and joined again.

After: python/caffe/pycaffe.py. Difference: what an output has once a batch, a loss say, comes back
once a batch, where the original fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from minicaffe.pycaffe.errors import ArgumentError
from minicaffe.pycaffe.inputs import check_names
from minicaffe.user_blob import HostArray

if TYPE_CHECKING:
    from minicaffe.pycaffe.net import Net

Arrays = dict[str, Any]  # of host arrays

_TEXT = "Array arguments match neither net inputs nor net outputs."


def forward_all(net: Net, blobs: Sequence[str] | None, arrays: Mapping[str, Any]) -> Arrays:
    """``Net.forward_all``."""
    size, count = _batch_size(net, arrays), items(arrays)
    outputs = Joined(net, "data", (*net.outputs, *(blobs or ())), size)
    for batch in cut(arrays, size):
        outputs.take(net.forward(blobs=blobs, **batch))
    return outputs.arrays(count)


def forward_backward_all(
    net: Net,
    blobs: Sequence[str] | None,
    diffs: Sequence[str] | None,
    arrays: Mapping[str, Any],
) -> tuple[Arrays, Arrays]:
    """``Net.forward_backward_all``."""
    size, count = _batch_size(net, arrays), items(arrays)
    check_names(arrays, [name for name in (*net.inputs, *net.outputs) if name in arrays], _TEXT)
    outputs = Joined(net, "data", (*net.outputs, *(blobs or ())), size)
    gradients = Joined(net, "diff", (*net.inputs, *(diffs or ())), size)
    ways = (
        {name: arrays[name] for name in names if name in arrays}
        for names in (net.inputs, net.outputs)
    )
    for forward, backward in zip_longest(*(cut(each, size) for each in ways), fillvalue={}):
        outputs.take(net.forward(blobs=blobs, **forward))
        gradients.take(net.backward(diffs=diffs, **backward))
    return outputs.arrays(count), gradients.arrays(count)


def cut(arrays: Mapping[str, Any], size: int) -> Iterator[Arrays]:
    """Batches of ``size`` items of each of ``arrays``; the last one is filled up with zeros."""
    whole = {name: np.asarray(array) for name, array in arrays.items()}
    for begin in range(0, items(whole), size):
        batch = {name: array[begin : begin + size] for name, array in whole.items()}
        missing = size - items(batch)
        if missing:
            batch = {
                name: np.concatenate([part, np.zeros((missing, *part.shape[1:]), part.dtype)])
                for name, part in batch.items()
            }
        yield batch


def items(arrays: Mapping[str, Any]) -> int:
    """How many items each of ``arrays`` has; 0 without any.

    Raises:
        ArgumentError: not all of them the same number.
    """
    counts = {name: len(array) if np.ndim(array) else 0 for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        each = ", ".join(f"{name!r} has {count}" for name, count in counts.items())
        raise ArgumentError(f"{each} items, expected as many of each")
    return next(iter(counts.values()), 0)


class Joined:
    """Results of batch after batch, copied.

    Args:
        net: whose.
        kind: "data" or "diff".
        names: of the blobs that are collected.
        size: items in a batch.
    """

    def __init__(self, net: Net, kind: str, names: Iterable[str], size: int) -> None:
        self._kind, self._size = kind, size
        self._blobs = {name: net.blobs[name] for name in names}
        self._parts: dict[str, list[HostArray]] = {name: [] for name in self._blobs}

    def take(self, results: Mapping[str, HostArray]) -> None:
        """Add the results of one more batch."""
        for name, parts in self._parts.items():
            parts.append(np.atleast_1d(results[name]).copy())

    def arrays(self, count: int) -> Arrays:
        """All of them, without what belongs to the zeros behind the ``count`` real items."""
        result = {}
        for name, parts in self._parts.items():
            if not parts:
                result[name] = np.atleast_1d(getattr(self._blobs[name], self._kind))[:0].copy()
                continue
            joined = np.concatenate(parts)
            per_item = all(len(part) == self._size for part in parts)
            result[name] = joined[:count] if per_item else joined
        return result


def _batch_size(net: Net, arrays: Mapping[str, Any]) -> int:
    """Items in a batch of the first of ``arrays`` that the net has."""
    for name in arrays:
        if shape := net.blobs[name].shape:
            return shape[0]
    raise ArgumentError("no array is given, expected one for each input: they say how many items")
