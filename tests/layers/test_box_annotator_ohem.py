"""BoxAnnotatorOHEM: which regions are left to learn from, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError
from tests.build import build

IMAGES = [0, 1, 0, 1, 0, 0, 1]
LOSSES = [0.5, 9.0, 0.5, 0.1, 0.7, 0.5, 0.2]
LABELS = [3, 0, 1, 2, 0, 4, 5]


def text(field="roi_per_img: 2"):
    return f'type: "BoxAnnotatorOHEM" box_annotator_ohem_param {{ {field} }}'


def arrays(losses=LOSSES, images=IMAGES):
    rois = np.arange(5.0 * len(images)).reshape(-1, 5, 1, 1)
    rois[:, 0, 0, 0] = images
    weights = 1.0 + np.arange(8.0 * len(images)).reshape(-1, 8, 1, 1)
    return rois, np.array(losses).reshape(-1, 1, 1, 1), np.array(LABELS[: len(images)]), weights


def run(device, definition, *given):
    layer, bottom, top = build(definition, device, *given, tops=2)
    layer.run_forward(bottom, top)
    return [device.to_numpy(blob.data) for blob in top]


@pytest.mark.parametrize(
    ("field", "chosen"),
    [
        ("roi_per_img: 1", [4, 1]),
        ("roi_per_img: 2", [4, 0, 1, 6]),  # of three that lose 0.5 the first
        ("roi_per_img: 3 ignore_label: 255", [4, 0, 2, 1, 6, 3]),
        ("roi_per_img: 100", range(7)),
    ],
)
def test_those_of_an_image_that_lose_most_are_left(device, field, chosen):
    given = arrays()
    labels, weights = run(device, text(field), *given)
    ignored = 255 if "255" in field else -1
    assert labels.tolist() == [LABELS[i] if i in chosen else ignored for i in range(7)]
    for i in range(7):
        np.testing.assert_array_equal(weights[i], given[3][i] if i in chosen else 0)


def test_what_is_no_number_counts_as_the_highest(device):
    labels, _ = run(device, text("roi_per_img: 1"), *arrays([1, np.nan, 2], [0, 0, 0]))
    assert labels.tolist() == [-1, LABELS[1], -1]


def test_takes_no_region(device):
    labels, weights = run(device, text(), *arrays([], []))
    assert labels.shape == (0,)
    assert weights.shape == (0, 8, 1, 1)


def test_has_no_gradient(device):
    layer, bottom, top = build(text(), device, *arrays(), tops=2)
    assert not any(layer.allow_force_backward(i) for i in range(4))
    layer.run_forward(bottom, top)
    for blob in bottom:
        blob.diff[...] = 7
    layer.run_backward(top, [False, True, False, True], bottom)
    assert [device.to_numpy(blob.diff).all() for blob in bottom] == [True, False, True, False]
    with pytest.raises(LayerConfigError, match=r"propagate_down\[1\] is true, expected false"):
        build(f"{text()} propagate_down: [false, true, false, false]", device, *arrays(), tops=2)


R = (7, 5)


@pytest.mark.parametrize(
    ("definition", "shapes", "error", "message"),
    [
        ("", [R, (7,), (7,), (7, 8)], LayerConfigError, "roi_per_img is missing, expected at lea"),
        ("roi_per_img: 0", [R, (7,), (7,), (7, 8)], LayerConfigError, "roi_per_img is 0"),
        ("roi_per_img: 1", [(7, 4), (7,), (7,), (7, 8)], ShapeError, r"\(7, 4\), expected \(R, 5"),
        ("roi_per_img: 1", [R, (6,), (7,), (7, 8)], ShapeError, r"bottom\[1\] has shape \(6,\)"),
        ("roi_per_img: 1", [R, (7,), (7, 2), (7, 8)], ShapeError, r"bottom\[2\] .*, expected \(7,"),
        ("roi_per_img: 1", [R, (7,), (7,), (6, 8)], ShapeError, r"bottom\[3\] .*, expected \(7, "),
        ("roi_per_img: 1", [R, (7,), (7,)], BlobCountError, r"3 bottom blob\(s\), expected 4"),
    ],
)
def test_refuses(device, definition, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(BoxAnnotatorOHEM\): .*{message}"):
        build(text(definition), device, *map(np.ones, shapes), tops=2)
