"""V0: the definitions of 2013, with a ``layer`` inside each of ``layers``, brought to V1.

A V0 layer names its type by a string of its own, keeps the parameters of all types in one
message, and pads in a layer by itself.

After: src/caffe/util/upgrade_proto.cpp (UpgradeV0Net). Differences: layers of V1 between those of
V0 stay as they are, where the original forgets all but their blobs; so do the net's state,
debug_info and input_shape.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from minicaffe.errors import PrototxtError, did_you_mean
from minicaffe.proto.fields import fields_of, set_field
from minicaffe.proto.minicaffe_pb2 import NetParameter, V0LayerParameter, V1LayerParameter
from minicaffe.proto.origin import place

_CONV, _IP = "convolution_param", "inner_product_param"
_DATA, _IMAGES, _WINDOWS = "data_param", "image_data_param", "window_data_param"

TYPES = {
    "accuracy": V1LayerParameter.ACCURACY,
    "bnll": V1LayerParameter.BNLL,
    "concat": V1LayerParameter.CONCAT,
    "conv": V1LayerParameter.CONVOLUTION,
    "data": V1LayerParameter.DATA,
    "dropout": V1LayerParameter.DROPOUT,
    "euclidean_loss": V1LayerParameter.EUCLIDEAN_LOSS,
    "flatten": V1LayerParameter.FLATTEN,
    "hdf5_data": V1LayerParameter.HDF5_DATA,
    "hdf5_output": V1LayerParameter.HDF5_OUTPUT,
    "im2col": V1LayerParameter.IM2COL,
    "images": V1LayerParameter.IMAGE_DATA,
    "infogain_loss": V1LayerParameter.INFOGAIN_LOSS,
    "innerproduct": V1LayerParameter.INNER_PRODUCT,
    "lrn": V1LayerParameter.LRN,
    "multinomial_logistic_loss": V1LayerParameter.MULTINOMIAL_LOGISTIC_LOSS,
    "pool": V1LayerParameter.POOLING,
    "relu": V1LayerParameter.RELU,
    "sigmoid": V1LayerParameter.SIGMOID,
    "softmax": V1LayerParameter.SOFTMAX,
    "softmax_loss": V1LayerParameter.SOFTMAX_LOSS,
    "split": V1LayerParameter.SPLIT,
    "tanh": V1LayerParameter.TANH,
    "window_data": V1LayerParameter.WINDOW_DATA,
}
_PADDING = "padding"  # a type too, but none is left when types are looked up
_PADDED = ("conv", "pool")


class Place(NamedTuple):
    """Where V1 keeps a field of V0.

    Attributes:
        name: in a message of the layer; "" for that message itself.
        messages: the message, by the layer's type in V0.
    """

    name: str
    messages: dict[str, str]


_WEIGHTED = {"conv": _CONV, "innerproduct": _IP}
_WINDOWED = {"conv": _CONV, "pool": "pooling_param"}
_READ = {"data": _DATA, "hdf5_data": "hdf5_data_param", "images": _IMAGES, "window_data": _WINDOWS}
_LRN = {"lrn": "lrn_param"}
_ALL = dict.fromkeys((*TYPES, ""), "transform_param")

PLACES = {
    "num_output": Place("num_output", _WEIGHTED),
    "biasterm": Place("bias_term", _WEIGHTED),
    "weight_filler": Place("weight_filler", _WEIGHTED),
    "bias_filler": Place("bias_filler", _WEIGHTED),
    "pad": Place("pad", _WINDOWED),
    "kernelsize": Place("kernel_size", _WINDOWED),
    "group": Place("group", {"conv": _CONV}),
    "stride": Place("stride", _WINDOWED),
    "pool": Place("pool", {"pool": "pooling_param"}),
    "dropout_ratio": Place("dropout_ratio", {"dropout": "dropout_param"}),
    "local_size": Place("local_size", _LRN),
    "alpha": Place("alpha", _LRN),
    "beta": Place("beta", _LRN),
    "k": Place("k", _LRN),
    "source": Place("source", {**_READ, "infogain_loss": "infogain_loss_param"}),
    "scale": Place("scale", _ALL),
    "meanfile": Place("mean_file", _ALL),
    "batchsize": Place("batch_size", _READ),
    "cropsize": Place("crop_size", _ALL),
    "mirror": Place("mirror", _ALL),
    "rand_skip": Place("rand_skip", {"data": _DATA, "images": _IMAGES}),
    "det_fg_threshold": Place("fg_threshold", {"window_data": _WINDOWS}),
    "det_bg_threshold": Place("bg_threshold", {"window_data": _WINDOWS}),
    "det_fg_fraction": Place("fg_fraction", {"window_data": _WINDOWS}),
    "det_context_pad": Place("context_pad", {"window_data": _WINDOWS}),
    "det_crop_mode": Place("crop_mode", {"window_data": _WINDOWS}),
    "new_height": Place("new_height", {"images": _IMAGES}),
    "new_width": Place("new_width", {"images": _IMAGES}),
    "shuffle_images": Place("shuffle", {"images": _IMAGES}),
    "concat_dim": Place("concat_dim", {"concat": "concat_param"}),
    "hdf5_output_param": Place("", {"hdf5_output": "hdf5_output_param"}),
}
_SAME = ("name", "blobs", "blobs_lr", "weight_decay")  # fields of V1 layers under the same name
_UNUSED = ("type", "new_num", "new_channels")  # the last two were never read


def has_v0(net: NetParameter) -> bool:
    """Some of its ``layers`` are of V0."""
    return any(layer.HasField("layer") for layer in net.layers)


def v0_to_v1(net: NetParameter) -> tuple[NetParameter, list[str]]:
    """``net`` with its V0 layers as V1 layers, and a line for each field that had no place.

    Raises:
        PrototxtError: a layer's type is unknown, or a padding layer is not read by a
            convolution or pooling alone.
    """
    upgraded = NetParameter()
    for name, value in fields_of(net):
        if name != "layers":
            set_field(upgraded, name, value)
    complaints: list[str] = []
    for layer in _fold_padding(net):
        new = upgraded.layers.add()
        if layer.HasField("layer"):
            complaints += _upgrade(layer, new)
        else:
            new.CopyFrom(layer)
    return upgraded, complaints


def _fold_padding(net: NetParameter) -> list[V1LayerParameter]:
    """The layers without those that only pad; what they pad has their ``pad`` and bottom."""
    padders: dict[str, V1LayerParameter] = {}
    kept = []
    for old in net.layers:
        layer = old
        if padder := next((padders[name] for name in old.bottom if name in padders), None):
            layer = _padded(old, padder)
        is_padder = old.layer.type == _PADDING
        for name in old.top:
            padders.pop(name, None)
            if is_padder:
                padders[name] = old
        if not is_padder:
            kept.append(layer)
    return kept


def _padded(layer: V1LayerParameter, padder: V1LayerParameter) -> V1LayerParameter:
    """``layer``, which reads what ``padder`` makes, padding by itself."""
    if layer.layer.type not in _PADDED or len(layer.bottom) != 1:
        raise _error(
            layer,
            f"reads padding layer {padder.layer.name!r}, expected type {' or '.join(_PADDED)} "
            "with that one bottom: no other pads by itself",
        )
    if (len(padder.bottom), len(padder.top)) != (1, 1):
        found = f"{len(padder.bottom)} bottom and {len(padder.top)} top are found"
        raise _error(padder, f"pads: {found}, expected one of each")
    new = V1LayerParameter()
    new.CopyFrom(layer)
    new.layer.pad = padder.layer.pad
    new.bottom[0] = padder.bottom[0]
    return new


def _upgrade(old: V1LayerParameter, new: V1LayerParameter) -> list[str]:
    v0 = old.layer
    for name in ("bottom", "top", "origin"):
        if len(getattr(old, name)):
            set_field(new, name, getattr(old, name))
    if v0.HasField("type"):
        if v0.type not in TYPES:
            raise _error(
                old, f"is of type {v0.type!r}, expected one of V0: {did_you_mean(v0.type, TYPES)}"
            )
        new.type = TYPES[v0.type]
    complaints = []
    for name, value in fields_of(v0):
        if name in _SAME:
            set_field(new, name, value)
        elif name not in _UNUSED and not _put(v0, name, value, new):
            where = f"layer {v0.name!r}{', ' * bool(old.origin)}{old.origin}"
            complaints.append(f"Unknown parameter {name} for layer type {v0.type} ({where})")
    return complaints


def _put(v0: V0LayerParameter, name: str, value: Any, new: V1LayerParameter) -> bool:
    """Set the field of ``new`` that ``name`` of V0 is today; False where its type has none."""
    to = PLACES[name]
    if v0.type not in to.messages:
        return False
    message = getattr(new, to.messages[v0.type])
    if not to.name:
        message.CopyFrom(value)
    elif message.DESCRIPTOR.fields_by_name[
        to.name
    ].is_repeated:  # pad of a convolution: one an axis
        getattr(message, to.name).append(value)
    else:
        set_field(message, to.name, value)
    return True


def _error(layer: V1LayerParameter, why: str) -> PrototxtError:
    return PrototxtError(f"layer {layer.layer.name!r} {why}", *place(layer.origin))
