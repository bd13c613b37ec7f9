from __future__ import annotations

from minicaffe.drawing.net_graph import graph_of
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN
from tests.drawing import nets


def test_a_phase():
    graph = graph_of(nets.net(nets.PHASES), TEST)
    assert nets.boxes(graph) == [["mnist"], ["ip"], ["best"]]
    assert graph.boxes[1].ports == {"ip": "10x5"}
    assert {part.phases for box in graph.boxes for part in box.parts} == {""}
    assert graph.subtitle == "TEST phase, 3 layers, 40 parameters"
    assert nets.boxes(graph_of(nets.net(nets.PHASES), TRAIN)) == [["mnist"], ["ip", "drop"]]


def test_both_phases():
    graph = graph_of(nets.net(nets.PHASES))
    assert graph.boxes[2].ports == {"ip": "64|10x5"}
    assert graph.subtitle == "5 layers, 40 parameters"


def test_without_shapes():
    graph = graph_of(nets.net(nets.CHAIN), shapes=False)
    assert graph.boxes[0].ports == {"data": ""}
    assert graph.subtitle == "6 layers"
    assert graph.notes == []


def test_stages():
    text = nets.CHAIN + 'layer { name: "s" type: "Silence" bottom: "ip" include { stage: "x" } }'
    assert ["s"] not in nets.boxes(graph_of(nets.net(text), TEST))
    assert ["s"] in nets.boxes(graph_of(nets.net(text), TEST, stages=["x"]))


def test_lr_mult():
    text = nets.CHAIN.replace('top: "ip"', 'top: "ip" param { lr_mult: 0.5 }')
    fields = graph_of(nets.net(text), lr_mult=True).boxes[2].parts[0].fields
    assert fields == ("num_output 5", "lr_mult 0.5")


def test_without_rules_the_phases_are_alike_and_not_said():
    text = nets.CHAIN + 'layer { name: "p" type: "Unheard" bottom: "conv" top: "p" }'
    assert graph_of(nets.net(text)).notes == ["no shapes after layers of unknown type: Unheard"]
