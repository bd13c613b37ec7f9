"""Definitions to draw, and what is found in a picture of them."""

from __future__ import annotations

import random
from pathlib import Path

from minicaffe.drawing.graph import Box, Edge, Graph, Part
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.proto.text import parse
from minicaffe.proto.upgrade import upgrade_net

DEFINITIONS = Path(__file__).parent.parent / "definitions"

CHAIN = """
name: "chain"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 8 dim: 9 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" }
layer { name: "scale" type: "Scale" bottom: "conv" top: "conv" }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
        inner_product_param { num_output: 5 } }
"""  # noqa: E501

PHASES = """
name: "phases"
layer { name: "mnist" type: "Input" top: "data" include { phase: TRAIN }
        input_param { shape { dim: 64 dim: 7 } } }
layer { name: "mnist" type: "Input" top: "data" include { phase: TEST }
        input_param { shape { dim: 10 dim: 7 } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
        inner_product_param { num_output: 5 } }
layer { name: "drop" type: "Dropout" bottom: "ip" top: "ip" include { phase: TRAIN } }
layer { name: "best" type: "ArgMax" bottom: "ip" top: "best" exclude { phase: TRAIN } }
"""

EVIL = "<b>&\"'\\]]></script x>漢é"


def net(text: str) -> NetParameter:
    return upgrade_net(parse(text, NetParameter))


def evil() -> NetParameter:
    """A net whose names try to break out of everything."""
    result = net(CHAIN)
    result.name = EVIL
    for layer in result.layer:
        layer.name = EVIL + layer.name
    for layer in result.layer:
        for names in (layer.bottom, layer.top):
            names[:] = [EVIL + name for name in names]
    return result


def boxes(graph: Graph) -> list[list[str]]:
    """The names of the layers in each box, the outputs left out."""
    return [[part.name for part in box.parts] for box in graph.boxes if not box.is_output]


def edges(graph: Graph) -> list[tuple[str, str, str]]:
    """The edges, by the names of the first layers; those to outputs left out."""
    return [
        (graph.boxes[e.source].parts[0].name, e.blob, graph.boxes[e.target].parts[0].name)
        for e in graph.edges
        if not graph.boxes[e.target].is_output
    ]


def random_graph(seed: int, count: int = 30) -> Graph:
    """Boxes of many sizes, with edges from each to some later ones."""
    rng = random.Random(seed)
    result = Graph(f"random {seed}", [], [])
    for index in range(count):
        parts = [Part("n" * rng.randint(1, 30), "T", "other")] * rng.randint(1, 3)
        ports = {f"b{i}": "1x2x3" for i in range(rng.randint(1, 3))}
        result.boxes.append(Box(parts, ports))
        for source in rng.sample(range(index), min(index, rng.randint(0, 3))):
            blob = rng.choice(list(result.boxes[source].ports))
            result.edges.append(Edge(source, blob, index))
    return result
