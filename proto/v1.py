"""V1: the definitions of 2014, with ``layers``, brought to the ``layer`` of today.

A V1 layer names its type by an enum, and keeps what ``param`` holds today in four lists of its
own.

After: src/caffe/util/upgrade_proto.cpp (UpgradeV1Net).
"""

from __future__ import annotations

from itertools import zip_longest

from minicaffe.errors import PrototxtError
from minicaffe.proto.fields import fields_of, set_field
from minicaffe.proto.minicaffe_pb2 import (
    LayerParameter,
    NetParameter,
    ParamSpec,
    V1LayerParameter,
)
from minicaffe.proto.origin import place

TYPES = {
    V1LayerParameter.NONE: "",
    V1LayerParameter.ABSVAL: "AbsVal",
    V1LayerParameter.ACCURACY: "Accuracy",
    V1LayerParameter.ARGMAX: "ArgMax",
    V1LayerParameter.BNLL: "BNLL",
    V1LayerParameter.CONCAT: "Concat",
    V1LayerParameter.CONTRASTIVE_LOSS: "ContrastiveLoss",
    V1LayerParameter.CONVOLUTION: "Convolution",
    V1LayerParameter.DATA: "Data",
    V1LayerParameter.DECONVOLUTION: "Deconvolution",
    V1LayerParameter.DROPOUT: "Dropout",
    V1LayerParameter.DUMMY_DATA: "DummyData",
    V1LayerParameter.ELTWISE: "Eltwise",
    V1LayerParameter.EUCLIDEAN_LOSS: "EuclideanLoss",
    V1LayerParameter.EXP: "Exp",
    V1LayerParameter.FLATTEN: "Flatten",
    V1LayerParameter.HDF5_DATA: "HDF5Data",
    V1LayerParameter.HDF5_OUTPUT: "HDF5Output",
    V1LayerParameter.HINGE_LOSS: "HingeLoss",
    V1LayerParameter.IM2COL: "Im2col",
    V1LayerParameter.IMAGE_DATA: "ImageData",
    V1LayerParameter.INFOGAIN_LOSS: "InfogainLoss",
    V1LayerParameter.INNER_PRODUCT: "InnerProduct",
    V1LayerParameter.LRN: "LRN",
    V1LayerParameter.MEMORY_DATA: "MemoryData",
    V1LayerParameter.MULTINOMIAL_LOGISTIC_LOSS: "MultinomialLogisticLoss",
    V1LayerParameter.MVN: "MVN",
    V1LayerParameter.POOLING: "Pooling",
    V1LayerParameter.POWER: "Power",
    V1LayerParameter.RELU: "ReLU",
    V1LayerParameter.SIGMOID: "Sigmoid",
    V1LayerParameter.SIGMOID_CROSS_ENTROPY_LOSS: "SigmoidCrossEntropyLoss",
    V1LayerParameter.SILENCE: "Silence",
    V1LayerParameter.SLICE: "Slice",
    V1LayerParameter.SOFTMAX: "Softmax",
    V1LayerParameter.SOFTMAX_LOSS: "SoftmaxWithLoss",
    V1LayerParameter.SPLIT: "Split",
    V1LayerParameter.TANH: "TanH",
    V1LayerParameter.THRESHOLD: "Threshold",
    V1LayerParameter.WINDOW_DATA: "WindowData",
}

# What is not carried over under its own name: the field of ``type``, and those of ParamSpec.
PARAM_SPEC = {
    "param": "name",
    "blob_share_mode": "share_mode",
    "blobs_lr": "lr_mult",
    "weight_decay": "decay_mult",
}
_CHANGED = {"type", "layer", *PARAM_SPEC}


def layers_to_layer(net: NetParameter) -> NetParameter:
    """Each of ``layers`` to a ``layer``, in their order.

    Raises:
        PrototxtError: ``net`` has ``layer`` as well.
    """
    if not net.layers:
        return net
    if net.layer:
        raise PrototxtError(
            f"both layers (the V1 format) and layer are found, expected layer alone: the order "
            f"of the {len(net.layers)} layers among the {len(net.layer)} is not known",
            *place(net.layers[0].origin),
        )
    upgraded = NetParameter()
    for name, value in fields_of(net):
        if name != "layers":
            set_field(upgraded, name, value)
    for old in net.layers:
        _upgrade(old, upgraded.layer.add())
    return upgraded


def _upgrade(old: V1LayerParameter, new: LayerParameter) -> None:
    for name, value in fields_of(old):
        if name not in _CHANGED:
            set_field(new, name, value)
    if old.HasField("type"):
        new.type = TYPES[old.type]
    specs = zip_longest(*(getattr(old, field) for field in PARAM_SPEC))
    for values in specs:
        given = zip(PARAM_SPEC.values(), values, strict=True)
        new.param.append(ParamSpec(**{field: v for field, v in given if v is not None}))
