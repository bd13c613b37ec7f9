from __future__ import annotations

from minicaffe.drawing.graph import build
from tests.drawing import nets


def test_layers_in_place_are_in_the_box_that_they_follow():
    graph = build(nets.net(nets.CHAIN))
    assert nets.boxes(graph) == [["data"], ["conv", "bn", "scale", "relu"], ["ip"]]
    assert nets.edges(graph) == [("data", "data", "conv"), ("conv", "conv", "ip")]


def test_a_blob_that_nothing_reads_is_an_output():
    graph = build(nets.net(nets.CHAIN), lambda layer, top: f"{layer}x{top}")
    last = graph.boxes[-1]
    assert last.is_output
    assert (last.parts[0].name, last.parts[0].type) == ("ip", "5xip")
    assert (graph.edges[-1].source, graph.edges[-1].target) == (2, 3)


def test_what_was_read_before_it_was_written_over_stays_apart():
    """The second reader gets other numbers than the first: the picture has to show it."""
    graph = build(
        nets.net("""
        layer { name: "c" type: "Convolution" bottom: "x" top: "c" }
        layer { name: "early" type: "Pooling" bottom: "c" top: "p" }
        layer { name: "relu" type: "ReLU" bottom: "c" top: "c" }
        layer { name: "late" type: "Pooling" bottom: "c" top: "q" }
        """)
    )
    assert nets.boxes(graph) == [["x"], ["c"], ["early"], ["relu"], ["late"]]
    assert ("c", "c", "early") in nets.edges(graph)
    assert ("relu", "c", "late") in nets.edges(graph)


def test_in_place_on_one_blob_of_several_has_a_box():
    graph = build(
        nets.net("""
        layer { name: "s" type: "Slice" bottom: "x" top: "a" top: "b" }
        layer { name: "relu" type: "ReLU" bottom: "b" top: "b" }
        """)
    )
    assert nets.boxes(graph) == [["x"], ["s"], ["relu"]]


def test_in_place_on_data_has_a_box():
    graph = build(
        nets.net("""
        layer { name: "d" type: "DummyData" top: "d" }
        layer { name: "power" type: "Power" bottom: "d" top: "d" }
        """)
    )
    assert nets.boxes(graph) == [["d"], ["power"]]


def test_in_place_with_a_second_bottom_has_a_box():
    """As in squeeze and excitation, where it would close a circle."""
    graph = build(
        nets.net("""
        layer { name: "c" type: "Convolution" bottom: "x" top: "c" }
        layer { name: "se" type: "Pooling" bottom: "c" top: "se" }
        layer { name: "by" type: "Scale" bottom: "c" bottom: "se" top: "c" }
        """)
    )
    assert nets.boxes(graph) == [["x"], ["c"], ["se"], ["by"]]
    assert all(edge.source < edge.target for edge in graph.edges)


def test_makers_of_two_phases_are_both_joined_to_the_reader():
    graph = build(nets.net(nets.PHASES))
    assert nets.boxes(graph) == [["mnist"], ["mnist"], ["ip", "drop"], ["best"]]
    assert [(e.source, e.target) for e in graph.edges[:2]] == [(0, 2), (1, 2)]
    phases = [part.phases for box in graph.boxes for part in box.parts]
    assert phases == ["TRAIN", "TEST", "", "TRAIN", "TEST", ""]


def test_a_reader_of_one_phase_is_joined_to_the_maker_of_that_phase():
    graph = build(
        nets.net("""
        layer { name: "a" type: "DummyData" top: "d" include { phase: TRAIN } }
        layer { name: "b" type: "DummyData" top: "d" include { phase: TEST } }
        layer { name: "r" type: "Silence" bottom: "d" include { phase: TEST } }
        """)
    )
    assert nets.edges(graph) == [("b", "d", "r")]
    assert [(box.parts[0].name, box.is_output) for box in graph.boxes][3:] == [("d", True)]


def test_a_blob_that_nothing_makes_has_a_box():
    graph = build(nets.net('layer { name: "r" type: "ReLU" bottom: "lost" top: "r" }'))
    assert (graph.boxes[0].parts[0].name, graph.boxes[0].parts[0].type) == ("lost", "?")


def test_the_same_blob_twice_is_one_edge():
    graph = build(
        nets.net("""
        layer { name: "d" type: "DummyData" top: "d" }
        layer { name: "e" type: "Eltwise" bottom: "d" bottom: "d" top: "e" }
        """)
    )
    assert nets.edges(graph) == [("d", "d", "e")]


def test_the_text_of_a_layer_has_no_weights():
    definition = nets.net(nets.CHAIN)
    definition.layer[1].blobs.add(data=[1.5] * 9)
    text = build(definition).boxes[1].parts[0].text
    assert "kernel_size: 3" in text
    assert "1.5" not in text
    assert definition.layer[1].blobs[0].data[0] == 1.5


def test_every_layer_is_there_once():
    from minicaffe.proto.text import read_net

    for path in sorted(nets.DEFINITIONS.glob("*.prototxt")):
        definition = read_net(path)
        found = [name for box in nets.boxes(build(definition)) for name in box]
        assert sorted(found) == sorted(layer.name for layer in definition.layer)
