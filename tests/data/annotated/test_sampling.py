from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.data.annotated.sampling import check_sampler, draw_window, fulfils
from minicaffe.errors import LayerConfigError
from minicaffe.proto.minicaffe_pb2 import BatchSampler, SampleConstraint

BOXES = np.array([[0, 0, 0.5, 0.5], [0.6, 0.6, 1, 1]])
WINDOWS = np.array([[0, 0, 1, 1], [0, 0, 0.5, 1], [0.25, 0.25, 0.5, 0.5], [0.5, 0, 1, 0.5]])


def sampler(text):
    return text_format.Parse(text, BatchSampler())


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("", [1, 1, 1, 1]),
        ("min_jaccard_overlap: 0.5", [0, 1, 0, 0]),
        ("max_jaccard_overlap: 0.2", [1, 1, 1, 1]),
        ("min_jaccard_overlap: 0.2 max_jaccard_overlap: 0.3", [1, 0, 1, 0]),
        ("min_object_coverage: 1", [1, 1, 0, 0]),
        ("min_sample_coverage: 0.9", [0, 0, 1, 0]),
        # one object has to fulfil both
        ("max_object_coverage: 0.5 min_sample_coverage: 0.1", [0, 0, 1, 0]),
    ],
)
def test_constraints_by_hand(text, taken):
    constraint = text_format.Parse(text, SampleConstraint())
    assert fulfils(WINDOWS, BOXES, constraint).tolist() == [bool(each) for each in taken]
    assert fulfils(WINDOWS, np.empty((0, 4)), constraint).tolist() == [not text] * 4


def test_windows_are_as_asked_for():
    text = "sampler { min_scale: 0.3 max_scale: 0.9 min_aspect_ratio: 0.5 max_aspect_ratio: 2 }"
    rng = np.random.default_rng(0)
    found = np.stack([draw_window(rng, [sampler(text)], BOXES) for _ in range(400)])
    assert found.min() >= 0
    assert found.max() <= 1
    width, height = (found[:, 2:] - found[:, :2]).T
    scale, aspect = np.sqrt(width * height), width / height
    assert 0.3 <= scale.min() < 0.35
    assert 0.85 < scale.max() <= 0.9 + 1e-9
    assert 0.5 - 1e-9 <= aspect.min() < 0.6
    assert 1.7 < aspect.max() <= 2 + 1e-9


def test_a_constraint_holds_for_what_is_drawn():
    text = """sampler { min_scale: 0.3 } sample_constraint { min_object_coverage: 1 }
              max_sample: 1 max_trials: 50"""
    rng = np.random.default_rng(0)
    for _ in range(50):
        window = draw_window(rng, [sampler(text)], BOXES)
        assert window is None or fulfils(window[None], BOXES, sampler(text).sample_constraint)[0]
    assert draw_window(rng, [sampler(text)], np.empty((0, 4))) is None


def test_samplers_share_the_draw():
    whole, small = sampler("max_sample: 1"), sampler("sampler { min_scale: 0.5 max_scale: 0.5 }")
    small.max_sample = 3
    rng = np.random.default_rng(0)
    areas = [np.diff(draw_window(rng, [whole, small], BOXES)[[0, 2]])[0] for _ in range(400)]
    assert 60 < np.sum(np.isclose(areas, 1)) < 140  # one of four
    none = sampler("use_original_image: false")
    assert draw_window(rng, [none], BOXES) is None


@pytest.mark.parametrize(
    "text", ["min_scale: 0", "max_scale: 1.5", "min_scale: 0.5 max_scale: 0.4",
             "min_aspect_ratio: 0", "max_aspect_ratio: 0.5"]
)  # fmt: skip
def test_refuses(text):
    with pytest.raises(LayerConfigError, match="of a sampler are"):
        check_sampler(sampler(f"sampler {{ {text} }}"))
