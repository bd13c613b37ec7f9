from __future__ import annotations

from minicaffe.drawing.graph import Box, Part, build
from minicaffe.drawing.sections import baselines, sections_of, size_of
from tests.drawing import nets


def texts(section):
    return [line.text for line in section.lines]


def test_the_first_layer_has_its_name_above_its_type():
    sections = sections_of(build(nets.net(nets.CHAIN)).boxes[1])
    assert texts(sections[0]) == ["conv", "Convolution", "num_output 4, kernel 3x3"]
    assert [texts(each) for each in sections[1:]] == [["bn (BatchNorm)"], ["scale (Scale)"],
                                                      ["relu (ReLU)"]]  # fmt: skip
    assert sections[1].fill != sections[0].fill


def test_phases_are_said():
    boxes = build(nets.net(nets.PHASES)).boxes
    assert texts(sections_of(boxes[0])[0])[:2] == ["mnist", "Input, TRAIN only"]
    assert texts(sections_of(boxes[2])[1])[0] == "drop (Dropout, TRAIN only)"


def test_lines_of_fields_are_about_as_long_as_each_other():
    part = Part("n", "T", "other", ("num_output 192", "kernel 3x3", "pad 1"))
    assert texts(sections_of(Box([part]))[0])[2:] == ["num_output 192", "kernel 3x3, pad 1"]


def test_a_long_name_is_shortened_and_an_empty_one_said():
    long, none = (sections_of(Box([Part(n, "T", "other")]))[0] for n in ("x" * 300, ""))
    assert len(texts(long)[0]) == 42
    assert texts(none)[0] == "(no name)"


def test_lines_are_inside():
    section = sections_of(build(nets.net(nets.CHAIN)).boxes[1])[0]
    places = baselines(section)
    assert places == sorted(places)
    assert places[0] > section.lines[0].size
    assert places[-1] < section.height
    assert size_of([section])[1] == section.height
