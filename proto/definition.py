"""Definitions out of any file that has one: a prototxt, YAML, JSON, a program, or weights."""

from __future__ import annotations

from minicaffe.proto import binary, files, text
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.proto.origin import layers_of
from minicaffe.proto.upgrade import upgrade_net


def read_definition(path: files.StrPath, *, phase: int | str | None = None) -> NetParameter:
    """The net that ``path`` defines, without its weights where it has some: a ``.caffemodel``.

    A ``.caffemodel`` has the net as it was trained: without the layers of the other phase, and
    with the Split layers that Caffe adds.

    Args:
        path: the file.
        phase: as for ``text.read_net``.

    Raises:
        PrototxtError: there is no such file, it is neither, or its format is too old to be
            brought up to date.
    """
    with files.open_file(path) as file:
        kind = files.kind(file.read(files.HEAD))
    if kind != "binary":
        return text.read_net(path, phase=phase)
    net = binary.read(path, NetParameter)
    for _, layer in layers_of(net):
        layer.ClearField("blobs")
    return upgrade_net(net, str(path))
