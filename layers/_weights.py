"""What layers with learned weights share."""

from __future__ import annotations

from minicaffe import glog
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError
from minicaffe.layers.base import Layer
from minicaffe.proto.minicaffe_pb2 import (
    TRAIN,
    ConvolutionParameter,
    EmbedParameter,
    InnerProductParameter,
    RecurrentParameter,
)

Weighted = ConvolutionParameter | EmbedParameter | InnerProductParameter | RecurrentParameter


def num_output(param: Weighted) -> int:
    """How many outputs are asked for.

    Raises:
        LayerConfigError: it is missing, or 0.
    """
    if not param.num_output:
        found = "0" if param.HasField("num_output") else "missing"
        raise LayerConfigError(f"num_output is {found}, expected at least 1")
    return param.num_output


def wanted_diff(layer: Layer, index: int) -> Array | None:
    """The diff of ``layer.blobs[index]``, if there is such a blob and its gradient is wanted."""
    there = index < len(layer.blobs) and layer.param_propagate_down[index]
    return layer.blobs[index].diff if there else None


def warn_of_zeros(layer: Layer, param: Weighted, source: str) -> None:
    """Warn of weights that start a training at zero because nobody said otherwise.

    Such a layer hands no gradient down, so that what is below it does not learn at first, and
    two of them on top of each other never do. Caffe says nothing. In the TEST phase weights
    come from a file or another net, so that a filler is not missed.

    Args:
        layer: before its weights are added.
        param: its parameters.
        source: FILE:LINE of the log line.
    """
    trains = layer.param.phase == TRAIN and not layer.device.shapes_only
    if trains and not param.HasField("weight_filler") and not layer.blobs:
        glog.warning(
            source,
            f"layer {layer.param.name!r} ({layer.type}) has no weight_filler, so its weights "
            "start at zero; unless they are loaded, give one: weight_filler { type: 'xavier' }",
        )
