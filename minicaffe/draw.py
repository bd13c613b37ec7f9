"""Draw: pycaffe's functions for pictures of nets, under their names there.

After: python/caffe/draw.py. Differences: ``draw_net`` and ``draw_net_to_file`` need neither pydot
nor Graphviz for svg, png, dot and html, whose pictures are ours (``minicaffe.drawing``: shapes on
the edges, layers that work in place inside the box they follow); ``get_pydot_graph`` gives the
original's graph, in which nodes of one label stay apart, and works on old definitions too.
"""

from __future__ import annotations

import os
import re
from types import ModuleType
from typing import Any

from minicaffe.drawing.net_graph import graph_of
from minicaffe.drawing.write import encode, format_of
from minicaffe.errors import LayerConfigError, MinicaffeError, locate
from minicaffe.proto.files import StrPath
from minicaffe.proto.minicaffe_pb2 import LayerParameter, PoolingParameter
from minicaffe.pycaffe.opening import definition_of

BLOB_STYLE = {"shape": "octagon", "fillcolor": "#E0E0E0", "style": "filled"}
LAYER_STYLE_DEFAULT = {"shape": "record", "fillcolor": "#6495ED", "style": "filled"}
NEURON_LAYER_STYLE = {"shape": "record", "fillcolor": "#90EE90", "style": "filled"}

_COLOURS = {
    "Convolution": "#FF5050",
    "Deconvolution": "#FF5050",
    "Pooling": "#FF9900",
    "InnerProduct": "#CC33FF",
}
_CONVOLUTIONS = ("Convolution", "Deconvolution", "DepthwiseConvolution", "ConvolutionDepthwise")
_LEARNING = (*_CONVOLUTIONS, "InnerProduct")
_EMPTY = '""'
_ONE_OF = ("kernel_size", "stride", "pad")
_WITHOUT = {"kernel_size": 1, "stride": 1, "pad": 0}


def get_pooling_types_dict() -> dict[int, str]:
    """Number of a method of pooling to its name."""
    return {number: name for name, number in PoolingParameter.PoolMethod.items()}


def get_edge_label(layer: Any) -> str:
    """What is written on the edges from ``layer``: its batch size or its number of outputs."""
    if layer.type == "Data":
        return f"Batch {layer.data_param.batch_size}"
    if layer.type in _CONVOLUTIONS:
        return str(layer.convolution_param.num_output)
    if layer.type == "InnerProduct":
        return str(layer.inner_product_param.num_output)
    return _EMPTY


def get_layer_lr_mult(layer: Any) -> tuple[float, float]:
    """``lr_mult`` of the weights and of the biases of ``layer``; 1 where it is not given.

    Raises:
        LayerConfigError: the layer has no weights, or more than two parameters.
    """
    if layer.type not in _LEARNING:
        _refuse(layer, f"the type is no {', '.join(_LEARNING)}: there is no lr_mult to show")
    if len(layer.param) > 2:
        _refuse(layer, f"{len(layer.param)} param are given, expected 2 at most: weights, biases")
    rates = [float(param.lr_mult) for param in layer.param]
    weights, biases = (rates + [1.0, 1.0][len(rates) :])[:2]
    return weights, biases


def get_layer_label(layer: Any, rankdir: str, display_lrm: bool = False) -> str:
    """What is written in the node of ``layer``, in quotes.

    Args:
        layer: a ``LayerParameter``.
        rankdir: TB and BT have it on one line, LR and RL on several.
        display_lrm: with ``lr_mult``.
    """
    gap = " " if rankdir in ("TB", "BT") else r"\n"
    type_ = layer.type
    if type_ == "Pooling":
        type_ += f" {get_pooling_types_dict()[layer.pooling_param.pool]}"
    parts = [layer.name, f"({type_})"]
    if layer.type in (*_CONVOLUTIONS, "Pooling"):
        window = _window(layer)
        parts.append(gap.join(f"{name.replace('_', ' ')}: {window[name]}" for name in _ONE_OF))
    if display_lrm and layer.type in _LEARNING:
        weights, biases = get_layer_lr_mult(layer)
        if weights or biases:
            parts.append(f"lr mult: {weights:.1f}, {biases:.1f}")
    return f'"{gap.join(parts)}"'


def choose_color_by_layertype(layertype: str) -> str:
    """The colour of the node of a layer of this type, ``#rrggbb``."""
    return _COLOURS.get(layertype, LAYER_STYLE_DEFAULT["fillcolor"])


def get_pydot_graph(
    caffe_net: Any,
    rankdir: str,
    label_edges: bool = True,
    phase: int | None = None,
    display_lrm: bool = False,
) -> Any:
    """The graph of layers and blobs, each a node.

    Args:
        caffe_net: a ``NetParameter``, a NetSpec, or the path of a definition.
        rankdir: direction of the edges: TB, BT, LR or RL.
        label_edges: write sizes on the edges.
        phase: what is in this phase alone, TRAIN or TEST; None: everything.
        display_lrm: show ``lr_mult``.

    Returns:
        A ``pydot.Dot``.

    Raises:
        MinicaffeError: pydot is not installed.
        LayerConfigError: a layer has both include and exclude rules.
    """
    pydot = _pydot()
    net = definition_of(caffe_net)
    graph = pydot.Dot(_quoted(net.name or "Net"), graph_type="digraph", rankdir=rankdir)
    nodes: dict[str, Any] = {}
    edges: list[tuple[str, str, str]] = []
    for layer in net.layer:
        if phase is not None and not _included(layer, phase):
            continue
        name = f"{layer.name}_{layer.type}"
        in_place = len(layer.bottom) == 1 and list(layer.bottom) == list(layer.top)
        style = dict(NEURON_LAYER_STYLE if in_place else LAYER_STYLE_DEFAULT)
        if not in_place:
            style["fillcolor"] = choose_color_by_layertype(layer.type)
        label = get_layer_label(layer, rankdir, display_lrm=display_lrm)
        nodes[name] = pydot.Node(_quoted(name), label=_escaped(label), **style)
        size = get_edge_label(layer) if label_edges else _EMPTY
        edges += [(f"{bottom}_blob", name, _EMPTY) for bottom in layer.bottom]
        edges += [(name, f"{top}_blob", size) for top in layer.top]
        for blob in (*layer.bottom, *layer.top):
            nodes[f"{blob}_blob"] = pydot.Node(
                _quoted(f"{blob}_blob"), label=_quoted(blob), **BLOB_STYLE
            )
    for node in nodes.values():
        graph.add_node(node)
    for source, target, label in edges:
        graph.add_edge(pydot.Edge(nodes[source], nodes[target], label=label))
    return graph


def draw_net(
    caffe_net: Any,
    rankdir: str,
    ext: str = "png",
    phase: int | None = None,
    display_lrm: bool = False,
) -> bytes:
    """A picture of a net, as the content of a file.

    Args:
        caffe_net: a ``NetParameter``, a NetSpec, or the path of a definition.
        rankdir: direction of the edges: TB, BT, LR or RL.
        ext: svg, png, dot or html; others are Graphviz's, where it and pydot are installed.
        phase: what is in this phase alone, TRAIN or TEST; None: everything.
        display_lrm: show ``lr_mult``.

    Raises:
        MinicaffeError: another format, without pydot; or no such direction.
        LayerConfigError: a layer has both include and exclude rules.
    """
    if format_of(ext) is None:
        graph = get_pydot_graph(caffe_net, rankdir, phase=phase, display_lrm=display_lrm)
        return bytes(graph.create(format=ext))
    net = definition_of(caffe_net)
    return encode(graph_of(net, phase, lr_mult=display_lrm), ext, rankdir)


def draw_net_to_file(
    caffe_net: Any,
    filename: StrPath,
    rankdir: str = "LR",
    phase: int | None = None,
    display_lrm: bool = False,
) -> None:
    """Draw a net to a file, in the format of its extension; as ``draw_net``.

    Raises:
        MinicaffeError: as ``draw_net``, or the file cannot be written.
    """
    ext = os.path.splitext(os.fspath(filename))[1].removeprefix(".")
    data = draw_net(caffe_net, rankdir, ext, phase, display_lrm)
    try:
        with open(filename, "wb") as file:
            file.write(data)
    except OSError as error:
        raise MinicaffeError(f"cannot write {os.fspath(filename)}: {error.strerror}") from error


def _included(layer: LayerParameter, phase: int) -> bool:
    """By the phases of its rules alone, as the original has it."""
    if layer.include and layer.exclude:
        _refuse(layer, "both include and exclude rules are given, expected one kind")
    listed = any(rule.phase == phase for rule in (layer.include or layer.exclude))
    return listed if layer.include else not listed


def _window(layer: Any) -> dict[str, int]:
    """The first size of each kind: that of the height, where the axes differ."""
    pools = layer.type == "Pooling"
    message = layer.pooling_param if pools else layer.convolution_param
    result = {}
    for name in _ONE_OF:
        short = f"{name.removesuffix('_size')}_h"
        value = getattr(message, name)
        if message.HasField(short):
            value = getattr(message, short)
        elif not pools:
            value = value[0] if len(value) else _WITHOUT[name]
        result[name] = value
    return result


def _refuse(layer: Any, why: str) -> None:
    error = LayerConfigError(why)
    locate(error, layer, "drawing")
    raise error


def _escaped(label: str) -> str:
    """A label in quotes, whose name may have what means something in a record of Graphviz."""
    return '"' + re.sub(r'(["<>{}|])', r"\\\1", label[1:-1]) + '"'


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', r"\"") + '"'


def _pydot() -> ModuleType:
    try:
        import pydot  # type: ignore[import-not-found,unused-ignore]  # not always there
    except ImportError as error:
        raise MinicaffeError(
            "pydot is not installed, expected for a graph of Graphviz: pip install pydot; "
            "draw_net_to_file writes .svg, .png, .dot and .html without it"
        ) from error
    found: ModuleType = pydot
    return found
