"""Files of weights: ``.caffemodel``, and HDF5 with the same name and ``.h5``.

In HDF5 layer L keeps its i-th parameter as ``/data/L/i``, and where gradients are kept as well,
``/diff/L/i``. Parameters that several layers share are with the first of them alone.

After: src/caffe/net.cpp (ToProto, ToHDF5, CopyTrainedLayersFromHDF5) and src/caffe/util/hdf5.cpp.
Differences: the original cannot write a layer whose name has a ``/``, unless the part before it
is a layer too, and then cannot read it; here ``a/b`` is group ``b`` in group ``a``, which is also
what it would have written. Two layers of one name abort it; here they are refused beforehand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicaffe import hdf5, hdf5_writer
from minicaffe.blob_proto import blob_to_proto
from minicaffe.errors import PrototxtError, WeightsError
from minicaffe.proto import binary
from minicaffe.proto.binary import MAX_BYTES
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.proto.upgrade import upgrade_net
from minicaffe.stored import ProtoBlob, StoredLayer

if TYPE_CHECKING:
    from minicaffe.net import Net


@contextmanager
def open_weights(path: str | Path) -> Iterator[list[StoredLayer]]:
    """The layers in ``path``; what it is shows in its first bytes, not in its name.

    Raises:
        PrototxtError: no such file, or not one of weights.
        WeightsError: one of its arrays cannot be read.
    """
    if not hdf5.is_hdf5(path):
        net = upgrade_net(binary.read(path, NetParameter), str(path))
        if not net.layer:
            raise PrototxtError("holds no layers, expected a .caffemodel", str(path))
        yield proto_layers(net)
        return
    with _said_of(path), hdf5.reading(path) as file:
        found = hdf5.members(file)
        if "data" not in found:
            kind = "a solver's state (.solverstate.h5)" if "history" in found else "something else"
            raise WeightsError(f"is {kind}, expected weights (.caffemodel.h5)")
        layers = _read_layers(hdf5.member_group(file, "data"))
        if "diff" in found:
            diffs = _read_layers(hdf5.member_group(file, "diff"))
            for name, layer in layers.items():
                layer.diffs = diffs[name].blobs if name in diffs else {}
        yield list(layers.values())


def proto_layers(net: NetParameter) -> list[StoredLayer]:
    """The layers of ``net``, which is of today."""
    result, named = [], set[str]()
    for param in net.layer:
        layer = StoredLayer(param.name, param.type, origin=param.origin)
        for index, proto in enumerate(param.blobs):
            layer.blobs[index] = ProtoBlob(proto)
            if proto.diff or proto.double_diff or proto.HasField("raw_diff"):
                layer.diffs[index] = ProtoBlob(proto, "diff")
            name = param.param[index].name if index < len(param.param) else ""
            if name in named:
                layer.shared.add(index)
            named |= {name} - {""}
        result.append(layer)
    return result


def net_to_proto(net: Net, *, diff: bool = False) -> NetParameter:
    """The net with its parameters, as a ``.caffemodel`` holds it."""
    result = NetParameter(name=net.name)
    for step in net.steps:
        param = result.layer.add()
        param.CopyFrom(step.layer.param)
        param.ClearField("blobs")
        if any(step.layer.loss_weights) and not param.loss_weight:
            param.loss_weight.extend(step.layer.loss_weights)
        param.blobs.extend(blob_to_proto(blob, diff=diff) for blob in step.layer.blobs)
    return result


def write_weights(net: Net, path: Path, *, diff: bool = False, as_hdf5: bool = False) -> None:
    """Write the parameters of ``net`` to ``path``, and their gradients too if ``diff``.

    Raises:
        OSError: the file cannot be written.
        WeightsError: the names of the layers do not go into HDF5, or the parameters not into
            protobuf's format.
    """
    if not as_hdf5:
        count = sum(blob.count for step in net.steps for blob in step.layer.blobs)
        refuse_over_2_gb(count * net.dtype.itemsize * (2 if diff else 1), "the parameters")
        path.write_bytes(binary.to_bytes(net_to_proto(net, diff=diff)))
        return
    check_names(net)
    owned, to_numpy = owners(net), net.device.to_numpy
    with hdf5_writer.writing(path) as file:
        data = file.create_group("data")
        diffs = file.create_group("diff") if diff else None
        for step in net.steps:
            group = data.require_group(step.name)
            diff_group = diffs.require_group(step.name) if diffs is not None else None
            for index, blob in enumerate(step.layer.blobs):
                if id(blob) in owned:
                    group.create_dataset(str(index), data=to_numpy(blob.data))
                if diff_group is not None:
                    diff_group.create_dataset(str(index), data=to_numpy(blob.diff))


def refuse_over_2_gb(size: int, what: str) -> None:
    """Refuse what protobuf cannot hold, before it is all in memory once more.

    Raises:
        WeightsError: ``size``, in bytes, is too large.
    """
    if size > MAX_BYTES:
        raise WeightsError(
            f"{what} take {size} bytes, expected at most {MAX_BYTES}: protobuf holds no "
            "more (snapshot_format: HDF5 does)"
        )


def owners(net: Net) -> set[int]:
    """``id`` of each parameter that is not another's."""
    return {id(param.blob) for param in net.params}


def check_names(net: Net) -> None:
    """Refuse a net that has no form in HDF5, where names of layers are paths.

    Raises:
        WeightsError: two layers of one name, or a name that is no path or is the path of
            another layer's parameter.
    """
    counts = Counter(step.name for step in net.steps)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise WeightsError(
            f"{counts[twice[0]]} layers are named {twice[0]!r}, expected one: HDF5 keeps layers by "
            "name (rename them, or use snapshot_format: BINARYPROTO)"
        )
    taken = {
        f"{step.name}/{i}": step.name for step in net.steps for i in range(len(step.layer.blobs))
    }
    for name in counts:
        parts = name.split("/")
        if "\0" in name or any(part in ("", ".", "..") for part in parts):
            raise WeightsError(
                f"a layer is named {name!r}, expected a path such as 'a/b': HDF5 keeps layers by "
                "path (rename it, or use snapshot_format: BINARYPROTO)"
            )
        for end in range(1, len(parts) + 1):
            if (path := "/".join(parts[:end])) in taken:
                raise WeightsError(
                    f"layer {name!r} would be where HDF5 keeps a parameter of layer "
                    f"{taken[path]!r}, {path!r}: rename it, or use snapshot_format: BINARYPROTO"
                )


def _read_layers(data: Any) -> dict[str, StoredLayer]:
    """Each group below ``data``, by its path; folders that are no layers left out."""
    import h5py

    result: dict[str, StoredLayer] = {}
    seen = {_address(data)}
    waiting = [(name, member) for name, member in reversed(hdf5.members(data).items())]
    while waiting:
        path, group = waiting.pop()
        if not isinstance(group, h5py.Group):
            raise WeightsError(f"{group.name} is a dataset, expected the group of a layer")
        if _address(group) in seen:
            raise WeightsError(f"{group.name} is a group that is linked twice, expected once")
        seen.add(_address(group))
        layer, folders = StoredLayer(path, keeps_shared=False), []
        for name, member in hdf5.members(group).items():
            if isinstance(member, h5py.Group):
                folders.append((f"{path}/{name}", member))
            elif name.isascii() and name.isdecimal() and str(int(name)) == name:
                layer.blobs[int(name)] = hdf5.HDF5Blob(member)
            else:
                raise WeightsError(
                    f"{member.name} is found, expected 0, 1, 2: a layer's parameters"
                )
        if layer.blobs or not folders:
            result[path] = layer
        waiting += reversed(folders)
    return result


def _address(group: Any) -> int:
    import h5py

    return int(h5py.h5o.get_info(group.id).addr)


@contextmanager
def _said_of(path: str | Path) -> Iterator[None]:
    """Lead every ``WeightsError`` inside with the file it is about."""
    try:
        yield
    except WeightsError as error:
        if str(error).startswith(f"{path}: "):
            raise
        raise WeightsError(f"{path}: {error}") from error
