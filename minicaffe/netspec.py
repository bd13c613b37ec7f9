"""NetSpec, further: definitions read back into Python, changed, summed up and written.

from minicaffe import layers as L, netspec

n = netspec.load("train_val.prototxt")
old, n.fc8 = n.fc8, L.InnerProduct(n.fc7, num_output=20)
n.rewire(old, n.fc8)
n.update("data", dict(batch_size=32))
n.summary()
n.save("finetune.prototxt")
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from minicaffe import net_spec
from minicaffe.net_functions import LAYER_FIELDS, Function, Top, in_order, params_of
from minicaffe.proto.fields import copy
from minicaffe.proto.files import StrPath
from minicaffe.proto.minicaffe_pb2 import (
    TEST,
    TRAIN,
    LayerParameter,
    NetParameter,
    NetState,
    NetStateRule,
    Phase,
)
from minicaffe.proto.text import read_net, write
from minicaffe.proto.to_mapping import shortest
from minicaffe.proto.upgrade import upgrade_net

_BOTH = frozenset((TRAIN, TEST))
_WIRING = ("type", "bottom", "top", "origin")  # fields that are no parameters


class NetSpec(net_spec.NetSpec):
    """A NetSpec that is read and written as well, and shows its shapes.

    Attributes:
        header: the net's fields that are no layers: its name, ``force_backward`` and so on.
    """

    header: NetParameter

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "header", NetParameter())

    def to_proto(self) -> NetParameter:
        """The definition."""
        net = copy(self.header)
        net.MergeFrom(super().to_proto())
        return net

    def rewire(self, old: Top, new: Top) -> None:
        """Have every layer that reads ``old`` read ``new``, but for those that make ``new``."""
        makers = set(in_order([new.fn]))
        for fn in in_order(top.fn for top in self.tops.values()):
            if fn not in makers:
                fn.inputs = tuple(new if each is old else each for each in fn.inputs)
                fn.also = tuple(each for each in fn.also if each is not old.fn)

    def save(self, path: StrPath) -> None:
        """Write the definition to ``path``, by its extension .prototxt, .yaml or .json.

        Raises:
            PrototxtError: the file cannot be written.
        """
        write(self.to_proto(), path)

    def summary(
        self,
        phase: int | str = TEST,
        level: int = 0,
        stages: Sequence[str] = (),
        inputs: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        """Print the layers with the shapes of their tops and the number of their parameters.

        Args:
            phase: TRAIN or TEST, or its name.
            level: of the net's state.
            stages: of the net's state.
            inputs: shapes for the tops of layers that have no bottoms, whose data is not looked at.

        Raises:
            MinicaffeError: the net cannot be built.
        """
        from minicaffe.columns import columns
        from minicaffe.summary import shape_text, summarize

        number = Phase.Value(phase.upper()) if isinstance(phase, str) else phase
        state = NetState(phase=number, level=level, stage=stages)  # type: ignore[arg-type]  # an int
        found = summarize(upgrade_net(self.to_proto()), state, inputs)
        rows = [("layer", "type", "shapes", "parameters")]
        for row in found.without_splits():
            shapes = ", ".join(f"{name} {shape_text(shape)}" for name, shape in row.tops)
            rows.append((row.name, row.type, shapes or "-", f"{row.parameters:,}"))
        rows.append(("total", "", "", f"{found.total('parameters'):,}"))
        notes = [f"{name}: {why}" for name, why in found.guessed.items()]
        sys.stdout.write("\n".join([*columns(rows, right={3}), *notes, ""]))


class LoadedLayer(Function):
    """A layer as it was read: its name and those of its tops are its own.

    Attributes:
        names: of its tops; those of one that works in place follow its bottoms.
        unmade: bottoms that no layer makes, by their index.
    """

    def __init__(self, layer: LayerParameter, bottoms: Iterable[Top | str]) -> None:
        listed = list(bottoms)
        tops = list(layer.top)
        in_place = bool(tops) and tops == list(layer.bottom)
        inputs = [each for each in listed if isinstance(each, Top)]
        self.names = tops
        self.unmade = {i: each for i, each in enumerate(listed) if isinstance(each, str)}
        options = {"ntop": len(tops), "in_place": in_place and not self.unmade}
        super().__init__(layer.type, inputs, {**_params(layer), **options})
        self.origin = layer.origin

    def definition(self) -> LayerParameter:
        """Its fields, without its wiring."""
        layer = super().definition()
        if not self.type_name:
            layer.ClearField("type")
        return layer

    def emit(self, name: str, bottom: list[str], top: list[str]) -> LayerParameter:
        """Its definition, under the names that it has."""
        for index, unmade in self.unmade.items():
            bottom.insert(index, unmade)
        layer = self.definition()
        layer.bottom.extend(bottom)
        layer.top.extend(bottom if self.in_place else self.names)
        return layer


def load(path: StrPath, *, phase: int | str | None = None) -> NetSpec:
    """The definition in ``path``, of any age and in any of the formats, as a NetSpec.

    Its tops have their names; where two layers make one of a name, the first has it, one that
    works in place has its layer's, and others have their phase or a number at the end:
    ``n.data`` and ``n.data_test``.

    Args:
        path: a prototxt, YAML, JSON or ``net.py``.
        phase: for a ``net.py``, as ``read_net`` has it.

    Raises:
        PrototxtError: it cannot be read.
    """
    return from_proto(read_net(path, phase=phase))


def from_proto(net: NetParameter) -> NetSpec:
    """``net`` as a NetSpec, as ``load`` has it.

    Raises:
        PrototxtError: its old format cannot be brought up to date.
    """
    net = upgrade_net(net)
    spec = NetSpec()
    spec.header.CopyFrom(net)
    del spec.header.layer[:]
    made: dict[str, list[tuple[Top, frozenset[int]]]] = {}
    for layer in net.layer:
        phases = _phases(layer)
        found = [
            [top for top, others in made.get(name, ()) if phases & others] for name in layer.bottom
        ]
        named = zip(found, layer.bottom, strict=True)
        fn = LoadedLayer(layer, [tops[-1] if tops else name for tops, name in named])
        fn.also = tuple({top.fn: None for tops in found for top in tops[:-1]})
        for top, name in zip(fn.tops, layer.top, strict=True):
            made.setdefault(name, []).append((top, phases))
            spec[_key(spec, fn, layer, name)] = top
        if not fn.tops:
            spec[_free(spec, [layer.name or layer.type or "layer"])] = fn
    return spec


def _key(spec: NetSpec, fn: LoadedLayer, layer: LayerParameter, name: str) -> str:
    own = [layer.name] if layer.name and len(layer.top) == 1 else []
    words = own if fn.in_place else []
    phases = _phases(layer)
    if len(phases) == 1:
        words = [*words, f"{name}_{Phase.Name(next(iter(phases))).lower()}"]
    return _free(spec, [name, *words, *own])


def _free(spec: NetSpec, wanted: Sequence[str]) -> str:
    """The first of ``wanted`` that names nothing yet, or the first with a number."""
    numbered = (f"{wanted[0]}_{number}" for number in range(2, len(spec.tops) + 3))
    return next(name for name in (*wanted, *numbered) if name not in spec)


def _phases(layer: LayerParameter) -> frozenset[int]:
    """The phases in which ``layer`` may be."""
    if layer.include:
        given = [{rule.phase} if rule.HasField("phase") else _BOTH for rule in layer.include]
        return frozenset().union(*given)
    return _BOTH - {rule.phase for rule in layer.exclude if rule == NetStateRule(phase=rule.phase)}


def _params(layer: LayerParameter) -> dict[str, Any]:
    """The fields of ``layer`` as one would write them: those of its own message by themselves."""
    own = params_of(layer.type)
    result: dict[str, Any] = {}
    for field, value in layer.ListFields():
        if field.name in _WIRING:
            continue
        plain = value if field.name == "blobs" else _plain(field, value)
        if field.name in own and isinstance(plain, dict) and not LAYER_FIELDS.keys() & plain.keys():
            result.update(plain)
        else:
            result[field.name] = plain
    return result


def _plain(field: Any, value: Any) -> Any:
    """``value`` of ``field`` as Python has it; a message without fields stays one."""
    if field.is_repeated:
        return [_single(field, each) for each in value]
    return _single(field, value)


def _single(field: Any, value: Any) -> Any:
    if field.message_type:
        fields = {inner.name: _plain(inner, each) for inner, each in value.ListFields()}
        return fields or copy(value)
    if field.enum_type:
        return field.enum_type.values_by_number[value].name
    return shortest(field, value) if isinstance(value, float) else value
