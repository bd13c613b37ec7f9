"""Upgrade: definitions in the formats of older Caffes, brought up to date.

Each step is a function from one message to one message. It never changes its argument, and gives
it back itself where there is nothing to do: a net may hold 500 MB of weights.
"""

from __future__ import annotations

import os
from typing import TypeVar

from google.protobuf.message import Message

from minicaffe.errors import PrototxtError
from minicaffe.proto.minicaffe_pb2 import (
    BlobShape,
    LayerParameter,
    NetParameter,
    SolverParameter,
)
from minicaffe.proto.origin import nets_of, place
from minicaffe.proto.v1 import layers_to_layer

M = TypeVar("M", bound=Message)

# Which message of a layer held the fields that transform_param has now, by the layer's type.
MOVED_FROM = {
    "Data": "data_param",
    "ImageData": "image_data_param",
    "WindowData": "window_data_param",
}
MOVED_FIELDS = ("scale", "mean_file", "crop_size", "mirror")

SOLVER_TYPES = {
    SolverParameter.SGD: "SGD",
    SolverParameter.NESTEROV: "Nesterov",
    SolverParameter.ADAGRAD: "AdaGrad",
    SolverParameter.RMSPROP: "RMSProp",
    SolverParameter.ADADELTA: "AdaDelta",
    SolverParameter.ADAM: "Adam",
}


def upgrade_net(net: NetParameter, path: str = "") -> NetParameter:
    """``net`` as a definition of today: after all of ``NET_STEPS``.

    Args:
        net: a definition, or weights, of any age; it stays as it is, and is returned itself
            where it is of today.
        path: the file it comes from, for errors.

    Raises:
        PrototxtError: it is ambiguous or lacks something; says what to write instead.
    """
    try:
        for step in NET_STEPS:
            net = step(net)
    except PrototxtError as error:
        error.path = error.path or path
        raise
    return net


def upgrade_solver(solver: SolverParameter, path: str = "") -> SolverParameter:
    """``solver`` as a definition of today; the nets inside it are upgraded too.

    Args:
        solver: a definition of any age; it stays as it is.
        path: the file it comes from, for errors and to name its snapshots after.

    Raises:
        PrototxtError: as ``upgrade_net``.
    """
    try:
        upgraded = copy(default_snapshot_prefix(solver_type_to_type(solver), path))
        for _, net in nets_of(upgraded):
            if (new := upgrade_net(net)) is not net:
                net.CopyFrom(new)
        return upgraded
    except PrototxtError as error:
        error.path = error.path or path
        raise


def move_transform_fields(net: NetParameter) -> NetParameter:
    """Data layers: ``scale``, ``mean_file``, ``crop_size`` and ``mirror`` to transform_param.

    In a V1 definition Caffe moves them as well; in a ``layer`` it reads past them without a
    word, so that images are trained on unscaled.

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


def inputs_to_layer(net: NetParameter) -> NetParameter:
    """``input`` with ``input_shape`` or ``input_dim``: to one Input layer "input", placed first.

    Raises:
        PrototxtError: the shapes are not as many as the inputs, or contradict each other.
    """
    if not (net.input or net.input_shape or net.input_dim):
        return net
    upgraded = NetParameter()
    if net.input_shape or net.input_dim:
        layer = upgraded.layer.add(name="input", type="Input", top=net.input)
        layer.input_param.shape.extend(_input_shapes(net))
        if net.layer and net.layer[0].origin:
            layer.origin = place(net.layer[0].origin)[0]
    else:
        _refuse_unmade_inputs(net)
    upgraded.MergeFrom(net)
    for field in ("input", "input_shape", "input_dim"):
        upgraded.ClearField(field)
    return upgraded


def freeze_batch_norm(net: NetParameter) -> NetParameter:
    """BatchNorm with three ``param``: lr_mult and decay_mult 0; its blobs are no parameters."""

    def to_freeze(layer: LayerParameter) -> bool:
        return (layer.type, len(layer.param)) == ("BatchNorm", 3) and any(
            spec.lr_mult or spec.decay_mult for spec in layer.param
        )

    if not any(map(to_freeze, net.layer)):
        return net
    upgraded = copy(net)
    for layer in filter(to_freeze, upgraded.layer):
        for spec in layer.param:
            spec.lr_mult = spec.decay_mult = 0
    return upgraded


NET_STEPS = (layers_to_layer, move_transform_fields, inputs_to_layer, freeze_batch_norm)


def solver_type_to_type(solver: SolverParameter) -> SolverParameter:
    """``solver_type: ADAM`` to ``type: "Adam"``.

    Raises:
        PrototxtError: both are given.
    """
    if not solver.HasField("solver_type"):
        return solver
    new = SOLVER_TYPES[solver.solver_type]
    if solver.HasField("type"):
        old = SolverParameter.SolverType.Name(solver.solver_type)
        raise PrototxtError(
            f'both type: "{solver.type}" and solver_type: {old} are found, expected type alone: '
            "solver_type is its old name"
        )
    upgraded = copy(solver)
    upgraded.type = new
    upgraded.ClearField("solver_type")
    return upgraded


def default_snapshot_prefix(solver: SolverParameter, path: str) -> SolverParameter:
    """``snapshot_prefix``: ``path`` without extension by default; a directory gets the stem.

    ``solver`` comes back as it is where ``path`` is "".
    """
    without_extension = os.path.splitext(path)[0]
    if not path or (solver.snapshot_prefix and not os.path.isdir(solver.snapshot_prefix)):
        return solver
    upgraded = copy(solver)
    upgraded.snapshot_prefix = (
        os.path.join(solver.snapshot_prefix, os.path.basename(without_extension))
        if solver.snapshot_prefix
        else without_extension
    )
    return upgraded


def copy(message: M) -> M:
    """A message equal to ``message`` that shares nothing with it."""
    new = type(message)()
    new.CopyFrom(message)
    return new


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
    setattr(new, field, value)
    old.ClearField(field)


def _input_shapes(net: NetParameter) -> list[BlobShape]:
    """The shape of each of ``net.input``, from whichever field gives it."""
    shapes = list(net.input_shape)
    dims = [BlobShape(dim=net.input_dim[i : i + 4]) for i in range(0, len(net.input_dim), 4)]
    if net.input_dim and len(net.input_dim) != 4 * len(net.input):
        raise PrototxtError(
            f"{len(net.input_dim)} input_dim and {len(net.input)} input are found, expected four "
            "input_dim for each input: num, channels, height, width"
        )
    if shapes and len(shapes) != len(net.input):
        raise PrototxtError(
            f"{len(shapes)} input_shape and {len(net.input)} input are found, expected one "
            "input_shape for each input"
        )
    if shapes and dims and shapes != dims:
        raise PrototxtError(
            "input_shape and input_dim are found with different numbers, expected input_shape "
            "alone: input_dim is its old form"
        )
    return shapes or dims


def _refuse_unmade_inputs(net: NetParameter) -> None:
    """Inputs without shapes are left-overs where a layer makes the blob, and a mistake if not."""
    made = {top for layer in net.layer for top in layer.top}
    for name in net.input:
        if name not in made:
            raise PrototxtError(
                f"input {name!r} is found without a shape, expected input_shape {{ dim: ... }} "
                f'after it, or in its place layer {{ name: "{name}" type: "Input" top: "{name}" '
                "input_param { shape { dim: ... } } }"
            )
