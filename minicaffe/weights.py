"""Parameters in and out of a net: ``.caffemodel`` files, and copying by layer name.

After: src/caffe/net.cpp (ToProto, CopyTrainedLayersFrom) and src/caffe/blob.cpp (ShapeEquals).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from minicaffe import log
from minicaffe.blob import Blob
from minicaffe.blob_proto import HostArray, blob_to_proto, proto_array, proto_shape
from minicaffe.errors import PrototxtError, WeightsError, at
from minicaffe.files import replacing
from minicaffe.layers import Layer
from minicaffe.net import Net
from minicaffe.proto import binary
from minicaffe.proto.minicaffe_pb2 import BlobProto, LayerParameter, NetParameter
from minicaffe.proto.upgrade import upgrade_net


@dataclass
class Copied:
    """What a copy of weights did, by layer name.

    Attributes:
        copied: layers that got their parameters.
        ignored: layers of the source that have parameters, and no counterpart in the net.
        kept: layers of the net that have parameters, and none in the source.
    """

    copied: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


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


def save_weights(net: Net, path: str | Path, *, diff: bool = False) -> None:
    """Write the net's parameters to ``path``, whole or not at all.

    Raises:
        WeightsError: the file cannot be written.
    """
    data = binary.to_bytes(net_to_proto(net, diff=diff))
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def load_weights(net: Net, path: str | Path) -> Copied:
    """Copy the parameters in ``path`` into the layers of the same names.

    Raises:
        PrototxtError: no such file, or not a ``.caffemodel``.
        WeightsError: a layer's parameters do not fit; nothing has been copied then.
    """
    source = upgrade_net(binary.read(path, NetParameter))
    if not source.layer:
        raise PrototxtError("holds no layers, expected a .caffemodel", str(path))
    try:
        return copy_weights(net, source)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error


def copy_weights(net: Net, source: NetParameter) -> Copied:
    """Copy the parameters of ``source`` into the layers of the same names.

    A source layer that the net does not have is left out, and said in the log; where a name
    stands twice in the net, the first layer gets them.

    Raises:
        WeightsError: a layer's parameters do not fit; nothing has been copied then.
    """
    mine = {step.name: step.layer for step in reversed(net.steps)}
    result = Copied()
    ready: list[tuple[Blob, HostArray]] = []
    for param in source.layer:
        if param.name not in mine:
            log.info("net.cpp:744", f"Ignoring source layer {param.name}")
            result.ignored += [param.name] if param.blobs else []
            continue
        ready += _fitting(mine[param.name], param)
        result.copied += [param.name] if param.blobs else []
    result.kept = [n for n, layer in mine.items() if layer.blobs and n not in result.copied]
    for blob, array in ready:
        blob.data[...] = net.device.xp.asarray(array.astype(blob.dtype, copy=False))
    return result


def _fitting(layer: Layer, param: LayerParameter) -> list[tuple[Blob, HostArray]]:
    where = f"{at(layer.param.origin)}layer {layer.param.name!r} ({layer.type})"
    if len(param.blobs) != len(layer.blobs):
        raise WeightsError(
            f"{where}: the file has {len(param.blobs)} parameter blob(s), expected "
            f"{len(layer.blobs)}, as the net has"
        )
    pairs = []
    for index, (proto, blob) in enumerate(zip(param.blobs, layer.blobs, strict=True)):
        if not _same_shape(proto, blob):
            raise WeightsError(
                f"{where}: blobs[{index}] has shape {proto_shape(proto)} in the file, expected "
                f"{blob.shape}, as the net has: to learn this layer afresh instead, rename it"
            )
        array = proto_array(proto)
        if array is None and blob.count:
            raise WeightsError(f"{where}: blobs[{index}] has no values in the file")
        if array is not None:
            pairs.append((blob, array.reshape(blob.shape)))
    return pairs


def _same_shape(proto: BlobProto, blob: Blob) -> bool:
    """Files of the old form pad every shape with ones in front, to four axes."""
    shape = proto_shape(proto)
    if proto.HasField("shape") or blob.ndim > 4:
        return shape == blob.shape
    return shape == (1,) * (4 - blob.ndim) + blob.shape
