"""Shapes: what the blobs of a drawn net are like, where the net can be built without its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from minicaffe.errors import LayerError, at
from minicaffe.graph import filter_layers
from minicaffe.inputs import Shape
from minicaffe.layers import layer_classes
from minicaffe.proto.minicaffe_pb2 import NetParameter, NetState, Phase
from minicaffe.summary import Summary, shape_text, summarize

_MOST = 8  # layers that are left out, so that the others have shapes


@dataclass
class Shapes:
    """The shapes of a definition's blobs, in each of the states it was built in.

    Attributes:
        notes: what has no shapes, and why; what was guessed.
        parameters: how many numbers the net has to learn; None where that is not known.
        found: for each layer, by its index, its tops' names and their shapes, one for each state.
    """

    notes: list[str] = field(default_factory=list)
    parameters: int | None = None
    found: dict[int, dict[str, list[Shape]]] = field(default_factory=dict)

    def text(self, layer: int, top: str) -> str:
        """``64x3x227x227``; where states differ, ``64|50x3x227x227``; "" where it is not known."""
        shapes = list(dict.fromkeys(self.found.get(layer, {}).get(top, [])))
        if not shapes or len({len(shape) for shape in shapes}) > 1:
            return " | ".join(map(shape_text, shapes))
        axes = ["|".join(dict.fromkeys(map(str, sizes))) for sizes in zip(*shapes, strict=True)]
        return "x".join(axes) or "scalar"


def shapes_of(
    net: NetParameter, states: Sequence[NetState], inputs: Mapping[str, Shape] | None = None
) -> Shapes:
    """The shapes of ``net``, of today's format, in each of ``states``.

    A layer that cannot be built has no shapes, nor has what depends on it; the others have.

    Args:
        net: not filtered.
        states: the phases, levels and stages to build it in.
        inputs: shapes for the tops of layers that have no bottoms.

    Raises:
        LayerConfigError: a layer has both include and exclude rules.
    """
    result = Shapes()
    whys: dict[str, list[str]] = {}
    for state in states:
        layers = _included(net, state)
        phase_whys: list[str] = []
        found = _build(net, layers, state, inputs or {}, phase_whys)
        for why in phase_whys:
            whys.setdefault(why, []).append(Phase.Name(state.phase))
        if found is not None:
            _add(result, net, *found)
            if found[1].guessed:
                why = f"shapes of {', '.join(found[1].guessed)} are guessed: the data is missing"
                whys.setdefault(why, []).append(Phase.Name(state.phase))
    for why, phases in whys.items():
        result.notes.append(f"{' and '.join(phases)}: {why}" if len(states) > 1 else why)
    if any(why.startswith("no shapes") for why in whys):
        result.parameters = None  # not of all layers
    return result


def _included(net: NetParameter, state: NetState) -> list[int]:
    """The indices of the layers that are in ``state``."""
    kept = iter(filter_layers(net, state).layer)
    result, layer = [], next(kept, None)
    for index, candidate in enumerate(net.layer):
        if layer is not None and candidate == layer:
            result.append(index)
            layer = next(kept, None)
    return result


def _build(
    net: NetParameter,
    layers: list[int],
    state: NetState,
    inputs: Mapping[str, Shape],
    whys: list[str],
) -> tuple[list[int], Summary] | None:
    """The summary of as many of ``layers`` as can be built, and which these are.

    Says in ``whys`` why not all. What a layer in Python raises goes there too.
    """
    known = layer_classes()
    unknown = [index for index in layers if net.layer[index].type not in known]
    if unknown:
        types = ", ".join(dict.fromkeys(net.layer[index].type for index in unknown))
        whys.append(f"no shapes after layers of unknown type: {types}")
        layers = _independent(net, layers, unknown)
    for _ in range(_MOST):
        part = NetParameter(name=net.name)
        part.layer.extend(net.layer[index] for index in layers)
        try:
            return layers, summarize(part, state, inputs)
        except Exception as error:  # noqa: BLE001  # a layer in Python may raise anything
            name = error.layer if isinstance(error, LayerError) else None
            culprits = [index for index in layers if net.layer[index].name == name]
            whys.append(f"no shapes{f' after {name!r}' if culprits else ''}: {_why(error, net)}")
            layers = _independent(net, layers, culprits)
            if not (culprits and layers):
                break
    return None


def _independent(net: NetParameter, layers: Sequence[int], culprits: Sequence[int]) -> list[int]:
    """Those of ``layers`` that need nothing of ``culprits``."""
    lost: set[str] = set()
    result = []
    for index in layers:
        layer = net.layer[index]
        if index in culprits or lost & set(layer.bottom):
            lost |= set(layer.top)
        else:
            result.append(index)
    return result


def _add(result: Shapes, net: NetParameter, layers: Sequence[int], summary: Summary) -> None:
    rows = [row for row in summary.rows if not row.inserted]
    for index, row in zip(layers, rows, strict=True):
        tops = result.found.setdefault(index, {})
        for name, (_, shape) in zip(net.layer[index].top, row.tops, strict=False):
            tops.setdefault(name, []).append(shape)
    result.parameters = max(summary.total("parameters"), result.parameters or 0)


def _why(error: Exception, net: NetParameter) -> str:
    """The message on one line, without the place in the definition: that is what is drawn."""
    text = " ".join(str(error).split()) or type(error).__name__
    for origin in {layer.origin for layer in net.layer if layer.origin}:
        text = text.removeprefix(at(origin))
    return text
