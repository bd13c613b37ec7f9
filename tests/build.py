"""Make a layer from prototxt text and arrays, ready to run."""

from __future__ import annotations

import numpy as np
from google.protobuf import text_format

from minicaffe.blob import Blob
from minicaffe.device import Device
from minicaffe.layers import Layer, create_layer
from minicaffe.proto.minicaffe_pb2 import LayerParameter


def build(
    text: str,
    device: Device,
    *arrays: np.ndarray,
    tops: int = 1,
    in_place: bool = False,
    dtype: type = np.float64,
) -> tuple[Layer, list[Blob], list[Blob]]:
    """The layer that ``text`` defines, its bottoms holding ``arrays`` as ``dtype``, its tops."""
    bottom = [Blob(device, array.shape, dtype) for array in arrays]
    for blob, array in zip(bottom, arrays, strict=True):
        blob.data[...] = device.xp.asarray(array)
    top = bottom[:1] if in_place else [Blob(device, (), dtype) for _ in range(tops)]
    layer = create_layer(text_format.Parse(f'name: "it" {text}', LayerParameter()), device, dtype)
    layer.initialize(bottom, top)
    return layer, bottom, top
