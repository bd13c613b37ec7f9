"""Inputs in place of data: a definition that can be built where its data is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from minicaffe.blob import Blob
from minicaffe.device import Device
from minicaffe.errors import MinicaffeError, NetError, at, did_you_mean
from minicaffe.layers import Layer, create_layer, layer_classes
from minicaffe.proto.minicaffe_pb2 import LayerParameter, NetParameter

Shape = tuple[int, ...]
Shapes = list[Shape | None]


def replace_data(
    net: NetParameter, inputs: Mapping[str, Shape], device: Device
) -> tuple[NetParameter, dict[str, str]]:
    """``net`` with Input layers in place of those that read data.

    Their tops have the shapes that ``inputs`` gives, else those of the data, else those that the
    definition implies: so many images of such a crop.

    Args:
        net: filtered, with its state; it stays as it is.
        inputs: shapes for tops of layers without bottoms, of any type; what is given is not
            looked at, so that it need not be there.
        device: for what has to be built to see a shape.

    Returns:
        The net, and the layers whose definition alone was to go by: name to what was wrong.

    Raises:
        NetError: a shape is nowhere to be found, or one of ``inputs`` is no such top.
    """
    tops = [name for layer in net.layer if not layer.bottom for name in layer.top]
    for name in inputs:
        if name not in tops:
            raise NetError(
                f"input is {name!r}, expected a top of a layer without bottoms: "
                f"{did_you_mean(name, tops)}"
            )
    result, guessed, classes = NetParameter(), dict[str, str](), layer_classes()
    result.CopyFrom(net)
    for param in result.layer:
        given = [inputs.get(name) for name in param.top]
        reads_data = param.type in classes and classes[param.type].reads_data
        if param.bottom or not (any(given) or reads_data):
            continue
        if not param.HasField("phase"):
            param.phase = net.state.phase
        shapes, why = _shapes(param, given, device)
        if why:
            guessed[param.name] = why
        new = LayerParameter(name=param.name, type="Input", top=param.top, origin=param.origin)
        for shape in shapes:
            new.input_param.shape.add(dim=shape)
        param.CopyFrom(new)
    return result, guessed


def _shapes(param: LayerParameter, given: Shapes, device: Device) -> tuple[list[Shape], str]:
    """The shapes of the tops of ``param``, and what was wrong with its data, if that is missing."""
    why = ""
    shapes = given
    if not all(given):
        layer = create_layer(param, device)
        found, why = _found(layer, given)
        shapes = _merged(given, found)
        if None in shapes:
            _refuse(layer, given, shapes, why)
    return [shape for shape in shapes if shape is not None], why


def _found(layer: Layer, given: Shapes) -> tuple[Shapes, str]:
    """What the layer itself knows of its tops, from the first on."""
    if layer.reads_data and any(given):  # other data than the definition's
        return layer.declared_shapes(given[0]), ""
    tops = [Blob(layer.device) for _ in given]
    try:
        layer.initialize([], tops)
    except MinicaffeError as error:
        return layer.declared_shapes(None), str(error)
    layer.close()
    return [blob.shape for blob in tops], ""


def _merged(given: Shapes, found: Sequence[Shape | None]) -> Shapes:
    return [shape or (found[i] if i < len(found) else None) for i, shape in enumerate(given)]


def _refuse(layer: Layer, given: Shapes, shapes: Shapes, why: str) -> None:
    """Say which flags would do: where the first shape is known, others may follow from it."""
    param, first = layer.param, shapes[0]
    missing = [name for name, shape in zip(param.top, shapes, strict=True) if shape is None]
    rest = _merged(given, layer.declared_shapes(first or (1,)))
    ask = [name for name, shape in zip(param.top, rest, strict=True) if shape is None]
    flags = [f"--input {name}:N,C,H,W" for name in [*([] if first else param.top[:1]), *ask]]
    raise NetError(
        f"{at(param.origin)}layer {param.name!r} ({param.type}): no shape is found for "
        f"{' and '.join(map(repr, missing))}, expected its data, or {' '.join(flags)}"
        f"{f': {why}' if why else ''}"
    )
