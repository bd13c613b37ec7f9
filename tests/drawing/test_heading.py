from __future__ import annotations

from minicaffe.drawing.graph import build
from minicaffe.drawing.heading import heading
from tests.drawing import nets


def test_title_notes_and_legend():
    graph = build(nets.net(nets.CHAIN))
    graph.subtitle, graph.notes = "6 layers", ["no shapes: " + "why " * 200]
    head = heading(graph, 300, 20)
    lines = [text.line.text for text in head.texts]
    assert lines[:2] == ["chain", "6 layers"]
    assert len(lines) == 5  # three of the note
    assert lines[-1].endswith(" ...")
    kinds = [swatch.text.line.text for swatch in head.swatches]
    assert kinds == ["data", "convolution", "inner product", "activation", "normalisation"]
    assert all(text.y < head.height for text in head.texts)
    assert all(swatch.y + 11 < head.height for swatch in head.swatches)
    assert all(20 <= swatch.x < 20 + head.width for swatch in head.swatches)


def test_many_notes_are_counted():
    graph = build(nets.net(nets.CHAIN))
    graph.notes = [f"note {i}" for i in range(9)]
    assert [text.line.text for text in heading(graph, 300, 20).texts][-1] == "and 5 more"
