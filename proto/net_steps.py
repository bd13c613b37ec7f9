"""Steps from yesterday's nets to today's, but for those of whole formats (``v0``, ``v1``).

Each is a function from one message to one message. It never changes its argument, and gives it
back itself where there is nothing to do: a net may hold 500 MB of weights.

After: src/caffe/util/upgrade_proto.cpp.
"""

from __future__ import annotations

from typing import Any

from minicaffe import glog
from minicaffe.errors import PrototxtError
from minicaffe.proto.fields import copy, set_field
from minicaffe.proto.minicaffe_pb2 import (
    BlobShape,
    LayerParameter,
    NetParameter,
    V1LayerParameter,
)
from minicaffe.proto.origin import place

# Which message of a layer held the fields that transform_param has now, by the layer's type.
MOVED_FROM = {
    "Data": "data_param",
    "ImageData": "image_data_param",
    "WindowData": "window_data_param",
}
MOVED_FROM_V1 = {
    V1LayerParameter.DATA: "data_param",
    V1LayerParameter.IMAGE_DATA: "image_data_param",
    V1LayerParameter.WINDOW_DATA: "window_data_param",
}
MOVED_FIELDS = ("scale", "mean_file", "crop_size", "mirror")


def move_transform_fields(net: NetParameter) -> NetParameter:
    """``layer`` that read data: scale, mean_file, crop_size and mirror to transform_param.

    The original reads past them without a word, so that images are trained on unscaled.

    Raises:
        PrototxtError: such a field has one value here and another in transform_param.
    """
    if not any(map(_moved_fields, net.layer)):
        return net
    upgraded = copy(net)
    for layer in upgraded.layer:
        for field in _moved_fields(layer):
            _move(layer, field)
    return upgraded


def move_transform_fields_of_v1(net: NetParameter) -> NetParameter:
    """``layers`` that read data: the same, but for values that stand in both places.

    As in the original, the old one then holds. As there too, each layer that reads data gets a
    transform_param once one of them has an old field.
    """
    if not has_v1_transform_fields(net):
        return net
    upgraded = copy(net)
    for layer in upgraded.layers:
        if layer.type not in MOVED_FROM_V1:
            continue
        old: Any = getattr(layer, MOVED_FROM_V1[layer.type])
        old.SetInParent()
        layer.transform_param.SetInParent()
        for field in filter(old.HasField, MOVED_FIELDS):
            set_field(layer.transform_param, field, getattr(old, field))
            old.ClearField(field)
    return upgraded


def inputs_to_layer(net: NetParameter) -> NetParameter:
    """``input`` with ``input_shape`` or ``input_dim``: to one Input layer "input", placed first.

    As in the original, input_shape holds where both are given, what is left over of either is
    ignored, and an input without a shape is dropped: unless a layer makes its blob, the net then
    lacks it.

    Raises:
        PrototxtError: there are fewer shapes than inputs.
    """
    if not net.input:
        return net
    upgraded = NetParameter()
    if net.input_shape or net.input_dim:
        layer = upgraded.layer.add(name="input", type="Input", top=net.input)
        layer.input_param.shape.extend(_input_shapes(net))
        if net.layer and net.layer[0].origin:
            layer.origin = place(net.layer[0].origin)[0]
    upgraded.MergeFrom(net)
    for field in ("input", "input_shape", "input_dim"):
        upgraded.ClearField(field)
    return upgraded


def freeze_batch_norm(net: NetParameter) -> NetParameter:
    """BatchNorm with three ``param``: lr_mult and decay_mult 0; its blobs are no parameters."""

    def to_freeze(layer: LayerParameter) -> bool:
        return is_old_batch_norm(layer) and any(
            spec.lr_mult or spec.decay_mult for spec in layer.param
        )

    if not any(map(to_freeze, net.layer)):
        return net
    upgraded = copy(net)
    for layer in filter(to_freeze, upgraded.layer):
        for spec in layer.param:
            spec.lr_mult = spec.decay_mult = 0
    return upgraded


def _moved_fields(layer: LayerParameter) -> list[str]:
    """Which of ``MOVED_FIELDS`` ``layer`` has in their old place."""
    name = MOVED_FROM.get(layer.type)
    if name is None or not layer.HasField(name):
        return []
    old = getattr(layer, name)
    return [field for field in MOVED_FIELDS if old.HasField(field)]


def _move(layer: LayerParameter, field: str) -> None:
    name = MOVED_FROM[layer.type]
    old, new = getattr(layer, name), layer.transform_param
    value = getattr(old, field)
    if new.HasField(field) and getattr(new, field) != value:
        raise PrototxtError(
            f"{field} of layer {layer.name!r} is {value} in {name} and {getattr(new, field)} in "
            "transform_param, expected one: transform_param is its place",
            *place(layer.origin),
        )
    set_field(new, field, value)
    old.ClearField(field)


def _input_shapes(net: NetParameter) -> list[BlobShape]:
    """The shape of each of ``net.input``, from whichever field gives it."""
    field = "input_shape" if net.input_shape else "input_dim"
    found: list[Any] = list(getattr(net, field))
    each = 1 if net.input_shape else 4
    needed = each * len(net.input)
    if len(found) < needed:
        what = "one input_shape" if net.input_shape else "four input_dim"
        why = "" if net.input_shape else ": num, channels, height, width"
        raise PrototxtError(
            f"{len(found)} {field} and {len(net.input)} input are found, expected {what} for each "
            f"input{why}"
        )
    if len(found) > needed:
        glog.warning(
            "upgrade_proto.cpp:67",
            f"{len(found)} {field} are found for {len(net.input)} input: the last "
            f"{len(found) - needed} are ignored, as Caffe does",
        )
    if net.input_shape:
        return found[:needed]
    return [BlobShape(dim=found[i : i + 4]) for i in range(0, needed, 4)]


def has_v1_transform_fields(net: NetParameter) -> bool:
    """Some of its ``layers`` that read data have a field that transform_param has now."""
    return any(
        getattr(layer, MOVED_FROM_V1[layer.type]).HasField(field)
        for layer in net.layers
        if layer.type in MOVED_FROM_V1
        for field in MOVED_FIELDS
    )


def is_old_batch_norm(layer: LayerParameter) -> bool:
    """It has a ``param`` for each of its blobs, as if it learned them."""
    return (layer.type, len(layer.param)) == ("BatchNorm", 3)
