"""Phases: two definitions, one for training and one for testing, as one for both."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from minicaffe.errors import PrototxtError
from minicaffe.proto.fields import copy
from minicaffe.proto.minicaffe_pb2 import (
    TEST,
    TRAIN,
    LayerParameter,
    NetParameter,
    NetStateRule,
    Phase,
)
from minicaffe.proto.upgrade import upgrade_net


def merge(train: NetParameter, test: NetParameter) -> NetParameter:
    """A definition that is ``train`` in the TRAIN phase and ``test`` in the TEST phase.

    Layers that are not in both get rules that say in which they are; those of each phase stay in
    their order. The name, where there are two, is that of ``train``.

    Raises:
        PrototxtError: what is not of a layer (``force_backward``, say) differs.
    """
    nets = {TRAIN: upgrade_net(train), TEST: upgrade_net(test)}
    merged = NetParameter()
    for net in nets.values():
        rest = copy(net)
        del rest.layer[:]
        rest.state.ClearField("phase")
        if not rest.state.ListFields():
            rest.ClearField("state")
        if merged.name:
            rest.name = merged.name
        if net is nets[TRAIN]:
            merged.CopyFrom(rest)
        elif rest != merged:
            differs = ", ".join(
                field.name
                for field in rest.DESCRIPTOR.fields
                if getattr(rest, field.name) != getattr(merged, field.name)
            )
            raise PrototxtError(
                f"{differs or 'something'} is not the same for both phases, expected one value: "
                "one definition is made for both"
            )
    merged.layer.extend(_layers(nets))
    return merged


def _layers(nets: dict[Phase, NetParameter]) -> Iterator[LayerParameter]:
    keys = {
        phase: [_without_origin(layer).SerializeToString(deterministic=True) for layer in net.layer]
        for phase, net in nets.items()
    }
    matcher = difflib.SequenceMatcher(None, keys[TRAIN], keys[TEST], autojunk=False)
    for kind, i, i_end, j, j_end in matcher.get_opcodes():
        if kind == "equal":
            yield from nets[TRAIN].layer[i:i_end]
            continue
        for phase, start, end in ((TRAIN, i, i_end), (TEST, j, j_end)):
            for layer in nets[phase].layer[start:end]:
                if (only := _only_in(layer, phase)) is not None:
                    yield only


def _only_in(layer: LayerParameter, phase: Phase) -> LayerParameter | None:
    """``layer`` with rules that keep it out of the other phase; None where it is in neither."""
    layer = copy(layer)
    if layer.exclude:
        layer.exclude.append(NetStateRule(phase=TEST if phase == TRAIN else TRAIN))
        return layer
    if not layer.include:
        layer.include.add(phase=phase)
        return layer
    rules = [rule for rule in layer.include if not rule.HasField("phase") or rule.phase == phase]
    kept = [copy(rule) for rule in rules]
    for rule in kept:
        rule.phase = phase
    del layer.include[:]
    layer.include.extend(kept)
    return layer if kept else None


def _without_origin(layer: LayerParameter) -> LayerParameter:
    layer = copy(layer)
    layer.ClearField("origin")
    return layer
