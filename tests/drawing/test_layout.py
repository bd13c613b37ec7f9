from __future__ import annotations

from itertools import combinations

import pytest

from minicaffe.drawing.graph import Graph, build
from minicaffe.drawing.layout import DIRECTIONS, lay_out
from minicaffe.drawing.text import width
from minicaffe.proto.text import read_net
from tests.drawing import nets

# the direction that edges go in: x or y, and its sign
WAYS = {"TB": (1, 1), "BT": (1, -1), "LR": (0, 1), "RL": (0, -1)}


def graphs():
    for name in ("lenet", "googlenet"):
        yield build(read_net(nets.DEFINITIONS / f"{name}.prototxt"), lambda i, top: "10x64x56x56")
    yield build(nets.net(nets.PHASES))
    yield from map(nets.random_graph, range(4))


@pytest.fixture(params=[(g, d) for g in range(7) for d in DIRECTIONS], ids=str, scope="module")
def drawn(request):
    number, direction = request.param
    graph = list(graphs())[number]
    return graph, direction, lay_out(graph, direction)


def rectangle(box):
    return box.x, box.y, box.x + box.width, box.y + box.height


def label_rectangle(label):
    wide = width(label.line.text, label.line.size)
    left = label.x - (wide if label.anchor == "end" else 0)
    return left, label.y - 8, left + wide, label.y + 2


def overlap(a, b):
    return a[0] < b[2] - 0.01 and b[0] < a[2] - 0.01 and a[1] < b[3] - 0.01 and b[1] < a[3] - 0.01


def test_every_box_is_there_once_and_none_overlap(drawn):
    graph, _, picture = drawn
    assert [box.index for box in picture.boxes] == list(range(len(graph.boxes)))
    for one, two in combinations(picture.boxes, 2):
        assert not overlap(rectangle(one), rectangle(two))


def test_labels_are_on_no_box_and_on_no_other(drawn):
    _, direction, picture = drawn
    places = [label_rectangle(label) for label in picture.labels]
    for place in places:
        assert not any(overlap(place, rectangle(box)) for box in picture.boxes)
    if direction in ("TB", "BT"):
        assert not any(overlap(a, b) for a, b in combinations(places, 2))


def test_all_is_inside(drawn):
    _, _, picture = drawn
    for left, top, right, bottom in [
        *map(rectangle, picture.boxes),
        *map(label_rectangle, picture.labels),
    ]:
        assert left >= 0
        assert top >= 0
        assert right <= picture.width
        assert bottom <= picture.height


def test_edges_go_on_in_their_direction(drawn):
    graph, direction, picture = drawn
    axis, sign = WAYS[direction]
    assert len(picture.curves) == len(graph.edges)
    for curve in picture.curves:
        points = [curve.start, *(point for step in curve.steps for point in step)]
        along = [sign * point[axis] for point in points]
        assert along == sorted(along)


def test_edges_end_at_their_boxes(drawn):
    _, direction, picture = drawn
    axis, sign = WAYS[direction]
    for curve in picture.curves:
        box = rectangle(picture.boxes[curve.target])
        end = curve.steps[-1][-1]
        assert end[axis] == pytest.approx(box[axis] if sign > 0 else box[axis + 2])
        assert box[1 - axis] < end[1 - axis] < box[3 - axis]


def test_every_blob_starts_at_its_box(drawn):
    graph, direction, picture = drawn
    axis, sign = WAYS[direction]
    started = set()
    for curve in picture.curves:
        box = rectangle(picture.boxes[curve.source])
        if abs(curve.start[axis] - (box[axis + 2] if sign > 0 else box[axis])) < 1e-6:
            assert box[1 - axis] < curve.start[1 - axis] < box[3 - axis]
            started.add((curve.source, curve.blob))
    assert started == {(edge.source, edge.blob) for edge in graph.edges}


def points_of(curve, steps=16):
    """Points of the curve: of its lines and of its cubic steps."""
    last = curve.start
    for step in curve.steps:
        nodes = [last, *step] if len(step) == 3 else [last, last, step[0], step[0]]
        for number in range(steps + 1):
            t = number / steps
            share = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            yield tuple(sum(s * n[i] for s, n in zip(share, nodes, strict=True)) for i in (0, 1))
        last = nodes[-1]


def test_edges_pass_no_box(drawn):
    _, _, picture = drawn
    for curve in picture.curves:
        for x, y in points_of(curve):
            for box in picture.boxes:
                left, top, right, bottom = rectangle(box)
                inside = left + 0.01 < x < right - 0.01 and top + 0.01 < y < bottom - 0.01
                assert not inside, (curve, box.index)


def test_a_chain_is_straight():
    picture = lay_out(build(nets.net(nets.CHAIN)))
    assert len({round(box.x + box.width / 2, 6) for box in picture.boxes}) == 1
    assert all(len(curve.steps) == 1 for curve in picture.curves)


def test_a_residual_net_has_a_straight_trunk():
    text = 'layer { name: "x0" type: "Input" top: "x0" }\n'
    for i in range(5):
        text += f"""
        layer {{ name: "c{i}" type: "Convolution" bottom: "x{i}" top: "c{i}" }}
        layer {{ name: "d{i}" type: "Convolution" bottom: "c{i}" top: "d{i}" }}
        layer {{ name: "x{i + 1}" type: "Eltwise" bottom: "x{i}" bottom: "d{i}" top: "x{i + 1}" }}
        """
    picture = lay_out(build(nets.net(text)))
    assert len({round(box.x + box.width / 2, 6) for box in picture.boxes}) == 1


def test_the_shape_stands_at_the_blob_and_at_the_output():
    graph = build(nets.net(nets.CHAIN), lambda layer, top: f"shape{layer}")
    picture = lay_out(graph)
    assert [label.line.text for label in picture.labels] == ["shape0", "shape1"]
    assert picture.boxes[-1].sections[0].lines[1].text == "shape5"


def test_an_empty_graph():
    picture = lay_out(Graph("nothing", [], []))
    assert picture.boxes == ()
    assert picture.width > 0


def test_a_thousand_layers():
    layers = "".join(
        f'layer {{ name: "l{i}" type: "Convolution" bottom: "l{max(0, i - 1)}" '
        f'bottom: "l{max(0, i - 7)}" top: "l{i}" }}\n'
        for i in range(1, 1001)
    )
    picture = lay_out(build(nets.net('layer { name: "l0" type: "Input" top: "l0" }' + layers)))
    assert len(picture.boxes) == 1002  # and an output
