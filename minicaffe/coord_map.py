"""Where a blob of a NetSpec lies over another: by how much to crop one to fit the other.

A map is ``(axis, scale, shift)``: coordinate x of one blob is ``scale * x + shift`` in the other,
on each axis after ``axis``; scale and shift are numbers or arrays of one for each such axis. Where
``axis`` is None, it holds for all axes.

After: python/caffe/coord_map.py; paper: Long, Shelhamer, Darrell: "Fully convolutional networks for
semantic segmentation", 2015. Differences: sizes may also be given as ``_h`` and ``_w``, and
in a ``pooling_param``; of several ways between two blobs the shortest counts, not any; scales are
compared as floats are, so that 1/49 times 49 is 1; the errors say what they found.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from google.protobuf.message import Message

from minicaffe.errors import LayerConfigError, NetError
from minicaffe.net_spec import Function, Top
from minicaffe.net_spec import layers as L  # noqa: N812  # as every net's definition calls it
from minicaffe.proto.minicaffe_pb2 import PoolingParameter

Map = tuple[int | None, Any, Any]

PASS_THROUGH_LAYERS = [
    "AbsVal",
    "BatchNorm",
    "Bias",
    "BNLL",
    "Clip",
    "Dropout",
    "ELU",
    "Eltwise",
    "Exp",
    "LRN",
    "Log",
    "MVN",
    "PReLU",
    "Power",
    "ReLU",
    "Scale",
    "Sigmoid",
    "Split",
    "Swish",
    "TanH",
    "Threshold",
]
IDENTITY: Map = (None, 1, 0)
# field to the stem of its forms with _h and _w, and its default
_SIZES = {"stride": ("stride", 1), "kernel_size": ("kernel", None), "pad": ("pad", 0)}


class UndefinedMapException(NetError):  # noqa: N818  # pycaffe's name
    """A layer does not keep coordinates."""


class AxisMismatchException(NetError):  # noqa: N818  # pycaffe's name
    """Maps are of different axes, or of different numbers of them."""


class UnconnectedError(NetError, RuntimeError):
    """No layers that keep coordinates join two tops."""


class CropError(NetError, AssertionError):
    """A top cannot be cropped to the other."""


def conv_params(fn: Function) -> tuple[int, Any, Any, Any]:
    """Axis of the channels, strides, sizes of the kernel with its holes, and pads, of a layer.

    Raises:
        LayerConfigError: it has no size of a kernel.
        AxisMismatchException: its sizes are of different numbers of axes.
        UndefinedMapException: it pools everything.
    """
    definition = fn.definition()
    if fn.type_name == "Pooling":
        if definition.pooling_param.global_pooling:
            raise UndefinedMapException(f"{fn.type_name} with global_pooling keeps no coordinates")
        param: Any = definition.pooling_param
        axis, holes = 1, [1]
    else:
        param = definition.convolution_param
        axis, holes = param.axis, param.dilation or [1]
    sizes = (_axes(fn, param, name) for name in _SIZES)
    stride, kernel, pad, dilation = _together(fn, *sizes, np.array(holes))
    return axis, stride, (kernel - 1) * dilation + 1, pad


def crop_params(fn: Function) -> tuple[int, Any]:
    """First axis that a Crop layer crops, and its offsets."""
    param = fn.definition().crop_param
    return param.axis, np.array(param.offset or [0])


def coord_map(fn: Function) -> Map:
    """The map from coordinates of a layer's bottoms to those of its tops.

    Raises:
        UndefinedMapException: the layer does not keep coordinates.
    """
    if fn.type_name in PASS_THROUGH_LAYERS:
        return IDENTITY
    if fn.type_name in ("Convolution", "Im2col", "Pooling"):
        axis, stride, kernel, pad = conv_params(fn)
        return axis, 1 / stride, (pad - (kernel - 1) / 2) / stride
    if fn.type_name == "Deconvolution":
        axis, stride, kernel, pad = conv_params(fn)
        return axis, stride, (kernel - 1) / 2 - pad
    if fn.type_name == "Crop":
        axis, offset = crop_params(fn)
        return axis - 1, 1, -offset
    raise UndefinedMapException(
        f"{fn.type_name} does not keep coordinates; PASS_THROUGH_LAYERS lists those that do"
    )


def compose(base_map: Map, next_map: Map) -> Map:
    """The map that does ``next_map`` first, then ``base_map``.

    Raises:
        AxisMismatchException: they are of different axes.
    """
    axis1, scale1, shift1 = base_map
    axis2, scale2, shift2 = next_map
    if None not in (axis1, axis2) and axis1 != axis2:
        raise AxisMismatchException(f"axes are {axis1} and {axis2}, expected the same")
    sizes = {np.size(value) for value in (scale1, shift1, scale2, shift2)} - {1}
    if len(sizes) > 1:
        raise AxisMismatchException(
            f"maps are of {' and '.join(map(str, sorted(sizes)))} axes, expected the same number"
        )
    return axis2 if axis1 is None else axis1, scale1 * scale2, scale1 * shift2 + shift1


def inverse(coord_map: Map) -> Map:
    """The map back."""
    axis, scale, shift = coord_map
    return axis, 1 / scale, -shift / scale


def coord_map_from_to(top_from: Top, top_to: Top) -> Map:
    """The map from coordinates of ``top_from`` to those of ``top_to``, by their common ancestor.

    Raises:
        UnconnectedError: they have none that is joined by layers that keep coordinates.
        AxisMismatchException: layers on the way map different axes.
    """
    stuck: set[str] = set()
    from_maps = dict(_ancestors(top_from, stuck))
    for top, to_map in _ancestors(top_to, stuck):
        if top in from_maps:
            return compose(to_map, inverse(from_maps[top]))
    raise UnconnectedError(
        "Could not compute map between tops; are they connected by spatial layers? "
        f"The search ended at {', '.join(sorted(stuck)) or 'layers without bottoms'}"
    )


def crop(top_from: Top, top_to: Top) -> Top:
    """A Crop layer that makes ``top_from`` as large as ``top_to``, and puts it over that.

    Raises:
        CropError: they differ in scale, or one would have to be moved by half a pixel, or enlarged.
        UnconnectedError, AxisMismatchException: as ``coord_map_from_to``.
    """
    axis, scale, shift = coord_map_from_to(top_from, top_to)
    offset = -np.round(np.atleast_1d(shift)).astype(int)
    if not np.allclose(scale, 1):
        raise CropError(f"scale mismatch on crop (a = {scale}): one has more pixels than the other")
    if not np.allclose(offset, -shift):
        raise CropError(f"cannot crop noninteger width (b = {shift}): change a pad or a kernel")
    if (offset < 0).any():
        raise CropError(f"cannot crop negative width (b = {shift}): pad earlier layers more")
    axis = 1 if axis is None else axis
    cropped: Top = L.Crop(
        top_from, top_to, crop_param={"axis": axis + 1, "offset": offset.tolist()}
    )
    return cropped


def _ancestors(top: Top, stuck: set[str]) -> Iterator[tuple[Top, Map]]:
    """Each blob that ``top`` is made of, nearest first, and the map to it.

    Args:
        top: of any layer; itself comes first.
        stuck: gets the types of the layers where the way ends.
    """
    maps, queue = {top: IDENTITY}, deque([top])
    while queue:
        top = queue.popleft()
        yield top, maps[top]
        bottoms = top.fn.inputs[:1] if top.fn.type_name == "Crop" else top.fn.inputs
        try:
            step = coord_map(top.fn) if bottoms else IDENTITY
        except UndefinedMapException:
            stuck.add(top.fn.type_name)
            continue
        for bottom in bottoms:
            if bottom not in maps:
                maps[bottom] = compose(maps[top], step)
                queue.append(bottom)


def _axes(fn: Function, param: Message, name: str) -> Any:
    """The values of a size: an array of one, or of one for each axis."""
    stem, default = _SIZES[name]
    pair = [f"{stem}_{side}" for side in "hw"]
    if any(map(param.HasField, pair)):
        values = [getattr(param, field) if param.HasField(field) else default for field in pair]
    elif isinstance(param, PoolingParameter):
        values = [getattr(param, name) if param.HasField(name) else default]
    else:
        values = list(getattr(param, name)) or [default]
    if None in values:
        raise LayerConfigError(
            f"{fn.type_name} has no kernel_size, expected it, or kernel_h and kernel_w"
        )
    return np.array(values)


def _together(fn: Function, *values: Any) -> Iterable[Any]:
    """The arrays, each of as many values as the longest."""
    sizes = {len(value) for value in values} - {1}
    if len(sizes) > 1:
        raise AxisMismatchException(
            f"{fn.type_name} has stride, kernel_size, pad and dilation for "
            f"{', '.join(str(len(value)) for value in values)} axes, expected the same number"
        )
    return np.broadcast_arrays(*values)
