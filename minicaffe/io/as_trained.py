"""The preparation of images that a net was trained with, from the definition of its training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from minicaffe.blob_proto import HostArray
from minicaffe.data.transformer import read_mean
from minicaffe.errors import ArrayError, NetError
from minicaffe.io.transformer import Transformer
from minicaffe.proto.minicaffe_pb2 import TEST, NetParameter, TransformationParameter
from minicaffe.proto.text import read_net


def as_trained(inputs: Mapping[str, Sequence[int]], definition: str | Path) -> Transformer:
    """Makes of images of ``load_image`` what the net's data layer made of the same in training.

    That is of 0..255 and in the order blue, green, red, as databases hold images, less the mean and
    times the scale of ``transform_param``. A mean image is cut to the input as images were.

    Args:
        inputs: name to shape, as for Transformer; images go to those of four axes.
        definition: what the net was trained with, ``train_val.prototxt`` say; its layer for the
            TEST phase counts, if there is one.

    Raises:
        PrototxtError: ``definition`` cannot be read.
        NetError: it has no layer with a ``transform_param``.
        DataError: its ``mean_file`` cannot be read.
        ArrayError: the mean does not fit an input.
    """
    param = _transform_param(read_net(definition), definition)
    transformer = Transformer(inputs)
    for name, shape in inputs.items():
        if len(shape) == 4:
            _set(transformer, name, shape, param)
    return transformer


def _set(
    transformer: Transformer, name: str, shape: Sequence[int], param: TransformationParameter
) -> None:
    channels, height, width = shape[1:]
    transformer.set_transpose(name, (2, 0, 1))
    transformer.set_raw_scale(name, 255)
    transformer.set_input_scale(name, param.scale)
    if channels == 3:
        transformer.set_channel_swap(name, (2, 1, 0))
    if param.mean_file:
        transformer.set_mean(name, _middle(read_mean(param.mean_file), height, width))
    elif param.mean_value:
        values = list(param.mean_value)
        transformer.set_mean(name, np.array(values * channels if len(values) == 1 else values))


def _middle(mean: HostArray, height: int, width: int) -> HostArray:
    down, right = mean.shape[1] - height, mean.shape[2] - width
    if min(down, right) < 0:
        raise ArrayError(
            f"the mean is {mean.shape[1]} x {mean.shape[2]}, expected at least {height} x {width}, "
            "as the input"
        )
    top, left = down // 2, right // 2
    return mean[:, top : top + height, left : left + width]


def _transform_param(net: NetParameter, definition: str | Path) -> TransformationParameter:
    found = [layer for layer in net.layer if layer.HasField("transform_param")]
    if not found:
        raise NetError(
            f"{definition} has no layer with a transform_param, expected the definition that the "
            "net was trained with, train_val.prototxt say"
        )
    tests = (layer for layer in found if any(rule.phase == TEST for rule in layer.include))
    return next(tests, found[0]).transform_param
