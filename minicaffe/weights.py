"""Parameters in and out of a net: files, and copying by layer name.

After: src/caffe/net.cpp (CopyTrainedLayersFrom, CopyTrainedLayersFromHDF5). Differences: what was
copied, left and not found is said in the log; parameters from HDF5 go into the first of two layers
of one name, as those from a ``.caffemodel`` do, not into the last.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from minicaffe import glog
from minicaffe.blob import Blob
from minicaffe.columns import columns
from minicaffe.errors import WeightsError, at
from minicaffe.files import replacing
from minicaffe.layers import Layer
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.stored import StoredBlob, StoredLayer
from minicaffe.weights_file import (
    net_to_proto,
    open_weights,
    owners,
    proto_layers,
    write_weights,
)

__all__ = ["Copied", "Plan", "copy_weights", "load_weights", "net_to_proto", "save_weights"]

Shapes = list[tuple[int, ...]]


@dataclass
class Copied:
    """What a copy of weights did, by layer name; layers without parameters are in none.

    Attributes:
        copied: layers that got their parameters.
        ignored: layers of the source that have no counterpart in the net.
        kept: layers of the net that have none in the source.
        shapes: of the parameters of each of these.
        hints: of ``ignored``, to that of ``kept`` whose name is nearly the same and whose
            parameters have the same shapes.
    """

    copied: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    shapes: dict[str, Shapes] = field(default_factory=dict)
    hints: dict[str, str] = field(default_factory=dict)

    def table(self) -> Iterator[str]:
        """Lines that say it all, one a layer, in columns."""
        fates = {
            "copied": self.copied,
            "left at its initial values": self.kept,
            "not in the net": self.ignored,
        }
        rows = []
        for fate, names in fates.items():
            for name in names:
                shapes = ", ".join(map(str, self.shapes[name]))
                hint = f"did you mean {self.hints[name]!r}?" if name in self.hints else ""
                rows.append((f"    {name}", fate, shapes, hint))
        return columns(rows)


@dataclass
class Plan:
    """A copy that is known to fit, and is still to be done.

    Attributes:
        net: where to.
        data: parameters, and what goes into their data.
        diffs: parameters, and what goes into their diffs.
        result: what it will have done.
    """

    net: Net
    data: list[tuple[Blob, StoredBlob]] = field(default_factory=list)
    diffs: list[tuple[Blob, StoredBlob]] = field(default_factory=list)
    result: Copied = field(default_factory=Copied)

    def run(self) -> Copied:
        """Do it; this cannot fail any more."""
        for blob, stored in self.data:
            stored.copy_to(blob.data, self.net.device.xp)
        for blob, stored in self.diffs:
            stored.copy_to(blob.diff, self.net.device.xp)
        return self.result


def save_weights(net: Net, path: str | Path, *, diff: bool = False, as_hdf5: bool = False) -> None:
    """Write the net's parameters to ``path``, whole or not at all.

    Args:
        net: whose.
        path: the file.
        diff: their gradients too.
        as_hdf5: in HDF5 in place of protobuf's format.

    Raises:
        WeightsError: the file cannot be written; the names of the layers do not go into HDF5;
            or the parameters take 2 GB or more, which protobuf cannot hold.
    """
    with replacing(path) as temporary:
        write_weights(net, temporary, diff=diff, as_hdf5=as_hdf5)


def load_weights(net: Net, path: str | Path, *, tell: bool = True) -> Copied:
    """Copy the parameters in ``path``, in either format, into the layers of the same names.

    A file that has nothing for the net changes nothing and warns, as does a name that is
    probably misspelt.

    Args:
        net: to copy into.
        path: a ``.caffemodel``, or one in HDF5.
        tell: say in the log which layers got theirs, and warn.

    Raises:
        PrototxtError: no such file, or not a ``.caffemodel``.
        WeightsError: a layer's parameters do not fit; nothing has been copied then.
    """
    with open_weights(path) as layers:
        copied = plan_copy(net, layers, path).run()
    if tell:
        _tell(copied, path)
    return copied


def copy_weights(net: Net, source: NetParameter) -> Copied:
    """Copy the parameters of ``source``, a definition of today, as ``load_weights`` does.

    Raises:
        WeightsError: a layer's parameters do not fit; nothing has been copied then.
    """
    return plan_copy(net, proto_layers(source)).run()


def plan_copy(net: Net, source: Iterable[StoredLayer], path: str | Path = "") -> Plan:
    """See what of ``source`` goes where in ``net``.

    A source layer that the net does not have is left out, and said in the log; where a name
    stands twice in the net, the first layer gets its parameters.

    Args:
        net: to copy into.
        source: to copy from; its file is open as long as the plan is of use.
        path: that file, for errors.

    Raises:
        WeightsError: a layer's parameters do not fit.
    """
    mine = {step.name: step.layer for step in reversed(net.steps)}
    owned = owners(net)
    plan = Plan(net)
    result = plan.result
    for layer in source:
        if layer.name not in mine:
            glog.info("net.cpp:744", f"Ignoring source layer {layer.name}")
            if layer.blobs:
                result.ignored.append(layer.name)
                result.shapes[layer.name] = layer.shapes
            continue
        target = mine[layer.name]
        where = f"{path}: " if path else ""
        where += f"{at(target.param.origin)}layer {layer.name!r} ({target.type})"
        for index, stored in _fitting(target, layer, owned, where):
            plan.data.append((target.blobs[index], stored))
            diff = layer.diffs.get(index)
            if diff is not None and diff.fits(target.blobs[index].shape):
                _check(diff, f"{where}: the diff of blobs[{index}]")
                plan.diffs.append((target.blobs[index], diff))
        if target.blobs and layer.name not in result.shapes:
            result.copied.append(layer.name)
            result.shapes[layer.name] = [blob.shape for blob in target.blobs]
    for step in net.steps:
        if step.layer.blobs and step.name not in result.shapes:
            result.kept.append(step.name)
            result.shapes[step.name] = [blob.shape for blob in step.layer.blobs]
    _find_hints(result, mine)
    return plan


def _fitting(
    target: Layer, layer: StoredLayer, owned: set[int], where: str
) -> Iterator[tuple[int, StoredBlob]]:
    """The index of each blob of ``target`` and what goes into it."""
    found, expected = max(layer.blobs, default=-1) + 1, len(target.blobs)
    missing = [
        index
        for index, blob in enumerate(target.blobs)
        if index not in layer.blobs and (layer.keeps_shared or id(blob) in owned)
    ]
    if found > expected or missing:
        raise WeightsError(
            f"{where}: the file has {len(layer.blobs)} parameter blob(s), expected {expected}, "
            "as the net has"
        )
    for index, stored in sorted(layer.blobs.items()):
        shape = target.blobs[index].shape
        if not stored.fits(shape):
            raise WeightsError(
                f"{where}: blobs[{index}] has shape {stored.shape} in the file, expected "
                f"{shape}, as the net has: to learn this layer afresh instead, rename it"
            )
        _check(stored, f"{where}: blobs[{index}]")
        yield index, stored


def _check(stored: StoredBlob, where: str) -> None:
    try:
        stored.check()
    except WeightsError as error:
        raise WeightsError(f"{where} {error}") from error


def _find_hints(result: Copied, mine: dict[str, Layer]) -> None:
    for name in result.ignored:
        same = [kept for kept in result.kept if _alike(result.shapes[name], result.shapes[kept])]
        for close in difflib.get_close_matches(name, same, n=1, cutoff=0.6):
            result.hints[name] = close


def _alike(one: Shapes, other: Shapes) -> bool:
    """Equal, but for ones in front, as the old form has them."""

    def bare(shapes: Shapes) -> Shapes:
        return [
            shape[next((i for i, d in enumerate(shape) if d != 1), len(shape)) :]
            for shape in shapes
        ]

    return bare(one) == bare(other)


def _tell(copied: Copied, path: str | Path) -> None:
    glog.info(
        "net.cpp:749",
        f"{path}: {len(copied.copied)} layer(s) copied, {len(copied.kept)} left at initial "
        f"values, {len(copied.ignored)} of the file not in the net",
    )
    if glog.is_on():
        for line in copied.table():
            glog.info("net.cpp:750", line)
    if copied.ignored and copied.kept and not copied.copied:
        glog.warning(
            "net.cpp:751",
            f"{path}: nothing was copied, no layer of the net has the name of one in the file",
        )
    for name, close in copied.hints.items():
        glog.warning(
            "net.cpp:752",
            f"{path}: layer {name!r} is not in the net, and its layer {close!r} is left at its "
            "initial values: did you mean that one?",
        )
