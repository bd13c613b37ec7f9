"""Upgrade: definitions in the formats of older Caffes, brought up to date.

After: src/caffe/util/upgrade_proto.cpp. Differences: the old transform fields of a ``layer`` move
too, and so are the nets inside a solver brought up to date.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from minicaffe import glog
from minicaffe.errors import PrototxtError
from minicaffe.proto.fields import copy
from minicaffe.proto.minicaffe_pb2 import NetParameter, SolverParameter
from minicaffe.proto.net_steps import (
    freeze_batch_norm,
    has_v1_transform_fields,
    inputs_to_layer,
    is_old_batch_norm,
    move_transform_fields,
    move_transform_fields_of_v1,
)
from minicaffe.proto.origin import nets_of
from minicaffe.proto.v0 import has_v0, v0_to_v1
from minicaffe.proto.v1 import layers_to_layer

SOLVER_TYPES = {
    SolverParameter.SGD: "SGD",
    SolverParameter.NESTEROV: "Nesterov",
    SolverParameter.ADAGRAD: "AdaGrad",
    SolverParameter.RMSPROP: "RMSProp",
    SolverParameter.ADADELTA: "AdaDelta",
    SolverParameter.ADAM: "Adam",
}


class Upgraded(NamedTuple):
    """A definition of today, and what was left behind on the way.

    Attributes:
        net: the definition.
        complaints: a line for each field that has no place in it.
    """

    net: NetParameter
    complaints: list[str]


class Step(NamedTuple):
    """A step of the original's, with what it logs.

    Attributes:
        needed: whether the net is in the old format.
        run: brings it up to date; says what it left behind.
        line: of the original's source, where the first of its messages is logged.
        before: what is logged before; the net's file follows.
        after: and after.
        failed: in its place where something was left behind.
        note: and last.
    """

    needed: Callable[[NetParameter], bool]
    run: Callable[[NetParameter], tuple[NetParameter, list[str]]]
    line: int
    before: str
    after: str
    failed: str = ""
    note: str = ""


def upgrade_net(net: NetParameter, path: str = "") -> NetParameter:
    """``net`` as a definition of today.

    Args:
        net: a definition, or weights, of any age; it stays as it is, and is returned itself
            where it is of today.
        path: the file it comes from, for the log and for errors.

    Raises:
        PrototxtError: it is ambiguous or lacks something; says what to write instead.
    """
    try:
        return move_transform_fields(upgrade_as_original(net, path).net)
    except PrototxtError as error:
        error.path = error.path or path
        raise


def upgrade_as_original(net: NetParameter, path: str = "") -> Upgraded:
    """``net`` as the original's tools write it: after all of ``NET_STEPS``, logged as there.

    Raises:
        PrototxtError: as ``upgrade_net``.
    """
    left: list[str] = []
    try:
        for step in NET_STEPS:
            if step.needed(net):
                net, complaints = _logged(step, net, path)
                left += complaints
    except PrototxtError as error:
        error.path = error.path or path
        raise
    return Upgraded(net, left)


def needs_upgrade(net: NetParameter) -> bool:
    """Whether the original finds ``net`` to be in an old format."""
    return any(step.needed(net) for step in NET_STEPS)


def _logged(step: Step, net: NetParameter, path: str) -> Upgraded:
    glog.info(f"upgrade_proto.cpp:{step.line}", f"{step.before}: {path}")
    net, complaints = step.run(net)
    for complaint in complaints:
        glog.error("upgrade_proto.cpp:161", complaint)
    if complaints:
        glog.error(f"upgrade_proto.cpp:{step.line + 5}", step.failed)
    else:
        glog.info(f"upgrade_proto.cpp:{step.line + 3}", step.after)
    if step.note:
        glog.info(f"upgrade_proto.cpp:{step.line + 5}", step.note)
    return Upgraded(net, complaints)


def upgrade_solver(solver: SolverParameter, path: str = "") -> SolverParameter:
    """``solver`` as a definition of today; the nets inside it are upgraded too.

    Args:
        solver: a definition of any age; it stays as it is.
        path: the file it comes from, for errors and to name its snapshots after.

    Raises:
        PrototxtError: as ``upgrade_net``.
    """
    try:
        upgraded = copy(default_snapshot_prefix(upgrade_solver_as_original(solver, path), path))
        for _, net in nets_of(upgraded):
            if (new := upgrade_net(net, path)) is not net:
                net.CopyFrom(new)
        return upgraded
    except PrototxtError as error:
        error.path = error.path or path
        raise


def upgrade_solver_as_original(solver: SolverParameter, path: str = "") -> SolverParameter:
    """``solver`` as the original's tool writes it, logged as there: with its type as a string.

    Raises:
        PrototxtError: as ``solver_type_to_type``.
    """
    if not needs_solver_upgrade(solver):
        return solver
    field = "'solver_type' field (enum)"
    glog.info("upgrade_proto.cpp:1085", f"{_DEPRECATED}{field}: {path}")
    try:
        upgraded = solver_type_to_type(solver)
    except PrototxtError as error:
        error.path = error.path or path
        raise
    glog.info("upgrade_proto.cpp:1092", f"{_DONE}{field} to 'type' field (string).")
    glog.info(
        "upgrade_proto.cpp:1094",
        f"{_FUTURE}only support 'type' field (string) for a solver's type.",
    )
    return upgraded


def needs_solver_upgrade(solver: SolverParameter) -> bool:
    """Whether the original finds ``solver`` to be in an old format."""
    return solver.HasField("solver_type")


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
    if solver.snapshot_prefix:
        how = "was a directory and is replaced to"
        name = os.path.basename(without_extension)
        upgraded.snapshot_prefix = os.path.join(solver.snapshot_prefix, name)
    else:
        how = "was not specified and is set to"
        upgraded.snapshot_prefix = without_extension
    glog.info("upgrade_proto.cpp:1112", f"snapshot_prefix {how} {upgraded.snapshot_prefix}")
    return upgraded


def _whole(
    step: Callable[[NetParameter], NetParameter],
) -> Callable[[NetParameter], tuple[NetParameter, list[str]]]:
    """``step`` as a step that leaves nothing behind."""
    return lambda net: (step(net), [])


_DEPRECATED = "Attempting to upgrade input file specified using deprecated "
_DONE = "Successfully upgraded file specified using deprecated "
_FUTURE = "Note that future Caffe releases will "

NET_STEPS = (
    Step(
        has_v0,
        v0_to_v1,
        23,
        f"{_DEPRECATED}V0LayerParameter",
        f"{_DONE}V0LayerParameter",
        "Warning: had one or more problems upgrading V0NetParameter to NetParameter (see above); "
        "continuing anyway.",
        f"{_FUTURE}not support V0NetParameter; use upgrade_net_proto_text for prototxt and "
        "upgrade_net_proto_binary for model weights.",
    ),
    Step(
        has_v1_transform_fields,
        _whole(move_transform_fields_of_v1),
        44,
        f"{_DEPRECATED}transformation parameters",
        f"{_DONE}data transformation parameters.",
        note=f"{_FUTURE}only support transform_param messages for transformation fields.",
    ),
    Step(
        lambda net: bool(net.layers),
        _whole(layers_to_layer),
        53,
        f"{_DEPRECATED}V1LayerParameter",
        f"{_DONE}V1LayerParameter",
    ),
    Step(
        lambda net: bool(net.input),
        _whole(inputs_to_layer),
        67,
        f"{_DEPRECATED}input fields",
        f"{_DONE}input fields.",
        note=f"{_FUTURE}only support input layers and not input fields.",
    ),
    Step(
        lambda net: any(map(is_old_batch_norm, net.layer)),
        _whole(freeze_batch_norm),
        77,
        "Attempting to upgrade batch norm layers using deprecated params",
        "Successfully upgraded batch norm layers using deprecated params.",
    ),
)
