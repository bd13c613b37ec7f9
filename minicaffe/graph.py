"""From a definition as written to one that can be run: pure functions on NetParameter.

After: src/caffe/net.cpp (FilterNet, StateMeetsRule) and src/caffe/util/insert_splits.cpp.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from minicaffe import glog
from minicaffe.errors import (
    DuplicateBlobError,
    LayerConfigError,
    UnknownBlobError,
    at,
    did_you_mean,
    locate,
)
from minicaffe.proto.minicaffe_pb2 import (
    LayerParameter,
    NetParameter,
    NetState,
    NetStateRule,
)


def prepare(net: NetParameter, state: NetState) -> NetParameter:
    """``net`` as it is run in ``state``: filtered, its names checked, with its splits."""
    filtered = filter_layers(net, state)
    check_names(filtered)
    return insert_splits(filtered)


def filter_layers(net: NetParameter, state: NetState) -> NetParameter:
    """``net`` with only the layers that ``state`` includes, and ``state`` as its state.

    Raises:
        LayerConfigError: a layer has both include and exclude rules.
    """

    def included(layer: LayerParameter) -> bool:
        if layer.include and layer.exclude:
            error = LayerConfigError("both include and exclude rules, expected one kind")
            locate(error, layer, "filtering")
            raise error
        met = [_holds(rule, state, layer.name) for rule in (layer.include or layer.exclude)]
        return any(met) if layer.include else not any(met)

    result = _with_layers(net, [layer for layer in net.layer if included(layer)])
    result.state.CopyFrom(state)
    return result


def _holds(rule: NetStateRule, state: NetState, layer: str) -> bool:
    """Whether ``state`` meets ``rule``; says why not, as the original does."""

    def missed(why: str) -> bool:
        glog.info("net.cpp:296", f"The NetState {why} a rule in layer {layer}")
        return False

    if rule.HasField("phase") and rule.phase != state.phase:
        return missed(f"phase ({state.phase}) differed from the phase ({rule.phase}) specified by")
    if rule.HasField("min_level") and state.level < rule.min_level:
        return missed(f"level ({state.level}) is below the min_level ({rule.min_level}) set by")
    if rule.HasField("max_level") and state.level > rule.max_level:
        return missed(f"level ({state.level}) is above the max_level ({rule.max_level}) set by")
    for stage in rule.stage:
        if stage not in state.stage:
            return missed(f"did not contain stage '{stage}' specified by")
    for stage in rule.not_stage:
        if stage in state.stage:
            return missed(f"contained a not_stage '{stage}' specified by")
    return True


def check_names(net: NetParameter) -> None:
    """Each bottom is an earlier layer's top, and each top new or its layer's own bottom.

    Raises:
        UnknownBlobError: a bottom that no earlier layer makes.
        DuplicateBlobError: a top that an earlier layer made, and that is not bottom of the same
            index, as working in place needs.
    """
    makers: dict[str, LayerParameter] = {}
    for layer in net.layer:
        for index, name in enumerate(layer.bottom):
            if name not in makers:
                later = [other for other in net.layer if name in other.top]
                hint = (
                    f"layer {later[0].name!r} makes it, but comes later: move it up"
                    if later
                    else f"{did_you_mean(name, makers)}; what the caller fills needs a shape: "
                    "input_shape, or a layer of type Input"
                )
                raise UnknownBlobError(
                    f"{at(layer.origin)}layer {layer.name!r} ({layer.type}): bottom[{index}] is "
                    f"{name!r}, expected a top of an earlier layer: {hint}"
                )
        for index, name in enumerate(layer.top):
            in_place = index < len(layer.bottom) and layer.bottom[index] == name
            if (name in makers and not in_place) or name in layer.top[:index]:
                maker = makers.get(name, layer)
                raise DuplicateBlobError(
                    f"{at(layer.origin)}layer {layer.name!r} ({layer.type}): top[{index}] is "
                    f"{name!r}, expected a new name: {at(maker.origin)}layer {maker.name!r} makes "
                    f"it already, and it is not bottom[{index}], as working in place needs"
                )
        makers.update(dict.fromkeys(layer.top, layer))


def insert_splits(net: NetParameter) -> NetParameter:
    """``net`` with a Split after each top that is used more than once.

    A top's name may be written again, in place; each writing is a top of its own, told apart
    here by the index of the layer that wrote it. A nonzero ``loss_weight`` is a use: it moves
    to the first top of the Split.
    """
    uses: Counter[tuple[int, int]] = Counter()
    writer: dict[str, tuple[int, int]] = {}
    for index, layer in enumerate(net.layer):
        uses.update(writer[name] for name in layer.bottom if name in writer)
        for i, name in enumerate(layer.top):
            writer[name] = index, i
            uses[index, i] += bool(_loss_weight(layer, i))

    layers: list[LayerParameter] = []
    unread: dict[str, list[str]] = {}
    for index, layer in enumerate(net.layer):
        copy = LayerParameter()
        copy.CopyFrom(layer)
        for i, name in enumerate(layer.bottom):
            if unread.get(name):
                copy.bottom[i] = unread[name].pop(0)
        layers.append(copy)
        for i, name in enumerate(layer.top):
            unread[name] = []
            if uses[index, i] > 1:
                split = _split(layer, name, i, uses[index, i])
                unread[name] = list(split.top)
                if _loss_weight(layer, i):
                    split.loss_weight.extend([layer.loss_weight[i]] + [0] * (uses[index, i] - 1))
                    copy.loss_weight[i] = 0
                    unread[name].pop(0)
                layers.append(split)
    return _with_layers(net, layers)


def _split(layer: LayerParameter, name: str, index: int, count: int) -> LayerParameter:
    split = LayerParameter(name=f"{name}_{layer.name}_{index}_split", type="Split")
    split.origin = layer.origin
    split.bottom.append(name)
    split.top.extend(f"{split.name}_{reader}" for reader in range(count))
    return split


def _loss_weight(layer: LayerParameter, top: int) -> float:
    return layer.loss_weight[top] if top < len(layer.loss_weight) else 0.0


def _with_layers(net: NetParameter, layers: Iterable[LayerParameter]) -> NetParameter:
    result = NetParameter()
    result.CopyFrom(net)
    kept = list(layers)
    del result.layer[:]
    result.layer.extend(kept)
    return result
