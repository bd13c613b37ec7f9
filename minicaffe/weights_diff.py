"""What differs between two files of weights, layer by layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf, isnan, nan, sqrt
from pathlib import Path

import numpy as np

from minicaffe.blob_proto import HostArray
from minicaffe.errors import WeightsError
from minicaffe.stored import StoredBlob, StoredLayer
from minicaffe.weights_file import open_weights

_PART = 2**22  # values that are compared at once


@dataclass(frozen=True)
class BlobDiff:
    """What differs between two arrays of one shape.

    Attributes:
        index: which parameter of its layer.
        shape: of the first; the other may have ones in front.
        changed: number of values further apart than the tolerance.
        max_abs: largest distance of two values; NaN where only one of them is NaN.
        relative: norm of the difference by the norm of the first.
        zeros: the share of values that are 0, in each of the two.
    """

    index: int
    shape: tuple[int, ...]
    changed: int
    max_abs: float
    relative: float
    zeros: tuple[float, float]


@dataclass
class LayerDiff:
    """What differs between two layers of one name, or where there is only one of them.

    Attributes:
        name: of the layer; with #2 and so on where it is not the first of that name.
        notes: what else differs: added, removed, types, numbers of parameters, shapes.
        blobs: those that can be compared.
    """

    name: str
    notes: list[str] = field(default_factory=list)
    blobs: list[BlobDiff] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        """Nothing differs by more than the tolerance."""
        return not self.notes and not any(blob.changed for blob in self.blobs)


def diff_weights(
    one: str | Path, other: str | Path, *, tolerance: float = 0.0
) -> Iterator[LayerDiff]:
    """Compare two files of weights, of either format.

    Args:
        one: a ``.caffemodel``, or one in HDF5.
        other: another.
        tolerance: values at most this far apart count as equal.

    Yields:
        A result for every layer, in the order of the first file, then those it does not have.

    Raises:
        PrototxtError: a file is missing, or holds no weights.
        WeightsError: an array cannot be read.
    """
    with open_weights(one) as first, open_weights(other) as second:
        mine, theirs = _named(first), _named(second)
        for name, layer in mine.items():
            if name in theirs:
                yield _compare(name, layer, theirs[name], tolerance)
            else:
                yield LayerDiff(name, [f"removed{_with(layer)}"])
        for name, layer in theirs.items():
            if name not in mine:
                yield LayerDiff(name, [f"added{_with(layer)}"])


def _named(layers: Sequence[StoredLayer]) -> dict[str, StoredLayer]:
    """Layers by name; the second of one name is ``name#2``."""
    counts: Counter[str] = Counter()
    result = {}
    for layer in layers:
        counts[layer.name] += 1
        number = counts[layer.name]
        result[f"{layer.name}#{number}" if number > 1 else layer.name] = layer
    return result


def _with(layer: StoredLayer) -> str:
    shapes = ", ".join(map(str, layer.shapes))
    return f": {shapes}" if shapes else ", without parameters"


def _compare(name: str, one: StoredLayer, other: StoredLayer, tolerance: float) -> LayerDiff:
    result = LayerDiff(name)
    if one.type and other.type and one.type != other.type:
        result.notes.append(f"type {one.type} -> {other.type}")
    mine, theirs = _indexes(one, other), _indexes(other, one)
    if mine != theirs:
        result.notes.append(f"{len(mine)} -> {len(theirs)} parameter blobs")
    for index in sorted(mine & theirs & one.blobs.keys() & other.blobs.keys()):
        a, b = one.blobs[index], other.blobs[index]
        if not (a.fits(b.shape) or b.fits(a.shape) or a.shape == b.shape):
            result.notes.append(f"blobs[{index}] {a.shape} -> {b.shape}")
            continue
        result.blobs.append(_numbers(index, a, b, tolerance, f"layer {name!r}: blobs[{index}]"))
    return result


def _indexes(layer: StoredLayer, other: StoredLayer) -> set[int]:
    """Of its parameters, with those that its format leaves out because another layer has them."""
    return set(layer.blobs) | (set() if layer.keeps_shared else other.shared)


def _numbers(
    index: int, one: StoredBlob, other: StoredBlob, tolerance: float, where: str
) -> BlobDiff:
    arrays: list[HostArray] = []
    for blob in (one, other):
        try:
            blob.check()
        except WeightsError as error:
            raise WeightsError(f"{where} {error}") from error
        arrays.append(blob.array().reshape(-1))
    changed, largest, squares, norm, zeros = 0, 0.0, 0.0, 0.0, [0, 0]
    for begin in range(0, arrays[0].size, _PART):
        a, b = (array[begin : begin + _PART].astype(np.float64) for array in arrays)
        with np.errstate(invalid="ignore", over="ignore"):
            apart = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
            squares += float(np.dot(apart, apart))
            norm += float(np.dot(a, a))
        changed += int(np.count_nonzero(~(apart <= tolerance)))
        largest = nan if np.isnan(apart).any() else max(largest, float(apart.max()))
        zeros = [zeros[0] + int((a == 0).sum()), zeros[1] + int((b == 0).sum())]
    count = max(1, arrays[0].size)
    relative = sqrt(squares) / sqrt(norm) if norm and not isnan(norm) else (inf if squares else 0.0)
    shares = (zeros[0] / count, zeros[1] / count)
    return BlobDiff(index, one.shape, changed, largest, relative, shares)
